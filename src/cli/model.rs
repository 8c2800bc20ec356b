//! The arguments that choose a whole model and the text to run it on.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result, bail};
use candle_core::{DType, Device, Tensor};
use clap::{Args, ValueEnum};

use super::memory;
use super::progress::Bar;
use unargmax::checkpoint::vocabulary::{Vocabulary, from_side_file};
use unargmax::checkpoint::{self, Checkpoint, Values};
use unargmax::reach::text::{SpecialTokens, Tokenizer, TokenizerSource, kept};
use unargmax::transformer::{Mask, Options, Transformer};

/// Which model, and how text is split for it.
#[derive(Debug, Args)]
pub struct ModelArguments {
    /// A whole model: a folder with config.json and its tensors, a GGUF file, or ORG/NAME in the cache of Hugging Face on
    /// this machine
    pub checkpoint: PathBuf,
    /// Split text by this tokenizer.json, or by this file of tiktoken (for Qwen, Llama 3 and Whisper) [default: as the
    /// checkpoint says]
    #[arg(long, value_name = "FILE", group = "split")]
    tokenizer: Option<PathBuf>,
    /// Take vocab.txt for word pieces as BERT has them, where no file says so
    #[arg(long, value_name = "CASE", value_enum, group = "split")]
    wordpiece: Option<Case>,
    /// Take each match of this regular expression for a token; all of the text must match. No tokens are added around
    /// it: write [CLS] and the like in the text
    #[arg(long, value_name = "PATTERN", group = "split")]
    split_regex: Option<String>,
    /// Which pieces of the SentencePiece model have a row, in a model that was cut down to a part of its vocabulary: their
    /// ids, one for each row in order, as a JSON list or one a line
    #[arg(long, value_name = "FILE", group = "split")]
    kept: Option<PathBuf>,
    /// The text was cut into words, as CPM needs it: a blank between two words, `▂` for a blank of the text, `▃` for the end
    /// of a line
    #[arg(long, group = "split")]
    words: bool,
    /// Give layers that share their tensors (ALBERT) copies of their own: the same logits
    #[arg(long)]
    unshared: bool,
}

/// The largest number of sentinels of T5, which follow the pieces of the vocabulary file.
const MOST_SENTINELS: usize = 10_000;

/// Whether word pieces keep capitals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Case {
    Cased,
    Uncased,
}

/// A model that was opened, with its checkpoint and vocabulary.
pub struct Opened {
    /// The path or name that was given.
    pub path: PathBuf,
    /// The tensors and files of the model.
    pub checkpoint: Box<dyn Checkpoint>,
    /// The model, ready to run.
    pub model: Transformer,
    /// The vocabulary of the model, if known, padded to at least one token per row of the head.
    pub vocabulary: Option<Vocabulary>,
}

impl ModelArguments {
    /// Opens the model, and shows this as the stage `read` of the progress bar.
    pub fn open(&self, bar: &Bar) -> Result<Opened> {
        bar.stage("read");
        memory::keep();
        let path = self.checkpoint.clone();
        let checkpoint = checkpoint::open(&path)?;
        let model = Transformer::of(
            checkpoint.as_ref(),
            &path,
            Options { unshared: self.unshared, ..Options::default() },
        )?;
        let vocabulary = match checkpoint.vocabulary()? {
            Some(read) => Some(read),
            None => from_side_file(checkpoint.as_ref())?.map(|(read, _)| read),
        };
        let rows = model.configuration().tokens;
        let vocabulary = match &self.kept {
            Some(file) => Some(kept_vocabulary(file, rows, vocabulary)?),
            None => vocabulary,
        };
        let vocabulary = vocabulary.map(|v| v.padded(rows));
        Ok(Opened { path, checkpoint, model, vocabulary })
    }

