//! Recognises files that were given in place of a checkpoint but are none, and says what to do.
//!
//! A pointer of Git LFS, an HTML error page or a compressed archive would otherwise be passed to a reader by its
//! extension and be called a damaged file of that format. The first bytes tell what such a file is.

use super::bytes::Bytes;
use crate::error::Result;

/// The number of first bytes that are examined.
const HEAD: usize = 1024;

/// The first bytes of formats that are not read, with the name of the format and what to do.
const MAGICS: [(&[u8], &str); 17] = [
    (b"\x1f\x8b", "a gzip archive; unpack it (gunzip, tar -xzf)"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive; unpack it (unzstd)"),
    (b"\xfd7zXZ\0", "an xz archive; unpack it (unxz, tar -xJf)"),
    (b"BZh", "a bzip2 archive; unpack it (bunzip2)"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it"),
    (b"Rar!\x1a\x07", "a RAR archive; unpack it"),
    (b"\x04\x22\x4d\x18", "an lz4 archive; unpack it (unlz4)"),
    (
        b"\x89HDF\r\n\x1a\n",
        "an HDF5 file (Keras, TensorFlow); save the output layer as .npz or .safetensors",
    ),
    (b"lmgg", "a ggml file of 2023, before GGUF; convert the original model with llama.cpp"),
    (b"fmgg", "a ggmf file of 2023, before GGUF; convert the original model with llama.cpp"),
    (b"tjgg", "a ggjt file of 2023, before GGUF; convert the original model with llama.cpp"),
    (b"/annex/objects/", "a git-annex pointer, not the file; run git annex get"),
    (b"../.git/annex/objects/", "a git-annex pointer, not the file; run git annex get"),
    (b".git/annex/objects/", "a git-annex pointer, not the file; run git annex get"),
    (b"%PDF", "a PDF document"),
    (b"\x7fELF", "a program or a compiled engine; name the checkpoint that it was made from"),
    (b"MZ", "a Windows program (llamafile); name the GGUF file in it"),
];

/// File extensions of formats that are not read and that the first bytes do not reveal.
const EXTENSIONS: [(&str, &str); 9] = [
    ("msgpack", "Flax's msgpack; save the output layer as .safetensors or .npz"),
    ("index", "the index of a TensorFlow checkpoint; save the output layer as .npz"),
    ("mlmodel", "a Core ML model; name the checkpoint that it was made from"),
    ("mlpackage", "a Core ML package; name the checkpoint that it was made from"),
    ("engine", "a TensorRT engine; name the checkpoint that it was made from"),
    ("tflite", "a TensorFlow Lite model; name the checkpoint that it was made from"),
    ("h5", "an HDF5 file (Keras, TensorFlow); save the output layer as .npz or .safetensors"),
    ("keras", "a Keras archive; save the output layer as .npz or .safetensors"),
    ("pb", "a TensorFlow graph; save the output layer as .npz"),
];

/// Refuses a file that is known to be of no format that is read.
///
/// # Errors
/// The error names the kind of the file, and what to do.
pub(super) fn refuse(bytes: &Bytes) -> Result<()> {
    match name(bytes).or_else(|| old_pickle(bytes)) {
        Some(what) => Err(bytes.malformed(format!("this is {what}"))),
        None => Ok(()),
    }
}

/// Names the kind of a file by its extension, for formats that no reader takes.
pub(super) fn by_extension(bytes: &Bytes) -> Option<String> {
    let extension = bytes.label().extension()?.to_str()?.to_ascii_lowercase();
    EXTENSIONS.iter().find(|(end, _)| *end == extension).map(|(_, what)| (*what).to_owned())
}

/// Names the kind of a file by its content, if it is of no format that is read.
fn name(bytes: &[u8]) -> Option<String> {
    let head = &bytes[..bytes.len().min(HEAD)];
    if let Some(what) = placeholder(bytes) {
        return Some(what);
    }
    if head.get(257..262) == Some(b"ustar") {
        return Some(tar(bytes));
    }
    if is_keras(bytes) {
        return Some("a Keras archive; save the output layer as .npz or .safetensors".to_owned());
    }
    if head.get(4..8) == Some(b"TFL3") {
        return Some(
            "a TensorFlow Lite model; name the checkpoint that it was made from".to_owned(),
        );
    }
    MAGICS.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, what)| (*what).to_owned())
}

