//! Loops on all threads.
//!
//! The results are in the order of the input, whatever the number of threads. rayon compiles its scheduling anew for each
//! closure that it is given. Here it is given one for each purpose; the generic functions are thin.

use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Mutex;

use rayon::prelude::*;

use crate::order;

/// The result of `run` in a pool of `threads` threads; 0 means one for each core.
///
/// # Errors
/// The system refuses the threads.
pub fn in_pool<R: Send>(
    threads: usize,
    run: impl FnOnce() -> R + Send,
) -> Result<R, rayon::ThreadPoolBuildError> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
    let mut result = None;
    install(&pool, once(run, &mut result));
    Ok(result.expect("it ran"))
}

fn install(pool: &rayon::ThreadPool, run: Job) {
    pool.install(run);
}

/// The results of two functions that run at the same time, if there are two threads.
pub fn join<A: Send, B: Send>(
    first: impl FnOnce() -> A + Send,
    second: impl FnOnce() -> B + Send,
) -> (A, B) {
    let (mut a, mut b) = (None, None);
    join_jobs(once(first, &mut a), once(second, &mut b));
    (a.expect("it ran"), b.expect("it ran"))
}

fn join_jobs(first: Job, second: Job) {
    rayon::join(first, second);
}

/// Something that runs once and keeps its result elsewhere, so that its type does not depend on that of the result.
type Job<'a> = Box<dyn FnOnce() + Send + 'a>;

fn once<'a, R: Send>(run: impl FnOnce() -> R + Send + 'a, result: &'a mut Option<R>) -> Job<'a> {
    Box::new(move || *result = Some(run()))
}

/// Calls `one` with every index below `count`. Each index is a task of its own.
pub fn each(count: usize, one: &(dyn Fn(usize) + Sync)) {
    (0..count).into_par_iter().with_max_len(1).for_each(one);
}

/// The results for all indices below `count`; consecutive ones are computed together, in some tasks for each thread.
pub fn map<R: Send>(count: usize, one: &(dyn Fn(usize) -> R + Sync)) -> Vec<R> {
    let size = count.div_ceil(TASKS * rayon::current_num_threads()).max(1);
    flat_map(count, size, &|range| {
        let mut part = Vec::with_capacity(range.len());
        for i in range {
            part.push(one(i));
        }
        part
    })
}

/// The tasks of a thread in [`map`]: if some take longer, the threads still end at about the same time.
const TASKS: usize = 16;

/// The results for all indices below `count`, where each is worth a task of its own.
pub fn map_singly<R: Send>(count: usize, one: &(dyn Fn(usize) -> R + Sync)) -> Vec<R> {
    let mut results = Vec::with_capacity(count);
    for _ in 0..count {
        results.push(None);
    }
    let results = Mutex::new(results);
    each(count, &|i| {
        let result = one(i);
        results.lock().expect(SHORT)[i] = Some(result);
    });
    let mut all = Vec::with_capacity(count);
    for result in results.into_inner().expect(SHORT) {
        all.push(result.expect("each ran"));
    }
    all
}

/// A lock here is held to move one element, which cannot fail; tasks run without it.
const SHORT: &str = "nothing fails under the lock";

/// Cuts the indices below `count` into ranges of `size` and returns the results of all ranges as one list.
pub fn flat_map<R: Send>(
    count: usize,
    size: usize,
    of_range: &(dyn Fn(Range<usize>) -> Vec<R> + Sync),
) -> Vec<R> {
    let mut all = Vec::with_capacity(count);
    for mut part in map_ranges(count, size, of_range) {
        all.append(&mut part);
    }
    all
}

/// Cuts the indices below `count` into ranges of `size`, the last of which may be shorter, and returns a result for each.
pub fn map_ranges<R: Send>(
    count: usize,
    size: usize,
    of_range: &(dyn Fn(Range<usize>) -> R + Sync),
) -> Vec<R> {
    map_singly(count.div_ceil(size), &|i| of_range(i * size..((i + 1) * size).min(count)))
}

/// The results for elements that are given away, each worth a task of its own.
pub fn map_owned<T: Send, R: Send>(elements: Vec<T>, one: &(dyn Fn(T) -> R + Sync)) -> Vec<R> {
    let (count, given) = (elements.len(), Given::new(elements));
    map_singly(count, &|i| one(given.take(i)))
}

