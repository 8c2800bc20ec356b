//! Generated heads whose answers are known before any audit: an anisotropic Gaussian with planted rows.
//!
//! Rows are `m + Q D g`: `g` standard normal, `D` falling so that the eigenvalues of the covariance span two
//! decades (as those of trained heads do), `Q` a random rotation, `m` a mean as long as half a row. Each
//! entry is rounded to a whole number of steps, [`STEP`], some 256 to a standard deviation: as coarse as bf16, and
//! so that the planted rows are exact in float32.
//!
//! - *Unargmaxable*: the row is, exactly, a mean of rows of other tokens with positive weights. Its score
//!   is that mean of their scores at every hidden state, so that it is never above all of them; and the
//!   rows differ, so that it is no tie of equals. It is a mean of at least `d + 2` rows, whose hull has an
//!   interior with the planted row in it; or half of it, or three quarters, is one row, and the rest such a mean.
//! - *Tied*: two or three tokens with the same bits. They reach the maximum, as all others do.
//! - *The rest wins*: in coordinates where the covariance is the identity a row has a length of about
//!   `sqrt d`, and its scores on others (at `h = w_t`) are normal with that deviation: the largest of `V` is near
//!   `sqrt(2 d ln V)`, far below `d` for `d >= 64` and any `V` of use. This is likely beyond doubt, not proved.
//!
//! The same recipe gives the same bits on one machine, whatever the number of threads: each row has its own stream.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use nalgebra::DMatrix;
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use rand::seq::index;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use unargmax::arithmetic::dot::Element;

/// What one unit of an entry stands for.
const STEP: f32 = 1.0 / 4096.0;
/// Units in a standard deviation of an entry.
const DEVIATION: f64 = 256.0;
/// Largest over least standard deviation along an axis: two decades of eigenvalues.
const DECADE: f64 = 10.0;
/// Length of the mean, of the rows' own deviation.
const MEAN: f64 = 0.5;
/// Rows made at a time.
const BLOCK: usize = 256;
/// Streams of the generator apart from those of the rows.
const ROTATION: u64 = u64::MAX;
const PLACES: u64 = u64::MAX - 1;
const CENTRE: u64 = u64::MAX - 2;

/// What to make.
#[derive(Clone, Copy, Debug)]
pub struct Recipe {
    /// `V`.
    pub tokens: usize,
    /// `d`.
    pub dim: usize,
    pub seed: u64,
}

/// The answers, known by construction; ids rising.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Planted {
    /// Tokens of the same row.
    pub tied: Vec<Vec<u32>>,
    pub unargmaxable: Vec<u32>,
}

/// A planted row: the mean of `others`, moved so many times half the way that is left to `anchor`.
struct Inside {
    token: u32,
    others: Vec<u32>,
    anchor: u32,
    halvings: u32,
}

impl Recipe {
    fn random(&self, stream: u64) -> ChaCha8Rng {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        random.set_stream(stream);
        random
    }

    fn normal(&self, stream: u64, count: usize) -> Vec<f64> {
        StandardNormal.sample_iter(self.random(stream)).take(count).collect()
    }

    /// Writes `head.npy` (float32) and `planted.json` into a folder.
    pub fn write(&self, folder: &Path) -> Result<Planted> {
        ensure!(
            self.dim >= 2 && self.tokens >= 4 * self.dim,
            "a head of 4 rows a coordinate or more"
        );
        std::fs::create_dir_all(folder)?;
        let (planted, inside) = self.places();
        let mut rows = self.gaussian()?;
        for group in &planted.tied {
            for &copy in &group[1..] {
                let first = group[0] as usize * self.dim;
                rows.copy_within(first..first + self.dim, copy as usize * self.dim);
            }
        }
        let path = folder.join("head.npy");
        let file = File::create(&path).with_context(|| path.display().to_string())?;
        let mut out = BufWriter::with_capacity(1 << 20, file);
        write_header(&mut out, self.tokens, self.dim)?;
        let mut inside = inside.iter().peekable();
        for (t, row) in rows.chunks_exact(self.dim).enumerate() {
            let planted = inside.next_if(|p| p.token as usize == t);
            let row = match planted {
                None => row.iter().map(|&x| f32::from(x) * STEP).collect(),
                Some(planted) => planted.row(&rows, self.dim)?,
            };
            for x in row {
                out.write_all(&x.to_le_bytes())?;
            }
        }
        out.flush()?;
        std::fs::write(folder.join("planted.json"), serde_json::to_vec(&planted)?)?;
        Ok(planted)
    }

