//! Heads of files without a family: bias, orientation, wrappers, and what is asked instead of guessed.

use std::path::Path;

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
    assert_eq!((norm.kind, norm.weight.as_deref()), ("LayerNorm", Some("transformer.ln_f.weight")));
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
