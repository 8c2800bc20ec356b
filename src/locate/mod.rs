//! Finds the head among the tensors of a checkpoint, says how it was chosen, and what stands before it.

pub mod activation;
mod after;
mod before;
#[doc(hidden)]
pub mod bundled;
mod candidates;
mod choice;
mod combined;
mod configuration;
mod exact;
pub mod final_norm;
mod found;
mod gguf;
mod in_use;
mod layers;
mod marian;
mod numbers;
mod onnx;
mod pairing;
mod place;
mod plain;
#[cfg(test)]
mod plain_tests;
mod recognise;
mod refuse;
mod stored;

use std::path::Path;

use activation::Activation;
pub use choice::{BiasChoice, Choice};
use configuration::Configuration;
use final_norm::{FinalNorm, NormKind};
use found::Found;
pub use found::Tying;
use numbers::Numbers;
use stored::Stored;
use unargmax_check::error::Error as CheckError;

use crate::checkpoint::{Checkpoint, Dtype, TensorInfo, Values};
use crate::domain::Domain;
use crate::error::{Error, Result};
use crate::head::{Head, Rows};

/// A located head: its numbers, where they came from, and what stands before and after it.
#[derive(Clone, Debug)]
pub struct Located {
    /// The head, decoded.
    pub head: Head,
    /// The name of the weight.
    pub weight: String,
    /// The name of the bias.
    pub bias: Option<String>,
    /// The element type in which the weight was stored.
    pub dtype: Dtype,
    /// Whether the weight is stored `d x V`.
    pub transposed: bool,
    /// Why these tensors were chosen, for people.
    pub why: String,
    /// The family whose rule found the head.
    pub family: Option<&'static str>,
    /// The source of this rule.
    pub source: Option<&'static str>,
    /// Whether the weight is also the embedding.
    pub tying: Tying,
    /// The norm that the model applies before the head, if the checkpoint or its family states it.
    pub final_norm: Option<FinalNorm>,
    /// The activation before the head, if it is known.
    pub activation: Option<Activation>,
    /// Notes on what else stands before and after the head.
    pub notes: Vec<String>,
    /// The names of a classifier's labels, if the configuration has them.
    pub labels: Option<Vec<String>>,
}

impl Located {
    /// Parses a domain as [`Domain::parse`] does; `layernorm` and `rmsnorm` stand for the ball of the final norm.
    ///
    /// # Errors
    /// As [`Domain::parse`]; no final norm was found, or one of another kind.
    pub fn parse_domain(&self, text: &str) -> Result<Domain> {
        Ok(Domain::parse(text, self.head.dim(), |name| {
            let centred = name == "layernorm";
            match &self.final_norm {
                Some(norm) if norm.is_known() && centred != (norm.kind == NormKind::LayerNorm) => {
                    Err(CheckError::Invalid(format!(
                        "the domain {name} does not fit: a final {} stands before this head ({})",
                        norm.kind,
                        norm.gain_name()
                    )))
                }
                Some(norm) => norm.ball_as(centred),
                None => Err(CheckError::Invalid(format!(
                    "the domain {name} needs the gain and the shift of a final norm, and none was found before \
                     `{}`; audit the whole checkpoint, or give `ball:R`",
                    self.weight
                ))),
            }
        })?)
    }

    /// Returns the domain of hidden states that follows from what stands before the head, and the reason.
    ///
    /// # Errors
    /// An activation whose range holds no number, or a norm whose numbers leave the range of float64.
    pub fn domain(&self) -> Result<(Domain, String)> {
        let free = Domain::free(self.head.dim());
        Ok(match (&self.activation, &self.final_norm) {
            (Some(activation), _) => (
                activation.domain(self.head.dim())?,
                format!("a {activation} stands before the head"),
            ),
            (None, Some(norm)) if norm.is_known() => {
                let article = if norm.kind == NormKind::RmsNorm { "an" } else { "a" };
                let reason =
                    format!("{article} {} stands before the head{}", norm.kind, norm.caution());
                (free.within(norm.ball()?)?, reason)
            }
            (None, Some(_)) => {
                (free, "a norm stands before the head, but its kind is not known".to_owned())
            }
            (None, None) => (free, "nothing is known of what stands before the head".to_owned()),
        })
    }
}

/// Finds and reads the head of an opened checkpoint; `path` is for errors.
///
/// # Errors
/// No tensor or several that could be the weight, a configuration that contradicts the tensors, shapes that do not
/// fit, or numbers that are not finite.
pub fn locate(checkpoint: &dyn Checkpoint, path: &Path, choice: &Choice) -> Result<Located> {
    let stored = Stored::new(checkpoint, path);
    let mut found = chosen(&stored, choice)?;
    let names = named(&stored, &found, choice);
    let Numbers { head, dtype, notes } = numbers::read(&stored, &found, &names, choice)?;
    let Names { weight, bias, transposed } = names;
    found.notes.extend(notes);
    let final_norm = found
        .norm
        .map(|stated| FinalNorm::read(checkpoint, path, head.dim(), stated))
        .transpose()?;
    Ok(Located {
        head,
        weight,
        bias,
        dtype,
        transposed,
        why: found.why,
        family: found.family,
        source: found.source,
        tying: found.tying,
        final_norm,
        activation: found.activation,
        notes: found.notes,
        labels: found.labels,
    })
}

