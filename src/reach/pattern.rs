//! Text classification by a pattern with a gap: the label word with the largest logit in the gap decides the class.
//!
//! Source: Schick and Schuetze, "Exploiting cloze questions for few-shot text classification and natural language
//! inference" (EACL 2021), section 3: a pattern, and a verbaliser that gives each class a word. Here without any
//! training.

use crate::audit::{Among, Audit, Options, audit};
use crate::domain::Domain;
use crate::error::{Error, Result};
use crate::head::Head;
use crate::reach::logits;
use crate::reach::text::{SpecialTokens, Tokenizer};
use crate::transformer::{Batch, Direction, Transformer};

/// Marks the place of the text in a pattern.
const TEXT: &str = "{text}";
/// Marks the place of the label word in a pattern.
const GAP: &str = "[MASK]";
/// The number of texts that the model runs on together.
const POSITIONS_TOGETHER: usize = 8;

/// A pattern with a place for the text and a gap for the label word, such as `{text} It was [MASK].`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// The part before the gap, which may hold the place of the text.
    before: String,
    /// The part after the gap, which may hold the place of the text.
    behind: String,
}

/// A class and the word that stands for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The name of the class.
    pub class: String,
    /// The label word.
    pub word: String,
}

/// A label word with its tokens.
#[derive(Clone, Debug)]
pub struct Word {
    /// The class and its word.
    pub label: Label,
    /// The tokens that spell the word in the gap.
    pub tokens: Vec<u32>,
}

