//! Changes of rows that free tokens: each lost row moves as far as it takes to win at one hidden state.
//!
//! [`least_change`](crate::measure::least_change) finds states where little is missing, [`clusters`] which rows must move together, [`demands`] the shortest move.
//! Rows of one cluster all reach the others at the same state; there each gets a small part of its own at a right angle to the
//! state, so that it wins a little to the side, and the whole cluster is in convex position. Then the head is audited, and what is
//! missing, old winners included, is moved in the next round by a larger margin.

pub(super) mod clusters;
mod demands;

use std::collections::BTreeMap;

use crate::audit::{Audit, Options, audit};
use crate::certify::Verdict;
use crate::domain::Domain;
use crate::error::{Error, Result};
use crate::head::{Head, Rows};
use crate::measure::least_change::{aim, length, unit};
use crate::split_mix::SplitMix;

use super::goal::Goal;
use super::kept::Kept;
use super::precision::Precision;
use clusters::{clusters, distance};
use demands::{Demand, product, shortest};

/// Tokens that are moved together, and the state where they shall win.
struct Aim {
    /// The tokens, ids rising.
    tokens: Vec<u32>,
    /// The hidden state.
    state: Vec<f64>,
}

/// The most rounds.
const ROUNDS: usize = 12;
/// By what factor the part of its own that a row of a group gets exceeds the least that can work.
const OWN: f64 = 4.0;
/// The least of that part as a share of the group's diameter: along a random direction rows differ by much less than that.
const SPREAD: f64 = 0.5;
/// By how much the margin grows from round to round.
const GROWTH: f64 = 2.0;

/// What a repair of rows is given.
pub(super) struct Moves<'a> {
    pub head: &'a Head,
    pub domain: &'a Domain,
    pub goal: &'a Goal,
    pub kept: Option<&'a Kept>,
    pub precision: Precision,
    /// By how many logits a freed token shall win at its state, about.
    pub margin: f64,
    pub options: Options<'a>,
}

/// The rows of a head, in float64, while they are moved.
type Moved = BTreeMap<u32, Vec<f64>>;

