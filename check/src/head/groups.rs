//! Groups tokens with equal rows: only those with the largest bias of a group can win, and several of them can only
//! tie.

use std::cmp::Ordering;
use std::collections::HashMap;

use multiversion::multiversion;

use super::{Head, Rows};
use crate::arithmetic::dyadic::{Dyadic, dot_floats, one};
use crate::domain::{Ball, Domain};
use crate::order;
use crate::parallel;

/// How a token compares with the tokens that have the same row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing<'a> {
    /// No other token has this row and a bias at least as large.
    Alone,
    /// All of these tokens, itself included, in id order, have this row and the same, largest, bias.
    Tied(&'a [u32]),
    /// This token has the same row and a larger bias, so it always scores more.
    Dominated(u32),
}

/// The partition of the tokens by equal rows, as numbers: -0 equals 0.
///
/// Coordinates that the domain fixes to one value, by a range of one number or by a gain of 0, count as part of the
/// bias. Behind a norm that subtracts the mean, rows are equal if after multiplication by the gain they differ by a
/// multiple of the vector of ones.
#[derive(Debug)]
pub struct Groups {
    /// For each token of a group of two or more: the index of the group, and whether the token survives.
    membership: HashMap<u32, (u32, bool)>,
    /// For each of these tokens: how many others of its group have a bias at least as large.
    not_below: HashMap<u32, u32>,
    /// The survivors of each group (the members of largest bias), in id order, never empty.
    survivors: Vec<Vec<u32>>,
}

/// The number of tokens that a thread hashes in one task.
const TOGETHER: usize = 256;

impl Groups {
    /// Groups the tokens of `head` over `domain`.
    pub fn new(head: &Head, domain: &Domain) -> Self {
        let seen = Seen::new(head, domain);
        let hashes: Vec<u64> = parallel::flat_map(head.tokens(), TOGETHER, &|tokens| {
            let mut row = Vec::new();
            tokens.map(|t| seen.hash(&mut row, t)).collect()
        });
        let mut order: Vec<u32> = (0..head.tokens() as u32).collect();
        order::by_key(&mut order, &|&t| hashes[t as usize]);

        let (mut membership, mut survivors) = (HashMap::new(), Vec::new());
        let mut not_below = HashMap::new();
        for bucket in order
            .chunk_by(|&a, &b| hashes[a as usize] == hashes[b as usize])
            .filter(|b| b.len() > 1)
        {
            for members in seen.classes(bucket) {
                if members.len() < 2 {
                    continue;
                }
                let levels = seen.levels(&members);
                let largest = levels.iter().max().cloned();
                let mut rising: Vec<&Bias> = levels.iter().collect();
                order::by(&mut rising, &|a, b| a.cmp(b));
                let others = |level: &Bias| levels.len() - rising.partition_point(|l| *l < level);
                let others = levels.iter().map(|level| others(level) as u32 - 1);
                not_below.extend(members.iter().copied().zip(others));
                let survives: Vec<bool> = levels.into_iter().map(|b| Some(b) == largest).collect();
                let group = survivors.len() as u32;
                membership.extend(members.iter().zip(&survives).map(|(&t, &s)| (t, (group, s))));
                survivors.push(
                    members.iter().zip(&survives).filter(|(_, s)| **s).map(|(&t, _)| t).collect(),
                );
            }
        }
        Groups { membership, not_below, survivors }
    }

    /// How `token` compares with the tokens of equal row.
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

    /// How many other tokens have the row of `token` and a bias at least as large: they score at least as much at every
    /// hidden state.
    pub fn not_below(&self, token: u32) -> usize {
        self.not_below.get(&token).map_or(0, |&others| others as usize)
    }

    /// How many groups have several survivors, and how many tokens are in those.
    pub fn ties(&self) -> (usize, usize) {
        let tied = self.survivors.iter().filter(|s| s.len() > 1);
        (tied.clone().count(), tied.map(Vec::len).sum())
    }
}

/// Compares rows as far as hidden states of the domain can tell them apart.
struct Seen<'a> {
    head: &'a Head,
    /// The coordinates with a fixed value, and that value.
    fixed: Vec<(usize, f64)>,
    /// All other coordinates.
    free: Vec<usize>,
    /// The gain, if rows that differ by a multiple of ones after it count as equal.
    gain: Option<&'a [f64]>,
    /// The shift, if there is such a gain: rows that count as equal may give different scores for the shift.
    shift: Option<&'a [f64]>,
    /// Whether gain and rows are float32, so that their products are exact in float64.
    exact_products: bool,
}

