//! A search in a ball under way: trials of its point, and what follows from them.

use crate::certify::pairs::{Pairs, Trial};
use crate::certify::witness::{self, Refusal, Witness};
use crate::certify::{self, Rival, Verdict};
use crate::prove::ball::frequent_rivals::FrequentRivals;
use crate::prove::ball::search::{Ask, Search, Step};
use crate::prove::ball::system::BallSystem;
use crate::prove::polyhedron::working_set::Start;

/// Rooms asked for, largest first: the last is still well above what the solver leaves undone.
const CLEARANCES: [f64; 4] = [1.0 / 4.0, 1.0 / 256.0, 1.0 / 65536.0, 1.0 / 16777216.0];
/// Trials before giving up; each adds at least one new rival.
const MOST_TRIALS: usize = 400;
/// Searches start this share of the way out to the point where the token almost won, where that is on the sphere.
const START_SHARE: f64 = 15.0 / 16.0;
/// Float64 scores held at once, a few tens of megabytes.
const MOST_SCORES: usize = 1 << 22;

/// What a search came to.
#[derive(Clone, Debug)]
pub enum Side {
    /// The token was proved to win at a point.
    Wins(Witness),
    /// It was proved never to win.
    Loses(Verdict),
    /// Neither. With the last multipliers, if any, of unscaled inequalities.
    Stuck(Vec<(Rival, f64)>),
}

/// A token that runs.
pub struct RunningSearch<'a> {
    sphere: &'a BallSystem<'a>,
    /// Its place among the tokens.
    pub place: usize,
    /// Its search.
    pub search: Search<'a>,
    /// Where the map sends its row, if it is crowded.
    pub direction: Option<Vec<f64>>,
    /// Whether its point beats all frequent rivals.
    pub ready: bool,
    trials: usize,
}

impl<'a> RunningSearch<'a> {
    /// A search that begins near a start, or somewhat further in where that is on the sphere.
    pub fn new(sphere: &'a BallSystem<'a>, place: usize, token: u32, start: &Start) -> Self {
        let share = if sphere.is_inside(&start.near) { 1.0 } else { START_SHARE };
        let anchor = start.near.iter().map(|x| x * share).collect();
        let search = Search::new(sphere, token, Ask::Room(CLEARANCES[0]), Some(anchor));
        RunningSearch { sphere, place, search, direction: None, ready: false, trials: 0 }
    }

    /// See [`Search::keeping_rows`].
    pub fn keeping_rows(self) -> Self {
        RunningSearch { search: self.search.keeping_rows(), ..self }
    }

    /// Takes in the rivals behind the start: a side, or none while there is a point to look at.
    pub fn begin(&mut self, start: &Start) -> Option<Side> {
        if start.behind.is_empty() {
            return None;
        }
        let step = self.search.advance(start.behind.iter().copied().map(Rival::Token));
        self.conclude(step)
    }

    /// What came of a trial of the point: a side, or none while there is another point to look at.
    pub fn go_on(&mut self, trial: Trial) -> Option<Side> {
        self.trials += 1;
        match trial {
            Trial::Wins(witness) => Some(Side::Wins(witness)),
            Trial::Behind(_) if self.trials > MOST_TRIALS => {
                Some(Side::Stuck(self.search.multipliers()))
            }
            Trial::Behind(rivals) => {
                let outside = self.sphere.ends_passed(self.search.point());
                let half = outside.len().min(self.search.point().len().clamp(32, 128) / 2);
                let ends = outside.into_iter().take(half);
                let rivals = rivals.into_iter().map(Rival::Token);
                let step = self.search.advance(ends.chain(rivals));
                self.conclude(step)
            }
        }
    }

