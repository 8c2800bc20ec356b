//! Doubtful vocabularies, and one count in terminal, files, pages and `--fail-on`.

use std::fs;

use serde_json::Value;

use crate::files::{Folder, SQUARE, integers};
use crate::refusals::refused;
use crate::{done, run, said, summary, utf8};

/// A vocabulary of so many names.
fn names(count: usize) -> String {
    (0..count).map(|id| format!("t{id}\n")).collect()
}

#[test]
fn a_vocabulary_that_leaves_many_rows_without_a_token_is_an_error_unless_that_is_asked_for() {
    let folder = Folder::new();
    for (rows, tokens) in [(200, 26), (24, 6), (5, 3), (200, 170), (128, 60)] {
        let head = folder.npy("head.npy", &integers(rows * 2, 1), rows, 2);
        let vocabulary = folder.write("v.txt", names(tokens));
        let padding = rows - tokens;
        let leaves = format!("v.txt: the vocabulary leaves {padding} of the head's {rows} rows");
        let says = [leaves.as_str(), "--vocab FILE", "--vocab none", "--padding-ok"];
        for command in ["audit", "inspect"] {
            refused(&[command, &head, "--vocab", &vocabulary], &says);
        }
        let read = summary(&["audit", &head, "--vocab", &vocabulary, "--padding-ok"]);
        assert_eq!(read["audits"][0]["padding"]["rows"], padding);
    }
}

#[test]
fn padding_as_real_heads_have_it_is_believed() {
    let folder = Folder::new();
    for (rows, tokens) in [(200, 190), (128, 65), (64, 40), (6, 5), (5, 4), (3, 3)] {
        let head = folder.npy("head.npy", &integers(rows * 2, 1), rows, 2);
        let vocabulary = folder.write("v.txt", names(tokens));
        done(&["audit", &head, "--vocab", &vocabulary, "--quiet"]);
    }
}

