//! Writes the summary of an audit for a terminal.

use std::io::{self, Write};

use super::causes::CausesSummary;
use super::measured::RadiusSummary;
pub use super::subject::Subject;
use super::table::rounded;
use super::tally::{Counts, Outcome, Tally, is_padding};
use super::terms::Terms;
use super::{explained, lost_text, measured, measured_text, padding, preflight};
use crate::audit::Audit;
use crate::certify::Verdict;

/// Writes the summary; at most `shown` tokens of each kind are listed.
///
/// # Errors
/// Those of the writer.
pub fn write(
    out: &mut impl Write,
    subject: Subject,
    audit: &Audit,
    seconds: f64,
    shown: usize,
) -> io::Result<()> {
    write_subject(out, subject, audit.kept())?;
    let (tally, scope) = (Tally::of(audit, subject.vocabulary), audit.verdicts().len());
    // Show both audits side by side if they cover the same tokens.
    let free = audit.free().filter(|free| free.verdicts().len() == scope);
    let mut columns = vec![(subject.domain.to_string(), tally.tokens)];
    columns.extend(free.map(|f| ("free".to_owned(), Tally::of(f, subject.vocabulary).tokens)));
    if tally.padding.sum() > 0 {
        columns.push(("padding".to_owned(), tally.padding));
    }
    write_counts(out, &columns)?;
    let rows = (audit.kept().map(<[u32]>::len), subject.located.head.tokens());
    write_proved(out, tally, scope, (seconds, subject.terms), rows)?;
    write_radii(out, subject, audit)?;
    padding::write(out, tally.padding.into(), subject.terms)?;
    let causes = CausesSummary::of(audit, subject.layout, subject.vocabulary);
    explained::write(out, &causes, subject.terms)?;
    explain(out, subject, audit, tally.tokens, shown)?;
    if scope < audit.kept().map_or(subject.located.head.tokens(), <[u32]>::len) {
        preflight::write(out, subject, audit, shown)?;
    }
    measured_text::write(out, subject, audit, shown)
}

/// Writes which head was audited, and over which domain.
fn write_subject(out: &mut impl Write, subject: Subject, kept: Option<&[u32]>) -> io::Result<()> {
    let Subject { path, located, domain, reason, .. } = subject;
    let head = &located.head;
    let bias =
        located.bias.as_ref().map_or("without bias".to_owned(), |b| format!("with bias `{b}`"));
    writeln!(out, "head    {path}: `{}`, {bias} ({})", located.weight, located.why)?;
    writeln!(
        out,
        "        {} {} x {} dimensions, {}",
        head.tokens(),
        subject.terms.tokens,
        head.dim(),
        located.dtype
    )?;
    if let Some(ids) = kept {
        let (kept, all) = (ids.len(), head.tokens());
        writeln!(out, "kept    {kept} of the {all} rows, as if all others were removed")?;
    }
    if let Some(norm) = &located.final_norm {
        let folded = match domain.ball() {
            Some(_) => "folded in, where the domain is its ball",
            None => "not folded in: the domain holds all it can give",
        };
        writeln!(out, "before  {norm} ({folded})")?;
    }
    for note in &located.notes {
        writeln!(out, "note    {note}")?;
    }
    writeln!(out, "domain  {domain} ({reason})")?;
    if domain.only_state().is_some() {
        let state = subject.terms.hidden_state;
        writeln!(out, "        the ranges and the norm leave one {state} alone")?;
    }
    writeln!(out)
}

/// Writes how many tokens have each verdict, with a column for each audit and one for padding.
fn write_counts(out: &mut impl Write, columns: &[(String, Counts)]) -> io::Result<()> {
    let width = |heading: &str| if columns.len() > 1 { heading.len().max(8) } else { 8 };
    let line = |first: &str, cells: Vec<String>| {
        let padded = |(c, cell): (&(String, Counts), String)| {
            format!(" {cell:>width$}", width = width(&c.0))
        };
        let cells = columns.iter().zip(cells).map(padded);
        format!("  {first:<12}{}", cells.collect::<String>())
    };
    if columns.len() > 1 {
        writeln!(out, "{}", line("", columns.iter().map(|c| c.0.clone()).collect()))?;
    }
    for outcome in Outcome::ALL {
        let cells = columns.iter().map(|c| c.1.of(outcome).to_string()).collect();
        writeln!(out, "{}", line(outcome.name(), cells))?;
    }
    Ok(())
}

