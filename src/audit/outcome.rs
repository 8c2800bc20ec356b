//! The results of an audit.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Engine;
#[cfg(feature = "measures")]
use super::measured::Measured;
use crate::certify::{Blocker, Outcome, Verdict};
use crate::domain::Domain;
use crate::error::Result;
use crate::head::Head;
use crate::problem::Problem;

/// The verdicts of one head over one domain.
#[derive(Clone, Debug)]
pub struct Audit {
    /// The ids of the rows that competed; `None` means all rows of the head.
    pub(super) kept: Option<Arc<[u32]>>,
    pub(super) domain: Domain,
    pub(super) engine: Engine,
    pub(super) threads: usize,
    pub(super) verdicts: Vec<(u32, Verdict)>,
    pub(super) caps: Vec<(u32, f64)>,
    pub(super) radii: Option<Vec<(u32, f64)>>,
    pub(super) seconds: BTreeMap<&'static str, f64>,
    pub(super) free: Option<Box<Audit>>,
    #[cfg(feature = "measures")]
    pub(super) measured: Measured,
}

/// The radius below which the 2022 paper calls a token unargmaxable.
pub const RADIUS_THRESHOLD: f64 = 1e-8;

/// How many tokens have each verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Tokens that can be the strict winner.
    pub argmaxable: usize,
    /// Tokens that can win up to ties with exact equals.
    pub tied: usize,
    /// Tokens that are never the strict winner.
    pub unargmaxable: usize,
    /// Tokens with neither proof.
    pub undecided: usize,
}

impl Counts {
    /// Counts one more.
    pub fn add(&mut self, outcome: Outcome) {
        *match outcome {
            Outcome::Argmaxable => &mut self.argmaxable,
            Outcome::Tied => &mut self.tied,
            Outcome::Unargmaxable => &mut self.unargmaxable,
            Outcome::Undecided => &mut self.undecided,
        } += 1;
    }

    /// How many have this one.
    pub fn of(&self, outcome: Outcome) -> usize {
        match outcome {
            Outcome::Argmaxable => self.argmaxable,
            Outcome::Tied => self.tied,
            Outcome::Unargmaxable => self.unargmaxable,
            Outcome::Undecided => self.undecided,
        }
    }

    /// All of them.
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

impl Audit {
    /// The domain: where hidden states may lie.
    pub fn domain(&self) -> &Domain {
        &self.domain
    }

    /// The ids, rising, of the rows that competed with each other as if all others were removed; `None` if all rows of
    /// the head did. See [`Among`](super::Among).
    pub fn kept(&self) -> Option<&[u32]> {
        self.kept.as_deref()
    }

    /// The method that proposed the verdicts.
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// The number of threads used.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// What blocks a token that can never win: rivals, with weights that sum to one, and ends of the domain. `None`
    /// for other tokens.
    ///
    /// ```
    /// use unargmax::{Domain, Head, Options, Rival, audit};
    ///
    /// let head = Head::new(vec![-1.0, 0.0, 1.0], None, 3, 1)?;
    /// let audit = audit(&head, &Domain::free(1), Options::default())?;
    /// assert_eq!(audit.blockers(1), Some(vec![(Rival::Token(0), 0.5), (Rival::Token(2), 0.5)]));
    /// assert_eq!(audit.blockers(0), None);
    /// # Ok::<(), unargmax::Error>(())
    /// ```
    pub fn blockers(&self, token: u32) -> Option<Vec<Blocker>> {
        match self.verdict(token)? {
            Verdict::Unargmaxable(loss) => Some(loss.blockers()),
            _ => None,
        }
    }

    /// Hidden states (`d` coordinates each) where tokens win: strictly, or for tied tokens against all tokens that
    /// differ. `head` is the audited head. `None` for tokens that lose, are undecided or were not audited; in the
    /// audit of [`Audit::free`] also for tokens whose state the audit over the smaller domain keeps.
    ///
    /// Coordinates are float64. If the proof uses a state that float64 cannot represent (one of integers, one behind
    /// a norm), this is the nearest to it, up to a few units in the last place.
    ///
    /// # Errors
    /// The head has another shape, or the norm cannot be folded into it.
    ///
    /// ```
    /// use unargmax::{Domain, Head, Options, audit};
    ///
    /// let head = Head::new(vec![1.0, 0.0, 0.0, 1.0, 0.2, 0.2], None, 3, 2)?;
    /// let audit = audit(&head, &Domain::free(2), Options::default())?;
    /// let states = audit.hidden_states(&head, &[0, 2])?;
    /// let h = states[0].as_ref().expect("token 0 can win");
    /// assert!(head.dot(0, h) > head.dot(1, h) && head.dot(0, h) > head.dot(2, h));
    /// # Ok::<(), unargmax::Error>(())
    /// ```
    pub fn hidden_states(&self, head: &Head, tokens: &[u32]) -> Result<Vec<Option<Vec<f64>>>> {
        let problem = Problem::new(head, &self.domain)?;
        let state = |&token: &u32| self.verdict(token)?.witness()?.hidden_state(&problem);
        Ok(tokens.iter().map(state).collect())
    }

    /// Token ids and verdicts, in id order.
    pub fn verdicts(&self) -> &[(u32, Verdict)] {
        &self.verdicts
    }

    /// The verdict of a token, if it was audited.
    pub fn verdict(&self, token: u32) -> Option<&Verdict> {
        self.verdicts.binary_search_by_key(&token, |v| v.0).ok().map(|i| &self.verdicts[i].1)
    }

    /// The number of tokens with each verdict.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        self.verdicts.iter().for_each(|(_, verdict)| counts.add(verdict.outcome()));
        counts
    }

    /// The number of tokens that are undecided because the budget of exact arithmetic was spent.
    pub fn undecided_by_budget(&self) -> usize {
        let by_budget =
            |v: &&(u32, Verdict)| matches!(&v.1, Verdict::Undecided(u) if u.is_by_budget());
        self.verdicts.iter().filter(by_budget).count()
    }

    /// Token ids and radii, if they were requested: optima of float64 linear programs, not proved.
    pub fn radii(&self) -> Option<&[(u32, f64)]> {
        self.radii.as_deref()
    }

    /// The number of tokens that the paper's threshold calls unargmaxable, if the radii were requested.
    pub fn radii_below_threshold(&self) -> Option<usize> {
        Some(self.radii()?.iter().filter(|r| r.1 < RADIUS_THRESHOLD).count())
    }

    /// The audit over all of space, if it was requested or if some of these verdicts follow from it; in the second
    /// case it may cover only those tokens.
    pub fn free(&self) -> Option<&Audit> {
        self.free.as_deref()
    }

    /// Upper bounds of the probabilities that a softmax of the logits can give to lost and tied tokens, at every temperature
    /// and every hidden state of the domain, in id order. They follow from the weights of the losing proofs.
    ///
    /// ```
    /// use unargmax::{Domain, Head, Options, audit};
    ///
    /// let head = Head::new(vec![-1.0, 0.0, 1.0], None, 3, 1)?;
    /// let audit = audit(&head, &Domain::free(1), Options::default())?;
    /// let (token, most) = audit.probability_bounds()[0];
    /// assert!(token == 1 && (most - 1.0 / 3.0).abs() < 1e-5);
    /// # Ok::<(), unargmax::Error>(())
    /// ```
    pub fn probability_bounds(&self) -> &[(u32, f64)] {
        &self.caps
    }

    /// The wall time of each stage, in seconds.
    pub fn seconds(&self) -> &BTreeMap<&'static str, f64> {
        &self.seconds
    }
}
