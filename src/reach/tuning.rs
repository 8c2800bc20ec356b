//! P-tuning: vectors of a pattern that are learned from labelled texts, while the model stays as it is.
//!
//! After Liu et al., "GPT Understands, Too" (2021), with free vectors and no encoder of them. The vectors stand directly
//! before the gap of the written pattern.

use std::collections::HashMap;
use std::path::Path;

use candle_core::{DType, Device, Tensor, Var};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use super::adam::Adam;
use super::ladder::frame::Frame;
use super::ladder::rows::InputRows;
use super::pattern::{Pattern, Word};
use super::ranking;
use super::rules::Rules;
use super::text::Tokenizer;
use crate::error::{Error, Result, invalid};
use crate::split_mix::SplitMix;
use crate::transformer::{Batch, Direction, Input, Transformer};

/// The number of texts of a step.
const TOGETHER: usize = 8;
/// Every so many texts one is held out.
const HELD_OUT: usize = 5;
/// The tensor of the vectors in its file.
const VECTORS: &str = "vectors";
/// What the file says of its origin.
const MARK: &str = "unargmax pattern vectors";

/// How vectors are learned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TuningBudget {
    /// The number of vectors.
    pub vectors: usize,
    /// The most passes over the texts.
    pub epochs: usize,
    /// The number of passes without a smaller loss on the texts held out after which the search ends.
    pub patience: usize,
    /// The size of a step, as a share of the typical coordinate of a row of the vocabulary.
    pub rate: f64,
    /// The seed of the start and of the order of texts.
    pub seed: u64,
}

/// Learned vectors, `M x e`.
#[derive(Clone, Debug, PartialEq)]
pub struct Vectors {
    count: usize,
    numbers: Vec<f32>,
}

/// How the vectors were learned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Course {
    /// The number of passes over the texts.
    pub epochs: usize,
    /// The pass that the vectors are from, from 1; 0 is the start.
    pub best: usize,
    /// The number of texts learned from, and of those held out.
    pub texts: (usize, usize),
    /// The mean loss on the texts held out, at the start and of the vectors, in nats.
    pub loss: (f64, f64),
}

/// A model with the pattern and the label words that vectors are learned for.
pub struct Tuning<'a> {
    model: &'a Transformer,
    tokenizer: &'a Tokenizer,
    pattern: &'a Pattern,
    words: &'a [Word],
    /// The token of each word, and the words of each class.
    tokens: Vec<u32>,
    classes: usize,
    rows: InputRows,
    frame: Frame,
}

/// The tokens of a text before the vectors and from the gap on, and its class.
struct Example {
    before: Vec<u32>,
    after: Vec<u32>,
    class: usize,
}

impl<'a> Tuning<'a> {
    /// Prepares for label words of one token each.
    ///
    /// # Errors
    /// A word of several tokens, and a model whose inputs cannot be vectors.
    pub fn new(
        model: &'a Transformer,
        tokenizer: &'a Tokenizer,
        pattern: &'a Pattern,
        words: &'a [Word],
    ) -> Result<Self> {
        pattern.check(model)?;
        let several = words.iter().find(|word| word.token().is_none());
        if let Some(word) = several {
            return invalid(format!(
                "the label word `{}` has several tokens; vectors are learned for words of one token",
                word.text
            ));
        }
        let tokens = words.iter().filter_map(Word::token).collect();
        let classes = words.iter().map(|word| word.class + 1).max().unwrap_or(0);
        let frame = Frame::new(model, Some(tokenizer), &Rules::default(), "")?;
        let rows = InputRows::of(model, &frame)?;
        Ok(Tuning { model, tokenizer, pattern, words, tokens, classes, rows, frame })
    }

