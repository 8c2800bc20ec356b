//! How long one pass of 512 tokens takes, for `analyses/forward_speed/reference.py` to compare with.
//!
//! ```text
//! cargo run --release --example forward_speed -- models/smollm2/published/SmolLM2-135M-Instruct.Q4_1.gguf
//! ```
//!
//! Prints the seconds of each run, of the pass without and of the pass with logits of all positions, and of
//! single tokens behind a cache. `--tokens` and `--runs` change what is measured.

use std::time::Instant;

use clap::Parser;
use unargmax::transformer::{Batch, Cache, Options, Transformer};

/// What to measure.
#[derive(Parser)]
struct Arguments {
    /// A folder with config.json and tensors, or a GGUF file.
    model: std::path::PathBuf,
    /// The length of the text.
    #[arg(long, default_value_t = 512)]
    tokens: usize,
    /// How often.
    #[arg(long, default_value_t = 5)]
    runs: usize,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let begun = Instant::now();
    let model = Transformer::open(&arguments.model, Options::default())?;
    println!("opened in {:.3} s", begun.elapsed().as_secs_f64());
    let known = model.configuration().tokens as u64;
    // The same ids as in the reference's script.
    let ids: Vec<u32> =
        (0..arguments.tokens as u64).map(|at| ((at * 7919 + 13) % known) as u32).collect();
    let batch = Batch::ids(vec![ids.clone()]);
    for run in 0..arguments.runs {
        let begun = Instant::now();
        let states = model.states(&batch)?;
        let without = begun.elapsed().as_secs_f64();
        let logits = model.logits(&states.state)?;
        let with = begun.elapsed().as_secs_f64();
        println!("run {run}: states {without:.3} s, logits of all positions as well {with:.3} s");
        drop(logits);
    }
    let mut cache = Cache::new();
    model.extend(&batch_of(&ids[..arguments.tokens.min(16)]), &mut cache)?;
    let steps = 16;
    let begun = Instant::now();
    for &id in ids.iter().rev().take(steps) {
        let states = model.extend(&batch_of(&[id]), &mut cache)?;
        model.logits(&states.state)?;
    }
    println!("one token behind a cache: {:.3} s", begun.elapsed().as_secs_f64() / steps as f64);
    Ok(())
}

fn batch_of(ids: &[u32]) -> Batch {
    Batch::ids(vec![ids.to_vec()])
}
