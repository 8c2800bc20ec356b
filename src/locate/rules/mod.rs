//! How model families store their output layers: one row a family, each with its source.
//!
//! `docs/families.md` says how each row was checked.
//!
//! Names of tensors may begin with `*`, which stands for the *body* of the model (`model.`, or `model.language_model.`
//! in a model of pictures and text; the first of `bodies` under which the embedding lies), and may hold `{last}`, the
//! number of the last layer. Norms are named by their stem: `.weight` or `.gamma`, `/gamma`, `_scale` hold the gain,
//! `.bias` or `.beta`, `/beta`, `_bias` the shift.
//!
//! The sources of Hugging Face models are files of transformers 5.24 (`models/bert` is
//! `src/transformers/models/bert`): `configuration_*.py` for the default of tying and for epsilons, `modeling_*.py` for
//! the names (`_tied_weights_keys`) and for what is computed before the head (`forward`). "remote code" is a
//! `modeling_*.py` beside a published checkpoint.

mod classifiers;
mod decoders;
mod encoders;
mod llamas;
mod programs;
mod sequences;

/// One family.
#[derive(Debug)]
pub(super) struct Rule {
    /// Its name for people.
    pub family: &'static str,
    /// Where all of this is written.
    pub source: &'static str,
    /// `model_type` in config.json; none for formats without one.
    pub model_types: &'static [&'static str],
    /// What `architectures` in config.json end with when the model has this head.
    pub tasks: &'static [&'static str],
    /// What `*` stands for.
    pub bodies: &'static [&'static str],
    /// The weight, when it is stored by itself.
    pub own: &'static [&'static str],
    /// Whether `own` is stored `d x V`.
    pub own_transposed: bool,
    /// The embedding that a tied head is.
    pub tied_to: &'static [&'static str],
    /// Tied or not where the configuration is silent.
    pub tied_by_default: bool,
    /// Whether the head is one of its own whatever the configuration says of tying.
    pub never_tied: bool,
    /// Tensors of which one is stored whenever the model has this head, tied or not.
    pub marks: &'static [&'static str],
    /// The bias; the first that is stored.
    pub biases: &'static [&'static str],
    /// Whether the family always has one.
    pub needs_bias: bool,
    /// The norm before the head.
    pub norm: Option<NormRule>,
    /// The activation before the head.
    pub activation: Option<&'static str>,
    /// A tensor whose presence means that a linear map stands between norm and head.
    pub between: &'static [&'static str],
    /// Tensors of which one is stored beside a head of this family. Where names are those of many other models too
    /// (`head.weight`), no head is taken for one of this family without its configuration or one of these.
    pub known_by: &'static [&'static str],
    /// Keys of the configuration that say how many tokens the head has, before the usual ones.
    pub tokens: &'static [&'static str],
    /// Whether logits beyond that number are cut off.
    pub cut: bool,
    /// What else only this family does.
    pub habit: Option<Habit>,
}

/// What a family does that no other field of a rule says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Habit {
    /// The head is the embedding whatever the configuration says of tying: FSMT's output_projection is tied, and published
    /// checkpoints set the flag to false.
    TiedDespiteTheFlag,
    /// A norm stands before the head only if each layer ends in one, which Marian's own options say.
    NormIfLayersEndInOne,
    /// A norm without a shift is an RMSNorm (CTranslate2).
    RmsNormWithoutShift,
}

/// The norm before a head.
#[derive(Debug, PartialEq)]
pub(super) struct NormRule {
    /// Which norm.
    pub kind: NormKind,
    /// A key of the configuration that says whether it is an RMSNorm, and no LayerNorm.
    pub rms_flag: Option<&'static str>,
    /// Its tensors; the first that is stored.
    pub stems: &'static [&'static str],
    /// Keys of the configuration that say its epsilon, and its value where none does.
    pub epsilon: (&'static [&'static str], f64),
    /// Whether the gain is 1 plus what is stored.
    pub one_plus: bool,
    /// Whether it has neither gain nor shift, so that no tensor of it is stored.
    pub bare: bool,
    /// What the model multiplies its result by.
    pub factor: Factor,
}

