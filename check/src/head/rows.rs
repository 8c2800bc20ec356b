//! The numbers of `W` in the precision they were stored in; every use widens them exactly to float64.

use std::any::Any;
use std::ops::{Deref, Range};
use std::sync::Arc;

use crate::arithmetic::dot::Element;
use crate::arithmetic::rounding::{norm_up_narrow, norm_up_of};
use crate::parallel;

/// The number of entries that a thread checks in one task.
const PART: usize = 1 << 16;

/// The entries of `W`, row-major: in float32 where that is exact (half the memory), else in float64.
#[derive(Clone, Debug)]
pub enum Rows {
    /// Stored in float32 or a narrower type.
    F32(Numbers<f32>),
    /// Stored in float64.
    F64(Numbers<f64>),
}

/// Numbers that a head holds, or that lie in memory of another program, which stays as long as this value.
#[derive(Clone, Debug)]
pub struct Numbers<T: 'static>(Held<T>);

/// Who holds the numbers.
#[derive(Clone, Debug)]
enum Held<T: 'static> {
    /// This value.
    Here(Vec<T>),
    /// The owner. The slice never leaves [`Numbers`] for longer than a borrow of it.
    There { numbers: &'static [T], _owner: Arc<dyn Any + Send + Sync> },
}

impl<T> Numbers<T> {
    /// Numbers in memory that `owner` keeps, without a copy. They must not change as long as this value or a clone of it
    /// lives: hashes and proofs are of the numbers as they are now.
    pub fn of_owner(numbers: &'static [T], owner: Arc<dyn Any + Send + Sync>) -> Self {
        Numbers(Held::There { numbers, _owner: owner })
    }
}

impl<T> Deref for Numbers<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match &self.0 {
            Held::Here(numbers) => numbers,
            Held::There { numbers, .. } => numbers,
        }
    }
}

impl<T> From<Vec<T>> for Numbers<T> {
    fn from(numbers: Vec<T>) -> Self {
        Numbers(Held::Here(numbers))
    }
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
            let finite = parallel::map_ranges(x.len(), PART, &|range| x[range].iter().all(|v| v.is_finite()));
            let part = finite.iter().position(|finite| !finite)?;
            let from = part * PART;
            x[from..].iter().position(|v| !v.is_finite()).map(|at| from + at)
        })
    }
}

impl From<Vec<f32>> for Rows {
    fn from(values: Vec<f32>) -> Self {
        Rows::F32(values.into())
    }
}

impl From<Vec<f64>> for Rows {
    fn from(values: Vec<f64>) -> Self {
        Rows::F64(values.into())
    }
}

impl From<Numbers<f32>> for Rows {
    fn from(numbers: Numbers<f32>) -> Self {
        Rows::F32(numbers)
    }
}

impl From<Numbers<f64>> for Rows {
    fn from(numbers: Numbers<f64>) -> Self {
        Rows::F64(numbers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::Head;

    #[test]
    fn numbers_of_an_owner_are_not_copied_and_keep_it_alive() {
        static ROWS: [f32; 6] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let owner: Arc<dyn Any + Send + Sync> = Arc::new("the owner");
        let head = Head::new(Numbers::of_owner(&ROWS, owner.clone()), None, 3, 2).unwrap();
        let Rows::F32(numbers) = head.rows() else { panic!("they are float32") };
        assert_eq!(numbers.as_ptr(), ROWS.as_ptr());
        assert_eq!(head.sha256(), Head::new(ROWS.to_vec(), None, 3, 2).unwrap().sha256());
        let clone = head.clone();
        drop(head);
        assert_eq!((clone.weight(2, 1), Arc::strong_count(&owner)), (6.0, 2));
    }
}
