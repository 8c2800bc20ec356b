//! Heads of files without a family: bias, orientation, wrappers, and what is asked instead of guessed.

use std::path::Path;

use super::final_norm::NormKind;
use super::{BiasChoice, Choice, Located, locate};
use crate::audit::{Options, audit};
use crate::checkpoint::{self, bytes::Bytes};
use crate::domain::Domain;

/// A safetensors file of float32 tensors that hold 0, 1, 2, ...
fn file(tensors: &[(&str, &[usize])]) -> Vec<u8> {
    let (mut entries, mut data) = (Vec::new(), Vec::new());
    for (name, shape) in tensors {
        let from = data.len();
        let count: usize = shape.iter().product();
        (0..count).for_each(|i| data.extend((i as f32).to_le_bytes()));
        entries.push(format!(
            r#""{name}":{{"dtype":"F32","shape":{shape:?},"data_offsets":[{from},{}]}}"#,
            data.len()
        ));
    }
    let header = format!("{{{}}}", entries.join(","));
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &data].concat()
}

fn found(tensors: &[(&str, &[usize])], choice: &Choice) -> Result<Located, String> {
    let opened =
        checkpoint::from_bytes(Bytes::new(file(tensors), "x")).map_err(|e| e.to_string())?;
    locate(opened.as_ref(), Path::new("x"), choice).map_err(|e| e.to_string())
}

/// Weight, bias, tokens, dimensions.
fn head(tensors: &[(&str, &[usize])], choice: &Choice) -> (String, Option<String>, usize, usize) {
    let found = found(tensors, choice).unwrap();
    (found.weight, found.bias, found.head.tokens(), found.head.dim())
}

fn by_weight(name: &str) -> Choice {
    Choice { weight: Some(name.to_owned()), ..Choice::default() }
}

fn in_data(name: &str) -> Located {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/heads").join(name);
    locate(checkpoint::open(&path).unwrap().as_ref(), &path, &Choice::default()).unwrap()
}

#[test]
fn a_bias_beside_the_only_matrix_is_used_and_tells_the_orientation() {
    for (weight, bias, transposed) in [
        ("W", "b", false),
        ("W", "b", true),
        ("weight", "bias", false),
        ("params.lm_head.kernel", "params.lm_head.bias", true),
        ("dense/kernel:0", "dense/bias:0", true),
        ("W_U", "b_U", true),
        ("coef_", "intercept_", false),
        ("fc_w", "fc_b", false),
        ("linear_85.w_0", "linear_85.b_0", true),
        ("logit_W", "logit_b", true),
        ("arr_0", "arr_1", false),
        ("0", "1", true),
        ("head.weights", "head.biases", false),
    ] {
        let shape: &[usize] = if transposed { &[2, 5] } else { &[5, 2] };
        let found = found(&[(weight, shape), (bias, &[5])], &Choice::default()).unwrap();
        let last = |name: &str| name.rsplit('.').next().unwrap().to_owned();
        assert_eq!((found.head.tokens(), found.head.dim()), (5, 2), "{weight}");
        assert_eq!(found.bias.as_deref().map(last), Some(last(bias)), "{weight}");
        assert_eq!(found.transposed, transposed, "{weight}");
        assert_eq!(found.head.weight(1, 0), if transposed { 1.0 } else { 2.0 }, "{weight}");
    }
}

#[test]
fn what_may_or_may_not_be_the_bias_is_asked() {
    for (tensors, says) in [
        // A vector of an unknown name that fits one side, or the other.
        (&[("W", &[5, 2][..]), ("x", &[5])][..], "is it the bias? Say --bias x, or --bias none"),
        (&[("W", &[5, 2]), ("x", &[2])], "Say --bias x (with --transpose), or --bias none"),
        // A bias by its name that fits neither side.
        (
            &[("W", &[5, 2]), ("b", &[3])],
            "`b` has shape [3], as long as neither side of `W` [5, 2]",
        ),
        // Square: nothing shows the orientation.
        (&[("W", &[3, 3]), ("b", &[3])], "square"),
        (&[("W", &[5, 2]), ("b", &[5]), ("bias", &[5])], "could both be the bias"),
    ] {
        let said = found(tensors, &Choice::default()).unwrap_err();
        assert!(said.starts_with("x: ") && said.contains(says), "{said}");
    }
}

