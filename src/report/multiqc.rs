//! Writes `unargmax_mqc.json`: a row of a table for MultiQC, which puts the audits of many folders on one page.
//!
//! MultiQC joins files of one `id` into one table, with a row for each sample name. Of two rows of one name it keeps one
//! without a word, so the name begins with a digest of what was audited.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::beyond;
use super::results::{Reported, Results};
use super::terms::Terms;

/// The name of the file in the output folder. MultiQC reads files whose names end in `_mqc.json`.
pub const FILE: &str = "unargmax_mqc.json";
/// The version of the layout.
const SCHEMA: &str = "unargmax mqc 1";
/// How many hexadecimal digits of the digest a name has.
const DIGITS: usize = 8;

/// Renders the file, as indented JSON. The same results give the same text.
pub fn render(reported: &Reported) -> String {
    let results = &reported.results;
    let terms = results.terms();
    // Documents and tokens do not share a table.
    let id = if terms.is_of_items() { "unargmax_items" } else { "unargmax" };
    let Terms { token, tokens, layer, within, hidden_state, .. } = terms;
    let description = format!(
        "Which {tokens} of an {layer} can never win: {within} every {hidden_state} some other {token} scores at least \
         as high. Each verdict is proved."
    );
    let content = json!({
        "schema": SCHEMA,
        "id": id,
        "section_name": "unargmax",
        "description": description,
        "plot_type": "table",
        "pconfig": {
            "id": format!("{id}_audits"),
            "title": format!("unargmax: {tokens} that can never win"),
            "col1_header": "Audit",
        },
        "headers": headers(terms),
        "data": { (name(results)): row(results) },
    });
    // Strings and finite numbers always serialise.
    serde_json::to_string_pretty(&content).unwrap_or_default() + "\n"
}

/// The columns of the table, in their order.
fn headers(terms: &Terms) -> Value {
    let Terms { token, tokens, titled, hidden_state, can_only_tie, .. } = terms;
    let share = json!({
        "title": "Share",
        "description": format!("Unargmaxable {tokens} as a share of the audited"),
        "suffix": "%",
        "format": "{:,.2f}",
        "min": 0,
        "max": 100,
        "scale": "Reds",
    });
    let domain = json!({
        "title": "Domain",
        "description": "The states over which the verdicts hold",
        "scale": false,
    });
    let red = Some("Reds");
    json!({
        "lost": count("Never win", format!("{titled} proved unargmaxable over the domain"), red),
        "lost_percent": share,
        "free_lost": count("Any vector", format!("{titled} that no vector whatever lets win"), red),
        "tied": count("Tied", format!("{titled} that {can_only_tie}, with equal rows"), Some("Oranges")),
        "undecided": count("Undecided", format!("{titled} of which neither was proved"), Some("Purples")),
        "padding_can_win": count(
            "Padding wins",
            format!("Rows without a {token} that can reach the highest score"),
            red
        ),
        "audited": count("Audited", format!("Audited {tokens}, padding not counted"), None),
        "rows": count("V", "Rows of the weight".to_owned(), None),
        "dim": count("d", format!("Coordinates of a {hidden_state}"), None),
        "domain": domain,
    })
}

/// A column of counts; those with a scale have a bar of that colour behind them.
fn count(title: &str, description: String, scale: Option<&str>) -> Value {
    json!({
        "title": title,
        "description": description,
        "format": "{:,d}",
        "min": 0,
        "scale": scale.map_or(Value::Bool(false), Value::from),
    })
}

/// The row of an audit. What is not known has no entry.
fn row(results: &Results) -> Value {
    let (tally, head) = (results.tally(), &results.summary.head);
    let (counts, audited) = (tally.tokens, tally.tokens.sum());
    let mut row = Map::new();
    let mut put = |column: &str, value: Value| drop(row.insert(column.to_owned(), value));
    put("lost", counts.unargmaxable.into());
    if audited > 0 {
        put("lost_percent", (100.0 * counts.unargmaxable as f64 / audited as f64).into());
    }
    if let Some(free) = beyond::free_counts(results) {
        put("free_lost", free.unargmaxable.into());
    }
    put("tied", counts.tied.into());
    put("undecided", counts.undecided.into());
    if tally.padding.sum() > 0 {
        put("padding_can_win", (tally.padding.argmaxable + tally.padding.tied).into());
    }
    put("audited", audited.into());
    put("rows", head.tokens.into());
    put("dim", head.dim.into());
    put("domain", results.summary.audit().domain.as_str().into());
    row.into()
}

