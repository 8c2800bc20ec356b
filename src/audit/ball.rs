//! The tokens of a ball that no shared map settled.

use num_bigint::BigInt;
use rayon::prelude::*;

use super::Finding;
use crate::certify::interval::Margin;
use crate::certify::pairs::Pairs;
use crate::certify::{self, Rival, Verdict, outweighed};
use crate::prove::sphere::Sphere;
use crate::prove::system::Constraint;
use crate::prove::within::{Side, search};
use crate::prove::working_set::Start;
use crate::prove::{corner, simplex};
use crate::question::Question;

/// Decides tokens that no other row dominates, where one of the sides is plain.
pub fn decide(sphere: &Sphere, pairs: Option<&Pairs>, tokens: Vec<(u32, Start)>) -> Vec<Finding> {
    search(sphere, pairs, tokens)
        .into_iter()
        .map(|side| match side {
            Side::Wins(witness) => Finding::Decided(certify::tied(sphere.question(), witness)),
            Side::Loses(verdict) => Finding::Decided(verdict),
            Side::Stuck(multipliers) => Finding::Stuck(multipliers),
        })
        .collect()
}

/// Every so-and-so-many-th token is a scout.
const SCOUTS: usize = 16;
/// A token with at least so many rivals in its way begins from a scout's point.
const CROWDED: usize = 128;

/// Decides hard tokens with `decide`, some of them first as scouts: tokens that are far behind at their own point begin
/// from the point of the scout at which they are least behind. (In whisper-tiny.en's ball 280 tokens have about 500
/// rivals in their way at their own points, and 30 there.)
pub fn by_scouts(
    sphere: &Sphere,
    starts: Vec<(u32, Start)>,
    decide: impl Fn(Vec<(u32, Start)>) -> Vec<Finding>,
) -> Vec<Finding> {
    let crowded = |start: &Start| start.behind.len() >= CROWDED;
    if starts.iter().filter(|s| crowded(&s.1)).count() < SCOUTS {
        return decide(starts);
    }
    let (scouts, mut others): (Vec<_>, Vec<_>) =
        starts.into_iter().enumerate().partition(|(i, _)| i % SCOUTS == 0);
    let mut findings: Vec<(usize, Finding)> = Vec::new();
    let places: Vec<usize> = scouts.iter().map(|s| s.0).collect();
    findings.extend(places.into_iter().zip(decide(scouts.into_iter().map(|s| s.1).collect())));

    let question = sphere.question();
    let head = question.head();
    let points: Vec<Vec<f64>> = findings
        .iter()
        .filter_map(|(_, finding)| match finding {
            Finding::Decided(verdict) => verdict.witness()?.point_in_floats(question),
            Finding::Stuck(_) => None,
        })
        .collect();
    let best: Vec<f64> = points
        .par_iter()
        .map(|z| {
            let score = |j: usize| head.dot(j, z) + head.bias(j);
            (0..head.tokens()).map(score).fold(f64::NEG_INFINITY, f64::max)
        })
        .collect();
    others.par_iter_mut().filter(|(_, (_, start))| crowded(start)).for_each(
        |(_, (token, start))| {
            let t = *token as usize;
            let behind = |i: usize| best[i] - head.dot(t, &points[i]) - head.bias(t);
            let least = (0..points.len()).min_by(|&a, &b| behind(a).total_cmp(&behind(b)));
            if let Some(i) = least {
                (start.near, start.behind) = (points[i].clone(), Vec::new());
            }
        },
    );
    let places: Vec<usize> = others.iter().map(|o| o.0).collect();
    findings.extend(places.into_iter().zip(decide(others.into_iter().map(|o| o.1).collect())));
    findings.sort_by_key(|f| f.0);
    findings.into_iter().map(|f| f.1).collect()
}

/// Denominators of the weights that are tried where the inequality holds with equality, or not at all.
const DENOMINATORS: std::ops::RangeInclusive<u32> = 1..=64;
/// How far from a fraction a weight may be to be taken for it.
const NEAR: f64 = 1e-7;

/// The verdict of a token whose sides float64 could not tell apart: by exact arithmetic on the multipliers as they are,
/// as small fractions, at the corner where the rivals meet, and by exact linear programming, which needs no ball.
pub fn on_the_edge(question: &Question, token: u32, multipliers: &[(Rival, f64)]) -> Verdict {
    let working: Vec<Constraint> = multipliers.iter().map(|m| Constraint::Rival(m.0)).collect();
    outweighed::certify(question, token, multipliers)
        .or_else(|| by_fractions(question, token, multipliers))
        .or_else(|| corner::decide(question, token, multipliers))
        .or_else(|| simplex::decide(question, token, &working))
        .unwrap_or_else(|| {
            certify::undecided(
                "neither a point of the ball nor losing weights were proved: the token is on the edge, or float64 cannot \
                 tell",
                Margin::in_ball(question, token, multipliers),
            )
        })
}

/// Tries weights that are fractions of the largest one with a small common denominator.
fn by_fractions(question: &Question, token: u32, multipliers: &[(Rival, f64)]) -> Option<Verdict> {
    let largest = multipliers.iter().map(|m| m.1).fold(0.0, f64::max);
    let whole = |denominator: u32| {
        let scale = f64::from(denominator) / largest;
        let near = |m: &(Rival, f64)| {
            let share = m.1 * scale;
            (share - share.round()).abs() <= NEAR * f64::from(denominator)
        };
        multipliers.iter().all(near).then_some(scale)
    };
    let scale = DENOMINATORS.filter_map(whole).next()?;
    let (mut rivals, mut ends) = (Vec::new(), Vec::new());
    for &(rival, weight) in multipliers {
        let integer = BigInt::from((weight * scale).round() as i64);
        match rival {
            Rival::Token(j) => rivals.push((j, integer)),
            Rival::Lower(k) => ends.push((k, integer)),
            Rival::Upper(k) => ends.push((k, -integer)),
        }
    }
    outweighed::certify_integers(question, token, rivals, ends)
}
