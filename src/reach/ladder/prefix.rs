//! The tokens that all prompts of a batch begin with are run once, and their keys and values serve every prompt.

use std::cell::RefCell;

use candle_core::Tensor;

use super::frame::Frame;
use crate::error::Result;
use crate::transformer::{Batch, Cache, Transformer};

/// The last prefix that batches shared, with its keys and values.
#[derive(Debug, Default)]
pub struct SharedPrefix(RefCell<Option<(Vec<u32>, Cache)>>);

impl SharedPrefix {
    /// Computes the states that decide, `B x d`, of prompts of one length.
    ///
    /// In a model whose positions see only earlier ones, what the prompts share at their beginning is run once, also for
    /// later calls with the same beginning. The states differ from those of whole passes by the rounding of float32.
    ///
    /// # Errors
    /// Errors of the model.
    pub fn states(
        &self,
        model: &Transformer,
        frame: &Frame,
        prompts: &[Vec<u32>],
    ) -> Result<Tensor> {
        let rows = frame.rows(prompts);
        let shared = if frame.goes_on(model) { common(&rows) } else { 0 };
        if shared == 0 || rows.len() == 1 {
            return frame.states(model, &frame.of_ids(prompts));
        }
        let (prefix, rest) = (&rows[0][..shared], rows.iter().map(|row| row[shared..].to_vec()));
        let mut last = self.0.borrow_mut();
        let cached = match last.take() {
            Some((ids, cache)) if ids == prefix => cache,
            _ => {
                let mut cache = Cache::new();
                model.extend(&Batch::ids(vec![prefix.to_vec()]).last_hidden(), &mut cache)?;
                cache
            }
        };
        let mut continued = cached.for_rows(rows.len())?;
        *last = Some((prefix.to_vec(), cached));
        let states = model.extend(&Batch::ids(rest.collect()).last_hidden(), &mut continued)?.state;
        Ok(states.narrow(1, states.dim(1)? - 1, 1)?.squeeze(1)?.contiguous()?)
    }
}

/// How many ids all rows begin with, less than the length of a row.
fn common(rows: &[Vec<u32>]) -> usize {
    let Some((first, others)) = rows.split_first() else { return 0 };
    let alike = |row: &Vec<u32>| first.iter().zip(row).take_while(|(a, b)| a == b).count();
    others.iter().map(alike).min().unwrap_or(first.len()).min(first.len().saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_never_all_prefix() {
        let of = |rows: &[&[u32]]| common(&rows.iter().map(|r| r.to_vec()).collect::<Vec<_>>());
        assert_eq!(of(&[&[1, 2, 3], &[1, 2, 4], &[1, 5, 3]]), 1);
        assert_eq!(of(&[&[1, 2], &[1, 2]]), 1);
        assert_eq!((of(&[&[3, 2], &[1, 2]]), of(&[&[]]), of(&[])), (0, 0, 0));
    }
}
