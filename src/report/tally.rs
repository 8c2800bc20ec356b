//! Counts verdicts, tokens apart from padding. Every count that is printed, written or gated comes from here, so that
//! terminal, files, pages and `--fail-on` agree.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::audit::Audit;
use crate::certify::Verdict;
use crate::checkpoint::vocabulary::Vocabulary;

/// The kind of a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// The token can be the strict winner.
    Argmaxable,
    /// The token reaches the maximum only together with its equals.
    Tied,
    /// The token can never be the strict winner.
    Unargmaxable,
    /// Neither was proved.
    Undecided,
}

impl Outcome {
    /// The kinds, in the order in which reports list them.
    pub const ALL: [Outcome; 4] =
        [Outcome::Argmaxable, Outcome::Tied, Outcome::Unargmaxable, Outcome::Undecided];

    /// The kind of a verdict.
    pub fn of(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Argmaxable(_) => Outcome::Argmaxable,
            Verdict::Tied(_) => Outcome::Tied,
            Verdict::Unargmaxable(_) => Outcome::Unargmaxable,
            Verdict::Undecided(_) => Outcome::Undecided,
        }
    }

    /// Whether the token is proved to reach the maximum somewhere, alone or with its equals.
    pub fn reaches_the_top(self) -> bool {
        matches!(self, Outcome::Argmaxable | Outcome::Tied)
    }

    /// The kind with this name in the table.
    pub(super) fn named(name: &str) -> Option<Self> {
        Outcome::ALL.into_iter().find(|outcome| outcome.name() == name)
    }

    /// The name, as in the table.
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Argmaxable => "argmaxable",
            Outcome::Tied => "tied",
            Outcome::Unargmaxable => "unargmaxable",
            Outcome::Undecided => "undecided",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The number of rows with each verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Rows that can be the strict winner.
    pub argmaxable: usize,
    /// Rows that can win up to ties with exact equals.
    pub tied: usize,
    /// Rows that are never the strict winner.
    pub unargmaxable: usize,
    /// Rows with neither proof.
    pub undecided: usize,
}

impl Counts {
    /// Counts one row.
    pub fn add(&mut self, outcome: Outcome) {
        *match outcome {
            Outcome::Argmaxable => &mut self.argmaxable,
            Outcome::Tied => &mut self.tied,
            Outcome::Unargmaxable => &mut self.unargmaxable,
            Outcome::Undecided => &mut self.undecided,
        } += 1;
    }

    /// The number of rows with this verdict.
    pub fn of(&self, outcome: Outcome) -> usize {
        match outcome {
            Outcome::Argmaxable => self.argmaxable,
            Outcome::Tied => self.tied,
            Outcome::Unargmaxable => self.unargmaxable,
            Outcome::Undecided => self.undecided,
        }
    }

    /// The number of all rows.
    pub fn sum(&self) -> usize {
        self.argmaxable + self.tied + self.unargmaxable + self.undecided
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} argmaxable, {} tied, {} unargmaxable, {} undecided",
            self.argmaxable, self.tied, self.unargmaxable, self.undecided
        )
    }
}

/// The number of rows with each verdict, tokens apart from padding (rows that no token has).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// The counts of tokens. Without a vocabulary every row counts as a token.
    pub tokens: Counts,
    /// The counts of padding.
    pub padding: Counts,
}

impl Tally {
    /// Counts verdicts; each comes with whether its row is padding.
    pub fn over(verdicts: impl Iterator<Item = (Outcome, bool)>) -> Self {
        let mut tally = Tally::default();
        for (outcome, padding) in verdicts {
            let side = if padding { &mut tally.padding } else { &mut tally.tokens };
            side.add(outcome);
        }
        tally
    }

    /// Counts the verdicts of an audit.
    pub fn of(audit: &Audit, vocabulary: Option<&Vocabulary>) -> Self {
        Tally::over(
            audit
                .verdicts()
                .iter()
                .map(|(id, verdict)| (Outcome::of(verdict), is_padding(vocabulary, *id))),
        )
    }

    /// The counts of all rows, tokens and padding together.
    pub fn rows(&self) -> Counts {
        let (a, b) = (self.tokens, self.padding);
        Counts {
            argmaxable: a.argmaxable + b.argmaxable,
            tied: a.tied + b.tied,
            unargmaxable: a.unargmaxable + b.unargmaxable,
            undecided: a.undecided + b.undecided,
        }
    }
}

/// Whether no token has this row. Without a vocabulary padding is not known, and every row counts as a token.
pub fn is_padding(vocabulary: Option<&Vocabulary>, id: u32) -> bool {
    vocabulary.is_some_and(|vocabulary| vocabulary.is_padding(id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Outcome::{Argmaxable, Tied, Unargmaxable, Undecided};

    #[test]
    fn tokens_and_padding_are_counted_apart_and_add_up_to_rows() {
        let verdicts = [
            (Argmaxable, false),
            (Unargmaxable, false),
            (Unargmaxable, true),
            (Tied, true),
            (Undecided, false),
        ];
        let tally = Tally::over(verdicts.into_iter());
        assert_eq!(tally.tokens, Counts { argmaxable: 1, tied: 0, unargmaxable: 1, undecided: 1 });
        assert_eq!(tally.padding, Counts { argmaxable: 0, tied: 1, unargmaxable: 1, undecided: 0 });
        assert_eq!((tally.rows().unargmaxable, tally.rows().sum()), (2, 5));
    }
}
