//! Searches many tokens of a ball concurrently, in rounds.
//!
//! In a round each search begins, or continues against the [frequent rivals](FrequentRivals), or, if its point beats
//! all of them, has its point compared with all rows (a pass). A pass over the rows costs little more for a tile of
//! points than for one. So as many tokens as memory allows are searched at a time, a new search starts when one ends,
//! and a pass waits for many points while the other searches continue. The point at which a token is proved to win
//! may depend on the other tokens audited, but never on threads; if neither side is proved, the token is searched
//! once more by itself.

use crate::certify::map::Map;
use crate::certify::pairs::kernel::TILE;
use crate::certify::pairs::{Pairs, Trial};
use crate::order;
use crate::parallel;
use crate::prove::ball::frequent_rivals::FrequentRivals;
use crate::prove::ball::running::{self, RunningSearch, SearchOutcome};
use crate::prove::ball::system::BallSystem;
use crate::prove::ball::warm_starts::{Queue, WarmStarts};
use crate::prove::polyhedron::working_set::Start;

/// The most tokens searched at a time, where memory allows.
const MOST_RUNNING: usize = 256;
/// The approximate limit of the float64 numbers in all their working sets and factorisations: a gigabyte.
const MOST_NUMBERS: usize = 1 << 27;
/// The number of points that a pass over the rows waits for, unless no search can continue without it.
const POINTS_A_PASS: usize = 64;
/// The most points of a pass that one thread takes together.
const POINTS_A_THREAD: usize = 64;
/// The number of searches that one thread takes together, outside a pass.
const SEARCHES_A_THREAD: usize = 8;
/// The most steps of a search in one round.
const STEPS_A_ROUND: usize = 4;

/// The data that the searches of a round share.
struct Shared<'a> {
    sphere: &'a BallSystem<'a>,
    pairs: Option<&'a Pairs<'a>>,
    tokens: &'a [(u32, Start)],
    frequent: FrequentRivals<'a>,
    warm_starts: WarmStarts<'a>,
}

/// A piece of work in a round, for one thread.
enum Work<'a> {
    /// Begins the searches of the tokens with these indices.
    Begin(Vec<usize>),
    /// Compares the points of these searches with the frequent rivals.
    GoOn(Vec<RunningSearch<'a>>),
    /// Compares the points of these searches with all rows.
    Pass(Vec<RunningSearch<'a>>),
}

/// A search at the end of a round, and its result if it has ended.
type Ended<'a> = (RunningSearch<'a>, Option<SearchOutcome>);

/// Searches each token, from its start or from near known winners ([`WarmStarts`]), whose steps are those
/// of `map`. Calls `done` with 1 for each token that is decided or given up, and with 0 before each round.
pub fn search(
    sphere: &BallSystem,
    map: &Map,
    pairs: Option<&Pairs>,
    tokens: &[(u32, Start)],
    done: &dyn Fn(usize),
) -> Vec<SearchOutcome> {
    let dim = sphere.dim().max(1);
    let most = (MOST_NUMBERS / (2 * dim * dim)).clamp(POINTS_A_THREAD / 4, MOST_RUNNING);
    let lists = tokens.iter().map(|t| t.1.behind.as_slice());
    let frequent = FrequentRivals::new(sphere.problem(), lists);
    let warm_starts = WarmStarts::new(sphere, map);
    let mut shared = Shared { sphere, pairs, tokens, frequent, warm_starts };
    let mut outcomes: Vec<Option<SearchOutcome>> = vec![None; tokens.len()];
    let mut queue = Queue::new(tokens);
    let mut running: Vec<RunningSearch> = Vec::new();
    loop {
        done(0);
        let next = queue.next(most - running.len());
        if next.is_empty() && running.is_empty() {
            break;
        }
        let (ready, busy): (Vec<RunningSearch>, Vec<RunningSearch>) =
            running.into_iter().partition(|r| r.ready);
        let pass = ready.len() >= POINTS_A_PASS || (busy.is_empty() && next.is_empty());
        let (ready, waiting) = if pass { (ready, Vec::new()) } else { (Vec::new(), ready) };
        let group = share(ready.len());
        let passes = parts(ready, group).map(Work::Pass);
        let others = parts(busy, SEARCHES_A_THREAD).map(Work::GoOn);
        let work = passes.chain(others).chain(parts(next, SEARCHES_A_THREAD).map(Work::Begin));
        let (ended, told) = round(&shared, work.collect());
        shared.frequent.add(told.into_iter());
        running = waiting;
        for (search, outcome) in ended {
            let Some(outcome) = outcome else {
                running.push(search);
                continue;
            };
            let (token, start) = &tokens[search.place];
            if let (SearchOutcome::Wins(_), Some(direction)) = (&outcome, search.direction) {
                shared.warm_starts.add(*token, search.search.point(), direction);
            }
            queue.decided(start);
            outcomes[search.place] = Some(outcome);
            done(1);
        }
        // The largest first: a thread that starts a large one at the end of a round keeps the others waiting.
        order::by_key(&mut running, &|search| !(search.search.size() as u64));
    }
    // What float64 cannot decide may depend on the order in which rivals were added: search these tokens once more,
    // each by itself.
    let alone = |(outcome, (token, start)): (Option<SearchOutcome>, &(u32, Start))| match outcome {
        Some(SearchOutcome::Stuck(_)) | None => running::by_itself(sphere, pairs, *token, start),
        Some(outcome) => outcome,
    };
    parallel::map_owned(outcomes.into_iter().zip(tokens).collect(), &alone)
}

