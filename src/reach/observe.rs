//! Observation of a model on a corpus: which tokens win, how near the others come, and whether an audit's proofs
//! agree.
//!
//! A token that an audit proved never to be the strict winner may still seem to win: by a rounding error, or as the
//! first of equal logits. Each time that happens, its score is computed again, exactly, at the hidden state that the
//! model computed; only a strict win there contradicts the proof.

use candle_core::{DType, Tensor};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::logits::{Position, each_position};
use super::rescore::{Standing, standing, standing_in};
use crate::domain::Domain;
use crate::error::{Error, Result};
use crate::head::Head;
use crate::transformer::{Batch, Transformer};

/// The largest number of contradictions that are kept with their hidden states.
pub(super) const MOST_KEPT: usize = 64;

/// What an audit claims about the head whose logits are observed.
pub struct Claims {
    /// The decoded head.
    pub head: Head,
    /// The domain that the claims are about.
    pub domain: Domain,
    /// For each token, whether it is claimed never to be the strict winner on the domain.
    pub never_alone: Vec<bool>,
    /// For each token, whether it is claimed never to be the strict winner at any hidden state at all.
    pub never_anywhere: Vec<bool>,
}

impl Claims {
    /// Scores a token exactly at a hidden state that its claim covers; `None` where the claim does not cover it.
    fn standing(&self, state: &[f64], token: usize) -> Option<Standing> {
        if self.never_anywhere[token] {
            return Some(standing(&self.head, state, token as u32));
        }
        standing_in(&self.head, &self.domain, state, token as u32)
    }
}

/// Runs the model on a window, and returns the hidden states that its output matrix is multiplied with, one for each position.
///
/// # Errors
/// Errors of the model.
pub fn window_states(model: &Transformer, ids: Vec<u32>) -> Result<Vec<Vec<f64>>> {
    let states = model.states(&Batch::ids(vec![ids]).last_hidden())?;
    let rows: Vec<Vec<f32>> = states.state.get(0)?.to_dtype(DType::F32)?.to_vec2()?;
    Ok(rows.into_iter().map(|row| row.into_iter().map(f64::from).collect()).collect())
}

/// A token that won strictly although that was proved impossible.
#[derive(Clone, Debug, PartialEq)]
pub struct Contradiction {
    /// The id of the token.
    pub token: u32,
    /// The number of the position in the corpus, from 0.
    pub position: u64,
    /// The hidden state where the token won, `d` numbers.
    pub state: Vec<f32>,
}

/// What was observed of one token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The number of positions where it was the argmax; of equal logits the lowest id is.
    pub argmax: u64,
    /// The best rank of the token: one more than the number of tokens with larger logits; 0 before anything was seen.
    pub best_rank: u32,
    /// The number of the first position in the corpus where it had that rank.
    pub best_position: u64,
    /// How often it had the largest logit and, exactly, shared the largest score with other tokens, although proved
    /// never to be the strict winner.
    pub won_by_tie: u64,
    /// How often it had the largest logit but, exactly, less than the largest score, although proved never to be the
    /// strict winner.
    pub won_by_rounding: u64,
}

/// The observations of all tokens so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counts {
    pub(super) seen: Vec<Seen>,
    pub(super) positions: u64,
    pub(super) outside: u64,
    pub(super) contradictions: Vec<Contradiction>,
    pub(super) contradicting: u64,
    /// SHA-256 of the hidden states of the first window, run alone; zeros before there is one.
    pub(super) first: [u8; 32],
}

impl Counts {
    /// Whether the model computes the same hidden states of the first window, run alone, as when these counts were made,
    /// to the last bit. Other tensors, and perhaps another machine or another number of threads, give other states.
    ///
    /// # Errors
    /// Errors of the model.
    pub fn are_of(&self, model: &Transformer, first: Vec<u32>) -> Result<bool> {
        Ok(fingerprint(&states(model, vec![first])?)? == self.first)
    }
}

/// Counts the winners on a corpus and checks them against an audit's claims.
pub struct Observer {
    claims: Option<Claims>,
    counts: Counts,
}

