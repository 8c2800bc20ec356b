//! Progress reports from long-running work.

/// Receives progress reports from work in stages; worker threads may call it concurrently.
pub trait Progress: Sync {
    /// Begins a stage that has `total` items to process; `unit` names the items in the plural. A `total` of 0 means
    /// that the number is not known.
    fn begin(&self, stage: &str, total: usize, unit: &str);
    /// Reports that `count` more items of the stage are done; 0 before a piece of work begins. To cancel the work, unwind from
    /// here by [`std::panic::resume_unwind`], in every later call too: all threads then stop at their next piece, and the
    /// caller of the audit catches what was thrown. Nothing is left half done that could be used again.
    fn advance(&self, count: usize);
}

/// Discards all progress reports.
#[derive(Clone, Copy, Debug)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _: &str, _: usize, _: &str) {}
    fn advance(&self, _: usize) {}
}

/// Forwards progress reports with a subject added to the name of every stage.
pub struct About<'a> {
    to: &'a dyn Progress,
    what: &'a str,
}

impl<'a> About<'a> {
    /// Forwards to `to`; the stage `screen` becomes `screen, WHAT`.
    pub fn new(to: &'a dyn Progress, what: &'a str) -> Self {
        About { to, what }
    }
}

impl Progress for About<'_> {
    fn begin(&self, stage: &str, total: usize, unit: &str) {
        self.to.begin(&format!("{stage}, {}", self.what), total, unit);
    }

    fn advance(&self, count: usize) {
        self.to.advance(count);
    }
}
