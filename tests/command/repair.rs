//! `unargmax repair`: lost tokens are freed, what could win still can, and one tensor of the file differs.

use std::fs;

use safetensors::SafeTensors;
use serde_json::Value;

use crate::files::{Folder, Stored};
use crate::models::{States, gpt2_tokens, rows};
use crate::reach::{Audited, column};
use crate::refusals::refused;
use crate::{counts, done, run_in, summary, utf8};

const G2PM: &str = "assets/g2pm/head.safetensors";

/// A square, and a token within it that can never win.
fn square(folder: &Folder) -> String {
    let rows = [0.0, 0.0, 4.0, 0.0, 0.0, 4.0, 4.0, 4.0, 2.0, 1.0];
    folder.safetensors(
        "square.safetensors",
        &[
            ("weight", Stored::f32(&[5, 2], &rows)),
            ("bias", Stored::f32(&[5], &[0.0, 0.0, 0.0, 0.0, -1.0])),
        ],
    )
}

/// The names of the tensors that differ between two files of the same tensors.
fn differing(one: &str, other: &str) -> Vec<String> {
    let [one, other] = [one, other].map(|path| fs::read(path).unwrap());
    assert_eq!(one.len(), other.len());
    let [one, other] = [&one, &other].map(|bytes| SafeTensors::deserialize(bytes).unwrap());
    let names = one.names().into_iter().map(|name| name.to_string());
    names.filter(|n| one.tensor(n).unwrap().data() != other.tensor(n).unwrap().data()).collect()
}

fn json(folder: &Folder, name: &str) -> Value {
    serde_json::from_slice(&fs::read(folder.path(name)).unwrap()).unwrap()
}

#[test]
fn every_lost_token_of_the_bundled_head_is_freed_by_raises_near_the_proved_bound() {
    let folder = Folder::new();
    let out = folder.path("repaired.safetensors");
    let audit = folder.path("audit");
    let domain = ["--domain", "range:0:inf"];
    let repair = ["repair", G2PM, "--out", utf8(&out), "--out-audit", utf8(&audit)];
    let told = done(&[&repair[..], &domain].concat());
    assert!(told.contains("freed   229 tokens") && !told.contains("learned"), "{told}");
    assert_eq!(differing(G2PM, utf8(&out)), ["bias"]);
    let audited = summary(&[&["audit", utf8(&out)], &domain[..]].concat());
    assert_eq!(counts(&audited), [876, 0, 0, 0]);
    let told = json(&folder, "audit/repair.json");
    assert_eq!(
        (&told["run"]["command"][0], &told["run"]["command"][1]),
        (&"unargmax".into(), &"repair".into())
    );
    let sum = told["changed"]["sum"].as_f64().unwrap();
    let bound = told["lower_bound"]["sum"].as_f64().unwrap();
    // The margin of each token is all that lies between them.
    assert!(bound > 100.0 && sum >= bound && sum <= bound + 0.0011 * 229.0, "{sum} {bound}");
    assert_eq!(told["before"]["counts"]["unargmaxable"], 229);
    assert_eq!(told["after"]["counts"]["argmaxable"], 876);
    assert_eq!(told["tokens"].as_array().unwrap().len(), 229);
    let page = fs::read_to_string(audit.join("repair.html")).unwrap();
    assert!(page.contains("229 tokens freed by changing 229 biases"));
    let verified = run_in(folder.path("").as_path(), &["verify", "audit"]);
    assert_eq!(verified.status.code(), Some(0), "{}", String::from_utf8_lossy(&verified.stdout));
}

#[test]
fn raises_and_lowerings_halve_the_largest_change() {
    let folder = Folder::new();
    let (head, audit) = (square(&folder), folder.path("audit"));
    let largest = |least: &str| {
        let out = folder.path(&format!("{least}.safetensors"));
        let arguments = ["repair", &head, "--domain", "free", "--least", least, "--force", "--out"];
        done(&[&arguments[..], &[utf8(&out), "--out-audit", utf8(&audit)]].concat());
        let told = json(&folder, "audit/repair.json");
        assert_eq!(told["after"]["counts"]["argmaxable"], 5);
        let [changed, bound] = ["changed", "lower_bound"].map(|of| told[of]["largest"].as_f64());
        assert!(changed.unwrap() >= bound.unwrap());
        changed.unwrap()
    };
    let (alone, both) = (largest("sum"), largest("largest"));
    assert!((both - alone / 2.0).abs() < 1e-3 * alone + 1e-3, "{both} {alone}");
}

