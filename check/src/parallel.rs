//! Loops on all threads.
//!
//! The results are in the order of the input, whatever the number of threads. rayon compiles its scheduling anew for each
//! closure that it is given. Here it is given one, [`each`]; the other functions are compiled for each type of result.

use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Mutex;

use rayon::prelude::*;

use crate::order;

/// Calls `one` with every index below `count`. Each index is a task of its own.
pub fn each(count: usize, one: &(dyn Fn(usize) + Sync)) {
    (0..count).into_par_iter().with_max_len(1).for_each(one);
}

/// The results for all indices below `count`; consecutive ones are computed together, in some tasks for each thread.
pub fn map<R: Send>(count: usize, one: &(dyn Fn(usize) -> R + Sync)) -> Vec<R> {
    let size = count.div_ceil(TASKS * rayon::current_num_threads()).max(1);
    flat_map(count, size, &|range| range.map(one).collect())
}

/// The tasks of a thread in [`map`]: if some take longer, the threads still end at about the same time.
const TASKS: usize = 16;

/// The results for all indices below `count`, where each is worth a task of its own.
pub fn map_singly<R: Send>(count: usize, one: &(dyn Fn(usize) -> R + Sync)) -> Vec<R> {
    map_ranges(count, 1, &|range| one(range.start))
}

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
    let ended = Ended::new();
    each(count.div_ceil(size), &|i| ended.add(i, of_range(i * size..((i + 1) * size).min(count))));
    ended.in_order()
}

/// The results of tasks, with the indices of the tasks, in the order in which the tasks ended.
struct Ended<R>(Mutex<(Vec<u64>, Vec<R>)>);

impl<R> Ended<R> {
    /// No result yet.
    fn new() -> Self {
        Ended(Mutex::new((Vec::new(), Vec::new())))
    }

    /// Adds the result of a task.
    fn add(&self, task: usize, result: R) {
        let mut ended = self.0.lock().expect(WHOLE);
        ended.0.push(task as u64);
        ended.1.push(result);
    }

    /// The results in the order of the tasks.
    fn in_order(self) -> Vec<R> {
        let (tasks, mut results) = self.0.into_inner().expect(WHOLE);
        order::arrange(&mut results, &mut order::places_of(&tasks));
        results
    }
}

/// No task panics while it has this lock.
const WHOLE: &str = "a lock is held for a push or a step alone";

/// The results for elements that are given away, each worth a task of its own.
pub fn map_owned<T: Send, R: Send>(elements: Vec<T>, one: &(dyn Fn(T) -> R + Sync)) -> Vec<R> {
    let ended = Ended::new();
    let count = elements.len();
    let waiting = Mutex::new(elements.into_iter().enumerate());
    each(count, &|_| {
        let next = waiting.lock().expect(WHOLE).next();
        let (i, element) = next.expect("there are as many elements as tasks");
        ended.add(i, one(element));
    });
    ended.in_order()
}

/// A lock here is only the proof for the compiler that one task has a piece.
const ALONE: &str = "only the task of its index takes the lock";

/// Cuts `out` into pieces of `size` elements and calls `fill` with the index of each piece and the piece.
pub fn fill<T: Send>(out: &mut [T], size: usize, fill: &(dyn Fn(usize, &mut [T]) + Sync)) {
    let pieces: Vec<Mutex<&mut [T]>> = out.chunks_mut(size).map(Mutex::new).collect();
    each(pieces.len(), &|i| {
        fill(i, &mut pieces[i].lock().expect(ALONE));
    });
}

/// Like [`fill`], for pieces of two slices that belong together.
pub fn fill_both<A: Send, B: Send>(
    (first, first_size): (&mut [A], usize),
    (second, second_size): (&mut [B], usize),
    fill: &(dyn Fn(usize, &mut [A], &mut [B]) + Sync),
) {
    let pieces = first.chunks_mut(first_size).zip(second.chunks_mut(second_size));
    let pieces: Vec<Mutex<(&mut [A], &mut [B])>> = pieces.map(Mutex::new).collect();
    each(pieces.len(), &|i| {
        let (first, second) = &mut *pieces[i].lock().expect(ALONE);
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
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(run)
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
