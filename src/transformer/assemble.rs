//! Builds a transformer from its configuration, its table of tensor names, and the tensors of a file.

use std::sync::Arc;

use candle_core::Tensor;

use super::attention::Attention;
use super::block::Block;
use super::buckets::Buckets;
use super::configuration::{Biases, Configuration, Position, Sharing};
use super::embedding::Embedding;
use super::feed_forward::FeedForward;
use super::linear::Linear;
use super::names::{AttentionNames, EmbeddingNames, Names, StackNames};
use super::output::{Output, Transform};
use super::relative::Relative;
use super::rotary;
use super::stack::Stack;
use super::weights::{Stored, Weights};
use crate::error::Result;
use crate::locate;

/// All parts of a model.
pub(super) struct Parts {
    /// The embedding before the only stack, or before the decoder.
    pub embedding: Embedding,
    /// The only stack, or the decoder.
    pub stack: Stack,
    /// The encoder and its embedding.
    pub encoder: Option<(Embedding, Stack)>,
    /// The output layer.
    pub output: Output,
    /// The vector with which XLNet's query stream begins at every position.
    pub blind: Option<Tensor>,
    /// The frequencies of rotary positions, one per pair of coordinates of a head.
    pub frequencies: Option<Vec<f32>>,
}

/// Reads the tensors of all parts.
///
/// # Errors
/// A tensor that is missing or has another shape than the configuration asks for.
pub(super) fn assemble(
    weights: &Weights,
    configuration: &Configuration,
    names: &Names,
    head: &locate::Names,
    unshared: bool,
) -> Result<Parts> {
    let with = |body: &&&str| {
        names.embedding.tokens.iter().any(|name| weights.has(&format!("{body}{name}")))
    };
    let body = names.bodies.iter().find(with).unwrap_or(&names.bodies[0]);
    let from = Assembly { weights, configuration, names, body, unshared };
    // If the head is an embedding of its own width, that is the width of the state before the head.
    let encoder = names.encoder.as_ref().zip(configuration.of_encoder());
    let encoder = encoder.map(|((embedding, stack), configuration)| -> Result<_> {
        let from = Assembly { configuration: &configuration, ..from };
        Ok((from.embedding(embedding)?, from.stack(stack, true)?))
    });
    let blind = match configuration.position {
        Position::Relative { .. } => {
            let name = format!("{body}mask_emb");
            Some(weights.tensor(&name, &[1, 1, configuration.width])?)
        }
        _ => None,
    };
    let frequencies = match configuration.position {
        Position::Rotary { base, scaling, .. } => {
            let half = configuration.head_width / 2;
            let stored = names.rotary_factors.filter(|name| weights.has(name));
            let factors = stored.map(|name| factors(weights, name, half)).transpose()?;
            Some(rotary::frequencies(half, base, scaling, factors.as_deref()))
        }
        _ => None,
    };
    Ok(Parts {
        embedding: from.embedding(&names.embedding)?,
        stack: from.stack(&names.stack, false)?,
        encoder: encoder.transpose()?,
        output: from.output(head)?,
        blind,
        frequencies,
    })
}

/// Reads the factors that rotary frequencies are divided by, `count` of them.
fn factors(weights: &Weights, name: &str, count: usize) -> Result<Vec<f32>> {
    let factors: Vec<f32> =
        weights.tensor(name, &[count])?.to_dtype(candle_core::DType::F32)?.to_vec1()?;
    match factors.iter().find(|factor| !(factor.is_finite() && **factor > 0.0)) {
        None => Ok(factors),
        Some(factor) => {
            Err(weights.refuse(format!("tensor `{name}` holds {factor}, which is no factor")))
        }
    }
}

/// Reads the parts of one stack: the tensors of the file, and the sizes and names to read them by.
#[derive(Clone, Copy)]
struct Assembly<'a> {
    weights: &'a Weights<'a>,
    configuration: &'a Configuration,
    names: &'a Names,
    body: &'a str,
    unshared: bool,
}

