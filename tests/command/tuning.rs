//! `pattern --tune`: vectors that are learned from labelled texts, saved and used again.

use std::process::Output;

use serde_json::Value;

use crate::files::Folder;
use crate::{run, said};

const MODEL: &str = "tests/data/systems/bert";

/// Texts of two classes that differ in their words, as many of each.
fn texts() -> String {
    let mut table = "text,label\n".to_owned();
    let endings = ["today.", "again.", "at home.", "and good.", "in the rain."];
    for round in 0..8 {
        for ending in &endings[..3 + round % 3] {
            table +=
                &format!("The soup was warm {ending},great\nThe bus came late {ending},home\n");
        }
    }
    table
}

fn pattern(folder: &Folder, more: &[&str]) -> Output {
    let file = folder.write("texts.csv", texts());
    let all = ["pattern", MODEL, "--pattern", "{text} It was [MASK].", "--labels", "great,home"];
    run(&[&all[..], &["--file", &file, "--json"], more].concat())
}

fn json(output: &Output) -> Value {
    assert_eq!(output.status.code(), Some(0), "{}", said(output));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn learned_vectors_classify_texts_that_the_written_pattern_does_not_and_can_be_used_again() {
    let folder = Folder::new();
    let train = folder.write("train.csv", texts());
    let saved = folder.path("vectors.safetensors").to_str().unwrap().to_owned();
    let learn = ["--tune", "3", "--train", &train, "--save", &saved, "--rate", "0.3"];
    let told = json(&pattern(&folder, &learn));
    let right = |accuracy: &Value| accuracy["right"].as_u64().unwrap();
    let (written, tuned) = (&told["accuracy"], &told["tuned"]["accuracy"]);
    let most = written["largest_class"].as_u64().unwrap();
    assert_eq!(2 * most, written["labelled"].as_u64().unwrap());
    assert!(right(written) < most + 5, "the written pattern is no good: {written}");
    assert!(right(tuned) > 3 * most / 2, "{tuned}, {}", told["tuned"]["course"]);
    let course = &told["tuned"]["course"];
    assert!(course["loss"].as_f64().unwrap() < course["loss_at_start"].as_f64().unwrap());
    assert_eq!(course["texts"].as_u64().unwrap() + course["held_out"].as_u64().unwrap(), 2 * most);
    // The same from the file, and the same once more.
    let again = json(&pattern(&folder, &["--tuned", &saved]));
    assert_eq!(again["tuned"]["probabilities"], told["tuned"]["probabilities"]);
    assert_eq!(json(&pattern(&folder, &learn))["tuned"], told["tuned"]);
    // The scores of the written pattern are those without vectors.
    assert_eq!(json(&pattern(&folder, &[]))["texts"], told["texts"]);
}

#[test]
fn what_cannot_be_learned_is_refused_in_one_line() {
    let folder = Folder::new();
    let train = folder.write("train.csv", texts());
    let few = folder.write("few.csv", "text,label\nThe soup,great\nThe bus,home\n");
    let bare = folder.write("bare.csv", "text\nThe soup\n");
    let other = folder.write("other.safetensors", b"\x02\0\0\0\0\0\0\0{}");
    let mine = folder.write("mine.txt", "my notes");
    for (more, says) in [
        (vec!["--tune", "2", "--train", &few], "ten are needed"),
        (vec!["--tune", "2", "--train", &bare], "has no label"),
        (vec!["--tune", "2", "--train", "/nowhere.csv"], "/nowhere.csv"),
        (vec!["--tune", "2", "--train", &train, "--rate", "0"], "--rate"),
        (vec!["--tune", "2", "--train", &train, "--save", &mine], "unargmax did not write it"),
        (vec!["--tune", "2"], "--train"),
        (vec!["--tuned", &other], "no vectors that"),
        (vec!["--tuned", &mine], "no safetensors file"),
    ] {
        let output = pattern(&folder, &more);
        assert_eq!(output.status.code(), Some(2), "{more:?}: {}", said(&output));
        assert!(said(&output).contains(says), "{more:?}: {}", said(&output));
    }
    let file = folder.write("texts.csv", texts());
    let several = ["pattern", MODEL, "--pattern", "{text} [MASK].", "--labels", "great,not good"];
    let learn = ["--file", &file, "--tune", "2", "--train", &few];
    let table = std::fs::read_to_string(&file).unwrap().replace(",home", ",not good");
    std::fs::write(&file, table).unwrap();
    std::fs::write(&few, "text,label\nThe soup,great\n").unwrap();
    let output = run(&[&several[..], &learn].concat());
    assert!(said(&output).contains("words of one token"), "{}", said(&output));
}
