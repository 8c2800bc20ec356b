//! Scaled rotary positions, in every way in which files say so. The golden values of `llama-linear`, `llama3` and the two
//! GGUF files hold the numbers against the reference; here ways that mean the same give the same.

use serde_json::{Value, json};
use unargmax::transformer::{Batch, Direction, Mask, Options, Transformer};

use super::changed::{Changed, Extra, Meta, refusal};
use super::fixture::{distance, numbers, open};

const TEXT: [u32; 6] = [5, 17, 9, 33, 60, 12];

fn logits(model: &Transformer) -> Vec<f64> {
    numbers(&model.forward(&Batch::ids(vec![TEXT.to_vec()])).unwrap().logits)
}

fn of(changed: &Changed, file: bool) -> Vec<f64> {
    let path = if file { changed.file() } else { changed.path() };
    logits(&Transformer::open(path, Options::default()).unwrap_or_else(|e| panic!("{e}")))
}

#[test]
fn a_factor_of_gguf_is_linear_by_each_of_its_names() {
    let plain = logits(&open("llama-gguf-f32", Options::default()));
    let with = |keys: &[(&str, Meta)]| of(&Changed::of("llama-gguf-f32").gguf(keys, &[]), true);
    let factor = ("llama.rope.scaling.factor", Meta::F32(4.0));
    let old = ("llama.rope.scale_linear", Meta::F32(4.0));
    let linear = ("llama.rope.scaling.type", Meta::Text("linear"));
    let scaled = with(&[factor.clone(), linear.clone()]);
    assert!(distance(&scaled, &plain) > 0.1);
    for keys in [
        vec![factor.clone()],
        vec![old.clone()],
        vec![old.clone(), linear.clone()],
        vec![factor, old],
    ] {
        assert_eq!(with(&keys), scaled, "{keys:?}");
    }
    // Factors of the frequencies that are all the same are the same once more.
    let freqs = Extra::new("rope_freqs.weight", &[4], vec![4.0; 4]);
    let changed = Changed::of("llama-gguf-f32").gguf(&[], &[freqs]);
    assert!(distance(&of(&changed, true), &scaled) < 1e-5);
    for keys in [
        &[linear][..],
        &[("llama.rope.scaling.factor", Meta::F32(0.0))],
        &[("llama.rope.scaling.factor", Meta::F32(1.0))],
        &[("llama.rope.scaling.type", Meta::Text("none"))],
    ] {
        assert_eq!(with(keys), plain, "{keys:?}");
    }
}

#[test]
fn what_gguf_says_of_positions_and_is_not_implemented_is_refused() {
    let text = |text| ("llama.rope.scaling.type", Meta::Text(text));
    let factor = |x| ("llama.rope.scaling.factor", Meta::F32(x));
    for (keys, says) in [
        (vec![text("yarn")], "`yarn`"),
        (vec![text("longrope")], "`longrope`"),
        (vec![text("none"), factor(4.0)], "factor of 4"),
        (vec![factor(4.0), ("llama.rope.scale_linear", Meta::F32(2.0))], "means the same"),
        (vec![factor(-4.0)], "-4 is not a valid factor"),
        (vec![factor(f32::NAN)], "NaN is not a valid factor"),
        (vec![("llama.rope.scaling.factor", Meta::Text("4"))], "rope.scaling.factor"),
    ] {
        let said = refusal(&Changed::of("llama-gguf-f32").gguf(&keys, &[]).file());
        assert!(said.contains(says), "{keys:?}: {said}");
    }
    for numbers in [vec![1.0, 0.0, 1.0, 1.0], vec![1.0, f32::NAN, 1.0, 1.0], vec![1.0; 3]] {
        let shape = [numbers.len()];
        let freqs = Extra::new("rope_freqs.weight", &shape, numbers);
        let said = refusal(&Changed::of("llama-gguf-f32").gguf(&[], &[freqs]).file());
        assert!(said.contains("`rope_freqs.weight`"), "{said}");
    }
}

#[test]
fn a_gguf_file_that_is_not_causal_sees_both_ways() {
    let keys = [("llama.attention.causal", Meta::Bool(false))];
    // A head of its own: without one such a model is an encoder.
    let numbers_of_head = (0..70 * 32).map(|i| (i * 37 % 64) as f32 / 64.0 - 0.5).collect();
    let head = [Extra::new("output.weight", &[70, 32], numbers_of_head)];
    let changed = Changed::of("llama-gguf-f32").gguf(&keys, &head);
    let both = Transformer::open(changed.file(), Options::default()).unwrap();
    assert_eq!(both.configuration().attention, Direction::Both);
    let causal = Changed::of("llama-gguf-f32").gguf(&[], &head);
    let plain = Transformer::open(causal.file(), Options::default()).unwrap();
    let batch = Batch::ids(vec![TEXT.to_vec()]).masked(Mask::Bidirectional);
    let masked = numbers(&plain.forward(&batch).unwrap().logits);
    assert_eq!(logits(&both), masked);
    assert!(distance(&masked, &logits(&plain)) > 0.01);
}

