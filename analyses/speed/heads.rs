//! The heads of the study, with what is asked of their audits and what is known of their answers.

use std::path::{Path, PathBuf};

/// One audit to time.
#[derive(Clone, Debug)]
pub struct Subject {
    /// For `--only` and file names.
    pub name: String,
    pub label: String,
    pub source: Source,
    /// `V`.
    pub tokens: usize,
    /// `d`.
    pub dim: usize,
    /// As `--domain` takes it.
    pub domain: &'static str,
    pub aim: Option<Aim>,
    pub known: Known,
}

/// Where the head is.
#[derive(Clone, Debug)]
pub enum Source {
    Bundled,
    File(PathBuf),
    /// Made by this study into this folder.
    Generated(PathBuf),
}

impl Source {
    /// The checkpoint, unless it is part of the program.
    pub fn path(&self) -> Option<PathBuf> {
        match self {
            Source::Bundled => None,
            Source::File(path) => Some(path.clone()),
            Source::Generated(folder) => Some(folder.join("head.npy")),
        }
    }
}

/// How fast the audit should be: a target, and what would be better still.
#[derive(Clone, Copy, Debug)]
pub enum Aim {
    /// Shares of one float32 product W W^T.
    OfProduct(f64, f64),
    /// Shares of the audit of the same file over all of space, which is timed beside, run by run.
    OfFree(f64, f64),
    Seconds(f64, f64),
}

impl Subject {
    /// Whether it is held against its own audit over all of space.
    pub fn is_beside_free(&self) -> bool {
        matches!(self.aim, Some(Aim::OfFree(..)))
    }
}

/// What an audit must find; in any case nothing undecided.
#[derive(Clone, Debug)]
pub enum Known {
    Counts {
        unargmaxable: usize,
        tied: usize,
        groups: usize,
    },
    /// What was planted, and nothing else.
    Planted,
}

/// The name of the sweep over sizes, for `--only`.
pub const COST: &str = "cost";

/// All heads of the study's table.
pub fn all(models: &Path, scratch: &Path) -> Vec<Subject> {
    let file = |path: &str| Source::File(models.join(path));
    let lost = |unargmaxable| Known::Counts { unargmaxable, tied: 0, groups: 0 };
    let tied = |tied, groups| Known::Counts { unargmaxable: 0, tied, groups };
    let subject = |name: &str, label: &str, source, (tokens, dim), domain, aim, known| Subject {
        name: name.to_owned(),
        label: label.to_owned(),
        source,
        tokens,
        dim,
        domain,
        aim: Some(aim),
        known,
    };
    let smollm2 = file("smollm2/published/SmolLM2-135M-Instruct.Q4_1.gguf");
    let generated = Source::Generated(scratch.join("generated"));
    let (pp, swish) = (file("pp-ocrv4/head.safetensors"), "range:-0.2784645427610738:inf");
    vec![
        subject(
            "smollm2",
            "SmolLM2-135M-Instruct (GGUF)",
            smollm2.clone(),
            (49152, 576),
            "free",
            Aim::OfProduct(0.25, 0.10),
            tied(15, 4),
        ),
        subject(
            "smollm2-norm",
            "SmolLM2-135M-Instruct behind its RMSNorm",
            smollm2,
            (49152, 576),
            "auto",
            Aim::OfFree(1.5, 1.25),
            tied(15, 4),
        ),
        subject(
            "generated",
            "generated: Gaussian, planted rows",
            generated,
            (262144, 640),
            "free",
            Aim::OfProduct(0.15, 0.08),
            Known::Planted,
        ),
        subject(
            "wide",
            "generated, as wide as a model of 7B parameters",
            Source::Generated(scratch.join("wide")),
            (32000, 4096),
            "free",
            Aim::OfProduct(0.3, 0.15),
            Known::Planted,
        ),
        subject(
            "whisper",
            "whisper-tiny.en",
            file("whisper-tiny-en/head.safetensors"),
            (51864, 384),
            "free",
            Aim::OfProduct(0.6, 0.25),
            tied(78, 31),
        ),
        subject(
            "whisper-norm",
            "whisper-tiny.en (CTranslate2) behind its LayerNorm",
            file("whisper-tiny-en/published/model.bin"),
            (51864, 384),
            "auto",
            Aim::OfFree(1.5, 1.25),
            Known::Counts { unargmaxable: 2, tied: 78, groups: 31 },
        ),
        subject(
            "pp-ocrv4",
            "PP-OCRv4",
            pp.clone(),
            (6625, 120),
            "free",
            Aim::Seconds(0.5, 0.2),
            lost(202),
        ),
        subject(
            "pp-ocrv4-swish",
            "PP-OCRv4 behind its Swish",
            pp,
            (6625, 120),
            swish,
            Aim::Seconds(1.0, 0.4),
            lost(217),
        ),
        subject(
            "g2pm",
            "g2pM",
            Source::Bundled,
            (876, 32),
            "free",
            Aim::Seconds(0.050, 0.015),
            lost(225),
        ),
        subject(
            "g2pm-relu",
            "g2pM behind its ReLU",
            Source::Bundled,
            (876, 32),
            "range:0:inf",
            Aim::Seconds(0.050, 0.015),
            lost(229),
        ),
    ]
}

/// A generated head of the sweep over sizes.
pub fn of_size(tokens: usize, dim: usize, scratch: &Path) -> Subject {
    let name = format!("{COST}-{tokens}x{dim}");
    Subject {
        source: Source::Generated(scratch.join(&name)),
        label: format!("generated {tokens} x {dim}"),
        name,
        tokens,
        dim,
        domain: "free",
        aim: None,
        known: Known::Planted,
    }
}
