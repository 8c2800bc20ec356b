//! Reads a SentencePiece model: a protobuf `ModelProto`, whose field 1 is a piece (`sentencepiece_model.proto`).

use std::path::Path;

use super::{Kind, Spelling, Token, Vocabulary, spelling};
use crate::checkpoint::onnx::wire::{Field, Message};
use crate::error::{Error, Result};

/// A SentencePiece model: its pieces, and how it splits a text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SentencePieces {
    /// The pieces, in the order of their ids.
    pub pieces: Vec<SentencePiece>,
    /// `TrainerSpec.model_type`: 1 for unigrams, 2 for byte pairs, 3 for words, 4 for characters.
    pub model_type: u64,
    /// Whether a character without a piece becomes its bytes.
    pub byte_fallback: bool,
    /// The ids of the unknown piece and of those that begin and end a text; -1 for none.
    pub unknown: i64,
    pub beginning: i64,
    pub end: i64,
    /// The table of replaced characters (`precompiled_charsmap`).
    pub characters: Vec<u8>,
    /// Whether a text begins with a blank, whether blanks at its ends and doubled ones are dropped, and whether blanks
    /// become `▁`.
    pub dummy_prefix: bool,
    pub trimmed: bool,
    pub escaped: bool,
    /// Whether blanks belong to the piece before them.
    pub suffix: bool,
}

/// One piece.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SentencePiece {
    pub text: String,
    pub score: f32,
    /// `SentencePiece.Type`: 1 for normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte.
    pub kind: u64,
}

/// Reads the pieces as a vocabulary.
///
/// # Errors
/// As [`model`].
pub(super) fn read(bytes: &[u8], label: &Path) -> Result<Vocabulary> {
    let tokens = model(bytes, label)?.pieces.into_iter();
    // The types were checked.
    let tokens = tokens.filter_map(|piece| token(piece.text, piece.kind));
    Ok(Vocabulary::of(tokens.collect()))
}

/// Reads a model.
///
/// # Errors
/// Bytes that are no protobuf message, a piece that is not text, a type that is not known, or no piece at all.
pub(crate) fn model(bytes: &[u8], label: &Path) -> Result<SentencePieces> {
    parsed(bytes)
        .map_err(|e| Error::malformed(label, format!("not a sound SentencePiece model: {e}")))
}

