//! Reads a vocabulary of tiktoken: one token per line, its bytes in base64 and its rank, which is its id.
//!
//! Source: `load_tiktoken_bpe` in `tiktoken/load.py` of <https://github.com/openai/tiktoken>. Special tokens are not in the
//! file: their ids follow the ranks and are written in the tokenizer's configuration.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::spelling::byte_level;
use super::{Spelling, Vocabulary, ids};

/// Whether `bytes` begin as a file of tiktoken does.
pub(crate) fn recognise(bytes: &[u8]) -> bool {
    let mut lines = bytes.split(|&b| b == b'\n').filter(|line| !line.is_empty());
    let first: Vec<_> = lines.by_ref().take(3).collect();
    !first.is_empty() && first.into_iter().all(|line| entry(line).is_some())
}

/// Reads the tokens in the order of their ranks.
///
/// # Errors
/// A line of another form, with its number; a rank that occurs twice or is out of range.
pub(super) fn read(bytes: &[u8]) -> Result<Vocabulary, String> {
    let pieces = entries(bytes)?.into_iter().map(|(rank, token)| (rank, byte_level(&token)));
    let tokens = ids::placed(pieces.collect())?;
    Ok(Vocabulary::of(tokens).respelled(Spelling::ByteLevel))
}

/// Reads the lines: each rank with the bytes of its token, by rising rank.
///
/// # Errors
/// A line of another form, with its number.
pub(crate) fn entries(bytes: &[u8]) -> Result<Vec<(usize, Vec<u8>)>, String> {
    let mut entries = Vec::new();
    for (number, line) in (1..).zip(bytes.split(|&b| b == b'\n')) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            continue;
        }
        let (token, rank) = entry(line).ok_or_else(|| {
            format!("line {number} is not a token in base64 and a rank, as tiktoken has")
        })?;
        entries.push((rank, token));
    }
    entries.sort_by_key(|entry| entry.0);
    Ok(entries)
}

/// Parses a line: the bytes of the token, and its rank.
fn entry(line: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (token, rank) = std::str::from_utf8(line).ok()?.trim_end().split_once(' ')?;
    let token = STANDARD.decode(token).ok().filter(|token| !token.is_empty())?;
    Some((token, rank.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_have_their_bytes_and_their_ranks() {
        // "a", " b", the first byte of a character, in another order.
        let file = b"IGI= 1\nYQ== 0\n5A== 3\n";
        assert!(recognise(file));
        let read = read(file).unwrap();
        let texts: Vec<&str> = read.tokens.iter().map(|t| t.text.as_str()).collect();
        assert_eq!(texts, ["a", " b", "", "<0xE4>"]);
        assert!(read.is_padding(2));
    }

    #[test]
    fn lines_of_another_form_are_named() {
        assert!(!recognise(b"hello world\n"));
        assert!(read(b"YQ== 0\n!\n").unwrap_err().contains("line 2"));
        assert!(read(b"YQ== 0\nYg== 0\n").unwrap_err().contains("id 0 belongs to"));
    }
}
