//! Counts verdicts, tokens apart from padding. Every count that is printed, written or gated comes from here, so that
//! terminal, files, pages and `--fail-on` agree.

use crate::audit::Audit;
pub use crate::audit::Counts;
pub use crate::certify::Outcome;
use crate::checkpoint::vocabulary::Vocabulary;

/// How many rows have each verdict: those that are tokens, and those that no token has.
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
                .map(|(id, verdict)| (verdict.outcome(), is_padding(vocabulary, *id))),
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