    /// Learns vectors from texts with the numbers of their classes; `told` is called after each pass.
    ///
    /// # Errors
    /// Fewer than ten texts, a text that is too long, errors of the model.
    pub fn learn(
        &self,
        texts: &[(&str, usize)],
        budget: &TuningBudget,
        mut told: impl FnMut(),
    ) -> Result<(Vectors, Course)> {
        let mut generator = SplitMix::new(budget.seed);
        let mut examples = Vec::new();
        for (number, (text, class)) in (1..).zip(texts) {
            let example = self.example(text, *class);
            examples.push(example.map_err(|e| Error::Invalid(format!("text {number}: {e}")))?);
        }
        if examples.len() < 2 * HELD_OUT {
            return invalid(format!(
                "there are {} texts to learn from; ten are needed",
                examples.len()
            ));
        }
        shuffle(&mut examples, &mut generator);
        let held = examples.split_off(examples.len() - examples.len() / HELD_OUT);
        let mut vectors = self.begin(budget, &mut generator)?;
        let rate = budget.rate * f64::from(self.rows.typical());
        let mut adam = Adam::new(vectors.numbers.len());
        let first = self.loss_of(&held, &vectors)?;
        let texts = (examples.len(), held.len());
        let mut course = Course { epochs: 0, best: 0, texts, loss: (first, first) };
        let mut best = vectors.clone();
        while course.epochs < budget.epochs && course.epochs - course.best < budget.patience {
            shuffle(&mut examples, &mut generator);
            for group in examples.chunks(TOGETHER) {
                let given = vectors.given()?;
                let loss = self.loss(group, given.as_tensor(), vectors.count)?;
                let gradients = loss.backward()?;
                let gradient = gradients.get(given.as_tensor()).ok_or_else(|| {
                    Error::Invalid("no gradient arrives at the vectors of the prompt".to_owned())
                })?;
                let gradient: Vec<f32> = gradient.flatten_all()?.to_vec1()?;
                adam.step(&mut vectors.numbers, &gradient, rate)?;
            }
            course.epochs += 1;
            let loss = self.loss_of(&held, &vectors)?;
            if loss < course.loss.1 {
                course.loss.1 = loss;
                course.best = course.epochs;
                best = vectors.clone();
            }
            told();
        }
        Ok((best, course))
    }

    /// The probability of each class for a text, with the vectors before the gap.
    ///
    /// # Errors
    /// A text that is too long, errors of the model.
    pub fn probabilities(&self, text: &str, vectors: &Vectors) -> Result<Vec<f64>> {
        let example = self.example(text, 0)?;
        let scores = self.scores(&[example], vectors.given()?.as_tensor(), vectors.count)?;
        let scores: Vec<f32> = scores.get(0)?.to_vec1()?;
        let total = ranking::log_total(&scores);
        Ok(scores.iter().map(|score| (f64::from(*score) - total).exp()).collect())
    }

    /// Splits a text with its pattern into tokens.
    fn example(&self, text: &str, class: usize) -> Result<Example> {
        let (before, after) = self.pattern.sides(self.model, self.tokenizer, text)?;
        Ok(Example { before, after, class })
    }

    /// Draws rows of the vocabulary to start from.
    fn begin(&self, budget: &TuningBudget, generator: &mut SplitMix) -> Result<Vectors> {
        let draw = |_| generator.below(self.rows.count()) as u32;
        let ids: Vec<u32> = (0..budget.vectors).map(draw).collect();
        let numbers = self.frame.vectors(self.model, &[ids])?.flatten_all()?.to_vec1()?;
        Ok(Vectors { count: budget.vectors, numbers })
    }

    /// The mean loss over some examples, in nats.
    fn loss_of(&self, examples: &[Example], vectors: &Vectors) -> Result<f64> {
        let mut sum = 0.0;
        for group in examples.chunks(TOGETHER) {
            let loss = self.loss(group, vectors.given()?.as_tensor(), vectors.count)?;
            sum += f64::from(loss.to_dtype(DType::F32)?.to_scalar::<f32>()?) * group.len() as f64;
        }
        Ok(sum / examples.len().max(1) as f64)
    }

    /// The mean cross-entropy of the classes of a group.
    fn loss(&self, group: &[Example], vectors: &Tensor, count: usize) -> Result<Tensor> {
        let scores = self.scores(group, vectors, count)?;
        let classes: Vec<u32> = group.iter().map(|example| example.class as u32).collect();
        let classes = Tensor::from_vec(classes, (group.len(), 1), &Device::Cpu)?;
        let own = scores.gather(&classes, 1)?.squeeze(1)?;
        Ok((scores.log_sum_exp(1)? - own)?.mean_all()?)
    }

    /// The score of each class for a group, `B x C`: the mean of the logits of its words.
    fn scores(&self, group: &[Example], vectors: &Tensor, count: usize) -> Result<Tensor> {
        let one_way = self.model.configuration().attention == Direction::Backwards;
        let mut rows = Vec::new();
        let (mut lengths, mut places) = (Vec::new(), Vec::new());
        for example in group {
            let mut parts = Vec::new();
            if !example.before.is_empty() {
                parts.push(
                    self.frame
                        .vectors(self.model, std::slice::from_ref(&example.before))?
                        .squeeze(0)?,
                );
            }
            parts.push(vectors.clone());
            if !example.after.is_empty() {
                parts.push(
                    self.frame
                        .vectors(self.model, std::slice::from_ref(&example.after))?
                        .squeeze(0)?,
                );
            }
            let row = Tensor::cat(&parts, 0)?;
            lengths.push(row.dim(0)?);
            // A model that goes on with a text says at the last vector what follows.
            places.push(example.before.len() + count - usize::from(one_way));
            rows.push(row);
        }
        let longest = lengths.iter().copied().max().unwrap_or(0);
        let padded: Vec<Tensor> = rows
            .iter()
            .map(|row| row.pad_with_zeros(0, 0, longest - row.dim(0)?))
            .collect::<candle_core::Result<_>>()?;
        let input = Input::Vectors { vectors: Tensor::stack(&padded, 0)?, lengths: Some(lengths) };
        let batch = Batch { input, ..Batch::ids(Vec::new()) }.last_hidden();
        let states = self.model.states(&batch)?.state;
        let at: Vec<Tensor> = places
            .iter()
            .enumerate()
            .map(|(row, &place)| states.get(row)?.narrow(0, place, 1))
            .collect::<candle_core::Result<_>>()?;
        let logits = self.model.logits(&Tensor::stack(&at, 0)?.contiguous()?)?.squeeze(1)?;
        let words = Tensor::new(&self.tokens[..], &Device::Cpu)?;
        let logits = logits.index_select(&words, 1)?.to_dtype(DType::F32)?;
        Ok(logits.matmul(&self.shares()?)?)
    }

