//! An output layer ready to audit: its head, the names of its tokens, and the domain of its hidden states.

mod draft;
mod names;

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::checkpoint;
use crate::checkpoint::Dtype;
use crate::checkpoint::vocabulary::Vocabulary;
use crate::domain::Domain;
use crate::error::{Error, Result};
use crate::head::{Head, Rows};
use crate::locate::{self, Choice, Located, Tying, bundled, locate};
pub use draft::targets_of;

/// The output layer of a checkpoint.
///
/// ```
/// use unargmax::{Options, OutputLayer, audit};
///
/// let layer = OutputLayer::open("assets/g2pm/head.safetensors")?;
/// let audit = audit(layer.head(), layer.domain(), Options::default())?;
/// println!("{} of {} tokens can never win", audit.counts().unargmaxable, layer.head().tokens());
/// # Ok::<(), unargmax::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct OutputLayer {
    origin: Origin,
    located: Located,
    vocabulary: Option<Vocabulary>,
    vocabulary_source: Option<String>,
    candidates: Vec<Candidate>,
    domain: Domain,
    domain_reason: String,
    /// The tokens of the target model that the rows stand for, if the checkpoint is a draft head.
    targets: Option<Vec<u32>>,
}

/// The origin of a head: the file or folder that it was read from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Origin {
    /// The path or name that the caller gave.
    pub path: String,
    /// The total size of its files, in bytes.
    pub bytes: u64,
    /// The name of the container format.
    pub format: String,
}

/// A matrix of a checkpoint that could be a head.
#[derive(Clone, Debug, Serialize)]
pub struct Candidate {
    /// The name of the tensor.
    pub name: String,
    /// The shape of the tensor.
    pub shape: Vec<usize>,
    /// The element type of the tensor.
    pub dtype: String,
}

/// Options for reading an output layer.
#[derive(Clone, Debug, Default)]
pub struct ReadOptions {
    /// Which tensors to take as the head.
    pub tensors: Choice,
    /// Where to find the names of the tokens.
    pub names: Names,
    /// Whether to accept a vocabulary that leaves more than a tenth of the rows without a token, and to take these
    /// rows as padding.
    pub padding_ok: bool,
    /// Whether the checkpoint has a tensor `d2t`, by which row `i` stands for token `i + d2t[i]` of a target model, whose
    /// vocabulary the names are from. If there are as many rows as entries, the head is that of the draft.
    pub draft: bool,
}

/// Where to find the names of the tokens.
#[derive(Clone, Debug, Default)]
pub enum Names {
    /// In the checkpoint or in a file next to it, if there is one.
    #[default]
    Own,
    /// In the file of this path.
    File(PathBuf),
    /// Nowhere: tokens are known by their ids alone.
    None,
}

