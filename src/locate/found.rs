//! A head that was found among the tensors of a checkpoint, before its numbers are read.

use super::activation::Activation;
use super::combined::Combined;
use super::final_norm::NormDescription;

/// The tensor names of a head, and what is known about it.
pub(super) struct Found {
    /// The name of the weight.
    pub weight: String,
    /// Why this tensor was chosen, for people.
    pub why: String,
    /// Whether it was chosen by its plain name, its position or the user, and not by a rule that knows its bias and
    /// orientation.
    pub is_plain: bool,
    /// The family whose rule found the head.
    pub family: Option<&'static str>,
    /// The source of this rule.
    pub source: Option<&'static str>,
    /// The name of the bias.
    pub bias: Option<String>,
    /// Whether the weight is stored `d x V`.
    pub transposed: bool,
    /// The factors of weight and biases, if the head is made of more than one tensor each.
    pub combined: Option<Combined>,
    /// Whether the weight is also the embedding.
    pub tying: Tying,
    /// The norm before the head.
    pub norm: Option<NormDescription>,
    /// The activation before the head.
    pub activation: Option<Activation>,
    /// Notes on what else stands before and after the head.
    pub notes: Vec<String>,
    /// The number of tokens that the configuration states.
    pub stated_tokens: Option<usize>,
    /// The number of rows, from the first on, whose logits are used, if not all are.
    pub used: Option<usize>,
    /// The names of a classifier's labels.
    pub labels: Option<Vec<String>>,
}

impl Found {
    /// Makes a head of which nothing but the weight is known.
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

/// Whether the rows of a head are also those of the embedding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tying {
    /// Not known.
    Unknown,
    /// The head is a matrix of its own, and not the embedding.
    Separate,
    /// The head is this embedding.
    Tied(String),
}

impl Tying {
    /// Returns whether the head is tied; `None` where it is not known.
    pub fn is_tied(&self) -> Option<bool> {
        match self {
            Tying::Unknown => None,
            Tying::Separate => Some(false),
            Tying::Tied(_) => Some(true),
        }
    }
}
