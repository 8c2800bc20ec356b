//! The four verdicts, each with its evidence.

use std::sync::Arc;

use num_bigint::BigInt;

use super::ball_loss::{self, BallLoss};
use super::combination::Combination;
use super::enclosure::{self, Basis, Enclosed, Support};
use super::exact::{self, Exact};
use super::interval::Margin;
use super::outcome::Outcome;
use super::rival::{Blocker, Rival};
use super::witness::Witness;
use crate::head::groups::Standing;
use crate::order;
use crate::problem::Problem;

/// The proved verdict about one token.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// Some hidden state of the domain makes the token the only argmax.
    Argmaxable(Witness),
    /// The token can reach the maximum, beating every token but those with the same row and bias.
    Tied(Tie),
    /// No hidden state of the domain makes the token the strict winner.
    Unargmaxable(Loss),
    /// Neither was proved.
    Undecided(Undecided),
}

/// A witness shared by tokens that no hidden state can tell apart.
#[derive(Clone, Debug)]
pub struct Tie {
    members: Arc<[u32]>,
    witness: Witness,
}

impl Tie {
    /// The tokens with this row and bias, in id order, at least two.
    pub fn members(&self) -> &[u32] {
        &self.members
    }

    /// A point where all of them beat every other token.
    pub fn witness(&self) -> &Witness {
        &self.witness
    }
}

/// The proof that a token cannot win.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Loss {
    /// Another token has the same row and a larger bias.
    Dominated(Dominated),
    /// Positive rival weights exist within proved bounds.
    Enclosed(Arc<Enclosed>),
    /// Exact rival weights.
    Exact(Arc<Exact>),
    /// Rival weights that no point of the ball overcomes.
    Ball(Arc<BallLoss>),
    /// The token cannot win in a larger domain either.
    Carried(Carried),
    /// The domain is one hidden state, and a rival scores at least as much there.
    OnePoint(OnePoint),
}

/// The proof that the same token loses over a larger domain.
#[derive(Clone, Debug)]
pub struct Carried {
    loss: Box<Loss>,
}

impl Carried {
    /// The proof over the larger domain.
    pub fn loss(&self) -> &Loss {
        &self.loss
    }
}

/// A rival that scores at least as much at the only point of the domain.
#[derive(Clone, Debug)]
pub struct OnePoint {
    rival: u32,
}

impl OnePoint {
    /// The loss against `rival`, as proved by [`super::one_point`].
    pub(super) fn proved(rival: u32) -> Self {
        OnePoint { rival }
    }

    /// The rival.
    pub fn rival(&self) -> u32 {
        self.rival
    }
}

/// Another token with the same row and a larger bias.
#[derive(Clone, Debug)]
pub struct Dominated {
    by: u32,
}

impl Dominated {
    /// The token that always scores more.
    pub fn by(&self) -> u32 {
        self.by
    }
}

impl Loss {
    /// The rivals whose combination never scores less than the token, by falling weight; the weights of the tokens
    /// have sum one. A multiplier of an end beyond the range of float64 is replaced by the largest float64.
    pub fn blockers(&self) -> Vec<Blocker> {
        let mut blockers = match self {
            Loss::Dominated(d) => vec![(Rival::Token(d.by), 1.0)],
            Loss::Enclosed(e) => e.blockers().to_vec(),
            Loss::Exact(e) => e.blockers().to_vec(),
            Loss::Ball(o) => o.blockers().to_vec(),
            Loss::Carried(c) => c.loss.blockers(),
            Loss::OnePoint(o) => vec![(Rival::Token(o.rival()), 1.0)],
        };
        blockers.iter_mut().for_each(|blocker| blocker.1 = blocker.1.min(f64::MAX));
        order::heaviest_first(&mut blockers);
        blockers
    }

    /// The kind of proof, as in the table's `proof` column.
    pub fn proof(&self) -> &'static str {
        match self {
            Loss::Dominated(_) => "equal-row",
            Loss::Enclosed(_) => "enclosed",
            Loss::Exact(_) => "exact",
            Loss::Ball(_) => "outweighed",
            Loss::Carried(_) => "free",
            Loss::OnePoint(_) => "only-point",
        }
    }
}

/// The result if no proof was found.
#[derive(Clone, Debug)]
pub struct Undecided {
    reason: String,
    margin: Margin,
    by_budget: bool,
}

