//! Writes `reach.csv`: one line for each wanted token.

use super::{Climbed, LadderReport, TABLE};
use crate::error::{Error, Result};
use crate::reach::ladder::judge::Win;
use crate::report::fields::{self, field};

/// The columns of the table.
const COLUMNS: [&str; 28] = [
    "id",
    "token",
    "piece",
    "kind",
    "chosen",
    "free",
    "real",
    "survives",
    "soft",
    "soft_starts",
    "soft_steps",
    "soft_lead",
    "soft_rank",
    "soft_length",
    "discrete",
    "discrete_ids",
    "discrete_text",
    "discrete_survives",
    "discrete_lead",
    "discrete_rank",
    "discrete_forwards",
    "discrete_gradients",
    "enumerated_wins",
    "seen",
    "seen_best_rank",
    "seen_best_position",
    "reached",
    "contradicts",
];

impl LadderReport<'_> {
    /// The table as CSV.
    pub(super) fn table(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let failed = |e: csv::Error| Error::Invalid(format!("{TABLE} cannot be made: {e}"));
        let mut csv = fields::writer(&mut bytes);
        csv.write_record(COLUMNS).map_err(failed)?;
        for (at, climbed) in self.tokens.iter().enumerate() {
            csv.write_record(self.record(at, climbed)).map_err(failed)?;
        }
        drop(csv);
        Ok(bytes)
    }

    /// The fields of one token.
    fn record(&self, at: usize, climbed: &Climbed) -> Vec<String> {
        let token = self.vocabulary.and_then(|v| v.tokens.get(climbed.token as usize));
        let text = |text: Option<&str>| text.map(|t| field(t).into_owned()).unwrap_or_default();
        let mut record = vec![
            climbed.token.to_string(),
            text(token.map(|t| t.text.as_str())),
            text(token.map(|t| t.piece.as_str())),
            token.map(|t| t.kind.to_string()).unwrap_or_default(),
            climbed.chosen.to_owned(),
            climbed.free.to_string(),
            climbed.real.to_string(),
        ];
        let survives = climbed.precise.iter().flatten().map(|format| format.name());
        record.push(survives.collect::<Vec<_>>().join(" "));
        match &climbed.soft {
            Some(soft) => record.extend([
                found(soft.win),
                soft.starts.to_string(),
                soft.steps.to_string(),
                lead(soft.lead, soft.rank),
                soft.rank.to_string(),
                soft.length.to_string(),
            ]),
            None => record.extend([const { String::new() }; 6]),
        }
        let wins = self.enumerations.iter().map(|e| e.wins[at]);
        match &climbed.discrete {
            Some(discrete) => {
                let ids: Vec<String> = discrete.ids.iter().map(u32::to_string).collect();
                record.extend([
                    found(discrete.win),
                    ids.join(" "),
                    text(climbed.text.as_deref()),
                    shown(climbed.survives, "yes", "no"),
                    lead(discrete.lead, discrete.rank),
                    discrete.rank.to_string(),
                    discrete.forwards.to_string(),
                    discrete.gradients.to_string(),
                    match self.enumerations.is_empty() {
                        true => String::new(),
                        false => wins.sum::<u64>().to_string(),
                    },
                ]);
            }
            None => record.extend([const { String::new() }; 9]),
        }
        match climbed.seen {
            Some(seen) => record.extend([
                seen.argmax.to_string(),
                seen.best_rank.to_string(),
                seen.best_position.to_string(),
            ]),
            None => record.extend([const { String::new() }; 3]),
        }
        record.push(shown(Some(climbed.is_reached()), "yes", "no"));
        record.push(shown(Some(climbed.contradicts), "yes", "no"));
        record
    }
}

/// What a search found, in one word.
pub(super) fn found(win: Option<Win>) -> String {
    match win {
        Some(Win::Inside) => "reached",
        Some(Win::Outside) => "reached outside the domain",
        Some(Win::Tie) => "tied",
        Some(Win::Rounding) => "by rounding only",
        None => "not found",
    }
    .to_owned()
}

/// A lead; nothing where no prompt ran.
fn lead(lead: f32, rank: u32) -> String {
    if rank == 0 { String::new() } else { lead.to_string() }
}

fn shown(known: Option<bool>, yes: &str, no: &str) -> String {
    known.map_or(String::new(), |is| if is { yes } else { no }.to_owned())
}