#[test]
fn an_answer_to_the_question_is_taken() {
    let named = |bias: &str| Choice { bias: BiasChoice::Named(bias.into()), ..Choice::default() };
    let without = Choice { bias: BiasChoice::None, ..Choice::default() };
    let square: &[(&str, &[usize])] = &[("W", &[3, 3]), ("b", &[3])];
    assert_eq!(head(square, &named("b")).1.as_deref(), Some("b"));
    assert_eq!(found(square, &named("b")).unwrap().head.weight(0, 1), 1.0);
    let turned = Choice { transpose: true, ..named("b") };
    assert_eq!(found(square, &turned).unwrap().head.weight(0, 1), 3.0);
    assert_eq!(head(&[("W", &[5, 2]), ("x", &[2])], &without), ("W".into(), None, 5, 2));
    assert_eq!(
        head(&[("W", &[5, 2]), ("x", &[2])], &named("x")),
        ("W".into(), Some("x".into()), 2, 5)
    );
}

#[test]
fn a_norm_beside_the_head_is_no_bias() {
    let tensors: &[(&str, &[usize])] = &[("W", &[5, 2]), ("b", &[5]), ("ln_f.weight", &[2])];
    assert_eq!(head(tensors, &Choice::default()), ("W".into(), Some("b".into()), 5, 2));
    let alone: &[(&str, &[usize])] = &[("W", &[5, 2]), ("final_norm.weight", &[2])];
    assert_eq!(head(alone, &Choice::default()), ("W".into(), None, 5, 2));
}

#[test]
fn fewer_tokens_than_dimensions_are_mentioned() {
    let notes = |tensors| found(tensors, &Choice::default()).unwrap().notes.join("; ");
    let said = notes(&[("W", &[2, 5])]);
    assert!(
        said.contains("fewer tokens (2) than dimensions (5)") && said.contains("--transpose"),
        "{said}"
    );
    let said = notes(&[("W", &[2, 5]), ("b", &[2])]);
    assert!(said.contains("fewer tokens (2)") && !said.contains("--transpose"), "{said}");
    assert!(!notes(&[("W", &[5, 2])]).contains("fewer"));
}

#[test]
fn a_weight_that_is_named_keeps_the_bias_beside_it() {
    let tensors: &[(&str, &[usize])] = &[
        ("dec_emb", &[7, 4]),
        ("dec_w_hh", &[12, 4]),
        ("fc_w", &[7, 4]),
        ("fc_b", &[7]),
        ("dec_b_hh", &[12]),
        ("out.kernel", &[4, 9]),
        ("out.bias", &[9]),
    ];
    assert_eq!(head(tensors, &by_weight("fc_w")), ("fc_w".into(), Some("fc_b".into()), 7, 4));
    let out = ("out.kernel".into(), Some("out.bias".into()), 9, 4);
    assert_eq!(head(tensors, &by_weight("out.kernel")), out);
}

#[test]
fn a_vector_of_the_length_of_a_named_weight_is_asked_about() {
    let tensors: &[(&str, &[usize])] =
        &[("tokens.embedding", &[9, 4]), ("prediction_offsets", &[9]), ("mlp", &[16, 4])];
    let said = found(tensors, &by_weight("tokens.embedding")).unwrap_err();
    assert!(said.contains("`prediction_offsets`") && said.contains("--bias none"), "{said}");
    // A vector of a length that other layers have says nothing.
    let tensors: &[(&str, &[usize])] =
        &[("tokens.embedding", &[16, 4]), ("x", &[16]), ("mlp", &[16, 8])];
    assert_eq!(head(tensors, &by_weight("tokens.embedding")).1, None);
}

