//! Heads that are found by themselves, their vocabularies and padding, and `inspect`.

use std::path::Path;

use serde_json::Value;

use crate::files::{Folder, SQUARE, Stored, integers};
use crate::{counts, done, run, said, summary, utf8};

/// A tied Llama of the square's five tokens and one row more, with a vocabulary of `tokens` tokens.
pub fn llama(folder: &Folder, last: [f64; 2], tokens: usize) -> String {
    let rows = [&SQUARE[..], &last].concat();
    folder.safetensors(
        "model.safetensors",
        &[
            ("model.embed_tokens.weight", Stored::f32(&[6, 2], &rows)),
            ("model.norm.weight", Stored::f32(&[2], &[1.5, 0.5])),
        ],
    );
    folder.write(
        "config.json",
        r#"{"model_type": "llama", "architectures": ["LlamaForCausalLM"], "tie_word_embeddings": true,
            "rms_norm_eps": 0.25}"#,
    );
    let pieces = ["\u{120}a", "b", "c", "<|end|>", "<0x0A>", "f", "g"];
    let vocab: Vec<String> =
        pieces[..tokens].iter().enumerate().map(|(id, piece)| format!("{piece:?}: {id}")).collect();
    folder.write(
        "tokenizer.json",
        format!(
            r#"{{"model": {{"type": "BPE", "vocab": {{{}}}}}, "decoder": {{"type": "ByteLevel"}}}}"#,
            vocab.join(", ")
        ),
    );
    utf8(&folder.path("")).to_owned()
}

#[test]
fn padding_that_can_win_is_told_and_fails_on_request() {
    let folder = Folder::new();
    // Far outside the square: it wins.
    let path = llama(&folder, [9.0, 9.0], 5);
    let text = done(&["audit", &path]);
    assert!(text.contains("Padding: 1 row has no token, 1 can win"), "{text}");
    let output = run(&["audit", &path, "--quiet", "--fail-on", "padding-can-win"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(said(&output), "unargmax: --fail-on: 1 padding-can-win\n");
}

#[test]
fn padding_that_cannot_win_is_no_unargmaxable_token() {
    let folder = Folder::new();
    // Within the square, as the centre is, which is a token.
    let path = llama(&folder, [0.0, 0.5], 5);
    let read = summary(&["audit", &path]);
    assert_eq!(counts(&read), [4, 0, 2, 0]);
    let padding = &read["audits"][0]["padding"];
    assert_eq!((&padding["rows"], &padding["unargmaxable"]), (&1.into(), &1.into()));
    let text = done(&["audit", &path]);
    assert!(text.contains("Padding: 1 row has no token, none can win"), "{text}");
    let output = run(&["audit", &path, "--quiet", "--fail-on", "unargmaxable,padding-can-win"]);
    assert_eq!(
        said(&output),
        "unargmax: --fail-on: 1 unargmaxable (of 5 tokens; left out: 1 row of padding, 1 unargmaxable)\n"
    );
    let only = run(&["audit", &path, "--quiet", "--fail-on", "unargmaxable", "--tokens", "5"]);
    assert_eq!(only.status.code(), Some(0), "{}", said(&only));
}

#[test]
fn a_report_counts_tokens_and_tells_padding_apart() {
    let folder = Folder::new();
    for (last, headline, says) in [
        ([0.0, 0.5], "1 of 5 tokens can never win", "It cannot win, as it should be."),
        ([9.0, 9.0], "2 of 5 tokens can never win", "1 of them can win: a program"),
    ] {
        let out = folder.path("out");
        let path = llama(&folder, last, 5);
        done(&["audit", &path, "--quiet", "--out", utf8(&out)]);
        for name in ["report.html", "summary.md"] {
            let text = std::fs::read_to_string(out.join(name)).unwrap();
            assert!(text.contains(headline) && text.contains(says), "{name}: {text:.900}");
        }
        let page = std::fs::read_to_string(out.join("report.html")).unwrap();
        assert!(page.contains("6 rows, 2 dimensions"), "padding is not a token");
    }
}

#[test]
fn a_baseline_excuses_padding_that_could_win_before() {
    let folder = Folder::new();
    let audit = |last: [f64; 2], tokens: usize, more: &[&str]| {
        let path = llama(&folder, last, tokens);
        let output = run(&[&["audit", &path, "--quiet", "--list", "3"], more].concat());
        (output.status.code(), said(&output))
    };
    let (loses, wins) = (folder.path("loses"), folder.path("wins"));
    let gate = |baseline: &Path| {
        ["--baseline", utf8(baseline), "--fail-on", "unargmaxable,padding-can-win"]
            .map(str::to_owned)
    };
    let gated = |last: [f64; 2], tokens: usize, baseline: &Path| {
        let gate = gate(baseline);
        audit(last, tokens, &gate.each_ref().map(String::as_str))
    };
    assert_eq!(audit([0.0, 0.5], 5, &["--out", utf8(&loses)]).0, Some(0));
    assert_eq!(audit([9.0, -9.0], 5, &["--out", utf8(&wins)]).0, Some(0));
    assert_eq!(gated([9.0, -9.0], 5, &wins), (Some(0), String::new()));
    let (status, said) = gated([9.0, -9.0], 5, &loses);
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("1 padding-can-win that were") && said.contains("\n  5 "), "{said}");
    // Padding that loses is no reason; the token it has become is one.
    assert_eq!(gated([0.0, 0.5], 5, &loses), (Some(0), String::new()));
    let (status, said) = gated([0.0, 0.5], 6, &loses);
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("1 unargmaxable that were") && said.contains("\n  5 f"), "{said}");
}

