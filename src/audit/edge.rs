//! Tokens that are still undecided in a ball: the searches for best gaps and efforts try them once more.

use super::{Audit, Options};
use crate::certify::Verdict;
use crate::measure::effort::{self, Known};
use crate::measure::margin;
use crate::order::ByToken;
use crate::problem::Problem;

/// Tries to decide the undecided tokens of a ball by the searches for best gaps and then for efforts: a measurement
/// of a token must not find more than its verdict says.
pub fn decide(
    problem: &Problem,
    verdicts: &mut [(u32, Verdict)],
    free: Option<&Audit>,
    options: Options,
) {
    if problem.domain().ball().is_none() {
        return;
    }
    for by_gap in [true, false] {
        // One token of each group of equals is decided for all of them, so that they share one proof.
        let open = verdicts.iter().filter(|v| matches!(v.1, Verdict::Undecided(_)));
        let open = open.map(|(token, verdict)| (problem.equals(*token)[0], verdict));
        let open: Vec<(u32, &Verdict)> = ByToken::new(open.collect()).into_vec();
        if open.is_empty() {
            return;
        }
        options.progress.begin("edge", open.len(), "tokens");
        let decided = if by_gap {
            margin::decided(problem, &open, options.progress)
        } else {
            let known = |(token, verdict): (u32, _)| {
                let free = free.and_then(|audit| audit.verdict(token));
                Known { token, verdict, free }
            };
            let open: Vec<Known> = open.into_iter().map(known).collect();
            beyond(problem, |outer| effort::decided(problem, outer, &open, options.progress))
        };
        let decided = ByToken::new(decided);
        for (token, verdict) in verdicts.iter_mut() {
            let found = decided.get(&problem.equals(*token)[0]);
            if let (Verdict::Undecided(_), Some(found)) = (&verdict, found) {
                *verdict = found.clone();
            }
        }
    }
}

/// Calls `look` with the same problem over a ball larger by the factor [`effort::BEYOND`].
pub fn beyond<R>(problem: &Problem, look: impl FnOnce(&Problem) -> R) -> R {
    let larger = problem
        .domain()
        .ball()
        .and_then(|ball| problem.domain().clone().within(ball.enlarged(effort::BEYOND).ok()?).ok());
    // Near the limits of float64 there is no larger ball, and the problem itself is used.
    let outer = larger.as_ref().and_then(|domain| problem.resized(domain));
    look(outer.as_ref().unwrap_or(problem))
}
