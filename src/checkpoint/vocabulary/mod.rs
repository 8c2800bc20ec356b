//! Vocabularies: what each row of an output layer stands for, as tokens in the order of their ids.
//!
//! A token keeps the raw *piece* of its vocabulary and a readable *text*. The text of a piece that encodes bytes (see
//! [`Spelling`]) is these bytes where they are valid UTF-8; a byte that is not part of a valid character is shown as
//! `<0xE4>`.

mod file;
mod gguf;
mod ids;
mod nested;
mod onnx;
mod pickled;
pub(crate) mod sentencepiece;
mod side_file;
mod spelling;
pub(crate) mod tiktoken;
mod tokenizer;
mod yaml;

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use super::bytes::{Bytes, Data};
use crate::error::Result;

pub use side_file::from_side_file;
pub use spelling::{Spelling, is_invisible};

/// The kind of a row of the output layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A piece of text.
    Ordinary,
    /// A control token: beginning, end, unknown, mask, the pad token and the like.
    Special,
    /// A reserved id that no training text holds.
    Unused,
    /// A single byte, which a tokenizer uses for text that its pieces do not spell.
    Byte,
    /// A row without a token: a gap in the ids, or one that rounds up the size of the matrix.
    Padding,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Kind; 5] =
        [Kind::Ordinary, Kind::Special, Kind::Unused, Kind::Byte, Kind::Padding];

    /// The name as in the table.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Ordinary => "ordinary",
            Kind::Special => "special",
            Kind::Unused => "unused",
            Kind::Byte => "byte",
            Kind::Padding => "padding",
        }
    }

    /// The kind of a name in the table.
    pub fn named(name: &str) -> Option<Self> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether rows of this kind are outside the language: control tokens, reserved ids and padding.
    pub fn is_marginal(self) -> bool {
        !matches!(self, Kind::Ordinary | Kind::Byte)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One token of a vocabulary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The readable text; empty where there is no token.
    pub text: String,
    /// The token as its vocabulary spells it.
    pub piece: String,
    /// The kind of its row.
    pub kind: Kind,
}

impl Token {
    /// Makes the row of an id that no token has.
    fn absent() -> Self {
        Token { text: String::new(), piece: String::new(), kind: Kind::Padding }
    }

    /// Makes a token whose vocabulary does not state its kind: the kind is derived from the spelling.
    fn spelled(piece: String, spelling: Spelling) -> Self {
        let kind = spelling::kind(&piece);
        let text = match kind {
            Kind::Ordinary | Kind::Byte => spelling.text(&piece),
            _ => piece.clone(),
        };
        Token { text, piece, kind }
    }
}

/// The tokens of a model; the index of a token is its id, which is the row of the output layer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vocabulary {
    /// One entry per id.
    pub tokens: Vec<Token>,
    /// The ids of the tokens that were added to the pieces of the tokenizer's model, in GGUF files of its control and
    /// user-defined tokens; empty where the files do not say.
    pub added: BTreeSet<u32>,
}

impl Vocabulary {
    /// The vocabulary of these tokens, none of them added.
    pub fn of(tokens: Vec<Token>) -> Self {
        Vocabulary { tokens, added: BTreeSet::new() }
    }

