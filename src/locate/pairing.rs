//! Pairs a matrix with its bias, and finds the orientation of the matrix, where no rule of a family states them.
//!
//! Names pair them (`W` and `b`, `kernel` and `bias`, `coef_` and `intercept_`), lengths confirm it: a bias has one
//! number per token, so it is as long as the side of the matrix that counts tokens. Where a name or a length fits and
//! the other does not, or where several fit, the result is an error that asks the user, never a guess.

use super::stored::{Stored, matrix_shape};
use crate::checkpoint::{Dtype, TensorInfo};
use crate::error::{Error, Result};

/// The bias and orientation of a matrix.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pairing {
    /// The name of the bias.
    pub bias: Option<String>,
    /// Whether the matrix is stored `d x V`.
    pub transposed: bool,
    /// What shows the orientation, for people; `None` where it is only assumed.
    pub evidence: Option<String>,
    /// A note for people on what else was decided.
    pub note: Option<String>,
}

/// The names that libraries give a matrix and its bias (the last part), and whether the matrix is `d x V` there.
///
/// torch and scikit-learn store `V x d`; Flax, Keras and TransformerLens `d x V`. For the other names the order is
/// not known.
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

/// Names of norms, whose gains and shifts are vectors.
const NORMS: [&str; 8] =
    ["norm", "ln", "layernorm", "layer_norm", "ln_f", "rms", "bn", "batchnorm"];

/// Words in the names of vectors that scale or shift something: hidden states, if there is one number per coordinate,
/// or logits, if there is one per token.
const SCALES: [&str; 13] = [
    "norm",
    "gamma",
    "beta",
    "gain",
    "scale",
    "rms",
    "temperature",
    "mask",
    "mean",
    "var",
    "std",
    "alpha",
    "multiplier",
];

/// Words in the names of integer tensors that a file keeps next to a head: ids, counts, names of classes.
const COUNTS: [&str; 8] = ["class", "id", "index", "indices", "vocab", "token", "label", "count"];

impl Pairing {
    /// Pairs the matrix `weight`, which is the only one of the file (`alone`) or one of several.
    ///
    /// # Errors
    /// A vector that may or may not be the bias, and a bias whose length fits neither side, or both.
    pub fn of(stored: &Stored, weight: &str, alone: bool) -> Result<Pairing> {
        let Some(info) = stored.get(weight) else { return Ok(Pairing::default()) };
        let Some([rows, columns]) = matrix_shape(&info.shape) else {
            return Ok(Pairing::default());
        };
        // A convolution of width 1 is `out x in x 1`.
        let convolution = info.shape.len() > 2;
        let convention = if convolution { Some(false) } else { convention(weight) };
        let question = |problem: String| Err(Error::head(stored.path, problem));
        // One number for all tokens, as for an intercept that was not fitted, keeps their order.
        let (shared, named) = match only_partner(stored, weight)? {
            Some(bias) if length(bias) == 1 && rows != 1 && columns != 1 => (Some(bias), None),
            named => (None, named),
        };
        let mut pairing = match named {
            Some(bias) => Self::by_length(stored, (weight, &info.shape), bias, convention)?,
            None => Pairing {
                transposed: convention == Some(true),
                evidence: convention.map(|transposed| match transposed {
                    true => "a matrix of this name is stored d x V".to_owned(),
                    false => "a matrix of this name is stored V x d".to_owned(),
                }),
                ..Pairing::default()
            },
        };
        pairing.note = shared.map(|bias| {
            format!(
                "`{}` is one number for all tokens, which keeps their order: it is left out",
                bias.name
            )
        });
        let paired = PairedMatrix {
            stored,
            weight,
            sides: [rows, columns],
            alone,
            bias: pairing.bias.as_deref(),
            transposed: pairing.transposed,
            is_shown: pairing.bias.is_some() || convention.is_some(),
        };
        match paired.doubtful() {
            Some(vector) => question(paired.asked(vector)),
            None => Ok(pairing),
        }
    }

