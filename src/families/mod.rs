//! The table of model families: one row per family, with its source. `locate` finds output layers by it, and
//! `transformer` takes from it what a model that runs shares with its output layer.
//!
//! `docs/families.md` says how each row was checked.
//!
//! The sources of Hugging Face models are files of transformers 5.24 (`models/bert` is
//! `src/transformers/models/bert`): `configuration_*.py` for the default of tying and for epsilons, `modeling_*.py`
//! for the names (`_tied_weights_keys`) and for what is computed before the head (`forward`). "remote code" is a
//! `modeling_*.py` that comes with a published checkpoint.

mod bases;
mod classifiers;
mod decoders;
mod encoders;
mod family;
pub(crate) mod gguf;
mod llamas;
mod programs;
mod sequences;

pub use family::NormKind;
pub(crate) use family::{Factor, Family, HeadNorm, Quirk};

/// All known families, by kind.
const KINDS: &[&[Family]] = &[
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

/// Iterates over all known families.
pub(crate) fn families() -> impl Iterator<Item = &'static Family> {
    KINDS.iter().flat_map(|kind| kind.iter())
}

/// Returns the language models of this `model_type`: one family, or none.
#[cfg(feature = "model")]
pub(crate) fn language_model(model_type: &str) -> Option<&'static Family> {
    families().find(|family| family.is_of_tokens() && family.model_types.contains(&model_type))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_family_names_its_source_and_a_weight() {
        for family in families() {
            assert!(!family.source.is_empty() && !family.separate.is_empty(), "{}", family.name);
            assert!(
                !family.needs_bias
                    || !family.biases.is_empty()
                    || family.tasks.contains(&"ForSequenceClassification")
                    || family.tasks.contains(&"ForTokenClassification"),
                "{}",
                family.name
            );
            assert!(!family.tied_by_default || !family.tied_to.is_empty(), "{}", family.name);
        }
    }

    #[test]
    fn no_model_type_has_two_rows_for_one_task() {
        let of_tokens = || families().filter(|r| r.is_of_tokens() && !r.model_types.is_empty());
        for (i, family) in of_tokens().enumerate() {
            for other in of_tokens().skip(i + 1) {
                let both = family.model_types.iter().find(|t| other.model_types.contains(t));
                assert!(both.is_none(), "{both:?}: {} and {}", family.name, other.name);
            }
        }
    }

    #[test]
    fn every_model_type_is_in_the_document() {
        let document =
            std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/families.md"))
                .unwrap();
        for model_type in families().flat_map(|family| family.model_types) {
            assert!(document.contains(&format!("`{model_type}`")), "{model_type}");
        }
    }
}
