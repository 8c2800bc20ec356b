//! A progress bar on a terminal; off a terminal it hides itself.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use unargmax::audit::progress::Progress;

/// One bar that starts again at each stage.
pub struct Bar(ProgressBar);

impl Bar {
    /// A bar on standard error, or one that never shows.
    pub fn new(quiet: bool) -> Self {
        let target =
            if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        Bar(ProgressBar::with_draw_target(Some(0), target)).counting("tokens")
    }

    /// The same, counting other things than tokens.
    pub fn counting(self, what: &str) -> Self {
        let template = format!("{{msg:8}} {{wide_bar}} {{pos}}/{{len}} {what}, {{elapsed}}");
        match ProgressStyle::with_template(&template) {
            Ok(style) => Bar(self.0.with_style(style)),
            Err(_) => self,
        }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.0.finish_and_clear();
    }
}

impl Progress for Bar {
    fn begin(&self, stage: &'static str, tokens: usize) {
        self.0.reset();
        self.0.set_message(stage);
        self.0.set_length(tokens as u64);
    }

    fn advance(&self, tokens: usize) {
        self.0.inc(tokens as u64);
    }
}
