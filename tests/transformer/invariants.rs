//! What holds whatever the numbers are: sharing, padding, caches, and the head that an audit reads.

use std::path::Path;

use candle_core::Tensor;
use unargmax::checkpoint;
use unargmax::locate::{Choice, locate};
use unargmax::reach::observe::Observer;
use unargmax::transformer::{
    Batch, Cache, Direction, Mask, Options, Position, Sharing, Transformer,
};

use super::fixture::{Golden, MODELS, distance, numbers, open, path, row_of, unpadded};

/// Texts of a model's own golden values.
fn texts(name: &str) -> Vec<Vec<u32>> {
    let golden = Golden::of(name);
    let own = golden.cases().into_iter().find(|case| case != "vectors").unwrap();
    let unargmax::transformer::Input::Ids(rows) = golden.batch(&own).input else {
        panic!("{name}")
    };
    rows
}

#[test]
fn albert_with_layers_of_their_own_computes_the_same_bits_until_one_is_changed() {
    for name in ["albert", "albert-groups"] {
        let shared = open(name, Options::default());
        assert!(matches!(shared.configuration().sharing, Sharing::Groups { .. }));
        let mut apart = open(name, Options { unshared: true, ..Options::default() });
        let batch = Batch::ids(texts(name));
        let (a, b) = (shared.forward(&batch).unwrap(), apart.forward(&batch).unwrap());
        assert_eq!(bits(&a.logits), bits(&b.logits));
        for (a, b) in a.states.hidden.iter().zip(&b.states.hidden) {
            assert_eq!(bits(a), bits(b));
        }
        // The last layer alone: the states before it stay as they are.
        let last = apart.blocks() - 1;
        apart.change_layer(last, "feed_forward.outer.weight", |w| w * 2.0).unwrap();
        let changed = apart.forward(&batch).unwrap();
        assert_ne!(bits(&a.logits), bits(&changed.logits));
        assert_eq!(bits(&a.states.hidden[last]), bits(&changed.states.hidden[last]));
        // Shared, it is every layer's tensor.
        let mut shared = shared;
        shared.change_layer(last, "feed_forward.outer.weight", |w| w * 2.0).unwrap();
        let changed = shared.forward(&batch).unwrap();
        assert_ne!(bits(&a.states.hidden[last]), bits(&changed.states.hidden[last]));
    }
}

/// What `observe` counts does not depend on which positions are scored together.
#[test]
fn a_few_states_together_have_the_logits_of_each_alone_to_the_last_bit() {
    for name in MODELS {
        let (model, golden) = (open(name, Options::default()), Golden::of(name));
        let own = golden.cases().into_iter().find(|case| case != "vectors").unwrap();
        let state = model.states(&golden.batch(&own)).unwrap().state.flatten_to(1).unwrap();
        let state = state.narrow(0, 0, state.dim(0).unwrap().min(64)).unwrap();
        let logits = model.logits(&state.unsqueeze(0).unwrap()).unwrap().get(0).unwrap();
        for at in 0..state.dim(0).unwrap() {
            let one = state.narrow(0, at, 1).unwrap().unsqueeze(0).unwrap();
            let alone = model.logits(&one).unwrap().flatten_all().unwrap();
            assert_eq!(bits(&alone), bits(&logits.get(at).unwrap()), "{name}, {at}");
        }
    }
}

/// Windows of one to seven tokens, none of which is a token that a model pads with.
#[test]
fn windows_that_run_together_are_counted_as_each_alone() {
    for name in MODELS {
        let model = open(name, Options::default());
        if model.configuration().has_encoder() {
            continue;
        }
        let tokens = model.configuration().tokens;
        let window =
            |i: usize| (0..1 + i * 5 % 7).map(move |k| (7 + 11 * i + 3 * k) as u32 % 20 + 5);
        let windows: Vec<Vec<u32>> = (0..30).map(|i| window(i).collect()).collect();
        let observed = |together: usize| {
            let mut observer = Observer::new(tokens, None).unwrap();
            windows.chunks(together).for_each(|part| observer.windows(&model, part).unwrap());
            let seen = observer.seen().iter().map(|s| (s.argmax, s.best_rank, s.best_position));
            (observer.positions(), seen.collect::<Vec<_>>())
        };
        assert!(observed(1) == observed(30), "{name}");
        assert!(observed(1) == observed(7), "{name}");
    }
}

#[test]
fn padding_does_not_change_a_row() {
    for name in MODELS {
        let (model, golden) = (open(name, Options::default()), Golden::of(name));
        for case in golden.cases().iter().filter(|case| !case.contains("vectors")) {
            let together = golden.batch(case);
            let logits = model.forward(&together).unwrap().logits;
            let unargmax::transformer::Input::Ids(rows) = &together.input else { panic!() };
            for (row, ids) in rows.iter().enumerate() {
                let mut alone = together.clone();
                alone.input = unargmax::transformer::Input::Ids(vec![ids.clone()]);
                alone.masks = vec![together.masks[row].clone()];
                alone.segments = together.segments.as_ref().map(|all| vec![all[row].clone()]);
                alone.source = together.source.as_ref().map(|source| row_of(source, row));
                let alone = numbers(&model.forward(&alone).unwrap().logits);
                let padded =
                    &unpadded(&logits, &rows.iter().map(Vec::len).collect::<Vec<_>>())[row];
                let apart = distance(&alone, padded);
                assert!(apart < close(name), "{name} {case} row {row}: {apart}");
            }
        }
    }
}

