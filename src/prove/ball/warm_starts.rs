//! Warm starts: the searches for crowded tokens begin near points where similar tokens were found to win.
//!
//! Under-trained tokens have nearly equal rows, so far from the others that at the point of its own row each is
//! beaten by hundreds of rivals. Where one of them wins, another almost wins: a step along the image under the map of
//! the difference of their rows leads to a point where few rivals beat it.

use std::collections::VecDeque;

use crate::arithmetic::rounding::{norm_up, norm_up_of};
use crate::certify::map::Map;
use crate::parallel;
use crate::prove::ball::frequent_rivals::FrequentRivals;
use crate::prove::ball::system::BallSystem;
use crate::prove::polyhedron::working_set::Start;

/// The steps tried from a winner's point, as shares of the radius. (In whisper-tiny.en's ball 6 rivals beat the median
/// crowded token after the best of these steps, and 300 at the winner's own point.)
const STEP_SHARES: [f64; 3] = [1.0 / 64.0, 1.0 / 32.0, 1.0 / 12.0];
/// The greatest share of the radius at which a search begins.
const FARTHEST_START: f64 = 63.0 / 64.0;

/// The most winners kept: a few are near any token, and all are compared.
const KEPT: usize = 1024;
/// The number of tokens whose points are compared with the frequent rivals together.
const TOKENS_A_THREAD: usize = 8;

/// The number of rivals that beat a token at its start from which on the token counts as crowded.
const RIVALS_OF_A_CROWD: usize = 128;
/// The strides of the waves in which crowded tokens begin: each wave is about as large as all before it, and the last
/// has the rest.
const WAVES: [usize; 8] = [128, 64, 32, 16, 8, 4, 2, 1];
/// The next wave begins when only one in this many of the crowded tokens that a wave left undecided still is.
const NEXT_WAVE_SHARE: usize = 4;

/// Whether so many rivals beat a token at its start that it counts as crowded.
fn is_crowded(start: &Start) -> bool {
    start.behind.len() >= RIVALS_OF_A_CROWD
}

/// The queue of tokens whose searches have not begun.
#[derive(Debug)]
pub struct Queue {
    /// The indices of tokens that are not crowded.
    others: VecDeque<usize>,
    /// The indices of crowded tokens, by wave.
    waves: VecDeque<VecDeque<usize>>,
    /// The number of crowded tokens that have begun and are not decided.
    undecided: usize,
    /// The number of such tokens at which the next wave may begin.
    few: usize,
}

impl Queue {
    /// Queues all tokens with these starts.
    pub fn new(starts: &[(u32, Start)]) -> Self {
        let places = 0..starts.len();
        let (crowded, others): (Vec<usize>, Vec<usize>) =
            places.partition(|&i| is_crowded(&starts[i].1));
        let wave = |(n, stride): (usize, usize)| {
            let earlier = |i: &usize| n > 0 && i.is_multiple_of(WAVES[n - 1]);
            let these = (0..crowded.len()).step_by(stride).filter(|i| !earlier(i));
            these.map(|i| crowded[i]).collect::<VecDeque<usize>>()
        };
        let waves = WAVES.into_iter().enumerate().map(wave).filter(|wave| !wave.is_empty());
        Queue { others: others.into(), waves: waves.collect(), undecided: 0, few: 0 }
    }

    /// The indices of at most `count` tokens: of the present wave, of the next one if most tokens of the earlier
    /// waves are decided, and of the tokens that are not crowded.
    pub fn next(&mut self, count: usize) -> Vec<usize> {
        let mut next = Vec::new();
        if self.undecided <= self.few
            && let Some(wave) = self.waves.front_mut()
        {
            next.extend(wave.drain(..wave.len().min(count)));
            self.undecided += next.len();
            if wave.is_empty() {
                self.few = self.undecided / NEXT_WAVE_SHARE;
                self.waves.pop_front();
            } else {
                self.few = usize::MAX;
            }
        }
        let others = self.others.len().min(count - next.len());
        next.extend(self.others.drain(..others));
        next
    }

    /// Reports that the token with this start is decided.
    pub fn decided(&mut self, start: &Start) {
        self.undecided -= usize::from(is_crowded(start));
    }
}

/// Crowded tokens with points where they win, and the map of the steps between them.
#[derive(Debug)]
pub struct WarmStarts<'a> {
    sphere: &'a BallSystem<'a>,
    map: &'a Map,
    found: Vec<KnownWinner>,
}

/// A crowded token that wins at a known point.
#[derive(Debug)]
struct KnownWinner {
    point: Vec<f64>,
    /// The token's logit at the point.
    score: f64,
    direction: Vec<f64>,
}

/// The data with which the search of a crowded token begins.
#[derive(Clone, Debug)]
pub struct NearStart {
    /// The image of the token's row under the map (`d`).
    pub direction: Vec<f64>,
    /// A start near a winner, if there is one.
    pub start: Option<Start>,
}

impl<'a> WarmStarts<'a> {
    /// Starts without known winners; `map` gives the steps.
    pub fn new(sphere: &'a BallSystem<'a>, map: &'a Map) -> Self {
        WarmStarts { sphere, map, found: Vec::new() }
    }