impl Observer {
    /// Starts an observation of a vocabulary of `tokens` tokens.
    ///
    /// # Errors
    /// Claims about another number of tokens.
    pub fn new(tokens: usize, claims: Option<Claims>) -> Result<Self> {
        if let Some(claims) = claims.as_ref().filter(|c| c.head.tokens() != tokens) {
            return Err(Error::Invalid(format!(
                "the audit is of {} tokens, but the model has {tokens}",
                claims.head.tokens()
            )));
        }
        let counts = Counts { seen: vec![Seen::default(); tokens], ..Counts::default() };
        Ok(Observer { claims, counts })
    }

    /// Continues an observation from earlier counts, by the same claims.
    ///
    /// # Errors
    /// Claims or counts of another number of tokens.
    pub fn resume(tokens: usize, claims: Option<Claims>, counts: Counts) -> Result<Self> {
        let new = Observer::new(tokens, claims)?;
        if counts.seen.len() != tokens {
            let kept = counts.seen.len();
            return Err(Error::Invalid(format!(
                "{kept} tokens were seen, but the model has {tokens}"
            )));
        }
        Ok(Observer { counts, ..new })
    }

    /// Returns the counts so far.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Runs the model on some windows together, and records all their positions, window after window. None of them sees
    /// another one.
    ///
    /// # Errors
    /// Errors of the model, and logits that are not finite; the windows before such logits are recorded.
    pub fn windows(&mut self, model: &Transformer, windows: Vec<Vec<u32>>) -> Result<()> {
        if self.counts.positions == 0
            && let Some(first) = windows.first()
        {
            self.counts.first = fingerprint(&states(model, vec![first.clone()])?)?;
        }
        let states = states(model, windows)?;
        each_position(model, &states, |positions| self.record(positions))
    }

    /// Records the logits of some positions, in order.
    ///
    /// # Errors
    /// Logits of another number of tokens.
    pub fn record(&mut self, positions: &[Position]) -> Result<()> {
        if let Some(position) = positions.iter().find(|p| p.logits.len() != self.counts.seen.len())
        {
            return Err(Error::Invalid(format!(
                "the model has {} logits for {} tokens",
                position.logits.len(),
                self.counts.seen.len()
            )));
        }
        let orders: Vec<Vec<u64>> = positions.par_iter().map(|p| order(p.logits)).collect();
        for (position, order) in positions.iter().zip(orders) {
            self.ranks(position.logits, &order);
            self.check(position, &order);
            self.counts.positions += 1;
        }
        Ok(())
    }

    /// Updates the best rank of each token and counts the argmax; `order` is what the function [`order`] returns.
    fn ranks(&mut self, logits: &[f32], order: &[u64]) {
        let (mut rank, mut before) = (0, f32::INFINITY);
        for (place, &entry) in (1..).zip(order) {
            let token = token(entry);
            if logits[token] < before {
                (rank, before) = (place, logits[token]);
            }
            let seen = &mut self.counts.seen[token];
            if seen.best_rank == 0 || rank < seen.best_rank {
                (seen.best_rank, seen.best_position) = (rank, self.counts.positions);
            }
        }
        self.counts.seen[token(order[0])].argmax += 1;
    }

    /// Scores each token with the largest logit exactly, if its strict win was proved impossible.
    fn check(&mut self, position: &Position, order: &[u64]) {
        let Some(claims) = &self.claims else { return };
        let largest = position.logits[token(order[0])];
        let leaders = order.iter().map(|&entry| token(entry));
        let leaders = leaders.take_while(|&token| position.logits[token] == largest);
        let suspects: Vec<usize> = leaders.filter(|&token| claims.never_alone[token]).collect();
        if suspects.is_empty() {
            return;
        }
        let state: Vec<f64> = position.state.iter().map(|&x| x.into()).collect();
        let mut silent = false;
        for token in suspects {
            // A claim says nothing about states outside its domain.
            let Some(standing) = claims.standing(&state, token) else {
                silent = true;
                continue;
            };
            match standing {
                Standing::Ties(_) => self.counts.seen[token].won_by_tie += 1,
                Standing::Loses(_) => self.counts.seen[token].won_by_rounding += 1,
                Standing::Wins => {
                    self.counts.contradicting += 1;
                    if self.counts.contradictions.len() < MOST_KEPT {
                        self.counts.contradictions.push(Contradiction {
                            token: token as u32,
                            position: self.counts.positions,
                            state: position.state.to_vec(),
                        });
                    }
                }
            }
        }
        self.counts.outside += u64::from(silent);
    }

