//! All that was measured, and `results.csv`.

use std::io::Write;

use anyhow::Result;

use crate::audit::Audited;
use crate::baseline::Estimate;
use crate::heads::Subject;
use crate::machine::Setting;
use crate::product::Product;
use crate::stages::Stage;
use crate::timing::Timing;

/// One head's line of the table.
#[derive(Clone, Debug)]
pub struct Line {
    pub subject: Subject,
    pub audited: Audited,
    pub product: Product,
    pub estimates: Vec<Estimate>,
    /// Seconds of each stage of one audit, in order; none unless asked for.
    pub stages: Vec<Stage>,
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

    /// `verify` over audit (its median); NaN where nothing was verified.
    pub fn verify_ratio(&self) -> f64 {
        self.audited.verified.map_or(f64::NAN, |v| v.seconds) / self.audited.timing.median()
    }

    /// What the audit may take: three times the head in float32, and 200 MB; behind a norm five times, as the folded rows
    /// are float64.
    pub fn memory_limit(&self) -> u64 {
        let times = if self.subject.is_behind_norm() { 5 } else { 3 };
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
            if let Some(v) = audited.verified {
                write("verify", [v.seconds; 3], 1, v.peak, [false; 2], "")?;
            }
            for stage in &line.stages {
                let what = format!("stage {}", stage.name);
                write(&what, [stage.seconds; 3], 1, 0, [false; 2], "")?;
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

/// Made-up results for tests.
#[cfg(test)]
pub mod examples {
    use std::path::Path;

    use super::*;
    use crate::audit::Verified;

    /// One line: an audit of 0.5 s, verified in 1 s, of a product of 4 s, with two stages.
    fn line(subject: Subject) -> Line {
        let stage = |name: &str, seconds| Stage { name: name.to_owned(), seconds };
        Line {
            subject,
            audited: Audited {
                timing: Timing::new(vec![0.5]),
                free: None,
                peak: 70_000_000,
                answer: "0 lost, 80 tied".to_owned(),
                wrong: Vec::new(),
                verified: Some(Verified { seconds: 1.0, peak: 90_000_000 }),
            },
            product: Product {
                timing: Timing::new(vec![4.0]),
                whole: true,
                by: "by hand".to_owned(),
            },
            estimates: Vec::new(),
            stages: vec![stage("read", 0.1), stage("screen", 0.3)],
        }
    }

    /// One head of the table, and one of each sweep.
    pub fn results() -> Results {
        let setting = Setting {
            date: "2026-01-01 00:00 UTC".to_owned(),
            processor: "a processor".to_owned(),
            threads: 2,
            commit: "0123456789".to_owned(),
            command: "speed".to_owned(),
            load: "0.00".to_owned(),
        };
        let heads = crate::heads::all(Path::new("models"), Path::new("scratch"));
        let head = heads.into_iter().find(|s| s.name == "smollm2").map(line);
        let swept =
            |tokens, dim| vec![line(crate::heads::of_size(tokens, dim, Path::new("scratch")))];
        Results {
            setting,
            heads: head.into_iter().collect(),
            by_tokens: swept(8192, 256),
            by_dim: swept(32000, 2048),
        }
    }

    #[test]
    fn the_file_has_a_line_for_each_measurement() {
        let mut csv = Vec::new();
        results().write_csv(&mut csv).unwrap();
        let csv = String::from_utf8(csv).unwrap();
        for measured in [
            "audit,smollm2,49152,576,free,1,0.500000,0.500000,0.500000,70000000,",
            "verify,smollm2,49152,576,free,1,1.000000,1.000000,1.000000,90000000,",
            "stage screen,cost-32000x2048,32000,2048,free,1,0.300000,",
        ] {
            assert_eq!(csv.matches(measured).count(), 1, "{measured} in {csv}");
        }
    }
}