#[test]
fn a_vocabulary_beside_the_checkpoint_and_one_with_holes_are_doubted_as_well() {
    let folder = Folder::new();
    let path = crate::finding::llama(&folder, [9.0, 9.0], 3);
    refused(&["audit", &path], &["tokenizer.json: the vocabulary leaves 3 of", "--padding-ok"]);
    done(&["audit", &path, "--padding-ok", "--quiet"]);
    let folder = Folder::new();
    let head = folder.npy("head.npy", &integers(40, 1), 20, 2);
    let holes = folder.write("holes.json", r#"{"a": 0, "b": 1, "c": 19, "d": 18}"#);
    refused(&["audit", &head, "--vocab", &holes], &["holes.json: the vocabulary leaves 16 of"]);
}

/// Ten rows: a square whose first corner is a control token, its centre, two doubles, and padding that loses, wins and
/// doubles the doubles.
fn padded(folder: &Folder) -> [String; 2] {
    let outside = [3.0, 0.0, 3.0, 0.0, 0.0, 0.5, 9.0, 9.0, 3.0, 0.0];
    let head = folder.npy("h.npy", &[&SQUARE[..], &outside].concat(), 10, 2);
    [head, folder.write("v.json", r#"["<s>", "b", "c", "d", "e", "f", "g"]"#)]
}

const VERDICTS: [&str; 4] = ["argmaxable", "tied", "unargmaxable", "undecided"];

fn four(value: &Value) -> [usize; 4] {
    VERDICTS.map(|name| value[name].as_u64().unwrap() as usize)
}

/// The numbers of the column with this heading (by its place from the left) in the summary on the terminal.
fn column(text: &str, place: usize) -> [usize; 4] {
    VERDICTS.map(|name| {
        let line = text.lines().find(|line| line.trim_start().starts_with(&format!("{name} ")));
        line.unwrap().split_whitespace().nth(place + 1).unwrap().parse().unwrap()
    })
}

/// The four numbers that stand behind these words in a text, in front of `before`.
fn numbers_before(text: &str, cells: [(&str, &str); 4]) -> [usize; 4] {
    cells.map(|(from, to)| {
        let (_, rest) = text.split_once(from).unwrap_or_else(|| panic!("{from:?} is missing"));
        rest.split_once(to).unwrap().0.trim().parse().unwrap()
    })
}

/// Holds all that says how many tokens have which verdict against each other.
fn agree(domain: &str, more: &[&str], expected: [usize; 4], padding: [usize; 4]) {
    let folder = Folder::new();
    let [head, vocabulary] = padded(&folder);
    let out = folder.path("out");
    let audit = ["audit", &head, "--vocab", &vocabulary, "--padding-ok", "--domain", domain];
    let audit = [&audit[..], more].concat();
    let text = done(&[&audit[..], &["--out", utf8(&out), "--list", "all"]].concat());
    let read = |name: &str| fs::read_to_string(out.join(name)).unwrap();

    assert_eq!(column(&text, 0), expected, "{text}");
    let has_free = domain != "free";
    if padding.iter().sum::<usize>() > 0 {
        assert_eq!(column(&text, if has_free { 2 } else { 1 }), padding, "{text}");
    }
    let json: Value = serde_json::from_str(&read("summary.json")).unwrap();
    let entry = &json["audits"][0];
    let rows = four(&entry["counts"]);
    let sums = [0, 1, 2, 3].map(|i| expected[i] + padding[i]);
    assert_eq!(rows, sums);
    if padding.iter().sum::<usize>() > 0 {
        assert_eq!((four(&entry["token_counts"]), four(&entry["padding"])), (expected, padding));
    } else {
        assert!(entry.get("token_counts").is_none() && entry.get("padding").is_none());
    }
    let rows = |name: &str, kind: fn(&str) -> bool| {
        let table = read("verdicts.csv");
        let mut csv = csv::Reader::from_reader(table.as_bytes());
        csv.records().filter(|r| r.as_ref().is_ok_and(|r| &r[5] == name && kind(&r[3]))).count()
    };
    assert_eq!(VERDICTS.map(|name| rows(name, |kind| kind != "padding")), expected);
    assert_eq!(VERDICTS.map(|name| rows(name, |kind| kind == "padding")), padding);

    let markdown = read("summary.md");
    let cell = |name: &'static str| (name, " |");
    let words = [
        "| argmaxable (can win) | ",
        "| tied (can only tie) | ",
        "| unargmaxable (can never win) | ",
        "| undecided (neither is proved) | ",
    ];
    assert_eq!(numbers_before(&markdown, words.map(cell)), expected, "{markdown}");
    let page = read("report.html");
    let tiles = VERDICTS.map(|name| {
        let (_, tile) = page.split_once(&format!("<li class=\"{name}")).unwrap();
        let (_, count) = tile.split_once("<span class=\"count\">").unwrap();
        count.split_once('<').unwrap().0.parse::<usize>().unwrap()
    });
    assert_eq!(tiles, expected);
    // Lists are of what was counted.
    let title = "### Unargmaxable tokens";
    let listed = markdown.split_once(title).map_or(0, |(_, rest)| {
        let list = rest.trim_start_matches(|c| c != '\n').split("\n#").next().unwrap();
        // Tokens with near-equal rows share a line; each is named with its id.
        list.lines()
            .filter(|line| line.starts_with("- "))
            .map(|line| line.matches(" (id ").count())
            .sum()
    });
    assert_eq!(listed, expected[2], "{markdown}");
    let alike = page.matches("<li title=\"id ").count();
    assert_eq!(page.matches("<article class=\"card\"").count() + alike, expected[2]);

    for (name, count) in VERDICTS.iter().zip(expected).skip(1) {
        let output = run(&[&audit[..], &["--quiet", "--fail-on", name]].concat());
        let said = said(&output);
        assert_eq!(output.status.code(), Some(i32::from(count > 0)), "{name}: {said}");
        if count > 0 {
            assert!(said.starts_with(&format!("unargmax: --fail-on: {count} {name}")), "{said}");
        }
        let told = run(&[&audit[..], &["--fail-on", name]].concat());
        let told = String::from_utf8_lossy(&told.stdout).into_owned() + &crate::said(&told);
        let rows: usize = padding.iter().sum();
        if rows > 0 {
            let left_out =
                format!("of {} tokens; left out: {rows} row", expected.iter().sum::<usize>());
            assert!(told.contains(&left_out), "{left_out} is missing in {told}");
        }
    }
    let winners = padding[0] + padding[1];
    let output = run(&[&audit[..], &["--quiet", "--fail-on", "padding-can-win"]].concat());
    assert_eq!(output.status.code(), Some(i32::from(winners > 0)));

    let other = folder.path("other");
    fs::create_dir(&other).unwrap();
    for name in ["summary.json", "verdicts.csv"] {
        fs::copy(out.join(name), other.join(name)).unwrap();
    }
    let both = folder.path("both");
    let told = done(&["compare", utf8(&out), utf8(&other), "--out", utf8(&both)]);
    let line = told.lines().find(|line| line.starts_with("out ")).unwrap();
    let shown: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(shown[1..4], [expected[2], expected[1], expected[3]].map(|n| n.to_string()));
    let compared = fs::read_to_string(both.join("compare.html")).unwrap();
    let noun = if expected[2] == 1 { "token" } else { "tokens" };
    let headline = format!("{} {noun} can never win in each of 2 audits", expected[2]);
    assert!(compared.contains(&headline), "{headline}");
    let audits = fs::read_to_string(both.join("compare.csv")).unwrap();
    let tokens: Vec<&str> = audits.lines().nth(1).unwrap().split(',').skip(17).collect();
    assert_eq!(tokens, expected.map(|n| n.to_string()));
}

#[test]
fn terminal_files_pages_and_the_gate_count_the_same() {
    agree("free", &[], [3, 2, 2, 0], [1, 1, 1, 0]);
    agree("ball:1", &[], [3, 2, 2, 0], [1, 1, 1, 0]);
    agree("ball:1", &["--effort", "all", "--margins", "all"], [3, 2, 2, 0], [1, 1, 1, 0]);
    agree("range:0:inf", &[], [0, 0, 7, 0], [1, 0, 2, 0]);
    agree("free", &["--tokens", "4,5,7-8"], [0, 1, 1, 0], [1, 0, 1, 0]);
    agree("free", &["--tokens", "0-4"], [3, 0, 2, 0], [0; 4]);
    agree("free", &["--tokens", "8-9"], [0; 4], [1, 1, 0, 0]);
}

#[test]
fn what_is_not_decided_is_counted_the_same_in_files_that_say_so() {
    let folder = Folder::new();
    let [head, vocabulary] = padded(&folder);
    let out = folder.path("out");
    let audit = ["audit", &head, "--vocab", &vocabulary, "--padding-ok", "--quiet"];
    done(&[&audit[..], &["--out", utf8(&out)]].concat());
    // A token and a row of padding that were lost are now open.
    let mut json: Value =
        serde_json::from_slice(&fs::read(out.join("summary.json")).unwrap()).unwrap();
    for counts in ["counts", "token_counts", "padding"] {
        let moved = if counts == "counts" { 2 } else { 1 };
        for (name, change) in [("unargmaxable", -moved), ("undecided", moved)] {
            let count = json["audits"][0][counts][name].as_i64().unwrap();
            json["audits"][0][counts][name] = (count + change).into();
        }
    }
    fs::write(out.join("summary.json"), json.to_string()).unwrap();
    let table = fs::read_to_string(out.join("verdicts.csv")).unwrap();
    let open: String = table
        .lines()
        .map(|line| match line.split(',').next() {
            Some("4" | "7") => line.replace(",unargmaxable,", ",undecided,") + "\n",
            _ => line.to_owned() + "\n",
        })
        .collect();
    fs::write(out.join("verdicts.csv"), open).unwrap();
    done(&["report", utf8(&out)]);
    let (page, markdown) = (
        fs::read_to_string(out.join("report.html")).unwrap(),
        fs::read_to_string(out.join("summary.md")).unwrap(),
    );
    for text in [&page, &markdown] {
        assert!(text.contains("1 of 7 tokens can never win; 1 not decided"));
        assert!(text.contains("8 of 10 verdicts are proved, not estimated; 2 are left open"));
        assert!(text.contains("on 7 tokens and on 3 rows of padding"));
    }
    assert!(
        markdown.contains("| undecided (neither is proved) | 1 |")
            && markdown.contains("and 1 could not be decided")
    );
    assert!(page.contains("undecided (1 and 1 row of padding)"));
}

#[test]
fn a_gate_that_passes_says_so_where_anything_is_printed() {
    let folder = Folder::new();
    let [head, vocabulary] = padded(&folder);
    let audit = ["audit", &head, "--vocab", &vocabulary, "--padding-ok", "--tokens", "1-3,7"];
    let text = done(&[&audit[..], &["--fail-on", "unargmaxable"]].concat());
    let says = "--fail-on: passed: 0 unargmaxable (of 3 tokens; left out: 1 row of padding, 1 unargmaxable, 6 rows not in \
                --tokens)\n";
    assert!(text.ends_with(says), "{text}");
    assert_eq!(done(&[&audit[..], &["--quiet", "--fail-on", "unargmaxable"]].concat()), "");
}

#[test]
fn a_gate_with_a_baseline_says_how_many_were_no_better_off() {
    let folder = Folder::new();
    let [head, vocabulary] = padded(&folder);
    let before = folder.path("before");
    let audit = ["audit", &head, "--vocab", &vocabulary, "--padding-ok", "--quiet"];
    done(&[&audit[..], &["--tokens", "0-3", "--out", utf8(&before)]].concat());
    let gate = ["--baseline", utf8(&before), "--fail-on", "unargmaxable"];
    let output = run(&[&audit[..], &gate].concat());
    assert_eq!(output.status.code(), Some(1));
    let says = "1 unargmaxable that were better off in the baseline, or not in it (of 7 tokens; left out: 3 rows of \
                padding, 1 argmaxable and 1 tied and 1 unargmaxable, 1 no better off in the baseline)\n  4 e\n";
    assert!(said(&output).ends_with(says), "{}", said(&output));
}

#[test]
fn padding_that_changes_is_no_token_that_changes() {
    let folder = Folder::new();
    let [head, vocabulary] = padded(&folder);
    let audit = |head: &str, name: &str| {
        let out = folder.path(name);
        done(&[
            "audit",
            head,
            "--vocab",
            &vocabulary,
            "--padding-ok",
            "--quiet",
            "--out",
            utf8(&out),
        ]);
        utf8(&out).to_owned()
    };
    let one = audit(&head, "one");
    // The padding that lost is far outside now.
    let outside = [3.0, 0.0, 3.0, 0.0, -9.0, 9.0, 9.0, 9.0, 3.0, 0.0];
    let two = audit(&folder.npy("h2.npy", &[&SQUARE[..], &outside].concat(), 10, 2), "two");
    let out = folder.path("both");
    let told = done(&["compare", &one, &two, "--out", utf8(&out)]);
    assert!(told.contains("1 row of padding changes, too\n"), "{told}");
    let changes = fs::read_to_string(out.join("changes.csv")).unwrap();
    let tokens = changes.lines().skip(1).filter(|line| !line.starts_with("7,")).count();
    let noun = if tokens == 1 { "token changes its" } else { "tokens change their" };
    assert!(told.contains(&format!("\n{tokens} {noun} verdict\n")), "{told}");
}