impl Undecided {
    /// What was tried, for the reader.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Whether the shared budget of exact arithmetic was spent, so that a larger budget might have decided the token.
    pub fn is_by_budget(&self) -> bool {
        self.by_budget
    }

    /// A proved interval of the best margin over directions of length at most one in the lifted space (`h`, and `s`
    /// if the problem has lengths); positive if and only if the token can win.
    pub fn interval(&self) -> (f64, f64) {
        self.margin.ends()
    }

    /// The multipliers that prove the interval, on rivals and ends of the domain; `None` stands for
    /// the scale `s >= 0`.
    pub fn multipliers(&self) -> impl Iterator<Item = (Option<Rival>, f64)> + '_ {
        self.margin.multipliers()
    }
}

/// The verdict of a token whose row occurs again with a larger bias; `None` if there is no such row.
pub fn dominated(problem: &Problem, token: u32) -> Option<Verdict> {
    match problem.groups().standing(token) {
        Standing::Dominated(by) => Some(Verdict::Unargmaxable(Loss::Dominated(Dominated { by }))),
        _ => None,
    }
}

/// The verdict that a token loses by weights near these, if they are proved to exist: see [`enclosure`].
pub fn enclosed(problem: &Problem, token: u32, support: Support) -> Option<Verdict> {
    let evidence = enclosure::prove(problem, token, support)?;
    Some(Verdict::Unargmaxable(Loss::Enclosed(evidence.into())))
}

/// The verdict that a token loses by weights on the rivals of a basis, if they are proved to exist: see [`enclosure`].
pub fn lost_on(problem: &Problem, token: u32, basis: &Basis) -> Option<Verdict> {
    let evidence = basis.prove(problem, token)?;
    Some(Verdict::Unargmaxable(Loss::Enclosed(evidence.into())))
}

/// The verdict that a token loses by exactly these weights, if they prove it: see [`exact`].
pub fn lost_exactly(problem: &Problem, token: u32, weights: Vec<(u32, BigInt)>) -> Option<Verdict> {
    let evidence = exact::prove(problem, token, weights)?;
    Some(Verdict::Unargmaxable(Loss::Exact(evidence.into())))
}

/// The verdict that a token loses in a ball by weights near these, if they prove it: see [`ball_loss`].
pub fn lost_in_ball(
    problem: &Problem,
    token: u32,
    multipliers: &[(Rival, f64)],
) -> Option<Verdict> {
    let evidence = ball_loss::prove(problem, token, multipliers)?;
    Some(Verdict::Unargmaxable(Loss::Ball(evidence.into())))
}

/// [`lost_in_ball`] in float64 only: fast, but it fails for borderline cases.
pub fn lost_in_ball_plainly(
    problem: &Problem,
    token: u32,
    multipliers: &[(Rival, f64)],
) -> Option<Verdict> {
    let evidence = ball_loss::prove_plainly(problem, token, multipliers)?;
    Some(Verdict::Unargmaxable(Loss::Ball(evidence.into())))
}

/// [`lost_in_ball`] by exactly these integers.
pub fn lost_in_ball_exactly(
    problem: &Problem,
    token: u32,
    combination: Combination<BigInt>,
) -> Option<Verdict> {
    let evidence = ball_loss::prove_integers(problem, token, combination)?;
    Some(Verdict::Unargmaxable(Loss::Ball(evidence.into())))
}

/// The verdict of a token with this witness, a win against all rows that differ from its own.
pub fn won(problem: &Problem, witness: Witness) -> Verdict {
    match problem.groups().standing(witness.token()) {
        Standing::Tied(members) => Verdict::Tied(Tie { members: members.into(), witness }),
        _ => Verdict::Argmaxable(witness),
    }
}

/// The verdict over a larger domain (all of space) of a token that wins in the domain of `inside`, a problem about
/// the same head: it wins at the same hidden state. `None` if the token does not win there, or if it must beat more
/// tokens in the larger domain.
pub fn carried_win(larger: &Problem, inside: &Problem, verdict: &Verdict) -> Option<Verdict> {
    let witness = verdict.witness()?;
    let token = witness.token();
    let same_head = std::ptr::eq(larger.stored(), inside.stored());
    let same_equals = larger.equals(token) == inside.equals(token);
    (larger.domain().is_free() && same_head && same_equals)
        .then(|| won(larger, witness.carried_out()))
}