#[test]
fn padding_that_only_ties_can_win() {
    let folder = Folder::new();
    let path = llama(&folder, [1.0, 1.0], 5);
    let text = done(&["audit", &path]);
    assert!(text.contains("1 can win (1 of them only in a tie)"), "{text}");
    assert_eq!(
        run(&["audit", &path, "--quiet", "--fail-on", "padding-can-win"]).status.code(),
        Some(1)
    );
}

#[test]
fn a_vocabulary_beside_the_checkpoint_that_is_too_long_is_refused_and_can_be_left_out() {
    let folder = Folder::new();
    let path = llama(&folder, [9.0, 9.0], 7);
    let output = run(&["audit", &path]);
    assert_eq!(output.status.code(), Some(2));
    for part in ["tokenizer.json: the vocabulary has 7 tokens", "only 6 rows", "--vocab none"] {
        assert!(said(&output).contains(part), "{}", said(&output));
    }
    let text = done(&["audit", &path, "--vocab", "none"]);
    assert!(text.contains("#4: ") && !text.contains("Padding"), "{text}");
}

#[test]
fn inspect_says_what_was_found_and_out_keeps_the_same() {
    let folder = Folder::new();
    let path = llama(&folder, [9.0, 9.0], 5);
    let printed = done(&["inspect", &path, "--json"]);
    let read: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(read["head"]["weight"], "model.embed_tokens.weight");
    assert_eq!(read["head"]["tied"], true);
    assert_eq!(read["head"]["family"], "Llama");
    assert_eq!(read["head"]["bias"], Value::Null);
    assert_eq!((&read["head"]["tokens"], &read["head"]["dim"]), (&6.into(), &2.into()));
    assert_eq!(read["before"]["norm"]["kind"], "RMSNorm");
    assert_eq!(read["before"]["norm"]["epsilon"], 0.25);
    assert_eq!(read["before"]["domain"], "rmsnorm");
    assert_eq!(read["vocabulary"]["padding_ids"], serde_json::json!([[5, 5]]));
    for (kind, count) in [("ordinary", 3), ("special", 1), ("byte", 1), ("padding", 1)] {
        assert_eq!(read["vocabulary"][kind], count, "{kind}");
    }
    assert_eq!(read["statistics"]["rank"], 2);
    assert_eq!(read["statistics"]["zero_rows"], serde_json::json!([4]));
    assert_eq!(read["candidates"][0]["name"], "model.embed_tokens.weight");

    let out = folder.path("out");
    done(&["audit", &path, "--quiet", "--out", utf8(&out)]);
    assert_eq!(std::fs::read_to_string(out.join("inspect.json")).unwrap(), printed);

    let text = done(&["inspect", &path]);
    for part in [
        "`model.embed_tokens.weight` [6, 2] f32  <- the head",
        "tied    yes",
        "bias    none",
        "before  RMSNorm `model.norm.weight`, epsilon 0.25",
        "3 ordinary, 1 special, 0 unused, 1 byte, 1 padding",
        "padding ids 5",
        "rank    2 of 2",
    ] {
        assert!(text.contains(part), "{part:?} is missing in\n{text}");
    }
}

