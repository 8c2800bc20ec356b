//! The output layers of models of an encoder and a decoder.

use super::bases::{DECODER, LAYER_NORM, RMS_NORM, SEQ2SEQ, alike};
use super::family::{Factor, Family, HeadNorm, Quirk};

/// The layout of T5, on which others are based.
const T5: Family = Family {
    bodies: &[""],
    tied_to: &["shared.weight", "decoder.embed_tokens.weight"],
    biases: &[],
    norm: Some(T5_NORM),
    ..SEQ2SEQ
};
/// T5's final norm.
const T5_NORM: HeadNorm = HeadNorm {
    stems: &["decoder.final_layer_norm"],
    epsilon: (&["layer_norm_epsilon"], 1e-6),
    ..RMS_NORM
};

/// Models with the layout of T5.
pub(super) const LIKE_T5: &[Family] = &[
    Family {
        name: "T5",
        source: "transformers models/t5, models/umt5, models/longt5, models/pop2piano",
        model_types: &["t5", "umt5", "longt5", "pop2piano"],
        norm: Some(HeadNorm { factor: Factor::T5, ..T5_NORM }),
        ..T5
    },
    Family {
        name: "mT5",
        source: "transformers models/mt5 (no factor before the head)",
        model_types: &["mt5"],
        ..T5
    },
    Family {
        name: "Switch transformers, UDOP",
        source: "transformers models/switch_transformers, models/udop",
        model_types: &["switch_transformers", "udop"],
        norm: Some(HeadNorm { factor: Factor::IfTied, ..T5_NORM }),
        ..T5
    },
];

/// Models whose last layer ends in a norm, after its residual sum.
pub(super) const POST_NORM: &[Family] = alike!(
    Family {
        norm: Some(HeadNorm { stems: &["*decoder.layers.{last}.final_layer_norm"], ..LAYER_NORM }),
        ..SEQ2SEQ
    };
    "BART" "transformers models/bart, models/mvp, models/plbart, models/blenderbot_small (the last layer's norm comes after its sum)" ["bart", "mvp", "plbart", "blenderbot-small"],
    "Marian, OPUS-MT" "transformers models/marian (the last layer's norm comes after its sum)" ["marian"],
);

/// Models with a norm after the last layer.
pub(super) const PRE_NORM: &[Family] = alike!(
    Family { norm: Some(HeadNorm { stems: &["*decoder.layer_norm"], ..LAYER_NORM }), ..SEQ2SEQ };
    "mBART" "transformers models/mbart" ["mbart"],
    "Pegasus" "transformers models/pegasus" ["pegasus"],
    "Pegasus-X" "transformers models/pegasus_x" ["pegasus_x"],
    "Blenderbot" "transformers models/blenderbot" ["blenderbot"],
    "M2M-100, NLLB" "transformers models/m2m_100, models/nllb_moe" ["m2m_100", "nllb-moe"],
    "Speech2Text" "transformers models/speech_to_text" ["speech_to_text"],
);

