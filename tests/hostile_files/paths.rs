//! Paths that are no checkpoint.

use std::io::ErrorKind;
use std::path::Path;

use super::{one_line, refusal};
use unargmax::checkpoint;
use unargmax::error::Error;

/// The kind of the operating system's refusal to open `path`, which the error must name.
fn refused_as(path: &Path) -> ErrorKind {
    match checkpoint::open(path) {
        Err(error @ Error::Io { .. }) => {
            one_line(error.to_string(), &path.display().to_string());
            let Error::Io { reason, .. } = error else { unreachable!() };
            reason.kind()
        }
        Err(other) => panic!("another error: {other}"),
        Ok(_) => panic!("{} was opened", path.display()),
    }
}

#[test]
fn nothing_there() {
    assert_eq!(refused_as(Path::new("no/such/file")), ErrorKind::NotFound);
}

#[test]
fn a_directory_without_a_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let said = checkpoint::open(folder.path()).err().unwrap().to_string();
    one_line(said.clone(), &folder.path().display().to_string());
    assert!(
        said.contains("none of model.safetensors") && said.contains("no file of a format"),
        "{said}"
    );
}

#[test]
fn a_directory_in_place_of_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    std::fs::create_dir(&path).unwrap();
    let Err(Error::Io { reason, .. }) = checkpoint::open(folder.path()) else { panic!() };
    assert_eq!(reason.kind(), ErrorKind::IsADirectory);
}

#[cfg(unix)]
#[test]
fn a_fifo_without_a_writer() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fifo.gguf");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    assert_eq!(refused_as(&path), ErrorKind::InvalidInput);
}

#[cfg(unix)]
#[test]
fn a_device() {
    assert_eq!(refused_as(Path::new("/dev/zero")), ErrorKind::InvalidInput);
}

#[cfg(unix)]
#[test]
fn no_permission() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.npy");
    std::fs::write(&path, "x").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
    if std::fs::File::open(&path).is_ok() {
        eprintln!("skipped: the superuser may read every file");
        return;
    }
    assert_eq!(refused_as(&path), ErrorKind::PermissionDenied);
}

#[test]
fn an_empty_file() {
    let file = tempfile::NamedTempFile::new().unwrap();
    assert!(checkpoint::open(file.path()).err().unwrap().to_string().contains("empty (0 bytes)"));
}

#[test]
fn a_format_that_is_not_known() {
    let said = refusal(b"no checkpoint at all".to_vec(), "model.txt");
    for format in [".safetensors", ".gguf", ".npy", ".npz", ".bin", ".onnx", "model.bin"] {
        assert!(said.contains(format), "{said}");
    }
}

#[test]
fn a_web_page_in_place_of_a_model() {
    for name in ["model.safetensors", "model.gguf"] {
        let said = refusal(b"<!DOCTYPE html>".to_vec(), name);
        assert!(said.contains("this is a web page"), "{said}");
    }
}

#[test]
fn content_decides_and_not_the_name() {
    let bytes = super::build::valid_npy();
    let opened = checkpoint::from_bytes(checkpoint::bytes::Bytes::new(bytes, "w.gguf")).unwrap();
    assert_eq!(opened.format(), "npy");
}