impl<'a> Seen<'a> {
    /// Chooses how rows are compared over a domain.
    fn new(head: &'a Head, domain: &'a Domain) -> Self {
        let ball = domain.ball();
        let value = |k: usize| match ball {
            Some(ball) => (ball.gain()[k] == 0.0).then(|| ball.shift()[k]),
            None => domain.is_fixed(k).then(|| domain.lo(k)),
        };
        let fixed = (0..head.dim()).filter_map(|k| Some((k, value(k)?))).collect();
        let free = (0..head.dim()).filter(|&k| value(k).is_none()).collect();
        let gain = ball.filter(|ball| ball.is_centred()).map(Ball::gain);
        let shift = gain.and(ball).map(Ball::shift);
        let narrow = |g: &f64| f64::from(*g as f32) == *g;
        let exact_products =
            matches!(head.rows(), Rows::F32(_)) && gain.is_none_or(|gain| gain.iter().all(narrow));
        Seen { head, fixed, free, gain, shift, exact_products }
    }

    /// A hash that is equal for equal rows. `row` is a scratch buffer.
    fn hash(&self, row: &mut Vec<f64>, token: usize) -> u64 {
        row.resize(self.head.dim(), 0.0);
        self.head.copy_row(token, row);
        match self.gain {
            None if self.fixed.is_empty() => {}
            None => *row = self.free.iter().map(|&k| row[k]).collect(),
            Some(gain) if self.exact_products => {
                // These are differences of exact numbers, rounded once: equal where the true differences are.
                let first = gain[0] * row[0];
                row.iter_mut().zip(gain).for_each(|(w, g)| *w = g * *w - first);
            }
            Some(_) => {
                let first = self.product(token, 0);
                let difference =
                    |k: usize| (&self.product(token, k) - &first).quotient_down(&one());
                *row = (0..row.len()).map(difference).collect();
            }
        }
        hash_bits(row)
    }

    /// `g_k w_k`, exactly; `w_k` if there is no gain.
    fn product(&self, token: usize, k: usize) -> Dyadic {
        let weight = Dyadic::from_f64(self.head.weight(token, k));
        self.gain.map_or(weight.clone(), |gain| &weight * &Dyadic::from_f64(gain[k]))
    }

    /// Whether two rows have the same numbers in these columns.
    fn same_numbers(&self, a: u32, b: u32, columns: &[usize]) -> bool {
        let weight = |t: u32, k: usize| self.head.weight(t as usize, k);
        columns.iter().all(|&k| weight(a, k) == weight(b, k))
    }

    /// Whether two rows count as equal, exactly.
    fn equal(&self, a: u32, b: u32) -> bool {
        if self.same_numbers(a, b, &self.free) {
            return true;
        }
        let Some(gain) = self.gain else { return false };
        let difference = |k: usize| &self.product(a as usize, k) - &self.product(b as usize, k);
        let first = difference(0);
        (1..gain.len()).all(|k| difference(k) == first)
    }

    /// Splits tokens of equal hash into classes of equal rows.
    fn classes(&self, bucket: &[u32]) -> Vec<Vec<u32>> {
        let mut classes: Vec<Vec<u32>> = Vec::new();
        for &token in bucket {
            match classes.iter_mut().find(|class| self.equal(class[0], token)) {
                Some(class) => class.push(token),
                None => classes.push(vec![token]),
            }
        }
        classes
    }

    /// The constant parts of the scores of tokens of one class, up to a common term: bias and fixed coordinates,
    /// exactly, in a form that can be ordered.
    fn levels(&self, members: &[u32]) -> Vec<Bias> {
        let bias = |t: u32| self.head.bias(t as usize);
        if self.gain.is_none() && self.fixed.is_empty() {
            return members.iter().map(|&t| Bias::Stored(bias(t))).collect();
        }
        let all: Vec<usize> = (0..self.head.dim()).collect();
        // Rows that are equal in all coordinates, the common case, differ in their biases only.
        let mut known: Vec<(u32, Dyadic)> = Vec::new();
        members
            .iter()
            .map(|&t| {
                let found = known.iter().find(|(other, _)| self.same_numbers(*other, t, &all));
                let level = found.map(|(_, level)| level.clone()).unwrap_or_else(|| {
                    let level = self.level(t);
                    known.push((t, level.clone()));
                    level
                });
                Bias::Exact(&Dyadic::from_f64(bias(t)) + &level)
            })
            .collect()
    }

    /// The part of a token's score that no hidden state changes, without the bias, up to a term common to its class.
    fn level(&self, token: u32) -> Dyadic {
        let t = token as usize;
        let rows = self.fixed.iter().map(|&(k, _)| self.head.weight(t, k));
        let fixed = dot_floats(rows, self.fixed.iter().map(|f| f.1));
        match self.shift {
            None => fixed,
            Some(shift) => dot_floats(self.head.row(t), shift.iter().copied()),
        }
    }
}

/// Hashes the bits of numbers, with -0 as 0. Several independent chains, each of a multiplication and a shift, fill
/// whole vector registers. A collision only costs a comparison.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn hash_bits(numbers: &[f64]) -> u64 {
    const CHAINS: usize = 32;
    let mut chains = [0x243F_6A88_85A3_08D3; CHAINS];
    let (parts, rest) = numbers.as_chunks::<CHAINS>();
    for part in parts {
        for (chain, x) in chains.iter_mut().zip(part) {
            *chain = stirred(*chain, (x + 0.0).to_bits());
        }
    }
    for (chain, x) in chains.iter_mut().zip(rest) {
        *chain = stirred(*chain, (x + 0.0).to_bits());
    }
    chains.iter().fold(0, |hash, &chain| stirred(hash, chain))
}

