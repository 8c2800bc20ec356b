//! A mixture of experts in the place of a feed-forward layer (Shazeer et al., 2017; Fedus et al., 2021): for each token a
//! router chooses a few of many layers, whose results are added by its probabilities.

use candle_core::{D, DType, Tensor};

use super::configuration::{Biases, Configuration, ExpertSizes};
use super::feed_forward::FeedForward;
use super::linear::Linear;
use super::matrix::Matrix;
use super::names::ExpertNames;
use super::weights::{Stored, Weights};
use crate::error::Result;

/// The experts of one block.
#[derive(Clone, Debug)]
pub(super) struct Experts {
    /// The map from `d` to one logit for each expert.
    pub router: Linear,
    /// The experts.
    pub experts: Vec<FeedForward>,
    /// The number of experts that are chosen for each token.
    pub chosen: usize,
    /// Whether the probabilities of the chosen ones are made to sum to 1.
    pub normalised: bool,
    /// A layer that sees every token, and the map to the logit of its share (Qwen 2).
    pub shared: Option<(FeedForward, Linear)>,
}

impl Experts {
    /// Reads the experts of the block whose tensors begin with `at`.
    ///
    /// # Errors
    /// A tensor that is missing or has another shape than the sizes ask for.
    pub fn read(
        weights: &Weights,
        configuration: &Configuration,
        stored: Stored,
        sizes: &ExpertSizes,
        names: &ExpertNames,
        at: &str,
    ) -> Result<Self> {
        let (width, activation) = (configuration.width, configuration.activation);
        let linear = |stem: &str, out: usize, input: usize, biases: Biases| {
            weights.linear(stem, out, input, stored, biases)
        };
        let layer = |prefix: &str, maps: [&str; 3], inner: usize| -> Result<FeedForward> {
            let [gate, up, down] = maps.map(|name| format!("{at}{prefix}{name}"));
            let biases = configuration.feed_forward_biases;
            Ok(FeedForward {
                gate: Some(linear(&gate, inner, width, biases)?),
                inner: linear(&up, inner, width, biases)?,
                outer: linear(&down, width, inner, biases)?,
                activation,
                clamped: None,
            })
        };
        let experts = match (names.interleaved, names.expert.contains("{expert}")) {
            (true, _) => interleaved(weights, configuration, sizes, names, at)?,
            (false, true) => {
                let one = |number: usize| {
                    let prefix = names.expert.replace("{expert}", &number.to_string());
                    layer(&prefix, names.maps, sizes.inner)
                };
                (0..sizes.count).map(one).collect::<Result<_>>()?
            }
            (false, false) => stacked(weights, configuration, sizes, names, at)?,
        };
        let [prefix, share] = names.shared;
        let shared = sizes.shared.map(|inner| -> Result<_> {
            let share = linear(&format!("{at}{share}"), 1, width, Biases::None)?;
            Ok((layer(prefix, names.shared_maps, inner)?, share))
        });
        let router = format!("{at}{}", names.router);
        let biased = if names.interleaved { Biases::All } else { Biases::None };
        Ok(Experts {
            router: linear(&router, sizes.count, width, biased)?,
            experts,
            chosen: sizes.chosen,
            normalised: sizes.normalised,
            shared: shared.transpose()?,
        })
    }

    /// Applies the layer to `x`, `... x d`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let shape = x.dims().to_vec();
        let width = shape.last().copied().unwrap_or(1);
        let x = x.reshape(((), width))?;
        let probabilities = softmax(&self.router.forward(&x)?)?;
        let shares = self.shares(&probabilities)?;
        let mut sum = x.zeros_like()?;
        for (number, expert) in self.experts.iter().enumerate() {
            // The tokens that chose the expert; its share of the others is 0.
            let share = shares.narrow(1, number, 1)?.contiguous()?;
            let given: Vec<f32> = share.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?;
            let tokens = given.iter().enumerate().filter(|(_, share)| **share > 0.0);
            let tokens: Vec<u32> = tokens.map(|(token, _)| token as u32).collect();
            if tokens.is_empty() {
                continue;
            }
            let count = tokens.len();
            let tokens = Tensor::from_vec(tokens, count, x.device())?;
            let result = expert.forward(&x.index_select(&tokens, 0)?)?;
            let result = result.broadcast_mul(&share.index_select(&tokens, 0)?)?;
            sum = sum.index_add(&tokens, &result, 0)?;
        }
        if let Some((shared, gate)) = &self.shared {
            let share = (gate.forward(&x)?.neg()?.exp()? + 1.0)?.recip()?;
            sum = (sum + shared.forward(&x)?.broadcast_mul(&share)?)?;
        }
        Ok(sum.reshape(shape)?)
    }

    /// The share of each expert in the result for each token, `n x experts`: its probability, if it is among the largest.
    fn shares(&self, probabilities: &Tensor) -> Result<Tensor> {
        let rows: Vec<Vec<f32>> = probabilities.to_dtype(DType::F32)?.to_vec2()?;
        let count = self.experts.len();
        let mut mask = vec![0f32; rows.len() * count];
        for (row, mask) in rows.iter().zip(mask.chunks_exact_mut(count)) {
            let mut order: Vec<usize> = (0..count).collect();
            order.sort_by(|&a, &b| row[b].total_cmp(&row[a]).then(a.cmp(&b)));
            order[..self.chosen.min(count)].iter().for_each(|&expert| mask[expert] = 1.0);
        }
        let mask = Tensor::from_vec(mask, (rows.len(), count), probabilities.device())?;
        let shares = (probabilities * mask.to_dtype(probabilities.dtype())?)?;
        match self.normalised {
            true => Ok(shares.broadcast_div(&shares.sum_keepdim(D::Minus1)?)?),
            false => Ok(shares),
        }
    }

    /// Copies the layer, so that it shares no memory with this one.
    pub fn unshared(&self) -> Result<Self> {
        let copied = self.experts.iter().map(FeedForward::unshared);
        let shared = self
            .shared
            .as_ref()
            .map(|(layer, gate)| -> Result<_> { Ok((layer.unshared()?, gate.unshared()?)) });
        Ok(Experts {
            router: self.router.unshared()?,
            experts: copied.collect::<Result<_>>()?,
            shared: shared.transpose()?,
            ..self.clone()
        })
    }
}

