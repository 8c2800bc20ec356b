//! Keys of config.json and of GGUF that are neither read nor known to change nothing are refused by name.

use candle_core::DType;
use serde_json::{Value, json};
use unargmax::transformer::{Batch, Options, Transformer};

use super::changed::{Changed, Meta, refusal};
use super::fixture::{MODELS, folder, numbers, open, source};

fn logits(model: &Transformer) -> Vec<f64> {
    let batch = Batch::ids(vec![vec![5, 17, 9]]);
    let batch = match model.configuration().has_encoder() {
        true => batch.from_source(source(model, vec![7, 23], DType::F32)),
        false => batch,
    };
    numbers(&model.forward(&batch).unwrap().logits)
}

/// Whether the family of a model has this switch.
fn reads(name: &str, key: &str) -> bool {
    let begins = |families: &[&str]| families.iter().any(|family| name.starts_with(family));
    match key {
        "attn_logit_softcapping" | "final_logit_softcapping" => begins(&["gemma2", "gemma3"]),
        "alibi" => begins(&["falcon"]),
        "quantization_config" => begins(&["gpt-oss-mxfp4"]),
        "logit_scale" => begins(&["cohere"]),
        "residual_multiplier" | "embedding_multiplier" | "attention_multiplier" => {
            begins(&["granite"])
        }
        "layer_types" => begins(&[
            "gpt-oss",
            "qwen",
            "ministral",
            "smollm3",
            "gemma2",
            "gemma3",
            "cohere2",
            "modernbert",
        ]),
        "no_rope_layers" => begins(&["smollm3"]),
        "num_local_experts" => begins(&["mixtral", "qwen2-moe", "qwen3-moe", "gpt-oss"]),
        "partial_rotary_factor" => begins(&["phi", "gpt-neox", "stablelm"]),
        "sliding_window" | "use_sliding_window" => begins(&[
            "gpt-oss",
            "qwen",
            "mistral",
            "ministral",
            "smollm3",
            "gemma2",
            "gemma3",
            "cohere2",
            "phi3",
            "starcoder2",
        ]),
        _ => false,
    }
}

#[test]
fn keys_that_may_change_the_numbers_are_refused_in_every_family() {
    let everywhere = [
        ("quantization_config", json!({"quant_method": "bitsandbytes"}), "`bitsandbytes`"),
        (
            "quantization_config",
            json!({"quant_method": "fp8", "modules_to_not_convert": []}),
            "`fp8`",
        ),
        ("compression_config", json!({"format": "int-quantized"}), "quantised"),
        ("auto_map", json!({"AutoModelForCausalLM": "modeling_own.Own"}), "modeling_own.Own"),
        ("some_new_switch", json!(true), "`some_new_switch` (true)"),
        ("some_new_switch", json!(false), "`some_new_switch` (false)"),
        ("text_config", json!({"vocab_size": 5}), "`text_config`"),
        ("attn_logit_softcapping", json!(50.0), "50"),
        ("final_logit_softcapping", json!(30.0), "30"),
        ("logit_scale", json!(0.0625), "0.0625"),
        ("residual_multiplier", json!(0.2), "0.2"),
        ("embedding_multiplier", json!(12.0), "12"),
        ("attention_multiplier", json!(0.01), "`attention_multiplier`"),
        ("num_local_experts", json!(8), "8"),
        ("layer_types", json!(["full_attention", "sliding_attention"]), "sliding_attention"),
        ("no_rope_layers", json!([1, 0]), "[1,0]"),
        ("qk_norm", json!(true), "qk_norm"),
        ("alibi", json!(true), "alibi"),
        ("tie_encoder_decoder", json!(true), "tie_encoder_decoder"),
        ("cross_attention_hidden_size", json!(8), "cross_attention_hidden_size"),
        ("pruned_heads", json!({"0": [1]}), "pruned_heads"),
        ("per_layer_config", json!({"0": {"head_dim": 4}}), "per_layer_config"),
        ("partial_rotary_factor", json!(0.5), "partial_rotary_factor"),
    ];
    for name in MODELS.iter().filter(|name| folder(name).join("config.json").is_file()) {
        for (key, value, says) in everywhere.iter().filter(|(key, ..)| !reads(name, key)) {
            let changed = Changed::of(name).config(|config| config[*key] = value.clone());
            let said = refusal(&changed.path());
            assert!(said.contains(key) && said.contains(says), "{name} {key}: {said}");
        }
    }
}

