//! How vocabularies spell text in their pieces, and how a text is shown on one line.

use std::fmt::Write;
use std::sync::LazyLock;

use super::Kind;

/// The way in which the pieces of a vocabulary spell text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Spelling {
    /// The piece is the text.
    #[default]
    Plain,
    /// Each character stands for a byte, by the table of GPT-2: `Ġ` is a blank.
    ByteLevel,
    /// The piece is the text, with `▁` for a blank and `<0x0A>` for a byte.
    SentencePiece,
}

impl Spelling {
    /// Returns the readable text of a piece. A piece that byte-level spelling cannot have made is its own text.
    pub fn text(self, piece: &str) -> String {
        match self {
            Spelling::Plain => piece.to_owned(),
            Spelling::ByteLevel => match piece.chars().map(byte_of).collect::<Option<Vec<u8>>>() {
                Some(bytes) => readable(&bytes),
                None => piece.to_owned(),
            },
            Spelling::SentencePiece => match byte_piece(piece) {
                Some(byte) => readable(&[byte]),
                None => piece.replace('▁', " "),
            },
        }
    }
}

/// Converts bytes to text; each byte that is not part of a valid character becomes `<0xE4>`.
pub(super) fn readable(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            let _ = write!(text, "<0x{byte:02X}>");
        }
    }
    text
}

/// Returns the byte that a character stands for in the table of GPT-2 (`bytes_to_unicode`): printable Latin-1 stands
/// for itself, the other 68 bytes follow one another from U+0100.
fn byte_of(character: char) -> Option<u8> {
    static SHIFTED: LazyLock<Vec<u8>> =
        LazyLock::new(|| (0..=255).filter(|&byte| !stands_for_itself(byte)).collect());
    match u32::from(character) {
        code @ 0..=255 => u8::try_from(code).ok().filter(|&byte| stands_for_itself(byte)),
        code => SHIFTED.get(usize::try_from(code - 256).ok()?).copied(),
    }
}

/// Returns the piece that spells bytes by the table of GPT-2.
pub(super) fn byte_level(bytes: &[u8]) -> String {
    let shifted = |byte: u8| (0..byte).filter(|&b| !stands_for_itself(b)).count() as u32;
    bytes
        .iter()
        .filter_map(|&byte| match stands_for_itself(byte) {
            true => Some(char::from(byte)),
            false => char::from_u32(256 + shifted(byte)),
        })
        .collect()
}

/// Whether a byte is spelled by the character of the same code in the table of GPT-2.
fn stands_for_itself(byte: u8) -> bool {
    matches!(byte, 0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff)
}

/// Returns the byte of a piece like `<0x0A>`.
fn byte_piece(piece: &str) -> Option<u8> {
    let digits = piece.strip_prefix("<0x")?.strip_suffix('>')?;
    let hexadecimal = digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    hexadecimal.then(|| u8::from_str_radix(digits, 16).ok()).flatten()
}

/// Names of control tokens that vocabularies put in `<...>` (also `</s>`) or, in capitals, in `[...]`. A closed list:
/// `<div>` is text in a model of code, and `[N]` an atom in one of chemistry.
const CONTROL: [&str; 10] = ["s", "unk", "pad", "mask", "cls", "sep", "bos", "eos", "eod", "blank"];

/// Derives the kind of a token from the spelling of its piece, where the vocabulary does not state it.
pub(super) fn kind(piece: &str) -> Kind {
    let within = |open: &str, close: &str| piece.strip_prefix(open)?.strip_suffix(close);
    let (angled, squared): (Option<&str>, Option<&str>) = (within("<", ">"), within("[", "]"));
    let numbered = |prefix| {
        let number = angled.or(squared)?.strip_prefix(prefix)?;
        number.bytes().all(|b| b.is_ascii_digit()).then_some(())
    };
    // Llama's and fairseq's names for ids that no training text contains.
    let reserved = |open, close| {
        let number: Option<&str> = within(open, close);
        number.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    };
    let is_control = |name: &str| CONTROL.contains(&name);
    if byte_piece(piece).is_some() {
        Kind::Byte
    } else if numbered("unused").or(numbered("unused_")).is_some()
        || reserved("<|reserved_special_token_", "|>")
        || reserved("madeupword", "")
    {
        Kind::Unused
    } else if piece.len() > 4 && piece.starts_with("<|") && piece.ends_with("|>")
        || numbered("extra_id_").is_some()
        || angled.is_some_and(|name| is_control(name.strip_prefix('/').unwrap_or(name)))
        || squared
            .is_some_and(|name| name.len() > 1 && CONTROL.iter().any(|c| c.to_uppercase() == name))
    {
        Kind::Special
    } else {
        Kind::Ordinary
    }
}

