//! The head of a file without a family: by its plain name, as the last linear layer, or as the only matrix.

use super::choice::{BiasChoice, Choice};
use super::found::Found;
use super::pairing::{self, Pairing};
use super::refuse;
use super::stored::Stored;
use crate::checkpoint::TensorInfo;
use crate::error::{Error, Result};

/// The name of a plain export.
const PLAIN: &str = "weight";

/// What classifiers call their last layer, as the last part of its name.
const LAST: [&str; 10] = [
    "classifier",
    "fc",
    "head",
    "lm_head",
    "logits",
    "logit_layer",
    "output_layer",
    "out_proj",
    "score",
    "decoder",
];

/// Where NeMo's CTC models keep their last layer, a convolution of width 1 (`ConvASRDecoder`).
const CTC: &str = "decoder.decoder_layers.0";

/// The head of a state dict.
///
/// # Errors
/// No matrix, or several that could be it.
pub(super) fn find(stored: &Stored) -> Result<Found> {
    if stored.checkpoint.graph().is_some_and(|graph| !graph.nodes.is_empty()) {
        return Err(Error::head(
            stored.path,
            format!(
                "no head was found in the graph, and a graph is not searched for one by names alone; name it by --weight (and \
                 --bias){}",
                stored.listed()
            ),
        ));
    }
    if is_export(stored) {
        return Ok(Found::plain(PLAIN, "the tensor named `weight`"));
    }
    let matrices: Vec<&TensorInfo> = stored.matrices().collect();
    // A bias may be stored as a matrix of one row or column.
    let wide: Vec<&TensorInfo> =
        matrices.iter().copied().filter(|t| !t.shape[..2].contains(&1)).collect();
    let others = stored
        .checkpoint
        .tensors()
        .iter()
        .any(|t| t.shape.len() > 2 && !matrices.iter().any(|matrix| matrix.name == t.name));
    match if wide.is_empty() { &matrices } else { &wide }[..] {
        [] => Err(Error::head(
            stored.path,
            "no tensor has two dimensions, so none can be a head of shape [V, d]",
        )),
        [only] if !others => Ok(Found::plain(&only.name, ONLY)),
        _ => last_linear(stored).ok_or_else(|| {
            Error::head(
                stored.path,
                format!(
                    "which tensor is the head? Name it by --weight (and --bias){}",
                    stored.listed()
                ),
            )
        }),
    }
}

/// Whether the file is the export of a head alone: a matrix of the plain name, and nothing but vectors beside it.
pub(super) fn is_export(stored: &Stored) -> bool {
    let wide = |t: &&TensorInfo| t.shape.iter().filter(|&&n| n != 1).count() > 1;
    let mut others = stored.checkpoint.tensors().iter().filter(|t| t.name != PLAIN).filter(wide);
    stored.matrix(PLAIN).is_some() && others.next().is_none()
}

/// Why the only matrix was taken.
const ONLY: &str = "the only matrix of the file";

/// Adds the bias and the orientation to a head of which nothing is known but its name.
///
/// # Errors
/// Those of [`Pairing::of`], where the bias is not chosen.
pub(super) fn completed(stored: &Stored, mut found: Found, choice: &Choice) -> Result<Found> {
    refuse::packed(stored, &found.weight, None)?;
    let pairing = match &choice.bias {
        BiasChoice::ByName => Pairing::of(stored, &found.weight, found.why == ONLY)?,
        BiasChoice::Named(bias) => Pairing {
            transposed: Pairing::with_bias(stored, &found.weight, bias),
            ..Pairing::default()
        },
        BiasChoice::None => Pairing {
            transposed: pairing::convention(&found.weight) == Some(true),
            ..Pairing::default()
        },
    };
    if let Some(evidence) =
        pairing.evidence.as_ref().filter(|_| pairing.transposed || !is_export(stored))
    {
        let order = if pairing.transposed { "d x V" } else { "V x d" };
        found.notes.push(format!("`{}` is taken as {order}: {evidence}", found.weight));
    }
    found.bias = pairing.bias;
    found.transposed = pairing.transposed;
    Ok(found)
}

/// A linear layer, a matrix beside a bias of its own, that can only be the last one: the one that has a classifier's name,
/// or the highest number where all of them are numbered in one sequence (`layers.0`, `layers.2`).
fn last_linear(stored: &Stored) -> Option<Found> {
    let linear: Vec<(&str, &str)> = stored
        .matrices()
        .filter(|t| pairing::named_bias(stored, &t.name).is_some())
        .map(|t| (stem(&t.name), t.name.as_str()))
        .collect();
    let named: Vec<&(&str, &str)> = linear
        .iter()
        .filter(|(stem, _)| {
            *stem == CTC || LAST.contains(&stem.rsplit(['.', '/']).next().unwrap_or(stem))
        })
        .collect();
    if let [(stem, weight)] = named[..] {
        return Some(Found::plain(
            *weight,
            format!("the only linear layer that is named as a last one (`{stem}`)"),
        ));
    }
    let numbered: Option<Vec<(&str, u32)>> = linear
        .iter()
        .map(|(stem, _)| {
            let (sequence, number) = stem.rsplit_once('.').unwrap_or(("", stem));
            Some((sequence, number.parse().ok()?))
        })
        .collect();
    let numbered = numbered?;
    let (sequence, _) = numbered.first()?;
    // Any matrix outside the sequence could come after it, and so could a convolution.
    let others = stored.checkpoint.tensors().iter().filter(|t| t.shape.len() >= 2).count();
    if numbered.iter().any(|(s, _)| s != sequence) || others != linear.len() {
        return None;
    }
    let at = (0..linear.len()).max_by_key(|&i| numbered[i].1)?;
    let why = format!("the last of {} numbered linear layers", linear.len());
    Some(Found::plain(linear[at].1, why))
}

/// The name of a layer, from that of its matrix.
fn stem(weight: &str) -> &str {
    let end = weight.rfind(['.', '/', '_']).unwrap_or(0);
    &weight[..end]
}
