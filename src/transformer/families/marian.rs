//! Marian (Junczys-Dowmunt et al., 2018) as OPUS-MT publishes it: the original encoder and decoder of Vaswani et al.
//! (2017), with norms after the residual sums, sinusoidal positions, and a bias of the logits.
//!
//! Reference: `models/marian/modeling_marian.py` of transformers.

use serde_json::json;

use super::Forward;
use crate::error::Result;
use crate::families::Family;
use crate::transformer::configuration::{
    Activation, Biases, Configuration, EncoderSizes, Placement,
};
use crate::transformer::names::{AttentionNames, EmbeddingNames, Gate, Names, StackNames};
use crate::transformer::positions::{Position, Sinusoid};
use crate::transformer::settings::Settings;
use crate::transformer::weights::Stored;

/// The family Marian.
pub(super) const FORWARD: Forward = Forward {
    model_types: &["marian"],
    configuration,
    // The reference sets the first key for each of its stacks, and no longer reads the second.
    inert: &["is_decoder", "extra_pos_embeddings"],
    names,
};

fn configuration(settings: &Settings, family: &Family) -> Result<Configuration> {
    // These are switches of earlier versions of the reference, which no longer reads them; published models have
    // these values.
    settings.only("normalize_before", &json!(false), "norms before the sums")?;
    settings.only("normalize_embedding", &json!(false), "a norm of the embedding")?;
    settings.only("add_final_layer_norm", &json!(false), "a norm after the last layer")?;
    settings.only("static_position_embeddings", &json!(true), "learned positions")?;
    settings.only("add_bias_logits", &json!(false), "another bias of the logits")?;
    Ok(Configuration {
        placement: Placement::After,
        position: Position::Sinusoidal(Sinusoid::Open),
        ..sizes(settings, family, Activation::Gelu, false)?
    })
}

/// Reads the sizes of an encoder and a decoder with LayerNorm and biases. `activation`, and whether the embedding is
/// `scaled`, are the reference's defaults.
pub(super) fn sizes(
    settings: &Settings,
    family: &Family,
    activation: Activation,
    scaled: bool,
) -> Result<Configuration> {
    let width = settings.needed(&["d_model", "hidden_size"])?;
    let tokens = settings.needed(&["vocab_size"])?;
    let encoder_heads = settings.needed(&["encoder_attention_heads", "num_attention_heads"])?;
    let heads = settings.needed(&["decoder_attention_heads"])?;
    let activation = settings.activation("activation_function", activation)?;
    let scale =
        if settings.truth("scale_embedding", scaled)? { (width as f64).sqrt() } else { 1.0 };
    Ok(Configuration {
        tokens: settings.size("decoder_vocab_size")?.unwrap_or(tokens),
        width,
        input_width: width,
        layers: settings.needed(&["decoder_layers"])?,
        encoder: Some(EncoderSizes {
            tokens,
            bands: None,
            context: None,
            layers: settings.needed(&["encoder_layers", "num_hidden_layers"])?,
            heads: encoder_heads,
            head_width: settings.head_width(width, encoder_heads)?,
            inner: settings.needed(&["encoder_ffn_dim"])?,
            shared_tokens: settings.truth("share_encoder_decoder_embeddings", true)?,
        }),
        heads,
        key_value_heads: heads,
        head_width: settings.head_width(width, heads)?,
        inner: settings.needed(&["decoder_ffn_dim"])?,
        context: Some(settings.needed(&["max_position_embeddings"])?),
        activation,
        transform_activation: activation,
        attention_biases: Biases::All,
        feed_forward_biases: Biases::All,
        embedding_scale: scale,
        ..settings.plain(family)?
    })
}

pub(super) fn names(family: &Family, configuration: &Configuration) -> Names {
    // If encoder and decoder have vocabularies of their own, no table is shared.
    let shared = configuration.encoder.is_some_and(|encoder| encoder.shared_tokens);
    let [decoder, encoder]: [&[&str]; 2] = match shared {
        true => [family.tied_to; 2],
        false => [
            &["*decoder.embed_tokens.weight", "*shared.weight"],
            &["*encoder.embed_tokens.weight", "*shared.weight"],
        ],
    };
    Names {
        bodies: family.bodies,
        // Sinusoids are computed, although old files hold them.
        embedding: EmbeddingNames::of_tokens(decoder),
        stack: StackNames {
            block: "decoder.layers.{layer}.",
            cross: Some((CROSS, "encoder_attn_layer_norm")),
            ..ENCODER
        },
        encoder: Some((EmbeddingNames::of_tokens(encoder), ENCODER)),
        transform: Vec::new(),
        output_projection: None,
        stored: Stored::OutIn,
        rotary_factors: None,
    }
}

/// The names of the attention to the encoder.
const CROSS: AttentionNames = AttentionNames::Separate([
    "encoder_attn.q_proj",
    "encoder_attn.k_proj",
    "encoder_attn.v_proj",
    "encoder_attn.out_proj",
]);

/// The names of the encoder's blocks.
pub(super) const ENCODER: StackNames = StackNames {
    block: "encoder.layers.{layer}.",
    attention: AttentionNames::Separate([
        "self_attn.q_proj",
        "self_attn.k_proj",
        "self_attn.v_proj",
        "self_attn.out_proj",
    ]),
    attention_norm: "self_attn_layer_norm",
    second_norms: None,
    query_key_norms: None,
    cross: None,
    gate: Gate::None,
    inner: "fc1",
    outer: "fc2",
    experts: None,
    feed_forward_norm: "final_layer_norm",
    final_norm: None,
    disentangled: None,
    buckets: None,
};
