//! Hidden states where little is missing for a token to win: the smaller the share of what is missing and the length of the
//! state, the shorter the change of its row.
//!
//! For a row `w` and rivals `w_j` the change `D = (max_j z_j(h) - z(h)) h / |h|^2` makes the token reach the others at `h`, and no
//! shorter change does. The search for the state of the least length of `D` is not convex; here it goes downhill on a smoothed
//! maximum, from several starts. It only proposes.

use crate::domain::Domain;
use crate::head::Head;
use crate::order;
use crate::parallel;
use crate::split_mix::SplitMix;

/// Steps downhill from each start, and then more from the best one.
const FIRST: usize = 60;
const MORE: usize = 240;
/// The first step, and the last one, as a share of the state's length.
const STEP: (f64, f64) = (0.3, 0.0005);
/// After how many steps all rivals are scored again; in between only the foremost are.
const LOOK: usize = 8;
/// How many rivals are scored in between.
const FOREMOST: usize = 256;
/// Random starts besides those of the rows.
const RANDOM: usize = 2;
/// How sharp the smoothed maximum is, at the first and at the last step: the spread of the scores times this.
const SHARP: (f64, f64) = (8.0, 400.0);

/// Finds a state for a group of tokens among states of about the length `reach`.
pub(crate) fn aim(head: &Head, domain: &Domain, tokens: &[u32], reach: f64) -> Vec<f64> {
    Search { head, domain, tokens, reach }.run(&mean_row(head))
}

/// The Euclidean length.
pub(crate) fn length(x: &[f64]) -> f64 {
    x.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// A number between -1 and 1.
pub(crate) fn unit(generator: &mut SplitMix) -> f64 {
    generator.number() as f64 / u64::MAX as f64 * 2.0 - 1.0
}

/// The mean of all rows.
fn mean_row(head: &Head) -> Vec<f64> {
    let mut mean = vec![0.0; head.dim()];
    for t in 0..head.tokens() {
        mean.iter_mut().zip(head.row(t)).for_each(|(m, x)| *m += x / head.tokens() as f64);
    }
    mean
}

/// Moves a hidden state into the domain.
fn fit(domain: &Domain, h: &mut Vec<f64>) {
    match domain.ball() {
        None => domain.clamp(h),
        Some(ball) => {
            let mut z = ball.point_of(h);
            let radius = ball.radius_down() * (1.0 - 1e-6);
            let long = length(&z);
            if long > radius {
                z.iter_mut().for_each(|x| *x *= radius / long);
            }
            if domain.has_ranges() {
                domain.clamp(&mut z);
            }
            *h = ball.hidden_state(&z);
        }
    }
}

struct Search<'a> {
    head: &'a Head,
    domain: &'a Domain,
    tokens: &'a [u32],
    reach: f64,
}

impl Search<'_> {
    /// The best state that is found.
    fn run(&self, mean: &[f64]) -> Vec<f64> {
        let own: Vec<f64> = self.head.row(self.tokens[0] as usize).collect();
        let away: Vec<f64> = own.iter().zip(mean).map(|(x, m)| x - m).collect();
        let mut generator = SplitMix::new(u64::from(self.tokens[0]) + 1);
        let random = |_| (0..own.len()).map(|_| unit(&mut generator)).collect::<Vec<f64>>();
        let starts: Vec<Vec<f64>> =
            [own.clone(), away].into_iter().chain((0..RANDOM).map(random)).collect();
        let tried: Vec<(Vec<f64>, f64)> = parallel::map_owned(starts, &|mut h: Vec<f64>| {
            let long = length(&h).max(f64::MIN_POSITIVE);
            h.iter_mut().for_each(|x| *x *= self.reach / long);
            self.downhill(h, FIRST, STEP.0)
        });
        let best = tried.into_iter().min_by(|a, b| a.1.total_cmp(&b.1));
        let Some((state, _)) = best else { return own };
        self.downhill(state, MORE, STEP.0 / 4.0).0
    }

    /// Goes downhill, and returns the best state on the way with the length of the change there.
    fn downhill(&self, mut h: Vec<f64>, steps: usize, first: f64) -> (Vec<f64>, f64) {
        fit(self.domain, &mut h);
        let (mut best, mut least) = (h.clone(), f64::INFINITY);
        let mut rivals: Vec<u32> = Vec::new();
        for step in 0..steps {
            let part = step as f64 / steps as f64;
            let between = |(a, b): (f64, f64)| a * (b / a).powf(part);
            let all = step % LOOK == 0;
            if all {
                rivals = self.foremost(&h);
            }
            let (value, slope) = self.slope(&h, &rivals, between(SHARP));
            if all && value < least {
                (best, least) = (h.clone(), value);
            }
            let (long, steep) = (length(&h), length(&slope));
            if !(steep > 0.0) || !(long > 0.0) {
                break;
            }
            let by = between((first, STEP.1)) * long / steep;
            h.iter_mut().zip(&slope).for_each(|(x, s)| *x -= by * s);
            let long = length(&h);
            if self.domain.ball().is_none() && long > self.reach {
                h.iter_mut().for_each(|x| *x *= self.reach / long);
            }
            fit(self.domain, &mut h);
        }
        (best, least)
    }

    /// The rivals with the largest scores at a state, by falling score.
    fn foremost(&self, h: &[f64]) -> Vec<u32> {
        let head = self.head;
        let mut scores = vec![0.0; head.tokens()];
        head.product(h, 0..head.tokens(), &mut scores, head.tokens());
        scores.iter_mut().enumerate().for_each(|(t, s)| *s += head.bias(t));
        let mut rivals: Vec<(f64, u32)> = scores
            .into_iter()
            .zip(0..)
            .filter(|(_, t)| self.tokens.binary_search(t).is_err())
            .collect();
        order::keep_highest(&mut rivals, FOREMOST);
        rivals.into_iter().map(|rival| rival.1).collect()
    }

    /// The length of the change at a state, with regard to some rivals, and the slope of its smoothed form.
    fn slope(&self, h: &[f64], rivals: &[u32], sharp: f64) -> (f64, Vec<f64>) {
        let head = self.head;
        let own = self.tokens.iter().map(|&t| head.score(t as usize, h)).sum::<f64>()
            / self.tokens.len() as f64;
        let scores: Vec<f64> = rivals.iter().map(|&t| head.score(t as usize, h)).collect();
        let top = scores.iter().fold(f64::NEG_INFINITY, |m, s| m.max(*s));
        let mut slope: Vec<f64> = head.row(self.tokens[0] as usize).map(|x| -x).collect();
        // At the state 0 no change of a row raises its score.
        let long = length(h);
        if !top.is_finite() || !(long > 0.0) {
            return (f64::INFINITY, vec![0.0; h.len()]);
        }
        let spread = (top - own).abs().max(1e-3 * top.abs()).max(f64::MIN_POSITIVE);
        let weight = |s: &f64| (sharp * (s - top) / spread).exp();
        let total: f64 = scores.iter().map(weight).sum();
        for (&t, s) in rivals.iter().zip(&scores) {
            let share = weight(s) / total;
            if share > 1e-6 {
                slope.iter_mut().zip(head.row(t as usize)).for_each(|(s, x)| *s += share * x);
            }
        }
        let gap = top - own;
        slope.iter_mut().zip(h).for_each(|(s, x)| *s = *s / long - gap * x / (long * long * long));
        (gap / long, slope)
    }
}
