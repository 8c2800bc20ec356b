//! Runs transformers: from a checkpoint to logits and all hidden states, under any attention mask.
//!
//! BERT, a causal language model, XLNet and a sequence-to-sequence model differ in their attention mask and in a few
//! choices, so there is one implementation ([`Configuration`] lists the choices, [`Mask`] the masks) and a small file
//! for each family. Callers can set masks, input vectors and each layer's latent, and read all hidden states;
//! gradients flow to input vectors and latents. The output layer is the head that [`crate::locate`] finds, so that an
//! audit and the model are about the same one.
//!
//! The tensors are those of candle, on the processor. `candle-transformers` is not used: its models keep their parts
//! and masks private, and it has no GPT-2, ALBERT or XLNet.
//!
//! ```no_run
//! use unargmax::transformer::{Batch, Mask, Options, Transformer};
//!
//! let model = Transformer::open("models/bert", Options::default())?;
//! // The first three tokens are the source of a sequence-to-sequence model, although this is BERT.
//! let batch = Batch::ids(vec![vec![101, 7592, 102, 2088, 102]]).masked(Mask::Prefix { source: 3 });
//! let output = model.forward(&batch)?;
//! println!("{:?}", output.logits.dims()); // rows x tokens x V
//! # Ok::<(), unargmax::error::Error>(())
//! ```

mod assemble;
mod attention;
mod batch;
mod block;
mod buckets;
mod cache;
mod configuration;
mod convolutions;
mod disentangled;
mod distance_bias;
mod embedding;
mod experts;
mod families;
mod feed_forward;
mod fused;
pub(crate) mod known;
mod left_out;
mod linear;
mod mask;
mod matrix;
mod names;
mod norm;
mod output;
mod output_layer;
mod parameters;
mod positions;
mod possible;
mod product;
mod relative;
mod rotary;
mod run;
mod settings;
mod stack;
mod weights;

use std::path::{Path, PathBuf};

use candle_core::{DType, Tensor};

use crate::checkpoint::{self, Checkpoint};
use crate::error::{Error, Result};
use crate::locate;
use assemble::Parts;
use weights::Weights;

pub use batch::{Batch, Input};
pub use cache::Cache;
pub use configuration::{
    Activation, Biases, Clamped, Configuration, Direction, DisentangledSizes, EncoderSizes,
    ExpertSizes, LayerKinds, NormKind, Pairing, Placement, Position, QueryKeyNorm, ResidualSizes,
    Rotary, Scores, Sharing, Sinusoid, Special,
};
pub use left_out::UnusedTensor;
pub use mask::Mask;
pub(crate) use settings::Settings;

/// Options for opening a model.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The element type of all tensors: `F32`, or `F64` for checks of gradients.
    pub dtype: DType,
    /// Whether layers that share their tensors get copies of their own: the same logits, until one copy is changed.
    pub unshared: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options { dtype: DType::F32, unshared: false }
    }
}

/// An opened model.
pub struct Transformer {
    path: PathBuf,
    configuration: Configuration,
    parts: Parts,
    head: locate::Names,
    left_out: Vec<UnusedTensor>,
    dtype: DType,
}

/// The hidden states that a model computes for a batch.
#[derive(Clone, Debug)]
pub struct States {
    /// The state that the output matrix is multiplied with, `B x T x (head's width)`.
    pub state: Tensor,
    /// The hidden state before the first block and after each, `B x T x d`; the last one is after the final norm, as
    /// in transformers. Only the last one, if the batch says so.
    pub hidden: Vec<Tensor>,
    /// The hidden states of XLNet's query stream, if the batch asks for it.
    pub query_hidden: Vec<Tensor>,
    /// The hidden states of the encoder, if there is one.
    pub encoder_hidden: Vec<Tensor>,
    /// The number of tokens of each row; the positions after them are padding.
    pub lengths: Vec<usize>,
}

/// The logits and hidden states that a model computes for a batch.
#[derive(Clone, Debug)]
pub struct Output {
    /// The logits, one per token of the vocabulary, `B x T x V`.
    pub logits: Tensor,
    /// The hidden states before them.
    pub states: States,
}

impl Transformer {
    /// Opens a folder with `config.json` and tensors, or a GGUF file.
    ///
    /// # Errors
    /// Errors of the reader; a family that is not known; a configuration that no transformer can have or that has
    /// unknown keys; a tensor that is missing, has another shape, or is not known to change nothing; and no head.
    pub fn open(path: impl AsRef<Path>, options: Options) -> Result<Self> {
        let path = path.as_ref();
        let checkpoint = checkpoint::open(path)?;
        Self::of(checkpoint.as_ref(), path, options)
    }

    /// Makes the model of an opened checkpoint; `path` is for errors.
    ///
    /// # Errors
    /// As [`Transformer::open`].
    pub fn of(checkpoint: &dyn Checkpoint, path: &Path, options: Options) -> Result<Self> {
        if !matches!(options.dtype, DType::F32 | DType::F64) {
            let problem = format!("a model is computed in f32 or f64, not {:?}", options.dtype);
            return Err(Error::Invalid(problem));
        }
        let (configuration, names) = families::recognise(checkpoint, path)?;
        let head = output_layer::names(checkpoint, path)?;
        let weights = Weights::new(checkpoint, path, options.dtype);
        let mut configuration = configuration;
        assemble::divide_frequencies(&weights, &names, &mut configuration)?;
        let parts = assemble::assemble(&weights, &configuration, &names, &head, options.unshared)?;
        let left_out = left_out::check(&weights, &configuration, &names, &head)?;
        Ok(Transformer {
            path: path.to_path_buf(),
            configuration,
            parts,
            head,
            left_out,
            dtype: options.dtype,
        })
    }

