//! Searches for many tokens of a ball side by side, in rounds.
//!
//! In a round each search begins, or goes on against the [suspects](Suspects), or has its point, where that beats all of
//! them, tried against all rows. A pass over the rows costs little more for a tile of points than for one, so as many
//! tokens as memory allows run at a time, one that is done makes room for the next, and a pass waits for many points while
//! the other searches go on beside it. At which point a token is proved to win may depend on the other tokens asked for,
//! never on threads; where no side is proved, the token is searched for once more by itself.

use std::cmp::Reverse;

use rayon::prelude::*;

use super::runner::{self, Runner, Side};
use super::scouts::{Queue, Scouts};
use super::sphere::Sphere;
use super::suspects::Suspects;
use super::working_set::Start;
use crate::certify::map::Map;
use crate::certify::pairs::kernel::TILE;
use crate::certify::pairs::{Pairs, Trial};

/// Tokens that run at a time, where memory allows.
const RUNNING: usize = 256;
/// Float64 numbers of their working sets and factorisations in all, about and at most: a gigabyte.
const NUMBERS: usize = 1 << 27;
/// A pass over the rows waits for so many points, or until no search can go on without.
const PASS: usize = 64;
/// Points of a pass that one thread takes together, at most.
const GROUP: usize = 64;
/// Searches that one thread takes together, other than in a pass.
const TOGETHER: usize = 8;
/// How often a search goes on in one round, at most.
const STEPS: usize = 4;

/// What the searches of a round share.
struct Shared<'a> {
    sphere: &'a Sphere<'a>,
    pairs: Option<&'a Pairs<'a>>,
    tokens: &'a [(u32, Start)],
    suspects: Suspects<'a>,
    scouts: Scouts<'a>,
}

/// A piece of a round, for one thread at a time.
enum Work<'a> {
    /// Tokens, by place, whose searches begin.
    Begin(Vec<usize>),
    /// Searches whose points are held against the suspects.
    GoOn(Vec<Runner<'a>>),
    /// Searches whose points are held against all rows.
    Pass(Vec<Runner<'a>>),
}

/// A search at the end of a round, and what it came to.
type Ended<'a> = (Runner<'a>, Option<Side>);

