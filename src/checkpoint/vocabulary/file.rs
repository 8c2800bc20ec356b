//! Reads vocabulary files by their extensions: JSON of three forms, SentencePiece, YAML, pickles, or one token per
//! line.

use std::fmt;
use std::io::Read;
use std::path::Path;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use super::{
    Spelling, Token, Vocabulary, ids, nested, pickled, sentencepiece, tiktoken, tokenizer, yaml,
};
use crate::checkpoint::bytes::{Bytes, regular_file};
use crate::checkpoint::not_a_checkpoint;
use crate::error::{Error, Result};

/// Reads and parses a vocabulary file.
pub(super) fn read(path: &Path) -> Result<Vocabulary> {
    let mut bytes = Vec::new();
    regular_file(path)?.read_to_end(&mut bytes).map_err(|source| Error::io(path, source))?;
    parse(Bytes::new(bytes, path))
}

/// Parses a vocabulary file by the extension of its label.
pub(super) fn parse(bytes: Bytes) -> Result<Vocabulary> {
    not_a_checkpoint::refuse(&bytes)?;
    let label = bytes.label().to_path_buf();
    let extension = label.extension().and_then(|e| e.to_str()).unwrap_or_default();
    let read = match extension.to_ascii_lowercase().as_str() {
        "json" => json(&bytes, &label)?,
        "model" | "tiktoken" if tiktoken::recognise(&bytes) => {
            tiktoken::read(&bytes).map_err(|problem| bytes.malformed(problem))?
        }
        "model" | "spm" => sentencepiece::read(&bytes, &label)?,
        "yml" | "yaml" => yaml::read(&bytes, &label)?,
        "pkl" | "pickle" => pickled::read(bytes)?,
        _ => lines(&bytes, &label)?,
    };
    Ok(read)
}

/// Parses a vocabulary in JSON: `tokenizer.json`, a list, a map, or one of these inside an object.
pub(super) fn json(bytes: &[u8], label: &Path) -> Result<Vocabulary> {
    let bytes = strip_mark(bytes);
    if tokenizer::recognise(bytes) {
        return tokenizer::read(bytes, label);
    }
    let error = match serde_json::from_slice(bytes) {
        Ok(Listing(tokens)) => return Ok(Vocabulary::of(tokens)),
        Err(error) => error,
    };
    let plain = |why: String| {
        Error::malformed(label, format!("not a JSON list of tokens or map from token to id: {why}"))
    };
    // An error of syntax states its place; in a valid file of another form the vocabulary may be a part.
    let value = serde_json::from_slice(bytes).map_err(|_| plain(error.to_string()))?;
    match nested::read(&value) {
        Ok(tokens) => Ok(Vocabulary::of(tokens)),
        Err(why) => Err(plain(if nested::has_parts(&value) { why } else { error.to_string() })),
    }
}

/// Parses a file of one token per line, alone or with its id.
pub(super) fn lines(bytes: &[u8], label: &Path) -> Result<Vocabulary> {
    let marked = bytes.len() - strip_mark(bytes).len();
    let body = strip_mark(bytes);
    if body.is_empty() {
        return Err(Error::malformed(
            label,
            "the vocabulary is empty; it needs one token per line",
        ));
    }
    let body = body.strip_suffix(b"\n").unwrap_or(body);
    let ends: Vec<&[u8]> = body.split(|&b| b == b'\n').collect();
    let terminated = if bytes.ends_with(b"\n") { &ends[..] } else { &ends[..ends.len() - 1] };
    let crlf = !terminated.is_empty() && terminated.iter().all(|line| line.ends_with(b"\r"));
    let mut offset = marked;
    let mut tokens = Vec::new();
    for (number, &line) in (1..).zip(&ends) {
        let token = if crlf { line.strip_suffix(b"\r").unwrap_or(line) } else { line };
        let piece = std::str::from_utf8(token).map_err(|error| {
            let at = offset + error.valid_up_to();
            Error::malformed(
                label,
                format!("line {number} is not UTF-8 at byte {at} of the file; save it as UTF-8"),
            )
        })?;
        tokens.push(Token::spelled(piece.to_owned(), Spelling::Plain));
        offset += line.len() + 1;
    }
    let pieces: Vec<&str> = tokens.iter().map(|token: &Token| token.piece.as_str()).collect();
    let fairseq = label.file_name().is_some_and(|name| name == "dict.txt");
    match nested::of_lines(&pieces, fairseq) {
        Ok(None) => Ok(Vocabulary::of(tokens)),
        Ok(Some(tokens)) => Ok(Vocabulary::of(tokens)),
        Err(problem) => Err(Error::malformed(label, problem)),
    }
}

/// Removes a byte order mark.
fn strip_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// Tokens in the order of their ids, from a JSON list or map.
struct Listing(Vec<Token>);

impl<'de> Deserialize<'de> for Listing {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Tokens).map(Listing)
    }
}

