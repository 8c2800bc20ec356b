//! The commands that reports print, and `verify` of a folder.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use safetensors::Dtype;

use crate::files::{Folder, SQUARE, Stored};
use crate::models::{States, gpt2, gpt2_tokens, rows};
use crate::{run_in, said, unargmax, utf8};

/// Runs a command line in a shell in a folder, with the program of this test in the path.
fn shell(folder: &Path, line: &str) -> Output {
    let program = Path::new(env!("CARGO_BIN_EXE_unargmax")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    Command::new("sh").args(["-c", line]).current_dir(folder).env("PATH", path).output().unwrap()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

/// The commands that a summary and a page print.
fn printed(out: &Path) -> Vec<String> {
    let markdown = read(&out.join("summary.md"));
    let lines = markdown.lines().filter_map(|line| line.strip_prefix("    "));
    let mut commands: Vec<String> = lines.map(str::to_owned).collect();
    let page = read(&out.join("report.html"));
    for part in page.split("<p class=\"command\"><code>").skip(1) {
        let text = part.split_once("</code>").unwrap().0;
        let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
        commands.push(text.replace("&#39;", "'").replace("&amp;", "&"));
    }
    commands.sort();
    commands.dedup();
    commands
}

/// A checkpoint whose head takes options to find: its weight is stored by columns, and its bias has a name of its own.
fn tensors() -> Vec<(&'static str, Stored)> {
    let columns = crate::files::transposed(&SQUARE, 2);
    vec![
        ("body", Stored::f32(&[2, 2], &[1.0; 4])),
        ("out put's", Stored::f32(&[2, 5], &columns)),
        ("shift", Stored::f32(&[5], &[0.0, 0.0, 0.0, 0.0, 1.0])),
    ]
}

const OPTIONS: [&str; 5] = ["--weight", "out put's", "--transpose", "--bias", "shift"];

#[test]
fn the_commands_that_are_printed_work_where_they_say() {
    for (checkpoint, out) in [
        ("m.safetensors", "out"),
        ("models/m.safetensors", "reports/deep/out"),
        ("my models/it's $HOME.safetensors", "a report's \"out\""),
        ("./models/../m.safetensors", "./out"),
        ("-m.safetensors", "out"),
    ] {
        let folder = Folder::new();
        let here = folder.path("");
        for parent in [Path::new(checkpoint).parent().unwrap(), Path::new("models")] {
            fs::create_dir_all(here.join(parent)).unwrap();
        }
        folder.safetensors(checkpoint, &tensors());
        let argument = if checkpoint.starts_with('-') {
            format!("./{checkpoint}")
        } else {
            checkpoint.to_owned()
        };
        let audit = [&["audit", &argument, "--quiet", "--out", out][..], &OPTIONS].concat();
        let output = run_in(&here, &audit);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        let out = here.join(out);
        let commands = printed(&out);
        assert_eq!(commands.len(), 2, "{commands:?}");
        for command in commands {
            let output = shell(&out, &command);
            let told = String::from_utf8_lossy(&output.stdout).into_owned() + &said(&output);
            assert_eq!(output.status.code(), Some(0), "{command}: {told}");
            assert!(told.contains("certificate accepted"), "{command}: {told}");
        }
    }
}

#[test]
fn no_absolute_path_is_printed_and_what_stands_for_it_can_be_put_in() {
    let folder = Folder::new();
    let checkpoint = folder.safetensors("m.safetensors", &tensors());
    for (checkpoint, out) in [
        (checkpoint.as_str(), folder.path("both")),
        (checkpoint.as_str(), Path::new("relative").to_path_buf()),
        ("m.safetensors", folder.path("mixed")),
    ] {
        let here = folder.path("");
        let audit = [&["audit", checkpoint, "--quiet", "--out", utf8(&out)][..], &OPTIONS].concat();
        let output = run_in(&here, &audit);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        let out = here.join(out);
        let secret = here.canonicalize().unwrap().display().to_string();
        for name in ["summary.md", "report.html", "report.json"] {
            let text = read(&out.join(name));
            assert!(!text.contains(&secret) && !text.contains(utf8(&here)), "{name}");
        }
        for command in printed(&out) {
            let place = folder.path("m.safetensors");
            let command = command.replace("/path/to/m.safetensors", utf8(&place));
            let output = shell(&out, &command);
            assert_eq!(output.status.code(), Some(0), "{command}: {}", said(&output));
        }
    }
}

#[test]
fn the_bundled_head_is_checked_by_its_folder_alone() {
    let folder = Folder::new();
    let out = folder.path("out");
    unargmax()
        .args(["audit", "--tokens", "0-9", "--quiet", "--out", utf8(&out)])
        .assert()
        .success();
    assert_eq!(printed(&out), ["unargmax verify ."]);
    assert_eq!(shell(&out, "unargmax verify .").status.code(), Some(0));
}

/// An audit by options, moved away from the folder where its relative paths hold.
fn moved(folder: &Folder) -> std::path::PathBuf {
    folder.safetensors("m.safetensors", &tensors());
    let audit = [&["audit", "m.safetensors", "--quiet", "--out", "out"][..], &OPTIONS].concat();
    let output = run_in(&folder.path(""), &audit);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    fs::create_dir_all(folder.path("else/where")).unwrap();
    fs::rename(folder.path("out"), folder.path("else/where/out")).unwrap();
    folder.path("else/where")
}

#[test]
fn a_checkpoint_that_is_not_found_is_asked_for_and_the_options_are_remembered() {
    let folder = Folder::new();
    let place = moved(&folder);
    let lost = run_in(&place, &["verify", "out"]);
    assert_eq!(lost.status.code(), Some(2));
    let says = "unargmax: error: out/summary.json: the checkpoint m.safetensors that it was made of is not there; name the \
                checkpoint: unargmax verify CHECKPOINT out\n";
    assert_eq!(said(&lost), says);
    let checkpoint = "../../m.safetensors";
    for arguments in [
        &["verify", checkpoint, "out"][..],
        &["verify", checkpoint, "out/certificate.safetensors"],
        &["verify", checkpoint, "out", "--weight", "out put's"],
        &["verify", checkpoint, "out", "--tokens", "4"],
    ] {
        let output = run_in(&place, arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", said(&output));
    }
    // From where it was audited the path holds as it was named.
    let there = run_in(&folder.path(""), &["verify", "else/where/out"]);
    assert_eq!(there.status.code(), Some(0), "{}", said(&there));
    let json = run_in(&place, &["verify", checkpoint, "out", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(
        (&json["differences"], &json["checkpoint"]),
        (&serde_json::json!([]), &checkpoint.into())
    );
}

#[test]
fn another_choice_of_tensors_is_refused_as_another_head() {
    let folder = Folder::new();
    let place = moved(&folder);
    let output = run_in(&place, &["verify", "../../m.safetensors", "out", "--bias", "none"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(String::from_utf8_lossy(&output.stdout).contains("it is for another head"));
}

#[test]
fn a_vocabulary_is_no_reason_not_to_check_proofs() {
    let folder = Folder::new();
    let path = crate::finding::llama(&folder, [9.0, 9.0], 3);
    let out = folder.path("out");
    let audit = ["audit", &path, "--padding-ok", "--quiet", "--out", utf8(&out)];
    assert_eq!(run_in(Path::new("."), &audit).status.code(), Some(0));
    let output = run_in(Path::new("."), &["verify", utf8(&out)]);
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{told}{}", said(&output));
    assert!(told.contains("say the same; 3 of the rows are padding there\n"), "{told}");
}

/// The place of the column `max_probability`.
const MAX_PROBABILITY: usize = 19;

#[test]
fn a_table_or_summary_that_says_something_else_than_the_certificate_is_refused() {
    let folder = Folder::new();
    let square = [&SQUARE[..], &[3.0, 0.0, 3.0, 0.0]].concat();
    let head = folder.npy("h.npy", &square, 7, 2);
    let out = folder.path("out");
    let audit =
        ["audit", &head, "--domain", "ball:1", "--quiet", "--no-report", "--out", utf8(&out)];
    assert_eq!(run_in(Path::new("."), &audit).status.code(), Some(0));
    let (table, summary) = (read(&out.join("verdicts.csv")), read(&out.join("summary.json")));
    let line = |id: usize| table.lines().nth(id + 1).unwrap();
    let changed = |id: usize, from: &str, to: &str| {
        assert!(line(id).contains(from), "{}", line(id));
        table.replace(line(id), &line(id).replacen(from, to, 1))
    };
    let without_last: String = table.lines().take(7).map(|line| format!("{line}\n")).collect();
    let swapped = changed(1, "argmaxable", "unargmaxable");
    let swapped = swapped.replace(line(4), &line(4).replacen("unargmaxable", "argmaxable", 1));
    for (table, summary, says) in [
        (
            changed(1, "argmaxable", "unargmaxable"),
            summary.clone(),
            "token 1: verdicts.csv says unargmaxable, the certificate argmaxable",
        ),
        // The counts still agree with the summary.
        (
            swapped,
            summary.clone(),
            "token 4: verdicts.csv says argmaxable, the certificate unargmaxable",
        ),
        (
            without_last,
            summary.clone(),
            "token 6: verdicts.csv has no line for it, the certificate says tied",
        ),
        (
            changed(5, "tied", "argmaxable"),
            summary.clone(),
            "token 5: verdicts.csv says argmaxable, the certificate tied",
        ),
        (
            changed(5, ",6,", ",,"),
            summary.clone(),
            "token 5: it is tied with [] in verdicts.csv, the certificate has the tie [5, 6]",
        ),
        (changed(4, ":0.", ":0.1"), summary.clone(), "token 4: its rivals or their weights"),
        (
            changed(4, line(4).split(',').nth(MAX_PROBABILITY).unwrap(), "0.01"),
            summary.clone(),
            "token 4: the upper bound of its largest probability is 0.01 in verdicts.csv",
        ),
        (
            {
                let winner = line(1);
                let mut fields: Vec<&str> = winner.split(',').collect();
                assert_eq!(std::mem::replace(&mut fields[MAX_PROBABILITY], "0.5"), "");
                table.replace(winner, &fields.join(","))
            },
            summary.clone(),
            "token 1: the upper bound of its largest probability is 0.5 in verdicts.csv, not stated",
        ),
        (
            changed(1, "map", "float"),
            summary.clone(),
            "token 1: its proof is `float` in verdicts.csv, `map` in the certificate",
        ),
        (
            changed(1, "map,argmaxable", "map,tied"),
            summary.clone(),
            "token 1: verdicts.csv says tied over all vectors, the certificate argmaxable",
        ),
        (
            table.clone(),
            summary.replacen("\"unargmaxable\": 1", "\"unargmaxable\": 2", 1),
            "summary.json counts",
        ),
        (
            table.clone(),
            summary.replacen("\"domain\": \"ball:1\"", "\"domain\": \"ball:2\"", 1),
            "summary.json has an audit over ball:2, the certificate has none",
        ),
        (
            table.clone(),
            summary.replacen("\"dim\": 2", "\"dim\": 3", 1),
            "summary.json is of the head",
        ),
    ] {
        fs::write(out.join("verdicts.csv"), table).unwrap();
        fs::write(out.join("summary.json"), summary).unwrap();
        let output = run_in(Path::new("."), &["verify", utf8(&out)]);
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(1), "{says}: {told}{}", said(&output));
        assert!(told.contains("certificate accepted") && told.contains(says), "{says}: {told}");
    }
}

#[test]
fn a_certificate_of_another_head_alone_says_which_head_was_taken() {
    let folder = Folder::new();
    let head = folder.npy("h.npy", &SQUARE, 5, 2);
    let out = folder.path("out");
    let audit = ["audit", &head, "--quiet", "--no-report", "--out", utf8(&out)];
    assert_eq!(run_in(Path::new("."), &audit).status.code(), Some(0));
    let output = run_in(&out, &["verify", "certificate.safetensors"]);
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(told.contains("the bundled head was taken"), "{told}");
}

#[test]
fn the_folder_of_every_audit_is_accepted() {
    let mut folders = 0;
    let mut accepted = |tensors: &[(&str, Stored)], domain: &str, options: &[&str]| {
        let folder = Folder::new();
        let (head, out) = (folder.safetensors("h.safetensors", tensors), folder.path("out"));
        let audit = ["audit", &head, "--domain", domain, "--quiet", "--out", utf8(&out)];
        let audited = run_in(Path::new("."), &[&audit[..], options].concat());
        assert_eq!(audited.status.code(), Some(0), "{domain}: {}", said(&audited));
        let verified = run_in(Path::new("."), &["verify", &head, utf8(&out)]);
        let printed = String::from_utf8_lossy(&verified.stdout).into_owned();
        assert_eq!(verified.status.code(), Some(0), "{domain}: {printed}{}", said(&verified));
        folders += 1;
    };
    // Small integers with biases: rivals stand among the enclosed and among the fixed weights.
    for seed in 0..24 {
        let numbers = crate::files::integers(12 * 3 + 12, seed);
        let (rows, bias) = numbers.split_at(36);
        let bias: Vec<f64> = bias.iter().map(|b| b / 7.0).collect();
        let tensors =
            [("weight", Stored::f32(&[12, 3], rows)), ("bias", Stored::f32(&[12], &bias))];
        for domain in ["free", "range:0:inf", "range:-1:1"] {
            accepted(&tensors, domain, &["--no-report"]);
        }
    }
    // Multipliers of ends beyond the range of float64, shares below it, and rows that no picture can place.
    let float64 = |rows: &[f64], dim: usize| {
        vec![("weight", Stored::new(Dtype::F64, &[rows.len() / dim, dim], rows))]
    };
    accepted(&float64(&[-1.0, 1.7e308], 1), "ball:1+range:0.9:2", &[]);
    accepted(
        &float64(&[-1e187, -1e187, 1.0, 2.0, 2.0, 1.0, 1.5, 1.5, 1.4, 1.4], 2),
        "range:0:1",
        &[],
    );
    accepted(&float64(&[1e258, 1.0, 2.0, 1.5, -1e258], 1), "range:1:1.0000000000000002", &[]);
    assert_eq!(folders, 24 * 3 + 3);
}

#[test]
fn the_folder_of_an_audit_over_one_hidden_state_is_accepted() {
    let folder = Folder::new();
    // Behind this norm coordinates have the mean 1, so that none of them is below 1 in one state alone.
    let model = gpt2(&folder, &rows(gpt2_tokens()), States::NearOnes);
    let out = folder.path("out");
    let audit =
        ["audit", &model, "--domain", "layernorm+range:1:inf", "--quiet", "--out", utf8(&out)];
    let audited = run_in(Path::new("."), &audit);
    assert_eq!(audited.status.code(), Some(0), "{}", said(&audited));
    let table = read(&out.join("verdicts.csv"));
    assert!(table.contains(",argmaxable,") && table.contains(",unargmaxable,"), "{table}");
    let verified = run_in(Path::new("."), &["verify", &model, utf8(&out)]);
    let printed = String::from_utf8_lossy(&verified.stdout).into_owned();
    assert_eq!(verified.status.code(), Some(0), "{printed}{}", said(&verified));
    let changed = table.replacen(",argmaxable,", ",tied,", 1);
    fs::write(out.join("verdicts.csv"), changed).unwrap();
    assert_eq!(run_in(Path::new("."), &["verify", &model, utf8(&out)]).status.code(), Some(1));
}

#[test]
fn a_folder_of_label_sets_is_checked_against_its_certificate() {
    let folder = Folder::new();
    folder.safetensors("m.safetensors", &tensors());
    fs::write(folder.path("sets.txt"), "0,1,4\n4\n\n0,1\n").unwrap();
    let labels = ["labels", "m.safetensors", "--sets", "sets.txt", "--domain", "range:-1:2"];
    let labels = [&labels[..], &["--out", "out", "--quiet"], &OPTIONS].concat();
    assert!(run_in(&folder.path(""), &labels).status.success());
    let verified = || run_in(&folder.path(""), &["verify", "out"]);
    let honest = verified();
    let text = |output: &Output| String::from_utf8_lossy(&output.stdout).into_owned();
    let told = text(&honest);
    assert!(honest.status.success(), "{told}");
    assert!(told.contains("sets.json and sets.csv say the same"), "{told}");
    let table = read(&folder.path("out/sets.csv"));
    let summary = read(&folder.path("out/sets.json"));
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines[1].contains(",feasible,") && lines[2].contains(",infeasible,"), "{table}");
    let of_table: [(&str, String, &str); 5] = [
        ("a verdict", table.replacen(",infeasible,", ",undecided,", 1), "set 1: sets.csv says"),
        ("a set", table.replacen("0,3,0 1 4,", "0,3,0 2 4,", 1), "set 0: its labels are [0, 2, 4]"),
        ("no last line", lines[..4].join("\n"), "sets.csv has 3"),
        ("a free verdict", table.replace(",infeasible\n", ",feasible\n"), "over all vectors"),
        ("a proof", table.replace(",exact,", ",enclosed,"), "its proof is `enclosed`"),
    ];
    for (lie, false_one, says) in of_table {
        assert_ne!(false_one, table, "{lie}: {table}");
        fs::write(folder.path("out/sets.csv"), false_one).unwrap();
        let output = verified();
        let told = text(&output);
        assert!(output.status.code() == Some(1) && told.contains(says), "{lie}: {told}");
    }
    fs::write(folder.path("out/sets.csv"), &table).unwrap();
    let count = summary.replacen("\"undecided\": 0", "\"undecided\": 1", 1);
    fs::write(folder.path("out/sets.json"), count).unwrap();
    let told = text(&verified());
    assert!(told.contains("1 undecided, the certificate"), "{told}");
    fs::write(folder.path("out/sets.json"), summary.replace("sets 1", "sets 9")).unwrap();
    let told = said(&verified());
    assert!(told.contains("its schema is `unargmax sets 9`"), "{told}");
}
