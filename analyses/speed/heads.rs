//! The heads of the study, with what is asked of their audits and what is known of their answers.

use std::path::{Path, PathBuf};

use crate::planted::Kind;

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
    /// Whether the baselines are asked about it too.
    pub baselines: bool,
}

/// Where the head is.
#[derive(Clone, Debug)]
pub enum Source {
    Bundled,
    File(PathBuf),
    /// Made by this study into this folder.
    Generated(Kind, PathBuf),
}

impl Source {
    /// The checkpoint, unless it is part of the program.
    pub fn path(&self) -> Option<PathBuf> {
        match self {
            Source::Bundled => None,
            Source::File(path) => Some(path.clone()),
            Source::Generated(kind, folder) => Some(folder.join(kind.file())),
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

    /// Whether its domain is the ball that a final norm leaves.
    pub fn is_behind_norm(&self) -> bool {
        ["auto", "rmsnorm"].contains(&self.domain)
    }

    /// Whether `--quick` leaves it out.
    pub fn is_large(&self) -> bool {
        ["generated", "generated-norm", "wide", "wide-128k", "widest", "low-250k"]
            .contains(&self.name.as_str())
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
    /// Nothing more.
    Decided,
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
        baselines: false,
    };
    let generated = |folder: &str, kind| Source::Generated(kind, scratch.join(folder));
    let wide = |name: &str, label: &str, size, aim| {
        subject(name, label, generated(name, Kind::Wide), size, "free", aim, Known::Planted)
    };
    let low = |name: &str, size, aim| {
        let source = generated(name, Kind::Gaussian);
        subject(
            name,
            "generated: Gaussian, few coordinates",
            source,
            size,
            "free",
            aim,
            Known::Decided,
        )
    };
    let smollm2 = file("smollm2/published/SmolLM2-135M-Instruct.Q4_1.gguf");
    let (pp, swish) = (file("pp-ocrv4/head.safetensors"), "range:-0.2784645427610738:inf");
    let mut all = vec![
        subject(
            "smollm2",
            "SmolLM2-135M-Instruct (GGUF)",
            smollm2.clone(),
            (49152, 576),
            "free",
            Aim::OfProduct(0.12, 0.08),
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
            generated("generated", Kind::Norm),
            (262144, 640),
            "free",
            Aim::OfProduct(0.12, 0.08),
            Known::Planted,
        ),
        subject(
            "generated-norm",
            "the same behind its RMSNorm",
            generated("generated", Kind::Norm),
            (262144, 640),
            "rmsnorm",
            Aim::OfProduct(0.12, 0.08),
            Known::Planted,
        ),
        wide(
            "wide",
            "generated, as wide as a model of 7B parameters",
            (32000, 4096),
            Aim::OfProduct(0.30, 0.15),
        ),
        wide(
            "wide-128k",
            "generated, as wide, with a larger vocabulary",
            (128256, 4096),
            Aim::OfProduct(0.15, 0.08),
        ),
        wide(
            "widest",
            "generated, as wide as a model of 72B parameters",
            (152064, 8192),
            Aim::OfProduct(0.15, 0.08),
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
            Aim::Seconds(0.2, 0.1),
            lost(202),
        ),
        subject(
            "pp-ocrv4-swish",
            "PP-OCRv4 behind its Swish",
            pp,
            (6625, 120),
            swish,
            Aim::Seconds(0.4, 0.2),
            lost(217),
        ),
        subject(
            "crowd",
            "generated: 4,900 rows inside, most close to one",
            generated("crowd", Kind::Crowd),
            (18710, 120),
            "free",
            Aim::Seconds(2.0, 0.7),
            Known::Planted,
        ),
        low("low", (32000, 16), Aim::Seconds(5.0, 2.0)),
        low("low-250k", (250112, 16), Aim::Seconds(60.0, 20.0)),
        subject(
            "g2pm",
            "g2pM",
            Source::Bundled,
            (876, 32),
            "free",
            Aim::Seconds(0.030, 0.015),
            lost(225),
        ),
        subject(
            "g2pm-relu",
            "g2pM behind its ReLU",
            Source::Bundled,
            (876, 32),
            "range:0:inf",
            Aim::Seconds(0.045, 0.015),
            lost(229),
        ),
    ];
    // Real heads and one generated one, over all of space or a range: the baselines know no norm.
    for subject in &mut all {
        let is_real = !matches!(subject.source, Source::Generated(..));
        subject.baselines = (is_real || subject.name == "generated") && !subject.is_behind_norm();
    }
    all
}

/// The most coordinates of float32 heads in the sweep over sizes; wider ones are float16.
const WIDEST_FLOAT32: usize = 1024;

/// A generated head of the sweep over sizes.
pub fn of_size(tokens: usize, dim: usize, scratch: &Path) -> Subject {
    let name = format!("{COST}-{tokens}x{dim}");
    Subject {
        source: Source::Generated(
            if dim > WIDEST_FLOAT32 { Kind::Wide } else { Kind::Planted },
            scratch.join(&name),
        ),
        label: format!("generated {tokens} x {dim}"),
        name,
        tokens,
        dim,
        domain: "free",
        aim: None,
        known: Known::Planted,
        baselines: false,
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::options::Options;

    #[test]
    fn the_help_names_each_head() {
        let help = Options::command().render_long_help().to_string();
        let words: Vec<&str> = help.split(|c: char| !c.is_alphanumeric() && c != '-').collect();
        for subject in all(Path::new("models"), Path::new("scratch")) {
            assert!(words.contains(&subject.name.as_str()), "{} in {help}", subject.name);
        }
        assert!(words.contains(&COST));
    }

    #[test]
    fn heads_that_are_large_or_asked_of_the_baselines_are_these() {
        let subjects = all(Path::new("models"), Path::new("scratch"));
        let names = |wanted: fn(&Subject) -> bool| -> Vec<&str> {
            subjects.iter().filter(|s| wanted(s)).map(|s| s.name.as_str()).collect()
        };
        let large = ["generated", "generated-norm", "wide", "wide-128k", "widest", "low-250k"];
        assert_eq!(names(Subject::is_large), large);
        let baselines =
            ["smollm2", "generated", "whisper", "pp-ocrv4", "pp-ocrv4-swish", "g2pm", "g2pm-relu"];
        assert_eq!(names(|s| s.baselines), baselines);
        assert_eq!(
            names(Subject::is_behind_norm),
            ["smollm2-norm", "generated-norm", "whisper-norm"]
        );
    }
}
