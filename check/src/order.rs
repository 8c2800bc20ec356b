//! The orders in which tokens, rows and numbers are put.
//!
//! The standard library's sorting is some two thousand lines for the compiler's optimiser, anew for each type and each
//! comparison. Here it is compiled for three: integers that are keys, ids, and places under a comparison. All orders are
//! stable or have no equal elements that differ.

use std::cmp::Ordering;

/// Puts keys in rising order.
#[inline(never)]
pub fn rising(keys: &mut [u128]) {
    keys.sort_unstable();
}

/// Keeps the `count` least keys, in rising order.
#[inline(never)]
pub fn keep_least(keys: &mut Vec<u128>, count: usize) {
    if keys.len() > count {
        keys.select_nth_unstable(count);
        keys.truncate(count);
    }
    rising(keys);
}

/// Puts ids in rising order, each once.
#[inline(never)]
pub fn distinct(ids: &mut Vec<u32>) {
    ids.sort_unstable();
    ids.dedup();
}

/// An integer that is the larger, the larger a float is in the order of `total_cmp`.
pub fn rank_of(x: f64) -> u64 {
    let bits = x.to_bits();
    if bits & SIGN == 0 { bits | SIGN } else { !bits }
}

/// The float of a [`rank_of`], to the last bit.
pub fn float_of(rank: u64) -> f64 {
    f64::from_bits(if rank & SIGN == 0 { !rank } else { rank & !SIGN })
}

const SIGN: u64 = 1 << 63;

/// Puts floats in the order of `total_cmp`.
#[inline(never)]
pub fn rising_floats(numbers: &mut [f64]) {
    let mut keys: Vec<u128> = numbers.iter().map(|&x| u128::from(rank_of(x))).collect();
    rising(&mut keys);
    for (x, key) in numbers.iter_mut().zip(keys) {
        *x = float_of(key as u64);
    }
}

/// Puts items in the order of their tokens; those of one token keep their order.
pub fn by_token<T>(items: &mut [T], token: impl Fn(&T) -> u32) {
    by_key(items, &|item| u64::from(token(item)));
}

/// Puts items in rising order of a key; those of one key keep their order.
pub fn by_key<T>(items: &mut [T], key: &dyn Fn(&T) -> u64) {
    let mut keys = Vec::with_capacity(items.len());
    for item in items.iter() {
        keys.push(key(item));
    }
    arrange(items, &mut places_of(&keys));
}

/// Puts items in the order of a comparison; equal ones keep their order.
pub fn by<T>(items: &mut [T], compare: &dyn Fn(&T, &T) -> Ordering) {
    let mut places: Vec<u32> = (0..items.len() as u32).collect();
    compared(&mut places, &|a, b| compare(&items[a as usize], &items[b as usize]));
    arrange(items, &mut places);
}

/// The places of keys in rising order of the keys; of equal keys, the first comes first.
#[inline(never)]
pub(crate) fn places_of(keys: &[u64]) -> Vec<u32> {
    let mut keyed: Vec<u128> =
        keys.iter().zip(0u32..).map(|(&key, place)| with_place(key, place)).collect();
    rising(&mut keyed);
    keyed.into_iter().map(|keyed| keyed as u32).collect()
}

/// A key that has the order of `key`, and of `place` where that is equal.
fn with_place(key: u64, place: u32) -> u128 {
    u128::from(key) << 32 | u128::from(place)
}

/// Puts places in the order of a comparison; equal ones keep their order.
#[inline(never)]
pub(crate) fn compared(places: &mut [u32], compare: &dyn Fn(u32, u32) -> Ordering) {
    places.sort_by(|&a, &b| compare(a, b));
}

/// Moves the item of each of these places, in this order, to the front.
pub(crate) fn arrange<T>(items: &mut [T], places: &mut [u32]) {
    for i in 0..items.len() {
        // An item that a swap took away from its place is where that swap put it.
        let mut from = places[i] as usize;
        while from < i {
            from = places[from] as usize;
        }
        places[i] = from as u32;
        items.swap(i, from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers without a pattern, many of them equal.
    fn numbers(count: u32) -> Vec<u32> {
        (0..count).map(|i| i.wrapping_mul(2_654_435_761) >> 20 & 0xFF).collect()
    }

    #[test]
    fn ranks_have_the_total_order_of_floats_and_give_them_back() {
        let tiny = f64::from_bits(1);
        let numbers = [f64::NEG_INFINITY, -1.5, -tiny, -0.0, 0.0, tiny, 2.5, f64::INFINITY];
        let rising = [&[-f64::NAN][..], &numbers, &[f64::NAN]].concat();
        assert!(rising.windows(2).all(|pair| rank_of(pair[0]) < rank_of(pair[1])));
        assert!(rising.iter().all(|x| float_of(rank_of(*x)).to_bits() == x.to_bits()));
        let mut sorted: Vec<f64> = rising.iter().rev().copied().collect();
        rising_floats(&mut sorted);
        assert!(sorted.iter().zip(&rising).all(|(x, y)| x.to_bits() == y.to_bits()));
    }

    #[test]
    fn items_of_one_key_keep_their_order() {
        for count in [0, 1, 2, 7, 100, 5000] {
            let items: Vec<(u32, u32)> = numbers(count).into_iter().zip(0..).collect();
            let mut expected = items.clone();
            expected.sort_by_key(|item| item.0);
            let (mut tokens, mut compared) = (items.clone(), items);
            by_token(&mut tokens, |item| item.0);
            by(&mut compared, &|a, b| a.0.cmp(&b.0));
            assert_eq!(tokens, expected, "{count}");
            assert_eq!(compared, expected, "{count}");
        }
    }

    #[test]
    fn the_least_keys_are_the_beginning_of_all_in_order() {
        let keys: Vec<u128> = numbers(300).into_iter().map(u128::from).collect();
        let mut all = keys.clone();
        rising(&mut all);
        for count in [0, 1, 5, 299, 300, 301] {
            let mut least = keys.clone();
            keep_least(&mut least, count);
            assert_eq!(least, all[..count.min(300)], "{count}");
        }
    }

    #[test]
    fn distinct_ids_are_rising() {
        let mut ids = vec![7, 3, 7, 0, 3];
        distinct(&mut ids);
        assert_eq!(ids, [0, 3, 7]);
    }
}
