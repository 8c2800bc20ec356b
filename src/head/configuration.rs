//! What config.json says of a head.

use serde_json::{Map, Value};

use crate::checkpoint::Checkpoint;
use crate::error::{Error, Result};

/// A configuration: its top level, and the nested one of the language model, if there is one.
#[derive(Clone, Debug, Default)]
pub(super) struct Configuration {
    top: Map<String, Value>,
    text: Option<Map<String, Value>>,
}

/// What a configuration says of tying.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tie {
    /// `tie_word_embeddings` is there.
    Said(bool),
    /// It is there twice, and differs.
    Both,
    /// It is not there.
    Silent,
}

/// Names under which models of pictures and sound nest the configuration of their language model.
const NESTED: [&str; 4] = ["text_config", "language_config", "llm_config", "text_model_config"];

impl Configuration {
    /// Reads `config.json` beside a checkpoint; `None` where there is none.
    ///
    /// # Errors
    /// A file that is no JSON object.
    pub fn of(checkpoint: &dyn Checkpoint) -> Result<Option<Self>> {
        let Some(bytes) = checkpoint.side_file("config.json")? else { return Ok(None) };
        let value: Value = serde_json::from_slice(&bytes)
            .map_err(|e| Error::malformed(bytes.label(), format!("not a JSON object: {e}")))?;
        match value {
            Value::Object(top) => Ok(Some(Self::new(top))),
            _ => Err(Error::malformed(bytes.label(), "the configuration is no JSON object")),
        }
    }

    fn new(top: Map<String, Value>) -> Self {
        let text = NESTED.iter().find_map(|key| match top.get(*key) {
            Some(Value::Object(text)) => Some(text.clone()),
            _ => None,
        });
        Configuration { top, text }
    }

    /// `model_type`, of the whole and of the nested language model.
    pub fn model_types(&self) -> Vec<&str> {
        let levels = [Some(&self.top), self.text.as_ref()];
        levels
            .into_iter()
            .flatten()
            .filter_map(|map| map.get("model_type").and_then(Value::as_str))
            .collect()
    }

    /// `architectures`.
    pub fn architectures(&self) -> Vec<&str> {
        match self.top.get("architectures") {
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// `tie_word_embeddings`.
    pub fn tie(&self) -> Tie {
        let of = |map: &Map<String, Value>| map.get("tie_word_embeddings").and_then(Value::as_bool);
        match (of(&self.top), self.text.as_ref().and_then(of)) {
            (Some(a), Some(b)) if a != b => Tie::Both,
            (Some(said), _) | (None, Some(said)) => Tie::Said(said),
            (None, None) => Tie::Silent,
        }
    }

    /// A value, of the nested language model before the whole.
    fn get(&self, key: &str) -> Option<&Value> {
        let nested = self.text.as_ref().and_then(|text| text.get(key));
        nested.or_else(|| self.top.get(key)).filter(|value| !value.is_null())
    }

    /// A number.
    pub fn number(&self, key: &str) -> Option<f64> {
        self.get(key)?.as_f64()
    }

    /// A truth value.
    pub fn truth(&self, key: &str) -> Option<bool> {
        self.get(key)?.as_bool()
    }

    /// How many tokens the model says that it has, of the language that it makes.
    pub fn tokens(&self) -> Option<usize> {
        let key = ["tgt_vocab_size", "decoder_vocab_size", "vocab_size"];
        key.iter().find_map(|key| self.get(key)?.as_u64()).and_then(|n| usize::try_from(n).ok())
    }

    /// The names of a classifier's labels, in the order of their ids; `None` if an id is missing.
    pub fn labels(&self) -> Option<Vec<String>> {
        let Some(Value::Object(map)) = self.get("id2label") else { return None };
        (0..map.len()).map(|id| Some(map.get(&id.to_string())?.as_str()?.to_owned())).collect()
    }

    /// How the weights are quantised: `gptq`, `awq`, `fp8`.
    pub fn quantisation(&self) -> Option<&str> {
        self.get("quantization_config")?.get("quant_method")?.as_str()
    }

    /// What is done to logits after the head, none of which changes the argmax.
    pub fn after(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if let Some(cap) = self.number("final_logit_softcapping") {
            notes.push(format!(
                "a soft-cap at {cap} (final_logit_softcapping) follows; it keeps the order of logits"
            ));
        }
        for key in ["logit_scale", "logits_scaling", "lm_head_multiplier"] {
            if let Some(scale) = self.number(key).filter(|scale| *scale > 0.0 && *scale != 1.0) {
                notes
                    .push(format!("a scale ({key} {scale}) follows; it keeps the order of logits"));
            }
        }
        notes
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
