//! Reads what `config.json` says about the head.

use serde_json::{Map, Value};

use crate::checkpoint::Checkpoint;
use crate::checkpoint::side_json::SideJson;
use crate::error::Result;

/// A configuration: its top level, and the levels of the language model that are nested in it.
#[derive(Clone, Debug, Default)]
pub(super) struct Configuration {
    /// From the outermost to the innermost; at least one.
    levels: Vec<Map<String, Value>>,
}

/// What a configuration says about tying the head to the embedding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tie {
    /// The flag is stated, with this value.
    Said(bool),
    /// The flag is stated at two levels, with different values.
    Both,
    /// The flag is not stated.
    Silent,
}

/// Keys under which models of images and sound nest the configuration of their language model, and encoder-decoder
/// models that of the decoder.
const NESTED: [&str; 8] = [
    "text_config",
    "language_config",
    "llm_config",
    "text_model_config",
    "thinker_config",
    "decoder_config",
    "text_decoder_config",
    "decoder",
];

/// Keys that say whether a head is tied; OLMo and LLaDA, OpenELM, and Mamba's own program have keys of their own.
const TIES: [&str; 4] =
    ["tie_word_embeddings", "weight_tying", "share_input_output_layers", "tie_embeddings"];

/// The largest number of levels that are read; no known configuration has more.
const DEEPEST: usize = 4;

impl Configuration {
    /// Reads the `config.json` next to a checkpoint; `None` where there is none.
    ///
    /// # Errors
    /// A file that is not a JSON object.
    pub fn of(checkpoint: &dyn Checkpoint) -> Result<Option<Self>> {
        Ok(SideJson::of(checkpoint, "config.json")?.map(|file| Self::new(file.map)))
    }

    /// Makes a configuration from its top level, with the nested levels.
    fn new(top: Map<String, Value>) -> Self {
        let mut levels = vec![top];
        while levels.len() < DEEPEST
            && let Some(inner) = levels.last().and_then(|level| {
                NESTED.iter().find_map(|key| level.get(*key)?.as_object()).cloned()
            })
        {
            levels.push(inner);
        }
        Configuration { levels }
    }

    /// Returns the values of `model_type`, from the outermost level to the innermost.
    pub fn model_types(&self) -> Vec<&str> {
        self.levels.iter().filter_map(|level| level.get("model_type")?.as_str()).collect()
    }

    /// Returns the list `architectures` of the top level.
    pub fn architectures(&self) -> Vec<&str> {
        match self.levels.first().and_then(|top| top.get("architectures")) {
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// Returns what the flag of tying says.
    pub fn tie(&self) -> Tie {
        let of =
            |level: &Map<String, Value>| TIES.iter().find_map(|key| level.get(*key)?.as_bool());
        let mut said = self.levels.iter().filter_map(of);
        match said.next() {
            Some(first) if said.all(|other| other == first) => Tie::Said(first),
            Some(_) => Tie::Both,
            None => Tie::Silent,
        }
    }

    /// Returns the value of a key at the innermost level that has it.
    fn get(&self, key: &str) -> Option<&Value> {
        self.levels.iter().rev().find_map(|level| level.get(key).filter(|value| !value.is_null()))
    }

    /// Returns the value of a key if it is a number.
    pub fn number(&self, key: &str) -> Option<f64> {
        self.get(key)?.as_f64()
    }

    /// Returns the value of a key if it is a truth value.
    pub fn truth(&self, key: &str) -> Option<bool> {
        self.get(key)?.as_bool()
    }

    /// Returns the stated number of tokens, those of the target language where there are two.
    pub fn tokens(&self) -> Option<usize> {
        self.count(&["tgt_vocab_size", "decoder_vocab_size", "vocab_size"])
    }

    /// Returns the count under the first of several keys that is present.
    pub fn count(&self, keys: &[&str]) -> Option<usize> {
        keys.iter().find_map(|key| self.get(key)?.as_u64()).and_then(|n| usize::try_from(n).ok())
    }

    /// Whether a key holds a list that is not empty.
    pub fn has_items(&self, key: &str) -> bool {
        self.get(key).and_then(Value::as_array).is_some_and(|list| !list.is_empty())
    }

    /// Returns the names of a classifier's labels, in the order of their ids; `None` if an id is missing.
    pub fn labels(&self) -> Option<Vec<String>> {
        let Some(Value::Object(map)) = self.get("id2label") else { return None };
        (0..map.len()).map(|id| Some(map.get(&id.to_string())?.as_str()?.to_owned())).collect()
    }

    /// Describes the stated quantisation of the weights in the configuration's own words.
    pub fn quantisation_stated(&self) -> Option<String> {
        let said = ["quantization_config", "quantization"].iter().find_map(|key| self.get(key))?;
        let Value::Object(map) = said else { return None };
        let word = |key: &str| match map.get(key)? {
            Value::String(text) => Some(format!("{key} {text}")),
            Value::Number(number) => Some(format!("{key} {number}")),
            _ => None,
        };
        let words: Vec<String> =
            ["quant_method", "bits", "group_size"].into_iter().filter_map(word).collect();
        (!words.is_empty()).then(|| words.join(", "))
    }

    /// Returns the stated method of quantisation: `gptq`, `awq`, `fp8`.
    pub fn quantisation(&self) -> Option<&str> {
        self.get("quantization_config")?.get("quant_method")?.as_str()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Configuration {
        let Value::Object(top) = serde_json::from_str(text).unwrap() else { panic!() };
        Configuration::new(top)
    }

    #[test]
    fn the_nested_configuration_speaks_for_the_language_model() {
        let config = of(
            r#"{"model_type": "llava", "vocab_size": 1, "text_config": {"model_type": "llama", "vocab_size": 64}}"#,
        );
        assert_eq!(config.model_types(), ["llava", "llama"]);
        assert_eq!(config.tokens(), Some(64));
        assert_eq!(config.tie(), Tie::Silent);
    }

    #[test]
    fn tie_flags_that_differ_say_so() {
        let config = |top, text| {
            of(&format!(
                r#"{{"tie_word_embeddings": {top}, "text_config": {{"tie_word_embeddings": {text}}}}}"#
            ))
        };
        assert_eq!(config("true", "true").tie(), Tie::Said(true));
        assert_eq!(config("true", "false").tie(), Tie::Both);
        assert_eq!(config("null", "false").tie(), Tie::Said(false));
    }
}