/// One step of a hash chain.
#[inline(always)]
fn stirred(hash: u64, bits: u64) -> u64 {
    let hash = (hash ^ bits).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    hash ^ (hash >> 29)
}

/// A bias with an exact order: a stored float or an exact number.
#[derive(Clone, Debug)]
enum Bias {
    Stored(f64),
    Exact(Dyadic),
}

impl Ord for Bias {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            // The numbers are finite, and -0 must equal 0, which `total_cmp` would not give.
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
    /// The bias as an exact number.
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
        assert_eq!([0, 1, 2, 3].map(|t| groups.not_below(t)), [1, 0, 1, 2]);
    }

    #[test]
    fn every_coordinate_counts_in_the_hash_of_a_row_and_the_sign_of_zero_does_not() {
        for dim in [1, 7, 31, 32, 33, 70] {
            let row: Vec<f64> = (0..dim).map(|k| (k % 5) as f64 - 2.0).collect();
            let signed: Vec<f64> = row.iter().map(|&x| if x == 0.0 { -0.0 } else { x }).collect();
            assert_eq!(hash_bits(&row), hash_bits(&signed));
            for k in 0..dim {
                let mut other = row.clone();
                other[k] += 0.25;
                assert_ne!(hash_bits(&row), hash_bits(&other), "coordinate {k} of {dim}");
            }
        }
    }

    #[test]
    fn a_fixed_coordinate_moves_into_the_bias() {
        let head = head(&[[1.0, 0.1], [1.0, 0.2]], None);
        let fixed = Domain::ranges(vec![f64::NEG_INFINITY, 3.0], vec![f64::INFINITY, 3.0]).unwrap();
        assert_eq!(Groups::new(&head, &fixed).standing(0), Standing::Dominated(1));
        let zero = Domain::ranges(vec![f64::NEG_INFINITY, 0.0], vec![f64::INFINITY, 0.0]).unwrap();
        assert_eq!(Groups::new(&head, &zero).standing(0), Standing::Tied(&[0, 1]));
    }

    fn behind(gain: [f64; 2], shift: [f64; 2], centred: bool) -> Domain {
        let ball = Ball::after_norm(gain.to_vec(), shift.to_vec(), centred).unwrap();
        Domain::free(2).within(ball).unwrap()
    }

    #[test]
    fn rows_that_only_a_gain_of_zero_tells_apart_merge() {
        let head = head(&[[1.0, 0.1], [1.0, 0.2], [2.0, 0.0]], None);
        let tie = Groups::new(&head, &behind([3.0, 0.0], [1.0, 0.0], false));
        assert_eq!(tie.standing(0), Standing::Tied(&[0, 1]));
        let loss = Groups::new(&head, &behind([3.0, 0.0], [1.0, -1.0], false));
        assert_eq!((loss.standing(1), loss.standing(0)), (Standing::Dominated(0), Standing::Alone));
    }

    #[test]
    fn rows_that_differ_by_ones_after_the_gain_merge_behind_a_centring_norm() {
        // 3 w_0 - w_1 is 0.5 and 3.5 - 3; 2.5 - 2; and the third is apart by one unit in the last place.
        let rows = [[0.5, 1.0], [1.0, 2.5], [0.5, 1.0 + f64::EPSILON]];
        let shift = [0.0, 0.0];
        let centred = behind([3.0, 1.0], shift, true);
        for (wide, rows) in [(true, rows), (false, rows.map(|r| r.map(|x| f64::from(x as f32))))] {
            let groups = Groups::new(&head(&rows, None), &centred);
            assert!(groups.same_row(0, 1));
            assert_eq!(groups.same_row(0, 2), !wide);
        }
        let plain = behind([3.0, 1.0], shift, false);
        assert!(!Groups::new(&head(&rows, None), &plain).same_row(0, 1));
        // With a shift the one that it favours survives: 0.5 * 2 - 1 = 0, 1 * 2 - 2.5 = -0.5.
        let groups = Groups::new(&head(&rows, None), &behind([3.0, 1.0], [2.0, -1.0], true));
        assert_eq!(groups.standing(1), Standing::Dominated(0));
    }

    #[test]
    fn float32_rows_and_float64_rows_merge_alike() {
        let rows = [[0.5f32, 1.0], [1.0, 2.5], [0.75, 1.0]];
        let narrow = Head::new(rows.concat(), None, 3, 2).unwrap();
        let wide = head(&rows.map(|r| r.map(f64::from)), None);
        let domain = behind([3.0, 1.0], [0.0, 0.0], true);
        for head in [narrow, wide] {
            assert_eq!(Groups::new(&head, &domain).standing(0), Standing::Tied(&[0, 1]));
        }
    }
}
