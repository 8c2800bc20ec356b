//! Comparisons: runs of many checkpoints, and families whose ids do not stand for the same tokens.

use std::path::{Path, PathBuf};

use crate::files::{Folder, SQUARE};
use crate::{done, utf8};

fn read(path: &Path, name: &str) -> String {
    std::fs::read_to_string(path.join(name)).unwrap()
}

/// Audits rows in two dimensions under these names, into a folder of this name.
fn audit(folder: &Folder, name: &str, rows: &[f64], vocabulary: Option<&str>) -> PathBuf {
    let head = folder.npy(&format!("{name}.npy"), rows, rows.len() / 2, 2);
    let out = folder.path(name);
    let mut arguments = vec!["audit", &head, "--quiet", "--no-report", "--out", utf8(&out)];
    let file = vocabulary.map(|tokens| folder.write("v.txt", tokens));
    if let Some(file) = &file {
        arguments.extend(["--vocab", file]);
    }
    done(&arguments);
    out
}

/// Compares audits, and returns what was printed and where the files are.
fn compare(folder: &Folder, audits: &[PathBuf]) -> (String, PathBuf) {
    let out = folder.path("compared");
    let audits: Vec<&str> = audits.iter().map(|audit| utf8(audit)).collect();
    let told = done(&[&["compare", "--out", utf8(&out)], &audits[..]].concat());
    (told, out)
}

#[test]
fn tokens_of_different_vocabularies_are_followed_by_their_texts_and_not_by_their_ids() {
    let folder = Folder::new();
    // The centre of the square, which loses, is `e` in one and `d` in the other.
    let one = audit(&folder, "one", &SQUARE, Some("a\nb\nc\nd\ne\n"));
    let two = audit(&folder, "two", &SQUARE, Some("a\nb\nc\ne\nd\n"));
    let (told, out) = compare(&folder, &[one, two]);
    let why = "token 3 is \"d\" in one vocabulary and \"e\" in the other";
    assert!(told.contains(why), "{told}");
    assert!(told.contains("\n5 tokens are followed by their texts: one and two: "), "{told}");
    assert!(told.contains("\n2 tokens change their verdict\n"), "{told}");
    assert_eq!(
        read(&out, "changes.csv"),
        "id,token,piece,one,two,id one,id two\n\
         3,d,d,argmaxable,unargmaxable,3,4\n4,e,e,unargmaxable,argmaxable,4,3\n"
    );
    let page = read(&out, "compare.html");
    assert!(page.contains("followed by their texts, since ids do not stand for the same tokens"));
    assert!(
        page.contains("5 texts that at least two audits have")
            && page.contains("2 verdicts change")
    );
}

#[test]
fn texts_that_are_not_one_token_in_two_audits_are_left_out_and_counted() {
    let folder = Folder::new();
    let more = [&SQUARE[..], &[5.0, 0.0, 0.0, 0.0]].concat();
    // `e` is two tokens in the second, `x` and `f` are in one audit alone.
    let one = audit(&folder, "one", &SQUARE, Some("a\nb\nc\nx\ne\n"));
    let two = audit(&folder, "two", &more, Some("a\nb\nc\nd\ne\nf\ne\n"));
    let (told, out) = compare(&folder, &[one, two]);
    assert!(told.contains("one head has 5 tokens, the other 7"), "{told}");
    assert!(told.contains("\n3 tokens are followed by their texts"), "{told}");
    let page = read(&out, "compare.html");
    let left = "2 of <bdi translate=\"no\">one</bdi>, 4 of <bdi translate=\"no\">two</bdi>.";
    assert!(page.contains(left), "{page}");
    assert!(!read(&out, "changes.csv").contains("\n4,"));
}

#[test]
fn tokens_without_texts_in_heads_of_different_sizes_are_not_followed() {
    let folder = Folder::new();
    let one = audit(&folder, "one", &SQUARE, None);
    let two = audit(&folder, "two", &[&SQUARE[..], &[5.0, 0.0]].concat(), None);
    let (told, out) = compare(&folder, &[one, two]);
    assert!(told.contains("\ntokens cannot be followed: one and two: one head has 5"), "{told}");
    assert!(read(&out, "compare.html").contains("cannot be followed by their ids"));
    assert_eq!(read(&out, "changes.csv").lines().count(), 1);
}

/// The fifth token is inside the square of the others, or outside: 60 steps, lost from step 30 to 39 and from 50 on.
fn run(folder: &Folder, name: impl Fn(usize) -> String) -> (String, PathBuf) {
    let audits: Vec<PathBuf> = (0..60)
        .map(|step| {
            let inside = (30..40).contains(&step) || step >= 50;
            let fifth = if inside { [0.5, 0.5] } else { [3.0, 0.0] };
            audit(folder, &name(step), &[&SQUARE[..8], &fifth].concat(), None)
        })
        .collect();
    compare(folder, &audits)
}

#[test]
fn a_run_of_many_checkpoints_is_told_by_its_trend_a_map_and_strips() {
    let folder = Folder::new();
    let (told, out) = run(&folder, |step| format!("step-{step}"));
    assert!(told.contains("\ncannot win: 0 (0 %) at step 0, 1 (20.0 %) at step 59\n"), "{told}");
    let listed = told.lines().filter(|line| line.starts_with("step-")).count();
    assert!(listed == 31 && told.contains("(one in 2 of 60 audits, and the last"), "{told}");
    assert!(
        told.lines().all(|line| line.starts_with('/') || line.chars().count() <= 120),
        "{told}"
    );
    assert_eq!(read(&out, "compare.csv").lines().count(), 61);
    let page = read(&out, "compare.html");
    for says in [
        "Tokens that can never win: 0 (0 %) at step 0, 1 (20.0 %) at step 59; 1 verdict changes",
        "id=\"picture-map\"",
        "<title>step-31, ids 4 to 4: 1 of 1 (100 %)</title>",
        "title=\"unargmaxable: step-30 to step-39\"",
        "All of them: 5 tokens x 2 dimensions, stored as f32, states <code>free</code>.",
        "<td class=\"number\">1 (20.0 %)</td>",
    ] {
        assert!(page.contains(says), "{says}");
    }
    // The strip: argmaxable, lost, argmaxable, lost.
    for (runs, length) in [("s0", 30), ("s2", 10), ("s0", 10), ("s2", 10)] {
        assert!(
            page.contains(&format!("class=\"{runs}\" style=\"flex-grow:{length}\"")),
            "{length}"
        );
    }
    assert!(
        page.contains("<td class=\"number\">3</td><td><bdi translate=\"no\">step-50</bdi></td>")
    );
}

#[test]
fn many_audits_without_steps_are_drawn_in_the_given_order() {
    let folder = Folder::new();
    let (told, out) = run(&folder, |step| format!("run-{step}x"));
    assert!(
        !told.contains("cannot win: ") && told.contains("1 token changes its verdict"),
        "{told}"
    );
    let page = read(&out, "compare.html");
    assert!(page.contains("0 to 1 token can never win, over 60 audits"), "{page}");
    assert!(page.contains("audit, in the given order") && page.contains("id=\"picture-map\""));
}