    /// Returns what was observed of each token, by id.
    pub fn seen(&self) -> &[Seen] {
        &self.counts.seen
    }

    /// Returns the number of positions recorded.
    pub fn positions(&self) -> u64 {
        self.counts.positions
    }

    /// Returns the number of tokens that were the argmax at some position.
    pub fn covered(&self) -> usize {
        self.counts.seen.iter().filter(|seen| seen.argmax > 0).count()
    }

    /// Returns at how many positions a token seemed to win against its proof, but outside the domain of the proof.
    pub fn outside(&self) -> u64 {
        self.counts.outside
    }

    /// Returns how many strict wins contradict a proof.
    pub fn contradicting(&self) -> u64 {
        self.counts.contradicting
    }

    /// Returns the first of these contradictions, with their hidden states.
    pub fn contradictions(&self) -> &[Contradiction] {
        &self.counts.contradictions
    }
}

/// Returns the hidden states before the head of some windows that run together, `T x d` for `T` tokens in all.
fn states(model: &Transformer, windows: Vec<Vec<u32>>) -> Result<Tensor> {
    let lengths: Vec<usize> = windows.iter().map(Vec::len).collect();
    let state = model.states(&Batch::ids(windows).last_hidden())?.state;
    let rows = lengths.iter().enumerate();
    let rows: Vec<Tensor> = rows
        .map(|(row, &length)| state.get(row)?.narrow(0, 0, length))
        .collect::<candle_core::Result<_>>()?;
    Ok(Tensor::cat(&rows, 0)?)
}

/// Returns the SHA-256 of hidden states, which changes with any bit of them.
fn fingerprint(states: &Tensor) -> Result<[u8; 32]> {
    let numbers: Vec<f32> = states.flatten_all()?.to_dtype(DType::F32)?.to_vec1()?;
    let bytes: Vec<u8> = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
    Ok(Sha256::digest(bytes).into())
}

/// Returns all tokens by descending logit, equal ones by ascending id. Each is a number that sorts this way: the
/// inverted bits of the logit in the high half, the id in the low half.
fn order(logits: &[f32]) -> Vec<u64> {
    let key = |(id, &logit): (usize, &f32)| {
        let bits = (logit + 0.0).to_bits();
        let rising = if bits >> 31 == 1 { !bits } else { bits | 1 << 31 };
        u64::from(!rising) << 32 | id as u64
    };
    let mut order: Vec<u64> = logits.iter().enumerate().map(key).collect();
    order.sort_unstable();
    order
}

