//! Study: which tokens do prompts reach, beside what is proved of them? It counts the tables of `unargmax reach`.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::frame::figure::{Axis, Drawn, Figure, Panel, Series};
use crate::frame::{Outcome, Setting, Standing, Study, Table};

pub const STUDY: Study = Study {
    name: "reachability",
    title: "Tokens that prompts reach, and tokens that cannot be reached",
    claim: "About half of random tokens can be made the most probable one by a prompt of at most ten tokens; why the others are not reached is unknown.",
    source: "Bhargava, Witkowski, Shah and Thomson, What's the Magic Word? A Control Theory of LLM Prompting, 2023 (arXiv:2310.04444): \
             644 of 1,256 random targets of Falcon-7B and 818 of 1,257 of LLaMA-7B, counted from its raw tables.",
    run,
};

/// The models: the name of the folder under `reports/reach`, and what it is called on the page.
const MODELS: [(&str, &str); 2] =
    [("smollm2", "SmolLM2-135M-Instruct"), ("rxnmapper", "RXNMapper")];

/// A row of `reach.csv`.
#[derive(Deserialize)]
struct Row {
    id: u32,
    /// Why the token was searched.
    chosen: String,
    /// The verdict over the hidden states that occur.
    real: String,
    soft: String,
    /// Over all starts.
    soft_steps: Option<u32>,
    discrete: String,
    discrete_lead: Option<f64>,
    seen: Option<u64>,
    reached: String,
}

impl Row {
    fn can_win(&self) -> bool {
        self.real == "argmaxable"
    }

    /// Whether it is proved that the token never wins alone. An undecided token neither can nor cannot.
    fn cannot_win(&self) -> bool {
        matches!(self.real.as_str(), "tied" | "unargmaxable")
    }

    fn by_vectors(&self) -> bool {
        self.soft == "reached"
    }

    fn by_tokens(&self) -> bool {
        self.discrete == "reached"
    }
}

/// What was searched with, from `reach.json`.
#[derive(Deserialize)]
struct Searched {
    soft: Option<Soft>,
    gradient: Option<Gradient>,
}

#[derive(Deserialize)]
struct Soft {
    vectors: u32,
    steps: u32,
    starts: u32,
}

#[derive(Deserialize)]
struct Gradient {
    lengths: Vec<u32>,
    rounds: u32,
}

fn run(setting: &Setting) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    let columns = [
        "model",
        "chosen as",
        "proved",
        "tokens",
        "reached by free vectors",
        "reached by a prompt of tokens",
        "seen in the corpus",
    ];
    let caption =
        "Tokens by how they were chosen and what is proved of them; an empty cell was not searched";
    let mut table = Table::new("tokens", caption, &columns);
    let (mut efforts, mut leads) = (Vec::new(), Vec::new());
    for (folder, model) in MODELS {
        let folder = setting.file("reports/reach").join(folder);
        let (rows, searched) = read(&folder)?;
        count(&mut table, model, &rows);
        let contradicted =
            rows.iter().filter(|row| row.cannot_win() && row.reached == "yes").count();
        outcome.compare(
            format!("{model}: tokens that are reached although proved not to win"),
            ("0", "any certificate"),
            contradicted.to_string(),
            contradicted.to_string(),
            Standing::same(contradicted, 0),
        );
        if let Some(soft) = &searched.soft {
            let able = rows.iter().filter(|row| row.can_win()).count();
            let won = rows.iter().filter(|row| row.can_win() && row.by_vectors()).count();
            outcome.findings.push(format!(
                "{model}: of {able} searched tokens that are proved to win, {won} are reached by {} free vectors within {} times {} steps.",
                soft.vectors, soft.starts, soft.steps
            ));
            efforts.push(Series::new(model, Drawn::Line, steps_until(&rows, soft, able)));
        }
        if let Some(gradient) = &searched.gradient {
            compare_prompts(&mut outcome, model, &rows, gradient);
            leads.push(Series::new(model, Drawn::Line, behind(&rows)));
        }
    }
    outcome.figures.push(Figure {
        name: "budget".to_owned(),
        caption: "Tokens that can win: how many free vectors reach by a number of steps, and how far the best prompt of tokens stays behind the winner."
            .to_owned(),
        panels: vec![
            Panel {
                title: "Free vectors".to_owned(),
                x: Axis::linear("steps, over all starts"),
                y: Axis::from_zero("tokens reached, %"),
                series: efforts,
            },
            Panel {
                title: "Prompts of tokens".to_owned(),
                x: Axis::linear("behind the winner, logits (0: reached)"),
                y: Axis::from_zero("tokens at most so far behind, %"),
                series: leads,
            },
        ],
    });
    outcome.tables.push(table);
    outcome.remarks = vec![
        "The searches are those of docs/reach.md, whose commands take about 50 minutes of processor time; this page counts their committed tables (reports/reach), so a quick run is the full one. \
         `free vectors` stand in place of token embeddings; a `prompt of tokens` survives decoding and encoding."
            .to_owned(),
        "Not reached means not within this budget. Only the proofs say of a token that no input reaches it."
            .to_owned(),
    ];
    Ok(outcome)
}

