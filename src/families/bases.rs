//! What the rows of several families share: norms, lists of names and of tasks, and rows to start from.

use super::family::{Factor, Family, HeadNorm, NormKind};

/// A LayerNorm with torch's default epsilon.
pub(super) const LAYER_NORM: HeadNorm = HeadNorm {
    kind: NormKind::LayerNorm,
    rms_flag: None,
    stems: &[],
    epsilon: (&[], 1e-5),
    one_plus: false,
    bare: false,
    factor: Factor::One,
};
/// An RMSNorm with the names of Llama.
pub(super) const RMS_NORM: HeadNorm = HeadNorm {
    kind: NormKind::RmsNorm,
    rms_flag: None,
    stems: &["*norm"],
    epsilon: (&["rms_norm_eps"], 1e-6),
    one_plus: false,
    bare: false,
    factor: Factor::One,
};
/// The usual key of a LayerNorm's epsilon.
pub(super) const LAYER_NORM_EPS: &[&str] = &["layer_norm_eps"];

/// The row that says nothing, the base of all others.
pub(super) const ANY: Family = Family {
    name: "",
    source: "",
    model_types: &[],
    tasks: &[],
    bodies: &[""],
    separate: &[],
    separate_transposed: false,
    tied_to: &[],
    tied_by_default: false,
    never_tied: false,
    required: &[],
    biases: &[],
    needs_bias: false,
    norm: None,
    activation: None,
    between: &[],
    known_by: &[],
    tokens: &[],
    cut: false,
    quirk: None,
};

/// Endings of `architectures` for masked language models.
pub(super) const MASKED: &[&str] = &[
    "ForMaskedLM",
    "ForPreTraining",
    "LMHeadModel",
    "ForCausalLM",
    "WithLMHead",
    "WithLMHeadModel",
];
/// Endings of `architectures` for models that generate text.
pub(super) const GENERATES: &[&str] = &[
    "ForCausalLM",
    "LMHeadModel",
    "ForConditionalGeneration",
    "WithLMHeadModel",
    "DoubleHeadsModel",
    "ModelLM",
];
/// The bodies of decoders: alone, or within a model of images or sound, in three layouts that transformers has used.
pub(super) const DECODERS: &[&str] =
    &["model.", "language_model.model.", "model.language_model.", "model.text_model.", ""];
/// The names of a separate head of decoders.
pub(super) const LM_HEADS: &[&str] =
    &["lm_head.weight", "language_model.lm_head.weight", "model.lm_head.weight"];

/// The base of masked language models.
pub(super) const ENCODER: Family =
    Family { tasks: MASKED, tied_by_default: true, needs_bias: true, ..ANY };

/// The base of decoders.
pub(super) const DECODER: Family = Family {
    tasks: GENERATES,
    bodies: DECODERS,
    separate: LM_HEADS,
    tied_to: &["*embed_tokens.weight"],
    norm: Some(RMS_NORM),
    ..ANY
};

/// The base of models of an encoder and a decoder.
pub(super) const SEQ2SEQ: Family = Family {
    tasks: &[
        "ForConditionalGeneration",
        "MTModel",
        "ForCausalLM",
        "ForTextToText",
        "ForSpeechToText",
    ],
    bodies: &["model.", ""],
    separate: &["lm_head.weight"],
    tied_to: &["*shared.weight", "*decoder.embed_tokens.weight", "*encoder.embed_tokens.weight"],
    tied_by_default: true,
    biases: &["final_logits_bias"],
    ..ANY
};

/// The base of classifiers.
pub(super) const CLASSIFIER: Family = Family {
    tasks: &["ForSequenceClassification"],
    separate: &["classifier.weight"],
    needs_bias: true,
    ..ANY
};

/// Makes the rows of families of one layout and one norm: a row of name, source and model types for each.
macro_rules! alike {
    ($base:expr; $($family:literal $source:literal [$($model_type:literal),+ $(,)?]),+ $(,)?) => {
        &[$(Family { name: $family, source: $source, model_types: &[$($model_type),+], ..$base }),+]
    };
}
pub(super) use alike;
