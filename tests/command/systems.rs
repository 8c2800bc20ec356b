//! The systems that this project began from, at the command line: BERT as UniLM and as PET, mT5 with a part of its
//! vocabulary, CPM; and Marian. `analyses/golden_systems.py` tells what transformers makes of the same texts.

use serde_json::Value;

use crate::{done, run, said};

fn golden() -> Value {
    serde_json::from_slice(include_bytes!("../data/systems/golden.json")).unwrap()
}

/// A model of `tests/data/systems`.
fn model(name: &str) -> String {
    format!("{}/tests/data/systems/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&done(&[arguments, &["--json"]].concat())).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn list(ids: &Value) -> String {
    let ids: Vec<String> = ids.as_array().unwrap().iter().map(Value::to_string).collect();
    ids.join(",")
}

fn positions(told: &Value, of: impl Fn(&Value) -> Value) -> Value {
    told["positions"].as_array().unwrap().iter().map(of).collect::<Vec<_>>().into()
}

#[test]
fn two_texts_have_the_logits_of_transformers() {
    let golden = &golden()["pair"];
    let bert = model("bert");
    let (first, second) = (text(&golden["first"]), text(&golden["second"]));
    let told = json(&["logits", &bert, "--text", first, "--pair", second]);
    assert_eq!(positions(&told, |p| p["id"].clone()), golden["ids"]);
    assert_eq!(positions(&told, |p| p["segment"].clone()), golden["segments"]);
    assert_eq!(positions(&told, |p| p["top"][0]["id"].clone()), golden["best"]);
    for (position, largest) in
        told["positions"].as_array().unwrap().iter().zip(golden["largest"].as_array().unwrap())
    {
        let difference = position["top"][0]["logit"].as_f64().unwrap() - largest.as_f64().unwrap();
        assert!(difference.abs() < 1e-4, "{difference}");
    }
    // The same as ids with segments, and not without them.
    let (ids, segments) = (list(&golden["ids"]), list(&golden["segments"]));
    let same = json(&["logits", &bert, "--ids", &ids, "--segments", &segments]);
    assert_eq!(same["positions"], told["positions"]);
    let other = json(&["logits", &bert, "--ids", &ids]);
    assert_ne!(positions(&other, |p| p["top"].clone()), positions(&told, |p| p["top"].clone()));
}

#[test]
fn segments_that_do_not_fit_are_refused() {
    let bert = model("bert");
    let refused = |arguments: &[&str], part: &str| {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2));
        assert!(said(&output).contains(part), "{}", said(&output));
    };
    refused(&["logits", &bert, "--ids", "2,9,3", "--segments", "0,1"], "[2] entries");
    refused(
        &["logits", &bert, "--ids", "2,9,3", "--segments", "0,1,2"],
        "segment 2 is not one of the 2",
    );
    refused(&["logits", &bert, "--ids", "2,9,3", "--pair", "the dog"], "--pair");
    refused(
        &["logits", &model("cpm"), "--text", "很", "--words", "--pair", "很"],
        "how two texts are joined",
    );
    let marian = model("marian");
    let source = ["logits", &marian, "--source", "the", "--text", "die"];
    refused(&[&source[..], &["--pair", "der"]].concat(), "has an encoder");
    refused(&["generate", &marian, "--prompt", "the", "--segments", "0"], "has an encoder");
    refused(
        &["generate", &bert, "--ids", "2,9", "--mask", "causal", "--segments", "0"],
        "[1] entries",
    );
}

/// What a model adds to a prompt of ids.
fn grown(name: &str, golden: &Value, options: &[&str]) {
    let count = golden["grown"].as_array().unwrap().len().to_string();
    let ids = list(&golden["ids"]);
    let model = model(name);
    let told =
        done(&[&["generate", &model, "--ids", &ids, "--max-tokens", &count], options].concat());
    assert_eq!(told.trim(), list(&golden["grown"]), "{name}");
}

#[test]
fn bert_goes_on_as_unilm_with_the_segments_of_source_and_target() {
    let golden = &golden()["unilm"];
    let source = golden["ids"].as_array().unwrap().len();
    let (mask, zeros) = (format!("prefix:{source}"), vec!["0"; source].join(","));
    let unilm = ["--mask", &mask, "--segments", &zeros, "--next-segment", "1"];
    grown("bert", golden, &unilm);
    // The text has the same tokens.
    let count = golden["grown"].as_array().unwrap().len().to_string();
    let model = model("bert");
    let prompt = ["generate", &model, "--prompt", text(&golden["source"]), "--max-tokens", &count];
    let told = done(&[&prompt[..], &unilm].concat());
    assert!(told.starts_with("[CLS] the river was high today [SEP]"), "{told}");
}

