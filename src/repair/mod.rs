//! The smallest change of biases or rows that lets lost tokens win, such that every token that could win still can.
//!
//! Everything here proposes numbers of the stored element type. What a repair reaches is what a full audit of the changed
//! head proves; a repair that loses a token or a kept state is an error.
//!
//! Precedents: changes of one layer as linear programs (Sotoudeh and Thakur, PLDI 2021; Goldberger et al., LPAR 2020).

mod goal;
mod kept;
mod level;
mod precision;
mod raise;
mod rows;
mod target;

use crate::audit::{Audit, Options, audit};
use crate::domain::Domain;
use crate::error::{Error, Result};
use crate::head::Head;
use crate::progress::Progress;
use goal::Goal;
pub use kept::Kept;
pub use precision::Precision;
use raise::Climb;
pub use target::{Part, Target, canonical};

/// Which changes of biases are the smallest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Least {
    /// Raises alone: of all raises that free the tokens these have the least sum, and the largest one is the least as well.
    Sum,
    /// Raises and lowerings: the largest change is about half of the largest raise, and more biases change.
    Largest,
}

/// What is asked of a repair.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The tokens to free; `None` means all that are lost.
    pub tokens: Option<&'a [u32]>,
    /// States whose winners must stay.
    pub kept: Option<&'a Kept>,
    /// The element type of the tensor that is changed.
    pub precision: Precision,
    /// Which changes of biases are the smallest; for rows it has no meaning.
    pub least: Least,
    /// By how many logits a freed token shall win at its witness, about.
    pub margin: f64,
    /// The largest change that is allowed: of a bias in logits, of a row in Euclidean length.
    pub max_change: f64,
    /// The number of threads; 0 means all cores.
    pub threads: usize,
    /// Receives the progress.
    pub progress: &'a dyn Progress,
}

/// A repaired head, and what is proved of it.
#[derive(Debug)]
pub struct Repair {
    /// The head with the changed numbers, all of the stored element type.
    pub head: Head,
    /// The audit before the change.
    pub before: Audit,
    /// The audit after it, and over all of space too where the domain is smaller.
    pub after: Audit,
    /// The tokens that were lost or tied and can win now, ids rising.
    pub freed: Vec<u32>,
    /// What was changed.
    pub part: Part,
    /// How often numbers were changed and the head audited.
    pub rounds: usize,
}

impl Repair {
    /// The tokens that changed, with the size of the change: of a bias in logits, with its sign, of a row its Euclidean length;
    /// `before` is the head before the repair.
    pub fn changes(&self, before: &Head) -> Vec<(u32, f64)> {
        let change = |t: usize| match self.part {
            Part::Biases => self.head.bias(t) - before.bias(t),
            Part::Rows => {
                let moved =
                    self.head.row(t).zip(before.row(t)).map(|(new, old)| (new - old).powi(2));
                moved.sum::<f64>().sqrt()
            }
        };
        let all = (0..before.tokens()).map(|t| (t as u32, change(t)));
        all.filter(|(_, change)| *change != 0.0).collect()
    }
}

/// Frees tokens by changes of biases.
///
/// # Errors
/// A head without biases, tokens that biases cannot free, a change beyond the limit, and the errors of
/// [`audit`](crate::audit()). A repair that would lose a token that could win, or a kept state, is an error.
pub fn biases(head: &Head, domain: &Domain, request: Request) -> Result<Repair> {
    if !head.has_bias() {
        return Err(Error::Invalid(
            "the head has no bias to change; --rows changes its rows".to_owned(),
        ));
    }
    let options = Options {
        threads: request.threads,
        progress: request.progress,
        bias_needed: true,
        also_free: true,
        ..Options::default()
    };
    let before = audit(head, domain, options)?;
    let goal = Goal::of(&before, request.tokens, false)?;
    refuse_equal_rows(head, &before, &goal)?;
    refuse_near_rows(head, &goal)?;
    let climb = Climb {
        head,
        domain,
        goal: &goal,
        kept: request.kept,
        precision: request.precision,
        margin: request.margin,
        // Where biases may fall too, raises are shortened later.
        limit: if request.least == Least::Sum { request.max_change } else { f64::INFINITY },
        options,
    };
    let stored = raise::biases(head);
    let climbed = climb.run(stored.clone())?;
    let rounds = climbed.rounds;
    if request.least == Least::Sum {
        let repaired = raise::with_biases(head, &climbed.biases)?;
        return finish(head, repaired, before, goal, request, (Part::Biases, rounds));
    }
    request.progress.begin("level", 0, "");
    let around = (stored.as_slice(), climbed.biases.as_slice());
    let proposals = level::levelled(head, around, &climbed.audit, request.kept, request.precision)?;
    let mut refused = Error::Internal("no biases were proposed".to_owned());
    for biases in proposals.into_iter().flatten() {
        let repaired = raise::with_biases(head, &biases)?;
        let part = (Part::Biases, rounds);
        match finish(head, repaired, before.clone(), goal.clone(), request, part) {
            Ok(repair) => return Ok(repair),
            Err(error) => refused = error,
        }
    }
    Err(refused)
}

