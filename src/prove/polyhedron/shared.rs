//! Shares losing weights: rivals that prove one token lost often prove many others lost too.
//!
//! Rows of tokens that were hardly trained lie close together, deep inside the hull of the others. So after a search
//! that ends with a loss, its rivals are tried on open tokens, the nearest first: `d^2` operations for a token, where
//! a search takes some `10 d^3`. Tokens are searched in rounds whose sizes depend only on what was found before, so
//! the verdicts are the same with any number of threads.

use crate::certify::enclosure::Basis;
use crate::certify::{Loss, Verdict, lost_on};
use crate::order;
use crate::parallel;
use crate::prove::Decision;
use crate::prove::polyhedron::system::System;
use crate::prove::polyhedron::working_set::Start;

/// The number of tokens searched in the first round; each later round has twice as many, up to [`MOST`].
const FIRST: usize = 4;
/// The most tokens searched in a round while trials go on.
const MOST: usize = 256;
/// The number of open tokens on which the rivals of a loss are tried first; each later time there are twice as many.
const TRIED: usize = 32;
/// The rivals of a loss are tried on more tokens as long as at least one in this number is lost.
const ONE_IN: usize = 4;
/// The trials end when this many more of them were vain than tokens were lost.
const PATIENCE: usize = 64;

/// A token that is not decided yet.
struct Waiting {
    token: u32,
    start: Start,
    /// Its scaled row.
    place: Vec<f64>,
}

/// Decides tokens by `search`, and by the rivals of the losses found so far. `done` is called for each token
/// that was not searched.
pub fn decide(
    system: &System,
    tokens: Vec<(u32, Start)>,
    search: &dyn Fn(Vec<(u32, Start)>) -> Vec<(u32, Decision)>,
    done: &(dyn Fn() + Sync),
) -> Vec<(u32, Decision)> {
    let waiting = |(token, start)| Waiting { token, start, place: system.place(token) };
    let mut open: Vec<Waiting> = parallel::map_owned(tokens, &waiting);
    // Tokens that are behind many rivals lie deep inside the hull.
    order::by_token(&mut open, |waiting| waiting.token);
    order::by_key(&mut open, &|waiting| !(waiting.start.behind.len() as u64));
    let mut decided = Vec::with_capacity(open.len());
    let (mut patience, mut round) = (PATIENCE, FIRST);
    while !open.is_empty() {
        let count = if patience == 0 { open.len() } else { round.min(open.len()) };
        let these = open.drain(..count).map(|waiting| (waiting.token, waiting.start));
        let mut found = search(these.collect());
        // The order of a search depends on the number of threads.
        order::by_token(&mut found, |(token, _)| *token);
        for (token, decision) in &found {
            if patience == 0 || open.is_empty() {
                break;
            }
            let Some(basis) = decision.as_ref().ok().and_then(|verdict| basis(system, verdict))
            else {
                continue;
            };
            let lost = lose_on(system, &basis, &system.place(*token), &mut open);
            patience = (patience - 1 + lost.len()).min(PATIENCE);
            lost.iter().for_each(|_| done());
            decided.extend(lost.into_iter().map(|(token, verdict)| (token, Ok(verdict))));
        }
        decided.extend(found);
        round = (2 * round).min(MOST);
    }
    decided
}

/// The rivals of a loss, for other tokens.
fn basis(system: &System, verdict: &Verdict) -> Option<Basis> {
    match verdict {
        Verdict::Unargmaxable(Loss::Enclosed(loss)) => Basis::of(system.problem(), loss.support()),
        _ => None,
    }
}

/// Takes the tokens that lose on a basis out of `open`; the tokens nearest to `place` are tried, and further ones as
/// long as many are lost.
fn lose_on(
    system: &System,
    basis: &Basis,
    place: &[f64],
    open: &mut Vec<Waiting>,
) -> Vec<(u32, Verdict)> {
    let distances = parallel::map(open.len(), &|i| distance(place, &open[i].place));
    let nearest = order::by_score((0..open.len() as u32).collect(), &|i| -distances[i as usize]);
    let mut lost: Vec<Option<Verdict>> = open.iter().map(|_| None).collect();
    let (mut rest, mut count) = (nearest.as_slice(), TRIED);
    while !rest.is_empty() {
        count = count.min(rest.len());
        let (these, further) = rest.split_at(count);
        let found = parallel::map(count, &|at| {
            lost_on(system.problem(), open[these[at] as usize].token, basis)
        });
        let mut hits = 0;
        for (&i, verdict) in these.iter().zip(found) {
            hits += usize::from(verdict.is_some());
            lost[i as usize] = verdict;
        }
        if hits * ONE_IN < count {
            break;
        }
        rest = further;
        count *= 2;
    }
    let (mut taken, mut stays) = (Vec::new(), Vec::new());
    for (waiting, verdict) in open.drain(..).zip(lost) {
        match verdict {
            Some(verdict) => taken.push((waiting.token, verdict)),
            None => stays.push(waiting),
        }
    }
    *open = stays;
    taken
}