#[test]
fn words_of_several_tokens_and_several_words_a_class_score_as_in_both_papers() {
    let golden = &golden()["pet"];
    let folder = crate::files::Folder::new();
    let texts: Vec<&str> =
        golden["texts"].as_array().unwrap().iter().map(|row| text(&row["text"])).collect();
    let file = folder.write("texts.txt", texts.join("\n"));
    let bert = model("bert");
    let pattern = ["pattern", &bert, "--pattern", text(&golden["pattern"]), "--file", &file];
    let told = json(&[&pattern[..], &["--labels", text(&golden["labels"])]].concat());
    for (told, golden) in
        told["texts"].as_array().unwrap().iter().zip(golden["texts"].as_array().unwrap())
    {
        for (key, bound) in [("log_probabilities", 1e-4), ("probabilities", 1e-5)] {
            let (own, theirs) = (told[key].as_array().unwrap(), golden[key].as_array().unwrap());
            assert_eq!(own.len(), theirs.len());
            for (own, theirs) in own.iter().zip(theirs) {
                let difference = own.as_f64().unwrap() - theirs.as_f64().unwrap();
                assert!(difference.abs() < bound, "{key}: {own} {theirs}");
            }
        }
    }
}

#[test]
fn mt5_with_a_part_of_its_vocabulary_reads_and_writes_text() {
    let golden = &golden()["mt5"];
    grown("mt5", golden, &[]);
    let (mt5, kept) = (model("mt5"), model("mt5/kept.json"));
    let count = golden["grown"].as_array().unwrap().len().to_string();
    let prompt = ["generate", &mt5, "--prompt", text(&golden["prompt"]), "--max-tokens", &count];
    let told = done(&[&prompt[..], &["--kept", &kept]].concat());
    assert_eq!(told.trim(), text(&golden["text"]));
    let output = run(&prompt);
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("--kept"), "{}", said(&output));
    // The tokens are shown by the pieces that were kept.
    let logits = ["logits", &mt5, "--source", text(&golden["prompt"]), "--ids", "0", "--top", "1"];
    let told = json(&[&logits[..], &["--kept", &kept]].concat());
    assert_eq!(told["positions"][0]["top"][0]["id"], golden["grown"][0]);
    let label = text(&told["positions"][0]["top"][0]["token"]);
    assert!(text(&golden["text"]).starts_with(label.trim_start_matches('␠')), "{label}");
    let folder = crate::files::Folder::new();
    let ids: Vec<String> = (0..150).map(|id| id.to_string()).collect();
    let many = folder.write("kept.txt", ids.join("\n"));
    let output = run(&[&prompt[..], &["--kept", &many]].concat());
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("150 pieces are kept, but the model has"), "{}", said(&output));
}

#[test]
fn marian_translates_as_transformers_does() {
    let golden = &golden()["marian"];
    grown("marian", golden, &[]);
    let marian = model("marian");
    let count = golden["grown"].as_array().unwrap().len().to_string();
    let told =
        done(&["generate", &marian, "--prompt", text(&golden["prompt"]), "--max-tokens", &count]);
    assert_eq!(told.trim(), text(&golden["text"]));
    // What the decoder sees is split as its own language.
    let told = json(&["logits", &marian, "--source", "the", "--text", "die Fähre", "--bare"]);
    let other = json(&["logits", &marian, "--source", "die Fähre", "--text", "the", "--bare"]);
    assert_ne!(positions(&told, |p| p["id"].clone()), positions(&other, |p| p["id"].clone()));
}

#[test]
fn cpm_goes_on_from_words_and_refuses_a_text_that_is_not_cut() {
    let golden = &golden()["cpm"];
    grown("cpm", golden, &[]);
    let cpm = model("cpm");
    let count = golden["grown"].as_array().unwrap().len().to_string();
    let prompt = ["generate", &cpm, "--prompt", text(&golden["words"]), "--max-tokens", &count];
    let told = done(&[&prompt[..], &["--words"]].concat());
    assert_eq!(told.trim(), text(&golden["text"]));
    let output = run(&prompt);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        said(&output).contains("jieba") && said(&output).contains("--words"),
        "{}",
        said(&output)
    );
}

#[test]
#[cfg(target_os = "linux")]
fn a_chat_template_that_doubles_a_text_is_ended_before_it_takes_all_memory() {
    let folder = crate::files::Folder::new();
    let model = crate::models::gpt2(
        &folder,
        &crate::models::rows(crate::models::gpt2_tokens()),
        crate::models::States::Anywhere,
    );
    let doubling = "{% set ns = namespace(s='ab') %}{% for i in range(40) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}{{ ns.s | length }}";
    folder.write("chat_template.jinja", doubling);
    let output = run(&["generate", &model, "--chat", "--prompt", "Hi"]);
    assert_eq!(output.status.code(), Some(2));
    let said = said(&output);
    assert!(said.contains("the chat template takes more than 1024 MiB of memory"), "{said}");
    folder.write("chat_template.jinja", "{% for m in messages %}{{ m.content }}{% endfor %}");
    done(&["generate", &model, "--chat", "--prompt", "The river", "--max-tokens", "2"]);
}
