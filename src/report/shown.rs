//! A token as a page shows it: visible text as it is, and signs for what cannot be seen.
//!
//! Blanks and control characters, invisible format characters, bytes that are not text and code points without a
//! glyph become *signs*, which a page distinguishes from text with the same spelling. A combining mark without a base
//! is put on a dotted circle. Nothing is escaped here: the writers of HTML, SVG and Markdown do that.

use unicode_properties::{GeneralCategoryGroup, UnicodeEmoji, UnicodeGeneralCategory};

use super::results::verdicts::Row;
use crate::checkpoint::vocabulary::{Kind, is_invisible};

/// A part of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Visible text.
    Text(String),
    /// A sign: `␣`, the name of a control character, `U+00A0`, or a byte such as `E4`.
    Sign(String),
}

/// A token as parts to be shown; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown(Vec<Part>);

/// The sign for a blank.
const BLANK: &str = "␣";
/// The character for a blank in [`Shown::coded`].
const CODED_BLANK: char = '\u{e020}';
/// The names of the ASCII control characters.
const CONTROLS: [&str; 32] = [
    "NUL",
    "SOH",
    "STX",
    "ETX",
    "EOT",
    "ENQ",
    "ACK",
    "BEL",
    "BS",
    "TAB",
    "LF",
    "VT",
    "FORM FEED",
    "CR",
    "SO",
    "SI",
    "DLE",
    "DC1",
    "DC2",
    "DC3",
    "DC4",
    "NAK",
    "SYN",
    "ETB",
    "CAN",
    "EM",
    "SUB",
    "ESC",
    "FS",
    "GS",
    "RS",
    "US",
];
/// The characters around any other sign in [`Shown::coded`]. Private-use characters in a token become signs
/// themselves, so none of these can come from a token.
const SIGN: [char; 2] = ['\u{e080}', '\u{e081}'];

impl Shown {
    /// The token of a row.
    pub fn of(row: &Row) -> Shown {
        if row.text.is_empty() {
            return Shown(vec![Part::Text(format!("#{}", row.id))]);
        }
        // `<0xE4>` stands for a byte unless the vocabulary spells just that.
        Shown::text(&row.text, row.kind == Some(Kind::Byte) || !row.piece.contains("<0x"))
    }

    /// The parts of a text; with `bytes`, every `<0xE4>` in it is a byte.
    pub fn text(text: &str, bytes: bool) -> Shown {
        let mut shown = Shown(Vec::new());
        let mut rest = text;
        while let Some(character) = rest.chars().next() {
            if let Some(byte) = byte(rest).filter(|_| bytes) {
                shown.0.push(Part::Sign(byte.to_owned()));
                rest = &rest[6..];
                continue;
            }
            rest = &rest[character.len_utf8()..];
            shown.push(character, rest.chars().next());
        }
        shown
    }

    /// Appends a character as text or as a sign; `next` is the character after it.
    fn push(&mut self, character: char, next: Option<char>) {
        let before = match self.0.last() {
            Some(Part::Text(text)) => text.chars().next_back(),
            _ => None,
        };
        let group = character.general_category_group();
        match character {
            ' ' => self.sign(BLANK.to_owned()),
            '\0'..='\x1f' => self.sign(CONTROLS[character as usize].to_owned()),
            '\x7f' => self.sign("DEL".to_owned()),
            // Within emoji these characters select the picture.
            '\u{fe0f}' | '\u{200d}'
                if before
                    .is_some_and(|c| c.is_emoji_char() && !c.is_ascii() || c == '\u{fe0f}')
                    && (character == '\u{fe0f}' || next.is_some_and(|c| c.is_emoji_char())) =>
            {
                self.glyph(character)
            }
            _ if is_invisible(character)
                || character.is_whitespace()
                || group == GeneralCategoryGroup::Other =>
            {
                self.sign(format!("U+{:04X}", u32::from(character)))
            }
            _ if group == GeneralCategoryGroup::Mark && before.is_none() => {
                self.glyph('◌');
                self.glyph(character);
            }
            _ => self.glyph(character),
        }
    }

    /// Appends a sign.
    fn sign(&mut self, sign: String) {
        self.0.push(Part::Sign(sign));
    }

    /// Appends a visible character.
    fn glyph(&mut self, character: char) {
        match self.0.last_mut() {
            Some(Part::Text(text)) => text.push(character),
            _ => self.0.push(Part::Text(character.to_string())),
        }
    }

