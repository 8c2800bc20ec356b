//! What a journal keeps of measurements, as bytes.
//!
//! Intervals of probabilities and ranks are kept with their proofs, and are proved again before they count. The ends of
//! efforts, gaps and moves come from many weights and points of a search, so they are believed as they were written, like a trial
//! of the screen.

use std::collections::HashMap;

use unargmax_check::certificate::CeilingRecord;

use super::journal::{Journal, TOGETHER};
use super::kept::{Kept, put_list, put_weight, take_id, take_list, take_weight};
use crate::certify::Verdict;
use crate::certify::best_gap::BestGap;
use crate::certify::ceiling::Ceiling;
use crate::certify::effort::Effort;
use crate::certify::enclosure::Support;
use crate::certify::rank::{BestRank, BlockingSet};
use crate::certify::row_move::RowMove;
use crate::certify::survival::Format;
use crate::journal_file::take;
use crate::measure::rank;
use crate::parallel;
use crate::problem::Problem;

/// What was measured; the number stands in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Quantity {
    Effort = 0,
    /// Efforts where verdicts over all of space are known too: they may say more.
    EffortBesideFree = 1,
    Margin = 2,
    BiasGap = 3,
    Probability = 4,
    Rank = 5,
    RowMove = 6,
}

/// A measurement that a journal keeps.
pub trait Measurement: Sized + Send + Sync {
    /// The token that was measured.
    fn token(&self) -> u32;

    /// Appends the measurement without its token.
    fn put(&self, bytes: &mut Vec<u8>);

    /// The measurements of tokens with these verdicts from what [`Measurement::put`] wrote; `None` where the bytes are none, or
    /// a proof fails or gives another interval than before.
    fn again(problem: &Problem, kept: &[(u32, &Verdict, &[u8])]) -> Vec<Option<Self>>;
}

impl Journal {
    /// What earlier runs measured of tokens with these verdicts, each proved again where it has a proof; `None` where there
    /// is none.
    pub(super) fn measured<R: Measurement>(
        &self,
        problem: &Problem,
        quantity: Quantity,
        tokens: &[(u32, &Verdict)],
    ) -> Vec<Option<R>> {
        let bytes = |token: u32| self.earlier.measured.get(&(quantity as u8, token));
        let kept =
            tokens.iter().filter_map(|&(t, verdict)| Some((t, verdict, bytes(t)?.as_slice())));
        let kept: Vec<(u32, &Verdict, &[u8])> = kept.collect();
        let again = kept.chunks(TOGETHER).flat_map(|kept| R::again(problem, kept));
        let mut again: HashMap<u32, R> =
            kept.iter().zip(again).filter_map(|(kept, found)| Some((kept.0, found?))).collect();
        tokens.iter().map(|(token, _)| again.remove(token)).collect()
    }

    /// Keeps measurements.
    pub(super) fn keep_measured<R: Measurement>(&self, quantity: Quantity, measured: &[R]) {
        let mut bytes = Vec::new();
        for one in measured {
            bytes.extend([2, quantity as u8]);
            bytes.extend(one.token().to_le_bytes());
            let mut record = Vec::new();
            one.put(&mut record);
            put_list(&mut bytes, &record, |bytes, byte| bytes.push(*byte));
        }
        self.add(&bytes, measured.len());
    }
}

impl Measurement for Effort {
    fn token(&self) -> u32 {
        self.token()
    }

    fn put(&self, bytes: &mut Vec<u8>) {
        put_ends(bytes, self.ends());
    }

    fn again(_: &Problem, kept: &[(u32, &Verdict, &[u8])]) -> Vec<Option<Self>> {
        let effort = |&(token, _, mut bytes): &(u32, &Verdict, &[u8])| {
            Effort::measured_before(token, take_ends(&mut bytes)?)
        };
        kept.iter().map(effort).collect()
    }
}

impl Measurement for BestGap {
    fn token(&self) -> u32 {
        self.token()
    }

