//! What a journal keeps of a token: the trial of the screen, or the proof that a search found, as bytes.
//!
//! A proof is kept as it was proposed, and is proved again before it counts: [`Kept::again`] does for it what the
//! search did in the end, which takes a small part of the time of the search, and gives the same bits.

use num_bigint::BigInt;

use crate::certify::enclosure::Support;
use crate::certify::pairs::{Pairs, Trial, TrialPoint};
use crate::certify::witness::{Point, Witness, certify_floats};
use crate::certify::{self, Combination, Loss, Rival, Verdict};
use crate::journal_file::take;
use crate::problem::Problem;
use crate::prove::Finding;

/// The result of a search for one token, from which its finding is made again.
#[derive(Clone, Debug, PartialEq)]
pub enum Kept {
    /// The token wins at this point; the length and the margin that were published.
    Wins { point: Vec<f64>, norm: f64, margin: f64 },
    /// Weights around which losing weights exist.
    Enclosed(Weights),
    /// Exact losing weights.
    Exact(Vec<(u32, BigInt)>),
    /// Losing weights in a ball.
    Ball(Combination<BigInt>),
    /// Multipliers that almost prove a loss in a ball: no verdict yet.
    Unclear(Vec<(Rival, f64)>),
}

/// The weights of a [`Support`].
#[derive(Clone, Debug, PartialEq)]
pub struct Weights {
    basic: Vec<(u32, f64)>,
    frozen: Vec<(u32, f64)>,
    equations: Vec<u32>,
}

impl From<Weights> for Support {
    fn from(Weights { basic, frozen, equations }: Weights) -> Self {
        Support { basic, frozen, equations }
    }
}

/// The trial of a token by a screen.
#[derive(Clone, Debug, PartialEq)]
pub enum KeptTrial {
    /// The token wins at the point of the pass's map; scale, length and margin.
    Wins([f64; 3]),
    /// The rivals that it did not beat.
    Behind(Vec<u32>),
}

impl KeptTrial {
    /// The part of a trial to keep; `None` for a win at another point than that of a map, which is rare.
    pub fn of(trial: &Trial) -> Option<Self> {
        match trial {
            Trial::Behind(rivals) => Some(KeptTrial::Behind(rivals.clone())),
            Trial::Wins(witness) => match witness.point() {
                Point::Mapped { scale, .. } => {
                    Some(KeptTrial::Wins([*scale, witness.norm(), witness.margin()]))
                }
                _ => None,
            },
        }
    }

    /// Whether it decides the token.
    pub fn is_win(&self) -> bool {
        matches!(self, KeptTrial::Wins(_))
    }

    /// Appends the trial to the bytes of a journal.
    pub fn put(&self, bytes: &mut Vec<u8>) {
        match self {
            KeptTrial::Wins(numbers) => {
                bytes.push(0);
                numbers.iter().for_each(|x| bytes.extend(x.to_le_bytes()));
            }
            KeptTrial::Behind(rivals) => {
                bytes.push(1);
                put_list(bytes, rivals, |bytes, j| bytes.extend(j.to_le_bytes()));
            }
        }
    }

    /// Takes a trial from the front of the bytes that [`KeptTrial::put`] wrote; `None` if they hold none.
    pub fn take(bytes: &mut &[u8]) -> Option<Self> {
        match take::<1>(bytes)? {
            [0] => {
                let mut number = || Some(f64::from_le_bytes(take(bytes)?));
                Some(KeptTrial::Wins([number()?, number()?, number()?]))
            }
            [1] => Some(KeptTrial::Behind(take_list(bytes, take_id)?)),
            _ => None,
        }
    }
}

impl Kept {
    /// The part of a finding to keep; `None` for findings that no search makes.
    pub fn of(finding: &Finding) -> Option<Self> {
        let verdict = match finding {
            Finding::Unclear(multipliers) => return Some(Kept::Unclear(multipliers.clone())),
            Finding::Decided(verdict) => verdict,
        };
        if let Some(witness) = verdict.witness() {
            let Point::Float(point) = witness.point() else { return None };
            let (norm, margin) = (witness.norm(), witness.margin());
            return Some(Kept::Wins { point: point.clone(), norm, margin });
        }
        let Verdict::Unargmaxable(loss) = verdict else { return None };
        Kept::of_loss(loss)
    }

    /// The weights of a loss; `None` for a loss that no search finds.
    pub fn of_loss(loss: &Loss) -> Option<Self> {
        match loss {
            Loss::Enclosed(enclosed) => {
                let Support { basic, frozen, equations } = enclosed.support().clone();
                Some(Kept::Enclosed(Weights { basic, frozen, equations }))
            }
            Loss::Exact(exact) => Some(Kept::Exact(exact.weights().to_vec())),
            Loss::Ball(ball) => Some(Kept::Ball(ball.combination().clone())),
            _ => None,
        }
    }

