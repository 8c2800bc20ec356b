//! Whisper (Radford et al., 2022): an encoder of sound, whose two convolutions read log-mel features, and a decoder of
//! text that attends to it. Norms before the maps, keys without a bias.
//!
//! Reference: `models/whisper/modeling_whisper.py` of transformers.

use super::{Forward, marian};
use crate::error::Result;
use crate::families::Family;
use crate::transformer::configuration::{Activation, Biases, Configuration, EncoderSizes};
use crate::transformer::names::{EmbeddingNames, Names, StackNames};
use crate::transformer::positions::Position;
use crate::transformer::settings::Settings;

/// The family Whisper.
pub(super) const FORWARD: Forward = Forward {
    model_types: &["whisper"],
    configuration,
    inert: &[
        // Of training: which features are hidden.
        "apply_spec_augment",
        "mask_time_prob",
        "mask_time_length",
        "mask_time_min_masks",
        "mask_feature_prob",
        "mask_feature_length",
        "mask_feature_min_masks",
        // Of a classifier of sounds, and of the times of words.
        "use_weighted_layer_sum",
        "classifier_proj_size",
        "median_filter_width",
        // The reference computes the factor and multiplies nothing by it.
        "scale_embedding",
        "is_decoder",
        // Of older files.
        "input_channels",
        "save_step",
    ],
    names,
};

fn configuration(settings: &Settings, family: &Family) -> Result<Configuration> {
    let width = settings.needed(&["d_model", "hidden_size"])?;
    let encoder_heads = settings.needed(&["encoder_attention_heads", "num_attention_heads"])?;
    let heads = settings.needed(&["decoder_attention_heads"])?;
    let activation = settings.activation("activation_function", Activation::Gelu)?;
    Ok(Configuration {
        tokens: settings.needed(&["vocab_size"])?,
        width,
        input_width: width,
        layers: settings.needed(&["decoder_layers"])?,
        encoder: Some(EncoderSizes {
            tokens: 0,
            bands: Some(settings.needed(&["num_mel_bins"])?),
            context: Some(settings.needed(&["max_source_positions"])?),
            layers: settings.needed(&["encoder_layers", "num_hidden_layers"])?,
            heads: encoder_heads,
            head_width: settings.head_width(width, encoder_heads)?,
            inner: settings.needed(&["encoder_ffn_dim"])?,
            shared_tokens: false,
        }),
        heads,
        key_value_heads: heads,
        head_width: settings.head_width(width, heads)?,
        inner: settings.needed(&["decoder_ffn_dim"])?,
        context: Some(settings.needed(&["max_target_positions"])?),
        position: Position::Learned { offset: 0, padding: None },
        activation,
        transform_activation: activation,
        attention_biases: Biases::AllButKey,
        feed_forward_biases: Biases::All,
        ..settings.plain(family)?
    })
}

fn names(family: &Family, configuration: &Configuration) -> Names {
    let plain = marian::names(family, configuration);
    Names {
        embedding: EmbeddingNames {
            positions: Some("decoder.embed_positions.weight"),
            ..EmbeddingNames::of_tokens(family.tied_to)
        },
        stack: StackNames { final_norm: family.final_norm(), ..plain.stack },
        encoder: Some((
            // The encoder's sines are stored like any table, and taken as they are.
            EmbeddingNames {
                convolutions: Some(["encoder.conv1", "encoder.conv2"]),
                positions: Some("encoder.embed_positions.weight"),
                ..EmbeddingNames::of_tokens(&[])
            },
            StackNames { final_norm: Some("encoder.layer_norm"), ..marian::ENCODER },
        )),
        ..plain
    }
}
