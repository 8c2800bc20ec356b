//! How positions enter a model: tables, sinusoids, rotations of queries and keys, and biases of scores.

/// How positions enter the model.
#[derive(Clone, Debug, PartialEq)]
pub enum Position {
    /// Not at all, but for what disentangled attention adds to the scores (DeBERTa).
    None,
    /// A learned table, one row per position, added to the embedding.
    Learned {
        /// The row of the first position.
        offset: usize,
        /// Where given, tokens of this id take the row of this number, and do not count as positions (RoBERTa).
        padding: Option<u32>,
    },
    /// Sines in the first half of the coordinates and cosines in the second, added to the embedding.
    Sinusoidal(Sinusoid),
    /// A rotation of queries and keys (Su et al., RoFormer, 2021).
    Rotary {
        /// The rotation of most layers.
        rotary: Rotary,
        /// The rotation of local layers, if another (Gemma 3).
        local: Option<Rotary>,
    },
    /// A bias of the scores that falls with the distance, with a slope for each head (ALiBi; Press et al., 2021).
    Slopes,
    /// The same with slopes and products rounded to bfloat16, and divided by the root of a head's width (Falcon).
    RoundedSlopes,
    /// A learned bias per head and bucket of distances, added to the scores (T5).
    Buckets {
        /// The number of buckets.
        buckets: usize,
        /// The distance from which on all distances share the last bucket.
        furthest: usize,
    },
    /// Scores of queries with sinusoids of the distance (Transformer-XL, XLNet).
    Relative {
        /// The largest distance; larger ones count as this.
        clamp: Option<usize>,
    },
}

/// How the waves of sinusoidal positions are spaced, and from which number positions are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sinusoid {
    /// Exponents from 0 to nearly 1 (Marian, Pegasus).
    Open,
    /// Exponents from 0 to 1; positions are counted from the one after the padding id, whose own tokens have zeros and
    /// do not count (M2M-100).
    Closed {
        /// The padding id.
        padding: u32,
    },
}

/// A rotation of queries and keys.
#[derive(Clone, Debug, PartialEq)]
pub struct Rotary {
    /// The angle of a pair of coordinates at position 1, one for each pair; the other coordinates of a head stay.
    pub frequencies: Vec<f32>,
    /// The frequencies of texts of more than a number of tokens, where others apply to them (Phi 3).
    pub long: Option<(usize, Vec<f32>)>,
    /// The factor of the rotated coordinates (YaRN; Peng et al., 2023).
    pub factor: f32,
    /// Which coordinates are rotated together.
    pub pairing: Pairing,
}

impl Rotary {
    /// The rotation of `width` coordinates of a head, without scaling.
    pub fn plain(width: usize, base: f64, pairing: Pairing) -> Self {
        let frequencies = plain_frequencies(width, base);
        Rotary { frequencies, long: None, factor: 1.0, pairing }
    }

    /// The frequencies for a text of so many tokens.
    pub(super) fn at(&self, length: usize) -> &[f32] {
        match &self.long {
            Some((beyond, frequencies)) if length > *beyond => frequencies,
            _ => &self.frequencies,
        }
    }

    /// Refuses frequencies that no rotation of a head of `width` coordinates can have; the error is one sentence.
    pub(super) fn check(&self, width: usize) -> Result<(), String> {
        let pairs = self.frequencies.len();
        if pairs == 0 || 2 * pairs > width {
            return Err(format!(
                "of a head of {width} coordinates {} cannot be rotated",
                2 * pairs
            ));
        }
        let long = self.long.iter().flat_map(|(_, frequencies)| frequencies);
        match self.frequencies.iter().chain(long).find(|f| !f.is_finite() || **f < 0.0) {
            Some(frequency) => {
                Err(format!("{frequency} is not a valid frequency of rotary positions"))
            }
            None if !self.factor.is_finite() => {
                Err(format!("{} is not a valid factor of rotary positions", self.factor))
            }
            None => Ok(()),
        }
    }
}

/// `base^(-2k / width)` for each pair, in float32 as transformers computes them.
pub(super) fn plain_frequencies(width: usize, base: f64) -> Vec<f32> {
    let exponent = |k: usize| (2 * k) as f32 / width as f32;
    (0..width / 2).map(|k| 1.0 / (base as f32).powf(exponent(k))).collect()
}

/// Which pairs of coordinates a rotary embedding rotates together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pairing {
    /// Coordinates `k` and `k + width / 2` (checkpoints of transformers).
    Halves,
    /// Coordinates `2 k` and `2 k + 1` (GGUF's Llama, whose converter permutes the rows to that order).
    Neighbours,
}
