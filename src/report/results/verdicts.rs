//! Reads `verdicts.csv`. Columns are found by name; additional columns are ignored, and columns that earlier versions
//! did not write may be missing.

use std::cmp::Reverse;
use std::path::Path;

use super::measured::Measured;
use super::place::Place;
use crate::certify::Rival;
use crate::checkpoint::vocabulary::Kind;
use crate::error::{Error, Result};
use crate::report::columns::{Column, Places};
use crate::report::measures::Other;
pub use crate::report::tally::Outcome;
use crate::report::tally::{Counts, Tally};

/// A row of the table: a token and the results for it.
#[derive(Clone, Debug)]
pub struct Row {
    /// The id: the row of the weight.
    pub id: u32,
    /// The readable text; empty without a vocabulary.
    pub text: String,
    /// The spelling in the vocabulary; empty without a vocabulary.
    pub piece: String,
    /// What kind of row it is; `None` without a vocabulary.
    pub kind: Option<Kind>,
    /// Length of the row.
    pub row_norm: f64,
    /// The verdict.
    pub outcome: Outcome,
    /// The proved gap at the witness, in logits: a lower bound of the best margin.
    pub margin: Option<f64>,
    /// The Euclidean norm of the witness.
    pub witness_norm: Option<f64>,
    /// Tokens with the same row and bias.
    pub ties: Vec<u32>,
    /// Rivals and range ends with their weights, by falling weight.
    pub blockers: Vec<(Rival, f64)>,
    /// The kind of proof; empty without a proof.
    pub proof: String,
    /// The verdict over all vectors, if the audit is over fewer states and decided that too.
    pub free: Option<Outcome>,
    /// How often it occurs; 0 where that was not given.
    pub frequency: u64,
    /// The measurements beyond the verdict.
    pub measured: Measured,
    /// How its row lies among all rows.
    pub place: Place,
}

impl Row {
    /// A row for a token of which only the name is known.
    pub(super) fn named(other: &Other) -> Row {
        Row {
            id: other.id,
            text: other.text.clone(),
            piece: other.piece.clone(),
            kind: other.kind,
            row_norm: f64::NAN,
            outcome: Outcome::Undecided,
            margin: None,
            witness_norm: None,
            ties: Vec::new(),
            blockers: Vec::new(),
            proof: String::new(),
            free: None,
            frequency: 0,
            measured: Measured::default(),
            place: Place::default(),
        }
    }

    /// Whether the token can win for some vector, but for none of the audited states.
    pub fn is_out_of_reach(&self) -> bool {
        self.outcome == Outcome::Unargmaxable && self.free.is_some_and(Outcome::can_reach_maximum)
    }

    /// Whether it is outside the language: a control token, a reserved id, padding.
    pub fn is_marginal(&self) -> bool {
        self.kind.is_some_and(Kind::is_marginal)
    }

    /// Its place in lists: ordinary tokens before control tokens and padding, frequent ones before rare ones.
    pub fn rank(&self) -> (bool, Reverse<u64>, u32) {
        (self.is_marginal(), Reverse(self.frequency), self.id)
    }

    /// Whether no token has this row.
    pub fn is_padding(&self) -> bool {
        self.kind == Some(Kind::Padding)
    }

    /// The rivals that are tokens.
    pub fn rivals(&self) -> impl Iterator<Item = (u32, f64)> + '_ {
        self.blockers.iter().filter_map(|&(rival, weight)| match rival {
            Rival::Token(id) => Some((id, weight)),
            _ => None,
        })
    }
}

/// All rows of the table, by rising id.
#[derive(Clone, Debug)]
pub struct Table {
    rows: Vec<Row>,
}

