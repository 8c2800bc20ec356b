//! The figures of the study.

use super::run::{Audited, Config, Run};
use crate::frame::figure::{Axis, Drawn, Figure, Panel, Series};
use crate::frame::statistics::quantile;

type Runs = [(Config, Run, Vec<Audited>)];

pub fn of(runs: &Runs) -> Vec<Figure> {
    let mut figures = vec![lost(runs), leads(runs), spread(runs)];
    figures.extend(new_rows(runs));
    figures
}

/// A line of a run over its steps, before rows are added.
fn line(config: &Config, run: &Run, audited: &[Audited], y: impl Fn(&Audited) -> f64) -> Series {
    let name = format!("{}, decay {}", config.head(), config.decay);
    let base = audited.iter().filter(|a| run.new_from.is_none_or(|first| a.step < first));
    Series::new(name, Drawn::Both, base.map(|a| (a.step as f64, y(a))).collect())
}

fn widths(runs: &Runs) -> Vec<usize> {
    let mut widths: Vec<usize> = runs.iter().map(|(config, ..)| config.width).collect();
    widths.dedup();
    widths
}

/// Lost tokens by step, those of the text and the absent ones.
fn lost(runs: &Runs) -> Figure {
    let mut panels = Vec::new();
    for width in widths(runs) {
        for (absent, what) in [(true, "absent from the text"), (false, "of the text")] {
            let of_width = runs.iter().filter(|(config, ..)| config.width == width);
            let share = |run: &Run, a: &Audited| {
                let count =
                    a.lost.iter().filter(|&&t| (t as usize >= run.present) == absent).count();
                let all = if absent { run.rows - run.present } else { run.present };
                100.0 * count as f64 / all as f64
            };
            panels.push(Panel {
                title: format!("width {width}: tokens {what}"),
                x: Axis::from_zero("step of training"),
                y: Axis::from_zero("unargmaxable, %"),
                series: of_width
                    .map(|(c, run, audited)| line(c, run, audited, |a| share(run, a)))
                    .collect(),
            });
        }
    }
    Figure {
        name: "lost".to_owned(),
        caption: "Share of tokens that no hidden state behind the final norm makes the winner, by step of training.".to_owned(),
        panels,
    }
}

/// The best leads by step, of tokens of the text and of absent ones.
fn leads(runs: &Runs) -> Figure {
    let mut panels = Vec::new();
    for width in widths(runs) {
        for (which, what) in ["of the text", "absent from the text"].into_iter().enumerate() {
            let of_width = runs.iter().filter(|(config, ..)| config.width == width);
            panels.push(Panel {
                title: format!("width {width}: tokens {what}"),
                x: Axis::from_zero("step of training"),
                y: Axis::from_zero("median of the best lead, logits"),
                series: of_width
                    .map(|(c, run, audited)| {
                        line(c, run, audited, |a| quantile(&a.leads[which], 0.5))
                    })
                    .collect(),
            });
        }
    }
    Figure {
        name: "leads".to_owned(),
        caption: "Lead over all rivals at the state behind the final norm that suits a token best, by step of training: medians of 50 tokens, 0 for those that \
                  never lead."
            .to_owned(),
        panels,
    }
}

/// The spread of singular values by step.
fn spread(runs: &Runs) -> Figure {
    let panel = |width: usize| Panel {
        title: format!("width {width}"),
        x: Axis::from_zero("step of training"),
        y: Axis::from_zero("spread of singular values, of d"),
        series: runs
            .iter()
            .filter(|(config, ..)| config.width == width)
            .map(|(c, run, audited)| line(c, run, audited, |a| a.participation))
            .collect(),
    };
    Figure {
        name: "spread".to_owned(),
        caption: "(sum s^2)^2 / sum s^4 of the singular values of the output layer: d if all directions count alike.".to_owned(),
        panels: widths(runs).into_iter().map(panel).collect(),
    }
}

/// New rows that cannot win, by step after they were added.
fn new_rows(runs: &Runs) -> Option<Figure> {
    const NAMES: [&str; 5] =
        ["mean + 1e-9 cov.", "mean", "N(0, 0.02)", "mean of three", "mean + cov."];
    let mut panels = Vec::new();
    for (config, run, audited) in runs {
        let Some(first) = run.new_from else { continue };
        let later: Vec<&Audited> = audited.iter().filter(|a| a.step >= first).collect();
        let each = (later[0].tokens - run.rows) / NAMES.len();
        let cannot = |recipe: usize, a: &Audited| {
            let ids = run.rows + recipe * each..run.rows + (recipe + 1) * each;
            ids.filter(|&t| a.cannot_win(t as u32)).count() as f64
        };
        let series = |(recipe, name): (usize, &&str)| {
            let points = later.iter().map(|a| ((a.step - first) as f64, cannot(recipe, a)));
            Series::new(*name, Drawn::Both, points.collect())
        };
        panels.push(Panel {
            title: config.to_string(),
            x: Axis::from_zero("steps after the rows were added"),
            y: Axis::from_zero(&format!("new rows that cannot win, of {each}")).with(each as f64),
            series: NAMES.iter().enumerate().map(series).collect(),
        });
    }
    (!panels.is_empty()).then(|| Figure {
        name: "new-rows".to_owned(),
        caption: "Rows added to a trained model that cannot win alone, by steps of further training on text in which the new tokens occur.".to_owned(),
        panels,
    })
}
