//! Every tensor of a checkpoint is used, known to change nothing, or named in an error.

use candle_core::{DType, Tensor};
use unargmax::transformer::{Batch, Options, Transformer};

use super::changed::{Changed, Extra, Meta, refusal};
use super::fixture::{MODELS, distance, numbers, open, source};

/// The logits of a text, which an encoder reads as well.
fn logits(model: &Transformer) -> Tensor {
    let batch = Batch::ids(vec![vec![5, 17, 9, 33]]);
    let batch = match model.configuration().has_encoder() {
        true => batch.from_source(source(model, vec![7, 23, 11], DType::F32)),
        false => batch,
    };
    model.forward(&batch).unwrap().logits
}

fn opened(changed: &Changed) -> Transformer {
    Transformer::open(changed.path(), Options::default()).unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn every_stored_tensor_of_every_model_is_used_or_a_copy() {
    for name in MODELS {
        let model = open(name, Options::default());
        for left in model.left_out() {
            let copy = left.reason == "a copy of a tensor that is used";
            let sines = left.reason == "sines of positions, which are computed";
            assert!(copy || sines && *name == "pegasus", "{name}: {left:?}");
        }
    }
}

#[test]
fn a_tensor_without_a_place_is_refused_by_name() {
    for (model, name, shape, says) in [
        (
            "bert",
            "bert.encoder.layer.2.output.dense.bias",
            &[32][..],
            "2 layers (0 to 1), and this is of layer 2",
        ),
        ("bert", "bert.embeddings.projection.weight", &[32, 32], "another model"),
        ("bert", "classifier.extra.weight", &[3, 32], "another model"),
        (
            "bert",
            "bert.encoder.layer.0.crossattention.self.query.weight",
            &[32, 32],
            "another model",
        ),
        (
            "roberta",
            "roberta.encoder.layer.0.attention.self.distance_embedding.weight",
            &[31, 8],
            "another model",
        ),
        (
            "albert",
            "albert.encoder.albert_layer_groups.1.albert_layers.0.ffn.bias",
            &[48],
            "no bias there",
        ),
        ("gpt2", "transformer.h.2.ln_1.weight", &[32], "layer 2"),
        ("gpt2", "transformer.h.0.attn.bias", &[32], "no bias there"),
        ("gpt2", "transformer.h.0.attn.q_norm.weight", &[8], "another model"),
        ("gpt2", "transformer.h.0.crossattention.c_attn.weight", &[32, 64], "another model"),
        ("llama", "model.layers.0.self_attn.q_proj.bias", &[32], "no bias there"),
        ("llama", "model.layers.1.mlp.down_proj.bias", &[32], "no bias there"),
        ("llama", "model.layers.0.self_attn.q_norm.weight", &[8], "another model"),
        ("llama", "model.layers.0.pre_feedforward_layernorm.weight", &[32], "another model"),
        ("llama", "model.layers.0.mlp.down_proj.input_scale", &[1], "scales other numbers"),
        ("llama", "model.layers.0.mlp.down_proj.weight_scale", &[32, 1], "scales other numbers"),
        ("llama", "model.layers.2.input_layernorm.weight", &[32], "layer 2"),
        ("llama", "model.layers.12.eh_proj.weight", &[32, 64], "layer 12"),
        ("llama", "model.mtp.0.weight", &[32, 32], "another model"),
        ("llama", "model.layers.0.mlp.experts.0.up_proj.weight", &[64, 32], "mixture of experts"),
        ("llama", "model.layers.0.self_attn.q_proj.lora_A.weight", &[4, 32], "adapter"),
        ("llama", "model.layers.0.self_attn.sinks", &[4], "another model"),
        ("llama", "model.norm.bias", &[32], "no bias there"),
        ("llama", "embed_tokens.weight", &[70, 32], "not a copy"),
        ("t5", "encoder.block.0.layer.0.SelfAttention.q.bias", &[24], "no bias there"),
        (
            "t5",
            "decoder.block.1.layer.0.SelfAttention.relative_attention_bias.weight",
            &[8, 4],
            "another model",
        ),
        ("t5", "encoder.block.2.layer.0.layer_norm.weight", &[32], "layer 2"),
        ("marian", "model.decoder.layer_norm.weight", &[32], "another model"),
        ("marian", "model.encoder.embed_positions.weight", &[16, 32], "another model"),
        ("xlnet", "transformer.layer.0.rel_attn.q_bias", &[32], "another model"),
    ] {
        let changed = Changed::of(model).with(&[Extra::filled(name, shape)]);
        let said = refusal(&changed.path());
        assert!(said.contains(&format!("`{name}`")) && said.contains(says), "{model}: {said}");
    }
}

#[test]
fn what_changes_nothing_is_left_out_with_a_reason() {
    for (model, name, shape, reason) in [
        ("bert", "bert.embeddings.position_ids", &[1, 16][..], "the numbers of positions"),
        ("bert", "bert.pooler.dense.weight", &[32, 32], "a pooler"),
        ("bert", "bert.pooler.dense.bias", &[32], "a pooler"),
        ("bert", "cls.seq_relationship.weight", &[2, 32], "pairs of sentences"),
        ("roberta", "roberta.embeddings.token_type_ids", &[1, 20], "the numbers of positions"),
        ("albert", "albert.pooler.weight", &[32, 32], "a pooler"),
        ("albert", "sop_classifier.classifier.bias", &[2], "pairs of sentences"),
        ("gpt2", "transformer.h.0.attn.bias", &[1, 1, 16, 16], "a causal mask"),
        ("gpt2", "transformer.h.1.attn.masked_bias", &[], "a causal mask"),
        ("gpt2", "v_head.summary.weight", &[1, 32], "a value head"),
        ("llama", "model.layers.0.self_attn.rotary_emb.inv_freq", &[4], "frequencies"),
        (
            "t5",
            "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight",
            &[8, 4],
            "distances to the encoder",
        ),
    ] {
        let changed = Changed::of(model).with(&[Extra::filled(name, shape)]);
        let with = opened(&changed);
        let left = with.left_out().iter().find(|left| left.tensor == name).expect(name);
        assert!(left.reason.contains(reason), "{left:?}");
        let plain = open(model, Options::default());
        assert_eq!(numbers(&logits(&with)), numbers(&logits(&plain)), "{name}");
    }
}

#[test]
fn a_copy_of_a_table_must_hold_the_same_numbers() {
    for (model, of, copy) in [
        ("bert", "bert.embeddings.word_embeddings.weight", "cls.predictions.decoder.weight"),
        ("bert", "cls.predictions.bias", "cls.predictions.decoder.bias"),
        ("roberta", "lm_head.bias", "lm_head.decoder.bias"),
        ("gpt2", "transformer.wte.weight", "lm_head.weight"),
        ("t5", "shared.weight", "encoder.embed_tokens.weight"),
        ("t5", "shared.weight", "decoder.embed_tokens.weight"),
        ("marian", "model.shared.weight", "model.encoder.embed_tokens.weight"),
        ("whisper", "model.decoder.embed_tokens.weight", "proj_out.weight"),
        ("marian", "model.shared.weight", "model.decoder.embed_tokens.weight"),
    ] {
        let (shape, mut own) = Changed::of(model).numbers(of);
        let equal = Changed::of(model).with(&[Extra::new(copy, &shape, own.clone())]);
        let (a, b) = (logits(&opened(&equal)), logits(&open(model, Options::default())));
        assert_eq!(numbers(&a), numbers(&b), "{model} {copy}");
        own[7] += 1.0;
        let other = Changed::of(model).with(&[Extra::new(copy, &shape, own)]);
        assert!(refusal(&other.path()).contains(&format!("`{copy}`")), "{model} {copy}");
    }
}

#[test]
fn stored_sines_of_positions_must_be_those_that_are_computed() {
    let sines = |shift: f64| -> Vec<f32> {
        let angle = |at: usize, k: usize| at as f64 / 10_000f64.powf(2.0 * k as f64 / 32.0);
        let sine = |at: usize, k: usize| angle(at, k).sin() + shift;
        let row = |at: usize| {
            (0..32).map(move |k| if k < 16 { sine(at, k) } else { angle(at, k - 16).cos() } as f32)
        };
        (0..16).flat_map(row).collect()
    };
    let name = "model.decoder.embed_positions.weight";
    let with = |shift| Changed::of("marian").with(&[Extra::new(name, &[16, 32], sines(shift))]);
    let model = opened(&with(0.0));
    assert!(
        model.left_out().iter().any(|left| left.tensor == name && left.reason.contains("sines"))
    );
    assert!(refusal(&with(0.1).path()).contains(name));
}

#[test]
fn biases_of_a_llama_are_used_where_its_configuration_says_so() {
    // The golden values of llama-linear have them; without them the model does not open.
    for key in ["attention_bias", "mlp_bias"] {
        let without = Changed::of("llama-linear").config(|config| config[key] = false.into());
        assert!(refusal(&without.path()).contains("no bias there"), "{key}");
        let missing = Changed::of("llama").config(|config| config[key] = true.into());
        assert!(refusal(&missing.path()).contains("_proj.bias`"), "{key}");
    }
}

#[test]
fn tensors_of_a_gguf_file_are_used_or_refused_as_well() {
    let plain = open("llama-gguf-f32", Options::default());
    assert!(plain.left_out().is_empty());
    for (name, shape, says) in [
        ("blk.0.attn_q.scale", &[1][..], "scales other numbers"),
        ("blk.1.ffn_down.input_scale", &[1], "scales other numbers"),
        ("blk.0.attn_q_norm.weight", &[8], "another model"),
        ("blk.0.ffn_gate_inp.weight", &[4, 32], "mixture of experts"),
        ("blk.2.attn_norm.weight", &[32], "layer 2"),
        ("rope_factors_long.weight", &[4], "another model"),
    ] {
        let changed = Changed::of("llama-gguf-f32").gguf(&[], &[Extra::filled(name, shape)]);
        let said = refusal(&changed.file());
        assert!(said.contains(&format!("`{name}`")) && said.contains(says), "{said}");
    }
    // Biases are used where they are stored, as llama.cpp does.
    let bias = Extra::filled("blk.0.attn_output.bias", &[32]);
    let changed = Changed::of("llama-gguf-f32").gguf(&[], &[bias]);
    let with = Transformer::open(changed.file(), Options::default()).unwrap();
    assert!(distance(&numbers(&logits(&with)), &numbers(&logits(&plain))) > 0.01);
}

#[test]
fn experts_of_a_gguf_file_are_as_many_and_as_wide_as_it_says() {
    let [count, used] = ["llama.expert_count", "llama.expert_used_count"];
    let experts = [(count, Meta::U32(4)), (used, Meta::U32(2))];
    let inner = 64;
    let stack = |end: &'static str, shape: &[usize]| Extra::filled(end, shape);
    for (extras, says) in [
        (vec![], "`blk.0.ffn_gate_exps.weight`, of shape [4, 64, 32]"),
        (
            vec![stack("blk.0.ffn_gate_exps.weight", &[3, inner, 32])],
            "`blk.0.ffn_gate_exps.weight` has shape [3, 64, 32]",
        ),
        (
            vec![
                stack("blk.0.ffn_gate_exps.weight", &[4, inner, 32]),
                stack("blk.0.ffn_up_exps.weight", &[4, 32, inner]),
            ],
            "`blk.0.ffn_up_exps.weight` has shape [4, 32, 64]",
        ),
    ] {
        let said = refusal(&Changed::of("llama-gguf-f32").gguf(&experts, &extras).file());
        assert!(said.contains(says), "{said}");
    }
    for (keys, says) in [
        (vec![(count, Meta::U32(4))], "0 experts are chosen of the 4"),
        (vec![(used, Meta::U32(2))], "2 experts are chosen of the 0"),
        (vec![(count, Meta::U32(4)), (used, Meta::U32(5))], "of which 5 are chosen"),
        (vec![(count, Meta::U32(1 << 30)), (used, Meta::U32(2))], "1073741824 experts"),
    ] {
        let said = refusal(&Changed::of("llama-gguf-f32").gguf(&keys, &[]).file());
        assert!(said.contains(says), "{said}");
    }
    // A dense layer that is stored beside the experts does not belong to the model.
    let said = refusal(
        &Changed::of("mixtral-gguf")
            .gguf(&[], &[Extra::filled("blk.0.ffn_gate.weight", &[inner, 32])])
            .file(),
    );
    assert!(said.contains("`blk.0.ffn_gate.weight`"), "{said}");
}

#[test]
fn arrays_of_an_archive_are_used_or_refused_as_well() {
    let archive = |extras: &[Extra]| {
        let changed = Changed::of("gpt2").with(extras);
        let path = changed.npz();
        (changed, path)
    };
    let (_kept, path) = archive(&[]);
    let model = Transformer::open(&path, Options::default()).unwrap_or_else(|e| panic!("{e}"));
    let plain = open("gpt2", Options::default());
    assert_eq!(numbers(&logits(&model)), numbers(&logits(&plain)));
    let (_kept, path) = archive(&[Extra::filled("transformer.h.2.ln_1.weight", &[32])]);
    assert!(refusal(&path).contains("`transformer.h.2.ln_1.weight`"));
}

#[test]
fn without_any_one_of_its_tensors_a_model_is_not_opened() {
    for name in
        ["bert", "gpt2", "gpt-oss", "llama-linear", "stablelm-norms", "t5", "whisper", "xlnet"]
    {
        let stored = Changed::of(name).names();
        assert!(stored.len() > 15, "{name}");
        for tensor in stored {
            let less = Changed::of(name).without(&tensor);
            assert!(Transformer::open(less.path(), Options::default()).is_err(), "{name} {tensor}");
        }
    }
}
