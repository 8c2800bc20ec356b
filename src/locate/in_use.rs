//! Refuses heads whose rows in use are not the stored ones: normalised, scaled one by one, masked, or made of several
//! tensors.
//!
//! The numbers that a model computes for such rows are rounded, in an order of operations and a precision that its
//! program chooses, so they are not computed here: verdicts would be about other numbers than those in use.

use super::after::keeps_order;
use super::configuration::Configuration;
use super::stored::Stored;
use crate::checkpoint::{Dtype, TensorInfo, Values};
use crate::error::{Error, Result};

/// The advice at the end of these errors.
const EXPORT: &str =
    "export the rows as the model's own code makes them (in its precision) and audit that file";

/// Suffixes of tensors that a weight is computed from; tensors of which one must be stored as well (none if the list
/// is empty); and the name of the method.
const MADE_OF: [(&str, &[&str], &str); 9] = [
    ("weight_g", &["weight_v"], "weight normalisation"),
    ("weight_v", &["weight_g"], "weight normalisation"),
    ("weight_v", &["weight_orig"], "spectral norm"),
    ("weight_u", &["weight_orig"], "spectral norm"),
    ("weight_mask", &["weight_orig"], "pruning"),
    ("weight_orig", &[], "spectral norm or pruning"),
    ("parametrizations.weight.original", &[], "a parametrization of torch"),
    ("parametrizations.weight.original0", &[], "a parametrization of torch (weight normalisation)"),
    ("parametrizations.weight.original1", &[], "a parametrization of torch (weight normalisation)"),
];

/// Names of tensors (the last part) that scale or shift logits.
const SCALES: [&str; 14] = [
    "logit_scale",
    "logits_scale",
    "logit_scales",
    "logit_gain",
    "logit_multiplier",
    "logit_bias",
    "logits_bias",
    "lm_head_scale",
    "lm_head_bias",
    "head_scale",
    "head_bias",
    "output_scale",
    "output_multiplier",
    "token_scale",
];

/// Configuration keys which say that rows, or rows and hidden states, are normalised in use.
const NORMALISED: [&str; 10] = [
    "norm_head",
    "use_norm_head",
    "lm_head_norm",
    "norm_lm_head",
    "normalize_head",
    "normalize_lm_head",
    "normalized_lm_head",
    "normalize_output_embeddings",
    "use_cosine_head",
    "cosine_lm_head",
];

/// Names of modules (the last part of the path) that compute logits.
const HEADS: [&str; 17] = [
    "lm_head",
    "head",
    "output",
    "output_layer",
    "output_projection",
    "embed_out",
    "proj_out",
    "decoder",
    "classifier",
    "fc",
    "fc_out",
    "logits",
    "logit_layer",
    "score",
    "generator",
    "projection",
    "linear_out",
];

/// Refuses a weight that another tensor of its module changes in use, or that is itself only a part of one.
///
/// # Errors
/// Such a weight; the tensors are named.
pub(super) fn tensors(stored: &Stored, weight: &str) -> Result<()> {
    if let Some((module, by)) = module_of_part(stored, weight) {
        return Err(made_of(stored, module, by));
    }
    weight.strip_suffix("weight").map_or(Ok(()), |module| made_in(stored, module))
}

/// Refuses a module, by its path `stem`, whose weight is computed from other tensors.
///
/// # Errors
/// Such a module; the tensors are named.
pub(super) fn made(stored: &Stored, stem: &str) -> Result<()> {
    made_in(stored, &format!("{stem}."))
}

/// As [`made`], by the path with the separator after it.
fn made_in(stored: &Stored, module: &str) -> Result<()> {
    let parts = MADE_OF.iter().map(|(part, ..)| format!("{module}{part}"));
    match parts
        .filter(|name| stored.has(name))
        .find_map(|name| module_of_part(stored, &name).map(|(_, by)| by))
    {
        Some(by) => Err(made_of(stored, module, by)),
        None => Ok(()),
    }
}

