//! What a repair changed: `repair.json`, a page, and a text for a terminal.

mod page;

use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;

use super::options::HeadOptions;
use super::run::Run;
use super::{Report, command};
use crate::audit::Counts;
use crate::certify::{BestGap, Outcome, RowMove};
use crate::error::{Error, Result};
use crate::output_layer::OutputLayer;
use crate::repair::{Least, Part, Repair, Request, Target};

/// The name of the summary in its folder.
pub const SUMMARY: &str = "repair.json";
/// The name of the page in its folder.
pub const PAGE: &str = "repair.html";
/// The version of the layout of the summary.
pub const SCHEMA: &str = "unargmax repair 1";

/// The report of a repair.
pub struct RepairReport<'a> {
    /// The output layer before the repair.
    pub layer: &'a OutputLayer,
    /// The tensor that was changed.
    pub target: &'a Target,
    /// The result.
    pub repair: &'a Repair,
    /// Why this domain was audited.
    pub reason: &'a str,
    /// What was asked.
    pub request: Request<'a>,
    /// The repaired file.
    pub file: &'a Path,
    /// Whether a member of a zip archive was compressed anew.
    pub recompressed: bool,
    /// The options that chose the tensors.
    pub options: HeadOptions,
    /// When and by which command the repair was made.
    pub run: Run,
}

/// The content of `repair.json`.
#[derive(Serialize)]
struct Summary {
    schema: &'static str,
    tool: &'static str,
    version: &'static str,
    run: Run,
    checkpoint: String,
    file: String,
    tensor: String,
    part: &'static str,
    dtype: String,
    recompressed: bool,
    domain: String,
    domain_reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    least: Option<&'static str>,
    margin: f64,
    rounds: usize,
    before: Sided,
    after: Sided,
    freed: usize,
    changed: Totals,
    #[serde(skip_serializing_if = "Option::is_none")]
    lower_bound: Option<Bound>,
    /// Of rows: what the freed tokens need, each alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    alone: Option<Alone>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kept: Option<KeptStates>,
    tokens: Vec<Changed>,
}

/// A head before or after the repair.
#[derive(Serialize)]
struct Sided {
    sha256: String,
    counts: Counts,
}

/// The sizes of the changes together.
#[derive(Clone, Copy, Serialize)]
struct Totals {
    tokens: usize,
    sum: f64,
    largest: f64,
}

/// What no changes of biases that free the tokens fall below.
#[derive(Clone, Copy, Serialize)]
struct Bound {
    /// Of raises alone; absent where biases may fall as well.
    #[serde(skip_serializing_if = "Option::is_none")]
    sum: Option<f64>,
    largest: f64,
}

/// Lower bounds of the moves of the freed tokens' rows, each while all other rows stay. A repair moves many rows at once, so
/// these do not bound it.
#[derive(Clone, Copy, Serialize)]
struct Alone {
    sum: f64,
    largest: f64,
}

/// The hidden states that were kept.
#[derive(Clone, Copy, Serialize)]
struct KeptStates {
    states: usize,
    without_strict_winner: usize,
    winners_changed: usize,
}

/// A token that was changed or freed.
#[derive(Serialize)]
struct Changed {
    id: u32,
    token: String,
    before: &'static str,
    after: &'static str,
    /// Of a bias, in logits; of a row, the Euclidean length of the change.
    change: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    bias_needed: Option<(f64, f64)>,
    /// Of a row that is moved alone: no shorter change frees the token.
    #[serde(skip_serializing_if = "Option::is_none")]
    move_needed_low: Option<f64>,
}

