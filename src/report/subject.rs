//! What a summary for a terminal speaks of.

use crate::checkpoint::vocabulary::Vocabulary;
use crate::domain::Domain;
use crate::locate::Located;

/// What the summary speaks of.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// Path of the checkpoint, or the bundled head's name.
    pub path: &'a str,
    /// The head and its tensors.
    pub located: &'a Located,
    /// The tokens' names, if known.
    pub vocabulary: Option<&'a Vocabulary>,
    /// Where hidden states may lie.
    pub domain: &'a Domain,
    /// Why this domain.
    pub reason: &'a str,
    /// What the samples that efforts and margins were measured of were drawn with, if they are samples.
    pub seeds: [Option<u64>; 2],
}
