//! Reads JSON files that lie next to a checkpoint and say how text is split.

use serde_json::Value;

use crate::checkpoint::Checkpoint;
use crate::error::{Error, Result};

/// Reads a JSON file next to the checkpoint; `None` where there is none.
pub(super) fn json_file(checkpoint: &dyn Checkpoint, name: &str) -> Result<Option<Value>> {
    let Some(bytes) = checkpoint.side_file(name)? else { return Ok(None) };
    let read = serde_json::from_slice(&bytes);
    read.map(Some).map_err(|e| Error::malformed(bytes.label(), format!("not JSON: {e}")))
}
