//! Generated heads whose answers are known before any audit, so far as their [`Kind`] says.
//!
//! Rows are `m + Q D g`: `g` standard normal, `D` falling so that the eigenvalues of the covariance span two
//! decades (as those of trained heads do), `Q` a random rotation, `m` a mean as long as half a row. Each
//! entry is rounded to a whole number of steps, [`STEP`], some 256 to a standard deviation: as coarse as bf16, and
//! so that the planted rows are exact in float32. (Rows of [`Kind::Gaussian`] are plain standard normal numbers.)
//!
//! - *Unargmaxable*: the row is, exactly, a mean of rows of other tokens with positive weights. Its score
//!   is that mean of their scores at every hidden state, so that it is never above all of them; and the
//!   rows differ, so that it is no tie of equals. It is a mean of at least `d + 2` rows, whose hull has an
//!   interior with the planted row in it; or half of it, or three quarters, is one row, and the rest such a mean.
//! - *Tied*: two or three tokens with the same bits. They reach the maximum, as all others do.
//! - *Crowded*: rows within [`NEAR`] of one row, which is exactly the mean of [`CROWD_PARENTS`] others. In 120 coordinates
//!   it is less than a standard deviation from the middle of 13,810 ordinary rows, whose hull reaches about two in every
//!   direction, and the least deviation is 0.013: its distance to the boundary is tens of times [`NEAR`], so that the rows near
//!   it are inside too. This is likely beyond doubt, not proved. All their entries are exact in float32. Other rows
//!   inside are, exactly, means of [`MIXED`] rows with weights.
//! - *The rest wins*: in coordinates where the covariance is the identity a row has a length of about
//!   `sqrt d`, and its scores on others (at `h = w_t`) are normal with that deviation: the largest of `V` is near
//!   `sqrt(2 d ln V)`, far below `d` for `d >= 64` and any `V` of use. This is likely beyond doubt, not proved.
//!
//! Behind an RMSNorm without a bias the same holds: hidden states are a ball around zero, its gain is a linear map that can be
//! undone, and scores grow in proportion, so that the same tokens win as over all of space.
//!
//! The same recipe gives the same bits on one machine, whatever the number of threads: each row has its own stream.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;
use half::f16;
use nalgebra::DMatrix;
use rand::rngs::ChaCha8Rng;
use rand::seq::index;
use rand::{RngExt, SeedableRng};
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
/// Deviation of the logarithms of a norm's gain.
const GAIN_SPREAD: f64 = 0.25;
/// Rows made at a time.
const BLOCK: usize = 256;
/// Streams of the generator apart from those of the rows.
const ROTATION: u64 = u64::MAX;
const PLACES: u64 = u64::MAX - 1;
const CENTRE: u64 = u64::MAX - 2;
const GAIN: u64 = u64::MAX - 3;

/// The sizes of the head that [`Kind::Crowd`] is made after: its tokens, those near one row, and other rows inside.
const CROWD: [usize; 3] = [18710, 3400, 1500];
/// Ordinary rows whose mean is the row that the others are near: a power of two, for an exact mean.
const CROWD_PARENTS: usize = 128;
/// The largest distance from that row.
const NEAR: f64 = 1e-4;
/// Ordinary rows that a row inside a crowded head is a mean of; so many of them count twice that weights add up to 256.
const MIXED: usize = 200;

/// Which rows a head has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Rows with falling deviations, some of them unargmaxable and some tied; float32.
    Planted,
    /// The same behind an RMSNorm with a gain, as a checkpoint of Hugging Face's layout.
    Norm,
    /// Such rows in float16, some of them tied and none unargmaxable: each of those would cost the elimination of a d x d
    /// matrix, in heads of thousands of coordinates.
    Wide,
    /// Many rows close to one that is deep inside the hull of the others, and many others inside; float32.
    Crowd,
    /// Standard normal rows; float32. Nothing is known of them.
    Gaussian,
}

impl Kind {
    /// The file of the head.
    pub fn file(self) -> &'static str {
        if self == Kind::Norm { "model.safetensors" } else { "head.npy" }
    }

    /// Its name on the command line.
    pub fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

