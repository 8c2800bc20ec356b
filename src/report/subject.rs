//! The subject of a summary for a terminal.

use crate::causes::RowLayout;
use crate::checkpoint::vocabulary::Vocabulary;
use crate::domain::Domain;
use crate::locate::Located;
use crate::report::frequencies::Frequencies;
use crate::report::terms::Terms;

/// The subject of a summary: the checkpoint, the head, the domain.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// The path of the checkpoint, or the name of the bundled head.
    pub path: &'a str,
    /// The head and the tensors it was read from.
    pub located: &'a Located,
    /// The names of the tokens, if known.
    pub vocabulary: Option<&'a Vocabulary>,
    /// How the rows of the head lie.
    pub layout: &'a RowLayout,
    /// The domain: where hidden states may lie.
    pub domain: &'a Domain,
    /// How often tokens occur, if that was given.
    pub frequencies: Option<&'a Frequencies>,
    /// Why this domain was chosen.
    pub reason: &'a str,
    /// The seeds of the samples for which efforts, margins, largest probabilities and best ranks were measured, if they are samples.
    pub seeds: [Option<u64>; 4],
    /// The terms for what the rows stand for.
    pub terms: &'a Terms,
}
