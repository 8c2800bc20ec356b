//! A head that was found among the tensors, before its numbers are read.

use super::activation::Activation;
use super::combined::Combined;
use super::final_norm::Stated;

/// Names and circumstances of a head.
pub(super) struct Found {
    /// The weight's name.
    pub weight: String,
    /// Why this one, for people.
    pub why: String,
    /// Whether its name, its place or the user chose it, and no rule that knows its bias and its orientation.
    pub is_plain: bool,
    /// The family whose rule found it.
    pub family: Option<&'static str>,
    /// Where that rule is from.
    pub source: Option<&'static str>,
    /// The bias's name.
    pub bias: Option<String>,
    /// Whether the weight is stored `d x V`.
    pub transposed: bool,
    /// What weight and biases are made of, where that is more than one tensor each.
    pub combined: Option<Combined>,
    /// Whether it is the embedding as well.
    pub tying: Tying,
    /// The norm before it.
    pub norm: Option<Stated>,
    /// The activation before it.
    pub activation: Option<Activation>,
    /// What else is known of what stands before and after it.
    pub notes: Vec<String>,
    /// How many tokens the configuration says there are.
    pub stated_tokens: Option<usize>,
    /// How many rows from the first on make logits that are used, where that is not all of them.
    pub used: Option<usize>,
    /// The names of a classifier's labels.
    pub labels: Option<Vec<String>>,
}

impl Found {
    /// A weight of which nothing else is known.
    pub fn plain(weight: impl Into<String>, why: impl Into<String>) -> Self {
        Found {
            weight: weight.into(),
            why: why.into(),
            is_plain: true,
            family: None,
            source: None,
            bias: None,
            transposed: false,
            combined: None,
            tying: Tying::Unknown,
            norm: None,
            activation: None,
            notes: Vec::new(),
            stated_tokens: None,
            used: None,
            labels: None,
        }
    }
}

/// Whether the rows of a head are those of the embedding as well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tying {
    /// Nothing says so or otherwise.
    Unknown,
    /// The head is a matrix of its own.
    Own,
    /// The head is this embedding.
    Tied(String),
}

impl Tying {
    /// `true`, `false`, or nothing where it is not known.
    pub fn is_tied(&self) -> Option<bool> {
        match self {
            Tying::Unknown => None,
            Tying::Own => Some(false),
            Tying::Tied(_) => Some(true),
        }
    }
}
