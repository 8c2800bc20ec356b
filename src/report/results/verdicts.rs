//! Reads `verdicts.csv`. Columns are found by name; additional columns are ignored, and columns that earlier versions
//! did not write may be missing.

use std::path::Path;

use super::measured::{self, Measured};
use crate::certify::Rival;
use crate::error::{Error, Result};
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
    /// The kind of row; empty without a vocabulary.
    pub kind: String,
    /// The Euclidean norm of the row.
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
    /// The measurements beyond the verdict.
    pub measured: Measured,
}

impl Row {
    /// A row for a token of which only the name is known.
    pub(super) fn named(other: &Other) -> Row {
        Row {
            id: other.id,
            text: other.text.clone(),
            piece: other.piece.clone(),
            kind: other.kind.clone(),
            row_norm: f64::NAN,
            outcome: Outcome::Undecided,
            margin: None,
            witness_norm: None,
            ties: Vec::new(),
            blockers: Vec::new(),
            proof: String::new(),
            free: None,
            measured: Measured::default(),
        }
    }

    /// Whether the token can win for some vector, but for none of the audited states.
    pub fn is_out_of_reach(&self) -> bool {
        self.outcome == Outcome::Unargmaxable && self.free.is_some_and(Outcome::reaches_the_top)
    }

    /// Whether no token has this row.
    pub fn is_padding(&self) -> bool {
        self.kind == "padding"
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

/// The indices of the columns.
struct Columns {
    /// The columns that every table has.
    places: [usize; 11],
    free: Option<usize>,
    measured: measured::Columns,
}

impl Table {
    /// Parses the table of a head with `tokens` tokens; `path` is used in error messages.
    pub(super) fn from_bytes(path: &Path, bytes: &[u8], tokens: usize) -> Result<Self> {
        let fail =
            |line: u64, problem: String| Error::malformed(path, format!("line {line}: {problem}"));
        let mut csv = csv::Reader::from_reader(bytes);
        let header = csv.headers().map_err(|e| Error::malformed(path, e.to_string()))?;
        let columns = Columns::find(header).map_err(|problem| fail(1, problem))?;
        let (mut rows, mut record) = (Vec::<Row>::new(), csv::StringRecord::new());
        while csv.read_record(&mut record).map_err(|e| Error::malformed(path, e.to_string()))? {
            let line = record.position().map_or(0, csv::Position::line);
            let row = columns.row(&record).map_err(|problem| fail(line, problem))?;
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

impl Columns {
    /// The columns that every table has.
    const NAMES: [&str; 11] = [
        "id",
        "token",
        "piece",
        "kind",
        "row_norm",
        "verdict",
        "margin",
        "witness_norm",
        "ties_with",
        "blockers",
        "proof",
    ];
    /// The optional column of verdicts over all vectors.
    const FREE: &str = "free_verdict";

    /// Finds the columns in the header.
    fn find(header: &csv::StringRecord) -> Result<Self, String> {
        let mut places = [0; 11];
        for (place, name) in places.iter_mut().zip(Self::NAMES) {
            *place = header
                .iter()
                .position(|h| h == name)
                .ok_or_else(|| format!("there is no column `{name}`; audit again"))?;
        }
        let free = header.iter().position(|h| h == Self::FREE);
        Ok(Columns { places, free, measured: measured::Columns::find(header) })
    }

    /// Parses a line.
    fn row(&self, record: &csv::StringRecord) -> Result<Row, String> {
        let at = |column: usize| record.get(self.places[column]).unwrap_or_default();
        let bad = |column: usize| format!("`{}` is no {}", at(column), Self::NAMES[column]);
        let optional = |column: usize| match at(column) {
            "" => Ok(None),
            text => text.parse().map(Some).map_err(|_| bad(column)),
        };
        let free = match self.free.and_then(|i| record.get(i)).unwrap_or_default() {
            "" => None,
            name => {
                Some(Outcome::named(name).ok_or_else(|| format!("`{name}` is no {}", Self::FREE))?)
            }
        };
        let ids = at(8).split_ascii_whitespace().map(str::parse);
        let blockers = at(9).split_ascii_whitespace().map(blocker);
        Ok(Row {
            id: at(0).parse().map_err(|_| bad(0))?,
            text: at(1).to_owned(),
            piece: at(2).to_owned(),
            kind: at(3).to_owned(),
            row_norm: at(4).parse().map_err(|_| bad(4))?,
            outcome: Outcome::named(at(5)).ok_or_else(|| bad(5))?,
            margin: optional(6)?,
            witness_norm: optional(7)?,
            ties: ids.collect::<Result<_, _>>().map_err(|_| bad(8))?,
            blockers: blockers.collect::<Option<_>>().ok_or_else(|| bad(9))?,
            proof: at(10).to_owned(),
            free,
            measured: self.measured.row(record)?,
        })
    }
}

/// Parses a blocker: `17:0.25`, `lo[3]:1.5` or `hi[3]:1.5`.
fn blocker(text: &str) -> Option<(Rival, f64)> {
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
        assert!(said.contains("line 2: `won` is no free_verdict"), "{said}");
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        for (line, says) in [
            ("x,,,,,1,tied,,,,,map", "line 2: `x` is no id"),
            ("1,,,,,1,won,,,,,map", "line 2: `won` is no verdict"),
            ("1,,,,,1,tied,a,,,,map", "line 2: `a` is no margin"),
            ("1,,,,,1,tied,,,2 x,,map", "line 2: `2 x` is no ties_with"),
            ("1,,,,,1,unargmaxable,,,,3=1,map", "line 2: `3=1` is no blockers"),
            ("1,,,,,1,unargmaxable,,,,3:nan,map", "line 2: `3:nan` is no blockers"),
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
