//! The lines that lists of measurements on a terminal have in common.

use std::io::{self, Write};

use super::measured;
use super::subject::Subject;
use super::table::rounded;

/// Says that only a sample was measured, if it was.
pub fn sampled(seed: Option<u64>) -> String {
    seed.map_or(String::new(), |seed| format!(" (a sample, drawn with seed {seed})"))
}

/// Writes a line for each token with its interval.
pub fn intervals(
    out: &mut impl Write,
    subject: Subject,
    measured: &[(f64, f64, u32)],
) -> io::Result<()> {
    for &(low, high, id) in measured {
        let name = subject.vocabulary.map_or(format!("#{id}"), |v| v.label(id as usize));
        writeln!(out, "  {name}: {}", interval(low, high))?;
    }
    Ok(())
}

/// Writes a line with the quantiles.
pub fn quantiles(out: &mut impl Write, quantiles: Option<measured::Quantiles>) -> io::Result<()> {
    let Some(q) = quantiles else { return Ok(()) };
    writeln!(
        out,
        "Least {}, a quarter below {}, half below {}, a quarter above {}, largest {}.",
        rounded(q.min),
        rounded(q.p25),
        rounded(q.median),
        rounded(q.p75),
        rounded(q.max)
    )
}

/// An interval as text: one number if six digits cannot tell the ends apart.
pub(super) fn interval(low: f64, high: f64) -> String {
    let (low, high) = (rounded(low), rounded(high));
    if low == high { low } else { format!("{low} to {high}") }
}
