//! What a checkpoint says about generating text: `generation_config.json`, or the same keys in the `config.json` of
//! older models. Each key is followed, known to change no choice of a token, or refused by name.
//!
//! Reference: `generation/configuration_utils.py` and `generation/utils.py` of transformers. How a token is sampled
//! is the caller's choice: what the file says of it is reported in a note, not followed.

use serde_json::Value;

use super::constraints::Constraints;
use super::spoken::{self, Begin};
use crate::checkpoint::Checkpoint;
use crate::error::{Error, Result};
use crate::transformer::known::{GENERATION, off, one};
use crate::transformer::{Configuration, Settings};

/// The generation rules of a checkpoint: special tokens, and constraints on the next token.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rules {
    /// The token that begins a text.
    pub beginning: Option<u32>,
    /// The first token of a decoder behind an encoder.
    pub decoder_start: Option<u32>,
    /// The tokens that the decoder of a model of sound begins with after that one.
    pub after_start: Vec<Begin>,
    /// Constraints on the next token, including the tokens that end a text.
    pub constraints: Constraints,
    /// Sentences on what the file says and is not followed.
    pub notes: Vec<String>,
}

/// Keys of the file that the caller asks not to follow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ignored(Vec<String>);

impl Ignored {
    /// Ignores these keys, or every key where one of them is `all`.
    pub fn keys(keys: Vec<String>) -> Self {
        Ignored(keys)
    }

    /// Whether the caller asks to ignore this key.
    fn holds(&self, key: &str) -> bool {
        self.0.iter().any(|ignored| ignored == key || ignored == "all")
    }
}

/// Keys of special tokens, which cannot be ignored: those that begin a text, that a decoder begins with, and that end
/// a text, under either key.
const SPECIAL: [&str; 4] =
    ["bos_token_id", "decoder_start_token_id", "eos_token_id", "eos_token_ids"];

/// Keys that say how a token is sampled.
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

/// Keys that change no choice of a token: the length of a text, which the caller chooses, how it is computed, what is
/// returned, and keys that matter only in a search with several beams.
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

/// A key that is not followed, a test for the values that change nothing, and these values in words.
type Neutral = (&'static str, fn(&Value) -> bool, &'static str);

/// Keys that are accepted only with a value that changes nothing.
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
    ("return_timestamps", off, "false"),
    ("sequence_bias", off, "null"),
    ("speculation_type", off, "null"),
    ("stop_strings", off, "null"),
    ("token_healing", off, "false"),
    ("use_mtp", off, "false"),
    ("watermarking_config", off, "null"),
];

impl Rules {
    /// Returns only the special tokens that the model's configuration states, and no other rules.
    pub fn plain(configuration: &Configuration) -> Self {
        let special = &configuration.special;
        Rules {
            beginning: special.beginning,
            decoder_start: special.decoder_start,
            after_start: Vec::new(),
            constraints: Constraints { end: special.end.clone(), ..Constraints::default() },
            notes: Vec::new(),
        }
    }

    /// Reads the rules of a checkpoint. If there is a `generation_config.json`, it alone counts, except for special
    /// tokens that it does not name. A GGUF file states everything in its metadata.
    ///
    /// # Errors
    /// A file that is not a JSON object, a value of another type, a key that is neither followed nor known to change
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
        let file = Settings::of_file(checkpoint, "generation_config.json")?;
        let sound = configuration.reads_sound();
        let older = Settings::of(checkpoint)?.filter(|_| sound && file.is_some());
        let (settings, all) = match file {
            Some(settings) => (settings, true),
            None => match Settings::of(checkpoint)? {
                Some(settings) => (settings, false),
                None => return Ok(plain),
            },
        };
        let tokens = configuration.tokens;
        let older = older.as_ref();
        Reading { settings: &settings, older, all, ignored, tokens, sound }.rules(plain)
    }
}

/// Returns the error for an ignored key that the checkpoint does not have.
fn absent(key: &str) -> Error {
    Error::Invalid(format!(
        "--ignore {key}: the checkpoint says nothing of that kind about `{key}`"
    ))
}

/// One file while it is read.
struct Reading<'a> {
    settings: &'a Settings,
    /// The `config.json` beside a `generation_config.json`, for a model of sound.
    older: Option<&'a Settings>,
    /// Whether the whole file is about generation (`generation_config.json`), or only some keys are (`config.json`).
    all: bool,
    ignored: &'a Ignored,
    tokens: usize,
    /// Whether the model reads sound, for which there are keys of its own.
    sound: bool,
}

impl Reading<'_> {
    /// Reads the rules, with the special tokens of `plain` where the file names none.
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
        let after_start = self.after_start(decoder_start)?;
        let constraints = self.constraints(end.unwrap_or(plain.constraints.end))?;
        let rest: Vec<String> = settings.unread().into_iter().map(|(k, _)| k.to_owned()).collect();
        let rest = present.iter().filter(|(key, _)| rest.contains(key));
        let (mut drawn, mut left_out) = (Vec::new(), Vec::new());
        for (key, value) in rest {
            let told = format!("{key} {value}");
            let of_times = self.sound && spoken::INERT.contains(&key.as_str());
            if of_times || INERT.contains(&key.as_str()) || key.starts_with('_') {
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
        let of_sound = |key: &str| self.sound && spoken::FOLLOWED.contains(&key);
        for (key, value) in followed.filter(|(k, _)| FOLLOWED.contains(&k.as_str()) || of_sound(k))
        {
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
        Ok(Rules { beginning, decoder_start, after_start, constraints, notes })
    }

    /// Reads what the decoder of a model of sound begins with after its first token.
    fn after_start(&self, start: Option<u32>) -> Result<Vec<Begin>> {
        if !self.sound {
            return Ok(Vec::new());
        }
        let followed = |key: &str| !self.ignored.holds(key);
        spoken::beginning(self.settings, self.older, start, self.tokens, &followed)
    }

    /// Reads the constraints that are not ignored; `end` are the tokens that end a text.
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

    /// Returns the ids under a key, after a check that each is a token; no ids if the key is ignored.
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

    /// Refuses an id that is not a token.
    fn known(&self, key: &str, id: u32) -> Result<()> {
        match (id as usize) < self.tokens {
            true => Ok(()),
            false => Err(self.settings.refuse(format!(
                "`{key}` names token {id}, which is none of the {} tokens",
                self.tokens
            ))),
        }
    }

    /// Reads the sequences of tokens that must not occur.
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
