//! `reach`: what searches find beside what is proved, a planted contradiction, and runs that are ended in the middle.

use std::process::Output;
use std::time::Duration;

#[cfg(unix)]
use crate::ended;
use crate::files::Folder;
use crate::journal::files;
use crate::models::{States, gpt2_tokens, rows};
use crate::reach::Audited;
use crate::{run, said};

const JOURNAL: &str = "reach.journal";

/// The options of a small search.
const SMALL: [&str; 12] = [
    "--vectors",
    "2",
    "--steps",
    "30",
    "--enumerate",
    "1000",
    "--lengths",
    "2",
    "--rounds",
    "4",
    "--candidates",
    "16",
];

fn arguments(audited: &Audited, out: &str, more: &[&str]) -> Vec<String> {
    let out = audited.folder.path(out).to_str().unwrap().to_owned();
    let all = ["reach", &audited.model, "--out", &out, "--json"];
    all.iter().chain(&SMALL).chain(more).map(|argument| (*argument).to_owned()).collect()
}

fn reach(audited: &Audited, out: &str, more: &[&str]) -> Output {
    let arguments = arguments(audited, out, more);
    run(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
}

fn table(folder: &Folder, out: &str) -> Vec<std::collections::HashMap<String, String>> {
    let mut csv = csv::Reader::from_path(folder.path(out).join("reach.csv")).unwrap();
    csv.deserialize().map(|row| row.unwrap()).collect()
}

fn audited() -> Audited {
    Audited::new(&rows(gpt2_tokens()), States::Anywhere)
}

#[test]
fn a_prompt_that_is_found_makes_the_model_generate_the_token() {
    let audited = audited();
    let output =
        reach(&audited, "out", &["--sample", "150", "--corpus", &audited.corpus, "--starts", "1"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let rows = table(&audited.folder, "out");
    assert_eq!(rows.len(), 150);
    let mut found = 0;
    for row in rows.iter().filter(|row| row["discrete"] == "reached") {
        assert_eq!((row["discrete_survives"].as_str(), row["reached"].as_str()), ("yes", "yes"));
        // The prompt stands behind the token that begins a text.
        let ids = format!("0,{}", row["discrete_ids"].replace(' ', ","));
        let logits = ["logits", &audited.model, "--ids", &ids, "--top", "1", "--json"];
        let told: serde_json::Value = serde_json::from_slice(&run(&logits).stdout).unwrap();
        let last = told["positions"].as_array().unwrap().last().unwrap();
        assert_eq!(last["top"][0]["id"].to_string(), row["id"], "{told}");
        found += 1;
    }
    assert!(found > 1, "{found}");
    let names: Vec<String> =
        files(audited.folder.path("out")).into_iter().map(|file| file.0).collect();
    assert_eq!(names, ["reach.csv", "reach.html", "reach.json", "witnesses.safetensors"]);
}

#[test]
fn a_token_that_is_reached_against_its_proof_is_a_contradiction() {
    let audited = audited();
    let first = reach(&audited, "first", &["--sample", "12", "--audit", &audited.audit]);
    assert_eq!(first.status.code(), Some(0), "{}", said(&first));
    let rows = table(&audited.folder, "first");
    let won = rows.iter().find(|row| row["soft"] == "reached").expect("a token is reached");
    let token: usize = won["id"].parse().unwrap();
    audited.slander(&[token]);
    let id = token.to_string();
    let output = reach(&audited, "second", &["--tokens", &id, "--audit", &audited.audit]);
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    assert!(said(&output).contains(&format!("CONTRADICTION: token {id} ")), "{}", said(&output));
    assert_eq!(table(&audited.folder, "second")[0]["contradicts"], "yes");
}

#[cfg(unix)]
#[test]
fn a_search_that_is_killed_again_and_again_ends_as_one_that_is_left_alone() {
    let audited = audited();
    let more = ["--sample", "40", "--corpus", &audited.corpus];
    assert_eq!(reach(&audited, "alone", &more).status.code(), Some(0));
    let out = audited.folder.path("ended");
    let journal = out.join(JOURNAL);
    let mut killed = 0;
    while killed < 8
        && ended::ended(
            &arguments(&audited, "ended", &more),
            &journal,
            ("KILL", Duration::from_millis(3 * killed)),
            &[0],
        )
        .is_some()
    {
        killed += 1;
        let there: Vec<String> = files(&out).into_iter().map(|file| file.0).collect();
        assert_eq!(there, [JOURNAL], "nothing else is there yet");
    }
    assert!(killed > 2, "it was done too early to be killed: {killed}");
    let last = reach(&audited, "ended", &more);
    assert_eq!(last.status.code(), Some(0), "{}", said(&last));
    assert!(said(&last).contains("going on after "), "{}", said(&last));
    assert_eq!(files(&out), files(audited.folder.path("alone")));
}

#[test]
fn a_search_of_another_seed_does_not_go_on_from_the_journal() {
    let audited = audited();
    let bad = audited.folder.write("bad.txt", b"\xff\n");
    let corpus = |seed| ["--sample", "5", "--seed", seed, "--corpus", &bad];
    assert!(said(&reach(&audited, "out", &corpus("2"))).contains("UTF-8"));
    let journal = audited.folder.path("out").join(JOURNAL);
    let before = std::fs::read(&journal).unwrap();
    let refused = said(&reach(&audited, "out", &corpus("3")));
    assert!(refused.contains("`plan` was different") && refused.contains("--restart"), "{refused}");
    assert_eq!(std::fs::read(&journal).unwrap(), before);
    let anew = reach(&audited, "out", &["--sample", "5", "--seed", "3", "--restart"]);
    assert_eq!(anew.status.code(), Some(0), "{}", said(&anew));
    assert!(!journal.exists());
}

/// Without a bias a token that wins somewhere wins at every length of a state: all efforts are 0.
#[test]
fn among_equal_efforts_the_tokens_of_the_least_margin_are_the_hardest() {
    let folder = Folder::new();
    let model = "tests/data/forward/llama";
    let path = |name: &str| folder.path(name).to_str().unwrap().to_owned();
    let audit = |out: &str, more: &[&str]| {
        let out = path(out);
        let output = run(&[&["audit", model, "--no-report", "--out", &out], more].concat());
        assert!(output.status.success(), "{}", said(&output));
        out
    };
    let search = |audit: &str, out: &str| {
        let begin = ["reach", model, "--any-ids", "--hardest", "4", "--audit", audit, "--out", out];
        run(&[&begin[..], &["--vectors", "0", "--enumerate", "0", "--lengths"]].concat())
    };
    let efforts = audit("efforts", &["--effort", "all"]);
    let refused = search(&efforts, &path("refused"));
    assert_eq!(refused.status.code(), Some(2));
    assert!(said(&refused).contains("--margins all"), "{}", said(&refused));

    let both = audit("both", &["--effort", "all", "--margins", "all"]);
    let output = search(&both, &path("out"));
    assert!(output.status.success(), "{}", said(&output));
    let mut csv = csv::Reader::from_path(folder.path("both").join("verdicts.csv")).unwrap();
    let rows: Vec<std::collections::HashMap<String, String>> =
        csv.deserialize().map(|row| row.unwrap()).collect();
    let mut margins: Vec<(f64, String)> = rows
        .iter()
        .filter(|row| row["verdict"] == "argmaxable")
        .map(|row| (row["margin_high"].parse().unwrap(), row["id"].clone()))
        .collect();
    margins.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut least: Vec<String> = margins.into_iter().take(4).map(|(_, id)| id).collect();
    let mut chosen: Vec<String> = table(&folder, "out").iter().map(|r| r["id"].clone()).collect();
    least.sort();
    chosen.sort();
    assert_eq!(chosen, least);
}

/// Two tokens with equal rows tie with each other wherever they lead, so neither has a lead that rounding could spare.
#[test]
fn a_token_that_can_only_tie_stands_on_no_rung_of_proofs() {
    let mut equal = rows(gpt2_tokens());
    let (width, first, second) = (equal.len() / gpt2_tokens(), 40, 41);
    equal.copy_within(first * width..(first + 1) * width, second * width);
    let audited = Audited::new(&equal, States::Anywhere);
    let nothing = ["--vectors", "0", "--enumerate", "0", "--lengths"];
    let out = audited.folder.path("out");
    let begin = ["reach", &audited.model, "--tokens", "40-43", "--out", out.to_str().unwrap()];
    let output = run(&[&begin[..], &nothing].concat());
    assert!(output.status.success(), "{}", said(&output));
    let told: serde_json::Value =
        serde_json::from_slice(&std::fs::read(out.join("reach.json")).unwrap()).unwrap();
    let rungs = told["rungs"].as_array().unwrap();
    assert!(rungs.iter().any(|r| r["rung"] == "with logits in float32"), "{told}");
    for rung in rungs {
        assert_eq!((rung["yes"].as_u64(), rung["no"].as_u64()), (Some(2), Some(2)), "{rung}");
    }
}

#[test]
fn what_cannot_be_searched_is_refused_in_one_line() {
    let audited = audited();
    for (more, says) in [
        (&["--tokens", "99999"][..], "99999"),
        (&[][..], "no token is wanted"),
        (&["--sample", "3", "--rate", "0"], "--rate"),
        (&["--sample", "3", "--lengths", "0"], "--lengths"),
        (&["--hardest", "3", "--audit", &audited.audit], "--effort all"),
        (&["--sample", "3", "--corpus", "/nowhere"], "/nowhere"),
    ] {
        let output = reach(&audited, "out", more);
        assert_eq!(output.status.code(), Some(2), "{more:?}: {}", said(&output));
        let told = said(&output);
        assert!(told.contains(says) && told.lines().count() == 1, "{more:?}: {told}");
    }
}