impl Assembly<'_> {
    /// Reads the embedding: its tables, its norm, and its projection to the width of the blocks.
    fn embedding(&self, names: &EmbeddingNames) -> Result<Embedding> {
        let (weights, c) = (self.weights, self.configuration);
        let whole = |name: &str| format!("{}{name}", self.body);
        let tokens = names.tokens.iter().map(|name| whole(name)).find(|name| weights.has(name));
        let tokens = tokens.unwrap_or_else(|| whole(names.tokens[0]));
        let width = c.input_width;
        let positions = match (c.position, names.positions) {
            (Position::Learned { offset, .. }, Some(name)) => {
                let rows = c.context.unwrap_or_default() + offset;
                Some(weights.tensor(&whole(name), &[rows, width])?)
            }
            _ => None,
        };
        let segments = names.segments.filter(|_| c.segments > 0);
        Ok(Embedding {
            tokens: weights.matrix(&tokens, c.tokens, width, Stored::OutIn)?,
            positions,
            segments: segments
                .map(|name| weights.tensor(&whole(name), &[c.segments, width]))
                .transpose()?,
            norm: names
                .norm
                .map(|name| weights.norm(&whole(name), width, c.norm, c.epsilon))
                .transpose()?,
            projection: names
                .projection
                .map(|name| {
                    weights.linear(&whole(name), c.width, width, Stored::OutIn, Biases::All)
                })
                .transpose()?,
        })
    }

    /// Reads all blocks, the final norm, and the table of distances; `encoder` says whether it is the encoder's
    /// stack.
    fn stack(&self, names: &StackNames, encoder: bool) -> Result<Stack> {
        let c = self.configuration;
        let layers = c.layers;
        let mut blocks: Vec<Arc<Block>> = Vec::new();
        match c.sharing {
            Sharing::None => {
                for layer in 0..layers {
                    let at = names.block.replace("{layer}", &layer.to_string());
                    blocks.push(Arc::new(self.block(names, &at, layer)?));
                }
            }
            Sharing::Groups { groups, inner } => {
                let mut shared = Vec::new();
                for group in 0..groups {
                    for number in 0..inner {
                        let at = names.block.replace("{group}", &group.to_string());
                        let at = at.replace("{inner}", &number.to_string());
                        shared.push(Arc::new(self.block(names, &at, 0)?));
                    }
                }
                for layer in 0..layers {
                    // The group is computed as in the reference, by a division of floats.
                    let group = (layer as f64 / (layers as f64 / groups as f64)) as usize;
                    let first = group.min(groups - 1) * inner;
                    for block in &shared[first..first + inner] {
                        blocks.push(match self.unshared {
                            true => Arc::new(block.unshared()?),
                            false => block.clone(),
                        });
                    }
                }
            }
        }
        let norm =
            |name| self.weights.norm(&format!("{}{name}", self.body), c.width, c.norm, c.epsilon);
        let buckets = match (c.position, names.buckets) {
            (Position::Buckets { buckets, furthest }, Some(name)) => {
                let name = format!("{}{name}", self.body);
                let table = self.weights.tensor(&name, &[buckets, c.heads])?;
                Some(Buckets { table, furthest, both: encoder })
            }
            _ => None,
        };
        Ok(Stack { blocks, final_norm: names.final_norm.map(norm).transpose()?, buckets })
    }

    /// Reads the block whose tensors begin with `at`; `layer` only scales its scores.
    fn block(&self, names: &StackNames, at: &str, layer: usize) -> Result<Block> {
        let c = self.configuration;
        let at = format!("{}{at}", self.body);
        let norm =
            |name: &str| self.weights.norm(&format!("{at}{name}"), c.width, c.norm, c.epsilon);
        let cross = names.cross.as_ref().map(|(attention, name)| -> Result<_> {
            Ok((self.attention(attention, &at, layer)?, norm(name)?))
        });
        let biases = c.feed_forward_biases;
        Ok(Block {
            attention: self.attention(&names.attention, &at, layer)?,
            attention_norm: norm(names.attention_norm)?,
            cross: cross.transpose()?,
            feed_forward: FeedForward {
                gate: names
                    .gate
                    .map(|name| self.linear(&format!("{at}{name}"), c.inner, c.width, biases))
                    .transpose()?,
                inner: self.linear(&format!("{at}{}", names.inner), c.inner, c.width, biases)?,
                outer: self.linear(&format!("{at}{}", names.outer), c.width, c.inner, biases)?,
                activation: c.activation,
            },
            feed_forward_norm: norm(names.feed_forward_norm)?,
            placement: c.placement,
        })
    }

    /// Reads a linear map, stored as the family stores its maps.
    fn linear(&self, stem: &str, out: usize, input: usize, biases: Biases) -> Result<Linear> {
        self.weights.linear(stem, out, input, self.names.stored, biases)
    }

    /// Reads the maps of an attention; `at` is the prefix of the block.
    fn attention(&self, names: &AttentionNames, at: &str, layer: usize) -> Result<Attention> {
        let c = self.configuration;
        let (query_width, key_value_width) =
            (c.heads * c.head_width, c.key_value_heads * c.head_width);
        let linear = |name: &str, out: usize, input: usize| {
            self.linear(&format!("{at}{name}"), out, input, c.attention_biases)
        };
        let ([query, key, value, output], relative) = match names {
            AttentionNames::Separate([query, key, value, output]) => {
                let to = |name: &str, out| linear(name, out, c.width);
                let output = linear(output, c.width, query_width)?;
                (
                    [
                        to(query, query_width)?,
                        to(key, key_value_width)?,
                        to(value, key_value_width)?,
                        output,
                    ],
                    None,
                )
            }
            AttentionNames::Fused([together, output]) => {
                let all = linear(together, query_width + 2 * key_value_width, c.width)?;
                let output = linear(output, c.width, query_width)?;
                let (query, key) =
                    (all.rows(0, query_width)?, all.rows(query_width, key_value_width)?);
                (
                    [query, key, all.rows(query_width + key_value_width, key_value_width)?, output],
                    None,
                )
            }
            AttentionNames::Relative(stem) => {
                let (maps, relative) = self.relative(&format!("{at}{stem}"))?;
                (maps, Some(relative))
            }
        };
        Ok(Attention {
            query,
            key,
            value,
            output,
            heads: c.heads,
            key_value_heads: c.key_value_heads,
            head_width: c.head_width,
            scale: c.score_scale(layer),
            relative,
        })
    }

    /// Reads XLNet's attention: `q`, `k`, `v` and `r` are `d x H x head`; `o` has the same shape, but maps back to
    /// `d`.
    fn relative(&self, at: &str) -> Result<([Linear; 4], Relative)> {
        let (weights, c) = (self.weights, self.configuration);
        let (heads, width) = (c.heads, c.head_width);
        let to = |name: &str| -> Result<Linear> {
            let numbers = weights.tensor(&format!("{at}{name}"), &[c.width, heads, width])?;
            let numbers = numbers.reshape((c.width, heads * width))?;
            let numbers = if name == "o" { numbers } else { numbers.t()? };
            Ok(Linear { weight: super::matrix::Matrix::dense(numbers)?, bias: None })
        };
        let bias = |name: &str| -> Result<Tensor> {
            Ok(weights.tensor(&format!("{at}{name}"), &[heads, width])?.unsqueeze(1)?)
        };
        let segments = weights.tensor(&format!("{at}seg_embed"), &[2, heads, width])?;
        let relative = Relative {
            distances: to("r")?,
            content_bias: bias("r_w_bias")?,
            position_bias: bias("r_r_bias")?,
            segment_bias: bias("r_s_bias")?,
            segments: segments.permute((1, 2, 0))?.contiguous()?,
        };
        Ok(([to("q")?, to("k")?, to("v")?, to("o")?], relative))
    }

    /// Reads the output layer: the head, and the transform before it.
    fn output(&self, head: &locate::Names) -> Result<Output> {
        let (weights, c) = (self.weights, self.configuration);
        // The transform maps to the width of the embedding, to which the head is tied.
        let width = if self.names.transform.is_some() { c.input_width } else { c.width };
        let transform = self.names.transform.map(|(dense, norm)| -> Result<_> {
            Ok(Transform {
                dense: weights.linear(dense, width, c.width, Stored::OutIn, Biases::All)?,
                activation: c.transform_activation,
                norm: weights.norm(norm, width, c.norm, c.epsilon)?,
            })
        });
        let stored = if head.transposed { Stored::InOut } else { Stored::OutIn };
        let bias = head.bias.as_ref().map(|name| weights.tensor(name, &[c.tokens]));
        Ok(Output {
            transform: transform.transpose()?,
            scale: c.output_scale,
            head: Linear {
                weight: weights.matrix(&head.weight, c.tokens, width, stored)?,
                bias: bias.transpose()?,
            },
        })
    }
}
