//! Fields of CSV tables. Many readers take `NA` or `null` for a missing value, some of them only if it is not quoted,
//! so tokens that spell such a word are quoted. For the other readers, docs/results.md says how to read the table.

use std::borrow::Cow;
use std::io::Write;

/// The words that readers take for a missing value: pandas, R, data.table, readr, polars, Arrow, DuckDB and
/// spreadsheets.
const MISSING: [&str; 18] = [
    "NA", "N/A", "n/a", "#NA", "#N/A", "#N/A N/A", "<NA>", "null", "NULL", "Null", "nan", "NaN",
    "NAN", "-nan", "-NaN", "None", "none", "nil",
];

/// A CSV writer that writes fields as they are; they must come from [`field`].
pub(super) fn writer<W: Write>(out: W) -> csv::Writer<W> {
    csv::WriterBuilder::new().quote_style(csv::QuoteStyle::Never).from_writer(out)
}

/// Escapes a field: quotes it where RFC 4180 requires it, and where it would be taken for a missing value.
pub(super) fn field(text: &str) -> Cow<'_, str> {
    let special = text.contains([',', '"', '\n', '\r', '\0']);
    if special || MISSING.contains(&text) {
        Cow::Owned(format!("\"{}\"", text.replace('"', "\"\"")))
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_comes_back_and_none_looks_missing() {
        let texts = [
            "",
            "NA",
            "null",
            "nan",
            "None",
            "N/A",
            "\"",
            "\"\"",
            ",",
            "\n",
            "\r",
            "\r\n",
            " a",
            "=1+1",
            "a\0b",
            "'",
            "a,\"b\"\nc",
            "#N/A",
            "\u{feff}",
            "<NA>",
        ];
        let mut out = Vec::new();
        let mut csv = writer(&mut out);
        for text in texts {
            csv.write_record([&field(text), &*field("x")]).unwrap();
        }
        drop(csv);
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("\n\"NA\",x\n") && text.contains("\n\"#N/A\",x\n"), "{text}");
        let mut read = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
        let back: Vec<String> = read.records().map(|r| r.unwrap()[0].to_owned()).collect();
        assert_eq!(back, texts);
    }
}