#[test]
fn kept_states_keep_their_winners() {
    let folder = Folder::new();
    // Token 1 is between the others, and would win at 0 if its bias alone rose.
    let rows = Stored::f32(&[3, 1], &[-1.0, 0.0, 1.0]);
    let head = [("weight", rows), ("bias", Stored::f32(&[3], &[0.0, -1.0, 0.0]))];
    let head = folder.safetensors("line.safetensors", &head);
    let state = Stored::f32(&[1, 1], &[0.0005]);
    let states = folder.safetensors("states.safetensors", &[("state", state)]);
    let (out, audit) = (folder.path("out.safetensors"), folder.path("audit"));
    let arguments = ["repair", &head, "--domain", "free", "--out", utf8(&out)];
    let arguments = [&arguments[..], &["--out-audit", utf8(&audit), "--force"]].concat();
    done(&arguments);
    let bias = |folder: &Folder, name: &str, at: usize| {
        let bytes = fs::read(folder.path(name)).unwrap();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let data = tensors.tensor("bias").unwrap().data().to_vec();
        f32::from_le_bytes(data[4 * at..4 * at + 4].try_into().unwrap())
    };
    // Without the state, token 1 wins there: 0.0005 is less than the margin.
    let wins = |folder: &Folder| {
        bias(folder, "out.safetensors", 1) > bias(folder, "out.safetensors", 2) + 0.0005
    };
    assert!(wins(&folder));
    let told = done(&[&arguments[..], &["--keep-states", &states]].concat());
    assert!(told.contains("1 hidden states: 0 winners changed"), "{told}");
    assert!(!wins(&folder));
    assert_eq!(json(&folder, "audit/repair.json")["kept"]["winners_changed"], 0);
}

#[test]
fn the_winners_of_a_corpus_are_kept_and_the_repaired_model_observes_the_same() {
    let audited = Audited::new(&rows(gpt2_tokens()), States::Anywhere);
    let place = |name: &str| audited.folder.path(name).to_str().unwrap().to_owned();
    let verdicts = fs::read_to_string(format!("{}/verdicts.csv", audited.audit)).unwrap();
    let lost = verdicts.lines().filter(|line| line.contains(",unargmaxable,")).take(3);
    let lost: Vec<&str> = lost.map(|line| line.split_once(',').unwrap().0).collect();
    let (out, folder) = (place("repaired.safetensors"), place("audit-after"));
    let ids = lost.join(",");
    let repair = ["repair", &audited.model, "--rows", "--tokens", &ids];
    let kept = ["--keep-corpus", &audited.corpus, "--out", &out, "--out-audit", &folder];
    done(&[&repair[..], &kept].concat());
    assert_eq!(differing(&place("model.safetensors"), &out), ["lm_head.weight"]);
    let told = json(&audited.folder, "audit-after/repair.json");
    assert_eq!(told["kept"]["winners_changed"], 0);
    assert!(told["kept"]["states"].as_u64().unwrap() > 50, "{}", told["kept"]);
    assert_eq!(told["freed"], 3, "{}", told["freed"]);
    // The model with the repaired file emits what it emitted before, line by line.
    let observe = |out: &str| {
        let corpus = ["--file", &audited.corpus, "--lines", "--out", out, "--quiet"];
        done(&[&["observe", audited.model.as_str()][..], &corpus].concat());
        column(out, "argmax")
    };
    let before = observe(&place("before"));
    fs::copy(&out, place("model.safetensors")).unwrap();
    assert_eq!(observe(&place("after")), before);
}