impl Table {
    /// Parses the table of a head with `tokens` tokens; `path` is used in error messages.
    pub(super) fn from_bytes(path: &Path, bytes: &[u8], tokens: usize) -> Result<Self> {
        let fail =
            |line: u64, problem: String| Error::malformed(path, format!("line {line}: {problem}"));
        let mut csv = csv::Reader::from_reader(bytes);
        let header = csv.headers().map_err(|e| Error::malformed(path, e.to_string()))?;
        let places = Places::find(header).map_err(|problem| fail(1, problem))?;
        let (mut rows, mut record) = (Vec::<Row>::new(), csv::StringRecord::new());
        while csv.read_record(&mut record).map_err(|e| Error::malformed(path, e.to_string()))? {
            let line = record.position().map_or(0, csv::Position::line);
            let row = Row::of(&places, &record).map_err(|problem| fail(line, problem))?;
            let named = row.rivals().map(|r| r.0).chain(row.ties.iter().copied()).chain([row.id]);
            if let Some(beyond) = named.max().filter(|&id| id as usize >= tokens) {
                let problem = format!("token {beyond} is beyond the head's {tokens} tokens");
                return Err(fail(line, problem));
            }
            if rows.last().is_some_and(|before| before.id >= row.id) {
                return Err(fail(line, format!("id {} does not rise", row.id)));
            }
            rows.push(row);
        }
        Ok(Table { rows })
    }

    /// The rows, in id order.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The row of a token, if it was audited.
    pub fn row(&self, id: u32) -> Option<&Row> {
        match self.rows.get(id as usize) {
            Some(row) if row.id == id => Some(row),
            _ => self.rows.binary_search_by_key(&id, |row| row.id).ok().map(|i| &self.rows[i]),
        }
    }

    /// The rows with this verdict.
    pub fn having(&self, outcome: Outcome) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(move |row| row.outcome == outcome)
    }

    /// The number of rows with each verdict, padding included.
    pub fn counts(&self) -> Counts {
        self.tally().rows()
    }

    /// The number of tokens and of padding rows with each verdict.
    pub fn tally(&self) -> Tally {
        Tally::over(self.rows.iter().map(|row| (row.outcome, row.is_padding())))
    }

    /// The number of tokens and of padding rows with each verdict over all vectors; `None` if the table has no such
    /// verdicts.
    pub fn free_tally(&self) -> Option<Tally> {
        let free = |row: &Row| Some((row.free?, row.is_padding()));
        let mut free = self.rows.iter().filter_map(free).peekable();
        free.peek()?;
        Some(Tally::over(free))
    }
}

impl Row {
    /// The row of a line, or which field of it is wrong.
    fn of(places: &Places, record: &csv::StringRecord) -> Result<Self, String> {
        let at = |column: Column| places.text(record, column);
        let bad = |column: Column| format!("`{}` is not a valid {}", at(column), column.name());
        let number = |column: Column| at(column).parse::<f64>().map_err(|_| bad(column));
        let optional = |column: Column| match at(column) {
            "" => Ok(None),
            _ => number(column).map(Some),
        };
        let outcome = |column: Column| Outcome::named(at(column)).ok_or_else(|| bad(column));
        let free = match at(Column::FreeVerdict) {
            "" => None,
            _ => Some(outcome(Column::FreeVerdict)?),
        };
        let kind = match at(Column::Kind) {
            "" => None,
            name => Some(Kind::named(name).ok_or_else(|| bad(Column::Kind))?),
        };
        let frequency = match at(Column::Frequency) {
            "" => 0,
            count => count.parse().map_err(|_| bad(Column::Frequency))?,
        };
        let ids = at(Column::TiesWith).split_ascii_whitespace().map(str::parse);
        let blockers = at(Column::Blockers).split_ascii_whitespace().map(blocker);
        Ok(Row {
            id: at(Column::Id).parse().map_err(|_| bad(Column::Id))?,
            text: at(Column::Token).to_owned(),
            piece: at(Column::Piece).to_owned(),
            kind,
            row_norm: number(Column::RowNorm)?,
            outcome: outcome(Column::Verdict)?,
            margin: optional(Column::Margin)?,
            witness_norm: optional(Column::WitnessNorm)?,
            ties: ids.collect::<Result<_, _>>().map_err(|_| bad(Column::TiesWith))?,
            blockers: blockers.collect::<Option<_>>().ok_or_else(|| bad(Column::Blockers))?,
            proof: at(Column::Proof).to_owned(),
            free,
            frequency,
            measured: Measured::of(places, record)?,
            place: Place::of(places, record)?,
        })
    }
}

