//! What a checkpoint says about how its texts go on: `generation_config.json`, or the same keys in the `config.json` of
//! older models. Each is followed, changes no choice of a token, or is refused by name.
//!
//! Reference: `generation/configuration_utils.py` and `generation/utils.py` of transformers. How a token is drawn is the
//! caller's choice: what the file says of it is told, not followed.

use serde_json::Value;

use super::constraints::Constraints;
use crate::checkpoint::Checkpoint;
use crate::error::{Error, Result};
use crate::transformer::known::{GENERATION, off, one};
use crate::transformer::{Configuration, Settings};

/// Tokens with a part to play in a text that goes on, and what restrains the choice of the next one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rules {
    /// Begins a text.
    pub beginning: Option<u32>,
    /// The first token of a decoder.
    pub decoder_start: Option<u32>,
    /// Restrains the choice, the tokens that end a text among it.
    pub constraints: Constraints,
    /// What the file says and is not followed, in sentences.
    pub notes: Vec<String>,
}

/// Keys that are not to be followed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ignored(Vec<String>);

impl Ignored {
    /// These keys, or every key where one of them is `all`.
    pub fn keys(keys: Vec<String>) -> Self {
        Ignored(keys)
    }

    fn holds(&self, key: &str) -> bool {
        self.0.iter().any(|ignored| ignored == key || ignored == "all")
    }
}

/// Keys of tokens with a part to play, which always count: what begins a text, what a decoder begins with, and what
/// ends a text, by one key or the other.
const SPECIAL: [&str; 4] =
    ["bos_token_id", "decoder_start_token_id", "eos_token_id", "eos_token_ids"];

/// Keys that say how a token is drawn.
const SAMPLING: &[&str] = &[
    "do_sample",
    "epsilon_cutoff",
    "eta_cutoff",
    "min_p",
    "temperature",
    "top_h",
    "top_k",
    "top_p",
    "typical_p",
];

/// Keys that change no choice of a token: how long a text may be, which the caller says, how it is computed, what is
/// returned, and what only a search with several beams asks for.
const INERT: &[&str] = &[
    "assistant_confidence_threshold",
    "assistant_lookbehind",
    "cache_config",
    "cache_implementation",
    "compile_config",
    "continuous_batching_config",
    "disable_compile",
    "diversity_penalty",
    "early_stopping",
    "is_assistant",
    "length_penalty",
    "low_memory",
    "max_cache_len",
    "max_length",
    "max_matching_ngram_size",
    "max_new_tokens",
    "num_assistant_tokens",
    "num_assistant_tokens_schedule",
    "output_attentions",
    "output_hidden_states",
    "output_logits",
    "output_scores",
    "pad_token_id",
    "prefill_chunk_size",
    "prompt_lookup_num_tokens",
    "remove_invalid_values",
    "renormalize_logits",
    "return_dict_in_generate",
    "target_lookbehind",
    "transformers_version",
    "trust_remote_code",
    "use_cache",
];

/// A key that is not followed, the values with which it changes nothing, and these in words.
type Neutral = (&'static str, fn(&Value) -> bool, &'static str);

const NEUTRAL: &[Neutral] = &[
    ("assistant_early_exit", off, "null"),
    ("assistant_ensemble_weight", off, "null"),
    ("constraints", off, "null"),
    ("dola_layers", off, "null"),
    ("encoder_no_repeat_ngram_size", off, "0"),
    ("encoder_repetition_penalty", one, "1"),
    ("exponential_decay_length_penalty", off, "null"),
    ("force_bos_token_to_be_generated", off, "false"),
    ("force_words_ids", off, "null"),
    ("forced_decoder_ids", off, "null"),
    ("guidance_scale", one, "1"),
    ("max_time", off, "null"),
    ("num_beam_groups", at_most_one, "1"),
    ("num_beams", at_most_one, "1"),
    ("num_return_sequences", at_most_one, "1"),
    ("penalty_alpha", off, "0"),
    ("prefix", off, "null"),
    ("sequence_bias", off, "null"),
    ("speculation_type", off, "null"),
    ("stop_strings", off, "null"),
    ("token_healing", off, "false"),
    ("use_mtp", off, "false"),
    ("watermarking_config", off, "null"),
];

