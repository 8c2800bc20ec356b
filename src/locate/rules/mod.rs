//! Rules for the output layers of model families: one row per family, each with its source.
//!
//! `docs/families.md` says how each row was checked.
//!
//! Tensor names may begin with `*`, which stands for the *body* of the model (`model.`, or `model.language_model.` in
//! a model of images and text; the first of `bodies` under which the embedding lies), and may hold `{last}`, the
//! number of the last layer. Norms are named by their stem: `.weight` or `.gamma`, `/gamma`, `_scale` hold the gain,
//! `.bias` or `.beta`, `/beta`, `_bias` the shift.
//!
//! The sources of Hugging Face models are files of transformers 5.24 (`models/bert` is
//! `src/transformers/models/bert`): `configuration_*.py` for the default of tying and for epsilons, `modeling_*.py`
//! for the names (`_tied_weights_keys`) and for what is computed before the head (`forward`). "remote code" is a
//! `modeling_*.py` that comes with a published checkpoint.

mod classifiers;
mod decoders;
mod encoders;
mod llamas;
mod programs;
mod sequences;

/// The rule for the output layer of one family.
#[derive(Debug)]
pub(super) struct Rule {
    /// The name of the family, for people.
    pub family: &'static str,
    /// The source of this rule.
    pub source: &'static str,
    /// The values of `model_type` in config.json; empty for formats without one.
    pub model_types: &'static [&'static str],
    /// The endings of `architectures` in config.json for models with this head.
    pub tasks: &'static [&'static str],
    /// The prefixes that `*` may stand for.
    pub bodies: &'static [&'static str],
    /// The names of an output layer that is a tensor of its own; the first that is stored is taken.
    pub separate: &'static [&'static str],
    /// Whether this tensor is stored `d x V`.
    pub separate_transposed: bool,
    /// The names of the embedding that is the output layer, if it is tied; empty for classifiers.
    pub tied_to: &'static [&'static str],
    /// Whether the head is tied if the configuration does not say.
    pub tied_by_default: bool,
    /// Whether the head is separate whatever the configuration says about tying.
    pub never_tied: bool,
    /// Tensors of which at least one is stored whenever the model has this head, tied or not; without them an embedding
    /// is no head.
    pub required: &'static [&'static str],
    /// The names of the bias; the first that is stored is taken.
    pub biases: &'static [&'static str],
    /// Whether the family always has a bias.
    pub needs_bias: bool,
    /// The norm before the head.
    pub norm: Option<NormRule>,
    /// The activation before the head, by its name in configurations.
    pub activation: Option<&'static str>,
    /// Tensors whose presence means that a linear map stands between norm and head.
    pub between: &'static [&'static str],
    /// Tensors of which one is stored with a head of this family. If the names of the head are also those of many
    /// other models (`head.weight`), it is recognised only by its configuration or by one of these.
    pub known_by: &'static [&'static str],
    /// Configuration keys for the number of tokens of the head, read before the usual ones.
    pub tokens: &'static [&'static str],
    /// Whether logits beyond that number are cut off.
    pub cut: bool,
    /// A peculiarity that no other field describes.
    pub quirk: Option<Quirk>,
}

/// A peculiarity of a family that no other field of a rule describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quirk {
    /// The head is the embedding whatever the configuration says about tying: FSMT's output_projection is tied, and
    /// published checkpoints set the flag to false.
    TiedDespiteTheFlag,
    /// A norm stands before the head only if each layer ends in one, which Marian's own options say.
    NormIfLayersEndInOne,
    /// A norm without a shift is an RMSNorm (CTranslate2).
    RmsNormWithoutShift,
}

/// The rule for the norm before a head.
#[derive(Debug, PartialEq)]
pub(super) struct NormRule {
    /// The kind of the norm.
    pub kind: NormKind,
    /// A configuration key that says whether the norm is an RMSNorm or a LayerNorm.
    pub rms_flag: Option<&'static str>,
    /// The stems of its tensors; the first that is stored is taken.
    pub stems: &'static [&'static str],
    /// The configuration keys of the epsilon, and the default.
    pub epsilon: (&'static [&'static str], f64),
    /// Whether the gain is 1 plus the stored number.
    pub one_plus: bool,
    /// Whether the norm has neither gain nor shift, so that no tensor of it is stored.
    pub bare: bool,
    /// The factor between the norm and the head.
    pub factor: Factor,
}

/// The factor of the hidden state between a norm and the head.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Factor {
    /// 1.
    One,
    /// `d^-1/2` if the configuration asks for it, or else if the head is tied (T5).
    T5,
    /// `d^-1/2` if the head is tied.
    IfTied,
    /// One over the number under this key.
    Over(&'static str),
    /// `dim_model_base / hidden_size` (MiniCPM).
    MiniCpm,
}

/// The archive member with Marian's options, which only Marian's own files have.
pub(super) const MARIAN_OPTIONS: &str = "special:model.yml";