/// Reads experts whose matrices are stacked, in one tensor for each map.
fn stacked(
    weights: &Weights,
    configuration: &Configuration,
    sizes: &ExpertSizes,
    names: &ExpertNames,
    at: &str,
) -> Result<Vec<FeedForward>> {
    let (width, inner, activation) = (configuration.width, sizes.inner, configuration.activation);
    let stack = |name: &str, out: usize, input: usize| {
        let name = format!("{at}{}{name}.weight", names.expert);
        weights.stack(&name, sizes.count, out, input)
    };
    let [gate, up, down] = names.maps;
    let (gates, ups) = (stack(gate, inner, width)?, stack(up, inner, width)?);
    let maps = gates.into_iter().zip(ups).zip(stack(down, width, inner)?);
    let map = |weight| Linear { weight, bias: None };
    let one = |((gate, up), down)| FeedForward {
        gate: Some(map(gate)),
        inner: map(up),
        outer: map(down),
        activation,
        clamped: None,
    };
    Ok(maps.map(one).collect())
}

/// Reads experts whose gates and first maps are one tensor, `experts x d x 2 inner`: a column of the gate, then one of the
/// map. The other tensor is `experts x inner x d`, and both have biases.
fn interleaved(
    weights: &Weights,
    configuration: &Configuration,
    sizes: &ExpertSizes,
    names: &ExpertNames,
    at: &str,
) -> Result<Vec<FeedForward>> {
    let (count, width, inner) = (sizes.count, configuration.width, sizes.inner);
    let [both, _, down] = names.maps.map(|name| format!("{at}{}{name}", names.expert));
    if sizes.packed {
        return packed(weights, configuration, sizes, [&both, &down]);
    }
    let both_weights = weights.tensor(&both, &[count, width, 2 * inner])?;
    let both_biases = weights.tensor(&format!("{both}_bias"), &[count, 2 * inner])?;
    let down_weights = weights.tensor(&down, &[count, inner, width])?;
    let down_biases = weights.tensor(&format!("{down}_bias"), &[count, width])?;
    let one = |number: usize| -> Result<FeedForward> {
        let columns = both_weights.get(number)?.reshape((width, inner, 2))?;
        let biases = both_biases.get(number)?.reshape((inner, 2))?;
        let part = |at: usize| -> Result<Linear> {
            let weight = columns.narrow(2, at, 1)?.squeeze(2)?.t()?.contiguous()?;
            let bias = biases.narrow(1, at, 1)?.squeeze(1)?.contiguous()?;
            Ok(Linear { weight: Matrix::dense(weight)?, bias: Some(bias) })
        };
        let weight = down_weights.get(number)?.t()?.contiguous()?;
        let outer = Linear { weight: Matrix::dense(weight)?, bias: Some(down_biases.get(number)?) };
        Ok(FeedForward {
            gate: Some(part(0)?),
            inner: part(1)?,
            outer,
            activation: configuration.activation,
            clamped: sizes.clamped,
        })
    };
    (0..count).map(one).collect()
}

/// Reads the same experts in MXFP4. Their matrices are stored `out x in`, with a row of the gate, then one of the map.
fn packed(
    weights: &Weights,
    configuration: &Configuration,
    sizes: &ExpertSizes,
    [both, down]: [&str; 2],
) -> Result<Vec<FeedForward>> {
    let (count, width, inner) = (sizes.count, configuration.width, sizes.inner);
    let both_weights = weights.mxfp4(both, [count, 2 * inner, width])?;
    let both_biases = weights.tensor(&format!("{both}_bias"), &[count, 2 * inner])?;
    let down_weights = weights.mxfp4(down, [count, width, inner])?;
    let down_biases = weights.tensor(&format!("{down}_bias"), &[count, width])?;
    let one = |(number, (both, down))| -> Result<FeedForward> {
        let both = Linear {
            weight: weights.of_blocks(both),
            bias: Some(both_biases.get(number)?.contiguous()?),
        };
        let every_other = |first: usize| {
            both.ranges(&(0..inner).map(|row| (2 * row + first, 1)).collect::<Vec<_>>())
        };
        Ok(FeedForward {
            gate: Some(every_other(0)?),
            inner: every_other(1)?,
            outer: Linear { weight: weights.of_blocks(down), bias: Some(down_biases.get(number)?) },
            activation: configuration.activation,
            clamped: sizes.clamped,
        })
    };
    both_weights.into_iter().zip(down_weights).enumerate().map(one).collect()
}

/// The softmax over the last dimension.
fn softmax(x: &Tensor) -> Result<Tensor> {
    let powers = x.broadcast_sub(&x.max_keepdim(D::Minus1)?.detach())?.exp()?;
    Ok(powers.broadcast_div(&powers.sum_keepdim(D::Minus1)?)?)
}