    /// What a step means: a side, or none while there is a point inside the ball to look at.
    fn conclude(&mut self, mut step: Step) -> Option<Side> {
        let (sphere, search) = (self.sphere, &mut self.search);
        loop {
            let stalled = matches!(step, Step::Stalled);
            let multipliers = match step {
                Step::Point if search.is_inside() => return None,
                Step::Point | Step::Stalled => search.multipliers(),
                Step::Combination(multipliers) => multipliers,
            };
            if search.is_from_centre() && !stalled {
                let problem = sphere.problem();
                let proof = certify::lost_in_ball_plainly(problem, search.token(), &multipliers);
                if let Some(verdict) = proof {
                    return Some(Side::Loses(verdict));
                }
            }
            step = match search.ask() {
                Ask::Room(clearance) if search.is_from_centre() => {
                    let Some(fainter) = CLEARANCES.into_iter().find(|r| *r < clearance) else {
                        return Some(Side::Stuck(multipliers));
                    };
                    search.restart(Ask::Room(fainter))
                }
                ask if stalled => search.restart(ask),
                _ => search.draw_in(),
            };
        }
    }

    /// The frequent rivals ahead that are not known yet, the worst first.
    fn unknown(&self, mut ahead: Vec<(f64, u32)>) -> Trial {
        let equals = self.sphere.problem().equals(self.search.token());
        ahead.retain(|(_, j)| !self.search.knows(Rival::Token(*j)) && !equals.contains(j));
        Trial::Behind(worst_first(ahead))
    }

    /// Rivals by falling score at the point.
    fn by_score(&self, rivals: Vec<u32>) -> Vec<u32> {
        let (head, point) = (self.sphere.problem().head(), self.search.point());
        let score = |j: u32| head.score(j as usize, point);
        worst_first(rivals.into_iter().map(|j| (score(j), j)).collect())
    }
}

/// Rivals by falling number.
fn worst_first(mut rivals: Vec<(f64, u32)>) -> Vec<u32> {
    rivals.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    rivals.into_iter().map(|r| r.1).collect()
}

/// A search that uses neither frequent rivals nor warm starts: what comes of it depends on the token alone.
pub fn by_itself(sphere: &BallSystem, pairs: Option<&Pairs>, token: u32, start: &Start) -> Side {
    let mut search = RunningSearch::new(sphere, 0, token, start);
    let mut side = search.begin(start);
    loop {
        if let Some(side) = side {
            return side;
        }
        let trials = by_all(pairs, std::slice::from_ref(&search));
        side = trials.into_iter().next().and_then(|trial| search.go_on(trial));
    }
}

/// Tries the points of searches against the frequent rivals that they do not know.
pub fn by_frequent_rivals<'s, 'q: 's>(
    frequent: &FrequentRivals,
    searches: impl Iterator<Item = &'s RunningSearch<'q>> + Clone,
) -> Vec<Trial> {
    let points: Vec<_> = searches.clone().map(|r| (r.search.token(), r.search.point())).collect();
    let ahead = searches.zip(frequent.ahead(&points));
    ahead.map(|(search, ahead)| search.unknown(ahead)).collect()
}

/// Tries the points of searches against all rows.
pub fn by_all(pairs: Option<&Pairs>, searches: &[RunningSearch]) -> Vec<Trial> {
    let mut trials = match pairs {
        Some(pairs) => pairs.attempt(searches.iter().map(|r| r.search.attempt()).collect()),
        None => vec![Trial::Behind(Vec::new()); searches.len()],
    };
    // Those that could not be tried so.
    let open: Vec<usize> = (0..trials.len()).filter(|&i| is_unbeaten(&trials[i])).collect();
    let Some(problem) = searches.first().map(|r| r.sphere.problem()) else { return trials };
    for part in open.chunks((MOST_SCORES / problem.head().tokens()).max(1)) {
        let tried = part.iter().map(|&i| &searches[i].search);
        let points = tried.map(|s| (s.token(), s.point().to_vec())).collect();
        for (&i, proved) in part.iter().zip(witness::certify_floats(problem, points)) {
            trials[i] = match proved {
                Ok(witness) => Trial::Wins(witness),
                Err(Refusal::Outside) => Trial::Behind(Vec::new()),
                Err(Refusal::Beaten(rivals)) => Trial::Behind(searches[i].by_score(rivals)),
            };
        }
    }
    trials
}

/// Whether no rival is known that beats the point.
pub fn is_unbeaten(trial: &Trial) -> bool {
    matches!(trial, Trial::Behind(rivals) if rivals.is_empty())
}
