//! The numbers of `W` in the precision they were stored in; every use widens them exactly to float64.

use std::ops::Range;

use rayon::prelude::*;

use crate::arithmetic::dot::Element;
use crate::arithmetic::rounding::{norm_up_narrow, norm_up_of};

/// The number of entries that a thread checks in one task.
const PART: usize = 1 << 16;

/// The entries of `W`, row-major: in float32 where that is exact (half the memory), else in float64.
#[derive(Clone, Debug)]
pub enum Rows {
    /// Stored in float32 or a narrower type.
    F32(Vec<f32>),
    /// Stored in float64.
    F64(Vec<f64>),
}

macro_rules! on_elements {
    ($rows:expr, $x:ident => $body:expr) => {
        match $rows {
            Rows::F32($x) => $body,
            Rows::F64($x) => $body,
        }
    };
}

impl Rows {
    /// The number of entries.
    pub fn len(&self) -> usize {
        on_elements!(self, x => x.len())
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The entry at this index.
    pub(super) fn at(&self, index: usize) -> f64 {
        match self {
            Rows::F32(x) => x[index].into(),
            Rows::F64(x) => x[index],
        }
    }

    /// Writes `out.len()` entries from `start` on to `out`.
    pub(super) fn copy(&self, start: usize, out: &mut [f64]) {
        match self {
            Rows::F32(x) => out.iter_mut().zip(&x[start..]).for_each(|(o, &v)| *o = v.into()),
            Rows::F64(x) => out.copy_from_slice(&x[start..start + out.len()]),
        }
    }

    pub(super) fn dot(&self, range: Range<usize>, h: &[f64]) -> f64 {
        on_elements!(self, x => Element::dot(&x[range], h))
    }

    pub(super) fn norm_up(&self, range: Range<usize>) -> f64 {
        match self {
            Rows::F32(x) => norm_up_narrow(&x[range]),
            Rows::F64(x) => norm_up_of(&x[range]),
        }
    }

    pub(super) fn product(
        &self,
        points: &[f64],
        range: Range<usize>,
        dim: usize,
        out: &mut [f64],
        stride: usize,
    ) {
        on_elements!(self, x => Element::product(points, &x[range], dim, out, stride));
    }

    /// The index of the first entry that is infinite or NaN.
    pub(super) fn first_not_finite(&self) -> Option<usize> {
        on_elements!(self, x => {
            let part = x.par_chunks(PART).position_first(|part| !part.iter().all(|v| v.is_finite()))?;
            let from = part * PART;
            x[from..].iter().position(|v| !v.is_finite()).map(|at| from + at)
        })
    }
}

impl From<Vec<f32>> for Rows {
    fn from(values: Vec<f32>) -> Self {
        Rows::F32(values)
    }
}

impl From<Vec<f64>> for Rows {
    fn from(values: Vec<f64>) -> Self {
        Rows::F64(values)
    }
}