#[test]
fn a_convolution_of_width_one_is_a_matrix() {
    for shape in [&[24, 8, 1][..], &[24, 8, 1, 1]] {
        let tensors: &[(&str, &[usize])] = &[("head.weight", shape), ("head.bias", &[24])];
        let expected = ("head.weight".into(), Some("head.bias".into()), 24, 8);
        assert_eq!(head(tensors, &Choice::default()), expected);
    }
    // A wider one beside the only matrix could be the head as well as that.
    let said = found(&[("W", &[5, 2]), ("conv", &[5, 2, 3])], &Choice::default()).unwrap_err();
    assert!(said.contains("which tensor is the head?"), "{said}");
}

#[test]
fn matrices_with_a_bias_of_their_own_are_listed_first_and_recurrent_ones_last() {
    let tensors: &[(&str, &[usize])] = &[
        ("a_w_hh", &[96, 4]),
        ("embedding", &[90, 4]),
        ("one.weight", &[7, 4]),
        ("one.bias", &[7]),
        ("two.weight", &[5, 4]),
        ("two.bias", &[5]),
    ];
    let said = found(tensors, &Choice::default()).unwrap_err();
    let place = |name: &str| said.find(&format!("`{name}`")).unwrap();
    assert!(place("one.weight") < place("two.weight"), "{said}");
    assert!(place("two.weight") < place("embedding"), "{said}");
    assert!(place("embedding") < place("a_w_hh"), "{said}");
}

#[test]
fn heads_that_were_read_wrongly_are_read_right() {
    let found = in_data("Wb.npz");
    assert_eq!((found.weight.as_str(), found.bias.as_deref()), ("W", Some("b")));
    let flax = in_data("flax-kernel.safetensors");
    assert_eq!((flax.head.tokens(), flax.head.dim(), flax.transposed), (5, 2, true));
    for located in [found, flax] {
        let audit = audit(&located.head, &Domain::free(2), Options::default()).unwrap();
        assert_eq!(audit.counts().argmaxable, 5);
    }
    let nemo = in_data("nemo-ctc.pt");
    assert_eq!(nemo.weight, "decoder.decoder_layers.0.weight");
    assert_eq!((nemo.head.tokens(), nemo.head.dim(), nemo.head.has_bias()), (24, 8, true));
    let gru = in_data("gru.npz");
    assert_eq!((gru.weight.as_str(), gru.bias.as_deref()), ("fc_w", Some("fc_b")));
}

#[test]
fn models_in_wrappers_have_their_head_and_final_norm() {
    for name in ["compiled/module", "compiled/orig_mod"] {
        let found = in_data(name);
        assert_eq!(found.weight, "transformer.wte.weight", "{name}");
        let norm = found.final_norm.unwrap();
        assert_eq!(norm.weight.as_deref(), Some("transformer.ln_f.weight"), "{name}");
    }
    let nano = in_data("compiled/ckpt.pt");
    assert_eq!((nano.weight.as_str(), nano.head.tokens()), ("lm_head.weight", 24));
    let norm = nano.final_norm.unwrap();
    assert_eq!(
        (norm.kind, norm.weight.as_deref()),
        (NormKind::LayerNorm, Some("transformer.ln_f.weight"))
    );
    assert!(nano.notes.iter().any(|note| note.contains("left aside")), "{:?}", nano.notes);
}

#[test]
fn a_stored_name_is_known_beside_the_one_without_wrappers() {
    let tensors: &[(&str, &[usize])] =
        &[("_orig_mod.module.fc.weight", &[5, 2]), ("_orig_mod.module.fc.bias", &[5])];
    let plain = ("fc.weight".into(), Some("fc.bias".into()), 5, 2);
    assert_eq!(head(tensors, &Choice::default()), plain);
    assert_eq!(head(tensors, &by_weight("fc.weight")), plain);
    let stored = head(tensors, &by_weight("_orig_mod.module.fc.weight"));
    assert_eq!((stored.2, stored.3), (5, 2));
    assert!(stored.1.is_some());
}

