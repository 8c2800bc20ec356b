//! Says of each token that was asked for whether it can be generated, and if not, what it would take.

use std::io::{self, Write};

use super::lost_text::{heaviest, name, write_rest};
use super::measured_lines::interval;
use super::subject::Subject;
use super::table::rounded;
use super::terms::Terms;
use crate::audit::Audit;
use crate::certify::best_gap::BestGap;
use crate::certify::row_move::RowMove;
use crate::certify::{Loss, Verdict};

/// Writes a sentence for each of at most `shown` audited tokens.
///
/// # Errors
/// Those of the writer.
pub fn write(
    out: &mut impl Write,
    subject: Subject,
    audit: &Audit,
    shown: usize,
) -> io::Result<()> {
    let (all, tokens) = (audit.verdicts().len(), subject.terms.tokens);
    if shown == 0 || all == 0 {
        return Ok(());
    }
    writeln!(out, "\nOne by one:\n")?;
    for (id, verdict) in audit.verdicts().iter().take(shown) {
        let name = name(subject, *id);
        writeln!(out, "  {name} {}.{}", ability(subject, verdict), needs(subject, audit, *id))?;
    }
    write_rest(out, all.saturating_sub(shown), all, tokens)
}

/// Whether the token can be generated, as the end of a sentence.
fn ability(subject: Subject, verdict: &Verdict) -> String {
    let Terms { generated, hidden_state, logits, .. } = subject.terms;
    match verdict {
        Verdict::Argmaxable(witness) => format!(
            "can {generated}: it leads by {} {logits} at a {hidden_state}",
            rounded(witness.margin())
        ),
        Verdict::Tied(tie) => {
            let equals = tie.members().len() - 1;
            format!(
                "can only tie: {equals} with exactly the same row and bias score as much everywhere"
            )
        }
        Verdict::Unargmaxable(Loss::Dominated(proof)) => format!(
            "cannot {generated} with this head: {} has the same row and a larger bias",
            name(subject, proof.by())
        ),
        Verdict::Unargmaxable(loss) => {
            let (rivals, others) = heaviest(subject, loss);
            let others = if others { " and others" } else { "" };
            match rivals.is_empty() {
                true => format!("cannot {generated} with this head"),
                false => format!(
                    "cannot {generated} with this head: it is blocked by {}{others}",
                    rivals.join(" + ")
                ),
            }
        }
        Verdict::Undecided(_) => "is undecided: neither is proved".to_owned(),
    }
}

/// What the token needs in order to win, as far as that was measured.
fn needs(subject: Subject, audit: &Audit, id: u32) -> String {
    let mut needs = Vec::new();
    let moves = audit.moves_needed();
    if let Ok(at) = moves.binary_search_by_key(&id, RowMove::token) {
        let (low, high) = moves[at].ends();
        let norm = subject.located.head.row_norm(id as usize);
        let share = match high.is_finite() && norm > 0.0 {
            true => format!(", at most {} of its length", rounded(high / norm)),
            false => String::new(),
        };
        needs.push(format!("its row must move by {}{share}", interval(low, high)));
    }
    let gaps = audit.bias_needed();
    if let Ok(at) = gaps.binary_search_by_key(&id, BestGap::token) {
        let (low, high) = gaps[at].bias_needed();
        let logits = subject.terms.logits;
        needs.push(format!("its bias must rise by {} {logits}", interval(low, high)));
    }
    match needs.is_empty() {
        true => String::new(),
        false => format!(" To win, {}.", needs.join(", or ")),
    }
}