impl RepairReport<'_> {
    /// The files of the audit of the repaired head, `repair.json` and the page, by name.
    ///
    /// # Errors
    /// As [`Report::files`].
    pub fn files(&self, folder: &Path) -> Result<Vec<(String, Vec<u8>)>> {
        let layer = self.layer.clone().with_head(self.repair.head.clone(), self.file);
        let report = Report::of(&layer, &self.repair.after)
            .with_domain_reason(self.reason)
            .with_checkpoint_from_folder(command::way(folder, self.file))
            .with_options(self.tensor_options())
            .with_run(self.run.clone());
        let mut files = report.files(folder)?;
        let summary = self.summary();
        let json = serde_json::to_string_pretty(&summary)
            .map_err(|e| Error::Internal(format!("{SUMMARY}: {e}")))?;
        files.push((SUMMARY.to_owned(), (json + "\n").into_bytes()));
        files.push((PAGE.to_owned(), page::render(&summary).into_bytes()));
        Ok(files)
    }

    /// The options by which the repaired file is read alone: those that were given, or the names of the tensors where the file
    /// is only one of a folder's.
    fn tensor_options(&self) -> HeadOptions {
        if Path::new(&self.layer.origin().path) == self.target.file() {
            return self.options.clone();
        }
        let located = self.layer.located();
        HeadOptions {
            weight: Some(located.weight.clone()),
            bias: Some(located.bias.clone().unwrap_or_else(|| "none".to_owned())),
            transpose: located.transposed,
        }
    }

    /// The content of `repair.json`.
    fn summary(&self) -> Summary {
        let Self { layer, target, repair, request, .. } = self;
        let sided = |head: &crate::head::Head, audit: &crate::audit::Audit| Sided {
            sha256: head.sha256(),
            counts: audit.counts(),
        };
        let kept = request.kept.map(|kept| KeptStates {
            states: kept.len(),
            without_strict_winner: kept.tied(),
            winners_changed: 0,
        });
        Summary {
            schema: SCHEMA,
            tool: "unargmax",
            version: env!("CARGO_PKG_VERSION"),
            run: self.run.published(),
            checkpoint: command::shareable(&layer.origin().path),
            file: command::shareable(&self.file.display().to_string()),
            tensor: target.name().to_owned(),
            part: self.part(),
            dtype: target.dtype(),
            recompressed: self.recompressed,
            domain: repair.after.domain().to_string(),
            domain_reason: self.reason.to_owned(),
            least: (repair.part == Part::Biases).then_some(match request.least {
                Least::Sum => "sum",
                Least::Largest => "largest",
            }),
            margin: request.margin,
            rounds: repair.rounds,
            before: sided(layer.head(), &repair.before),
            after: sided(&repair.head, &repair.after),
            freed: repair.freed.len(),
            changed: self.totals(),
            lower_bound: self.bound(),
            alone: self.alone(),
            kept,
            tokens: self.tokens(),
        }
    }

    /// What was changed, in a word.
    fn part(&self) -> &'static str {
        match self.repair.part {
            Part::Biases => "biases",
            Part::Rows => "rows",
        }
    }

    /// The sizes of the changes together.
    fn totals(&self) -> Totals {
        let changes = self.repair.changes(self.layer.head());
        Totals {
            tokens: changes.len(),
            sum: changes.iter().map(|(_, x)| x.abs()).sum(),
            largest: changes.iter().fold(0.0f64, |m, (_, x)| m.max(x.abs())),
        }
    }

    /// The lower bound that follows from the raise that each freed token needs alone.
    fn bound(&self) -> Option<Bound> {
        if self.repair.part == Part::Rows {
            return None;
        }
        let freed = |gap: &&BestGap| self.repair.freed.binary_search(&gap.token()).is_ok();
        let gaps = self.repair.before.bias_needed().iter().filter(freed);
        let needed: Vec<f64> = gaps.map(|gap| gap.bias_needed().0).collect();
        let largest = needed.iter().fold(0.0f64, |m, x| m.max(*x));
        Some(match self.request.least {
            Least::Sum => Bound { sum: Some(needed.iter().sum()), largest },
            Least::Largest => Bound { sum: None, largest: 0.5 * largest },
        })
    }

    /// What the rows of the freed tokens must move by, each while all others stay.
    fn alone(&self) -> Option<Alone> {
        if self.repair.part == Part::Biases {
            return None;
        }
        let freed = |found: &&RowMove| self.repair.freed.binary_search(&found.token()).is_ok();
        let needed = self.repair.before.moves_needed().iter().filter(freed).map(|m| m.ends().0);
        let (sum, largest) = needed.fold((0.0, 0.0f64), |(sum, most), x| (sum + x, most.max(x)));
        Some(Alone { sum, largest })
    }

    /// The tokens that were changed or freed, ids rising.
    fn tokens(&self) -> Vec<Changed> {
        let repair = self.repair;
        let changes = repair.changes(self.layer.head());
        let mut ids: Vec<u32> =
            changes.iter().map(|c| c.0).chain(repair.freed.iter().copied()).collect();
        ids.sort_unstable();
        ids.dedup();
        let (gaps, moves) = (repair.before.bias_needed(), repair.before.moves_needed());
        let one = |id: u32| {
            let name = |audit: &crate::audit::Audit| {
                audit.verdict(id).map_or("", |verdict| verdict.outcome().name())
            };
            let change = changes.binary_search_by_key(&id, |c| c.0).map_or(0.0, |at| changes[at].1);
            let needed = gaps.binary_search_by_key(&id, BestGap::token).ok();
            let is_moved = repair.part == Part::Rows;
            let far = moves.binary_search_by_key(&id, RowMove::token).ok().filter(|_| is_moved);
            Changed {
                id,
                token: self.layer.token(id),
                before: name(&repair.before),
                after: name(&repair.after),
                change,
                bias_needed: needed.filter(|_| !is_moved).map(|at| gaps[at].bias_needed()),
                move_needed_low: far.map(|at| moves[at].ends().0),
            }
        };
        ids.into_iter().map(one).collect()
    }

    /// Writes the counts before and after, and the sizes of the changes.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write(&self, out: &mut impl Write, seconds: f64) -> io::Result<()> {
        let Self { layer, target, repair, request, .. } = self;
        let located = layer.located();
        let (tokens, dim) = (located.head.tokens(), located.head.dim());
        writeln!(out, "head    {}: `{}`", layer.origin().path, located.weight)?;
        writeln!(out, "        {tokens} tokens x {dim} dimensions, {}", located.dtype)?;
        writeln!(out, "domain  {} ({})\n", repair.after.domain(), self.reason)?;
        let (before, after) = (repair.before.counts(), repair.after.counts());
        writeln!(out, "  {:<14}{:>10}{:>9}", "", "before", "after")?;
        for outcome in Outcome::ALL {
            let (old, new) = (before.of(outcome), after.of(outcome));
            writeln!(out, "  {:<14}{old:>10}{new:>9}", outcome.name())?;
        }
        let Totals { tokens, sum, largest } = self.totals();
        let what = format!("{tokens} {} of `{}` ({})", self.part(), target.name(), target.dtype());
        writeln!(
            out,
            "\nfreed   {} tokens; every token that could win still can",
            repair.freed.len()
        )?;
        let unit = if repair.part == Part::Biases { "logits" } else { "in Euclidean length" };
        writeln!(out, "changed {what}: sum {sum:.6}, largest {largest:.6} {unit}")?;
        match self.bound() {
            Some(Bound { sum: Some(sum), largest }) => writeln!(
                out,
                "bound   no raises that free these tokens have a sum below {sum:.6} or a largest one below {largest:.6}"
            )?,
            Some(Bound { sum: None, largest }) => writeln!(
                out,
                "bound   no changes of biases that free these tokens have a largest one below {largest:.6}"
            )?,
            None => {}
        }
        if let Some(Alone { sum, largest }) = self.alone() {
            writeln!(
                out,
                "alone   each of these rows must move by a proved least length while the others stay: sum {sum:.6}, largest \
                 {largest:.6}"
            )?;
        }
        if let Some(kept) = request.kept {
            let tied = match kept.tied() {
                0 => String::new(),
                n => format!(" ({n} more have no strict winner)"),
            };
            writeln!(out, "kept    {} hidden states: 0 winners changed{tied}", kept.len())?;
        }
        if self.recompressed {
            writeln!(
                out,
                "note    the member of the archive was compressed anew; other members keep their bytes"
            )?;
        }
        writeln!(out, "wrote   {} in {seconds:.2} s", self.file.display())
    }
}
