//! Stamps of the files that a model's numbers come from, by which a journal knows its run again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::model::Opened;
use unargmax::reach::journal::Stamp;
use unargmax::report::observed;

/// Returns a stamp of each file that a model's numbers come from, by name. These are the files of its folder that
/// hold tensors or say how they are used, or the one file given, with its other parts where it is split.
pub fn stamps(opened: &Opened) -> Result<BTreeMap<String, Stamp>> {
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let single = opened.path.is_file() && name(&opened.path).contains('.');
    let folder = match opened.checkpoint.folder() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_path_buf(),
        _ => PathBuf::from("."),
    };
    // All parts of a split file, such as `model-00001-of-00003.gguf`: names that differ only in the first number.
    let own = name(&opened.path);
    let split =
        own.split_once("-of-").and_then(|(start, end)| Some((start.rsplit_once('-')?.0, end)));
    let belongs = |file: &str| match (single, split) {
        (true, None) => file == own,
        (true, Some((start, end))) => file.starts_with(start) && file.ends_with(end),
        (false, _) => {
            let tensors = ["safetensors", "bin", "gguf", "pt", "pth"];
            let extension = Path::new(file).extension().and_then(|e| e.to_str());
            let holds_tensors = extension.is_some_and(|e| tensors.contains(&e));
            (holds_tensors && file != observed::CONTRADICTIONS)
                || file == "config.json"
                || file.ends_with(".index.json")
        }
    };
    let mut stamps = BTreeMap::new();
    let entries = std::fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
    for entry in entries {
        let path = entry.with_context(|| folder.display().to_string())?.path();
        if path.is_file() && belongs(&name(&path)) {
            stamps.insert(name(&path), Stamp::of(&path)?);
        }
    }
    Ok(stamps)
}
