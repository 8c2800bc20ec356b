//! The rows that competed in an audit among some rows, as its summary states them.

use serde::{Deserialize, Serialize};

use crate::audit::Audit;
use crate::error::Result;
use crate::head::Head;

/// The rows that competed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptRows {
    /// Their number.
    pub rows: usize,
    /// Their ids as ranges, as `--among` takes them: `0-41,57`.
    pub ids: String,
    /// The digest of the head that they make, in the order of their ids.
    pub sha256: String,
}

impl KeptRows {
    /// The rows of an audit of `head`; `None` if all of them competed.
    ///
    /// # Errors
    /// The head lacks one of the rows: it is not the one that was audited.
    pub fn of(head: &Head, audit: &Audit) -> Result<Option<Self>> {
        let Some(ids) = audit.kept() else { return Ok(None) };
        let sha256 = head.keeping(ids)?.sha256();
        Ok(Some(KeptRows { rows: ids.len(), ids: ranges(ids), sha256 }))
    }

    /// Whether the row with this id competed.
    pub fn has(&self, id: u32) -> bool {
        self.ids.split(',').any(|part| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let end = |text: &str| text.parse::<u32>().ok();
            end(first).zip(end(last)).is_some_and(|(first, last)| (first..=last).contains(&id))
        })
    }

    /// Whether these are the ids of the rows that competed; they rise.
    pub fn is(&self, ids: &[u32]) -> bool {
        self.ids == ranges(ids)
    }
}

/// Rising ids as ranges.
pub fn ranges(ids: &[u32]) -> String {
    let runs = ids.chunk_by(|a, b| a + 1 == *b);
    let parts = runs.map(|run| match (run[0], run[run.len() - 1]) {
        (first, last) if first == last => first.to_string(),
        (first, last) => format!("{first}-{last}"),
    });
    parts.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_written_as_ranges_and_found_in_them() {
        let ids = [0, 1, 2, 5, 7, 8];
        let kept = KeptRows { rows: 6, ids: ranges(&ids), sha256: String::new() };
        assert_eq!(kept.ids, "0-2,5,7-8");
        assert!((0..12).all(|id| kept.has(id) == ids.contains(&id)));
        assert!(kept.is(&ids) && !kept.is(&ids[1..]));
    }
}
