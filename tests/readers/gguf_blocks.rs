//! A GGUF file that the reference package `gguf` wrote, against what that package reads from it.
//!
//! `analyses/gguf_golden.py` makes both files.

use unargmax::checkpoint::gguf::{Gguf, Value};
use unargmax::checkpoint::vocabulary::Kind;
use unargmax::checkpoint::{self, Dtype, FileFormat, Values};

const BLOCKS: &str = "tests/data/blocks/blocks.gguf";
const NUMBERS: &str = "tests/data/blocks/blocks.safetensors";

fn bits(values: &Values) -> Vec<u32> {
    match values {
        Values::F32(numbers) => numbers.iter().map(|x| x.to_bits()).collect(),
        Values::F64(_) => panic!("f32 is expected"),
    }
}

#[test]
fn every_block_type_decodes_to_the_reference_numbers_bit_for_bit() {
    let (blocks, numbers) = (checkpoint::open(BLOCKS).unwrap(), checkpoint::open(NUMBERS).unwrap());
    assert_eq!(numbers.tensors().len(), 18);
    for expected in numbers.tensors() {
        let decoded = blocks.read(&expected.name).unwrap();
        assert_eq!(decoded.info.shape, expected.shape, "{}", expected.name);
        assert_eq!(decoded.info.dtype.to_string().to_uppercase(), expected.name);
        assert_eq!(
            bits(&decoded.values),
            bits(&numbers.read(&expected.name).unwrap().values),
            "{}",
            expected.name
        );
    }
}

#[test]
fn a_type_that_is_not_decoded_is_listed_and_refused_by_name() {
    let blocks = checkpoint::open(BLOCKS).unwrap();
    let listed = blocks.tensors().iter().find(|info| info.name == "IQ2_XXS").unwrap();
    assert_eq!(
        (&listed.dtype, &listed.shape[..]),
        (&Dtype::Other("IQ2_XXS".into()), &[2, 256][..])
    );
    let said = blocks.read("IQ2_XXS").unwrap_err().to_string();
    assert!(
        said.contains("tensor `IQ2_XXS`") && said.contains("element type is IQ2_XXS"),
        "{said}"
    );
}

#[test]
fn metadata_of_every_type_come_back() {
    let file = Gguf::open(BLOCKS).unwrap();
    let metadata = file.metadata();
    for (key, value) in [
        ("value.u8", Value::Unsigned(200)),
        ("value.i8", Value::Signed(-7)),
        ("value.u16", Value::Unsigned(60_000)),
        ("value.i16", Value::Signed(-30_000)),
        ("value.u32", Value::Unsigned(4_000_000_000)),
        ("value.i32", Value::Signed(-2_000_000_000)),
        ("value.u64", Value::Unsigned(u64::MAX)),
        ("value.i64", Value::Signed(i64::MIN)),
        ("value.f32", Value::Float(f64::from(0.1f32))),
        ("value.f64", Value::Float(0.1)),
        ("value.bool", Value::Bool(true)),
        ("value.string", Value::String("grüß".as_bytes())),
    ] {
        assert_eq!(metadata.get(key).unwrap(), Some(value), "{key}");
    }
    assert_eq!(metadata.get_str("general.architecture").unwrap(), Some("test"));
    assert_eq!(metadata.get_array_str("value.strings").unwrap(), Some(vec!["a", "", "ß"]));
    assert_eq!(metadata.get_array_i64("value.integers").unwrap(), Some(vec![1, -2, 3]));
    assert_eq!(metadata.get_u64("value.u64").unwrap(), Some(u64::MAX));
    assert_eq!(metadata.get_f64("value.f64").unwrap(), Some(0.1));
    assert_eq!(metadata.get_bool("value.bool").unwrap(), Some(true));
    assert_eq!(metadata.get_str("no.such.key").unwrap(), None);
    assert_eq!(metadata.keys().count(), 18);
}

#[test]
fn metadata_of_another_type_are_refused_by_key() {
    let file = Gguf::open(BLOCKS).unwrap();
    let metadata = file.metadata();
    for (said, says) in [
        (metadata.get_u64("value.i8").unwrap_err(), "`value.i8` at offset"),
        (metadata.get_str("value.u8").unwrap_err(), "(u8) is not a UTF-8 string"),
        (metadata.get("value.strings").unwrap_err(), "(array) is not a number or string"),
        (metadata.get_array_i64("value.strings").unwrap_err(), "is not an array of integers"),
        (metadata.get_array_str("value.string").unwrap_err(), "is not an array of UTF-8 strings"),
    ] {
        assert!(said.to_string().contains(says), "{said}");
    }
}

#[test]
fn the_vocabulary_is_readable() {
    let vocabulary = checkpoint::open(BLOCKS).unwrap().vocabulary().unwrap().unwrap();
    let tokens: Vec<_> =
        vocabulary.tokens.iter().map(|t| (t.text.as_str(), t.piece.as_str(), t.kind)).collect();
    assert_eq!(
        tokens,
        [
            ("<|im_end|>", "<|im_end|>", Kind::Special),
            (" the", "Ġthe", Kind::Ordinary),
            ("<0xE4><0xB8>", "ä¸", Kind::Ordinary),
            ("\n", "Ċ", Kind::Ordinary),
            ("[PAD4]", "[PAD4]", Kind::Padding),
        ]
    );
    assert_eq!((vocabulary.label(1), vocabulary.label(3)), ("␠the".into(), "␊".into()));
}
