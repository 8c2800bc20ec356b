//! The conditions of `--fail-on`: counts the rows that meet them and describes the result. The counts are those of
//! the reports: of tokens, with padding apart.

use super::baseline::Baseline;
use super::tally::{Outcome, Tally};
use super::terms::Terms;
use crate::audit::Audit;
use crate::checkpoint::vocabulary::Vocabulary;

/// A condition under which `--fail-on` fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Tokens that cannot win.
    Unargmaxable,
    /// Tokens, and rows of padding, that were not decided.
    Undecided,
    /// Tokens that win only together with exact equals.
    Tied,
    /// Rows of padding that reach the maximum somewhere.
    PaddingCanWin,
}

impl Condition {
    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Condition::Unargmaxable => "unargmaxable",
            Condition::Undecided => "undecided",
            Condition::Tied => "tied",
            Condition::PaddingCanWin => "padding-can-win",
        }
    }

    /// Whether a row with this verdict meets the condition. Padding that loses or ties is not a lost token; undecided
    /// padding may win, so it counts as undecided too.
    fn is_met(self, outcome: Outcome, padding: bool) -> bool {
        match self {
            Condition::Unargmaxable => outcome == Outcome::Unargmaxable && !padding,
            Condition::Undecided => outcome == Outcome::Undecided,
            Condition::Tied => outcome == Outcome::Tied && !padding,
            Condition::PaddingCanWin => outcome.can_reach_maximum() && padding,
        }
    }
}

/// The rows that meet one condition.
#[derive(Clone, Debug)]
struct ConditionResult {
    condition: Condition,
    /// The tokens that meet the condition; rows of padding for [`Condition::PaddingCanWin`].
    counted: Vec<u32>,
    /// The undecided rows of padding.
    padding: Vec<u32>,
    /// The number of rows that the baseline excuses.
    excused: usize,
}

/// The result of all conditions.
#[derive(Clone, Debug)]
pub struct Gate {
    met: Vec<ConditionResult>,
    tally: Tally,
    /// The number of rows of the head.
    rows: usize,
    has_baseline: bool,
}

impl Gate {
    /// Tests an audit of a head with `rows` rows against conditions; rows that the baseline excuses do not count.
    pub fn of(
        conditions: &[Condition],
        audit: &Audit,
        rows: usize,
        vocabulary: Option<&Vocabulary>,
        baseline: Option<&Baseline>,
    ) -> Self {
        let verdicts = audit.verdicts().iter().map(|(id, verdict)| {
            let padding = vocabulary.map(|vocabulary| vocabulary.is_padding(*id));
            (*id, verdict.outcome(), padding)
        });
        Gate::new(conditions, &verdicts.collect::<Vec<_>>(), rows, baseline)
    }

    /// [`Gate::of`] for verdicts; each says whether its row is padding, if that is known.
    fn new(
        conditions: &[Condition],
        verdicts: &[(u32, Outcome, Option<bool>)],
        rows: usize,
        baseline: Option<&Baseline>,
    ) -> Self {
        let mut gate = Gate {
            met: Vec::new(),
            tally: Tally::over(verdicts.iter().map(|v| (v.1, v.2 == Some(true)))),
            rows,
            has_baseline: baseline.is_some(),
        };
        for &condition in conditions {
            if gate.met.iter().any(|met| met.condition == condition) {
                continue;
            }
            let mut met =
                ConditionResult { condition, counted: Vec::new(), padding: Vec::new(), excused: 0 };
            for &(id, outcome, known) in verdicts {
                let padding = known == Some(true);
                if !condition.is_met(outcome, padding) {
                    continue;
                }
                if baseline.is_some_and(|earlier| match condition {
                    Condition::PaddingCanWin => earlier.excuses_padding(id),
                    _ => earlier.excuses(id, known, outcome),
                }) {
                    met.excused += 1;
                } else if padding && condition != Condition::PaddingCanWin {
                    met.padding.push(id);
                } else {
                    met.counted.push(id);
                }
            }
            gate.met.push(met);
        }
        gate
    }

    /// Whether no row meets a condition.
    pub fn passes(&self) -> bool {
        self.failing().next().is_none()
    }

    /// The rows that meet a condition.
    pub fn failing(&self) -> impl Iterator<Item = u32> {
        self.met.iter().flat_map(|met| met.counted.iter().chain(&met.padding)).copied()
    }