    fn put(&self, bytes: &mut Vec<u8>) {
        put_ends(bytes, self.ends());
        let best: Vec<_> = self.best().into_iter().collect();
        put_list(bytes, &best, |bytes, (point, gap)| {
            put_list(bytes, point, put_float);
            put_float(bytes, gap);
        });
        let formats = Format::ALL.iter().enumerate();
        let survived = formats.filter(|(_, format)| self.survives().contains(format));
        bytes.push(survived.map(|(i, _)| 1 << i).sum());
    }

    fn again(_: &Problem, kept: &[(u32, &Verdict, &[u8])]) -> Vec<Option<Self>> {
        let gap = |&(token, _, mut bytes): &(u32, &Verdict, &[u8])| {
            let ends = take_ends(&mut bytes)?;
            let best = take_list(&mut bytes, |bytes| {
                Some((take_list(bytes, take_float)?, take_float(bytes)?))
            });
            let [survived] = take(&mut bytes)?;
            let formats = Format::ALL.into_iter().enumerate();
            let survives = formats.filter(|(i, _)| survived >> i & 1 == 1).map(|(_, f)| f);
            BestGap::measured_before(token, ends, best?.pop(), survives.collect())
        };
        kept.iter().map(gap).collect()
    }
}

impl Measurement for RowMove {
    fn token(&self) -> u32 {
        self.token()
    }

    fn put(&self, bytes: &mut Vec<u8>) {
        put_ends(bytes, self.ends());
        for numbers in [self.row(), self.point()] {
            put_list(bytes, numbers.unwrap_or_default(), put_float);
        }
    }

    fn again(problem: &Problem, kept: &[(u32, &Verdict, &[u8])]) -> Vec<Option<Self>> {
        let moved = |&(token, _, mut bytes): &(u32, &Verdict, &[u8])| {
            let ends = take_ends(&mut bytes)?;
            let row = take_list(&mut bytes, take_float)?;
            let point = take_list(&mut bytes, take_float)?;
            let dim = problem.head().dim();
            let moved = match (row.len(), point.len()) {
                (0, 0) => None,
                lengths if lengths == (dim, dim) => Some((row, point)),
                _ => return None,
            };
            RowMove::measured_before(token, ends, moved)
        };
        kept.iter().map(moved).collect()
    }
}

impl Measurement for Ceiling {
    fn token(&self) -> u32 {
        self.token()
    }

    fn put(&self, bytes: &mut Vec<u8>) {
        let CeilingRecord { token: _, low, high, point, basic, frozen, equations, ends, at_point } =
            self.record();
        put_ends(bytes, (*low, *high));
        put_list(bytes, point, put_float);
        for weights in [basic, frozen, ends] {
            put_list(bytes, weights, put_weight);
        }
        put_list(bytes, equations, |bytes, k| bytes.extend(k.to_le_bytes()));
        bytes.extend(u32::from(*at_point).to_le_bytes());
    }

    fn again(problem: &Problem, kept: &[(u32, &Verdict, &[u8])]) -> Vec<Option<Self>> {
        let record = |&(token, _, mut bytes): &(u32, &Verdict, &[u8])| {
            let rest = &mut bytes;
            let (low, high) = take_ends(rest)?;
            let point = take_list(rest, take_float)?;
            let mut weights = || take_list(rest, take_weight);
            let (basic, frozen, ends) = (weights()?, weights()?, weights()?);
            let equations = take_list(rest, take_id)?;
            let at_point = take_id(rest)? == 1;
            Some(CeilingRecord {
                token,
                low,
                high,
                point,
                basic,
                frozen,
                equations,
                ends,
                at_point,
            })
        };
        let records: Vec<Option<CeilingRecord>> = kept.iter().map(record).collect();
        let known: Vec<CeilingRecord> = records.iter().flatten().cloned().collect();
        let mut again = Ceiling::again(problem, &known).into_iter();
        records.iter().map(|record| record.as_ref().and_then(|_| again.next()?)).collect()
    }
}

impl Measurement for BestRank {
    fn token(&self) -> u32 {
        self.token()
    }