#[test]
fn two_tensors_of_one_name_without_wrappers_are_refused() {
    let said = found(&[("_orig_mod.W", &[5, 2]), ("W", &[5, 2])], &Choice::default()).unwrap_err();
    assert!(said.contains("`_orig_mod.W`") && said.contains("`W`"), "{said}");
}

/// The error of the default choice.
fn refused(tensors: &[(&str, &[usize])]) -> String {
    let said = match found(tensors, &Choice::default()) {
        Ok(found) => panic!("{tensors:?} is read as {} with {:?}", found.weight, found.bias),
        Err(said) => said,
    };
    assert_eq!(said.lines().count(), 1, "{said}");
    said
}

#[test]
fn a_name_of_a_last_layer_proves_nothing_where_another_matrix_could_come_last() {
    const V: &[usize] = &[24, 8];
    const D: &[usize] = &[8, 8];
    let fits = |name: &str, shape: &[usize]| {
        let other: &[usize] = &[shape[0]];
        let bias = format!("{name}.bias");
        let weight = format!("{name}.weight");
        (weight, shape.to_vec(), bias, other.to_vec())
    };
    for (named, shape, others) in [
        // Within attention or a block.
        (
            "encoder.layers.0.self_attn.out_proj",
            D,
            &[("linear.weight", V), ("linear.bias", &[24])][..],
        ),
        ("att.score", D, &[("out.weight", V), ("out.bias", &[24])]),
        ("se.fc", D, &[("final.weight", V), ("final.bias", &[24])]),
        ("attention/fc", D, &[("linear_out/weight", V), ("linear_out/bias", &[24])]),
        // At the top, before or beside another.
        ("decoder", D, &[("to_vocab.weight", V), ("to_vocab.bias", &[24])]),
        ("decoder", D, &[("output.weight", V)]),
        ("head", &[2, 8], &[("lm.weight", V), ("lm.bias", &[24])]),
        ("fc", D, &[("embedding.weight", V)]),
        ("classifier", &[2, 8], &[("embedding.weight", V)]),
        ("score", &[2, 8], &[("conv.weight", &[24, 8, 3])]),
        ("fc", V, &[("back.weight", &[8, 24]), ("back.bias", &[8])]),
        ("fc", V, &[("unembed.weight", V)]),
        ("fc", V, &[("fc.lora_A", &[2, 8]), ("fc.lora_B", &[24, 2])]),
        ("fc", D, &[("rnn.weight_ih_l0", &[64, 8]), ("rnn.weight_hh_l0", &[64, 16])]),
    ] {
        let (weight, shape, bias, length) = fits(named, shape);
        let own: [(&str, &[usize]); 2] = [(&weight, &shape), (&bias, &length)];
        let said = refused(&[&own[..], others].concat());
        for name in [weight.as_str(), others[0].0, "which tensor is the head?", "--weight"] {
            assert!(said.contains(name), "{name} is missing in {said}");
        }
    }
}

