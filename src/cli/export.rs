//! The subcommand `unargmax export`: a certificate as exact integers, for the checker in proofs/.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::Args;
use tempfile::Builder;

use super::claims::Claims;
use super::input::TensorArguments;
use super::interruption;
use super::progress::Bar;
use unargmax::export::{Export, export};
use unargmax::report::files::readable_by_all;

/// Write a head and its certificate as text of integers, for the checker whose soundness is proved (proofs/README.md)
#[derive(Debug, Args)]
#[command(
    override_usage = "unargmax export --exact --out <FILE> [OPTIONS] [CHECKPOINT] <CERTIFICATE|DIR>"
)]
pub struct Arguments {
    /// The checkpoint, then the certificate.safetensors of its audit, or the folder that `audit --out` wrote. A folder alone names its checkpoint
    /// itself; a certificate alone is for the bundled head
    #[arg(num_args = 0..=2, value_names = ["CHECKPOINT", "CERTIFICATE|DIR"])]
    files: Vec<PathBuf>,
    #[command(flatten)]
    head: TensorArguments,
    /// Write every proof in full: weights that are only proved to exist are solved for, and the points of maps are written out
    #[arg(long, required = true)]
    exact: bool,
    /// Write the text here
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Replace FILE if it is there
    #[arg(long)]
    force: bool,
    /// Print nothing but errors
    #[arg(long)]
    quiet: bool,
}

/// Runs `unargmax export`.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    interruption::end_when_interrupted(true);
    let out = &arguments.out;
    ensure!(!out.is_dir(), "--out {}: this is a folder; name a file", out.display());
    ensure!(
        arguments.force || out.symlink_metadata().is_err(),
        "--out {}: is there already; name another file, or replace it by --force",
        out.display()
    );
    let bar = Bar::new(arguments.quiet)?;
    bar.stage("read");
    let claims = Claims::named(&arguments.files, "export")?;
    let layer = claims.layer(&arguments.head, false)?;
    let exact = export(layer.head(), &claims.certificate, &bar)?;
    bar.stage("write");
    let size = write(out, &exact).with_context(|| format!("--out {}", out.display()))?;
    bar.finish();
    if !arguments.quiet {
        let contents = exact.contents();
        let audits = claims.certificate.audits.len();
        let mut told = io::stdout().lock();
        super::ignore_broken_pipe(writeln!(
            told,
            "{}: {audits} audits, {} winning points, {} losing proofs, {} undecided tokens, {size} bytes",
            out.display(),
            contents.points,
            contents.losses,
            contents.open,
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes the file under a temporary name beside its place, then moves it there; returns its size.
fn write(path: &Path, exact: &Export) -> Result<u64> {
    let folder = path.parent().filter(|f| !f.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = Builder::new().tempfile_in(folder)?;
    let mut out = BufWriter::new(file.as_file_mut());
    exact.write(&mut out)?;
    out.flush()?;
    drop(out);
    let size = fs::metadata(file.path())?.len();
    readable_by_all(file.path());
    file.persist(path).map_err(|e| e.error)?;
    Ok(size)
}
