//! What `--fail-on` counts, and the sentences that say so. The counts are those of reports: of tokens, with padding told
//! apart.

use super::baseline::Baseline;
use super::tally::{Outcome, Tally, is_padding};
use crate::audit::Audit;
use crate::checkpoint::vocabulary::Vocabulary;

/// What a release must not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Tokens that cannot win.
    Unargmaxable,
    /// Tokens, and rows of padding, that were not decided.
    Undecided,
    /// Tokens that win only together with their equals.
    Tied,
    /// Rows of padding that reach the maximum somewhere.
    PaddingCanWin,
}

impl Condition {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Condition::Unargmaxable => "unargmaxable",
            Condition::Undecided => "undecided",
            Condition::Tied => "tied",
            Condition::PaddingCanWin => "padding-can-win",
        }
    }

    /// Whether a row with this verdict meets it. Padding that loses or ties is no lost token; padding that was not decided
    /// may win, so it counts as undecided too.
    fn is_met(self, outcome: Outcome, padding: bool) -> bool {
        match self {
            Condition::Unargmaxable => outcome == Outcome::Unargmaxable && !padding,
            Condition::Undecided => outcome == Outcome::Undecided,
            Condition::Tied => outcome == Outcome::Tied && !padding,
            Condition::PaddingCanWin => outcome.reaches_the_top() && padding,
        }
    }
}

/// The rows that meet one condition.
#[derive(Clone, Debug)]
struct Met {
    condition: Condition,
    /// Tokens; rows of padding for [`Condition::PaddingCanWin`].
    counted: Vec<u32>,
    /// Rows of padding that are undecided.
    padding: Vec<u32>,
    /// How many the baseline excuses.
    excused: usize,
}

/// What came of all conditions.
#[derive(Clone, Debug)]
pub struct Gate {
    met: Vec<Met>,
    tally: Tally,
    /// Rows of the head.
    rows: usize,
    has_baseline: bool,
}

impl Gate {
    /// Holds an audit of a head with so many rows against conditions; what the baseline excuses does not count.
    pub fn new(
        conditions: &[Condition],
        audit: &Audit,
        rows: usize,
        vocabulary: Option<&Vocabulary>,
        baseline: Option<&Baseline>,
    ) -> Self {
        let verdicts: Vec<(u32, Outcome)> =
            audit.verdicts().iter().map(|(id, verdict)| (*id, Outcome::of(verdict))).collect();
        let mut gate = Gate {
            met: Vec::new(),
            tally: Tally::of(audit, vocabulary),
            rows,
            has_baseline: baseline.is_some(),
        };
        for &condition in conditions {
            if gate.met.iter().any(|met| met.condition == condition) {
                continue;
            }
            let mut met = Met { condition, counted: Vec::new(), padding: Vec::new(), excused: 0 };
            for &(id, outcome) in &verdicts {
                let padding = is_padding(vocabulary, id);
                if !condition.is_met(outcome, padding) {
                    continue;
                }
                let known = vocabulary.map(|_| padding);
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

    /// Whether no row counts.
    pub fn passes(&self) -> bool {
        self.failing().next().is_none()
    }

    /// The rows that count.
    pub fn failing(&self) -> impl Iterator<Item = u32> {
        self.met.iter().flat_map(|met| met.counted.iter().chain(&met.padding)).copied()
    }

    /// What counted, of how many, and what was left out; without conditions nothing.
    pub fn sentence(&self) -> String {
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
            let noun = if tokens == 1 { "token" } else { "tokens" };
            sentence.push_str(&format!(" (of {tokens} {noun}; left out: {})", aside.join(", ")));
        }
        sentence
    }

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
