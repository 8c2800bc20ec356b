//! Each refusal is one sentence that names the file and the tensor, the shape or the number.

use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use serde_json::{Value, json};
use unargmax::transformer::{Batch, Cache, Input, Mask, Options, Transformer};

use super::fixture::{folder, open};

/// A folder with a model's tensors and a configuration that was tampered with.
fn tampered(name: &str, change: impl FnOnce(&mut Value)) -> (tempfile::TempDir, PathBuf) {
    let copy = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(folder(name).join("config.json")).unwrap();
    let mut config: Value = serde_json::from_str(&text).unwrap();
    change(&mut config);
    std::fs::write(copy.path().join("config.json"), config.to_string()).unwrap();
    let tensors = "model.safetensors";
    std::fs::copy(folder(name).join(tensors), copy.path().join(tensors)).unwrap();
    let path = copy.path().to_path_buf();
    (copy, path)
}

/// What opening `path` says, which must be one line.
fn refusal(path: &Path) -> String {
    let Err(error) = Transformer::open(path, Options::default()) else { panic!("{path:?} opened") };
    let said = error.to_string();
    assert!(!said.contains('\n') && said.starts_with(&path.display().to_string()), "{said}");
    said
}

#[test]
fn configurations_that_no_transformer_can_have_are_refused_before_any_tensor_is_read() {
    let cases: &[(&str, &str, Value, &str)] = &[
        ("bert", "num_attention_heads", json!(0), "0 attention heads"),
        ("bert", "num_attention_heads", json!(5), "5 attention heads do not divide"),
        ("bert", "num_attention_heads", json!(-4), "`num_attention_heads` is -4"),
        ("bert", "num_hidden_layers", json!(0), "0 layers"),
        ("bert", "num_hidden_layers", json!(1_000_000_000), "1000000000 layers"),
        ("bert", "num_hidden_layers", json!(3), "encoder.layer.2."),
        ("bert", "num_hidden_layers", json!("two"), "`num_hidden_layers` is \"two\""),
        ("bert", "hidden_size", json!(2_147_483_644), "2147483644"),
        ("bert", "hidden_size", json!(u64::MAX), "not a size"),
        ("bert", "hidden_size", json!(0), "0 coordinates"),
        ("bert", "intermediate_size", json!(31), "asks for [31, 32]"),
        ("bert", "vocab_size", json!(2_000_000_000), "2000000000"),
        ("bert", "max_position_embeddings", json!(7), "position_embeddings"),
        ("bert", "layer_norm_eps", json!(-1.0), "-1 is not a valid epsilon"),
        ("bert", "hidden_act", json!("snake"), "`snake`"),
        ("bert", "position_embedding_type", json!("relative_key"), "relative_key"),
        ("bert", "model_type", json!("rwkv"), "`rwkv` is not known; known are bert, "),
        ("roberta", "pad_token_id", json!(4_000_000), "`max_position_embeddings` is 20"),
        ("albert", "num_hidden_layers", json!(1_000_000_000), "1000000000 layers"),
        ("albert", "inner_group_num", json!(1_000_000_000), "1000000000"),
        ("albert", "num_hidden_groups", json!(0), "0 groups"),
        ("albert", "embedding_size", json!(21), "asks for [16, 21]"),
        ("gpt2", "n_head", json!(3), "3 attention heads do not divide"),
        ("gpt2", "n_embd", json!(64), "64"),
        ("llama", "num_key_value_heads", json!(3), "cannot share 3 key-value heads"),
        ("llama", "head_dim", json!(7), "7 coordinates cannot be rotated"),
        ("llama", "rope_parameters", json!({"rope_type": "snake"}), "`snake`"),
        (
            "llama",
            "rope_scaling",
            json!({"type": "yarn", "factor": -2}),
            "-2 is not a valid factor",
        ),
        ("llama", "rope_parameters", json!({"rope_theta": 0.0}), "0 is not a valid base"),
        ("llama", "num_hidden_layers", json!(4096), "layers.2."),
        ("xlnet", "untie_r", json!(false), "`untie_r`"),
        ("xlnet", "d_inner", json!(1), "asks for [1, "),
        ("t5", "relative_attention_num_buckets", json!(1), "1 buckets"),
        ("t5", "relative_attention_max_distance", json!(4), "up to 4"),
        ("t5", "relative_attention_num_buckets", json!(9), "asks for [9, 4]"),
        ("t5", "feed_forward_proj", json!("gated-snake"), "`gated-snake`"),
        ("t5", "num_decoder_layers", json!(4), "decoder.block.3."),
        ("t5", "d_kv", json!(7), "asks for [28, 32]"),
        ("t5", "model_type", json!("umt5"), "`umt5` is not known"),
        ("marian", "encoder_attention_heads", json!(5), "5 attention heads do not divide"),
        ("marian", "encoder_layers", json!(0), "0 layers (encoder)"),
        ("marian", "decoder_layers", json!(4), "decoder.layers.3."),
        ("marian", "encoder_ffn_dim", json!(40), "asks for [40, 32]"),
        ("marian", "normalize_before", json!(true), "norms before the sums"),
    ];
    for (name, key, value, said) in cases {
        let (_copy, path) = tampered(name, |config| config[*key] = value.clone());
        let error = refusal(&path);
        assert!(error.contains(said), "{name} {key} {value}: {error}");
    }
}

