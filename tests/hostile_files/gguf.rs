//! GGUF files.

use super::build::{
    ARRAY, F32, I32, Q8_0, STRING, U32, array, counted_gguf, gguf, pair, string, tensor, valid_gguf,
};
use super::memory::largest_request;
use super::{check_every_prefix, refusal};
use unargmax::checkpoint::gguf::Gguf;
use unargmax::checkpoint::{Checkpoint, Dtype, FileFormat};

const LABEL: &str = "a.gguf";

/// What is said of a file with these pairs alone.
fn of_pairs(pairs: &[Vec<u8>]) -> String {
    refusal(gguf(pairs, &[], &[]), LABEL)
}

/// What is said of a file with these tensors and 64 bytes of data.
fn of_tensors(tensors: &[Vec<u8>]) -> String {
    refusal(gguf(&[], tensors, &[0; 64]), LABEL)
}

#[test]
fn truncated_anywhere() {
    check_every_prefix(&valid_gguf(), LABEL);
    check_every_prefix(include_bytes!("../data/blocks/blocks.gguf"), LABEL);
}

#[test]
fn versions_that_are_not_read() {
    assert!(refusal(counted_gguf(1, 0, 0), LABEL).contains("version is 1"));
    assert!(refusal(counted_gguf(4, 0, 0), LABEL).contains("version is 4"));
    assert!(refusal(counted_gguf(3u32.swap_bytes(), 0, 0), LABEL).contains("big-endian"));
}

#[test]
fn counts_that_the_file_cannot_hold() {
    for (tensors, pairs) in [(u64::MAX, 0), (0, u64::MAX), (1 << 40, 1 << 40), (0, 1)] {
        let mut said = String::new();
        let largest = largest_request(|| said = refusal(counted_gguf(3, tensors, pairs), LABEL));
        assert!(said.contains("are claimed at offset"), "{said}");
        assert!(largest < 4096, "{largest} bytes were asked for");
    }
}

#[test]
fn a_string_longer_than_the_file() {
    let mut endless = string("k");
    endless[..8].fill(0xff);
    assert!(
        of_pairs(&[endless])
            .contains("18446744073709551615 bytes of a string are claimed at offset 24")
    );
    let mut value = string("v");
    value[..8].copy_from_slice(&(1u64 << 40).to_le_bytes());
    assert!(
        of_pairs(&[pair("k", STRING, &value)])
            .contains("metadata `k`: 1099511627776 bytes of a string")
    );
}

#[test]
fn an_array_longer_than_the_file() {
    for kind in [U32, STRING, ARRAY] {
        let said = of_pairs(&[pair("k", ARRAY, &array(kind, 1 << 61, &[0; 8]))]);
        assert!(said.contains("metadata `k`: 2305843009213693952 elements of an array"), "{said}");
    }
}

#[test]
fn arrays_that_nest_deeply() {
    let mut value = array(U32, 0, &[]);
    for _ in 0..10_000 {
        value = array(ARRAY, 1, &value);
    }
    assert!(
        of_pairs(&[pair("k", ARRAY, &value)]).contains("metadata `k`: arrays lie more than 4 deep")
    );
}

#[test]
fn a_value_type_that_does_not_exist() {
    assert!(
        of_pairs(&[pair("k", 13, &[0; 8])])
            .contains("metadata `k`: the value type 13 at offset 33")
    );
}

#[test]
fn a_key_that_occurs_twice() {
    let once = pair("k", U32, &[0; 4]);
    assert!(of_pairs(&[once.clone(), once]).contains("metadata `k` occurs a second time"));
}

#[test]
fn a_key_that_is_not_utf8() {
    let mut key = pair("k", U32, &[0; 4]);
    key[8] = 0xff;
    assert!(of_pairs(&[key]).contains("metadata key at offset 24 is not UTF-8"));
}

#[test]
fn an_alignment_that_is_no_power_of_two() {
    for alignment in [0u32, 3, 48, u32::MAX] {
        let said = of_pairs(&[pair("general.alignment", U32, &alignment.to_le_bytes())]);
        assert!(said.contains(&format!("general.alignment is {alignment}")), "{said}");
    }
    assert!(
        of_pairs(&[pair("general.alignment", STRING, &string("32"))])
            .contains("general.alignment is not an integer")
    );
}

