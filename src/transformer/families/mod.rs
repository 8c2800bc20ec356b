//! The known families of transformers, one file each, with its configuration and its tensor names.

mod albert;
mod bart;
mod bert;
mod bloom;
mod cohere;
mod decoder;
mod distilbert;
mod gemma;
mod gguf;
mod gguf_architectures;
mod gguf_experts;
mod gguf_keys;
mod gpt2;
mod gpt_j;
mod gpt_neox;
mod gpt_oss;
mod granite;
mod llama;
mod marian;
mod mistral;
mod mixtures;
mod modernbert;
mod olmo;
mod opt;
mod phi;
mod qwen;
mod roberta;
mod rope;
mod smollm3;
mod stablelm;
mod starcoder2;
mod t5;
mod whisper;
mod xlnet;

use super::configuration::Configuration;
use super::known;
use super::names::Names;
use super::settings::Settings;
use crate::checkpoint::Checkpoint;
use crate::error::{Error, Result};
use std::path::Path;

/// A family of transformers: how its configuration is read and how its tensors are named.
pub(super) struct Family {
    /// The name of the family, for people.
    pub name: &'static str,
    /// The values of `model_type` in config.json.
    pub model_types: &'static [&'static str],
    /// Reads config.json.
    pub configuration: fn(&Settings) -> Result<Configuration>,
    /// Keys of its config.json that change no number.
    pub inert: &'static [&'static str],
    /// Returns the names of the tensors.
    pub names: fn(&Configuration) -> Names,
}

/// All known families.
pub(super) const FAMILIES: &[&Family] = &[
    &bert::FAMILY,
    &roberta::FAMILY,
    &albert::FAMILY,
    &distilbert::FAMILY,
    &distilbert::ELECTRA,
    &modernbert::FAMILY,
    &gpt2::FAMILY,
    &gpt_j::FAMILY,
    &gpt_j::NEO,
    &gpt_neox::FAMILY,
    &opt::FAMILY,
    &bloom::FAMILY,
    &bloom::FALCON,
    &llama::FAMILY,
    &qwen::SECOND,
    &qwen::THIRD,
    &mistral::FAMILY,
    &mixtures::MIXTRAL,
    &mixtures::QWEN_2,
    &mixtures::QWEN_3,
    &gpt_oss::FAMILY,
    &smollm3::FAMILY,
    &gemma::FIRST,
    &gemma::SECOND,
    &gemma::THIRD,
    &phi::FIRST,
    &phi::THIRD,
    &olmo::FAMILY,
    &granite::FAMILY,
    &cohere::FIRST,
    &cohere::SECOND,
    &stablelm::FAMILY,
    &starcoder2::FAMILY,
    &t5::FAMILY,
    &marian::FAMILY,
    &bart::FAMILY,
    &bart::MBART,
    &bart::PEGASUS,
    &bart::M2M_100,
    &whisper::FAMILY,
    &xlnet::FAMILY,
];

/// Recognises the family of an opened checkpoint, and returns its configuration and tensor names.
///
/// # Errors
/// No configuration, a family that is not known, or a configuration that no transformer can have.
pub(super) fn recognise(
    checkpoint: &dyn Checkpoint,
    path: &Path,
) -> Result<(Configuration, Names)> {
    if let Some(metadata) = checkpoint.metadata() {
        return gguf::recognise(checkpoint, metadata, path);
    }
    let Some(settings) = Settings::of(checkpoint)? else {
        let problem = format!(
            "there is no config.json beside it, which says what the model is made of; name a folder with one, \
             or a GGUF file (families: {})",
            listed()
        );
        return Err(Error::malformed(path, problem));
    };
    let model_type = settings.text("model_type")?.unwrap_or_default();
    let Some(family) = FAMILIES.iter().find(|family| family.model_types.contains(&model_type))
    else {
        return Err(settings.refuse(format!(
            "the model type `{model_type}` is not known; known are {}",
            listed()
        )));
    };
    let configuration = settings.checked((family.configuration)(&settings)?)?;
    settings.only(
        "is_encoder_decoder",
        &configuration.has_encoder().into(),
        "the family has encoder and decoder, or one stack",
    )?;
    known::check(&settings, family.name, family.inert)?;
    let names = (family.names)(&configuration);
    Ok((configuration, names))
}

/// Lists the known families with their model types, for errors.
fn listed() -> String {
    let one = |family: &&Family| format!("{} ({})", family.name, family.model_types.join(", "));
    FAMILIES.iter().map(one).collect::<Vec<_>>().join(", ")
}
