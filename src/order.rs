//! The orders in which tokens, rivals and numbers are put.
//!
//! The standard library's sorting is compiled anew for every closure that compares; here it is compiled once for each type.

/// Puts pairs of a score and what has it in the order of falling scores; of equal scores, the lesser comes first.
pub fn highest_first<T: Ord>(scored: &mut [(f64, T)]) {
    scored.sort_unstable_by(falling);
}

/// Keeps the `count` first pairs in the order of [`highest_first`], in this order.
pub fn keep_highest<T: Ord>(scored: &mut Vec<(f64, T)>, count: usize) {
    if scored.len() > count {
        scored.select_nth_unstable_by(count, falling);
        scored.truncate(count);
    }
    highest_first(scored);
}

/// The items by falling score; of equal scores, the lesser comes first.
pub fn by_score<T: Ord + Copy>(items: Vec<T>, score: &dyn Fn(T) -> f64) -> Vec<T> {
    let mut scored: Vec<(f64, T)> = items.into_iter().map(|item| (score(item), item)).collect();
    highest_first(&mut scored);
    scored.into_iter().map(|pair| pair.1).collect()
}

/// Puts pairs of what has a weight and the weight in the order of falling weights; of equal weights, the lesser comes first.
pub fn heaviest_first<T: Ord>(weighted: &mut [(T, f64)]) {
    weighted.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
}

/// Puts items in the order of their tokens. The keys are cached because they are then what is sorted, whatever the items.
pub fn by_token<T>(items: &mut [T], token: impl Fn(&T) -> u32) {
    items.sort_by_cached_key(token);
}

fn falling<T: Ord>(a: &(f64, T), b: &(f64, T)) -> std::cmp::Ordering {
    b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_scores_come_first_and_equal_ones_in_the_order_of_their_items() {
        let scores = [1.0, -0.0, f64::INFINITY, 1.0, 0.0, f64::NEG_INFINITY, 1.0];
        let order = by_score((0..scores.len()).rev().collect(), &|i| scores[i]);
        assert_eq!(order, [2, 0, 3, 6, 4, 1, 5]);
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
}
