//! The claims of this field, remade: `cargo run --release --example study -- NAME [--quick]` (see `--help`).
//!
//! A study is a file under [`studies`]: the claim, its source, and a function that measures. The frame under [`frame`]
//! gives it generators, tables, figures and a page, and writes the result folder. Studies use the library as anybody
//! outside would.

#[path = "../environment.rs"]
mod environment;
mod frame;
mod studies;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;

use frame::provenance::Provenance;
use frame::{Setting, Study, folder};
use studies::ALL;

/// Remakes the claims of this field and puts the published numbers beside those measured here.
#[derive(Debug, Parser)]
#[command(name = "study")]
struct Options {
    /// The studies to run; `--list` names them.
    names: Vec<String>,
    /// Run every study.
    #[arg(long, conflicts_with = "names")]
    all: bool,
    /// Print the names and claims, and run nothing.
    #[arg(long)]
    list: bool,
    /// A small version of each study, of at most 20 seconds and without models. Results go to target/studies.
    #[arg(long)]
    quick: bool,
    /// The folder that receives a folder for each study [default: reports/studies, with --quick target/studies]
    #[arg(long)]
    out: Option<PathBuf>,
    /// The folder of models that analyses/fetch_heads.py writes.
    #[arg(long, default_value = "models")]
    models: PathBuf,
    /// The folder of audits that analyses/atlas/Snakefile writes, for the study `atlas`.
    #[arg(long, default_value = "target/atlas/audits")]
    audits: PathBuf,
    /// A Python with numpy and torch, for the studies that train a model.
    #[arg(long, default_value = "python3")]
    python: PathBuf,
    /// Threads; 0 for all cores.
    #[arg(long, default_value_t = 0)]
    threads: usize,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("study: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Runs what was asked for, and returns whether nothing disagrees without an explanation.
fn run(options: &Options) -> Result<bool> {
    if options.list {
        ALL.iter().for_each(|study| println!("{:20} {}", study.name, study.title));
        return Ok(true);
    }
    let chosen = chosen(options)?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let scratch = root.join("target/studies");
    let setting = Setting {
        quick: options.quick,
        threads: options.threads,
        models: root.join(&options.models),
        audits: root.join(&options.audits),
        python: options.python.clone(),
        root: root.to_owned(),
        scratch: scratch.join("scratch"),
    };
    rayon::ThreadPoolBuilder::new().num_threads(options.threads).build_global()?;
    let out = options.out.clone().unwrap_or_else(|| match options.quick {
        true => scratch,
        false => root.join("reports/studies"),
    });
    let mut agreed = true;
    for study in chosen {
        eprintln!("study: {}", study.name);
        let provenance = Provenance::now(study.name, options.quick);
        let started = Instant::now();
        let outcome = (study.run)(&setting).with_context(|| study.name.to_owned())?;
        let provenance = provenance.after(started.elapsed());
        let to = out.join(study.name);
        folder::write(&to, study, &outcome, &provenance)?;
        print!("{}", outcome.as_text(study));
        eprintln!("study: {}: {}, wrote {}", study.name, provenance.time, to.display());
        agreed &= outcome.agrees();
    }
    Ok(agreed)
}

/// The studies that are named, or all of them.
fn chosen(options: &Options) -> Result<Vec<&'static Study>> {
    if options.all {
        return Ok(ALL.to_vec());
    }
    ensure!(!options.names.is_empty(), "name a study, or give --all; --list names them");
    let mut found = Vec::new();
    for name in &options.names {
        let Some(&study) = ALL.iter().find(|study| study.name == *name) else {
            let names: Vec<&str> = ALL.iter().map(|study| study.name).collect();
            bail!("there is no study {name:?}; there are {}", names.join(", "));
        };
        found.push(study);
    }
    Ok(found)
}
