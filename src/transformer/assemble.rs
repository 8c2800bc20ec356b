//! Builds a transformer from its configuration, its table of tensor names, and the tensors of a file.

use std::sync::Arc;

use candle_core::Tensor;

use super::attention::{Attention, QueryKeyNorms};
use super::block::{Block, Inner, LayerKind, Norms};
use super::buckets::Buckets;
use super::configuration::{Biases, Configuration, Placement, QueryKeyNorm, Sharing};
use super::convolutions::{Convolutions, ResidualConvolution};
use super::disentangled::Disentangled;
use super::distance_bias::{DistanceBias, slopes};
use super::embedding::Embedding;
use super::experts::Experts;
use super::feed_forward::FeedForward;
use super::linear::Linear;
use super::names::{AttentionNames, EmbeddingNames, Gate, Names, Order, StackNames};
use super::norm::Norm;
use super::output::{Output, Transform};
use super::positions::Position;
use super::relative::Relative;
use super::stack::Stack;
use super::weights::{NormForm, Stored, Weights};
use crate::error::Result;
use crate::locate;

/// All parts of a model.
pub(super) struct Parts {
    /// The embedding before the only stack, or before the decoder.
    pub embedding: Embedding,
    /// The only stack, or the decoder.
    pub stack: Stack,
    /// The encoder, where there is one.
    pub encoder: Option<Encoder>,
    /// The output layer.
    pub output: Output,
    /// The vector with which XLNet's query stream begins at every position.
    pub blind: Option<Tensor>,
}

/// An encoder whose states the decoder attends to.
pub(super) struct Encoder {
    /// Its sizes and choices, as of a stack of its own.
    pub configuration: Configuration,
    /// The convolutions before it, if it reads features of sound.
    pub convolutions: Option<Convolutions>,
    /// Its embedding.
    pub embedding: Embedding,
    /// Its blocks.
    pub stack: Stack,
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
        names.embedding.tokens.iter().any(|name| weights.has(&name.replace('*', body)))
    };
    let body = names.bodies.iter().find(with).unwrap_or(&names.bodies[0]);
    let from = Assembly { weights, configuration, names, body, unshared };
    // If the head is an embedding of its own width, that is the width of the state before the head.
    let encoder = names.encoder.as_ref().zip(configuration.of_encoder());
    let encoder = encoder.map(|((embedding, stack), configuration)| -> Result<_> {
        let from = Assembly { configuration: &configuration, ..from };
        Ok(Encoder {
            convolutions: from.convolutions(embedding)?,
            embedding: from.embedding(embedding)?,
            stack: from.stack(stack, true)?,
            configuration,
        })
    });
    let blind = match configuration.position {
        Position::Relative { .. } => {
            let name = format!("{body}mask_emb");
            Some(weights.tensor(&name, &[1, 1, configuration.width])?)
        }
        _ => None,
    };
    Ok(Parts {
        embedding: from.embedding(&names.embedding)?,
        stack: from.stack(&names.stack, false)?,
        encoder: encoder.transpose()?,
        output: from.output(head)?,
        blind,
    })
}

/// Divides the frequencies of rotary positions by the factors that a file holds for them, if it does.
///
/// # Errors
/// Another number of factors than frequencies, or a factor that is not positive.
pub(super) fn divide_frequencies(
    weights: &Weights,
    names: &Names,
    configuration: &mut Configuration,
) -> Result<()> {
    let Position::Rotary { rotary, .. } = &mut configuration.position else { return Ok(()) };
    let Some(name) = names.rotary_factors else { return Ok(()) };
    let divide = |frequencies: &mut [f32], name: &str| -> Result<()> {
        let factors: Vec<f32> = weights
            .tensor(name, &[frequencies.len()])?
            .to_dtype(candle_core::DType::F32)?
            .to_vec1()?;
        let wrong = factors.iter().find(|factor| !(factor.is_finite() && **factor > 0.0));
        if let Some(factor) = wrong {
            let problem = format!("tensor `{name}` holds {factor}, which is not a valid factor");
            return Err(weights.refuse(problem));
        }
        frequencies.iter_mut().zip(factors).for_each(|(frequency, factor)| *frequency /= factor);
        Ok(())
    };
    if let Some((_, long)) = &mut rotary.long {
        divide(&mut rotary.frequencies, SHORT_FACTORS)?;
        return divide(long, LONG_FACTORS);
    }
    if weights.has(name) { divide(&mut rotary.frequencies, name) } else { Ok(()) }
}

