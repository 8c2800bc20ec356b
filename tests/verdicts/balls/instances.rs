//! Heads and balls at random.

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, StandardNormal};
use unargmax::domain::{Ball, Domain};
use unargmax::head::Head;

/// Numbers of the entries.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Numbers {
    /// Normal, in float64.
    Wide,
    /// Normal, in float32.
    Narrow,
    /// Small multiples of 1/4: rows repeat and merge, and values are exactly 0.
    Coarse,
}

/// What hidden states are confined to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// A shift, or biases.
    pub levels: bool,
    pub centred: bool,
    pub ranges: bool,
}

pub struct Instances {
    random: ChaCha8Rng,
}

impl Instances {
    pub fn new(seed: u64) -> Self {
        Instances { random: ChaCha8Rng::seed_from_u64(seed) }
    }

    pub fn normal(&mut self) -> f64 {
        StandardNormal.sample(&mut self.random)
    }

    pub fn below(&mut self, end: usize) -> usize {
        self.random.random_range(0..end)
    }

    fn number(&mut self, numbers: Numbers) -> f64 {
        let x = self.normal();
        match numbers {
            Numbers::Wide => x,
            Numbers::Narrow => f64::from(x as f32),
            Numbers::Coarse => (x * 4.0).round() / 4.0,
        }
    }

    fn vector(&mut self, count: usize, numbers: Numbers) -> Vec<f64> {
        (0..count).map(|_| self.number(numbers)).collect()
    }

    /// A head of 2 to 15 tokens and 1 to 5 coordinates.
    pub fn head(&mut self, numbers: Numbers, place: Place) -> Head {
        let (tokens, dim) = (2 + self.below(14), 1 + self.below(5));
        let rows = self.vector(tokens * dim, numbers);
        let bias = (place.levels && self.below(2) == 0).then(|| self.vector(tokens, numbers));
        if numbers == Numbers::Narrow {
            let rows: Vec<f32> = rows.into_iter().map(|x| x as f32).collect();
            return Head::new(rows, bias, tokens, dim).unwrap();
        }
        Head::new(rows, bias, tokens, dim).unwrap()
    }

    /// A ball with a gain of any sign, seldom 0, and where there are levels a shift.
    pub fn ball(&mut self, dim: usize, numbers: Numbers, place: Place) -> Ball {
        let mut gain = vec![1.0; dim];
        if self.below(4) > 0 {
            for g in &mut gain {
                *g = if self.below(12) == 0 { 0.0 } else { self.number(numbers) };
            }
        }
        let shift = if place.levels { self.vector(dim, numbers) } else { vec![0.0; dim] };
        let radius = match self.below(2) {
            0 => [dim as f64, 1.0],
            _ => [[0.25, 0.5, 1.0, 3.0][self.below(4)]; 2],
        };
        Ball::new(radius, gain, shift, place.centred).unwrap()
    }

    /// The domain of a ball, perhaps cut by ranges around the hidden state of a point inside it.
    pub fn domain(&mut self, ball: Ball, numbers: Numbers, place: Place) -> Domain {
        let dim = ball.dim();
        let free = Domain::free(dim);
        if !place.ranges {
            return free.within(ball).unwrap();
        }
        // Without levels the ends must be 0 to leave cones; each coordinate then keeps its sign at one point.
        let z = self.vector(dim, numbers);
        let length = z.iter().map(|x| x * x).sum::<f64>().sqrt();
        let share = 0.5 * ball.radius_down() / length.max(1e-3);
        let h = ball.hidden_state(&z.iter().map(|x| x * share).collect::<Vec<_>>());
        let (mut lo, mut hi) = (vec![f64::NEG_INFINITY; dim], vec![f64::INFINITY; dim]);
        for k in 0..dim {
            let room = [0.25, 0.5, 1.0][self.below(3)];
            match (self.below(4), place.levels) {
                (0, true) => lo[k] = h[k] - room,
                (1, true) => hi[k] = h[k] + room,
                (2, true) => (lo[k], hi[k]) = (h[k] - room, h[k] + 2.0 * room),
                (0 | 1, false) if h[k] >= 0.0 => lo[k] = 0.0,
                (0 | 1, false) => hi[k] = 0.0,
                _ => {}
            }
        }
        let boxed = Domain::ranges(lo, hi).unwrap();
        // A box that touches the ball's plane in a corner alone is refused.
        boxed.within(ball.clone()).unwrap_or_else(|_| free.within(ball).unwrap())
    }
}

/// All kinds.
pub fn places() -> impl Iterator<Item = Place> {
    (0..8).map(|i| Place { levels: i & 1 > 0, centred: i & 2 > 0, ranges: i & 4 > 0 })
}
