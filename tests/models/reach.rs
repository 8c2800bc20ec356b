//! SmolLM2, as published, run on the texts of this repository by the command.
//!
//! `python3 analyses/fetch_heads.py smollm2 rxnmapper --out models` fetches the models.

use std::process::Output;

use serde_json::Value;

const SMOLLM2: &str = "models/smollm2/published/SmolLM2-135M-Instruct.Q4_1.gguf";
const RXNMAPPER: &str = "models/rxnmapper/published";

fn run(arguments: &[&str]) -> Output {
    let mut command = assert_cmd::cargo::cargo_bin_cmd!("unargmax");
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(arguments).output().unwrap()
}

fn done(arguments: &[&str]) -> String {
    let output = run(arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&done(&[arguments, &["--json"]].concat())).unwrap()
}

#[test]
#[ignore = "needs SmolLM2's GGUF file"]
fn smollm2_knows_the_capital_of_france() {
    let text = "The capital of France is";
    let told = done(&["generate", SMOLLM2, "--prompt", text, "--max-tokens", "8"]);
    // The tokens that transformers gives, too.
    assert_eq!(told, "The capital of France is Paris.\n\nThe answer is:\n");
}

#[test]
#[ignore = "needs SmolLM2's GGUF file, and half a minute"]
fn smollm2_reaches_hundreds_of_tokens_and_contradicts_no_proof() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (audit, out) = (place("audit"), place("out"));
    done(&["audit", SMOLLM2, "--out", &audit, "--no-report", "--quiet"]);
    let corpus = "tests/data/reach/corpus.txt";
    let told = json(&["observe", SMOLLM2, "--file", corpus, "--out", &out, "--audit", &audit]);
    println!("{told:#}");
    assert_eq!(told["positions"], 2800);
    assert_eq!(told["audit"]["never_strict_winners"], 15);
    assert_eq!(told["audit"]["contradictions"], 0);
    // 770 on the machine where this was written; rounding may move a few.
    let covered = told["covered"].as_u64().unwrap();
    assert!((740..800).contains(&covered), "{covered}");
}

#[test]
#[ignore = "needs SmolLM2's GGUF file"]
fn smollm2_sorts_sentences_better_than_the_most_frequent_class() {
    let told = json(&[
        "pattern",
        SMOLLM2,
        "--pattern",
        "{text} It was [MASK]",
        "--labels",
        "great,terrible",
        "--file",
        "tests/data/reach/sentences.csv",
    ]);
    println!("{:#}", told["accuracy"]);
    assert_eq!(
        (&told["accuracy"]["labelled"], &told["accuracy"]["largest_class"]),
        (&40.into(), &20.into())
    );
    // 25 on the machine where this was written.
    assert!(told["accuracy"]["right"].as_u64().unwrap() > 22);
    for label in told["labels"].as_array().unwrap() {
        assert_eq!(
            (&label["among_all"], &label["among_labels"]),
            (&"argmaxable".into(), &"argmaxable".into())
        );
    }
}

#[test]
#[ignore = "needs rxnmapper's folder"]
fn rxnmapper_reads_a_reaction_by_a_pattern_of_its_atoms() {
    let reaction = "[CLS]CCO.CC(=O)O>>CC(=O)OCC[SEP]";
    let said = run(&["logits", RXNMAPPER, "--text", reaction]);
    assert_eq!(said.status.code(), Some(2));
    let said = String::from_utf8(said.stderr).unwrap();
    assert!(said.contains("--split-regex") && said.contains("--ids"), "{said}");
    let pattern = r"\[[^\]]+\]|Br?|Cl?|N|O|S|P|F|I|b|c|n|o|s|p|\(|\)|\.|=|#|-|\+|\\|/|:|~|@|\?|>>?|\*|\$|%[0-9]{2}|[0-9]";
    let told =
        json(&["logits", RXNMAPPER, "--text", reaction, "--split-regex", pattern, "--top", "1"]);
    let positions = told["positions"].as_array().unwrap();
    assert_eq!(positions.len(), 23);
    // Nothing is hidden, so the model sees each token that it names.
    let same = positions.iter().filter(|p| p["id"] == p["top"][0]["id"]).count();
    assert!(same >= 21, "{same}");
}
