//! Keeps the trials of a screen, so that an interrupted one need not try a token again.

use std::sync::Arc;

use crate::certify::map::Map;
use crate::certify::pairs::Trial;

/// One pass of a screen over its open tokens: the same pass of the same screen gives the same trials.
#[derive(Clone, Debug)]
pub struct Pass {
    /// The number of the pass, from 1.
    pub number: u8,
    /// The map whose points are tried.
    pub map: Arc<Map>,
    /// SHA-256 of the map, so that trials at the points of another one are not taken for those of this one.
    pub digest: [u8; 32],
}

/// A place for trials, which may have some of an earlier run of the same screen. Worker threads call it concurrently.
pub trait Keeper: Sync {
    /// The trial of a token in this pass, if it is kept.
    fn trial(&self, pass: &Pass, token: u32) -> Option<Trial>;
    /// Keeps the trials of these tokens.
    fn keep(&self, pass: &Pass, tokens: &[u32], trials: &[Trial]);
}

/// What is called with the tokens and trials of each batch, and with none before it.
pub(super) type Done<'d> = dyn Fn(&[u32], &[Trial]) + Sync + 'd;

/// Returns a trial for each token, in order: the kept one, or one by `trials_of`, which is given the other tokens.
pub(super) fn pass(
    keeper: Option<&dyn Keeper>,
    (number, map): (u8, &Arc<Map>),
    tokens: &[u32],
    trials_of: &dyn Fn(&[u32], &Done) -> Vec<Trial>,
) -> Vec<Trial> {
    let Some(keeper) = keeper else { return trials_of(tokens, &|_, _| ()) };
    let pass = Pass { number, map: map.clone(), digest: map.digest() };
    let mut trials: Vec<Option<Trial>> =
        tokens.iter().map(|&token| keeper.trial(&pass, token)).collect();
    let open: Vec<usize> = (0..tokens.len()).filter(|&i| trials[i].is_none()).collect();
    let rest: Vec<u32> = open.iter().map(|&i| tokens[i]).collect();
    let tried = trials_of(&rest, &|tokens, trials| keeper.keep(&pass, tokens, trials));
    open.into_iter().zip(tried).for_each(|(i, trial)| trials[i] = Some(trial));
    trials.into_iter().map(|trial| trial.unwrap_or(Trial::Behind(Vec::new()))).collect()
}