    fn put(&self, bytes: &mut Vec<u8>) {
        let (low, high) = self.ends();
        bytes.extend(low.to_le_bytes());
        bytes.extend(high.to_le_bytes());
        put_list(bytes, self.point().unwrap_or_default(), put_float);
        let sets = self
            .sets()
            .iter()
            .filter_map(|(set, share)| Some((Kept::of_loss(set.proof())?, share)));
        let sets: Vec<_> = sets.collect();
        put_list(bytes, &sets, |bytes, (proof, share)| {
            bytes.extend(share.to_le_bytes());
            proof.put(bytes);
        });
    }

    fn again(problem: &Problem, kept: &[(u32, &Verdict, &[u8])]) -> Vec<Option<Self>> {
        rank::without_its_ball(problem, |around| {
            let again = |&(token, verdict, bytes): &(u32, &Verdict, &[u8])| {
                rank_again(problem, around, (token, verdict), bytes)
            };
            parallel::map(kept.len(), &|i| again(&kept[i]))
        })
    }
}

/// The best rank of a token from what was kept of it.
fn rank_again(
    problem: &Problem,
    around: &Problem,
    (token, verdict): (u32, &Verdict),
    mut bytes: &[u8],
) -> Option<BestRank> {
    let rest = &mut bytes;
    let ends = (take_id(rest)?, take_id(rest)?);
    let point = take_list(rest, take_float)?;
    let sets = take_list(rest, |rest| Some((u64::from_le_bytes(take(rest)?), Kept::take(rest)?)))?;
    let sets = sets
        .into_iter()
        .map(|(share, proof)| Some((blocking_set(problem, around, token, proof)?, share)));
    let mut best = BestRank::new(problem, token, verdict);
    let is_sound = best.pack(sets.collect::<Option<Vec<_>>>()?);
    if !point.is_empty() {
        best.reach(problem, &point)?;
    }
    (is_sound && best.ends() == ends).then_some(best)
}

/// The set of rivals of a proof, proved again.
fn blocking_set(
    problem: &Problem,
    around: &Problem,
    token: u32,
    proof: Kept,
) -> Option<BlockingSet> {
    match proof {
        Kept::Enclosed(weights) => {
            BlockingSet::enclosed(problem, around, token, Support::from(weights))
        }
        Kept::Exact(weights) => BlockingSet::exact(problem, around, token, weights),
        Kept::Ball(weights) => BlockingSet::in_ball_exactly(problem, token, weights),
        Kept::Wins { .. } | Kept::Unclear(_) => None,
    }
}

fn put_float(bytes: &mut Vec<u8>, x: &f64) {
    bytes.extend(x.to_le_bytes());
}

fn take_float(bytes: &mut &[u8]) -> Option<f64> {
    Some(f64::from_le_bytes(take(bytes)?))
}

fn put_ends(bytes: &mut Vec<u8>, (low, high): (f64, f64)) {
    put_float(bytes, &low);
    put_float(bytes, &high);
}