#[test]
fn keys_of_one_family_are_read_or_refused() {
    for (name, key, value, says) in [
        ("bert", "embedding_size", json!(16), "`embedding_size` is 16"),
        ("bert", "is_encoder_decoder", json!(true), "`is_encoder_decoder`"),
        ("bert", "add_cross_attention", json!(true), "add_cross_attention"),
        ("roberta", "embedding_size", json!(16), "`embedding_size` is 16"),
        ("albert", "is_decoder", json!(true), "`is_decoder`"),
        ("albert", "net_structure_type", json!(1), "net_structure_type"),
        ("albert", "down_scale_factor", json!(2), "down_scale_factor"),
        ("gpt2", "hidden_size", json!(64), "means the same"),
        ("gpt2", "num_hidden_layers", json!(12), "means the same"),
        ("gpt2", "attention_bias", json!(true), "attention_bias"),
        ("llama", "sliding_window", json!(8), "`sliding_window` is 8"),
        ("llama", "rope_interleaved", json!(true), "rope_interleaved"),
        ("llama", "pretraining_tp", json!(2), "pretraining_tp"),
        ("llama", "hidden_activation", json!("gelu"), "hidden_activation"),
        ("llama", "add_cross_attention", json!(true), "add_cross_attention"),
        ("llama", "is_encoder_decoder", json!(true), "is_encoder_decoder"),
        ("t5", "dense_act_fn", json!("gelu_new"), "`dense_act_fn`"),
        ("t5", "is_gated_act", json!(true), "`is_gated_act`"),
        ("t5", "is_encoder_decoder", json!(false), "is_encoder_decoder"),
        ("t5", "layer_norm_eps", json!(1e-3), "layer_norm_eps"),
        ("t5", "hidden_size", json!(64), "means the same"),
        ("t5", "scale_embedding", json!(true), "scale_embedding"),
        ("marian", "static_position_embeddings", json!(false), "learned positions"),
        ("marian", "normalize_embedding", json!(true), "a norm of the embedding"),
        ("marian", "add_bias_logits", json!(true), "add_bias_logits"),
        ("marian", "num_hidden_layers", json!(6), "means the same"),
        ("gpt-oss", "swiglu_limit", json!(0.0), "the limit 0"),
        ("gpt-oss", "swiglu_alpha", json!(0.0), "the factor 0"),
        ("gpt-oss", "rope_parameters", json!(null), "`rope_parameters` is missing"),
        ("gpt-oss", "num_local_experts", json!(null), "`num_local_experts` is missing"),
        ("gpt-oss", "experts_per_token", json!(3), "means the same"),
        (
            "gpt-oss",
            "quantization_config",
            json!({"quant_method": "mxfp4"}),
            "gate_up_proj_blocks`",
        ),
        ("gpt-oss", "quantization_config", json!({"quant_method": "fp8"}), "`fp8`"),
        ("llama", "quantization_config", json!({"quant_method": "mxfp4"}), "`mxfp4`"),
        ("gpt-oss-mxfp4", "quantization_config", json!(null), "gate_up_proj`"),
        ("deberta-v2", "embedding_size", json!(16), "`embedding_size` is 16"),
        ("deberta-v2", "attention_head_size", json!(4), "attention_head_size"),
        ("deberta-v2", "pos_att_type", json!(["c2p", "p2p"]), "`p2p`"),
        ("deberta-v2", "norm_rel_ebd", json!("batch_norm"), "`batch_norm`"),
        ("deberta-v2", "conv_kernel_size", json!(4), "over 4 tokens"),
        ("deberta-v2", "position_buckets", json!(12), "12 buckets"),
        ("whisper", "num_hidden_layers", json!(6), "means the same"),
        ("whisper", "decoder_attention_heads", json!(5), "do not divide"),
        ("xlnet", "d_head", json!(4), "`d_head` is 4"),
        ("xlnet", "clamp_len", json!(2.5), "`clamp_len` is 2.5"),
        ("xlnet", "n_token", json!(71), "means the same"),
    ] {
        let said = refusal(&Changed::of(name).config(|config| config[key] = value.clone()).path());
        assert!(said.contains(says), "{name} {key}: {said}");
    }
}

