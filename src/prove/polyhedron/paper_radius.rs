//! Computes the radius of the 2022 paper, for comparison with its figures; no verdict comes from it.
//!
//! Grivas, Bogoychev and Lopez (*Low-rank softmax can have unargmaxable classes in theory but rarely in
//! practice*, ACL 2022) maximise `r` subject to `(w_t - w_j).h + (b_t - b_j) >= r |w_t - w_j|` for all rivals and
//! `-100 <= h_k <= 100`: the radius of the largest ball around a point of the box where the token wins.
//! They take a token for argmaxable if `r` is at least 1e-8. Here `r` may be negative, so that the program always has
//! an optimum, and rivals are added when they are found violated.

use crate::problem::Problem;
use crate::prove::polyhedron::linear_program::ball;

/// The number of rivals added in a round.
const BATCH: usize = 32;
/// The most rounds.
const ROUNDS: usize = 400;
/// The share of the radius, and of its offset, by which a rival may be nearer than the radius: rounding.
const SATISFIED: f64 = 1e-10;

/// The radius of `token` inside a domain bounded on all sides: a float64 optimum of a linear program, not proved; NaN
/// if the solver gave up. A rival with the token's row leaves no ball if its bias is larger (`-inf`), and is skipped
/// otherwise; without other rivals nothing bounds the radius (`inf`).
pub fn radius(problem: &Problem, token: u32) -> f64 {
    let (head, domain, t) = (problem.head(), problem.domain(), token as usize);
    let difference = |j: u32| head.row(t).zip(head.row(j as usize)).map(|(x, y)| x - y);
    let mut rivals: Vec<(u32, f64)> = (0..head.tokens() as u32)
        .map(|j| (j, difference(j).map(|x| x * x).sum::<f64>().sqrt()))
        .collect();
    if rivals.iter().any(|&(j, length)| length == 0.0 && head.bias(j as usize) > head.bias(t)) {
        return f64::NEG_INFINITY;
    }
    rivals.retain(|r| r.1 > 0.0);
    let (mut rows, mut offsets): (Vec<f64>, Vec<f64>) = (Vec::new(), Vec::new());
    let mut known = vec![false; head.tokens()];
    let mut h: Vec<f64> = head.row(t).collect();
    domain.clamp(&mut h);
    let mut radius = f64::INFINITY;
    for _ in 0..ROUNDS {
        let score = |j: usize| head.score(j, &h);
        let own = score(t);
        let mut near: Vec<(f64, u32, f64)> = rivals
            .iter()
            .map(|&(j, length)| ((own - score(j as usize)) / length, j, length))
            .filter(|&(distance, j, _)| {
                let slack = SATISFIED * (radius.abs() + distance.abs());
                !known[j as usize] && !(distance >= radius - slack)
            })
            .collect();
        if near.is_empty() {
            return radius;
        }
        near.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        for (_, j, length) in near.into_iter().take(BATCH) {
            known[j as usize] = true;
            rows.extend(difference(j).map(|x| x / length));
            offsets.push((head.bias(t) - head.bias(j as usize)) / length);
        }
        let ends = (0..head.dim()).map(|k| (domain.lo(k), domain.hi(k)));
        match ball(&rows, &offsets, ends) {
            Some((centre, r)) => (h, radius) = (centre, r),
            None => return f64::NAN,
        }
    }
    f64::NAN
}
