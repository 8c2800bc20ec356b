//! The command line of the study, and of the parts of it that run as processes of their own.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::planted::Kind;

/// Times whole audits, one float32 product of the logits, and what others do, in one run.
#[derive(Debug, Parser)]
#[command(name = "speed")]
pub struct Options {
    #[command(subcommand)]
    pub part: Option<Part>,
    #[command(flatten)]
    pub study: Study,
}

#[derive(Debug, Args)]
pub struct Study {
    /// Leave out the generated heads of more than 100000 tokens, the wide ones, the large sizes and the baselines
    #[arg(long)]
    pub quick: bool,
    /// Only what is named: a head (smollm2, smollm2-norm, generated, generated-norm, wide, wide-128k, widest, whisper,
    /// whisper-norm, pp-ocrv4, pp-ocrv4-swish, crowd, low, low-250k, g2pm, g2pm-relu), or `cost`, the sweep over sizes
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub only: Vec<String>,
    /// Where table.md, results.csv, cost.svg and stages.svg go; a partial run does not overwrite a whole one [default:
    /// reports/speed, or target/speed/partial with --quick or --only]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// The folder that analyses/fetch_heads.py wrote to
    #[arg(long, value_name = "DIR", default_value = "models")]
    pub models: PathBuf,
    /// Runs of each audit; fewer of one that takes more than half a minute
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    pub runs: u16,
    /// Threads of the audits, the products and the heuristic [default: all cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub threads: Option<u16>,
    /// The Python that has numpy (and threadpoolctl, to name the kernel)
    #[arg(long, value_name = "PROGRAM", default_value = "python3")]
    pub python: String,
    /// Seconds after which an audit is ended
    #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
    pub cap: u64,
    /// Seconds for each baseline on each head
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub baseline_cap: u64,
    /// Have each certificate verified as well, once; that should take at most 1.5 times the audit
    #[arg(long)]
    pub verify: bool,
}

#[derive(Debug, Subcommand)]
pub enum Part {
    /// Write a generated head and its answers
    Generate {
        /// Which rows
        #[arg(long, value_enum, default_value_t = Kind::Planted)]
        kind: Kind,
        /// V
        #[arg(long)]
        tokens: usize,
        /// d
        #[arg(long)]
        dim: usize,
        /// Of the random numbers
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Where the head (head.npy, or model.safetensors and config.json) and planted.json go
        folder: PathBuf,
    },
    /// Try the 2022 heuristic on some tokens
    #[command(hide = true)]
    Reflect(Sample),
    /// Solve the 2022 linear program for some tokens
    #[command(hide = true)]
    Program(Sample),
    /// Audit a head over all of space, and print the seconds of each stage
    #[command(hide = true)]
    Stages {
        checkpoint: PathBuf,
        #[arg(long)]
        threads: usize,
    },
    /// Time the float32 product without numpy
    #[command(hide = true)]
    Product { tokens: usize, dim: usize, threads: usize },
}

/// Tokens of a head for a baseline.
#[derive(Debug, Args)]
pub struct Sample {
    /// The checkpoint; without one the bundled head
    pub checkpoint: Option<PathBuf>,
    #[arg(long)]
    pub count: usize,
    #[arg(long)]
    pub threads: usize,
}
