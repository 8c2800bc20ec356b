//! How often each token occurs, read from a table: reports list frequent tokens before rare ones.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::path::Path;

use crate::checkpoint::vocabulary::{Kind, Vocabulary};
use crate::error::{Error, Result};

/// The columns that may hold the counts; the last is that of `observe`.
const COUNTS: [&str; 3] = ["frequency", "count", "argmax"];

/// How often each token occurs; 0 for those that the table leaves out.
#[derive(Clone, Debug, Default)]
pub struct Frequencies(HashMap<u32, u64>);

impl Frequencies {
    /// Reads a CSV file with a column `id` and one called `frequency`, `count` or `argmax` (`observed.csv`), for a head with
    /// `tokens` tokens.
    ///
    /// # Errors
    /// A file that cannot be read, that lacks these columns, or a line that names no token of the head, one twice, or no count.
    pub fn read(path: &Path, tokens: usize) -> Result<Self> {
        let fail = |problem: String| Error::malformed(path, problem);
        let bytes = std::fs::read(path).map_err(|e| Error::io(path, e))?;
        let mut csv = csv::Reader::from_reader(bytes.as_slice());
        let header = csv.headers().map_err(|e| fail(e.to_string()))?.clone();
        let place = |name: &str| header.iter().position(|column| column == name);
        let (Some(id), Some(count)) = (place("id"), COUNTS.iter().find_map(|name| place(name)))
        else {
            return Err(fail(format!(
                "it needs a column `id` and one of `{}`; its header is `{}`",
                COUNTS.join("`, `"),
                header.iter().collect::<Vec<_>>().join(",")
            )));
        };
        let mut found = HashMap::new();
        for record in csv.records() {
            let record = record.map_err(|e| fail(e.to_string()))?;
            let line = record.position().map_or(0, csv::Position::line);
            let (id, count) = (&record[id], &record[count]);
            let token = id.parse::<u32>().ok().filter(|id| (*id as usize) < tokens);
            let token = token.ok_or_else(|| {
                fail(format!("line {line}: `{id}` is no token id; the head has {tokens} tokens"))
            })?;
            let count = count
                .parse()
                .map_err(|_| fail(format!("line {line}: `{count}` is no whole number of times")))?;
            if found.insert(token, count).is_some() {
                return Err(fail(format!("line {line}: token {token} is named twice")));
            }
        }
        Ok(Frequencies(found))
    }

    /// How often a token occurs.
    pub fn of(&self, token: u32) -> u64 {
        self.0.get(&token).copied().unwrap_or(0)
    }
}

/// The place of a token in lists of a report: ordinary tokens before control tokens and padding, frequent ones before rare ones.
pub fn rank(
    vocabulary: Option<&Vocabulary>,
    frequencies: Option<&Frequencies>,
    id: u32,
) -> (bool, Reverse<u64>, u32) {
    let token = vocabulary.and_then(|v| v.tokens.get(id as usize));
    let is_marginal = token.is_some_and(|token| Kind::is_marginal(token.kind));
    (is_marginal, Reverse(frequencies.map_or(0, |f| f.of(id))), id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Frequencies> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("counts.csv");
        std::fs::write(&path, text).unwrap();
        Frequencies::read(&path, 5)
    }

    #[test]
    fn counts_are_read_by_the_names_of_columns() {
        let found = read("token,id,verdict,argmax\na,3,argmaxable,7\nb,0,tied,2\n").unwrap();
        assert_eq!([0, 1, 3].map(|id| found.of(id)), [2, 0, 7]);
        let mut ids: Vec<u32> = (0..5).collect();
        ids.sort_by_key(|id| rank(None, Some(&found), *id));
        assert_eq!(ids, [3, 0, 1, 2, 4]);
    }

    #[test]
    fn what_is_no_table_of_counts_is_named() {
        for (text, says) in [
            ("id,times\n1,2\n", "it needs a column `id` and one of `frequency`"),
            ("id,count\n5,2\n", "line 2: `5` is no token id; the head has 5 tokens"),
            ("id,count\n1,-2\n", "line 2: `-2` is no whole number"),
            ("id,count\n1,2\n1,3\n", "line 3: token 1 is named twice"),
        ] {
            let said = read(text).unwrap_err().to_string();
            assert!(said.contains(says), "{said}");
        }
    }
}
