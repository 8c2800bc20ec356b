//! The result folder of a study: CSV files, figures and a page.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::provenance::Provenance;
use super::{Outcome, Study, Table, page};

/// Writes the folder beside its place first, so that an interrupted run leaves the old one.
pub fn write(to: &Path, study: &Study, outcome: &Outcome, provenance: &Provenance) -> Result<()> {
    let parent = to.parent().context("a result folder needs a name")?;
    fs::create_dir_all(parent).with_context(|| parent.display().to_string())?;
    let fresh = tempfile::Builder::new().prefix(".study-").tempdir_in(parent)?;
    for figure in &outcome.figures {
        fs::write(fresh.path().join(format!("{}.svg", figure.name)), figure.svg()?)?;
    }
    for table in &outcome.tables {
        write_table(&fresh.path().join(format!("{}.csv", table.name)), table)?;
    }
    if !outcome.comparisons.is_empty() {
        write_table(&fresh.path().join("published.csv"), &comparisons(outcome))?;
    }
    for (name, from) in &outcome.files {
        let copy = fresh.path().join(name);
        fs::create_dir_all(copy.parent().context("a file needs a folder")?)?;
        fs::copy(from, &copy).with_context(|| from.display().to_string())?;
    }
    let page = page::render(study, outcome, provenance);
    fs::write(fresh.path().join("index.html"), page)?;
    if to.exists() {
        fs::remove_dir_all(to).with_context(|| to.display().to_string())?;
    }
    // Temporary folders are private; results are not.
    #[cfg(unix)]
    fs::set_permissions(fresh.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    fs::rename(fresh.keep(), to).with_context(|| to.display().to_string())
}

fn write_table(to: &Path, table: &Table) -> Result<()> {
    let mut file = csv::Writer::from_path(to).with_context(|| to.display().to_string())?;
    file.write_record(&table.columns)?;
    for row in &table.rows {
        file.write_record(row)?;
    }
    Ok(file.flush()?)
}

/// The comparisons as a table.
fn comparisons(outcome: &Outcome) -> Table {
    let columns = ["what", "published", "from", "here", "difference", "standing"];
    let mut table = Table::new("published", "", &columns);
    for c in &outcome.comparisons {
        table.push(&[&c.what, &c.published, &c.from, &c.ours, &c.difference, &c.standing.says()]);
    }
    table
}