/// Reads the folder that `unargmax reach --out` wrote.
fn read(folder: &Path) -> Result<(Vec<Row>, Searched)> {
    let file = folder.join("reach.csv");
    let mut reader = csv::Reader::from_path(&file).with_context(|| file.display().to_string())?;
    let rows = reader.deserialize().collect::<Result<Vec<Row>, _>>();
    let rows = rows.with_context(|| file.display().to_string())?;
    ensure!(rows.is_sorted_by(|a, b| a.id < b.id), "{}: ids must rise", file.display());
    let file = folder.join("reach.json");
    let text = std::fs::read(&file).with_context(|| file.display().to_string())?;
    let searched = serde_json::from_slice(&text).with_context(|| file.display().to_string())?;
    Ok((rows, searched))
}

/// Adds a line for each way of choosing and verdict.
fn count(table: &mut Table, model: &str, rows: &[Row]) {
    let mut groups: BTreeMap<(&str, &str), Vec<&Row>> = BTreeMap::new();
    for row in rows {
        groups.entry((&row.chosen, &row.real)).or_default().push(row);
    }
    for ((chosen, verdict), rows) in groups {
        let of =
            |asked: fn(&Row) -> bool, won: fn(&Row) -> bool| match rows.iter().any(|r| asked(r)) {
                true => rows.iter().filter(|row| won(row)).count().to_string(),
                false => String::new(),
            };
        table.push(&[
            &model,
            &chosen,
            &verdict,
            &rows.len(),
            &of(|row| !row.soft.is_empty(), Row::by_vectors),
            &of(|row| !row.discrete.is_empty(), Row::by_tokens),
            &of(|row| row.seen.is_some(), |row| row.seen.is_some_and(|n| n > 0)),
        ]);
    }
}

/// Puts the share of ordinary tokens that prompts reach beside the published ones.
fn compare_prompts(outcome: &mut Outcome, model: &str, rows: &[Row], gradient: &Gradient) {
    let ordinary: Vec<&Row> = rows.iter().filter(|row| row.chosen == "sample").collect();
    let won = ordinary.iter().filter(|row| row.by_tokens()).count();
    let share = |won: usize, of: usize| 100.0 * won as f64 / of as f64;
    let ours = share(won, ordinary.len());
    let longest = gradient.lengths.iter().max().copied().unwrap_or(1);
    for (other, reached, of) in [("Falcon-7B", 644, 1256), ("LLaMA-7B", 818, 1257)] {
        let theirs = share(reached, of);
        outcome.compare(
            format!("ordinary random tokens that a prompt reaches, {model} beside {other}"),
            (format!("{reached} of {of} ({theirs:.0} %)"), "arXiv:2310.04444"),
            format!("{won} of {} ({ours:.0} %)", ordinary.len()),
            format!("{:+.0} points", ours - theirs),
            Standing::Explained(format!(
                "prompts of at most {longest} tokens by {} rounds, without a text behind them, and a model of a fiftieth of the size; there up to 10 tokens",
                gradient.rounds
            )),
        );
    }
    let able = ordinary.iter().filter(|row| row.can_win()).count();
    let unable: Vec<&Row> = rows.iter().filter(|row| row.cannot_win()).collect();
    let reached = unable.iter().filter(|row| row.reached == "yes").count();
    outcome.findings.push(format!(
        "{model}: prompts of at most {longest} tokens reach {won} of {} ordinary tokens, of which {able} can win; {} searched tokens cannot win, by proof, and {reached} of them are reached.",
        ordinary.len(),
        unable.len()
    ));
}

/// The share of tokens that can win which free vectors reached within a number of steps.
fn steps_until(rows: &[Row], soft: &Soft, able: usize) -> Vec<(f64, f64)> {
    let reached = rows.iter().filter(|row| row.can_win() && row.by_vectors());
    let mut steps: Vec<f64> = reached.filter_map(|row| row.soft_steps).map(f64::from).collect();
    steps.sort_by(f64::total_cmp);
    let share = |count: usize| 100.0 * count as f64 / able as f64;
    let mut points = vec![(0.0, 0.0)];
    points.extend(steps.iter().enumerate().map(|(count, &at)| (at, share(count + 1))));
    points.push((f64::from(soft.starts * soft.steps), share(steps.len())));
    points
}

/// The share of tokens that can win whose best prompt stays at most so many logits behind the winner.
fn behind(rows: &[Row]) -> Vec<(f64, f64)> {
    let able = rows.iter().filter(|row| row.can_win());
    let mut lacking: Vec<f64> =
        able.filter_map(|row| row.discrete_lead).map(|lead| (-lead).max(0.0)).collect();
    lacking.sort_by(f64::total_cmp);
    let of = lacking.len() as f64;
    lacking.iter().enumerate().map(|(i, &x)| (x, 100.0 * (i + 1) as f64 / of)).collect()
}
