//! What `logits`, `generate`, `pattern` and `observe` refuse.

use crate::files::Folder;
use crate::models::{CONTEXT, States, bert, gpt2, gpt2_tokens, rows, stored};
use crate::refusals::refused;

fn plain(folder: &Folder) -> String {
    gpt2(folder, &rows(gpt2_tokens()), States::Anywhere)
}

#[test]
fn a_token_that_is_not_there() {
    let folder = Folder::new();
    let model = plain(&folder);
    refused(&["logits", &model, "--ids", "5,99999"], &["99999", &gpt2_tokens().to_string()]);
    refused(&["generate", &model, "--ids", "99999"], &["99999"]);
}

#[test]
fn a_text_beyond_the_context() {
    let folder = Folder::new();
    let model = plain(&folder);
    let long = "the river ".repeat(30);
    let context = CONTEXT.to_string();
    refused(&["logits", &model, "--text", &long], &["context", &context]);
    refused(&["generate", &model, "--prompt", &long], &["context", &context]);
    let file = folder.write("texts.txt", format!("short\n{long}\n"));
    let pattern =
        ["pattern", &model, "--pattern", "{text} [MASK]", "--labels", "a,b", "--file", &file];
    let output = crate::run(&pattern);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        crate::said(&output).contains("texts 1 to 2: ") && crate::said(&output).contains(&context)
    );
    let out = folder.path("out");
    let corpus = folder.write("corpus.txt", "the river\n");
    refused(
        &["observe", &model, "--file", &corpus, "--out", out.to_str().unwrap(), "--window", "999"],
        &["--window 999", &context],
    );
}

#[test]
fn a_mask_that_does_not_fit() {
    let folder = Folder::new();
    let model = plain(&folder);
    refused(
        &["logits", &model, "--ids", "5,6", "--mask", "permutation:0,1,2"],
        &["orders 3", "2 tokens"],
    );
    refused(
        &["logits", &model, "--ids", "5,6", "--mask", "prefix:3"],
        &["3 positions", "2 tokens"],
    );
}

#[test]
fn a_vocabulary_that_does_not_say_how_it_splits() {
    let folder = Folder::new();
    let model = bert(&folder);
    std::fs::remove_file(folder.path("tokenizer_config.json")).unwrap();
    let ways = ["vocab.txt", "--ids", "--split-regex", "--wordpiece", "--tokenizer"];
    refused(&["logits", &model, "--text", "the river"], &ways);
    crate::done(&["logits", &model, "--text", "the river", "--wordpiece", "uncased"]);
    crate::done(&["logits", &model, "--text", "[CLS]the[SEP]", "--split-regex", "[a-z]+"]);
    crate::done(&["logits", &model, "--ids", "2,9,3"]);
}

#[test]
fn texts_without_tokens() {
    let folder = Folder::new();
    let model = plain(&folder);
    refused(&["logits", &model, "--text", ""], &["the text has no tokens"]);
    let empty = folder.write("empty.txt", "");
    let blank = folder.write("blank.csv", "text,label\n");
    let out = folder.path("out").to_str().unwrap().to_owned();
    refused(
        &["observe", &model, "--file", &empty, "--out", &out],
        &["empty.txt: the corpus is empty"],
    );
    for file in [&empty, &blank] {
        refused(
            &["pattern", &model, "--pattern", "{text} [MASK]", "--labels", "a,b", "--file", file],
            &["it holds no text"],
        );
    }
    let bytes = folder.write("bytes.txt", b"the \xff river");
    refused(
        &["observe", &model, "--file", &bytes, "--out", &out],
        &["bytes.txt: it is not UTF-8 at byte 4"],
    );
    refused(&["logits", &model, "--file", &bytes], &["bytes.txt: it is not UTF-8 at byte 4"]);
}

#[test]
fn a_pattern_that_the_model_cannot_read() {
    let folder = Folder::new();
    let model = plain(&folder);
    let file = folder.write("texts.txt", "The river\n");
    let with = |pattern: &'static str, says: &[&str]| {
        refused(
            &["pattern", &model, "--pattern", pattern, "--labels", "a,b", "--file", &file],
            says,
        );
    };
    with(
        "{text} It was [MASK].",
        &["GPT-2 sees only what stands before the gap", "put [MASK] last"],
    );
    with("{text} It was good.", &["--pattern", "no place for the label word", "[MASK]"]);
    with("It was [MASK]", &["--pattern", "no place for the text", "{text}"]);
}

#[test]
fn a_text_with_a_gap_of_its_own() {
    let folder = Folder::new();
    let model = bert(&folder);
    let file = folder.write("texts.txt", "the rain\nthe [MASK]\n");
    let output = crate::run(&[
        "pattern",
        &model,
        "--pattern",
        "{text} [MASK]",
        "--labels",
        "and,the",
        "--file",
        &file,
    ]);
    assert_eq!(output.status.code(), Some(2));
    let said = crate::said(&output);
    assert!(said.contains("text 2: it has 2 gaps"), "{said}");
}

