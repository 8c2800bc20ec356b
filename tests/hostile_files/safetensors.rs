//! `.safetensors` files.

use super::build::{safetensors, valid_safetensors};
use super::{check_every_prefix, refusal};
use unargmax::checkpoint::safetensors::Safetensors;
use unargmax::checkpoint::{Checkpoint, FileFormat};

const LABEL: &str = "a.safetensors";

/// What is said of one tensor `w` described so, with `data` bytes behind the header.
fn said(entry: &str, data: usize) -> String {
    refusal(safetensors(&format!(r#"{{"w":{{{entry}}}}}"#), &vec![0; data]), LABEL)
}

#[test]
fn truncated_anywhere() {
    check_every_prefix(&valid_safetensors(), LABEL);
}

#[test]
fn header_longer_than_the_file() {
    let mut bytes = valid_safetensors();
    bytes[..8].copy_from_slice(&10_000u64.to_le_bytes());
    assert!(refusal(bytes, LABEL).contains("claims 10000 bytes"));
}

#[test]
fn header_length_that_overflows() {
    let mut bytes = valid_safetensors();
    bytes[..8].fill(0xff);
    assert!(refusal(bytes, LABEL).contains("claims 18446744073709551615 bytes"));
}

#[test]
fn overlapping_offsets() {
    let header = r#"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[3,7]}}"#;
    assert!(refusal(safetensors(header, &[0; 7]), LABEL).contains("`b` at offset 3 overlaps"));
}

#[test]
fn reversed_offsets() {
    assert!(
        said(r#""dtype":"U8","shape":[4],"data_offsets":[4,0]"#, 4)
            .contains("`w` ends at offset 0, before")
    );
}

#[test]
fn offsets_beyond_the_file() {
    assert!(
        said(r#""dtype":"U8","shape":[4],"data_offsets":[0,4]"#, 3)
            .contains("`w` ends at offset 4 of 3")
    );
}

#[test]
fn a_shape_that_does_not_multiply_to_its_bytes() {
    assert!(
        said(r#""dtype":"F16","shape":[2,3],"data_offsets":[0,10]"#, 10).contains("takes 12 bytes")
    );
}

#[test]
fn a_shape_that_overflows() {
    assert!(
        said(r#""dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]"#, 0)
            .contains("overflows")
    );
}

#[test]
fn a_shape_that_overflows_beside_a_zero() {
    assert!(
        said(r#""dtype":"F32","shape":[0,4294967296,4294967296],"data_offsets":[0,0]"#, 0)
            .contains("overflows")
    );
}

#[test]
fn a_type_that_does_not_exist_is_only_listed() {
    let header = r#"{"w":{"dtype":"Q9","shape":[4],"data_offsets":[0,4]}}"#;
    let opened = Safetensors::from_bytes(safetensors(header, &[0; 4]), LABEL).unwrap();
    let said = opened.read("w").unwrap_err().to_string();
    assert!(said.contains("`w`") && said.contains("Q9"), "{said}");
}

#[test]
fn a_header_that_is_no_json() {
    assert!(refusal(safetensors("{\"w\"", &[]), LABEL).contains("not valid JSON"));
}

#[test]
fn a_header_that_nests_deeply() {
    let header = format!("{{\"w\":{}", "[".repeat(100_000));
    assert!(refusal(safetensors(&header, &[]), LABEL).contains("not valid JSON"));
    let header = format!("{{\"__metadata__\":{}", "[".repeat(100_000));
    assert!(refusal(safetensors(&header, &[]), LABEL).contains("not valid JSON"));
}

#[test]
fn a_name_with_a_line_break_stays_on_one_line() {
    let header = r#"{"a\nb\u001b[2J":{"dtype":"F32","shape":[4],"data_offsets":[0,4]}}"#;
    assert!(refusal(safetensors(header, &[0; 4]), LABEL).contains("takes 16 bytes"));
}
