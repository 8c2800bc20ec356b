//! The output of an audit: a table, a summary, folders of files, and pages.
//!
//! `summary`, `table` and `measures` write the results of an audit; `results` reads them back; `page`, `plots`,
//! `markdown`, `multiqc`, `compare` and `baseline` use only what was read back, so that a report made later from the folder is
//! the same.

#[doc(hidden)]
pub mod baseline;
pub(crate) mod beams;
mod beyond;
pub(crate) mod causes;
mod columns;
#[doc(hidden)]
pub mod command;
#[doc(hidden)]
pub mod compare;
#[doc(hidden)]
pub mod consistency;
#[doc(hidden)]
pub mod cost;
mod explained;
mod fields;
#[doc(hidden)]
pub mod files;
#[doc(hidden)]
pub mod folder;
#[doc(hidden)]
pub mod frequencies;
#[doc(hidden)]
pub mod gate;
mod inspected_rows;
#[doc(hidden)]
pub mod inspection;
#[doc(hidden)]
pub mod kept;
#[doc(hidden)]
pub mod label_sets;
#[doc(hidden)]
pub mod ladder;
mod lost_text;
#[doc(hidden)]
pub mod markdown;
pub(crate) mod measured;
mod measured_lines;
mod measured_text;
#[doc(hidden)]
pub mod measures;
#[doc(hidden)]
pub mod moved_rows;
#[doc(hidden)]
pub mod multiqc;
#[doc(hidden)]
pub mod numbers;
#[doc(hidden)]
pub mod observed;
#[doc(hidden)]
pub mod options;
#[doc(hidden)]
pub mod own_files;
pub(crate) mod padding;
#[doc(hidden)]
pub mod page;
#[cfg(feature = "lp")]
#[doc(hidden)]
pub mod patched_file;
pub(crate) mod plots;
mod preflight;
pub(crate) mod probability;
mod proof_words;
mod ranks;
#[cfg(feature = "lp")]
#[doc(hidden)]
pub mod repaired;
#[doc(hidden)]
pub mod results;
#[doc(hidden)]
pub mod run;
mod save;
mod scale;
mod shell_words;
pub(crate) mod shown;
mod subject;
pub(crate) mod summary;
pub(crate) mod table;
pub(crate) mod tally;
#[doc(hidden)]
pub mod terms;
#[doc(hidden)]
pub mod text;
mod ticks;
pub(crate) mod words;

pub use save::Report;