    /// The share of each word in each class, `W x C`.
    fn shares(&self) -> Result<Tensor> {
        let mut sizes = vec![0usize; self.classes];
        self.words.iter().for_each(|word| sizes[word.class] += 1);
        let mut shares = vec![0f32; self.words.len() * self.classes];
        for (at, word) in self.words.iter().enumerate() {
            shares[at * self.classes + word.class] = 1.0 / sizes[word.class] as f32;
        }
        Ok(Tensor::from_vec(shares, (self.words.len(), self.classes), &Device::Cpu)?)
    }
}

impl Vectors {
    /// The number of vectors.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The vectors as a variable, `M x e`, to which gradients flow.
    fn given(&self) -> Result<Var> {
        Ok(Var::from_tensor(&Tensor::from_slice(&self.numbers, (self.count, ()), &Device::Cpu)?)?)
    }

    /// The vectors as a safetensors file, with the SHA-256 of the head of the model that they are for.
    ///
    /// # Errors
    /// None for numbers that were learned.
    pub fn to_safetensors(&self, head: &str) -> Result<Vec<u8>> {
        let bytes: Vec<u8> = self.numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
        let shape = vec![self.count, self.numbers.len() / self.count];
        let failed = |e: safetensors::SafeTensorError| {
            Error::Invalid(format!("the vectors cannot be stored: {e}"))
        };
        let view = TensorView::new(Dtype::F32, shape, &bytes).map_err(failed)?;
        let about = [("made by", MARK), ("head_sha256", head)];
        let about: HashMap<String, String> =
            about.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        safetensors::serialize([(VECTORS, view)], Some(about)).map_err(failed)
    }

    /// Reads vectors for a model whose inputs have `width` numbers and whose head has this SHA-256.
    ///
    /// # Errors
    /// A file of another kind, of another width or of another head.
    pub fn read(path: &Path, width: usize, head: &str) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(|e| Error::io(path, e))?;
        let bad = |problem: String| Error::malformed(path, problem);
        let (_, about) = SafeTensors::read_metadata(&bytes)
            .map_err(|e| bad(format!("no safetensors file: {e}")))?;
        let stated = about.metadata().clone().unwrap_or_default();
        if stated.get("made by").map(String::as_str) != Some(MARK) {
            return Err(bad("these are no vectors that `pattern --tune` saved".to_owned()));
        }
        if stated.get("head_sha256").map(String::as_str) != Some(head) {
            return Err(bad("the vectors were learned for another model".to_owned()));
        }
        let tensors = SafeTensors::deserialize(&bytes)
            .map_err(|e| bad(format!("no safetensors file: {e}")))?;
        let view =
            tensors.tensor(VECTORS).map_err(|_| bad(format!("it has no tensor `{VECTORS}`")))?;
        let &[count, stored] = view.shape() else {
            return Err(bad(format!("`{VECTORS}` has shape {:?}, not M x {width}", view.shape())));
        };
        if stored != width || count == 0 || view.dtype() != Dtype::F32 {
            let shape = view.shape();
            return Err(bad(format!(
                "`{VECTORS}` is {:?} of {shape:?}, not float32 of M x {width}",
                view.dtype()
            )));
        }
        let (numbers, _) = view.data().as_chunks::<4>();
        let numbers: Vec<f32> = numbers.iter().map(|b| f32::from_le_bytes(*b)).collect();
        if numbers.iter().any(|x| !x.is_finite()) {
            return Err(bad(format!("`{VECTORS}` has a number that is not finite")));
        }
        Ok(Vectors { count, numbers })
    }
}

/// Shuffles by Fisher and Yates.
fn shuffle(examples: &mut [Example], generator: &mut SplitMix) {
    for at in (1..examples.len()).rev() {
        examples.swap(at, generator.below(at + 1));
    }
}
