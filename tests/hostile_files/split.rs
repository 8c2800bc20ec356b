//! GGUF models split over several files.

use std::path::{Path, PathBuf};

use super::build::{F32, I32, U16, gguf, pair, tensor};
use unargmax::checkpoint::gguf::Gguf;
use unargmax::checkpoint::{self, FileFormat, Values};

fn part(number: u16, count: u16, total: i32) -> Vec<u8> {
    let pairs = [
        pair("split.no", U16, &number.to_le_bytes()),
        pair("split.count", U16, &count.to_le_bytes()),
        pair("split.tensors.count", I32, &total.to_le_bytes()),
    ];
    let name = format!("w{number}");
    gguf(&pairs, &[tensor(&name, &[1], F32, 0)], &f32::from(number).to_le_bytes())
}

fn name(number: usize) -> String {
    format!("model-{number:05}-of-00003.gguf")
}

/// Writes the parts that are given, the first as number 1.
fn write(folder: &Path, parts: &[Vec<u8>]) -> Vec<PathBuf> {
    let write = |(number, bytes): (usize, &Vec<u8>)| {
        let path = folder.join(name(number));
        std::fs::write(&path, bytes).unwrap();
        path
    };
    (1..).zip(parts).map(write).collect()
}

/// What is said when the first of these parts is opened.
fn said(parts: &[Vec<u8>]) -> String {
    let folder = tempfile::tempdir().unwrap();
    Gguf::open(&write(folder.path(), parts)[0]).unwrap_err().to_string()
}

#[test]
fn any_part_opens_all() {
    let folder = tempfile::tempdir().unwrap();
    for path in write(folder.path(), &[part(0, 3, 3), part(1, 3, 3), part(2, 3, 3)]) {
        let opened = checkpoint::open(path).unwrap();
        for number in 0..3u16 {
            let read = opened.read(&format!("w{number}")).unwrap();
            assert_eq!(read.values, Values::F32(vec![f32::from(number)]));
        }
    }
}

#[test]
fn a_missing_part_is_named() {
    let said = said(&[part(0, 3, 3), part(1, 3, 3)]);
    assert!(said.contains("part 3 of 3 is missing") && said.contains(&name(3)), "{said}");
}

#[test]
fn a_part_that_is_cut_short_is_named() {
    let mut short = part(1, 3, 3);
    short.pop();
    let said = said(&[part(0, 3, 3), short, part(2, 3, 3)]);
    assert!(said.contains(&name(2)) && said.contains("`w1`"), "{said}");
}

#[test]
fn a_part_of_another_model() {
    let said = said(&[part(0, 3, 3), part(1, 4, 4), part(2, 3, 3)]);
    assert!(said.contains(&name(2)) && said.contains("another model"), "{said}");
}

#[test]
fn fewer_tensors_than_are_counted() {
    assert!(said(&[part(0, 3, 9), part(1, 3, 9), part(2, 3, 9)]).contains("hold 3 tensors"));
}

#[test]
fn a_tensor_in_two_parts() {
    let folder = tempfile::tempdir().unwrap();
    let mut other = part(1, 3, 3);
    let at = other.windows(2).rposition(|two| two == b"w1").unwrap();
    other[at + 1] = b'0';
    let paths = write(folder.path(), &[part(0, 3, 3), other, part(2, 3, 3)]);
    assert!(Gguf::open(&paths[2]).unwrap_err().to_string().contains("`w0` occurs twice"));
}

#[test]
fn a_number_beyond_the_count() {
    assert!(said(&[part(3, 3, 3)]).contains("split.no"));
}

#[test]
fn a_name_that_does_not_tell_the_other_parts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    std::fs::write(&path, part(0, 3, 3)).unwrap();
    assert!(Gguf::open(path).unwrap_err().to_string().contains("must end in -00001-of-00003.gguf"));
}

#[test]
fn a_part_in_memory() {
    let said = Gguf::from_bytes(part(0, 3, 3), "here").unwrap_err().to_string();
    assert!(said.contains("part 1 of 3 of a split model"), "{said}");
}
