//! Study: when tokens die in training, and whether they come back.

mod figures;
mod run;

use anyhow::Result;

use crate::frame::statistics::quantile;
use crate::frame::{Outcome, Setting, Standing, Study, Table};
use run::{Audited, Config, Run};

pub const STUDY: Study = Study {
    name: "training",
    title: "When do tokens die in training, and do they come back?",
    claim: "Rows of tokens that never occur in the data are only ever pushed away. In one small published model 99.2 % of its dead rows were \
            frozen by step 12,000.",
    source: "The published number is that of another small model, as this project's notes quote it, and about rows that stop changing. What is measured here, verdicts behind the \
             final norm by step, was not published.",
    run,
};

fn run(setting: &Setting) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    let mut steps = Table::new(
        "steps",
        "Verdicts behind the final norm, by step",
        &[
            "width",
            "head",
            "decay",
            "step",
            "loss, held out",
            "V",
            "lost, present",
            "lost, absent",
            "tied",
            "undecided",
            "wins on held-out text, present",
            "absent",
            "median ceiling of lost, %",
            "spread of singular values",
            "best lead, logits: median of 50 present",
            "of 50 absent",
        ],
    );
    let mut new = Table::new(
        "new-rows",
        "Steps of training until new rows can win, and until they do",
        &[
            "width",
            "head",
            "decay",
            "recipe",
            "rows",
            "can win at once",
            "first step at which all can win",
            "ever cannot win after that",
            "first win on held-out text, median of rows that do",
            "rows that do",
        ],
    );
    let mut runs = Vec::new();
    for config in Config::all(setting.quick) {
        let run = Run::of(setting, &config)?;
        let audited = run.audit(setting)?;
        record(&mut steps, &config, &run, &audited);
        if let Some(first) = run.new_from {
            recipes(&mut new, &config, &run, &audited, first);
        }
        conclude(&mut outcome, &config, &run, &audited);
        runs.push((config, run, audited));
    }
    outcome.compare(
        "dead rows frozen",
        ("99.2 % by step 12,000", "another small model"),
        "see the figures",
        "",
        Standing::Open(
            "that model is not in a package, and frozen is said of rows that stop changing; here rows of absent tokens are audited".to_owned(),
        ),
    );
    outcome.figures.extend(figures::of(&runs));
    if new.rows.is_empty() {
        outcome.tables = vec![steps];
    } else {
        outcome.tables = vec![steps, new];
    }
    let about = runs.first().map(|(_, run, _)| run);
    outcome.remarks = remarks(about);
    Ok(outcome)
}

/// A row for each kept step.
fn record(table: &mut Table, config: &Config, run: &Run, audited: &[Audited]) {
    for a in audited.iter().filter(|a| run.new_from.is_none_or(|first| a.step < first)) {
        let ceilings: Vec<f64> = a.ceilings.iter().map(|c| 100.0 * c.1).collect();
        let ceiling = if ceilings.is_empty() {
            String::new()
        } else {
            format!("{:.2}", quantile(&ceilings, 0.5))
        };
        let lead = |which: usize| format!("{:.3}", quantile(&a.leads[which], 0.5));
        let of = |absent: bool| {
            a.lost.iter().filter(|&&t| (t as usize >= run.present) == absent).count()
        };
        table.push(&[
            &config.width,
            &config.head(),
            &config.decay,
            &a.step,
            &format!("{:.3}", a.held_out),
            &a.tokens,
            &of(false),
            &of(true),
            &a.tied,
            &a.undecided,
            &a.winners.0,
            &a.winners.1,
            &ceiling,
            &format!("{:.1}", a.participation),
            &lead(0),
            &lead(1),
        ]);
    }
}