/// The names of a head's tensors, before their numbers are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// The name of the weight.
    pub weight: String,
    /// The name of the bias.
    pub bias: Option<String>,
    /// Whether the weight is stored `d x V`.
    pub transposed: bool,
}

/// Returns the names of the tensors that [`locate`] would read.
///
/// # Errors
/// As [`locate`], as far as the numbers are not needed.
pub fn names(checkpoint: &dyn Checkpoint, path: &Path, choice: &Choice) -> Result<Names> {
    let stored = Stored::new(checkpoint, path);
    let found = chosen(&stored, choice)?;
    Ok(named(&stored, &found, choice))
}

/// Returns the names of a found head's tensors, with the bias and orientation that the user chose.
fn named(stored: &Stored, found: &Found, choice: &Choice) -> Names {
    let bias = match &choice.bias {
        BiasChoice::None => None,
        BiasChoice::Named(name) => Some(name.clone()),
        BiasChoice::ByName => found.bias.clone().or_else(|| {
            let name = found.weight.strip_suffix("weight").map(|stem| format!("{stem}bias"));
            name.filter(|name| found.family.is_some() && stored.has(name))
        }),
    };
    let transposed = choice.transpose || found.transposed;
    Names { weight: found.weight.clone(), bias, transposed }
}

/// Lists the matrices of a checkpoint that look most like heads, the likeliest first.
pub fn candidates<'a>(checkpoint: &'a dyn Checkpoint, path: &'a Path) -> Vec<&'a TensorInfo> {
    Stored::new(checkpoint, path).candidates()
}

/// Finds the head: the one that the user chose, with what is known of it, or the one that is found.
fn chosen(stored: &Stored, choice: &Choice) -> Result<Found> {
    let Some(name) = &choice.weight else {
        let found = found(stored)?;
        return if found.is_plain { plain::completed(stored, found, choice) } else { Ok(found) };
    };
    if !stored.has(name) {
        return Err(Error::head(
            stored.path,
            format!("there is no tensor `{name}`{}", stored.listed()),
        ));
    }
    in_use::tensors(stored, name)?;
    let config = configuration(stored)?;
    let rows = stored.get(name).and_then(|info| info.shape.first()).copied();
    let tokens = config.as_ref().and_then(Configuration::tokens);
    let mut caution = None;
    if rows.is_some() && rows == tokens {
        // A matrix with as many rows as there are tokens is the head, or the embedding in its place.
        caution = in_use::families_asked(stored, config.as_ref(), name, rows)?;
    }
    // What is found without the choice is used if it is the same tensor; an error on the way does not matter.
    let why = "asked for by --weight".to_owned();
    let mut chosen = match found(stored) {
        Ok(found) if found.weight == *name && !found.is_plain => Found { why, ..found },
        _ if let Some(graph) = stored.checkpoint.graph() => {
            // In a graph the operations tell which constant is added, not the names.
            match onnx::chosen(stored, graph, name, &choice.bias, &why)? {
                Some(found) => found,
                None => {
                    let mut found = plain::completed(stored, Found::plain(name, why), choice)?;
                    found.notes.push(format!(
                        "no operation of the graph is read as one linear layer with `{name}`: what the graph does after it is \
                         not in this audit"
                    ));
                    found
                }
            }
        }
        _ => plain::completed(stored, Found::plain(name, why), choice)?,
    };
    chosen.notes.extend(caution);
    Ok(chosen)
}

/// Finds the head without a user's choice: by metadata, graph, configuration or names.
fn found(stored: &Stored) -> Result<Found> {
    let checkpoint = stored.checkpoint;
    if let Some(metadata) = checkpoint.metadata()
        && let Some(found) = gguf::find(stored, metadata)?
    {
        return Ok(found);
    }
    if let Some(graph) = checkpoint.graph()
        && let Some(found) = onnx::find(stored, graph)?
    {
        return Ok(found);
    }
    if !plain::is_export(stored) {
        let config = configuration(stored)?;
        if let Some(found) = recognise::recognise(stored, config.as_ref())? {
            return Ok(found);
        }
        if let Some(unknown) = config.as_ref().and_then(recognise::unknown_type) {
            in_use::any_head_made(stored)?;
            return match plain::find(stored) {
                Ok(mut found) => {
                    found.notes.push(format!(
                        "{unknown}; the head was found by the names of tensors alone"
                    ));
                    Ok(found)
                }
                Err(Error::Head { path, problem }) => {
                    Err(Error::Head { path, problem: format!("{unknown}; {problem}") })
                }
                Err(error) => Err(error),
            };
        }
    }
    in_use::any_head_made(stored)?;
    plain::find(stored)
}

/// Reads the configuration of the tensors; the config.json of a converted model does not describe its tensors.
fn configuration(stored: &Stored) -> Result<Option<Configuration>> {
    match stored.checkpoint.format() {
        "CTranslate2" | "GGUF" | "ONNX" => Ok(None),
        _ => Configuration::of(stored.checkpoint),
    }
}

impl From<Values> for Rows {
    fn from(values: Values) -> Self {
        match values {
            Values::F32(x) => x.into(),
            Values::F64(x) => x.into(),
        }
    }
}