/// A LayerNorm with torch's default epsilon.
const LAYER_NORM: NormRule = NormRule {
    kind: NormKind::LayerNorm,
    rms_flag: None,
    stems: &[],
    epsilon: (&[], 1e-5),
    one_plus: false,
    bare: false,
    factor: Factor::One,
};
/// An RMSNorm with the names of Llama.
const RMS_NORM: NormRule = NormRule {
    kind: NormKind::RmsNorm,
    rms_flag: None,
    stems: &["*norm"],
    epsilon: (&["rms_norm_eps"], 1e-6),
    one_plus: false,
    bare: false,
    factor: Factor::One,
};
/// The usual key of a LayerNorm's epsilon.
const LAYER_NORM_EPS: &[&str] = &["layer_norm_eps"];

/// The rule that says nothing, the base of all others.
const ANY: Rule = Rule {
    family: "",
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
const MASKED: &[&str] = &[
    "ForMaskedLM",
    "ForPreTraining",
    "LMHeadModel",
    "ForCausalLM",
    "WithLMHead",
    "WithLMHeadModel",
];
/// Endings of `architectures` for models that generate text.
const GENERATES: &[&str] = &[
    "ForCausalLM",
    "LMHeadModel",
    "ForConditionalGeneration",
    "WithLMHeadModel",
    "DoubleHeadsModel",
    "ModelLM",
];
/// The bodies of decoders: alone, or within a model of images or sound, in three layouts that transformers has used.
const DECODERS: &[&str] =
    &["model.", "language_model.model.", "model.language_model.", "model.text_model.", ""];
/// The names of a separate head of decoders.
const LM_HEADS: &[&str] =
    &["lm_head.weight", "language_model.lm_head.weight", "model.lm_head.weight"];

/// The base of rules for masked language models.
const ENCODER: Rule = Rule { tasks: MASKED, tied_by_default: true, needs_bias: true, ..ANY };

/// The base of rules for decoders.
const DECODER: Rule = Rule {
    tasks: GENERATES,
    bodies: DECODERS,
    separate: LM_HEADS,
    tied_to: &["*embed_tokens.weight"],
    norm: Some(RMS_NORM),
    ..ANY
};

/// The base of rules for models of an encoder and a decoder.
const SEQ2SEQ: Rule = Rule {
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

/// The base of rules for classifiers.
const CLASSIFIER: Rule = Rule {
    tasks: &["ForSequenceClassification"],
    separate: &["classifier.weight"],
    needs_bias: true,
    ..ANY
};

/// Makes rules for families of one layout and one norm: a row of name, source and model types for each.
macro_rules! alike {
    ($base:expr; $($family:literal $source:literal [$($model_type:literal),+ $(,)?]),+ $(,)?) => {
        &[$(Rule { family: $family, source: $source, model_types: &[$($model_type),+], ..$base }),+]
    };
}
use super::final_norm::NormKind;
use alike;

/// The rules of all known families, by kind.
const KINDS: &[&[Rule]] = &[
    encoders::LIKE_BERT,
    encoders::LIKE_ROBERTA,
    encoders::OTHERS,
    decoders::LIKE_GPT,
    llamas::BY_ROOT_MEAN_SQUARE,
    llamas::BY_ROOT_MEAN_SQUARE_5,
    llamas::TIED,
    llamas::TIED_5,
    llamas::ONE_PLUS,
    llamas::GEMMAS,
    llamas::OTHERS,
    llamas::NORM_NOT_KNOWN,
    decoders::RECURRENT,
    sequences::LIKE_T5,
    sequences::POST_NORM,
    sequences::PRE_NORM,
    sequences::OTHERS,
    classifiers::RULES,
    programs::RULES,
];

/// Iterates over the rules of all known families.
pub(super) fn rules() -> impl Iterator<Item = &'static Rule> {
    KINDS.iter().flat_map(|kind| kind.iter())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_names_its_source_and_a_weight() {
        for rule in rules() {
            assert!(!rule.source.is_empty() && !rule.separate.is_empty(), "{}", rule.family);
            assert!(
                !rule.needs_bias
                    || !rule.biases.is_empty()
                    || rule.tasks.contains(&"ForSequenceClassification")
                    || rule.tasks.contains(&"ForTokenClassification"),
                "{}",
                rule.family
            );
            assert!(!rule.tied_by_default || !rule.tied_to.is_empty(), "{}", rule.family);
        }
    }

    #[test]
    fn no_model_type_has_two_rules_for_one_task() {
        let of_tokens = || rules().filter(|r| !r.tied_to.is_empty() && !r.model_types.is_empty());
        for (i, rule) in of_tokens().enumerate() {
            for other in of_tokens().skip(i + 1) {
                let both = rule.model_types.iter().find(|t| other.model_types.contains(t));
                // DeBERTa has two forms of its head, told apart by their tensors.
                assert!(
                    both.is_none_or(|t| t.starts_with("deberta")),
                    "{both:?}: {} and {}",
                    rule.family,
                    other.family
                );
            }
        }
    }

    #[test]
    fn every_model_type_is_in_the_document() {
        let document =
            std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/families.md"))
                .unwrap();
        for model_type in rules().flat_map(|rule| rule.model_types) {
            assert!(document.contains(&format!("`{model_type}`")), "{model_type}");
        }
    }
}
