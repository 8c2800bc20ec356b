//! Files that CTranslate2 wrote (`analyses/ctranslate2_golden.py`), with each quantisation.

use std::path::PathBuf;

use half::{bf16, f16};
use unargmax::checkpoint::ctranslate2::CTranslate2;
use unargmax::checkpoint::{Checkpoint, Dtype, FileFormat, Values};

const ROWS: usize = 5;
const COLUMNS: usize = 4;

fn golden(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/ctranslate2").join(file)
}

/// The numbers before they were quantised: weight, bias.
fn originals() -> (Vec<f32>, Vec<f32>) {
    let bytes = std::fs::read(golden("weights.bin")).unwrap();
    let numbers: Vec<f32> =
        bytes.as_chunks().0.iter().map(|&four| f32::from_le_bytes(four)).collect();
    let (weight, bias) = numbers.split_at(ROWS * COLUMNS);
    (weight.to_vec(), bias.to_vec())
}

fn numbers(file: &CTranslate2, name: &str) -> Vec<f32> {
    let Values::F32(numbers) = file.read(name).unwrap().values else { panic!() };
    numbers
}

#[test]
fn floats_are_as_stored_under_both_names() {
    let (weight, bias) = originals();
    let rounded: [(&str, Dtype, fn(f32) -> f32); 3] = [
        ("float32.bin", Dtype::F32, |x| x),
        ("float16.bin", Dtype::F16, |x| f16::from_f32(x).to_f32()),
        ("bfloat16.bin", Dtype::Bf16, |x| bf16::from_f32(x).to_f32()),
    ];
    for (file, dtype, round) in rounded {
        let opened = CTranslate2::open(golden(file)).unwrap();
        assert_eq!(opened.model_kind(), Some("GoldenSpec"));
        let alias = ("projection/weight".to_owned(), "embeddings/weight".to_owned());
        assert_eq!(opened.aliases(), [alias]);
        for name in ["embeddings/weight", "projection/weight"] {
            assert_eq!(opened.read(name).unwrap().info.dtype, dtype);
            assert_eq!(
                numbers(&opened, name),
                weight.iter().map(|&x| round(x)).collect::<Vec<_>>()
            );
        }
        assert_eq!(
            numbers(&opened, "projection/bias"),
            bias.iter().map(|&x| round(x)).collect::<Vec<_>>()
        );
        let said = opened.read("activation").unwrap_err().to_string();
        assert!(said.contains("`activation`") && said.contains("int8"), "{said}");
    }
}

#[test]
fn integers_are_within_half_a_step_of_the_originals() {
    let (weight, bias) = originals();
    let largest = |row: &[f32]| row.iter().fold(0f32, |m, x| m.max(x.abs()));
    for (file, steps, per_row) in [("int8.bin", 127.0, true), ("int16.bin", 1024.0, false)] {
        let opened = CTranslate2::open(golden(file)).unwrap();
        for name in ["embeddings/weight", "projection/weight"] {
            let read = numbers(&opened, name);
            for (row, original) in read.chunks(COLUMNS).zip(weight.chunks(COLUMNS)) {
                let step = largest(if per_row { original } else { &weight }) / steps;
                let worst = row.iter().zip(original).fold(0f32, |m, (a, b)| m.max((a - b).abs()));
                assert!(worst <= 0.5001 * step, "{name} of {file}: {worst} for steps of {step}");
                assert!(original[0] == 0.0 || row.iter().any(|x| *x != 0.0));
            }
        }
        assert_eq!(numbers(&opened, "projection/bias"), bias);
    }
}

#[test]
fn an_integer_times_the_reciprocal_of_its_scale_rounded_twice() {
    let opened = CTranslate2::open(golden("int8.bin")).unwrap();
    let bytes = std::fs::read(golden("int8.bin")).unwrap();
    // The weight follows its name, rank, dimensions, type and length.
    let name = b"embeddings/weight\0";
    let at =
        bytes.windows(name.len()).position(|w| w == name).unwrap() + name.len() + 1 + 8 + 1 + 4;
    let scales = numbers(&opened, "embeddings/weight_scale");
    let expected: Vec<f32> = bytes[at..at + ROWS * COLUMNS]
        .iter()
        .enumerate()
        .map(|(k, &byte)| f32::from(byte as i8) * (1.0 / scales[k / COLUMNS]))
        .collect();
    assert_eq!(numbers(&opened, "projection/weight"), expected);
}