    /// Returns the tokenizer: by the option given, else the one that the checkpoint states.
    pub fn tokenizer(&self, opened: &Opened) -> Result<Tokenizer> {
        let how = match (&self.tokenizer, self.wordpiece, &self.split_regex, &self.kept) {
            (Some(file), ..) => TokenizerSource::File(file.clone()),
            (_, Some(case), ..) => TokenizerSource::WordPiece { lowercase: case == Case::Uncased },
            (_, _, Some(pattern), _) => TokenizerSource::Split(pattern.clone()),
            (.., Some(file)) => TokenizerSource::Kept(file.clone()),
            _ if self.words => TokenizerSource::Words,
            _ => TokenizerSource::Stated,
        };
        let tokenizer = Tokenizer::of(opened.checkpoint.as_ref(), &opened.path, &how)?;
        let rows = opened.model.configuration().tokens;
        if let (TokenizerSource::Stated, Some(pieces)) =
            (&how, tokenizer.pieces().filter(|n| *n > rows))
        {
            bail!(
                "{}: it has {pieces} pieces, but the model has {rows} tokens: if its vocabulary was cut down, say by --kept \
                 which pieces have a row; or give a tokenizer.json by --tokenizer, or ids by --ids (of logits and generate)",
                tokenizer.source().display()
            );
        }
        Ok(tokenizer)
    }
}

impl Opened {
    /// Returns the readable text of a token for printing on one line; `#id` where it has none.
    pub fn label(&self, id: u32) -> String {
        self.vocabulary.as_ref().map_or_else(|| format!("#{id}"), |v| v.label(id as usize))
    }
}

/// One text for a model.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct TextArguments {
    /// The text
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    text: Option<String>,
    /// The text as token ids: 504,3575,282
    #[arg(long, value_name = "IDS")]
    ids: Option<Ids>,
    /// A file with the text, in UTF-8
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

impl TextArguments {
    /// Tokenizes the text; ids given by `--ids` are taken as they are.
    pub fn ids(
        &self,
        model: &ModelArguments,
        opened: &Opened,
        around: SpecialTokens,
    ) -> Result<Vec<u32>> {
        if let Some(Ids(ids)) = &self.ids {
            return Ok(ids.clone());
        }
        let tokenizer = model.tokenizer(opened)?;
        // In a model with an encoder this is the text of the decoder.
        let ids = match opened.model.configuration().has_encoder() {
            true => tokenizer.encode_target(&self.read()?, around)?,
            false => tokenizer.encode(&self.read()?, around)?,
        };
        if ids.is_empty() {
            bail!("the text has no tokens");
        }
        Ok(ids)
    }

    /// Returns the text given by `--text` or `--file`.
    pub fn read(&self) -> Result<String> {
        match (&self.text, &self.file) {
            (Some(text), _) => Ok(text.clone()),
            (_, Some(file)) => read(file),
            _ => bail!("give a text by --text, --ids or --file"),
        }
    }
}

/// Returns the vocabulary of the rows of a model that was cut down to the pieces listed in a file.
fn kept_vocabulary(file: &Path, rows: usize, whole: Option<Vocabulary>) -> Result<Vocabulary> {
    let kept = kept(file).context("--kept")?;
    if kept.len() > rows {
        bail!(
            "--kept {}: {} pieces are kept, but the model has {rows} tokens",
            file.display(),
            kept.len()
        );
    }
    let largest = kept.iter().max().map_or(0, |id| id + 1);
    let whole = whole.unwrap_or_default();
    // Ids beyond the vocabulary, as those of sentinels, are refused where text is split.
    if largest > whole.tokens.len() + MOST_SENTINELS {
        bail!(
            "--kept {}: piece {} is kept, but there are {}",
            file.display(),
            largest - 1,
            whole.tokens.len()
        );
    }
    let whole = whole.padded(largest);
    Ok(Vocabulary::of(kept.iter().map(|id| whole.tokens[*id].clone()).collect()))
}

/// Reads the states at position 0 before each block: the tensor `latents` (blocks x d) of a file.
pub fn read_latents(file: &Path) -> Result<Vec<Tensor>> {
    let tensors = candle_core::safetensors::load(file, &Device::Cpu)
        .with_context(|| format!("--latents {}", file.display()))?;
    let Some(latents) = tensors.get("latents") else {
        bail!("{}: it has no tensor `latents` (blocks x d)", file.display());
    };
    let (blocks, _) =
        latents.dims2().with_context(|| format!("{}: the shape of `latents`", file.display()))?;
    let latents = latents.to_dtype(DType::F32)?;
    (0..blocks).map(|block| Ok(latents.narrow(0, block, 1)?)).collect()
}

