//! Finds the head of a GGUF file, by the names of llama.cpp (`src/llama-arch.cpp`, `src/llama-model.cpp`).

use super::after::keeps_order;
use super::final_norm::{NormDescription, NormKind};
use super::found::{Found, Tying};
use super::in_use;
use super::stored::Stored;
use crate::checkpoint::gguf::{Metadata, Value};
use crate::error::{Error, Result};
use crate::families;
use crate::families::gguf::{
    EMBEDDING, FINAL_NORM, OUTPUT, epsilon, is_diffusion, is_encoder, is_listed, is_of_no_text,
};

/// Finds the head; `None` where neither an output layer nor an embedding is stored.
///
/// # Errors
/// An encoder or another file without a head, a scale that changes the order of logits, or metadata of the wrong
/// type.
pub(super) fn find(stored: &Stored, metadata: &Metadata) -> Result<Option<Found>> {
    let architecture = metadata.get_str("general.architecture")?.unwrap_or_default().to_owned();
    let refuse = |what: String| {
        let problem = format!(
            "{what}, so there is nothing to audit. Name the checkpoint of a model with a head, or choose a matrix by \
             --weight{}",
            stored.listed()
        );
        Err(Error::head(stored.path, problem))
    };
    if let Some(kind) = metadata.get_str("general.type")?.filter(|kind| *kind != "model") {
        return refuse(format!("this file is not a model (general.type {kind})"));
    }
    if is_of_no_text(&architecture) {
        return refuse(format!("{architecture} makes no logits of tokens"));
    }
    if architecture == "chameleon" {
        return refuse(
            "llama.cpp sets the logits of Chameleon's tokens for pictures to the lowest number: its stored rows are not the \
             head in use"
                .to_owned(),
        );
    }
    let headless = without_head(stored, metadata, &architecture)?;
    let mut found = if stored.matrix(OUTPUT).is_some() {
        let mut found = Found::plain(OUTPUT, "GGUF's output layer");
        found.tying = Tying::Separate;
        found.notes.extend(headless.map(|why| format!("{why}, but an output layer is stored")));
        found
    } else if stored.matrix(EMBEDDING).is_some() {
        if let Some(why) = headless {
            return refuse(format!("{why} without an output layer"));
        }
        let why = "GGUF's token embedding: without `output.weight` the output layer is tied to it";
        let mut found = Found::plain(EMBEDDING, why);
        found.tying = Tying::Tied(EMBEDDING.to_owned());
        found
    } else {
        return Ok(None);
    };
    found.is_plain = false;
    as_many_rows(stored, metadata, &architecture, &found.weight)?;
    found.bias = Some("output.bias".to_owned()).filter(|name| stored.has(name));
    if is_listed(&architecture) {
        found.norm = norm(stored, metadata, &architecture)?;
    } else {
        found.notes.push(format!(
            "the architecture `{architecture}` is not one of those that llama.cpp lists (gguf-py 0.19): the head is found by \
             its name, and it is not known what precedes or follows it"
        ));
    }
    if is_diffusion(&architecture) {
        found.notes.push(
            "a diffusion language model: its attention is not causal, and its head makes logits at every masked position"
                .to_owned(),
        );
    }
    found.notes.extend(in_use::scales(stored, &found.weight, found.bias.as_deref(), true)?);
    after(stored, metadata, &architecture, &mut found)?;
    Ok(Some(found))
}

/// Refuses a head whose number of rows is neither that of the metadata nor the number of the file's tokens.
fn as_many_rows(
    stored: &Stored,
    metadata: &Metadata,
    architecture: &str,
    weight: &str,
) -> Result<()> {
    let key = format!("{architecture}.vocab_size");
    let rows = stored.get(weight).and_then(|info| info.shape.first()).copied().unwrap_or(0);
    let Some(stated) = metadata.get_u64(&key)?.filter(|&n| n != rows as u64) else { return Ok(()) };
    let tokens = metadata.get_array_bytes("tokenizer.ggml.tokens")?.map(|tokens| tokens.len());
    if tokens == Some(rows) {
        return Ok(());
    }
    Err(Error::head(
        stored.path,
        format!(
            "the metadata say {key} {stated}, but `{weight}` has {rows} rows: are they of another model? --weight {weight} \
             takes the head as it is"
        ),
    ))
}

