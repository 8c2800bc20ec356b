//! `.npy` files.

use super::build::{npy, valid_npy};
use super::{check_every_prefix, refusal};

const LABEL: &str = "a.npy";

/// What is said of a file of this shape with four bytes of data.
fn said(shape: &str) -> String {
    refusal(
        npy(&format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}}}"), &[0; 4]),
        LABEL,
    )
}

#[test]
fn truncated_anywhere() {
    check_every_prefix(&valid_npy(), LABEL);
}

#[test]
fn header_longer_than_the_file() {
    let mut bytes = valid_npy();
    bytes[8..10].fill(0xff);
    assert!(refusal(bytes, LABEL).contains("claims 65535 bytes"));
    let mut bytes = valid_npy();
    bytes[6] = 2;
    bytes[8..12].fill(0xff);
    assert!(refusal(bytes, LABEL).contains("claims 4294967295 bytes"));
}

#[test]
fn a_shape_that_does_not_multiply_to_its_bytes() {
    assert!(said("(2,)").contains("takes 8 bytes, but 4 follow"));
    assert!(said("(0,)").contains("takes 0 bytes, but 4 follow"));
}

#[test]
fn a_shape_that_overflows() {
    assert!(said("(4294967296, 4294967296)").contains("overflows"));
    assert!(said("(0, 4294967296, 4294967296)").contains("overflows"));
    assert!(said("(4611686018427387904,)").contains("overflows"));
}

#[test]
fn a_header_that_nests_deeply() {
    let literal = format!("{{'descr': {}", "[".repeat(60_000));
    assert!(refusal(npy(&literal, &[]), LABEL).contains("no end"));
}

#[test]
fn brackets_that_do_not_match() {
    assert!(refusal(npy("{'descr': [)]", &[]), LABEL).contains("header is not sound"));
}

#[test]
fn an_item_size_that_overflows() {
    let literal = "{'descr': '<U4611686018427387905', 'fortran_order': False, 'shape': (1,)}";
    assert!(refusal(npy(literal, &[0; 4]), LABEL).contains("not an element type"));
}

#[test]
fn a_header_that_does_not_end_in_a_newline() {
    let mut bytes = npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", &[0; 4]);
    bytes[8] -= 1;
    bytes.pop();
    assert!(refusal(bytes, "w.npy").contains("does not end in a newline"));
}