/// Reads log-mel features, `bands x frames` or `1 x bands x frames`, from a file of one tensor, or of several of which
/// one is called `input_features`; returns them as `1 x bands x frames`.
pub fn read_features(file: &Path) -> Result<Tensor> {
    const NAME: &str = "input_features";
    let opened = checkpoint::open(file).context("--features")?;
    let tensors = opened.tensors();
    let info = match tensors {
        [only] => only,
        several => match several.iter().find(|info| info.name == NAME) {
            Some(found) => found,
            None => bail!(
                "--features {}: it holds {} tensors, and none of them is called `{NAME}`",
                file.display(),
                several.len()
            ),
        },
    };
    let (bands, frames) = match info.shape[..] {
        [bands, frames] | [1, bands, frames] => (bands, frames),
        _ => bail!(
            "--features {}: `{}` has shape {:?}, but features are bands x frames",
            file.display(),
            info.name,
            info.shape
        ),
    };
    let shape = (1, bands, frames);
    let features = match opened.read(&info.name).context("--features")?.values {
        Values::F32(numbers) => Tensor::from_vec(numbers, shape, &Device::Cpu)?,
        Values::F64(numbers) => Tensor::from_vec(numbers, shape, &Device::Cpu)?,
    };
    let features = features.to_dtype(DType::F32)?;
    let numbers: Vec<f32> = features.flatten_all()?.to_vec1()?;
    if let Some(at) = numbers.iter().position(|number| !number.is_finite()) {
        bail!(
            "--features {}: frame {} of band {} is {}, no finite number",
            file.display(),
            at % frames,
            at / frames,
            numbers[at]
        );
    }
    Ok(features)
}

/// Reads a text file, which must be UTF-8.
pub fn read(file: &Path) -> Result<String> {
    let bytes = std::fs::read(file).with_context(|| file.display().to_string())?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text),
        Err(e) => {
            let at = e.utf8_error().valid_up_to();
            bail!("{}: it is not UTF-8 at byte {at}; save it as UTF-8", file.display())
        }
    }
}

/// Token ids or segments, parsed from a list separated by commas or blanks.
#[derive(Clone, Debug)]
pub struct Ids(pub Vec<u32>);

impl FromStr for Ids {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split([',', ' ']).filter(|part| !part.is_empty());
        let one = |part: &str| part.parse().map_err(|_| format!("`{part}` is not a whole number"));
        let ids: Vec<u32> = parts.map(one).collect::<Result<_, _>>()?;
        if ids.is_empty() { Err("there are no numbers".to_owned()) } else { Ok(Ids(ids)) }
    }
}

/// An attention mask, parsed from its spelling on the command line.
#[derive(Clone, Debug)]
pub struct Masked(pub Mask);

impl FromStr for Masked {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mask = match text.split_once(':') {
            None if text == "bidirectional" => Some(Mask::Bidirectional),
            None if text == "causal" => Some(Mask::Causal),
            Some(("prefix", n)) => n.parse().ok().map(|source| Mask::Prefix { source }),
            Some(("latent", n)) => n.parse().ok().map(|source| Mask::Latent { source }),
            Some(("permutation", list)) => {
                let order = list.split(',').map(|p| p.trim().parse().ok()).collect();
                Option::map(order, |order| Mask::Permutation { order })
            }
            _ => None,
        };
        mask.map(Masked).ok_or_else(|| {
            "it is neither bidirectional, causal, prefix:N, latent:N nor permutation:2,0,1"
                .to_owned()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_are_read_by_name() {
        let read = |text: &str| text.parse::<Masked>().map(|m| m.0);
        assert_eq!(read("causal"), Ok(Mask::Causal));
        assert_eq!(read("prefix:3"), Ok(Mask::Prefix { source: 3 }));
        assert_eq!(read("permutation:2,0, 1"), Ok(Mask::Permutation { order: vec![2, 0, 1] }));
        for bad in
            ["", "Causal", "prefix", "prefix:", "prefix:-1", "permutation:", "permutation:1,x"]
        {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn ids_stand_between_commas_or_blanks() {
        assert_eq!("5, 17 3".parse::<Ids>().unwrap().0, [5, 17, 3]);
        for bad in ["", ",", "5,x", "-1", "99999999999"] {
            assert!(bad.parse::<Ids>().is_err(), "{bad}");
        }
    }
}
