//! `cargo bench -p unargmax-benches`: products of 8-bit integers a second, by each kernel of this machine and by two crates.
//!
//! A plain program and not a harness: what counts is the ratio to the portable kernel, and on a machine that
//! others use it is only worth something when all take turns. Each figure is the best of many turns on one thread.

use std::hint::black_box;
use std::time::Instant;

use rten_gemm::{GemmExecutor, GemmInputA, GemmInputB, GemmOptions};
use rten_tensor::NdTensorView;
use unargmax::certify::pairs::kernel::{BLOCK, Kernel, TILE};

/// Tokens and rows of a turn: as in an audit, where 64 tokens visit each block.
const TOKENS: usize = 64;
const ROWS: usize = 64 * BLOCK;
const TURNS: usize = 60;

type Turn<'a> = Box<dyn FnMut() -> u32 + 'a>;

fn main() {
    println!("above: {TOKENS} tokens x {ROWS} rows, products a second (times the portable kernel)");
    for prefix in [48, 128, 232, 576] {
        above(prefix);
    }
    println!("dot: one row times each of {ROWS}");
    for entries in [120, 384, 576, 1024] {
        dot(entries);
    }
}

/// Bytes without pattern.
fn bytes(count: usize) -> Vec<i8> {
    let mut state = 1u64;
    let next = |_| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as i8
    };
    (0..count).map(next).collect()
}

/// Runs all in turn, and prints the best turn of each.
fn race(length: usize, products: usize, mut racers: Vec<(&str, Turn)>) {
    let mut best = vec![f64::INFINITY; racers.len()];
    for _ in 0..TURNS {
        for ((_, turn), best) in racers.iter_mut().zip(&mut best) {
            let started = Instant::now();
            black_box(turn());
            *best = best.min(started.elapsed().as_secs_f64());
        }
    }
    let portable = racers.iter().position(|r| r.0 == "portable").map(|i| best[i]);
    for ((name, _), seconds) in racers.iter().zip(&best) {
        let rate = products as f64 / seconds / 1e9;
        let ratio = portable.unwrap_or(f64::NAN) / seconds;
        println!("{length:5}  {name:10} {rate:8.1}e9  {ratio:6.2}");
    }
}

fn above(prefix: usize) {
    let (tokens, rows) = (bytes(TOKENS * prefix), bytes(ROWS * prefix));
    let offset = |token: &[i8]| token.iter().map(|&q| 128 * i32::from(q)).sum::<i32>();
    let tiles: Vec<(Vec<i32>, [i32; TILE])> = tokens
        .chunks(TILE * prefix)
        .map(|tile| {
            let token = |i: usize| &tile[i * prefix..(i + 1) * prefix];
            let word = |at: usize| {
                let four: [i8; 4] = token(at % TILE)[at / TILE * 4..][..4].try_into().unwrap();
                i32::from_le_bytes(four.map(|q| q as u8))
            };
            let words = (0..prefix / 4 * TILE).map(word).collect();
            (words, std::array::from_fn(|i| offset(token(i))))
        })
        .collect();
    let blocks: Vec<Vec<u8>> = rows
        .chunks(BLOCK * prefix)
        .map(|block| {
            let byte = |at: usize| block[at / 4 % BLOCK * prefix + at / (4 * BLOCK) * 4 + at % 4];
            (0..BLOCK * prefix).map(|at| byte(at).wrapping_add(-128) as u8).collect()
        })
        .collect();
    // Four deviations: few products are above, as in an audit.
    let limit = (4.0 * 5461.0 * (prefix as f64).sqrt()) as i32;
    let ours = Kernel::available().into_iter().map(|kernel| {
        let (tiles, blocks) = (&tiles, &blocks);
        let turn = move || {
            let mut found = 0;
            for block in blocks {
                for (words, offsets) in tiles {
                    let masks = kernel.above(words, block, offsets, &[limit; TILE]);
                    if masks != [0; TILE] {
                        found += masks.iter().map(|m| m.count_ones()).sum::<u32>();
                    }
                }
            }
            found
        };
        (kernel.name(), Box::new(turn) as Turn)
    });

    // The crates write all products, which are then compared. Both get the tokens packed beforehand where they
    // can, and the rows as they are.
    let count = |out: &[i32]| out.iter().filter(|&&product| product > limit).count() as u32;
    let unsigned: Vec<u8> = rows.iter().map(|&r| r.wrapping_add(-128) as u8).collect();
    let thresholds: Vec<i32> = tokens.chunks(prefix).map(|t| limit + offset(t)).collect();
    let executor = GemmExecutor::<u8, i8, i32>::new();
    let a = executor.prepack_a(NdTensorView::from_data([ROWS, prefix], unsigned.as_slice()));
    let transposed = NdTensorView::from_data([TOKENS, prefix], tokens.as_slice());
    let b = executor.prepack_b(transposed.transposed());
    // One thread, as for the others.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let mut out = vec![0i32; ROWS * TOKENS];
    let rten = || {
        pool.install(|| {
            let (a, b) = (GemmInputA::Packed(&a), GemmInputB::Packed(&b));
            executor.gemm(&mut out, a, b, GemmOptions::default()).unwrap();
        });
        let rows = out.chunks(TOKENS);
        rows.map(|row| row.iter().zip(&thresholds).filter(|(p, t)| p > t).count() as u32).sum()
    };
    let mut products = vec![0i32; ROWS * TOKENS];
    let packed = gemmkit::prepack_rhs_i8(gemmkit::MatRef::from_col_major(&tokens, prefix, TOKENS));
    let gemmkit = || {
        gemmkit::gemm_i8_packed_b(
            1,
            gemmkit::MatRef::from_row_major(&rows, ROWS, prefix),
            &packed,
            0,
            gemmkit::MatMut::from_col_major(&mut products, ROWS, TOKENS),
            gemmkit::Parallelism::Serial,
        );
        count(&products)
    };
    let crates: [(&str, Turn); 2] = [("rten-gemm", Box::new(rten)), ("gemmkit", Box::new(gemmkit))];
    let mut racers: Vec<(&str, Turn)> = ours.chain(crates).collect();
    let found: Vec<u32> = racers.iter_mut().map(|(_, turn)| turn()).collect();
    assert!(found.iter().all(|f| f == &found[0]), "not the same products: {found:?}");
    race(prefix, TOKENS * ROWS * prefix, racers);
}

fn dot(entries: usize) {
    let rows = bytes(ROWS * entries);
    let turn = |kernel: Kernel| {
        let rows = &rows;
        let turn = move || {
            rows.chunks(entries)
                .map(|row| kernel.dot(&rows[..entries], row) as u32)
                .fold(0, u32::wrapping_add)
        };
        (kernel.name(), Box::new(turn) as Turn)
    };
    race(entries, ROWS * entries, Kernel::available().into_iter().map(turn).collect());
}
