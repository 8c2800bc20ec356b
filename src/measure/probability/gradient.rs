//! The least log odds in a ball, by projected gradients with spectral steps (Birgin, Martinez and Raydan 2000).

use super::exponential::exp;
use super::region::Region;
use super::working::{Odds, Working};
use crate::arithmetic::rounding::norm_up;
use crate::order;

/// The distance to the least log odds, as a share of what one more of it would take from the probability, at which the
/// search ends.
const ACCURACY: f64 = 5e-4;
/// The most steps.
const STEPS: usize = 400;
/// The least decrease of a step, as a share of the one that the gradient predicts (Armijo).
const DECREASE: f64 = 1e-4;
/// The share of the weights that may be left out of a proof.
const DROPPED: f64 = 1e-4;

/// Moves the point to where the log odds over the working set are least in the region, and returns the rivals with their
/// softmax weights there, by falling weight.
pub fn search(working: &Working, region: &Region, point: &mut Vec<f64>) -> Vec<(u32, f64)> {
    let mut odds = working.odds(point);
    let mut step =
        1.0 / norm_up(odds.gradient.iter().copied()).max(f64::MIN_POSITIVE) * region.radius();
    for _ in 0..STEPS {
        let along: f64 = odds.gradient.iter().zip(point.iter()).map(|(g, x)| g * x).sum();
        // The log odds at the point, minus the bound that its weights prove.
        let gap = along - region.least(&odds.gradient).value;
        let share = 1.0 / (1.0 + exp(-odds.log));
        if !(gap * share > ACCURACY) {
            break;
        }
        let Some((next, there)) = descend(working, region, point, &odds, step) else { break };
        let (mut moved, mut turned) = (0.0, 0.0);
        for k in 0..working.dim() {
            let (s, y) = (next[k] - point[k], there.gradient[k] - odds.gradient[k]);
            moved += s * s;
            turned += s * y;
        }
        step = if turned > 0.0 { moved / turned } else { 10.0 * step };
        (*point, odds) = (next, there);
    }
    heaviest(working, &odds.weights)
}

/// The point after a step along the gradient, moved back into the region, where the log odds are less; `None` if there is none.
fn descend(
    working: &Working,
    region: &Region,
    point: &[f64],
    odds: &Odds,
    step: f64,
) -> Option<(Vec<f64>, Odds)> {
    let mut end: Vec<f64> = point.iter().zip(&odds.gradient).map(|(x, g)| x - step * g).collect();
    region.project(&mut end);
    let direction: Vec<f64> = end.iter().zip(point).map(|(y, x)| y - x).collect();
    let slope: f64 = direction.iter().zip(&odds.gradient).map(|(d, g)| d * g).sum();
    let mut share = 1.0;
    while share > 1e-12 {
        let next: Vec<f64> = point.iter().zip(&direction).map(|(x, d)| x + share * d).collect();
        let there = working.odds(&next);
        if there.log <= odds.log + DECREASE * share * slope {
            return (there.log < odds.log).then_some((next, there));
        }
        share *= 0.25;
    }
    None
}

/// The rivals with nearly all of the weight, heaviest first.
fn heaviest(working: &Working, weights: &[f64]) -> Vec<(u32, f64)> {
    let mut pairs: Vec<(u32, f64)> =
        working.rivals.iter().copied().zip(weights.iter().copied()).collect();
    order::heaviest_first(&mut pairs);
    let mut sum = 0.0;
    let enough = |pair: &(u32, f64)| {
        let before = sum;
        sum += pair.1;
        before < 1.0 - DROPPED && pair.1 > 0.0
    };
    pairs.into_iter().take_while(enough).collect()
}
