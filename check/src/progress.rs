//! How long work tells that it is getting on.

/// Receives news of work in stages, from several threads.
pub trait Progress: Sync {
    /// A stage begins, with so many things to settle in it, which `unit` names in the plural. With 0 nobody knows how
    /// many.
    fn begin(&self, stage: &str, total: usize, unit: &str);
    /// So many more of them are settled.
    fn advance(&self, count: usize);
}

/// Nobody listens.
#[derive(Clone, Copy, Debug)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _: &str, _: usize, _: &str) {}
    fn advance(&self, _: usize) {}
}

/// Adds to the names of stages what they are about.
pub struct About<'a> {
    to: &'a dyn Progress,
    what: &'a str,
}

impl<'a> About<'a> {
    /// Tells `to` of stages about `what`: `screen` is told as `screen, WHAT`.
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