/// Models with other names or norms.
pub(super) const OTHERS: &[Family] = &[
    Family {
        name: "BigBird-Pegasus",
        source: "transformers models/bigbird_pegasus (layernorm_embedding comes after the layers)",
        model_types: &["bigbird_pegasus"],
        norm: Some(HeadNorm { stems: &["*decoder.layernorm_embedding"], ..LAYER_NORM }),
        ..SEQ2SEQ
    },
    Family {
        name: "LED",
        source: "transformers models/led (the last layer's norm comes after its sum)",
        model_types: &["led"],
        bodies: &["led.", ""],
        norm: Some(HeadNorm { stems: &["*decoder.layers.{last}.final_layer_norm"], ..LAYER_NORM }),
        ..SEQ2SEQ
    },
    Family {
        name: "FSMT",
        source: "transformers models/fsmt (output_projection is tied to the decoder's embedding always)",
        model_types: &["fsmt"],
        separate: &["model.decoder.output_projection.weight"],
        tied_to: &["*decoder.embed_tokens.weight"],
        biases: &[],
        norm: Some(HeadNorm { stems: &["*decoder.layers.{last}.final_layer_norm"], ..LAYER_NORM }),
        quirk: Some(Quirk::TiedDespiteTheFlag),
        ..SEQ2SEQ
    },
    Family {
        name: "Whisper",
        source: "transformers models/whisper",
        model_types: &["whisper"],
        separate: &["proj_out.weight"],
        tied_to: &["*decoder.embed_tokens.weight"],
        biases: &[],
        norm: Some(HeadNorm { stems: &["*decoder.layer_norm"], ..LAYER_NORM }),
        ..SEQ2SEQ
    },
    Family {
        name: "Moonshine",
        source: "transformers models/moonshine, models/moonshine_streaming",
        model_types: &["moonshine", "moonshine_streaming"],
        separate: &["proj_out.weight"],
        tied_to: &["*decoder.embed_tokens.weight"],
        biases: &[],
        norm: Some(HeadNorm { stems: &["*decoder.norm"], ..LAYER_NORM }),
        ..SEQ2SEQ
    },
    Family {
        name: "Canary, Cohere ASR",
        source: "transformers models/canary, models/cohere_asr",
        model_types: &["canary", "cohere_asr"],
        separate: &["proj_out.weight"],
        tied_to: &["*decoder.embed_tokens.weight"],
        biases: &["proj_out.bias"],
        needs_bias: true,
        norm: Some(HeadNorm { stems: &["*decoder.norm"], ..LAYER_NORM }),
        ..SEQ2SEQ
    },
    Family {
        name: "SeamlessM4T (text)",
        source: "transformers models/seamless_m4t, models/seamless_m4t_v2",
        model_types: &["seamless_m4t", "seamless_m4t_v2"],
        bodies: &[""],
        tied_to: &["shared.weight", "text_decoder.embed_tokens.weight"],
        biases: &[],
        norm: Some(HeadNorm { stems: &["text_decoder.layer_norm"], ..LAYER_NORM }),
        ..SEQ2SEQ
    },
    Family {
        name: "ProphetNet",
        source: "transformers models/prophetnet (the last layer's norm comes after its sum)",
        model_types: &["prophetnet"],
        bodies: &["prophetnet."],
        tied_to: &["*word_embeddings.weight", "*decoder.word_embeddings.weight"],
        biases: &[],
        norm: Some(HeadNorm {
            stems: &["*decoder.layers.{last}.feed_forward_layer_norm"],
            ..LAYER_NORM
        }),
        ..SEQ2SEQ
    },
    Family {
        name: "TrOCR",
        source: "transformers models/trocr (the last layer's norm comes after its sum)",
        model_types: &["trocr"],
        separate: &["output_projection.weight"],
        tied_to: &["*decoder.embed_tokens.weight"],
        known_by: &["model.decoder.embed_tokens.weight"],
        tied_by_default: true,
        bodies: &["model."],
        norm: Some(HeadNorm { stems: &["*decoder.layers.{last}.final_layer_norm"], ..LAYER_NORM }),
        ..DECODER
    },
    Family {
        name: "T5Gemma",
        source: "transformers models/t5gemma, models/t5gemma2 (RMSNorm: 1 + weight)",
        model_types: &["t5gemma", "t5_gemma_module", "t5gemma2", "t5gemma2_decoder"],
        separate: &["lm_head.out_proj.weight"],
        tied_to: &[
            "*decoder.embed_tokens.weight",
            "*encoder.text_model.embed_tokens.weight",
            "*encoder.embed_tokens.weight",
        ],
        biases: &[],
        norm: Some(HeadNorm { stems: &["*decoder.norm"], one_plus: true, ..RMS_NORM }),
        ..SEQ2SEQ
    },
];
