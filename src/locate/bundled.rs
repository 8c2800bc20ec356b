//! The head that the program carries: g2pM's output layer, so that it can be tried without a file.
//!
//! Origin, licence and the script that rebuilds the files stand beside them in `assets/g2pm`.

use std::path::Path;

use super::{Choice, Located, locate};
use crate::checkpoint::bytes::Bytes;
use crate::checkpoint::from_bytes;
use crate::checkpoint::vocabulary::Vocabulary;
use crate::domain::Domain;
use crate::error::Result;

static HEAD: &[u8] = include_bytes!("../../assets/g2pm/head.safetensors");
static TOKENS: &[u8] = include_bytes!("../../assets/g2pm/vocab.json");

/// Its name in place of a path.
pub const NAME: &str = "g2pM (bundled)";

/// Bytes of the embedded file.
pub fn size() -> usize {
    HEAD.len()
}

/// What stands before the head: `Linear(64, 32)`, then a ReLU.
pub fn domain(dim: usize) -> Result<Domain> {
    Ok(Domain::range(dim, 0.0, f64::INFINITY)?)
}

/// 876 Mandarin syllables x 32, with bias, and the syllables.
///
/// # Errors
/// None for the files as committed.
pub fn read() -> Result<(Located, Vocabulary)> {
    let checkpoint = from_bytes(Bytes::new(HEAD, NAME))?;
    let located = locate(checkpoint.as_ref(), Path::new(NAME), &Choice::default())?;
    Ok((located, Vocabulary::from_json_bytes(TOKENS, NAME)?))
}
