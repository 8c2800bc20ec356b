//! A proved upper bound of the probability of a lost or tied token, from the weights of its loss. The mathematics is in
//! [`unargmax_check::verify::log_odds`].

use unargmax_check::certificate::EnclosedRecord;
use unargmax_check::verify::log_odds::{self, entropy, most_probable};

use super::enclosure::{Enclosed, Support};
use super::verdict::{Loss, Verdict};
use crate::arithmetic::interval::Interval;
use crate::problem::Problem;

/// The relative distance from stored weights within which the proved ones are taken to lie: it makes the bound the same
/// for every enclosure of the same weights, and costs about as much of the probability.
const NEAR: f64 = 1e-6;

/// An upper bound of the probability of a token over the domain of `problem`, at every temperature, from the proof of its
/// verdict; `None` for tokens that can win alone and for undecided ones.
pub(crate) fn cap(problem: &Problem, token: u32, verdict: &Verdict) -> Option<f64> {
    let entropy = match verdict {
        Verdict::Tied(tie) => log_odds::tied(tie.members().len()),
        Verdict::Unargmaxable(loss) => entropy_of_loss(problem, token, loss),
        Verdict::Argmaxable(_) | Verdict::Undecided(_) => return None,
    };
    Some(most_probable(entropy))
}

/// A lower bound of the entropy of the weights of a loss, in nats.
fn entropy_of_loss(problem: &Problem, token: u32, loss: &Loss) -> f64 {
    match loss {
        Loss::Enclosed(enclosed) => entropy_of_enclosed(problem, token, enclosed),
        Loss::Exact(exact) => log_odds::entropy_of_integers(exact.weights()),
        Loss::Ball(ball) => log_odds::entropy_of_integers(&ball.combination().rivals),
        Loss::Carried(carried) => entropy_of_loss(problem, token, carried.loss()),
        Loss::Dominated(_) | Loss::OnePoint(_) => 0.0,
    }
}

/// A lower bound of the entropy of enclosed weights.
fn entropy_of_enclosed(problem: &Problem, token: u32, enclosed: &Enclosed) -> f64 {
    let Support { basic, frozen, equations } = enclosed.support();
    // A NaN fails the comparison.
    if enclosed.spread() < 0.5 * NEAR {
        let near =
            |&(j, w): &(u32, f64)| (j, Interval { lo: w * (1.0 - NEAR), hi: w * (1.0 + NEAR) });
        let exact = |&(j, w): &(u32, f64)| (j, Interval::point(w));
        return entropy(basic.iter().map(near).chain(frozen.iter().map(exact)));
    }
    let (basic, frozen, equations) = (basic.clone(), frozen.clone(), equations.clone());
    let record = EnclosedRecord { token, basic, frozen, equations };
    let free = crate::domain::Domain::free(problem.stored().dim());
    // A loss that is carried here was proved over all of space.
    let proved = log_odds::enclosed(problem.stored(), problem.domain(), &record)
        .or_else(|| log_odds::enclosed(problem.stored(), &free, &record));
    proved.map_or(0.0, |odds| odds.entropy)
}
