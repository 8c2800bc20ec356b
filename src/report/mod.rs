//! What people and programs read after an audit: a table, a summary, files written whole, and pages.
//!
//! `summary`, `table` and `measures` write what an audit found; `results` reads that back; `page`,
//! `plots`, `markdown`, `compare` and `baseline` see only what was read back, so that a folder says the
//! same the day after.

pub mod baseline;
pub mod beyond;
pub mod command;
pub mod compare;
pub mod consistency;
pub mod cost;
mod fields;
pub mod files;
pub mod folder;
pub mod gate;
pub mod inspection;
pub mod markdown;
pub mod measured;
mod measured_text;
pub mod measures;
pub mod observed;
pub mod options;
pub mod own_files;
pub mod padding;
pub mod page;
pub mod plots;
pub mod results;
mod save;
mod scale;
pub mod shown;
mod subject;
pub mod summary;
pub mod table;
pub mod tally;
pub mod text;
mod ticks;
pub mod words;

pub use save::Report;

/// Whether a row of this kind is no part of the language: a control token, a reserved id, padding.
pub(crate) fn is_marginal(kind: &str) -> bool {
    !matches!(kind, "" | "ordinary" | "byte")
}
