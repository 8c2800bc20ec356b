//! Most tokens at once: hidden states that shared linear maps make of the tokens' own rows.
//!
//! For free domains each token is first tried at `S^(-1/2) (w_t - m)`, up to a scale, by [`Pairs`]: mean `m` and
//! covariance `S` of the rows, all pairs by 8-bit products with a proved bound. That settles nearly all
//! tokens of a language model. What is left, and every token of another domain,
//! is tried at `S^-1 (w_t - m)`, `w_t - m` and `w_t` by float64 products ([`certify_block`]). The maps only
//! propose: both prove what they claim.

mod maps;

use std::sync::Arc;

use rayon::prelude::*;

use crate::audit::progress::Progress;
use crate::certify::map::Map;
use crate::certify::pairs::kernel::Kernel;
use crate::certify::pairs::{Pairs, Strength};
use crate::certify::witness::{Scaling, Witness, certify_block};
use crate::question::Question;

/// Scores of a block held at once, a few tens of megabytes.
const BLOCK_SCORES: usize = 1 << 22;

/// The shared maps of a question.
#[derive(Debug)]
pub struct Screen<'a> {
    question: &'a Question<'a>,
    whitened: Arc<Map>,
    /// All pairs by 8-bit products, for free domains.
    pairs: Option<Pairs<'a>>,
    strengths: Vec<Strength>,
    /// Scales the whitened direction to where searches start.
    start_scale: f64,
    passes: Vec<(Arc<Map>, Scaling)>,
}

impl<'a> Screen<'a> {
    /// Fits the maps to the rows of a question.
    pub fn new(question: &'a Question<'a>) -> Self {
        let centre = maps::mean(question.head());
        let covariance = maps::covariance(question.head(), &centre);
        let whitened = Arc::new(maps::whitened(&centre, covariance.as_deref()));
        let free = covariance.filter(|_| question.domain().is_free());
        let pairs = free.and_then(|covariance| half_whitened(question, &centre, &covariance));
        let strengths = strengths(question, pairs.as_ref());
        let centred = Arc::new(Map::new(centre, None));
        let plain = Arc::new(Map::new(vec![0.0; question.head().dim()], None));
        let mut passes = Vec::new();
        for map in [&whitened, &centred, &plain] {
            if !question.domain().is_free() {
                let unit = maps::factor(question, map);
                passes.extend([1.0, 8.0, 64.0].map(|c| (map.clone(), Scaling::Clamped(unit * c))));
            } else {
                passes.push((
                    map.clone(),
                    if question.is_scale_free() { Scaling::Unit } else { Scaling::Ray },
                ));
            }
        }
        let start_scale = maps::factor(question, &whitened);
        Screen { question, whitened, pairs, strengths, start_scale, passes }
    }

    /// Multiplies by another kernel than the fastest; the witnesses are the same.
    pub fn with_kernel(self, kernel: Kernel) -> Self {
        Screen { pairs: self.pairs.map(|pairs| pairs.with_kernel(kernel)), ..self }
    }

    /// Proves what the maps can prove: a witness or nothing for each of `tokens`, in their order.
    pub fn settle(&self, tokens: &[u32], progress: &dyn Progress) -> Vec<Option<Witness>> {
        let mut found: Vec<Option<Witness>> = vec![None; tokens.len()];
        for strength in &self.strengths {
            let open: Vec<usize> = (0..tokens.len()).filter(|&i| found[i].is_none()).collect();
            let ids: Vec<u32> = open.iter().map(|&i| tokens[i]).collect();
            let Some(pairs) = &self.pairs else { break };
            let settled = pairs.settle(&ids, *strength);
            progress.advance(settled.iter().flatten().count());
            open.into_iter().zip(settled).for_each(|(i, witness)| found[i] = witness);
        }
        let block = (BLOCK_SCORES / self.question.head().tokens()).clamp(8, 256);
        for (map, scaling) in &self.passes {
            let open: Vec<usize> = (0..tokens.len()).filter(|&i| found[i].is_none()).collect();
            let settled: Vec<Vec<Option<Witness>>> = open
                .par_chunks(block)
                .map(|chunk| {
                    let ids: Vec<u32> = chunk.iter().map(|&i| tokens[i]).collect();
                    let settled = certify_block(self.question, map, *scaling, &ids);
                    progress.advance(settled.iter().flatten().count());
                    settled
                })
                .collect();
            for (&i, witness) in open.iter().zip(settled.into_iter().flatten()) {
                found[i] = witness;
            }
        }
        found
    }

    /// Where to start the search for a token that no map settled: near where it almost wins.
    pub fn start(&self, token: u32) -> Vec<f64> {
        let mut h = self.whitened.directions(self.question.head(), &[token]);
        h.iter_mut().for_each(|x| *x *= self.start_scale);
        self.question.domain().clamp(&mut h);
        h
    }
}

fn half_whitened<'a>(
    question: &'a Question<'a>,
    centre: &[f64],
    covariance: &[f64],
) -> Option<Pairs<'a>> {
    // Rounded, so that the map's centre is exactly the one that rows are measured from.
    let centre: Vec<f32> = centre.iter().map(|&x| x as f32).collect();
    Pairs::new(question, &centre, &maps::half_whitening(centre.len(), covariance)?)
}

/// Strengths of the biases to try: around where gaps of scores and of biases are of one size.
fn strengths(question: &Question, pairs: Option<&Pairs>) -> Vec<Strength> {
    match pairs {
        None => Vec::new(),
        Some(_) if question.is_scale_free() => vec![Strength::Unit],
        Some(pairs) => {
            let unit = pairs.balance();
            [4.0, 32.0].map(|c| Strength::Fixed(unit * c)).to_vec()
        }
    }
}