/// Makes every blank and every control or invisible character of a text visible.
pub(super) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            // Unicode has a symbol for each ASCII control character, for DEL and for the blank.
            '\0'..=' ' => {
                shown.push(char::from_u32(0x2400 + u32::from(character)).unwrap_or(character))
            }
            '\x7f' => shown.push('␡'),
            _ if character.is_control() || character.is_whitespace() || is_invisible(character) => {
                let _ = write!(shown, "<U+{:04X}>", u32::from(character));
            }
            _ => shown.push(character),
        }
    }
    shown
}

/// Whether a character has no width of its own, or changes the direction of the rest of the line.
pub fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_gpt2_is_one_to_one_on_bytes() {
        let mut bytes: Vec<u8> =
            (0..0x200).filter_map(char::from_u32).filter_map(byte_of).collect();
        assert_eq!(bytes.len(), 256);
        bytes.sort_unstable();
        assert!(bytes.iter().copied().eq(0..=255));
        assert_eq!(
            (byte_of('Ġ'), byte_of('Ċ'), byte_of('ł'), byte_of('Ń')),
            (Some(b' '), Some(b'\n'), Some(0xa0), Some(0xad))
        );
    }

    #[test]
    fn pieces_become_text() {
        for (spelling, piece, text) in [
            (Spelling::ByteLevel, "Ġthe", " the"),
            (Spelling::ByteLevel, "ä¸Ń", "中"),
            (Spelling::ByteLevel, "ä¸", "<0xE4><0xB8>"),
            (Spelling::ByteLevel, "Ġä¸", " <0xE4><0xB8>"),
            (Spelling::ByteLevel, "a b", "a b"),
            (Spelling::SentencePiece, "▁the", " the"),
            (Spelling::SentencePiece, "<0x0A>", "\n"),
            (Spelling::SentencePiece, "<0xE4>", "<0xE4>"),
            (Spelling::Plain, "Ġ▁", "Ġ▁"),
        ] {
            assert_eq!(spelling.text(piece), text);
        }
    }

    #[test]
    fn the_spelling_tells_the_kind() {
        for (piece, expected) in [
            ("the", Kind::Ordinary),
            ("<", Kind::Ordinary),
            ("<>", Kind::Ordinary),
            ("[]", Kind::Ordinary),
            ("<|>", Kind::Ordinary),
            ("<||>", Kind::Ordinary),
            ("<div>", Kind::Ordinary),
            ("[N]", Kind::Ordinary),
            ("[S]", Kind::Ordinary),
            ("[1]", Kind::Ordinary),
            ("</s>", Kind::Special),
            ("<s>", Kind::Special),
            ("<pad>", Kind::Special),
            ("[CLS]", Kind::Special),
            ("<|endoftext|>", Kind::Special),
            ("<extra_id_7>", Kind::Special),
            ("[unused12]", Kind::Unused),
            ("<unused_0>", Kind::Unused),
            ("<|reserved_special_token_7|>", Kind::Unused),
            ("madeupword0001", Kind::Unused),
            ("madeupword", Kind::Ordinary),
            ("<0x0A>", Kind::Byte),
            ("<0xGG>", Kind::Ordinary),
            ("<0x+1>", Kind::Ordinary),
        ] {
            assert_eq!(kind(piece), expected, "{piece}");
        }
    }

    #[test]
    fn nothing_invisible_is_printed() {
        assert_eq!(visible(" a\n\t\r\x7f\u{a0}\u{202e}é"), "␠a␊␉␍␡<U+00A0><U+202E>é");
    }
}
