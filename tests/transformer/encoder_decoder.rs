//! What only models of two stacks do: they read a source and write from it.

use candle_core::{D, DType, Device, Tensor, Var};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;
use unargmax::checkpoint;
use unargmax::locate::{Choice, locate};
use unargmax::transformer::{Batch, Cache, Input, Options, Transformer};

use super::fixture::{Golden, MODELS, distance, numbers, open, path, row_of};

fn ids(value: &Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect()
}

fn with_source(text: Vec<u32>, source: Vec<u32>) -> Batch {
    Batch::ids(vec![text]).from_source(Input::Ids(vec![source]))
}

/// The models with an encoder.
fn models() -> impl Iterator<Item = (&'static str, Transformer)> {
    MODELS
        .iter()
        .map(|name| (*name, open(name, Options::default())))
        .filter(|(_, model)| model.configuration().has_encoder())
}

/// One-way models of one stack too: the best token is appended, with the cache.
#[test]
fn greedy_decoding_writes_what_the_reference_writes() {
    let mut written = 0;
    for name in MODELS {
        let golden = Golden::of(name);
        if golden.json["greedy"].is_null() {
            continue;
        }
        let greedy = &golden.json["greedy"];
        let (prompt, text) = (ids(&greedy["prompt"]), ids(&greedy["text"]));
        let model = open(name, Options::default());
        let mut batch = Batch::ids(vec![prompt.clone()]);
        if model.configuration().has_encoder() {
            batch.source = Some(match &greedy["source"] {
                Value::Null => row_of(&golden.batch("causal").source.unwrap(), 0),
                source => Input::Ids(vec![ids(source)]),
            });
        }
        let (mut cache, mut so_far) = (Cache::new(), prompt);
        while so_far.len() < text.len() {
            let states = model.extend(&batch, &mut cache).unwrap();
            let last = states.state.narrow(1, states.lengths[0] - 1, 1).unwrap();
            let best = model.logits(&last).unwrap().argmax(D::Minus1).unwrap();
            let best: u32 = best.flatten_all().unwrap().to_vec1().unwrap()[0];
            so_far.push(best);
            batch = Batch::ids(vec![vec![best]]);
        }
        assert_eq!(so_far, text, "{name}");
        written += 1;
    }
    assert!(written >= 12, "{written}");
}

#[test]
fn every_token_of_the_source_reaches_every_token_of_the_target() {
    for (name, model) in models() {
        let (text, source) = (vec![0, 20, 21], vec![10, 11, 12, 13]);
        let logits = |read: Vec<u32>| {
            let batch = Batch::ids(vec![text.clone()]);
            let batch = batch.from_source(super::fixture::source(&model, read, DType::F32));
            model.forward(&batch).unwrap().logits
        };
        let before = logits(source.clone());
        for at in 0..source.len() {
            let mut other = source.clone();
            other[at] = 40;
            let after = logits(other);
            for position in 0..text.len() {
                let of = |logits: &Tensor| numbers(&logits.narrow(1, position, 1).unwrap());
                let apart = distance(&of(&before), &of(&after));
                assert!(apart > 1e-4, "{name}: source {at}, target {position}: {apart}");
            }
        }
    }
}