#[test]
fn a_missing_configuration_and_a_file_of_no_transformer_are_refused() {
    let (_copy, path) = tampered("bert", |_| ());
    std::fs::remove_file(path.join("config.json")).unwrap();
    assert!(refusal(&path).contains("there is no config.json beside it"));
    std::fs::write(path.join("config.json"), "[1]").unwrap();
    assert!(refusal(&path).contains("not a JSON object"));
    std::fs::write(path.join("config.json"), "{}").unwrap();
    assert!(refusal(&path).contains("the model type `` is not known"));
}

/// What a model says to a batch that does not fit it.
fn said(model: &Transformer, batch: &Batch) -> String {
    match model.forward(batch) {
        Ok(_) => panic!("{batch:?} was computed"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn batches_that_do_not_fit_are_refused_with_the_numbers() {
    let bert = open("bert", Options::default());
    let ids = |row: Vec<u32>| Batch::ids(vec![row]);
    let (tokens, context) = (bert.configuration().tokens, bert.configuration().context.unwrap());
    for (batch, expected) in [
        (Batch::ids(vec![]), "no text".to_owned()),
        (Batch::ids(vec![vec![1], vec![]]), "row 1 is empty".to_owned()),
        (ids(vec![tokens as u32]), format!("token id {tokens} is not one of the {tokens}")),
        (
            ids(vec![1; context + 1]),
            format!("{} tokens, but the model's context is {context}", context + 1),
        ),
        (ids(vec![1, 2]).masked(Mask::Prefix { source: 3 }), "source of 3 positions".to_owned()),
        (
            ids(vec![1, 2]).masked(Mask::Permutation { order: vec![0, 1, 2] }),
            "orders 3 positions, but the row has 2".to_owned(),
        ),
        (Batch { masks: vec![Mask::Causal; 3], ..ids(vec![1]) }, "3 masks for 1 rows".to_owned()),
        (
            Batch { segments: Some(vec![vec![0]]), ..ids(vec![1, 2]) },
            "rows of [1] entries".to_owned(),
        ),
        (Batch { segments: Some(vec![vec![0, 2]]), ..ids(vec![1, 2]) }, "segment 2".to_owned()),
        (ids(vec![1]).from_source(Input::Ids(vec![vec![1]])), "no encoder".to_owned()),
        (Batch { predict_blind: true, ..ids(vec![1]) }, "only XLNet".to_owned()),
        (Batch { latents: Some(vec![]), ..ids(vec![1]) }, "0 latents for 2 blocks".to_owned()),
        (
            Batch::vectors(Tensor::zeros((1, 2, 3), DType::F32, &Device::Cpu).unwrap()),
            "3 coordinates, but the model takes 32".to_owned(),
        ),
        (
            Batch::vectors(Tensor::zeros((2, 32), DType::F32, &Device::Cpu).unwrap()),
            "three dimensions".to_owned(),
        ),
    ] {
        let error = said(&bert, &batch);
        assert!(error.contains(&expected), "{error}");
    }
}

#[test]
fn a_cache_refuses_what_would_make_it_wrong() {
    let bert = open("bert", Options::default());
    let extend = |batch: &Batch, cache: &mut Cache| bert.extend(batch, cache).map(|_| ());
    let error = extend(&Batch::ids(vec![vec![1, 2]]), &mut Cache::new()).unwrap_err();
    assert!(error.to_string().contains("no token sees later ones"), "{error}");
    let mut cache = Cache::new();
    extend(&Batch::ids(vec![vec![1, 2]]).masked(Mask::Causal), &mut cache).unwrap();
    let two = Batch::ids(vec![vec![1], vec![2]]);
    let error = extend(&two, &mut cache).unwrap_err().to_string();
    assert!(error.contains("holds 1 rows, but 2 are continued"), "{error}");
    let ragged = Batch::ids(vec![vec![1], vec![2, 3]]).masked(Mask::Causal);
    let error = extend(&ragged, &mut Cache::new()).unwrap_err().to_string();
    assert!(error.contains("rows of one length"), "{error}");
    let context = bert.configuration().context.unwrap();
    let error = extend(&Batch::ids(vec![vec![1; context - 1]]), &mut cache).unwrap_err();
    assert!(error.to_string().contains(&format!("the text has {} tokens", context + 1)), "{error}");
    // What was refused left the cache as it was.
    extend(&Batch::ids(vec![vec![1; context - 2]]), &mut cache).unwrap();
    assert_eq!(cache.len(), context);
}
