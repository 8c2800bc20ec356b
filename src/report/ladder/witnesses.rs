//! Writes `witnesses.safetensors`: the vectors of soft prompts that make a token win, and the hidden states of all wins.

use std::collections::HashMap;

use safetensors::Dtype;
use safetensors::tensor::TensorView;

use super::{LadderReport, MARK, WITNESSES};
use crate::error::{Error, Result};
use crate::reach::ladder::discrete::Discrete;
use crate::reach::ladder::soft::Soft;

impl LadderReport<'_> {
    /// The file: `soft.token` (n), `soft.vectors` (n x m x e), `soft.state` (n x d), `discrete.token` (k) and
    /// `discrete.state` (k x d).
    pub(super) fn witnesses(&self) -> Result<Vec<u8>> {
        let soft: Vec<&Soft> = self
            .tokens
            .iter()
            .filter(|climbed| climbed.soft_wins())
            .filter_map(|climbed| climbed.soft.as_ref())
            .collect();
        let discrete: Vec<&Discrete> = self
            .tokens
            .iter()
            .filter(|climbed| climbed.discrete_wins())
            .filter_map(|climbed| climbed.discrete.as_ref())
            .collect();
        let mut tensors: Vec<(&str, Dtype, Vec<usize>, Vec<u8>)> = Vec::new();
        if !soft.is_empty() {
            let count = self.plan.soft.as_ref().map_or(1, |budget| budget.vectors);
            let width = soft[0].vectors.len() / count;
            let states = (soft.len(), soft[0].state.len());
            tensors.push((
                "soft.token",
                Dtype::U32,
                vec![soft.len()],
                ids(soft.iter().map(|s| s.token)),
            ));
            let shape = vec![soft.len(), count, width];
            tensors.push((
                "soft.vectors",
                Dtype::F32,
                shape,
                floats(soft.iter().map(|s| &s.vectors)),
            ));
            let shape = vec![states.0, states.1];
            tensors.push(("soft.state", Dtype::F32, shape, floats(soft.iter().map(|s| &s.state))));
        }
        if !discrete.is_empty() {
            let shape = vec![discrete.len()];
            tensors.push((
                "discrete.token",
                Dtype::U32,
                shape,
                ids(discrete.iter().map(|d| d.token)),
            ));
            let shape = vec![discrete.len(), discrete[0].state.len()];
            tensors.push((
                "discrete.state",
                Dtype::F32,
                shape,
                floats(discrete.iter().map(|d| &d.state)),
            ));
        }
        let failed = |e: safetensors::SafeTensorError| {
            Error::Invalid(format!("{WITNESSES} cannot be made: {e}"))
        };
        let mut views = Vec::new();
        for (name, dtype, shape, bytes) in &tensors {
            views.push((*name, TensorView::new(*dtype, shape.clone(), bytes).map_err(failed)?));
        }
        let made = HashMap::from([("made by".to_owned(), MARK.to_owned())]);
        safetensors::serialize(views, Some(made)).map_err(failed)
    }
}

fn ids(ids: impl Iterator<Item = u32>) -> Vec<u8> {
    ids.flat_map(u32::to_le_bytes).collect()
}

fn floats<'a>(rows: impl Iterator<Item = &'a Vec<f32>>) -> Vec<u8> {
    rows.flatten().flat_map(|x| x.to_le_bytes()).collect()
}