/// Returns the token id of an entry that [`order`] returns.
fn token(entry: u64) -> usize {
    (entry & u64::from(u32::MAX)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Ball;
    use crate::reach::ranking;

    /// Four tokens: two rivals, their midpoint, and one that is the first again.
    fn claims(domain: Domain) -> Claims {
        let rows = vec![1f32, 0.0, 0.0, 1.0, 0.5, 0.5, 1.0, 0.0];
        let head = Head::new(rows, None, 4, 2).unwrap();
        let never_alone = vec![true, false, true, true];
        let never_anywhere = if domain.is_free() { never_alone.clone() } else { vec![false; 4] };
        Claims { head, domain, never_alone, never_anywhere }
    }

    fn observed(claims: Option<Claims>, seen: &[([f32; 2], [f32; 4])]) -> Observer {
        let mut observer = Observer::new(4, claims).unwrap();
        for (at, (state, logits)) in seen.iter().enumerate() {
            observer.record(&[Position { at, state, logits }]).unwrap();
        }
        observer
    }

    #[test]
    fn wins_and_best_ranks_are_counted() {
        let observer = observed(
            None,
            &[
                ([0.0; 2], [3.0, 1.0, 2.0, -5.0]),
                ([0.0; 2], [0.0, 1.0, 1.0, -0.0]),
                ([0.0; 2], [3.0, 1.0, 2.0, -5.0]),
            ],
        );
        let argmax: Vec<u64> = observer.seen().iter().map(|s| s.argmax).collect();
        let ranks: Vec<(u32, u64)> =
            observer.seen().iter().map(|s| (s.best_rank, s.best_position)).collect();
        assert_eq!(argmax, [2, 1, 0, 0]);
        // Token 2 shares the largest logit once; token 3 is then behind two.
        assert_eq!(ranks, [(1, 0), (1, 1), (1, 1), (3, 1)]);
        assert_eq!((observer.positions(), observer.covered()), (3, 2));
    }

    #[test]
    fn only_a_strict_win_in_exact_arithmetic_contradicts() {
        let free = || Some(claims(Domain::free(2)));
        // Exactly 1/2 against 1/2: token 2 and both rivals tie.
        let tie = observed(free(), &[([1.0, 1.0], [1.0, 1.0, 1.0, 0.0])]);
        let by_tie: Vec<u64> = tie.seen().iter().map(|s| s.won_by_tie).collect();
        assert_eq!((by_tie, tie.contradicting()), (vec![1, 0, 1, 0], 0));
        // The midpoint's logit was rounded up; token 1 leads exactly.
        let rounded = observed(free(), &[([1.0, 1.0f32.next_up()], [1.0, 1.0, 1.0, 1.0])]);
        let rounding: Vec<u64> = rounded.seen().iter().map(|s| s.won_by_rounding).collect();
        assert_eq!((rounding, rounded.contradicting()), (vec![1, 0, 1, 1], 0));
        // Token 1 was not claimed to lose; it may win.
        assert_eq!(observed(free(), &[([0.0, 1.0], [0.0, 1.0, 0.5, 0.0])]).contradicting(), 0);
        // A claim that is false: token 1 never wins alone.
        let mut lie = claims(Domain::free(2));
        lie.never_alone[1] = true;
        let caught = observed(
            Some(lie),
            &[([1.0, 0.0], [1.0, 0.0, 0.5, 1.0]), ([0.0, 1.0], [0.0, 1.0, 0.5, 0.0])],
        );
        let expected = Contradiction { token: 1, position: 1, state: vec![0.0, 1.0] };
        assert_eq!((caught.contradicting(), caught.contradictions()), (1, &[expected][..]));
    }

    #[test]
    fn claims_behind_a_norm_are_held_against_the_nearest_state_of_its_ball() {
        let ball = Ball::after_norm(vec![1.0; 2], vec![0.0; 2], false).unwrap();
        let domain = Domain::free(2).within(ball).unwrap();
        // Token 1 wins at (0.1, r), inside the ball of radius sqrt 2, on it but for a rounding, and far outside.
        for (r, contradicted, outside) in [(1.0, 1, 0), (1.4107, 1, 0), (9.0, 0, 1)] {
            let mut claims = claims(domain.clone());
            claims.never_alone = vec![false, true, false, false];
            let observer = observed(Some(claims), &[([0.1, r], [0.0, 1.0, 0.0, 0.0])]);
            assert_eq!(observer.contradicting(), contradicted, "{r}");
            assert_eq!(observer.outside(), outside, "{r}");
        }
    }

    #[test]
    fn claims_are_silent_outside_their_domain() {
        let mut lie = claims(Domain::range(2, 0.0, 0.5).unwrap());
        lie.never_alone[1] = true;
        let observer = observed(Some(lie), &[([0.0, 1.0], [0.0, 1.0, 0.5, 0.0])]);
        assert_eq!((observer.contradicting(), observer.outside()), (0, 1));
    }

    #[test]
    fn the_order_is_that_of_the_ranking() {
        let logits = [0.0, -0.0, 1.5, -1.5, f32::MAX, f32::MIN, 1.5, -1e-40, 1e-40];
        let ids: Vec<u32> = order(&logits).iter().map(|&e| token(e) as u32).collect();
        assert_eq!(ids, ranking::first(&logits, 9));
    }

    #[test]
    fn a_model_of_another_size_is_refused() {
        assert!(Observer::new(5, Some(claims(Domain::free(2)))).is_err());
        let mut observer = Observer::new(3, None).unwrap();
        assert!(observer.record(&[Position { at: 0, state: &[], logits: &[0.0] }]).is_err());
    }
}
