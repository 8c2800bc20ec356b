//! Finds a model by its name in the local cache of Hugging Face.
//!
//! Layout and variables: <https://huggingface.co/docs/huggingface_hub/guides/manage-cache> and
//! <https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables>.

use std::ffi::OsString;
use std::io::{Error as IoError, ErrorKind};
use std::path::{Component, Path, PathBuf};

use crate::error::{Error, Result};

/// The longest content of a reference file that is read, in bytes; it holds a hash.
const LONGEST_REFERENCE: u64 = 256;

/// Returns the snapshot folder of the model called `name` in the cache; `None` if that is not a model name.
///
/// # Errors
/// A model that is not in the cache; the error names the place that was searched. Nothing is downloaded.
pub(in crate::checkpoint) fn find(name: &Path) -> Result<Option<PathBuf>> {
    let Some(entry) = entry(name) else { return Ok(None) };
    let hub = hub(|variable| std::env::var_os(variable).filter(|value| !value.is_empty()));
    let model = hub.as_ref().map(|hub| hub.join(&entry));
    match model.filter(|model| model.is_dir()) {
        Some(model) => snapshot(&model).map(Some),
        // A name without an organisation, or with the extension of a file, is more likely meant as a file.
        None if name.components().count() < 2 || super::is_called_a_file(name) => Ok(None),
        None => {
            let place = hub.map_or_else(
                || "that has no place, as neither HF_HOME nor HOME is set".to_owned(),
                |hub| format!("{} (HF_HOME, HF_HUB_CACHE)", hub.display()),
            );
            let said = format!(
                "there is no such file or folder, and no {entry} in the cache of Hugging Face, {place}; nothing is downloaded"
            );
            Err(Error::io(name, IoError::new(ErrorKind::NotFound, said)))
        }
    }
}

/// Returns the cache's folder name for the model `org/name` or `name`; `None` for characters that names cannot have.
fn entry(name: &Path) -> Option<String> {
    let parts: Vec<&str> = name
        .components()
        .map(|part| match part {
            Component::Normal(part) => part.to_str().filter(|part| {
                part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
            }),
            _ => None,
        })
        .collect::<Option<_>>()?;
    matches!(parts.len(), 1 | 2).then(|| format!("models--{}", parts.join("--")))
}

/// Returns the folder of all models, by the environment variables of `huggingface_hub`.
fn hub(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    if let Some(hub) = variable("HF_HUB_CACHE").or_else(|| variable("HUGGINGFACE_HUB_CACHE")) {
        return Some(hub.into());
    }
    let home = variable("HF_HOME").map(PathBuf::from).or_else(|| {
        let cache = variable("XDG_CACHE_HOME").map(PathBuf::from);
        let home = || variable("HOME").or_else(|| variable("USERPROFILE"));
        let cache = cache.or_else(|| home().map(|home| Path::new(&home).join(".cache")));
        cache.map(|cache| cache.join("huggingface"))
    });
    home.map(|home| home.join("hub"))
}

/// Returns the snapshot folder that `refs/main` of a model names.
fn snapshot(model: &Path) -> Result<PathBuf> {
    let reference = model.join("refs").join("main");
    let long = std::fs::metadata(&reference).is_ok_and(|file| file.len() > LONGEST_REFERENCE);
    let hash = match std::fs::read_to_string(&reference) {
        _ if long => return Err(Error::malformed(&reference, "this is not a reference")),
        Ok(hash) => hash.trim().to_owned(),
        Err(source) => return Err(Error::io(&reference, source)),
    };
    if hash.is_empty() || !hash.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(Error::malformed(
            &reference,
            format!("`{hash}` is not the hash of a snapshot"),
        ));
    }
    let snapshot = model.join("snapshots").join(hash);
    match snapshot.is_dir() {
        true => Ok(snapshot),
        false => Err(Error::io(&snapshot, ErrorKind::NotFound.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_models_and_nothing_else() {
        assert_eq!(entry(Path::new("org/na-me_1.5")).unwrap(), "models--org--na-me_1.5");
        assert_eq!(entry(Path::new("gpt2")).unwrap(), "models--gpt2");
        for other in ["a/b/c", "/a/b", "../a", "./a/..", "a b/c", "", "a/é"] {
            assert_eq!(entry(Path::new(other)), None, "{other}");
        }
    }

    #[test]
    fn the_nearest_variable_counts() {
        let set = |variables: &[(&str, &str)]| {
            hub(|name| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| value.into()))
        };
        let all = [
            ("HF_HUB_CACHE", "/hub"),
            ("HF_HOME", "/hf"),
            ("XDG_CACHE_HOME", "/x"),
            ("HOME", "/h"),
        ];
        let expected = ["/hub", "/hf/hub", "/x/huggingface/hub", "/h/.cache/huggingface/hub"];
        for (from, expected) in expected.iter().enumerate() {
            assert_eq!(set(&all[from..]).unwrap(), Path::new(expected));
        }
        assert_eq!(set(&[]), None);
    }

    #[test]
    fn a_reference_leads_to_its_snapshot_and_not_out_of_the_cache() {
        let folder = tempfile::tempdir().unwrap();
        let model = folder.path();
        std::fs::create_dir_all(model.join("refs")).unwrap();
        std::fs::create_dir_all(model.join("snapshots/abc123")).unwrap();
        let refer = |text: &str| std::fs::write(model.join("refs/main"), text).unwrap();
        refer("abc123\n");
        assert_eq!(snapshot(model).unwrap(), model.join("snapshots/abc123"));
        for text in ["../refs", "/etc", "", "def", &"a".repeat(1 << 16)] {
            refer(text);
            assert!(snapshot(model).is_err(), "{text}");
        }
    }
}
