//! Draws which share of each block of ids can never win, audit by audit.

use plotters::prelude::*;

use super::Figure;
use super::canvas::{Colour, Form, Hovers, draw_hovering};
use super::chart::{Axis, Chart, chart};
use crate::report::terms::Terms;
use crate::report::ticks::{Kind, tidy};
use crate::report::words::{counted, grouped, percent};

/// The most blocks of ids.
const BLOCKS: usize = 40;
/// The fewest audits for which a map says more than lines do.
const FEWEST: usize = 8;

/// The most audits whose columns are wide enough for the pointer.
const MOST_POINTED: usize = 300;

/// The audits of a run, for a map.
pub struct Audits {
    /// The step of each audit, rising, or its place if it has none.
    pub places: Vec<f64>,
    /// Whether `places` are steps.
    pub are_steps: bool,
    /// The name of each audit.
    pub names: Vec<String>,
    /// The number of rows of the head.
    pub tokens: usize,
    /// For each audit the ids of tokens, padding apart, each with whether it can never win.
    pub lost: Vec<Vec<(u32, bool)>>,
}

/// How many tokens of a block were decided, and how many of them are lost.
type Cell = (usize, usize);

/// A map with a row for each block of ids and a column for each audit; `None` for few audits, or if nothing is lost.
pub fn figure(audits: &Audits, terms: &Terms) -> Option<Figure> {
    if audits.lost.len() < FEWEST || !audits.lost.iter().flatten().any(|(_, lost)| *lost) {
        return None;
    }
    let step = tidy(audits.tokens.div_ceil(BLOCKS));
    let cells: Vec<Vec<Cell>> = audits.lost.iter().map(|rows| counts(rows, step, audits)).collect();
    let greatest = cells.iter().flatten().map(share).fold(0.0, f64::max);
    let Terms { token, tokens, never_win, .. } = terms;
    let caption = format!(
        "Which ids lose, and when: each column is one audit, each row {}, from id 0 at the bottom. The stronger the colour of \
         a cell, the larger the share of its {tokens} that {never_win}, up to {}; an empty cell has none.",
        counted(step, "consecutive id"),
        percent((greatest * 1e6).round() as usize, 1_000_000)
    );
    let picture = |form: Form| {
        draw_hovering(form.width(), form.pick(430, 320), |area, hovers| {
            let edges = edges(&audits.places);
            let across = Axis {
                range: (edges[0].0, edges[edges.len() - 1].1),
                kind: Kind::Counts,
                most: form.pick(8, 4),
                name: if audits.are_steps { "step" } else { "audit, in the given order" },
            };
            let name = format!("{token} id");
            let up = Axis {
                range: (0.0, (cells[0].len() * step) as f64),
                kind: Kind::Counts,
                most: 8,
                name: form.pick(&name, ""),
            };
            let mut chart = chart(area, form, (12, 26), across, up)?;
            for (i, column) in cells.iter().enumerate() {
                chart.draw_series(boxes(column, edges[i], (step, greatest)))?;
                if form == Form::Wide && cells.len() <= MOST_POINTED {
                    say(&chart, hovers, (column, &audits.names[i]), edges[i], step);
                }
            }
            Ok(())
        })
    };
    let title = format!("Where {tokens} {never_win}, audit by audit");
    Some(Figure::new("map", title, caption, alternative(&cells, audits, step), picture))
}

/// The cells of one audit.
fn counts(rows: &[(u32, bool)], step: usize, audits: &Audits) -> Vec<Cell> {
    let mut cells = vec![(0, 0); audits.tokens.div_ceil(step)];
    for (id, lost) in rows {
        let cell = &mut cells[*id as usize / step];
        cell.0 += 1;
        cell.1 += usize::from(*lost);
    }
    cells
}

/// The ends of each column: halfway to the neighbours.
fn edges(places: &[f64]) -> Vec<(f64, f64)> {
    let middle = |i: usize| (places[i] + places[i + 1]) / 2.0;
    let last = places.len() - 1;
    (0..=last)
        .map(|i| {
            let before = if i > 0 { middle(i - 1) } else { 2.0 * places[0] - middle(0) };
            let after = if i < last { middle(i) } else { 2.0 * places[last] - middle(last - 1) };
            (before, after)
        })
        .collect()
}

/// The share of a cell that is lost.
fn share(cell: &Cell) -> f64 {
    if cell.0 == 0 { 0.0 } else { cell.1 as f64 / cell.0 as f64 }
}

/// The boxes of a column that are not empty; neighbours of one share are one box.
fn boxes(
    column: &[Cell],
    ends: (f64, f64),
    (step, greatest): (usize, f64),
) -> Vec<Rectangle<(f64, f64)>> {
    let mut boxes = Vec::new();
    let mut from = 0;
    for run in column.chunk_by(|a, b| share(a) == share(b)) {
        let to = from + run.len();
        let share = share(&run[0]);
        if share > 0.0 {
            let corners = [(ends.0, (from * step) as f64), (ends.1, (to * step) as f64)];
            let fill = Colour::Lose.rgb().mix(0.15 + 0.85 * share / greatest).filled();
            boxes.push(Rectangle::new(corners, fill));
        }
        from = to;
    }
    boxes
}

/// Lets each cell that is not empty say its numbers.
fn say(
    chart: &Chart,
    hovers: &mut Hovers,
    (column, name): (&[Cell], &str),
    ends: (f64, f64),
    step: usize,
) {
    for (block, &(all, lost)) in column.iter().enumerate().filter(|(_, cell)| cell.1 > 0) {
        let (from, to) = (block * step, (block + 1) * step);
        let says = format!(
            "{name}, ids {from} to {}: {} of {} ({})",
            to - 1,
            grouped(lost),
            grouped(all),
            percent(lost, all)
        );
        let corner = |x: f64, y: usize| chart.backend_coord(&(x, y as f64));
        hovers.add(corner(ends.0, from), corner(ends.1, to), &says);
    }
}

/// The block with the most lost tokens over all audits, in words.
fn alternative(cells: &[Vec<Cell>], audits: &Audits, step: usize) -> String {
    let sum = |block: usize| cells.iter().map(|column| column[block].1).sum::<usize>();
    let blocks = cells[0].len();
    let heaviest = (0..blocks).rev().max_by_key(|&block| sum(block)).unwrap_or(0);
    let never = (0..blocks).filter(|&block| sum(block) == 0).count();
    format!(
        "{} of {blocks} blocks of ids lose nothing in any audit. The block that loses most is ids {} to {}: {} in {}, {} in {}.",
        grouped(never),
        heaviest * step,
        ((heaviest + 1) * step).min(audits.tokens) - 1,
        grouped(cells[0][heaviest].1),
        audits.names[0],
        grouped(cells[cells.len() - 1][heaviest].1),
        audits.names[cells.len() - 1],
    )
}