    /// The findings of tokens from what was kept of them, each proved on the rows of the problem; `None` where that
    /// fails or gives other bits than before.
    pub fn again(
        problem: &Problem,
        pairs: Option<&Pairs>,
        tokens: &[(u32, &Kept)],
    ) -> Vec<Option<Finding>> {
        let mut witnesses = witnesses(problem, pairs, tokens).into_iter();
        let decided = |verdict: Verdict| Finding::Decided(verdict);
        let finding = |&(token, kept): &(u32, &Kept)| match kept {
            Kept::Wins { .. } => {
                witnesses.next().flatten().map(|witness| decided(certify::won(problem, witness)))
            }
            Kept::Enclosed(weights) => {
                certify::enclosed(problem, token, weights.clone().into()).map(decided)
            }
            Kept::Exact(weights) => {
                certify::lost_exactly(problem, token, weights.clone()).map(decided)
            }
            Kept::Ball(combination) => {
                certify::lost_in_ball_exactly(problem, token, combination.clone()).map(decided)
            }
            Kept::Unclear(multipliers) => Some(Finding::Unclear(multipliers.clone())),
        };
        tokens.iter().map(finding).collect()
    }

    /// Appends the result to the bytes of a journal.
    pub fn put(&self, bytes: &mut Vec<u8>) {
        match self {
            Kept::Wins { point, norm, margin } => {
                bytes.push(0);
                put_list(bytes, point, |bytes, x| bytes.extend(x.to_le_bytes()));
                [norm, margin].iter().for_each(|x| bytes.extend(x.to_le_bytes()));
            }
            Kept::Enclosed(weights) => {
                bytes.push(1);
                put_list(bytes, &weights.basic, put_weight);
                put_list(bytes, &weights.frozen, put_weight);
                put_list(bytes, &weights.equations, |bytes, k| bytes.extend(k.to_le_bytes()));
            }
            Kept::Exact(weights) => {
                bytes.push(2);
                put_list(bytes, weights, put_integer);
            }
            Kept::Ball(combination) => {
                bytes.push(3);
                put_list(bytes, &combination.rivals, put_integer);
                put_list(bytes, &combination.ends, put_integer);
            }
            Kept::Unclear(multipliers) => {
                bytes.push(4);
                put_list(bytes, multipliers, |bytes, (rival, weight)| {
                    let (kind, index) = match rival {
                        Rival::Token(j) => (0, j),
                        Rival::Lower(k) => (1, k),
                        Rival::Upper(k) => (2, k),
                    };
                    bytes.push(kind);
                    put_weight(bytes, &(*index, *weight));
                });
            }
        }
    }

    /// Takes a result from the front of the bytes that [`Kept::put`] wrote; `None` if they hold none.
    pub fn take(bytes: &mut &[u8]) -> Option<Self> {
        let number = |bytes: &mut &[u8]| Some(f64::from_le_bytes(take(bytes)?));
        Some(match take::<1>(bytes)? {
            [0] => {
                let point = take_list(bytes, number)?;
                Kept::Wins { point, norm: number(bytes)?, margin: number(bytes)? }
            }
            [1] => Kept::Enclosed(Weights {
                basic: take_list(bytes, take_weight)?,
                frozen: take_list(bytes, take_weight)?,
                equations: take_list(bytes, take_id)?,
            }),
            [2] => Kept::Exact(take_list(bytes, take_integer)?),
            [3] => Kept::Ball(Combination {
                rivals: take_list(bytes, take_integer)?,
                ends: take_list(bytes, take_integer)?,
            }),
            [4] => Kept::Unclear(take_list(bytes, |bytes| {
                let kind = take::<1>(bytes)?;
                let (index, weight) = take_weight(bytes)?;
                let rival = match kind {
                    [0] => Rival::Token(index),
                    [1] => Rival::Lower(index),
                    [2] => Rival::Upper(index),
                    _ => return None,
                };
                Some((rival, weight))
            })?),
            _ => return None,
        })
    }
}

