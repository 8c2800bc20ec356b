//! Folders, and names in a cache.

use std::path::{Path, PathBuf};

use super::build::safetensors;
use super::pickle::archive_of;
use unargmax::checkpoint;

const INDEX: &str = "model.safetensors.index.json";

/// A shard with these tensors of one f32 each.
fn shard(names: &[&str]) -> Vec<u8> {
    let entry = |(at, name): (usize, &&str)| {
        format!(
            r#""{name}":{{"dtype":"F32","shape":[1],"data_offsets":[{},{}]}}"#,
            4 * at,
            4 * at + 4
        )
    };
    let entries: Vec<_> = names.iter().enumerate().map(entry).collect();
    safetensors(&format!("{{{}}}", entries.join(",")), &vec![63; 4 * names.len()])
}

/// A folder with two shards; its index.
pub fn valid_folder(folder: &Path) -> PathBuf {
    std::fs::write(folder.join("one.safetensors"), shard(&["a", "b"])).unwrap();
    std::fs::write(folder.join("two.safetensors"), shard(&["c"])).unwrap();
    index(folder, &[("a", "one.safetensors"), ("b", "one.safetensors"), ("c", "two.safetensors")])
}

fn index(folder: &Path, map: &[(&str, &str)]) -> PathBuf {
    let map: Vec<_> =
        map.iter().map(|(tensor, shard)| format!(r#""{tensor}":"{shard}""#)).collect();
    let path = folder.join(INDEX);
    let json = format!(r#"{{"metadata":{{"total_size":12}},"weight_map":{{{}}}}}"#, map.join(","));
    std::fs::write(&path, json).unwrap();
    path
}

fn said(path: &Path) -> String {
    let Err(error) = checkpoint::open(path) else { panic!("{} was opened", path.display()) };
    let said = error.to_string();
    assert!(!said.contains('\n'), "{said}");
    said
}

#[test]
fn shards_and_their_index_are_one_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let index = valid_folder(folder.path());
    for path in [folder.path(), &index] {
        let opened = checkpoint::open(path).unwrap();
        let names: Vec<_> = opened.tensors().iter().map(|info| info.name.as_str()).collect();
        assert_eq!((names, opened.format()), (vec!["a", "b", "c"], "safetensors (sharded)"));
        assert!(opened.read("c").is_ok());
        assert_eq!(opened.folder(), Some(folder.path()));
        assert!(opened.read("d").unwrap_err().to_string().contains("no tensor `d` among its 3"));
    }
}

#[test]
fn shards_of_torch_and_what_comes_first_in_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
    let found = || {
        let opened = checkpoint::open(folder.path()).unwrap();
        let names = opened.tensors().iter().map(|info| info.name.clone()).collect::<Vec<_>>();
        assert!(names.iter().all(|name| opened.read(name).is_ok()));
        (opened.format(), names.join(" "))
    };
    write("pytorch_model-00001-of-00002.bin", &archive_of("a"));
    write("pytorch_model-00002-of-00002.bin", &archive_of("b"));
    let map = r#"{"a":"pytorch_model-00001-of-00002.bin","b":"pytorch_model-00002-of-00002.bin"}"#;
    write("pytorch_model.bin.index.json", format!(r#"{{"weight_map":{map}}}"#).as_bytes());
    assert_eq!(found(), ("PyTorch (sharded)", "a b".into()));
    write("pytorch_model.bin", &archive_of("c"));
    assert_eq!(found(), ("PyTorch", "c".into()));
    write("model.safetensors", &shard(&["d"]));
    assert_eq!(found(), ("safetensors", "d".into()));
    // Both shards have a storage `0`, each its own; the same tensor in both is an error.
    std::fs::remove_file(folder.path().join("model.safetensors")).unwrap();
    std::fs::remove_file(folder.path().join("pytorch_model.bin")).unwrap();
    write("pytorch_model-00002-of-00002.bin", &archive_of("a"));
    assert!(said(folder.path()).contains("tensor `a` is in two shards"));
}

#[test]
fn shards_that_climb_out_of_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("model");
    std::fs::create_dir_all(inner.join("below")).unwrap();
    // What the paths lead to is sound: only the path can be the reason.
    for place in ["a.safetensors", "model/below/a.safetensors"] {
        std::fs::write(folder.path().join(place), shard(&["a"])).unwrap();
    }
    let absolute = folder.path().join("a.safetensors").display().to_string();
    for name in [
        "../a.safetensors",
        "below/a.safetensors",
        "below/../../a.safetensors",
        &absolute,
        "..",
        ".",
        "",
        "../../etc/passwd",
        "/etc/passwd",
        r"..\\a.safetensors",
    ] {
        index(&inner, &[("a", name)]);
        let said = said(&inner);
        assert!(said.contains("is a path") && said.contains("was not opened"), "{said}");
    }
}

#[cfg(unix)]
#[test]
fn a_shard_that_is_a_link_to_itself() {
    let folder = tempfile::tempdir().unwrap();
    for (name, target) in [("a.safetensors", "b.safetensors"), ("b.safetensors", "a.safetensors")] {
        std::os::unix::fs::symlink(target, folder.path().join(name)).unwrap();
    }
    index(folder.path(), &[("a", "a.safetensors")]);
    assert!(said(folder.path()).contains("a.safetensors: Too many levels of symbolic links"));
    // And the one file of a folder, too.
    let file = folder.path().join("model.safetensors");
    std::os::unix::fs::symlink("model.safetensors", &file).unwrap();
    assert!(said(folder.path()).contains("Too many levels of symbolic links"));
}

/// Links lead out of a model's folder in the cache of Hugging Face, where the files are called by their hashes.
#[cfg(unix)]
#[test]
fn a_shard_that_is_a_link_to_a_file_elsewhere_is_read() {
    let (folder, blobs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::write(blobs.path().join("0123"), shard(&["a"])).unwrap();
    let link = folder.path().join("a.safetensors");
    std::os::unix::fs::symlink(blobs.path().join("0123"), link).unwrap();
    index(folder.path(), &[("a", "a.safetensors")]);
    assert!(checkpoint::open(folder.path()).unwrap().read("a").is_ok());
}

#[test]
fn a_shard_that_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    valid_folder(folder.path());
    std::fs::remove_file(folder.path().join("two.safetensors")).unwrap();
    assert!(said(folder.path()).contains("the shard two.safetensors is missing"));
}

#[test]
fn a_shard_that_is_the_index_or_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    index(folder.path(), &[("a", INDEX)]);
    assert!(said(folder.path()).contains("format is not known"));
    std::fs::create_dir(folder.path().join("a.safetensors")).unwrap();
    index(folder.path(), &[("a", "a.safetensors")]);
    assert!(said(folder.path()).contains("is a directory"));
}

#[test]
fn a_tensor_that_is_not_in_its_shard() {
    let folder = tempfile::tempdir().unwrap();
    valid_folder(folder.path());
    for map in [
        [("a", "one.safetensors"), ("z", "two.safetensors")],
        [("c", "one.safetensors"), ("b", "two.safetensors")],
    ] {
        index(folder.path(), &map);
        let said = said(folder.path());
        assert!(
            said.contains("the index says that tensor") && said.contains("does not hold it"),
            "{said}"
        );
    }
}

#[test]
fn shards_that_overlap() {
    let folder = tempfile::tempdir().unwrap();
    valid_folder(folder.path());
    std::fs::write(folder.path().join("two.safetensors"), shard(&["b", "c"])).unwrap();
    assert!(
        said(folder.path())
            .contains("tensor `b` is in two shards, one.safetensors and two.safetensors")
    );
}

#[test]
fn an_index_that_is_no_index() {
    let folder = tempfile::tempdir().unwrap();
    for (json, says) in [
        ("{", "not valid JSON"),
        ("[]", "not valid JSON"),
        (r#"{"weight_map": {"a": 1}}"#, "not valid JSON"),
        (r#"{"weight_map": {}}"#, "names no tensor"),
        (&"[".repeat(100_000), "not valid JSON"),
        (&format!(r#"{{"metadata":{}"#, "[".repeat(100_000)), "not valid JSON"),
    ] {
        std::fs::write(folder.path().join(INDEX), json).unwrap();
        assert!(said(folder.path()).contains(says));
    }
}

#[test]
fn side_files_are_those_of_the_folder_alone() {
    let folder = tempfile::tempdir().unwrap();
    valid_folder(folder.path());
    std::fs::write(folder.path().join("config.json"), "{}").unwrap();
    std::fs::create_dir(folder.path().join("below")).unwrap();
    let opened = checkpoint::open(folder.path()).unwrap();
    assert_eq!(&*opened.side_file("config.json").unwrap().unwrap(), b"{}");
    assert!(opened.side_file("below").unwrap().is_none());
    assert!(opened.side_file("missing.json").unwrap().is_none());
    for path in ["../x", "/etc/passwd", "below/x", "..", ""] {
        assert!(opened.side_file(path).is_err(), "{path}");
    }
}