#[test]
fn keys_that_change_nothing_are_taken() {
    let everywhere = json!({
        "_name_or_path": "somewhere", "_attn_implementation_autoset": true, "torch_dtype": "bfloat16",
        "task_specific_params": {"x": {"num_beams": 4}}, "gradient_checkpointing": false, "output_past": true,
        "num_beams": 4, "temperature": 0.7, "bad_words_ids": [[3]], "pruned_heads": {}, "use_cache": false,
        "quantization_config": null, "auto_map": {"AutoTokenizer": ["own.Own", null]}, "sliding_window": null,
        "use_sliding_window": false, "layer_types": ["full_attention", "full_attention"], "logit_scale": 1.0,
        "some_new_switch": null, "residual_dropout": 0.1, "encoder_layerdrop": 0.1, "x_pdrop": 0.5, "tokenizer_class": "X", "transformers.js_config": {"a": 1}, "chunk_size_feed_forward": 8,
    });
    for name in MODELS.iter().filter(|name| folder(name).join("config.json").is_file()) {
        let changed = Changed::of(name).config(|config| {
            let keys = everywhere.as_object().unwrap().clone().into_iter();
            let keys = keys.filter(|(key, _)| !reads(name, key));
            config.as_object_mut().unwrap().extend(keys);
        });
        let model = Transformer::open(changed.path(), Options::default());
        let model = model.unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(logits(&model), logits(&open(name, Options::default())), "{name}");
    }
    for (name, key, value) in [
        ("bert", "embedding_size", json!(32)),
        ("bert", "directionality", json!("bidi")),
        ("albert", "net_structure_type", json!(0)),
        ("gpt2", "n_ctx", json!(99)),
        ("gpt2", "reorder_and_upcast_attn", json!(true)),
        ("llama", "sliding_window", json!(16)),
        ("llama", "rope_interleaved", json!(false)),
        ("t5", "n_positions", json!(512)),
        ("t5", "num_hidden_layers", json!(2)),
        ("marian", "num_hidden_layers", json!(2)),
        ("marian", "add_bias_logits", json!(false)),
        ("xlnet", "mem_len", json!(7)),
        ("xlnet", "n_token", json!(70)),
    ] {
        let changed = Changed::of(name).config(|config| config[key] = value.clone());
        let model = Transformer::open(changed.path(), Options::default());
        let model = model.unwrap_or_else(|e| panic!("{name} {key}: {e}"));
        assert_eq!(logits(&model), logits(&open(name, Options::default())), "{name} {key}");
    }
    // A window that is switched off hides nothing.
    let off = Changed::of("llama").config(|config| {
        config["sliding_window"] = json!(8);
        config["use_sliding_window"] = json!(false);
        config["max_window_layers"] = json!(1);
    });
    assert!(Transformer::open(off.path(), Options::default()).is_ok());
}

#[test]
fn the_activation_of_a_t5_may_be_said_again() {
    let said = Changed::of("t5-v1_1").config(|config| {
        let map = config.as_object_mut().unwrap();
        map.remove("dense_act_fn");
        map.remove("is_gated_act");
    });
    let model = Transformer::open(said.path(), Options::default()).unwrap();
    assert_eq!(logits(&model), logits(&open("t5-v1_1", Options::default())));
}