    /// Returns the sizes and choices of the model.
    pub fn configuration(&self) -> &Configuration {
        &self.configuration
    }

    /// Returns the path that the model was opened from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the names of the head's tensors, which are those that an audit reads.
    pub fn head(&self) -> &locate::Names {
        &self.head
    }

    /// Returns the tensors of the checkpoint that the model does not use, each with a reason why it changes no logit.
    pub fn left_out(&self) -> &[UnusedTensor] {
        &self.left_out
    }

    /// Returns the number of blocks, which is the number of latents that a batch may set.
    pub fn blocks(&self) -> usize {
        self.parts.stack.blocks.len()
    }

    /// Whether the states of a row depend on the length of the longest row beside it, which has at most `longest`
    /// tokens. This is so where texts beyond a length are rotated by other frequencies: the batch decides.
    pub fn depends_on_longest_row(&self, longest: usize) -> bool {
        match &self.configuration.position {
            positions::Position::Rotary { rotary, .. } => {
                rotary.long.as_ref().is_some_and(|(beyond, _)| longest > *beyond)
            }
            _ => false,
        }
    }

    /// Looks up the vectors of token ids, `B x T x e`, which [`Input::Vectors`] takes. All rows must have one length.
    ///
    /// # Errors
    /// A token id that is not known, rows of different lengths.
    pub fn vectors(&self, rows: &[Vec<u32>]) -> Result<Tensor> {
        vectors(&self.parts.embedding, rows, self.configuration.embedding_scale)
    }

    /// Looks up the vectors of token ids, `B x T x e`, in the embedding of the encoder. All rows must have one length.
    ///
    /// # Errors
    /// A model without an encoder or with one that reads sound, a token id that is not known, rows of different lengths.
    pub fn source_vectors(&self, rows: &[Vec<u32>]) -> Result<Tensor> {
        let encoder = self.encoder()?;
        vectors(&encoder.embedding, rows, encoder.configuration.embedding_scale)
    }

    /// Returns the number of token ids that have a vector at the input.
    ///
    /// # Errors
    /// None in a model that reads text.
    pub fn input_tokens(&self) -> Result<usize> {
        Ok(self.parts.embedding.tokens()?.rows())
    }

    /// Returns the number of token ids that have a vector at the input of the encoder.
    ///
    /// # Errors
    /// A model without an encoder, or with one that reads sound.
    pub fn source_tokens(&self) -> Result<usize> {
        Ok(self.encoder()?.embedding.tokens()?.rows())
    }

    fn encoder(&self) -> Result<&assemble::Encoder> {
        self.parts
            .encoder
            .as_ref()
            .ok_or_else(|| Error::Invalid(format!("{} has no encoder", self.configuration.family)))
    }

    /// Computes the logits and hidden states of a batch.
    ///
    /// # Errors
    /// Input that does not fit the model: an unknown token; a sequence longer than the context; a mask, segments,
    /// vectors or latents of the wrong size; an encoder's input that is missing or that the model has no encoder for.
    pub fn forward(&self, batch: &Batch) -> Result<Output> {
        let states = self.states(batch)?;
        Ok(Output { logits: self.logits(&states.state)?, states })
    }

    /// Computes the hidden states of a batch without its logits.
    ///
    /// # Errors
    /// As [`Transformer::forward`].
    pub fn states(&self, batch: &Batch) -> Result<States> {
        run::pass(self, batch, None)
    }

    /// Computes the hidden states of tokens that follow those in the cache, and adds them to the cache.
    ///
    /// Rows must have one length. The first call sets the masks and the encoder's input.
    ///
    /// # Errors
    /// As [`Transformer::forward`], rows of different lengths or another number of rows, and a mask under which
    /// earlier tokens see later ones.
    pub fn extend(&self, batch: &Batch, cache: &mut Cache) -> Result<States> {
        run::extend(self, batch, cache)
    }

    /// Computes the logits of states, `B x T x (head's width)` to `B x T x V`.
    ///
    /// # Errors
    /// A state of another width.
    pub fn logits(&self, state: &Tensor) -> Result<Tensor> {
        self.parts.output.logits(state)
    }
}

/// Looks up the vectors of rows of one length.
fn vectors(embedding: &embedding::Embedding, rows: &[Vec<u32>], scale: f64) -> Result<Tensor> {
    if rows.iter().any(|row| row.len() != rows[0].len()) || rows.iter().all(Vec::is_empty) {
        return Err(Error::Invalid("vectors need rows of one length, at least 1".to_owned()));
    }
    for &id in rows.iter().flatten() {
        configuration::check_id("token id", id, embedding.tokens()?.rows())?;
    }
    embedding.vectors(rows, scale)
}
