//! A verdict by its name, without the evidence.

use std::fmt;

/// A verdict by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// Can win.
    Argmaxable,
    /// Reaches the maximum only together with its equals.
    Tied,
    /// Can never be the strict winner.
    Unargmaxable,
    /// Not proved either way.
    Undecided,
}

impl Outcome {
    /// In the order in which reports list them.
    pub const ALL: [Outcome; 4] =
        [Outcome::Argmaxable, Outcome::Tied, Outcome::Unargmaxable, Outcome::Undecided];

    /// Whether it is proved to reach the maximum somewhere, alone or with its equals.
    pub fn can_reach_maximum(self) -> bool {
        matches!(self, Outcome::Argmaxable | Outcome::Tied)
    }

    /// The verdict of a name in the table.
    pub fn named(name: &str) -> Option<Self> {
        Outcome::ALL.into_iter().find(|outcome| outcome.name() == name)
    }

    /// The name as in the table.
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Argmaxable => "argmaxable",
            Outcome::Tied => "tied",
            Outcome::Unargmaxable => "unargmaxable",
            Outcome::Undecided => "undecided",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
