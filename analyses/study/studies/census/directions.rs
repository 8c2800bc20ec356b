//! Winners of random directions, in float32.

use anyhow::Result;
use nalgebra::DMatrix;
use rayon::prelude::*;
use unargmax::{Domain, Head};

use super::rows;
use crate::frame::numpy::RandomState;

/// Directions that are scored at a time.
const BATCH: usize = 512;
/// Rows that a thread multiplies at a time.
const PART: usize = 1024;

/// How often each token won.
pub struct Census {
    pub wins: Vec<u32>,
    /// Directions and different winners so far, at powers of two.
    pub growth: Vec<(usize, usize)>,
}

impl Census {
    /// Draws so many directions on the sphere of the norm before the head.
    pub fn of(head: &Head, domain: &Domain, draws: usize, seed: u32) -> Result<Self> {
        let (tokens, dim) = (head.tokens(), head.dim());
        let folded = Folded::new(head, domain);
        let mut random = RandomState::new(seed);
        let mut census = Census { wins: vec![0; tokens], growth: Vec::new() };
        let (mut done, mut next) = (0, 64);
        while done < draws {
            let count = BATCH.min(draws - done);
            let mut points = random.normals(count * dim);
            points.chunks_mut(dim).for_each(|z| folded.to_sphere(z));
            let points = DMatrix::from_iterator(dim, count, points.into_iter().map(|x| x as f32));
            for (i, winner) in folded.winners(&points).into_iter().enumerate() {
                census.wins[winner] += 1;
                if done + i + 1 == next || done + i + 1 == draws {
                    census.growth.push((done + i + 1, census.seen()));
                    next *= 2;
                }
            }
            done += count;
        }
        Ok(census)
    }

    /// How many tokens won at all.
    pub fn seen(&self) -> usize {
        self.wins.len() - self.seen_times(0)
    }

    pub fn seen_times(&self, times: u32) -> usize {
        self.wins.iter().filter(|&&wins| wins == times).count()
    }

    /// Chao's lower bound of the number of winners that there are.
    pub fn chao(&self) -> f64 {
        let (once, twice) = (self.seen_times(1) as f64, self.seen_times(2) as f64);
        let unseen =
            if twice > 0.0 { once * once / (2.0 * twice) } else { once * (once - 1.0) / 2.0 };
        self.seen() as f64 + unseen
    }
}

/// A head with the norm before it folded into rows and biases, as blocks of rows.
struct Folded {
    blocks: Vec<DMatrix<f32>>,
    biases: Vec<f32>,
    is_centred: bool,
}

impl Folded {
    fn new(head: &Head, domain: &Domain) -> Self {
        let (tokens, dim) = (head.tokens(), head.dim());
        let ball = domain.ball();
        let gain = ball.map_or(vec![1.0; dim], |ball| ball.gain().to_vec());
        let shift = ball.map_or(vec![0.0; dim], |ball| ball.shift().to_vec());
        let biases = (0..tokens).map(|token| head.score(token, &shift) as f32).collect();
        let all = rows(head);
        let block = |part: &[f64]| {
            let scaled = part.iter().zip(gain.iter().cycle()).map(|(w, g)| (w * g) as f32);
            DMatrix::from_row_iterator(part.len() / dim, dim, scaled)
        };
        Folded {
            blocks: all.chunks(PART * dim).map(block).collect(),
            biases,
            is_centred: ball.is_some_and(unargmax::Ball::is_centred),
        }
    }

    /// Moves a normal vector to the sphere of radius `sqrt(d)`, without its mean if the norm takes it away.
    fn to_sphere(&self, z: &mut [f64]) {
        let dim = z.len() as f64;
        if self.is_centred {
            let mean = z.iter().sum::<f64>() / dim;
            z.iter_mut().for_each(|x| *x -= mean);
        }
        let factor = (dim / z.iter().map(|x| x * x).sum::<f64>()).sqrt();
        z.iter_mut().for_each(|x| *x *= factor);
    }

    /// The tokens with the largest logits, one for each column of `points`.
    fn winners(&self, points: &DMatrix<f32>) -> Vec<usize> {
        let of_block = |(block, rows): (usize, &DMatrix<f32>)| {
            let scores = rows * points;
            let first = block * PART;
            let best = |column: nalgebra::DVectorView<f32>| {
                let logits = column.iter().zip(&self.biases[first..]).map(|(x, b)| x + b);
                let (mut at, mut most) = (0, f32::NEG_INFINITY);
                for (i, logit) in logits.enumerate() {
                    if logit > most {
                        (at, most) = (i, logit);
                    }
                }
                (most, first + at)
            };
            scores.column_iter().map(|column| best(column.as_view())).collect::<Vec<_>>()
        };
        let parts: Vec<Vec<(f32, usize)>> =
            self.blocks.par_iter().enumerate().map(of_block).collect();
        let better = |a: (f32, usize), b: (f32, usize)| if b.0 > a.0 { b } else { a };
        (0..points.ncols())
            .map(|i| parts.iter().map(|part| part[i]).reduce(better).map_or(0, |best| best.1))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use unargmax::Ball;

    #[test]
    fn winners_are_those_of_the_head_behind_its_norm() {
        // A centred norm with gain and shift; the rows of the head before folding decide.
        let mut random = RandomState::new(3);
        let (tokens, dim) = (2500, 5);
        let head =
            Head::new(random.normals(tokens * dim), Some(random.normals(tokens)), tokens, dim)
                .unwrap();
        let (gain, shift) = (random.uniforms(dim, 0.5, 2.0), random.normals(dim));
        let ball = Ball::after_norm(gain.clone(), shift.clone(), true).unwrap();
        let domain = Domain::free(dim).within(ball).unwrap();
        let folded = Folded::new(&head, &domain);
        let mut z = random.normals(dim);
        folded.to_sphere(&mut z);
        assert!(z.iter().sum::<f64>().abs() < 1e-12);
        let state: Vec<f64> = (0..dim).map(|k| gain[k] * z[k] + shift[k]).collect();
        let best =
            (0..tokens).max_by(|&a, &b| head.score(a, &state).total_cmp(&head.score(b, &state)));
        let points = DMatrix::from_iterator(dim, 1, z.into_iter().map(|x| x as f32));
        assert_eq!(folded.winners(&points), [best.unwrap()]);
    }

    #[test]
    fn chaos_bound_is_the_number_seen_if_nothing_was_seen_once() {
        let census = Census { wins: vec![3, 2, 0, 5], growth: Vec::new() };
        assert_eq!((census.seen(), census.chao()), (3, 3.0));
    }
}
