//! Finds the head of a file without a known family: by its plain name, as the last linear layer, or as the only
//! matrix.

use super::choice::{BiasChoice, Choice};
use super::found::Found;
use super::layers::{self, Layer};
use super::pairing::{self, Pairing};
use super::stored::Stored;
use super::{in_use, refuse};
use crate::checkpoint::TensorInfo;
use crate::error::{Error, Result};

/// The name of the weight in the export of a head alone.
const PLAIN: &str = "weight";

/// The names of the last layer of classifiers (the last part).
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

/// The names of lists whose layers stand in parallel.
const SIDE_BY_SIDE: [&str; 13] = [
    "experts",
    "heads",
    "classifiers",
    "towers",
    "branches",
    "exits",
    "tasks",
    "outputs",
    "decoders",
    "projections",
    "codebooks",
    "scorers",
    "adapters",
];

/// The name of the last layer of NeMo's CTC models, a convolution of width 1 (`ConvASRDecoder`).
const CTC: &str = "decoder.decoder_layers.0";

/// Finds the head among tensors of no known family.
///
/// # Errors
/// No matrix, or several that could be the head.
pub(super) fn find(stored: &Stored) -> Result<Found> {
    let found = by_name_or_place(stored)?;
    in_use::tensors(stored, &found.weight)?;
    nothing_behind(stored, &found.weight)?;
    Ok(found)
}

/// Finds the weight by the plain name, as the only matrix, or as the last linear layer.
fn by_name_or_place(stored: &Stored) -> Result<Found> {
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
        _ => last_linear(stored).or_else(|why| {
            in_use::any_made(stored)?;
            let why = if why.is_empty() { why } else { format!(": {why}") };
            let problem = format!(
                "which tensor is the head? Name it by --weight (and --bias){why}{}",
                stored.listed()
            );
            Err(Error::head(stored.path, problem))
        }),
    }
}

/// Whether the file is the export of a head alone: a matrix of the plain name, and otherwise only vectors.
pub(super) fn is_export(stored: &Stored) -> bool {
    let wide = |t: &&TensorInfo| t.shape.iter().filter(|&&n| n != 1).count() > 1;
    let mut others = stored.checkpoint.tensors().iter().filter(|t| t.name != PLAIN).filter(wide);
    stored.matrix(PLAIN).is_some() && others.next().is_none()
}

/// The reason why the only matrix was chosen.
const ONLY: &str = "the only matrix of the file";

