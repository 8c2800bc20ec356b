//! Scores the label words of a pattern for texts: how probable each word is in the gap, and from that each class.
//!
//! Sources. One word of one token a class: Schick and Schuetze, EACL 2021, section 3, the softmax of the words' logits.
//! Words of several tokens: Schick and Schuetze, "It's Not Just Size That Matters" (NAACL 2021), section 3.1: for a word of
//! k tokens the gap is k masks; of the masks that are left, the one at which its token is most probable is filled first, the
//! model runs again, and the score is the product of these probabilities. Several words a class: Schick, Schmid and
//! Schuetze, "Automatically Identifying Words That Can Serve as Labels for Few-Shot Text Classification" (COLING 2020),
//! section 3: the mean of the words' logits. Both at once is the mean of the words' log-probabilities, which for words of
//! one token gives the same probabilities as the mean of logits does. A causal model has no
//! masks: there the score is the product of the probabilities of the tokens from left to right.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::{Error, Result, invalid};
use crate::reach::logits;
use crate::reach::pattern::{Pattern, Word};
use crate::reach::ranking;
use crate::reach::text::Tokenizer;
use crate::transformer::{Batch, Direction, Transformer};

/// The number of sequences that the model runs on together, and of texts that are scored together.
const TOGETHER: usize = 8;

/// The scores of the label words and of the classes for one text.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    /// The score of each word, in order.
    pub words: Vec<WordScore>,
    /// The softmax over the classes of the mean log-probability of their words.
    pub probabilities: Vec<f64>,
    /// The index of the best class; the first of equal ones.
    pub best: usize,
}

/// The score of one label word.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WordScore {
    /// The logit in the gap; `None` for a word of several tokens.
    pub logit: Option<f32>,
    /// The natural logarithm of the product of the probabilities of its tokens.
    pub log_probability: f64,
}

/// Scores the label words for texts.
pub struct Scorer<'a> {
    model: &'a Transformer,
    tokenizer: &'a Tokenizer,
    pattern: &'a Pattern,
    words: &'a [Word],
    /// The number of words of each class.
    classes: Vec<usize>,
}

/// One label word that is being put into the gap of one text.
struct Filling {
    /// The tokens of the text, with masks where tokens of the word are still to come.
    ids: Vec<u32>,
    /// The positions whose logits are those of the tokens that are still to come, with these tokens.
    open: Vec<(usize, u32)>,
    /// Whether the whole word is read off at once, as where no position sees a later one.
    at_once: bool,
    /// Whether the word is one token.
    single: bool,
    score: WordScore,
}

impl<'a> Scorer<'a> {
    /// Makes a scorer of these words, at least one of each of the classes 0 to the largest.
    ///
    /// # Errors
    /// A pattern that the model cannot read, and a vocabulary without a token for the gap.
    pub fn new(
        model: &'a Transformer,
        tokenizer: &'a Tokenizer,
        pattern: &'a Pattern,
        words: &'a [Word],
    ) -> Result<Self> {
        pattern.check(model)?;
        if model.configuration().attention == Direction::Both && tokenizer.mask().is_none() {
            return Err(Error::malformed(
                tokenizer.source(),
                "the vocabulary has no token that stands for a hidden word ([MASK] or <mask>)",
            ));
        }
        let mut classes = vec![0; words.iter().map(|word| word.class + 1).max().unwrap_or(0)];
        words.iter().for_each(|word| classes[word.class] += 1);
        if let Some(class) = classes.iter().position(|&count| count == 0) {
            return invalid(format!("class {class} has no word"));
        }
        Ok(Scorer { model, tokenizer, pattern, words, classes })
    }

    /// Returns the scores of each text, in order; `done` is called with the number of texts after each batch.
    ///
    /// # Errors
    /// A text longer than the context, or with a mask token of its own; the error gives the number of the text, from
    /// 1.
    pub fn score(&self, texts: &[&str], mut done: impl FnMut(usize)) -> Result<Vec<Scores>> {
        let mut scores = Vec::new();
        for (group, texts) in texts.chunks(TOGETHER).enumerate() {
            let first = group * TOGETHER + 1;
            let mut fillings = Vec::new();
            for (number, text) in (first..).zip(texts) {
                let begun = self.begin(text);
                fillings.extend(begun.map_err(|e| Error::Invalid(format!("text {number}: {e}")))?);
            }
            self.fill(&mut fillings).map_err(|e| {
                let last = first + texts.len() - 1;
                Error::Invalid(format!("texts {first} to {last}: {e}"))
            })?;
            for words in fillings.chunks(self.words.len()) {
                scores.push(self.scores(words.iter().map(|filling| filling.score).collect()));
            }
            done(texts.len());
        }
        Ok(scores)
    }

