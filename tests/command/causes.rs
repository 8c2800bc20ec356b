//! Why tokens lose: the columns `cause`, `cluster` and `mean_distance`, and lines and cards for tokens that lie together.

use std::fs;

use serde_json::Value;

use crate::files::Folder;
use crate::{done, utf8};

/// A square of long rows, a crowd of nine near-equal rows inside, a row near the mean, and a row equal to a
/// corner.
fn crowded() -> Vec<f64> {
    let mut rows = vec![10.0, 10.0, -10.0, 10.0, -10.0, -10.0, 10.0, -10.0];
    for k in 0..9 {
        rows.extend([6.0 + 1e-5 * f64::from(k), 2.0 + 1e-5 * f64::from(k * k % 5)]);
    }
    rows.extend([4.0, 1.9, 10.0, 10.0]);
    rows
}

/// The fields of a column, in the order of ids.
fn column(table: &str, name: &str) -> Vec<String> {
    let mut csv = csv::Reader::from_reader(table.as_bytes());
    let place = csv.headers().unwrap().iter().position(|column| column == name).unwrap();
    csv.records().map(|record| record.unwrap()[place].to_owned()).collect()
}

#[test]
fn tokens_that_lie_together_share_a_cause_a_line_and_a_card() {
    let folder = Folder::new();
    let head = folder.npy("h.npy", &crowded(), 15, 2);
    let out = folder.path("out");
    let text = done(&["audit", &head, "--out", utf8(&out)]);
    let read = |name: &str| fs::read_to_string(out.join(name)).unwrap();
    let table = read("verdicts.csv");
    let mut causes = vec!["equal-rows", "", "", ""];
    causes.extend(["near-equal-rows"; 9]);
    causes.extend(["near-mean", "equal-rows"]);
    assert_eq!(column(&table, "cause"), causes);
    let clusters = column(&table, "cluster");
    assert_eq!(clusters[4..13], ["4"; 9]);
    assert_eq!([&clusters[0], &clusters[14], &clusters[1], &clusters[13]], ["0", "0", "", ""]);
    let distances: Vec<f64> =
        column(&table, "mean_distance").iter().map(|x| x.parse().unwrap()).collect();
    assert!(distances[13] < 0.5 && distances[1] > 1.0, "{distances:?}");

    for says in [
        "9 of the 12 have rows in one of 2 clusters, the largest of 9 rows, where each is within 0.0001",
        "look as if training had never moved them on their own.",
        "2 of the 12 have the same row as another token.",
        "1 of the 12 has a row near the mean of all rows",
        "  #4, #5, #6, #7 and 5 more, whose rows are near-equal: ",
    ] {
        // Long sentences are broken into lines.
        let text = text.replace("\n  ", " ").replace("  ", " ");
        let says = says.trim_start();
        assert!(text.contains(says), "{says:?} is missing in\n{text}");
    }
    let markdown = read("summary.md");
    assert!(markdown.contains("\n\n9 of the 12 have rows in one of 2 clusters"), "{markdown}");
    assert!(
        markdown.contains("and 5 more, whose rows are near-equal; of the first:"),
        "{markdown}"
    );
    let page = read("report.html");
    assert_eq!(page.matches("<article class=\"card\"").count(), 2);
    assert!(page.contains("<p class=\"cause\">9 of the 12 have rows"), "the headline's cause");
    assert!(page.contains("It stands for 9 tokens with near-equal rows"));

    let summary: Value = serde_json::from_str(&read("summary.json")).unwrap();
    let causes = &summary["audits"][0]["causes"];
    assert_eq!(causes["tokens"]["near-equal-rows"]["lost_or_tied"], 9);
    assert_eq!(causes["clusters"]["largest"][0]["first"], 4);
    assert_eq!(causes["looks_untrained"]["all"], 9);
    let list = done(&["audit", &head, "--list", "all"]);
    assert!(list.contains("  #4, #5, #6, #7, #8, #9, #10, #11, #12, whose rows"), "{list}");
}

#[test]
fn inspect_shows_the_same_clusters_without_an_audit() {
    let folder = Folder::new();
    let head = folder.npy("h.npy", &crowded(), 15, 2);
    let text = done(&["inspect", &head]);
    let says = "alike   11 rows in 2 clusters of near-equal rows (within 0.0001 of the median norm): 9 with #4, 2 with #0\n";
    assert!(text.contains(says), "{text}");
    let inspected: Value = serde_json::from_str(&done(&["inspect", "--json", &head])).unwrap();
    let rows = &inspected["rows"];
    assert_eq!(rows["clusters"]["largest"][0]["rows"], 9);
    assert_eq!(rows["standing_out"]["near-equal-rows"], 11);
    assert_eq!(rows["looks_untrained"], 9);
}

#[test]
fn only_the_rows_that_compete_have_causes() {
    let folder = Folder::new();
    let head = folder.npy("h.npy", &crowded(), 15, 2);
    let out = folder.path("out");
    done(&["audit", &head, "--among", "0-4,13", "--out", utf8(&out), "--no-report"]);
    let table = fs::read_to_string(out.join("verdicts.csv")).unwrap();
    assert_eq!(column(&table, "cluster"), [""; 6]);
}

#[test]
fn the_special_tokens_are_chosen_by_one_word_that_a_file_does_not_have() {
    let folder = Folder::new();
    let head = folder.npy("h.npy", &[1.0, 0.0, 0.0, 1.0, -1.0, -1.0, 0.1, 0.1, 0.0, 0.1], 5, 2);
    let vocabulary = folder.path("vocab.json");
    fs::write(&vocabulary, r#"["<s>", "a", "special", "<|im_end|>", "</s>"]"#).unwrap();
    let list = folder.path("list");
    fs::write(&list, "special\n").unwrap();
    let audit = |tokens: &str| -> Vec<u64> {
        let text =
            done(&["audit", &head, "--vocab", utf8(&vocabulary), "--tokens", tokens, "--json"]);
        let summary: Value = serde_json::from_str(&text).unwrap();
        let counts = &summary["audits"][0]["counts"];
        ["argmaxable", "unargmaxable"].map(|name| counts[name].as_u64().unwrap()).to_vec()
    };
    assert_eq!(audit("special"), [1, 2]);
    assert_eq!(audit("special,a"), [2, 2]);
    assert_eq!(audit(&format!("@{}", utf8(&list))), [1, 0]);
    let without = crate::run(&["audit", &head, "--vocab", "none", "--tokens", "special"]);
    assert_eq!(without.status.code(), Some(2));
    assert!(crate::said(&without).contains("needs a vocabulary"), "{}", crate::said(&without));
}
