//! Recognises the files in a folder that this program wrote, by their names and by a mark in their content. A file
//! with such a name but without the mark is foreign.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use super::{
    inspection, label_sets, ladder, markdown, measures, moved_rows, multiqc, observed, page,
    results,
};
use crate::certificate;
use crate::error::{Error, Result};

/// The names of the files that one command writes into its folder. A run that does not write one of them removes the
/// one of an earlier run.
#[derive(Debug)]
pub struct Product {
    names: &'static [&'static str],
    pictures: bool,
    /// The advice for a foreign file that prevents writing.
    pub advice: &'static str,
}

/// The name of the file of radii in the folder of an audit.
pub const RADII: &str = "radius.csv";
/// The names of the files of a comparison.
pub const COMPARISON_FILES: [&str; 3] = ["compare.html", "compare.csv", "changes.csv"];

/// The advice for commands that have `--force`.
const FORCE: &str = "move it away, name another folder, or replace it by --force";

/// The files that `audit` writes.
pub const AUDIT: Product = Product {
    names: &[
        results::SUMMARY,
        results::VERDICTS,
        inspection::FILE,
        certificate::FILE,
        RADII,
        moved_rows::FILE,
        measures::FILE,
        page::FILE,
        markdown::FILE,
        multiqc::FILE,
    ],
    pictures: true,
    advice: FORCE,
};
/// The files that `report` writes. Pictures of an earlier report belong to the same audit, so they are replaced only
/// by new ones.
pub const REPORT: Product =
    Product { names: &[page::FILE, markdown::FILE, multiqc::FILE], pictures: false, advice: FORCE };
/// The files that `report --svg` writes.
pub const REPORT_WITH_PICTURES: Product =
    Product { names: &[page::FILE, markdown::FILE, multiqc::FILE], pictures: true, advice: FORCE };
/// The files that `compare` writes.
pub const COMPARISON: Product =
    Product { names: &COMPARISON_FILES, pictures: false, advice: FORCE };
/// The files that `observe` writes.
pub const OBSERVATION: Product = Product {
    names: &[observed::FILE, observed::CONTRADICTIONS],
    pictures: false,
    advice: "move it away or name another folder",
};
/// The files that `labels` writes.
pub const LABEL_SETS: Product = Product {
    names: &[label_sets::TABLE, label_sets::SUMMARY, certificate::FILE],
    pictures: false,
    advice: FORCE,
};
/// The files that `reach` writes.
pub const REACH: Product = Product {
    names: &[ladder::TABLE, ladder::SUMMARY, ladder::WITNESSES, ladder::PAGE],
    pictures: false,
    advice: FORCE,
};

/// The files that `repair` writes beside the repaired file: those of an audit, and its own.
pub const REPAIR: Product = Product {
    names: &[
        results::SUMMARY,
        results::VERDICTS,
        inspection::FILE,
        certificate::FILE,
        measures::FILE,
        page::FILE,
        markdown::FILE,
        multiqc::FILE,
        REPAIR_SUMMARY,
        REPAIR_PAGE,
    ],
    pictures: false,
    advice: FORCE,
};

/// The names of `repair`'s own files.
const REPAIR_SUMMARY: &str = "repair.json";
const REPAIR_PAGE: &str = "repair.html";

/// The names of the pictures; each losing token may also have its own, `projection-ID`.
const PICTURES: [&str; 10] = [
    "verdicts",
    "effort",
    "margins",
    "bias-needed",
    "probability",
    "ranks",
    "row-norms",
    "spectrum",
    "ids",
    "rivals",
];

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

/// Checks that writing to `path` replaces nothing but a file with `mark` near its start, which this program wrote.
/// Links, devices and pipes are refused.
///
/// # Errors
/// The file must not be replaced; the message says what to do.
pub fn check_replaceable(path: &Path, mark: &str) -> Result<()> {
    let refused = |kind, reason: &str| Err(Error::io(path, io::Error::new(kind, reason)));
    let metadata = match path.symlink_metadata() {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other.map_err(|e| Error::io(path, e))?,
    };
    if !metadata.is_file() {
        return refused(
            io::ErrorKind::InvalidInput,
            "is there already, and is not a regular file; name another",
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

/// The number of bytes read from each end of a file.
const READ: u64 = 1 << 16;

/// Whether the content of a file says that this program wrote it.
///
/// # Errors
/// The file cannot be read.
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
        multiqc::FILE => schema("mqc"),
        label_sets::SUMMARY => schema("sets"),
        ladder::SUMMARY => schema("reach"),
        ladder::TABLE => start.starts_with("id,token,piece,kind,chosen,free,real,"),
        ladder::WITNESSES => start.contains(ladder::MARK),
        REPAIR_SUMMARY => schema("repair"),
        label_sets::TABLE => start.starts_with("set,size,labels,names,verdict,"),
        certificate::FILE => start.contains(certificate::FORMAT),
        observed::CONTRADICTIONS => {
            ["\"state\"", "\"token\"", "\"position\""].iter().all(|name| start.contains(name))
        }
        markdown::FILE => end.contains("Made by unargmax "),
        page::FILE | ladder::PAGE | REPAIR_PAGE | "compare.html" => {
            start.contains("<meta name=\"generator\" content=\"unargmax ")
        }
        results::VERDICTS => start.starts_with("id,token,piece,kind,row_norm,verdict,"),
        moved_rows::FILE => start.contains(moved_rows::MARK),
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
            ("unargmax_mqc.json", "{\n  \"schema\": \"unargmax mqc 1\"", true),
            ("unargmax_mqc.json", "{\"id\": \"unargmax\"", false),
            ("summary.md", "## x\n\nMade by unargmax 0.1.0.\n", true),
            ("summary.md", "## My notes on unargmax\n", false),
            ("report.html", "<meta name=\"generator\" content=\"unargmax 0.1.0\">", true),
            ("report.html", "<html>unargmax", false),
            ("verdicts.csv", "id,token\n", false),
            ("ids.svg", "<svg xmlns=\"\"><title>a</title>", false),
            ("radius.csv", "", false),
            (
                "moved-rows.safetensors",
                "{\"__metadata__\":{\"format\":\"unargmax moved rows\"}}",
                true,
            ),
        ] {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            assert_eq!(is_own(&path).unwrap(), ours, "{name}: {text}");
        }
    }
}
