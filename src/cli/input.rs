//! From arguments to a head with its names: the checkpoint, or the bundled head.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;

use super::vocabulary;
use unargmax::checkpoint;
use unargmax::checkpoint::vocabulary::Vocabulary;
use unargmax::domain::Domain;
use unargmax::locate::bundled;
use unargmax::locate::{BiasChoice, Choice, Located, candidates, locate};
use unargmax::report::inspection::Candidate;
use unargmax::report::options::HeadOptions;
use unargmax::report::summary::CheckpointSummary;

/// Which head to read.
#[derive(Debug, Args)]
pub struct HeadArguments {
    /// A checkpoint: a file (.safetensors, .bin, .pt, .pkl, .gguf, .onnx, .npy, .npz, CTranslate2's model.bin), a
    /// folder as Hugging Face has it, or ORG/NAME in its cache on this machine [default: the bundled head of g2pM]
    pub checkpoint: Option<PathBuf>,
    /// Its tensors.
    #[command(flatten)]
    pub tensors: TensorArguments,
}

/// Which tensors and names to take.
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
    /// pickled map, or one token a line [default: the checkpoint's own]
    #[arg(long, value_name = "FILE|none")]
    vocab: Option<PathBuf>,
    /// Believe a vocabulary that leaves more than a tenth of the rows without a token: they are padding
    #[arg(long)]
    padding_ok: bool,
}

/// A head ready to audit.
pub struct Input {
    /// Where it came from.
    pub checkpoint: CheckpointSummary,
    /// The head and its tensors.
    pub located: Located,
    /// Its tokens, if known, one a row of the head.
    pub vocabulary: Option<Vocabulary>,
    /// Where they are from.
    pub vocabulary_source: Option<String>,
    /// The matrices that look most like heads.
    pub candidates: Vec<Candidate>,
    /// Where hidden states lie by what stands before the head, and what that is.
    pub before: (Domain, String),
}

impl HeadArguments {
    /// Reads head and vocabulary.
    pub fn read(&self) -> Result<Input> {
        let mut input = match &self.checkpoint {
            Some(path) => self.checkpoint_file(path)?,
            None => self.bundled()?,
        };
        if let Some(path) = &self.tensors.vocab {
            let none = path.as_os_str() == "none";
            input.vocabulary =
                (!none).then(|| Vocabulary::from_file(path)).transpose()?.map(Vocabulary::guessed);
            input.vocabulary_source = (!none).then(|| path.display().to_string());
        }
        let rows = input.located.head.tokens();
        if let Some(vocabulary) = input.vocabulary.take() {
            let source = input.vocabulary_source.as_deref().unwrap_or(bundled::NAME);
            let fitted = vocabulary::fitted(vocabulary, rows, source, self.tensors.padding_ok)?;
            input.vocabulary = Some(fitted);
        }
        Ok(input)
    }

    fn bundled(&self) -> Result<Input> {
        if self.tensors.weight.is_some() || self.tensors.bias.is_some() || self.tensors.transpose {
            bail!(
                "--weight, --bias and --transpose choose tensors of a checkpoint; name one before them"
            );
        }
        let (located, vocabulary) = bundled::read()?;
        let before =
            (bundled::domain(located.head.dim())?, "a ReLU stands before the head".to_owned());
        let checkpoint = CheckpointSummary {
            path: bundled::NAME.to_owned(),
            bytes: bundled::size() as u64,
            format: "safetensors".to_owned(),
        };
        let vocabulary_source = Some(bundled::NAME.to_owned());
        let candidates = vec![Candidate {
            name: located.weight.clone(),
            shape: vec![located.head.tokens(), located.head.dim()],
            dtype: located.dtype.to_string(),
        }];
        let vocabulary = Some(vocabulary);
        Ok(Input { checkpoint, located, vocabulary, vocabulary_source, candidates, before })
    }

    fn checkpoint_file(&self, path: &Path) -> Result<Input> {
        let checkpoint = checkpoint::open(path)?;
        let located = locate(checkpoint.as_ref(), path, &self.tensors.choice())?;
        let (vocabulary, vocabulary_source) = match self.tensors.vocab {
            // Read afterwards; a faulty one beside the checkpoint is then of no concern.
            Some(_) => (None, None),
            None => match vocabulary::own(checkpoint.as_ref(), &located).context(
                "the vocabulary (--vocab FILE names another one, --vocab none goes without)",
            )? {
                Some((vocabulary, source)) => (Some(vocabulary), Some(source)),
                None => (None, None),
            },
        };
        let summary = CheckpointSummary {
            path: path.display().to_string(),
            bytes: checkpoint.size(),
            format: checkpoint.format().to_owned(),
        };
        let before = located.domain()?;
        let candidates = candidates(checkpoint.as_ref(), path)
            .into_iter()
            .map(|info| Candidate {
                name: info.name.clone(),
                shape: info.shape.clone(),
                dtype: info.dtype.to_string(),
            })
            .collect();
        Ok(Input {
            checkpoint: summary,
            located,
            vocabulary,
            vocabulary_source,
            candidates,
            before,
        })
    }
}

impl TensorArguments {
    /// The tensors asked for.
    pub fn choice(&self) -> Choice {
        let bias = match self.bias.as_deref() {
            None => BiasChoice::ByName,
            Some("none") => BiasChoice::None,
            Some(name) => BiasChoice::Named(name.to_owned()),
        };
        Choice { weight: self.weight.clone(), bias, transpose: self.transpose }
    }

    /// The options that were given.
    pub fn options(&self) -> HeadOptions {
        HeadOptions {
            weight: self.weight.clone(),
            bias: self.bias.clone(),
            transpose: self.transpose,
        }
    }

    /// These options, with those of an earlier audit for what was not given.
    pub fn or(mut self, earlier: HeadOptions) -> Self {
        // A bias or a way of storing that was asked for with another weight says nothing of this one.
        if self.weight.is_none() || self.weight == earlier.weight {
            self.weight = earlier.weight;
            self.bias = self.bias.or(earlier.bias);
            self.transpose |= earlier.transpose;
        }
        self
    }

    /// The same, with no names read unless a file of them was given.
    pub fn without_own_vocabulary(mut self) -> Self {
        self.vocab = self.vocab.or_else(|| Some(PathBuf::from("none")));
        self
    }
}