#[test]
fn a_class_that_is_none_of_the_labels_or_no_column() {
    let folder = Folder::new();
    let model = plain(&folder);
    let other = folder.write("other.csv", "text,label\nx,a\ny,c\n");
    let nameless = folder.write("nameless.tsv", "sentence\tlabel\nx\ta\n");
    let arguments = ["pattern", &model, "--pattern", "{text} [MASK]", "--labels", "a,b", "--file"];
    refused(&[&arguments[..], &[&other]].concat(), &["other.csv: line 3: `c`", "--labels"]);
    refused(&[&arguments[..], &[&nameless]].concat(), &["nameless.tsv: there is no column `text`"]);
    refused(
        &["pattern", &model, "--pattern", "{text} [MASK]", "--labels", "a", "--file", &other],
        &["--labels", "two or more words"],
    );
}

#[test]
fn a_model_of_the_wrong_kind() {
    let folder = Folder::new();
    let model = bert(&folder);
    refused(&["generate", &model, "--prompt", "the"], &["BERT", "unargmax pattern"]);
    let t5 = stored("t5");
    refused(&["logits", &t5, "--ids", "5"], &["has an encoder", "--source"]);
    refused(&["logits", &model, "--ids", "5", "--source-ids", "6"], &["no encoder"]);
    let file = folder.write("corpus.txt", "the\n");
    let out = folder.path("out").to_str().unwrap().to_owned();
    refused(&["observe", &t5, "--file", &file, "--out", &out], &["has an encoder"]);
    let head = folder.npy("square.npy", &crate::files::SQUARE, 5, 2);
    refused(&["logits", &head, "--ids", "1"], &["square.npy: "]);
}

#[test]
fn sampling_that_has_no_meaning() {
    let folder = Folder::new();
    let model = plain(&folder);
    for (option, value) in [("--top-p", "1.5"), ("--top-k", "0"), ("--temperature", "-1")] {
        let option = format!("{option}={value}");
        refused(&["generate", &model, "--ids", "5", &option], &[value]);
    }
}

#[test]
fn keys_of_generation_config_that_are_not_followed() {
    let folder = Folder::new();
    let model = plain(&folder);
    folder.write("generation_config.json", r#"{"num_beams": 4, "repetition_penalty": 1.5}"#);
    let generate = ["generate", &model, "--ids", "5,6,7", "--max-tokens", "4"];
    refused(&generate, &["generation_config.json: `num_beams` is 4", "--ignore num_beams"]);
    let output = crate::run(&[&generate[..], &["--ignore", "num_beams"]].concat());
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(crate::said(&output), "unargmax: left out as asked: num_beams 4\n");
    let all = crate::run(&[&generate[..], &["--ignore", "all"]].concat());
    assert!(
        crate::said(&all).contains("num_beams 4, repetition_penalty 1.5"),
        "{}",
        crate::said(&all)
    );
    refused(&[&generate[..], &["--ignore", "top_z"]].concat(), &["--ignore top_z"]);
    // Only texts that go on ask for it.
    crate::done(&["logits", &model, "--ids", "5,6,7"]);
    folder.write("generation_config.json", r#"{"do_sample": true, "top_p": 0.9}"#);
    let output = crate::run(&generate);
    assert!(crate::said(&output).contains("the options alone say how"), "{}", crate::said(&output));
}

#[test]
fn a_label_word_that_is_not_in_the_vocabulary() {
    let folder = Folder::new();
    let model = bert(&folder);
    let file = folder.write("texts.txt", "the rain\n");
    let words = ["and,\u{4e2d}", "\u{1F600},and", "yes=and,no=[UNK]"];
    for labels in words {
        refused(
            &["pattern", &model, "--pattern", "{text} [MASK]", "--labels", labels, "--file", &file],
            &["is not in the vocabulary: it becomes [UNK]", "choose another word"],
        );
    }
}

#[test]
fn an_output_layer_in_doubt_without_advice_that_cannot_be_followed() {
    let folder = Folder::new();
    let model = plain(&folder);
    // A tie flag against another head.
    let config = std::fs::read_to_string(folder.path("config.json")).unwrap();
    let tied = config.replace("\"tie_word_embeddings\": false", "\"tie_word_embeddings\": true");
    assert_ne!(config, tied);
    folder.write("config.json", tied);
    let file = folder.write("texts.txt", "the rain\n");
    let out = folder.path("out").to_str().unwrap().to_owned();
    refused(&["audit", &model], &["choose by --weight"]);
    for arguments in [
        &["logits", &model, "--ids", "5"][..],
        &["generate", &model, "--ids", "5"],
        &["observe", &model, "--file", &file, "--out", &out],
        &["pattern", &model, "--pattern", "{text} [MASK]", "--labels", "a,b", "--file", &file],
    ] {
        refused(arguments, &["lm_head.weight", "found without doubt"]);
        let output = crate::run(arguments);
        assert!(!crate::said(&output).contains("--weight"), "{}", crate::said(&output));
    }
}

#[test]
fn a_quantised_model() {
    let folder = Folder::new();
    let model = plain(&folder);
    let config = std::fs::read_to_string(folder.path("config.json")).unwrap();
    let method = r#"{"quantization_config": {"quant_method": "gptq", "bits": 4},"#;
    folder.write("config.json", config.replacen('{', method, 1));
    refused(&["logits", &model, "--ids", "5"], &["`quantization_config`", "`gptq`", "unquantised"]);
}
