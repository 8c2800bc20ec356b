//! Text classification by a pattern with a gap: the pattern, the classes and their label words. [`super::cloze`] scores them.
//!
//! Source: Schick and Schuetze, "Exploiting cloze questions for few-shot text classification and natural language
//! inference" (EACL 2021), section 3: a pattern, and a verbaliser that gives each class a word. Here without any
//! training.

use crate::audit::{Among, Audit, Options, audit};
use crate::domain::Domain;
use crate::error::{Result, invalid};
use crate::head::Head;
use crate::reach::text::{SpecialTokens, Tokenizer};
use crate::transformer::{Direction, Transformer};

/// Marks the place of the text in a pattern.
const TEXT: &str = "{text}";
/// Marks the place of the label word in a pattern.
const GAP: &str = "[MASK]";
/// Stands between the words of one class.
const OR: char = '|';

/// A pattern with a place for the text and a gap for the label word, such as `{text} It was [MASK].`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// The part before the gap, which may hold the place of the text.
    before: String,
    /// The part after the gap, which may hold the place of the text.
    behind: String,
}

/// A class and the words that stand for it, at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The name of the class.
    pub class: String,
    /// The label words.
    pub words: Vec<String>,
}

/// A label word with its tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// The index of its class among the labels.
    pub class: usize,
    /// The word.
    pub text: String,
    /// The tokens that spell the word in the gap, at least one.
    pub tokens: Vec<u32>,
}

impl Pattern {
    /// Parses a pattern.
    ///
    /// # Errors
    /// No or several places for the text, no or several gaps.
    pub fn parse(pattern: &str) -> Result<Self> {
        for (sign, what) in [(TEXT, "the text"), (GAP, "the label word")] {
            match pattern.matches(sign).count() {
                1 => {}
                0 => {
                    return invalid(format!(
                        "the pattern {pattern:?} has no place for {what}: write {sign} there"
                    ));
                }
                n => {
                    return invalid(format!(
                        "the pattern {pattern:?} has {n} places for {what}: one {sign} is needed"
                    ));
                }
            }
        }
        let (before, behind) = pattern.split_once(GAP).unwrap_or((pattern, ""));
        Ok(Pattern { before: before.to_owned(), behind: behind.to_owned() })
    }

    /// Fills the part before the gap, without blanks at its end, and returns whether there were any.
    pub(super) fn left(&self, text: &str) -> (String, bool) {
        let filled = self.before.replace(TEXT, text);
        let kept = filled.trim_end();
        (kept.to_owned(), kept.len() < filled.len())
    }

    /// Fills the whole pattern: with `text`, and with `gap` for the label word.
    pub(super) fn filled(&self, text: &str, gap: &str) -> String {
        let (before, behind) = (self.before.replace(TEXT, text), self.behind.replace(TEXT, text));
        format!("{before}{gap}{behind}")
    }

    /// Splits a text with its pattern into tokens: those before the gap, and those from the gap on, where a model that fills
    /// gaps has its mask token.
    ///
    /// # Errors
    /// A text with gaps of its own, nothing before the gap of a model that goes on with a text.
    pub(super) fn sides(
        &self,
        model: &Transformer,
        tokenizer: &Tokenizer,
        text: &str,
    ) -> Result<(Vec<u32>, Vec<u32>)> {
        let both = model.configuration().attention == Direction::Both;
        if let (true, Some((mask, piece))) = (both, tokenizer.mask()) {
            let mut ids = tokenizer.encode(&self.filled(text, &piece), SpecialTokens::Added)?;
            let gaps: Vec<usize> = (0..ids.len()).filter(|&i| ids[i] == mask).collect();
            let &[gap] = &gaps[..] else {
                return invalid(format!(
                    "it has {} gaps with the pattern around it, and one is needed",
                    gaps.len()
                ));
            };
            let after = ids.split_off(gap);
            return Ok((ids, after));
        }
        let (mut context, _) = tokenizer.around()?;
        context.extend(tokenizer.encode(&self.left(text).0, SpecialTokens::Bare)?);
        if context.is_empty() {
            return invalid("nothing stands before the gap".to_owned());
        }
        Ok((context, Vec::new()))
    }

    /// Refuses a pattern that the model cannot be run on.
    ///
    /// # Errors
    /// Text after the gap for a model with causal attention; a model with an encoder.
    pub fn check(&self, model: &Transformer) -> Result<()> {
        let configuration = model.configuration();
        if configuration.has_encoder() {
            return invalid(format!(
                "{} has an encoder; patterns are for models of one stack",
                configuration.family
            ));
        }
        if configuration.attention == Direction::Backwards && !self.behind.is_empty() {
            return invalid(format!(
                "{} sees only what stands before the gap, but the pattern has {:?} behind it: put {GAP} last",
                configuration.family, self.behind
            ));
        }
        Ok(())
    }
}

/// Parses labels: `great,terrible`, with names of the classes `positive=great,negative=terrible`, or with several words a
/// class `positive=great|good,negative=terrible|bad`.
///
/// # Errors
/// Fewer than two labels, an empty word, several words of a class without a name, and a class or a word that occurs twice.
pub fn labels(text: &str) -> Result<Vec<Label>> {
    let mut labels: Vec<Label> = Vec::new();
    for part in text.split(',') {
        let (class, words) = part.split_once('=').unwrap_or((part, part));
        if class.contains(OR) {
            return invalid(format!(
                "the label {part:?} has several words and no name for its class: write NAME={part}"
            ));
        }
        let words = words.split(OR).map(|word| word.trim().to_owned()).collect();
        labels.push(Label { class: class.trim().to_owned(), words });
    }
    let empty = |l: &Label| l.class.is_empty() || l.words.iter().any(String::is_empty);
    if labels.len() < 2 || labels.iter().any(empty) {
        return invalid(format!(
            "the labels {text:?} are not two or more words, such as great,terrible"
        ));
    }
    let classes: Vec<&str> = labels.iter().map(|l| l.class.as_str()).collect();
    let words: Vec<&str> = labels.iter().flat_map(|l| &l.words).map(String::as_str).collect();
    for names in [classes, words] {
        if let Some(at) = (1..names.len()).find(|&i| names[..i].contains(&names[i])) {
            return invalid(format!("the labels {text:?} name `{}` twice", names[at]));
        }
    }
    Ok(labels)
}

