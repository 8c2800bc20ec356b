//! Sets of labels under sigmoids: for which of them some hidden state gives its labels logits above 0 and all others
//! logits below 0.
//!
//! Source: Grivas, Vergari and Lopez, "Taming the sigmoid bottleneck: provably argmaxable sparse multi-label
//! classification" (AAAI 2024), section 3. For each set there is a head whose token 0 wins exactly at these hidden states,
//! see [`Head::for_label_set`]; so an audit of that token decides and proves.

mod certificate;
pub mod sample;

use crate::audit::{Options, audit_one};
use crate::certify::{Outcome, Rival, Verdict};
use crate::domain::Domain;
use crate::error::{Error, Result};
use crate::head::Head;
use crate::parallel;
use crate::progress::{Progress, Silent};
pub use certificate::certificate;

/// The verdicts on sets of labels of one head.
#[derive(Clone, Debug)]
pub struct LabelSets {
    domain: Domain,
    labels: usize,
    sets: Vec<Vec<u32>>,
    decided: Vec<Decided>,
}

/// The verdicts on one set.
#[derive(Clone, Debug)]
struct Decided {
    /// Whether token 0 of the set's head can win in the domain.
    inside: Verdict,
    /// The same over all of space; `None` if that is the domain.
    free: Option<Verdict>,
}

/// What is known of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Feasibility {
    /// Some hidden state of the domain gives exactly this set.
    Feasible,
    /// No hidden state of the domain does.
    Infeasible,
    /// Neither was proved.
    Undecided,
}

impl Feasibility {
    /// All of them, in the order of tables.
    pub const ALL: [Feasibility; 3] =
        [Feasibility::Feasible, Feasibility::Infeasible, Feasibility::Undecided];

    /// The name, as in tables.
    pub fn name(self) -> &'static str {
        match self {
            Feasibility::Feasible => "feasible",
            Feasibility::Infeasible => "infeasible",
            Feasibility::Undecided => "undecided",
        }
    }

    /// What a verdict on the token of a set says of the set: a token that can only tie has a rival whose logit is 0
    /// everywhere.
    fn of(verdict: &Verdict) -> Self {
        match verdict.outcome() {
            Outcome::Argmaxable => Feasibility::Feasible,
            Outcome::Tied | Outcome::Unargmaxable => Feasibility::Infeasible,
            Outcome::Undecided => Feasibility::Undecided,
        }
    }
}

/// Decides which sets of labels are feasible over `domain`, and over all of space if that is larger; `threads` is their
/// number, 0 for all cores.
///
/// ```
/// use unargmax::labels::{Feasibility, decide};
/// use unargmax::{Domain, Head};
///
/// // Three labels in the plane; the third is the sum of the others, so it is positive if both of them are.
/// let head = Head::new(vec![1.0, 0.0, 0.0, 1.0, 1.0, 1.0], None, 3, 2)?;
/// let sets = decide(&head, &Domain::free(2), vec![vec![0, 1], vec![0, 1, 2], vec![]], 0)?;
/// assert_eq!(sets.feasibility(0), Feasibility::Infeasible);
/// assert_eq!(sets.feasibility(1), Feasibility::Feasible);
/// assert_eq!(sets.feasibility(2), Feasibility::Feasible);
/// # Ok::<(), unargmax::Error>(())
/// ```
///
/// # Errors
/// No set, labels that do not rise or do not exist, and the errors of [`audit`](crate::audit()).
pub fn decide(
    head: &Head,
    domain: &Domain,
    sets: Vec<Vec<u32>>,
    threads: usize,
) -> Result<LabelSets> {
    decide_with_progress(head, domain, sets, threads, &Silent)
}

