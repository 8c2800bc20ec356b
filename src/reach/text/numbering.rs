//! The ids of the pieces of a SentencePiece model, as families and models that were cut down renumber them.

use crate::checkpoint::vocabulary::sentencepiece::SentencePieces;

/// Which ids the pieces have.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ids {
    /// Those of the model.
    Same,
    /// Those of the model, and after them sentinels, the last one first (`extra_ids`; T5).
    Extended,
    /// Four special tokens, the pieces from the fourth on, and a mask (fairseq; XLM-R).
    Shifted,
}

/// A piece as its family numbers it: text, score, `SentencePiece.Type`.
pub(super) type Numbered = (String, f64, u64);

pub(super) const NORMAL: u64 = 1;
pub(super) const CONTROL: u64 = 3;
pub(super) const USER_DEFINED: u64 = 4;
pub(super) const BYTE: u64 = 6;

/// The pieces by their ids, and the id of the unknown piece.
pub(super) struct Numbering {
    pub pieces: Vec<Numbered>,
    pub unknown: Option<usize>,
}

impl Numbering {
    /// Numbers the pieces as the family does; of these ids only those in `kept` have a row, in this order, if given.
    pub fn new(
        model: &SentencePieces,
        ids: Ids,
        extra: usize,
        kept: Option<&[usize]>,
    ) -> Result<Self, String> {
        let pieces = numbered(model, ids, extra);
        let unknown = if ids == Ids::Shifted { 3 } else { model.unknown };
        let unknown = usize::try_from(unknown).ok().filter(|id| *id < pieces.len());
        let Some(kept) = kept else { return Ok(Numbering { pieces, unknown }) };
        if let Some(id) = kept.iter().find(|id| **id >= pieces.len()) {
            return Err(format!("piece {id} is kept, but there are {}", pieces.len()));
        }
        let place = unknown.and_then(|unknown| kept.iter().position(|id| *id == unknown));
        if let (Some(id), None) = (unknown, place) {
            return Err(format!(
                "the unknown piece, {id}, is not among those that are kept, and text that they do not spell needs it"
            ));
        }
        let kept: Vec<Numbered> = kept.iter().map(|id| pieces[*id].clone()).collect();
        let bytes = kept.iter().filter(|piece| piece.2 == BYTE).count();
        if model.byte_fallback && bytes != 256 {
            return Err(format!(
                "{bytes} of the 256 bytes are kept, and the model spells unknown characters by them"
            ));
        }
        Ok(Numbering { pieces: kept, unknown: place })
    }
}

/// The pieces by the ids of the family.
fn numbered(model: &SentencePieces, ids: Ids, extra: usize) -> Vec<Numbered> {
    let own = model.pieces.iter().map(|p| (p.text.clone(), f64::from(p.score), p.kind));
    let special = |name: &str| (name.to_owned(), 0.0, CONTROL);
    match ids {
        Ids::Same => own.collect(),
        Ids::Extended => {
            own.chain((0..extra).rev().map(|i| special(&format!("<extra_id_{i}>")))).collect()
        }
        Ids::Shifted => {
            let first = ["<s>", "<pad>", "</s>", "<unk>"].map(special);
            first.into_iter().chain(own.skip(3)).chain([special("<mask>")]).collect()
        }
    }
}