/// The scores of the label words for one text.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    /// The logit of each label's word.
    pub logits: Vec<f32>,
    /// The softmax of these logits.
    pub probabilities: Vec<f64>,
    /// The index of the best label; the first of equal ones.
    pub best: usize,
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
    fn left(&self, text: &str) -> (String, bool) {
        let filled = self.before.replace(TEXT, text);
        let kept = filled.trim_end();
        (kept.to_owned(), kept.len() < filled.len())
    }

    /// Fills the whole pattern: with `text`, and with `gap` for the label word.
    fn filled(&self, text: &str, gap: &str) -> String {
        let (before, behind) = (self.before.replace(TEXT, text), self.behind.replace(TEXT, text));
        format!("{before}{gap}{behind}")
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

/// Parses labels: `great,terrible`, or with names of the classes `positive=great,negative=terrible`.
///
/// # Errors
/// Fewer than two labels, an empty word, and a class or a word that occurs twice.
pub fn labels(text: &str) -> Result<Vec<Label>> {
    let one = |part: &str| {
        let (class, word) = part.split_once('=').unwrap_or((part, part));
        Label { class: class.trim().to_owned(), word: word.trim().to_owned() }
    };
    let labels: Vec<Label> = text.split(',').map(one).collect();
    if labels.len() < 2 || labels.iter().any(|l| l.class.is_empty() || l.word.is_empty()) {
        return invalid(format!(
            "the labels {text:?} are not two or more words, such as great,terrible"
        ));
    }
    for (i, label) in labels.iter().enumerate() {
        if labels[..i].iter().any(|l| l.class == label.class || l.word == label.word) {
            return invalid(format!("the labels {text:?} name `{}` twice", label.word));
        }
    }
    Ok(labels)
}

impl Word {
    /// Tokenizes a label word as it stands in the gap.
    ///
    /// # Errors
    /// A word that the vocabulary cannot spell, or only with its token for unknown text (`[UNK]`).
    pub fn new(label: &Label, pattern: &Pattern, tokenizer: &Tokenizer) -> Result<Self> {
        // The letter x stands for the text, so that a blank after the text is not one at the beginning.
        let (left, blank) = pattern.left("x");
        let spaced =
            if blank && !left.is_empty() { format!(" {}", label.word) } else { label.word.clone() };
        let context = tokenizer.encode(&left, SpecialTokens::Bare)?;
        let whole = tokenizer.encode(&format!("{left}{spaced}"), SpecialTokens::Bare)?;
        let tokens = match whole.strip_prefix(&context[..]) {
            Some(rest) => rest.to_vec(),
            None => tokenizer.encode(&spaced, SpecialTokens::Bare)?,
        };
        if let Some(unknown) = tokens.iter().copied().find(|&token| tokenizer.is_unknown(token)) {
            return invalid(format!(
                "the label word `{}` is not in the vocabulary: it becomes {}, which stands for any such word; choose \
                 another word",
                label.word,
                tokenizer.decode(&[unknown])?
            ));
        }
        Ok(Word { label: label.clone(), tokens })
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
    /// Audit of the tokens against all tokens, by id.
    pub among_all: Audit,
    /// Audit of the tokens against each other alone, by id.
    pub among_labels: Audit,
}

/// Audits the tokens of the labels, which must be distinct.
///
/// # Errors
/// Errors of an audit.
pub fn fates(head: &Head, domain: &Domain, tokens: &[u32]) -> Result<LabelAudits> {
    let options = Options { tokens: Some(tokens), ..Options::default() };
    Ok(LabelAudits {
        among_all: audit(head, domain, options)?,
        among_labels: Among::new(head, tokens)?.audit(domain, Options::default())?,
    })
}

/// Scores the label words for texts.
pub struct Scorer<'a> {
    model: &'a Transformer,
    tokenizer: &'a Tokenizer,
    pattern: &'a Pattern,
    tokens: Vec<u32>,
}

impl<'a> Scorer<'a> {
    /// Makes a scorer of these words, each of which must be one token.
    ///
    /// # Errors
    /// A word of several tokens, two words of the same token, a pattern that the model cannot read, and a vocabulary without a
    /// token for the gap.
    pub fn new(
        model: &'a Transformer,
        tokenizer: &'a Tokenizer,
        pattern: &'a Pattern,
        words: &[Word],
    ) -> Result<Self> {
        pattern.check(model)?;
        let mut tokens = Vec::new();
        for word in words {
            let Some(token) = word.token() else {
                return invalid(format!(
                    "the label word `{}` is {} tokens in the gap, and one is needed: choose another word",
                    word.label.word,
                    word.tokens.len()
                ));
            };
            if tokens.contains(&token) {
                return invalid(format!(
                    "the label word `{}` is the same token as another",
                    word.label.word
                ));
            }
            tokens.push(token);
        }
        if model.configuration().attention == Direction::Both && tokenizer.mask().is_none() {
            return Err(Error::malformed(
                tokenizer.source(),
                "the vocabulary has no token that stands for a hidden word ([MASK] or <mask>)",
            ));
        }
        Ok(Scorer { model, tokenizer, pattern, tokens })
    }

    /// Returns the scores of each text, in order; `done` is called with the number of texts after each batch.
    ///
    /// # Errors
    /// A text longer than the context, or with a mask token of its own; the error gives the number of the text, from
    /// 1.
    pub fn score(&self, texts: &[&str], mut done: impl FnMut(usize)) -> Result<Vec<Scores>> {
        let mut scores = Vec::new();
        for (group, texts) in texts.chunks(POSITIONS_TOGETHER).enumerate() {
            let mut rows = Vec::new();
            for (i, text) in texts.iter().enumerate() {
                let number = group * POSITIONS_TOGETHER + i + 1;
                let row =
                    self.row(text).map_err(|e| Error::Invalid(format!("text {number}: {e}")))?;
                rows.push(row);
            }
            let ids = rows.iter().map(|r| r.0.clone()).collect();
            let states = self.model.states(&Batch::ids(ids).last_hidden()).map_err(|e| {
                let (first, last) =
                    (group * POSITIONS_TOGETHER + 1, group * POSITIONS_TOGETHER + texts.len());
                Error::Invalid(format!("texts {first} to {last}: {e}"))
            })?;
            for (row, (_, gap)) in rows.iter().enumerate() {
                let logits = logits::of_state(self.model, &states.state.get(row)?.get(*gap)?)?;
                scores.push(self.scores(&logits));
            }
            done(texts.len());
        }
        Ok(scores)
    }

    /// Returns the token ids of a text in the pattern, and the position whose logits are those of the gap.
    fn row(&self, text: &str) -> Result<(Vec<u32>, usize)> {
        match (self.model.configuration().attention, self.tokenizer.mask()) {
            (Direction::Both, Some((mask, piece))) => {
                let ids = self
                    .tokenizer
                    .encode(&self.pattern.filled(text, &piece), SpecialTokens::Added)?;
                let gaps: Vec<usize> = (0..ids.len()).filter(|&i| ids[i] == mask).collect();
                match gaps[..] {
                    [gap] => Ok((ids, gap)),
                    _ => invalid(format!(
                        "it has {} gaps with the pattern around it, and one is needed",
                        gaps.len()
                    )),
                }
            }
            _ => {
                let (mut ids, _) = self.tokenizer.around()?;
                ids.extend(self.tokenizer.encode(&self.pattern.left(text).0, SpecialTokens::Bare)?);
                match ids.len() {
                    0 => invalid("nothing stands before the gap".to_owned()),
                    length => Ok((ids, length - 1)),
                }
            }
        }
    }

    /// Returns the scores of the label words from the logits of all tokens.
    fn scores(&self, logits: &[f32]) -> Scores {
        let logits: Vec<f32> = self.tokens.iter().map(|&token| logits[token as usize]).collect();
        let best = super::ranking::argmax(&logits) as usize;
        let probabilities = super::ranking::top(&logits, logits.len());
        let mut shares = vec![0.0; logits.len()];
        probabilities.iter().for_each(|s| shares[s.token as usize] = s.probability);
        Scores { logits, probabilities: shares, best }
    }
}

fn invalid<T>(problem: String) -> Result<T> {
    Err(Error::Invalid(problem))
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
        let label = |class: &str, word: &str| Label { class: class.into(), word: word.into() };
        assert_eq!(
            labels("great, terrible").unwrap(),
            [label("great", "great"), label("terrible", "terrible")]
        );
        assert_eq!(labels("yes=good,no=bad").unwrap(), [label("yes", "good"), label("no", "bad")]);
        for bad in ["", "great", "great,", "a=,b", "great,great", "x=a,x=b"] {
            assert!(labels(bad).is_err(), "{bad}");
        }
    }
}
