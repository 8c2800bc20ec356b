//! What a user may say of the head.

/// Which tensors to take; nothing asked for means: by their names.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// The weight's name.
    pub weight: Option<String>,
    /// The bias.
    pub bias: BiasChoice,
    /// Whether the weight is stored `d x V`.
    pub transpose: bool,
}

/// Which bias to take.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum BiasChoice {
    /// The one that belongs to the weight, if there is one.
    #[default]
    ByName,
    /// No bias.
    None,
    /// This tensor.
    Named(String),
}