/// Elements that tasks take, each once.
struct Given<T>(Mutex<Vec<Option<T>>>);

impl<T> Given<T> {
    fn new(elements: impl IntoIterator<Item = T>) -> Self {
        let mut given = Vec::new();
        for element in elements {
            given.push(Some(element));
        }
        Given(Mutex::new(given))
    }

    /// The element of the task with this index.
    fn take(&self, task: usize) -> T {
        let element = self.0.lock().expect(SHORT)[task].take();
        element.expect("each index is used once")
    }
}

/// Cuts `out` into pieces of `size` elements and calls `fill` with the index of each piece and the piece.
pub fn fill<T: Send>(out: &mut [T], size: usize, fill: &(dyn Fn(usize, &mut [T]) + Sync)) {
    let count = out.len().div_ceil(size);
    let given = Given::new(out.chunks_mut(size));
    each(count, &|i| fill(i, given.take(i)));
}

/// Like [`fill`], for pieces of two slices that belong together.
pub fn fill_both<A: Send, B: Send>(
    (first, first_size): (&mut [A], usize),
    (second, second_size): (&mut [B], usize),
    fill: &(dyn Fn(usize, &mut [A], &mut [B]) + Sync),
) {
    let pieces = first.chunks_mut(first_size).zip(second.chunks_mut(second_size));
    let (count, given) = (pieces.len(), Given::new(pieces));
    each(count, &|i| {
        let (first, second) = given.take(i);
        fill(i, first, second);
    });
}

/// The ids below `count` in the order of a comparison that holds no two of them equal.
pub fn ids_by(count: usize, compare: &(dyn Fn(u32, u32) -> Ordering + Sync)) -> Vec<u32> {
    let mut ids: Vec<u32> = (0..count as u32).collect();
    let size = count.div_ceil(rayon::current_num_threads()).max(FEWEST);
    fill(&mut ids, size, &|_, piece| order::compared(piece, compare));
    // The sort finds the pieces in order and merges them.
    order::compared(&mut ids, compare);
    ids
}

/// The fewest ids that a thread sorts.
const FEWEST: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs with a number of threads.
    fn with_threads<R: Send>(threads: usize, run: impl FnOnce() -> R + Send) -> R {
        in_pool(threads, run).unwrap()
    }

    #[test]
    fn results_are_in_the_order_of_the_input_for_any_number_of_threads() {
        for (threads, count) in [(1, 0), (1, 1), (2, 31), (3, 1000), (4, 33)] {
            with_threads(threads, || {
                let squares: Vec<usize> = (0..count).map(|i| i * i).collect();
                assert_eq!(map(count, &|i| i * i), squares);
                assert_eq!(map_singly(count, &|i| i * i), squares);
                assert_eq!(map_owned((0..count).collect(), &|i| i * i), squares);
                let odd = |range: Range<usize>| range.filter(|i| i % 2 == 1).collect();
                let all: Vec<usize> = (0..count).filter(|i| i % 2 == 1).collect();
                assert_eq!(flat_map(count, 7, &odd), all);
            });
        }
    }

    #[test]
    fn ids_are_in_the_order_of_the_comparison_for_any_number_of_threads() {
        let number = |i: u32| i.wrapping_mul(2_654_435_761) >> 20 & 0xFF;
        let compare = |a: u32, b: u32| number(b).cmp(&number(a)).then(a.cmp(&b));
        let mut expected: Vec<u32> = (0..20_000).collect();
        expected.sort_by(|&a, &b| compare(a, b));
        for threads in [1, 2, 5] {
            assert_eq!(with_threads(threads, || ids_by(20_000, &compare)), expected, "{threads}");
        }
        assert_eq!(ids_by(0, &compare), [0u32; 0]);
    }

    #[test]
    fn every_piece_is_filled_once_also_a_shorter_last_one() {
        let (mut some, mut others) = (vec![0; 10], vec![0; 20]);
        fill(&mut some, 4, &|i, piece| piece.iter_mut().for_each(|x| *x += 10 + i));
        assert_eq!(some, [10, 10, 10, 10, 11, 11, 11, 11, 12, 12]);
        fill_both((&mut some, 4), (&mut others, 8), &|i, some, others| {
            assert_eq!(2 * some.len(), others.len());
            others.fill(i + 1);
        });
        assert_eq!(others[7..10], [1, 2, 2]);
        assert_eq!(others[16..], [3; 4]);
    }
}
