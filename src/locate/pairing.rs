//! The bias that belongs to a matrix, and the orientation of the matrix that it shows, where no rule of a family says so.
//!
//! Names pair them (`W` and `b`, `kernel` and `bias`, `coef_` and `intercept_`), lengths confirm it: a bias has one number a
//! token, so it is as long as the side of the matrix that counts tokens. Where a name or a length fits and the other does
//! not, or where several fit, the answer is a question and never a guess.

use super::stored::{Stored, matrix_shape};
use crate::checkpoint::TensorInfo;
use crate::error::{Error, Result};

/// What goes with a matrix.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pairing {
    /// The bias's name.
    pub bias: Option<String>,
    /// Whether the matrix is stored `d x V`.
    pub transposed: bool,
    /// What shows the orientation, for people; nothing where it is only assumed.
    pub evidence: Option<String>,
}

/// How libraries call a matrix and its bias, as the last part of the name, and whether the matrix is `d x V` there.
///
/// torch and scikit-learn store `V x d`; Flax, Keras and TransformerLens `d x V`. Of the other names no order is known.
const PAIRS: [(&str, &[&str], Option<bool>); 12] = [
    ("weight", &["bias"], Some(false)),
    ("kernel", &["bias"], Some(true)),
    ("kernel:0", &["bias:0"], Some(true)),
    ("W_U", &["b_U"], Some(true)),
    ("coef_", &["intercept_"], Some(false)),
    ("coef", &["intercept"], None),
    ("weights", &["biases", "bias"], None),
    ("W", &["b", "bias", "B"], None),
    ("w", &["b", "bias"], None),
    ("w_0", &["b_0"], None),
    ("arr_0", &["arr_1"], None),
    ("0", &["1"], None),
];

/// Names that norms and scales have: vectors of length d that are no bias of the head.
const NORMS: [&str; 10] =
    ["norm", "ln", "layernorm", "layer_norm", "ln_f", "gamma", "beta", "gain", "scale", "rms"];

impl Pairing {
    /// What goes with the matrix `weight`, which is the only one of the file (`alone`) or one of several.
    ///
    /// # Errors
    /// A vector that could be the bias or not, a bias whose length fits neither side, or both sides.
    pub fn of(stored: &Stored, weight: &str, alone: bool) -> Result<Pairing> {
        let Some(info) = stored.get(weight) else { return Ok(Pairing::default()) };
        let Some([rows, columns]) = matrix_shape(&info.shape) else {
            return Ok(Pairing::default());
        };
        // A convolution of width 1 is `out x in x 1`.
        let convolution = info.shape.len() > 2;
        let convention = if convolution { Some(false) } else { convention(weight) };
        let question = |problem: String| Err(Error::head(stored.path, problem));
        let named: Vec<&TensorInfo> = partners(weight)
            .iter()
            .filter_map(|name| stored.get(name))
            .filter(|t| long(t).is_some())
            .collect();
        let named = match named[..] {
            [] => None,
            [only] => Some(only),
            [one, other, ..] => {
                return question(format!(
                    "`{}` and `{}` could both be the bias of `{weight}`: choose by --bias NAME or --bias none",
                    one.name, other.name
                ));
            }
        };
        if let Some(bias) = named {
            return match oriented(length(bias), rows, columns, convention) {
                Some(transposed) => Ok(Pairing {
                    evidence: Some(format!("`{}` has one number a token", bias.name)),
                    bias: Some(bias.name.clone()),
                    transposed,
                }),
                None if rows == columns && length(bias) == rows => question(format!(
                    "`{weight}` {:?} is square, so that nothing shows which side counts tokens: say --bias {} if it is V x d, \
                     and --transpose too if it is stored d x V",
                    info.shape, bias.name
                )),
                None => question(format!(
                    "`{}` has shape {:?}, as long as neither side of `{weight}` {:?}: choose by --bias NAME or --bias none (and \
                     --transpose says that the weight is stored d x V)",
                    bias.name, bias.shape, info.shape
                )),
            };
        }
        let doubtful = doubtful(stored, weight, [rows, columns], alone);
        if let Some(vector) = doubtful {
            let side = if length(vector) == rows { "a number a row" } else { "a number a column" };
            let turned = if length(vector) == rows { "" } else { " (with --transpose)" };
            return question(format!(
                "`{}` has {side} of `{weight}` {:?}: is it the bias? Say --bias {}{turned}, or --bias none",
                vector.name, info.shape, vector.name
            ));
        }
        Ok(Pairing {
            bias: None,
            transposed: convention == Some(true),
            evidence: convention.map(|transposed| match transposed {
                true => "a matrix of this name is stored d x V".to_owned(),
                false => "a matrix of this name is stored V x d".to_owned(),
            }),
        })
    }

    /// The orientation that the bias `name` shows for the matrix `weight`, which somebody named.
    pub fn with_bias(stored: &Stored, weight: &str, name: &str) -> bool {
        let shape = stored.get(weight).and_then(|info| matrix_shape(&info.shape));
        let (Some([rows, columns]), Some(bias)) = (shape, stored.get(name)) else { return false };
        rows != columns && length(bias) == columns
    }
}

