//! How the rows of a head lie, in `inspect.json` and on a terminal: clusters of near-equal rows, and rows that stand out.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;

use super::causes::{ClusterEntry, ClustersSummary, LIMITS, Limits};
use crate::causes::{Cause, RowLayout};
use crate::checkpoint::vocabulary::Vocabulary;

/// The most clusters that are named.
const NAMED: usize = 4;

/// The entry `rows` of an inspection. All rows count, padding too.
#[derive(Clone, Debug, Serialize)]
pub struct InspectedRows {
    limits: Limits,
    /// `None` if they would cost too much.
    clusters: Option<ClustersSummary>,
    /// How many rows stand out in each way, by the names of causes; each row counts once.
    standing_out: BTreeMap<&'static str, usize>,
    looks_untrained: usize,
    /// The names of the first rows of the largest clusters.
    #[serde(skip)]
    names: Vec<String>,
}

impl InspectedRows {
    /// Summarises a layout of rows.
    pub fn of(layout: &RowLayout, vocabulary: Option<&Vocabulary>) -> Self {
        let clusters = ClustersSummary::of(layout);
        let name = |cluster: &ClusterEntry| {
            vocabulary.map_or(format!("#{}", cluster.first), |v| v.label(cluster.first as usize))
        };
        let largest = clusters.iter().flat_map(|clusters| &clusters.largest);
        let names = largest.take(NAMED).map(name).collect();
        let mut standing_out = BTreeMap::new();
        for cause in layout.ids().iter().filter_map(|&id| layout.trait_of(id)) {
            *standing_out.entry(cause.name()).or_default() += 1;
        }
        let untrained = layout.ids().iter().filter(|&&id| layout.looks_untrained(id)).count();
        InspectedRows { limits: LIMITS, clusters, standing_out, looks_untrained: untrained, names }
    }

    /// Writes the lines of a terminal.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let near = self.limits.near;
        match &self.clusters {
            None => writeln!(
                out,
                "alike   not computed: so many rows are crowded in one place that comparing them would take too long"
            )?,
            Some(clusters) if clusters.count == 0 => {
                writeln!(
                    out,
                    "alike   no two rows are within {near} of the median norm of each other"
                )?;
            }
            Some(clusters) => {
                let sizes = clusters.largest.iter().zip(&self.names);
                let sizes: Vec<String> =
                    sizes.map(|(cluster, name)| format!("{} with {name}", cluster.rows)).collect();
                let more = if clusters.count > sizes.len() { ", ..." } else { "" };
                let plural = if clusters.count == 1 { "" } else { "s" };
                writeln!(
                    out,
                    "alike   {} rows in {} cluster{plural} of near-equal rows (within {near} of the median norm): {}{more}",
                    clusters.rows,
                    clusters.count,
                    sizes.join(", ")
                )?;
            }
        }
        let count = |cause: Cause| self.standing_out.get(cause.name()).copied().unwrap_or(0);
        writeln!(
            out,
            "places  {} rows at the mean of all rows, {} near it, {} short; {} look untrained",
            count(Cause::MeanRow),
            count(Cause::NearMean),
            count(Cause::ShortRow),
            self.looks_untrained
        )
    }
}