/// How far two orders of float32 sums may be apart: Gemma's embedding is multiplied by the root of d, 5.7 here, and its
/// logits and their roundings are as much larger.
fn close(name: &str) -> f64 {
    if name.starts_with("gemma") { 5.7 * 2e-5 } else { 2e-5 }
}

#[test]
fn a_cache_changes_nothing() {
    for name in MODELS {
        let model = open(name, Options::default());
        let configuration = model.configuration();
        let all_at_once = matches!(configuration.position, Position::Relative { .. });
        if all_at_once || configuration.convolution.is_some() {
            continue;
        }
        let golden = Golden::of(name);
        let text = texts(name)[0].clone();
        let mut masks = vec![Mask::Causal, Mask::Prefix { source: 4 }, Mask::Latent { source: 4 }];
        if model.configuration().attention == Direction::Both {
            masks.push(Mask::Prefix { source: 2 });
        }
        for mask in masks {
            let mut whole = Batch::ids(vec![text.clone()]).masked(mask.clone());
            if model.configuration().has_encoder() {
                let read = golden.batch(&golden.cases()[0]).source;
                whole.source = read.map(|source| row_of(&source, 0));
            }
            let whole_logits = numbers(&model.forward(&whole).unwrap().logits);
            let mut cache = Cache::new();
            let mut pieces: Vec<Tensor> = Vec::new();
            // Several tokens, then one at a time, then several again.
            for (from, to) in [(0, 4), (4, 5), (5, 6), (6, text.len())] {
                let mut piece = whole.clone();
                piece.input = unargmax::transformer::Input::Ids(vec![text[from..to].to_vec()]);
                if from > 0 {
                    (piece.masks, piece.source) = (Vec::new(), None);
                }
                let states = model.extend(&piece, &mut cache).unwrap();
                pieces.push(model.logits(&states.state).unwrap());
                assert_eq!(cache.len(), to);
            }
            let pieces = numbers(&Tensor::cat(&pieces, 1).unwrap());
            // Up to four tokens this model rotates by other frequencies, and then all tokens are computed again.
            let long = ["phi3", "phi3-long-gguf"].contains(name);
            let first = if long { pieces.len() / text.len() * 4 } else { 0 };
            let apart = distance(&whole_logits[first..], &pieces[first..]);
            assert!(apart < close(name), "{name} {mask:?}: {apart}");
        }
    }
}

/// The head of an audit is the head of the model: its rows by the state are the model's logits.
#[test]
fn the_audited_head_gives_the_models_logits() {
    for name in MODELS {
        let model = open(name, Options::default());
        let golden = Golden::of(name);
        agree(&model, &path(name), &golden.batch(&golden.cases()[0]), 7);
    }
}

/// The norm that an audit finds before the head is the one that the model applies.
#[test]
fn the_audited_norm_is_the_models() {
    for name in MODELS {
        let opened = checkpoint::open(path(name)).unwrap();
        let located = locate(opened.as_ref(), &path(name), &Choice::default()).unwrap();
        let model = open(name, Options::default());
        let configuration = model.configuration();
        let Some(norm) = located.final_norm else {
            // Maps to the width of the embedding stand between the norm and the head, or no norm ends the model.
            assert!(name.starts_with("opt"), "{name}");
            continue;
        };
        assert_eq!(norm.kind, configuration.norm.into(), "{name}");
        assert_eq!(norm.epsilon, Some(configuration.epsilon), "{name}");
        assert_eq!(norm.one_plus, configuration.gain_less_one, "{name}");
        assert_eq!(norm.factor, configuration.output_scale, "{name}");
    }
}

/// Compares the head of the checkpoint at `path` with the model at the positions of row 0, every `step`th token.
pub fn agree(model: &Transformer, path: &Path, batch: &Batch, step: usize) {
    let opened = checkpoint::open(path).unwrap();
    let located = locate(opened.as_ref(), path, &Choice::default()).unwrap();
    assert_eq!(located.weight, model.head().weight);
    assert_eq!(located.bias, model.head().bias);
    let output = model.forward(batch).unwrap();
    let length = output.states.lengths[0];
    let state = &unpadded(&output.states.state, &output.states.lengths)[0];
    let logits = &unpadded(&output.logits, &output.states.lengths)[0];
    let (tokens, width) = (located.head.tokens(), located.head.dim());
    assert_eq!((logits.len(), state.len()), (length * tokens, length * width));
    for at in 0..length {
        let h = &state[at * width..(at + 1) * width];
        for token in (0..tokens).step_by(step) {
            let audited = located.head.dot(token, h) + located.head.bias(token);
            let configuration = model.configuration();
            let audited = audited * configuration.logit_scale;
            let audited =
                configuration.logit_cap.map_or(audited, |cap| cap * (audited / cap).tanh());
            let size = located.head.row_norm(token) * h.iter().map(|x| x * x).sum::<f64>().sqrt();
            let apart = (audited - logits[at * tokens + token]).abs();
            assert!(
                apart <= 1e-4 * audited.abs().max(1e-2 * size),
                "{path:?} {at} {token}: {apart}"
            );
        }
    }
}

fn bits(tensor: &Tensor) -> Vec<u32> {
    let numbers: Vec<f32> = tensor.flatten_all().unwrap().to_vec1().unwrap();
    numbers.into_iter().map(f32::to_bits).collect()
}