/// Returns why a file without an output layer has no head, if its architecture or its metadata say so.
fn without_head(
    stored: &Stored,
    metadata: &Metadata,
    architecture: &str,
) -> Result<Option<String>> {
    if is_encoder(architecture) {
        return Ok(Some(format!("{architecture} is an encoder")));
    }
    let pooling = format!("{architecture}.pooling_type");
    let pooled = match metadata.get(&pooling)? {
        Some(Value::Unsigned(n)) if n > 0 => Some(n),
        Some(Value::Signed(n)) => u64::try_from(n).ok().filter(|&n| n > 0),
        _ => None,
    };
    if let Some(n) = pooled {
        return Ok(Some(format!("{architecture} is an embedding model here ({pooling} {n})")));
    }
    let causal = format!("{architecture}.attention.causal");
    if metadata.get_bool(&causal)? == Some(false) && !is_diffusion(architecture) {
        return Ok(Some(format!("{architecture} is an encoder here ({causal} false)")));
    }
    let classifier = ["cls.output.weight", "cls.weight"].into_iter().find(|name| stored.has(name));
    Ok(classifier.map(|name| format!("{architecture} ends in a classifier here (`{name}`)")))
}

/// Checks what the metadata say about the logits after the head, and adds notes.
fn after(
    stored: &Stored,
    metadata: &Metadata,
    architecture: &str,
    found: &mut Found,
) -> Result<()> {
    let cap = metadata.get_f64(&format!("{architecture}.final_logit_softcapping"))?;
    // llama.cpp takes 0 as no soft-cap.
    if let Some(cap) = cap.filter(|cap| *cap != 0.0) {
        found.notes.push(format!("a soft-cap at {cap} follows; it keeps the order of logits"));
    }
    let key = format!("{architecture}.logit_scale");
    if let Some(scale) = metadata.get_f64(&key)? {
        keeps_order(scale).map_err(|why| {
            Error::head(
                stored.path,
                format!(
                    "{key} is {scale}, by which programs multiply or divide the logits: {why}. If the value is wrong, correct the \
                     file; if it is meant, export the rows as the model uses them and audit that file"
                ),
            )
        })?;
        found
            .notes
            .push(format!("a scale (logit_scale {scale}) follows; it keeps the order of logits"));
    }
    Ok(())
}

/// Describes the final norm: `output_norm` in a decoder, `dec.output_norm` in T5, `token_embd_norm` in LFM2; OLMo 1
/// has one without gain. Converters have added 1 to the gains of Gemma, Nemotron and Qwen3-Next.
fn norm(
    stored: &Stored,
    metadata: &Metadata,
    architecture: &str,
) -> Result<Option<NormDescription>> {
    let stems: &[&str] = match architecture {
        "lfm2" | "lfm2moe" => &[FINAL_NORM, "token_embd_norm"],
        _ => &[FINAL_NORM, "dec.output_norm"],
    };
    let stem = stems.iter().find(|stem| stored.has(&format!("{stem}.weight")));
    let bare = architecture == "olmo";
    if stem.is_none() && !bare {
        return Ok(None);
    }
    let stated = |kind| metadata.get_f64(&format!("{architecture}.{}", epsilon(kind)));
    let rms = stated(families::NormKind::RmsNorm)?;
    let layer = stated(families::NormKind::LayerNorm)?;
    let (kind, epsilon) = match (rms, layer) {
        // T5 states both epsilons for its RMSNorm.
        (Some(rms), Some(_)) if architecture == "t5" => (NormKind::RmsNorm, Some(rms)),
        (Some(rms), None) => (NormKind::RmsNorm, Some(rms)),
        (None, Some(layer)) => (NormKind::LayerNorm, Some(layer)),
        _ => (NormKind::Unknown, None),
    };
    let tensor =
        |part: &str| stem.map(|stem| format!("{stem}.{part}")).filter(|name| stored.has(name));
    let (weight, bias) = (tensor("weight"), tensor("bias"));
    Ok(Some(NormDescription { kind, weight, bias, epsilon, factor: 1.0, one_plus: false }))
}