impl OutputLayer {
    /// Opens a checkpoint: a file, a folder in the layout of Hugging Face, or `org/name` in its cache on this machine.
    ///
    /// # Errors
    /// A file that cannot be read or is damaged, and a checkpoint whose head is not certain: the error lists the
    /// candidates.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        OutputLayer::open_with(path, &ReadOptions::default())
    }

    /// Opens a checkpoint as [`OutputLayer::open`] does, with the tensors and names that the caller chooses.
    ///
    /// # Errors
    /// As [`OutputLayer::open`], and tensors that do not exist, and a vocabulary that does not fit the head.
    pub fn open_with(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Self> {
        let path = path.as_ref();
        let checkpoint = checkpoint::open(path)?;
        let located = locate(checkpoint.as_ref(), path, &options.tensors)?;
        let own = match options.names {
            Names::Own => names::own(checkpoint.as_ref(), &located).map_err(|error| {
                Error::Invalid(format!(
                    "the vocabulary (--vocab FILE names another one, --vocab none goes without): {error}"
                ))
            })?,
            // With another vocabulary asked for, a faulty one in the checkpoint does not matter.
            Names::File(_) | Names::None => None,
        };
        let origin = Origin {
            path: path.display().to_string(),
            bytes: checkpoint.size(),
            format: checkpoint.format().to_owned(),
        };
        let candidates = locate::candidates(checkpoint.as_ref(), path);
        let candidates = candidates.into_iter().map(|info| Candidate {
            name: info.name.clone(),
            shape: info.shape.clone(),
            dtype: info.dtype.to_string(),
        });
        let before = located.domain()?;
        let targets =
            options.draft.then(|| draft::targets(checkpoint.as_ref(), path)).transpose()?;
        let mut layer = OutputLayer::of(origin, located, candidates.collect(), before);
        layer.targets = targets;
        if layer.is_draft() {
            let note = "the rows are those of a draft head: row i is named by token i + d2t[i] of the target model";
            layer.located.notes.push(note.to_owned());
        }
        layer.named(own, options)
    }

    /// Opens the bundled head, which is part of this library: g2pM's, 876 Mandarin syllables x 32 dimensions behind a
    /// ReLU.
    ///
    /// # Errors
    /// None for the bundled files; a vocabulary as in [`OutputLayer::open_with`].
    pub fn bundled(options: &ReadOptions) -> Result<Self> {
        let (located, vocabulary) = bundled::read()?;
        let before =
            (bundled::domain(located.head.dim())?, "a ReLU stands before the head".to_owned());
        let origin = Origin {
            path: bundled::NAME.to_owned(),
            bytes: bundled::size() as u64,
            format: "safetensors".to_owned(),
        };
        let candidates = vec![Candidate {
            name: located.weight.clone(),
            shape: vec![located.head.tokens(), located.head.dim()],
            dtype: located.dtype.to_string(),
        }];
        let own = Some((vocabulary, bundled::NAME.to_owned()));
        let own = own.filter(|_| matches!(options.names, Names::Own));
        OutputLayer::of(origin, located, candidates, before).named(own, options)
    }

    /// Makes an output layer from a head in memory, over `domain`; `tokens` are the spellings, one per row, if there
    /// are any.
    ///
    /// # Errors
    /// A domain with another number of coordinates than the head, or more spellings than rows.
    pub fn from_head(head: Head, domain: Domain, tokens: Option<&[String]>) -> Result<Self> {
        if head.dim() != domain.dim() {
            return Err(Error::Invalid(format!(
                "the domain has {} coordinates, but the rows of the head have {}",
                domain.dim(),
                head.dim()
            )));
        }
        let (dtype, width) = match head.rows() {
            Rows::F32(_) => (Dtype::F32, 4),
            Rows::F64(_) => (Dtype::F64, 8),
        };
        let bytes = (head.rows().len() * width) as u64;
        let origin = Origin { path: "(memory)".to_owned(), bytes, format: "memory".to_owned() };
        let located = Located {
            weight: "weight".to_owned(),
            bias: head.has_bias().then(|| "bias".to_owned()),
            head,
            dtype,
            transposed: false,
            why: "given by the caller".to_owned(),
            family: None,
            source: None,
            tying: Tying::Unknown,
            final_norm: None,
            activation: None,
            notes: Vec::new(),
            labels: None,
        };
        let own = tokens.map(|tokens| (Vocabulary::from_pieces(tokens), "the caller".to_owned()));
        let before = (domain, "given by the caller".to_owned());
        let options = ReadOptions { padding_ok: true, ..ReadOptions::default() };
        OutputLayer::of(origin, located, Vec::new(), before).named(own, &options)
    }

    /// Makes an output layer without token names.
    fn of(
        origin: Origin,
        located: Located,
        candidates: Vec<Candidate>,
        (domain, domain_reason): (Domain, String),
    ) -> Self {
        OutputLayer {
            origin,
            located,
            vocabulary: None,
            vocabulary_source: None,
            candidates,
            domain,
            domain_reason,
            targets: None,
        }
    }

    /// Whether each row is that of a draft token.
    fn is_draft(&self) -> bool {
        self.targets.as_ref().is_some_and(|targets| targets.len() == self.located.head.tokens())
    }

    /// Adds the token names: the layer's own, or those of the file that the options name.
    fn named(mut self, own: Option<(Vocabulary, String)>, options: &ReadOptions) -> Result<Self> {
        let found = match &options.names {
            Names::File(path) => {
                Some((Vocabulary::from_file(path)?.guessed(), path.display().to_string()))
            }
            Names::Own | Names::None => own,
        };
        let found = match (found, self.targets.as_ref().filter(|_| self.is_draft())) {
            (Some((vocabulary, source)), Some(targets)) => {
                Some((names::of_draft(vocabulary, targets, &source)?, source))
            }
            (found, _) => found,
        };
        if let Some((vocabulary, source)) = found {
            let rows = self.located.head.tokens();
            self.vocabulary =
                Some(names::padded_to_head(vocabulary, rows, &source, options.padding_ok)?);
            self.vocabulary_source = Some(source);
        }
        Ok(self)
    }

    /// Returns the head: rows `V x d`, and perhaps a bias.
    pub fn head(&self) -> &Head {
        &self.located.head
    }

    /// Returns the same output layer with a changed head of the same shape, read from the file at `path`.
    pub fn with_head(mut self, head: Head, path: &Path) -> Self {
        self.located.head = head;
        self.origin.path = path.display().to_string();
        self
    }

    /// Returns the domain of hidden states that follows from what stands before the head: a final norm, an
    /// activation, or nothing that is known.
    pub fn domain(&self) -> &Domain {
        &self.domain
    }

    /// Returns the tokens of the target model that `d2t` names, if [`ReadOptions::draft`] asked for them and the head is
    /// not that of the draft itself: the rows that the draft keeps of this head.
    pub fn draft_rows(&self) -> Option<&[u32]> {
        self.targets.as_deref().filter(|_| !self.is_draft())
    }

    /// Returns the reason for this domain, for people.
    pub fn domain_reason(&self) -> &str {
        &self.domain_reason
    }

    /// Returns the readable text of a token, or its id where it has no name.
    pub fn token(&self, id: u32) -> String {
        let named = self.vocabulary.as_ref().filter(|v| (id as usize) < v.tokens.len());
        named.map_or_else(|| id.to_string(), |v| v.label(id as usize))
    }

    /// Returns the names of all rows, if they are known.
    pub fn vocabulary(&self) -> Option<&Vocabulary> {
        self.vocabulary.as_ref()
    }

    /// Returns the file that the names are from.
    pub fn vocabulary_source(&self) -> Option<&str> {
        self.vocabulary_source.as_deref()
    }

    /// Returns the names of the head's tensors, why they were chosen, and what stands before the head.
    pub fn located(&self) -> &Located {
        &self.located
    }

    /// Returns the file or folder that the head was read from.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Returns the matrices of the checkpoint that look most like heads, the likeliest first.
    pub fn candidates(&self) -> &[Candidate] {
        &self.candidates
    }
}
