//! Rules for models of an encoder and a decoder.

use super::{DECODER, Factor, LAYER_NORM, NormRule, Quirk, RMS_NORM, Rule, SEQ2SEQ, alike};

/// The layout of T5, on which others are based.
const T5: Rule = Rule {
    bodies: &[""],
    tied_to: &["shared.weight", "decoder.embed_tokens.weight"],
    biases: &[],
    norm: Some(T5_NORM),
    ..SEQ2SEQ
};
/// T5's final norm.
const T5_NORM: NormRule = NormRule {
    stems: &["decoder.final_layer_norm"],
    epsilon: (&["layer_norm_epsilon"], 1e-6),
    ..RMS_NORM
};

/// Models with the layout of T5.
pub(super) const LIKE_T5: &[Rule] = &[
    Rule {
        family: "T5",
        source: "transformers models/t5, models/umt5, models/longt5, models/pop2piano",
        model_types: &["t5", "umt5", "longt5", "pop2piano"],
        norm: Some(NormRule { factor: Factor::T5, ..T5_NORM }),
        ..T5
    },
    Rule {
        family: "mT5",
        source: "transformers models/mt5 (no factor before the head)",
        model_types: &["mt5"],
        ..T5
    },
    Rule {
        family: "Switch transformers, UDOP",
        source: "transformers models/switch_transformers, models/udop",
        model_types: &["switch_transformers", "udop"],
        norm: Some(NormRule { factor: Factor::IfTied, ..T5_NORM }),
        ..T5
    },
];

/// Models whose last layer ends in a norm, after its residual sum.
pub(super) const POST_NORM: &[Rule] = alike!(
    Rule {
        norm: Some(NormRule { stems: &["*decoder.layers.{last}.final_layer_norm"], ..LAYER_NORM }),
        ..SEQ2SEQ
    };
    "BART" "transformers models/bart, models/mvp, models/plbart, models/blenderbot_small (the last layer's norm comes after its sum)" ["bart", "mvp", "plbart", "blenderbot-small"],
    "Marian, OPUS-MT" "transformers models/marian (the last layer's norm comes after its sum)" ["marian"],
);

/// Models with a norm after the last layer.
pub(super) const PRE_NORM: &[Rule] = alike!(
    Rule { norm: Some(NormRule { stems: &["*decoder.layer_norm"], ..LAYER_NORM }), ..SEQ2SEQ };
    "mBART" "transformers models/mbart, models/pegasus" ["mbart", "pegasus"],
    "Pegasus-X" "transformers models/pegasus_x" ["pegasus_x"],
    "Blenderbot" "transformers models/blenderbot" ["blenderbot"],
    "M2M-100, NLLB" "transformers models/m2m_100, models/nllb_moe" ["m2m_100", "nllb-moe"],
    "Speech2Text" "transformers models/speech_to_text" ["speech_to_text"],
);

/// Models with other names or norms.
pub(super) const OTHERS: &[Rule] = &[
    Rule {
        family: "BigBird-Pegasus",
        source: "transformers models/bigbird_pegasus (layernorm_embedding comes after the layers)",
        model_types: &["bigbird_pegasus"],
        norm: Some(NormRule { stems: &["*decoder.layernorm_embedding"], ..LAYER_NORM }),
        ..SEQ2SEQ
    },
    Rule {
        family: "LED",
        source: "transformers models/led (the last layer's norm comes after its sum)",
        model_types: &["led"],
        bodies: &["led.", ""],
        norm: Some(NormRule { stems: &["*decoder.layers.{last}.final_layer_norm"], ..LAYER_NORM }),
        ..SEQ2SEQ
    },
    Rule {
        family: "FSMT",
        source: "transformers models/fsmt (output_projection is tied to the decoder's embedding always)",
        model_types: &["fsmt"],
        separate: &["model.decoder.output_projection.weight"],
        tied_to: &["*decoder.embed_tokens.weight"],
        biases: &[],
        norm: Some(NormRule { stems: &["*decoder.layers.{last}.final_layer_norm"], ..LAYER_NORM }),
        quirk: Some(Quirk::TiedDespiteTheFlag),
        ..SEQ2SEQ
    },
    Rule {
        family: "Whisper",
        source: "transformers models/whisper",
        model_types: &["whisper"],
        separate: &["proj_out.weight"],
        tied_to: &["*decoder.embed_tokens.weight"],
        biases: &[],
        norm: Some(NormRule { stems: &["*decoder.layer_norm"], ..LAYER_NORM }),
        ..SEQ2SEQ
    },
    Rule {
        family: "Moonshine",
        source: "transformers models/moonshine, models/moonshine_streaming",
        model_types: &["moonshine", "moonshine_streaming"],
        separate: &["proj_out.weight"],
        tied_to: &["*decoder.embed_tokens.weight"],
        biases: &[],
        norm: Some(NormRule { stems: &["*decoder.norm"], ..LAYER_NORM }),
        ..SEQ2SEQ
    },
    Rule {
        family: "Canary, Cohere ASR",
        source: "transformers models/canary, models/cohere_asr",
        model_types: &["canary", "cohere_asr"],
        separate: &["proj_out.weight"],
        tied_to: &["*decoder.embed_tokens.weight"],
        biases: &["proj_out.bias"],
        needs_bias: true,
        norm: Some(NormRule { stems: &["*decoder.norm"], ..LAYER_NORM }),
        ..SEQ2SEQ
    },
    Rule {
        family: "SeamlessM4T (text)",
        source: "transformers models/seamless_m4t, models/seamless_m4t_v2",
        model_types: &["seamless_m4t", "seamless_m4t_v2"],
        bodies: &[""],
        tied_to: &["shared.weight", "text_decoder.embed_tokens.weight"],
        biases: &[],
        norm: Some(NormRule { stems: &["text_decoder.layer_norm"], ..LAYER_NORM }),
        ..SEQ2SEQ
    },
    Rule {
        family: "ProphetNet",
        source: "transformers models/prophetnet (the last layer's norm comes after its sum)",
        model_types: &["prophetnet"],
        bodies: &["prophetnet."],
        tied_to: &["*word_embeddings.weight", "*decoder.word_embeddings.weight"],
        biases: &[],
        norm: Some(NormRule {
            stems: &["*decoder.layers.{last}.feed_forward_layer_norm"],
            ..LAYER_NORM
        }),
        ..SEQ2SEQ
    },
    Rule {
        family: "TrOCR",
        source: "transformers models/trocr (the last layer's norm comes after its sum)",
        model_types: &["trocr"],
        separate: &["output_projection.weight"],
        tied_to: &["*decoder.embed_tokens.weight"],
        known_by: &["model.decoder.embed_tokens.weight"],
        tied_by_default: true,
        bodies: &["model."],
        norm: Some(NormRule { stems: &["*decoder.layers.{last}.final_layer_norm"], ..LAYER_NORM }),
        ..DECODER
    },
    Rule {
        family: "T5Gemma",
        source: "transformers models/t5gemma, models/t5gemma2 (RMSNorm: 1 + weight)",
        model_types: &["t5gemma", "t5_gemma_module", "t5gemma2", "t5gemma2_decoder"],
        separate: &["lm_head.out_proj.weight"],
        tied_to: &[
            "*decoder.embed_tokens.weight",
            "*encoder.text_model.embed_tokens.weight",
            "*encoder.embed_tokens.weight",
        ],
        biases: &[],
        norm: Some(NormRule { stems: &["*decoder.norm"], one_plus: true, ..RMS_NORM }),
        ..SEQ2SEQ
    },
];