/// Names the kind of a file that takes the place of another one, of any format: a pointer to it, or the answer of a
/// server that did not deliver it.
pub(super) fn placeholder(bytes: &[u8]) -> Option<String> {
    let head = &bytes[..bytes.len().min(HEAD)];
    let text = head.trim_ascii_start();
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text).trim_ascii_start();
    if let Some(pointer) = lfs(text) {
        return Some(pointer);
    }
    let begins =
        |start: &[u8]| text.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start));
    if begins(b"<!doctype html") || begins(b"<html") || begins(b"<?xml") {
        return Some(
            "a web page (of an error or a login?), not the file; download it again".to_owned(),
        );
    }
    if begins(b"# xet version") {
        return Some("a pointer of Xet, not the file; download it with git-xet or hf".to_owned());
    }
    answer(bytes, text)
        .map(|said| format!("an answer of a server ({said:?}), not the file; download it again"))
}

/// Returns the message of a server that was saved in place of a file: a JSON object with an error, or a line of text.
fn answer(bytes: &[u8], text: &[u8]) -> Option<String> {
    /// The largest number of characters of the message that are quoted.
    const LONGEST: usize = 120;
    /// How the messages of servers begin, in lower case.
    const BEGIN: [&str; 8] = [
        "entry not found",
        "repository not found",
        "invalid username",
        "invalid credentials",
        "access to model",
        "not found",
        "unauthorized",
        "forbidden",
    ];
    if bytes.len() > HEAD {
        return None;
    }
    let text = std::str::from_utf8(text).ok()?.trim();
    let said = match serde_json::from_str(text) {
        Ok(serde_json::Value::Object(map)) => {
            let message =
                ["error", "message", "detail"].iter().find_map(|key| map.get(*key)?.as_str());
            message?.to_owned()
        }
        _ => {
            let lower = text.to_ascii_lowercase();
            BEGIN.iter().any(|begin| lower.starts_with(begin)).then(|| text.to_owned())?
        }
    };
    Some(said.lines().next().unwrap_or_default().chars().take(LONGEST).collect())
}

/// Whether a zip archive is one of Keras, which keeps its numbers in an HDF5 file: the member names are at the end.
fn is_keras(bytes: &[u8]) -> bool {
    /// The archive member that holds the numbers of a Keras model.
    const MEMBER: &[u8] = b"model.weights.h5";
    /// The number of last bytes that are searched for its name.
    const END: usize = 1 << 16;
    let end = &bytes[bytes.len().saturating_sub(END)..];
    bytes.starts_with(b"PK\x03\x04") && end.windows(MEMBER.len()).any(|window| window == MEMBER)
}

/// Describes a pointer file of Git LFS, with the size and hash of the file that it stands for.
fn lfs(head: &[u8]) -> Option<String> {
    let versions =
        ["version https://git-lfs.github.com/spec/", "version https://hawser.github.com/spec/"];
    versions.iter().any(|v| head.starts_with(v.as_bytes())).then_some(())?;
    let text = String::from_utf8_lossy(head);
    let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
    let oid = value("oid sha256:")
        .map(|oid| format!(", sha256 {}...", oid.chars().take(12).collect::<String>()));
    let size = value("size ").map(|size| format!(" of {size} bytes")).unwrap_or_default();
    Some(format!(
        "a Git LFS pointer, not the file{size}{}; run git lfs pull",
        oid.unwrap_or_default()
    ))
}

/// Describes a tar archive; torch's first format is one with these members.
fn tar(bytes: &[u8]) -> String {
    let has = |member: &str| {
        let mut name = [0u8; 100];
        name[..member.len()].copy_from_slice(member.as_bytes());
        bytes.chunks(512).any(|block| block.starts_with(&name))
    };
    match has("storages") && has("tensors") && has("pickle") {
        true => "a file of torch's first format (a tar archive); load it with torch.load and save it again with torch.save".to_owned(),
        false => "a tar archive; unpack it (tar -xf)".to_owned(),
    }
}

/// Describes a pickle of protocol 0 or 1, by the file's extension, first operation and final stop.
fn old_pickle(bytes: &Bytes) -> Option<String> {
    let extension = bytes.label().extension()?.to_str()?.to_ascii_lowercase();
    let named = ["pt", "pth", "pkl", "pickle", "bin", "ckpt"].contains(&extension.as_str());
    let old =
        matches!(bytes.first(), Some(b'(' | b']' | b'}' | b'c')) && bytes.last() == Some(&b'.');
    (named && old).then(|| {
        "a pickle of protocol 0 or 1; load and save it again with protocol 2 or later".to_owned()
    })
}
