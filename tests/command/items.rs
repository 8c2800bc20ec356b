//! `audit --kind items`: reports of the index of a retriever speak of documents and queries, and nothing else changes.

use std::path::Path;

use crate::files::{Folder, Stored};
use crate::{done, run, said, utf8};

/// Audits the index that docs/subsets.md shows.
fn audit(out: &Path, more: &[&str]) -> String {
    let (index, titles) = ("tests/data/index/index.npy", "tests/data/index/titles.txt");
    let measured = ["--max-probability", "all", "--ranks", "all", "--svg", "--list", "all"];
    let fixed = ["audit", index, "--vocab", titles, "--out", utf8(out)];
    done(&[&fixed[..], &measured, more].concat())
}

fn read(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).unwrap()
}

/// What a reader of a page or picture can see: the text between tags, and the texts of attributes that are shown.
fn visible(markup: &str) -> String {
    let mut text = String::new();
    let mut rest = markup;
    while let Some((before, from)) = rest.split_once('<') {
        text.push_str(before);
        text.push('\n');
        let (tag, after) = from.split_once('>').unwrap();
        for shown in [" title=\"", " placeholder=\"", " aria-label=\""] {
            if let Some((_, value)) = tag.split_once(shown) {
                text.push_str(value.split_once('"').unwrap().0);
                text.push('\n');
            }
        }
        let hidden = ["script", "style"].into_iter().find(|name| tag.starts_with(name));
        rest = hidden.map_or(after, |name| after.split_once(&format!("</{name}>")).unwrap().1);
    }
    text + rest
}

/// Demands that a text speaks of documents and queries and not of tokens.
fn speaks_of_documents(what: &str, text: &str) {
    let line = text.lines().find(|line| line.to_lowercase().contains("token"));
    assert_eq!(line, None, "{what}");
    assert!(text.to_lowercase().contains("document"), "{what}: {text}");
}

#[test]
fn terminal_summary_page_and_pictures_speak_of_documents_and_queries() {
    let folder = Folder::new();
    let out = folder.path("index");
    let told = audit(&out, &["--kind", "items"]);
    let (summary, page) = (read(&out, "summary.md"), visible(&read(&out, "report.html")));
    for (what, text) in [("terminal", &told), ("summary.md", &summary), ("report.html", &page)] {
        speaks_of_documents(what, text);
        assert!(text.contains("query") && text.contains("retriev") || what == "terminal", "{what}");
    }
    assert!(summary.contains("3 of 13 documents can never be retrieved first"), "{summary}");
    for picture in ["ids.svg", "rivals.svg", "row-norms.svg", "ranks.svg", "probability.svg"] {
        speaks_of_documents(picture, &visible(&read(&out, picture)));
    }
    let printed = done(&["report", utf8(&out)]);
    assert!(printed.contains("report.html"));
    assert_eq!(visible(&read(&out, "report.html")), page);
    let compared = folder.path("compared");
    let other = folder.path("other");
    audit(&other, &["--kind", "items", "--domain", "ball:1"]);
    let told = done(&["compare", utf8(&out), utf8(&other), "--out", utf8(&compared)]);
    speaks_of_documents("compare", &told);
    speaks_of_documents("compare.html", &visible(&read(&compared, "compare.html")));
}

#[test]
fn documents_of_unit_vectors_can_all_be_retrieved_first() {
    let folder = Folder::new();
    let numbers: Vec<f64> = (0..8)
        .flat_map(|i| [f64::from(i) * 0.785, f64::from(i) * 0.785 + 1.57])
        .map(f64::sin)
        .collect();
    let weight = Stored::new(safetensors::Dtype::F64, &[8, 2], &numbers);
    let index = folder.safetensors("index.safetensors", &[("weight", weight)]);
    let out = folder.path("out");
    let told = done(&["audit", &index, "--kind", "items", "--out", utf8(&out)]);
    speaks_of_documents("terminal", &told);
    let page = visible(&read(&out, "report.html"));
    assert!(page.contains("Every one of 8 documents can be retrieved first"), "{page}");
    assert!(page.contains("every possible query") && !page.contains("hidden state"), "{page}");
}

#[test]
fn numbers_verdicts_and_columns_are_those_of_an_audit_of_tokens() {
    let folder = Folder::new();
    let (items, tokens) = (folder.path("items"), folder.path("tokens"));
    audit(&items, &["--kind", "items"]);
    audit(&tokens, &["--kind", "tokens"]);
    for name in ["verdicts.csv", "certificate.safetensors", "inspect.json", "report.json"] {
        let [one, two] = [&items, &tokens].map(|out| std::fs::read(out.join(name)).unwrap());
        assert!(one == two, "{name}");
    }
    let parsed = |out: &Path| -> serde_json::Value {
        serde_json::from_str(&read(out, "summary.json")).unwrap()
    };
    let (mut of_items, of_tokens) = (parsed(&items), parsed(&tokens));
    assert_eq!(of_items.as_object_mut().unwrap().remove("kind").unwrap(), "items");
    assert!(of_tokens.get("kind").is_none());
    assert_eq!(of_items["audits"][0]["counts"], of_tokens["audits"][0]["counts"]);
    assert!(read(&tokens, "summary.md").contains("3 of 13 tokens can never win"));
}

#[test]
fn a_refused_verdict_is_one_of_a_document() {
    let folder = Folder::new();
    let out = folder.path("index");
    audit(&out, &["--kind", "items"]);
    let table = read(&out, "verdicts.csv").replacen(",argmaxable,", ",tied,", 1);
    std::fs::write(out.join("verdicts.csv"), table).unwrap();
    let output = run(&["verify", utf8(&out)]);
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{printed}{}", said(&output));
    assert!(printed.contains("  document 0: ") && !printed.contains("token"), "{printed}");
}