#[test]
fn rows_that_are_equal_are_freed_by_moving_them_and_not_by_biases() {
    let folder = Folder::new();
    let rows = [3.0, 0.0, -3.0, 1.0, -3.0, 1.0, 0.0, 5.0, 0.0, -5.0];
    let tensors = [
        ("weight", Stored::f32(&[5, 2], &rows)),
        ("bias", Stored::f32(&[5], &[0.0, 0.0, -0.5, 0.0, 0.0])),
    ];
    let head = folder.safetensors("twins.safetensors", &tensors);
    let out = folder.path("out.safetensors");
    let arguments = ["repair", &head, "--domain", "free", "--out", utf8(&out)];
    refused(&arguments, &["token 2 has the same row as token 1", "--rows"]);
    assert!(!out.exists());
    let told = done(&[&arguments[..], &["--rows"]].concat());
    assert!(told.contains("freed   1 tokens"), "{told}");
    assert_eq!(differing(&head, utf8(&out)), ["weight"]);
    assert_eq!(counts(&summary(&["audit", utf8(&out), "--domain", "free"])), [5, 0, 0, 0]);
}

#[test]
fn the_move_of_a_row_stands_beside_the_least_that_it_needs_alone() {
    let folder = Folder::new();
    let (head, out, audit) =
        (square(&folder), folder.path("out.safetensors"), folder.path("audit"));
    let arguments = ["repair", &head, "--domain", "free", "--rows", "--out", utf8(&out)];
    let told = done(&[&arguments[..], &["--out-audit", utf8(&audit)]].concat());
    let repair = json(&folder, "audit/repair.json");
    let [moved] = &repair["tokens"].as_array().unwrap()[..] else { panic!("{repair}") };
    let [least, change] = ["move_needed_low", "change"].map(|of| moved[of].as_f64().unwrap());
    assert!(0.0 < least && least <= change, "{moved}");
    assert_eq!(repair["alone"]["sum"].as_f64(), Some(least));
    assert_eq!(repair["lower_bound"], Value::Null);
    assert!(told.contains("\nalone   "), "{told}");
    let page = fs::read_to_string(audit.join("repair.html")).unwrap();
    assert!(page.contains("least move alone"));
}

#[test]
fn a_repair_that_is_not_allowed_or_not_possible_writes_nothing() {
    let folder = Folder::new();
    let (head, out) = (square(&folder), folder.path("out.safetensors"));
    let free = ["--domain", "free"];
    let repair = |more: &[&str]| {
        let arguments = ["repair", &head, "--out", utf8(&out)];
        [&arguments[..], &free, more].concat().iter().map(|s| s.to_string()).collect::<Vec<_>>()
    };
    let refused = |more: &[&str], says: &[&str]| {
        let arguments = repair(more);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        refused(&arguments, says);
        assert!(!out.exists());
    };
    refused(&["--max-change", "0.0001"], &["token 4", "0.0001", "--max-change"]);
    refused(&["--max-change", "0.0001", "--least", "largest"], &["0.0001", "--max-change"]);
    refused(&["--max-change", "0.0001", "--rows"], &["token 4", "its row", "--max-change"]);
    refused(&["--bias", "none"], &["no bias to change", "--rows"]);
    refused(&["--tokens", "9"], &["--tokens", "9"]);
    crate::refusals::refused(
        &["repair", &head, "--out", &head],
        &["this is the file that is repaired"],
    );
    let other = folder.write("there.safetensors", "mine");
    crate::refusals::refused(
        &["repair", &head, "--out", &other],
        &["there.safetensors", "is there already", "--force"],
    );
    assert_eq!(fs::read_to_string(&other).unwrap(), "mine");
    crate::refusals::refused(&["repair", "--out", utf8(&out)], &["name a checkpoint"]);
}

#[test]
fn what_is_no_plain_float_and_what_is_the_embedding_too_is_refused_by_name() {
    let folder = Folder::new();
    let out = folder.path("out");
    let repair = |model: &str| ["repair", model, "--rows", "--out", utf8(&out)].map(str::to_owned);
    let refused = |model: &str, says: &[&str]| {
        let arguments = repair(model);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        crate::refusals::refused(&arguments, says);
        assert!(!out.exists());
    };
    refused("tests/data/forward/llama-gguf-q8_0/model.gguf", &["only plain floats"]);
    refused("tests/data/forward/gpt2", &["is also the embedding", "--change-embedding"]);
    refused("tests/data/onnx/dynamic-int8.onnx", &["before it is quantised"]);
}
