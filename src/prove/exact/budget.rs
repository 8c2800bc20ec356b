//! The last resort: exact integer linear programs under a budget that all open tokens share.
//!
//! A token near a facet may take any amount of arithmetic. So every open token is tried with a small share first, the
//! remaining ones with a larger share, and so on, until the budget is spent. Shares and sums are counted in
//! operations, and tokens are taken in id order, a fixed number at a time: the result is the same on every machine,
//! with any number of threads.

use crate::certify::Verdict;
use crate::order;
use crate::parallel;
use crate::problem::Problem;
use crate::progress::Progress;
use crate::prove::{Open, exact::simplex};

/// The budget of one token in each pass, in limb products: the last takes some seconds.
const SHARES: [u64; 3] = [1 << 24, 1 << 28, 1 << 32];
/// The budget of all tokens of one audit together, in limb products.
const TOTAL: u64 = 1 << 37;
/// The number of tokens tried before their cost is subtracted.
const TRIED_TOGETHER: usize = 32;

/// Decides open tokens (ids rising); those that the budget does not cover stay undecided.
pub fn decide(problem: &Problem, open: Vec<Open>, progress: &dyn Progress) -> Vec<(u32, Verdict)> {
    decide_within(problem, open, (SHARES, TOTAL), progress)
}

/// [`decide`] with these shares and this total.
fn decide_within(
    problem: &Problem,
    open: Vec<Open>,
    (shares, total): ([u64; 3], u64),
    progress: &dyn Progress,
) -> Vec<(u32, Verdict)> {
    let mut verdicts = Vec::new();
    let (mut left, mut rest) = (total, open);
    for share in shares {
        let mut again = Vec::new();
        while !rest.is_empty() && left >= share {
            let count = rest.len().min(TRIED_TOGETHER).min((left / share) as usize);
            let these: Vec<Open> = rest.drain(..count).collect();
            let tried = parallel::map_owned(these, &|open: Open| {
                progress.advance(0);
                let tried = simplex::decide(problem, open.token, &open.working, share);
                (open, tried)
            });
            for (open, tried) in tried {
                left = left.saturating_sub(tried.spent);
                match tried.verdict {
                    Some(verdict) => verdicts.push((open.token, verdict)),
                    None if tried.by_budget => again.push(open),
                    // A token that was given up for another reason is not tried again.
                    None => verdicts.push((open.token, open.undecided)),
                }
            }
        }
        again.append(&mut rest);
        rest = again;
    }
    verdicts.extend(rest.into_iter().map(|open| (open.token, open.undecided.by_budget())));
    order::by_token(&mut verdicts, |v| v.0);
    verdicts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certify;
    use crate::certify::interval::Margin;
    use crate::domain::Domain;
    use crate::head::Head;
    use crate::progress::Silent;

    /// Tokens on a sphere of small integers, all of them open, with no hint.
    fn names(total: u64, threads: usize) -> Vec<(&'static str, bool)> {
        let number = |i: usize| ((i * i * 7919 + i * 104729) % 1009 % 17) as f64 - 8.0;
        let head = Head::new((0..40 * 4).map(number).collect::<Vec<f64>>(), None, 40, 4).unwrap();
        let domain = Domain::free(4);
        let problem = Problem::new(&head, &domain).unwrap();
        let undecided = certify::undecided("open", Margin::unknown());
        let open = (0..40).filter(|&t| problem.equals(t).len() == 1);
        let open =
            open.map(|token| Open { token, working: Vec::new(), undecided: undecided.clone() });
        let open: Vec<Open> = open.collect();
        let verdicts = parallel::in_pool(threads, || {
            decide_within(&problem, open, ([1 << 8, 1 << 11, 1 << 20], total), &Silent)
        });
        let verdicts = verdicts.unwrap();
        let name = |v: &Verdict| (v.name(), matches!(v, Verdict::Undecided(u) if u.is_by_budget()));
        verdicts.iter().map(|v| name(&v.1)).collect()
    }

    #[test]
    fn a_budget_is_shared_and_what_it_leaves_open_is_the_same_for_any_number_of_threads() {
        let all = names(u64::MAX, 1);
        assert!(all.len() > 30 && all.iter().all(|n| n.0 != "undecided"));
        let mut counts = Vec::new();
        for total in [0, 1 << 12, 1 << 15, 1 << 17] {
            let some = names(total, 1);
            assert_eq!(some, names(total, 3));
            let agree = some.iter().zip(&all).all(|(a, b)| a.0 == b.0 || *a == ("undecided", true));
            assert!(agree, "{total}");
            counts.push(some.iter().filter(|n| n.1).count());
        }
        assert!(counts.is_sorted_by(|a, b| a >= b) && counts[0] == all.len(), "{counts:?}");
        assert!(counts.iter().any(|n| 0 < *n && *n < all.len()), "{counts:?}");
    }
}
