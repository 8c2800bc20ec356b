//! Study: whether rows added to a vocabulary can win.

mod recipes;

use anyhow::Result;
use unargmax::audit::Counts;
use unargmax::{Domain, Head, Options, audit};

use super::real_heads::{self, biases, rows};
use crate::frame::numpy::RandomState;
use crate::frame::{Outcome, Setting, Standing, Study, Table};
use recipes::Recipe;

pub const STUDY: Study = Study {
    name: "new-rows",
    title: "Can a row that was just added to a vocabulary win?",
    claim: "New rows are drawn near the mean of the old ones so that training starts well. On rxnmapper's head all ten rows of the default \
            recipe of the Python package transformers were unargmaxable, and none of N(0, 0.02).",
    source: "The recipe: resize_token_embeddings of transformers since 2024 (mean_resizing: normal, the mean of all rows, their covariance times \
             1e-9), after Hewitt, \"Initializing New Word Embeddings for Pretrained Language Models\" (2021). The numbers: this project, 2026-11-28; nothing was published.",
    run,
};

/// New rows of each recipe.
const NEW: usize = 10;
const SEED: u32 = 21;

fn run(setting: &Setting) -> Result<Outcome> {
    let mut subjects: Vec<(String, Head, Domain)> = Vec::new();
    for real in real_heads::bundled(setting)? {
        let free = Domain::free(real.head().dim());
        subjects.push((format!("{}, free", real.name), real.head().clone(), free));
    }
    if !setting.quick {
        for real in [
            real_heads::rxnmapper(setting)?,
            real_heads::smollm2(setting)?,
            real_heads::whisper(setting)?,
        ] {
            let free = Domain::free(real.head().dim());
            if real.name != "rxnmapper" {
                subjects.push((format!("{}, free", real.name), real.head().clone(), free));
            }
            subjects.push((
                format!("{}, behind its norm", real.name),
                real.head().clone(),
                real.domain().clone(),
            ));
        }
    }
    let mut outcome = Outcome::default();
    let columns =
        ["head", "V", "d", "recipe", "new rows", "argmaxable", "tied", "unargmaxable", "undecided"];
    let mut table = Table::new("recipes", "New rows of each recipe among all others", &columns);
    for (name, head, domain) in subjects {
        for recipe in Recipe::ALL {
            let counts = counts(setting, &head, &domain, recipe)?;
            let Counts { argmaxable, tied, unargmaxable, undecided } = counts;
            let (tokens, dim) = (head.tokens(), head.dim());
            table.push(&[
                &name,
                &tokens,
                &dim,
                &recipe.name(),
                &NEW,
                &argmaxable,
                &tied,
                &unargmaxable,
                &undecided,
            ]);
            if let ("rxnmapper, free", Some(lost)) = (name.as_str(), recipe.lost_of_rxnmapper()) {
                outcome.compare(
                    format!("rxnmapper, free, {}: lost of {NEW}", recipe.name()),
                    (lost.to_string(), "studies of 2026-11-28, another seed"),
                    format!("{}", NEW - argmaxable),
                    format!("{:+}", (NEW - argmaxable) as i64 - lost as i64),
                    match NEW - argmaxable == lost {
                        true => Standing::Agrees,
                        false => Standing::Open("another draw".to_owned()),
                    },
                );
            }
        }
    }
    for recipe in Recipe::ALL {
        let rows: Vec<&Vec<String>> =
            table.rows.iter().filter(|row| row[3] == recipe.name()).collect();
        let cannot = |row: &Vec<String>| NEW - row[5].parse::<usize>().unwrap_or(0);
        let of_each: Vec<String> =
            rows.iter().map(|row| format!("{} ({})", cannot(row), row[0])).collect();
        outcome.findings.push(format!(
            "{}: of {NEW} new rows cannot win alone: {}.",
            recipe.name(),
            of_each.join(", ")
        ));
    }
    outcome.tables.push(table);
    outcome.remarks = vec![
        "The new rows of one recipe are added to the old ones, all are stored in float32, and the new ones are audited. Biases: of the mean recipes and of pieces likewise \
         drawn or averaged, else 0. Equal new rows can only tie among themselves; a row of the exact mean repeats ten times here."
            .to_owned(),
        "How long training must go on until a new row first wins is measured in the study training.".to_owned(),
    ];
    Ok(outcome)
}

fn counts(setting: &Setting, head: &Head, domain: &Domain, recipe: Recipe) -> Result<Counts> {
    let (tokens, dim) = (head.tokens(), head.dim());
    let (mut all, mut bias) = (rows(head), biases(head));
    let new = recipe.rows(&all, bias.as_deref(), dim, NEW, &mut RandomState::new(SEED));
    all.extend(new.rows);
    if let (Some(bias), Some(new)) = (&mut bias, new.biases) {
        bias.extend(new);
    }
    let narrow: Vec<f32> = all.into_iter().map(|x| x as f32).collect();
    let head = Head::new(narrow, bias, tokens + NEW, dim)?;
    let ids: Vec<u32> = (tokens as u32..(tokens + NEW) as u32).collect();
    let options = Options { tokens: Some(&ids), threads: setting.threads, ..Options::default() };
    Ok(audit(&head, domain, options)?.counts())
}
