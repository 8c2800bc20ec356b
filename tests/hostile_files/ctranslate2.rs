//! CTranslate2's `model.bin`.

use super::memory::largest_request;
use super::{check_every_prefix, refusal};
use unargmax::checkpoint::ctranslate2::CTranslate2;
use unargmax::checkpoint::{Checkpoint, FileFormat};

const LABEL: &str = "model.bin";

fn name(text: &str) -> Vec<u8> {
    [&(text.len() as u16 + 1).to_le_bytes()[..], text.as_bytes(), b"\0"].concat()
}

/// A variable: name, dimensions, number of its type, data.
fn variable(text: &str, shape: &[u32], kind: u8, data: &[u8]) -> Vec<u8> {
    let mut bytes = [&name(text)[..], &[shape.len() as u8]].concat();
    bytes.extend(shape.iter().flat_map(|d| d.to_le_bytes()));
    bytes.push(kind);
    bytes.extend((data.len() as u32).to_le_bytes());
    bytes.extend(data);
    bytes
}

fn model(version: u32, variables: &[Vec<u8>], aliases: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = [&version.to_le_bytes()[..], &name("TestSpec"), &1u32.to_le_bytes()].concat();
    bytes.extend((variables.len() as u32).to_le_bytes());
    bytes.extend(variables.concat());
    bytes.extend((aliases.len() as u32).to_le_bytes());
    for (alias, variable) in aliases {
        bytes.extend([name(alias), name(variable)].concat());
    }
    bytes
}

fn of(variables: &[Vec<u8>]) -> String {
    refusal(model(6, variables, &[]), LABEL)
}

#[test]
fn truncated_anywhere() {
    check_every_prefix(include_bytes!("../data/ctranslate2/int8.bin"), LABEL);
    check_every_prefix(include_bytes!("../data/ctranslate2/float32.bin"), LABEL);
}

#[test]
fn versions_that_are_not_read() {
    for version in [1, 7, 100] {
        assert!(
            refusal(model(version, &[], &[]), LABEL).contains(&format!("version is {version}"))
        );
    }
}

#[test]
fn versions_2_and_3_are_read() {
    // The width of an element in place of its type, the number of elements in place of their bytes.
    let mut weight = [&name("weight")[..], &[1, 2, 0, 0, 0, 4]].concat();
    weight.extend(2u32.to_le_bytes());
    weight.extend([1f32.to_le_bytes(), 2f32.to_le_bytes()].concat());
    let with_aliases = model(3, &[weight.clone()], &[("tied", "weight")]);
    let opened = CTranslate2::from_bytes(with_aliases, LABEL).unwrap();
    assert_eq!(opened.read("tied").unwrap().values.len(), 2);
    let without = model(2, &[weight], &[]);
    let without = without[..without.len() - 4].to_vec();
    assert_eq!(
        CTranslate2::from_bytes(without, LABEL).unwrap().read("weight").unwrap().values.len(),
        2
    );
}

#[test]
fn counts_that_the_file_cannot_hold() {
    let start = model(6, &[], &[]).len() - 8;
    for (at, what) in [(start, "variables"), (start + 4, "aliases")] {
        let mut bytes = model(6, &[], &[]);
        bytes[at..at + 4].fill(0xff);
        let mut said = String::new();
        let largest = largest_request(|| said = refusal(bytes, LABEL));
        assert!(said.contains(&format!("4294967295 {what} are claimed at offset {at}")), "{said}");
        assert!(largest < 4096, "{largest} bytes were asked for");
    }
}

#[test]
fn a_variable_longer_than_the_file() {
    let mut bytes = variable("w", &[1 << 20, 1 << 10], 1, &[]);
    let at = bytes.len() - 4;
    bytes[at..].copy_from_slice(&(1u32 << 30).to_le_bytes());
    assert!(of(&[bytes]).contains("`w`: 1073741824 bytes are wanted"));
}

#[test]
fn a_shape_that_does_not_multiply_to_its_bytes() {
    assert!(
        of(&[variable("w", &[2, 2], 0, &[0; 12])])
            .contains("`w`: the shape [2, 2] of float32 takes 16 bytes")
    );
    assert!(of(&[variable("w", &[u32::MAX; 3], 0, &[])]).contains("`w`: the shape"));
    assert!(of(&[variable("w", &[0, u32::MAX, u32::MAX, u32::MAX], 0, &[])]).contains("overflows"));
}

#[test]
fn a_type_that_does_not_exist() {
    assert!(of(&[variable("w", &[1], 6, &[0; 4])]).contains("`w`: the element type 6"));
}

#[test]
fn names_without_an_end_or_that_are_no_text() {
    let mut bytes = variable("wx", &[], 0, &[0; 4]);
    bytes[4] = b'x';
    assert!(of(&[bytes]).contains("has no end"));
    let mut bytes = variable("wx", &[], 0, &[0; 4]);
    bytes[2] = 0xff;
    assert!(of(&[bytes]).contains("is not UTF-8"));
}

#[test]
fn names_that_occur_twice() {
    let w = variable("w", &[], 0, &[0; 4]);
    assert!(of(&[w.clone(), w.clone()]).contains("`w` occurs twice"));
    assert!(
        refusal(model(6, std::slice::from_ref(&w), &[("a", "w"), ("a", "w")]), LABEL)
            .contains("`a` occurs twice")
    );
    assert!(refusal(model(6, &[w], &[("w", "w")]), LABEL).contains("has the name of a variable"));
}

#[test]
fn aliases_of_nothing_and_of_each_other() {
    let w = variable("w", &[], 0, &[0; 4]);
    for aliases in [[("a", "b"), ("b", "a")], [("a", "w"), ("b", "a")]] {
        assert!(
            refusal(model(6, std::slice::from_ref(&w), &aliases), LABEL)
                .contains("there is no such variable")
        );
    }
}

#[test]
fn integers_without_a_scale_that_fits() {
    let weight = variable("weight", &[2, 3], 1, &[1; 6]);
    let read = |variables: &[Vec<u8>]| {
        let opened = CTranslate2::from_bytes(model(6, variables, &[]), LABEL).unwrap();
        opened.read("weight").unwrap_err().to_string()
    };
    assert!(read(std::slice::from_ref(&weight)).contains("its scale `weight_scale` is missing"));
    let scale = variable("weight_scale", &[3], 0, &[0; 12]);
    assert!(read(&[weight.clone(), scale]).contains("has 3 numbers for the shape [2, 3]"));
    let scale = variable("weight_scale", &[2], 3, &[0; 8]);
    assert!(read(&[weight, scale]).contains("int32"));
    // Old int16 weights have one that is known.
    let opened =
        CTranslate2::from_bytes(model(6, &[variable("weight", &[1], 2, &[0xe8, 3])], &[]), LABEL);
    let unargmax::checkpoint::Values::F32(numbers) = opened.unwrap().read("weight").unwrap().values
    else {
        panic!()
    };
    assert_eq!(numbers, [1000.0 * (1.0 / 1000f32)]);
}

#[test]
fn more_after_the_end() {
    let bytes = [model(6, &[], &[]), vec![0]].concat();
    assert!(refusal(bytes, LABEL).contains("1 bytes follow"));
}