    /// Pairs a matrix with the bias of its name: the bias has one number per token.
    fn by_length(
        stored: &Stored,
        (weight, shape): (&str, &[usize]),
        bias: &TensorInfo,
        convention: Option<bool>,
    ) -> Result<Pairing> {
        let Some([rows, columns]) = matrix_shape(shape) else { return Ok(Pairing::default()) };
        let problem = match oriented(length(bias), rows, columns, convention) {
            Some(transposed) => {
                return Ok(Pairing {
                    evidence: Some(format!("`{}` has one number per token", bias.name)),
                    bias: Some(bias.name.clone()),
                    transposed,
                    note: None,
                });
            }
            None if rows == columns && length(bias) == rows => format!(
                "`{weight}` {shape:?} is square, so that nothing shows which side counts tokens: say --bias {} if it is V x d, \
                 and --transpose too if it is stored d x V",
                bias.name
            ),
            None => format!(
                "`{}` has shape {:?}, as long as neither side of `{weight}` {shape:?}: choose by --bias NAME or --bias none (and \
                 --transpose says that the weight is stored d x V)",
                bias.name, bias.shape
            ),
        };
        Err(Error::head(stored.path, problem))
    }

    /// Whether the bias `name`, which the user chose, shows that the matrix `weight` is stored `d x V`.
    pub fn with_bias(stored: &Stored, weight: &str, name: &str) -> bool {
        let shape = stored.get(weight).and_then(|info| matrix_shape(&info.shape));
        let (Some([rows, columns]), Some(bias)) = (shape, stored.get(name)) else { return false };
        rows != columns && length(bias) == columns
    }
}

/// Returns the vector that the names pair with `weight`; several are an error.
fn only_partner<'a>(stored: &Stored<'a>, weight: &str) -> Result<Option<&'a TensorInfo>> {
    let named: Vec<&TensorInfo> = partners(weight)
        .iter()
        .filter_map(|name| stored.get(name))
        .filter(|t| long(t).is_some())
        .collect();
    match named[..] {
        [] => Ok(None),
        [only] => Ok(Some(only)),
        [one, other, ..] => Err(Error::head(
            stored.path,
            format!(
                "`{}` and `{}` could both be the bias of `{weight}`: choose by --bias NAME or --bias none",
                one.name, other.name
            ),
        )),
    }
}

/// Returns the bias that the names pair with `weight`, if it is as long as a side of it.
pub(super) fn named_bias<'a>(stored: &Stored<'a>, weight: &str) -> Option<&'a TensorInfo> {
    let sides = matrix_shape(&stored.get(weight)?.shape)?;
    let mut biases = partners(weight).into_iter().filter_map(|name| stored.get(&name));
    biases.find(|bias| long(bias).is_some_and(|n| sides.contains(&n)))
}

/// A matrix and its bias, for the check that no other vector belongs to it.
struct PairedMatrix<'s, 'a> {
    stored: &'s Stored<'a>,
    weight: &'s str,
    sides: [usize; 2],
    /// Whether the matrix is the only one of the file.
    alone: bool,
    /// The bias of the matrix, if it has one.
    bias: Option<&'s str>,
    /// Whether the matrix is taken as `d x V`.
    transposed: bool,
    /// Whether a bias or the name shows this orientation; else it is only assumed.
    is_shown: bool,
}