#[test]
fn keys_of_gguf_that_may_change_the_numbers_are_refused() {
    use Meta::{Bool, F32, Text, U32, U32s};
    for (key, value) in [
        ("attention.scale", F32(0.5)),
        ("attention.clamp_kqv", F32(8.0)),
        ("attention.max_alibi_bias", F32(8.0)),
        ("attention.sliding_window", U32(8)),
        ("attention.sliding_window_pattern", U32(2)),
        ("attention.value_length", U32(16)),
        ("attention.layer_norm_epsilon", F32(1e-5)),
        ("attention.temperature_scale", F32(0.1)),
        ("attn_logit_softcapping", F32(50.0)),
        ("final_logit_softcapping", F32(30.0)),
        ("logit_scale", F32(0.1)),
        ("residual_scale", F32(0.2)),
        ("embedding_scale", F32(12.0)),
        ("expert_count", U32(8)),
        ("expert_used_count", U32(2)),
        ("use_parallel_residual", Bool(true)),
        ("tensor_data_layout", Text("other")),
        ("pooling_type", U32(1)),
        ("swin_norm", Bool(true)),
        ("rope.scaling.attn_factor", F32(1.5)),
        ("rope.scaling.yarn_log_multiplier", F32(0.1)),
        ("rope.scaling.yarn_ext_factor", F32(1.0)),
        ("rope.scaling.yarn_beta_fast", F32(16.0)),
        ("rope.dimension_sections", U32s(vec![1, 1])),
        ("nextn_predict_layers", U32(1)),
        ("decoder_start_token_id", U32(1)),
        ("some_new_key", U32(0)),
    ] {
        let key = format!("llama.{key}");
        let said = refusal(&Changed::of("llama-gguf-f32").gguf(&[(&key, value)], &[]).file());
        assert!(said.contains(&format!("`{key}`")), "{key}: {said}");
    }
    let adapter = [("general.type", Text("adapter"))];
    let said = refusal(&Changed::of("llama-gguf-f32").gguf(&adapter, &[]).file());
    assert!(said.contains("`adapter`"), "{said}");
}

#[test]
fn keys_of_gguf_that_change_nothing_are_taken() {
    use Meta::{Bool, F32, Text, U32};
    let keys = [
        ("general.type", Text("model")),
        ("general.file_type", U32(0)),
        ("general.quantization_version", U32(2)),
        ("quantize.imatrix.file", Text("x")),
        ("tokenizer.chat_template", Text("x")),
        ("split.count", U32(0)),
        ("somebody.quantized_by", Text("x")),
        ("llama.attention.scale", F32(0.0)),
        ("llama.attention.causal", Bool(true)),
        ("llama.attention.key_length", U32(8)),
        ("llama.attention.value_length", U32(8)),
        ("llama.attention.sliding_window", U32(16)),
        ("llama.expert_count", U32(0)),
        ("llama.use_parallel_residual", Bool(false)),
        ("llama.tensor_data_layout", Text("Meta AI original pth")),
        ("llama.pooling_type", U32(0)),
        ("llama.rope.scaling.finetuned", Bool(true)),
        ("llama.rope.scaling.original_context_length", U32(8)),
        ("llama.rope.scaling.attn_factor", F32(1.0)),
        ("llama.logit_scale", F32(1.0)),
    ];
    let changed = Changed::of("llama-gguf-f32").gguf(&keys, &[]);
    let model =
        Transformer::open(changed.file(), Options::default()).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(logits(&model), logits(&open("llama-gguf-f32", Options::default())));
}

#[test]
fn several_tokens_of_gguf_end_a_text() {
    let keys = [
        ("tokenizer.ggml.eot_token_id", Meta::U32(9)),
        ("tokenizer.ggml.eom_token_id", Meta::U32(7)),
        ("tokenizer.ggml.eos_token_ids", Meta::U32s(vec![11, 2])),
    ];
    let changed = Changed::of("llama-gguf-f32").gguf(&keys, &[]);
    let model = Transformer::open(changed.file(), Options::default()).unwrap();
    assert_eq!(model.configuration().special.end, [2, 7, 9, 11]);
}

#[test]
fn old_keys_of_ends_count_as_well() {
    let changed = Changed::of("gpt2").config(|config: &mut Value| {
        config["eos_token_id"] = json!([4, 5]);
        config["eos_token_ids"] = json!([6]);
    });
    let model = Transformer::open(changed.path(), Options::default()).unwrap();
    assert_eq!(model.configuration().special.end, [4, 5, 6]);
}
