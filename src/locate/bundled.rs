//! The head that is part of the program: g2pM's output layer, so that the program can be tried without a file.
//!
//! Origin, licence and the script that rebuilds the files are in `assets/g2pm`.

use std::path::Path;

use super::{Choice, Located, locate};
use crate::checkpoint::bytes::Bytes;
use crate::checkpoint::from_bytes;
use crate::checkpoint::vocabulary::Vocabulary;
use crate::domain::Domain;
use crate::error::Result;

static HEAD: &[u8] = include_bytes!("../../assets/g2pm/head.safetensors");
static TOKENS: &[u8] = include_bytes!("../../assets/g2pm/vocab.json");

/// The name of the bundled head, in place of a path.
pub const NAME: &str = "g2pM (bundled)";

/// Returns the size of the embedded file, in bytes.
pub fn size() -> usize {
    HEAD.len()
}

/// Returns the domain of its hidden states: a `Linear(64, 32)` and a ReLU stand before the head.
pub fn domain(dim: usize) -> Result<Domain> {
    Ok(Domain::range(dim, 0.0, f64::INFINITY)?)
}

/// Reads the head, 876 Mandarin syllables x 32 with a bias, and the syllables.
///
/// # Errors
/// None, as long as the embedded files are those that the tests read.
pub fn read() -> Result<(Located, Vocabulary)> {
    let checkpoint = from_bytes(Bytes::new(HEAD, NAME))?;
    let located = locate(checkpoint.as_ref(), Path::new(NAME), &Choice::default())?;
    Ok((located, Vocabulary::from_json_bytes(TOKENS, NAME)?))
}
