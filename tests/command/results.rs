//! Verdicts on standard output and in files.

use std::fs;

use serde_json::Value;

use crate::files::Folder;
use crate::{counts, done, run, said, summary, table, utf8};

/// The columns of `verdicts.csv`, as docs/results.md lists them.
const COLUMNS: &str = "id,token,piece,kind,row_norm,verdict,margin,witness_norm,ties_with,blockers,proof,free_verdict,effort_low,effort_high,\
     margin_low,margin_high,survives,bias_needed_low,bias_needed_high,max_probability,max_probability_low,best_rank_low,best_rank_high,cause,cluster,\
     mean_distance,move_needed_low,move_needed_high,frequency";

#[test]
fn without_a_subcommand_the_help_is_printed() {
    let output = run(&[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("Usage: unargmax") && said(&output).contains("audit"));
    assert!(done(&["--help"]).contains("Exit status: 0 done"));
}

#[test]
fn without_a_checkpoint_the_bundled_head_is_audited_behind_its_relu() {
    let text = done(&["audit"]);
    for says in [
        "876 tokens x 32 dimensions, f32",
        "domain  range:0:inf (auto: a ReLU stands before the head)",
        "               range:0:inf     free\n",
        "  unargmaxable         229      225\n",
        "  undecided              0        0\n",
        "876 of 876 verdicts proved",
    ] {
        assert!(text.contains(says), "{says:?} is missing in\n{text}");
    }
    assert_eq!(counts(&summary(&["audit"])), [647, 0, 229, 0]);
}

#[test]
fn with_free_hidden_states_four_tokens_more_can_win() {
    assert_eq!(counts(&summary(&["audit", "--domain", "free"])), [651, 0, 225, 0]);
}

#[test]
fn the_summary_has_the_documented_fields() {
    let summary = summary(&["audit", "--threads", "2", "--tokens", "0-9"]);
    let keys =
        |value: &Value| -> Vec<String> { value.as_object().unwrap().keys().cloned().collect() };
    assert_eq!(
        keys(&summary),
        ["schema", "tool", "version", "checkpoint", "head", "threads", "audits", "run"]
    );
    assert_eq!(keys(&summary["run"]), ["date", "command"]);
    assert_eq!(summary["run"]["command"][1], "audit");
    assert_eq!(summary["schema"], "unargmax summary 1");
    assert_eq!(summary["tool"], "unargmax");
    assert_eq!(summary["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(keys(&summary["checkpoint"]), ["path", "bytes", "format"]);
    assert_eq!(
        keys(&summary["head"]),
        ["weight", "bias", "tokens", "dim", "dtype", "sha256", "final_norm"]
    );
    assert_eq!(summary["head"]["tokens"], 876);
    assert_eq!(summary["head"]["dim"], 32);
    assert_eq!(summary["threads"], 2);
    let audit = &summary["audits"][0];
    assert_eq!(
        keys(audit),
        ["domain", "engine", "scope", "counts", "max_probability", "causes", "seconds"]
    );
    assert_eq!(audit["domain"], "range:0:inf");
    assert_eq!(audit["scope"], 10);
    assert_eq!(keys(&audit["counts"]), ["argmaxable", "tied", "unargmaxable", "undecided"]);
    for stage in ["groups", "prepare", "screen", "prove"] {
        assert!(audit["seconds"][stage].as_f64().unwrap() >= 0.0, "{stage}");
    }
}

/// The value was computed outside this program, from the definition in docs/results.md.
#[test]
fn the_bundled_head_has_its_documented_hash() {
    assert_eq!(
        summary(&["audit", "--tokens", "0"])["head"]["sha256"],
        "d14efd43666ecfc7daa6ecb3efc592d263c3b8a3b4f7023907d95454bbbe380c"
    );
}

#[test]
fn out_writes_the_summary_and_a_table_in_id_order() {
    let folder = Folder::new();
    let out = folder.path("made/here");
    done(&["audit", "--quiet", "--out", utf8(&out)]);

    let json: Value = serde_json::from_slice(&fs::read(out.join("summary.json")).unwrap()).unwrap();
    assert_eq!(counts(&json), [647, 0, 229, 0]);

    let mut csv = csv::Reader::from_path(out.join("verdicts.csv")).unwrap();
    assert_eq!(csv.headers().unwrap().iter().collect::<Vec<_>>().join(","), COLUMNS);
    let rows: Vec<csv::StringRecord> = csv.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 876);
    for (id, row) in rows.iter().enumerate() {
        assert_eq!(row[0], id.to_string());
        assert_eq!((&row[1], &row[3]), (&row[2], "ordinary"));
        match &row[5] {
            "argmaxable" => {
                assert!(row[6].parse::<f64>().unwrap() > 0.0, "{row:?}");
                assert!(row[7].parse::<f64>().unwrap() > 0.0, "{row:?}");
                assert!(row[9].is_empty() && ["map", "float", "integer"].contains(&&row[10]));
            }
            "unargmaxable" => {
                assert!(row[6].is_empty() && row[7].is_empty(), "{row:?}");
                assert!((weight_of_rivals(&row[9]) - 1.0).abs() < 1e-4, "{row:?}");
                assert!(["equal-row", "enclosed", "exact"].contains(&&row[10]), "{row:?}");
            }
            other => panic!("{other} in {row:?}"),
        }
    }
}

/// The sum of the weights of the tokens among `blockers`; `lo[k]` and `hi[k]` are ends of the domain.
fn weight_of_rivals(blockers: &str) -> f64 {
    blockers
        .split(' ')
        .map(|pair| pair.split_once(':').unwrap())
        .filter(|(rival, _)| rival.parse::<u32>().is_ok())
        .map(|(_, weight)| weight.parse::<f64>().unwrap())
        .sum()
}

#[test]
fn out_replaces_its_own_files_and_leaves_others_alone() {
    let folder = Folder::new();
    folder.write("notes.txt", "mine");
    let out = folder.path("");
    for (domain, losers) in [("free", 225), ("range:0:inf", 229)] {
        done(&["audit", "--quiet", "--domain", domain, "--out", utf8(&out)]);
        let mut csv = csv::Reader::from_path(out.join("verdicts.csv")).unwrap();
        let lost = csv.records().filter(|row| &row.as_ref().unwrap()[5] == "unargmaxable");
        assert_eq!(lost.count(), losers);
    }
    assert_eq!(fs::read(out.join("notes.txt")).unwrap(), b"mine");
    let mut names: Vec<_> = fs::read_dir(&out)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let expected = [
        "certificate.safetensors",
        "inspect.json",
        "notes.txt",
        "report.html",
        "report.json",
        "summary.json",
        "summary.md",
        "unargmax_mqc.json",
        "verdicts.csv",
    ];
    assert_eq!(names, expected);
}

#[test]
fn the_table_is_the_same_for_every_number_of_threads() {
    let one = table(&["audit", "--threads", "1"]);
    for threads in ["2", "3"] {
        assert!(one == table(&["audit", "--threads", threads]), "{threads} threads");
    }
}

#[test]
fn fail_on_exits_with_1_only_for_its_verdicts() {
    let output = run(&["audit", "--quiet", "--fail-on", "unargmaxable"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    assert_eq!(said(&output), "unargmax: --fail-on: 229 unargmaxable\n");
    done(&["audit", "--quiet", "--fail-on", "tied,undecided"]);
}

#[test]
fn quiet_prints_nothing() {
    let output = run(&["audit", "--quiet"]);
    assert!(output.status.success() && output.stdout.is_empty() && output.stderr.is_empty());
}

#[test]
fn list_says_how_many_tokens_are_named() {
    assert!(done(&["audit", "--list", "3"]).contains("... and 226 more (229 tokens in all)"));
    let all = done(&["audit", "--list", "all"]);
    assert!(!all.contains("more ("));
    assert_eq!(all.lines().filter(|line| line.contains(" + ")).count(), 229);
}

#[test]
fn completions_and_manual_are_printed() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = done(&["completions", shell]);
        assert!(script.contains("unargmax") && script.contains("fail-on"), "{shell}");
    }
    let manual = done(&["man"]);
    assert!(manual.contains(".TH unargmax 1") && manual.contains(r"\-\-domain"));
}

#[test]
fn measures_are_columns_and_fields_where_they_are_asked_for() {
    let folder = Folder::new();
    let out = folder.path("measured");
    let ball =
        ["audit", "--domain", "ball:4", "--effort", "30", "--margins", "60", "--bias-needed"];
    done(&[&ball[..], &["--quiet", "--no-report", "--out", utf8(&out)]].concat());
    let json: Value = serde_json::from_slice(&fs::read(out.join("summary.json")).unwrap()).unwrap();
    let (audit, free) = (&json["audits"][0], &json["audits"][1]);
    assert_eq!(
        (&audit["effort"]["tokens"], &audit["effort"]["sample_seed"]),
        (&30.into(), &1.into())
    );
    assert_eq!(audit["margin"]["tokens"], 60);
    assert_eq!(audit["bias_needed"]["tokens"], audit["counts"]["unargmaxable"]);
    assert_eq!((&free["domain"], &free["counts"]["unargmaxable"]), (&"free".into(), &225.into()));
    let mut csv = csv::Reader::from_path(out.join("verdicts.csv")).unwrap();
    let rows: Vec<csv::StringRecord> = csv.records().map(Result::unwrap).collect();
    let filled = |column: usize| rows.iter().filter(|row| !row[column].is_empty()).count();
    let lost = rows.iter().filter(|row| &row[5] == "unargmaxable").count();
    assert_eq!([11, 12, 13, 14, 15].map(filled), [876, 30, 30, 60, 60]);
    assert_eq!([17, 18].map(filled), [lost; 2]);
    // The smaller sample is part of the larger one.
    assert!(rows.iter().all(|row| row[12].is_empty() || !row[14].is_empty()));
}

#[test]
fn measures_without_a_meaning_are_refused() {
    for (arguments, says) in [
        (["audit", "--effort", "all"], "needs a ball"),
        (["audit", "--margins", "5"], "needs a ball"),
    ] {
        let output = run(&arguments);
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).contains(says));
    }
    let output = run(&["audit", "--domain", "ball:4", "--effort", "0"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("above 0"));
}

/// A vocabulary of spellings that readers of tables stumble over.
const TRAPS: [&str; 16] = [
    "NA", "null", "nan", "None", "N/A", "", "\"", "a,b", "x\ny", "r\rs", "=1+1", "+1", "-1", "@x",
    "007", "TRUE",
];

#[test]
fn spellings_that_readers_stumble_over_come_back_from_every_table() {
    let folder = Folder::new();
    let rows: Vec<f64> = (0..16).flat_map(|i| [f64::from(i).cos(), f64::from(i).sin()]).collect();
    let vocabulary = folder.write("v.json", serde_json::to_string(&TRAPS).unwrap());
    let audit = |name: &str, scale: f64| {
        // In the other audit the even tokens move inside.
        let numbers =
            rows.iter().enumerate().map(|(i, x)| if i / 2 % 2 == 0 { x * scale } else { *x });
        let head = folder.npy(&format!("{name}.npy"), &numbers.collect::<Vec<_>>(), 16, 2);
        let out = folder.path(name);
        done(&["audit", &head, "--vocab", &vocabulary, "--quiet", "--out", utf8(&out)]);
        utf8(&out).to_owned()
    };
    let (one, two) = (audit("one", 1.0), audit("two", 0.1));
    let both = folder.path("both");
    done(&["compare", &one, &two, "--out", utf8(&both)]);
    for table in [folder.path("one/verdicts.csv"), both.join("changes.csv")] {
        let text = fs::read_to_string(&table).unwrap();
        let mut csv = csv::Reader::from_reader(text.as_bytes());
        let mut seen = 0;
        for record in csv.records().map(Result::unwrap) {
            let id: usize = record[0].parse().unwrap();
            assert_eq!((&record[1], &record[2]), (TRAPS[id], TRAPS[id]), "{text}");
            seen += 1;
        }
        assert!(seen >= 8, "{text}");
        assert!(text.contains("0,\"NA\",\"NA\""), "{text}");
    }
    done(&["report", &one]);
}