/// Parses a blocker: `17:0.25`, `lo[3]:1.5` or `hi[3]:1.5`.
pub(in crate::report) fn blocker(text: &str) -> Option<(Rival, f64)> {
    let (rival, weight) = text.split_once(':')?;
    let end = |name: &str| rival.strip_prefix(name)?.strip_suffix(']')?.parse().ok();
    let rival = match (end("lo["), end("hi[")) {
        (Some(k), _) => Rival::Lower(k),
        (_, Some(k)) => Rival::Upper(k),
        _ => Rival::Token(rival.parse().ok()?),
    };
    Some((rival, weight.parse().ok().filter(|w: &f64| w.is_finite())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str =
        "id,new,token,piece,kind,row_norm,verdict,margin,witness_norm,ties_with,blockers,proof\n";

    fn read(lines: &str) -> Result<Table> {
        Table::from_bytes(Path::new("verdicts.csv"), format!("{HEADER}{lines}").as_bytes(), 9)
    }

    #[test]
    fn columns_are_found_by_name_and_more_of_them_do_no_harm() {
        let table = read(
            "2,?,\"a,\nb\",p,ordinary,1.5,unargmaxable,,,,3:0.75 1:0.25 lo[7]:2e-3 hi[1]:4.0,enclosed\n\
             5,?,,,,0.0,tied,0.5,1.0,2 8,,map\n",
        );
        let table = table.unwrap();
        let row = &table.rows()[0];
        assert_eq!((row.id, row.text.as_str(), row.row_norm), (2, "a,\nb", 1.5));
        let ends = [(Rival::Lower(7), 2e-3), (Rival::Upper(1), 4.0)];
        assert_eq!(row.blockers[2..], ends);
        assert_eq!(row.rivals().collect::<Vec<_>>(), [(3, 0.75), (1, 0.25)]);
        assert_eq!((&table.row(5).unwrap().ties[..], table.row(4).is_none()), (&[2, 8][..], true));
    }

    #[test]
    fn the_verdict_over_all_vectors_is_read_where_it_stands() {
        let header = HEADER.replace("proof", "proof,free_verdict,effort_low,effort_high");
        let read = |lines: &str| {
            Table::from_bytes(Path::new("v"), format!("{header}{lines}").as_bytes(), 9)
        };
        let table = read(
            "1,,,,,1,unargmaxable,,,,3:1.0,outweighed,argmaxable,1.5,inf\n\
             2,,,,,1,unargmaxable,,,,3:1.0,exact,unargmaxable,,\n3,,,,,1,tied,,,,,map,,,\n",
        );
        let table = table.unwrap();
        let out_of_reach: Vec<bool> = table.rows().iter().map(Row::is_out_of_reach).collect();
        assert_eq!(out_of_reach, [true, false, false]);
        assert_eq!(table.rows()[0].measured.effort.unwrap().low, 1.5);
        let counts = Counts { argmaxable: 1, unargmaxable: 1, ..Counts::default() };
        assert_eq!(table.free_tally().map(|tally| tally.rows()), Some(counts));
        let said = read("1,,,,,1,tied,,,,,map,won,,\n").unwrap_err().to_string();
        assert!(said.contains("line 2: `won` is not a valid free_verdict"), "{said}");
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        for (line, says) in [
            ("x,,,,,1,tied,,,,,map", "line 2: `x` is not a valid id"),
            ("1,,,,,1,won,,,,,map", "line 2: `won` is not a valid verdict"),
            ("1,,,,,1,tied,a,,,,map", "line 2: `a` is not a valid margin"),
            ("1,,,,,1,tied,,,2 x,,map", "line 2: `2 x` is not a valid ties_with"),
            ("1,,,,,1,unargmaxable,,,,3=1,map", "line 2: `3=1` is not a valid blockers"),
            ("1,,,,,1,unargmaxable,,,,3:nan,map", "line 2: `3:nan` is not a valid blockers"),
            ("9,,,,,1,tied,,,,,map", "line 2: token 9 is beyond the head's 9 tokens"),
            ("1,,,,,1,tied,,,,,map\n1,,,,,1,tied,,,,,map", "line 3: id 1 does not rise"),
            ("1,,,", "verdicts.csv: "),
        ] {
            let said = read(&format!("{line}\n")).unwrap_err().to_string();
            assert!(said.contains(says), "{said}");
        }
        let old = Table::from_bytes(Path::new("v"), b"id,token\n", 9).unwrap_err().to_string();
        assert!(old.contains("no column `piece`"), "{old}");
    }
}