/// The bias that the names pair with `weight`, if it is as long as a side of it.
pub(super) fn named_bias<'a>(stored: &Stored<'a>, weight: &str) -> Option<&'a TensorInfo> {
    let sides = matrix_shape(&stored.get(weight)?.shape)?;
    let mut biases = partners(weight).into_iter().filter_map(|name| stored.get(&name));
    biases.find(|bias| long(bias).is_some_and(|n| sides.contains(&n)))
}

/// A vector without a telling name that is as long as a side of the matrix. In a file of one matrix (`alone`) any vector is
/// asked about; beside other matrices only one of a length that no other layer has, or that is called a bias.
fn doubtful<'a>(
    stored: &Stored<'a>,
    weight: &str,
    [rows, columns]: [usize; 2],
    alone: bool,
) -> Option<&'a TensorInfo> {
    let tensors = stored.checkpoint.tensors();
    // A matrix of one column is a matrix.
    let vectors = tensors.iter().filter(|t| {
        t.name != weight && long(t).is_some() && (t.shape.len() == 1 || t.shape[0] == 1)
    });
    let elsewhere = |length: usize| {
        tensors.iter().any(|t| {
            let sides = matrix_shape(&t.shape);
            t.name != weight
                && sides.is_some_and(|sides| sides.contains(&length) && sides != [rows, columns])
        })
    };
    vectors.filter(|t| !is_of_a_norm(&t.name)).find(|t| match length(t) {
        n if alone => n == rows || n == columns,
        n if n == rows && rows != columns => {
            is_called_a_bias(&t.name) && !has_layer(stored, &t.name) || !elsewhere(n)
        }
        _ => false,
    })
}

/// Whether a vector is the bias of another matrix, by its name.
fn has_layer(stored: &Stored, vector: &str) -> bool {
    stored.checkpoint.tensors().iter().any(|t| {
        matrix_shape(&t.shape).is_some() && partners(&t.name).iter().any(|name| name == vector)
    })
}

fn is_called_a_bias(name: &str) -> bool {
    let last = last_part(name).1.to_ascii_lowercase();
    last.contains("bias") || last.contains("intercept") || last == "b" || last.ends_with("_b")
}

fn is_of_a_norm(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let mut parts = lower.split(['.', '/', ':']);
    parts.any(|part| {
        NORMS.iter().any(|norm| {
            part == *norm || part.ends_with(&format!("_{norm}")) || part.ends_with("norm")
        })
    })
}

/// A bias of `length` numbers: whether the matrix is `d x V`; `None` where nothing shows it.
fn oriented(length: usize, rows: usize, columns: usize, convention: Option<bool>) -> Option<bool> {
    match (length == rows, length == columns) {
        (true, false) => Some(false),
        (false, true) => Some(true),
        (true, true) => convention,
        (false, false) => None,
    }
}

/// Whether matrices of this name are `d x V`, where that is known.
pub(super) fn convention(weight: &str) -> Option<bool> {
    let (_, last) = last_part(weight);
    PAIRS.iter().find(|(name, ..)| *name == last).and_then(|(.., transposed)| *transposed)
}

/// The names that the bias of `weight` may have.
fn partners(weight: &str) -> Vec<String> {
    let (stem, last) = last_part(weight);
    let mut names: Vec<String> = PAIRS
        .iter()
        .filter(|(name, ..)| *name == last)
        .flat_map(|(_, biases, _)| biases.iter().map(|bias| format!("{stem}{bias}")))
        .collect();
    // `fc_w` and `fc_b`, `linear_85.w_0` is above.
    for (end, biases) in [
        ("_w", &["_b", "_bias"][..]),
        ("_W", &["_b", "_B", "_bias"]),
        ("_weight", &["_bias"]),
        ("_weights", &["_bias", "_biases"]),
        ("_kernel", &["_bias"]),
        ("_coef", &["_intercept"]),
        ("Weight", &["Bias"]),
    ] {
        if let Some(stem) = weight.strip_suffix(end)
            && !stem.is_empty()
        {
            names.extend(biases.iter().map(|bias| format!("{stem}{bias}")));
        }
    }
    names.sort();
    names.dedup();
    names
}

/// A name before and after its last dot or slash.
fn last_part(name: &str) -> (&str, &str) {
    let at = name.rfind(['.', '/']).map_or(0, |at| at + 1);
    name.split_at(at)
}

/// The length of a vector, dimensions of one aside; `None` for a matrix or a single number without a dimension.
fn long(info: &TensorInfo) -> Option<usize> {
    let mut long = info.shape.iter().copied().filter(|&n| n != 1);
    match (info.shape.len(), long.next(), long.next()) {
        (1 | 2, Some(length), None) => Some(length),
        (1, None, None) => Some(1),
        _ => None,
    }
}

fn length(info: &TensorInfo) -> usize {
    long(info).unwrap_or(0)
}