/// The squared distance of two places.
fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::domain::Domain;
    use crate::head::Head;
    use crate::problem::Problem;
    use crate::prove::least_distance::LeastDistance;
    use crate::prove::polyhedron::decide as apart;

    /// Numbers between -1 and 1, the same for the same seed.
    fn numbers(seed: u64) -> impl FnMut() -> f64 {
        let mut state = seed;
        move || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 33) as f64 / 2f64.powi(30) - 1.0
        }
    }

    /// The verdicts of all tokens but dominated ones, with and without sharing, and how many tokens were searched with
    /// it. Searches start from the rivals `behind`.
    fn both_ways(
        head: &Head,
        domain: &Domain,
        behind: &[u32],
    ) -> (Vec<&'static str>, Vec<&'static str>, usize) {
        let problem = Problem::new(head, domain).unwrap();
        let system = System::new(&problem);
        let start = || {
            let near = vec![0.0; head.dim()];
            Start { near, behind: behind.to_vec(), may_win: false }
        };
        let tokens = (0..head.tokens() as u32)
            .filter(|&t| crate::certify::dominated(&problem, t).is_none())
            .map(|t| (t, start()));
        let tokens: Vec<(u32, Start)> = tokens.collect();
        let searched = Cell::new(0);
        let search = |tokens: Vec<(u32, Start)>| {
            searched.set(searched.get() + tokens.len());
            apart::decide::<LeastDistance>(&system, None, tokens, &|| {})
        };
        let names = |mut decided: Vec<(u32, Decision)>| {
            order::by_token(&mut decided, |d| d.0);
            decided.iter().map(|d| d.1.as_ref().map_or("open", Verdict::name)).collect()
        };
        let alone: Vec<&str> = names(search(tokens.clone()));
        searched.set(0);
        let shared = names(decide(&system, tokens, &search, &|| {}));
        (alone, shared, searched.get())
    }

    #[test]
    fn a_crowd_inside_the_hull_is_decided_with_few_searches() {
        let (dim, outer, crowd) = (8, 60, 300);
        let mut number = numbers(7);
        let far: Vec<f64> = (0..outer * dim).map(|_| number()).collect();
        let mean = |k: usize| far.iter().skip(k).step_by(dim).sum::<f64>() / outer as f64;
        let centre: Vec<f64> = (0..dim).map(mean).collect();
        let mut rows: Vec<f64> =
            (0..crowd).flat_map(|_| &centre).map(|c| c + 1e-5 * number()).collect();
        rows.extend(far);
        let others: Vec<u32> = (crowd as u32..(crowd + outer) as u32).collect();
        let head = Head::new(rows, None, crowd + outer, dim).unwrap();
        let (alone, shared, searched) = both_ways(&head, &Domain::free(dim), &others);
        assert_eq!(alone, shared);
        assert!(shared[..crowd].iter().all(|name| *name == "unargmaxable"));
        assert!(searched <= FIRST + outer, "{searched} searches");
    }

    #[test]
    fn the_verdicts_are_those_of_separate_searches_on_degenerate_heads_too() {
        for seed in 0..60 {
            let mut number = numbers(seed);
            let (dim, count) = (2 + seed as usize % 4, 40);
            // Coarse numbers give equal rows, and rows on faces.
            let steps = [1.0, 2.0, 4.0, 1e6][seed as usize % 4];
            let mut coarse = || (number() * steps).round() / steps;
            let rows: Vec<f64> = (0..count * dim).map(|_| coarse()).collect();
            let bias = (seed % 3 == 0).then(|| (0..count).map(|_| coarse()).collect());
            let head = Head::new(rows, bias, count, dim).unwrap();
            let range = |lo, hi| Domain::range(dim, lo, hi).unwrap();
            for domain in [Domain::free(dim), range(0.0, f64::INFINITY), range(-0.5, 2.0)] {
                let (alone, shared, _) = both_ways(&head, &domain, &[]);
                assert_eq!(alone, shared, "seed {seed}, {domain}");
            }
        }
    }

    #[test]
    fn the_proofs_do_not_depend_on_the_order_in_which_a_search_returns_them() {
        let (dim, count) = (3, 80);
        let mut number = numbers(3);
        let rows: Vec<f64> = (0..count * dim).map(|_| number()).collect();
        let head = Head::new(rows, None, count, dim).unwrap();
        let domain = Domain::free(dim);
        let problem = Problem::new(&head, &domain).unwrap();
        let system = System::new(&problem);
        let proofs = |reversed: bool| {
            let start = || Start { near: vec![0.0; dim], behind: Vec::new(), may_win: false };
            let search = |tokens: Vec<(u32, Start)>| {
                let mut found = apart::decide::<LeastDistance>(&system, None, tokens, &|| {});
                if reversed {
                    found.reverse();
                }
                found
            };
            let tokens = (0..count as u32).map(|t| (t, start())).collect();
            let mut decided = decide(&system, tokens, &search, &|| {});
            order::by_token(&mut decided, |d| d.0);
            let proof = |(_, decision): (u32, Decision)| match decision {
                Ok(Verdict::Unargmaxable(loss)) => loss.blockers(),
                _ => Vec::new(),
            };
            decided.into_iter().map(proof).collect::<Vec<_>>()
        };
        assert!(proofs(false).iter().filter(|blockers| !blockers.is_empty()).count() > 40);
        assert_eq!(proofs(false), proofs(true));
    }
}
