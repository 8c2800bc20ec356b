//! The yardstick: one float32 product W W^T, by OpenBLAS through numpy, or else by a crate.

use std::collections::HashMap;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nalgebra::{DMatrix, DMatrixViewMut};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::process;
use crate::timing::Timing;

/// No product takes longer to be measured: of a long one only slabs are.
const CAP: Duration = Duration::from_secs(600);
/// Numbers of a slab of scores.
const BUFFER: usize = 1 << 28;

/// What the process that multiplies prints.
#[derive(Debug, Deserialize, Serialize)]
struct Report {
    /// Which library and kernel.
    by: String,
    threads: usize,
    seconds: Vec<f64>,
    /// Whether all of it was computed, or a slab stands for all.
    whole: bool,
}

/// A measured product.
#[derive(Clone, Debug)]
pub struct Product {
    pub timing: Timing,
    pub whole: bool,
    pub by: String,
}

/// Measures each size once.
#[derive(Debug)]
pub struct Products {
    python: Option<String>,
    threads: usize,
    known: HashMap<(usize, usize), Product>,
}

impl Products {
    /// With numpy, if this Python has it.
    pub fn new(python: &str, threads: usize) -> Self {
        let numpy = Command::new(python).args(["-c", "import numpy"]).output();
        let found = numpy.is_ok_and(|o| o.status.success());
        Products { python: found.then(|| python.to_owned()), threads, known: HashMap::new() }
    }

    /// The product of `tokens x dim` rows with themselves.
    pub fn measure(&mut self, tokens: usize, dim: usize) -> Result<Product> {
        if let Some(known) = self.known.get(&(tokens, dim)) {
            return Ok(known.clone());
        }
        let mut command = match &self.python {
            Some(python) => {
                let mut command = Command::new(python);
                command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/analyses/speed/product.py"));
                command
            }
            None => {
                let mut command = Command::new(std::env::current_exe()?);
                command.arg("product");
                command
            }
        };
        command.args([tokens.to_string(), dim.to_string()]);
        if self.python.is_none() {
            command.arg(self.threads.to_string());
        }
        // What the environment says of OpenBLAS may be another machine's: it knows this one's kernels best.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("OPENBLAS_") {
                command.env_remove(name);
            }
        }
        command.env("OPENBLAS_NUM_THREADS", self.threads.to_string());
        let ended = process::run(&mut command, CAP)?.succeeded("the product")?;
        let report: Report = serde_json::from_str(&ended.output)
            .with_context(|| format!("the product printed {:?}", ended.output))?;
        let by = format!("{}, {} threads", report.by, report.threads);
        let product = Product { timing: Timing::new(report.seconds), whole: report.whole, by };
        self.known.insert((tokens, dim), product.clone());
        Ok(product)
    }
}

/// Times the product by nalgebra (matrixmultiply), the fastest crate here, where numpy is absent, and prints a report.
pub fn without_numpy(tokens: usize, dim: usize, threads: usize) -> Result<()> {
    let mut state = 1u32;
    // Column-major with a token a column, and a slab of them turned; the values do not matter.
    let columns = DMatrix::from_fn(dim, tokens, |_, _| {
        state = state.wrapping_mul(1664525).wrapping_add(1013904223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    });
    let height = (BUFFER / tokens).clamp(1, tokens);
    let slab = columns.columns(0, height).transpose();
    let width = tokens.div_ceil(4 * threads);
    let mut scores = vec![0.0f32; height * tokens];
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
    let mut one = || {
        let started = Instant::now();
        pool.install(|| {
            scores.par_chunks_mut(height * width).enumerate().for_each(|(i, out)| {
                let part = columns.columns(i * width, out.len() / height);
                let mut out = DMatrixViewMut::from_slice(out, height, part.ncols());
                out.gemm(1.0, &slab, &part, 0.0);
            });
        });
        started.elapsed().as_secs_f64() * tokens as f64 / height as f64
    };
    one();
    let (began, mut seconds) = (Instant::now(), Vec::new());
    while seconds.len() < 3 || (seconds.len() < 51 && began.elapsed().as_secs_f64() < 8.0) {
        seconds.push(one());
    }
    let by = "matrixmultiply (numpy is absent)".to_owned();
    println!(
        "{}",
        serde_json::to_string(&Report { by, threads, seconds, whole: height == tokens })?
    );
    Ok(())
}