#[test]
fn a_named_last_layer_behind_all_others_is_found() {
    const HEAD: [(&str, &[usize]); 2] = [("fc.weight", &[24, 8]), ("fc.bias", &[24])];
    for others in [
        // A hidden layer, a table, recurrence, attention, convolutions.
        &[("hidden.weight", &[8, 16][..]), ("hidden.bias", &[8])][..],
        &[("embedding.weight", &[24, 8]), ("pos_embed", &[1, 197, 8])],
        &[
            ("embedding.weight", &[5000, 6]),
            ("lstm.weight_ih_l0", &[32, 6]),
            ("lstm.weight_hh_l0", &[32, 8]),
        ],
        &[
            ("gru.weight_ih_l0", &[24, 8]),
            ("gru.weight_hh_l0", &[24, 8]),
            ("gru.bias_ih_l0", &[24]),
        ],
        // One-hot characters in, logits of characters out.
        &[("lstm.weight_ih_l0", &[32, 24]), ("lstm.weight_hh_l0", &[32, 8])],
        &[
            ("attention.in_proj_weight", &[24, 8]),
            ("attention.in_proj_bias", &[24]),
            ("attn.in_proj", &[24, 8]),
            ("attention.out.weight", &[8, 8]),
        ],
        &[
            ("conv1.weight", &[16, 3, 3, 3]),
            ("layer1.0.conv.weight", &[8, 16, 1, 1]),
            ("bn1.weight", &[16]),
        ],
        &[("value.weight", &[1, 8]), ("value.bias", &[1])],
    ] {
        let tensors = [&HEAD[..], others].concat();
        let expected = ("fc.weight".into(), Some("fc.bias".into()), 24, 8);
        assert_eq!(head(&tensors, &Choice::default()), expected, "{others:?}");
    }
    // Within a part that is all of the model.
    let tensors: &[(&str, &[usize])] = &[
        ("net.fc.weight", &[24, 8]),
        ("net.fc.bias", &[24]),
        ("net.hidden.weight", &[8, 8]),
        ("net.hidden.bias", &[8]),
    ];
    assert_eq!(head(tensors, &Choice::default()).0, "net.fc.weight");
}

#[test]
fn numbered_layers_must_take_what_the_ones_before_them_make() {
    let numbered = |sequence: &str, layers: &[(usize, [usize; 2])]| {
        let names: Vec<(String, Vec<usize>)> = layers
            .iter()
            .flat_map(|(number, shape)| {
                let stem = format!("{sequence}{number}");
                [
                    (format!("{stem}.weight"), shape.to_vec()),
                    (format!("{stem}.bias"), vec![shape[0]]),
                ]
            })
            .collect();
        let tensors: Vec<(&str, &[usize])> =
            names.iter().map(|(name, shape)| (name.as_str(), &shape[..])).collect();
        found(&tensors, &Choice::default()).map(|found| found.weight)
    };
    for (sequence, layers) in [
        ("experts.", &[(0, [24, 8]), (1, [24, 8])][..]),
        ("classifiers.", &[(0, [24, 8]), (1, [4, 8])]),
        ("", &[(0, [24, 8]), (1, [24, 8])]),
        ("towers.", &[(0, [8, 8]), (1, [24, 8])]),
        ("task_heads.", &[(0, [8, 8]), (1, [24, 8])]),
        // All alike: a chain or not.
        ("layers.", &[(0, [8, 8]), (1, [8, 8])]),
        ("net.", &[(0, [16, 8]), (2, [24, 8])]),
        ("net.", &[(0, [24, 8]), (2, [8, 8])]),
    ] {
        let said = numbered(sequence, layers).unwrap_err();
        assert!(said.contains("side by side") && said.contains("--weight"), "{said}");
    }
    for (sequence, layers, last) in [
        ("layers.", &[(0, [8, 8]), (1, [24, 8])][..], "layers.1.weight"),
        ("net.", &[(0, [8, 8]), (2, [8, 8]), (10, [8, 8])], "net.10.weight"),
        ("", &[(0, [16, 8]), (2, [24, 16])], "2.weight"),
    ] {
        assert_eq!(numbered(sequence, layers).unwrap(), last);
    }
}

