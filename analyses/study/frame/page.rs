//! The page of a study. It loads nothing but the figures beside it.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::provenance::Provenance;
use super::{Outcome, Standing, Study, Table};

/// The most rows of a table on the page; the CSV file has all.
const ROWS: usize = 80;

/// Tables of more columns are printed small, on pages across.
const WIDE: usize = 10;

/// Words of more letters may be broken: hashes, ranges.
const LONG: usize = 20;

const STYLE: &str = "
body { font: 16px/1.5 system-ui, sans-serif; color: #1c2330; background: #fff; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.6rem; line-height: 1.25 } h2 { font-size: 1.2rem; margin-top: 2rem }
table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums }
caption { text-align: left; padding: .3rem 0 } .scroll { overflow-x: auto; margin: 1rem 0 }
th, td { border-bottom: 1px solid #c5ccd8; padding: .2rem .6rem; text-align: left; vertical-align: top }
thead th { border-bottom: 2px solid #566074 } tbody th { font-weight: 500 } td.number { text-align: right; white-space: nowrap }
img { max-width: 100%; height: auto } figure { margin: 1.5rem 0 } figcaption, .small { color: #566074; font-size: .85rem }
strong.wrong { color: #fff; background: #a01535; padding: 0 .3rem } code { font-size: .9em }
pre { overflow-x: auto } p, li { overflow-wrap: anywhere } td.long { overflow-wrap: anywhere; min-width: 8em }
@page { size: portrait; margin: 12mm } @page wide { size: landscape }
@media print {
  body { margin: 0; max-width: none; font-size: 11pt } figure, tr { break-inside: avoid } img { max-height: 250mm }
  .scroll { overflow: visible } table { font-size: 9pt }
  .wide { page: wide } .wide table { font-size: 6pt } .wide th, .wide td { padding: 1pt 2pt }
}
";

/// The page.
pub fn render(study: &Study, outcome: &Outcome, provenance: &Provenance) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (study.title) }
                link rel="icon" href="data:,";
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    h1 { (study.title) }
                    p { strong { "Claim. " } (study.claim) }
                    p .small { "Source: " (study.source) }
                    h2 { "Found" }
                    ul { @for finding in &outcome.findings { li { (finding) } } }
                    @if !outcome.comparisons.is_empty() { (compared(outcome)) }
                    @for figure in &outcome.figures {
                        figure { img src={ (figure.name) ".svg" } alt=(figure.caption); figcaption { (figure.caption) } }
                    }
                    @if !outcome.tables.is_empty() { h2 { "Tables" } }
                    @for table in &outcome.tables { (tabled(table)) }
                    @if !outcome.remarks.is_empty() { h2 { "Method and limits" } }
                    @for remark in &outcome.remarks { p { (remark) } }
                    h2 { "Remake it" }
                    pre { code { (provenance.command) } }
                    p .small {
                        "Commit " (provenance.commit) ", " (provenance.date) ", " (provenance.time) " on " (provenance.machine)
                        " (load of the minute before: " (provenance.load) ")."
                    }
                }
            }
        }
    }
    .into_string()
}

fn compared(outcome: &Outcome) -> Markup {
    html! {
        h2 { "Beside published and computed numbers" }
        div .scroll { table {
            thead { tr {
                @for heading in ["", "elsewhere", "from", "here", "difference", ""] { th scope="col" { (heading) } }
            } }
            tbody { @for c in &outcome.comparisons { tr {
                th scope="row" { (c.what) }
                td .number { (c.published) }
                td { (c.from) }
                td .number { (c.ours) }
                td .number { (c.difference) }
                td {
                    @if c.standing == Standing::Wrong { strong .wrong { (c.standing.says()) } }
                    @else { (c.standing.says()) }
                }
            } } }
        } }
    }
}

fn tabled(table: &Table) -> Markup {
    let class = |cell: &String| match cell.trim_end_matches(" %").parse::<f64>() {
        Ok(_) => Some("number"),
        Err(_) => cell.split(' ').any(|word| word.len() > LONG).then_some("long"),
    };
    html! {
        div .scroll .wide[table.columns.len() > WIDE] { table {
            caption {
                (table.caption) " (" code { (table.name) ".csv" }
                @if table.rows.len() > ROWS { "; the first " (ROWS) " of " (table.rows.len()) " rows" }
                ")"
            }
            thead { tr { @for column in &table.columns { th scope="col" { (column) } } } }
            tbody { @for (at, row) in table.rows.iter().take(ROWS).enumerate() { tr {
                @for (column, cell) in row.iter().enumerate() {
                    td class=[class(cell)] {
                        @match table.links.get(at).filter(|_| column == 0) {
                            Some(link) => a href=(link) { (cell) },
                            None => (cell),
                        }
                    }
                }
            } } }
        } }
    }
}