/// What stands between a norm and the head.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Factor {
    /// Nothing.
    One,
    /// `d^-1/2`, if the configuration or what it says of tying asks for it (T5).
    T5,
    /// As for T5, where nothing but the flag of tying is asked.
    IfTied,
    /// One over the number under this key.
    Over(&'static str),
    /// `dim_model_base / hidden_size` (MiniCPM).
    MiniCpm,
}

/// A mark of Marian's own files.
pub(super) const MARIAN_OPTIONS: &str = "special:model.yml";

const LAYER_NORM: NormRule = NormRule {
    kind: NormKind::LayerNorm,
    rms_flag: None,
    stems: &[],
    epsilon: (&[], 1e-5),
    one_plus: false,
    bare: false,
    factor: Factor::One,
};
const RMS_NORM: NormRule = NormRule {
    kind: NormKind::RmsNorm,
    rms_flag: None,
    stems: &["*norm"],
    epsilon: (&["rms_norm_eps"], 1e-6),
    one_plus: false,
    bare: false,
    factor: Factor::One,
};
const LAYER_NORM_EPS: &[&str] = &["layer_norm_eps"];

const ANY: Rule = Rule {
    family: "",
    source: "",
    model_types: &[],
    tasks: &[],
    bodies: &[""],
    own: &[],
    own_transposed: false,
    tied_to: &[],
    tied_by_default: false,
    never_tied: false,
    marks: &[],
    biases: &[],
    needs_bias: false,
    norm: None,
    activation: None,
    between: &[],
    known_by: &[],
    tokens: &[],
    cut: false,
    habit: None,
};

const MASKED: &[&str] = &[
    "ForMaskedLM",
    "ForPreTraining",
    "LMHeadModel",
    "ForCausalLM",
    "WithLMHead",
    "WithLMHeadModel",
];
const GENERATES: &[&str] = &[
    "ForCausalLM",
    "LMHeadModel",
    "ForConditionalGeneration",
    "WithLMHeadModel",
    "DoubleHeadsModel",
    "ModelLM",
];
/// Where decoders lie: alone, or within a model of pictures or sound, in three orders that transformers has written.
const DECODERS: &[&str] =
    &["model.", "language_model.model.", "model.language_model.", "model.text_model.", ""];
const LM_HEADS: &[&str] =
    &["lm_head.weight", "language_model.lm_head.weight", "model.lm_head.weight"];

const ENCODER: Rule = Rule { tasks: MASKED, tied_by_default: true, needs_bias: true, ..ANY };

const DECODER: Rule = Rule {
    tasks: GENERATES,
    bodies: DECODERS,
    own: LM_HEADS,
    tied_to: &["*embed_tokens.weight"],
    norm: Some(RMS_NORM),
    ..ANY
};

const SEQ2SEQ: Rule = Rule {
    tasks: &[
        "ForConditionalGeneration",
        "MTModel",
        "ForCausalLM",
        "ForTextToText",
        "ForSpeechToText",
    ],
    bodies: &["model.", ""],
    own: &["lm_head.weight"],
    tied_to: &["*shared.weight", "*decoder.embed_tokens.weight", "*encoder.embed_tokens.weight"],
    tied_by_default: true,
    biases: &["final_logits_bias"],
    ..ANY
};

const CLASSIFIER: Rule = Rule {
    tasks: &["ForSequenceClassification"],
    own: &["classifier.weight"],
    needs_bias: true,
    ..ANY
};

/// Families of one layout and one norm: a row each of name, source and model types.
macro_rules! alike {
    ($base:expr; $($family:literal $source:literal [$($model_type:literal),+ $(,)?]),+ $(,)?) => {
        &[$(Rule { family: $family, source: $source, model_types: &[$($model_type),+], ..$base }),+]
    };
}
use super::final_norm::NormKind;
use alike;

/// Every family that is known, by kind.
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

/// Every family that is known.
pub(super) fn rules() -> impl Iterator<Item = &'static Rule> {
    KINDS.iter().flat_map(|kind| kind.iter())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_names_its_source_and_a_weight() {
        for rule in rules() {
            assert!(!rule.source.is_empty() && !rule.own.is_empty(), "{}", rule.family);
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
