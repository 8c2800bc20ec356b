//! Attention is computed for a block of queries at a time: long texts.

use serde_json::json;
use unargmax::transformer::{Batch, Cache, Input, Options, Transformer};

use super::changed::Changed;
use super::fixture::{distance, numbers};

/// More tokens than two blocks have.
const LENGTH: usize = 600;

/// Pieces that are smaller than a block give what all tokens together give: each query sees the same keys at the same
/// distances.
#[test]
fn a_text_of_several_blocks_has_the_logits_of_its_pieces_after_each_other() {
    for name in ["llama", "mistral", "gemma3", "bloom", "falcon-alibi", "t5"] {
        let changed = Changed::of(name).config(|config| {
            if config.get("max_position_embeddings").is_some() {
                config["max_position_embeddings"] = json!(1000);
            }
        });
        let model = Transformer::open(changed.path(), Options::default()).unwrap();
        let text: Vec<u32> = (0..LENGTH as u32).map(|at| 3 + (at * at * 7 + at / 5) % 60).collect();
        let batch = |ids: &[u32], first: bool| match name == "t5" && first {
            true => {
                let source = text.iter().rev().copied().collect();
                Batch::ids(vec![ids.to_vec()]).from_source(Input::Ids(vec![source]))
            }
            false => Batch::ids(vec![ids.to_vec()]),
        };
        let whole = numbers(&model.forward(&batch(&text, true)).unwrap().logits);
        let mut cache = Cache::new();
        let pieces = text.chunks(200).enumerate().flat_map(|(piece, ids)| {
            let states = model.extend(&batch(ids, piece == 0), &mut cache).unwrap();
            numbers(&model.logits(&states.state).unwrap())
        });
        let pieces: Vec<f64> = pieces.collect();
        let apart = distance(&whole, &pieces);
        assert!(apart < 1e-4, "{name}: {apart}");
    }
}
