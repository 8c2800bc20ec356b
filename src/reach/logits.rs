//! Logits of hidden states, computed a few positions at a time; and hidden states written to a file.

use std::collections::HashMap;

use candle_core::{DType, Tensor};
use safetensors::Dtype;
use safetensors::tensor::TensorView;

use super::ranking;
use crate::error::{Error, Result};
use crate::transformer::{States, Transformer};

/// The number of positions whose logits are computed together: 64 MB for a vocabulary of 250000 tokens.
const POSITIONS_TOGETHER: usize = 64;

/// The text in the metadata of a file of hidden states by which it is recognised.
pub const MARK: &str = "unargmax hidden states";

/// The hidden state and the logits of one position.
pub struct Position<'a> {
    /// The position among the states that were given, from 0.
    pub at: usize,
    /// The hidden state that the output matrix is multiplied with, `d` numbers.
    pub state: &'a [f32],
    /// The logits, one per token.
    pub logits: &'a [f32],
}

/// Calls `each` with the positions of a sequence of hidden states, `T x d`, in order, a few of them at a time.
///
/// # Errors
/// Errors of `each`, and logits that are not finite.
pub fn each_position(
    model: &Transformer,
    state: &Tensor,
    mut each: impl FnMut(&[Position]) -> Result<()>,
) -> Result<()> {
    let length = state.dim(0)?;
    for from in (0..length).step_by(POSITIONS_TOGETHER) {
        let part = state.narrow(0, from, POSITIONS_TOGETHER.min(length - from))?;
        let logits = rows(&model.logits(&part.unsqueeze(0)?)?.squeeze(0)?)?;
        let states = rows(&part)?;
        let mut positions = Vec::new();
        for (i, (state, logits)) in states.iter().zip(&logits).enumerate() {
            ranking::check(logits)?;
            positions.push(Position { at: from + i, state, logits });
        }
        each(&positions)?;
    }
    Ok(())
}

/// Returns the logits of one hidden state of `d` numbers.
///
/// # Errors
/// A state of another width, or logits that are not finite.
pub fn of_state(model: &Transformer, state: &Tensor) -> Result<Vec<f32>> {
    let logits = model.logits(&state.reshape((1, 1, ()))?)?;
    let logits = logits.flatten_all()?.to_dtype(DType::F32)?.to_vec1()?;
    ranking::check(&logits)?;
    Ok(logits)
}

/// Returns the rows of a matrix in float32.
fn rows(tensor: &Tensor) -> Result<Vec<Vec<f32>>> {
    Ok(tensor.to_dtype(DType::F32)?.to_vec2()?)
}

/// Writes the hidden states of one sequence as a safetensors file: `ids` (T), `state` (T x d'), `hidden.0` to
/// `hidden.L` (T x d), and `encoder.I` and `query.I` where the model has them. The metadata of the file hold [`MARK`].
///
/// # Errors
/// Tensors that cannot be written in that format.
pub fn to_safetensors(states: &States, ids: &[u32]) -> Result<Vec<u8>> {
    let mut tensors: Vec<(String, Vec<usize>, Vec<u8>)> = Vec::new();
    let mut add = |name: String, tensor: &Tensor| -> Result<()> {
        let tensor = tensor.get(0)?.to_dtype(DType::F32)?;
        let numbers: Vec<f32> = tensor.flatten_all()?.to_vec1()?;
        let bytes = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
        tensors.push((name, tensor.dims().to_vec(), bytes));
        Ok(())
    };
    add("state".to_owned(), &states.state)?;
    for (name, list) in [
        ("hidden", &states.hidden),
        ("encoder", &states.encoder_hidden),
        ("query", &states.query_hidden),
    ] {
        for (layer, tensor) in list.iter().enumerate() {
            add(format!("{name}.{layer}"), tensor)?;
        }
    }
    let ids_bytes: Vec<u8> = ids.iter().flat_map(|id| id.to_le_bytes()).collect();
    let failed =
        |e: &dyn std::fmt::Display| Error::Invalid(format!("states cannot be stored: {e}"));
    let mut views = vec![(
        "ids".to_owned(),
        TensorView::new(Dtype::U32, vec![ids.len()], &ids_bytes).map_err(|e| failed(&e))?,
    )];
    for (name, shape, bytes) in &tensors {
        let view = TensorView::new(Dtype::F32, shape.clone(), bytes).map_err(|e| failed(&e))?;
        views.push((name.clone(), view));
    }
    let metadata = HashMap::from([("made by".to_owned(), MARK.to_owned())]);
    safetensors::serialize(views, Some(metadata)).map_err(|e| failed(&e))
}
