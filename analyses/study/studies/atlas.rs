//! Study: every published head at hand in one table, beside random heads of the same size.
//!
//! The audits are made by the command (`analyses/atlas/Snakefile`); this page is made of their folders.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};
use unargmax::report::results::summary::{AuditEntry, Summary};
use unargmax::{Options, Report, audit};

use super::hull_theory::{expected, expected_with_bias};
use super::real_heads;
use crate::frame::figure::{Axis, Drawn, Figure, Panel, Series};
use crate::frame::{Outcome, Setting, Standing, Study, Table};

pub const STUDY: Study = Study {
    name: "atlas",
    title: "Published heads beside random heads of their size",
    claim: "That tokens are lost is a matter of too many tokens for too few dimensions: many for random heads of low dimension, few for trained ones.",
    source: "Grivas, Bogoychev and Lopez, ACL 2022: 13 of 150 public models have unargmaxable tokens. The expectation for normal rows is that of the study hull-theory.",
    run,
};

/// A line of `analyses/atlas/heads.csv`. The workflow reads the other columns.
#[derive(serde::Deserialize)]
struct Listed {
    name: String,
    /// What the head says: a token of a language, a character, a reaction, ...
    kind: String,
}

const COLUMNS: [&str; 17] = [
    "head",
    "kind",
    "V",
    "d",
    "V / d",
    "bias",
    "hidden states",
    "argmaxable",
    "tied",
    "unargmaxable",
    "undecided",
    "median ceiling of lost, %",
    "sampled tokens not proved to win that no beam of 5 has",
    "causes",
    "expected unargmaxable of normal rows, free",
    "SHA-256 of the head",
    "SHA-256 of the certificate",
];

fn run(setting: &Setting) -> Result<Outcome> {
    let heads = if setting.quick { bundled(setting)? } else { listed(setting)? };
    let mut outcome = Outcome::default();
    let caption =
        "Every head over the hidden states that its norm or activation leaves, and over all";
    let mut table = Table::new("heads", caption, &COLUMNS);
    let mut shares = Vec::new();
    for (kind, folder) in &heads {
        let audited = Audited::read(folder)?;
        let head = &audited.summary.head;
        let (tokens, dim) = (head.tokens, head.dim);
        let theory = match head.bias.is_some() {
            true => expected_with_bias(tokens, dim),
            false => expected(tokens, dim),
        };
        let theory = (tokens as f64 - theory).max(0.0);
        let page = folder.join("report.html");
        let link = format!("{}/report.html", audited.name);
        outcome.files.push((link.clone(), page));
        for verdicts in audited.audits() {
            push(&mut table, kind, &audited, verdicts, theory);
            table.links.push(link.clone());
        }
        // An audit of a domain has one of all hidden states beside it.
        let free = audited.audits().find(|verdicts| verdicts.domain == "free");
        let free = free.with_context(|| format!("{}: no audit of all states", audited.name))?;
        let lost = free.counts.unargmaxable;
        shares.push(Share { tokens, dim, lost, theory });
        compare(&mut outcome, &audited, lost, theory);
    }
    let losing = shares.iter().filter(|share| share.lost > 0).count();
    outcome
        .findings
        .push(format!("{losing} of {} heads lose tokens over all hidden states.", shares.len()));
    outcome.figures.push(figure(&shares));
    outcome.tables.push(table);
    outcome.remarks = vec![
        "These are heads that packages of the Python package index carry (analyses/fetch_heads.py has packages, versions, licences and hashes). They are what could be found, \
         not a sample: they say nothing about models in general."
            .to_owned(),
        "A ceiling is the proved bound on the softmax probability of a lost token. Ranks are proved for a sample of 100 tokens of each head. Causes describe the rows of lost and tied \
         tokens (docs/results.md); they are no proof. Expectations with a bias are for one that is as large as a weight."
            .to_owned(),
        "The audits are those of `snakemake -s analyses/atlas/Snakefile --cores 2 --directory target/atlas`, which fetches the heads and draws this page, too.".to_owned(),
    ];
    Ok(outcome)
}

/// The folders of the workflow's audits, each with the kind of its head.
fn listed(setting: &Setting) -> Result<Vec<(String, PathBuf)>> {
    let list = setting.file("analyses/atlas/heads.csv");
    let mut reader = csv::Reader::from_path(&list).with_context(|| list.display().to_string())?;
    let mut found = Vec::new();
    for head in reader.deserialize() {
        let Listed { name, kind } = head.with_context(|| list.display().to_string())?;
        let folder = setting.audits.join(&name);
        ensure!(
            folder.join("summary.json").exists(),
            "{}: there is no audit of {name}; run snakemake -s analyses/atlas/Snakefile --cores 2 --directory target/atlas",
            folder.display()
        );
        found.push((kind, folder));
    }
    Ok(found)
}

/// Audits of the heads that are in the repository, for a quick run.
fn bundled(setting: &Setting) -> Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    for real in real_heads::bundled(setting)? {
        let options = Options { threads: setting.threads, also_free: true, ..Options::default() };
        let audit = audit(real.head(), real.domain(), options)?;
        let folder = setting.scratch.join("atlas").join(real.name);
        Report::of(&real.layer, &audit).write(&folder)?;
        found.push(("bundled".to_owned(), folder));
    }
    Ok(found)
}