/// The witnesses of the tokens that win, in order; `None` where the win is not proved with the same bits.
fn witnesses(
    problem: &Problem,
    pairs: Option<&Pairs>,
    tokens: &[(u32, &Kept)],
) -> Vec<Option<Witness>> {
    let wins = tokens.iter().filter_map(|&(token, kept)| match kept {
        Kept::Wins { point, norm, margin } => Some((token, point, norm, margin)),
        _ => None,
    });
    let wins: Vec<_> = wins.collect();
    let same = |witness: Witness, (norm, margin): (&f64, &f64)| {
        let bits = [witness.norm().to_bits(), witness.margin().to_bits()];
        (bits == [norm.to_bits(), margin.to_bits()]).then_some(witness)
    };
    // The comparison of all pairs publishes the float below the gap to prove, if it proves no more.
    let attempt = |&(token, point, _, margin): &(u32, &Vec<f64>, &f64, &f64)| TrialPoint {
        token,
        h: point.clone(),
        scale: None,
        floor: margin.next_up(),
    };
    let dim = problem.head().dim();
    let mut found: Vec<Option<Witness>> = match pairs {
        Some(pairs) if wins.iter().all(|win| win.1.len() == dim) => {
            let trials = pairs.try_points(wins.iter().map(attempt).collect());
            let of = |(trial, win): (Trial, &(u32, &Vec<f64>, &f64, &f64))| {
                same(trial.witness()?, (win.2, win.3))
            };
            trials.into_iter().zip(&wins).map(of).collect()
        }
        _ => vec![None; wins.len()],
    };
    let open: Vec<usize> = (0..wins.len()).filter(|&i| found[i].is_none()).collect();
    let points = open.iter().map(|&i| (wins[i].0, wins[i].1.clone())).collect();
    for (&i, proved) in open.iter().zip(certify_floats(problem, points)) {
        found[i] = proved.ok().and_then(|witness| same(witness, (wins[i].2, wins[i].3)));
    }
    found
}

/// Appends a list: its length, and each element by `put`.
pub fn put_list<T>(bytes: &mut Vec<u8>, list: &[T], put: impl Fn(&mut Vec<u8>, &T)) {
    bytes.extend((list.len() as u64).to_le_bytes());
    list.iter().for_each(|x| put(bytes, x));
}

/// Takes a list whose elements `take_one` takes.
pub fn take_list<T>(
    bytes: &mut &[u8],
    take_one: impl Fn(&mut &[u8]) -> Option<T>,
) -> Option<Vec<T>> {
    let count = u64::from_le_bytes(take(bytes)?);
    // An element has at least one byte, so a length that is too large ends at the end of the bytes.
    (0..count).map(|_| take_one(bytes)).collect()
}

/// Appends an id and its weight.
pub fn put_weight(bytes: &mut Vec<u8>, &(index, weight): &(u32, f64)) {
    bytes.extend(index.to_le_bytes());
    bytes.extend(weight.to_le_bytes());
}

/// Takes an id and its weight.
pub fn take_weight(bytes: &mut &[u8]) -> Option<(u32, f64)> {
    Some((take_id(bytes)?, f64::from_le_bytes(take(bytes)?)))
}

/// Appends an id and its whole weight.
fn put_integer(bytes: &mut Vec<u8>, (index, integer): &(u32, BigInt)) {
    bytes.extend(index.to_le_bytes());
    put_list(bytes, &integer.to_signed_bytes_le(), |bytes, byte| bytes.push(*byte));
}

/// Takes an id and its whole weight.
fn take_integer(bytes: &mut &[u8]) -> Option<(u32, BigInt)> {
    let index = take_id(bytes)?;
    let digits = take_list(bytes, |bytes| Some(take::<1>(bytes)?[0]))?;
    Some((index, BigInt::from_signed_bytes_le(&digits)))
}

/// Removes a number of 32 bits.
pub fn take_id(bytes: &mut &[u8]) -> Option<u32> {
    Some(u32::from_le_bytes(take(bytes)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_what_was_put_and_no_cut_of_it_is_taken_for_a_whole() {
        let integer = |n: i64| BigInt::from(n) << 70;
        let weights = Weights {
            basic: vec![(1, 0.25), (7, f64::MIN_POSITIVE)],
            frozen: vec![(2, 0.5)],
            equations: vec![3],
        };
        let ball = Combination { rivals: vec![(4, integer(5))], ends: vec![(0, integer(-1))] };
        let rivals = [Rival::Token(9), Rival::Lower(1), Rival::Upper(2)];
        for kept in [
            Kept::Wins { point: vec![-0.0, 1e300], norm: 1.5, margin: 0.0 },
            Kept::Enclosed(weights),
            Kept::Exact(vec![(6, integer(3)), (u32::MAX, BigInt::ZERO)]),
            Kept::Ball(ball),
            Kept::Unclear(rivals.map(|rival| (rival, 0.125)).to_vec()),
        ] {
            let mut bytes = Vec::new();
            kept.put(&mut bytes);
            let rest = &mut &bytes[..];
            assert_eq!(Kept::take(rest), Some(kept));
            assert!(rest.is_empty());
            assert!((0..bytes.len()).all(|end| Kept::take(&mut &bytes[..end]).is_none()));
        }
        for kept in [KeptTrial::Wins([1.0, 2.0, 3.0]), KeptTrial::Behind(vec![5, 6])] {
            let mut bytes = Vec::new();
            kept.put(&mut bytes);
            assert_eq!(KeptTrial::take(&mut &bytes[..]), Some(kept));
            assert!((0..bytes.len()).all(|end| KeptTrial::take(&mut &bytes[..end]).is_none()));
        }
        assert_eq!(Kept::take(&mut &[9][..]), None);
    }
}
