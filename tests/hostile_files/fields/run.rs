//! Many mutants of each format by seed: a second's worth in every run of the tests, or for as long as is asked.

use std::fmt::Debug;
use std::time::{Duration, Instant};

use super::super::memory::largest_request;
use super::super::random::Random;
use super::{Fields, Outcome};

/// Mutants a format in every run of the tests.
const MUTANTS: u64 = 20_000;

/// What many mutants came to.
#[derive(Debug, Default)]
struct Tally {
    executions: u64,
    accepted: u64,
    refused: u64,
    /// Mutants that a reader took for sound or read other numbers from, and sound ones that it refused.
    faults: Vec<String>,
    wrongly_accepted: u64,
    wrongly_refused: u64,
}

impl Tally {
    fn one<F: Fields>(&mut self, seed: u64, number: u64) {
        /// Faults that are kept in words.
        const KEPT: usize = 10;
        let mut random = Random::new(seed ^ number.wrapping_mul(0x2545_f491_4f6c_dd1d));
        let mut model = F::valid();
        for _ in 0..=random.below(3) {
            model.change(&mut random);
        }
        let mut outcome = Outcome::Refused;
        let largest = largest_request(|| outcome = model.judge());
        self.executions += 1;
        let mut fault = |what: String| {
            if self.faults.len() < KEPT {
                self.faults.push(format!("mutant {number} of seed {seed}: {what}\n  {model:?}"));
            }
        };
        match outcome {
            Outcome::Accepted => self.accepted += 1,
            Outcome::Refused => self.refused += 1,
            Outcome::WronglyAccepted(what) => {
                self.wrongly_accepted += 1;
                fault(format!("wrongly accepted: {what}"));
            }
            Outcome::WronglyRefused(what) => {
                self.wrongly_refused += 1;
                fault(format!("wrongly refused: {what}"));
            }
        }
        if largest > F::MOST_MEMORY {
            fault(format!("asks for {largest} bytes at once"));
        }
    }

    fn check(&self) {
        assert!(self.faults.is_empty(), "{}", self.faults.join("\n"));
        // A model whose changes are all refused, or none, would test nothing.
        let few = self.executions / 200;
        assert!(self.accepted > few && self.refused > few, "{self:?}");
    }
}

fn check<F: Fields>(seed: u64) {
    assert_eq!(F::valid().judge(), Outcome::Accepted, "{:?}", F::valid());
    let mut tally = Tally::default();
    (0..MUTANTS / F::SLOWER).for_each(|number| tally.one::<F>(seed, number));
    tally.check();
}

macro_rules! formats {
    ($($name:ident: $format:ty, $seed:expr;)*) => {
        $(#[test] fn $name() { check::<$format>($seed); })*

        /// For as long as `UNARGMAX_FUZZ_SECONDS` says, by default ten seconds, on all formats in turn, or on the one that
        /// `UNARGMAX_FUZZ_FORMAT` names; prints what it came to.
        #[test]
        #[ignore = "takes UNARGMAX_FUZZ_SECONDS, by default ten seconds"]
        fn for_as_long_as_asked() {
            let seconds = std::env::var("UNARGMAX_FUZZ_SECONDS").map_or(Ok(10), |s| s.parse());
            let until = Duration::from_secs(seconds.expect("UNARGMAX_FUZZ_SECONDS is a number"));
            let started = Instant::now();
            let mut tallies = [$((stringify!($name), Tally::default())),*];
            let only = std::env::var("UNARGMAX_FUZZ_FORMAT").ok();
            let asked = |name: &str| only.as_deref().is_none_or(|only| only == name);
            assert!([$(stringify!($name)),*].into_iter().any(asked), "no format {only:?}");
            let mut number = 0;
            while started.elapsed() < until {
                let mut at = 0;
                $(
                    if asked(stringify!($name)) {
                        for step in 0..200 / <$format as Fields>::SLOWER {
                            tallies[at].1.one::<$format>(1000 + $seed, number * 200 + step);
                        }
                    }
                    at += 1;
                )*
                assert_eq!(at, tallies.len());
                number += 1;
            }
            println!("| format | executions | accepted | refused | wrongly accepted | wrongly refused |");
            println!("|---|---|---|---|---|---|");
            for (name, t) in tallies.iter().filter(|t| asked(t.0)) {
                println!(
                    "| {name} | {} | {} | {} | {} | {} |",
                    t.executions, t.accepted, t.refused, t.wrongly_accepted, t.wrongly_refused
                );
            }
            for (name, tally) in tallies.iter().filter(|t| asked(t.0)) {
                tally.faults.iter().for_each(|fault| println!("{name}: {fault}"));
            }
            tallies.iter().filter(|t| asked(t.0)).for_each(|(_, tally)| tally.check());
        }
    };
}

formats! {
    safetensors: super::safetensors::Safetensors, 101;
    npy: super::npy::Npy, 102;
    npz: super::npz::Npz, 103;
    gguf: super::gguf::Gguf, 104;
    ctranslate2: super::ctranslate2::CTranslate2, 105;
    torch_archives: super::pickle::Archive, 106;
    onnx: super::onnx::Onnx, 107;
    shards: super::shards::Shards, 108;
    vocabularies: super::vocabulary::Map, 109;
    heads: super::head::Model, 110;
}