/// The name of the audit: a digest of head, domain and verdicts, then the name of the checkpoint.
///
/// MultiQC cuts names after a slash, and before some words that are endings of files elsewhere (`.out`, `Aligned`). It
/// writes names into its page as they are. So the digest comes first, and characters that have a meaning there are
/// replaced.
fn name(results: &Results) -> String {
    let summary = &results.summary;
    let mut digest = Sha256::new();
    for text in [&summary.head.sha256, &summary.audit().domain] {
        digest.update(text);
        digest.update("\n");
    }
    for row in results.table.rows() {
        digest.update(format!("{} {}\n", row.id, row.outcome.name()));
    }
    let digits: String = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    let kept = |c: char| if c.is_alphanumeric() || " .,:;+-_=()[]@".contains(c) { c } else { '_' };
    let named: String = summary.name().replace(['/', '\\'], " ").chars().map(kept).collect();
    format!("{} {named}", &digits[..DIGITS])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    const TABLE: &str =
        "id,token,piece,kind,row_norm,verdict,margin,witness_norm,ties_with,blockers,proof
0,,,ordinary,1,argmaxable,,,,,
1,,,ordinary,1,unargmaxable,,,,,
2,,,padding,1,argmaxable,,,,,
";

    fn results(path: &str, domain: &str, table: &str) -> Results {
        let summary = json!({
            "schema": "unargmax summary 1", "version": "0",
            "checkpoint": {"path": path, "bytes": 1, "format": "npy"},
            "head": {"weight": "w", "bias": null, "tokens": 3, "dim": 1, "dtype": "f32", "sha256": "0"},
            "audits": [{"domain": domain, "engine": "lp", "scope": 3, "counts":
                {"argmaxable": 2, "tied": 0, "unargmaxable": 1, "undecided": 0}}],
        });
        let summary = summary.to_string();
        Results::from_bytes(Path::new("x"), summary.as_bytes(), table.as_bytes()).unwrap()
    }

    #[test]
    fn padding_is_counted_apart_and_what_is_not_known_is_left_out() {
        let row = row(&results("x.npy", "free", TABLE));
        let expected = json!({
            "lost": 1, "lost_percent": 50.0, "tied": 0, "undecided": 0, "padding_can_win": 1, "audited": 2, "rows": 3,
            "dim": 1, "domain": "free",
        });
        assert_eq!(row, expected);
        let headers = headers(results("x.npy", "free", TABLE).terms());
        assert!(expected.as_object().unwrap().keys().all(|column| headers.get(column).is_some()));
    }

    #[test]
    fn audits_that_differ_in_anything_have_different_names() {
        let one = name(&results("a/model.npy", "free", TABLE));
        assert!(one.ends_with(" a model.npy"), "{one}");
        assert_eq!(one, name(&results("a/model.npy", "free", TABLE)));
        let other = TABLE.replace("0,,,ordinary,1,arg", "0,,,ordinary,1,unarg");
        let other = other.replace("1,,,ordinary,1,unarg", "1,,,ordinary,1,arg");
        for (path, domain, table) in [
            ("b/model.npy", "free", TABLE),
            ("a/model.npy", "ball:1", TABLE),
            ("a/model.npy", "free", &other),
        ] {
            assert_ne!(one, name(&results(path, domain, table)));
        }
        // The digest is what MultiQC leaves of a name like this.
        assert_ne!(
            one.split(' ').next(),
            name(&results("a/model.npy", "ball:1", TABLE)).split(' ').next()
        );
    }

    #[test]
    fn a_name_is_no_markup() {
        let name = name(&results("<img src=x onerror='a()'>&\"\n", "free", TABLE));
        assert_eq!(&name[9..], "_img src=x onerror=_a()_____");
    }
}
