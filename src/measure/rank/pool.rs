//! The sets of rivals that were found to block a token, how often each rival was used, and the shares that pack most.

use std::collections::HashMap;

use super::oracle::Weights;
use crate::certify::rank::WHOLE;

/// A set of rivals that blocks the token, as proposed.
pub struct Entry {
    /// Ids rise.
    pub rivals: Vec<u32>,
    /// The weights; `None` for the set of the verdict as long as the search did not find it too.
    pub weights: Option<Weights>,
}

/// Sets, and how often each rival was used.
#[derive(Default)]
pub struct Pool {
    /// The sets.
    pub entries: Vec<Entry>,
    uses: HashMap<u32, u32>,
    most: u32,
}

impl Pool {
    /// Adds a set, unless it is there, and returns its index.
    pub fn add(&mut self, entry: Entry) -> usize {
        let known = self.entries.iter().position(|e| e.rivals == entry.rivals);
        match known {
            Some(index) => {
                let weights = &mut self.entries[index].weights;
                *weights = weights.take().or(entry.weights);
                index
            }
            None => {
                self.entries.push(entry);
                self.entries.len() - 1
            }
        }
    }

    /// Forgets all uses.
    pub fn rest(&mut self) {
        self.uses.clear();
        self.most = 0;
    }

    /// Uses a set once more.
    pub fn charge(&mut self, index: usize) {
        for &j in &self.entries[index].rivals {
            let uses = self.uses.entry(j).or_default();
            *uses += 1;
            self.most = self.most.max(*uses);
        }
    }

    /// The price of a rival: `2^(growth (uses - most uses of any rival))`, and 0 for one that was not used
    /// (multiplicative weights; Plotkin, Shmoys and Tardos 1995).
    pub fn price(&self, growth: u32, rival: u32) -> f64 {
        match self.uses.get(&rival) {
            Some(&uses) => 2f64.powi(-(((self.most - uses) * growth) as i32)),
            None => 0.0,
        }
    }

    /// The set that allows the largest handicap at these prices, and that handicap; only sets with weights count.
    pub fn cheapest(&self, growth: u32) -> Option<(usize, f64)> {
        let price = |j: u32| self.price(growth, j);
        let handicaps = self.entries.iter().enumerate();
        let handicaps = handicaps.filter_map(|(i, e)| Some((i, e.weights.as_ref()?)));
        let handicaps = handicaps.map(|(i, weights)| (i, weights.handicap(&price)));
        handicaps.max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)))
    }
}

/// Shares of sets, in units of 1 / [`WHOLE`], that make a large sum while no rival's shares exceed [`WHOLE`].
pub fn shares(sets: &[&[u32]]) -> Vec<u64> {
    let greedy = disjoint(sets);
    #[cfg(feature = "lp")]
    if let Some(packed) = packed(sets) {
        let total = |shares: &[u64]| shares.iter().sum::<u64>().div_ceil(WHOLE);
        if total(&packed) > total(&greedy) {
            return packed;
        }
    }
    greedy
}

/// Shares of 1 for sets that are pairwise disjoint, chosen greedily, small sets first.
fn disjoint(sets: &[&[u32]]) -> Vec<u64> {
    let mut order: Vec<usize> = (0..sets.len()).collect();
    order.sort_by_key(|&i| (sets[i].len(), i));
    let (mut taken, mut shares) = (Vec::new(), vec![0; sets.len()]);
    for i in order {
        if sets[i].iter().all(|j| !taken.contains(j)) {
            taken.extend_from_slice(sets[i]);
            shares[i] = WHOLE;
        }
    }
    shares
}

/// The optimum of the linear program, rounded down, and lowered where that is not enough.
#[cfg(feature = "lp")]
fn packed(sets: &[&[u32]]) -> Option<Vec<u64>> {
    use crate::prove::polyhedron::linear_program::packing;

    let mut ids: Vec<u32> = sets.iter().flat_map(|set| set.iter().copied()).collect();
    ids.sort_unstable();
    ids.dedup();
    let place = |j: &u32| ids.binary_search(j).unwrap_or_default();
    let places: Vec<Vec<usize>> = sets.iter().map(|set| set.iter().map(place).collect()).collect();
    let optimum = packing(&places, ids.len())?;
    let mut shares: Vec<u64> =
        optimum.iter().map(|share| (share.clamp(0.0, 1.0) * WHOLE as f64).floor() as u64).collect();
    for element in 0..ids.len() {
        let of: Vec<usize> = (0..sets.len()).filter(|&i| places[i].contains(&element)).collect();
        let mut excess = of.iter().map(|&i| shares[i]).sum::<u64>().saturating_sub(WHOLE);
        for i in of {
            let less = excess.min(shares[i]);
            shares[i] -= less;
            excess -= less;
        }
    }
    Some(shares)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_rival_has_more_than_a_whole_share() {
        let sets: Vec<Vec<u32>> =
            (0..9u32).map(|i| (0..9).filter(|j| (i * j + i + j) % 4 < 2).collect()).collect();
        let sets: Vec<&[u32]> = sets.iter().map(Vec::as_slice).collect();
        let shares = shares(&sets);
        for rival in 0..9 {
            let of = sets.iter().zip(&shares).filter(|(set, _)| set.contains(&rival));
            assert!(of.map(|(_, share)| share).sum::<u64>() <= WHOLE);
        }
        assert!(shares.iter().sum::<u64>() > WHOLE);
    }

    #[cfg(feature = "lp")]
    #[test]
    fn sets_that_meet_in_pairs_have_half_shares() {
        let total: u64 = shares(&[&[1, 2], &[2, 7], &[1, 7]]).iter().sum();
        assert_eq!(total.div_ceil(WHOLE), 2);
        assert_eq!(disjoint(&[&[1, 2], &[2, 7], &[1, 7]]), [WHOLE, 0, 0]);
    }
}