/// Refuses tokens whose rows are so close to each other that biases of the stored type will hardly set them apart.
fn refuse_near_rows(head: &Head, goal: &Goal) -> Result<()> {
    match rows::clusters::close_pair(head, &goal.freed) {
        None => Ok(()),
        Some((one, other, count)) => Err(Error::Invalid(format!(
            "{count} of the tokens to free have rows that nearly equal another one's (token {one} and token {other}): raises of \
             biases are not tried on these; --rows changes rows, or leave them out by --tokens"
        ))),
    }
}

/// Frees tokens by changes of rows, tied ones too.
///
/// # Errors
/// As [`biases`].
pub fn rows(head: &Head, domain: &Domain, request: Request) -> Result<Repair> {
    let options = Options {
        threads: request.threads,
        progress: request.progress,
        also_free: true,
        ..Options::default()
    };
    let before = audit(head, domain, Options { move_needed: true, ..options })?;
    let goal = Goal::of(&before, request.tokens, true)?;
    let moves = rows::Moves {
        head,
        domain,
        goal: &goal,
        kept: request.kept,
        precision: request.precision,
        margin: request.margin,
        options,
    };
    let (repaired, rounds) = moves.run(&before)?;
    finish(head, repaired, before, goal, request, (Part::Rows, rounds))
}

/// Audits the changed head in full, and refuses it if it misses the goal or changes a token by more than is allowed.
fn finish(
    stored: &Head,
    head: Head,
    before: Audit,
    goal: Goal,
    request: Request,
    (part, rounds): (Part, usize),
) -> Result<Repair> {
    let options = Options {
        threads: request.threads,
        progress: request.progress,
        also_free: true,
        ..Options::default()
    };
    let after = audit(&head, before.domain(), options)?;
    if let Some(token) = goal.missed(&after).first() {
        let missed = goal.missed(&after).len();
        return Err(Error::Invalid(format!(
            "after the changes {missed} tokens that must be able to win are not proved to, token {token} first; nothing was \
             written"
        )));
    }
    if let Some(kept) = request.kept {
        let changed = kept.changed(&head)?;
        if changed > 0 {
            return Err(Error::Invalid(format!(
                "the changes would take {changed} kept states from their winners; nothing was written"
            )));
        }
    }
    let repair = Repair { head, before, after, freed: goal.freed, part, rounds };
    refuse_large_changes(&repair, stored, request.max_change)?;
    Ok(repair)
}

/// Refuses a change of a bias or row by more than `most`.
fn refuse_large_changes(repair: &Repair, stored: &Head, most: f64) -> Result<()> {
    let changes = repair.changes(stored);
    let beyond = changes.iter().filter(|(_, change)| !(change.abs() <= most));
    let Some((token, change)) = beyond.max_by(|a, b| a.1.abs().total_cmp(&b.1.abs())) else {
        return Ok(());
    };
    let what = match repair.part {
        Part::Biases => format!("its bias by {change:.6} logits"),
        Part::Rows => format!("its row by {change:.6} in Euclidean length"),
    };
    Err(Error::Invalid(format!(
        "the repair that was found changes token {token} most, {what}, and at most {most} is allowed: allow more by \
         --max-change, free fewer tokens by --tokens, or keep fewer states; nothing was written"
    )))
}

/// Refuses tokens that no biases can free: those with the same row as another token that must win.
fn refuse_equal_rows(head: &Head, before: &Audit, goal: &Goal) -> Result<()> {
    let problem = crate::problem::Problem::new(head, before.domain())?;
    let must: Vec<u32> =
        goal.freed.iter().chain(&goal.winners).chain(&goal.tied).copied().collect();
    for &token in &goal.freed {
        let same = |other: &&u32| **other != token && problem.groups().same_row(token, **other);
        if let Some(other) = must.iter().find(same) {
            return Err(Error::Invalid(format!(
                "token {token} has the same row as token {other}, so no biases let both of them win: --rows changes rows, or \
                 leave it out by --tokens"
            )));
        }
    }
    Ok(())
}