#[test]
fn an_alignment_beyond_the_file() {
    let pairs = [pair("general.alignment", U32, &(1u32 << 31).to_le_bytes())];
    assert!(
        refusal(gguf(&pairs, &[tensor("w", &[1], F32, 0)], &[0; 64]), LABEL)
            .contains("before its data begin")
    );
}

#[test]
fn an_offset_that_is_not_aligned() {
    assert!(
        of_tensors(&[tensor("w", &[1], F32, 4)])
            .contains("`w` starts at offset 4, which is not a multiple of")
    );
}

#[test]
fn an_offset_beyond_the_file() {
    for offset in [96, u64::MAX - 31, 1 << 62] {
        assert!(of_tensors(&[tensor("w", &[1], F32, offset)]).contains("`w` starts at offset"));
    }
    assert!(
        of_tensors(&[tensor("w", &[17], F32, 0)])
            .contains("`w` of shape [17] takes 68 bytes, but only 64")
    );
}

#[test]
fn tensors_that_overlap() {
    let said = of_tensors(&[tensor("b", &[8], F32, 32), tensor("a", &[9], F32, 0)]);
    assert!(said.contains("`b`") && said.contains("overlaps `a`"), "{said}");
}

#[test]
fn a_tensor_that_occurs_twice() {
    assert!(
        of_tensors(&[tensor("w", &[1], F32, 0), tensor("w", &[1], F32, 32)])
            .contains("`w` occurs twice")
    );
}

#[test]
fn dimensions_that_overflow() {
    assert!(of_tensors(&[tensor("w", &[1 << 32, 1 << 32], F32, 0)]).contains("`w`: the shape"));
    assert!(of_tensors(&[tensor("w", &[1 << 62], F32, 0)]).contains("`w`: the shape"));
    assert!(of_tensors(&[tensor("w", &[1 << 32, 1 << 32], 9999, 0)]).contains("`w`: the shape"));
}

#[test]
fn more_dimensions_than_ggml_has() {
    assert!(of_tensors(&[tensor("w", &[1; 5], F32, 0)]).contains("`w`: 5 dimensions"));
    let mut endless = tensor("w", &[1], F32, 0);
    endless[9..13].fill(0xff);
    assert!(of_tensors(&[endless]).contains("`w`: 4294967295 dimensions"));
}

#[test]
fn rows_that_are_no_whole_blocks() {
    assert!(
        of_tensors(&[tensor("w", &[16, 2], Q8_0, 0)])
            .contains("`w`: the shape [2, 16] has rows of 16 numbers")
    );
}

#[test]
fn a_block_type_that_is_unknown_does_not_matter_elsewhere() {
    let tensors = [tensor("x", &[1 << 40], 9999, 0), tensor("w", &[2], F32, 32)];
    let opened = Gguf::from_bytes(gguf(&[], &tensors, &[0; 40]), LABEL).unwrap();
    assert_eq!(opened.tensors()[1].dtype, Dtype::Other("ggml type 9999".into()));
    assert!(opened.read("w").is_ok());
    let said = opened.read("x").unwrap_err().to_string();
    assert!(said.contains("`x`") && said.contains("ggml type 9999"), "{said}");
}

#[test]
fn a_vocabulary_that_is_not_sound() {
    let tokens = pair("tokenizer.ggml.tokens", ARRAY, &array(STRING, 1, &string("a")));
    let one_type =
        |kind: i32| pair("tokenizer.ggml.token_type", ARRAY, &array(I32, 1, &kind.to_le_bytes()));
    for (pairs, says) in [
        (vec![pair("tokenizer.ggml.tokens", U32, &[0; 4])], "not an array of strings"),
        (
            vec![tokens.clone(), pair("tokenizer.ggml.token_type", ARRAY, &array(I32, 0, &[]))],
            "0 entries for the 1",
        ),
        (vec![tokens.clone(), one_type(9)], "token 0 the type 9"),
        (vec![tokens, one_type(-1)], "token 0 the type -1"),
    ] {
        let opened = Gguf::from_bytes(gguf(&pairs, &[], &[]), LABEL).unwrap();
        let said = opened.vocabulary().unwrap_err().to_string();
        assert!(said.contains(says), "{said}");
    }
}
