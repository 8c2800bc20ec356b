//! Searches for many tokens of a ball side by side, in rounds.
//!
//! A round looks at one point of each token: against the [suspects](Suspects), and where it beats all of them, against all
//! rows ([`Pairs::attempt`], which proves wins by the way). A pass over the rows costs little more for a tile of points
//! than for one, so as many tokens as memory allows run at a time, and one that is done makes room for the next. At
//! which point a token is proved to win may depend on the other tokens asked for, never on threads; where no side is
//! proved, the token is searched for once more by itself.

use std::cmp::Reverse;

use rayon::prelude::*;

use super::scouts::{Queue, Scouts};
use super::sphere::Sphere;
use super::suspects::Suspects;
use super::within::{Ask, Search, Step};
use super::working_set::Start;
use crate::certify::map::Map;
use crate::certify::pairs::kernel::TILE;
use crate::certify::pairs::{Pairs, Trial};
use crate::certify::witness::{self, Refusal, Witness};
use crate::certify::{Rival, Verdict, outweighed};

/// Rooms asked for, from bold to faint: the last is still well above what the solver leaves undone.
const ROOMS: [f64; 4] = [1.0 / 4.0, 1.0 / 256.0, 1.0 / 65536.0, 1.0 / 16777216.0];
/// Rounds of a token before giving up; each adds at least one new rival.
const ROUNDS: usize = 400;
/// Searches start this share of the way out to the point where the token almost won, where that is on the sphere.
const OUT: f64 = 15.0 / 16.0;
/// Tokens that run at a time, where memory allows.
const RUNNING: usize = 256;
/// Float64 numbers of their working sets and factorisations in all, about and at most: a gigabyte.
const NUMBERS: usize = 1 << 27;
/// A pass over the rows waits for so many points, or until no search can go on without.
const PASS: usize = 128;
/// Points of a pass that one thread takes together, at most.
const GROUP: usize = 64;
/// Float64 scores held at once, a few tens of megabytes.
const SCORES: usize = 1 << 22;

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
struct Runner<'a> {
    /// Its place among the tokens.
    place: usize,
    search: Search<'a>,
    /// Where the map sends its row, if it is crowded.
    direction: Option<Vec<f64>>,
    /// Whether its point beats all suspects.
    ready: bool,
    rounds: usize,
}

/// Searches for tokens from their starts or from beside [scouts](Scouts), whose steps are those of `map`, and tells `done`
/// of each that is decided or given up.
pub fn search(
    sphere: &Sphere,
    map: &Map,
    pairs: Option<&Pairs>,
    tokens: &[(u32, Start)],
    done: &dyn Fn(),
) -> Vec<Side> {
    let dim = sphere.question().head().dim();
    let most = (NUMBERS / (2 * dim * dim)).clamp(GROUP / 4, RUNNING);
    let lists = tokens.iter().map(|t| t.1.behind.as_slice());
    let mut suspects = Suspects::new(sphere.question(), lists);
    let mut scouts = Scouts::new(sphere, map);
    let mut sides: Vec<Option<Side>> = vec![None; tokens.len()];
    let mut queue = Queue::new(tokens);
    let mut running: Vec<Runner> = Vec::new();
    loop {
        let next = queue.next(most - running.len());
        if next.is_empty() && running.is_empty() {
            break;
        }
        let new: Vec<&(u32, Start)> = next.iter().map(|&place| &tokens[place]).collect();
        let beside = scouts.beside(&new, &suspects);
        let begun = next.into_par_iter().zip(beside).with_max_len(1);
        let begun = begun.map(|(place, beside)| {
            let (token, start) = &tokens[place];
            let start = beside.as_ref().and_then(|b| b.start.as_ref()).unwrap_or(start);
            let search = new_search(sphere, *token, start).keeping_rows();
            let (search, side) = begin(sphere, search, start);
            let direction = beside.map(|beside| beside.direction);
            (Runner { place, search, direction, ready: false, rounds: 0 }, side)
        });
        let begun: Vec<(Runner, Option<Side>)> = begun.collect();
        let mut trials = by_suspects(sphere, &suspects, &running);
        running.iter_mut().zip(&trials).for_each(|(r, trial)| r.ready = is_unbeaten(trial));
        let ready = running.iter().filter(|r| r.ready).count();
        let pass = ready >= PASS || (ready == running.len() && begun.is_empty());
        if pass {
            by_all(sphere, pairs, &running, &mut trials);
            let told = trials.iter().flat_map(|trial| match trial {
                Trial::Behind(rivals) => rivals.as_slice(),
                Trial::Wins(_) => &[],
            });
            suspects.add(told.copied());
        }
        let went_on = running.into_par_iter().zip(trials).with_max_len(1);
        let went_on = went_on.map(|(mut runner, trial)| {
            if runner.ready && !pass {
                return (runner, None);
            }
            runner.ready = false;
            let side = go_on(sphere, &mut runner, trial);
            (runner, side)
        });
        let went_on: Vec<(Runner, Option<Side>)> = went_on.collect();
        running = Vec::with_capacity(most);
        for (runner, side) in went_on.into_iter().chain(begun) {
            let Some(side) = side else {
                running.push(runner);
                continue;
            };
            let (token, start) = &tokens[runner.place];
            if let (Side::Wins(_), Some(direction)) = (&side, runner.direction) {
                scouts.add(*token, runner.search.point(), direction);
            }
            queue.decided(start);
            sides[runner.place] = Some(side);
            done();
        }
        // The largest first: a thread that begins one at the end of a round keeps the others waiting.
        running.sort_by_key(|runner| Reverse(runner.search.size()));
    }
    // What float64 cannot tell may depend on the order in which rivals come in: these once more, each by itself.
    let alone = |(side, (token, start)): (Option<Side>, &(u32, Start))| match side {
        Some(Side::Stuck(_)) | None => by_itself(sphere, pairs, *token, start),
        Some(side) => side,
    };
    sides.into_par_iter().zip(tokens).with_max_len(1).map(alone).collect()
}