/// Adds the bias and the orientation to a head of which only the weight is known.
///
/// # Errors
/// As [`Pairing::of`], if the user did not choose the bias.
pub(super) fn completed(stored: &Stored, mut found: Found, choice: &Choice) -> Result<Found> {
    refuse::packed(stored, &found.weight, None)?;
    let pairing = match &choice.bias {
        BiasChoice::ByName => {
            let alone = found.why == ONLY || is_export(stored);
            found.notes.extend(in_use::numbers(stored, &found.weight)?);
            Pairing::of(stored, &found.weight, alone)?
        }
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
    found.notes.extend(pairing.note);
    found.bias = pairing.bias;
    found.transposed = pairing.transposed;
    Ok(found)
}

/// Finds the linear layer, a matrix with a bias, that can only be the last one: the one with a classifier's name, or
/// the last where all layers of the file are one numbered sequence (`layers.0`, `layers.2`).
///
/// # Errors
/// Why no layer is certain; empty where there is no reason to name.
fn last_linear(stored: &Stored) -> std::result::Result<Found, String> {
    let layers = layers::layers(stored);
    let linear: Vec<&Layer> = layers.iter().filter(|layer| layer.has_bias).collect();
    if let Some(layer) = linear.iter().find(|layer| {
        layer.stem == CTC && stored.get(layer.weight).is_some_and(|t| t.shape.len() > 2)
    }) {
        let why = format!("the output layer of NeMo's CTC models (`{CTC}`)");
        return Ok(Found::plain(layer.weight, why));
    }
    // A name within a part of the model tells only where that part ends.
    let named: Vec<&&Layer> = linear
        .iter()
        .filter(|layer| {
            let (path, last) = layer.stem.rsplit_once(['.', '/']).unwrap_or(("", layer.stem));
            let shared = |other: &Layer| {
                let rest = other.weight.strip_prefix(path);
                path.is_empty() || rest.is_some_and(|rest| rest.starts_with(['.', '/']))
            };
            LAST.contains(&last) && layers.iter().all(shared)
        })
        .collect();
    if let [layer] = named[..] {
        return match layers::is_last(&layers, layer) {
            Ok(()) => Ok(Found::plain(
                layer.weight,
                format!("the only linear layer that is named as a last one (`{}`)", layer.stem),
            )),
            Err(other) if other == layer.weight => {
                Err(format!("nothing shows which side of `{other}` counts tokens"))
            }
            Err(other) => Err(format!(
                "`{}` has the name of a last layer, but {} could come after it or beside it",
                layer.weight,
                stored.described(other)
            )),
        };
    }
    sequence(&layers, &linear)
}

/// Finds the last layer where all layers of a file are numbered in one sequence.
fn sequence(layers: &[Layer], linear: &[&Layer]) -> std::result::Result<Found, String> {
    let numbered = |layer: &&Layer| -> Option<(String, u32)> {
        let (sequence, number) = layer.stem.rsplit_once('.').unwrap_or(("", layer.stem));
        Some((sequence.to_owned(), number.parse().ok()?))
    };
    let numbers: Option<Vec<(String, u32)>> = linear.iter().map(numbered).collect();
    // Any matrix outside the sequence could come after it, and so could a convolution.
    let Some(numbers) = numbers.filter(|_| linear.len() == layers.len()) else {
        return Err(String::new());
    };
    let Some((sequence, _)) = numbers.first() else { return Err(String::new()) };
    if numbers.iter().any(|(other, _)| other != sequence) {
        return Err(String::new());
    }
    let mut order: Vec<usize> = (0..linear.len()).collect();
    order.sort_by_key(|&at| numbers[at].1);
    let ordered: Vec<&Layer> = order.iter().map(|&at| linear[at]).collect();
    let lower = sequence.to_ascii_lowercase();
    let list = lower.rsplit(['.', '_']).next().unwrap_or_default();
    // Without gaps in the numbers for activations, layers of one shape could stand in parallel as well.
    let no_gap = order.windows(2).all(|two| numbers[two[1]].1 == numbers[two[0]].1 + 1);
    let alike = no_gap && layers::are_alike(&ordered);
    if SIDE_BY_SIDE.contains(&list) || alike || !layers::is_chain(&ordered) {
        let names: Vec<String> =
            ordered.iter().map(|layer| format!("`{}`", layer.weight)).collect();
        return Err(format!(
            "nothing shows that the layers {} stand one after the other and not side by side",
            names.join(", ")
        ));
    }
    let last = ordered.last().ok_or_else(String::new)?;
    let why = format!("the last of {} numbered linear layers", linear.len());
    Ok(Found::plain(last.weight, why))
}

/// Refuses a numbered layer if other tensors of its sequence come after it: a norm of the logits, a scale.
fn nothing_behind(stored: &Stored, weight: &str) -> Result<()> {
    let numbered = |name: &str| -> Option<(String, u32)> {
        let (stem, _) = name.rsplit_once('.')?;
        let (sequence, number) = stem.rsplit_once('.').unwrap_or(("", stem));
        Some((sequence.to_owned(), number.parse().ok()?))
    };
    let Some((sequence, number)) = numbered(weight) else { return Ok(()) };
    let behind = stored.checkpoint.tensors().iter().find(|t| {
        let later = numbered(&t.name).is_some_and(|(s, n)| s == sequence && n > number);
        later && t.shape.iter().any(|&n| n != 1)
    });
    match behind {
        None => Ok(()),
        Some(behind) => Err(Error::head(
            stored.path,
            format!(
                "{} comes after `{weight}` in its sequence and may change its logits, which is not computed: fold it into \
                 the weight and the bias, or say --weight {weight} to audit the layer alone{}",
                stored.described(&behind.name),
                stored.listed()
            ),
        )),
    }
}
