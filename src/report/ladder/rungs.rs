//! How many of the wanted tokens stand on each rung.

use super::{Climbed, LadderReport};
use crate::certify::survival::Format;
use crate::report::tally::Outcome;

/// A rung with its counts.
pub struct Rung {
    /// What is asked of a token.
    pub name: &'static str,
    /// Whether the answers are proofs, both ways; else what a search found.
    pub proof: bool,
    /// The tokens that stand on it.
    pub yes: usize,
    /// The tokens that are proved not to.
    pub no: usize,
    /// The tokens of which neither is known.
    pub open: usize,
}

impl Rung {
    /// The count of open tokens of a rung of proofs; nothing where there are none.
    pub fn open_word(&self) -> String {
        if self.open == 0 { String::new() } else { self.open.to_string() }
    }
}

impl LadderReport<'_> {
    /// The rungs that were asked for, from the widest inputs to real texts.
    pub fn rungs(&self) -> Vec<Rung> {
        let verdict = |name, of: fn(&Climbed) -> Outcome| {
            let count = |is: &dyn Fn(Outcome) -> bool| {
                self.tokens.iter().filter(|climbed| is(of(climbed))).count()
            };
            Rung {
                name,
                proof: true,
                yes: count(&|o| o == Outcome::Argmaxable),
                no: count(&|o| matches!(o, Outcome::Tied | Outcome::Unargmaxable)),
                open: count(&|o| o == Outcome::Undecided),
            }
        };
        let search = |name, of: &dyn Fn(&Climbed) -> Option<bool>| {
            let known: Vec<bool> = self.tokens.iter().filter_map(of).collect();
            let yes = known.iter().filter(|yes| **yes).count();
            (!known.is_empty()).then(|| Rung {
                name,
                proof: false,
                yes,
                no: 0,
                open: known.len() - yes,
            })
        };
        // Only a token that leads can keep its lead; one that is not shown to may keep it all the same.
        let rounded = |name, format| {
            let asked = || self.tokens.iter().filter(|climbed| climbed.precise.is_some());
            let count =
                |is: &dyn Fn(&Climbed) -> bool| asked().filter(|climbed| is(climbed)).count();
            let survives = |c: &Climbed| c.precise.as_ref().is_some_and(|f| f.contains(&format));
            let yes = count(&|c| c.real == Outcome::Argmaxable && survives(c));
            let no = count(&|c| matches!(c.real, Outcome::Tied | Outcome::Unargmaxable));
            let open = asked().count() - yes - no;
            (asked().count() > 0).then_some(Rung { name, proof: true, yes, no, open })
        };
        let mut rungs = vec![
            verdict("some vector", |climbed| climbed.free),
            verdict("some hidden state", |climbed| climbed.real),
        ];
        let found = [
            rounded("with logits in float32", Format::F32),
            rounded("with logits in float16", Format::F16),
            rounded("with logits in bfloat16", Format::Bf16),
            search("a soft prompt", &|c| c.soft.as_ref().map(|_| c.soft_wins())),
            search("a prompt of tokens", &|c| c.discrete.as_ref().map(|_| c.discrete_wins())),
            search("seen in the corpus", &|c| c.seen.map(|seen| seen.argmax > 0)),
        ];
        rungs.extend(found.into_iter().flatten());
        rungs
    }
}
