//! The sentences of reports, for readers who do not know the term argmaxable.

use super::kept::KeptRows;
pub use super::numbers::{counted, grouped, number, percent};
pub use super::proof_words::{blocked, domain, proof};
use super::results::Results;
use super::results::summary::Counts;
use super::results::verdicts::Outcome;
use super::tally::Tally;
use super::terms::Terms;

/// Which rows of a head compete, in a sentence.
pub fn kept(rows: &KeptRows, of: usize) -> String {
    format!(
        "Only {} of the {} rows compete, as if all others were removed.",
        grouped(rows.rows),
        grouped(of)
    )
}

/// The meaning of a verdict in two or three words.
pub fn gloss(outcome: Outcome, terms: &Terms) -> &'static str {
    match outcome {
        Outcome::Argmaxable => terms.can_win,
        Outcome::Tied => terms.can_only_tie,
        Outcome::Unargmaxable => terms.never_win,
        Outcome::Undecided => "neither is proved",
    }
}

/// The finding in one line.
pub fn headline(results: &Results) -> String {
    let counts = results.tally().tokens;
    let all = counts.sum();
    let terms = results.terms();
    let Terms { token, can_win, can_only_tie, never_win, .. } = terms;
    let finding = match counts {
        _ if all == 0 => format!("Only padding was audited, no {token}"),
        Counts { unargmaxable, .. } if unargmaxable > 0 => {
            format!("{} of {} {never_win}", grouped(unargmaxable), terms.count(all))
        }
        Counts { tied, undecided: 0, .. } if tied > 0 => {
            let (tied, all) = (grouped(tied), grouped(all));
            format!("No {token} is unargmaxable; {tied} of {all} {can_only_tie}")
        }
        Counts { undecided: 0, .. } if all == 1 => format!("The {token} {can_win}"),
        Counts { undecided: 0, .. } => format!("Every one of {} {can_win}", terms.count(all)),
        _ => format!("No {token} was found that {never_win}"),
    };
    match counts.undecided {
        0 => finding,
        open => format!("{finding}; {} not decided", grouped(open)),
    }
}

/// What the finding means to a user of the model.
pub fn meaning(counts: Counts, terms: &Terms) -> Vec<String> {
    let Terms { token, tokens, .. } = terms;
    let mut sentences = vec![choice(terms)];
    if counts.unargmaxable > 0 {
        let (these, them) = if counts.unargmaxable == 1 {
            (format!("One {token}"), "it")
        } else {
            (format!("These {} {tokens}", grouped(counts.unargmaxable)), "them")
        };
        let consequence = match terms.is_of_items() {
            true => format!(
                "A search never has {them} in the first place, exact ties and rounding aside; further down the \
                 list of results {them_too} can still stand.",
                them_too = if them == "it" { "it" } else { "they" }
            ),
            false => format!(
                "A program that takes the winner (greedy decoding) cannot output {them}, exact ties and rounding \
                 aside; one that draws tokens at random by their scores still can, but never as the favourite."
            ),
        };
        sentences.push(format!(
            "{these} cannot: whatever the {}, some other {token} always scores at least as high. {consequence}",
            if terms.is_of_items() { "query" } else { "input" }
        ));
    }
    if counts.tied > 0 {
        sentences.push(format!(
            "{} can reach the top only together with exact doubles, {tokens} that always get the same score: \
             which of them is {} depends on the program, not on the {}.",
            terms.count(counts.tied),
            if terms.is_of_items() { "first" } else { "output" },
            if terms.is_of_items() { "index" } else { "model" }
        ));
    }
    if counts.unargmaxable == 0 && counts.tied == 0 && counts.undecided == 0 {
        let produced = match terms.is_of_items() {
            true => "Whether the query encoder makes that vector of some text",
            false => "Whether the layers below ever produce that state",
        };
        sentences.push(format!(
            "Each of these {tokens} can: {} was found that makes it the winner. {produced} is another question.",
            a_state(terms)
        ));
    }
    if counts.undecided > 0 {
        sentences.push(format!(
            "For {} neither was proved within the budget of exact arithmetic.",
            terms.count(counts.undecided)
        ));
    }
    sentences
}

