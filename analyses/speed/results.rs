//! All that was measured, and `results.csv`.

use std::io::Write;

use anyhow::Result;

use crate::audit::Audited;
use crate::baseline::Estimate;
use crate::heads::Subject;
use crate::machine::Setting;
use crate::product::Product;
use crate::timing::Timing;

/// One head's line of the table.
#[derive(Clone, Debug)]
pub struct Line {
    pub subject: Subject,
    pub audited: Audited,
    pub product: Product,
    pub estimates: Vec<Estimate>,
}

impl Line {
    /// Audit over product, of medians.
    pub fn ratio(&self) -> f64 {
        self.audited.timing.median() / self.product.timing.median()
    }

    /// Audit over the audit of the same file over all of space, of medians; NaN where that was not timed.
    pub fn of_free(&self) -> f64 {
        self.audited.timing.median() / self.audited.free.as_ref().map_or(f64::NAN, Timing::median)
    }

    /// What the audit may take: three times the head in float32, and 200 MB; behind a norm five times, as the folded rows
    /// are float64.
    pub fn memory_limit(&self) -> u64 {
        let times = if self.subject.is_beside_free() { 5 } else { 3 };
        times * 4 * (self.subject.tokens * self.subject.dim) as u64 + 200_000_000
    }
}

/// A whole run.
#[derive(Clone, Debug)]
pub struct Results {
    pub setting: Setting,
    pub heads: Vec<Line>,
    /// Sizes `V` at one `d`, then sizes `d` at one `V`.
    pub by_tokens: Vec<Line>,
    pub by_dim: Vec<Line>,
}

impl Results {
    pub fn lines(&self) -> impl Iterator<Item = &Line> {
        self.heads.iter().chain(&self.by_tokens).chain(&self.by_dim)
    }

    /// One line a measurement: seconds are of the whole head; `extrapolated` says that a part stood for it, and
    /// `at_least` that the part was not finished.
    pub fn write_csv(&self, out: impl Write) -> Result<()> {
        let mut csv = csv::Writer::from_writer(out);
        csv.write_record([
            "date",
            "commit",
            "processor",
            "threads",
            "what",
            "head",
            "tokens",
            "dim",
            "domain",
            "runs",
            "median_s",
            "min_s",
            "max_s",
            "peak_bytes",
            "extrapolated",
            "at_least",
            "note",
        ])?;
        for line in self.lines() {
            let (subject, audited, product) = (&line.subject, &line.audited, &line.product);
            let mut write = |what: &str,
                             times: [f64; 3],
                             runs: usize,
                             peak: u64,
                             marks: [bool; 2],
                             note: &str| {
                let setting = &self.setting;
                let mut record =
                    vec![setting.date.clone(), setting.commit.clone(), setting.processor.clone()];
                record.extend([setting.threads.to_string(), what.to_owned(), subject.name.clone()]);
                record.extend([subject.tokens.to_string(), subject.dim.to_string()]);
                record.extend([subject.domain.to_owned(), runs.to_string()]);
                record.extend(
                    times.map(|t| if t.is_nan() { String::new() } else { format!("{t:.6}") }),
                );
                record.push(if peak > 0 { peak.to_string() } else { String::new() });
                record.extend(marks.map(|m| m.to_string()));
                record.push(note.to_owned());
                csv.write_record(record)
            };
            let t = &audited.timing;
            let note = audited.wrong.first().unwrap_or(&audited.answer);
            write(
                "audit",
                [t.median(), t.min(), t.max()],
                t.runs(),
                audited.peak,
                [false; 2],
                note,
            )?;
            if let Some(t) = &audited.free {
                let times = [t.median(), t.min(), t.max()];
                write("free audit", times, t.runs(), 0, [false; 2], "")?;
            }
            if let Some(s) = audited.verified {
                write("verify", [s; 3], 1, 0, [false; 2], "")?;
            }
            let t = &product.timing;
            let times = [t.median(), t.min(), t.max()];
            write("product", times, t.runs(), 0, [!product.whole, false], &product.by)?;
            for e in &line.estimates {
                let note =
                    format!("{} of {} tokens, {} found; {}", e.done, e.asked, e.found, e.note);
                write(e.method.name(), [e.whole; 3], 1, 0, [true, e.at_least], &note)?;
            }
        }
        csv.flush()?;
        Ok(())
    }
}
