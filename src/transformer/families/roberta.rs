//! RoBERTa (Liu et al., 2019) and XLM-R (Conneau et al., 2019): BERT with positions that begin after the padding
//! token's id and do not count padding tokens.
//!
//! Reference: `models/roberta/modeling_roberta.py` of transformers.

use super::Forward;
use super::bert;
use crate::error::Result;
use crate::families::Family;
use crate::transformer::configuration::{Activation, Biases, Configuration};
use crate::transformer::names::{Names, transform};
use crate::transformer::positions::Position;
use crate::transformer::settings::Settings;
use crate::transformer::weights::Stored;

/// The family RoBERTa.
pub(super) const FORWARD: Forward = Forward {
    model_types: &["roberta", "xlm-roberta", "camembert"],
    configuration,
    inert: &[],
    names,
};

fn configuration(settings: &Settings, family: &Family) -> Result<Configuration> {
    let mut configuration = bert::configuration(settings, family)?;
    let padding = configuration.special.padding.unwrap_or(1);
    let rows = configuration.context.unwrap_or_default();
    let offset = padding as usize + 1;
    if rows <= offset {
        return Err(settings.refuse(format!(
            "`max_position_embeddings` is {rows}, but positions begin after the padding token's id {padding}"
        )));
    }
    configuration.special.padding = Some(padding);
    configuration.context = Some(rows - offset);
    configuration.position = Position::Learned { offset, padding: Some(padding) };
    // The transform has its own activation, whatever the configuration says.
    configuration.transform_activation = Activation::Gelu;
    bert::one_width(settings, &configuration)?;
    Ok(configuration)
}

fn names(family: &Family, _: &Configuration) -> Names {
    Names {
        bodies: family.bodies,
        embedding: bert::embedding(family),
        stack: bert::STACK,
        encoder: None,
        transform: transform(family, "lm_head.dense", Biases::All),
        output_projection: None,
        stored: Stored::OutIn,
        rotary_factors: None,
    }
}
