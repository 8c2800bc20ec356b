//! Random sets of labels.

use std::collections::HashSet;

use crate::error::{Error, Result};
use crate::split_mix::SplitMix;

/// Draws `count` different sets of `size` of `labels` labels, each a rising list, in the order in which they were drawn.
/// A smaller sample by the same seed is the beginning of a larger one.
///
/// # Errors
/// There are not so many labels, or not so many sets.
pub fn sample(labels: usize, count: usize, size: usize, seed: u64) -> Result<Vec<Vec<u32>>> {
    if size > labels {
        return Err(Error::Invalid(format!(
            "a set of {size} labels was asked for, but there are {labels} labels"
        )));
    }
    let there_are = binomial(labels, size, count);
    if there_are < count {
        return Err(Error::Invalid(format!(
            "{count} sets of {size} of {labels} labels were asked for, but there are {there_are}"
        )));
    }
    let mut generator = SplitMix::new(seed);
    let (mut seen, mut sets) = (HashSet::new(), Vec::new());
    while sets.len() < count {
        let set = drawn(labels, size, &mut generator);
        if seen.insert(set.clone()) {
            sets.push(set);
        }
    }
    Ok(sets)
}

/// A set of `size` of `labels` labels, by Floyd's method (Bentley and Floyd, Communications of the ACM 1987).
fn drawn(labels: usize, size: usize, generator: &mut SplitMix) -> Vec<u32> {
    let mut set = std::collections::BTreeSet::new();
    for last in labels - size..labels {
        let label = generator.below(last + 1) as u32;
        if !set.insert(label) {
            set.insert(last as u32);
        }
    }
    set.into_iter().collect()
}

/// The number of sets of `size` of `labels`, or some number of at least `enough`.
fn binomial(labels: usize, size: usize, enough: usize) -> usize {
    let mut sets: u128 = 1;
    for i in 0..size.min(labels - size) {
        sets = sets * (labels - i) as u128 / (i + 1) as u128;
        if sets >= enough as u128 {
            return enough;
        }
    }
    sets as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_of_different_sets_of_the_size_and_smaller_ones_begin_larger_ones() {
        let sets = sample(9, 80, 3, 12).unwrap();
        assert_eq!(sets.iter().collect::<HashSet<_>>().len(), 80);
        let rises = |set: &Vec<u32>| set.windows(2).all(|w| w[0] < w[1]) && set[2] < 9;
        assert!(sets.iter().all(|set| set.len() == 3 && rises(set)));
        assert_eq!(sample(9, 20, 3, 12).unwrap(), sets[..20]);
        assert_ne!(sample(9, 20, 3, 13).unwrap(), sets[..20]);
        // All sets there are, the empty one and the whole one.
        assert_eq!(sample(9, 84, 3, 1).unwrap().len(), 84);
        assert_eq!(sample(4, 1, 0, 1).unwrap(), [Vec::<u32>::new()]);
        assert_eq!(sample(4, 1, 4, 1).unwrap(), [vec![0, 1, 2, 3]]);
    }

    #[test]
    fn more_sets_than_there_are_are_an_error() {
        for (labels, count, size, says) in
            [(9, 85, 3, "there are 84"), (4, 2, 0, "there are 1"), (4, 1, 5, "there are 4 labels")]
        {
            let said = sample(labels, count, size, 1).unwrap_err().to_string();
            assert!(said.contains(says), "{said}");
        }
    }
}
