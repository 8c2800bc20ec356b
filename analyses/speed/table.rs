//! `table.md`: what was measured, for people.

use std::fmt::Write;

use crate::audit::Verified;
use crate::heads::Aim;
use crate::results::{Line, Results};
use crate::timing::{Timing, ratio, text};

/// What `verify` may take, of the audit.
const VERIFY: f64 = 1.5;

/// The whole page.
pub fn markdown(results: &Results) -> String {
    let mut page = String::new();
    // Writing to a string does not fail.
    let _ = write(&mut page, results);
    page
}

fn write(out: &mut String, results: &Results) -> std::fmt::Result {
    let s = &results.setting;
    writeln!(out, "# Speed\n\n`{}`, {}, commit {}.\n", s.command, s.date, s.commit)?;
    writeln!(out, "{}; {} threads; load before the run {}.", s.processor, s.threads, s.load)?;
    // The compiler that came before leaves a load of one a thread.
    if s.load.parse().is_ok_and(|load: f64| load > 1.25 * s.threads as f64) {
        writeln!(
            out,
            "\n**Other work shared the cores: these times are too long by what it took.**\n"
        )?;
    }
    let products: std::collections::BTreeSet<&str> =
        results.lines().map(|l| l.product.by.as_str()).collect();
    for by in products {
        writeln!(out, "Product: {by}.")?;
    }
    if !results.heads.is_empty() {
        writeln!(out, "\n## Whole audits\n")?;
        writeln!(
            out,
            "From file (in the page cache) to certificate, proofs included, a process each run: median (least to most, \
             runs). *Product* is one float32 W W^T, V x V x d; ~ marks one of which only slabs were computed. \
             Behind a norm the free verdicts are in it too; the *free audit* of the same file ran in turns with it. `verify` is to \
             take at most {} times the audit.\n",
            ratio(VERIFY)
        )?;
        audits(out, &results.heads, true)?;
    }
    if results.heads.iter().any(|l| !l.estimates.is_empty()) {
        writeln!(out, "\n## What others take\n")?;
        writeln!(
            out,
            "All figures for a whole head are extrapolated from a seeded sample of its tokens; > marks a sample that was not \
             finished in its time, and so an estimate from below. Neither method proves anything. Linear programs (microlp, all \
             rivals at once) ran one at a time and count as if all threads shared them perfectly.\n"
        )?;
        baselines(out, &results.heads)?;
    }
    if !results.by_tokens.is_empty() {
        writeln!(
            out,
            "\n## Cost against size\n\nGenerated heads, see cost.svg; those of more than 1024 coordinates are float16. \
             stages.svg shows, for each d, which stages of an audit take how much of the time.\n"
        )?;
        audits(out, &results.by_tokens, false)?;
        writeln!(out)?;
        audits(out, &results.by_dim, false)?;
    }
    Ok(())
}

fn audits(out: &mut String, lines: &[Line], aims: bool) -> std::fmt::Result {
    let verified = lines.iter().any(|l| l.audited.verified.is_some());
    let beside = lines.iter().any(|l| l.audited.free.is_some());
    let mut columns = vec!["head", "V x d", "audit", "product", "audit / product"];
    columns.extend(if beside { &["free audit", "audit / free"][..] } else { &[] });
    columns.extend(if aims { &["target", "stretch"][..] } else { &[] });
    columns.extend(["peak MB (limit)", "found"]);
    columns.extend(if verified {
        &["verify", "verify / audit", "verify peak MB"][..]
    } else {
        &[]
    });
    header(out, &columns)?;
    for line in lines {
        let (subject, audited) = (&line.subject, &line.audited);
        let approximate = if line.product.whole { "" } else { "~" };
        let mut cells = vec![
            subject.label.clone(),
            format!("{} x {}", subject.tokens, subject.dim),
            spread(&audited.timing),
            format!("{approximate}{}", text(line.product.timing.median())),
            format!("{approximate}{}", ratio(line.ratio())),
        ];
        if beside {
            let free = audited.free.as_ref();
            cells.push(free.map(spread).unwrap_or_default());
            cells.push(free.map(|_| ratio(line.of_free())).unwrap_or_default());
        }
        if aims {
            cells.extend(aim(line));
        }
        let (peak, limit) = (audited.peak as f64 / 1e6, line.memory_limit() as f64 / 1e6);
        cells.push(format!(
            "{peak:.0} ({limit:.0}{})",
            if peak > limit { ", **over**" } else { "" }
        ));
        let right = if audited.wrong.is_empty() { ", as known" } else { ", **WRONG**" };
        cells.push(audited.answer.clone() + right);
        if verified {
            cells.extend(audited.verified.map(|v| verify(line, v)).unwrap_or_default());
        }
        writeln!(out, "| {} |", cells.join(" | "))?;
    }
    Ok(())
}