impl Rules {
    /// What the model's configuration says of its special tokens, and nothing else.
    pub fn plain(configuration: &Configuration) -> Self {
        let special = &configuration.special;
        Rules {
            beginning: special.beginning,
            decoder_start: special.decoder_start,
            constraints: Constraints { end: special.end.clone(), ..Constraints::default() },
            notes: Vec::new(),
        }
    }

    /// Those of a checkpoint. `generation_config.json` alone counts where it is there, but for special tokens that it
    /// does not name; GGUF says everything in its metadata.
    ///
    /// # Errors
    /// A file that is no JSON object, a value of another type, a key that is neither followed nor known to change
    /// nothing, and an ignored key that is not there.
    pub fn of(
        checkpoint: &dyn Checkpoint,
        configuration: &Configuration,
        ignored: &Ignored,
    ) -> Result<Self> {
        if let Some(key) = ignored.0.iter().find(|key| SPECIAL.contains(&key.as_str())) {
            let problem = format!("--ignore {key}: it names special tokens, which always count");
            return Err(Error::Invalid(problem));
        }
        let plain = Rules::plain(configuration);
        if checkpoint.metadata().is_some() {
            return match ignored.0.iter().find(|key| *key != "all") {
                Some(key) => Err(absent(key)),
                None => Ok(plain),
            };
        }
        let file = Settings::beside(checkpoint, "generation_config.json")?;
        let (settings, all) = match file {
            Some(settings) => (settings, true),
            None => match Settings::of(checkpoint)? {
                Some(settings) => (settings, false),
                None => return Ok(plain),
            },
        };
        Reading { settings: &settings, all, ignored, tokens: configuration.tokens }.rules(plain)
    }
}

fn absent(key: &str) -> Error {
    Error::Invalid(format!(
        "--ignore {key}: the checkpoint says nothing of that kind about `{key}`"
    ))
}

/// One file as it is read.
struct Reading<'a> {
    settings: &'a Settings,
    /// Whether the whole file is about texts that go on, or only some keys are.
    all: bool,
    ignored: &'a Ignored,
    tokens: usize,
}

