//! `unargmax export --exact`: the certificate in integers, for the checker in proofs/.

use std::collections::HashMap;
use std::fs;

use num_bigint::BigInt;
use safetensors::Dtype;
use unargmax::Head;
use unargmax::certificate::Certificate;

use crate::files::{Folder, SQUARE, Stored};
use crate::refusals::refused;
use crate::{done, utf8};

const G2PM: &str = "assets/g2pm/head.safetensors";

/// What an export says, as far as these tests read it.
struct Exact {
    sha256: String,
    narrow: bool,
    biased: bool,
    dim: usize,
    unit: f64,
    /// The bias and the row of each token, as they are written.
    rows: Vec<Vec<String>>,
    /// The lines of all records.
    records: Vec<Vec<String>>,
}

impl Exact {
    fn open(path: &str) -> Self {
        let text = fs::read_to_string(path).unwrap();
        let lines = text.lines().map(|line| line.split(' ').map(str::to_owned).collect());
        let lines: Vec<Vec<String>> = lines.collect();
        assert_eq!(lines[0], ["unargmax", "exact", "certificate", "1"]);
        let of_kind = |kinds: &[&str]| {
            let found = lines.iter().filter(|line| kinds.contains(&line[0].as_str()));
            found.map(|line| line[1..].to_vec()).collect::<Vec<_>>()
        };
        let records = lines.iter().filter(|l| ["leads", "loses", "open"].contains(&&*l[0]));
        let exact = Exact {
            sha256: lines[1][1].clone(),
            narrow: lines[1][2] == "f32",
            biased: lines[1][3] == "biased",
            dim: lines[2][3].parse().unwrap(),
            unit: lines[2][5].parse().unwrap(),
            rows: of_kind(&["row"]),
            records: records.cloned().collect(),
        };
        assert_eq!(exact.rows.len(), lines[2][1].parse::<usize>().unwrap());
        exact
    }

    /// The head that the rows are of.
    fn head(&self) -> Head {
        let number = |word: &String| match word.as_str() {
            "-0" => -0.0,
            word => word.parse::<f64>().unwrap() / self.unit,
        };
        let rows: Vec<f64> = self.rows.iter().flat_map(|row| row[1..].iter().map(number)).collect();
        let bias = self.biased.then(|| self.rows.iter().map(|row| number(&row[0])).collect());
        let count = self.rows.len();
        match self.narrow {
            true => {
                let rows: Vec<f32> = rows.iter().map(|&x| x as f32).collect();
                Head::new(rows, bias, count, self.dim).unwrap()
            }
            false => Head::new(rows, bias, count, self.dim).unwrap(),
        }
    }
}

/// Audits a checkpoint and exports the certificate; returns the path of the export and the hash of the certificate's head.
fn exported(folder: &Folder, checkpoint: &str, domain: &str) -> (String, String) {
    let (audit, out) = (folder.path("audit"), folder.path("exact"));
    done(&[
        "audit",
        checkpoint,
        "--domain",
        domain,
        "--quiet",
        "--no-report",
        "--out",
        utf8(&audit),
    ]);
    let told = done(&["export", "--exact", checkpoint, utf8(&audit), "--out", utf8(&out)]);
    assert!(told.contains("winning points"), "{told}");
    let certificate = Certificate::open(audit.join("certificate.safetensors")).unwrap();
    (utf8(&out).to_owned(), certificate.head)
}

