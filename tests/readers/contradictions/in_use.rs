//! Heads whose rows in use are not the stored ones are refused with the tensors that make them.

use super::*;

fn opt(rest: &str) -> String {
    format!(
        r#"{{"model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 6{rest}}}"#
    )
}

/// Tensors named at run time.
fn folder(config: &str, tensors: &[(&'static str, &[usize])]) -> Folder {
    let made: Vec<Made> = tensors
        .iter()
        .enumerate()
        .map(|(i, (name, shape))| (*name, shape.to_vec(), i as u32 + 1))
        .collect();
    Folder::new(config, &made)
}

const EMBEDDING: (&str, &[usize]) = ("model.embed_tokens.weight", &[6, 4]);
const HEAD: (&str, &[usize]) = ("lm_head.weight", &[6, 4]);

#[test]
fn a_weight_that_is_made_of_other_tensors_is_refused_by_their_names() {
    let parts: [&[(&str, &[usize])]; 5] = [
        &[("lm_head.weight_g", &[6, 1]), ("lm_head.weight_v", &[6, 4])],
        &[
            ("lm_head.parametrizations.weight.original0", &[6, 1]),
            ("lm_head.parametrizations.weight.original1", &[6, 4]),
        ],
        &[("lm_head.parametrizations.weight.original", &[6, 4])],
        &[("lm_head.weight_orig", &[6, 4]), ("lm_head.weight_u", &[6])],
        &[("lm_head.weight_orig", &[6, 4]), ("lm_head.weight_mask", &[6, 4])],
    ];
    for made in parts {
        let all = [&[EMBEDDING][..], made].concat();
        let untied = opt(r#", "tie_word_embeddings": false"#);
        for config in [untied.as_str(), ""] {
            let folder = folder(config, &all);
            folder.refused(&[made[0].0, "is not stored: the model makes it by", "export the rows"]);
            // A part of it is no head either when it is asked for.
            let last = made.iter().rfind(|(_, shape)| shape.len() == 2).unwrap().0;
            let said = folder.locate(&weight(last)).unwrap_err().to_string();
            assert!(said.contains("export the rows"), "{said}");
        }
    }
}

#[test]
fn a_plain_file_with_a_normalised_last_layer_is_refused() {
    let tensors: [(&str, &[usize]); 4] = [
        ("encoder.weight", &[8, 8]),
        ("classifier.weight_g", &[6, 1]),
        ("classifier.weight_v", &[6, 8]),
        ("classifier.bias", &[6]),
    ];
    folder("", &tensors)
        .refused(&["`classifier.weight_g` [6, 1] f32 and `classifier.weight_v` [6, 8] f32"]);
}

#[test]
fn a_number_a_token_beside_the_head_is_refused() {
    let untied = opt(r#", "tie_word_embeddings": false"#);
    for name in [
        "lm_head.logit_scale",
        "lm_head.gain",
        "lm_head.token_adapter.trainable_tokens_delta",
        "logit_scale",
        "logit_bias",
        "model.lm_head_scale",
    ] {
        let shape: &[usize] = &[6];
        folder(&untied, &[EMBEDDING, HEAD, (name, shape)]).refused(&[
            name,
            "rows in use",
            "export the rows",
        ]);
    }
    // One positive number for all of them keeps the order.
    let one = folder(&untied, &[EMBEDDING, HEAD, ("logit_scale", &[1])]).found();
    assert!(
        one.notes.iter().any(|n| n.contains("`logit_scale`") && n.contains("keeps the order")),
        "{:?}",
        one.notes
    );
    // A parameter of a vision tower is none of the head's.
    let far = folder(&untied, &[EMBEDDING, HEAD, ("vision.tower.logit_scale", &[6])]).found();
    assert!(far.notes.is_empty(), "{:?}", far.notes);
}

#[test]
fn a_configuration_that_normalises_rows_is_refused() {
    for key in ["norm_head", "normalize_lm_head", "use_cosine_head"] {
        let says = format!(r#", "tie_word_embeddings": false, "{key}": true"#);
        folder(&opt(&says), &[EMBEDDING, HEAD]).refused(&[
            key,
            "`lm_head.weight`",
            "export the rows",
        ]);
        let says = format!(r#", "tie_word_embeddings": false, "{key}": false"#);
        assert_eq!(folder(&opt(&says), &[EMBEDDING, HEAD]).found().weight, "lm_head.weight");
    }
}

#[test]
fn baichuan_is_told_by_its_tokens() {
    let config = |kind: &str, tokens: usize| {
        format!(
            r#"{{"model_type": "{kind}", "architectures": ["BaichuanForCausalLM"], "vocab_size": {tokens},
            "tie_word_embeddings": false}}"#
        )
    };
    let tensors = |tokens: usize| -> [Made; 3] {
        [
            ("model.embed_tokens.weight", vec![tokens, 1], 0),
            ("lm_head.weight", vec![tokens, 1], 1),
            ("model.norm.weight", vec![1], 0),
        ]
    };
    let first = Folder::new(&config("baichuan", 64_000), &tensors(64_000)).found();
    assert_eq!(
        (first.weight.as_str(), first.final_norm.unwrap().kind.to_string().as_str()),
        ("lm_head.weight", "RMSNorm")
    );
    let second = Folder::new(&config("baichuan", 125_696), &tensors(125_696));
    second.refused(&["Baichuan 2 divides each row by its length", "`lm_head.weight`"]);
    assert!(second.locate(&weight("lm_head.weight")).is_err());
    let later = Folder::new(&config("baichuan_m1", 64_000), &tensors(64_000));
    later.refused(&["NormHead"]);
    // With other tokens nobody can tell; who asks for the rows gets them, and is told.
    let other = Folder::new(&config("baichuan", 6), &tensors(6));
    other.refused(&["version 1 (64000 tokens) does not", "say --weight"]);
    let asked = other.locate(&weight("lm_head.weight")).unwrap();
    assert!(asked.notes.iter().any(|n| n.contains("NormHead")), "{:?}", asked.notes);
    // Without a configuration W_pack tells the family.
    let packed: [Made; 4] = [
        ("model.embed_tokens.weight", vec![6, 4], 0),
        ("lm_head.weight", vec![6, 4], 1),
        ("model.norm.weight", vec![4], 0),
        ("model.layers.0.self_attn.W_pack.weight", vec![12, 4], 2),
    ];
    Folder::new("", &packed).refused(&["NormHead"]);
}

#[test]
fn code_that_masks_or_splits_the_head_is_refused() {
    let of = |kind: &str, rest: &str| {
        format!(
            r#"{{"model_type": "{kind}", "vocab_size": 6, "tie_word_embeddings": false{rest}}}"#
        )
    };
    let refused = |config: String, word: &str| {
        folder(&config, &[EMBEDDING, HEAD]).refused(&[word, "`lm_head.weight`", "export the rows"]);
    };
    refused(of("chameleon", ""), "tokens for pictures");
    refused(
        of("gemma4_assistant", r#", "use_ordered_embeddings": true"#),
        "use_ordered_embeddings",
    );
    refused(of("phi3small", r#", "dummy_token_indices": [4]"#), "dummy_token_indices");
    let asm = of("xlm", r#", "asm": true, "architectures": ["XLMWithLMHeadModel"]"#);
    folder(&asm, &[("pred_layer.proj.weight", &[6, 4]), ("pred_layer.proj.bias", &[6])])
        .refused(&["adaptive softmax"]);
}

#[test]
fn a_scale_in_the_configuration_must_keep_the_order() {
    let tensors = [EMBEDDING, HEAD, ("model.norm.weight", &[4][..])];
    let with = |key: &str, value: &str| {
        folder(&opt(&format!(r#", "tie_word_embeddings": false, "{key}": {value}"#)), &tensors)
    };
    for key in ["logit_scale", "logits_scaling", "lm_head_multiplier", "output_multiplier"] {
        with(key, "-1.0").refused(&[key, "reverses the order of the logits"]);
        with(key, "0").refused(&[key, "makes all logits equal"]);
        assert!(with(key, "0.5").found().notes[0].contains("keeps the order"));
        assert!(with(key, "null").found().notes.is_empty());
    }
    with("final_logit_softcapping", "0")
        .refused(&["final_logit_softcapping", "no order of logits"]);
    assert!(with("final_logit_softcapping", "30.0").found().notes[0].contains("soft-cap at 30"));
    // MPT's may be a word for a positive number.
    assert!(with("logit_scale", r#""inv_sqrt_d_model""#).found().notes.is_empty());
}

#[test]
fn several_codebooks_have_no_head_in_common() {
    let heads: [(&str, &[usize]); 3] = [
        ("decoder.lm_heads.1.weight", &[6, 4]),
        ("decoder.lm_heads.0.weight", &[6, 4]),
        ("decoder.model.decoder.embed_tokens.0.weight", &[6, 4]),
    ];
    let config =
        r#"{"model_type": "musicgen", "architectures": ["MusicgenForConditionalGeneration"]}"#;
    for config in [config, ""] {
        let folder = folder(config, &heads);
        folder.refused(&[
            "2 heads, one per codebook: `lm_heads.0.weight` [6, 4] f32, `lm_heads.1.weight`",
            "choose one by --weight",
        ]);
        assert!(folder.locate(&weight("decoder.lm_heads.1.weight")).is_ok());
    }
}

#[test]
fn a_family_that_is_not_known_has_no_norm_that_is_known() {
    let tensors = [EMBEDDING, HEAD, ("model.norm.weight", &[4][..])];
    let of = |config: &str| folder(config, &tensors).found();
    let known = of(&opt(r#", "tie_word_embeddings": false"#));
    assert_eq!(known.final_norm.unwrap().kind.to_string(), "RMSNorm");
    let unknown = r#"{"model_type": "newllama", "vocab_size": 6, "tie_word_embeddings": false}"#;
    let nested = r#"{"model_type": "llava", "architectures": ["LlavaForConditionalGeneration"],
        "tie_word_embeddings": false, "text_config": {"model_type": "newllama", "vocab_size": 6}}"#;
    for config in [unknown, nested] {
        let located = of(config);
        assert_eq!((located.weight.as_str(), located.family), ("lm_head.weight", None));
        assert_eq!(located.final_norm, None);
        assert!(
            located.notes.iter().any(|n| n.contains("`newllama` is not known")),
            "{:?}",
            located.notes
        );
    }
    // Names that are one family's alone are not believed against another name.
    let neox = [
        ("embed_out.weight", &[6, 4][..]),
        ("gpt_neox.embed_in.weight", &[6, 4]),
        ("gpt_neox.final_layer_norm.weight", &[4]),
    ];
    let located = folder(r#"{"model_type": "newneox", "vocab_size": 6}"#, &neox).found();
    assert_eq!((located.weight.as_str(), located.final_norm), ("embed_out.weight", None));
}

#[test]
fn the_language_model_within_decides_the_norm() {
    let nested = |outer: &str, inner: &str| {
        let config = format!(
            r#"{{"model_type": "{outer}", "architectures": ["LlavaForConditionalGeneration"], "tie_word_embeddings": false,
            "text_config": {{"model_type": "{inner}", "vocab_size": 6}}}}"#
        );
        let tensors: [(&str, &[usize]); 3] = [
            ("language_model.lm_head.weight", &[6, 4]),
            ("language_model.model.embed_tokens.weight", &[6, 4]),
            ("language_model.model.norm.weight", &[4]),
        ];
        folder(&config, &tensors).found().final_norm.unwrap()
    };
    assert!(!nested("llava", "llama").one_plus);
    assert!(nested("llava", "gemma").one_plus);
    assert!(nested("some_new_vlm", "qwen3_next").one_plus);
    assert_eq!(nested("llava", "cohere").kind.to_string(), "LayerNorm");
}

#[test]
fn chatglm_says_which_norm_it_has() {
    let config = |rms: &str| {
        format!(
            r#"{{"model_type": "chatglm", "architectures": ["ChatGLMModel"], "padded_vocab_size": 6, "vocab_size": 5{rms}}}"#
        )
    };
    let tensors: [(&str, &[usize]); 3] = [
        ("transformer.output_layer.weight", &[6, 4]),
        ("transformer.embedding.word_embeddings.weight", &[6, 4]),
        ("transformer.encoder.final_layernorm.weight", &[4]),
    ];
    for (says, kind) in [
        (r#", "rmsnorm": true"#, "RMSNorm"),
        (r#", "rmsnorm": false"#, "LayerNorm"),
        ("", "RMSNorm"),
    ] {
        let located = folder(&config(says), &tensors).found();
        assert_eq!(located.weight, "transformer.output_layer.weight");
        assert_eq!(located.final_norm.unwrap().kind.to_string(), kind);
    }
}

#[test]
fn a_tied_flag_does_not_hide_parts_of_a_head_of_its_own() {
    let cases: [(&[(&str, &[usize])], &str); 11] = [
        (&[("lm_head.weight._data", &[6, 4]), ("lm_head.weight._scale", &[6, 1])], "Quanto"),
        (&[("lm_head.W_q", &[6, 1]), ("lm_head.meta", &[1])], "HQQ"),
        (
            &[("lm_head.codes", &[6, 2]), ("lm_head.codebooks", &[1, 4]), ("lm_head.scales", &[6])],
            "AQLM",
        ),
        (&[("lm_head.weight_blocks", &[6, 4]), ("lm_head.weight_scales", &[6])], "MXFP4"),
        (&[("lm_head.qweight", &[6, 4])], "GPTQ or AWQ"),
        (&[("lm_head.scales", &[6, 1])], "a scale a group"),
        (
            &[("lm_head.0.weight", &[4, 4]), ("lm_head.1.weight", &[6, 4])],
            "belongs to a head of its own",
        ),
        (&[("lm_head.bias", &[6])], "belongs to a head of its own"),
        (&[("lm_head.linear.weight", &[6, 4])], "belongs to a head of its own"),
        (&[("model.embed_tokens.weight_scale", &[6, 1])], "stands beside the embedding"),
        (&[("model.embed_tokens.scales", &[6, 1])], "stands beside the embedding"),
    ];
    let norm: (&str, &[usize]) = ("model.norm.weight", &[4]);
    for (parts, says) in cases {
        for flag in [r#", "tie_word_embeddings": true"#, "", r#", "tie_word_embeddings": false"#] {
            let of_embedding = parts[0].0.starts_with("model.");
            if of_embedding && !flag.contains("true") {
                continue;
            }
            let folder = folder(&opt(flag), &[&[EMBEDDING, norm][..], parts].concat());
            folder.refused(&[parts[0].0.rsplit_once('.').unwrap().0]);
            let said = folder.locate(&Choice::default()).unwrap_err().to_string();
            assert!(said.contains(says) && said.lines().count() == 1, "{flag}: {said}");
        }
    }
    // In a model within another one the head stands outside.
    let nested = r#"{"model_type": "llava", "architectures": ["LlavaForConditionalGeneration"],
        "text_config": {"model_type": "llama", "vocab_size": 6, "tie_word_embeddings": true}}"#;
    let inner: (&str, &[usize]) = ("model.language_model.embed_tokens.weight", &[6, 4]);
    let inner_norm: (&str, &[usize]) = ("model.language_model.norm.weight", &[4]);
    for part in ["lm_head.W_q", "lm_head.bias", "lm_head.0.weight"] {
        let shape: &[usize] = if part.ends_with("bias") { &[6] } else { &[6, 4] };
        folder(nested, &[inner, inner_norm, (part, shape)]).refused(&[part]);
    }
    assert_eq!(folder(nested, &[inner, inner_norm]).found().weight, inner.0);
    // What a trainer keeps of a layer is no part of it.
    let state: &[usize] = &[1];
    let tied = opt(r#", "tie_word_embeddings": true"#);
    let found = folder(&tied, &[EMBEDDING, norm, ("lm_head._extra_state", state)]).found();
    assert_eq!(found.weight, EMBEDDING.0);
}

#[test]
fn a_model_beside_other_tensors_is_found_and_two_models_are_asked_about() {
    let own: [(&str, &[usize]); 3] = [
        ("model.embed_tokens.weight", &[6, 4]),
        ("lm_head.weight", &[6, 4]),
        ("model.norm.weight", &[4]),
    ];
    let named = |prefixes: &[&str], others: &[(&'static str, &[usize])], tied: bool| {
        let mut made: Vec<Made> = others.iter().map(|(n, s)| (*n, s.to_vec(), 9)).collect();
        for prefix in prefixes {
            for (i, (name, shape)) in own.iter().enumerate() {
                if !(tied && *name == "lm_head.weight") {
                    let name: &'static str = format!("{prefix}{name}").leak();
                    made.push((name, shape.to_vec(), i as u32 + prefix.len() as u32));
                }
            }
        }
        Folder::new(&opt(&format!(r#", "tie_word_embeddings": {tied}"#)), &made)
    };
    let value: [(&str, &[usize]); 2] =
        [("v_head.summary.weight", &[1, 4]), ("v_head.summary.bias", &[1])];
    for (prefix, others) in [
        ("net.", &[("criterion.weight", &[6][..])][..]),
        ("model.", &[("criterion.weight", &[6])]),
        ("pretrained_model.", &value),
        ("a.b.", &[("loss.weight", &[6]), ("metric.total", &[1])]),
    ] {
        for (tied, weight) in [(false, "lm_head.weight"), (true, "model.embed_tokens.weight")] {
            let found = named(&[prefix], others, tied).found();
            assert_eq!(found.weight, weight, "{prefix}");
            assert!(found.final_norm.is_some() && found.notes.iter().any(|n| n.contains(prefix)));
        }
    }
    // A scale a token at the top is still one of the logits.
    named(&["net."], &[("logit_scale", &[6])], false).refused(&["logit_scale", "rows in use"]);
    for tied in [false, true] {
        let folder = named(&["student.", "teacher."], &[], tied);
        let name = if tied { "model.embed_tokens.weight" } else { "lm_head.weight" };
        let (one, two) = (format!("`student.{name}`"), format!("`teacher.{name}`"));
        folder.refused(&[&one, &two, "choose by --weight"]);
        let said = folder.locate(&Choice::default()).unwrap_err().to_string();
        assert!(!said.contains("nothing to audit"), "{said}");
        let chosen: &str = one.trim_matches('`');
        let found = folder.locate(&weight(chosen)).unwrap();
        assert_eq!(found.weight, chosen);
    }
}
