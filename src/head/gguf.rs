//! The head of a GGUF file, by the names of llama.cpp (`src/llama-arch.cpp`, `src/llama-model.cpp`).

use super::final_norm::Stated;
use super::found::{Found, Tying};
use super::stored::Stored;
use crate::checkpoint::gguf::Metadata;
use crate::error::{Error, Result};

const OUTPUT: &str = "output.weight";
const EMBEDDING: &str = "token_embd.weight";

/// Architectures that make no logits of tokens (`LLM_ARCH_*` with pooled or encoder output only).
const ENCODERS: [&str; 7] = [
    "bert",
    "modern-bert",
    "nomic-bert",
    "nomic-bert-moe",
    "neo-bert",
    "jina-bert-v2",
    "t5encoder",
];

/// Looks for the head; `None` where neither name is stored.
///
/// # Errors
/// An encoder, or metadata of the wrong type.
pub(super) fn find(stored: &Stored, metadata: &Metadata) -> Result<Option<Found>> {
    let architecture = metadata.get_str("general.architecture")?.unwrap_or_default().to_owned();
    let mut found = if stored.matrix(OUTPUT).is_some() {
        let mut found = Found::plain(OUTPUT, "GGUF's output layer");
        found.tying = Tying::Own;
        found
    } else if stored.matrix(EMBEDDING).is_some() {
        if ENCODERS.contains(&architecture.as_str()) {
            let problem = format!(
                "{architecture} is an encoder without an output layer, so there is nothing to audit. Name the checkpoint \
                 of a model with a head, or choose a matrix by --weight{}",
                stored.listed()
            );
            return Err(Error::head(stored.path, problem));
        }
        let why = "GGUF's token embedding: without `output.weight` the output layer is tied to it";
        let mut found = Found::plain(EMBEDDING, why);
        found.tying = Tying::Tied(EMBEDDING.to_owned());
        found
    } else {
        return Ok(None);
    };
    found.is_plain = false;
    found.bias = Some("output.bias".to_owned()).filter(|name| stored.has(name));
    found.norm = norm(stored, metadata, &architecture)?;
    if let Some(cap) = metadata.get_f64(&format!("{architecture}.final_logit_softcapping"))? {
        found.notes.push(format!("a soft-cap at {cap} follows; it keeps the order of logits"));
    }
    if let Some(scale) = metadata.get_f64(&format!("{architecture}.logit_scale"))?
        && scale > 0.0
    {
        found
            .notes
            .push(format!("a scale (logit_scale {scale}) follows; it keeps the order of logits"));
    }
    Ok(Some(found))
}

/// The final norm: of a decoder `output_norm`, of T5 `dec.output_norm`. Converters have added 1 to Gemma's gain.
fn norm(stored: &Stored, metadata: &Metadata, architecture: &str) -> Result<Option<Stated>> {
    let Some(stem) = ["output_norm", "dec.output_norm"]
        .into_iter()
        .find(|stem| stored.has(&format!("{stem}.weight")))
    else {
        return Ok(None);
    };
    let epsilon = |key: &str| metadata.get_f64(&format!("{architecture}.attention.{key}"));
    let (kind, epsilon) = match epsilon("layer_norm_rms_epsilon")? {
        Some(epsilon) => ("RMSNorm", Some(epsilon)),
        None => match epsilon("layer_norm_epsilon")? {
            Some(epsilon) => ("LayerNorm", Some(epsilon)),
            None => ("norm", None),
        },
    };
    let bias = Some(format!("{stem}.bias")).filter(|name| stored.has(name));
    Ok(Some(Stated {
        kind,
        weight: format!("{stem}.weight"),
        bias,
        epsilon,
        factor: 1.0,
        one_plus: false,
    }))
}
