//! Whole models of a few thousand numbers, made on the spot, with the tokenizers of `tests/data/tokenizers`.

use std::path::Path;

use unargmax::checkpoint::vocabulary::Vocabulary;

use crate::files::{Folder, Stored, integers};

/// The width of their hidden states.
pub const WIDTH: usize = 8;
/// Their longest text.
pub const CONTEXT: usize = 24;

fn data(name: &str) -> String {
    format!("{}/tests/data/tokenizers/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// How many tokens the vocabulary of GPT-2's kind has.
pub fn gpt2_tokens() -> usize {
    Vocabulary::from_file(data("byte-level/tokenizer.json")).unwrap().tokens.len()
}

/// Numbers between -1/2 and 1/2 without pattern.
fn small(count: usize, seed: u64) -> Vec<f64> {
    integers(count, seed).iter().map(|x| x / 32.0).collect()
}

/// The rows of an output layer without pattern.
pub fn rows(tokens: usize) -> Vec<f64> {
    small(tokens * WIDTH, 99)
}

/// Where the states of a model lie before its output layer: anywhere, or all near `(1, ..., 1)`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum States {
    Anywhere,
    NearOnes,
}

/// A GPT-2 of one block with this output layer, and its path.
pub fn gpt2(folder: &Folder, rows: &[f64], states: States) -> String {
    let (d, tokens) = (WIDTH, rows.len() / WIDTH);
    let (gain, shift) = match states {
        States::Anywhere => (vec![1.0; d], vec![0.0; d]),
        States::NearOnes => (vec![1.0 / 64.0; d], vec![1.0; d]),
    };
    let block = |name: &str| format!("transformer.h.0.{name}");
    let tensors = [
        ("transformer.wte.weight".to_owned(), Stored::f32(&[tokens, d], &small(tokens * d, 1))),
        ("transformer.wpe.weight".to_owned(), Stored::f32(&[CONTEXT, d], &small(CONTEXT * d, 2))),
        (block("ln_1.weight"), Stored::f32(&[d], &vec![1.0; d])),
        (block("ln_1.bias"), Stored::f32(&[d], &vec![0.0; d])),
        (block("attn.c_attn.weight"), Stored::f32(&[d, 3 * d], &small(3 * d * d, 3))),
        (block("attn.c_attn.bias"), Stored::f32(&[3 * d], &small(3 * d, 4))),
        (block("attn.c_proj.weight"), Stored::f32(&[d, d], &small(d * d, 5))),
        (block("attn.c_proj.bias"), Stored::f32(&[d], &small(d, 6))),
        (block("ln_2.weight"), Stored::f32(&[d], &vec![1.0; d])),
        (block("ln_2.bias"), Stored::f32(&[d], &vec![0.0; d])),
        (block("mlp.c_fc.weight"), Stored::f32(&[d, 4 * d], &small(4 * d * d, 7))),
        (block("mlp.c_fc.bias"), Stored::f32(&[4 * d], &small(4 * d, 8))),
        (block("mlp.c_proj.weight"), Stored::f32(&[4 * d, d], &small(4 * d * d, 9))),
        (block("mlp.c_proj.bias"), Stored::f32(&[d], &small(d, 10))),
        ("transformer.ln_f.weight".to_owned(), Stored::f32(&[d], &gain)),
        ("transformer.ln_f.bias".to_owned(), Stored::f32(&[d], &shift)),
        ("lm_head.weight".to_owned(), Stored::f32(&[tokens, d], rows)),
    ];
    let tensors = tensors.map(|(name, stored)| (name.leak() as &str, stored));
    folder.safetensors("model.safetensors", &tensors);
    folder.write(
        "config.json",
        format!(
            r#"{{"architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", "vocab_size": {tokens}, "n_embd": {d},
                "n_head": 2, "n_layer": 1, "n_positions": {CONTEXT}, "tie_word_embeddings": false,
                "bos_token_id": 0, "eos_token_id": 0}}"#
        ),
    );
    folder.write("tokenizer.json", std::fs::read(data("byte-level/tokenizer.json")).unwrap());
    path(folder)
}

/// A BERT of one block with a vocabulary of word pieces, and its path.
pub fn bert(folder: &Folder) -> String {
    let pieces = std::fs::read_to_string(data("word-piece/vocab.txt")).unwrap();
    let (d, tokens) = (WIDTH, pieces.lines().count());
    let body = |name: &str| format!("bert.{name}");
    let layer = |name: &str| format!("bert.encoder.layer.0.{name}");
    let head = |name: &str| format!("cls.predictions.{name}");
    let mut tensors = vec![
        (body("embeddings.word_embeddings.weight"), Stored::f32(&[tokens, d], &rows(tokens))),
        (
            body("embeddings.position_embeddings.weight"),
            Stored::f32(&[CONTEXT, d], &small(CONTEXT * d, 2)),
        ),
        (body("embeddings.token_type_embeddings.weight"), Stored::f32(&[2, d], &small(2 * d, 3))),
        (head("bias"), Stored::f32(&[tokens], &small(tokens, 4))),
    ];
    for name in [
        body("embeddings.LayerNorm"),
        layer("attention.output.LayerNorm"),
        layer("output.LayerNorm"),
        head("transform.LayerNorm"),
    ] {
        tensors.push((format!("{name}.weight"), Stored::f32(&[d], &vec![1.0; d])));
        tensors.push((format!("{name}.bias"), Stored::f32(&[d], &vec![0.0; d])));
    }
    for (seed, (name, out, into)) in (11..).zip([
        (layer("attention.self.query"), d, d),
        (layer("attention.self.key"), d, d),
        (layer("attention.self.value"), d, d),
        (layer("attention.output.dense"), d, d),
        (layer("intermediate.dense"), 2 * d, d),
        (layer("output.dense"), d, 2 * d),
        (head("transform.dense"), d, d),
    ]) {
        tensors
            .push((format!("{name}.weight"), Stored::f32(&[out, into], &small(out * into, seed))));
        tensors.push((format!("{name}.bias"), Stored::f32(&[out], &small(out, seed + 50))));
    }
    let tensors: Vec<(&str, Stored)> =
        tensors.into_iter().map(|(name, stored)| (name.leak() as &str, stored)).collect();
    folder.safetensors("model.safetensors", &tensors);
    folder.write(
        "config.json",
        format!(
            r#"{{"architectures": ["BertForMaskedLM"], "model_type": "bert", "vocab_size": {tokens}, "hidden_size": {d},
                "num_attention_heads": 2, "num_hidden_layers": 1, "intermediate_size": {}, "hidden_act": "gelu",
                "max_position_embeddings": {CONTEXT}, "type_vocab_size": 2, "tie_word_embeddings": true}}"#,
            2 * d
        ),
    );
    folder.write("vocab.txt", pieces);
    folder.write(
        "tokenizer_config.json",
        r#"{"tokenizer_class": "BertTokenizer", "do_lower_case": true}"#,
    );
    path(folder)
}

fn path(folder: &Folder) -> String {
    folder.path("").to_str().unwrap().trim_end_matches('/').to_owned()
}

/// A model of the data of the forward path.
pub fn stored(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/forward").join(name);
    path.to_str().unwrap().to_owned()
}
