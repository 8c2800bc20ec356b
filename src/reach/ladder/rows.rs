//! The rows of the input vocabulary: their size, and which of them a gradient would add.

use candle_core::{DType, Tensor};

use super::frame::Frame;
use crate::error::Result;
use crate::transformer::Transformer;

/// The number of rows that are decoded at a time.
const TOGETHER: usize = 8192;

/// The rows that tokens have at the input of a model, as the first block reads them.
pub struct InputRows {
    count: usize,
    longest: f32,
    typical: f32,
}

impl InputRows {
    /// Measures all rows.
    ///
    /// # Errors
    /// Errors of the model.
    pub fn of(model: &Transformer, frame: &Frame) -> Result<Self> {
        let count = frame.known(model)?;
        let (mut longest, mut squares, mut numbers) = (0f64, 0f64, 0usize);
        for first in (0..count).step_by(TOGETHER) {
            let rows = some(model, frame, first, count)?;
            numbers += rows.elem_count();
            let lengths: Vec<f32> = rows.sqr()?.sum(1)?.to_dtype(DType::F32)?.to_vec1()?;
            for square in lengths {
                squares += f64::from(square);
                longest = longest.max(f64::from(square).sqrt());
            }
        }
        let typical = (squares / numbers.max(1) as f64).sqrt();
        Ok(InputRows { count, longest: longest as f32, typical: typical as f32 })
    }

    /// The number of rows.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The length of the longest row.
    pub fn longest(&self) -> f32 {
        self.longest
    }

    /// The root of the mean square of all coordinates.
    pub fn typical(&self) -> f32 {
        self.typical
    }

    /// The tokens among `allowed` whose rows lower the loss most by its gradient at each of `m` places, `m x e`: at most
    /// `most` for each place, the best first.
    ///
    /// # Errors
    /// Errors of the model.
    pub fn steepest(
        &self,
        (model, frame): (&Transformer, &Frame),
        gradient: &Tensor,
        allowed: &[u32],
        most: usize,
    ) -> Result<Vec<Vec<u32>>> {
        let places = gradient.dim(0)?;
        let mut slopes: Vec<Vec<f32>> = vec![Vec::with_capacity(self.count); places];
        for first in (0..self.count).step_by(TOGETHER) {
            let products = gradient.matmul(&some(model, frame, first, self.count)?.t()?)?;
            let products: Vec<Vec<f32>> = products.to_dtype(DType::F32)?.to_vec2()?;
            slopes.iter_mut().zip(products).for_each(|(all, new)| all.extend(new));
        }
        let best = |slopes: Vec<f32>| {
            let mut ids = allowed.to_vec();
            let by_slope = |a: &u32, b: &u32| {
                slopes[*a as usize].total_cmp(&slopes[*b as usize]).then(a.cmp(b))
            };
            if most < ids.len() {
                ids.select_nth_unstable_by(most, by_slope);
                ids.truncate(most);
            }
            ids.sort_unstable_by(by_slope);
            ids
        };
        Ok(slopes.into_iter().map(best).collect())
    }
}

/// Some rows from `first` on, `n x e`.
fn some(model: &Transformer, frame: &Frame, first: usize, count: usize) -> Result<Tensor> {
    let ids: Vec<u32> = (first..count.min(first + TOGETHER)).map(|id| id as u32).collect();
    Ok(frame.vectors(model, &[ids])?.squeeze(0)?)
}
