//! Which pieces of a vocabulary have a row, where a model was cut down to a part of its vocabulary (mT5 for one language).

use std::collections::HashSet;
use std::path::Path;

use crate::error::{Error, Result};

/// Reads the ids of the pieces that were kept, one for each row in order: a JSON list, or ids with blanks or line ends
/// between them.
///
/// # Errors
/// A file that cannot be read, what is no id, an id that occurs twice, and no ids.
pub fn kept(file: &Path) -> Result<Vec<usize>> {
    let bytes = std::fs::read(file).map_err(|e| Error::io(file, e))?;
    parsed(&bytes).map_err(|problem| Error::malformed(file, problem))
}

fn parsed(bytes: &[u8]) -> Result<Vec<usize>, String> {
    let text =
        std::str::from_utf8(bytes).map_err(|e| format!("not UTF-8 at byte {}", e.valid_up_to()))?;
    let ids: Vec<usize> = match text.trim_start().starts_with('[') {
        true => serde_json::from_str(text).map_err(|e| format!("not a JSON list of ids: {e}"))?,
        false => {
            let id =
                |word: &str| word.parse().map_err(|_| format!("`{word}` is not an id of a piece"));
            text.split_whitespace().map(id).collect::<Result<_, _>>()?
        }
    };
    let mut seen = HashSet::new();
    if let Some(id) = ids.iter().find(|id| !seen.insert(**id)) {
        return Err(format!("piece {id} is kept twice"));
    }
    if ids.is_empty() { Err("no piece is kept".to_owned()) } else { Ok(ids) }
}

#[cfg(test)]
mod tests {
    use super::parsed;

    #[test]
    fn ids_are_a_list_or_lines_and_each_occurs_once() {
        assert_eq!(parsed(b"[0, 2,\n1]").unwrap(), [0, 2, 1]);
        assert_eq!(parsed(b"0\n2\n1\n").unwrap(), [0, 2, 1]);
        for (bad, says) in [
            (&b"[0, -1]"[..], "list of ids"),
            (b"0\nx\n", "`x`"),
            (b"3 5 3", "piece 3 is kept twice"),
            (b"", "no piece"),
            (b"\xff", "byte 0"),
        ] {
            assert!(parsed(bad).unwrap_err().contains(says), "{says}");
        }
    }
}
