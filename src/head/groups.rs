//! Tokens with equal rows: at most one bias among them can win, and equals can only tie.

use std::cmp::Ordering;
use std::collections::HashMap;

use rayon::prelude::*;

use super::Head;
use crate::arithmetic::dyadic::{Dyadic, dot_floats};
use crate::domain::Domain;

/// How a token stands to the tokens with the same row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing<'a> {
    /// No other token has its row and a bias at least as large: it is decided by itself.
    Alone,
    /// It shares row and (largest) bias with all of these tokens, itself included, in id order.
    Tied(&'a [u32]),
    /// This token has the same row and a larger bias, so it always scores more.
    Dominated(u32),
}

/// The partition of the tokens by equal rows, as numbers: -0 equals 0.
///
/// Coordinates that the domain fixes to one value count as part of the bias.
#[derive(Debug)]
pub struct Groups {
    /// For each token of a group of two or more: the index of its group and whether it survives.
    membership: HashMap<u32, (u32, bool)>,
    /// The survivors of each group (the members of largest bias), in id order, never empty.
    survivors: Vec<Vec<u32>>,
}

impl Groups {
    /// Groups the tokens of `head` over `domain`.
    pub fn new(head: &Head, domain: &Domain) -> Self {
        let fixed: Vec<usize> = (0..head.dim()).filter(|&k| domain.is_fixed(k)).collect();
        let free: Vec<usize> = (0..head.dim()).filter(|&k| !domain.is_fixed(k)).collect();
        let hashes: Vec<u64> = (0..head.tokens())
            .into_par_iter()
            .map_init(|| vec![0.0; head.dim()], |row, t| hash_row(row, head, t, &free))
            .collect();
        let mut order: Vec<u32> = (0..head.tokens() as u32).collect();
        order.par_sort_unstable_by_key(|&t| (hashes[t as usize], t));

        let (mut membership, mut survivors) = (HashMap::new(), Vec::new());
        for bucket in order
            .chunk_by(|&a, &b| hashes[a as usize] == hashes[b as usize])
            .filter(|b| b.len() > 1)
        {
            for members in classes_of_equal_rows(head, bucket, &free) {
                if members.len() < 2 {
                    continue;
                }
                let biases = effective_biases(head, domain, &members, &fixed);
                let largest = biases.iter().max().cloned();
                let survives: Vec<bool> = biases.into_iter().map(|b| Some(b) == largest).collect();
                let group = survivors.len() as u32;
                membership.extend(members.iter().zip(&survives).map(|(&t, &s)| (t, (group, s))));
                survivors.push(
                    members.iter().zip(&survives).filter(|(_, s)| **s).map(|(&t, _)| t).collect(),
                );
            }
        }
        Groups { membership, survivors }
    }

    /// How `token` stands to its equals.
    pub fn standing(&self, token: u32) -> Standing<'_> {
        match self.membership.get(&token) {
            None => Standing::Alone,
            Some(&(group, true)) => match self.survivors[group as usize].as_slice() {
                [_] => Standing::Alone,
                ties => Standing::Tied(ties),
            },
            Some(&(group, false)) => Standing::Dominated(self.survivors[group as usize][0]),
        }
    }

    /// Whether two different tokens have equal rows (whatever their biases).
    pub fn same_row(&self, a: u32, b: u32) -> bool {
        match (self.membership.get(&a), self.membership.get(&b)) {
            (Some((ga, _)), Some((gb, _))) => ga == gb,
            _ => a == b,
        }
    }

    /// How many groups have several survivors, and how many tokens are in those.
    pub fn ties(&self) -> (usize, usize) {
        let tied = self.survivors.iter().filter(|s| s.len() > 1);
        (tied.clone().count(), tied.map(Vec::len).sum())
    }
}

