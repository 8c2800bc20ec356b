//! The layers of a file without a known family, by names and shapes: how many numbers each takes and makes, and
//! whether one of them can only be the last.
//!
//! A name proves little: attention has an `out_proj`, a squeeze-and-excitation block an `fc`. A layer is accepted as
//! the last one only if every other matrix of the file must stand before it: as an embedding, as a part of a
//! recurrent layer or of attention, or because another layer takes just as many numbers as it makes.

use super::pairing;
use super::stored::{Stored, matrix_shape};
use crate::checkpoint::TensorInfo;

/// Suffixes of torch's weights, which are stored `out x in x ...`.
const TORCH: [&str; 3] = ["weight", "weight_v", "parametrizations.weight.original1"];

/// The role of a matrix, as far as its name tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// A lookup table, or a tied output layer.
    Embedding,
    /// A table of positions, which is no output layer.
    Positions,
    /// A part of a recurrent layer.
    Recurrent,
    /// Queries, keys and values in one matrix.
    Attention,
    /// Any other layer.
    Layer,
}

/// A matrix or a convolution, as a layer.
#[derive(Clone, Debug)]
pub(super) struct Layer<'a> {
    /// The name of the tensor.
    pub weight: &'a str,
    /// The name of the layer.
    pub stem: &'a str,
    /// The possible numbers of inputs.
    takes: Vec<usize>,
    /// The possible numbers of outputs: a single one if a bias or the name shows the orientation, else both sides.
    makes: Vec<usize>,
    /// Whether a bias of the layer is stored.
    pub has_bias: bool,
    is_convolution: bool,
    role: Role,
}

/// Lists all layers of a file.
pub(super) fn layers<'a>(stored: &Stored<'a>) -> Vec<Layer<'a>> {
    let several = |t: &&TensorInfo| t.shape.iter().filter(|&&n| n != 1).count() > 1;
    stored.checkpoint.tensors().iter().filter(several).map(|t| layer(stored, t)).collect()
}

/// Describes a tensor as a layer.
fn layer<'a>(stored: &Stored<'a>, tensor: &'a TensorInfo) -> Layer<'a> {
    let (weight, shape) = (tensor.name.as_str(), &tensor.shape);
    let role = role(weight, shape);
    let wide: Vec<usize> = shape.iter().copied().filter(|&n| n != 1).collect();
    let (takes, makes, has_bias) = match matrix_shape(shape) {
        // Tables are stored with one row per entry.
        _ if matches!(role, Role::Embedding | Role::Positions) && wide.len() == 2 => {
            (vec![wide[1]], vec![wide[0]], false)
        }
        Some([rows, columns]) if role == Role::Attention => {
            let has_bias = pairing::named_bias(stored, weight).is_some();
            (vec![rows.min(columns)], vec![rows.max(columns)], has_bias)
        }
        Some([rows, columns]) => {
            let bias = pairing::named_bias(stored, weight);
            let shown = match bias.and_then(pairing::long) {
                Some(n) if rows != columns => Some(n == columns),
                _ if shape.len() > 2 => Some(false),
                _ => pairing::convention(weight),
            };
            let (takes, makes) = match shown {
                Some(false) => (vec![columns], vec![rows]),
                Some(true) => (vec![rows], vec![columns]),
                None if rows == columns => (vec![rows], vec![rows]),
                None => (vec![rows, columns], vec![rows, columns]),
            };
            (takes, makes, bias.is_some())
        }
        // A convolution of torch; for others the order of the axes is not known.
        None if TORCH.iter().any(|end| weight.ends_with(end)) && shape.len() > 2 => {
            (vec![shape[1]], vec![shape[0]], false)
        }
        None => (shape.clone(), shape.clone(), false),
    };
    let is_convolution = shape.len() > 2 && matrix_shape(shape).is_none();
    Layer { weight, stem: stem(weight), takes, makes, has_bias, is_convolution, role }
}

/// Returns the name of a layer, from that of its matrix.
fn stem(weight: &str) -> &str {
    let end = weight.rfind(['.', '/', '_']).unwrap_or(0);
    &weight[..end]
}

/// Guesses the role of a matrix from its name and shape.
fn role(weight: &str, shape: &[usize]) -> Role {
    let lower = weight.to_ascii_lowercase();
    let last = |names: &[&str]| {
        lower.rsplit(['.', '/']).take(2).any(|part| names.iter().any(|name| part.contains(name)))
    };
    let recurrent = |part: &str| {
        let words: Vec<&str> = part.split(['_', ':']).collect();
        words.contains(&"ih") || words.contains(&"hh") || words.contains(&"recurrent")
    };
    let three = matches!(shape, [a, b] if *a == 3 * b || *b == 3 * a);
    let output = ["embed_out", "unembed", "out_embed", "output_embed", "deembed", "emb_out"];
    let table = last(&["embed", "emb_", "_emb", "wte", "wpe", "lookup", "word_vectors"])
        || lower.split(['.', '/']).any(|part| part == "emb");
    if table && !last(&output) {
        if last(&["pos", "wpe", "token_type"]) { Role::Positions } else { Role::Embedding }
    } else if lower.rsplit(['.', '/']).next().is_some_and(recurrent) {
        Role::Recurrent
    } else if three && last(&["in_proj", "c_attn", "qkv", "query_key_value"]) {
        Role::Attention
    } else {
        Role::Layer
    }
}

/// Whether every other layer of the file must stand before `last`.
///
/// # Errors
/// The name of a matrix that could come after `last`, or next to it.
pub(super) fn is_last<'a>(layers: &[Layer<'a>], last: &Layer<'a>) -> Result<(), &'a str> {
    let ([dim], [tokens]) = (&last.takes[..], &last.makes[..]) else { return Err(last.weight) };
    let others = || layers.iter().filter(|other| other.weight != last.weight);
    for other in others() {
        let feeds = |n: &usize| {
            layers.iter().any(|next| {
                let flattened = |taken: &usize| taken.is_multiple_of(*n) && other.is_convolution;
                next.weight != other.weight
                    && matches!(next.role, Role::Recurrent | Role::Attention | Role::Layer)
                    && next.takes.iter().any(|taken| taken == n || flattened(taken))
            })
        };
        let before = match other.role {
            // A table with rows as long as those of `last`, and more of them, may be a tied output layer.
            Role::Embedding => {
                !(other.takes.contains(dim) && other.makes.iter().any(|n| n > tokens))
            }
            Role::Positions | Role::Recurrent | Role::Attention => true,
            Role::Layer => other.makes.iter().all(feeds),
        };
        // A layer that takes as many numbers as `last` makes could stand after it; but a recurrent layer that `last`
        // reads takes tokens.
        let gates = |n: &usize| n != tokens && [1, 3, 4].map(|gates| gates * dim).contains(n);
        let read = other.role == Role::Recurrent && other.makes.iter().any(gates);
        let behind = other.role != Role::Positions && other.takes.contains(tokens) && !read;
        if !before || behind {
            return Err(other.weight);
        }
    }
    Ok(())
}

/// Whether each of these layers, in order, makes as many numbers as the next one takes.
pub(super) fn is_chain(layers: &[&Layer]) -> bool {
    layers.windows(2).all(|pair| {
        let ([makes], [takes]) = (&pair[0].makes[..], &pair[1].takes[..]) else { return false };
        makes == takes
    })
}

/// Whether all these layers take and make equally many numbers, so that nothing tells a chain from parallel layers.
pub(super) fn are_alike(layers: &[&Layer]) -> bool {
    layers.windows(2).all(|pair| pair[0].takes == pair[1].takes && pair[0].makes == pair[1].makes)
}
