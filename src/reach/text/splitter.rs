//! What a way to split text that the crate `tokenizers` does not have can do.

use std::path::Path;

use super::SpecialTokens;
use crate::error::Result;

/// A way to split text. Errors name the file `source`.
pub(super) trait Splitter: Send + Sync {
    /// Returns the ids of a text.
    fn encode(&self, text: &str, around: SpecialTokens, source: &Path) -> Result<Vec<u32>>;

    /// Returns the ids of a text of the decoder.
    fn encode_target(&self, text: &str, around: SpecialTokens, source: &Path) -> Result<Vec<u32>> {
        self.encode(text, around, source)
    }

    /// Returns the tokens that are added before and after a text.
    fn around(&self) -> (Vec<u32>, Vec<u32>) {
        (Vec::new(), Vec::new())
    }

    /// Returns the text of ids that have pieces.
    fn decode(&self, ids: &[u32], source: &Path) -> Result<String>;

    /// Returns the piece of an id as it is written in a text; `None` where there is none.
    fn piece(&self, id: u32) -> Option<String>;
}