/// Does all pieces of work of a round in parallel, started in order. Returns the searches in that order, and the
/// rivals that passes found.
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

/// Cuts a list into parts of at most `size` elements.
fn parts<T>(mut list: Vec<T>, size: usize) -> impl Iterator<Item = Vec<T>> {
    std::iter::from_fn(move || {
        let rest = list.split_off(list.len().min(size));
        let part = std::mem::replace(&mut list, rest);
        (!part.is_empty()).then_some(part)
    })
}

impl<'a> Shared<'a> {
    /// Does one piece of work.
    fn work_on(&self, work: Work<'a>) -> (Vec<Ended<'a>>, Vec<u32>) {
        match work {
            Work::Begin(places) => (self.begin(places), Vec::new()),
            Work::GoOn(searches) => (self.go_on(searches), Vec::new()),
            Work::Pass(searches) => self.pass(searches),
        }
    }

    /// Begins searches, near known winners where there are any.
    fn begin(&self, places: Vec<usize>) -> Vec<Ended<'a>> {
        let new: Vec<&(u32, Start)> = places.iter().map(|&place| &self.tokens[place]).collect();
        let beside = self.warm_starts.near_starts(&new, &self.frequent);
        parallel::map_owned(places.into_iter().zip(beside).collect(), &|(place, beside)| {
            let (token, start) = &self.tokens[place];
            let start = beside.as_ref().and_then(|b| b.start.as_ref()).unwrap_or(start);
            let mut search = RunningSearch::new(self.sphere, place, *token, start).keeping_rows();
            let outcome = search.begin(start);
            search.direction = beside.map(|beside| beside.direction);
            (search, outcome)
        })
    }

    /// Continues searches against the frequent rivals.
    fn go_on(&self, searches: Vec<RunningSearch<'a>>) -> Vec<Ended<'a>> {
        let mut all: Vec<Ended> = searches.into_iter().map(|search| (search, None)).collect();
        for _ in 0..STEPS_A_ROUND {
            let open: Vec<&mut Ended> = all
                .iter_mut()
                .filter(|(search, outcome)| outcome.is_none() && !search.ready)
                .collect();
            let trials =
                running::by_frequent_rivals(&self.frequent, open.iter().map(|ended| &ended.0));
            parallel::map_owned(open.into_iter().zip(trials).collect(), &|(ended, trial)| {
                let (search, outcome) = ended;
                search.ready = running::is_unbeaten(&trial);
                if !search.ready {
                    *outcome = search.go_on(trial);
                }
            });
        }
        all
    }

    /// Compares the points of searches with all rows; returns also the rivals found.
    fn pass(&self, searches: Vec<RunningSearch<'a>>) -> (Vec<Ended<'a>>, Vec<u32>) {
        let trials = running::by_all(self.pairs, &searches);
        let mut told = Vec::new();
        for trial in &trials {
            if let Trial::Behind(rivals) = trial {
                told.extend_from_slice(rivals);
            }
        }
        let searches: Vec<_> = searches.into_iter().zip(trials).collect();
        let ended = parallel::map_owned(searches, &|(mut search, trial)| {
            search.ready = false;
            let outcome = search.go_on(trial);
            (search, outcome)
        });
        (ended, told)
    }
}

/// The number of points that one thread takes in a pass: whole tiles, and equally many groups for each thread.
fn share(points: usize) -> usize {
    let groups =
        points.div_ceil(POINTS_A_THREAD).next_multiple_of(rayon::current_num_threads()).max(1);
    points.div_ceil(groups).next_multiple_of(TILE).clamp(1, POINTS_A_THREAD)
}
