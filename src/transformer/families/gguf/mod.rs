//! Models in GGUF files, by the keys and names of llama.cpp (`src/llama-arch.cpp`): what all architectures share.

mod architectures;
mod experts;
mod keys;
mod unread;

use std::path::Path;

use crate::checkpoint::Checkpoint;
use crate::checkpoint::gguf::Metadata;
use crate::error::{Error, Result};
use crate::families::gguf::{EMBEDDING, FINAL_NORM, epsilon};
use crate::families::language_model;
use crate::transformer::configuration::Configuration;
use crate::transformer::names::{AttentionNames, EmbeddingNames, Gate, Names, StackNames};
use crate::transformer::weights::Stored;

use architectures::ARCHITECTURES;
use keys::{Keys, READ};

/// The tensor of factors for the rotary frequencies, one per pair of coordinates; the converter stores Llama 3.1's
/// scaling this way.
const ROTARY_FACTORS: &str = "rope_freqs.weight";

/// Recognises the architecture of a GGUF file, and returns its configuration and tensor names.
///
/// # Errors
/// An architecture that is not known, a key that may change the numbers and is not read, or a value that no transformer
/// can have.
pub(in crate::transformer) fn recognise(
    checkpoint: &dyn Checkpoint,
    metadata: &Metadata,
    path: &Path,
) -> Result<(Configuration, Names)> {
    let name = metadata.get_str("general.architecture")?.unwrap_or_default();
    let architecture = ARCHITECTURES.iter().find(|known| known.name == name);
    let family = architecture.and_then(|known| language_model(known.model_type));
    let Some((architecture, family)) = architecture.zip(family) else {
        let known: Vec<&str> = ARCHITECTURES.iter().map(|known| known.name).collect();
        let problem = format!(
            "the architecture `{name}` of this GGUF file is not known; known are {}",
            known.join(", ")
        );
        return Err(Error::malformed(path, problem));
    };
    let keys = Keys { checkpoint, metadata, path, architecture: architecture.name };
    let common = keys.configuration(family)?;
    let read = [READ, architecture.read, &[epsilon(common.norm)]].concat();
    unread::check(metadata, architecture.name, &read, path)?;
    let configuration = (architecture.configuration)(&keys, common)?;
    configuration.check().map_err(|problem| Error::malformed(path, problem))?;
    let names = (architecture.names)(&configuration, names());
    Ok((configuration, names))
}

/// Returns the names of the tensors that most architectures share.
fn names() -> Names {
    Names {
        bodies: &[""],
        embedding: EmbeddingNames::of_tokens(&[EMBEDDING]),
        stack: StackNames {
            block: "blk.{layer}.",
            attention: AttentionNames::Separate(["attn_q", "attn_k", "attn_v", "attn_output"]),
            attention_norm: "attn_norm",
            second_norms: None,
            query_key_norms: None,
            cross: None,
            gate: Gate::Own("ffn_gate"),
            inner: "ffn_up",
            outer: "ffn_down",
            experts: None,
            feed_forward_norm: "ffn_norm",
            final_norm: Some(FINAL_NORM),
            disentangled: None,
            buckets: None,
        },
        encoder: None,
        transform: Vec::new(),
        stored: Stored::OutIn,
        output_projection: None,
        rotary_factors: Some(ROTARY_FACTORS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_architecture_that_runs_is_listed_and_has_a_family() {
        for architecture in ARCHITECTURES {
            assert!(crate::families::gguf::is_listed(architecture.name), "{}", architecture.name);
            assert!(language_model(architecture.model_type).is_some(), "{}", architecture.name);
        }
    }
}
