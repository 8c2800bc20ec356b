//! One training run: the file that `train.py` writes, and the audits of its steps.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use safetensors::SafeTensors;
use sha2::{Digest, Sha256};
use unargmax::certify::Outcome as Verdict;
use unargmax::head::statistics::Statistics;
use unargmax::{Ball, Domain, Head, Options, audit};

use crate::frame::Setting;

/// A setting of the training.
#[derive(Clone, Debug)]
pub struct Config {
    pub width: usize,
    pub is_tied: bool,
    pub decay: f64,
    /// Whether rows are added at the end.
    pub adds: bool,
    kept: Option<&'static str>,
}

impl Config {
    pub fn all(quick: bool) -> Vec<Config> {
        if quick {
            let kept = Some("analyses/study/studies/training/quick.safetensors");
            return vec![Config { width: 8, is_tied: false, decay: 0.0, adds: true, kept }];
        }
        let mut all = Vec::new();
        for width in [16, 32, 64, 128, 256] {
            for is_tied in [false, true] {
                for decay in [0.0, 0.1] {
                    all.push(Config { width, is_tied, decay, adds: width >= 32, kept: None });
                }
            }
        }
        all
    }

    pub fn head(&self) -> &'static str {
        if self.is_tied { "tied" } else { "untied" }
    }
}

impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "width {}, {}, decay {}", self.width, self.head(), self.decay)
    }
}

/// What was kept of a run.
pub struct Run {
    bytes: Vec<u8>,
    about: BTreeMap<String, String>,
    /// Tokens that occur in the text; those after them do not.
    pub present: usize,
    /// Rows before any were added.
    pub rows: usize,
    /// The step at which rows were added.
    pub new_from: Option<usize>,
}

/// The audit of one step.
pub struct Audited {
    pub step: usize,
    pub tokens: usize,
    pub lost: Vec<u32>,
    pub tied: usize,
    pub undecided: usize,
    verdicts: Vec<Verdict>,
    /// Lost and tied tokens with the largest probability that their proofs allow.
    pub ceilings: Vec<(u32, f64)>,
    /// The lead in logits that tokens have at the states that suit them best, 0 for those that never lead: a sample of
    /// those of the text and of the absent ones, in steps before rows are added.
    pub leads: [Vec<f64>; 2],
    /// The largest probability of each token on held-out text, and how often it was the most probable.
    pub seen: Vec<f32>,
    pub wins: Vec<f32>,
    /// How many tokens of the text, and of those absent from it, were the most probable somewhere.
    pub winners: (usize, usize),
    pub held_out: f64,
    pub participation: f64,
}

impl Audited {
    pub fn cannot_win(&self, token: u32) -> bool {
        self.verdicts[token as usize] != Verdict::Argmaxable
    }
}

impl Run {
    /// Trains, or reads what is kept in the repository.
    pub fn of(setting: &Setting, config: &Config) -> Result<Self> {
        match config.kept {
            Some(kept) => Run::read(&setting.file(kept)),
            None => Run::read(&train(setting, config)?),
        }
    }

    fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
        let (_, metadata) = SafeTensors::read_metadata(&bytes)?;
        let about: BTreeMap<String, String> =
            metadata.metadata().clone().unwrap_or_default().into_iter().collect();
        let number = |key: &str| -> Result<usize> {
            let text = about.get(key).with_context(|| format!("{}: no {key}", path.display()))?;
            Ok(text.parse()?)
        };
        let (present, rows, new_from) = (number("present")?, number("rows")?, number("new").ok());
        Ok(Run { bytes, present, rows, new_from, about })
    }

    /// What the script says of the run.
    pub fn about(&self, key: &str) -> String {
        self.about.get(key).cloned().unwrap_or_default()
    }

    /// Audits every kept step, in order.
    pub fn audit(&self, setting: &Setting) -> Result<Vec<Audited>> {
        let tensors = SafeTensors::deserialize(&self.bytes)?;
        let losses: BTreeMap<String, (Option<f64>, f64)> =
            serde_json::from_str(&self.about("losses"))?;
        let step = |name: &str| name.strip_prefix("weight.").and_then(|n| n.parse::<usize>().ok());
        let mut steps: Vec<usize> = tensors.names().into_iter().filter_map(step).collect();
        steps.sort_unstable();
        let one = |step: usize| {
            let held_out = losses.get(&step.to_string()).map_or(f64::NAN, |loss| loss.1);
            self.audit_step(setting, &tensors, step, held_out)
        };
        steps.into_iter().map(one).collect()
    }

    fn audit_step(
        &self,
        setting: &Setting,
        tensors: &SafeTensors,
        step: usize,
        held_out: f64,
    ) -> Result<Audited> {
        let numbers = |name: &str| -> Result<Vec<f32>> {
            let tensor = tensors.tensor(&format!("{name}.{step}"))?;
            ensure!(tensor.dtype() == safetensors::Dtype::F32, "{name}.{step} is not float32");
            let number = |four: &[u8]| f32::from_le_bytes(four.try_into().unwrap_or_default());
            Ok(tensor.data().chunks_exact(4).map(number).collect())
        };
        let (rows, gain) = (numbers("weight")?, numbers("gain")?);
        let (tokens, dim) = (rows.len() / gain.len(), gain.len());
        let head = Head::new(rows, None, tokens, dim)?;
        let ball =
            Ball::after_norm(gain.into_iter().map(f64::from).collect(), vec![0.0; dim], false)?;
        let domain = Domain::free(dim).within(ball)?;
        let audit = audit(&head, &domain, options(setting))?;
        let verdicts: Vec<Verdict> =
            audit.verdicts().iter().map(|(_, verdict)| verdict.outcome()).collect();
        let lost = (0..tokens as u32).filter(|&t| verdicts[t as usize] == Verdict::Unargmaxable);
        let leads = match self.new_from.is_none_or(|first| step < first) {
            true => [
                leads(&head, &domain, setting, 0..self.present)?,
                leads(&head, &domain, setting, self.present..self.rows)?,
            ],
            false => Default::default(),
        };
        let (seen, wins) = (numbers("seen")?, numbers("wins")?);
        let won = |range: Range<usize>| wins[range].iter().filter(|&&count| count > 0.0).count();
        let winners = (won(0..self.present), won(self.present..self.rows));
        let squares: Vec<f64> =
            Statistics::of(&head).singular_values.iter().map(|s| s * s).collect();
        let (sum, of_squares) =
            (squares.iter().sum::<f64>(), squares.iter().map(|s| s * s).sum::<f64>());
        Ok(Audited {
            step,
            tokens,
            lost: lost.collect(),
            leads,
            tied: audit.counts().tied,
            undecided: audit.counts().undecided,
            ceilings: audit.probability_bounds().to_vec(),
            verdicts,
            seen,
            wins,
            winners,
            held_out,
            participation: sum * sum / of_squares,
        })
    }
}

fn options(setting: &Setting) -> Options<'static> {
    Options { threads: setting.threads, ..Options::default() }
}

/// The tokens whose leads are measured in each half of the vocabulary.
const SAMPLED: usize = 50;

/// The best leads of some of these tokens, as proved from below.
fn leads(head: &Head, domain: &Domain, setting: &Setting, of: Range<usize>) -> Result<Vec<f64>> {
    let sample: Vec<u32> =
        of.clone().step_by(of.len().div_ceil(SAMPLED)).map(|t| t as u32).collect();
    let asked = Options { tokens: Some(&sample), margins: Some(&sample), ..options(setting) };
    let audit = audit(head, domain, asked)?;
    Ok(audit.margins().iter().map(|gap| gap.ends().0.max(0.0)).collect())
}

/// Runs the script into a scratch file, unless the same script has written it before.
fn train(setting: &Setting, config: &Config) -> Result<PathBuf> {
    std::fs::create_dir_all(&setting.scratch)?;
    let name = format!("training-{}-{}-{}.safetensors", config.width, config.head(), config.decay);
    let out = setting.scratch.join(name);
    let script = setting.file("analyses/study/studies/training/train.py");
    let digest = format!("{:x}", Sha256::digest(std::fs::read(&script)?));
    if Run::read(&out).is_ok_and(|run| run.about("script") == digest) {
        return Ok(out);
    }
    let mut command = Command::new(&setting.python);
    command.arg(script).arg(&out);
    command.args(["--width", &config.width.to_string(), "--decay", &config.decay.to_string()]);
    if config.is_tied {
        command.arg("--tied");
    }
    if config.adds {
        command.arg("--new");
    }
    let python = setting.python.display();
    let status = command.status().with_context(|| format!("{python} (--python names another)"))?;
    ensure!(status.success(), "{python} train.py: {status}; it needs numpy, torch and safetensors");
    Ok(out)
}