    /// Returns each label word before it is put into the gap of a text.
    fn begin(&self, text: &str) -> Result<Vec<Filling>> {
        let score = WordScore { logit: None, log_probability: 0.0 };
        let (before, after) = self.pattern.sides(self.model, self.tokenizer, text)?;
        let gap = before.len();
        if let Some((&mask, behind)) = after.split_first() {
            let filling = |word: &Word| {
                let masks = vec![mask; word.tokens.len()];
                let ids = [&before[..], &masks, behind].concat();
                let open = (gap..).zip(word.tokens.iter().copied()).collect();
                Filling { ids, open, at_once: false, single: word.tokens.len() == 1, score }
            };
            return Ok(self.words.iter().map(filling).collect());
        }
        let filling = |word: &Word| {
            // No logits after the last token are needed.
            let seen = &word.tokens[..word.tokens.len() - 1];
            let ids = [&before[..], seen].concat();
            let open = (gap - 1..).zip(word.tokens.iter().copied()).collect();
            Filling { ids, open, at_once: true, single: word.tokens.len() == 1, score }
        };
        Ok(self.words.iter().map(filling).collect())
    }

    /// Runs the model until all words are filled in. Words with the same sequence share its logits.
    fn fill(&self, fillings: &mut [Filling]) -> Result<()> {
        loop {
            let mut sequences: BTreeMap<Vec<u32>, Vec<&mut Filling>> = BTreeMap::new();
            for filling in fillings.iter_mut().filter(|filling| !filling.open.is_empty()) {
                sequences.entry(filling.ids.clone()).or_default().push(filling);
            }
            if sequences.is_empty() {
                return Ok(());
            }
            let mut sequences: Vec<_> = sequences.into_iter().collect();
            for part in sequences.chunks_mut(TOGETHER) {
                let ids = part.iter().map(|(ids, _)| ids.clone()).collect();
                let states = self.model.states(&Batch::ids(ids).last_hidden())?.state;
                for (row, (_, fillings)) in part.iter_mut().enumerate() {
                    let states = states.get(row)?;
                    let open = fillings.iter().flat_map(|f| f.open.iter().map(|o| o.0));
                    let mut found = BTreeMap::new();
                    for position in open.collect::<BTreeSet<usize>>() {
                        let logits = logits::of_state(self.model, &states.get(position)?)?;
                        found.insert(position, (ranking::log_total(&logits), logits));
                    }
                    for filling in fillings {
                        filling.advance(|position, token| {
                            let (total, logits) = &found[&position];
                            let logit = logits[token as usize];
                            (logit, f64::from(logit) - total)
                        });
                    }
                }
            }
        }
    }

    /// Returns the scores of the classes from those of the words.
    fn scores(&self, words: Vec<WordScore>) -> Scores {
        let mut means = vec![0.0; self.classes.len()];
        for (word, score) in self.words.iter().zip(&words) {
            means[word.class] += score.log_probability / self.classes[word.class] as f64;
        }
        let better =
            |best: usize, class: usize| if means[class] > means[best] { class } else { best };
        let best = (0..means.len()).fold(0, better);
        let shares: Vec<f64> = means.iter().map(|mean| (mean - means[best]).exp()).collect();
        let total: f64 = shares.iter().sum();
        let probabilities = shares.iter().map(|share| share / total).collect();
        Scores { words, probabilities, best }
    }
}

impl Filling {
    /// Puts the most probable of the open tokens into its place, the first of equal ones, or all of them at once. `found`
    /// gives the logit and the log-probability of a token at a position.
    fn advance(&mut self, found: impl Fn(usize, u32) -> (f32, f64)) {
        while !self.open.is_empty() {
            let scored: Vec<(f32, f64)> = self.open.iter().map(|o| found(o.0, o.1)).collect();
            let better =
                |best: usize, at: usize| if scored[at].1 > scored[best].1 { at } else { best };
            let best = (1..scored.len()).fold(0, better);
            let (logit, log_probability) = scored[best];
            self.score.log_probability += log_probability;
            self.score.logit = self.single.then_some(logit);
            let (position, token) = self.open.remove(best);
            if !self.at_once {
                self.ids[position] = token;
                break;
            }
        }
    }
}
