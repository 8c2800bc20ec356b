//! Checkpoints, tensors, tokens and domains that the command accepts.

use safetensors::Dtype;

use crate::files::{Folder, SQUARE, Stored, integers, transposed};
use crate::{counts, done, summary, table};

#[test]
fn the_same_numbers_give_the_same_table_in_every_element_type() {
    let folder = Folder::new();
    let (rows, bias) = (integers(120 * 4, 1), integers(120, 2));
    let written = |dtype: Dtype, name: &str| {
        folder.safetensors(
            name,
            &[
                ("weight", Stored::new(dtype, &[120, 4], &rows)),
                ("bias", Stored::new(dtype, &[120], &bias)),
            ],
        )
    };
    let f32 = written(Dtype::F32, "f32.safetensors");
    let [argmaxable, tied, unargmaxable, undecided] = counts(&summary(&["audit", &f32]));
    assert!(argmaxable > 0 && unargmaxable > 0, "the head must have both kinds");
    assert_eq!((argmaxable + tied + unargmaxable, undecided), (120, 0));
    for (dtype, name) in [(Dtype::F16, "f16"), (Dtype::BF16, "bf16"), (Dtype::F64, "f64")] {
        let path = written(dtype, &format!("{name}.safetensors"));
        assert_eq!(summary(&["audit", &path])["head"]["dtype"], name);
        assert!(table(&["audit", &path]) == table(&["audit", &f32]), "{name}");
    }
}

#[test]
fn an_npy_file_is_a_head_without_bias() {
    let folder = Folder::new();
    let numbers = integers(80 * 3, 3);
    let npy = folder.npy("head.npy", &numbers, 80, 3);
    let safetensors =
        folder.safetensors("head.safetensors", &[("weight", Stored::f32(&[80, 3], &numbers))]);
    let read = summary(&["audit", &npy]);
    assert_eq!(read["checkpoint"]["format"], "npy");
    assert!(read["head"]["bias"].is_null());
    assert!(table(&["audit", &npy]) == table(&["audit", &safetensors]));
    assert_eq!(read["head"]["sha256"], summary(&["audit", &safetensors])["head"]["sha256"]);
}

#[test]
fn transpose_reads_a_weight_that_is_stored_by_columns() {
    let folder = Folder::new();
    let numbers = integers(50 * 3, 4);
    let rows = folder.npy("rows.npy", &numbers, 50, 3);
    let columns = folder.npy("columns.npy", &transposed(&numbers, 3), 3, 50);
    assert!(table(&["audit", &rows]) == table(&["audit", &columns, "--transpose"]));
}

#[test]
fn weight_and_bias_are_chosen_by_name() {
    let folder = Folder::new();
    let path = folder.safetensors(
        "model.safetensors",
        &[
            ("body", Stored::f32(&[2, 2], &[1.0; 4])),
            ("head.weight", Stored::f32(&[5, 2], &SQUARE)),
            ("head.bias", Stored::f32(&[5], &[0.0, 0.0, 0.0, 0.0, 1.0])),
            ("other", Stored::f32(&[1, 5], &[0.0, 0.0, 0.0, 0.0, -1.0])),
        ],
    );
    let audit = |more: &[&str]| {
        let summary = summary(&[&["audit", &path, "--weight", "head.weight"], more].concat());
        (counts(&summary), summary["head"]["bias"].as_str().map(str::to_owned))
    };
    // A larger bias lets the centre win near the origin.
    assert_eq!(audit(&[]), ([5, 0, 0, 0], Some("head.bias".into())));
    assert_eq!(audit(&["--bias", "none"]), ([4, 0, 1, 0], None));
    assert_eq!(audit(&["--bias", "other"]), ([4, 0, 1, 0], Some("other".into())));
}

#[test]
fn the_only_matrix_of_a_file_is_the_head() {
    let folder = Folder::new();
    let path = folder.safetensors("one.safetensors", &[("x", Stored::f32(&[5, 2], &SQUARE))]);
    assert!(done(&["audit", &path]).contains("`x`, without bias (the only matrix of the file)"));
    assert_eq!(counts(&summary(&["audit", &path])), [4, 0, 1, 0]);
}

#[test]
fn equal_rows_tie_and_are_named_together() {
    let folder = Folder::new();
    let rows = [1.0, 0.0, -1.0, 1.0, -1.0, -1.0, 1.0, 0.0];
    let path = folder.npy("twins.npy", &rows, 4, 2);
    let vocabulary = folder.write("v.txt", "north\nwest\neast\nsouth\n");
    let arguments = ["audit", &path, "--vocab", &vocabulary];
    assert_eq!(counts(&summary(&arguments)), [2, 2, 0, 0]);
    assert!(done(&arguments).contains("  north = south\n"));
    let text = String::from_utf8(table(&arguments)).unwrap();
    let ties: Vec<(&str, &str)> = text
        .lines()
        .filter(|line| line.contains(",tied,"))
        .map(|line| (line.split(',').next().unwrap(), line.split(',').nth(8).unwrap()))
        .collect();
    assert_eq!(ties, [("0", "3"), ("3", "0")]);
}

#[test]
fn vocabularies_are_lists_maps_or_lines_and_rows_beyond_them_are_padding() {
    let folder = Folder::new();
    let path = folder.npy("square.npy", &SQUARE, 5, 2);
    for (name, content) in [
        ("list.json", r#"["a", "b", "c", "d"]"#),
        ("map.json", r#"{"d": 3, "c": 2, "b": 1, "a": 0}"#),
        ("lines.txt", "a\nb\nc\nd\n"),
    ] {
        let vocabulary = folder.write(name, content);
        let text = String::from_utf8(table(&["audit", &path, "--vocab", &vocabulary])).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[1].starts_with("0,a,a,ordinary,"), "{name}: {}", lines[1]);
        assert!(lines[5].starts_with("4,,,padding,0.0,unargmaxable,"), "{name}: {}", lines[5]);
    }
}

#[test]
fn tokens_are_chosen_by_id_range_string_and_file() {
    let chosen = |selection: &str| -> Vec<String> {
        String::from_utf8(table(&["audit", "--tokens", selection]))
            .unwrap()
            .lines()
            .skip(1)
            .map(|line| line.split(',').next().unwrap().to_owned())
            .collect()
    };
    assert_eq!(chosen("7"), ["7"]);
    assert_eq!(chosen("9,3-5,4"), ["3", "4", "5", "9"]);
    assert_eq!(chosen("jian3,bian3"), ["0", "4"]);
    let folder = Folder::new();
    let file = folder.write("chosen.txt", "pian2\r\n10-12\n\n3\n");
    assert_eq!(chosen(&format!("@{file}")), ["1", "3", "10", "11", "12"]);
}

#[test]
fn chosen_tokens_are_decided_against_all_rivals() {
    let all = String::from_utf8(table(&["audit"])).unwrap();
    let some = String::from_utf8(table(&["audit", "--tokens", "0-99"])).unwrap();
    assert!(all.starts_with(&some));
}

#[test]
fn a_domain_may_be_bounded_on_both_sides() {
    let folder = Folder::new();
    let path = folder.npy("line.npy", &[-1.0, 0.0, 1.0], 3, 1);
    for (domain, expected) in [
        ("free", [2, 0, 1, 0]),
        ("range:0:inf", [1, 0, 2, 0]),
        ("range:-3:-0.5", [1, 0, 2, 0]),
        ("range:-1:1", [2, 0, 1, 0]),
    ] {
        assert_eq!(counts(&summary(&["audit", &path, "--domain", domain])), expected, "{domain}");
    }
}