/// Target and stretch, each with whether it was met.
fn aim(line: &Line) -> [String; 2] {
    let (found, aims, show): (f64, [f64; 2], fn(f64) -> String) = match line.subject.aim {
        Some(Aim::OfProduct(target, stretch)) => (line.ratio(), [target, stretch], ratio),
        Some(Aim::OfFree(target, stretch)) => (line.of_free(), [target, stretch], ratio),
        Some(Aim::Seconds(target, stretch)) => {
            (line.audited.timing.median(), [target, stretch], text)
        }
        None => return Default::default(),
    };
    aims.map(|a| format!("{}: {}", show(a), met(found, a)))
}

/// Seconds of `verify`, its share of the audit with whether that is as small as asked, and its peak memory.
fn verify(line: &Line, verified: Verified) -> [String; 3] {
    let found = line.verify_ratio();
    [
        text(verified.seconds),
        format!("{} ({}: {})", ratio(found), ratio(VERIFY), met(found, VERIFY)),
        format!("{:.0}", verified.peak as f64 / 1e6),
    ]
}

/// Whether what was found is at most what was asked for, or else how many times that it is.
fn met(found: f64, aim: f64) -> String {
    if found <= aim { "met".to_owned() } else { format!("missed, x {}", ratio(found / aim)) }
}

fn baselines(out: &mut String, lines: &[Line]) -> std::fmt::Result {
    header(
        out,
        &[
            "head",
            "method",
            "tokens tried",
            "found to win",
            "a token",
            "whole head",
            "/ product",
            "/ audit",
            "",
        ],
    )?;
    for line in lines {
        for e in &line.estimates {
            let least = if e.at_least { "> " } else { "~ " };
            let product = e.whole / line.product.timing.median();
            let audit = e.whole / line.audited.timing.median();
            let cells = [
                line.subject.label.clone(),
                e.method.name().to_owned(),
                format!("{} of {}", e.done, e.asked),
                e.found.to_string(),
                format!("{least}{}", text(e.each)),
                format!("{least}{}", text(e.whole)),
                format!("{least}{}", ratio(product)),
                format!("{least}{}", ratio(audit)),
                e.note.clone(),
            ];
            writeln!(out, "| {} |", cells.join(" | "))?;
        }
    }
    Ok(())
}

fn header(out: &mut String, columns: &[&str]) -> std::fmt::Result {
    writeln!(out, "| {} |\n|{}", columns.join(" | "), "---|".repeat(columns.len()))
}

fn spread(timing: &Timing) -> String {
    match timing.runs() {
        0 => "-".to_owned(),
        1 => format!("{} (1 run)", text(timing.median())),
        n => format!(
            "{} ({} to {}, {n})",
            text(timing.median()),
            text(timing.min()),
            text(timing.max())
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::examples;

    #[test]
    fn the_table_says_whether_audit_and_verify_are_as_fast_as_asked() {
        let page = markdown(&examples::results());
        // 0.5 s of 4 s where 0.12 are asked for; verify 1 s of 0.5 s where 1.5 are.
        for said in [
            "| 0.12 | 0.12: missed, x 1.04 | 0.080: missed, x 1.56 |",
            "| 70 (540) | 0 lost, 80 tied, as known | 1.00 s | 2.00 (1.50: missed, x 1.33) | 90 |",
            "stages.svg",
        ] {
            assert!(page.contains(said), "{said} in {page}");
        }
    }
}
