//! From arguments to a head with its names: the checkpoint, or the bundled head.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::Args;

use unargmax::checkpoint::vocabulary::Vocabulary;
use unargmax::checkpoint::{self};
use unargmax::domain::Domain;
use unargmax::head::bundled;
use unargmax::head::locate::{BiasChoice, Choice, Located, locate};
use unargmax::report::summary::CheckpointSummary;

/// Which head to read.
#[derive(Debug, Args)]
pub struct HeadArguments {
    /// A file or folder of a model, or its name in the cache of Hugging Face [default: the bundled head of g2pM]
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
    /// The tokens: a JSON list, a JSON map from token to id, or one token a line
    #[arg(long, value_name = "FILE")]
    vocab: Option<PathBuf>,
}

/// A head ready to audit.
pub struct Input {
    /// Where it came from.
    pub checkpoint: CheckpointSummary,
    /// The head and its tensors.
    pub located: Located,
    /// Its tokens, if known.
    pub vocabulary: Option<Vocabulary>,
    /// What is known to stand before the head, and what that is.
    pub before: Option<(Domain, &'static str)>,
}

impl HeadArguments {
    /// Reads head and vocabulary.
    pub fn read(&self) -> Result<Input> {
        let mut input = match &self.checkpoint {
            Some(path) => self.checkpoint_file(path)?,
            None => self.bundled()?,
        };
        if let Some(path) = &self.tensors.vocab {
            input.vocabulary = Some(Vocabulary::from_file(path)?);
        }
        let tokens = input.located.head.tokens();
        if let Some(named) =
            input.vocabulary.as_ref().map(|v| v.tokens.len()).filter(|&n| n > tokens)
        {
            let file = self.tensors.vocab.as_ref().or(self.checkpoint.as_ref());
            bail!(
                "{}: the vocabulary has {named} tokens, but the head only {tokens} rows: is it the vocabulary of another \
                 model, or is the weight stored d x V (--transpose)?",
                file.map_or(bundled::NAME.into(), |f| f.display().to_string())
            );
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
        let before = Some((bundled::domain(located.head.dim())?, "a ReLU stands before the head"));
        let checkpoint = CheckpointSummary {
            path: bundled::NAME.to_owned(),
            bytes: bundled::size() as u64,
            format: "safetensors".to_owned(),
        };
        Ok(Input { checkpoint, located, vocabulary: Some(vocabulary), before })
    }

    fn checkpoint_file(&self, path: &Path) -> Result<Input> {
        let checkpoint = checkpoint::open(path)?;
        let bias = match self.tensors.bias.as_deref() {
            None => BiasChoice::ByName,
            Some("none") => BiasChoice::None,
            Some(name) => BiasChoice::Named(name.to_owned()),
        };
        let choice =
            Choice { weight: self.tensors.weight.clone(), bias, transpose: self.tensors.transpose };
        let located = locate(checkpoint.as_ref(), path, &choice)?;
        let vocabulary = checkpoint.vocabulary()?;
        let bytes = checkpoint.size();
        let summary = CheckpointSummary {
            path: path.display().to_string(),
            bytes,
            format: checkpoint.format().to_owned(),
        };
        Ok(Input { checkpoint: summary, located, vocabulary, before: None })
    }
}
