//! `config.json`, read one key at a time, with errors that name the file and the key.
//!
//! Which keys were read is kept, so that [`known`](super::known) can hold the others against what it knows.

use std::cell::RefCell;
use std::collections::BTreeSet;

use serde_json::Value;

use super::configuration::{Activation, Configuration, Special, divided};
use crate::checkpoint::Checkpoint;
use crate::checkpoint::side_json::SideJson;
use crate::error::{Error, Result};

/// The largest size that is believed, so that a product of two of them cannot overflow.
const LARGEST: u64 = (1 << 31) - 1;

/// A model's configuration file.
pub(crate) struct Settings {
    file: SideJson,
    read: RefCell<BTreeSet<String>>,
}

impl Settings {
    /// Reads `config.json` beside a checkpoint; `None` where there is none.
    ///
    /// # Errors
    /// A file that is no JSON object.
    pub fn of(checkpoint: &dyn Checkpoint) -> Result<Option<Self>> {
        Self::beside(checkpoint, "config.json")
    }

    /// Reads the JSON object `file` beside a checkpoint; `None` where there is none.
    ///
    /// # Errors
    /// As [`Settings::of`].
    pub fn beside(checkpoint: &dyn Checkpoint, file: &str) -> Result<Option<Self>> {
        let file = SideJson::of(checkpoint, file)?;
        Ok(file.map(|file| Settings { file, read: RefCell::default() }))
    }

    /// An error about this file.
    pub fn refuse(&self, problem: impl Into<String>) -> Error {
        Error::malformed(&self.file.label, problem)
    }

    /// A value that is there and not null.
    pub fn get(&self, key: &str) -> Option<&Value> {
        let value = self.file.map.get(key).filter(|value| !value.is_null())?;
        self.read.borrow_mut().insert(key.to_owned());
        Some(value)
    }

    /// The keys that have a value and were not read so far.
    pub fn unread(&self) -> Vec<(&str, &Value)> {
        let read = self.read.borrow();
        let rest =
            self.file.map.iter().filter(|(key, value)| !value.is_null() && !read.contains(*key));
        rest.map(|(key, value)| (key.as_str(), value)).collect()
    }

    /// A size; `None` where it is not said.
    ///
    /// # Errors
    /// What is no integer from 0 to 2^31 - 1.
    pub fn size(&self, key: &str) -> Result<Option<usize>> {
        let Some(value) = self.get(key) else { return Ok(None) };
        match value.as_u64() {
            Some(size) if size <= LARGEST => Ok(Some(size as usize)),
            _ => Err(self.refuse(format!("`{key}` is {value}, not a size"))),
        }
    }

    /// A size that must be there, under one of its names; where several are there they must agree.
    ///
    /// # Errors
    /// It is not there, or twice with different values, or as [`Settings::size`].
    pub fn needed(&self, keys: &[&str]) -> Result<usize> {
        let mut found = None;
        for key in keys {
            match (self.size(key)?, found) {
                (Some(size), None) => found = Some((*key, size)),
                (Some(size), Some((other, before))) if size != before => {
                    return Err(self.refuse(format!(
                        "`{other}` is {before}, but `{key}`, which means the same, is {size}"
                    )));
                }
                _ => {}
            }
        }
        match found {
            Some((_, size)) => Ok(size),
            None => Err(self.refuse(format!("`{}` is missing", keys[0]))),
        }
    }

    /// A number.
    ///
    /// # Errors
    /// Another type.
    pub fn number(&self, key: &str, otherwise: f64) -> Result<f64> {
        let Some(value) = self.get(key) else { return Ok(otherwise) };
        value.as_f64().ok_or_else(|| self.refuse(format!("`{key}` is {value}, not a number")))
    }

    /// A truth value.
    ///
    /// # Errors
    /// Another type.
    pub fn truth(&self, key: &str, otherwise: bool) -> Result<bool> {
        let Some(value) = self.get(key) else { return Ok(otherwise) };
        value.as_bool().ok_or_else(|| self.refuse(format!("`{key}` is {value}, not true or false")))
    }

    /// A string.
    ///
    /// # Errors
    /// Another type.
    pub fn text(&self, key: &str) -> Result<Option<&str>> {
        let Some(value) = self.get(key) else { return Ok(None) };
        value
            .as_str()
            .map(Some)
            .ok_or_else(|| self.refuse(format!("`{key}` is {value}, not a string")))
    }

    /// An id, or several.
    ///
    /// # Errors
    /// What is neither an id nor a list of ids. Negative ones mean that there is none.
    pub fn ids(&self, key: &str) -> Result<Vec<u32>> {
        let Some(value) = self.get(key) else { return Ok(Vec::new()) };
        let several = value.as_array().map_or_else(|| std::slice::from_ref(value), Vec::as_slice);
        let wrong = || self.refuse(format!("`{key}` is {value}, not a token id"));
        several
            .iter()
            .filter(|id| id.as_i64().is_none_or(|id| id >= 0))
            .map(|id| id.as_u64().and_then(|id| u32::try_from(id).ok()).ok_or_else(wrong))
            .collect()
    }

    /// The activation under `key`.
    ///
    /// # Errors
    /// One that is not known.
    pub fn activation(&self, key: &str, otherwise: Activation) -> Result<Activation> {
        let Some(name) = self.text(key)? else { return Ok(otherwise) };
        Activation::by_name(name)
            .ok_or_else(|| self.refuse(format!("the activation `{name}` ({key}) is not known")))
    }

    /// The width of a head.
    ///
    /// # Errors
    /// Heads that do not divide the hidden state.
    pub fn head_width(&self, width: usize, heads: usize) -> Result<usize> {
        divided(width, heads).map_err(|problem| self.refuse(problem))
    }

    /// A switch that must stand as given: anything else would be another model.
    ///
    /// # Errors
    /// It stands otherwise.
    pub fn only(&self, key: &str, value: &Value, meaning: &str) -> Result<()> {
        match self.get(key) {
            Some(said) if said != value => Err(self.refuse(format!(
                "`{key}` is {said}, which is not implemented ({meaning}); {value} is"
            ))),
            _ => Ok(()),
        }
    }

    /// The ids of special tokens by their usual keys.
    ///
    /// # Errors
    /// As [`Settings::ids`].
    pub fn special(&self) -> Result<Special> {
        let first = |key| self.ids(key).map(|ids| ids.first().copied());
        Ok(Special {
            beginning: first("bos_token_id")?,
            end: [self.ids("eos_token_id")?, self.ids("eos_token_ids")?].concat(),
            padding: first("pad_token_id")?,
            decoder_start: first("decoder_start_token_id")?,
        })
    }

    /// A configuration that was read from here, checked.
    ///
    /// # Errors
    /// What no transformer can be.
    pub fn checked(&self, configuration: Configuration) -> Result<Configuration> {
        configuration.check().map_err(|problem| self.refuse(problem))?;
        Ok(configuration)
    }
}
