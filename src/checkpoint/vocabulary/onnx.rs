//! Reads the vocabulary in the metadata of an ONNX file.

use super::{Kind, Spelling, Token, Vocabulary};
use crate::checkpoint::onnx::Graph;

impl Vocabulary {
    /// Reads the vocabulary in the metadata of an ONNX file for a head of `rows` tokens; `None` where there is none
    /// that fits.
    ///
    /// The key is `character`, with one character per line, as the recognisers of PaddleOCR and RapidOCR have it.
    /// Before the characters comes the blank of CTC, and after them, if there is one more row, the space
    /// (`CTCLabelDecode` in `ch_ppocr_rec/utils.py` of rapidocr).
    pub fn from_onnx(graph: &Graph, rows: usize) -> Option<Vocabulary> {
        let lines: Vec<&str> = graph.metadata("character")?.lines().collect();
        let blank = Token { text: "blank".into(), piece: "blank".into(), kind: Kind::Special };
        let mut tokens = vec![blank];
        tokens.extend(lines.iter().map(|line| Token {
            text: (*line).to_owned(),
            piece: (*line).to_owned(),
            kind: Kind::Ordinary,
        }));
        if tokens.len() + 1 == rows {
            tokens.push(Token::spelled(" ".into(), Spelling::Plain));
        }
        (tokens.len() == rows).then_some(Vocabulary::of(tokens))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_come_after_the_blank_and_before_the_space() {
        let graph =
            Graph { metadata: vec![("character".into(), "a\nb\n".into())], ..Graph::default() };
        let texts = |rows| {
            let read = Vocabulary::from_onnx(&graph, rows)?;
            Some(read.tokens.into_iter().map(|t| t.text).collect::<Vec<_>>())
        };
        assert_eq!(texts(4).unwrap(), ["blank", "a", "b", " "]);
        assert_eq!(texts(3).unwrap(), ["blank", "a", "b"]);
        assert_eq!(texts(5), None);
    }
}
