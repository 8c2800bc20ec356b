//! JSON objects that lie beside a checkpoint: `config.json`, `generation_config.json`.

use std::path::PathBuf;

use serde_json::{Map, Value};

use super::Checkpoint;
use crate::error::{Error, Result};

/// A JSON object, and the file that errors about it name.
#[derive(Clone, Debug)]
pub struct SideJson {
    /// The path of the file.
    #[allow(dead_code, reason = "only errors of the forward path name it")]
    pub label: PathBuf,
    /// The object.
    pub map: Map<String, Value>,
}

impl SideJson {
    /// Reads the JSON object `file` beside a checkpoint; `None` where there is none.
    ///
    /// # Errors
    /// A file that cannot be read or is no JSON object.
    pub fn of(checkpoint: &dyn Checkpoint, file: &str) -> Result<Option<Self>> {
        let Some(bytes) = checkpoint.side_file(file)? else { return Ok(None) };
        let label = bytes.label().to_path_buf();
        match serde_json::from_slice(&bytes) {
            Ok(Value::Object(map)) => Ok(Some(SideJson { label, map })),
            Ok(_) => Err(Error::malformed(label, "the configuration is not a JSON object")),
            Err(error) => Err(Error::malformed(label, format!("not a JSON object: {error}"))),
        }
    }
}
