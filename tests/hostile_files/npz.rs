//! `.npz` files.

use super::build::{CompressionMethod, npy, valid_npy, valid_npz, zip};
use super::memory::largest_request;
use super::{check_every_prefix, refusal};
use unargmax::checkpoint::npz::Npz;
use unargmax::checkpoint::{Checkpoint, FileFormat};

const LABEL: &str = "a.npz";

/// Where the directory's entry for the first member begins.
fn directory(bytes: &[u8]) -> usize {
    bytes.windows(4).position(|four| four == b"PK\x01\x02").unwrap()
}

/// Declares another size for the first member, in its own header and in the directory.
fn declare(bytes: &mut [u8], size: u32) {
    let entry = directory(bytes);
    bytes[22..26].copy_from_slice(&size.to_le_bytes());
    bytes[entry + 24..entry + 28].copy_from_slice(&size.to_le_bytes());
}

#[test]
fn truncated_anywhere() {
    check_every_prefix(&valid_npz(), LABEL);
}

#[test]
fn a_deflate_bomb_stops_at_its_declared_size() {
    let array =
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1048576,)}", &vec![0; 1 << 26]);
    let mut bytes = zip(&[("w.npy", &array)], CompressionMethod::Deflated);
    let declared = array.len() - (1 << 26) + (1 << 22);
    declare(&mut bytes, declared as u32);
    let opened = Npz::from_bytes(bytes, LABEL).unwrap();
    let mut said = String::new();
    let largest = largest_request(|| said = opened.read("w").unwrap_err().to_string());
    assert!(said.contains("array `w`") && said.contains("declared"), "{said}");
    assert_eq!(largest, declared);
}

#[test]
fn a_member_that_declares_more_than_it_can_become() {
    let mut bytes = zip(&[("w.npy", &valid_npy())], CompressionMethod::Deflated);
    declare(&mut bytes, u32::MAX - 1);
    let mut said = String::new();
    let largest = largest_request(|| said = refusal(bytes, LABEL));
    assert!(said.contains("member `w.npy`") && said.contains("cannot become"), "{said}");
    assert!(largest < 1 << 20, "{largest} bytes were asked for");
}

#[test]
fn a_member_that_inflates_to_less_than_it_declares() {
    let array = npy("{'descr': '<f4', 'fortran_order': False, 'shape': (100,)}", &[0; 396]);
    let mut bytes = zip(&[("w.npy", &array)], CompressionMethod::Deflated);
    declare(&mut bytes, array.len() as u32 + 4);
    let said = Npz::from_bytes(bytes, LABEL).unwrap().read("w").unwrap_err().to_string();
    assert!(said.contains("array `w`"), "{said}");
}

#[test]
fn members_that_share_their_bytes() {
    let mut bytes =
        zip(&[("a.npy", &valid_npy()), ("b.npy", &valid_npy())], CompressionMethod::Stored);
    let second = directory(&bytes) + 46 + "a.npy".len();
    bytes[second + 42..second + 46].fill(0);
    assert!(refusal(bytes, LABEL).contains("share bytes"));
}

#[test]
fn members_of_the_same_name() {
    let mut bytes =
        zip(&[("a.npy", &valid_npy()), ("b.npy", &valid_npy())], CompressionMethod::Stored);
    let second = directory(&bytes) + 46 + "a.npy".len() + 46;
    bytes[second] = b'a';
    assert!(refusal(bytes, LABEL).contains("same name"));
}

#[test]
fn a_compression_that_is_not_read() {
    let mut bytes = zip(&[("w.npy", &valid_npy())], CompressionMethod::Stored);
    let entry = directory(&bytes);
    bytes[8] = 12;
    bytes[entry + 10] = 12;
    let said = refusal(bytes, LABEL);
    assert!(said.contains("member `w.npy`") && said.contains("compression"), "{said}");
}

#[test]
fn an_encrypted_member() {
    let mut bytes = zip(&[("w.npy", &valid_npy())], CompressionMethod::Stored);
    let entry = directory(&bytes);
    bytes[6] |= 1;
    bytes[entry + 8] |= 1;
    assert!(refusal(bytes, LABEL).contains("member `w.npy`: it is encrypted"));
}

#[test]
fn a_count_of_members_that_the_file_cannot_hold() {
    let mut bytes = valid_npz();
    let end = bytes.len() - 22;
    bytes[end + 8..end + 12].fill(0xff);
    assert!(refusal(bytes, LABEL).contains("zip archive is not sound"));
}

#[test]
fn an_object_array_as_a_member_is_only_listed() {
    let objects = npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", b"cos\nsystem\n");
    let bytes = zip(&[("o.npy", &objects), ("w.npy", &valid_npy())], CompressionMethod::Stored);
    let opened = Npz::from_bytes(bytes, LABEL).unwrap();
    assert!(opened.read("w").is_ok());
    assert!(opened.read("o").unwrap_err().to_string().contains("Python objects"));
}