/// Returns the path of the module, with the separator, whose weight is computed from the tensor `name`, and the
/// method.
fn module_of_part<'n>(stored: &Stored, name: &'n str) -> Option<(&'n str, &'static str)> {
    MADE_OF.iter().find_map(|(part, others, by)| {
        let module = name.strip_suffix(part)?;
        let whole = module.is_empty() || module.ends_with(['.', '/', ':', '_']);
        let complete =
            others.is_empty() || others.iter().any(|o| stored.has(&format!("{module}{o}")));
        (whole && complete).then_some((module, *by))
    })
}

/// Refuses a file in which a module with the name of a head has a weight that is computed from other tensors.
///
/// # Errors
/// Such a module; the tensors are named.
pub(super) fn any_head_made(stored: &Stored) -> Result<()> {
    for tensor in stored.checkpoint.tensors() {
        if let Some((module, by)) = module_of_part(stored, &tensor.name)
            && let stem = module.trim_end_matches(['.', '/', ':', '_'])
            && HEADS.contains(&stem.rsplit(['.', '/']).next().unwrap_or(stem))
        {
            return Err(made_of(stored, module, by));
        }
    }
    Ok(())
}

/// Refuses a file in which any weight is computed from other tensors: where no head is certain, it could be that one.
///
/// # Errors
/// Such a weight; the tensors are named.
pub(super) fn any_made(stored: &Stored) -> Result<()> {
    let parts = stored.matrices().filter(|t| !t.shape[..2].contains(&1));
    match parts.filter_map(|t| module_of_part(stored, &t.name)).last() {
        Some((module, by)) => match made_of(stored, module, by) {
            Error::Head { path, problem } => Err(Error::Head {
                path,
                problem: format!(
                    "no head is certain, and {problem}; if it is another matrix, name it by --weight (and --bias){}",
                    stored.listed()
                ),
            }),
            error => Err(error),
        },
        None => Ok(()),
    }
}

/// Returns the error for a module whose weight is computed from other tensors.
fn made_of(stored: &Stored, module: &str, by: &str) -> Error {
    let mut parts: Vec<String> = MADE_OF
        .iter()
        .map(|(part, ..)| format!("{module}{part}"))
        .filter(|name| stored.has(name))
        .map(|name| stored.described(&name))
        .collect();
    parts.dedup();
    let stem = module.trim_end_matches(['.', '/', ':', '_']);
    let of = if stem.is_empty() { String::new() } else { format!(" of `{stem}`") };
    Error::head(
        stored.path,
        format!(
            "the weight{of} is not stored: the model makes it by {by}, of {}; {EXPORT}",
            parts.join(" and ")
        ),
    )
}

/// Checks the single numbers of a file without a known family whose names call them a scale: refuses one that does
/// not keep the order of logits, and returns notes on the others.
///
/// # Errors
/// Such a number; the tensor is named.
pub(super) fn numbers(stored: &Stored, weight: &str) -> Result<Vec<String>> {
    /// Words in the names of scales.
    const NAMED: [&str; 4] = ["scale", "temperature", "multiplier", "gain"];
    let (stem, _) = weight.rsplit_once(['.', '/']).unwrap_or(("", weight));
    let around = stem.rsplit_once(['.', '/']).map_or("", |(parent, _)| parent);
    let mut notes = Vec::new();
    for tensor in stored.checkpoint.tensors().iter().filter(|t| !matches!(t.dtype, Dtype::Other(_)))
    {
        let name = tensor.name.as_str();
        let (path, last) = name.rsplit_once(['.', '/']).unwrap_or(("", name));
        let last = last.to_ascii_lowercase();
        if !NAMED.iter().any(|word| last.contains(word)) || ![stem, around, ""].contains(&path) {
            continue;
        }
        let Some(scale) = number(stored, tensor)? else { continue };
        if let Err(why) = keeps_order(scale) {
            let problem = format!(
                "`{name}` {scale} may be what the model multiplies its logits by: {why}. If it is, {EXPORT}; if not, leave \
                 it out by --bias NAME or --bias none"
            );
            return Err(Error::head(stored.path, problem));
        }
        if scale != 1.0 {
            notes.push(format!(
                "a scale (`{name}` {scale}) is stored; it keeps the order of logits"
            ));
        }
    }
    Ok(notes)
}

