//! Reads Marian's `vocab.yml`: a flat map from token to id, one entry per line, as `marian-vocab` writes it.
//!
//! Only this form of YAML is read, so that nothing in the file can refer to or multiply anything.

use std::path::Path;

use super::{Vocabulary, ids};
use crate::error::{Error, Result};

/// Reads lines of `token: id`, the token plain or in single or double quotes.
///
/// # Errors
/// A line of another form, with its number; invalid ids.
pub(super) fn read(bytes: &[u8], label: &Path) -> Result<Vocabulary> {
    let text = std::str::from_utf8(bytes)
        .map_err(|e| Error::malformed(label, format!("not UTF-8 at byte {}", e.valid_up_to())))?;
    let mut pieces = Vec::new();
    for (number, line) in (1..).zip(text.split('\n')) {
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.trim().is_empty() || line.starts_with('#') || line == "---" {
            continue;
        }
        let entry = entry(line).ok_or_else(|| {
            let problem =
                format!("line {number} is not `token: id`; a map with one token a line is read");
            Error::malformed(label, problem)
        })?;
        pieces.push(entry);
    }
    let tokens = ids::placed(pieces).map_err(|problem| Error::malformed(label, problem))?;
    Ok(Vocabulary::of(tokens))
}

/// Parses a line: the id, and the token.
fn entry(line: &str) -> Option<(usize, String)> {
    let (piece, id) = match line.chars().next()? {
        // JSON's escapes are a subset of YAML's for double quotes; only \x, \0 and the like are not read.
        '"' => {
            let end = closing(line)?;
            (serde_json::from_str(&line[..=end]).ok()?, &line[end + 1..])
        }
        '\'' => {
            let inner = line[1..].replace("''", "\u{0}");
            let end = inner.find('\'')?;
            return Some((
                id(inner[end + 1..].strip_prefix(':')?)?,
                inner[..end].replace('\u{0}', "'"),
            ));
        }
        _ => {
            let (piece, id) = line.rsplit_once(": ")?;
            return Some((self::id(id)?, piece.to_owned()));
        }
    };
    Some((self::id(id.strip_prefix(':')?)?, piece))
}

/// Returns the place of the quote that ends a string in double quotes.
fn closing(line: &str) -> Option<usize> {
    let mut escaped = false;
    line.char_indices().skip(1).find_map(|(at, character)| {
        let ends = character == '"' && !escaped;
        escaped = character == '\\' && !escaped;
        ends.then_some(at)
    })
}

fn id(text: &str) -> Option<usize> {
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_token_and_its_id() {
        let file = b"\"</s>\": 0\n<unk>: 1\n'it''s': 2\n\"\\u2581a\\\"\": 3\n\":\": 5\na: b: 4\n";
        let read = read(file, Path::new("vocab.yml")).unwrap();
        let pieces: Vec<_> = read.tokens.iter().map(|t| t.piece.as_str()).collect();
        assert_eq!(pieces, ["</s>", "<unk>", "it's", "▁a\"", "a: b", ":"]);
    }

    #[test]
    fn another_form_of_yaml_is_refused_by_line() {
        for (file, says) in [
            (&b"a: 0\n- b\n"[..], "line 2"),
            (b"a: &x 0\n", "line 1"),
            (b"\"a: 0\n", "line 1"),
            (b"a: 0\nb: 0\n", "id 0 belongs"),
            (b"", "empty"),
            (b"\xff: 0", "not UTF-8 at byte 0"),
        ] {
            let said = read(file, Path::new("vocab.yml")).unwrap_err().to_string();
            assert!(said.contains(says), "{said}");
        }
    }
}