impl<'a> PairedMatrix<'_, 'a> {
    /// Returns a vector that may be the bias, or a scale or a shift of each logit. In a file of one matrix, that is
    /// any vector as long as a side; next to other matrices, only one of a length that no other layer has, or that is
    /// called a bias. Vectors that belong to hidden states have one number per coordinate, and are not meant.
    fn doubtful(&self) -> Option<&'a TensorInfo> {
        let tensors = self.stored.checkpoint.tensors();
        // If this matrix has a side of 1, other tensors of such a shape are matrices as well, and no vectors to check.
        let narrow = self.sides.contains(&1);
        let vectors = tensors.iter().filter(|t| {
            t.name != self.weight
                && !(narrow && matrix_shape(&t.shape).is_some())
                && Some(t.name.as_str()) != self.bias
                && t.shape.iter().filter(|&&n| n != 1).count() == 1
        });
        vectors.filter(|t| !is_a_count(t)).find(|t| self.is_doubtful(t))
    }

    /// Whether a vector may belong to the logits of the matrix.
    fn is_doubtful(&self, vector: &TensorInfo) -> bool {
        let [rows, columns] = self.sides;
        let (tokens, dim) = if self.transposed { (columns, rows) } else { (rows, columns) };
        let n = only_side(vector);
        if n != rows && n != columns {
            return false;
        }
        // A vector in the module of a norm that is as long as a hidden state belongs to that norm.
        let of_states = n == dim && is_of_a_norm(&vector.name);
        if has_layer(self.stored, self.weight, vector) {
            return false;
        }
        if self.bias.is_some() {
            return match n == dim {
                // For a square matrix no length shows what the vector belongs to.
                true if tokens == dim => self.alone && !of_states,
                true => false,
                // Next to other matrices a vector of another name may belong to anything.
                false => {
                    self.alone
                        || !self.is_elsewhere(n)
                            && (scales(&vector.name) || self.is_of_its_module(&vector.name))
                }
            };
        }
        if self.alone {
            return !of_states;
        }
        if tokens == dim {
            return false;
        }
        let called = is_called_a_bias(&vector.name);
        match n == tokens {
            true => called || !self.is_elsewhere(n),
            false => !self.is_shown && !of_states && (called || !self.is_elsewhere(n)),
        }
    }

    /// Whether another matrix or convolution has a side of this length, so that the vector may belong to it.
    fn is_elsewhere(&self, length: usize) -> bool {
        self.stored.checkpoint.tensors().iter().any(|t| {
            let wide = t.shape.iter().filter(|&&n| n != 1).count() > 1;
            let alike = matrix_shape(&t.shape) == Some(self.sides);
            t.name != self.weight && wide && !alike && t.shape.contains(&length)
        })
    }

    /// Whether a tensor is in the module of the matrix.
    fn is_of_its_module(&self, name: &str) -> bool {
        let (module, _) = last_part(self.weight);
        !module.is_empty() && name.starts_with(module)
    }

    /// Returns the question to the user what such a vector is.
    fn asked(&self, vector: &TensorInfo) -> String {
        let [rows, _] = self.sides;
        let (name, weight) = (&vector.name, self.weight);
        let shape = self.stored.get(weight).map(|info| info.shape.clone()).unwrap_or_default();
        let of_rows = only_side(vector) == rows;
        let side = if of_rows { "a number a row" } else { "a number a column" };
        let scales = scales(name) || matches!(vector.dtype, Dtype::Other(_));
        if let Some(bias) = self.bias {
            return format!(
                "`{name}` {:?} has {side} of `{weight}` {shape:?}, beside the bias `{bias}`: a scale or a shift of its logits is \
                 not applied; fold it into both, or say --bias {bias} to leave it out (or --bias {name} if that is the bias)",
                vector.shape
            );
        }
        let turned = if of_rows { "" } else { " (with --transpose)" };
        let question = match scales {
            true => {
                "is it a scale or a shift of its logits? That is not applied: fold it into the matrix, or leave it out by \
                 --bias none; if it is the bias, say"
            }
            false => "is it the bias? Say",
        };
        let none = if scales { "" } else { ", or --bias none" };
        format!(
            "`{name}` has {side} of `{weight}` {shape:?}: {question} --bias {name}{turned}{none}"
        )
    }
}

/// Whether a name is that of a vector that scales or shifts.
fn scales(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    SCALES.iter().any(|word| lower.contains(word)) || is_of_a_norm(name)
}

