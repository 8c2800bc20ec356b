//! The arguments that choose a head and its token names: from a checkpoint, or the bundled head.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;

use unargmax::locate::{BiasChoice, Choice};
use unargmax::output_layer::{Names, OutputLayer, ReadOptions};
use unargmax::report::options::HeadOptions;

/// The arguments that choose a head.
#[derive(Debug, Args)]
pub struct HeadArguments {
    /// A checkpoint: a file (.safetensors, .bin, .pt, .pkl, .gguf, .onnx, .npy, .npz, CTranslate2's model.bin), a
    /// folder as Hugging Face has it, or ORG/NAME in its cache on this machine [default: the bundled head of g2pM]
    pub checkpoint: Option<PathBuf>,
    /// Its tensors.
    #[command(flatten)]
    pub tensors: TensorArguments,
}

/// The arguments that choose the tensors of the head and the names of its tokens.
#[derive(Clone, Debug, Args)]
pub struct TensorArguments {
    /// The tensor that holds the rows, [V, d]
    #[arg(long, value_name = "NAME")]
    weight: Option<String>,
    /// The tensor that holds the bias, or `none` [default: the one named like the weight]
    #[arg(long, value_name = "NAME|none")]
    bias: Option<String>,
    /// The weight is stored [d, V]
    #[arg(long)]
    transpose: bool,
    /// The tokens: tokenizer.json, a JSON list or map from token to id, a SentencePiece .model, Marian's .yml, a
    /// pickled map, or one token per line [default: the checkpoint's own]
    #[arg(long, value_name = "FILE|none")]
    vocab: Option<PathBuf>,
    /// Believe a vocabulary that leaves more than a tenth of the rows without a token: they are padding
    #[arg(long)]
    padding_ok: bool,
}

impl HeadArguments {
    /// Reads the head and its vocabulary.
    pub fn read(&self) -> Result<OutputLayer> {
        self.read_with(false)
    }

    /// Reads the head, its vocabulary and, for a `draft`, which tokens its tensor `d2t` names.
    pub fn read_with(&self, draft: bool) -> Result<OutputLayer> {
        let options = ReadOptions { draft, ..self.tensors.read_options() };
        match &self.checkpoint {
            Some(path) => Ok(OutputLayer::open_with(path, &options)?),
            None if draft => {
                bail!("--among d2t reads the tensor `d2t` of a checkpoint; name one before it")
            }
            None => {
                let tensors = &self.tensors;
                if tensors.weight.is_some() || tensors.bias.is_some() || tensors.transpose {
                    bail!(
                        "--weight, --bias and --transpose choose tensors of a checkpoint; name one before them"
                    );
                }
                Ok(OutputLayer::bundled(&options)?)
            }
        }
    }
}

impl TensorArguments {
    /// Returns which tensors of the checkpoint to take for the head.
    pub fn choice(&self) -> Choice {
        let bias = match self.bias.as_deref() {
            None => BiasChoice::ByName,
            Some("none") => BiasChoice::None,
            Some(name) => BiasChoice::Named(name.to_owned()),
        };
        Choice { weight: self.weight.clone(), bias, transpose: self.transpose }
    }

    /// Returns the options for reading the output layer.
    fn read_options(&self) -> ReadOptions {
        let names = match &self.vocab {
            None => Names::Own,
            Some(path) if path.as_os_str() == "none" => Names::None,
            Some(path) => Names::File(path.clone()),
        };
        let padding_ok = self.padding_ok;
        ReadOptions { tensors: self.choice(), names, padding_ok, draft: false }
    }

    /// Returns the options for the tensors as they were given, for the summary of an audit.
    pub fn options(&self) -> HeadOptions {
        HeadOptions {
            weight: self.weight.clone(),
            bias: self.bias.clone(),
            transpose: self.transpose,
        }
    }

    /// Fills the options that were not given with those of an earlier audit.
    pub fn or(mut self, earlier: HeadOptions) -> Self {
        // The earlier bias and transposition belong to the earlier weight; they say nothing of another one.
        if self.weight.is_none() || self.weight == earlier.weight {
            self.weight = earlier.weight;
            self.bias = self.bias.or(earlier.bias);
            self.transpose |= earlier.transpose;
        }
        self
    }

    /// Turns off reading the checkpoint's own vocabulary, unless a vocabulary file was given.
    pub fn without_own_vocabulary(mut self) -> Self {
        self.vocab = self.vocab.or_else(|| Some(PathBuf::from("none")));
        self
    }
}
