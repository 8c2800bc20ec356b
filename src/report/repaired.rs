//! What a repair changed, as text.

use std::io::{self, Write};
use std::path::Path;

use crate::output_layer::OutputLayer;
use crate::repair::{Repair, Target};

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
}

impl RepairReport<'_> {
    /// Writes the counts before and after, and the sizes of the changes.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write(&self, out: &mut impl Write, file: &Path, seconds: f64) -> io::Result<()> {
        let Self { layer, target, repair, .. } = self;
        writeln!(out, "head    {}: `{}`", layer.origin().path, target.name())?;
        writeln!(out, "domain  {} ({})", repair.after.domain(), self.reason)?;
        writeln!(out, "before  {}", repair.before.counts())?;
        writeln!(out, "after   {}", repair.after.counts())?;
        let changes = repair.changes(layer.head());
        let sum: f64 = changes.iter().map(|(_, x)| x.abs()).sum();
        let largest = changes.iter().fold(0.0f64, |m, (_, x)| m.max(x.abs()));
        writeln!(out, "change  {} biases, sum {sum:.6}, largest {largest:.6}", changes.len())?;
        let needed: Vec<f64> =
            repair.before.bias_needed().iter().map(|gap| gap.bias_needed().0).collect();
        let bound: f64 = needed.iter().sum();
        let most = needed.iter().fold(0.0f64, |m, x| m.max(*x));
        writeln!(out, "bound   sum {bound:.6}, largest {most:.6} ({} rounds)", repair.rounds)?;
        writeln!(out, "wrote   {} in {seconds:.1} s", file.display())
    }
}