/// What to make.
#[derive(Clone, Copy, Debug)]
pub struct Recipe {
    pub kind: Kind,
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

/// A row inside the hull of others.
struct Inside {
    token: u32,
    made_of: Mixture,
}

/// What a row inside is made of.
enum Mixture {
    /// The mean of `others`, moved so many times half the way that is left to `anchor`.
    Anchored { others: Vec<u32>, anchor: u32, halvings: u32 },
    /// The mean of `others`, the first `twice` of which count twice.
    Weighted { others: Vec<u32>, twice: usize },
    /// The mean of `others`, each coordinate moved by a random number of grid steps of that mean, at most `most` of them.
    Near { others: Vec<u32>, most: i64 },
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

    /// Writes the head ([`Kind::file`]) and, if anything is known of it, `planted.json` into a folder.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let rows_a_coordinate = match self.kind {
            Kind::Planted | Kind::Norm => 4,
            Kind::Crowd => 16,
            Kind::Wide | Kind::Gaussian => 1,
        };
        ensure!(
            self.dim >= 2 && self.tokens >= rows_a_coordinate * self.dim,
            "a head of {rows_a_coordinate} rows a coordinate or more"
        );
        std::fs::create_dir_all(folder)?;
        let path = folder.join(self.kind.file());
        let file = File::create(&path).with_context(|| path.display().to_string())?;
        let mut out = BufWriter::with_capacity(1 << 20, file);
        if self.kind == Kind::Norm {
            let config = r#"{"model_type": "llama", "architectures": ["LlamaForCausalLM"], "rms_norm_eps": 1e-6}"#;
            std::fs::write(folder.join("config.json"), config)?;
            write_safetensors_header(&mut out, self.tokens, self.dim)?;
            let gain = self.normal(GAIN, self.dim);
            let gain = gain.iter().map(|x| (GAIN_SPREAD * x).exp() as f32);
            out.write_all(&gain.flat_map(f32::to_le_bytes).collect::<Vec<u8>>())?;
        } else {
            let descr = if self.kind == Kind::Wide { "<f2" } else { "<f4" };
            write_npy_header(&mut out, descr, self.tokens, self.dim)?;
        }
        if self.kind == Kind::Gaussian {
            for t in 0..self.tokens as u64 {
                let row = self.normal(t, self.dim).into_iter().map(|x| x as f32);
                out.write_all(&row.flat_map(f32::to_le_bytes).collect::<Vec<u8>>())?;
            }
            return Ok(out.flush()?);
        }
        let (planted, inside) = self.places()?;
        let mut rows = self.gaussian()?;
        for group in &planted.tied {
            for &copy in &group[1..] {
                let first = group[0] as usize * self.dim;
                rows.copy_within(first..first + self.dim, copy as usize * self.dim);
            }
        }
        let mut inside = inside.iter().peekable();
        for (t, row) in rows.chunks_exact(self.dim).enumerate() {
            let planted = inside.next_if(|p| p.token as usize == t);
            let row: Vec<f32> = match planted {
                None => row.iter().map(|&x| f32::from(x) * STEP).collect(),
                Some(planted) => self.inside(planted, &rows)?,
            };
            let bytes: Vec<u8> = match self.kind {
                Kind::Wide => row.iter().flat_map(|&x| f16::from_f32(x).to_le_bytes()).collect(),
                _ => row.iter().flat_map(|x| x.to_le_bytes()).collect(),
            };
            out.write_all(&bytes)?;
        }
        out.flush()?;
        Ok(std::fs::write(folder.join("planted.json"), serde_json::to_vec(&planted)?)?)
    }

    /// Where the planted rows go, and what they are made of: rows of tokens that are nowhere planted.
    fn places(&self) -> Result<(Planted, Vec<Inside>)> {
        match self.kind {
            Kind::Planted | Kind::Norm => Ok(self.few_places((self.tokens / 16384).max(3))),
            Kind::Wide => Ok(self.few_places(0)),
            Kind::Crowd => self.crowded_places(),
            Kind::Gaussian => bail!("nothing is planted among Gaussian rows"),
        }
    }

    /// So many rows inside (one in 16384: more would be unlike any language model that was looked at), and one token in
    /// 1024 the first of a tie.
    fn few_places(&self, inner: usize) -> (Planted, Vec<Inside>) {
        let count = (self.tokens / 1024).max(2);
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
                let halvings = i as u32 % 3;
                Inside { token, made_of: Mixture::Anchored { others, anchor, halvings } }
            })
            .collect();
        (Planted { tied, unargmaxable }, inside)
    }

    /// Rows near one, and others inside, in the proportions of [`CROWD`]; no ties.
    fn crowded_places(&self) -> Result<(Planted, Vec<Inside>)> {
        let [near, mixed] = [CROWD[1], CROWD[2]].map(|n| self.tokens * n / CROWD[0]);
        let mut random = self.random(PLACES);
        let places = index::sample(&mut random, self.tokens, near + mixed).into_vec();
        let mut is_inside = vec![false; self.tokens];
        places.iter().for_each(|&t| is_inside[t] = true);
        let plain: Vec<u32> = (0..self.tokens as u32).filter(|&t| !is_inside[t as usize]).collect();
        ensure!(plain.len() >= MIXED, "{} ordinary rows are too few for a crowd", plain.len());
        let mut drawn = |count: usize| -> Vec<u32> {
            index::sample(&mut random, plain.len(), count).into_iter().map(|i| plain[i]).collect()
        };
        let centre = drawn(CROWD_PARENTS);
        let grid = f64::from(STEP) / CROWD_PARENTS as f64;
        let most = (NEAR / (grid * (self.dim as f64).sqrt())) as i64;
        ensure!(most > 0, "no row but one is so near to it in {} coordinates", self.dim);
        let mut inside: Vec<Inside> = places
            .iter()
            .enumerate()
            .map(|(i, &token)| {
                let made_of = match i {
                    // The row that the others are near.
                    0 => Mixture::Near { others: centre.clone(), most: 0 },
                    i if i < near => Mixture::Near { others: centre.clone(), most },
                    _ => Mixture::Weighted { others: drawn(MIXED), twice: 256 - MIXED },
                };
                Inside { token: token as u32, made_of }
            })
            .collect();
        inside.sort_unstable_by_key(|p| p.token);
        let unargmaxable = inside.iter().map(|p| p.token).collect();
        Ok((Planted { tied: Vec::new(), unargmaxable }, inside))
    }

    /// A row inside, exactly.
    fn inside(&self, inside: &Inside, rows: &[i16]) -> Result<Vec<f32>> {
        let entry = |t: u32, k: usize| i64::from(rows[t as usize * self.dim + k]);
        let sum = |others: &[u32], k: usize| others.iter().map(|&t| entry(t, k)).sum::<i64>();
        // Numerators of the row's entries, over one denominator.
        let (numerators, denominator): (Vec<i64>, i64) = match &inside.made_of {
            Mixture::Anchored { others, anchor, halvings } => {
                let (count, share) = (others.len() as i64, 1i64 << halvings);
                let numerator = |k| (share - 1) * count * entry(*anchor, k) + sum(others, k);
                ((0..self.dim).map(numerator).collect(), share * count)
            }
            Mixture::Weighted { others, twice } => {
                let numerator = |k| sum(others, k) + sum(&others[..*twice], k);
                ((0..self.dim).map(numerator).collect(), (others.len() + twice) as i64)
            }
            Mixture::Near { others, most } => {
                let mut random = self.random(u64::from(inside.token));
                let numerator = |k| sum(others, k) + random.random_range(-most..=*most);
                ((0..self.dim).map(numerator).collect(), others.len() as i64)
            }
        };
        ensure!(denominator.count_ones() == 1, "a power of two of rows has an exact mean");
        ensure!(
            numerators.iter().all(|n| n.abs() < 1 << 24),
            "the planted row {} needs more than 24 bits; take another seed",
            inside.token
        );
        Ok(numerators.iter().map(|&n| n as f32 / denominator as f32 * STEP).collect())
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

/// The header of a `.npy` file of `tokens x dim` numbers, row-major.
fn write_npy_header(
    out: &mut impl Write,
    descr: &str,
    tokens: usize,
    dim: usize,
) -> std::io::Result<()> {
    let fields =
        format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({tokens}, {dim}), }}");
    let padded = (10 + fields.len() + 1).next_multiple_of(64) - 10;
    out.write_all(b"\x93NUMPY\x01\x00")?;
    out.write_all(&(padded as u16).to_le_bytes())?;
    out.write_all(format!("{fields:<0$}\n", padded - 1).as_bytes())
}

