//! Reads a SentencePiece model: a protobuf `ModelProto`, whose field 1 is a piece (`sentencepiece_model.proto`).

use std::path::Path;

use super::{Kind, Spelling, Token, Vocabulary, spelling};
use crate::checkpoint::onnx::wire::{Field, Message};
use crate::error::{Error, Result};

/// The field number of `ModelProto.pieces`.
const PIECE: u64 = 1;
/// The field numbers of `SentencePiece.piece` and `SentencePiece.type`.
const TEXT: u64 = 1;
const TYPE: u64 = 3;

/// Reads the pieces, in the order of their ids.
///
/// # Errors
/// Bytes that are no protobuf message, a piece that is not text, a type that is not known, or no piece at all.
pub(super) fn read(bytes: &[u8], label: &Path) -> Result<Vocabulary> {
    let tokens = pieces(bytes)
        .map_err(|e| Error::malformed(label, format!("not a sound SentencePiece model: {e}")))?;
    Ok(Vocabulary { tokens })
}

/// Parses the pieces; errors are sentences without the file's name.
fn pieces(bytes: &[u8]) -> Result<Vec<Token>, String> {
    let (mut model, mut tokens) = (Message::new(bytes, 0..bytes.len()), Vec::new());
    while let Some((number, field)) = model.next()? {
        if number != PIECE {
            continue;
        }
        // The default of the type is 1, a normal piece.
        let (mut text, mut kind) = (String::new(), 1);
        let mut piece = Message::new(bytes, field.range()?);
        while let Some((number, field)) = piece.next()? {
            match (number, field) {
                (TEXT, field) => text = field.text(bytes)?,
                (TYPE, Field::Varint(number)) => kind = number,
                _ => {}
            }
        }
        let id = tokens.len();
        tokens.push(
            token(text, kind)
                .ok_or_else(|| format!("piece {id} has the type {kind}, which is unknown"))?,
        );
    }
    match tokens.is_empty() {
        true => Err("it has no pieces".into()),
        false => Ok(tokens),
    }
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
