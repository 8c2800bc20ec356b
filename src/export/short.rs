//! Points of few bits. A point of 53 bits in every coordinate makes large files and slow checks, and nearly every token wins at a
//! point of few bits nearby: such a point is taken where float64 shows a margin far above any rounding error, at the given point and there.

use std::collections::HashMap;

use rayon::prelude::*;

use crate::domain::Domain;
use crate::head::Head;

/// The numbers of bits of the largest coordinate that are tried, smallest first.
const BITS: [i32; 5] = [8, 12, 16, 22, 30];
/// The share of the size of a score that a margin must exceed: a million times the rounding errors of a score of 1000 coordinates.
const SAFE: f64 = 1e-7;
/// The number of points whose scores are computed together.
const BLOCK: usize = 64;

/// A point of few bits near each given one if its token wins plainly at both, else the given one if it wins plainly there, else nothing.
/// The first member of a tie need not beat the others.
pub fn short_forms(
    head: &Head,
    domain: &Domain,
    floats: &[(u32, Vec<f64>)],
    ties: &[Vec<u32>],
) -> Vec<Option<Vec<f64>>> {
    let ties: HashMap<u32, &[u32]> =
        ties.iter().filter_map(|tie| Some((*tie.first()?, tie.as_slice()))).collect();
    let rows = (0..head.tokens()).map(|t| head.norm_up(t)).fold(0.0, f64::max);
    let biases = (0..head.tokens()).map(|t| head.bias(t).abs()).fold(0.0, f64::max);
    // The points of these places at which their tokens win plainly, in the form that `form` gives them.
    let plain = |places: &[usize], form: &(dyn Fn(&[f64]) -> Option<Vec<f64>> + Sync)| {
        let wins: Vec<(usize, Vec<f64>)> = places
            .par_chunks(BLOCK)
            .flat_map_iter(|chunk| {
                let formed = |&i: &usize| Some((i, form(&floats[i].1)?));
                let candidates: Vec<(usize, Vec<f64>)> = chunk.iter().filter_map(formed).collect();
                let states: Vec<Vec<f64>> =
                    candidates.iter().map(|(_, point)| state(domain, point)).collect();
                let scores = head.products(&states.concat());
                let won = |(n, (i, point)): (usize, (usize, Vec<f64>))| {
                    let scores = &scores[n * head.tokens()..(n + 1) * head.tokens()];
                    let t = floats[i].0;
                    let members = ties.get(&t).copied().unwrap_or(&[]);
                    let safe = SAFE * (rows * size(domain, &point) + biases);
                    leads_by(head, scores, t, members, safe).then_some((i, point))
                };
                candidates.into_iter().enumerate().filter_map(won).collect::<Vec<_>>()
            })
            .collect();
        wins
    };
    let all: Vec<usize> = (0..floats.len()).collect();
    let mut chosen: Vec<Option<Vec<f64>>> = vec![None; floats.len()];
    for (i, point) in plain(&all, &|point| domain.contains(point).then(|| point.to_vec())) {
        chosen[i] = Some(point);
    }
    let mut open: Vec<usize> = all.into_iter().filter(|&i| chosen[i].is_some()).collect();
    for bits in BITS {
        let mut short = vec![false; floats.len()];
        for (i, point) in plain(&open, &|point| rounded(domain, point, bits)) {
            (chosen[i], short[i]) = (Some(point), true);
        }
        open.retain(|&i| !short[i]);
    }
    chosen
}

/// Whether the token is ahead of all tokens but these members by more than `safe` logits; `scores` are without biases (`V`).
fn leads_by(head: &Head, scores: &[f64], token: u32, members: &[u32], safe: f64) -> bool {
    let own = scores[token as usize] + head.bias(token as usize);
    (0..scores.len()).all(|j| {
        let is_behind = own - (scores[j] + head.bias(j)) > safe;
        is_behind || j == token as usize || members.contains(&(j as u32))
    })
}

/// The hidden state of a point, in float64.
fn state(domain: &Domain, point: &[f64]) -> Vec<f64> {
    domain.ball().map_or_else(|| point.to_vec(), |ball| ball.hidden_state(point))
}

/// A bound of the length of the hidden state and of what is added up in it, roughly.
fn size(domain: &Domain, point: &[f64]) -> f64 {
    let length =
        |numbers: &mut dyn Iterator<Item = f64>| numbers.map(|x| x * x).sum::<f64>().sqrt();
    let own = length(&mut point.iter().copied());
    match domain.ball() {
        None => own,
        Some(ball) => {
            let gain = ball.gain().iter().fold(0.0, |most: f64, g| most.max(g.abs()));
            2.0 * gain * own + length(&mut ball.shift().iter().copied())
        }
    }
}

/// The nearest point whose largest coordinate has this number of bits, moved into the box; `None` if it does not lie in the domain.
fn rounded(domain: &Domain, point: &[f64], bits: i32) -> Option<Vec<f64>> {
    let largest = point.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
    if !(1e-150..1e150).contains(&largest) {
        return None;
    }
    let step = 2f64.powi(largest.log2().floor() as i32 + 1 - bits);
    let near = |(k, &x): (usize, &f64)| {
        let nearest = (x / step).round() * step;
        if domain.ball().is_some() {
            return nearest;
        }
        if nearest < domain.lo(k) {
            (domain.lo(k) / step).ceil() * step
        } else if nearest > domain.hi(k) {
            (domain.hi(k) / step).floor() * step
        } else {
            nearest
        }
    };
    let near: Vec<f64> = point.iter().enumerate().map(near).collect();
    domain.contains(&near).then_some(near)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_rounded_into_the_box() {
        let domain = Domain::range(3, -0.28, 1.0).unwrap();
        let near = rounded(&domain, &[-0.28, 0.999, 0.3], 8).unwrap();
        assert!(domain.contains(&near), "{near:?}");
        assert_eq!(near, [-71.0 / 256.0, 1.0, 77.0 / 256.0]);
    }
}