/// Like [`decide`], and reports progress.
///
/// # Errors
/// As [`decide`].
pub fn decide_with_progress(
    head: &Head,
    domain: &Domain,
    sets: Vec<Vec<u32>>,
    threads: usize,
    progress: &dyn Progress,
) -> Result<LabelSets> {
    if sets.is_empty() {
        return Err(Error::Invalid("there is no set of labels to decide".to_owned()));
    }
    progress.begin("sets", sets.len(), "sets");
    let one = |set: &Vec<u32>| {
        let own = head.for_label_set(set)?;
        let options = Options { tokens: Some(&[0]), also_free: true, ..Options::default() };
        let audit = audit_one(&own, domain, options)?;
        let lost = || Error::Internal("a set of labels was not decided".to_owned());
        let inside = audit.verdict(0).ok_or_else(lost)?.clone();
        let free = match domain.is_free() {
            true => None,
            false => Some(audit.free().and_then(|free| free.verdict(0)).ok_or_else(lost)?.clone()),
        };
        progress.advance(1);
        Ok(Decided { inside, free })
    };
    let decided = parallel::in_pool(threads, || {
        parallel::map_singly(sets.len(), &|i| one(&sets[i])).into_iter().collect::<Result<_>>()
    });
    let decided =
        decided.map_err(|e| Error::Invalid(format!("cannot start {threads} threads: {e}")))??;
    Ok(LabelSets { domain: domain.clone(), labels: head.tokens(), sets, decided })
}

impl LabelSets {
    /// The domain: where hidden states may lie.
    pub fn domain(&self) -> &Domain {
        &self.domain
    }

    /// The number of labels.
    pub fn labels(&self) -> usize {
        self.labels
    }

    /// The sets, each a rising list of ids.
    pub fn sets(&self) -> &[Vec<u32>] {
        &self.sets
    }

    /// Whether the set with this index is feasible in the domain.
    pub fn feasibility(&self, set: usize) -> Feasibility {
        Feasibility::of(&self.decided[set].inside)
    }

    /// Whether the set with this index is feasible over all of space; `None` if that is the domain.
    pub fn free_feasibility(&self, set: usize) -> Option<Feasibility> {
        self.decided[set].free.as_ref().map(Feasibility::of)
    }

    /// How many sets are so in the domain.
    pub fn count(&self, of: Feasibility) -> usize {
        (0..self.sets.len()).filter(|&set| self.feasibility(set) == of).count()
    }

    /// How many sets are so over all of space; `None` if that is the domain.
    pub fn free_count(&self, of: Feasibility) -> Option<usize> {
        (!self.domain.is_free()).then(|| {
            (0..self.sets.len()).filter(|&set| self.free_feasibility(set) == Some(of)).count()
        })
    }

    /// A proved lower bound of the least distance of a logit from 0, in logits, at the hidden state that shows that the
    /// set is feasible; `None` for other sets.
    pub fn margin(&self, set: usize) -> Option<f64> {
        match &self.decided[set].inside {
            Verdict::Argmaxable(witness) => Some(witness.margin()),
            _ => None,
        }
    }

    /// The labels, with weights that sum to one, and the ends of the domain that make a set infeasible: with the signs
    /// that the set demands, the weighted sum of their logits is nowhere above 0. Empty for other sets.
    pub fn blockers(&self, set: usize) -> Vec<(Rival, f64)> {
        match &self.decided[set].inside {
            Verdict::Unargmaxable(loss) => {
                loss.blockers().into_iter().map(|(rival, weight)| (label(rival), weight)).collect()
            }
            Verdict::Tied(tie) => vec![(label(Rival::Token(tie.members()[1])), 1.0)],
            _ => Vec::new(),
        }
    }

    /// The kind of proof, as in the table's column `proof`.
    pub fn proof(&self, set: usize) -> &'static str {
        match &self.decided[set].inside {
            Verdict::Tied(_) => "zero-logit",
            verdict => verdict.proof(),
        }
    }
}

/// The label of a token of the head of a set.
fn label(rival: Rival) -> Rival {
    match rival {
        Rival::Token(j) => Rival::Token(j - 1),
        end => end,
    }
}
