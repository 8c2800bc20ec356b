//! What the program knows of one family: its names, its output layer, and the norm before that.
//!
//! Tensor names may begin with `*`, which stands for the *body* of the model (`model.`, or `model.language_model.` in
//! a model of images and text; the first of `bodies` under which the embedding lies), and may hold `{last}`, the
//! number of the last layer. Norms are named by their stem: `.weight` or `.gamma`, `/gamma`, `_scale` hold the gain,
//! `.bias` or `.beta`, `/beta`, `_bias` the shift.

/// One family: its names, and its output layer.
#[derive(Debug)]
pub(crate) struct Family {
    /// The name of the family, for people.
    pub name: &'static str,
    /// The reference from which this row was written.
    pub source: &'static str,
    /// The values of `model_type` in config.json; empty for formats without one.
    pub model_types: &'static [&'static str],
    /// The endings of `architectures` in config.json for models with this head.
    pub tasks: &'static [&'static str],
    /// The prefixes that `*` may stand for.
    pub bodies: &'static [&'static str],
    /// The names of an output layer that is a tensor of its own; the first that is stored is taken.
    pub separate: &'static [&'static str],
    /// Whether this tensor is stored `d x V`.
    pub separate_transposed: bool,
    /// The names of the embedding that is the output layer, if it is tied; empty for classifiers.
    pub tied_to: &'static [&'static str],
    /// Whether the head is tied if the configuration does not say.
    pub tied_by_default: bool,
    /// Whether the head is separate whatever the configuration says about tying.
    pub never_tied: bool,
    /// Tensors of which at least one is stored whenever the model has this head, tied or not; without them an embedding
    /// is no head.
    pub required: &'static [&'static str],
    /// The names of the bias; the first that is stored is taken.
    pub biases: &'static [&'static str],
    /// Whether the family always has a bias.
    pub needs_bias: bool,
    /// The norm before the head.
    pub norm: Option<HeadNorm>,
    /// The activation before the head, by its name in configurations.
    pub activation: Option<&'static str>,
    /// Tensors whose presence means that a linear map stands between norm and head.
    pub between: &'static [&'static str],
    /// Tensors of which one is stored with a head of this family. If the names of the head are also those of many
    /// other models (`head.weight`), it is recognised only by its configuration or by one of these.
    pub known_by: &'static [&'static str],
    /// Configuration keys for the number of tokens of the head, read before the usual ones.
    pub tokens: &'static [&'static str],
    /// Whether logits beyond that number are cut off.
    pub cut: bool,
    /// A peculiarity that no other field describes.
    pub quirk: Option<Quirk>,
}

/// A peculiarity of a family that no other field of its row describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quirk {
    /// The head is the embedding whatever the configuration says about tying: FSMT's output_projection is tied, and
    /// published checkpoints set the flag to false.
    TiedDespiteTheFlag,
    /// A norm stands before the head only if each layer ends in one, which Marian's own options say.
    NormIfLayersEndInOne,
    /// A norm without a shift is an RMSNorm (CTranslate2).
    RmsNormWithoutShift,
}

/// The norm before a head.
#[derive(Debug, PartialEq)]
pub(crate) struct HeadNorm {
    /// The kind of the norm.
    pub kind: NormKind,
    /// A configuration key that says whether the norm is an RMSNorm or a LayerNorm.
    pub rms_flag: Option<&'static str>,
    /// The stems of its tensors; the first that is stored is taken.
    pub stems: &'static [&'static str],
    /// The configuration keys of the epsilon, and the default.
    pub epsilon: (&'static [&'static str], f64),
    /// Whether the gain is 1 plus the stored number.
    pub one_plus: bool,
    /// Whether the norm has neither gain nor shift, so that no tensor of it is stored.
    pub bare: bool,
    /// The factor between the norm and the head.
    pub factor: Factor,
}

/// The factor of the hidden state between a norm and the head.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Factor {
    /// 1.
    One,
    /// `d^-1/2` if the configuration asks for it, or else if the head is tied (T5).
    T5,
    /// `d^-1/2` if the head is tied.
    IfTied,
    /// One over the number under this key.
    Over(&'static str),
    /// `dim_model_base / hidden_size` (MiniCPM).
    MiniCpm,
}

/// The kind of a norm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NormKind {
    /// LayerNorm: mean 0 and variance 1, then gain and shift (Ba, Kiros and Hinton, 2016).
    LayerNorm,
    /// RMSNorm: mean square 1, then gain (Zhang and Sennrich, 2019).
    RmsNorm,
}

impl Family {
    /// Whether the rows of the output layer are tokens, and not the labels of a classifier.
    pub fn is_of_tokens(&self) -> bool {
        !self.tied_to.is_empty()
    }

    /// Returns the stems of the norm before the head.
    pub fn norm_stems(&self) -> &'static [&'static str] {
        self.norm.as_ref().map_or(&[], |norm| norm.stems)
    }

    /// Returns the stem of the norm after the last layer, without its body; `None` where the last layer ends in a norm, or
    /// there is none.
    #[cfg(feature = "model")]
    pub fn final_norm(&self) -> Option<&'static str> {
        let stem = *self.norm_stems().first()?;
        (!stem.contains("{last}")).then(|| stem.strip_prefix('*').unwrap_or(stem))
    }
}
