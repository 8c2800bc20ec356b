//! Compares a new audit with an earlier one, to find newly lost tokens.

use std::path::{Path, PathBuf};

use crate::checkpoint::vocabulary::Vocabulary;
use crate::domain::Domain;
use crate::error::{Error, Result};
use crate::report::results::Results;
use crate::report::results::verdicts::Outcome;

/// The verdicts of an earlier audit, read from its output folder.
#[derive(Clone, Debug)]
pub struct Baseline {
    folder: PathBuf,
    results: Results,
}

impl Baseline {
    /// Reads the folder that `audit --out` wrote.
    ///
    /// # Errors
    /// As [`Results::open`].
    pub fn open(folder: &Path) -> Result<Self> {
        Ok(Baseline { folder: folder.to_path_buf(), results: Results::open(folder)? })
    }

    /// Checks before an audit that it covers the same domain, and that its ids stand for the same tokens as in the
    /// baseline, as far as both have names. Heads with names may have grown or shrunk at the end.
    ///
    /// # Errors
    /// The domain differs; a token has different names in both; or, without names, the number of tokens differs.
    pub fn fits(
        &self,
        domain: &Domain,
        tokens: usize,
        vocabulary: Option<&Vocabulary>,
    ) -> Result<()> {
        let (summary, folder) = (&self.results.summary, self.folder.display());
        let fail =
            |problem: String| Err(Error::Invalid(format!("the baseline {folder} {problem}")));
        let (earlier, now) = (&summary.audit().domain, domain.to_string());
        if *earlier != now {
            return fail(format!(
                "is over the domain {earlier}, this audit over {now}: name the same by --domain"
            ));
        }
        let rows = self.results.table.rows();
        let Some(vocabulary) = vocabulary.filter(|_| rows.iter().any(|row| !row.piece.is_empty()))
        else {
            let before = summary.head.tokens;
            return match before == tokens {
                true => Ok(()),
                false => fail(format!(
                    "has {before} tokens and this head {tokens}: without a vocabulary on both sides (--vocab) they cannot be matched"
                )),
            };
        };
        let renamed = rows.iter().find_map(|row| {
            let now = &vocabulary.tokens.get(row.id as usize)?.piece;
            (!row.piece.is_empty() && !now.is_empty() && *now != row.piece).then_some((row, now))
        });
        match renamed {
            None => Ok(()),
            Some((row, now)) => fail(format!(
                "has {:?} for token {}, this vocabulary {now:?}: is it of another model?",
                row.piece, row.id
            )),
        }
    }

    /// The earlier verdict of a row. `None` if the row was not audited or did not exist then, or if it was padding
    /// and is a token now, or the other way round. `padding` is `None` if it is not known.
    pub fn outcome(&self, row: u32, padding: Option<bool>) -> Option<Outcome> {
        let earlier = self.results.table.row(row)?;
        let same = earlier.kind.is_none() || padding.is_none_or(|p| p == earlier.is_padding());
        same.then_some(earlier.outcome)
    }

    /// Whether a row with this verdict now was no better off before, so that it does not count as newly lost.
    ///
    /// A row without an earlier verdict is never excused, nor is one that was undecided and now is
    /// proved to lose or tie.
    pub fn excuses(&self, row: u32, padding: Option<bool>, now: Outcome) -> bool {
        use Outcome::{Argmaxable, Tied, Unargmaxable, Undecided};
        match (self.outcome(row, padding), now) {
            (_, Argmaxable) => true,
            (None | Some(Argmaxable), _) => false,
            (Some(before), now) if before == now => true,
            (Some(Unargmaxable), Tied | Undecided) => true,
            (Some(_), _) => false,
        }
    }

    /// Whether a row of padding that can win now was padding before and could win then.
    pub fn excuses_padding(&self, row: u32) -> bool {
        self.outcome(row, Some(true)).is_some_and(Outcome::can_reach_maximum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Outcome::{Argmaxable, Tied, Unargmaxable, Undecided};

    const SUMMARY: &str = r#"{"schema": "unargmax summary 1", "version": "0", "checkpoint": {"path": "x", "bytes": 1, "format": "npy"},
        "head": {"weight": "w", "bias": null, "tokens": 5, "dim": 1, "dtype": "f32", "sha256": "0"},
        "audits": [{"domain": "free", "engine": "lp", "scope": 4,
            "counts": {"argmaxable": 1, "tied": 1, "unargmaxable": 1, "undecided": 1}}]}"#;
    const TABLE: &str =
        "id,token,piece,kind,row_norm,verdict,margin,witness_norm,ties_with,blockers,proof
0,,,,1,argmaxable,,,,,
1,,,,1,tied,,,,,
2,,,,1,unargmaxable,,,,,
3,,,,1,undecided,,,,,
";

    #[test]
    fn a_token_is_excused_only_if_it_was_known_to_be_no_better_off() {
        let folder = Path::new("x");
        let results = Results::from_bytes(folder, SUMMARY.as_bytes(), TABLE.as_bytes()).unwrap();
        let baseline = Baseline { folder: folder.to_path_buf(), results };
        // Earlier: can win, tied, cannot win, undecided, not asked for.
        for (now, excused) in [
            (Argmaxable, [true, true, true, true, true]),
            (Tied, [false, true, true, false, false]),
            (Unargmaxable, [false, false, true, false, false]),
            (Undecided, [false, false, true, true, false]),
        ] {
            let found = [0, 1, 2, 3, 4].map(|token| baseline.excuses(token, Some(false), now));
            assert_eq!(found, excused, "{now}");
        }
    }

    #[test]
    fn padding_is_excused_by_padding_that_could_win_and_no_token_by_padding() {
        let folder = Path::new("x");
        let table = TABLE.replace("2,,,,", "2,,,padding,").replace("1,,,,", "1,,,padding,");
        let table = table.replace("0,,,,", "0,a,a,ordinary,");
        let results = Results::from_bytes(folder, SUMMARY.as_bytes(), table.as_bytes()).unwrap();
        let baseline = Baseline { folder: folder.to_path_buf(), results };
        // Earlier: a token that can win, padding that ties, padding that cannot win, no kind, not asked for.
        let found = [0, 1, 2, 3, 4].map(|row| baseline.excuses_padding(row));
        assert_eq!(found, [false, true, false, false, false]);
        assert!(!baseline.excuses(2, Some(false), Unargmaxable));
        assert!(baseline.excuses(2, Some(true), Unargmaxable));
        assert!(baseline.excuses(2, None, Unargmaxable));
    }
}
