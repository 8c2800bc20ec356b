//! The families of transformers that run: how their configuration is read, and how their tensors are named.
//!
//! A family's name, embedding and norm before the head are in its row of [the table of families](crate::families), from
//! which its output layer is found.

mod albert;
mod bart;
mod bert;
mod bloom;
mod cohere;
mod deberta;
mod decoder;
mod distilbert;
mod gemma;
mod gguf;
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
use crate::families::{Family, language_model};
use std::path::Path;

/// How models of a family run: how their configuration is read, and how their tensors are named.
///
/// The row of the family in the table of families holds the rest: its name, bodies and embedding, and the norm before
/// the head.
pub(super) struct Forward {
    /// The values of `model_type` in config.json, each of which has a row in that table.
    pub model_types: &'static [&'static str],
    /// Reads config.json.
    pub configuration: fn(&Settings, &Family) -> Result<Configuration>,
    /// Keys of its config.json that change no number.
    pub inert: &'static [&'static str],
    /// Returns the names of the tensors.
    pub names: fn(&Family, &Configuration) -> Names,
}

/// All families that run.
const FORWARDS: &[&Forward] = &[
    &bert::FORWARD,
    &roberta::FORWARD,
    &albert::FORWARD,
    &distilbert::FORWARD,
    &distilbert::ELECTRA,
    &modernbert::FORWARD,
    &deberta::FORWARD,
    &gpt2::FORWARD,
    &gpt_j::FORWARD,
    &gpt_j::NEO,
    &gpt_neox::FORWARD,
    &opt::FORWARD,
    &bloom::FORWARD,
    &bloom::FALCON,
    &llama::FORWARD,
    &qwen::SECOND,
    &qwen::THIRD,
    &mistral::FORWARD,
    &mixtures::MIXTRAL,
    &mixtures::QWEN_2,
    &mixtures::QWEN_3,
    &gpt_oss::FORWARD,
    &smollm3::FORWARD,
    &gemma::FIRST,
    &gemma::SECOND,
    &gemma::THIRD,
    &phi::FIRST,
    &phi::THIRD,
    &olmo::FORWARD,
    &granite::FORWARD,
    &cohere::FIRST,
    &cohere::SECOND,
    &stablelm::FORWARD,
    &starcoder2::FORWARD,
    &t5::FORWARD,
    &marian::FORWARD,
    &bart::FORWARD,
    &bart::MBART,
    &bart::PEGASUS,
    &bart::M2M_100,
    &whisper::FORWARD,
    &xlnet::FORWARD,
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
             or a GGUF file (model types: {})",
            listed()
        );
        return Err(Error::malformed(path, problem));
    };
    let model_type = settings.text("model_type")?.unwrap_or_default();
    let forward = FORWARDS.iter().find(|forward| forward.model_types.contains(&model_type));
    let Some((forward, family)) = forward.zip(language_model(model_type)) else {
        return Err(settings.refuse(format!(
            "the model type `{model_type}` is not known; known are {}",
            listed()
        )));
    };
    let configuration = settings.checked((forward.configuration)(&settings, family)?)?;
    settings.only(
        "is_encoder_decoder",
        &configuration.has_encoder().into(),
        "the family has encoder and decoder, or one stack",
    )?;
    known::check(&settings, family.name, forward.inert)?;
    let names = (forward.names)(family, &configuration);
    Ok((configuration, names))
}

/// Lists the model types that run, for errors.
fn listed() -> String {
    FORWARDS.iter().flat_map(|forward| forward.model_types).copied().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::families::families;

    #[test]
    fn every_model_type_that_runs_has_one_row_in_the_table_and_runs_in_one_way() {
        for model_type in FORWARDS.iter().flat_map(|forward| forward.model_types) {
            let rows = families().filter(|family| family.is_of_tokens());
            let rows = rows.filter(|family| family.model_types.contains(model_type)).count();
            let ways = FORWARDS.iter().filter(|f| f.model_types.contains(model_type)).count();
            assert_eq!((rows, ways), (1, 1), "{model_type}");
        }
    }
}