    /// The result in words: the counts, their total, and the rows that were left out; empty without conditions.
    pub fn sentence(&self, terms: &Terms) -> String {
        let passes = self.passes();
        let counts: Vec<String> = self
            .met
            .iter()
            .flat_map(|met| {
                let counted = (passes || !met.counted.is_empty())
                    .then(|| format!("{} {}", met.counted.len(), met.condition.name()));
                let padding = (!met.padding.is_empty())
                    .then(|| format!("{} undecided of padding", met.padding.len()));
                counted.into_iter().chain(padding)
            })
            .collect();
        let mut sentence = counts.join(", ");
        if self.has_baseline {
            sentence.push_str(" that were better off in the baseline, or not in it");
        }
        let aside = self.left_out();
        if !aside.is_empty() {
            let tokens = self.tally.tokens.sum();
            let noun = if tokens == 1 { terms.token } else { terms.tokens };
            sentence.push_str(&format!(" (of {tokens} {noun}; left out: {})", aside.join(", ")));
        }
        sentence
    }

    /// The rows that were left out, in words.
    fn left_out(&self) -> Vec<String> {
        let mut aside = Vec::new();
        let row = |count: usize| if count == 1 { "row" } else { "rows" };
        let padding = self.tally.padding;
        if padding.sum() > 0 && self.met.iter().any(|m| m.condition != Condition::PaddingCanWin) {
            let parts: Vec<String> = Outcome::ALL
                .into_iter()
                .filter(|outcome| padding.of(*outcome) > 0)
                .map(|outcome| format!("{} {outcome}", padding.of(outcome)))
                .collect();
            let (n, rows) = (padding.sum(), row(padding.sum()));
            aside.push(format!("{n} {rows} of padding, {}", parts.join(" and ")));
        }
        let excused: usize = self.met.iter().map(|met| met.excused).sum();
        if excused > 0 {
            aside.push(format!("{excused} no better off in the baseline"));
        }
        let unasked = self.rows.saturating_sub(self.tally.rows().sum());
        if unasked > 0 {
            aside.push(format!("{unasked} {} not in --tokens", row(unasked)));
        }
        aside
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::terms::RowKind;
    use Outcome::{Argmaxable, Tied, Unargmaxable, Undecided};

    /// Three tokens and four rows of padding, one of each verdict, in a head of nine rows.
    fn gate(conditions: &[Condition]) -> Gate {
        let verdicts: Vec<(u32, Outcome, Option<bool>)> =
            [Argmaxable, Unargmaxable, Undecided, Argmaxable, Tied, Unargmaxable, Undecided]
                .into_iter()
                .zip(0..)
                .map(|(outcome, id)| (id, outcome, Some(id > 2)))
                .collect();
        Gate::new(conditions, &verdicts, 9, None)
    }

    const LEFT_OUT: &str = " (of 3 tokens; left out: 4 rows of padding, 1 argmaxable and 1 tied and 1 unargmaxable and 1 \
                            undecided, 2 rows not in --tokens)";

    #[test]
    fn tokens_are_counted_and_padding_is_said_to_be_left_out() {
        let lost = gate(&[Condition::Unargmaxable, Condition::Tied]);
        assert!(!lost.passes());
        assert_eq!(lost.sentence(RowKind::Tokens.terms()), format!("1 unargmaxable{LEFT_OUT}"));
        assert_eq!(lost.failing().collect::<Vec<_>>(), [1]);
        let tied = gate(&[Condition::Tied]);
        assert!(tied.passes());
        assert_eq!(tied.sentence(RowKind::Tokens.terms()), format!("0 tied{LEFT_OUT}"));
    }

    #[test]
    fn padding_that_was_not_decided_is_no_token_and_does_not_pass() {
        let open = gate(&[Condition::Undecided, Condition::Undecided]);
        assert_eq!(
            open.sentence(RowKind::Tokens.terms()),
            format!("1 undecided, 1 undecided of padding{LEFT_OUT}")
        );
        assert_eq!(open.failing().collect::<Vec<_>>(), [2, 6]);
    }

    #[test]
    fn padding_that_wins_is_counted_where_it_is_asked_for() {
        let wins = gate(&[Condition::PaddingCanWin]);
        assert_eq!(wins.failing().collect::<Vec<_>>(), [3, 4]);
        assert!(
            wins.sentence(RowKind::Tokens.terms()).starts_with("2 padding-can-win"),
            "{}",
            wins.sentence(RowKind::Tokens.terms())
        );
    }

    #[test]
    fn without_padding_and_with_all_rows_there_is_nothing_to_add() {
        let verdicts = [(0, Unargmaxable, None), (1, Argmaxable, None)];
        let gate = Gate::new(&[Condition::Unargmaxable], &verdicts, 2, None);
        assert_eq!(gate.sentence(RowKind::Tokens.terms()), "1 unargmaxable");
    }
}