/// Adds the verdicts of a head over one domain.
fn push(table: &mut Table, kind: &str, audited: &Audited, verdicts: &AuditEntry, theory: f64) {
    let head = &audited.summary.head;
    let (tokens, dim) = (head.tokens, head.dim);
    let counts = &verdicts.counts;
    let ceiling = verdicts.max_probability.as_ref().and_then(|bounds| bounds.lost_or_tied.as_ref());
    let ceiling = ceiling.map_or_else(String::new, |c| format!("{:.2}", 100.0 * c.median));
    let beam = verdicts.best_rank.as_ref().and_then(|rank| {
        let beam = rank.beams.iter().find(|beam| beam.width == 5)?;
        Some(format!("{} of {}", beam.cannot, rank.lost))
    });
    let causes: Vec<String> = verdicts.causes.as_ref().map_or_else(Vec::new, |causes| {
        let lost = causes.tokens.iter().map(|(name, count)| (name, count.lost_or_tied));
        lost.filter(|(_, count)| *count > 0).map(|(name, n)| format!("{n} {name}")).collect()
    });
    table.push(&[
        &audited.name,
        &kind,
        &tokens,
        &dim,
        &format!("{:.1}", tokens as f64 / dim as f64),
        &if head.bias.is_some() { "with" } else { "without" },
        &if verdicts.domain == "free" { "all" } else { verdicts.domain.as_str() },
        &counts.argmaxable,
        &counts.tied,
        &counts.unargmaxable,
        &counts.undecided,
        &ceiling,
        &beam.unwrap_or_default(),
        &causes.join(", "),
        &format!("{theory:.1}"),
        &head.sha256,
        &audited.certificate,
    ]);
}

fn compare(outcome: &mut Outcome, audited: &Audited, lost: usize, theory: f64) {
    let (name, head) = (&audited.name, &audited.summary.head);
    // Rounded first, so that a difference of nothing has no sign.
    let difference = (10.0 * (lost as f64 - theory)).round() / 10.0;
    let difference = if difference == 0.0 { "0.0".to_owned() } else { format!("{difference:+.1}") };
    outcome.compare(
        format!("{name}, {} x {}, free: unargmaxable", head.tokens, head.dim),
        (format!("{theory:.1}"), "expected of normal rows"),
        lost.to_string(),
        difference,
        match (lost as f64 - theory).abs() < 0.5 {
            true => Standing::Agrees,
            false => Standing::Explained("trained rows are not normal".to_owned()),
        },
    );
    if lost as f64 > 2.0 * theory + 1.0 {
        outcome.findings.push(format!(
            "{name} loses {lost} of {} tokens over all hidden states where normal rows of that size lose {theory:.1}: here training loses tokens, not the size.",
            head.tokens
        ));
    }
}

/// How many tokens of a head are lost over all hidden states, and how many of normal rows of its size.
struct Share {
    tokens: usize,
    dim: usize,
    lost: usize,
    theory: f64,
}

/// The shares by V and by d, with the curves of normal rows.
fn figure(shares: &[Share]) -> Figure {
    let percent = |lost: f64, tokens: usize| 100.0 * lost / tokens as f64;
    let normal = |tokens: usize, dim: usize| {
        percent((tokens as f64 - expected(tokens, dim)).max(0.0), tokens)
    };
    let points = |x: fn(&Share) -> usize, y: fn(&Share) -> f64| -> Vec<(f64, f64)> {
        shares.iter().map(|share| (x(share) as f64, percent(y(share), share.tokens))).collect()
    };
    let curves = |name: fn(usize) -> String, of: &[usize], along: &[usize], flip: bool| {
        let at = |fixed: usize, x: usize| if flip { normal(fixed, x) } else { normal(x, fixed) };
        let curve = |&fixed: &usize| {
            let points = along.iter().map(|&x| (x as f64, at(fixed, x))).collect();
            Series::new(name(fixed), Drawn::Line, points)
        };
        of.iter().map(curve).collect::<Vec<_>>()
    };
    let panel = |title: &str, x: &str, at: fn(&Share) -> usize, lines: Vec<Series>| {
        let mut series = vec![
            Series::new("published head", Drawn::Dots, points(at, |share| share.lost as f64)),
            Series::new("normal rows of its size", Drawn::Dots, points(at, |share| share.theory)),
        ];
        series.extend(lines);
        Panel {
            title: title.to_owned(),
            x: Axis::log(x),
            y: Axis::from_zero("unargmaxable over all hidden states, %"),
            series,
        }
    };
    let tokens = [10, 30, 100, 300, 1000, 3000, 10_000, 30_000, 100_000, 300_000];
    let dims = [2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 128, 256, 1024];
    let of_dim = curves(|d| format!("normal, d = {d}"), &[8, 16], &tokens, false);
    let of_tokens = curves(|v| format!("normal, V = {v}"), &[100, 1000, 100_000], &dims, true);
    Figure {
        name: "lost".to_owned(),
        caption: "Share of tokens lost over all hidden states, and what rows of normal numbers are expected to lose."
            .to_owned(),
        panels: vec![
            panel("Lost tokens by V", "tokens, V", |share| share.tokens, of_dim),
            panel("Lost tokens by d", "dimensions, d", |share| share.dim, of_tokens),
        ],
    }
}

/// An audit that is read from its folder.
struct Audited {
    /// The name of the folder.
    name: String,
    summary: Summary,
    /// SHA-256 of the certificate.
    certificate: String,
}

impl Audited {
    /// Reads a folder that `unargmax audit --out` wrote.
    fn read(folder: &Path) -> Result<Self> {
        let name = folder.file_name().with_context(|| folder.display().to_string())?;
        let file = folder.join("certificate.safetensors");
        let bytes = std::fs::read(&file).with_context(|| file.display().to_string())?;
        Ok(Audited {
            name: name.to_string_lossy().into_owned(),
            summary: Summary::open(&folder.join("summary.json"))?,
            certificate: Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect(),
        })
    }

    /// The audit over the domain, and the one over all hidden states, where that is another.
    fn audits(&self) -> impl Iterator<Item = &AuditEntry> {
        std::iter::once(self.summary.audit()).chain(self.summary.free())
    }
}
