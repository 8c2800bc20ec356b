//! The engines on published heads that are too large for the repository: `cargo test --release --
//! --ignored` after the script that fetches them into `models`, or into `UNARGMAX_MODELS`.

use std::path::PathBuf;

use unargmax::audit::{Audit, Engine, Options, audit};
use unargmax::checkpoint;
use unargmax::domain::Domain;
use unargmax::head::Head;
use unargmax::locate::{Choice, locate};

const LINEAR: Engine = Engine::LinearProgram { radius: false };

fn head(path: &str) -> Head {
    let folder = std::env::var_os("UNARGMAX_MODELS").map_or("models".into(), PathBuf::from);
    let path = folder.join(path);
    let checkpoint = checkpoint::open(&path).unwrap();
    locate(checkpoint.as_ref(), &path, &Choice::default()).unwrap().head
}

fn audited(head: &Head, tokens: Option<&[u32]>, engine: Engine) -> Audit {
    let options = Options { tokens, engine, ..Options::default() };
    audit(head, &Domain::free(head.dim()), options).unwrap()
}

/// `count` different ids out of `ids`, the same ones every time (Knuth's MMIX generator).
fn sample(mut ids: Vec<u32>, count: usize, mut seed: u64) -> Vec<u32> {
    for i in 0..count {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let rest = (ids.len() - i) as u64;
        ids.swap(i, i + ((seed >> 33) % rest) as usize);
    }
    ids.truncate(count);
    ids
}

fn assert_agreement(head: &Head, tokens: &[u32], known: &Audit) {
    let other = audited(head, Some(tokens), LINEAR);
    assert_eq!(other.verdicts().len(), tokens.len());
    for (id, verdict) in other.verdicts() {
        assert_eq!(verdict.name(), known.verdict(*id).unwrap().name(), "token {id}");
    }
    assert_eq!(other.counts().undecided, 0);
}

#[test]
#[ignore = "needs PP-OCRv4's head, and a minute"]
fn three_hundred_tokens_of_pp_ocrv4_a_third_of_them_losing() {
    let head = head("pp-ocrv4/head.safetensors");
    let known = audited(&head, None, Engine::LeastDistance);
    let with = |name: &str| {
        let found =
            known.verdicts().iter().filter(|v| (v.1.name() == "unargmaxable") == (name == "loses"));
        found.map(|v| v.0).collect::<Vec<u32>>()
    };
    let mut tokens = sample(with("loses"), 100, 1);
    tokens.extend(sample(with("wins"), 200, 2));
    assert_agreement(&head, &tokens, &known);
}

#[test]
#[ignore = "needs SmolLM2's GGUF file, and a minute"]
fn thirty_tokens_of_smollm2() {
    let head = head("smollm2/published/SmolLM2-135M-Instruct.Q4_1.gguf");
    let tokens = sample((0..head.tokens() as u32).collect(), 30, 3);
    let known = audited(&head, Some(&tokens), Engine::LeastDistance);
    assert_agreement(&head, &tokens, &known);
}