/// Parses a model by the field numbers of `sentencepiece_model.proto`; errors are sentences without the file's name.
fn parsed(bytes: &[u8]) -> Result<SentencePieces, String> {
    let mut all = SentencePieces {
        pieces: Vec::new(),
        model_type: 1,
        byte_fallback: false,
        unknown: 0,
        beginning: 1,
        end: 2,
        characters: Vec::new(),
        dummy_prefix: true,
        trimmed: true,
        escaped: true,
        suffix: false,
    };
    let mut message = Message::new(bytes, 0..bytes.len());
    while let Some((number, field)) = message.next()? {
        match number {
            1 => {
                let piece = piece(bytes, field)?;
                if token(piece.text.clone(), piece.kind).is_none() {
                    let (id, kind) = (all.pieces.len(), piece.kind);
                    return Err(format!("piece {id} has the type {kind}, which is unknown"));
                }
                all.pieces.push(piece);
            }
            2 => {
                let mut trainer = Message::new(bytes, field.range()?);
                while let Some((number, field)) = trainer.next()? {
                    match (number, field) {
                        (3, Field::Varint(kind)) => all.model_type = kind,
                        (24, Field::Varint(on)) => all.suffix = on != 0,
                        (35, Field::Varint(on)) => all.byte_fallback = on != 0,
                        (40, field @ Field::Varint(_)) => all.unknown = id(&field)?,
                        (41, field @ Field::Varint(_)) => all.beginning = id(&field)?,
                        (42, field @ Field::Varint(_)) => all.end = id(&field)?,
                        _ => {}
                    }
                }
            }
            3 => {
                let mut normalizer = Message::new(bytes, field.range()?);
                while let Some((number, field)) = normalizer.next()? {
                    match (number, field) {
                        (2, field) => all.characters = bytes[field.range()?].to_vec(),
                        (3, Field::Varint(on)) => all.dummy_prefix = on != 0,
                        (4, Field::Varint(on)) => all.trimmed = on != 0,
                        (5, Field::Varint(on)) => all.escaped = on != 0,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    match all.pieces.is_empty() {
        true => Err("it has no pieces".into()),
        false => Ok(all),
    }
}

/// Reads an id, which is -1 as a number of 32 bits where there is none.
fn id(field: &Field) -> Result<i64, String> {
    Ok(i64::from(field.int()? as i32))
}

/// Reads one piece; the default of its type is 1.
fn piece(bytes: &[u8], field: Field) -> Result<SentencePiece, String> {
    let mut piece = SentencePiece { text: String::new(), score: 0.0, kind: 1 };
    let mut message = Message::new(bytes, field.range()?);
    while let Some((number, field)) = message.next()? {
        match (number, field) {
            (1, field) => piece.text = field.text(bytes)?,
            (2, Field::Fixed32(bits)) => piece.score = f32::from_bits(bits),
            (3, Field::Varint(kind)) => piece.kind = kind,
            _ => {}
        }
    }
    Ok(piece)
}

/// Makes a token from a piece and its `SentencePiece.Type`; `None` for an unknown type.
fn token(piece: String, kind: u64) -> Option<Token> {
    let spelled =
        |kind| Token { text: Spelling::SentencePiece.text(&piece), piece: piece.clone(), kind };
    let verbatim = |kind| Token { text: piece.clone(), piece: piece.clone(), kind };
    Some(match kind {
        1 => spelled(Kind::Ordinary),
        // The types UNKNOWN and CONTROL.
        2 | 3 => verbatim(Kind::Special),
        // USER_DEFINED: the spelling says whether it is a special token or text.
        4 => verbatim(spelling::kind(&piece)),
        5 => spelled(Kind::Unused),
        6 => spelled(Kind::Byte),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A model of these pieces, written by hand.
    fn model(pieces: &[(&str, u8)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (text, kind) in pieces {
            let mut piece = vec![0x0a, text.len() as u8];
            piece.extend(text.as_bytes());
            piece.extend([0x15, 0, 0, 0, 0, 0x18, *kind]);
            bytes.extend([0x0a, piece.len() as u8]);
            bytes.extend(piece);
        }
        // trainer_spec, which is passed over.
        bytes.extend([0x12, 0x00]);
        bytes
    }

    #[test]
    fn pieces_have_ids_in_their_order_and_kinds() {
        let bytes =
            model(&[("<unk>", 2), ("<s>", 3), ("▁the", 1), ("<0x0A>", 6), ("x", 5), ("<mask>", 4)]);
        let read = read(&bytes, Path::new("m.model")).unwrap();
        let seen: Vec<_> = read.tokens.iter().map(|t| (t.text.as_str(), t.kind)).collect();
        assert_eq!(
            seen,
            [
                ("<unk>", Kind::Special),
                ("<s>", Kind::Special),
                (" the", Kind::Ordinary),
                ("\n", Kind::Byte),
                ("x", Kind::Unused),
                ("<mask>", Kind::Special)
            ]
        );
    }

    #[test]
    fn what_is_damaged_is_refused() {
        let whole = model(&[("▁the", 1), ("a", 1)]);
        for (bytes, says) in [
            (&whole[..9], "claims"),
            (&model(&[("a", 9)])[..], "the type 9"),
            (b"\x12\x00", "no pieces"),
            (b"\x0a\x04\x0a\x02\xff\xff", "not UTF-8"),
        ] {
            let said = read(bytes, Path::new("m.model")).unwrap_err().to_string();
            assert!(said.contains(says), "{said}");
        }
    }
}
