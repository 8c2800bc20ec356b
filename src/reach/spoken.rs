//! What the decoder of a model of sound begins with: after its first token the language, the task, and that no times are
//! asked for (Whisper).
//!
//! Reference: `_retrieve_init_tokens` in `models/whisper/generation_whisper.py` of transformers, for one window of sound
//! and texts without times.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::error::Result;
use crate::transformer::Settings;

/// The keys that say what the decoder begins with.
pub(super) const FOLLOWED: &[&str] = &[
    "forced_decoder_ids",
    "lang_to_id",
    "language",
    "no_timestamps_token_id",
    "task",
    "task_to_id",
];

/// Keys that change no token of a text that is made of one window and without times.
pub(super) const INERT: &[&str] = &[
    "alignment_heads",
    "condition_on_prev_tokens",
    "is_multilingual",
    "max_initial_timestamp_index",
    "median_filter_width",
    "prev_sot_token_id",
];

/// A token that the decoder begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begin {
    /// This token.
    Token(u32),
    /// The one of these tokens with the largest logit after the tokens before it: the language that is heard.
    OneOf(Vec<u32>),
}

/// Reads what follows the decoder's first token. `followed` says whether a key counts, `older` is the `config.json`
/// whose `forced_decoder_ids` count where `settings` have none.
///
/// # Errors
/// Values of another type, tokens that are not there, a language or task that is not known, forced tokens with gaps.
pub(super) fn beginning(
    settings: &Settings,
    older: Option<&Settings>,
    start: Option<u32>,
    tokens: usize,
    followed: &dyn Fn(&str) -> bool,
) -> Result<Vec<Begin>> {
    let reading = Reading { settings, tokens, followed };
    let (languages, tasks) = (reading.table("lang_to_id")?, reading.table("task_to_id")?);
    let language = settings.text("language")?.filter(|_| followed("language"));
    let task = settings.text("task")?.filter(|_| followed("task"));
    let forced = match (reading.forced(settings)?, older) {
        (None, Some(older)) => reading.forced(older)?,
        (forced, _) => forced,
    };
    // A language or a task takes the place of the forced tokens.
    let forced = forced.filter(|_| language.is_none() && task.is_none()).unwrap_or_default();
    let mut all: Vec<Option<Begin>> = forced.into_iter().map(|id| id.map(Begin::Token)).collect();
    let spoken = match (language, languages) {
        (Some(language), languages) => Some(Begin::Token(reading.language(language, languages)?)),
        (None, Some(languages)) if matches!(all.first(), None | Some(None)) => {
            Some(Begin::OneOf(languages.into_values().collect()))
        }
        _ => None,
    };
    match (spoken, all.first_mut()) {
        (Some(spoken), Some(first)) => *first = Some(spoken),
        (Some(spoken), None) => all.push(Some(spoken)),
        (None, _) => {}
    }
    let of_task = |name: &str| tasks.as_ref().and_then(|tasks| tasks.get(name)).copied();
    match task {
        Some(task) => match of_task(task) {
            Some(id) => all.push(Some(Begin::Token(id))),
            None => {
                let problem = format!("`task` is `{task}`, which is none of those of `task_to_id`");
                return Err(settings.refuse(problem));
            }
        },
        None if language.is_some() => {
            all.extend(of_task("transcribe").map(|id| Some(Begin::Token(id))));
        }
        None => {}
    }
    let ids = |begin: &Option<Begin>| match begin {
        Some(Begin::Token(id)) => Some(*id),
        _ => None,
    };
    let last = all.last().map_or(start, ids);
    if let Some(id) = reading.id("no_timestamps_token_id")?.filter(|id| last != Some(*id)) {
        all.push(Some(Begin::Token(id)));
    }
    Ok(all.into_iter().flatten().collect())
}

/// The settings of a model of sound while they are read.
struct Reading<'a> {
    settings: &'a Settings,
    tokens: usize,
    followed: &'a dyn Fn(&str) -> bool,
}

impl Reading<'_> {
    /// Takes a value for a token id.
    fn token(&self, settings: &Settings, key: &str, value: &Value) -> Result<u32> {
        let id = value.as_u64().filter(|&id| id < self.tokens as u64);
        id.map(|id| id as u32).ok_or_else(|| {
            settings.refuse(format!(
                "`{key}` names token {value}, which is none of the {} tokens",
                self.tokens
            ))
        })
    }

    /// Reads one token id.
    fn id(&self, key: &str) -> Result<Option<u32>> {
        let value = self.settings.get(key).filter(|_| (self.followed)(key));
        value.map(|value| self.token(self.settings, key, value)).transpose()
    }

    /// Reads a table from names to token ids.
    fn table(&self, key: &str) -> Result<Option<BTreeMap<String, u32>>> {
        let Some(value) = self.settings.get(key).filter(|_| (self.followed)(key)) else {
            return Ok(None);
        };
        let Some(map) = value.as_object().filter(|map| !map.is_empty()) else {
            let problem = format!("`{key}` is {value}, not a table of names and token ids");
            return Err(self.settings.refuse(problem));
        };
        let one =
            |(name, id): (&String, &Value)| Ok((name.clone(), self.token(self.settings, key, id)?));
        map.iter().map(one).collect::<Result<_>>().map(Some)
    }

    /// Reads `forced_decoder_ids`, pairs of a position and a token or null; `None` where there are none. Those that do not
    /// begin at position 1 do not count.
    fn forced(&self, settings: &Settings) -> Result<Option<Vec<Option<u32>>>> {
        const KEY: &str = "forced_decoder_ids";
        let Some(value) = settings.get(KEY).filter(|_| (self.followed)(KEY)) else {
            return Ok(None);
        };
        let refused = |problem: &str| settings.refuse(format!("`{KEY}` is {value}, {problem}"));
        let Some(pairs) = value.as_array() else {
            return Err(refused("not a list of positions and tokens"));
        };
        let mut forced = Vec::new();
        for (number, pair) in pairs.iter().enumerate() {
            let Some([position, id]) = pair.as_array().map(Vec::as_slice) else {
                return Err(refused("not a list of positions and tokens"));
            };
            match position.as_u64() {
                Some(position) if position == number as u64 + 1 => {}
                Some(_) if number == 0 => return Ok(Some(Vec::new())),
                _ => return Err(refused("whose positions are not 1, 2, 3 and so on")),
            }
            forced.push(match id {
                Value::Null => None,
                id => Some(self.token(settings, KEY, id)?),
            });
        }
        Ok(Some(forced))
    }

    /// Looks up a language, by its token or by the code in it.
    fn language(&self, name: &str, languages: Option<BTreeMap<String, u32>>) -> Result<u32> {
        let name = name.to_lowercase();
        let languages = languages.unwrap_or_default();
        let found = languages.get(&name).or_else(|| languages.get(&format!("<|{name}|>")));
        found.copied().ok_or_else(|| {
            self.settings.refuse(format!(
                "`language` is `{name}`, which is none of those of `lang_to_id`: name it by its code, such as `en`"
            ))
        })
    }
}
