//! UniVAE: a target that sees its source only through each layer's latent.

use candle_core::{Device, Tensor};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use unargmax::transformer::{Batch, Cache, Mask, Options};

use super::fixture::{distance, numbers, open};

const SOURCE: usize = 5;

fn latents(blocks: usize, width: usize, seed: u64) -> Vec<Tensor> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let one = |random: &mut ChaCha8Rng| {
        let numbers: Vec<f32> = (0..width).map(|_| random.random_range(-1.0..1.0)).collect();
        Tensor::from_vec(numbers, (1, width), &Device::Cpu).unwrap()
    };
    (0..blocks).map(|_| one(&mut random)).collect()
}

/// The logits of the target behind `source`.
fn target_bits(logits: &Tensor, length: usize) -> Vec<u32> {
    let target = logits.narrow(1, SOURCE, length - SOURCE).unwrap();
    let numbers: Vec<f32> = target.flatten_all().unwrap().to_vec1().unwrap();
    numbers.into_iter().map(f32::to_bits).collect()
}

#[test]
fn with_latents_set_the_source_changes_no_bit_of_the_target_and_a_latent_does() {
    for name in ["bert", "roberta", "albert", "gpt2", "llama", "llama-gguf-q8_0", "xlnet"] {
        let model = open(name, Options::default());
        let width = model.configuration().width;
        let text: Vec<u32> = (20..29).collect();
        let mut other = text.clone();
        other[..SOURCE].copy_from_slice(&[31, 7, 40, 9, 12]);
        let ask = |text: &[u32], latents: Option<Vec<Tensor>>| {
            let mask = Mask::Latent { source: SOURCE };
            let mut batch = Batch::ids(vec![text.to_vec()]).masked(mask);
            batch.latents = latents;
            target_bits(&model.forward(&batch).unwrap().logits, text.len())
        };
        let set = latents(model.blocks(), width, 1);
        let fixed = ask(&text, Some(set.clone()));
        assert_eq!(fixed, ask(&other, Some(set.clone())), "{name}");
        for layer in 0..model.blocks() {
            let mut changed = set.clone();
            changed[layer] = latents(1, width, 2).remove(0);
            assert_ne!(fixed, ask(&text, Some(changed)), "{name}: latent {layer} says nothing");
        }
        // Left free, the latent carries the source to the target.
        assert_ne!(ask(&text, None), ask(&other, None), "{name}");
        // And without position 0 nothing of the source arrives: a change behind it stays there, up to the
        // first layer, whose latent is its token alone.
        assert_ne!(fixed, ask(&text, None), "{name}");
    }
}

/// A target can be made from latents alone, one token at a time.
#[test]
fn a_cache_that_begins_with_the_latents_decodes_as_the_whole_does() {
    let model = open("gpt2", Options::default());
    let set = latents(model.blocks(), model.configuration().width, 3);
    let text = [4u32, 30, 31, 32];
    let mask = Mask::Latent { source: 1 };
    let mut whole = Batch::ids(vec![text.to_vec()]).masked(mask.clone());
    whole.latents = Some(set.clone());
    let whole = numbers(&model.forward(&whole).unwrap().logits);
    let mut cache = Cache::new();
    let mut pieces = Vec::new();
    for (at, &token) in text.iter().enumerate() {
        let mut batch = Batch::ids(vec![vec![token]]);
        if at == 0 {
            (batch.masks, batch.latents) = (vec![mask.clone()], Some(set.clone()));
        }
        let states = model.extend(&batch, &mut cache).unwrap();
        pieces.extend(numbers(&model.logits(&states.state).unwrap()));
    }
    assert!(distance(&whole, &pieces) < 2e-5);
}