struct Tokens;

impl<'de> Visitor<'de> for Tokens {
    type Value = Vec<Token>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of tokens or a map from token to id")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<Token>, A::Error> {
        let mut tokens = Vec::new();
        while let Some(piece) = list.next_element()? {
            tokens.push(Token::spelled(piece, Spelling::Plain));
        }
        match tokens.is_empty() {
            true => Err(A::Error::custom("the list is empty")),
            false => Ok(tokens),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<Token>, A::Error> {
        let mut pieces: Vec<(usize, String)> = Vec::new();
        while let Some(piece) = map.next_key::<String>()? {
            let id = map
                .next_value()
                .map_err(|error| A::Error::custom(format!("token `{piece}`: {error}")))?;
            pieces.push((id, piece));
        }
        ids::placed(pieces).map_err(A::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Kind;
    use super::*;

    fn texts(vocabulary: Vocabulary) -> Vec<String> {
        vocabulary.tokens.into_iter().map(|token| token.text).collect()
    }

    fn from_lines(bytes: &[u8]) -> Vec<String> {
        texts(lines(bytes, Path::new("v.txt")).unwrap())
    }

    fn refusal(bytes: &[u8]) -> String {
        json(bytes, Path::new("v.json")).unwrap_err().to_string()
    }

    #[test]
    fn a_list_and_a_map_agree() {
        let list = json(br#"["a", "b", "\u00e9"]"#, Path::new("v.json")).unwrap();
        let map = json(br#"{"b": 1, "\u00e9": 2, "a": 0}"#, Path::new("v.json")).unwrap();
        assert_eq!(list, map);
        assert_eq!(texts(list), ["a", "b", "é"]);
    }

    #[test]
    fn an_id_that_is_left_out_is_padding() {
        let map = json(br#"{"a": 0, "c": 2}"#, Path::new("v.json")).unwrap();
        assert_eq!(map.tokens[1].kind, Kind::Padding);
        assert_eq!(
            (map.label(1), map.label(2), map.label(9)),
            ("#1".into(), "c".into(), "#9".into())
        );
    }

    #[test]
    fn json_of_another_form_is_refused() {
        for (bytes, says) in [
            (&br#"{"a": 0, "b": 0}"#[..], "id 0 belongs to `a` and to `b`"),
            (br#"{"a": 99999999999}"#, "out of range for 1 tokens"),
            (br#"{"a": -1}"#, "token `a`"),
            (br#"{"version": "1.0"}"#, "token `version`"),
            (br#"["a", 1]"#, "expected a string"),
            (b"[]", "list is empty"),
            (b"{}", "map is empty"),
            (b"7", "a list of tokens or a map"),
            (b"[\"a\"] x", "trailing"),
            (b"", "EOF"),
        ] {
            let said = refusal(bytes);
            assert!(said.starts_with("v.json: ") && said.contains(says), "{said}");
        }
    }

    #[test]
    fn a_line_is_a_token() {
        assert_eq!(from_lines(b"a\nb"), ["a", "b"]);
        assert_eq!(from_lines(b"a\nb\n"), ["a", "b"]);
        assert_eq!(from_lines(b"a\n\nb\n\n"), ["a", "", "b", ""]);
        assert_eq!(from_lines(b"\xef\xbb\xbfa\r\nb\r\n"), ["a", "b"]);
        assert_eq!(from_lines(b"a\r\nb"), ["a", "b"]);
        assert_eq!(from_lines(b"a\n\r\nb\n"), ["a", "\r", "b"]);
        assert_eq!(from_lines("a\u{2028}b\u{b}c\n".as_bytes()), ["a\u{2028}b\u{b}c"]);
    }

    #[test]
    fn bad_utf8_is_named_by_line_and_offset() {
        let said = lines(b"\xef\xbb\xbfab\nc\xffd\n", Path::new("v.txt")).unwrap_err().to_string();
        assert!(said.contains("line 2") && said.contains("byte 7 "), "{said}");
        assert!(lines(b"", Path::new("v.txt")).unwrap_err().to_string().contains("empty"));
    }

    #[test]
    fn the_extension_chooses_the_form() {
        let folder = tempfile::tempdir().unwrap();
        let (as_json, as_lines) = (folder.path().join("v.JSON"), folder.path().join("v.txt"));
        std::fs::write(&as_json, "[\"[PAD]\"]").unwrap();
        std::fs::write(&as_lines, "[PAD]\n[unused1]\n").unwrap();
        assert_eq!(texts(read(&as_json).unwrap()), ["[PAD]"]);
        let kinds: Vec<_> =
            read(&as_lines).unwrap().tokens.iter().map(|token| token.kind).collect();
        assert_eq!(kinds, [Kind::Special, Kind::Unused]);
        assert!(read(folder.path()).unwrap_err().to_string().contains("directory"));
    }
}
