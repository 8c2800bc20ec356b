//! Changes the tensors of one layer by name, and leaves the rest as it is.
//!
//! After Su Jianlin, "Drop the constraint: one line that lifts ALBERT" (2020): shared layers, copied
//! (`Options::unshared`), give the same logits until one of them is changed.

use std::sync::Arc;

use candle_core::Tensor;

use super::Transformer;
use super::attention::Attention;
use super::block::{Block, Inner, Norms};
use super::linear::Linear;
use crate::error::{Error, Result};

impl Transformer {
    /// Replaces a tensor of layer `layer` (of the decoder, or of the only stack) by the result of `change`, which
    /// must have the same shape. Layers that share the tensor all change.
    ///
    /// Tensors are called `attention`, `cross`, `feed_forward` and their maps (`query`, `key`, `value`, `output`;
    /// `gate`, `inner`, `outer`), or `attention_norm`, `cross_norm`, `feed_forward_norm`, then `weight` or `bias`:
    /// `feed_forward.outer.weight` is `d x inner`.
    ///
    /// # Errors
    /// No such layer or tensor, a matrix of quantised blocks, or another shape.
    pub fn change_layer(
        &mut self,
        layer: usize,
        name: &str,
        change: impl FnOnce(&Tensor) -> candle_core::Result<Tensor>,
    ) -> Result<()> {
        let blocks = &mut self.parts.stack.blocks;
        let Some(old) = blocks.get(layer).cloned() else {
            return Err(Error::Invalid(format!(
                "there is no layer {layer} among the {}",
                blocks.len()
            )));
        };
        let mut new = Block::clone(&old);
        let Some(tensor) = new.tensor(name) else {
            let problem = format!("layer {layer} has no tensor of floats called `{name}`");
            return Err(Error::Invalid(problem));
        };
        let changed = change(tensor)?;
        if changed.dims() != tensor.dims() || changed.dtype() != tensor.dtype() {
            return Err(Error::Invalid(format!(
                "`{name}` has shape {:?} and not {:?}",
                tensor.dims(),
                changed.dims()
            )));
        }
        *tensor = changed;
        let new = Arc::new(new);
        blocks.iter_mut().filter(|block| Arc::ptr_eq(block, &old)).for_each(|block| {
            *block = new.clone();
        });
        Ok(())
    }
}

impl Block {
    /// Returns a tensor of the block by its name.
    fn tensor(&mut self, name: &str) -> Option<&mut Tensor> {
        let (part, rest) = name.split_once('.')?;
        match part {
            "attention" => of_attention(&mut self.attention, rest),
            "cross" => of_attention(&mut self.cross.as_mut()?.0, rest),
            "attention_norm" => of_norms(&mut self.attention_norms, rest),
            "cross_norm" => of_norms(&mut self.cross.as_mut()?.1, rest),
            "feed_forward_norm" => of_norms(&mut self.feed_forward_norms, rest),
            "feed_forward" => {
                let (map, rest) = rest.split_once('.')?;
                let Inner::Layer(layer) = &mut self.feed_forward else { return None };
                match map {
                    "gate" => of_linear(layer.gate.as_mut()?, rest),
                    "inner" => of_linear(&mut layer.inner, rest),
                    "outer" => of_linear(&mut layer.outer, rest),
                    _ => None,
                }
            }
            _ => None,
        }
    }
}

/// Returns a tensor of an attention by its name (`query.weight`).
fn of_attention<'a>(attention: &'a mut Attention, name: &str) -> Option<&'a mut Tensor> {
    let (map, rest) = name.split_once('.')?;
    match map {
        "query" => of_linear(&mut attention.query, rest),
        "key" => of_linear(&mut attention.key, rest),
        "value" => of_linear(&mut attention.value, rest),
        "output" => of_linear(&mut attention.output, rest),
        _ => None,
    }
}

/// Returns the weight, if it is not quantised, or the bias of a linear map.
fn of_linear<'a>(linear: &'a mut Linear, name: &str) -> Option<&'a mut Tensor> {
    match name {
        "weight" => linear.weight.floats(),
        "bias" => linear.bias.as_mut(),
        _ => None,
    }
}

/// Returns the gain or shift of the norm of a map: of the one before it, else of the one after it or after the sum.
fn of_norms<'a>(norms: &'a mut Norms, name: &str) -> Option<&'a mut Tensor> {
    let Norms { before, after, outside } = norms;
    let norm = before.as_mut().or(outside.as_mut()).or(after.as_mut())?;
    match name {
        "weight" => Some(&mut norm.gain),
        "bias" => norm.shift.as_mut(),
        _ => None,
    }
}