/// Writes how many of the `scope` verdicts are proved; `rows` are those that were kept, if not all, and all of the head.
fn write_proved(
    out: &mut impl Write,
    tally: Tally,
    scope: usize,
    (seconds, terms): (f64, &Terms),
    (kept, rows): (Option<usize>, usize),
) -> io::Result<()> {
    let kept = kept.map_or(String::new(), |kept| format!("; {kept} rows are kept"));
    let proved = scope - tally.rows().undecided;
    write!(out, "\n{proved} of {scope} verdicts proved in {seconds:.2} s{kept}")?;
    match tally.padding.sum() {
        0 => writeln!(out, "; the head has {rows} {}.", terms.tokens),
        padding => writeln!(
            out,
            ", {} on {} and {padding} on padding; the head has {rows} rows.",
            tally.tokens.sum(),
            terms.tokens
        ),
    }
}

/// Writes how many radii lie below the threshold of Grivas et al., if the audit computed radii.
fn write_radii(out: &mut impl Write, subject: Subject, audit: &Audit) -> io::Result<()> {
    if let Some(radii) = measured::radii(audit, subject.vocabulary) {
        let RadiusSummary { tokens, threshold, below, not_found } = radii;
        let token = subject.terms.token;
        writeln!(
            out,
            "\nRadius below {threshold:e}, for which the linear program of Grivas et al. (ACL 2022) calls a {token} unargmaxable: \
             {below} of {tokens}.\nA float64 optimum, not proved; the verdicts above are."
        )?;
        if not_found > 0 {
            writeln!(out, "The solver gave up on the radius of {not_found} {token}s.")?;
        }
    }
    Ok(())
}

/// Lists the tokens behind the counts, without padding.
fn explain(
    out: &mut impl Write,
    subject: Subject,
    audit: &Audit,
    counts: Counts,
    shown: usize,
) -> io::Result<()> {
    let is_token = |id: u32| !is_padding(subject.vocabulary, id);
    let Terms { tokens, .. } = subject.terms;
    let name = |id: u32| subject.vocabulary.map_or(format!("#{id}"), |v| v.label(id as usize));
    lost_text::write(out, subject, audit, counts.unargmaxable, shown)?;
    if counts.tied > 0 {
        writeln!(
            out,
            "\nTied: reaches the maximum, but only together with {tokens} of exactly the same row and bias:\n"
        )?;
        list(out, audit, (shown, tokens), counts.tied, |id, verdict| {
            let Verdict::Tied(tie) = verdict else { return None };
            // List each group once.
            let first = tie.members().iter().find(|&&member| is_token(member));
            (first == Some(&id))
                .then(|| tie.members().iter().map(|&t| name(t)).collect::<Vec<_>>().join(" = "))
        })?;
    }
    if counts.undecided > 0 {
        writeln!(out, "\nUndecided: neither proved. The best margin lies in the interval.")?;
        match audit.undecided_by_budget() {
            0 => {}
            1 => writeln!(
                out,
                "One of them was left so when the budget of exact arithmetic was spent."
            )?,
            n => writeln!(
                out,
                "{n} of them were left so when the budget of exact arithmetic was spent."
            )?,
        }
        writeln!(out)?;
        list(out, audit, (shown, tokens), counts.undecided, |id, verdict| {
            let Verdict::Undecided(u) = verdict else { return None };
            if !is_token(id) {
                return None;
            }
            let (lo, hi) = u.interval();
            Some(format!("{}: [{}, {}], {}", name(id), rounded(lo), rounded(hi), u.reason()))
        })?;
    }
    Ok(())
}

/// Writes the lines of at most `shown` tokens, and how many of `total` are left out.
fn list(
    out: &mut impl Write,
    audit: &Audit,
    (shown, tokens): (usize, &str),
    total: usize,
    line: impl Fn(u32, &Verdict) -> Option<String>,
) -> io::Result<()> {
    let mut lines = audit.verdicts().iter().filter_map(|(id, verdict)| line(*id, verdict));
    for line in lines.by_ref().take(shown) {
        writeln!(out, "  {line}")?;
    }
    lost_text::write_rest(out, lines.count(), total, tokens)
}
