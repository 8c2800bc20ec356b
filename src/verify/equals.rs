//! Which tokens have equal rows: sorted by their numbers, so that equals stand side by side.

use std::cmp::Ordering;
use std::collections::HashMap;

use rayon::prelude::*;

use crate::arithmetic::dyadic::{Dyadic, dot_floats};
use crate::domain::Domain;
use crate::head::Head;

/// The tokens sorted into classes of equal rows and groups of equal rows and biases, -0 being 0.
/// Coordinates that the domain fixes count with the bias.
pub struct Equals<'a> {
    head: &'a Head,
    domain: &'a Domain,
    fixed: Vec<usize>,
    /// Class and group of each token whose row occurs again.
    place: HashMap<u32, (usize, usize)>,
    /// The tokens of each group, ids rising.
    groups: Vec<Vec<u32>>,
}

impl<'a> Equals<'a> {
    pub fn new(head: &'a Head, domain: &'a Domain) -> Self {
        let (fixed, free): (Vec<usize>, Vec<usize>) =
            (0..head.dim()).partition(|&k| domain.is_fixed(k));
        let by_row = |a: u32, b: u32| {
            free.iter()
                .map(|&k| by_number(head.weight(a as usize, k), head.weight(b as usize, k)))
                .find(|order| order.is_ne())
                .unwrap_or(Ordering::Equal)
        };
        let mut order: Vec<u32> = (0..head.tokens() as u32).collect();
        order.par_sort_by(|&a, &b| by_row(a, b).then(a.cmp(&b)));

        let mut equals = Equals { head, domain, fixed, place: HashMap::new(), groups: Vec::new() };
        let runs = order.chunk_by(|&a, &b| by_row(a, b).is_eq()).filter(|run| run.len() > 1);
        for (class, run) in runs.enumerate() {
            let mut run = run.to_vec();
            run.sort_by(|&a, &b| equals.by_bias(a, b).then(a.cmp(&b)));
            let groups: Vec<Vec<u32>> =
                run.chunk_by(|&a, &b| equals.by_bias(a, b).is_eq()).map(<[u32]>::to_vec).collect();
            for group in groups {
                let place = (class, equals.groups.len());
                equals.place.extend(group.iter().map(|&t| (t, place)));
                equals.groups.push(group);
            }
        }
        equals
    }

    /// Compares what decides between equal rows: the bias and what the fixed coordinates add, exactly.
    fn by_bias(&self, a: u32, b: u32) -> Ordering {
        let bias = |t: u32| self.head.bias(t as usize);
        if self.fixed.is_empty() {
            return by_number(bias(a), bias(b));
        }
        let exact = |t: u32| {
            let fixed = dot_floats(
                self.fixed.iter().map(|&k| self.head.weight(t as usize, k)),
                self.fixed.iter().map(|&k| self.domain.lo(k)),
            );
            &Dyadic::from_f64(bias(t)) + &fixed
        };
        exact(a).cmp(&exact(b))
    }

    /// Whether the rows are equal, whatever the biases.
    pub fn same_row(&self, a: u32, b: u32) -> bool {
        let class = |t: u32| self.place.get(&t).map(|p| p.0);
        a == b || class(a).is_some_and(|c| class(b) == Some(c))
    }

    /// Whether no hidden state can tell the tokens apart.
    pub fn are_tied(&self, a: u32, b: u32) -> bool {
        let group = |t: u32| self.place.get(&t).map(|p| p.1);
        a == b || group(a).is_some_and(|g| group(b) == Some(g))
    }

    /// Another token with the row and bias of `token`.
    pub fn other(&self, token: u32) -> Option<u32> {
        self.tie(token)?.iter().copied().find(|&t| t != token)
    }

    /// The tokens with the row and bias of `token`, ids rising, if there are several.
    fn tie(&self, token: u32) -> Option<&[u32]> {
        let group = &self.groups[self.place.get(&token)?.1];
        (group.len() > 1).then_some(group)
    }

    /// Whether these are all tokens of one row and bias, two or more.
    pub fn is_whole_tie(&self, members: &[u32]) -> Result<(), String> {
        let tie = members.first().and_then(|&first| self.tie(first));
        if tie == Some(members) {
            return Ok(());
        }
        Err(format!(
            "its tie of {} is not the group of equal rows and biases, of {}",
            members.len(),
            tie.map_or(1, <[u32]>::len)
        ))
    }

    /// Whether `by` has the row of `token` and a larger bias.
    pub fn is_dominated(&self, token: u32, by: u32) -> Result<(), String> {
        if by as usize >= self.head.tokens() {
            return Err(format!("there is no token {by} to dominate it"));
        }
        if !self.same_row(token, by) {
            return Err(format!("its row is not that of token {by}"));
        }
        if self.by_bias(token, by).is_ge() {
            return Err(format!("its bias is not below that of token {by}"));
        }
        Ok(())
    }
}

/// The order of two numbers that are not NaN, with -0 equal to 0.
fn by_number(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or(Ordering::Equal)
}
