//! What a user may choose about the head.

/// Which tensors to take as the head; by default they are found.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// The name of the weight.
    pub weight: Option<String>,
    /// Which bias to take.
    pub bias: BiasChoice,
    /// Whether the weight is stored `d x V`.
    pub transpose: bool,
}

/// Which bias to take.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum BiasChoice {
    /// The bias that belongs to the weight by its name, if there is one.
    #[default]
    ByName,
    /// No bias.
    None,
    /// The tensor of this name.
    Named(String),
}