#[test]
fn a_configuration_says_a_scaling_in_several_ways() {
    let linear = logits(&open("llama-linear", Options::default()));
    let llama3 = logits(&open("llama3", Options::default()));
    let changed =
        |name: &str, change: &dyn Fn(&mut Value)| of(&Changed::of(name).config(change), false);
    // As versions before 5 wrote it, and before that.
    for kind in ["rope_type", "type"] {
        let old = changed("llama-linear", &|config| {
            config.as_object_mut().unwrap().remove("rope_parameters");
            config["rope_theta"] = json!(700.0);
            config["rope_scaling"] = json!({kind: "linear", "factor": 4.0});
        });
        assert_eq!(old, linear, "{kind}");
    }
    // The length of the first training, outside and inside, and the longest text where nothing is said.
    let moved = changed("llama3", &|config| {
        config["original_max_position_embeddings"] = json!(256);
        config["rope_scaling"]["original_max_position_embeddings"] = json!(16);
    });
    assert_eq!(moved, llama3);
    let silent = changed("llama3", &|config| {
        config["max_position_embeddings"] = json!(256);
        config["rope_scaling"].as_object_mut().unwrap().remove("original_max_position_embeddings");
    });
    assert_eq!(silent, llama3);
    let other = changed("llama3", &|config| {
        config["rope_scaling"]["original_max_position_embeddings"] = json!(16);
    });
    assert!(distance(&other, &llama3) > 1e-3);
    // Beyond the context alone a dynamic base would change, and no text goes there.
    let dynamic = changed("llama-untied", &|config| {
        config["rope_scaling"] = json!({"type": "dynamic", "factor": 8.0});
    });
    assert_eq!(dynamic, logits(&open("llama-untied", Options::default())));
}

#[test]
fn scalings_that_are_not_implemented_or_not_whole_are_refused() {
    let llama3 = |change: &dyn Fn(&mut Value)| {
        let mut rope = json!({"rope_type": "llama3", "factor": 4.0, "low_freq_factor": 1.0,
            "high_freq_factor": 8.0, "original_max_position_embeddings": 256});
        change(&mut rope);
        rope
    };
    for (rope, says) in [
        (json!({"type": "yarn", "factor": 4.0, "alpha": 1.0}), "alpha"),
        (json!({"type": "yarn", "factor": "4"}), "not a number"),
        (json!({"type": "ntk", "factor": 4.0}), "`ntk`"),
        (
            json!({"rope_type": "longrope", "short_factor": [1], "long_factor": [1]}),
            "lists 1 factors for 5 frequencies",
        ),
        (
            json!({"rope_type": "longrope", "short_factor": [1, 1, 0, 1, 1], "long_factor": [1]}),
            "not a list of factors",
        ),
        (json!({"factor": 4.0}), "`rope_scaling.factor` (4.0)"),
        (json!({"type": "linear"}), "`rope_scaling.factor` is missing"),
        (json!({"type": "linear", "factor": "4"}), "not a number"),
        (json!({"type": "linear", "factor": 0.0}), "0 is not a valid factor"),
        (json!({"type": "linear", "factor": 4.0, "mscale": 2.0}), "mscale"),
        (json!({"type": "dynamic", "factor": 4.0, "alpha": 1000.0}), "alpha"),
        (json!({"type": 7}), "not a string"),
        (json!("linear"), "not an object"),
        (json!({"type": "default", "partial_rotary_factor": 0.5}), "a part of each head"),
        (llama3(&|rope| rope["low_freq_factor"] = json!(8.0)), "cannot be scaled between"),
        (llama3(&|rope| rope["high_freq_factor"] = Value::Null), "high_freq_factor"),
        (llama3(&|rope| rope["factor"] = json!(-1)), "-1 is not a valid factor"),
    ] {
        let changed =
            Changed::of("llama-untied").config(|config| config["rope_scaling"] = rope.clone());
        let said = refusal(&changed.path());
        assert!(said.contains(says), "{rope}: {said}");
    }
    let two = Changed::of("llama").config(|config| {
        config["rope_scaling"] = json!({"type": "linear", "factor": 2.0});
    });
    assert!(refusal(&two.path()).contains("say different things"));
}