/// Whether a tensor holds integers that name or count tokens.
fn is_a_count(tensor: &TensorInfo) -> bool {
    let last = last_part(&tensor.name).1.to_ascii_lowercase();
    let whole = match &tensor.dtype {
        Dtype::Other(name) => ["int", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64"]
            .iter()
            .any(|whole| name.to_ascii_lowercase().contains(whole)),
        _ => false,
    };
    whole && COUNTS.iter().any(|word| last.contains(word)) && !is_called_a_bias(&tensor.name)
}

/// Returns the only side of a vector that is not 1.
fn only_side(vector: &TensorInfo) -> usize {
    vector.shape.iter().copied().find(|&n| n != 1).unwrap_or(1)
}

/// Whether a vector is the bias of another matrix than `weight`, by its name and its length.
fn has_layer(stored: &Stored, weight: &str, vector: &TensorInfo) -> bool {
    stored.matrices().filter(|t| t.name != weight).any(|t| {
        // For recurrent layers, whose `weight_ih_l0` has a `bias_ih_l0`.
        let own = partners(&t.name).contains(&vector.name)
            || t.name.contains("weight") && t.name.replace("weight", "bias") == vector.name;
        own && matrix_shape(&t.shape).is_some_and(|sides| sides.contains(&only_side(vector)))
    })
}

/// Whether the name of a vector is that of a bias.
fn is_called_a_bias(name: &str) -> bool {
    let last = last_part(name).1.to_ascii_lowercase();
    last.contains("bias") || last.contains("intercept") || last == "b" || last.ends_with("_b")
}

/// Whether a vector is a gain or a shift of a norm: by its path (`ln_f.weight`, `final_norm/scale`) or by the
/// beginning of its own name (`norm_weight`, `ln_f_b`). A bare `norm`, `scale` or `beta` may belong to anything.
fn is_of_a_norm(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let norm = |part: &str| {
        NORMS.iter().any(|norm| part == *norm || part.ends_with(&format!("_{norm}")))
            || part.trim_end_matches(|c: char| c.is_ascii_digit()).ends_with("norm")
    };
    let (path, last) = last_part(&lower);
    let ends = ["_weight", "_bias", "_scale", "_gain", "_gamma", "_beta", "_w", "_b", "_g"];
    let whole = ["final_norm", "output_norm", "last_norm", "ln_f", "layernorm", "rmsnorm"];
    path.split(['.', '/', ':']).any(norm)
        || whole.contains(&last)
        || ends.iter().any(|end| last.strip_suffix(end).is_some_and(norm))
}

/// Returns whether the matrix is `d x V`, from a bias of `length` numbers; `None` where nothing shows it.
fn oriented(length: usize, rows: usize, columns: usize, convention: Option<bool>) -> Option<bool> {
    match (length == rows, length == columns) {
        (true, false) => Some(false),
        (false, true) => Some(true),
        (true, true) => convention,
        (false, false) => None,
    }
}

/// Returns whether matrices of this name are `d x V`, if that is known.
pub(super) fn convention(weight: &str) -> Option<bool> {
    let (_, last) = last_part(weight);
    PAIRS.iter().find(|(name, ..)| *name == last).and_then(|(.., transposed)| *transposed)
}

/// Returns the names that the bias of `weight` may have.
fn partners(weight: &str) -> Vec<String> {
    let (stem, last) = last_part(weight);
    let mut names: Vec<String> = PAIRS
        .iter()
        .filter(|(name, ..)| *name == last)
        .flat_map(|(_, biases, _)| biases.iter().map(|bias| format!("{stem}{bias}")))
        .collect();
    // Names like `fc_w` and `fc_b`; those like `linear_85.w_0` are in `PAIRS`.
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

/// Splits a name after its last dot or slash.
fn last_part(name: &str) -> (&str, &str) {
    let at = name.rfind(['.', '/']).map_or(0, |at| at + 1);
    name.split_at(at)
}

/// Returns the length of a vector, dimensions of one ignored; `None` for a matrix or a single number without a
/// dimension.
pub(super) fn long(info: &TensorInfo) -> Option<usize> {
    let mut long = info.shape.iter().copied().filter(|&n| n != 1);
    match (info.shape.len(), long.next(), long.next()) {
        (1 | 2, Some(length), None) => Some(length),
        (1, None, None) => Some(1),
        _ => None,
    }
}

/// Returns the length of a vector as [`long`] does, 0 for anything else.
fn length(info: &TensorInfo) -> usize {
    long(info).unwrap_or(0)
}