impl Moves<'_> {
    /// Moves rows until every token of the goal wins; returns the changed head and the number of rounds.
    pub fn run(&self, before: &Audit) -> Result<(Head, usize)> {
        let mut head = self.head.clone();
        let mut moved = Moved::new();
        let mut margin = self.margin;
        let first = Options { also_free: false, bias_needed: false, ..self.options };
        let mut missed = self.goal.missed(before);
        let mut last: Option<Audit> = None;
        for round in 0..ROUNDS {
            if missed.is_empty() {
                return Ok((head, round));
            }
            let present = last.as_ref().unwrap_or(before);
            head = self.moved(head, present, &missed, (margin, round), &mut moved)?;
            let audited = audit(&head, self.domain, first)?;
            missed = self.goal.missed(&audited);
            last = Some(audited);
            margin *= GROWTH;
        }
        match missed.first() {
            None => Ok((head, ROUNDS)),
            Some(token) => Err(Error::Invalid(format!(
                "after {ROUNDS} rounds of moving rows {} tokens that must be able to win are not proved to, token {token} first: \
                 free fewer by --tokens, or raise --margin",
                missed.len()
            ))),
        }
    }

    /// Moves the rows of one round, largest groups first. Each group is searched with regard to those that were moved before it,
    /// so that it does not aim at a state that another one has taken.
    fn moved(
        &self,
        mut head: Head,
        audit: &Audit,
        missed: &[u32],
        (margin, round): (f64, usize),
        moved: &mut Moved,
    ) -> Result<Head> {
        let mut groups = clusters(&head, missed);
        groups.sort_by_key(|group| (std::cmp::Reverse(group.len()), group[0]));
        let first: Vec<u32> = groups.iter().map(|group| group[0]).collect();
        let states = audit.hidden_states(&head, &first)?;
        self.options.progress.begin("move", groups.len(), "groups of rows");
        for (number, (group, state)) in groups.into_iter().zip(states).enumerate() {
            // Tied tokens win already but for their equals.
            let tied = matches!(audit.verdict(group[0]), Some(Verdict::Tied(_)));
            let state = state.filter(|_| tied);
            let state = state.unwrap_or_else(|| aim(&head, self.domain, &group, reach(audit)));
            let aim = Aim { tokens: group, state };
            self.advance(&head, moved, &aim, margin, (round * 1_000_003 + number) as u64)?;
            head = self.with(moved)?;
            self.options.progress.advance(1);
        }
        Ok(head)
    }

    /// Moves the rows of one group, with regard to what was moved before.
    fn advance(
        &self,
        head: &Head,
        moved: &mut Moved,
        aim: &Aim,
        margin: f64,
        seed: u64,
    ) -> Result<()> {
        let dim = head.dim();
        let long = length(&aim.state);
        if !(long > 0.0) {
            return Err(Error::Invalid(format!(
                "no hidden state other than 0 was found where token {} comes near to winning",
                aim.tokens[0]
            )));
        }
        let mut scores = vec![0.0; head.tokens()];
        head.product(&aim.state, 0..head.tokens(), &mut scores, head.tokens());
        scores.iter_mut().enumerate().for_each(|(t, s)| *s += head.bias(t));
        let others = (0..head.tokens() as u32).filter(|t| !aim.tokens.contains(t));
        let top = others.map(|t| scores[t as usize]).fold(f64::NEG_INFINITY, f64::max);
        let rows: Vec<Vec<f64>> = aim.tokens.iter().map(|t| self.present(moved, *t)).collect();
        // Rows of a group win a little to the side of the common state, by their own parts; further out there is room for that.
        let (own, margin) = match aim.tokens.len() {
            1 => (0.0, margin),
            _ => {
                let own = self.own(&rows);
                (own, margin.max(own * long))
            }
        };
        let mut generator = SplitMix::new(seed);
        for (token, row) in aim.tokens.iter().zip(&rows) {
            let missing = (top + margin - scores[*token as usize]).max(0.0);
            let aside = match aim.tokens.len() {
                1 => vec![0.0; dim],
                _ => self.aside(&aim.state, &mut generator, own),
            };
            let new = self.row(head, *token, row, &aim.state, (missing, &aside, 0.25 * margin))?;
            moved.insert(*token, new);
        }
        Ok(())
    }

    /// The length of the part of its own that each row of a group gets. Let it be `q`, the distance of a rival row `w`, and `e` the
    /// rounding of a row along one direction. With a lead of about `q |h|`, a state may go aside by `|h| q / 2 w`, where the own
    /// part gains `|h| q^2 / 2 w`: this must exceed `e |h|` and what the rows of the group differ by along it.
    fn own(&self, rows: &[Vec<f64>]) -> f64 {
        let diameter = rows.iter().map(|row| distance(row, &rows[0])).fold(0.0, f64::max);
        let apart = 2.0 * length(&rows[0]);
        let unit = |x: &f64| self.precision.next_up(x.abs()) - x.abs();
        let square: f64 = rows[0].iter().map(|x| unit(x).powi(2)).sum();
        let rounding = (square / rows[0].len() as f64).sqrt();
        (SPREAD * diameter).max(OWN * (2.0 * apart * rounding).sqrt())
    }

    /// A vector of the length `own` at a right angle to the state, along coordinates that may change within the domain.
    fn aside(&self, state: &[f64], generator: &mut SplitMix, own: f64) -> Vec<f64> {
        let ranges = self.domain.ball().is_none();
        let near = 1e-9 * length(state);
        let at_end = |k: usize| {
            ranges && (state[k] - self.domain.lo(k) <= near || self.domain.hi(k) - state[k] <= near)
        };
        let mut x: Vec<f64> =
            (0..state.len()).map(|k| if at_end(k) { 0.0 } else { unit(generator) }).collect();
        let along: Vec<f64> =
            (0..state.len()).map(|k| if at_end(k) { 0.0 } else { state[k] }).collect();
        let square = product(&along, &along);
        if square > 0.0 {
            let part = product(&x, &along) / square;
            x.iter_mut().zip(&along).for_each(|(x, a)| *x -= part * a);
        }
        let long = length(&x).max(f64::MIN_POSITIVE);
        x.iter_mut().for_each(|x| *x *= own / long);
        x
    }

    /// The new row of a token: the shortest move that gains `missing` at the state and keeps kept states, and its own part,
    /// rounded to the stored type so that no more than `spare` of the gain is lost. Rows of one group must gain the same, so a
    /// gain is not made larger without need.
    fn row(
        &self,
        head: &Head,
        token: u32,
        row: &[f64],
        state: &[f64],
        (missing, aside, spare): (f64, &[f64], f64),
    ) -> Result<Vec<f64>> {
        let mut wanted = missing;
        for _ in 0..40 {
            let mut demands = vec![Demand { row: state.to_vec(), least: wanted }];
            demands.extend(self.keeping(head, token, row, aside));
            let (change, met) = shortest(&demands, row.len());
            if !met {
                return Err(Error::Invalid(format!(
                    "no change of the row of token {token} lets it win and leaves every kept state to its winner: keep fewer \
                     states, or leave it out by --tokens"
                )));
            }
            let new: Vec<f64> = row
                .iter()
                .zip(&change)
                .zip(aside)
                .map(|((w, d), q)| self.precision.nearest(w + d + q))
                .collect();
            let gained = product(&new, state) - product(row, state);
            if gained >= missing - spare {
                return Ok(new);
            }
            wanted += missing - gained;
        }
        Err(Error::Invalid(format!(
            "the row of token {token} cannot be moved by so little in the stored element type; raise --margin"
        )))
    }

    /// What kept states demand of the change of a row that is `row` now and gets `aside` added.
    fn keeping(&self, head: &Head, token: u32, row: &[f64], aside: &[f64]) -> Vec<Demand> {
        let Some(kept) = self.kept else { return Vec::new() };
        let t = token as usize;
        let now: Vec<f64> = row.iter().zip(aside).map(|(w, q)| w + q).collect();
        let demand = |(state, winner, second): (&Vec<f64>, u32, f64)| {
            let own = product(&now, state) + head.bias(t);
            let sign = if winner == token { 1.0 } else { -1.0 };
            let lead = sign * (own - second);
            // Rounding of the row must not use up the lead.
            let least = 1e-6 * (second.abs() + 1.0) - lead;
            Demand { row: state.iter().map(|x| sign * x).collect(), least }
        };
        kept.rivals(head, token).into_iter().map(demand).collect()
    }

    /// The row of a token as it is now.
    fn present(&self, moved: &Moved, token: u32) -> Vec<f64> {
        moved.get(&token).cloned().unwrap_or_else(|| self.head.row(token as usize).collect())
    }

    /// The head with moved rows.
    fn with(&self, moved: &Moved) -> Result<Head> {
        let dim = self.head.dim();
        let rows: Rows = match self.head.rows() {
            Rows::F32(numbers) => {
                let mut numbers = numbers.to_vec();
                for (token, row) in moved {
                    let from = *token as usize * dim;
                    let places = numbers[from..from + dim].iter_mut();
                    places.zip(row).for_each(|(x, w)| *x = *w as f32);
                }
                numbers.into()
            }
            Rows::F64(numbers) => {
                let mut numbers = numbers.to_vec();
                for (token, row) in moved {
                    let from = *token as usize * dim;
                    numbers[from..from + dim].copy_from_slice(row);
                }
                numbers.into()
            }
        };
        let bias = self.head.has_bias().then(|| super::raise::biases(self.head));
        Ok(Head::new(rows, bias, self.head.tokens(), dim)?)
    }
}

/// The length of hidden states that are tried: the median length of those where tokens win.
fn reach(audit: &Audit) -> f64 {
    let witnesses = audit.verdicts().iter().filter_map(|(_, verdict)| verdict.witness());
    let mut lengths: Vec<f64> = witnesses.map(|w| w.norm()).filter(|n| *n > 0.0).collect();
    lengths.sort_by(f64::total_cmp);
    let median = lengths.get(lengths.len() / 2).copied().unwrap_or(1.0);
    median.clamp(1e-3, 1e6)
}
