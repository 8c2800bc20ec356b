//! Reads `config.json` one key at a time, with errors that name the file and the key.
//!
//! The keys that were read are recorded, so that [`known`](super::known) can check the others.

use std::cell::RefCell;
use std::collections::BTreeSet;

use serde_json::Value;

use super::configuration::{Activation, Configuration, Special, divided};
use crate::checkpoint::Checkpoint;
use crate::checkpoint::side_json::SideJson;
use crate::error::{Error, Result};
use crate::families::Family;

/// The largest size that is accepted, so that a product of two of them cannot overflow.
const LARGEST: u64 = (1 << 31) - 1;

/// A configuration file, with a record of the keys that were read.
pub(crate) struct Settings {
    file: SideJson,
    read: RefCell<BTreeSet<String>>,
}

impl Settings {
    /// Reads the `config.json` next to a checkpoint; `None` where there is none.
    ///
    /// # Errors
    /// A file that is not a JSON object.
    pub fn of(checkpoint: &dyn Checkpoint) -> Result<Option<Self>> {
        Self::of_file(checkpoint, "config.json")
    }

    /// Reads the JSON object `file` next to a checkpoint; `None` where there is none.
    ///
    /// # Errors
    /// As [`Settings::of`].
    pub fn of_file(checkpoint: &dyn Checkpoint, file: &str) -> Result<Option<Self>> {
        let file = SideJson::of(checkpoint, file)?;
        Ok(file.map(|file| Settings { file, read: RefCell::default() }))
    }

    /// Returns an error about this file.
    pub fn refuse(&self, problem: impl Into<String>) -> Error {
        Error::malformed(&self.file.label, problem)
    }

    /// Returns the value of a key, and records that it was read; `None` where it is missing or null.
    pub fn get(&self, key: &str) -> Option<&Value> {
        let value = self.file.map.get(key).filter(|value| !value.is_null())?;
        self.read.borrow_mut().insert(key.to_owned());
        Some(value)
    }

    /// Whether a key is there, with null as well.
    pub fn has(&self, key: &str) -> bool {
        self.file.map.contains_key(key)
    }

    /// Returns the keys that have a value and were not read so far.
    pub fn unread(&self) -> Vec<(&str, &Value)> {
        let read = self.read.borrow();
        let rest =
            self.file.map.iter().filter(|(key, value)| !value.is_null() && !read.contains(*key));
        rest.map(|(key, value)| (key.as_str(), value)).collect()
    }

    /// Reads a size; `None` where there is none.
    ///
    /// # Errors
    /// A value that is not an integer from 0 to 2^31 - 1.
    pub fn size(&self, key: &str) -> Result<Option<usize>> {
        let Some(value) = self.get(key) else { return Ok(None) };
        match value.as_u64() {
            Some(size) if size <= LARGEST => Ok(Some(size as usize)),
            _ => Err(self.refuse(format!("`{key}` is {value}, not a size"))),
        }
    }

    /// Reads a size that must be there, under one of its names; where several are there they must agree.
    ///
    /// # Errors
    /// A size that is missing, or there twice with different values, or as [`Settings::size`].
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

    /// Reads a number; `otherwise` is the default.
    ///
    /// # Errors
    /// A value of another type.
    pub fn number(&self, key: &str, otherwise: f64) -> Result<f64> {
        let Some(value) = self.get(key) else { return Ok(otherwise) };
        value.as_f64().ok_or_else(|| self.refuse(format!("`{key}` is {value}, not a number")))
    }

    /// Reads a truth value; `otherwise` is the default.
    ///
    /// # Errors
    /// A value of another type.
    pub fn truth(&self, key: &str, otherwise: bool) -> Result<bool> {
        let Some(value) = self.get(key) else { return Ok(otherwise) };
        value.as_bool().ok_or_else(|| self.refuse(format!("`{key}` is {value}, not true or false")))
    }

    /// Reads a string; `None` where there is none.
    ///
    /// # Errors
    /// A value of another type.
    pub fn text(&self, key: &str) -> Result<Option<&str>> {
        let Some(value) = self.get(key) else { return Ok(None) };
        value
            .as_str()
            .map(Some)
            .ok_or_else(|| self.refuse(format!("`{key}` is {value}, not a string")))
    }

    /// Reads a token id or a list of ids. Negative ids mean that there is none.
    ///
    /// # Errors
    /// A value that is neither an id nor a list of ids.
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

    /// Reads the activation under `key`; `otherwise` is the default.
    ///
    /// # Errors
    /// An activation that is not known.
    pub fn activation(&self, key: &str, otherwise: Activation) -> Result<Activation> {
        let Some(name) = self.text(key)? else { return Ok(otherwise) };
        Activation::by_name(name)
            .ok_or_else(|| self.refuse(format!("the activation `{name}` ({key}) is not known")))
    }

    /// Returns the width of a head.
    ///
    /// # Errors
    /// A number of heads that does not divide the width of the hidden state.
    pub fn head_width(&self, width: usize, heads: usize) -> Result<usize> {
        divided(width, heads).map_err(|problem| self.refuse(problem))
    }

    /// Refuses a switch with another value than `value`, which would make another model; `meaning` describes that
    /// one.
    ///
    /// # Errors
    /// Another value than this.
    pub fn only(&self, key: &str, value: &Value, meaning: &str) -> Result<()> {
        match self.get(key) {
            Some(said) if said != value => Err(self.refuse(format!(
                "`{key}` is {said}, which is not implemented ({meaning}); {value} is"
            ))),
            _ => Ok(()),
        }
    }

    /// Reads the ids of special tokens under their usual keys.
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

    /// Returns a configuration without sizes: the name and norm of the family, and this file's epsilon and special tokens.
    ///
    /// # Errors
    /// An epsilon or an id of another type.
    pub fn plain(&self, family: &Family) -> Result<Configuration> {
        let plain = Configuration::plain(family);
        let keys = family.norm.as_ref().map_or(&[][..], |norm| norm.epsilon.0);
        let epsilon = match keys.iter().find(|key| self.get(key).is_some()) {
            Some(key) => self.number(key, plain.epsilon)?,
            None => plain.epsilon,
        };
        Ok(Configuration { epsilon, special: self.special()?, ..plain })
    }

    /// Checks a configuration that was read from this file, and returns it.
    ///
    /// # Errors
    /// A configuration that no transformer can have.
    pub fn checked(&self, configuration: Configuration) -> Result<Configuration> {
        configuration.check().map_err(|problem| self.refuse(problem))?;
        Ok(configuration)
    }
}
