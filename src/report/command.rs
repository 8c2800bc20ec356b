//! The shell commands that check the proofs of a report.

use std::path::{Component, Path, PathBuf};

use super::options::HeadOptions;
use super::results::summary::Summary;
use super::shell_words::{is_absolute, last_part, quoted};
use crate::certificate;
use crate::locate::bundled;

/// The command for a shell in the folder of the report, if the checkpoint still lies where it was audited.
pub const HERE: &str = "unargmax verify .";
/// The sentence that introduces [`HERE`].
pub const WHERE: &str =
    "To check the proofs with code that did not make them, in the folder of this report:";
/// The sentence that introduces the command of [`elsewhere`].
pub const WHERE_ELSEWHERE: &str = "With the place of the checkpoint and the audit's own options, if it is not where it was audited:";

/// The command for a checkpoint that lies elsewhere, with the audit's own options; to be run in the folder of the
/// report. It contains no path of the auditing machine except one that was given relative to the report. `None` for
/// the bundled head, which is available everywhere.
pub fn elsewhere(summary: &Summary) -> Option<String> {
    if summary.checkpoint.path == bundled::NAME {
        return None;
    }
    let mut words = vec!["unargmax".to_owned(), "verify".to_owned(), quoted(&place(summary))];
    words.push(certificate::FILE.to_owned());
    if let Some(HeadOptions { weight, bias, transpose }) = &summary.head.options {
        let given = [("weight", weight), ("bias", bias)];
        for (name, value) in given.into_iter().filter_map(|(n, v)| Some((n, v.as_ref()?))) {
            words.push(quoted(&format!("--{name}={value}")));
        }
        if *transpose {
            words.push("--transpose".to_owned());
        }
    }
    Some(words.join(" "))
}

/// The path of a checkpoint for publication: as it was given if it is relative, else only its last part.
pub fn shareable(path: &str) -> String {
    match is_absolute(path) {
        true => last_part(path).unwrap_or("a checkpoint").to_owned(),
        false => path.to_owned(),
    }
}

/// The checkpoint's path from the folder of the report if that reveals no more than the given path, else a
/// placeholder that ends in the checkpoint's name.
fn place(summary: &Summary) -> String {
    let path = &summary.checkpoint.path;
    match &summary.checkpoint.from_folder {
        Some(way) if named(way) == named(path) => way.clone(),
        _ => format!("/path/to/{}", last_part(path).unwrap_or("checkpoint")),
    }
}

/// The folders and the file in a path, without `.` and without parts that `..` leaves again.
fn named(path: &str) -> Vec<&str> {
    let mut names = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(names.pop()),
            name => names.push(name),
        }
    }
    names
}

/// The path from a folder to a checkpoint that was given by a relative path; the name of a model in a cache is the
/// same everywhere. `None` for absolute paths.
pub fn way(folder: &Path, checkpoint: &Path) -> Option<String> {
    if checkpoint.is_absolute() {
        return None;
    }
    if checkpoint.symlink_metadata().is_err() {
        return checkpoint.to_str().map(str::to_owned);
    }
    // Follow links in folders, as a shell does for `..`, but not in the last part, which gives the checkpoint its
    // name.
    let target = match (checkpoint.parent(), checkpoint.file_name()) {
        (Some(parent), Some(name)) => {
            let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
            parent.canonicalize().ok()?.join(name)
        }
        _ => checkpoint.canonicalize().ok()?,
    };
    let from = folder.canonicalize().ok()?;
    let (from, to): (Vec<Component>, Vec<Component>) =
        (from.components().collect(), target.components().collect());
    let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let up = from[shared..].iter().map(|_| Component::ParentDir);
    let way: PathBuf = up.chain(to[shared..].iter().copied()).collect();
    let way = way.to_str()?;
    Some(if way.is_empty() {
        ".".to_owned()
    } else if way.starts_with('-') {
        format!("./{way}")
    } else {
        way.to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_absolute_path_is_shared() {
        for (path, shown) in [
            ("/home/me/models/x.gguf", "x.gguf"),
            ("/home/me/model/", "model"),
            (r"C:\Users\me\x.gguf", "x.gguf"),
            ("models/x.gguf", "models/x.gguf"),
            ("org/name", "org/name"),
            ("/", "a checkpoint"),
        ] {
            assert_eq!(shareable(path), shown);
        }
    }

    #[test]
    fn a_way_is_shown_only_if_it_tells_no_more_than_the_path_that_was_given() {
        let shown = |path: &str, from_folder: Option<&str>| {
            let text = format!(
                r#"{{"schema": "unargmax summary 1", "version": "0",
                "checkpoint": {{"path": {path:?}, "bytes": 1, "format": "npy", "from_folder": {}}},
                "head": {{"weight": "w", "bias": null, "tokens": 1, "dim": 1, "dtype": "f32", "sha256": "0"}},
                "audits": [{{"domain": "free", "engine": "lp", "scope": 0,
                "counts": {{"argmaxable": 0, "tied": 0, "unargmaxable": 0, "undecided": 0}}}}]}}"#,
                from_folder.map_or("null".to_owned(), |way| format!("{way:?}"))
            );
            elsewhere(&Summary::from_bytes(Path::new("x"), text.as_bytes()).unwrap())
        };
        let verify = |place: &str| format!("unargmax verify {place} certificate.safetensors");
        for (path, from_folder, place) in [
            ("models/x.gguf", Some("../models/x.gguf"), "../models/x.gguf"),
            ("./a b/it's", Some("../../a b/it's"), r"'../../a b/it'\''s'"),
            ("./a/../x.gguf", Some("../x.gguf"), "../x.gguf"),
            ("x.gguf", Some("../../home/me/x.gguf"), "/path/to/x.gguf"),
            ("/home/me/x.gguf", None, "/path/to/x.gguf"),
            ("org/name", Some("org/name"), "org/name"),
            ("x y.gguf", None, "'/path/to/x y.gguf'"),
        ] {
            assert_eq!(shown(path, from_folder), Some(verify(place)));
        }
        assert_eq!(shown(bundled::NAME, None), None);
    }
}