#[test]
fn inspect_needs_no_checkpoint_and_refuses_as_audit_does() {
    let text = done(&["inspect"]);
    assert!(text.contains("g2pM (bundled)") && text.contains("domain  range:0:inf"), "{text}");
    let output = run(&["inspect", "no/such.file"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn byte_level_pieces_are_shown_readably_and_the_piece_is_kept() {
    let folder = Folder::new();
    let path = llama(&folder, [9.0, 9.0], 5);
    let out = folder.path("out");
    done(&["audit", &path, "--quiet", "--out", utf8(&out)]);
    let csv = std::fs::read_to_string(out.join("verdicts.csv")).unwrap();
    let first = csv.lines().nth(1).unwrap();
    assert!(first.starts_with("0, a,\u{120}a,ordinary,"), "{first}");
    assert!(csv.lines().nth(6).unwrap().starts_with("5,,,padding,"), "{csv}");
}

#[test]
fn an_activation_that_is_found_bounds_the_domain_by_default() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/families/bert-classifier");
    let read = summary(&["audit", utf8(&folder)]);
    assert_eq!(read["audits"][0]["domain"], "range:-1:1");
    assert_eq!(
        summary(&["audit", utf8(&folder), "--domain", "free"])["audits"][0]["domain"],
        "free"
    );
    let text = done(&["audit", utf8(&folder)]);
    assert!(text.contains("(auto: a tanh stands before the head)"), "{text}");
}

#[test]
fn a_norm_that_is_found_is_told_and_its_ball_is_the_domain() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/families/t5");
    let text = done(&["audit", utf8(&folder)]);
    for part in [
        "before  RMSNorm `decoder.final_layer_norm.weight`",
        "then times 0.25",
        "domain  rmsnorm (auto: an RMSNorm stands before the head)",
    ] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn numbered_linear_layers_end_in_the_head() {
    let folder = Folder::new();
    let path = folder.safetensors(
        "net.safetensors",
        &[
            ("net.0.weight", Stored::f32(&[4, 3], &integers(12, 1))),
            ("net.0.bias", Stored::f32(&[4], &integers(4, 2))),
            ("net.10.weight", Stored::f32(&[5, 4], &integers(20, 3))),
            ("net.10.bias", Stored::f32(&[5], &integers(5, 4))),
            ("net.2.weight", Stored::f32(&[4, 4], &integers(16, 5))),
            ("net.2.bias", Stored::f32(&[4], &integers(4, 6))),
        ],
    );
    let read = summary(&["audit", &path]);
    assert_eq!(
        (&read["head"]["weight"], &read["head"]["bias"]),
        (&"net.10.weight".into(), &"net.10.bias".into())
    );
}

#[test]
fn a_question_names_the_options_and_its_answers_are_taken() {
    let folder = Folder::new();
    let path = folder.safetensors(
        "net.safetensors",
        &[
            ("decoder.weight", Stored::f32(&[2, 2], &[1.0, 0.0, 0.0, 1.0])),
            ("decoder.bias", Stored::f32(&[2], &[0.0; 2])),
            ("to_vocab.weight", Stored::f32(&[5, 2], &SQUARE)),
            ("to_vocab.scale", Stored::f32(&[5], &[1.0, 1.0, 1.0, 1.0, 2.0])),
        ],
    );
    let refused = |args: &[&str]| {
        let output = run(args);
        assert_eq!(output.status.code(), Some(2));
        let said = said(&output);
        assert_eq!(said.lines().count(), 1, "{said}");
        said
    };
    let said = refused(&["audit", &path]);
    for part in ["`decoder.weight`", "`to_vocab.weight` [5, 2]", "--weight"] {
        assert!(said.contains(part), "{said}");
    }
    let chosen = ["audit", &path, "--weight", "to_vocab.weight"];
    let said = refused(&chosen);
    assert!(said.contains("`to_vocab.scale`") && said.contains("--bias none"), "{said}");
    let read = summary(&[&chosen[..], &["--bias", "none"]].concat());
    assert_eq!(counts(&read), [4, 0, 1, 0]);
}