    /// Adds a crowded token that wins at a point (`d`).
    pub fn add(&mut self, token: u32, point: &[f64], direction: Vec<f64>) {
        if self.found.len() < KEPT {
            let head = self.sphere.problem().head();
            let score = head.score(token as usize, point);
            self.found.push(KnownWinner { point: point.to_vec(), score, direction });
        }
    }

    /// For each crowded token, a start near the winner that is least ahead of it at the winner's own point: the step
    /// where the fewest frequent rivals beat the token. `None` for other tokens.
    pub fn near_starts(
        &self,
        tokens: &[&(u32, Start)],
        frequent: &FrequentRivals,
    ) -> Vec<Option<NearStart>> {
        let crowded: Vec<usize> = (0..tokens.len()).filter(|&i| is_crowded(&tokens[i].1)).collect();
        let begun = parallel::flat_map(crowded.len(), TOKENS_A_THREAD, &|range| {
            let these: Vec<&(u32, Start)> = crowded[range].iter().map(|&i| tokens[i]).collect();
            self.all_near_starts(&these, frequent)
        });
        let mut all = vec![None; tokens.len()];
        crowded.into_iter().zip(begun).for_each(|(i, beside)| all[i] = Some(beside));
        all
    }

    /// [`WarmStarts::near_starts`] for crowded tokens only.
    fn all_near_starts(
        &self,
        tokens: &[&(u32, Start)],
        frequent: &FrequentRivals,
    ) -> Vec<NearStart> {
        let head = self.sphere.problem().head();
        let ids: Vec<u32> = tokens.iter().map(|t| t.0).collect();
        let directions = self.map.directions(head, &ids);
        let directions = directions.chunks_exact(head.dim());
        let moved: Vec<Vec<Vec<f64>>> =
            ids.iter().zip(directions.clone()).map(|(&t, own)| self.moved(t, own)).collect();
        let tried: Vec<(u32, &[f64])> = ids
            .iter()
            .zip(&moved)
            .flat_map(|(&t, points)| points.iter().map(move |z| (t, z.as_slice())))
            .collect();
        let mut ahead = frequent.ahead(&tried).into_iter().map(|ahead| ahead.len());
        let beside = |((token, points), own): ((&&(u32, Start), Vec<Vec<f64>>), &[f64])| {
            let tried = points.into_iter().map(|z| (ahead.next(), z));
            let near = tried.min_by_key(|(ahead, _)| *ahead).map(|(_, z)| z);
            let start = near.map(|near| Start { near, behind: Vec::new(), ..token.1 });
            NearStart { direction: own.to_vec(), start }
        };
        tokens.iter().zip(moved).zip(directions).map(beside).collect()
    }

    /// Points at several steps from the winner that is least ahead of a token, where `own` is the image of the
    /// token's row; empty without known winners.
    fn moved(&self, token: u32, own: &[f64]) -> Vec<Vec<f64>> {
        let (head, t) = (self.sphere.problem().head(), token as usize);
        let ahead = |winner: &KnownWinner| winner.score - head.dot(t, &winner.point) - head.bias(t);
        let leads = self.found.iter().map(|winner| (ahead(winner), winner));
        let Some((_, winner)) = leads.min_by(|a, b| a.0.total_cmp(&b.0)) else { return Vec::new() };
        let step: Vec<f64> = own.iter().zip(&winner.direction).map(|(a, b)| a - b).collect();
        let radius = self.sphere.ball().radius_down();
        let moved = STEP_SHARES.map(|share| {
            let factor = share * radius / norm_up_of(&step).max(f64::MIN_POSITIVE);
            let point = winner.point.iter().zip(&step).map(|(z, s)| z + factor * s);
            let length = norm_up(point.clone()).max(f64::MIN_POSITIVE);
            let inside = (FARTHEST_START * radius / length).min(1.0);
            point.map(|z| z * inside).collect()
        });
        moved.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_token_begins_once_and_a_wave_waits_for_most_of_the_one_before() {
        let start = |n: usize| Start {
            near: Vec::new(),
            behind: vec![0; if n.is_multiple_of(3) { RIVALS_OF_A_CROWD } else { 1 }],
            may_win: true,
        };
        let starts: Vec<(u32, Start)> = (0..1000).map(|n| (n as u32, start(n))).collect();
        for slots in [1, 7, 64, 5000] {
            let mut queue = Queue::new(&starts);
            let (mut begun, mut running) = (vec![false; starts.len()], VecDeque::new());
            let mut crowded = 0;
            loop {
                let next = queue.next(slots - running.len());
                assert!(next.len() <= slots - running.len());
                for &i in &next {
                    assert!(!std::mem::replace(&mut begun[i], true), "{i} begins once");
                    crowded += usize::from(is_crowded(&starts[i].1));
                }
                running.extend(next);
                // Waves are at most as large as all before together; a quarter of one may be late.
                let open = running.iter().filter(|&&i| is_crowded(&starts[i].1)).count();
                let decided = crowded - open;
                assert!(crowded <= 3.max(4 * decided + 4), "{crowded} begun, {decided} decided");
                let Some(done) = running.pop_front() else { break };
                queue.decided(&starts[done].1);
            }
            assert!(begun.iter().all(|b| *b), "all begin with {slots} at a time");
        }
    }
}