#[test]
fn the_rows_of_an_export_hash_to_the_head_of_the_certificate() {
    let folder = Folder::new();
    let signed = [0.5, -0.0, 3e-40, 1.0, 0.0, -7.25, -1.0, 1e30, 0.1, -2.0];
    let narrow =
        folder.safetensors("f32.safetensors", &[("weight", Stored::f32(&[5, 2], &signed))]);
    let wide = [
        ("weight", Stored::new(Dtype::F64, &[5, 2], &signed)),
        ("bias", Stored::new(Dtype::F64, &[5], &signed[..5])),
    ];
    let wide = folder.safetensors("f64.safetensors", &wide);
    for (checkpoint, narrow, biased) in
        [(G2PM, true, true), (&narrow, true, false), (&wide, false, true)]
    {
        let folder = Folder::new();
        let (path, sha256) = exported(&folder, checkpoint, "free");
        let exact = Exact::open(&path);
        assert_eq!((exact.narrow, exact.biased), (narrow, biased), "{checkpoint}");
        assert_eq!(exact.sha256, sha256, "{checkpoint}");
        assert_eq!(exact.head().sha256(), sha256, "{checkpoint}");
    }
}

#[test]
fn losing_proofs_of_all_of_space_combine_to_the_row_in_integers() {
    let folder = Folder::new();
    let exact = Exact::open(&exported(&folder, G2PM, "free").0);
    let integer = |word: &String| word.parse::<BigInt>().unwrap();
    let rows: Vec<Vec<BigInt>> =
        exact.rows.iter().map(|row| row.iter().map(integer).collect()).collect();
    let mut kinds: HashMap<&str, usize> = HashMap::new();
    for record in &exact.records {
        *kinds.entry(&record[0]).or_default() += 1;
        if record[0] != "loses" {
            continue;
        }
        let (token, count): (usize, usize) =
            (record[1].parse().unwrap(), record[2].parse().unwrap());
        let weights: Vec<(usize, BigInt)> = record[3..3 + 2 * count]
            .chunks(2)
            .map(|pair| (pair[0].parse().unwrap(), integer(&pair[1])))
            .collect();
        assert!(count > 0 && weights.iter().all(|w| w.1 > BigInt::ZERO));
        for k in 0..=exact.dim {
            let ahead: BigInt =
                weights.iter().map(|(j, n)| n * (&rows[token][k] - &rows[*j][k])).sum();
            // The first entry is the bias, by which the rivals may be ahead.
            assert!(ahead == BigInt::ZERO || k == 0 && ahead < BigInt::ZERO, "{token} {k} {ahead}");
        }
    }
    assert_eq!((kinds["leads"], kinds["loses"]), (651, 225));
}

#[test]
fn what_cannot_be_exported_is_refused_and_nothing_is_written() {
    let folder = Folder::new();
    let square =
        folder.safetensors("square.safetensors", &[("weight", Stored::f32(&[5, 2], &SQUARE))]);
    let (audit, kept) = (folder.path("audit"), folder.path("kept"));
    let (audit, kept) = (utf8(&audit), utf8(&kept));
    done(&["audit", &square, "--quiet", "--no-report", "--out", audit]);
    done(&["audit", &square, "--quiet", "--no-report", "--among", "0-2", "--out", kept]);
    let out = folder.path("exact");
    let out = utf8(&out);
    let export = ["export", "--exact", "--out", out];
    refused(&[&export[..], &[G2PM, audit]].concat(), &["for another head"]);
    refused(
        &[&export[..], &[&square, kept]].concat(),
        &["about kept rows; only those about all rows"],
    );
    refused(&export, &["name what to export: a certificate, or a folder"]);
    let nowhere = folder.path("no/such/folder");
    let nowhere = utf8(&nowhere);
    refused(&["export", "--exact", audit, "--out", nowhere], &["--out", "no/such/folder"]);
    refused(&["export", "--exact", audit, "--out", utf8(&folder.path(""))], &["this is a folder"]);
    assert!(!folder.path("exact").exists());
    let there = folder.write("there", "mine");
    refused(&["export", "--exact", audit, "--out", &there], &["is there already", "--force"]);
    assert_eq!(fs::read_to_string(&there).unwrap(), "mine");
    done(&["export", "--exact", audit, "--out", &there, "--force", "--quiet"]);
    assert!(fs::read_to_string(&there).unwrap().starts_with("unargmax exact certificate 1\n"));
}