/// The rows that were added at `first`, by recipe.
fn recipes(table: &mut Table, config: &Config, run: &Run, audited: &[Audited], first: usize) {
    const NAMES: [&str; 5] = [
        "mean, 1e-9 of the covariance",
        "mean",
        "N(0, 0.02)",
        "mean of three rows",
        "mean, all of the covariance",
    ];
    let later: Vec<&Audited> = audited.iter().filter(|a| a.step >= first).collect();
    let each = (later[0].tokens - run.rows) / NAMES.len();
    for (recipe, name) in NAMES.iter().enumerate() {
        let ids: Vec<u32> = (0..each).map(|i| (run.rows + recipe * each + i) as u32).collect();
        let cannot = |a: &Audited| ids.iter().filter(|t| a.cannot_win(**t)).count();
        let all_can = later.iter().position(|a| cannot(a) == 0);
        let again = all_can.map(|at| later[at..].iter().filter(|a| cannot(a) > 0).count());
        let wins = ids.iter().filter_map(|&t| later.iter().find(|a| a.wins[t as usize] > 0.0));
        let wins: Vec<f64> = wins.map(|a| (a.step - first) as f64).collect();
        let median = if wins.is_empty() {
            "none".to_owned()
        } else {
            format!("{:.0}", quantile(&wins, 0.5))
        };
        let at = all_can.map_or("not yet".to_owned(), |at| (later[at].step - first).to_string());
        let again = again.map_or(String::new(), |steps| format!("{steps} of the kept steps"));
        table.push(&[
            &config.width,
            &config.head(),
            &config.decay,
            name,
            &each,
            &(each - cannot(later[0])),
            &at,
            &again,
            &median,
            &wins.len(),
        ]);
    }
}

/// What one run shows.
fn conclude(outcome: &mut Outcome, config: &Config, run: &Run, audited: &[Audited]) {
    let base: Vec<&Audited> =
        audited.iter().filter(|a| run.new_from.is_none_or(|first| a.step < first)).collect();
    let (Some(start), Some(end)) = (base.first(), base.last()) else { return };
    let absent = |a: &Audited| a.lost.iter().filter(|&&t| t as usize >= run.present).count();
    // Tokens that were lost at some kept step and are not at a later one.
    let mut returns: std::collections::BTreeSet<u32> = std::collections::BTreeSet::new();
    for pair in base.windows(2) {
        returns.extend(pair[0].lost.iter().filter(|t| !pair[1].lost.contains(t)).copied());
    }
    let most = base.iter().map(|a| a.lost.len()).max().unwrap_or(0);
    outcome.findings.push(format!(
        "{config}: lost tokens of {} are {} before training, at most {most}, and {} after {} steps ({} of them absent from the text); {} that \
         were lost came back.",
        end.tokens,
        start.lost.len(),
        end.lost.len(),
        end.step,
        absent(end),
        returns.len()
    ));
    // A probability that was seen in float32 above the proved ceiling would be an error somewhere.
    let beyond = audited.iter().flat_map(|a| a.ceilings.iter().map(move |&(t, c)| (a, t, c)));
    let beyond = beyond.filter(|(a, t, c)| f64::from(a.seen[*t as usize]) > c * 1.001).count();
    outcome.compare(
        format!("{config}: lost tokens more probable on held-out text than their ceiling"),
        ("0", "a ceiling is a bound"),
        beyond.to_string(),
        beyond.to_string(),
        Standing::same(beyond, 0),
    );
}

fn remarks(run: Option<&Run>) -> Vec<String> {
    let text = run.map_or(String::new(), |run| {
        format!(
            " Its text has {} words and the SHA-256 {}; torch {}.",
            run.about("words"),
            run.about("text"),
            run.about("torch")
        )
    });
    vec![
        format!(
            "Models of one transformer block, trained by analyses/study/studies/training/train.py on the text of Python's reference manual (module pydoc_data.topics of every \
             Python, licence of the Python Software Foundation), words as tokens, a quarter of the vocabulary never in the text; AdamW at a rate of 3e-3.{text}"
        ),
        "Every kept output layer is audited over the ball that its RMSNorm leaves. Without bias and shift the winning states form cones, so verdicts there \
         are those over all of space. Ceilings are the largest probabilities that the losing proofs allow at any hidden state."
            .to_owned(),
        "The best lead of a token is its logit less that of its strongest rival, at the state behind the norm where this is largest; 0 if it never leads. Medians \
         are those of 50 tokens of the text and 50 absent ones, at even distances of their ids. The effort of a token is 0 or infinite here, because winning states form cones."
            .to_owned(),
        "The spread of singular values is (sum s^2)^2 / sum s^4: d for rows that fill all directions alike, 1 for rows on a line.".to_owned(),
        "One seed for each setting. Torch gives other last digits on other machines, and training multiplies them: counts may differ by some. The quick run audits \
         a run that was kept in the repository."
            .to_owned(),
    ]
}