/// The header of a safetensors file in float32: the gain of the final norm (`dim`), then the head (`tokens x dim`).
fn write_safetensors_header(
    out: &mut impl Write,
    tokens: usize,
    dim: usize,
) -> std::io::Result<()> {
    let (gain, all) = (4 * dim, 4 * dim + 4 * tokens * dim);
    let fields = serde_json::json!({
        "model.norm.weight": {"dtype": "F32", "shape": [dim], "data_offsets": [0, gain]},
        "lm_head.weight": {"dtype": "F32", "shape": [tokens, dim], "data_offsets": [gain, all]},
    })
    .to_string();
    let padded = fields.len().next_multiple_of(8);
    out.write_all(&(padded as u64).to_le_bytes())?;
    out.write_all(format!("{fields:<padded$}").as_bytes())
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
    use unargmax::locate::{Choice, Located, locate};

    const SMALL: Recipe = Recipe { kind: Kind::Planted, tokens: 4096, dim: 64, seed: 3 };
    const CROWDED: Recipe = Recipe { kind: Kind::Crowd, tokens: 3742, dim: 24, seed: 3 };

    fn opened(recipe: Recipe, folder: &Path) -> Located {
        recipe.write(folder).unwrap();
        let path = folder.join(recipe.kind.file());
        locate(checkpoint::open(&path).unwrap().as_ref(), &path, &Choice::default()).unwrap()
    }

    fn written(recipe: Recipe) -> (Head, Planted, Vec<u8>) {
        let folder = tempfile::tempdir().unwrap();
        let head = opened(recipe, folder.path()).head;
        let bytes = std::fs::read(folder.path().join(recipe.kind.file())).unwrap();
        (head, read(folder.path()).unwrap(), bytes)
    }

    /// An entry as a whole number of so many parts of a step, so that all sums of them are exact in integers.
    fn steps(head: &Head, t: u32, k: usize, of: i64) -> i64 {
        let x = head.weight(t as usize, k) / f64::from(STEP) * of as f64;
        assert_eq!(x, x.round(), "token {t}, coordinate {k}");
        x as i64
    }

    fn assert_finds(head: &Head, domain: &Domain, planted: &Planted) {
        let audit = audit(head, domain, Options::default()).unwrap();
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
    fn planted_rows_are_exactly_means_of_rows_of_tokens_that_are_not_planted() {
        let (head, planted, _) = written(SMALL);
        let (same, inside) = SMALL.places().unwrap();
        assert_eq!(same, planted);
        let special: Vec<u32> =
            planted.tied.iter().flatten().chain(&planted.unargmaxable).copied().collect();
        let mut moved = Vec::new();
        for row in &inside {
            let Mixture::Anchored { others, anchor, halvings } = &row.made_of else {
                panic!("another mixture");
            };
            assert!(others.len() >= SMALL.dim + 2);
            let mut parents = others.clone();
            parents.push(*anchor);
            parents.sort_unstable();
            parents.dedup();
            assert_eq!(parents.len(), others.len() + 1, "all are different tokens");
            assert!(parents.iter().all(|t| !special.contains(t)));
            let (share, count) = (1 << halvings, others.len() as i64);
            for k in 0..SMALL.dim {
                let sum: i64 = others.iter().map(|&t| steps(&head, t, k, 1)).sum();
                let mean = (share - 1) * count * steps(&head, *anchor, k, 1) + sum;
                let row = row.token;
                assert_eq!(steps(&head, row, k, share * count), mean, "token {row}, {k}");
            }
            moved.push(*halvings);
        }
        assert_eq!(moved, [0, 1, 2]);
    }

    #[test]
    fn a_crowd_is_near_the_mean_of_some_rows_and_the_other_rows_inside_are_means() {
        let (head, planted, _) = written(CROWDED);
        let (same, inside) = CROWDED.places().unwrap();
        assert_eq!(same, planted);
        let (mut near, mut rows) = (0, std::collections::HashSet::new());
        for row in &inside {
            let token = row.token;
            rows.insert(head.row(token as usize).map(f64::to_bits).collect::<Vec<_>>());
            let (others, weight): (_, &dyn Fn(usize) -> i64) = match &row.made_of {
                Mixture::Near { others, .. } => (others, &|_| 1),
                Mixture::Weighted { others, twice } => {
                    (others, &|i| if i < *twice { 2 } else { 1 })
                }
                Mixture::Anchored { .. } => panic!("another mixture"),
            };
            assert!(others.iter().all(|t| planted.unargmaxable.binary_search(t).is_err()));
            let of: i64 = (0..others.len()).map(weight).sum();
            let away = |k: usize| {
                let entries = others.iter().enumerate();
                let sum: i64 = entries.map(|(i, &t)| weight(i) * steps(&head, t, k, 1)).sum();
                (steps(&head, token, k, of) - sum) as f64 / of as f64 * f64::from(STEP)
            };
            let distance = (0..CROWDED.dim).map(|k| away(k).powi(2)).sum::<f64>().sqrt();
            match &row.made_of {
                Mixture::Near { most, .. } => {
                    near += 1;
                    assert_eq!(distance > 0.0, *most > 0, "token {token}: {distance}");
                    assert!(distance <= NEAR, "token {token}: {distance}");
                }
                _ => assert_eq!(distance, 0.0, "token {token}"),
            }
        }
        assert_eq!((near, inside.len(), rows.len()), (680, 980, 980), "no two are equal");
        let sizes = Recipe { tokens: CROWD[0], dim: 120, ..CROWDED }.places().unwrap().1;
        let near = sizes.iter().filter(|p| matches!(p.made_of, Mixture::Near { .. })).count();
        assert_eq!((near, sizes.len()), (3400, 4900));
    }

    #[test]
    fn an_audit_finds_what_was_planted_and_nothing_else() {
        for recipe in [
            SMALL,
            Recipe { kind: Kind::Wide, tokens: 1024, ..SMALL },
            Recipe { dim: 48, ..CROWDED },
        ] {
            let (head, planted, _) = written(recipe);
            assert_finds(&head, &Domain::free(recipe.dim), &planted);
        }
    }

    #[test]
    fn a_head_behind_a_norm_has_the_same_rows_and_the_same_answers() {
        let recipe = Recipe { kind: Kind::Norm, tokens: 2048, ..SMALL };
        let folder = tempfile::tempdir().unwrap();
        let located = opened(recipe, folder.path());
        let (without, planted, _) = written(Recipe { kind: Kind::Planted, ..recipe });
        let head = &located.head;
        assert_eq!(read(folder.path()).unwrap(), planted);
        for t in 0..recipe.tokens {
            assert!((0..recipe.dim).all(|k| head.weight(t, k) == without.weight(t, k)), "row {t}");
        }
        assert_eq!(located.domain().unwrap().0, located.parse_domain("rmsnorm").unwrap());
        assert_finds(head, &located.parse_domain("rmsnorm").unwrap(), &planted);
    }

    #[test]
    fn a_wide_head_is_the_planted_one_in_float16_without_rows_inside() {
        let recipe = Recipe { kind: Kind::Wide, ..SMALL };
        let (head, planted, bytes) = written(recipe);
        assert!(bytes.len() < 2 * recipe.tokens * recipe.dim + 256);
        assert!(planted.unargmaxable.is_empty() && planted.tied.len() == 4);
        let (exact, ..) = written(Recipe { kind: Kind::Planted, ..recipe });
        let rounded = |t: usize, k: usize| f16::from_f64(exact.weight(t, k)).to_f64();
        let same = |&t: &usize| (0..recipe.dim).all(|k| head.weight(t, k) == rounded(t, k));
        // The planted rows are at other places.
        assert!((0..recipe.tokens).filter(same).count() > recipe.tokens - 40);
    }

    #[test]
    fn gaussian_rows_are_standard_normal() {
        let recipe = Recipe { kind: Kind::Gaussian, tokens: 4096, dim: 16, seed: 3 };
        let folder = tempfile::tempdir().unwrap();
        let head = opened(recipe, folder.path()).head;
        let numbers = (0..head.tokens())
            .flat_map(|t| (0..head.dim()).map(move |k| (t, k)))
            .map(|(t, k)| head.weight(t, k));
        let numbers: Vec<f64> = numbers.collect();
        let count = numbers.len() as f64;
        let mean = numbers.iter().sum::<f64>() / count;
        let variance = numbers.iter().map(|x| x * x).sum::<f64>() / count;
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.03, "{mean} {variance}");
        assert!(!folder.path().join("planted.json").exists(), "nothing is known");
    }

    #[test]
    fn a_seed_gives_one_head_and_another_seed_another() {
        let single = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        for recipe in [SMALL, CROWDED] {
            let (one, two) = (written(recipe).2, written(Recipe { seed: 4, ..recipe }).2);
            assert!(single.install(|| written(recipe).2) == one, "on one thread as on all");
            assert!(one != two);
        }
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
