//! Texts go on as generation_config.json says: held against what transformers writes, and refused where it is not followed.

use std::path::Path;

use serde_json::{Value, json};
use unargmax::checkpoint;
use unargmax::error::Result;
use unargmax::reach::generate::{End, Generation};
use unargmax::reach::rules::{Ignored, Rules};
use unargmax::reach::sampling::{Choice, Sampler};
use unargmax::transformer::{Options, Transformer};

use super::changed::{Changed, Meta};
use super::fixture::folder;

/// The rules of a changed model, which is opened as well.
fn rules(path: &Path, ignored: &[&str]) -> Result<(Transformer, Rules)> {
    let opened = checkpoint::open(path).unwrap();
    let model = Transformer::of(opened.as_ref(), path, Options::default())?;
    let ignored = Ignored::keys(ignored.iter().map(|key| (*key).to_owned()).collect());
    let rules = Rules::of(opened.as_ref(), model.configuration(), &ignored)?;
    Ok((model, rules))
}

fn ids(value: &Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect()
}

/// The tokens that come, the one that ends the text included.
fn new(model: &Transformer, rules: Rules, prompt: Vec<u32>, limit: usize) -> Vec<u32> {
    let sampler = Sampler::new(Choice::default(), 0).unwrap();
    let mut generation = Generation::following(model, rules, prompt, sampler, limit).unwrap();
    let mut tokens = Vec::new();
    while let Some(token) = generation.token().unwrap() {
        tokens.push(token);
    }
    if let Some(End::Token(token)) = generation.end() {
        tokens.push(token);
    }
    tokens
}

#[test]
fn texts_go_on_under_the_rules_of_the_checkpoint_as_in_the_reference() {
    let text = std::fs::read_to_string(folder("").join("generation.json")).unwrap();
    let golden: Value = serde_json::from_str(&text).unwrap();
    let cases = golden["cases"].as_array().unwrap();
    assert!(cases.iter().filter(|case| case["plain"] == false).count() > 50);
    for case in cases {
        let name = case["model"].as_str().unwrap();
        let limit = case["limit"].as_u64().unwrap() as usize;
        // In a file of its own, and among the keys of config.json, as older models have it.
        for own in [true, false] {
            let mut settings = case["settings"].clone();
            if settings["eos_token_id"].is_null() {
                settings["eos_token_id"] = json!([]);
            }
            let changed = Changed::of(name).config(|config| {
                let map = config.as_object_mut().unwrap();
                map.retain(|key, _| key != "eos_token_id" && key != "forced_eos_token_id");
                if !own {
                    map.extend(settings.as_object().unwrap().clone());
                }
            });
            if own {
                changed.write("generation_config.json", &settings);
            }
            let (model, rules) =
                rules(&changed.path(), &[]).unwrap_or_else(|e| panic!("{case}: {e}"));
            let tokens = new(&model, rules, ids(&case["prompt"]), limit);
            assert_eq!(tokens, ids(&case["new"]), "{case}, file of its own: {own}");
        }
    }
}

#[test]
fn its_own_file_counts_alone_but_for_special_tokens() {
    let changed = Changed::of("marian").config(|config| {
        config["repetition_penalty"] = json!(1.5);
        config["bad_words_ids"] = json!([[3]]);
    });
    let (_, old) = rules(&changed.path(), &[]).unwrap();
    assert_eq!((old.constraints.repetition_penalty, old.constraints.bad_words.len()), (1.5, 1));
    changed.write("generation_config.json", &json!({"min_length": 4, "max_length": 512}));
    let (model, own) = rules(&changed.path(), &[]).unwrap();
    assert_eq!((own.constraints.repetition_penalty, own.constraints.least_length), (1.0, 4));
    assert_eq!(own.constraints.end, model.configuration().special.end);
    assert_eq!(own.decoder_start, Some(0));
    changed.write(
        "generation_config.json",
        &json!({"eos_token_id": [7, 8], "decoder_start_token_id": 5}),
    );
    let (_, own) = rules(&changed.path(), &[]).unwrap();
    assert_eq!((own.constraints.end, own.decoder_start), (vec![7, 8], Some(5)));
}

