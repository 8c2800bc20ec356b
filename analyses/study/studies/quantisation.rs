//! Study: what quantisation does to verdicts.

mod formats;

use anyhow::Result;
use unargmax::audit::Counts;
use unargmax::certify::Outcome as Verdict;
use unargmax::{Domain, Head, Options, audit};

use super::real_heads;
use crate::frame::figure::{Axis, Drawn, Figure, Panel, Series};
use crate::frame::numpy::RandomState;
use crate::frame::{Outcome, Setting, Standing, Study, Table};
use formats::Format;

pub const STUDY: Study = Study {
    name: "quantisation",
    title: "What quantising the output layer does to its verdicts",
    claim: "A quantised output layer ranks tokens almost as the original does. Whether quantisation makes tokens unargmaxable or equal was, as far as we \
            know, never published.",
    source: "The formats: IEEE 754 half precision, bfloat16, the blocks of GGUF (Q8_0, Q5_0, Q4_0, Q4_K, Q6_K) as candle quantises them, and 4-bit integers in \
             groups of 32 between the least and the largest number of the group.",
    run,
};

fn subjects(setting: &Setting) -> Result<Vec<(String, Head, Domain)>> {
    let mut found = Vec::new();
    for real in real_heads::bundled(setting)? {
        let domain = real.domain().clone();
        found.push((format!("{}, {domain}", real.name), real.head().clone(), domain));
    }
    let made = setting.pick(vec![(500, 32)], vec![(10_000, 32), (10_000, 256)]);
    for (classes, dim) in made {
        let rows: Vec<f32> =
            RandomState::new(13).normals(classes * dim).into_iter().map(|x| x as f32).collect();
        let head = Head::new(rows, None, classes, dim)?;
        found.push((format!("normal {classes} x {dim}, free"), head, Domain::free(dim)));
    }
    if !setting.quick {
        for real in [real_heads::ocr(setting)?, real_heads::rxnmapper(setting)?] {
            let domain = real.domain().clone();
            let shown = if domain.ball().is_some() {
                "behind its norm".to_owned()
            } else {
                domain.to_string()
            };
            found.push((format!("{}, {shown}", real.name), real.head().clone(), domain));
        }
    }
    Ok(found)
}

fn run(setting: &Setting) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    let columns = [
        "head",
        "V",
        "d",
        "format",
        "argmaxable",
        "tied",
        "unargmaxable",
        "undecided",
        "newly lost",
        "no longer lost",
        "newly tied",
        "no longer tied",
    ];
    let mut table = Table::new(
        "formats",
        "Verdicts before and after quantisation of the rows (biases stay as they are)",
        &columns,
    );
    for (name, head, domain) in subjects(setting)? {
        let before = verdicts(setting, &head, &domain)?;
        for format in Format::ALL {
            let Some(quantised) = format.applied(&head)? else { continue };
            let after = verdicts(setting, &quantised, &domain)?;
            let mut counts = Counts::default();
            after.iter().for_each(|&verdict| counts.add(verdict));
            let now = |verdict: Verdict| {
                before.iter().zip(&after).filter(|(a, b)| **a != verdict && **b == verdict).count()
            };
            let no_longer = |verdict: Verdict| {
                before.iter().zip(&after).filter(|(a, b)| **a == verdict && **b != verdict).count()
            };
            let Counts { argmaxable, tied, unargmaxable, undecided } = counts;
            table.push(&[
                &name,
                &head.tokens(),
                &head.dim(),
                &format.name(),
                &argmaxable,
                &tied,
                &unargmaxable,
                &undecided,
                &now(Verdict::Unargmaxable),
                &no_longer(Verdict::Unargmaxable),
                &now(Verdict::Tied),
                &no_longer(Verdict::Tied),
            ]);
        }
    }
    conclude(&mut outcome, &table);
    outcome.figures.push(figure(&table));
    outcome.tables.push(table);
    outcome.remarks = vec![
        "Rows are quantised, decoded to float32 and audited as they are then; a runtime that multiplies quantised hidden states, too, rounds further. Formats whose blocks \
         do not divide d are left out for that head."
            .to_owned(),
        "The domain stays the same: the norm before the head is not quantised.".to_owned(),
    ];
    Ok(outcome)
}

fn verdicts(setting: &Setting, head: &Head, domain: &Domain) -> Result<Vec<Verdict>> {
    let options = Options { threads: setting.threads, ..Options::default() };
    Ok(audit(head, domain, options)?
        .verdicts()
        .iter()
        .map(|(_, verdict)| verdict.outcome())
        .collect())
}

fn conclude(outcome: &mut Outcome, table: &Table) {
    let number = |row: &[String], k: usize| row[k].parse::<usize>().unwrap_or(0);
    for row in table.rows.iter().filter(|row| row[3] == Format::Whole.name()) {
        let changed = (8..12).map(|k| number(row, k)).sum::<usize>();
        outcome.compare(
            format!("{}: verdicts changed by float32", row[0]),
            ("0", "the stored numbers are float32"),
            format!("{changed}"),
            format!("{changed}"),
            Standing::same(changed, 0),
        );
    }
    for format in Format::ALL.into_iter().filter(|&format| format != Format::Whole) {
        let rows: Vec<&Vec<String>> =
            table.rows.iter().filter(|row| row[3] == format.name()).collect();
        let sum = |k: usize| rows.iter().map(|row| number(row, k)).sum::<usize>();
        if !rows.is_empty() {
            outcome.findings.push(format!(
                "{}: of {} tokens of {} heads {} become unargmaxable and {} become argmaxable or tied; {} become tied.",
                format.name(),
                sum(1),
                rows.len(),
                sum(8),
                sum(9),
                sum(10)
            ));
        }
    }
}

fn figure(table: &Table) -> Figure {
    let number = |row: &[String], k: usize| row[k].parse::<f64>().unwrap_or(f64::NAN);
    let mut names: Vec<&String> = table.rows.iter().map(|row| &row[0]).collect();
    names.dedup();
    let place =
        |name: &str| Format::ALL.iter().position(|format| format.name() == name).unwrap_or(0);
    let series = |columns: [usize; 2]| {
        let of = |name: &&String| {
            let rows = table.rows.iter().filter(|row| row[0] == **name);
            let share = |row: &Vec<String>| {
                let changed = columns.iter().map(|&k| number(row, k)).sum::<f64>();
                (100.0 * changed / number(row, 1), (place(&row[3]) + 1) as f64)
            };
            Series::new((*name).clone(), Drawn::Dots, rows.map(share).collect())
        };
        names.iter().map(of).collect::<Vec<_>>()
    };
    let formats: Vec<String> = Format::ALL.iter().map(|format| format.name().to_owned()).collect();
    let panel = |title: &str, columns| Panel {
        title: title.to_owned(),
        x: Axis::from_zero("tokens of the head, %"),
        y: Axis::of_names(formats.clone()),
        series: series(columns),
    };
    Figure {
        name: "changes".to_owned(),
        caption: "Share of tokens whose verdict changes when the rows are stored in a format."
            .to_owned(),
        panels: vec![
            panel("newly lost or no longer lost", [8, 9]),
            panel("newly tied or no longer tied", [10, 11]),
        ],
    }
}