impl Reading<'_> {
    fn rules(&self, plain: Rules) -> Result<Rules> {
        let settings = self.settings;
        let about = |key: &str| self.all || GENERATION.contains(&key);
        let present: Vec<(String, Value)> = settings
            .unread()
            .into_iter()
            .filter(|(key, _)| about(key))
            .map(|(key, value)| (key.to_owned(), value.clone()))
            .collect();
        if let Some(key) =
            self.ignored.0.iter().find(|k| *k != "all" && present.iter().all(|(p, _)| p != *k))
        {
            return Err(absent(key));
        }
        let [beginning, decoder_start, end, ends] = SPECIAL.map(|key| settings.ids(key));
        let beginning = beginning?.first().copied().or(plain.beginning);
        let decoder_start = decoder_start?.first().copied().or(plain.decoder_start);
        let end = Some([end?, ends?].concat()).filter(|end| !end.is_empty());
        let constraints = self.constraints(end.unwrap_or(plain.constraints.end))?;
        let rest: Vec<String> = settings.unread().into_iter().map(|(k, _)| k.to_owned()).collect();
        let rest = present.iter().filter(|(key, _)| rest.contains(key));
        let (mut drawn, mut left_out) = (Vec::new(), Vec::new());
        for (key, value) in rest {
            let told = format!("{key} {value}");
            if INERT.contains(&key.as_str()) || key.starts_with('_') {
                continue;
            }
            if SAMPLING.contains(&key.as_str()) {
                drawn.push(told);
            } else if self.ignored.holds(key) {
                left_out.push(told);
            } else {
                self.check(key, value)?;
            }
        }
        let followed = present.iter().filter(|(key, _)| self.ignored.holds(key));
        for (key, value) in followed.filter(|(key, _)| FOLLOWED.contains(&key.as_str())) {
            left_out.push(format!("{key} {value}"));
        }
        let mut notes = Vec::new();
        if present.iter().any(|(key, value)| key == "do_sample" && *value == Value::Bool(true)) {
            let file = if self.all { "generation_config.json" } else { "config.json" };
            notes.push(format!(
                "{file} asks for tokens drawn at random ({}); here the options alone say how a token is chosen",
                drawn.join(", ")
            ));
        }
        if !left_out.is_empty() {
            notes.push(format!("left out as asked: {}", left_out.join(", ")));
        }
        Ok(Rules { beginning, decoder_start, constraints, notes })
    }

    fn constraints(&self, end: Vec<u32>) -> Result<Constraints> {
        let followed = |key: &str| !self.ignored.holds(key);
        let size = |key: &str| -> Result<usize> {
            Ok(self.settings.size(key)?.filter(|_| followed(key)).unwrap_or(0))
        };
        let penalty = self.settings.number("repetition_penalty", 1.0)?;
        if !(penalty.is_finite() && penalty > 0.0) {
            let problem = format!("`repetition_penalty` is {penalty}, not a number above 0");
            return Err(self.settings.refuse(problem));
        }
        Ok(Constraints {
            end,
            repetition_penalty: if followed("repetition_penalty") { penalty } else { 1.0 },
            no_repeat_ngram: size("no_repeat_ngram_size")?,
            bad_words: self.bad_words()?,
            least_length: size("min_length")?,
            least_new: size("min_new_tokens")?,
            forced_first: self.ids("forced_bos_token_id")?.first().copied(),
            forced_last: self.ids("forced_eos_token_id")?,
            suppressed: self.ids("suppress_tokens")?,
            suppressed_first: self.ids("begin_suppress_tokens")?,
        })
    }

    /// The ids under a key that is not ignored, each of them a token.
    fn ids(&self, key: &str) -> Result<Vec<u32>> {
        let ids = self.settings.ids(key)?;
        if self.ignored.holds(key) {
            return Ok(Vec::new());
        }
        for &id in &ids {
            self.known(key, id)?;
        }
        Ok(ids)
    }

    fn known(&self, key: &str, id: u32) -> Result<()> {
        match (id as usize) < self.tokens {
            true => Ok(()),
            false => Err(self.settings.refuse(format!(
                "`{key}` names token {id}, which is none of the {} tokens",
                self.tokens
            ))),
        }
    }

    /// Sequences of tokens that must not occur.
    fn bad_words(&self) -> Result<Vec<Vec<u32>>> {
        const KEY: &str = "bad_words_ids";
        let Some(value) = self.settings.get(KEY) else { return Ok(Vec::new()) };
        if self.ignored.holds(KEY) {
            return Ok(Vec::new());
        }
        let word = |word: &Value| -> Option<Vec<u32>> {
            let ids = word.as_array().filter(|ids| !ids.is_empty())?.iter();
            ids.map(|id| id.as_u64().and_then(|id| u32::try_from(id).ok())).collect()
        };
        let words: Option<Vec<Vec<u32>>> =
            value.as_array().and_then(|words| words.iter().map(word).collect());
        let Some(words) = words else {
            let problem = format!("`{KEY}` is {value}, not a list of lists of token ids");
            return Err(self.settings.refuse(problem));
        };
        for &id in words.iter().flatten() {
            self.known(KEY, id)?;
        }
        Ok(words)
    }

    /// Refuses a key that is not followed, unless its value changes nothing.
    fn check(&self, key: &str, value: &Value) -> Result<()> {
        match NEUTRAL.iter().find(|(name, ..)| *name == key) {
            Some((_, fits, _)) if fits(value) => Ok(()),
            Some((.., needed)) => Err(self.settings.refuse(format!(
                "`{key}` is {value}, which is not implemented ({needed} is); --ignore {key} leaves it out"
            ))),
            None => Err(self.settings.refuse(format!(
                "`{key}` ({value}) is not known and may change which token comes next; --ignore {key} leaves it out"
            ))),
        }
    }
}

/// The keys that are followed, unless they are ignored.
const FOLLOWED: &[&str] = &[
    "bad_words_ids",
    "begin_suppress_tokens",
    "forced_bos_token_id",
    "forced_eos_token_id",
    "min_length",
    "min_new_tokens",
    "no_repeat_ngram_size",
    "repetition_penalty",
    "suppress_tokens",
];

fn at_most_one(value: &Value) -> bool {
    matches!(value.as_u64(), Some(0 | 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_that_a_configuration_may_have_is_followed_told_or_refused() {
        for key in GENERATION {
            let neutral = NEUTRAL.iter().any(|(name, ..)| name == key);
            let lists = [SAMPLING, INERT, FOLLOWED, &SPECIAL];
            assert!(neutral || lists.iter().any(|list| list.contains(key)), "{key}");
        }
    }
}