/// Refuses scales and shifts of logits that are stored as tensors, in the module of the head, in the one around it or at
/// the top level; with `own` also any other tensor of the head's module. Returns notes on scales that keep the order.
/// `bias` is the bias in use.
///
/// # Errors
/// Such a tensor, by name.
pub(super) fn scales(
    stored: &Stored,
    weight: &str,
    bias: Option<&str>,
    own: bool,
) -> Result<Vec<String>> {
    let stem = weight.strip_suffix(".weight").unwrap_or(weight);
    let around = stem.rsplit_once('.').map_or("", |(parent, _)| parent);
    let mut notes = Vec::new();
    for tensor in stored.checkpoint.tensors() {
        let name = tensor.name.as_str();
        if name == weight || Some(name) == bias {
            continue;
        }
        let (path, last) = name.rsplit_once('.').unwrap_or(("", name));
        let scales =
            SCALES.contains(&last) && (path == stem || path == around || !path.contains('.'));
        // The forward pass of an own head may use any other tensor of its module; `_extra_state` is what Transformer
        // Engine keeps of its training.
        let beside = own
            && name.strip_prefix(stem).is_some_and(|rest| rest.starts_with('.'))
            && !(path == stem && matches!(last, "weight" | "bias" | "_extra_state"));
        if !scales && !beside {
            continue;
        }
        if let Some(scale) = number(stored, tensor)?.filter(|s| keeps_order(*s).is_ok())
            && last.contains("scale")
        {
            notes.push(format!(
                "a scale (`{name}` {scale}) is stored; it keeps the order of logits"
            ));
            continue;
        }
        return Err(Error::head(
            stored.path,
            format!(
                "{} stands beside the head `{weight}` and may change its logits: the rows in use are not the stored ones; \
                 {EXPORT}",
                stored.described(name)
            ),
        ));
    }
    Ok(notes)
}

/// Returns the number of a tensor that has only one.
fn number(stored: &Stored, tensor: &TensorInfo) -> Result<Option<f64>> {
    if tensor.shape.iter().any(|&n| n != 1) {
        return Ok(None);
    }
    Ok(match stored.checkpoint.read(&tensor.name)?.values {
        Values::F32(x) => x.first().copied().map(f64::from),
        Values::F64(x) => x.first().copied(),
    })
}

/// Refuses families whose code changes the rows or the logits; `rows` is the number of rows of the stored weight.
///
/// # Errors
/// Such a family; the weight is named.
pub(super) fn families(
    stored: &Stored,
    config: Option<&Configuration>,
    weight: &str,
    rows: Option<usize>,
) -> Result<()> {
    if let Some((why, certain)) = baichuan(stored, config, rows) {
        let otherwise =
            if certain { "" } else { "; if it is version 1, say --weight and its name" };
        return Err(Error::head(
            stored.path,
            format!(
                "{why}: the stored rows of `{weight}` are not those in use; {EXPORT}{otherwise}"
            ),
        ));
    }
    let Some(config) = config else { return Ok(()) };
    by_code(stored, config, weight)
}

/// As [`families`] for a weight that the user chose: what is not certain becomes a note.
///
/// # Errors
/// Such a family, if it is certain; the weight is named.
pub(super) fn families_asked(
    stored: &Stored,
    config: Option<&Configuration>,
    weight: &str,
    rows: Option<usize>,
) -> Result<Option<String>> {
    match baichuan(stored, config, rows) {
        Some((why, false)) => {
            config.map_or(Ok(()), |config| by_code(stored, config, weight))?;
            Ok(Some(format!("{why}; the rows are taken as they are stored, as asked")))
        }
        _ => families(stored, config, weight, rows).map(|()| None),
    }
}