/// A search that knows neither suspects nor scouts: what comes of it depends on the token alone.
fn by_itself(sphere: &Sphere, pairs: Option<&Pairs>, token: u32, start: &Start) -> Side {
    let (search, mut side) = begin(sphere, new_search(sphere, token, start), start);
    let mut runner = Runner { place: 0, search, direction: None, ready: true, rounds: 0 };
    loop {
        if let Some(side) = side {
            return side;
        }
        let mut trial = [Trial::Behind(Vec::new())];
        by_all(sphere, pairs, std::slice::from_ref(&runner), &mut trial);
        let [trial] = trial;
        side = go_on(sphere, &mut runner, trial);
    }
}

/// A search that begins near a start, or somewhat further in where that is on the sphere.
fn new_search<'a>(sphere: &'a Sphere<'a>, token: u32, start: &Start) -> Search<'a> {
    let share = if sphere.is_inside(&start.near) { 1.0 } else { OUT };
    let anchor = start.near.iter().map(|x| x * share).collect();
    Search::new(sphere, token, Ask::Room(ROOMS[0]), Some(anchor))
}

/// Tells a search of the rivals behind the start.
fn begin<'a>(sphere: &Sphere, mut search: Search<'a>, start: &Start) -> (Search<'a>, Option<Side>) {
    if start.behind.is_empty() {
        return (search, None);
    }
    let step = search.advance(start.behind.iter().copied().map(Rival::Token));
    let side = conclude(sphere, &mut search, step);
    (search, side)
}

/// What came of a trial of the point: a side, or none while there is another point to look at.
fn go_on(sphere: &Sphere, runner: &mut Runner, trial: Trial) -> Option<Side> {
    let search = &mut runner.search;
    runner.rounds += 1;
    match trial {
        Trial::Wins(witness) => Some(Side::Wins(witness)),
        Trial::Behind(_) if runner.rounds > ROUNDS => Some(Side::Stuck(search.multipliers())),
        Trial::Behind(rivals) => {
            let outside = sphere.ends_passed(search.point());
            let half = outside.len().min(search.point().len().clamp(32, 128) / 2);
            let ends = outside.into_iter().take(half);
            let step = search.advance(ends.chain(rivals.into_iter().map(Rival::Token)));
            conclude(sphere, search, step)
        }
    }
}

