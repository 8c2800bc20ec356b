//! Puts tokens in the order of their ids.

use super::{Spelling, Token};

/// How many ids beyond twice the number of tokens are accepted: more is damage, and each costs memory.
const HOLES: usize = 65_536;

/// Returns the tokens in the order of their ids, from pairs in any order; an id that is left out becomes padding.
///
/// # Errors
/// No pair at all, an id that occurs twice, or one that is far beyond the number of tokens.
pub(super) fn placed(mut pieces: Vec<(usize, String)>) -> Result<Vec<Token>, String> {
    pieces.sort_unstable();
    if let Some([(id, one), (_, other)]) = pieces.array_windows().find(|[a, b]| a.0 == b.0) {
        return Err(format!("id {id} belongs to `{one}` and to `{other}`"));
    }
    let Some((highest, piece)) = pieces.last() else { return Err("the map is empty".into()) };
    check(*highest, piece, pieces.len())?;
    let mut tokens = vec![Token::absent(); highest + 1];
    for (id, piece) in pieces {
        tokens[id] = Token::spelled(piece, Spelling::Plain);
    }
    Ok(tokens)
}

/// Puts one more token at its id, in place of the token there.
pub(super) fn put(tokens: &mut Vec<Token>, id: usize, token: Token) -> Result<(), String> {
    check(id, &token.piece, tokens.len())?;
    if id >= tokens.len() {
        tokens.resize(id + 1, Token::absent());
    }
    tokens[id] = token;
    Ok(())
}

/// Refuses an id that is far beyond the number of tokens.
fn check(id: usize, piece: &str, tokens: usize) -> Result<(), String> {
    if id > tokens.saturating_mul(2).saturating_add(HOLES) {
        return Err(format!("token `{piece}` has the id {id}, out of range for {tokens} tokens"));
    }
    Ok(())
}
