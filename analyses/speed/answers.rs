//! Whether an audit found what is known of its head.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::heads::{Known, Source, Subject};
use crate::planted;

/// What `verdicts.csv` says.
#[derive(Debug, Default)]
struct Found {
    tokens: usize,
    counts: BTreeMap<String, usize>,
    unargmaxable: Vec<u32>,
    /// Groups of tied tokens, ids rising, each once for each member.
    tied: BTreeMap<Vec<u32>, usize>,
}

/// Compares the files of an audit with what is known: the counts as text, and what differs.
pub fn check(subject: &Subject, folder: &Path) -> Result<(String, Vec<String>)> {
    let found = read(&folder.join("verdicts.csv"))?;
    let mut wrong = Vec::new();
    let mut demand = |what: &str, found: usize, known: usize| {
        if found != known {
            wrong.push(format!("{}: {found} {what}, known are {known}", subject.name));
        }
    };
    demand("tokens", found.tokens, subject.tokens);
    demand("undecided", found.count("undecided"), 0);
    let ties_are_whole = found.tied.iter().all(|(group, &times)| group.len() == times);
    demand("groups of ties that their members tell differently", usize::from(!ties_are_whole), 0);
    match (&subject.known, &subject.source) {
        (Known::Counts { unargmaxable, tied, groups }, _) => {
            demand("unargmaxable", found.count("unargmaxable"), *unargmaxable);
            demand("tied", found.count("tied"), *tied);
            demand("groups of ties", found.tied.len(), *groups);
        }
        (Known::Planted, Source::Generated(_, folder)) => {
            let planted = planted::read(folder)?;
            demand("unargmaxable", found.unargmaxable.len(), planted.unargmaxable.len());
            demand("groups of ties", found.tied.len(), planted.tied.len());
            let others = |a: &[u32], b: &[u32]| a.iter().filter(|t| !b.contains(t)).count();
            let missed = others(&planted.unargmaxable, &found.unargmaxable);
            demand("planted inside and not found", missed, 0);
            let missed = planted.tied.iter().filter(|g| !found.tied.contains_key(*g)).count();
            demand("groups planted and not found", missed, 0);
        }
        (Known::Planted, _) => wrong.push(format!("{}: nothing was planted", subject.name)),
        (Known::Decided, _) => {}
    }
    let counts = ["argmaxable", "tied", "unargmaxable", "undecided"].map(|v| found.count(v));
    ensure!(counts.iter().sum::<usize>() == found.tokens, "unknown verdicts: {:?}", found.counts);
    let [_, tied, unargmaxable, undecided] = counts;
    let open = if undecided > 0 { format!(", {undecided} undecided") } else { String::new() };
    Ok((format!("{unargmaxable} lost, {tied} tied{open}"), wrong))
}

impl Found {
    fn count(&self, verdict: &str) -> usize {
        self.counts.get(verdict).copied().unwrap_or(0)
    }
}

fn read(path: &Path) -> Result<Found> {
    let mut csv = csv::Reader::from_path(path).with_context(|| path.display().to_string())?;
    let headers = csv.headers()?.clone();
    let column = |name: &str| {
        headers.iter().position(|h| h == name).with_context(|| format!("no column {name}"))
    };
    let (id, verdict, ties) = (column("id")?, column("verdict")?, column("ties_with")?);
    let mut found = Found::default();
    let mut record = csv::StringRecord::new();
    while csv.read_record(&mut record)? {
        let token: u32 = record[id].parse()?;
        ensure!(token as usize == found.tokens, "{}: line of token {token}", path.display());
        found.tokens += 1;
        *found.counts.entry(record[verdict].to_owned()).or_default() += 1;
        match &record[verdict] {
            "unargmaxable" => found.unargmaxable.push(token),
            "tied" => {
                let others = record[ties].split(' ').map(str::parse);
                let mut group = others.collect::<Result<Vec<u32>, _>>()?;
                group.push(token);
                group.sort_unstable();
                *found.tied.entry(group).or_default() += 1;
            }
            _ => {}
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::planted::Kind;

    fn checked(lines: &str, known: Known) -> Result<(String, Vec<String>)> {
        let folder = tempfile::tempdir()?;
        let text = format!("id,token,verdict,margin,ties_with\n{lines}");
        std::fs::write(folder.path().join("verdicts.csv"), text)?;
        let tokens = 5;
        let subject = Subject {
            name: "head".to_owned(),
            label: String::new(),
            source: Source::Generated(Kind::Planted, folder.path().to_path_buf()),
            tokens,
            dim: 2,
            domain: "free",
            aim: None,
            known,
            baselines: false,
        };
        let planted = r#"{"tied":[[1,3]],"unargmaxable":[2]}"#;
        std::fs::write(folder.path().join("planted.json"), planted)?;
        check(&subject, folder.path())
    }

    const GOOD: &str =
        "0,a,argmaxable,1,\n1,b,tied,1,3\n2,c,unargmaxable,,\n3,d,tied,1,1\n4,e,argmaxable,1,\n";

    fn counts(unargmaxable: usize, tied: usize, groups: usize) -> Known {
        Known::Counts { unargmaxable, tied, groups }
    }

    #[test]
    fn the_known_answers_pass_and_any_other_count_is_named() {
        for known in [counts(1, 2, 1), Known::Planted, Known::Decided] {
            let (said, wrong) = checked(GOOD, known).unwrap();
            assert_eq!((said.as_str(), wrong.len()), ("1 lost, 2 tied", 0));
        }
        for known in [counts(2, 2, 1), counts(1, 3, 1), counts(1, 2, 2)] {
            assert_eq!(checked(GOOD, known).unwrap().1.len(), 1);
        }
    }

    #[test]
    fn other_tokens_than_planted_missing_ones_and_open_ones_are_wrong() {
        let changed = |from: &str, to: &str| {
            let lines = GOOD.replace(from, to);
            assert_ne!(lines, GOOD);
            checked(&lines, Known::Planted).unwrap().1.join("; ")
        };
        let swapped = GOOD.replace("2,c,unargmaxable,,", "2,c,argmaxable,1,");
        let swapped = swapped.replace("4,e,argmaxable,1,", "4,e,unargmaxable,,");
        let wrong = checked(&swapped, Known::Planted).unwrap().1.join("; ");
        assert!(wrong.contains("1 planted inside and not found"), "{wrong}");
        let wrong = changed("2,c,unargmaxable", "2,c,undecided");
        assert!(wrong.contains("1 undecided, known are 0"), "{wrong}");
        let open = GOOD.replace("0,a,argmaxable,1,", "0,a,undecided,,");
        assert_eq!(checked(&open, Known::Decided).unwrap().1.len(), 1);
        let wrong = changed("4,e,argmaxable,1,\n", "");
        assert!(wrong.contains("4 tokens, known are 5"), "{wrong}");
        let wrong = changed("3,d,tied,1,1", "3,d,tied,1,4");
        assert!(wrong.contains("tell differently"), "{wrong}");
    }

    #[test]
    fn a_file_of_another_layout_is_an_error() {
        assert!(checked("1,a,argmaxable,1,\n", Known::Planted).is_err(), "ids begin at 0");
        assert!(checked("0,a,lost,1,\n", Known::Planted).is_err(), "no such verdict");
    }
}