/// What a step means: a side, or none while there is a point inside the ball to look at.
fn conclude(sphere: &Sphere, search: &mut Search, mut step: Step) -> Option<Side> {
    loop {
        let stalled = matches!(step, Step::Stalled);
        let multipliers = match step {
            Step::Point if search.is_inside() => return None,
            Step::Point | Step::Stalled => search.multipliers(),
            Step::Combination(multipliers) => multipliers,
        };
        if search.is_from_centre() && !stalled {
            let question = sphere.question();
            let proof = outweighed::certify_plainly(question, search.token(), &multipliers);
            if let Some(verdict) = proof {
                return Some(Side::Loses(verdict));
            }
        }
        step = match search.ask() {
            Ask::Room(room) if search.is_from_centre() => {
                let Some(fainter) = ROOMS.into_iter().find(|r| *r < room) else {
                    return Some(Side::Stuck(multipliers));
                };
                search.restart(Ask::Room(fainter))
            }
            ask if stalled => search.restart(ask),
            _ => search.draw_in(),
        };
    }
}

/// Tries the points of searches that are not ready against the suspects that they do not know.
fn by_suspects(sphere: &Sphere, suspects: &Suspects, running: &[Runner]) -> Vec<Trial> {
    let mut trials = vec![Trial::Behind(Vec::new()); running.len()];
    let new: Vec<usize> = (0..running.len()).filter(|&i| !running[i].ready).collect();
    let tried = |part: &[usize]| {
        let searches = part.iter().map(|&i| &running[i].search);
        let points: Vec<_> = searches.clone().map(|s| (s.token(), s.point())).collect();
        let ahead = searches.zip(suspects.ahead(&points));
        ahead.map(|(search, ahead)| unknown(sphere, search, ahead)).collect::<Vec<Trial>>()
    };
    let found: Vec<Trial> = new.par_chunks(share(new.len(), GROUP)).flat_map_iter(tried).collect();
    new.into_iter().zip(found).for_each(|(i, trial)| trials[i] = trial);
    trials
}

/// Tries the points of searches that no suspect beats against all rows.
fn by_all(sphere: &Sphere, pairs: Option<&Pairs>, running: &[Runner], trials: &mut [Trial]) {
    let mut look = |most: usize, trial: &(dyn Fn(&[usize]) -> Vec<Trial> + Sync)| {
        let open: Vec<usize> = (0..trials.len()).filter(|&i| is_unbeaten(&trials[i])).collect();
        let found = open.par_chunks(share(open.len(), most)).flat_map_iter(trial);
        let found: Vec<Trial> = found.collect();
        open.into_iter().zip(found).for_each(|(i, trial)| trials[i] = trial);
    };
    if let Some(pairs) = pairs {
        look(GROUP, &|part| {
            pairs.attempt(part.iter().map(|&i| running[i].search.attempt()).collect())
        });
    }
    let question = sphere.question();
    look((SCORES / question.head().tokens()).clamp(1, GROUP), &|part| {
        let searches = part.iter().map(|&i| &running[i].search);
        let points = searches.clone().map(|s| (s.token(), s.point().to_vec())).collect();
        let proved = witness::certify_floats(question, points);
        let trial = searches.zip(proved).map(|(search, proved)| match proved {
            Ok(witness) => Trial::Wins(witness),
            Err(Refusal::Outside) => Trial::Behind(Vec::new()),
            Err(Refusal::Beaten(rivals)) => Trial::Behind(worst_first(sphere, search, rivals)),
        });
        trial.collect()
    });
}

/// Whether no rival is known that beats the point.
fn is_unbeaten(trial: &Trial) -> bool {
    matches!(trial, Trial::Behind(rivals) if rivals.is_empty())
}

/// How many of so many points go into a pass: whole tiles, and as many passes for each thread.
fn share(points: usize, most: usize) -> usize {
    let passes = points.div_ceil(most).next_multiple_of(rayon::current_num_threads()).max(1);
    points.div_ceil(passes).next_multiple_of(TILE).clamp(1, most)
}

/// The suspects ahead that a search does not know yet, the worst first.
fn unknown(sphere: &Sphere, search: &Search, mut ahead: Vec<(f64, u32)>) -> Trial {
    let equals = sphere.question().equals(search.token());
    ahead.retain(|(_, j)| !search.knows(Rival::Token(*j)) && !equals.contains(j));
    ahead.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    Trial::Behind(ahead.into_iter().map(|a| a.1).collect())
}

/// Rivals by falling score at the point of a search.
fn worst_first(sphere: &Sphere, search: &Search, rivals: Vec<u32>) -> Vec<u32> {
    let head = sphere.question().head();
    let score = |j: u32| head.dot(j as usize, search.point()) + head.bias(j as usize);
    let mut scored: Vec<(f64, u32)> = rivals.into_iter().map(|j| (score(j), j)).collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    scored.into_iter().map(|s| s.1).collect()
}
