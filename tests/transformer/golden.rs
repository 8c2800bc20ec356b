//! Logits, states and hidden states are those of the Python package `transformers`.

use super::fixture::{Golden, MODELS, distance, open, unpadded};
use unargmax::transformer::{Batch, Input, Mask, Options};

/// How far a number may be from the reference's; both round float32 in orders of their own.
const CLOSE: f64 = 1e-4;

/// The reference averages over padding as well where a query sees nothing (the first in XLNet's order);
/// here it averages over the row's own tokens, so that padding changes nothing.
fn averages_padding(batch: &Batch, row: usize, at: usize) -> bool {
    let first = match &batch.masks[row] {
        Mask::Permutation { order } => order[0],
        _ => 0,
    };
    batch.predict_blind && row > 0 && at == first
}

#[test]
fn every_family_and_mask_computes_what_the_reference_does() {
    let mut compared = 0;
    for name in MODELS {
        let (model, golden) = (open(name, Options::default()), Golden::of(name));
        for case in golden.cases() {
            let batch = golden.batch(&case);
            let output = model.forward(&batch).unwrap_or_else(|e| panic!("{name} {case}: {e}"));
            let states = &output.states;
            let mut check = |what: &str, ours: &candle_core::Tensor, lengths: &[usize]| {
                let Some(theirs) = golden.array(&format!("{case}.{what}")) else { return };
                // The reference counts the map to the head's width as part of the last block; here it makes the state.
                if *name == "opt-after" && ours.dims().last() != theirs.dims().last() {
                    return;
                }
                let pairs = unpadded(ours, lengths).into_iter().zip(unpadded(&theirs, lengths));
                for (row, (a, b)) in pairs.enumerate() {
                    let width = a.len() / lengths[row];
                    for at in (0..lengths[row]).filter(|&at| !averages_padding(&batch, row, at)) {
                        let place = at * width..(at + 1) * width;
                        let apart = distance(&a[place.clone()], &b[place]);
                        assert!(
                            apart < CLOSE,
                            "{name} {case} {what} row {row} token {at}: {apart}"
                        );
                    }
                }
                compared += 1;
            };
            check("logits", &output.logits, &states.lengths);
            check("state", &states.state, &states.lengths);
            for (layer, hidden) in states.hidden.iter().enumerate() {
                check(&format!("hidden.{layer}"), hidden, &states.lengths);
            }
            if let Some(Input::Ids(source)) = &batch.source {
                let lengths: Vec<usize> = source.iter().map(Vec::len).collect();
                for (layer, hidden) in states.encoder_hidden.iter().enumerate() {
                    check(&format!("encoder.{layer}"), hidden, &lengths);
                }
            }
            for (layer, hidden) in states.query_hidden.iter().enumerate() {
                check(&format!("query.{layer}"), hidden, &states.lengths);
            }
            let source = golden.json["cases"][&case]["source_lengths"].as_array();
            let source: Vec<usize> =
                source.into_iter().flatten().map(|n| n.as_u64().unwrap() as usize).collect();
            for (layer, hidden) in states.encoder_hidden.iter().enumerate() {
                check(&format!("encoder.{layer}"), hidden, &source);
            }
        }
        let layers = golden.array(&format!("{}.hidden.{}", golden.cases()[0], model.blocks()));
        assert!(layers.is_some(), "{name}: the last hidden state was compared");
        if let Some(encoder) = model.configuration().encoder {
            let layers = golden.array(&format!("causal.encoder.{}", encoder.layers));
            assert!(layers.is_some(), "{name}: the encoder's last hidden state was compared");
        }
    }
    assert!(compared > 230, "{compared}");
}