#[test]
fn what_comes_after_a_numbered_layer_is_refused() {
    for (weight, others) in [
        ("net.0", &[("net.3.weight", &[24][..]), ("net.3.bias", &[24])][..]),
        ("net.1", &[("net.0.weight", &[8, 8]), ("net.0.bias", &[8]), ("net.2.running_var", &[24])]),
        ("0", &[("1.gamma", &[24])]),
        // Of a length that another layer has.
        ("net.1", &[("net.0.weight", &[8, 24]), ("net.0.bias", &[8]), ("net.2.weight", &[24])]),
    ] {
        let own = [format!("{weight}.weight"), format!("{weight}.bias")];
        let own: [(&str, &[usize]); 2] = [(&own[0], &[24, 8]), (&own[1], &[24])];
        let said = refused(&[&own[..], others].concat());
        assert!(said.contains("comes after") && said.contains("--weight"), "{said}");
    }
}

#[test]
fn a_vector_as_long_as_a_side_of_an_export_is_asked_about() {
    for (shape, vector, length) in [
        // d x V, with the bias of another name.
        ([8, 24], "b", 24),
        ([8, 24], "offset", 24),
        ([24, 8], "offset", 24),
        ([8, 8], "b", 8),
        ([8, 8], "offset", 8),
    ] {
        let said = refused(&[("weight", &shape), (vector, &[length])]);
        assert!(
            said.contains(&format!("`{vector}`")) && said.contains("is it the bias?"),
            "{said}"
        );
    }
    let named =
        |transpose| Choice { bias: BiasChoice::Named("b".into()), transpose, ..Choice::default() };
    let turned: &[(&str, &[usize])] = &[("weight", &[8, 24]), ("b", &[24])];
    assert_eq!(head(turned, &named(true)), ("weight".into(), Some("b".into()), 24, 8));
    // A norm of hidden states, by its path.
    let normed: &[(&str, &[usize])] = &[("weight", &[24, 8]), ("ln_f.weight", &[8])];
    assert_eq!(head(normed, &Choice::default()), ("weight".into(), None, 24, 8));
}

#[test]
fn a_number_a_token_is_never_left_out_by_its_name() {
    for weight in ["W", "weight", "theta", "fc.weight"] {
        for vector in [
            "scale",
            "norm",
            "row_norm",
            "gamma",
            "gain",
            "beta",
            "bn.weight",
            "final_norm.weight",
            "mask",
            "ln_b",
        ] {
            for shape in [&[24][..], &[24, 1], &[1, 24]] {
                let said = refused(&[(weight, &[24, 8]), (vector, shape)]);
                assert!(
                    said.contains(&format!("`{vector}`")) && said.contains("--bias none"),
                    "{said}"
                );
            }
        }
    }
    // Beside the bias too, of which the orientation is known.
    for (weight, bias, shape) in
        [("W", "b", [24, 8]), ("weight", "bias", [24, 8]), ("kernel", "bias", [8, 24])]
    {
        for vector in ["scale", "temperature", "u", "bn.running_mean"] {
            let said = refused(&[(weight, &shape), (bias, &[24]), (vector, &[24])]);
            for part in [format!("`{vector}`"), format!("--bias {bias}")] {
                assert!(said.contains(&part), "{said}");
            }
            // Of hidden states.
            let of_states: &[(&str, &[usize])] = &[(weight, &shape), (bias, &[24]), (vector, &[8])];
            assert_eq!(head(of_states, &Choice::default()).1.as_deref(), Some(bias));
        }
    }
    for (weight, shape, vector) in
        [("kernel", [8, 24], "scale"), ("W", [8, 24], "beta"), ("W", [8, 8], "gain")]
    {
        let length = shape[1];
        assert!(refused(&[(weight, &shape), (vector, &[length])]).contains(vector));
    }
    let others: &[(&str, &[usize])] = &[
        ("net.0.weight", &[8, 6]),
        ("net.0.bias", &[8]),
        ("net.2.weight", &[24, 8]),
        ("net.2.bias", &[24]),
        ("scale", &[24]),
    ];
    assert!(refused(others).contains("`scale`"));
    let within: &[(&str, &[usize])] = &[
        ("body", &[8, 8]),
        ("head.weight", &[24, 8]),
        ("head.bias", &[24]),
        ("head.extra", &[24]),
    ];
    let said = found(within, &by_weight("head.weight")).unwrap_err();
    assert!(said.contains("`head.extra`"), "{said}");
}