    /// Where the planted rows go, one token in 16384 inside and one in 1024 the first of a tie, and what
    /// they are made of: rows of tokens that are nowhere planted. More inside would be unlike any language model
    /// that was looked at.
    fn places(&self) -> (Planted, Vec<Inside>) {
        let (inner, count) = ((self.tokens / 16384).max(3), (self.tokens / 1024).max(2));
        let mut random = self.random(PLACES);
        let mut places = index::sample(&mut random, self.tokens, inner + 3 * count).into_iter();
        let mut take = |n: usize| -> Vec<u32> {
            let mut ids: Vec<u32> = places.by_ref().take(n).map(|t| t as u32).collect();
            ids.sort_unstable();
            ids
        };
        let unargmaxable = take(inner);
        let mut tied: Vec<Vec<u32>> = (0..count).map(|i| take(2 + i % 2)).collect();
        tied.sort_unstable();
        let taken: std::collections::HashSet<u32> =
            tied.iter().flatten().chain(&unargmaxable).copied().collect();
        let plain: Vec<u32> = (0..self.tokens as u32).filter(|t| !taken.contains(t)).collect();
        let parents = (self.dim + 2).next_power_of_two();
        let inside = unargmaxable
            .iter()
            .enumerate()
            .map(|(i, &token)| {
                let mut others: Vec<u32> = index::sample(&mut random, plain.len(), parents + 1)
                    .into_iter()
                    .map(|i| plain[i])
                    .collect();
                let anchor = others.pop().unwrap_or_default();
                Inside { token, others, anchor, halvings: i as u32 % 3 }
            })
            .collect();
        (Planted { tied, unargmaxable }, inside)
    }

    /// All rows in units, row-major.
    fn gaussian(&self) -> Result<Vec<i16>> {
        let dim = self.dim;
        let turn = Turn::new(self);
        let falling: Vec<f64> =
            (0..dim).map(|k| DECADE.powf(-(k as f64) / (dim - 1) as f64)).collect();
        let size = (falling.iter().map(|x| x * x).sum::<f64>() / dim as f64).sqrt();
        let falling: Vec<f64> = falling.iter().map(|x| x / size * DEVIATION).collect();
        let mean: Vec<f64> =
            self.normal(CENTRE, dim).iter().map(|x| x * MEAN * DEVIATION).collect();
        let mut rows = vec![0i16; self.tokens * dim];
        let fits = rows.par_chunks_mut(BLOCK * dim).enumerate().all(|(block, rows)| {
            let mut points: Vec<f64> = (0..rows.len() / dim)
                .flat_map(|i| self.normal((block * BLOCK + i) as u64, dim))
                .zip(falling.iter().cycle())
                .map(|(x, deviation)| x * deviation)
                .collect();
            turn.apply(&mut points, dim);
            let entries = points.iter().zip(mean.iter().cycle()).map(|(x, m)| (x + m).round());
            rows.iter_mut().zip(entries).all(|(row, x)| {
                *row = x as i16;
                f64::from(*row) == x
            })
        });
        ensure!(fits, "an entry beyond 127 standard deviations");
        Ok(rows)
    }
}

/// The random rotation `Q`; for more than [`WIDEST_ROTATION`] coordinates, whose rotation takes minutes to find, a product of
/// [`REFLECTIONS`] random reflections.
enum Turn {
    Rotation(Vec<f64>),
    /// The unit vectors that are reflected, one after the other.
    Reflections(Vec<f64>),
}

/// The most coordinates that are rotated by a full matrix.
const WIDEST_ROTATION: usize = 1024;
/// The number of reflections.
const REFLECTIONS: usize = 8;

impl Turn {
    fn new(recipe: &Recipe) -> Self {
        let dim = recipe.dim;
        if dim <= WIDEST_ROTATION {
            let matrix = DMatrix::from_vec(dim, dim, recipe.normal(ROTATION, dim * dim));
            return Turn::Rotation(matrix.qr().q().data.as_vec().clone());
        }
        let mut vectors = recipe.normal(ROTATION, REFLECTIONS * dim);
        for v in vectors.chunks_exact_mut(dim) {
            let norm = v.iter().map(|x| x * x).sum::<f64>().sqrt();
            v.iter_mut().for_each(|x| *x /= norm);
        }
        Turn::Reflections(vectors)
    }

    /// Turns points (`count x d`).
    fn apply(&self, points: &mut [f64], dim: usize) {
        match self {
            Turn::Rotation(matrix) => {
                let mut turned = vec![0.0; points.len()];
                f64::product(points, matrix, dim, &mut turned, dim);
                points.copy_from_slice(&turned);
            }
            Turn::Reflections(vectors) => {
                for point in points.chunks_exact_mut(dim) {
                    for v in vectors.chunks_exact(dim) {
                        let along = 2.0 * f64::dot(v, point);
                        point.iter_mut().zip(v).for_each(|(x, v)| *x -= along * v);
                    }
                }
            }
        }
    }
}

impl Inside {
    /// The row, exactly: `(1 - 2^-halvings) anchor + 2^-halvings mean(others)`.
    fn row(&self, rows: &[i16], dim: usize) -> Result<Vec<f32>> {
        let count = self.others.len() as i64;
        ensure!(count.count_ones() == 1, "a power of two of rows has an exact mean");
        let entry = |t: u32, k: usize| i64::from(rows[t as usize * dim + k]);
        (0..dim)
            .map(|k| {
                let others: i64 = self.others.iter().map(|&t| entry(t, k)).sum();
                let share = 1i64 << self.halvings;
                let numerator = (share - 1) * count * entry(self.anchor, k) + others;
                if numerator.abs() >= 1 << 24 {
                    bail!(
                        "the planted row {} needs more than 24 bits; take another seed",
                        self.token
                    );
                }
                Ok(numerator as f32 / (share * count) as f32 * STEP)
            })
            .collect()
    }
}