/// Refuses models whose code or configuration says that the stored rows are not the head in use.
fn by_code(stored: &Stored, config: &Configuration, weight: &str) -> Result<()> {
    let types = config.model_types();
    let is = |names: &[&str]| types.iter().any(|t| names.contains(t));
    let flag = |key: &str| config.truth(key) == Some(true);
    let why = if let Some(key) = NORMALISED.iter().find(|key| flag(key)) {
        format!("the configuration says {key}: the rows are normalised in use")
    } else if is(&["dory"]) {
        "Dory multiplies each logit by a number of its token (`lm_head.logit_scale`)".to_owned()
    } else if is(&["chameleon"]) {
        "Chameleon sets the logits of its tokens for pictures to the lowest number (vocabulary_map): they \
         never win and beat no token"
            .to_owned()
    } else if is(&["gemma4_assistant", "gemma4_unified_assistant"])
        && flag("use_ordered_embeddings")
    {
        "the model scores the tokens of a few clusters only (use_ordered_embeddings): the others' logits \
         are masked"
            .to_owned()
    } else if is(&["xlm", "flaubert"]) && flag("asm") {
        "the model has an adaptive softmax (asm): its logits are not a linear function of one hidden state"
            .to_owned()
    } else if is(&["transfo-xl"]) {
        "Transformer-XL has an adaptive softmax: its logits are not a linear function of one hidden state"
            .to_owned()
    } else if is(&["mobilebert"]) {
        "MobileBERT's head is two tensors side by side, the embedding and \
         `cls.predictions.dense.weight`"
            .to_owned()
    } else if config.has_items("dummy_token_indices") {
        "the model sets the logits of unused tokens to minus infinity (dummy_token_indices)"
            .to_owned()
    } else {
        return Ok(());
    };
    Err(Error::head(
        stored.path,
        format!("{why}; the rows of `{weight}` are not the head in use: {EXPORT}"),
    ))
}

/// Returns why a model may be Baichuan 2, and whether that is certain. Baichuan 2 divides each row by its length
/// (`NormHead`), version 1 does not. Both have one model type and the same tensors; 64000 and 125696 tokens tell them
/// apart.
fn baichuan(
    stored: &Stored,
    config: Option<&Configuration>,
    rows: Option<usize>,
) -> Option<(String, bool)> {
    /// The number of tokens of version 1.
    const FIRST: usize = 64000;
    /// The number of tokens of version 2.
    const SECOND: usize = 125_696;
    let named = config.is_some_and(|config| {
        let says = |name: &&str| name.to_ascii_lowercase().starts_with("baichuan");
        config.model_types().iter().any(says) || config.architectures().iter().any(says)
    });
    let unnamed = config.is_none_or(|config| config.model_types().is_empty());
    let packed = |t: &TensorInfo| t.name.ends_with("self_attn.W_pack.weight");
    let by_names = unnamed && stored.checkpoint.tensors().iter().any(packed);
    if !named && !by_names {
        return None;
    }
    let first = config.is_none_or(|c| c.model_types().iter().all(|t| *t == "baichuan"));
    let stated = config.and_then(Configuration::tokens);
    match stated.or(rows) {
        Some(FIRST) if first => None,
        Some(SECOND) => {
            Some(("Baichuan 2 divides each row by its length in use (NormHead)".to_owned(), true))
        }
        n => {
            let n = n.map_or_else(|| "an unknown number of".to_owned(), |n| n.to_string());
            let why = format!(
                "Baichuan 2 and later divide each row by its length in use (NormHead), version 1 (64000 tokens) does not, \
                 and {n} tokens do not tell which this is"
            );
            Some((why, !first))
        }
    }
}

/// Refuses a model with one head for each of several codebooks, none of which is *the* head.
///
/// # Errors
/// Such a model; the heads are named.
pub(super) fn codebooks(stored: &Stored) -> Result<()> {
    let of_list = |name: &str| -> Option<usize> {
        let (list, rest) = name.strip_suffix(".weight")?.rsplit_once('.')?;
        let number = rest.parse().ok()?;
        let last = list.rsplit('.').next()?;
        matches!(
            last,
            "lm_heads" | "lm_head" | "heads" | "codec_heads" | "output_heads" | "audio_heads"
        )
        .then_some(number)
    };
    let mut heads: Vec<&TensorInfo> = stored
        .checkpoint
        .tensors()
        .iter()
        .filter(|t| t.shape.len() == 2 && of_list(&t.name).is_some())
        .collect();
    if heads.len() < 2 {
        return Ok(());
    }
    heads.sort_by_key(|t| of_list(&t.name));
    let shown: Vec<String> = heads.iter().take(4).map(|t| stored.described(&t.name)).collect();
    let more = if heads.len() > 4 { ", ..." } else { "" };
    Err(Error::head(
        stored.path,
        format!(
            "there are {} heads, one per codebook: {}{more}; choose one by --weight",
            heads.len(),
            shown.join(", ")
        ),
    ))
}
