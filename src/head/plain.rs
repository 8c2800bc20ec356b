//! The head of a file without a family: by its plain name, as the last linear layer, or as the only matrix.

use super::found::Found;
use super::stored::Stored;
use crate::checkpoint::TensorInfo;
use crate::error::{Error, Result};

/// The name of a plain export.
pub(super) const PLAIN: &str = "weight";

/// What classifiers call their last layer, as the last part of its name.
const LAST: [&str; 9] = [
    "classifier",
    "fc",
    "head",
    "logits",
    "logit_layer",
    "output_layer",
    "out_proj",
    "score",
    "decoder",
];

/// The head of a state dict.
///
/// # Errors
/// No matrix, or several that could be it.
pub(super) fn find(stored: &Stored) -> Result<Found> {
    if stored.matrix(PLAIN).is_some() {
        return Ok(Found::plain(PLAIN, "the tensor named `weight`"));
    }
    let matrices: Vec<&TensorInfo> =
        stored.checkpoint.tensors().iter().filter(|t| t.shape.len() == 2).collect();
    match matrices[..] {
        [only] => Ok(Found::plain(&only.name, "the only matrix of the file")),
        [] => Err(Error::head(
            stored.path,
            "no tensor has two dimensions, so none can be a head of shape [V, d]",
        )),
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

/// A linear layer, `x.weight` of `[V, d]` beside `x.bias` of `[V]`, that can only be the last one: the one that has a
/// classifier's name, or the highest number where all of them are numbered in one sequence (`layers.0`, `layers.2`).
fn last_linear(stored: &Stored) -> Option<Found> {
    let linear: Vec<&str> = stored
        .checkpoint
        .tensors()
        .iter()
        .filter(|t| t.shape.len() == 2)
        .filter_map(|t| {
            let stem = t.name.strip_suffix(".weight")?;
            let bias = stored.get(&format!("{stem}.bias"))?;
            (bias.shape == [t.shape[0]]).then_some(stem)
        })
        .collect();
    let found = |stem: &str, why: String| {
        let mut found = Found::plain(format!("{stem}.weight"), why);
        found.bias = Some(format!("{stem}.bias"));
        found
    };
    let named: Vec<&str> = linear
        .iter()
        .copied()
        .filter(|stem| LAST.contains(&stem.rsplit('.').next().unwrap_or(stem)))
        .collect();
    if let [stem] = named[..] {
        return Some(found(
            stem,
            format!("the only linear layer that is named as a last one (`{stem}`)"),
        ));
    }
    let numbered: Option<Vec<(&str, u32)>> = linear
        .iter()
        .map(|stem| {
            let (sequence, number) = stem.rsplit_once('.').unwrap_or(("", stem));
            Some((sequence, number.parse().ok()?))
        })
        .collect();
    let numbered = numbered?;
    let (sequence, _) = numbered.first()?;
    // Any matrix outside the sequence could come after it.
    let others = stored.checkpoint.tensors().iter().filter(|t| t.shape.len() == 2).count();
    if numbered.iter().any(|(s, _)| s != sequence) || others != linear.len() {
        return None;
    }
    let at = (0..linear.len()).max_by_key(|&i| numbered[i].1)?;
    Some(found(linear[at], format!("the last of {} numbered linear layers", linear.len())))
}
