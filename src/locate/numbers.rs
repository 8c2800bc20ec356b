//! The numbers of a head whose tensors were found by name.

use std::path::Path;

use super::found::Found;
use super::stored::{Stored, matrix_shape};
use super::{BiasChoice, Choice, Names, configuration, refuse};
use crate::checkpoint::{Dtype, Tensor, TensorInfo, Values};
use crate::error::{Error, Result};
use crate::head::Head;

/// The numbers of a head that was found by name.
pub(super) struct Numbers {
    pub(super) head: Head,
    /// How the file stores the weight.
    pub(super) dtype: Dtype,
    /// What the user should know of the numbers.
    pub(super) notes: Vec<String>,
}

/// Reads a head's weight and bias and cuts them to the rows that the model uses.
///
/// # Errors
/// Shapes that do not fit each other or the configuration, and numbers that are not finite.
pub(super) fn read(
    stored: &Stored,
    found: &Found,
    names: &Names,
    choice: &Choice,
) -> Result<Numbers> {
    let (checkpoint, path) = (stored.checkpoint, stored.path);
    let Names { weight, bias, transposed } = names;
    refuse::packed(stored, weight, configuration(stored)?.as_ref())?;
    let tensor = checkpoint.read(weight)?;
    let dtype = tensor.info.dtype.clone();
    let [rows, columns] = matrix(stored, &tensor.info, weight)?;
    let (tokens, dim) = if *transposed { (columns, rows) } else { (rows, columns) };
    if let Some(stated) = found.stated_tokens.filter(|&n| n != tokens && choice.weight.is_none()) {
        let problem = format!(
            "the configuration says vocab_size {stated}, but `{weight}` has {tokens} rows: is it the configuration of \
             another model? --weight {weight} takes the head as it is"
        );
        return Err(Error::head(path, problem));
    }
    let mut values = if *transposed { turned(tensor.values, rows, columns) } else { tensor.values };
    let vector = |name: &String| vector(checkpoint.read(name)?, tokens, weight, path);
    let mut notes = Vec::new();
    let mut bias_values =
        match found.combined.as_ref().filter(|_| choice.bias == BiasChoice::ByName) {
            None => bias.as_ref().map(vector).transpose()?,
            Some(combined) => {
                let refused =
                    |problem: String| Error::head(path, format!("tensor `{weight}`: {problem}"));
                let parts: Vec<Vec<f64>> =
                    combined.biases.iter().map(|(name, _)| vector(name)).collect::<Result<_>>()?;
                values = combined.rows(values).map_err(refused)?;
                notes.push(format!("{}; so does this head, exactly", combined.described(weight)));
                Some(combined.bias(&parts, tokens).map_err(refused)?)
            }
        };
    if let Some(combined) = found.combined.as_ref().filter(|_| choice.bias != BiasChoice::ByName) {
        let described = combined.described(weight);
        notes.push(format!(
            "{described}; this head is the matrix with the bias that --bias asks for"
        ));
    }
    let used = found.used.unwrap_or(tokens).min(tokens);
    if used < tokens {
        notes.push(format!(
            "the model cuts off the logits of all but its first {used} rows, as here"
        ));
        match &mut values {
            Values::F32(x) => x.truncate(used * dim),
            Values::F64(x) => x.truncate(used * dim),
        }
        if let Some(bias) = &mut bias_values {
            bias.truncate(used);
        }
    }
    let head = Head::new(values, bias_values, used, dim)
        .map_err(|e| Error::head(path, format!("tensors `{weight}`{}: {e}", and_bias(bias))))?;
    notes.extend(checkpoint.remarks().iter().cloned());
    if used < dim {
        let hint = match found.is_plain && !transposed && bias.is_none() {
            true => "; if the weight is stored d x V, say --transpose",
            false => "",
        };
        notes.push(format!("there are fewer tokens ({used}) than dimensions ({dim}){hint}"));
    }
    Ok(Numbers { head, dtype, notes })
}

/// Returns the shape of a weight, `[rows, columns]`.
fn matrix(stored: &Stored, info: &TensorInfo, weight: &str) -> Result<[usize; 2]> {
    matrix_shape(&info.shape).ok_or_else(|| {
        let problem = format!(
            "the weight `{weight}` has shape {:?}, but a head has two dimensions, [V, d]",
            info.shape
        );
        let remedy = format!("; name another tensor by --weight{}", stored.listed());
        Error::head(stored.path, problem + &remedy)
    })
}

/// Names the bias in an error, if there is one.
fn and_bias(bias: &Option<String>) -> String {
    bias.as_ref().map(|b| format!(" and `{b}`")).unwrap_or_default()
}

/// Returns a bias of `tokens` numbers; dimensions of one are ignored.
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

/// Transposes a matrix.
fn turned(values: Values, rows: usize, columns: usize) -> Values {
    fn turn<T: Copy>(x: &[T], rows: usize, columns: usize) -> Vec<T> {
        (0..columns).flat_map(|c| (0..rows).map(move |r| x[r * columns + c])).collect()
    }
    match values {
        Values::F32(x) => Values::F32(turn(&x, rows, columns)),
        Values::F64(x) => Values::F64(turn(&x, rows, columns)),
    }
}