fn write_header(out: &mut impl Write, tokens: usize, dim: usize) -> std::io::Result<()> {
    let fields =
        format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({tokens}, {dim}), }}");
    let padded = (10 + fields.len() + 1).next_multiple_of(64) - 10;
    out.write_all(b"\x93NUMPY\x01\x00")?;
    out.write_all(&(padded as u16).to_le_bytes())?;
    out.write_all(format!("{fields:<0$}\n", padded - 1).as_bytes())
}

/// The answers beside a head that was written.
pub fn read(folder: &Path) -> Result<Planted> {
    let path = folder.join("planted.json");
    let text = std::fs::read(&path).with_context(|| path.display().to_string())?;
    Ok(serde_json::from_slice(&text)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use unargmax::audit::{Options, audit};
    use unargmax::checkpoint;
    use unargmax::domain::Domain;
    use unargmax::head::Head;
    use unargmax::locate::{Choice, locate};

    const SMALL: Recipe = Recipe { tokens: 4096, dim: 64, seed: 3 };

    fn written(recipe: Recipe) -> (Head, Planted, Vec<u8>) {
        let folder = tempfile::tempdir().unwrap();
        let planted = recipe.write(folder.path()).unwrap();
        assert_eq!(read(folder.path()).unwrap(), planted, "the answers read back");
        let path = folder.path().join("head.npy");
        let opened = checkpoint::open(&path).unwrap();
        let head = locate(opened.as_ref(), &path, &Choice::default()).unwrap().head;
        (head, planted, std::fs::read(path).unwrap())
    }

    #[test]
    fn planted_rows_are_exactly_means_of_rows_of_tokens_that_are_not_planted() {
        let (head, planted, _) = written(SMALL);
        let (same, inside) = SMALL.places();
        assert_eq!(same, planted);
        let special: Vec<u32> =
            planted.tied.iter().flatten().chain(&planted.unargmaxable).copied().collect();
        // Steps are whole numbers, so that all sums below are exact in integers.
        let steps = |t: u32, k: usize, of: i64| {
            let x = head.weight(t as usize, k) / f64::from(STEP) * of as f64;
            assert_eq!(x, x.round(), "token {t}, coordinate {k}");
            x as i64
        };
        for row in &inside {
            assert!(row.others.len() >= SMALL.dim + 2);
            let mut parents = row.others.clone();
            parents.push(row.anchor);
            parents.sort_unstable();
            parents.dedup();
            assert_eq!(parents.len(), row.others.len() + 1, "all are different tokens");
            assert!(parents.iter().all(|t| !special.contains(t)));
            let (share, count) = (1 << row.halvings, row.others.len() as i64);
            for k in 0..SMALL.dim {
                let sum: i64 = row.others.iter().map(|&t| steps(t, k, 1)).sum();
                let mean = (share - 1) * count * steps(row.anchor, k, 1) + sum;
                assert_eq!(steps(row.token, k, share * count), mean, "token {}, {k}", row.token);
            }
        }
        assert!(inside.iter().any(|p| p.halvings == 0) && inside.iter().any(|p| p.halvings == 2));
    }

    #[test]
    fn an_audit_finds_what_was_planted_and_nothing_else() {
        let (head, planted, _) = written(SMALL);
        let audit = audit(&head, &Domain::free(SMALL.dim), Options::default()).unwrap();
        let named = |name: &str| -> Vec<u32> {
            audit.verdicts().iter().filter(|v| v.1.name() == name).map(|v| v.0).collect()
        };
        assert_eq!(named("unargmaxable"), planted.unargmaxable);
        let mut tied: Vec<u32> = planted.tied.concat();
        tied.sort_unstable();
        assert_eq!(named("tied"), tied);
        assert_eq!(named("undecided"), [0; 0]);
    }

    #[test]
    fn a_seed_gives_one_head_and_another_seed_another() {
        let (one, two) = (written(SMALL).2, written(Recipe { seed: 4, ..SMALL }).2);
        let single = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        assert!(single.install(|| written(SMALL).2) == one, "on one thread as on all");
        assert!(one != two);
    }

    #[test]
    fn eigenvalues_span_two_decades() {
        let (head, ..) = written(SMALL);
        let (rows, dim) = (head.tokens(), head.dim());
        let mut matrix = DMatrix::from_fn(rows, dim, |t, k| head.weight(t, k));
        let mean = matrix.row_mean();
        matrix.row_iter_mut().for_each(|mut row| row -= &mean);
        let values = (matrix.transpose() * &matrix / rows as f64).symmetric_eigenvalues();
        let ratio = values.max() / values.min();
        // A sample of 64 rows a coordinate spreads them by some (1.125 / 0.875)^2 at most.
        assert!((60.0..170.0).contains(&ratio), "{ratio}");
    }
}