/// The verdict over the domain of `inside`, a problem about the same head, of a token that loses in all of space.
/// `None` if it does not lose, or if it has other equals inside: then it may be tied there with rivals that beat it
/// outside.
pub fn carried_loss(
    larger: &Problem,
    inside: &Problem,
    token: u32,
    verdict: &Verdict,
) -> Option<Verdict> {
    let same_head = std::ptr::eq(larger.stored(), inside.stored());
    let same_equals = larger.equals(token) == inside.equals(token);
    match verdict {
        Verdict::Unargmaxable(loss) if larger.domain().is_free() && same_head && same_equals => {
            Some(Verdict::Unargmaxable(Loss::Carried(Carried { loss: Box::new(loss.clone()) })))
        }
        _ => None,
    }
}

/// The verdict without a proof; `margin` must come from [`super::interval`].
pub fn undecided(reason: impl Into<String>, margin: Margin) -> Verdict {
    Verdict::Undecided(Undecided { reason: reason.into(), margin, by_budget: false })
}

impl Loss {
    /// The same proof, where `ids` are the ids of tokens in the whole head.
    pub(super) fn with_ids(&self, ids: &[u32]) -> Self {
        let id = |place: u32| ids[place as usize];
        match self {
            Loss::Dominated(dominated) => Loss::Dominated(Dominated { by: id(dominated.by) }),
            Loss::Enclosed(enclosed) => Loss::Enclosed(enclosed.with_ids(ids).into()),
            Loss::Exact(exact) => Loss::Exact(exact.with_ids(ids).into()),
            Loss::Ball(ball) => Loss::Ball(ball.with_ids(ids).into()),
            Loss::Carried(carried) => {
                Loss::Carried(Carried { loss: Box::new(carried.loss.with_ids(ids)) })
            }
            Loss::OnePoint(only) => Loss::OnePoint(OnePoint { rival: id(only.rival) }),
        }
    }
}

impl Verdict {
    /// The same verdict with the same evidence, proved among the rows with these ids of a larger head, where tokens have
    /// these ids.
    pub(crate) fn with_ids(&self, ids: &[u32]) -> Self {
        match self {
            Verdict::Argmaxable(witness) => Verdict::Argmaxable(witness.with_ids(ids)),
            Verdict::Tied(tie) => {
                let members = tie.members.iter().map(|&t| ids[t as usize]).collect();
                Verdict::Tied(Tie { members, witness: tie.witness.with_ids(ids) })
            }
            Verdict::Unargmaxable(loss) => Verdict::Unargmaxable(loss.with_ids(ids)),
            Verdict::Undecided(undecided) => {
                let margin = undecided.margin.with_ids(ids);
                Verdict::Undecided(Undecided { margin, ..undecided.clone() })
            }
        }
    }

    /// Marks an undecided verdict as one that more exact arithmetic might have decided; other verdicts are unchanged.
    pub fn by_budget(mut self) -> Self {
        if let Verdict::Undecided(undecided) = &mut self {
            undecided.by_budget = true;
        }
        self
    }

    /// The verdict without its evidence.
    pub fn outcome(&self) -> Outcome {
        match self {
            Verdict::Argmaxable(_) => Outcome::Argmaxable,
            Verdict::Tied(_) => Outcome::Tied,
            Verdict::Unargmaxable(_) => Outcome::Unargmaxable,
            Verdict::Undecided(_) => Outcome::Undecided,
        }
    }

    /// The name of the verdict, as in the table.
    pub fn name(&self) -> &'static str {
        self.outcome().name()
    }

    /// The kind of proof, as in the table; empty without one.
    pub fn proof(&self) -> &'static str {
        match self {
            Verdict::Argmaxable(w) => w.kind(),
            Verdict::Tied(t) => t.witness.kind(),
            Verdict::Unargmaxable(loss) => loss.proof(),
            Verdict::Undecided(_) => "",
        }
    }

    /// The witness of a token that can reach the maximum.
    pub fn witness(&self) -> Option<&Witness> {
        match self {
            Verdict::Argmaxable(w) => Some(w),
            Verdict::Tied(t) => Some(&t.witness),
            _ => None,
        }
    }
}