/// How the winner is chosen.
fn choice(terms: &Terms) -> String {
    match terms.is_of_items() {
        true => {
            "A retriever chooses among documents. Its index gives each document a score for a query, the product of \
             their vectors, and the highest score comes first."
        }
        false => {
            "A model chooses among tokens: words, pieces of words, characters or labels. Its last layer gives each \
             token a score, and the highest score wins."
        }
    }
    .to_owned()
}

/// A state and who makes it.
fn a_state(terms: &Terms) -> &'static str {
    match terms.is_of_items() {
        true => "the vector of a query",
        false => "a state of the layers below",
    }
}

/// The verdicts of the padding rows in words; `None` if there are no such rows.
pub fn padding(padding: Counts, terms: &Terms) -> Option<String> {
    let all = padding.sum();
    if all == 0 {
        return None;
    }
    let Terms { token, can_win, .. } = terms;
    let rows = match all {
        1 => format!("One more row is padding: no {token} has it."),
        n => format!("{} more rows are padding: no {token} has them.", grouped(n)),
    };
    let open = match padding.undecided {
        0 => String::new(),
        n => format!(", and {} could not be decided", grouped(n)),
    };
    let can = match padding.argmaxable + padding.tied {
        0 if padding.undecided == 0 && all == 1 => "It cannot win, as it should be.".to_owned(),
        0 if padding.undecided == 0 => "None can win, as it should be.".to_owned(),
        0 => format!("None was found that can win{open}."),
        n => {
            let ties = match padding.tied {
                0 => String::new(),
                ties => format!(" ({} of them only together with exact doubles)", grouped(ties)),
            };
            format!(
                "{} of them {can_win}{ties}{open}: a program that takes the winner may pick a row that has no text, \
                 and fail.",
                grouped(n)
            )
        }
    };
    Some(format!("{rows} {can}"))
}

/// How certain the finding is.
pub fn certainty(tally: Tally, terms: &Terms) -> String {
    let (rows, padding) = (tally.rows(), tally.padding.sum());
    let all = rows.sum();
    let mut first = match rows.undecided {
        0 if all == 1 => "The verdict is proved, not estimated.".to_owned(),
        0 => format!("All {} verdicts are proved, not estimated.", grouped(all)),
        open => format!(
            "{} of {} verdicts are proved, not estimated; {} are left open and say so.",
            grouped(all - open),
            grouped(all),
            grouped(open)
        ),
    };
    if padding > 0 {
        let those = format!(
            " (These are the verdicts on {} and on {} of padding.)",
            terms.count(tally.tokens.sum()),
            counted(padding, "row")
        );
        first.push_str(&those);
    }
    format!(
        "{first} A {} that {} has {} {} which it provably {}; one that \
         cannot has a list of rivals and weights that provably rules it out. The proofs hold for exact \
         arithmetic on the stored numbers; a program that rounds can turn a small lead into a tie.",
        terms.token,
        terms.can_win,
        a_state(terms),
        terms.at,
        if terms.is_of_items() { "is" } else { "does" }
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::terms::RowKind;

    #[test]
    fn padding_is_told_by_what_it_can_do() {
        let says = |argmaxable, tied, unargmaxable, undecided| {
            let counts = Counts { argmaxable, tied, unargmaxable, undecided };
            padding(counts, RowKind::Tokens.terms()).unwrap_or_default()
        };
        assert_eq!(says(0, 0, 0, 0), "");
        assert!(says(0, 0, 1, 0).contains("It cannot win"));
        assert!(
            says(0, 0, 5, 0).contains("5 more rows are padding")
                && says(0, 0, 5, 0).contains("None can")
        );
        assert!(says(0, 0, 5, 1).contains("None was found that can win, and 1 could not"));
        assert!(says(2, 1, 3, 0).contains("3 of them can win (1 of them only together"));
    }
}