#[test]
fn the_gradient_of_a_source_vector_is_its_finite_difference() {
    let step = 1e-5;
    for (name, _) in models() {
        let model = open(name, Options { dtype: DType::F64, ..Options::default() });
        let mut random = ChaCha8Rng::seed_from_u64(7);
        let drawn =
            (0..3 * model.configuration().input_width).map(|_| random.random_range(-1.0..1.0));
        let source =
            Tensor::from_vec(drawn.collect::<Vec<f64>>(), (1, 3, ()), &Device::Cpu).unwrap();
        let loss = |source: &Tensor| {
            let mut batch = Batch::ids(vec![vec![0, 20, 21]]);
            batch.source = Some(Input::Vectors { vectors: source.clone(), lengths: None });
            let logits = model.forward(&batch).unwrap().logits;
            // A sum of squares weighs every logit by another number.
            logits.sqr().unwrap().sum_all().unwrap()
        };
        let given = Var::from_tensor(&source).unwrap();
        let gradients = loss(given.as_tensor()).backward().unwrap();
        let gradient = numbers(gradients.get(given.as_tensor()).expect("a gradient"));
        let point = numbers(&source);
        let size = gradient.iter().fold(0.0f64, |m, x| m.max(x.abs()));
        assert!(size > 1e-3, "{name}: no gradient arrives");
        for coordinate in (0..point.len()).step_by(5) {
            let moved = |by: f64| {
                let mut point = point.clone();
                point[coordinate] += by;
                let source = Tensor::from_vec(point, source.shape(), &Device::Cpu).unwrap();
                loss(&source).to_scalar::<f64>().unwrap()
            };
            let slope = (moved(step) - moved(-step)) / (2.0 * step);
            let apart = (slope - gradient[coordinate]).abs();
            let bound = 1e-2 * slope.abs().max(1e-3 * size);
            assert!(apart <= bound, "{name} {coordinate}: {slope}, {}", gradient[coordinate]);
        }
    }
}

/// The audit reports the factor of the last norm; the model multiplies by it.
#[test]
fn only_a_t5_with_a_tied_head_scales_its_state_and_the_audit_says_so() {
    for (name, factor) in [("t5", 32f64.powf(-0.5)), ("t5-v1_1", 1.0), ("mt5", 1.0)] {
        let opened = checkpoint::open(path(name)).unwrap();
        let located = locate(opened.as_ref(), &path(name), &Choice::default()).unwrap();
        assert_eq!(located.final_norm.unwrap().factor, factor, "{name}");
        let model = open(name, Options::default());
        assert_eq!(model.configuration().output_scale, factor, "{name}");
        let states = model.states(&with_source(vec![0, 20], vec![10, 11])).unwrap();
        let hidden = numbers(&(states.hidden.last().unwrap() * factor).unwrap());
        assert!(distance(&numbers(&states.state), &hidden) < 1e-6, "{name}");
    }
}

/// The sizes of the encoder and of its vocabulary are its own.
#[test]
fn a_source_has_the_tokens_and_the_length_of_its_own_vocabulary_and_context() {
    let model = open("marian-two-vocabularies", Options::default());
    let encoder = model.configuration().encoder.unwrap();
    assert_eq!((encoder.tokens, model.configuration().tokens), (76, 70));
    assert!(model.forward(&with_source(vec![0], vec![75])).is_ok());
    let said = |batch: &Batch| model.forward(batch).unwrap_err().to_string();
    let error = said(&with_source(vec![0], vec![76]));
    assert!(error.contains("76") && error.contains("0 to 75"), "{error}");
    let error = said(&with_source(vec![70], vec![75]));
    assert!(error.contains("70") && error.contains("0 to 69"), "{error}");
    let error = said(&with_source(vec![0], vec![5; 17]));
    assert!(error.contains("17") && error.contains("16"), "{error}");
}

#[test]
fn a_source_is_needed_by_two_stacks_and_refused_by_one() {
    let error = open("t5", Options::default()).forward(&Batch::ids(vec![vec![0]])).unwrap_err();
    assert!(error.to_string().contains("has an encoder"), "{error}");
    let error = open("gpt2", Options::default()).forward(&with_source(vec![0], vec![5]));
    assert!(error.unwrap_err().to_string().contains("no encoder"));
    let rows = Batch::ids(vec![vec![0]]).from_source(Input::Ids(vec![vec![5], vec![6]]));
    let error = open("t5", Options::default()).forward(&rows).unwrap_err().to_string();
    assert!(error.contains("2 sources for 1 rows"), "{error}");
}
