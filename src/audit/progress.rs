//! How an audit tells that it is getting on.

/// Receives news of a running audit, from several threads.
pub trait Progress: Sync {
    /// A stage begins, with this many tokens to settle in it.
    fn begin(&self, stage: &'static str, tokens: usize);
    /// So many more tokens are settled.
    fn advance(&self, tokens: usize);
}

/// Nobody listens.
#[derive(Clone, Copy, Debug)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _: &'static str, _: usize) {}
    fn advance(&self, _: usize) {}
}
