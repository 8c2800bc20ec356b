//! Reads the numbers of a tensor from another file next to the model.
//!
//! The location must name a file in the model's folder or below it.

use std::path::{Component, Path};

use crate::checkpoint::bytes::Bytes;
use crate::checkpoint::not_a_checkpoint;

/// Where the numbers of a tensor lie in another file.
#[derive(Clone, Debug)]
pub(super) struct External {
    location: String,
    offset: usize,
    length: Option<usize>,
}

impl External {
    /// Parses the pairs `location`, `offset` and `length`.
    pub fn parse(pairs: &[(String, String)]) -> Result<External, String> {
        let find =
            |key: &str| pairs.iter().find(|(k, _)| k == key).map(|(_, value)| value.as_str());
        let number = |key: &str| {
            find(key)
                .map(|text| {
                    text.parse()
                        .map_err(|_| format!("the {key} `{text}` of its data is not a valid size"))
                })
                .transpose()
        };
        let location =
            find("location").ok_or("its data are in another file, which is not named")?;
        let plain = |part| matches!(part, Component::Normal(_) | Component::CurDir);
        if location.is_empty()
            || location.contains('\\')
            || !Path::new(location).components().all(plain)
        {
            return Err(format!(
                "its data are said to be in `{location}`, which is not below the model's folder; it was not opened"
            ));
        }
        Ok(External {
            location: location.to_owned(),
            offset: number("offset")?.unwrap_or(0),
            length: number("length")?,
        })
    }

    /// Returns the name of the file, in backquotes.
    pub fn location(&self) -> String {
        format!("`{}`", self.location)
    }

    /// Opens the `needed` bytes of the tensor, in a file relative to the folder of `model`.
    pub fn open(&self, model: &Bytes, needed: usize) -> Result<Bytes, String> {
        let folder = model.folder().ok_or_else(|| {
            format!("its data are in `{}`; open the model from its folder", self.location)
        })?;
        if self.length.is_some_and(|length| length != needed) {
            return Err(format!(
                "it takes {needed} bytes, but {} are said to be in `{}`",
                self.length.unwrap_or(0),
                self.location
            ));
        }
        if needed == 0 {
            return Ok(Bytes::new(b"", model.label()));
        }
        let file = Bytes::open(folder.join(&self.location)).map_err(|error| error.to_string())?;
        if let Some(what) = not_a_checkpoint::placeholder(&file) {
            return Err(format!("`{}` is {what}", self.location));
        }
        self.offset
            .checked_add(needed)
            .and_then(|end| file.part(self.offset..end))
            .ok_or_else(|| {
                format!(
                    "its {needed} bytes at offset {} lie beyond `{}`, which has {}; is that file complete?",
                    self.offset,
                    self.location,
                    file.len()
                )
            })
    }
}
