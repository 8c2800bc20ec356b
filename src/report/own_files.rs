//! Which files in a folder this program wrote: by their names, and by what they say of themselves. A file of such a name
//! that says nothing of the kind is somebody else's.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use super::{inspection, markdown, measures, observed, page, results};
use crate::certificate;
use crate::error::{Error, Result};

/// The files that one command writes into its folder. A run that does not write one of them removes what an earlier run
/// left of it.
#[derive(Debug)]
pub struct Product {
    names: &'static [&'static str],
    pictures: bool,
    /// What to do about a file that is not ours.
    pub way_out: &'static str,
}

/// The radii's name in the folder of an audit.
pub const RADII: &str = "radius.csv";
/// The names of a comparison's files.
pub const COMPARISON_FILES: [&str; 3] = ["compare.html", "compare.csv", "changes.csv"];

const FORCE: &str = "move it away, name another folder, or replace it by --force";

/// What `audit` writes.
pub const AUDIT: Product = Product {
    names: &[
        results::SUMMARY,
        results::VERDICTS,
        inspection::FILE,
        certificate::FILE,
        RADII,
        measures::FILE,
        page::FILE,
        markdown::FILE,
    ],
    pictures: true,
    way_out: FORCE,
};
/// What `report` writes. Pictures of an earlier report are of the same audit; they go only where new ones come.
pub const REPORT: Product =
    Product { names: &[page::FILE, markdown::FILE], pictures: false, way_out: FORCE };
/// What `report --svg` writes.
pub const REPORT_WITH_PICTURES: Product =
    Product { names: &[page::FILE, markdown::FILE], pictures: true, way_out: FORCE };
/// What `compare` writes.
pub const COMPARISON: Product =
    Product { names: &COMPARISON_FILES, pictures: false, way_out: FORCE };
/// What `observe` writes.
pub const OBSERVATION: Product = Product {
    names: &[observed::FILE, observed::CONTRADICTIONS],
    pictures: false,
    way_out: "move it away or name another folder",
};

/// The names of pictures; each losing token may have one of its own, `projection-ID`.
const PICTURES: [&str; 8] =
    ["verdicts", "effort", "margins", "bias-needed", "row-norms", "spectrum", "ids", "rivals"];

impl Product {
    /// Whether the command writes a file of this name.
    pub fn has(&self, name: &str) -> bool {
        let picture = |stem: &str| {
            let id = stem.strip_prefix("projection-");
            PICTURES.contains(&stem)
                || id.is_some_and(|id| !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit()))
        };
        self.names.contains(&name)
            || self.pictures && name.strip_suffix(".svg").is_some_and(picture)
    }
}

/// Refuses to replace what lies at `path`, unless nothing does, or a file with `mark` near its start: one that this
/// program wrote. Links, devices and pipes are refused.
///
/// # Errors
/// The path, and what to do.
pub fn check_replaceable(path: &Path, mark: &str) -> Result<()> {
    let refused = |kind, reason: &str| Err(Error::io(path, io::Error::new(kind, reason)));
    let metadata = match path.symlink_metadata() {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other.map_err(|e| Error::io(path, e))?,
    };
    if !metadata.is_file() {
        return refused(
            io::ErrorKind::InvalidInput,
            "is there already, and is no regular file; name another",
        );
    }
    let file = File::open(path).map_err(|e| Error::io(path, e))?;
    let mut start = Vec::new();
    file.take(READ).read_to_end(&mut start).map_err(|e| Error::io(path, e))?;
    if !String::from_utf8_lossy(&start).contains(mark) {
        let reason =
            "is there already, and unargmax did not write it; move it away or name another file";
        return refused(io::ErrorKind::AlreadyExists, reason);
    }
    Ok(())
}

/// Bytes that are read from either end of a file.
const READ: u64 = 1 << 16;

/// Whether a file says of itself that this program wrote it.
///
/// # Errors
/// A file that cannot be read.
pub fn is_own(path: &Path) -> io::Result<bool> {
    let mut file = File::open(path)?;
    if !file.metadata()?.is_file() {
        return Ok(false);
    }
    let (mut start, mut end) = (Vec::new(), Vec::new());
    file.by_ref().take(READ).read_to_end(&mut start)?;
    let length = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(length.saturating_sub(READ)))?;
    file.take(READ).read_to_end(&mut end)?;
    let (start, end) = (String::from_utf8_lossy(&start), String::from_utf8_lossy(&end));
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let schema = |of: &str| {
        let text: String = start.chars().filter(|c| !c.is_whitespace()).take(200).collect();
        text.starts_with(&format!("{{\"schema\":\"unargmax{of}"))
    };
    Ok(match name {
        results::SUMMARY => schema("summary"),
        inspection::FILE => schema("inspect"),
        measures::FILE => schema("report"),
        certificate::FILE => start.contains(certificate::FORMAT),
        observed::CONTRADICTIONS => {
            ["\"state\"", "\"token\"", "\"position\""].iter().all(|name| start.contains(name))
        }
        markdown::FILE => end.contains("Made by unargmax "),
        page::FILE | "compare.html" => {
            start.contains("<meta name=\"generator\" content=\"unargmax ")
        }
        results::VERDICTS => start.starts_with("id,token,piece,kind,row_norm,verdict,"),
        RADII => start.starts_with("id,radius"),
        observed::FILE => start.starts_with("id,token,piece,kind,verdict,argmax,"),
        "compare.csv" => start.starts_with("audit,step,checkpoint,sha256,"),
        "changes.csv" => start.starts_with("id,token,piece,"),
        _ => start.starts_with("<svg width=\"") && start.contains("<style>text{paint-order:stroke"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_known_by_their_names() {
        for name in ["ids.svg", "projection-0.svg", "projection-4411.svg", "report.html"] {
            assert!(AUDIT.has(name), "{name}");
        }
        for name in ["projection-.svg", "projection-x.svg", "logo.svg", "ids.png", "notes.txt"] {
            assert!(!AUDIT.has(name), "{name}");
        }
        assert!(!REPORT.has("ids.svg") && REPORT_WITH_PICTURES.has("ids.svg"));
    }

    #[test]
    fn a_file_is_ours_by_what_it_says() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text, ours) in [
            ("summary.json", "{\n  \"schema\": \"unargmax summary 1\"", true),
            ("summary.json", "{\"schema\": \"another\", \"x\": \"unargmax summary 1\"", false),
            ("summary.md", "## x\n\nMade by unargmax 0.1.0.\n", true),
            ("summary.md", "## My notes on unargmax\n", false),
            ("report.html", "<meta name=\"generator\" content=\"unargmax 0.1.0\">", true),
            ("report.html", "<html>unargmax", false),
            ("verdicts.csv", "id,token\n", false),
            ("ids.svg", "<svg xmlns=\"\"><title>a</title>", false),
            ("radius.csv", "", false),
        ] {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            assert_eq!(is_own(&path).unwrap(), ours, "{name}: {text}");
        }
    }
}