    /// Reads a vocabulary file.
    ///
    /// The extension chooses the form. `.json` is a `tokenizer.json` of Hugging Face, a JSON list of strings, or a
    /// JSON map from token to id, whose ids must be distinct; an id that is left out becomes [`Kind::Padding`]. Lists
    /// and maps within an object are read, too (`char2idx`, `stoi`, `itos`, `tokens`), as are maps from id to token,
    /// and lists of pairs. `.model` and `.spm` are models of SentencePiece (or tiktoken's, as `.tiktoken`), `.yml`
    /// and `.yaml` Marian's maps from token to id (one per line), `.pkl` a pickled map or list. Any other file has
    /// one token per line, alone or with its id, in UTF-8: a byte order mark is not part of the first token, the end
    /// of the last line begins no token, and `\r\n` ends a line if every line ends so.
    ///
    /// Lists, maps and lines do not say how they spell text: the text is the piece itself (change that with
    /// [`Vocabulary::respelled`] and [`Vocabulary::guessed`]) and the kind is derived from the piece: `<0x0A>` is a
    /// byte, `[unused7]` and `<unused7>` are unused, anything within `<|...|>`, `<extra_id_7>` and the usual control
    /// names (`<s>`, `</s>`, `<pad>`, `[CLS]`) special.
    ///
    /// # Errors
    /// A file that cannot be read, JSON of another form, an id that occurs twice or is far beyond
    /// the number of tokens, or bytes that are not UTF-8 (with line and byte offset).
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        file::read(path.as_ref())
    }

    /// Reads a vocabulary file that is in memory; `label` names it in errors, and its extension chooses the form.
    ///
    /// # Errors
    /// As [`Vocabulary::from_file`].
    pub fn from_bytes(data: impl Into<Data>, label: impl AsRef<Path>) -> Result<Self> {
        file::parse(Bytes::new(data, label))
    }

    /// Parses a JSON list of strings or map from token to id that is in memory; `label` names it in errors.
    ///
    /// # Errors
    /// As [`Vocabulary::from_file`].
    pub fn from_json_bytes(bytes: &[u8], label: impl AsRef<Path>) -> Result<Self> {
        file::json(bytes, label.as_ref())
    }

    /// Makes a vocabulary from pieces in the order of their ids.
    pub fn from_pieces(pieces: &[String]) -> Self {
        let token = |piece: &String| Token::spelled(piece.clone(), Spelling::Plain);
        Vocabulary::of(pieces.iter().map(token).collect())
    }

    /// Parses text in memory with one token per line; `label` names it in errors.
    ///
    /// # Errors
    /// As [`Vocabulary::from_file`].
    pub fn from_lines(bytes: &[u8], label: impl AsRef<Path>) -> Result<Self> {
        file::lines(bytes, label.as_ref())
    }

    /// Replaces the texts of ordinary and byte tokens by those of another spelling.
    pub fn respelled(mut self, spelling: Spelling) -> Self {
        for token in &mut self.tokens {
            if matches!(token.kind, Kind::Ordinary | Kind::Byte) {
                token.text = spelling.text(&token.piece);
            }
        }
        self
    }

    /// Guesses the spelling from the pieces: byte-level if more than one in a hundred begins with `Ġ`,
    /// SentencePiece's if more than one in a hundred begins with `▁`.
    pub fn guessed(self) -> Self {
        let often = |marker: char| {
            let marked =
                |t: &&Token| t.piece.starts_with(marker) && t.piece.chars().nth(1).is_some();
            100 * self.tokens.iter().filter(marked).count() > self.tokens.len()
        };
        match (often('Ġ'), often('▁')) {
            (true, _) => self.respelled(Spelling::ByteLevel),
            (false, true) => self.respelled(Spelling::SentencePiece),
            (false, false) => self,
        }
    }

    /// Adds a row of [`Kind::Padding`] for each id from the end of the vocabulary to `rows`.
    pub fn padded(mut self, rows: usize) -> Self {
        self.tokens.resize(self.tokens.len().max(rows), Token::absent());
        self
    }

    /// Whether a row has no token: it is a gap in the ids, or beyond them.
    pub fn is_padding(&self, id: u32) -> bool {
        self.tokens.get(id as usize).is_none_or(|token| token.kind == Kind::Padding)
    }

    /// Returns the number of rows of a kind.
    pub fn count(&self, kind: Kind) -> usize {
        self.tokens.iter().filter(|token| token.kind == kind).count()
    }

    /// Returns the text of a token for printing on one line, never empty: blanks and control characters are made
    /// visible (`␠`, `␊`, `␉`, otherwise `<U+00A0>`), and `#id` stands for a row without text.
    pub fn label(&self, id: usize) -> String {
        match self.tokens.get(id) {
            Some(token) if !token.text.is_empty() => spelling::visible(&token.text),
            _ => format!("#{id}"),
        }
    }
}