#[test]
fn one_number_for_all_tokens_is_no_bias_and_a_negative_scale_is_refused() {
    let shared: &[(&str, &[usize])] = &[("coef_", &[24, 8]), ("intercept_", &[1])];
    let located = found(shared, &Choice::default()).unwrap();
    assert_eq!((located.bias.as_deref(), located.head.tokens()), (None, 24));
    assert!(located.notes.iter().any(|note| note.contains("`intercept_`")), "{:?}", located.notes);
    // The tensors of this file hold 0, 1, 2, ...: a scale of 0 makes all logits equal.
    let said = refused(&[("W", &[24, 8]), ("b", &[24]), ("logit_scale", &[])]);
    assert!(said.contains("`logit_scale` 0") && said.contains("all logits equal"), "{said}");
}

#[test]
fn a_weight_that_is_made_of_parts_is_refused_under_any_name() {
    for (module, others) in [
        ("", &[][..]),
        ("out.", &[]),
        ("out.", &[("out.bias", &[24][..])]),
        ("model/out/", &[]),
        ("last_layer.", &[("mlp.0.weight", &[8, 8][..]), ("mlp.0.bias", &[8])]),
        ("net.4.", &[("net.0.weight", &[8, 8][..]), ("net.0.bias", &[8])]),
    ] {
        for (one, shape, two) in [
            ("weight_g", &[24, 1][..], "weight_v"),
            ("parametrizations.weight.original0", &[24, 1], "parametrizations.weight.original1"),
            ("weight_u", &[24], "weight_orig"),
            ("weight_mask", &[24, 8], "weight_orig"),
        ] {
            let (one, two) = (format!("{module}{one}"), format!("{module}{two}"));
            let parts: [(&str, &[usize]); 2] = [(&one, shape), (&two, &[24, 8])];
            let tensors = [&parts[..], others].concat();
            let said = refused(&tensors);
            for part in [&one, &two, "is not stored: the model makes it by", "export the rows"] {
                assert!(said.contains(part), "{part} is missing in {said}");
            }
            let said = found(&tensors, &by_weight(&two)).unwrap_err();
            assert!(said.contains("export the rows"), "{said}");
        }
    }
    // The values of an attention, and a part of a layer that is none of the head's.
    let values: &[(&str, &[usize])] = &[("weight_v", &[24, 8])];
    assert_eq!(head(values, &Choice::default()).0, "weight_v");
    let inner: &[(&str, &[usize])] = &[
        ("fc.weight", &[24, 8]),
        ("fc.bias", &[24]),
        ("conv.weight_g", &[8, 1, 1]),
        ("conv.weight_v", &[8, 4, 3]),
    ];
    assert_eq!(head(inner, &Choice::default()).0, "fc.weight");
}

#[test]
fn words_with_scales_are_of_mlx_in_each_of_its_modes() {
    for parts in [&["scales", "biases"][..], &["scales"]] {
        let mut entries = vec![
            r#""lm_head.weight":{"dtype":"U32","shape":[6,1],"data_offsets":[0,24]}"#.to_owned(),
        ];
        for (i, part) in parts.iter().enumerate() {
            let (from, to) = (24 + 6 * i, 30 + 6 * i);
            entries.push(format!(
                r#""lm_head.{part}":{{"dtype":"U8","shape":[6,1],"data_offsets":[{from},{to}]}}"#
            ));
        }
        let header = format!("{{{}}}", entries.join(","));
        let data = vec![0; 24 + 6 * parts.len()];
        let file = [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &data].concat();
        let opened = checkpoint::from_bytes(Bytes::new(file, "x")).unwrap();
        let said = locate(opened.as_ref(), Path::new("x"), &Choice::default()).unwrap_err();
        assert!(said.to_string().contains("MLX"), "{said}");
    }
}
