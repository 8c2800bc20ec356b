//! Finding the head among the tensors of a checkpoint, and saying how it was chosen.

use std::path::Path;

use super::Head;
use super::final_norm::{self, FinalNorm};
use crate::checkpoint::{Checkpoint, Dtype, Tensor, TensorInfo, Values};
use crate::error::{Error, Result};

/// Which tensors to take; nothing asked for means: by their names.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// The weight's name.
    pub weight: Option<String>,
    /// The bias.
    pub bias: BiasChoice,
    /// Whether the weight is stored `d x V`.
    pub transpose: bool,
}

/// Which bias to take.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum BiasChoice {
    /// The tensor named like the weight, if there is one.
    #[default]
    ByName,
    /// No bias.
    None,
    /// This tensor.
    Named(String),
}

/// A head and where it came from.
#[derive(Clone, Debug)]
pub struct Located {
    /// The head.
    pub head: Head,
    /// The weight's name.
    pub weight: String,
    /// The bias's name.
    pub bias: Option<String>,
    /// How the weight was stored.
    pub dtype: Dtype,
    /// Why these tensors, for people.
    pub why: String,
    /// The norm that the model applies before the head, where the format says.
    pub final_norm: Option<FinalNorm>,
}

/// Names under which output layers are stored, the surest first: the plain export, then GGUF's
/// untied and tied ones.
const NAMES: [(&str, &str); 3] = [
    ("weight", "the tensor named `weight`"),
    ("output.weight", "GGUF's output layer"),
    (
        "token_embd.weight",
        "GGUF's token embedding: without `output.weight` the output layer is tied to it",
    ),
];

/// Reads the head of an opened checkpoint; `path` is for errors.
///
/// # Errors
/// No tensor or several that could be the weight, shapes that do not fit, or numbers that are not finite.
pub fn locate(checkpoint: &dyn Checkpoint, path: &Path, choice: &Choice) -> Result<Located> {
    let tensors = checkpoint.tensors();
    let (weight, why) = match &choice.weight {
        Some(name) if tensors.iter().any(|t| t.name == *name) => {
            (name.clone(), "asked for by --weight".to_owned())
        }
        Some(name) => {
            return Err(Error::head(
                path,
                format!("there is no tensor `{name}`{}", listed(tensors)),
            ));
        }
        None => by_name(tensors, path)?,
    };
    let bias = match &choice.bias {
        BiasChoice::None => None,
        BiasChoice::Named(name) => Some(name.clone()),
        BiasChoice::ByName => {
            let name = weight.strip_suffix("weight").map(|stem| format!("{stem}bias"));
            name.filter(|name| tensors.iter().any(|t| t.name == *name))
        }
    };
    let stored = checkpoint.read(&weight)?;
    let [rows, columns] = stored.info.shape[..] else {
        let problem = format!(
            "the weight `{weight}` has shape {:?}, but a head has two dimensions, [V, d]",
            stored.info.shape
        );
        return Err(Error::head(
            path,
            format!("{problem}; name another tensor by --weight{}", listed(tensors)),
        ));
    };
    let dtype = stored.info.dtype.clone();
    let (tokens, dim) = if choice.transpose { (columns, rows) } else { (rows, columns) };
    let values =
        if choice.transpose { transposed(stored.values, rows, columns) } else { stored.values };
    let bias_values = bias
        .as_ref()
        .map(|name| vector(checkpoint.read(name)?, tokens, &weight, path))
        .transpose()?;
    let head = Head::new(values, bias_values, tokens, dim)
        .map_err(|e| Error::head(path, format!("tensors `{weight}`{}: {e}", beside(&bias))))?;
    let final_norm = final_norm::find(checkpoint)?;
    Ok(Located { head, weight, bias, dtype, why, final_norm })
}

fn by_name(tensors: &[TensorInfo], path: &Path) -> Result<(String, String)> {
    let known = NAMES
        .iter()
        .find(|(name, _)| tensors.iter().any(|t| t.name == *name && t.shape.len() == 2));
    if let Some((name, why)) = known {
        return Ok(((*name).to_owned(), (*why).to_owned()));
    }
    let matrices: Vec<&TensorInfo> = tensors.iter().filter(|t| t.shape.len() == 2).collect();
    match matrices[..] {
        [only] => Ok((only.name.clone(), "the only matrix of the file".to_owned())),
        [] => Err(Error::head(
            path,
            "no tensor has two dimensions, so none can be a head of shape [V, d]",
        )),
        _ => Err(Error::head(
            path,
            format!(
                "which tensor is the head? Name it by --weight (and --bias){}",
                listed(tensors)
            ),
        )),
    }
}

/// The matrices that look most like heads: the largest first.
fn listed(tensors: &[TensorInfo]) -> String {
    const SHOWN: usize = 6;
    let mut matrices: Vec<&TensorInfo> = tensors.iter().filter(|t| t.shape.len() == 2).collect();
    matrices.sort_by_key(|t| std::cmp::Reverse(t.shape.iter().max().copied()));
    if matrices.is_empty() {
        return String::new();
    }
    let names: Vec<String> = matrices
        .iter()
        .take(SHOWN)
        .map(|t| format!("`{}` {:?} {}", t.name, t.shape, t.dtype))
        .collect();
    let more = if matrices.len() > SHOWN {
        format!(" and {} more", matrices.len() - SHOWN)
    } else {
        String::new()
    };
    format!("; the matrices are {}{more}", names.join(", "))
}

fn beside(bias: &Option<String>) -> String {
    bias.as_ref().map(|b| format!(" and `{b}`")).unwrap_or_default()
}

/// A bias of `tokens` numbers; dimensions of one are forgiven.
fn vector(tensor: Tensor, tokens: usize, weight: &str, path: &Path) -> Result<Vec<f64>> {
    let long: Vec<usize> = tensor.info.shape.iter().copied().filter(|&n| n != 1).collect();
    let fits = long == [tokens] || tokens == 1 && long.is_empty();
    if !fits {
        let (name, shape) = (&tensor.info.name, &tensor.info.shape);
        let problem =
            format!("the bias `{name}` has shape {shape:?}, but `{weight}` has {tokens} tokens");
        return Err(Error::head(
            path,
            format!(
                "{problem}; choose by --bias NAME or --bias none (and --transpose says that the weight is stored d x V)"
            ),
        ));
    }
    Ok(match tensor.values {
        Values::F32(x) => x.into_iter().map(f64::from).collect(),
        Values::F64(x) => x,
    })
}

fn transposed(values: Values, rows: usize, columns: usize) -> Values {
    fn turn<T: Copy>(x: &[T], rows: usize, columns: usize) -> Vec<T> {
        (0..columns).flat_map(|c| (0..rows).map(move |r| x[r * columns + c])).collect()
    }
    match values {
        Values::F32(x) => Values::F32(turn(&x, rows, columns)),
        Values::F64(x) => Values::F64(turn(&x, rows, columns)),
    }
}
