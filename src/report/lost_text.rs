//! Lists unargmaxable tokens for a terminal, with what blocks them. Tokens with near-equal rows share a line.

use std::io::{self, Write};

use super::causes::folded;
use super::frequencies::rank;
use super::subject::Subject;
use super::tally::is_padding;
use super::terms::Terms;
use crate::audit::Audit;
use crate::certify::{Loss, Rival, Verdict};

/// The most rivals named for a token, and the most tokens named on a line; the table has all of them.
const NAMED: usize = 4;

/// Writes the section of unargmaxable tokens, `total` of them without padding, in at most `shown` lines.
pub fn write(
    out: &mut impl Write,
    subject: Subject,
    audit: &Audit,
    total: usize,
    shown: usize,
) -> io::Result<()> {
    if total == 0 {
        return Ok(());
    }
    let Terms { token, tokens, hidden_state, .. } = subject.terms;
    writeln!(
        out,
        "\nUnargmaxable: for every {hidden_state} of the domain another {token} scores at least as much, so the {token} is\n\
         never the strict winner. (How exact ties and rounding are resolved depends on the runtime.)\n\
         Each is blocked by a mix of rivals that never scores less than it, with weights that sum to one:\n"
    )?;
    let lines = folded(lost(subject, audit), |token| {
        subject.layout.cluster(token.0).map(|cluster| cluster.rows[0])
    });
    let mut lines = lines.iter();
    for group in lines.by_ref().take(shown) {
        // Without a limit, every token is named.
        let named = if shown == usize::MAX { group.len() } else { NAMED };
        writeln!(out, "  {}: {}", names(subject, group, named), rivals(subject, group[0].1))?;
    }
    write_rest(out, lines.map(Vec::len).sum(), total, tokens)
}

/// Says how many tokens of `total` are not listed.
pub fn write_rest(out: &mut impl Write, rest: usize, total: usize, tokens: &str) -> io::Result<()> {
    match rest {
        0 => Ok(()),
        rest => writeln!(
            out,
            "  ... and {rest} more ({total} {tokens} in all): --list all shows them, --out DIR writes them to DIR/verdicts.csv"
        ),
    }
}

/// The lost tokens, without padding: ordinary tokens first, frequent ones before rare ones, then in id order.
fn lost<'a>(subject: Subject, audit: &'a Audit) -> Vec<(u32, &'a Loss)> {
    let lost = audit.verdicts().iter().filter_map(|(id, verdict)| match verdict {
        Verdict::Unargmaxable(loss) if !is_padding(subject.vocabulary, *id) => Some((*id, loss)),
        _ => None,
    });
    let mut lost: Vec<(u32, &Loss)> = lost.collect();
    lost.sort_by_key(|&(id, _)| rank(subject.vocabulary, subject.frequencies, id));
    lost
}

/// The names of tokens that share a line, at most `named` of them.
fn names(subject: Subject, tokens: &[(u32, &Loss)], named: usize) -> String {
    let names: Vec<String> =
        tokens.iter().take(named).map(|token| name(subject, token.0)).collect();
    let names = names.join(", ");
    match tokens.len() {
        1 => names,
        n if n > named => format!("{names} and {} more, whose rows are near-equal", n - named),
        _ => format!("{names}, whose rows are near-equal"),
    }
}

/// The heaviest rivals of a lost token, and three dots for the others.
fn rivals(subject: Subject, loss: &Loss) -> String {
    let (mut terms, others) = heaviest(subject, loss);
    terms.extend(others.then(|| "...".to_owned()));
    terms.join(" + ")
}

/// The heaviest rivals of a lost token with their weights, and whether others take part.
pub(super) fn heaviest(subject: Subject, loss: &Loss) -> (Vec<String>, bool) {
    let blockers = loss.blockers();
    let tokens = blockers.iter().filter_map(|(rival, weight)| match rival {
        Rival::Token(id) => Some(format!("{weight:.2} {}", name(subject, *id))),
        _ => None,
    });
    let terms: Vec<String> = tokens.take(NAMED).collect();
    let others = blockers.len() > terms.len();
    (terms, others)
}

/// The name of a token on a terminal.
pub(super) fn name(subject: Subject, id: u32) -> String {
    subject.vocabulary.map_or(format!("#{id}"), |v| v.label(id as usize))
}