    /// The parts.
    pub fn parts(&self) -> &[Part] {
        &self.0
    }

    /// The token in one line without markup: signs other than the blank are in angle brackets.
    pub fn line(&self) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Sign(sign) if sign == BLANK => sign.clone(),
            Part::Sign(sign) if is_byte(sign) => format!("<0x{sign}>"),
            Part::Sign(sign) => format!("<{sign}>"),
        };
        self.0.iter().map(part).collect()
    }

    /// The line, cut to `characters` characters.
    pub fn short(&self, characters: usize) -> String {
        let line = self.line();
        if line.chars().count() <= characters {
            return line;
        }
        line.chars().take(characters.saturating_sub(1)).chain(['…']).collect()
    }

    /// The parts as one string for the page's script, which recognises signs by private-use characters.
    pub fn coded(&self) -> String {
        let mut coded = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => coded.push_str(text),
                Part::Sign(sign) if sign == BLANK => coded.push(CODED_BLANK),
                Part::Sign(sign) => {
                    coded.extend([SIGN[0]].into_iter().chain(sign.chars()).chain([SIGN[1]]))
                }
            }
        }
        coded
    }
}

/// Whether a sign is a byte. No name of a control character looks like two hexadecimal digits: that of form feed is
/// written out.
fn is_byte(sign: &str) -> bool {
    sign.len() == 2 && sign.bytes().all(|b| b.is_ascii_hexdigit())
}

/// The two digits of a `<0xE4>` at the start of a text.
fn byte(text: &str) -> Option<&str> {
    let digits = text.strip_prefix("<0x")?.get(..2)?;
    let closed = text.as_bytes().get(5) == Some(&b'>');
    (closed && digits.bytes().all(|b| b.is_ascii_hexdigit())).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> String {
        let shown = Shown::text(text, true);
        let part = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Sign(sign) => format!("[{sign}]"),
        };
        shown.parts().iter().map(part).collect()
    }

    #[test]
    fn what_has_a_glyph_shows_itself() {
        for text in
            ["中文", "مرحبا", "นี้", "</script>", "<img/onerror=alert(1)>", "&amp;", "e\u{301}"]
        {
            assert_eq!(parts(text), text);
        }
        for emoji in ["😀", "❤\u{fe0f}", "👩\u{200d}🔬", "👍🏽", "🇫🇷"] {
            assert_eq!(parts(emoji), emoji);
        }
    }

    #[test]
    fn what_has_none_becomes_a_sign() {
        for (text, shown) in [
            (" a\tb", "[␣]a[TAB]b"),
            ("\n\x7f\u{85}", "[LF][DEL][U+0085]"),
            ("a\u{a0}b\u{202e}c\u{200b}", "a[U+00A0]b[U+202E]c[U+200B]"),
            ("a\u{fe0f}\u{200d}", "a[U+FE0F][U+200D]"),
            ("1\u{fe0f}", "1[U+FE0F]"),
            ("\u{e000}\u{f8ff}\u{ffffe}", "[U+E000][U+F8FF][U+FFFFE]"),
            ("<0xE4>x<0xZZ>", "[E4]x<0xZZ>"),
        ] {
            assert_eq!(parts(text), shown);
        }
    }

    #[test]
    fn a_mark_without_a_base_is_put_on_a_dotted_circle() {
        assert_eq!(parts("\u{301}"), "◌\u{301}");
        assert_eq!(parts(" \u{301}a\u{301}"), "[␣]◌\u{301}a\u{301}");
        assert_eq!(parts("\u{94d}"), "◌\u{94d}");
    }

    #[test]
    fn signs_and_texts_that_spell_the_same_differ_in_code() {
        let coded = |text, bytes| Shown::text(text, bytes).coded();
        assert_eq!(coded("a b", false), "a\u{e020}b");
        assert_eq!(coded("␣", false), "␣");
        assert_eq!(coded("<0xE4>", true), "\u{e080}E4\u{e081}");
        assert_eq!(coded("<0xE4>", false), "<0xE4>");
        assert_eq!(coded("\u{e020}", false), "\u{e080}U+E020\u{e081}");
    }

    #[test]
    fn lines_are_cut_by_characters() {
        assert_eq!(Shown::text("中文字符", false).short(3), "中文…");
        assert_eq!(Shown::text("中文字", false).short(3), "中文字");
        assert_eq!(Shown::text("\u{a0}<0x0A>", true).line(), "<U+00A0><0x0A>");
    }
}
