//! A search in a ball in progress: the trials of its points, and the results that follow.

use crate::certify::pairs::{Pairs, Trial};
use crate::certify::witness::{self, Refusal, Witness};
use crate::certify::{self, Rival, Verdict};
use crate::order;
use crate::prove::ball::frequent_rivals::FrequentRivals;
use crate::prove::ball::search::{Ask, Search, Step};
use crate::prove::ball::system::BallSystem;
use crate::prove::polyhedron::working_set::Start;

/// The clearances requested, largest first; the last is still well above the error of the solver.
const CLEARANCES: [f64; 4] = [1.0 / 4.0, 1.0 / 256.0, 1.0 / 65536.0, 1.0 / 16777216.0];
/// The most trials of a search; each adds at least one new rival.
const MOST_TRIALS: usize = 400;
/// The share of the distance at which a search starts, if the point where the token almost won is on the sphere.
const START_SHARE: f64 = 15.0 / 16.0;
/// The most float64 scores held at once, a few tens of megabytes.
const MOST_SCORES: usize = 1 << 22;

/// What a search found.
#[derive(Clone, Debug)]
pub enum SearchOutcome {
    /// The token was proved to win at a point.
    Wins(Witness),
    /// The token was proved never to win.
    Loses(Verdict),
    /// Neither was proved; with the last multipliers of unscaled inequalities, if there are any.
    Stuck(Vec<(Rival, f64)>),
}

/// A token whose search is in progress.
pub struct RunningSearch<'a> {
    sphere: &'a BallSystem<'a>,
    /// The index of the token in the list of tokens.
    pub place: usize,
    /// The search of the token.
    pub search: Search<'a>,
    /// The image of the token's row under the map, if the token is crowded.
    pub direction: Option<Vec<f64>>,
    /// Whether the search's point beats all frequent rivals.
    pub ready: bool,
    trials: usize,
}

impl<'a> RunningSearch<'a> {
    /// Prepares a search that begins near a start, or somewhat further inside if that is on the sphere.
    pub fn new(sphere: &'a BallSystem<'a>, place: usize, token: u32, start: &Start) -> Self {
        let share = if sphere.is_inside(&start.near) { 1.0 } else { START_SHARE };
        let anchor = start.near.iter().map(|x| x * share).collect();
        let search = Search::new(sphere, token, Ask::Clearance(CLEARANCES[0]), Some(anchor));
        RunningSearch { sphere, place, search, direction: None, ready: false, trials: 0 }
    }

    /// See [`Search::keeping_rows`].
    pub fn keeping_rows(self) -> Self {
        RunningSearch { search: self.search.keeping_rows(), ..self }
    }

    /// Adds the rivals that the start does not beat. Returns an outcome, or `None` if there is a point to try.
    pub fn begin(&mut self, start: &Start) -> Option<SearchOutcome> {
        if start.behind.is_empty() {
            return None;
        }
        let step = self.search.advance(start.behind.iter().copied().map(Rival::Token));
        self.conclude(step)
    }

    /// Uses the result of a trial of the point. Returns an outcome, or `None` if there is another point to try.
    pub fn go_on(&mut self, trial: Trial) -> Option<SearchOutcome> {
        self.trials += 1;
        match trial {
            Trial::Wins(witness) => Some(SearchOutcome::Wins(witness)),
            Trial::Behind(_) if self.trials > MOST_TRIALS => {
                Some(SearchOutcome::Stuck(self.search.multipliers()))
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

    /// Interprets a step. Returns an outcome, or `None` if there is a point inside the ball to try.
    fn conclude(&mut self, mut step: Step) -> Option<SearchOutcome> {
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
                    return Some(SearchOutcome::Loses(verdict));
                }
            }
            step = match search.ask() {
                Ask::Clearance(clearance) if search.is_from_centre() => {
                    let Some(fainter) = CLEARANCES.into_iter().find(|r| *r < clearance) else {
                        return Some(SearchOutcome::Stuck(multipliers));
                    };
                    search.restart(Ask::Clearance(fainter))
                }
                ask if stalled => search.restart(ask),
                _ => search.retry_from_inner_anchor(),
            };
        }
    }

    /// The frequent rivals ahead that the search does not know yet, the worst first.
    fn unknown(&self, mut ahead: Vec<(f64, u32)>) -> Trial {
        let equals = self.sphere.problem().equals(self.search.token());
        ahead.retain(|(_, j)| !self.search.knows(Rival::Token(*j)) && !equals.contains(j));
        order::highest_first(&mut ahead);
        Trial::Behind(ahead.into_iter().map(|rival| rival.1).collect())
    }

    /// The rivals by falling score at the point.
    fn by_score(&self, rivals: Vec<u32>) -> Vec<u32> {
        let (head, point) = (self.sphere.problem().head(), self.search.point());
        order::by_score(rivals, &|j| head.score(j as usize, point))
    }
}

/// Searches a token without frequent rivals and warm starts, so that the result depends on the token alone.
pub fn by_itself(
    sphere: &BallSystem,
    pairs: Option<&Pairs>,
    token: u32,
    start: &Start,
) -> SearchOutcome {
    let mut search = RunningSearch::new(sphere, 0, token, start);
    let mut outcome = search.begin(start);
    loop {
        if let Some(outcome) = outcome {
            return outcome;
        }
        let trials = by_all(pairs, std::slice::from_ref(&search));
        outcome = trials.into_iter().next().and_then(|trial| search.go_on(trial));
    }
}

/// Compares the points of searches with the frequent rivals that each does not know.
pub fn by_frequent_rivals<'s, 'q: 's>(
    frequent: &FrequentRivals,
    searches: impl Iterator<Item = &'s RunningSearch<'q>> + Clone,
) -> Vec<Trial> {
    let points: Vec<_> = searches.clone().map(|r| (r.search.token(), r.search.point())).collect();
    let ahead = searches.zip(frequent.ahead(&points));
    ahead.map(|(search, ahead)| search.unknown(ahead)).collect()
}

/// Compares the points of searches with all rows.
pub fn by_all(pairs: Option<&Pairs>, searches: &[RunningSearch]) -> Vec<Trial> {
    let mut trials = match pairs {
        Some(pairs) => pairs.try_points(searches.iter().map(|r| r.search.trial_point()).collect()),
        None => vec![Trial::Behind(Vec::new()); searches.len()],
    };
    // Those that the comparison of all pairs could not judge.
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

/// Whether the trial found no rival that beats the point.
pub fn is_unbeaten(trial: &Trial) -> bool {
    matches!(trial, Trial::Behind(rivals) if rivals.is_empty())
}
