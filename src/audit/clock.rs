//! Measures how long each stage took.

use std::collections::BTreeMap;
use std::time::Instant;

/// A stopwatch that is read at the end of each stage.
pub struct Clock {
    last: Instant,
    /// Seconds by stage.
    pub laps: BTreeMap<&'static str, f64>,
}

impl Clock {
    /// Starts the clock.
    pub fn start() -> Self {
        Clock { last: Instant::now(), laps: BTreeMap::new() }
    }

    /// Ends a stage, records its time, and begins the next stage.
    pub fn lap(&mut self, stage: &'static str) {
        self.laps.insert(stage, self.last.elapsed().as_secs_f64());
        self.last = Instant::now();
    }
}