#[test]
fn what_is_not_followed_is_refused_by_name_and_left_out_where_asked() {
    for (key, value) in [
        ("num_beams", json!(4)),
        ("num_beam_groups", json!(2)),
        ("num_return_sequences", json!(3)),
        ("guidance_scale", json!(1.5)),
        ("encoder_repetition_penalty", json!(1.2)),
        ("encoder_no_repeat_ngram_size", json!(3)),
        ("exponential_decay_length_penalty", json!([5, 1.1])),
        ("forced_decoder_ids", json!([[1, 5]])),
        ("sequence_bias", json!([[[5], 2.0]])),
        ("penalty_alpha", json!(0.6)),
        ("stop_strings", json!(["x"])),
        ("watermarking_config", json!({"bias": 2.0})),
        ("token_healing", json!(true)),
        ("force_words_ids", json!([[4]])),
        ("dola_layers", json!("low")),
        ("some_new_key", json!(1)),
    ] {
        let changed = Changed::of("gpt2");
        changed.write("generation_config.json", &json!({key: value, "repetition_penalty": 1.25}));
        let said = rules(&changed.path(), &[]).map(|_| ()).unwrap_err().to_string();
        assert!(
            said.contains("generation_config.json: ") && said.contains(&format!("`{key}`")),
            "{said}"
        );
        assert!(said.contains(&format!("--ignore {key}")) && !said.contains('\n'), "{said}");
        for ignored in [&[key][..], &["all"]] {
            let (_, rules) = rules(&changed.path(), ignored).unwrap_or_else(|e| panic!("{e}"));
            let penalty = if ignored == ["all"] { 1.0 } else { 1.25 };
            assert_eq!(rules.constraints.repetition_penalty, penalty);
            assert!(
                rules.notes[0].contains(&format!("left out as asked: {key} ")),
                "{:?}",
                rules.notes
            );
        }
    }
}

#[test]
fn values_of_another_type_and_tokens_that_are_not_there_are_refused() {
    for (key, value) in [
        ("repetition_penalty", json!(0.0)),
        ("repetition_penalty", json!("1.2")),
        ("no_repeat_ngram_size", json!(-1)),
        ("bad_words_ids", json!([5])),
        ("bad_words_ids", json!([[]])),
        ("bad_words_ids", json!([[70]])),
        ("suppress_tokens", json!([70])),
        ("forced_bos_token_id", json!(7000)),
        ("eos_token_id", json!("end")),
        ("min_length", json!(1.5)),
    ] {
        let changed = Changed::of("gpt2");
        changed.write("generation_config.json", &json!({key: value}));
        let said = rules(&changed.path(), &[]).map(|_| ()).unwrap_err().to_string();
        assert!(said.contains(&format!("`{key}`")), "{key} {value}: {said}");
    }
}

#[test]
fn how_tokens_are_drawn_is_told_and_keys_that_are_not_there_cannot_be_left_out() {
    let changed = Changed::of("gpt2");
    let drawn = json!({"do_sample": true, "temperature": 0.6, "top_p": 0.9, "max_length": 20, "transformers_version": "4"});
    changed.write("generation_config.json", &drawn);
    let (_, told) = rules(&changed.path(), &[]).unwrap();
    assert!(told.notes[0].contains("temperature 0.6, top_p 0.9"), "{:?}", told.notes);
    // Without do_sample nothing is drawn, there or here.
    changed.write(
        "generation_config.json",
        &json!({"temperature": 0.6, "num_beams": 1, "length_penalty": 2.0}),
    );
    assert!(rules(&changed.path(), &[]).unwrap().1.notes.is_empty());
    for key in ["sequence_bias", "eos_token_id"] {
        let said = rules(&changed.path(), &[key]).map(|_| ()).unwrap_err().to_string();
        assert!(said.contains(&format!("--ignore {key}")), "{said}");
    }
}

#[test]
fn a_text_of_gguf_ends_by_any_of_its_ends() {
    let changed = Changed::of("llama-gguf-f32");
    let (model, plain) = rules(&changed.file(), &[]).unwrap();
    let tokens = new(&model, plain, vec![5, 17, 9], 6);
    let end = [("tokenizer.ggml.eot_token_id", Meta::U32(tokens[2]))];
    let changed = Changed::of("llama-gguf-f32").gguf(&end, &[]);
    let (model, with) = rules(&changed.file(), &[]).unwrap();
    let first = tokens.iter().position(|token| *token == tokens[2]).unwrap();
    assert_eq!(new(&model, with, vec![5, 17, 9], 6), tokens[..=first]);
}
