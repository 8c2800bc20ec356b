//! Which tokens have equal rows: sorted by their numbers, so that equals stand side by side.

use std::cmp::Ordering;
use std::collections::HashMap;

use rayon::prelude::*;

use crate::arithmetic::dyadic::{Dyadic, dot_floats};
use crate::domain::Domain;
use crate::head::Head;

/// The classes of tokens with equal rows, -0 being 0. Coordinates that the domain fixes count with the bias.
pub struct Equals<'a> {
    head: &'a Head,
    domain: &'a Domain,
    free: Vec<usize>,
    fixed: Vec<usize>,
    /// Class of each token that has equals, and the members of each class.
    class: HashMap<u32, usize>,
    members: Vec<Vec<u32>>,
}

impl<'a> Equals<'a> {
    pub fn new(head: &'a Head, domain: &'a Domain) -> Self {
        let (fixed, free): (Vec<usize>, Vec<usize>) =
            (0..head.dim()).partition(|&k| domain.is_fixed(k));
        let compare = |a: u32, b: u32| {
            free.iter()
                .map(|&k| {
                    head.weight(a as usize, k)
                        .partial_cmp(&head.weight(b as usize, k))
                        .unwrap_or(Ordering::Equal)
                })
                .find(|order| order.is_ne())
                .unwrap_or(Ordering::Equal)
        };
        let mut order: Vec<u32> = (0..head.tokens() as u32).collect();
        order.par_sort_by(|&a, &b| compare(a, b).then(a.cmp(&b)));
        let runs = order.chunk_by(|&a, &b| compare(a, b).is_eq()).filter(|run| run.len() > 1);
        let members: Vec<Vec<u32>> = runs.map(<[u32]>::to_vec).collect();
        let class =
            members.iter().enumerate().flat_map(|(c, m)| m.iter().map(move |&t| (t, c))).collect();
        Equals { head, domain, free, fixed, class, members }
    }

    /// `b_t` and what the fixed coordinates add, exactly.
    fn bias(&self, token: u32) -> Dyadic {
        let t = token as usize;
        let fixed = dot_floats(
            self.fixed.iter().map(|&k| self.head.weight(t, k)),
            self.fixed.iter().map(|&k| self.domain.lo(k)),
        );
        &Dyadic::from_f64(self.head.bias(t)) + &fixed
    }

    fn same_row(&self, a: u32, b: u32) -> bool {
        self.free
            .iter()
            .all(|&k| self.head.weight(a as usize, k) == self.head.weight(b as usize, k))
    }

    /// The tokens with the row and bias of `token`, itself included, in id order.
    pub fn tie(&self, token: u32) -> Vec<u32> {
        let Some(&class) = self.class.get(&token) else { return vec![token] };
        let bias = self.bias(token);
        self.members[class]
            .iter()
            .copied()
            .filter(|&t| t == token || self.bias(t) == bias)
            .collect()
    }

    /// Whether these are all tokens of one row and bias, two or more.
    pub fn is_whole_tie(&self, members: &[u32]) -> Result<(), String> {
        let Some(&first) = members.first() else { return Err("its tie has no members".to_owned()) };
        if members.iter().any(|&t| t as usize >= self.head.tokens()) {
            return Err("its tie names a token that does not exist".to_owned());
        }
        let tie = self.tie(first);
        if members.len() < 2 || tie != members {
            return Err(format!(
                "its tie {members:?} is not the group of equal rows and biases {tie:?}"
            ));
        }
        Ok(())
    }

    /// Whether `by` has the row of `token` and a larger bias.
    pub fn is_dominated(&self, token: u32, by: u32) -> Result<(), String> {
        if by as usize >= self.head.tokens() {
            return Err(format!("there is no token {by} to dominate it"));
        }
        if !self.same_row(token, by) {
            return Err(format!("its row is not that of token {by}"));
        }
        if self.bias(by) <= self.bias(token) {
            return Err(format!("its bias is not below that of token {by}"));
        }
        Ok(())
    }
}