fn take_ends(bytes: &mut &[u8]) -> Option<(f64, f64)> {
    Some((take_float(bytes)?, take_float(bytes)?))
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::*;
    use crate::audit::{Engine, Options, audit};
    use crate::domain::{Ball, Domain};
    use crate::head::Head;

    /// Corners of a cube with biases, and four tokens inside it that lose.
    fn cube() -> Head {
        let corner = |t: usize| (0..3).map(move |k| if t >> k & 1 == 1 { 1.0 } else { -1.0 });
        let inside = [[0.1, 0.2, 0.0], [-0.3, 0.1, 0.2], [0.0, 0.0, 0.5], [0.4, -0.4, 0.1]];
        let rows: Vec<f64> = (0..8).flat_map(corner).chain(inside.into_iter().flatten()).collect();
        let bias = (0..12).map(|t| f64::from(t % 3) / 8.0).collect();
        Head::new(rows, Some(bias), 12, 3).unwrap()
    }

    fn journal(folder: &Path, domain: &Domain) -> Journal {
        let scope = (None, Engine::LeastDistance);
        Journal::open(folder, &cube(), domain, scope, Duration::ZERO).unwrap()
    }

    /// All measurements that are made in the domain, in words.
    fn measured(domain: &Domain, journal: Option<&Journal>) -> String {
        let all: Vec<u32> = (0..12).collect();
        let in_a_ball = domain.ball().is_some().then_some(all.as_slice());
        let options = Options {
            efforts: in_a_ball,
            margins: in_a_ball,
            bias_needed: true,
            move_needed: true,
            max_probability: Some(&all),
            ranks: Some(&all),
            journal,
            ..Options::default()
        };
        let audit = audit(&cube(), domain, options).unwrap();
        let (efforts, margins) = (audit.efforts(), audit.margins());
        let (ceilings, ranks) = (audit.max_probabilities(), audit.best_ranks());
        let (gaps, moves) = (audit.bias_needed(), audit.moves_needed());
        format!("{efforts:?} {margins:?} {gaps:?} {moves:?} {ceilings:?} {ranks:?}")
    }

    fn domains() -> [Domain; 3] {
        let range = Domain::range(3, -2.0, 3.0).unwrap();
        let ball = Domain::free(3).within(Ball::around_origin(3, 2.0).unwrap()).unwrap();
        [Domain::free(3), range, ball]
    }

    #[test]
    fn measurements_that_were_kept_are_the_same_and_are_not_made_again() {
        for domain in domains() {
            let folder = tempfile::tempdir().unwrap();
            let alone = measured(&domain, None);
            assert_eq!(measured(&domain, Some(&journal(folder.path(), &domain))), alone);
            let written = std::fs::read(folder.path().join("audit.journal")).unwrap();
            assert_eq!(measured(&domain, Some(&journal(folder.path(), &domain))), alone);
            let again = std::fs::read(folder.path().join("audit.journal")).unwrap();
            assert!(written == again, "{domain}: something was measured again");
        }
    }

    #[test]
    fn false_intervals_of_probabilities_and_ranks_are_not_believed() {
        let domain = Domain::free(3);
        let alone = measured(&domain, None);
        let all: Vec<u32> = (0..12).collect();
        let options =
            Options { max_probability: Some(&all), ranks: Some(&all), ..Options::default() };
        let honest = audit(&cube(), &domain, options).unwrap();
        let mut kept = (Vec::new(), Vec::new());
        for (ceiling, rank) in honest.max_probabilities().iter().zip(honest.best_ranks()) {
            // The interval of the next token, with its proofs.
            let next = (ceiling.token() + 1) as usize % 12;
            kept.0.push((ceiling.token(), bytes(&honest.max_probabilities()[next])));
            kept.1.push((rank.token(), bytes(&honest.best_ranks()[next])));
            // The own one, with a narrower interval.
            let (mut narrow, mut low) = (bytes(ceiling), bytes(rank));
            narrow[..8].copy_from_slice(&(ceiling.ends().0 * 1.01).to_le_bytes());
            low[..4].copy_from_slice(&(rank.ends().0 + 1).to_le_bytes());
            kept.0.push((ceiling.token(), narrow));
            kept.1.push((rank.token(), low));
        }
        for at in 0..2 {
            let folder = tempfile::tempdir().unwrap();
            let forged = journal(folder.path(), &domain);
            let of = |list: &[(u32, Vec<u8>)]| -> Vec<Raw> {
                list.chunks(2).map(|two| Raw(two[at].0, two[at].1.clone())).collect()
            };
            forged.keep_measured(Quantity::Probability, &of(&kept.0));
            forged.keep_measured(Quantity::Rank, &of(&kept.1));
            assert_eq!(measured(&domain, Some(&journal(folder.path(), &domain))), alone);
        }
    }

    fn bytes(measurement: &impl Measurement) -> Vec<u8> {
        let mut bytes = Vec::new();
        measurement.put(&mut bytes);
        bytes
    }

    /// A token, and the bytes that a journal is to keep of it.
    struct Raw(u32, Vec<u8>);

    impl Measurement for Raw {
        fn token(&self) -> u32 {
            self.0
        }

        fn put(&self, bytes: &mut Vec<u8>) {
            bytes.extend(&self.1);
        }

        fn again(_: &Problem, _: &[(u32, &Verdict, &[u8])]) -> Vec<Option<Self>> {
            Vec::new()
        }
    }
}
