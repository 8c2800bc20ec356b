//! The orders in which tokens, rivals and numbers are put.
//!
//! Scores and what has them are packed into integers, which the trusted crate sorts; so no sort is compiled here.

pub use unargmax_check::order::{by_key, by_token, distinct, rank_of, rising_floats};
use unargmax_check::order::{float_of, keep_least, rising};

/// What can have a score: it is an integer, in the same order.
pub trait Ranked: Copy {
    /// The integer.
    fn number(self) -> u64;
    /// What has this integer.
    fn of(number: u64) -> Self;
}

impl Ranked for u32 {
    fn number(self) -> u64 {
        u64::from(self)
    }
    fn of(number: u64) -> Self {
        number as u32
    }
}

impl Ranked for usize {
    fn number(self) -> u64 {
        self as u64
    }
    fn of(number: u64) -> Self {
        number as usize
    }
}

/// Puts pairs of a score and what has it in the order of falling scores; of equal scores, the lesser comes first.
pub fn highest_first<T: Ranked>(scored: &mut [(f64, T)]) {
    let mut keys = Vec::with_capacity(scored.len());
    for &(score, item) in scored.iter() {
        keys.push(falling(score, item));
    }
    rising(&mut keys);
    for (place, key) in scored.iter_mut().zip(keys) {
        *place = scored_of(key);
    }
}

/// Keeps the `count` first pairs in the order of [`highest_first`], in this order.
pub fn keep_highest<T: Ranked>(scored: &mut Vec<(f64, T)>, count: usize) {
    let mut keys = Vec::with_capacity(scored.len());
    for &(score, item) in scored.iter() {
        keys.push(falling(score, item));
    }
    keep_least(&mut keys, count);
    scored.truncate(keys.len());
    for (place, key) in scored.iter_mut().zip(keys) {
        *place = scored_of(key);
    }
}

/// The items by falling score; of equal scores, the lesser comes first.
pub fn by_score(items: Vec<u32>, score: &dyn Fn(u32) -> f64) -> Vec<u32> {
    let mut keys: Vec<u128> = items.into_iter().map(|item| falling(score(item), item)).collect();
    rising(&mut keys);
    keys.into_iter().map(|key| key as u32).collect()
}

/// Puts pairs of what has a weight and the weight in the order of falling weights; of equal weights, the lesser comes first.
pub fn heaviest_first<T: Ranked>(weighted: &mut [(T, f64)]) {
    let mut keys = Vec::with_capacity(weighted.len());
    for &(item, weight) in weighted.iter() {
        keys.push(falling(weight, item));
    }
    rising(&mut keys);
    for (place, key) in weighted.iter_mut().zip(keys) {
        let (weight, item) = scored_of(key);
        *place = (item, weight);
    }
}

/// The key of a pair in the order of [`highest_first`].
fn falling<T: Ranked>(score: f64, item: T) -> u128 {
    u128::from(!rank_of(score)) << 64 | u128::from(item.number())
}

/// The pair of a key.
fn scored_of<T: Ranked>(key: u128) -> (f64, T) {
    (float_of(!((key >> 64) as u64)), T::of(key as u64))
}

/// What was found for tokens, in the order of their ids.
#[derive(Clone, Debug)]
pub struct ByToken<T>(Vec<(u32, T)>);

impl<T> ByToken<T> {
    /// Orders what was found; of several for one token, the last counts.
    pub fn new(mut found: Vec<(u32, T)>) -> Self {
        by_token(&mut found, |f| f.0);
        found.dedup_by(|later, kept| {
            let same = later.0 == kept.0;
            if same {
                std::mem::swap(later, kept);
            }
            same
        });
        ByToken(found)
    }

    /// What was found for a token.
    pub fn get(&self, token: &u32) -> Option<&T> {
        let place = self.0.partition_point(|f| f.0 < *token);
        self.0.get(place).filter(|f| f.0 == *token).map(|f| &f.1)
    }

    /// Whether something was found for a token.
    pub fn has(&self, token: u32) -> bool {
        self.get(&token).is_some()
    }

    /// The number of tokens.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The tokens, ids rising, with what was found.
    pub fn into_vec(self) -> Vec<(u32, T)> {
        self.0
    }
}

impl<T> FromIterator<(u32, T)> for ByToken<T> {
    fn from_iter<I: IntoIterator<Item = (u32, T)>>(found: I) -> Self {
        ByToken::new(found.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certify::Rival;

    #[test]
    fn the_highest_scores_come_first_and_equal_ones_in_the_order_of_their_items() {
        let scores = [1.0, -0.0, f64::INFINITY, 1.0, 0.0, f64::NEG_INFINITY, 1.0];
        let order = by_score((0..scores.len() as u32).rev().collect(), &|i| scores[i as usize]);
        assert_eq!(order, [2, 0, 3, 6, 4, 1, 5]);
        let mut scored: Vec<(f64, u32)> = scores.into_iter().zip(0..7u32).rev().collect();
        highest_first(&mut scored);
        assert_eq!(scored.iter().map(|s| s.1).collect::<Vec<_>>(), order);
        assert!(scored.iter().all(|s| s.0.to_bits() == scores[s.1 as usize].to_bits()));
    }

    #[test]
    fn rivals_of_equal_weight_are_in_their_own_order() {
        let rising = [Rival::Token(0), Rival::Token(u32::MAX), Rival::Lower(0), Rival::Upper(0)];
        assert!(rising.is_sorted());
        let mut weighted: Vec<(Rival, f64)> = rising.iter().rev().map(|&r| (r, 0.5)).collect();
        weighted.push((Rival::Upper(9), 2.0));
        heaviest_first(&mut weighted);
        assert_eq!(weighted[0], (Rival::Upper(9), 2.0));
        assert!(weighted[1..].iter().map(|w| w.0).eq(rising));
    }

    #[test]
    fn the_kept_ones_are_the_beginning_of_the_whole_order() {
        let scored: Vec<(f64, u32)> = (0..100).map(|i| (f64::from(i * 37 % 19), i)).collect();
        let mut all = scored.clone();
        highest_first(&mut all);
        for count in [0, 1, 5, 99, 100, 101] {
            let mut kept = scored.clone();
            keep_highest(&mut kept, count);
            assert_eq!(kept, all[..count.min(100)], "{count}");
        }
    }

    #[test]
    fn items_of_one_token_keep_their_order() {
        let mut items = [(3, 'a'), (1, 'b'), (3, 'c'), (2, 'd'), (1, 'e')];
        by_token(&mut items, |item| item.0);
        assert_eq!(items, [(1, 'b'), (1, 'e'), (2, 'd'), (3, 'a'), (3, 'c')]);
    }

    #[test]
    fn the_last_thing_found_for_a_token_counts() {
        let found: ByToken<char> =
            [(3, 'a'), (1, 'b'), (3, 'c'), (2, 'd'), (3, 'e')].into_iter().collect();
        assert_eq!(
            [0, 1, 2, 3, 4].map(|t| found.get(&t)),
            [None, Some(&'b'), Some(&'d'), Some(&'e'), None]
        );
        assert_eq!(found.into_vec(), [(1, 'b'), (2, 'd'), (3, 'e')]);
    }
}
