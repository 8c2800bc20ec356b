//! How fast is a whole audit? `cargo run --release --example speed` (see `--help`).
//!
//! In one run: whole audits of the heads in [`heads`], from file to certificate; one float32 product W W^T of
//! each size; the baselines on samples of tokens; and audits of generated heads of many sizes. It
//! checks every answer, prints a table, writes `table.md`, `results.csv`, `cost.svg` and `stages.svg`, and fails where an
//! answer is not the known one. Needs the heads that `analyses/fetch_heads.py` fetches.
//!
//! Everything large runs in a process of its own, this program's other [`options::Part`]s among them.

mod answers;
mod audit;
mod baseline;
mod cost;
#[path = "../environment.rs"]
mod environment;
mod heads;
mod machine;
mod options;
mod planted;
mod process;
mod product;
mod results;
mod stages;
mod table;
mod timing;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;

use audit::RunningSearch;
use baseline::Method;
use heads::{COST, Source, Subject};
use machine::Setting;
use options::{Options, Part, Study};
use planted::Recipe;
use product::Products;
use results::{Line, Results};

/// Of the generated heads.
const SEED: u64 = 1;
/// The longest that making one of them may take.
const GENERATING: Duration = Duration::from_secs(1800);
/// The sweep over `V` at this `d`, and over `d` at this `V`.
const DIM: usize = 256;
const TOKENS: usize = 32000;

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("speed: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(options: &Options) -> Result<ExitCode> {
    match &options.part {
        None => study(&options.study),
        Some(part) => {
            match part {
                Part::Generate { kind, tokens, dim, seed, folder } => {
                    Recipe { kind: *kind, tokens: *tokens, dim: *dim, seed: *seed }.write(folder)
                }
                Part::Reflect(sample) => baseline::reflect(sample),
                Part::Program(sample) => baseline::program(sample),
                Part::Stages { checkpoint, threads } => stages::print(checkpoint, *threads),
                Part::Product { tokens, dim, threads } => {
                    product::without_numpy(*tokens, *dim, *threads)
                }
            }?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn study(study: &Study) -> Result<ExitCode> {
    ensure!(!cfg!(debug_assertions), "times of a debug build say nothing: cargo run --release ...");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = command_of_this_build(root)?;
    let scratch = root.join("target/speed");
    let partial = study.quick || !study.only.is_empty();
    let out = study.out.clone().unwrap_or_else(|| {
        root.join(if partial { "target/speed/partial" } else { "reports/speed" })
    });
    let models = root.join(&study.models);
    let subjects = selected(study, heads::all(&models, &scratch))?;
    let threads = study
        .threads
        .map_or_else(|| std::thread::available_parallelism().map_or(1, usize::from), usize::from);
    let runner = RunningSearch {
        program,
        threads,
        runs: study.runs.into(),
        cap: Duration::from_secs(study.cap),
        verify: study.verify,
        scratch: scratch.clone(),
    };
    let mut products = Products::new(&study.python, threads);
    let setting = Setting::now(threads);
    let mut results =
        Results { setting, heads: Vec::new(), by_tokens: Vec::new(), by_dim: Vec::new() };

    for subject in subjects {
        let mut line = measure(&runner, &mut products, subject)?;
        if !study.quick && line.subject.baselines {
            for method in [Method::Reflection, Method::Program] {
                eprintln!("speed: {}: {}", line.subject.name, method.name());
                let e = baseline::estimate(&line.subject, method, threads, study.baseline_cap)?;
                line.estimates.push(e);
            }
        }
        results.heads.push(line);
        write(&out, &results)?;
    }
    if study.only.is_empty() || study.only.iter().any(|n| n == COST) {
        let (most, widest) = if study.quick { (32768, 256) } else { (262_144, 8192) };
        for tokens in doubled(8192, most) {
            let subject = heads::of_size(tokens, DIM, &scratch);
            results.by_tokens.push(measure(&runner, &mut products, subject)?);
            write(&out, &results)?;
        }
        for dim in doubled(64, widest) {
            let subject = heads::of_size(TOKENS, dim, &scratch);
            let mut line = measure(&runner, &mut products, subject)?;
            line.stages = stages::measure(&line.subject, threads, runner.cap)?;
            results.by_dim.push(line);
            write(&out, &results)?;
        }
    }

    println!("{}", table::markdown(&results));
    eprintln!("speed: wrote {}", out.display());
    let wrong: Vec<&String> = results.lines().flat_map(|l| &l.audited.wrong).collect();
    wrong.iter().for_each(|w| eprintln!("speed: WRONG: {w}"));
    Ok(if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The command `unargmax`, built from the same sources as this study and beside it.
fn command_of_this_build(root: &Path) -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--release", "--quiet", "--bin", "unargmax"])
        .current_dir(root)
        .status()
        .context("cargo")?;
    ensure!(built.success(), "cargo build: {built}");
    let examples = std::env::current_exe()?;
    let program = examples.parent().and_then(Path::parent).map(|folder| folder.join("unargmax"));
    program.filter(|p| p.is_file()).context("no program `unargmax` two folders above this one")
}

/// The heads asked for.
fn selected(study: &Study, all: Vec<Subject>) -> Result<Vec<Subject>> {
    for name in &study.only {
        if name != COST && !all.iter().any(|s| s.name == *name) {
            let names: Vec<&str> = all.iter().map(|s| s.name.as_str()).collect();
            bail!("--only {name}: there are {} and {COST}", names.join(", "));
        }
    }
    let wanted = |s: &Subject| match study.only.as_slice() {
        [] => !(study.quick && s.is_large()),
        names => names.contains(&s.name),
    };
    Ok(all.into_iter().filter(wanted).collect())
}

fn doubled(first: usize, last: usize) -> impl Iterator<Item = usize> {
    std::iter::successors(Some(first), move |n| (2 * n <= last).then_some(2 * n))
}

/// Makes the head if need be, audits it, and multiplies as large a one.
fn measure(runner: &RunningSearch, products: &mut Products, subject: Subject) -> Result<Line> {
    eprintln!("speed: {}", subject.name);
    if let Source::Generated(kind, folder) = &subject.source {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["generate", "--kind", &kind.name()]);
        command.args(["--tokens", &subject.tokens.to_string()]);
        command.args(["--dim", &subject.dim.to_string(), "--seed", &SEED.to_string()]).arg(folder);
        let ended = process::run(&mut command, GENERATING)?.succeeded("generate")?;
        ensure!(!ended.stopped, "generate ended after {} s", GENERATING.as_secs());
    }
    let audited = runner.audit(&subject)?;
    let product = products.measure(subject.tokens, subject.dim)?;
    Ok(Line { subject, audited, product, estimates: Vec::new(), stages: Vec::new() })
}

/// Writes what there is so far: a study that is interrupted keeps its results.
fn write(folder: &Path, results: &Results) -> Result<()> {
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    std::fs::write(folder.join("table.md"), table::markdown(results))?;
    results.write_csv(std::fs::File::create(folder.join("results.csv"))?)?;
    if !results.by_tokens.is_empty() {
        std::fs::write(folder.join("cost.svg"), cost::plot(results, DIM, TOKENS)?)?;
    }
    if results.by_dim.iter().any(|l| !l.stages.is_empty()) {
        std::fs::write(folder.join("stages.svg"), cost::stages(results, TOKENS)?)?;
    }
    Ok(())
}
