//! Checkpoints that are more than one plain file.

use std::path::Path;

use serde_json::Value;

use crate::files::{Folder, SQUARE, Stored};
use crate::{counts, said, summary, unargmax, utf8};

/// Writes a model's folder below `place`: a head of `tokens` of the five tokens of the square.
fn model(folder: &Folder, place: &str, tokens: usize) {
    std::fs::create_dir_all(folder.path(place)).unwrap();
    let file = format!("{place}/model.safetensors");
    folder.safetensors(
        &file,
        &[("lm_head.weight", Stored::f32(&[tokens, 2], &SQUARE[..2 * tokens]))],
    );
    folder.write(&format!("{place}/config.json"), "{}");
}

/// A folder with a cache at `hf`, whose `org/name` has five tokens.
fn cache() -> Folder {
    let folder = Folder::new();
    let entry = "hf/hub/models--org--name";
    model(&folder, &format!("{entry}/snapshots/0123abcd"), 5);
    std::fs::create_dir_all(folder.path(&format!("{entry}/refs"))).unwrap();
    folder.write(&format!("{entry}/refs/main"), "0123abcd");
    folder
}

/// Runs `audit org/name` in the folder `at`, with one variable of the cache set and its others not.
fn audit(at: &Path, variable: &str, value: &Path) -> std::process::Output {
    let mut command = unargmax();
    for other in ["HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME", "HOME"] {
        command.env_remove(other);
    }
    command
        .env(variable, value)
        .current_dir(at)
        .args(["audit", "org/name", "--json"])
        .output()
        .unwrap()
}

fn tokens(output: &std::process::Output) -> u64 {
    assert_eq!(output.status.code(), Some(0), "{}", said(output));
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    summary["head"]["tokens"].as_u64().unwrap()
}

#[test]
fn a_model_in_the_cache_is_found_by_its_name() {
    let folder = cache();
    let at = folder.path("");
    assert_eq!(tokens(&audit(&at, "HF_HOME", &folder.path("hf"))), 5);
    assert_eq!(tokens(&audit(&at, "HF_HUB_CACHE", &folder.path("hf/hub"))), 5);
    let home = folder.path("home");
    std::fs::create_dir_all(home.join(".cache")).unwrap();
    std::fs::rename(folder.path("hf"), home.join(".cache/huggingface")).unwrap();
    assert_eq!(tokens(&audit(&at, "HOME", &home)), 5);
}

#[test]
fn a_folder_of_that_name_comes_before_the_cache() {
    let folder = cache();
    model(&folder, "org/name", 4);
    assert_eq!(tokens(&audit(&folder.path(""), "HF_HOME", &folder.path("hf"))), 4);
}

#[test]
fn a_model_that_is_not_in_the_cache_is_told_with_the_place() {
    let folder = Folder::new();
    let output = audit(&folder.path(""), "HF_HOME", &folder.path("hf"));
    assert_eq!(output.status.code(), Some(2));
    let error = said(&output);
    let place = folder.path("hf/hub");
    assert!(error.contains("org/name: ") && error.contains(utf8(&place)), "{error}");
    assert!(
        error.contains("models--org--name") && error.contains("nothing is downloaded"),
        "{error}"
    );
}

#[test]
fn a_snapshot_that_is_missing_is_named() {
    let folder = cache();
    folder.write("hf/hub/models--org--name/refs/main", "ffff");
    let output = audit(&folder.path(""), "HF_HOME", &folder.path("hf"));
    assert!(
        output.status.code() == Some(2) && said(&output).contains("snapshots/ffff"),
        "{output:?}"
    );
}

#[test]
fn a_folder_is_audited_and_its_size_is_that_of_its_tensors() {
    let folder = Folder::new();
    model(&folder, "model", 5);
    let path = folder.path("model");
    let read = summary(&["audit", utf8(&path)]);
    assert_eq!(counts(&read), [4, 0, 1, 0]);
    assert_eq!(read["checkpoint"]["format"], "safetensors");
    let bytes = std::fs::metadata(path.join("model.safetensors")).unwrap().len();
    assert_eq!(read["checkpoint"]["bytes"], bytes);
}

#[test]
fn a_pickle_of_torch_is_audited_like_the_same_numbers_in_safetensors() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/pickles");
    for name in ["views.whole", "views.turned", "state_dict.half"] {
        let audit = |file: &str| {
            let path = golden.join(file);
            let read = summary(&["audit", utf8(&path), "--weight", name, "--bias", "none"]);
            (counts(&read), read["head"].clone())
        };
        assert_eq!(audit("zip.pt"), audit("torch.safetensors"));
        assert_eq!(audit("legacy.pt"), audit("torch.safetensors"));
    }
}