/// Searches for tokens from their starts or from beside [scouts](Scouts), whose steps are those of `map`, and tells `done`
/// of each that is decided or given up.
pub fn search(
    sphere: &Sphere,
    map: &Map,
    pairs: Option<&Pairs>,
    tokens: &[(u32, Start)],
    done: &dyn Fn(),
) -> Vec<Side> {
    let dim = sphere.dim().max(1);
    let most = (NUMBERS / (2 * dim * dim)).clamp(GROUP / 4, RUNNING);
    let lists = tokens.iter().map(|t| t.1.behind.as_slice());
    let suspects = Suspects::new(sphere.question(), lists);
    let scouts = Scouts::new(sphere, map);
    let mut shared = Shared { sphere, pairs, tokens, suspects, scouts };
    let mut sides: Vec<Option<Side>> = vec![None; tokens.len()];
    let mut queue = Queue::new(tokens);
    let mut running: Vec<Runner> = Vec::new();
    loop {
        let next = queue.next(most - running.len());
        if next.is_empty() && running.is_empty() {
            break;
        }
        let (ready, busy): (Vec<Runner>, Vec<Runner>) = running.into_iter().partition(|r| r.ready);
        let pass = ready.len() >= PASS || (busy.is_empty() && next.is_empty());
        let (ready, waiting) = if pass { (ready, Vec::new()) } else { (Vec::new(), ready) };
        let group = share(ready.len());
        let passes = parts(ready, group).map(Work::Pass);
        let others = parts(busy, TOGETHER).map(Work::GoOn);
        let work = passes.chain(others).chain(parts(next, TOGETHER).map(Work::Begin));
        let (ended, told) = round(&shared, work.collect());
        shared.suspects.add(told.into_iter());
        running = waiting;
        for (runner, side) in ended {
            let Some(side) = side else {
                running.push(runner);
                continue;
            };
            let (token, start) = &tokens[runner.place];
            if let (Side::Wins(_), Some(direction)) = (&side, runner.direction) {
                shared.scouts.add(*token, runner.search.point(), direction);
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
        Some(Side::Stuck(_)) | None => runner::by_itself(sphere, pairs, *token, start),
        Some(side) => side,
    };
    sides.into_par_iter().zip(tokens).with_max_len(1).map(alone).collect()
}

/// Does all pieces of a round side by side, begun in their order. The searches come back in that order, with the rivals that
/// passes found.
fn round<'a>(shared: &Shared<'a>, work: Vec<Work<'a>>) -> (Vec<Ended<'a>>, Vec<u32>) {
    let mut pieces: Vec<(Vec<Ended>, Vec<u32>)> = work.iter().map(|_| Default::default()).collect();
    rayon::scope_fifo(|scope| {
        for (work, piece) in work.into_iter().zip(&mut pieces) {
            scope.spawn_fifo(move |_| *piece = shared.work_on(work));
        }
    });
    let (mut ended, mut told) = (Vec::new(), Vec::new());
    for (searches, rivals) in pieces {
        ended.extend(searches);
        told.extend(rivals);
    }
    (ended, told)
}

/// Cuts a list into parts of at most this size.
fn parts<T>(mut list: Vec<T>, size: usize) -> impl Iterator<Item = Vec<T>> {
    std::iter::from_fn(move || {
        let rest = list.split_off(list.len().min(size));
        let part = std::mem::replace(&mut list, rest);
        (!part.is_empty()).then_some(part)
    })
}

impl<'a> Shared<'a> {
    fn work_on(&self, work: Work<'a>) -> (Vec<Ended<'a>>, Vec<u32>) {
        match work {
            Work::Begin(places) => (self.begin(places), Vec::new()),
            Work::GoOn(runners) => (self.go_on(runners), Vec::new()),
            Work::Pass(runners) => self.pass(runners),
        }
    }

    fn begin(&self, places: Vec<usize>) -> Vec<Ended<'a>> {
        let new: Vec<&(u32, Start)> = places.iter().map(|&place| &self.tokens[place]).collect();
        let beside = self.scouts.beside(&new, &self.suspects);
        let begun = places.into_par_iter().zip(beside).with_max_len(1);
        let begun = begun.map(|(place, beside)| {
            let (token, start) = &self.tokens[place];
            let start = beside.as_ref().and_then(|b| b.start.as_ref()).unwrap_or(start);
            let mut runner = Runner::new(self.sphere, place, *token, start).keeping_rows();
            let side = runner.begin(start);
            runner.direction = beside.map(|beside| beside.direction);
            (runner, side)
        });
        begun.collect()
    }

    fn go_on(&self, runners: Vec<Runner<'a>>) -> Vec<Ended<'a>> {
        let mut all: Vec<Ended> = runners.into_iter().map(|runner| (runner, None)).collect();
        for _ in 0..STEPS {
            let mut open: Vec<&mut Ended> =
                all.iter_mut().filter(|(runner, side)| side.is_none() && !runner.ready).collect();
            let trials = runner::by_suspects(&self.suspects, open.iter().map(|ended| &ended.0));
            open.par_iter_mut().zip(trials).with_max_len(1).for_each(|(ended, trial)| {
                let (runner, side) = &mut **ended;
                runner.ready = runner::is_unbeaten(&trial);
                if !runner.ready {
                    *side = runner.go_on(trial);
                }
            });
        }
        all
    }

    fn pass(&self, runners: Vec<Runner<'a>>) -> (Vec<Ended<'a>>, Vec<u32>) {
        let trials = runner::by_all(self.pairs, &runners);
        let told = trials.iter().flat_map(|trial| match trial {
            Trial::Behind(rivals) => rivals.as_slice(),
            Trial::Wins(_) => &[],
        });
        let told = told.copied().collect();
        let ended = runners.into_par_iter().zip(trials).with_max_len(1);
        let ended = ended.map(|(mut runner, trial)| {
            runner.ready = false;
            let side = runner.go_on(trial);
            (runner, side)
        });
        (ended.collect(), told)
    }
}

/// How many of so many points one thread takes together: whole tiles, and as many groups for each thread.
fn share(points: usize) -> usize {
    let groups = points.div_ceil(GROUP).next_multiple_of(rayon::current_num_threads()).max(1);
    points.div_ceil(groups).next_multiple_of(TILE).clamp(1, GROUP)
}