/// A hash of the bits, -0 as 0: eight chains side by side of a multiplication and a shift each. Collisions only cost
/// a comparison.
fn hash_row(row: &mut [f64], head: &Head, token: usize, columns: &[usize]) -> u64 {
    const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
    let step = |h: u64, x: u64| {
        let h = (h ^ x).wrapping_mul(FACTOR);
        h ^ (h >> 29)
    };
    head.copy_row(token, row);
    let mut chains = [0x243F_6A88_85A3_08D3; 8];
    for columns in columns.chunks(chains.len()) {
        for (chain, &k) in chains.iter_mut().zip(columns) {
            *chain = step(*chain, (row[k] + 0.0).to_bits());
        }
    }
    chains.iter().fold(0, |h, &chain| step(h, chain))
}

fn classes_of_equal_rows(head: &Head, bucket: &[u32], columns: &[usize]) -> Vec<Vec<u32>> {
    let mut classes: Vec<Vec<u32>> = Vec::new();
    for &token in bucket {
        let equal = |other: u32| {
            columns
                .iter()
                .all(|&k| head.weight(token as usize, k) == head.weight(other as usize, k))
        };
        match classes.iter_mut().find(|class| equal(class[0])) {
            Some(class) => class.push(token),
            None => classes.push(vec![token]),
        }
    }
    classes
}

/// `b_t + sum over fixed k of w_tk lo_k`, exactly, in an order-preserving form.
fn effective_biases(head: &Head, domain: &Domain, members: &[u32], fixed: &[usize]) -> Vec<Bias> {
    members
        .iter()
        .map(|&t| {
            let t = t as usize;
            if fixed.is_empty() {
                return Bias::Stored(head.bias(t));
            }
            let rows = fixed.iter().map(|&k| head.weight(t, k));
            Bias::Exact(
                &Dyadic::from_f64(head.bias(t))
                    + &dot_floats(rows, fixed.iter().map(|&k| domain.lo(k))),
            )
        })
        .collect()
}

#[derive(Clone, Debug)]
enum Bias {
    Stored(f64),
    Exact(Dyadic),
}

impl Ord for Bias {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            // Finite, and -0 must equal 0, which `total_cmp` would not say.
            (Bias::Stored(a), Bias::Stored(b)) => a.partial_cmp(b).unwrap_or(Ordering::Equal),
            (a, b) => a.exact().cmp(&b.exact()),
        }
    }
}
impl PartialOrd for Bias {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl PartialEq for Bias {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Bias {}

impl Bias {
    fn exact(&self) -> Dyadic {
        match self {
            Bias::Stored(x) => Dyadic::from_f64(*x),
            Bias::Exact(x) => x.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(rows: &[[f64; 2]], bias: Option<Vec<f64>>) -> Head {
        Head::new(rows.concat(), bias, rows.len(), 2).unwrap()
    }

    #[test]
    fn equal_rows_with_equal_bias_tie_and_a_smaller_bias_is_dominated() {
        let head = head(
            &[[1.0, 0.0], [2.0, 2.0], [1.0, -0.0], [1.0, 0.0]],
            Some(vec![0.0, 5.0, -0.0, -1.0]),
        );
        let groups = Groups::new(&head, &Domain::free(2));
        assert_eq!(groups.standing(0), Standing::Tied(&[0, 2]));
        assert_eq!(groups.standing(1), Standing::Alone);
        assert_eq!(groups.standing(3), Standing::Dominated(0));
        assert!(groups.same_row(0, 3) && !groups.same_row(0, 1));
    }

    #[test]
    fn a_fixed_coordinate_moves_into_the_bias() {
        let head = head(&[[1.0, 0.1], [1.0, 0.2]], None);
        let fixed = Domain::ranges(vec![f64::NEG_INFINITY, 3.0], vec![f64::INFINITY, 3.0]).unwrap();
        assert_eq!(Groups::new(&head, &fixed).standing(0), Standing::Dominated(1));
        let zero = Domain::ranges(vec![f64::NEG_INFINITY, 0.0], vec![f64::INFINITY, 0.0]).unwrap();
        assert_eq!(Groups::new(&head, &zero).standing(0), Standing::Tied(&[0, 1]));
    }
}
