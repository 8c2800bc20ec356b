//! The least raises of biases with which every token of the goal wins.
//!
//! Let `need_t(b)` be the raise of its own bias that token `t` needs when all biases are `b`
//! ([`BestGap::bias_needed`](crate::certify::BestGap::bias_needed)). It does not fall when other biases rise. So the map
//! `b_t <- b_t + need_t(b)`, repeated from the stored biases, climbs to the component-wise least biases that are nowhere
//! below the stored ones and free every token: these have the least sum and the least largest raise of all such biases at
//! once (Knaster and Tarski). A kept state demands that its winner stays in front of each rival, which is a demand of the same
//! kind: it rises with the rival's bias. Every step is rounded up to a number of the stored type.
//!
//! The climb has no end where the demands contradict each other; it is given up after a number of rounds, or at a bound.

use crate::audit::{Audit, Options, audit};
use crate::certify::{BestGap, Verdict};
use crate::domain::Domain;
use crate::error::{Error, Result};
use crate::head::Head;

use super::goal::Goal;
use super::kept::Kept;
use super::precision::Precision;

/// The most rounds; a climb that ends takes a few.
const ROUNDS: usize = 60;

/// What a climb is given.
pub(super) struct Climb<'a> {
    pub head: &'a Head,
    pub domain: &'a Domain,
    pub goal: &'a Goal,
    pub kept: Option<&'a Kept>,
    pub precision: Precision,
    /// By how many logits a freed token shall win at its witness.
    pub margin: f64,
    /// The largest raise that is allowed, in logits.
    pub limit: f64,
    pub options: Options<'a>,
}

/// Biases that free every token of the goal, with the audit that proves it.
pub(super) struct Climbed {
    pub biases: Vec<f64>,
    pub audit: Audit,
    pub rounds: usize,
}

/// The biases of a head.
pub(super) fn biases(head: &Head) -> Vec<f64> {
    (0..head.tokens()).map(|t| head.bias(t)).collect()
}

/// The head with other biases.
pub(super) fn with_biases(head: &Head, biases: &[f64]) -> Result<Head> {
    Ok(Head::new(head.rows().clone(), Some(biases.to_vec()), head.tokens(), head.dim())?)
}

impl Climb<'_> {
    /// Climbs from `start`; `first` is the audit of that head, if it is there.
    pub fn run(&self, start: Vec<f64>) -> Result<Climbed> {
        let stored = biases(self.head);
        let mut biases = start;
        for round in 0..ROUNDS {
            let head = with_biases(self.head, &biases)?;
            let options = Options { bias_needed: true, also_free: false, ..self.options };
            let audit = audit(&head, self.domain, options)?;
            let missed = self.goal.missed(&audit);
            let taken = self.kept.map(|kept| kept.taken(&head)).transpose()?.unwrap_or_default();
            if missed.is_empty() && taken.is_empty() {
                return Ok(Climbed { biases, audit, rounds: round });
            }
            let mut raised = biases.clone();
            for token in missed {
                let needed = needed(&audit, token) + self.margin;
                self.raise(&mut raised, &biases, token, needed);
            }
            for (winner, _, behind) in taken {
                self.raise(&mut raised, &biases, winner, behind);
            }
            biases = raised;
            let most = |t: &usize| biases[*t] - stored[*t];
            let largest = (0..biases.len()).max_by(|a, b| most(a).total_cmp(&most(b)));
            if let Some(token) = largest.filter(|t| !(most(t) <= self.limit)) {
                return Err(self.too_large(token, most(&token)));
            }
        }
        Err(Error::Invalid(format!(
            "no biases were found in {ROUNDS} rounds that free every token: the demands on them seem to contradict each \
             other (rows that are nearly equal, or kept states); --rows changes rows instead, and --tokens frees fewer"
        )))
    }

    /// Raises a bias to `by` above what it was at the beginning of the round, or at least to the next number.
    fn raise(&self, raised: &mut [f64], before: &[f64], token: u32, by: f64) {
        let at = token as usize;
        let next = self.precision.next_up(before[at]);
        raised[at] = raised[at].max(self.precision.at_least(before[at] + by)).max(next);
    }

    /// The error of a raise beyond the limit.
    fn too_large(&self, token: usize, raise: f64) -> Error {
        Error::Invalid(format!(
            "token {token} would need a raise of its bias by {raise:.6}, and at most {} is allowed: allow more by \
             --max-change, free fewer tokens by --tokens, or keep fewer states",
            self.limit
        ))
    }
}

/// The raise that an audit proves to be enough for a token; 0 where it measured none.
fn needed(audit: &Audit, token: u32) -> f64 {
    let gaps = audit.bias_needed();
    let measured = gaps.binary_search_by_key(&token, BestGap::token).map(|at| &gaps[at]);
    let open = match audit.verdict(token) {
        Some(Verdict::Undecided(undecided)) => -undecided.interval().0,
        _ => 0.0,
    };
    let needed = measured.map_or(open, |gap| gap.bias_needed().1);
    if needed.is_finite() { needed.max(0.0) } else { 0.0 }
}