/// The tensors of the factors of the frequencies in short and in long texts, in GGUF files of Phi 3.
const SHORT_FACTORS: &str = "rope_factors_short.weight";
const LONG_FACTORS: &str = "rope_factors_long.weight";

/// What all norms of a model have in common.
fn norm_form(c: &Configuration) -> NormForm {
    NormForm { kind: c.norm, epsilon: c.epsilon, gain_less_one: c.gain_less_one, shifts: c.shifts }
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
        let table = |name: &str| name.replace('*', self.body);
        let width = c.input_width;
        let tokens = names.tokens.first().map(|first| {
            let stored = names.tokens.iter().map(|name| table(name));
            let stored = stored.into_iter().find(|name| weights.has(name));
            stored.unwrap_or_else(|| table(first))
        });
        let tokens = tokens.map(|name| weights.matrix(&name, c.tokens, width, Stored::OutIn));
        let positions = match (&c.position, names.positions) {
            (Position::Learned { offset, .. }, Some(name)) => {
                let rows = c.context.unwrap_or_default() + offset;
                let width = if names.projection.is_some_and(|p| p.first) { c.width } else { width };
                Some(weights.tensor(&whole(name), &[rows, width])?)
            }
            _ => None,
        };
        let segments = names.segments.filter(|_| c.segments > 0);
        Ok(Embedding {
            tokens: tokens.transpose()?,
            positions,
            segments: segments
                .map(|name| weights.tensor(&whole(name), &[c.segments, width]))
                .transpose()?,
            norm: names
                .norm
                .map(|name| weights.norm(&whole(name), &[width], norm_form(c)))
                .transpose()?,
            projection: names
                .projection
                .map(|p| weights.linear(&whole(p.stem), c.width, width, Stored::OutIn, p.biases))
                .transpose()?,
            projection_first: names.projection.is_some_and(|p| p.first),
        })
    }

    /// Reads the convolutions of an encoder of sound; `None` where there are none.
    fn convolutions(&self, names: &EmbeddingNames) -> Result<Option<Convolutions>> {
        let (Some([first, second]), Some(bands)) = (names.convolutions, self.configuration.bands)
        else {
            return Ok(None);
        };
        let width = self.configuration.width;
        let read = |name: &str, input: usize| -> Result<(Tensor, Tensor)> {
            let stem = format!("{}{name}", self.body);
            let kernel = self.weights.tensor(&format!("{stem}.weight"), &[width, input, 3])?;
            Ok((kernel, self.weights.tensor(&format!("{stem}.bias"), &[width])?))
        };
        Ok(Some(Convolutions { first: read(first, bands)?, second: read(second, width)? }))
    }

    /// Reads all blocks, the final norm, and the table of distances; `encoder` says whether it is the encoder's
    /// stack.
    fn stack(&self, names: &StackNames, encoder: bool) -> Result<Stack> {
        let c = self.configuration;
        let layers = c.layers;
        let mut blocks: Vec<Arc<Block>> = Vec::new();
        let distances = names.disentangled.map(|n| self.distances(n.table)).transpose()?.flatten();
        match c.sharing {
            Sharing::None => {
                for layer in 0..layers {
                    let at = names.block.replace("{layer}", &layer.to_string());
                    let mut block = self.block(names, &at, layer)?;
                    if let Some((names, table)) = names.disentangled.zip(distances.as_ref()) {
                        let at = format!("{}{at}", self.body);
                        let added = self.disentangled(names.maps, table, &block.attention, &at)?;
                        block.attention.disentangled = Some(added);
                    }
                    blocks.push(Arc::new(block));
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
            |name| self.weights.norm(&format!("{}{name}", self.body), &[c.width], norm_form(c));
        let distance_bias = match (&c.position, names.buckets) {
            (&Position::Buckets { buckets, furthest }, Some(name)) => {
                let name = format!("{}{name}", self.body);
                let table = self.weights.tensor(&name, &[buckets, c.heads])?;
                Some(DistanceBias::Buckets(Buckets { table, furthest, both: encoder }))
            }
            (Position::RoundedSlopes, _) => {
                let factor = (c.head_width as f32).sqrt();
                Some(DistanceBias::Rounded(slopes(c.heads), factor))
            }
            (Position::Slopes, _) => Some(DistanceBias::Slopes(slopes(c.heads))),
            _ => None,
        };
        let convolution = c.convolution.zip(names.disentangled).map(|(sizes, names)| {
            let at = format!("{}{}", self.body, names.convolution);
            ResidualConvolution::read(self.weights, &at, c.width, sizes, norm_form(c))
        });
        let convolution = convolution.transpose()?;
        Ok(Stack {
            blocks,
            convolution,
            final_norm: names.final_norm.map(norm).transpose()?,
            distance_bias,
        })
    }

    /// Reads the block whose tensors begin with `at`; `layer` is its number, from 0.
    fn block(&self, names: &StackNames, at: &str, layer: usize) -> Result<Block> {
        let c = self.configuration;
        let at = format!("{}{at}", self.body);
        let norms = |map: usize, name: &str| self.norms(names, &at, map, name);
        let cross = names.cross.as_ref().map(|(attention, name)| -> Result<_> {
            Ok((self.attention(attention, None, &at, layer)?, norms(0, name)?))
        });
        let attention_norms = match layer {
            0 if c.layer_kinds.first_without_norm => Norms::default(),
            _ => norms(0, names.attention_norm)?,
        };
        let feed_forward_norms = match c.placement {
            Placement::ParallelOne => Norms::default(),
            _ => norms(1, names.feed_forward_norm)?,
        };
        Ok(Block {
            attention: self.attention(&names.attention, names.query_key_norms, &at, layer)?,
            attention_norms,
            cross: cross.transpose()?,
            feed_forward: self.inner(names, &at, layer)?,
            feed_forward_norms,
            parallel: matches!(c.placement, Placement::ParallelOne | Placement::ParallelTwo),
            residual_scale: c.residual_scale,
            kind: LayerKind {
                local: c.layer_kinds.is_local(layer),
                rotated: c.layer_kinds.is_rotated(layer),
            },
        })
    }

    /// Reads the norms of the attention (`map` 0) or of the feed-forward layer (1), the first of them by its `name`.
    fn norms(&self, names: &StackNames, at: &str, map: usize, name: &str) -> Result<Norms> {
        let c = self.configuration;
        let read = |name: &str| {
            self.weights.norm(&format!("{at}{name}"), &[c.width], norm_form(c)).map(Some)
        };
        let (before, after, outside) = match c.placement {
            Placement::Before | Placement::ParallelOne | Placement::ParallelTwo => {
                (read(name)?, None, None)
            }
            Placement::After => (None, None, read(name)?),
            Placement::AfterMaps => (None, read(name)?, None),
            Placement::AroundMaps => {
                let second = names.second_norms.map(|names| read(names[map])).transpose()?;
                (read(name)?, second.flatten(), None)
            }
        };
        Ok(Norms { before, after, outside })
    }

    /// Reads the feed-forward layer of a block, or its experts.
    fn inner(&self, names: &StackNames, at: &str, layer: usize) -> Result<Inner> {
        let sizes = self.configuration.experts.as_ref().filter(|sizes| sizes.layers[layer]);
        let (Some(sizes), Some(names)) = (sizes, names.experts) else {
            return Ok(Inner::Layer(Box::new(self.feed_forward(names, at)?)));
        };
        let experts =
            Experts::read(self.weights, self.configuration, self.names.stored, sizes, &names, at)?;
        Ok(Inner::Experts(Box::new(experts)))
    }

    /// Reads the feed-forward layer; `at` is the prefix of the block.
    fn feed_forward(&self, names: &StackNames, at: &str) -> Result<FeedForward> {
        let c = self.configuration;
        let linear = |name: &str, out: usize, input: usize| {
            self.linear(&format!("{at}{name}"), out, input, c.feed_forward_biases)
        };
        let (gate, inner) = match names.gate {
            Gate::None => (None, linear(names.inner, c.inner, c.width)?),
            Gate::Own(gate) => {
                (Some(linear(gate, c.inner, c.width)?), linear(names.inner, c.inner, c.width)?)
            }
            Gate::BeforeInner => {
                let both = linear(names.inner, 2 * c.inner, c.width)?;
                (Some(both.rows(0, c.inner)?), both.rows(c.inner, c.inner)?)
            }
        };
        let outer = linear(names.outer, c.width, c.inner)?;
        Ok(FeedForward { gate, inner, outer, activation: c.activation, clamped: None })
    }

    /// Reads a linear map, stored as the family stores its maps.
    fn linear(&self, stem: &str, out: usize, input: usize, biases: Biases) -> Result<Linear> {
        self.weights.linear(stem, out, input, self.names.stored, biases)
    }

    /// Reads the maps of an attention, and the norms of its queries and keys; `at` is the prefix of the block.
    fn attention(
        &self,
        names: &AttentionNames,
        norms: Option<[&'static str; 2]>,
        at: &str,
        layer: usize,
    ) -> Result<Attention> {
        let c = self.configuration;
        let (query_width, key_value_width) =
            (c.heads * c.head_width, c.key_value_heads * c.head_width);
        let linear = |name: &str, out: usize, input: usize, map: usize| {
            self.linear(&format!("{at}{name}"), out, input, c.attention_biases.of_map(map))
        };
        let ([query, key, value, output], relative) = match names {
            AttentionNames::Separate([query, key, value, output]) => {
                let maps = [
                    linear(query, query_width, c.width, 0)?,
                    linear(key, key_value_width, c.width, 1)?,
                    linear(value, key_value_width, c.width, 2)?,
                    linear(output, c.width, query_width, 3)?,
                ];
                (maps, None)
            }
            AttentionNames::Fused(order, [together, output]) => {
                let all = linear(together, query_width + 2 * key_value_width, c.width, 0)?;
                let output = linear(output, c.width, query_width, 3)?;
                let [query, key, value] = self.parted(&all, *order)?;
                ([query, key, value, output], None)
            }
            AttentionNames::Relative(stem) => {
                let (maps, relative) = self.relative(&format!("{at}{stem}"))?;
                (maps, Some(relative))
            }
        };
        let norms = norms.filter(|_| c.query_key_norm != QueryKeyNorm::None);
        Ok(Attention {
            query,
            key,
            value,
            output,
            heads: c.heads,
            key_value_heads: c.key_value_heads,
            head_width: c.head_width,
            scale: c.score_scale(layer),
            cap: c.score_cap,
            norms: norms.map(|names| self.query_key_norms(names, at)).transpose()?,
            sinks: self.sinks(at)?,
            relative,
            disentangled: None,
        })
    }

    /// Reads the vectors of distances, `2 span x d`, after their norm; `None` where there are none.
    fn distances(&self, [table, norm]: [&str; 2]) -> Result<Option<Tensor>> {
        let (weights, c) = (self.weights, self.configuration);
        let Some(sizes) = c.disentangled else { return Ok(None) };
        let table = weights.tensor(&format!("{}{table}", self.body), &[2 * sizes.span, c.width])?;
        if !sizes.normed {
            return Ok(Some(table));
        }
        let norm = weights.norm(&format!("{}{norm}", self.body), &[c.width], norm_form(c))?;
        Ok(Some(norm.forward(&table)?))
    }

    /// Reads the maps of the distances, which may be those of the contents; `at` is the prefix of the block.
    fn disentangled(
        &self,
        maps: [&str; 2],
        table: &Tensor,
        attention: &Attention,
        at: &str,
    ) -> Result<Disentangled> {
        let c = self.configuration;
        let sizes = c.disentangled.expect("there are distances");
        let map = |wanted: bool, name: &str, contents: &Linear| match (wanted, sizes.shared) {
            (false, _) => Ok(None),
            (true, true) => Ok(Some(contents.clone())),
            (true, false) => {
                let width = c.heads * c.head_width;
                self.linear(&format!("{at}{name}"), width, c.width, Biases::All).map(Some)
            }
        };
        Ok(Disentangled {
            table: table.clone(),
            keys: map(sizes.as_keys, maps[0], &attention.key)?,
            queries: map(sizes.as_queries, maps[1], &attention.query)?,
        })
    }

    /// Reads the sinks of the heads, if there are some, as `1 x H x 1 x 1`.
    fn sinks(&self, at: &str) -> Result<Option<Tensor>> {
        let heads = self.configuration.heads;
        let read = || self.weights.tensor(&format!("{at}self_attn.sinks"), &[heads]);
        let sinks = self.configuration.sinks.then(read).transpose()?;
        Ok(sinks.map(|sinks| sinks.reshape((1, heads, 1, 1))).transpose()?)
    }

    /// Parts a map to query, key and value together into the three.
    fn parted(&self, all: &Linear, order: Order) -> Result<[Linear; 3]> {
        let c = self.configuration;
        let (query_width, key_value_width) =
            (c.heads * c.head_width, c.key_value_heads * c.head_width);
        match order {
            Order::ByKind => Ok([
                all.rows(0, query_width)?,
                all.rows(query_width, key_value_width)?,
                all.rows(query_width + key_value_width, key_value_width)?,
            ]),
            Order::ByHead => {
                let each = query_width / c.key_value_heads;
                let step = each + 2 * c.head_width;
                let part = |first: usize, count: usize| {
                    let groups = 0..c.key_value_heads;
                    let parts: Vec<_> = groups.map(|group| (group * step + first, count)).collect();
                    all.ranges(&parts)
                };
                Ok([
                    part(0, each)?,
                    part(each, c.head_width)?,
                    part(each + c.head_width, c.head_width)?,
                ])
            }
        }
    }

    /// Reads the norms of queries and keys.
    fn query_key_norms(&self, [query, key]: [&str; 2], at: &str) -> Result<QueryKeyNorms> {
        let c = self.configuration;
        let norm = |name: &str, heads: usize| -> Result<Norm> {
            let stem = format!("{at}{name}");
            let read = |shape: &[usize]| self.weights.norm(&stem, shape, norm_form(c));
            match c.query_key_norm {
                QueryKeyNorm::Whole => read(&[heads * c.head_width]),
                QueryKeyNorm::EachHead => self.norm_of_heads(&stem, heads),
                QueryKeyNorm::Head | QueryKeyNorm::None => read(&[c.head_width]),
            }
        };
        Ok(QueryKeyNorms {
            query: norm(query, c.heads)?,
            key: norm(key, c.key_value_heads)?,
            whole: c.query_key_norm == QueryKeyNorm::Whole,
        })
    }

    /// Reads a norm with a gain for each head and without a shift, from one tensor, or from one for each head where the
    /// name has `{head}` for its number.
    fn norm_of_heads(&self, stem: &str, heads: usize) -> Result<Norm> {
        let c = self.configuration;
        let form = NormForm { shifts: Biases::None, ..norm_form(c) };
        if !stem.contains("{head}") {
            let norm = self.weights.norm(stem, &[heads, c.head_width], form)?;
            return Ok(Norm { gain: norm.gain.unsqueeze(1)?, ..norm });
        }
        let one = |head: usize| {
            let stem = stem.replace("{head}", &head.to_string());
            self.weights.norm(&stem, &[c.head_width], form)
        };
        let norms = (0..heads).map(one).collect::<Result<Vec<Norm>>>()?;
        let gains: Vec<&Tensor> = norms.iter().map(|norm| &norm.gain).collect();
        let gain = Tensor::stack(&gains, 0)?.unsqueeze(1)?;
        Ok(Norm { kind: form.kind, gain, shift: None, epsilon: form.epsilon })
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
        // These maps lead to the width of the embedding, to which the head is tied.
        let names = self.names;
        let narrow = !names.transform.is_empty() || names.output_projection.is_some();
        let width = if narrow { c.input_width } else { c.width };
        let stored = |(dense, ..): &&(&str, _, _)| weights.has(&format!("{dense}.weight"));
        let transform = names.transform.iter().find(stored).or(names.transform.first());
        let transform = transform.map(|&(dense, norm, biases)| -> Result<_> {
            Ok(Transform {
                dense: weights.linear(dense, width, c.width, Stored::OutIn, biases)?,
                activation: c.transform_activation,
                norm: weights.norm(norm, &[width], norm_form(c))?,
            })
        });
        let stored = if head.transposed { Stored::InOut } else { Stored::OutIn };
        let bias = head.bias.as_ref().map(|name| weights.tensor(name, &[c.tokens]));
        Ok(Output {
            transform: transform.transpose()?,
            projection: self
                .names
                .output_projection
                .map(|name| {
                    let stem = format!("{}{name}", self.body);
                    weights.linear(&stem, c.input_width, c.width, Stored::OutIn, Biases::None)
                })
                .transpose()?,
            scale: c.output_scale,
            logit_scale: c.logit_scale,
            logit_cap: c.logit_cap,
            head: Linear {
                weight: weights.matrix(&head.weight, c.tokens, width, stored)?,
                bias: bias.transpose()?,
            },
        })
    }
}
