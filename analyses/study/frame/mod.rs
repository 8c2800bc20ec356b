//! What all studies share.

pub mod figure;
pub mod folder;
pub mod numpy;
pub mod page;
pub mod provenance;
pub mod statistics;

use std::path::PathBuf;

use anyhow::{Result, ensure};

use figure::Figure;

/// A claim and how to measure it.
pub struct Study {
    /// Of its folder and on the command line.
    pub name: &'static str,
    pub title: &'static str,
    /// What was said, in a sentence or two.
    pub claim: &'static str,
    /// Who said it and where.
    pub source: &'static str,
    pub run: fn(&Setting) -> Result<Outcome>,
}

/// The options of a run of a study.
pub struct Setting {
    /// Whether to do little: at most 20 seconds, and without models.
    pub quick: bool,
    /// 0 for all cores.
    pub threads: usize,
    pub models: PathBuf,
    /// The folder of audits that analyses/atlas/Snakefile writes.
    pub audits: PathBuf,
    pub python: PathBuf,
    /// The root of the repository.
    pub root: PathBuf,
    /// For files that nobody keeps.
    pub scratch: PathBuf,
}

impl Setting {
    /// `full`, or `quick` in a quick run.
    pub fn pick<T>(&self, quick: T, full: T) -> T {
        if self.quick { quick } else { full }
    }

    /// A file or folder of the models, which must be there.
    pub fn model(&self, path: &str) -> Result<PathBuf> {
        let found = self.models.join(path);
        let model = path.split('/').next().unwrap_or(path);
        ensure!(
            found.exists(),
            "{} is missing: python3 analyses/fetch_heads.py {model} --out models",
            found.display()
        );
        Ok(found)
    }

    /// A file of the repository.
    pub fn file(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }
}

/// How a number stands to the one that was published.
#[derive(Clone, Debug, PartialEq)]
pub enum Standing {
    /// The same, or as near as chance allows.
    Agrees,
    /// Another, for this reason.
    Explained(String),
    /// Another, and nobody knows why.
    Open(String),
    /// Another than it must be: an error here or there. The run ends with status 1.
    Wrong,
}

impl Standing {
    pub fn says(&self) -> String {
        match self {
            Standing::Agrees => "agrees".to_owned(),
            Standing::Explained(why) => format!("differs: {why}"),
            Standing::Open(what) => format!("open: {what}"),
            Standing::Wrong => "WRONG".to_owned(),
        }
    }

    /// Whether two numbers that must be the same are.
    pub fn same<T: PartialEq>(one: T, other: T) -> Self {
        if one == other { Standing::Agrees } else { Standing::Wrong }
    }
}

/// A published or computed number beside the one measured here.
#[derive(Clone, Debug)]
pub struct Comparison {
    pub what: String,
    /// The number elsewhere.
    pub published: String,
    /// Where it is from.
    pub from: String,
    pub ours: String,
    pub difference: String,
    pub standing: Standing,
}

/// A table of the page and a CSV file of the same rows.
#[derive(Clone, Debug)]
pub struct Table {
    /// Of the file, without `.csv`.
    pub name: String,
    pub caption: String,
    pub columns: Vec<String>,
    pub rows: Vec<Vec<String>>,
    /// Where the first cell of each row leads on the page; may be left empty.
    pub links: Vec<String>,
}

impl Table {
    pub fn new(name: &str, caption: &str, columns: &[&str]) -> Self {
        let columns = columns.iter().map(|&column| column.to_owned()).collect();
        let (rows, links) = (Vec::new(), Vec::new());
        Table { name: name.to_owned(), caption: caption.to_owned(), columns, rows, links }
    }

    pub fn push(&mut self, row: &[&dyn std::fmt::Display]) {
        assert_eq!(row.len(), self.columns.len(), "{}", self.name);
        self.rows.push(row.iter().map(ToString::to_string).collect());
    }
}

/// What a study found.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The findings, a sentence each, with numbers.
    pub findings: Vec<String>,
    pub comparisons: Vec<Comparison>,
    pub tables: Vec<Table>,
    pub figures: Vec<Figure>,
    /// More files: their paths in the result folder, and the files that they copy.
    pub files: Vec<(String, PathBuf)>,
    /// How it was done, and what the numbers do not say; a paragraph each.
    pub remarks: Vec<String>,
}

impl Outcome {
    /// Adds a comparison.
    pub fn compare(
        &mut self,
        what: impl Into<String>,
        (published, from): (impl Into<String>, &str),
        ours: impl Into<String>,
        difference: impl Into<String>,
        standing: Standing,
    ) {
        self.comparisons.push(Comparison {
            what: what.into(),
            published: published.into(),
            from: from.to_owned(),
            ours: ours.into(),
            difference: difference.into(),
            standing,
        });
    }

    /// Whether no comparison is wrong.
    pub fn agrees(&self) -> bool {
        self.comparisons.iter().all(|c| c.standing != Standing::Wrong)
    }

    /// The findings and the comparisons, for the terminal.
    pub fn as_text(&self, study: &Study) -> String {
        let mut text = format!("{}: {}\n", study.name, study.title);
        for finding in &self.findings {
            text += &format!("  - {finding}\n");
        }
        for c in &self.comparisons {
            let Comparison { what, published, from, ours, difference, standing } = c;
            let says = standing.says();
            text +=
                &format!("  {what}: {published} ({from}), here {ours} ({difference}): {says}\n");
        }
        text
    }
}
