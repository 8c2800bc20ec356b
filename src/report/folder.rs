//! The files that are made from results: the page, the summary, the row for MultiQC, and on demand the pictures.

use super::results::Reported;
use super::results::verdicts::Outcome;
use super::{markdown, multiqc, page, plots};

/// The name of a file and its bytes.
pub type File = (String, Vec<u8>);

/// The report of an audit as files; with `pictures`, each picture is also a file.
pub fn files(reported: &Reported, pictures: bool) -> Vec<File> {
    let mut files: Vec<File> = vec![
        (page::FILE.to_owned(), page::render(reported).into_bytes()),
        (markdown::FILE.to_owned(), markdown::render(reported).into_bytes()),
        (multiqc::FILE.to_owned(), multiqc::render(reported).into_bytes()),
    ];
    if pictures {
        let lost = reported.results.table.having(Outcome::Unargmaxable);
        let projections = lost.filter_map(|row| plots::projection(reported, row.id));
        let figures = plots::overview(reported).into_iter().chain(projections);
        files.extend(figures.map(|f| (format!("{}.svg", f.name), f.file().into_bytes())));
    }
    files
}
