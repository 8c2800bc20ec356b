//! Reports, comparisons and baselines: what they write, and that they need only what an audit left.

use std::path::{Path, PathBuf};

use crate::files::{Folder, SQUARE, Stored};
use crate::{done, run, said, utf8};

/// Tokens for the square whose last, the loser, would run if it were markup.
const HOSTILE: [&str; 5] = [
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "中文",
    "\"'&amp;<!--",
    "<b>]]>&lt;</b>",
];

fn hostile_audit(folder: &Folder, more: &[&str]) -> PathBuf {
    let head = folder.npy("square.npy", &SQUARE, 5, 2);
    let vocabulary = folder.write("v.json", serde_json::to_string(&HOSTILE).unwrap());
    let out = folder.path("out");
    done(
        &[&["audit", &head, "--vocab", &vocabulary, "--quiet", "--out", utf8(&out)], more].concat(),
    );
    out
}

fn read(path: &Path, name: &str) -> String {
    String::from_utf8(std::fs::read(path.join(name)).unwrap()).unwrap()
}

fn names(path: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(path).unwrap();
    let mut names: Vec<String> =
        entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Copies the files of an audit without those that a report consists of.
fn without_report(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for name in ["summary.json", "verdicts.csv", "report.json"] {
        std::fs::copy(from.join(name), to.join(name)).unwrap();
    }
}

/// Runs the command, which must exit with 2 and say one line with all of `says`.
fn refused(arguments: &[&str], says: &[&str]) {
    let output = run(arguments);
    let said = said(&output);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    for part in says {
        assert!(said.contains(part), "{part:?} is missing in {said}");
    }
}

/// What an audit writes and its report is not made of.
const NOT_OF_A_REPORT: [&str; 2] = ["certificate.safetensors", "inspect.json"];

#[test]
fn the_report_of_a_folder_is_that_of_its_audit_byte_for_byte() {
    let folder = Folder::new();
    let (out, again) = (folder.path("out"), folder.path("again"));
    done(&["audit", "--quiet", "--svg", "--out", utf8(&out)]);
    without_report(&out, &again);
    done(&["report", "--svg", utf8(&again)]);
    assert!(names(&out).iter().filter(|name| name.ends_with(".svg")).count() > 10);
    for name in names(&out).iter().filter(|name| !NOT_OF_A_REPORT.contains(&name.as_str())) {
        assert!(
            std::fs::read(out.join(name)).unwrap() == std::fs::read(again.join(name)).unwrap(),
            "{name}"
        );
    }
}

#[test]
fn an_audit_of_some_tokens_names_their_rivals_in_its_report() {
    let folder = Folder::new();
    let (out, again) = (folder.path("out"), folder.path("again"));
    done(&["audit", "--tokens", "jian3", "--quiet", "--out", utf8(&out)]);
    without_report(&out, &again);
    done(&["report", utf8(&again)]);
    let page = read(&again, "report.html");
    // Rivals that were not audited themselves; which ones they are is up to the solver.
    let measures: serde_json::Value = serde_json::from_str(&read(&again, "report.json")).unwrap();
    let rivals = measures["others"].as_array().unwrap();
    assert!(rivals.len() > 2 && page.contains("Only 1 token of them"));
    assert!(
        rivals.iter().all(|rival| page.contains(rival["text"].as_str().unwrap())),
        "{rivals:?}"
    );
    assert_eq!(page, read(&out, "report.html"));
}

#[test]
fn tokens_are_text_in_every_file_of_a_report() {
    let folder = Folder::new();
    let out = hostile_audit(&folder, &["--svg"]);
    let page = read(&out, "report.html");
    assert!(page.contains("<bdi translate=\"no\">&lt;b&gt;]]&gt;&amp;lt;&lt;/b&gt;</bdi>"));
    for markup in ["<img", "<b>", "alert(1)</script>", "<!--"] {
        assert!(!page.contains(markup), "{markup} is markup");
    }
    // The script of the program, its data, nothing else.
    assert_eq!(page.matches("<script").count(), 2);
    assert!(page.contains("default-src 'none'; script-src 'sha256-"));
    assert!(read(&out, "summary.md").contains("`<b>]]>&lt;</b>` (id 4)"));
    let picture = read(&out, "projection-4.svg");
    assert!(picture.contains("&lt;b&gt;]]&gt;") && !picture.contains("<b>"));
}

#[test]
fn a_page_asks_for_nothing_from_outside() {
    let folder = Folder::new();
    let page = read(&hostile_audit(&folder, &[]), "report.html");
    for outside in ["http:", "https:", "src=\"", "@import", "url("] {
        let found = page.match_indices(outside).map(|(at, _)| &page[at..(at + 60).min(page.len())]);
        let found: Vec<&str> =
            found.filter(|text| !text.starts_with("http://www.w3.org/2000/svg")).collect();
        assert!(found.is_empty(), "{found:?}");
    }
}

#[test]
fn no_report_writes_none_and_the_report_command_says_why_it_cannot() {
    let folder = Folder::new();
    let audit =
        |more: &[&str]| done(&[&["audit", "--out", utf8(&folder.path("told"))], more].concat());
    assert!(
        audit(&[]).ends_with("report.html\n") && !audit(&["--no-report"]).contains("report.html")
    );
    let out = hostile_audit(&folder, &["--no-report"]);
    let expected = ["certificate.safetensors", "inspect.json", "summary.json", "verdicts.csv"];
    assert_eq!(names(&out), expected);
    refused(&["report", utf8(&out)], &["report.json: is not there", "without --no-report"]);
    assert!(said(&run(&["audit", "--svg"])).contains("--out <DIR>"));
}

#[test]
fn files_that_are_missing_garbled_or_of_another_audit_are_refused() {
    let folder = Folder::new();
    let out = hostile_audit(&folder, &[]);
    let other = folder.path("g2pm");
    done(&["audit", "--quiet", "--out", utf8(&other)]);
    refused(&["report", "no/such"], &["no/such", "No such file"]);
    refused(&["compare", utf8(&out), "no/such"], &["no/such"]);
    refused(&["compare", utf8(&out), utf8(&out)], &["is named twice"]);
    let table = read(&out, "verdicts.csv");
    let cut = table.rsplit_once("4,").unwrap().0.to_owned();
    let measures = read(&out, "report.json");
    let summary = read(&out, "summary.json");
    for (name, content, says) in [
        ("summary.json", "{".to_owned(), "summary.json: not as an audit writes it"),
        (
            "summary.json",
            summary.replace("summary 1", "summary 9"),
            "its schema is `unargmax summary 9`",
        ),
        ("verdicts.csv", String::new(), "verdicts.csv: line 1: there is no column `id`"),
        (
            "verdicts.csv",
            table.replace("unargmaxable", "lost"),
            "line 6: `lost` is not a valid verdict",
        ),
        ("verdicts.csv", cut, "4 argmaxable, 0 tied, 0 unargmaxable"),
        ("verdicts.csv", read(&other, "verdicts.csv"), "is beyond the head's 5 tokens"),
        ("report.json", "[]".to_owned(), "report.json: not as an audit writes it"),
        ("report.json", read(&other, "report.json"), "report.json: it is of another head"),
        ("report.json", measures.replace("\"token\":4", "\"token\":5"), "it names token 5"),
    ] {
        let broken = tempfile::tempdir().unwrap();
        let broken = broken.path().join("broken");
        without_report(&out, &broken);
        std::fs::write(broken.join(name), content).unwrap();
        refused(&["report", utf8(&broken)], &[says, utf8(&broken)]);
        std::fs::remove_file(broken.join(name)).unwrap();
        refused(&["report", utf8(&broken)], &[name, "is not there"]);
    }
}

#[test]
fn later_columns_and_audits_do_no_harm() {
    let folder = Folder::new();
    let out = hostile_audit(&folder, &[]);
    let page = read(&out, "report.html");
    let mut summary: serde_json::Value = serde_json::from_str(&read(&out, "summary.json")).unwrap();
    summary["later"] = 1.into();
    let mut entry = summary["audits"][0].clone();
    entry["domain"] = "range:0:inf".into();
    summary["audits"].as_array_mut().unwrap().push(entry);
    std::fs::write(out.join("summary.json"), summary.to_string()).unwrap();
    let wider: String =
        read(&out, "verdicts.csv").lines().map(|line| format!("{line},later\n")).collect();
    std::fs::write(out.join("verdicts.csv"), wider).unwrap();
    done(&["report", utf8(&out)]);
    let later = read(&out, "report.html");
    assert!(
        later.contains("The same head over other states")
            && !page.contains("The same head over other states")
    );
}

/// The columns of a table that earlier versions did not write.
const LATER: [&str; 8] = [
    "free_verdict",
    "effort_low",
    "effort_high",
    "margin_low",
    "margin_high",
    "survives",
    "bias_needed_low",
    "bias_needed_high",
];

/// Gives the table of a folder these later columns, each with a value a line, and no others. Verdicts over all vectors
/// are counted in the summary as well.
fn with_columns(out: &Path, columns: &[(&str, Vec<&str>)]) {
    let table = read(out, "verdicts.csv");
    let mut old = csv::Reader::from_reader(table.as_bytes());
    let header = old.headers().unwrap().clone();
    let kept: Vec<usize> = (0..header.len()).filter(|&i| !LATER.contains(&&header[i])).collect();
    let mut new = csv::Writer::from_writer(Vec::new());
    let names = kept.iter().map(|&i| &header[i]).chain(columns.iter().map(|c| c.0));
    new.write_record(names).unwrap();
    for (line, record) in old.records().enumerate() {
        let record = record.unwrap();
        let later = columns.iter().map(|(_, values)| values[line]);
        new.write_record(kept.iter().map(|&i| &record[i]).chain(later)).unwrap();
    }
    std::fs::write(out.join("verdicts.csv"), new.into_inner().unwrap()).unwrap();
    let mut summary: serde_json::Value = serde_json::from_str(&read(out, "summary.json")).unwrap();
    let audits = summary["audits"].as_array_mut().unwrap();
    audits.truncate(1);
    if let Some((_, verdicts)) = columns.iter().find(|c| c.0 == "free_verdict") {
        let mut free = audits[0].clone();
        free["domain"] = "free".into();
        for name in ["argmaxable", "tied", "unargmaxable", "undecided"] {
            free["counts"][name] = verdicts.iter().filter(|v| **v == name).count().into();
        }
        audits.push(free);
    }
    std::fs::write(out.join("summary.json"), summary.to_string()).unwrap();
}

/// An audit of the square within the unit circle: its corners win, its centre, the fifth, does not.
fn audit_in_ball(folder: &Folder, name: &str) -> PathBuf {
    let head = folder.npy("square.npy", &SQUARE, 5, 2);
    let out = folder.path(name);
    done(&["audit", &head, "--domain", "ball:1", "--quiet", "--out", utf8(&out)]);
    out
}

#[test]
fn what_was_measured_beyond_verdicts_is_told_and_drawn() {
    let folder = Folder::new();
    let out = audit_in_ball(&folder, "out");
    with_columns(
        &out,
        &[
            ("free_verdict", vec!["argmaxable"; 5]),
            ("effort_low", vec!["0.25", "0.25", "0.25", "0.5", "1.5"]),
            ("effort_high", vec!["0.25", "0.25", "0.25", "0.75", "inf"]),
            ("margin_low", vec!["1.0", "1.0", "", "0.001", "-0.5"]),
            ("margin_high", vec!["1.0", "1.5", "", "0.001", "-0.5"]),
            ("survives", vec!["bf16 f16 f32", "f32", "", "", ""]),
            ("bias_needed_low", vec!["", "", "", "", "0.5"]),
            ("bias_needed_high", vec!["", "", "", "", "0.625"]),
        ],
    );
    done(&["report", "--svg", utf8(&out)]);
    let (page, summary) = (read(&out, "report.html"), read(&out, "summary.md"));
    let finding = "1 token that some vector could reach is out of reach within the given length.";
    assert!(page.contains(finding) && summary.contains(finding), "{summary}");
    for key in ["free", "effort", "margin", "survives", "bias"] {
        assert!(page.contains(&format!("data-key=\"{key}\"")), "{key}");
    }
    for says in [
        "| unargmaxable (can never win) | 1 | 20.0 % | 0 |",
        "the most that one of them needs is 0.5000 to 0.7500.",
        "1 in bfloat16, 1 in float16, 2 in float32",
        "though some vector lets it win, bias needed 0.5000 to 0.6250",
    ] {
        assert!(summary.contains(says), "{says:?} is missing in {summary}");
    }
    let card = "The state would have to be at least 1.500 times as long as the longest. Its bias is too small by 0.5000 to 0.6250.";
    assert!(page.contains(card));
    for picture in ["verdicts.svg", "effort.svg", "margins.svg"] {
        assert!(read(&out, picture).contains("</svg>"), "{picture}");
    }
}

#[test]
fn a_table_without_the_later_columns_has_a_report_without_them() {
    let folder = Folder::new();
    let out = audit_in_ball(&folder, "out");
    with_columns(&out, &[]);
    done(&["report", "--svg", utf8(&out)]);
    let page = read(&out, "report.html");
    for key in LATER.iter().filter_map(|name| name.split('_').next()) {
        assert!(!page.contains(&format!("data-key=\"{key}\"")), "{key}");
    }
    assert!(!page.contains("out of reach") && !read(&out, "summary.md").contains("any vector"));
    let pictures = names(&out);
    assert!(
        pictures.contains(&"row-norms.svg".to_owned())
            && !pictures.contains(&"effort.svg".to_owned())
    );
}

#[test]
fn measurements_at_the_ends_of_the_float_range_have_a_report() {
    let folder = Folder::new();
    let out = audit_in_ball(&folder, "out");
    let greatest = f64::MAX.to_string();
    let least = f64::MIN.to_string();
    for (low, high) in [
        ("0.0", "0.0"),
        ("1.0", "1.0"),
        ("5e-324", "5e-324"),
        (greatest.as_str(), greatest.as_str()),
        (least.as_str(), greatest.as_str()),
        ("1.0", "inf"),
        ("inf", "inf"),
        ("-inf", "inf"),
    ] {
        for (one_low, one_high) in [(low, high), ("1.0", "1.0"), ("5e-324", "1e-3")] {
            let lows = vec![low, low, one_low, low, low];
            let highs = vec![high, high, one_high, high, high];
            let ends = |name: &'static str| [(name, lows.clone()), (name, highs.clone())];
            let mut columns: Vec<(&str, Vec<&str>)> = Vec::new();
            for name in ["effort", "margin", "bias_needed"] {
                let of = LATER.iter().filter(|later| later.starts_with(name));
                columns.extend(of.zip(ends(name)).map(|(later, (_, values))| (*later, values)));
            }
            with_columns(&out, &columns);
            done(&["report", "--svg", utf8(&out)]);
            assert!(read(&out, "report.html").contains("data-key=\"effort\""), "{low} {high}");
        }
    }
}

#[test]
fn columns_that_contradict_the_summary_or_themselves_are_refused() {
    let folder = Folder::new();
    let out = audit_in_ball(&folder, "out");
    let mut free = vec!["argmaxable"; 5];
    with_columns(&out, &[("free_verdict", free.clone())]);
    let summary = read(&out, "summary.json");
    free[4] = "unargmaxable";
    with_columns(&out, &[("free_verdict", free)]);
    std::fs::write(out.join("summary.json"), summary).unwrap();
    refused(&["report", utf8(&out)], &["verdicts.csv", "over all vectors are 4 argmaxable"]);
    let ends = [("effort_low", vec!["0.5"; 5]), ("effort_high", vec!["0.25"; 5])];
    with_columns(&out, &ends);
    refused(
        &["report", utf8(&out)],
        &["verdicts.csv: line 2: `0.5` and `0.25` are not a valid effort_low"],
    );
}

#[test]
fn verdicts_over_all_vectors_are_compared_as_well() {
    let folder = Folder::new();
    let (one, two) = (audit_in_ball(&folder, "one"), audit_in_ball(&folder, "two"));
    let all = vec!["argmaxable"; 5];
    with_columns(&one, &[("free_verdict", [&all[..4], &["unargmaxable"]].concat())]);
    with_columns(&two, &[("free_verdict", all)]);
    let out = folder.path("compared");
    let told = done(&["compare", utf8(&one), utf8(&two), "--out", utf8(&out)]);
    assert!(
        told.contains(
            "\n0 tokens change their verdict\n1 more changes only that over all vectors\n"
        ),
        "{told}"
    );
    assert_eq!(
        read(&out, "changes.csv"),
        "id,token,piece,one,two,free one,free two\n4,,,unargmaxable,unargmaxable,unargmaxable,argmaxable\n"
    );
    let audits = read(&out, "compare.csv");
    let lost: Vec<&str> = audits.lines().map(|line| line.split(',').nth(15).unwrap()).collect();
    assert_eq!(lost, ["free_unargmaxable", "1", "0"]);
    let page = read(&out, "compare.html");
    assert!(page.contains("no verdict changes, and that for any vector of 1"), "the headline");
    assert!(
        page.contains("unargmaxable with any vector") && page.contains("(any vector: argmaxable)")
    );
}

#[test]
fn checkpoints_of_a_run_are_compared_in_the_order_of_their_steps() {
    let folder = Folder::new();
    // The fifth token moves from a corner of its own into the square of the others.
    for (name, fifth) in
        [("step-900", [0.0, 0.0]), ("step-50", [3.0, 0.0]), ("step-100", [0.5, 0.5])]
    {
        let numbers = [&SQUARE[..8], &fifth].concat();
        let head = folder.npy(&format!("{name}.npy"), &numbers, 5, 2);
        let vocabulary = folder.write("v.txt", "a\nb\nc\nd\n<b>\n");
        done(&[
            "audit",
            &head,
            "--vocab",
            &vocabulary,
            "--quiet",
            "--out",
            utf8(&folder.path(name)),
        ]);
    }
    let out = folder.path("compared");
    let folders =
        ["step-900", "step-50", "step-100"].map(|name| utf8(&folder.path(name)).to_owned());
    let told = done(&["compare", &folders[0], &folders[1], &folders[2], "--out", utf8(&out)]);
    assert!(told.contains("\n1 token changes its verdict\n"), "{told}");
    assert_eq!(
        read(&out, "changes.csv"),
        "id,token,piece,step-50,step-100,step-900\n4,<b>,<b>,argmaxable,unargmaxable,unargmaxable\n"
    );
    let audits = read(&out, "compare.csv");
    let lost: Vec<&str> = audits.lines().map(|line| line.split(',').nth(11).unwrap()).collect();
    assert_eq!(lost, ["unargmaxable", "0", "1", "1"]);
    let page = read(&out, "compare.html");
    assert!(page.contains("by step") && page.contains("&lt;b&gt;") && !page.contains("<b>"));
}

#[test]
fn a_baseline_excuses_tokens_that_were_lost_before_and_no_others() {
    let folder = Folder::new();
    let audit = |name: &str, numbers: &[f64], more: &[&str]| {
        let head = folder.npy(&format!("{name}.npy"), numbers, numbers.len() / 2, 2);
        let out = folder.path(name);
        let arguments = ["audit", &head, "--quiet", "--no-report", "--out", utf8(&out)];
        let output = run(&[&arguments, more].concat());
        (output.status.code().unwrap(), said(&output))
    };
    let baseline = folder.path("before");
    let gate = ["--baseline", utf8(&baseline), "--fail-on", "unargmaxable,tied"];
    // Six tokens: a square, its centre, and one outside.
    let before = [&SQUARE[..], &[3.0, 0.0]].concat();
    assert_eq!(audit("before", &before, &[]).0, 0);
    assert_eq!(audit("same", &before, &["--fail-on", "unargmaxable"]).0, 1);
    assert_eq!(audit("same", &before, &gate), (0, String::new()));
    let (status, said) = audit("worse", &[&SQUARE[..], &[0.5, 0.0]].concat(), &gate);
    assert_eq!(status, 1);
    assert!(said.contains("1 unargmaxable") && said.contains("\n  5 "), "{said}");
    // The centre now doubles the sixth token, which was better off; the centre itself was not.
    let (status, said) = audit("tied", &[&SQUARE[..8], &[3.0, 0.0, 3.0, 0.0]].concat(), &gate);
    assert_eq!(status, 1);
    assert!(
        said.contains("1 tied") && said.contains("\n  5 ") && !said.contains("\n  4 "),
        "{said}"
    );
}

#[test]
fn a_baseline_of_another_model_or_domain_is_refused_before_the_audit() {
    let folder = Folder::new();
    let baseline = hostile_audit(&folder, &["--no-report"]);
    let head = folder.npy("square.npy", &SQUARE, 5, 2);
    let vocabulary = folder.write("other.json", r#"["a", "b", "c", "d", "e"]"#);
    let gate = ["--baseline", utf8(&baseline), "--fail-on", "unargmaxable"];
    let refused = |more: &[&str], says: &[&str]| refused(&[more, &gate].concat(), says);
    refused(&["audit", &head, "--vocab", &vocabulary], &["for token 0, this vocabulary \"a\""]);
    refused(
        &["audit", &head, "--domain", "range:0:1"],
        &["over the domain free, this audit over range:0:1"],
    );
    refused(
        &["audit", &folder.npy("two.npy", &SQUARE[..4], 2, 2)],
        &["has 5 tokens and this head 2"],
    );
}

/// What is to be done where a committed file is old.
const REMAKE: &str = "analyses/remake_reports.sh makes it new";

/// A summary without what differs from run to run and from machine to machine.
fn without_times(folder: &Path) -> serde_json::Value {
    let mut summary: serde_json::Value =
        serde_json::from_str(&read(folder, "summary.json")).unwrap();
    summary.as_object_mut().unwrap().remove("threads").unwrap();
    // When, and by which command line.
    summary.as_object_mut().unwrap().remove("run");
    for audit in summary["audits"].as_array_mut().unwrap() {
        audit.as_object_mut().unwrap().remove("seconds").unwrap();
    }
    summary
}

/// Whether two values are the same but for the last digits of numbers: singular values differ in these from one kind of
/// processor to another. All other files are the same to the last bit.
fn nearly_equal(one: &serde_json::Value, two: &serde_json::Value) -> bool {
    use serde_json::Value::{Array, Number, Object};
    match (one, two) {
        (Number(one), Number(two)) => {
            let [one, two] = [one, two].map(|number| number.as_f64().unwrap());
            (one - two).abs() <= 1e-9 * one.abs()
        }
        (Array(one), Array(two)) => {
            one.len() == two.len() && one.iter().zip(two).all(|(one, two)| nearly_equal(one, two))
        }
        (Object(one), Object(two)) => {
            let mut fields = one.iter().zip(two);
            one.len() == two.len() && fields.all(|(a, b)| a.0 == b.0 && nearly_equal(a.1, b.1))
        }
        _ => one == two,
    }
}

#[test]
fn the_committed_report_is_what_an_audit_by_this_program_makes() {
    let folder = Folder::new();
    let (committed, again) = (Path::new("reports/g2pm"), folder.path("again"));
    done(&["audit", "--quiet", "--out", utf8(&again)]);
    assert_eq!(names(committed), names(&again), "{REMAKE}");
    assert_eq!(without_times(committed), without_times(&again), "reports/g2pm: {REMAKE}");
    // The pages tell how long it took: with the times of the other audit they are the same.
    std::fs::copy(committed.join("summary.json"), again.join("summary.json")).unwrap();
    done(&["report", utf8(&again)]);
    let inspected = |folder: &Path| -> serde_json::Value {
        serde_json::from_str(&read(folder, "inspect.json")).unwrap()
    };
    let same = nearly_equal(&inspected(committed), &inspected(&again));
    assert!(same, "reports/g2pm/inspect.json is old: {REMAKE}");
    for name in names(committed).iter().filter(|name| *name != "inspect.json") {
        let [old, new] =
            [committed, &again].map(|folder| std::fs::read(folder.join(name)).unwrap());
        assert!(old == new, "reports/g2pm/{name} is old: {REMAKE}");
    }
    done(&["verify", "reports/g2pm/certificate.safetensors"]);
}

#[test]
fn the_pictures_of_the_readme_are_of_the_committed_report() {
    use sha2::{Digest, Sha256};
    let report = std::fs::read("reports/g2pm/report.html").unwrap();
    let hash: String = Sha256::digest(report).iter().map(|byte| format!("{byte:02x}")).collect();
    let made_of = read(Path::new("docs/pictures"), "made-of.sha256");
    assert_eq!(made_of, format!("{hash}  reports/g2pm/report.html\n"), "docs/pictures: {REMAKE}");
    let readme = std::fs::read_to_string("README.md").unwrap();
    for name in names(Path::new("docs/pictures")).iter().filter(|name| name.ends_with(".png")) {
        assert!(readme.contains(&format!("docs/pictures/{name}")), "{name} is shown nowhere");
    }
}

#[test]
fn the_study_of_speed_says_when_and_of_which_commit_it_is() {
    let folder = Path::new("reports/speed");
    let (table, results) = (read(folder, "table.md"), read(folder, "results.csv"));
    let mut lines = results.lines().skip(1).map(|line| {
        let mut fields = line.split(',');
        (fields.next().unwrap(), fields.next().unwrap())
    });
    let (date, commit) = lines.next().unwrap();
    assert!(lines.all(|other| other == (date, commit)), "results of two runs");
    assert!(table.contains(&format!(", {date}, commit {commit}.")), "{date} {commit}");
    let (day, _) = date.split_once(' ').unwrap();
    let document = std::fs::read_to_string("docs/speed.md").unwrap();
    assert!(document.contains(day), "docs/speed.md: {day}");
}

#[test]
fn rows_at_the_ends_of_the_float_range_have_a_report() {
    let folder = Folder::new();
    for size in [f64::MAX, 1e300, 1e-300, f64::MIN_POSITIVE] {
        let numbers: Vec<f64> = SQUARE.iter().map(|x| x * size).collect();
        let weight = Stored::new(safetensors::Dtype::F64, &[5, 2], &numbers);
        let path = folder.safetensors("head.safetensors", &[("weight", weight)]);
        let out = folder.path("out");
        done(&["audit", &path, "--quiet", "--svg", "--out", utf8(&out)]);
        assert!(read(&out, "report.html").contains("1 of 5 tokens can never win"), "{size}");
    }
}

#[test]
fn rows_of_almost_equal_length_have_a_report() {
    let folder = Folder::new();
    let numbers: Vec<f64> =
        (0..40).flat_map(|i| [f64::from(i).cos(), f64::from(i).sin()]).collect();
    let weight = Stored::new(safetensors::Dtype::F64, &[40, 2], &numbers);
    let path = folder.safetensors("head.safetensors", &[("weight", weight)]);
    let out = folder.path("out");
    done(&["audit", &path, "--quiet", "--svg", "--out", utf8(&out)]);
    assert!(read(&out, "report.html").contains("Every one of 40 tokens can win"));
}

#[test]
fn the_smallest_heads_have_a_report() {
    let folder = Folder::new();
    for (numbers, tokens, finding) in [
        (&[1.0][..], 1, "The token can win"),
        (&[0.0, 0.0], 2, "No token is unargmaxable; 2 of 2 can only tie"),
        (&[-1.0, 0.0, 1.0], 3, "1 of 3 tokens can never win"),
    ] {
        let head = folder.npy("head.npy", numbers, tokens, 1);
        let out = folder.path("out");
        done(&["audit", &head, "--quiet", "--svg", "--out", utf8(&out)]);
        assert!(read(&out, "report.html").contains(finding), "{finding}");
    }
}
