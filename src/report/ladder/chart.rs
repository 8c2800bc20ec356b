//! Draws the ladder, and how much of the budget the successes took.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::{LadderReport, Rung};
use crate::report::plots::Figure;
use crate::report::plots::canvas::{Colour, Form, draw, letters};
use crate::report::plots::chart::{Axis, chart};
use crate::report::ticks::Kind;
use crate::report::words::counted;

/// The height of a bar with its distance to the next, in pixels.
const LINE: i32 = 34;

/// The rungs as bars: proofs filled, searches framed.
pub fn ladder(report: &LadderReport) -> Figure {
    let rungs = report.rungs();
    let alternative: Vec<String> = rungs
        .iter()
        .map(|rung| match rung.proof {
            true => format!(
                "{}: {} can, {} cannot, {} undecided",
                rung.name, rung.yes, rung.no, rung.open
            ),
            false => format!("{}: {} found, {} not found", rung.name, rung.yes, rung.open),
        })
        .collect();
    Figure::new(
        "ladder",
        "How far down each token can be reached",
        "Each bar is all wanted tokens. High bars are proofs: what can win is left, what cannot is right, and between them is what is \
         open. In low bars the filled part was found and checked exactly; the empty part was not found, which proves nothing."
            .to_owned(),
        alternative.join("; ") + ".",
        |form| bars(form, &rungs, report.tokens.len()),
    )
}

fn bars(form: Form, rungs: &[Rung], all: usize) -> String {
    let (left, right) = form.pick((190, 80), (24, 80));
    // On a narrow picture the names stand above the bars.
    let line = form.pick(LINE, LINE + 14);
    draw(form.width(), (line * rungs.len() as i32 + 12) as u32, |area| {
        let room = form.width() as i32 - left - right;
        let end = |count: usize| {
            left + (count as f64 / all.max(1) as f64 * f64::from(room)).round() as i32
        };
        for (i, rung) in rungs.iter().enumerate() {
            let middle = 6 + line * i as i32 + form.pick(line / 2, line / 2 + 7);
            let (h, v, at) = form.pick(
                (HPos::Right, VPos::Center, (left - 8, middle)),
                (HPos::Left, VPos::Bottom, (left, middle - 12)),
            );
            area.draw(&Text::new(rung.name, at, letters(13, Colour::Ink, h, v)))?;
            let half = if rung.proof { 10 } else { 6 };
            let bar = |from: i32, to: i32| [(from, middle - half), (to, middle + half)];
            let yes = end(rung.yes);
            if rung.yes > 0 {
                area.draw(&Rectangle::new(bar(left, yes), Colour::Win.rgb().filled()))?;
            }
            let lost = end(all - rung.no);
            if rung.no > 0 {
                area.draw(&Rectangle::new(bar(lost, left + room), Colour::Lose.rgb().filled()))?;
            }
            if rung.open > 0 {
                let open = bar(yes, if rung.proof { lost } else { left + room });
                area.draw(&Rectangle::new(open, Colour::Muted.rgb().stroke_width(1)))?;
            }
            let counts = format!("{} of {all}", rung.yes);
            let style = letters(12, Colour::Muted, HPos::Left, VPos::Center);
            area.draw(&Text::new(counts, (left + room + 8, middle), style))?;
        }
        Ok(())
    })
}

/// How many tokens were reached within a budget of steps, or of prompts.
pub fn budgets(report: &LadderReport) -> Vec<Figure> {
    let soft: Vec<(bool, usize)> = report
        .tokens
        .iter()
        .filter_map(|c| c.soft.as_ref().map(|soft| (c.soft_wins(), soft.steps)))
        .collect();
    let discrete: Vec<(bool, usize)> = report
        .tokens
        .iter()
        .filter_map(|c| c.discrete.as_ref().map(|d| (c.discrete_wins(), d.forwards as usize)))
        .collect();
    let kinds = [
        ("soft-budget", "Soft prompts: reached against steps", "steps of the optimiser", soft),
        (
            "prompt-budget",
            "Prompts of tokens: reached against prompts tried",
            "prompts tried",
            discrete,
        ),
    ];
    kinds
        .into_iter()
        .filter_map(|(name, title, what, spent)| curve(name, title, what, &spent))
        .collect()
}

fn curve(name: &str, title: &str, what: &str, spent: &[(bool, usize)]) -> Option<Figure> {
    let mut steps: Vec<usize> = spent.iter().filter(|(found, _)| *found).map(|s| s.1).collect();
    steps.sort_unstable();
    let most = spent.iter().map(|s| s.1).max()?;
    let half = *steps.get(steps.len() / 2)?;
    let mut points = vec![(0.0, 0.0)];
    for (reached, &step) in steps.iter().enumerate() {
        points.push((step as f64, reached as f64));
        points.push((step as f64, reached as f64 + 1.0));
    }
    points.push((most as f64, steps.len() as f64));
    let alternative = format!(
        "{} of {} reached, half of them within {half} {what}; at most {most} were spent on one.",
        steps.len(),
        counted(spent.len(), "token")
    );
    let draw = |form: Form| {
        draw(form.width(), 260, |area| {
            let across = Axis {
                range: (0.0, most.max(1) as f64 * 1.02),
                kind: Kind::Counts,
                most: form.pick(8, 4),
                name: what,
            };
            let mut chart = chart(
                area,
                form,
                (12, 26),
                across,
                Axis::of_tokens(spent.len(), 6, form, "tokens"),
            )?;
            chart
                .draw_series(LineSeries::new(points.clone(), Colour::Win.rgb().stroke_width(2)))?;
            let all = spent.len() as f64;
            let line = [(0.0, all), (most.max(1) as f64, all)];
            chart.draw_series(LineSeries::new(line, Colour::Muted.rgb()))?;
            Ok(())
        })
    };
    let caption = "The line above is all wanted tokens. What was not reached by the end of the budget may still be possible.";
    Some(Figure::new(name, title, caption.to_owned(), alternative, draw))
}