/// Tokenizes the words of all labels as they stand in the gap, class by class.
///
/// # Errors
/// A word that the vocabulary cannot spell, or only with its token for unknown text (`[UNK]`), and two words of the same
/// tokens.
pub fn words(labels: &[Label], pattern: &Pattern, tokenizer: &Tokenizer) -> Result<Vec<Word>> {
    let mut words: Vec<Word> = Vec::new();
    for (class, label) in labels.iter().enumerate() {
        for text in &label.words {
            let word = Word::new(class, text, pattern, tokenizer)?;
            if let Some(same) = words.iter().find(|other| other.tokens == word.tokens) {
                return invalid(format!(
                    "the label words `{}` and `{text}` are the same tokens, {:?}",
                    same.text, word.tokens
                ));
            }
            words.push(word);
        }
    }
    Ok(words)
}

impl Word {
    /// Tokenizes a label word as it stands in the gap.
    fn new(class: usize, text: &str, pattern: &Pattern, tokenizer: &Tokenizer) -> Result<Self> {
        // The letter x stands for the text, so that a blank after the text is not one at the beginning.
        let (left, blank) = pattern.left("x");
        let spaced = if blank && !left.is_empty() { format!(" {text}") } else { text.to_owned() };
        let context = tokenizer.encode(&left, SpecialTokens::Bare)?;
        let whole = tokenizer.encode(&format!("{left}{spaced}"), SpecialTokens::Bare)?;
        let tokens = match whole.strip_prefix(&context[..]) {
            Some(rest) => rest.to_vec(),
            None => tokenizer.encode(&spaced, SpecialTokens::Bare)?,
        };
        if let Some(unknown) = tokens.iter().copied().find(|&token| tokenizer.is_unknown(token)) {
            return invalid(format!(
                "the label word `{text}` is not in the vocabulary: it becomes {}, which stands for any such word; choose \
                 another word",
                tokenizer.decode(&[unknown])?
            ));
        }
        if tokens.is_empty() {
            return invalid(format!("the label word `{text}` has no tokens; choose another word"));
        }
        Ok(Word { class, text: text.to_owned(), tokens })
    }

    /// Returns the token of the word; `None` if it has several.
    pub fn token(&self) -> Option<u32> {
        match self.tokens[..] {
            [token] => Some(token),
            _ => None,
        }
    }
}

/// The audits of the label words' tokens: whether each can win among all tokens, and among the label words alone.
#[derive(Clone, Debug)]
pub struct LabelAudits {
    /// Audit of the tokens of all words against all tokens, by id.
    pub among_all: Audit,
    /// Audit of the tokens of the words against each other alone, by id; `None` where a word has several tokens.
    pub among_labels: Option<Audit>,
}

/// Audits the tokens of the label words.
///
/// # Errors
/// Errors of an audit.
pub fn fates(head: &Head, domain: &Domain, words: &[Word]) -> Result<LabelAudits> {
    let mut tokens: Vec<u32> = words.iter().flat_map(|word| word.tokens.clone()).collect();
    tokens.sort_unstable();
    tokens.dedup();
    let among_all = audit(head, domain, Options { tokens: Some(&tokens), ..Options::default() })?;
    let single: Option<Vec<u32>> = words.iter().map(Word::token).collect();
    let among_labels = match single {
        Some(tokens) => Some(Among::new(head, &tokens)?.audit(domain, Options::default())?),
        None => None,
    };
    Ok(LabelAudits { among_all, among_labels })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_has_one_place_for_the_text_and_one_gap() {
        let pattern = Pattern::parse("{text} It was [MASK].").unwrap();
        assert_eq!(pattern.filled("Good.", "<mask>"), "Good. It was <mask>.");
        assert_eq!(pattern.left("Good."), ("Good. It was".to_owned(), true));
        assert_eq!(Pattern::parse("[MASK]: {text}").unwrap().left("x"), (String::new(), false));
        for (pattern, says) in [
            ("It was [MASK].", "no place for the text"),
            ("{text} It was good.", "no place for the label word"),
            ("{text}{text}[MASK]", "2 places for the text"),
            ("[MASK] {text} [MASK]", "2 places for the label word"),
        ] {
            let said = Pattern::parse(pattern).unwrap_err().to_string();
            assert!(said.contains(says), "{said}");
        }
    }

    #[test]
    fn labels_are_words_or_classes_with_words() {
        let label = |class: &str, words: &[&str]| Label {
            class: class.into(),
            words: words.iter().map(|&word| word.into()).collect(),
        };
        assert_eq!(
            labels("great, terrible").unwrap(),
            [label("great", &["great"]), label("terrible", &["terrible"])]
        );
        assert_eq!(
            labels("yes=good | fine,no=not good").unwrap(),
            [label("yes", &["good", "fine"]), label("no", &["not good"])]
        );
        for bad in
            ["", "great", "great,", "a=,b", "great,great", "x=a,x=b", "x=a|b,y=b", "x=a|,y=b"]
        {
            assert!(labels(bad).is_err(), "{bad}");
        }
        let said = labels("good|fine,bad").unwrap_err().to_string();
        assert!(said.contains("NAME=good|fine"), "{said}");
    }
}
