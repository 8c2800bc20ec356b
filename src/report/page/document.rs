//! The frame of every page, with style and script inline and nothing loaded from outside.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

/// The style sheet of every page.
const STYLE: &str = include_str!("../assets/report.css");
/// The script of every page.
const SCRIPT: &str = include_str!("../assets/report.js");

/// Wraps the body into a whole page. The page's security policy lets the browser run only the script of this program
/// and load nothing, so a token that got through as markup could do no harm.
pub fn document(title: &str, name: &str, body: Markup) -> String {
    let hash = STANDARD.encode(Sha256::digest(SCRIPT.as_bytes()));
    let policy = format!(
        "default-src 'none'; script-src 'sha256-{hash}'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
    );
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="generator" content={ "unargmax " (env!("CARGO_PKG_VERSION")) };
                title { (title) }
                link rel="icon" href="data:,";
                style { (PreEscaped(STYLE)) }
            }
            body {
                header .top {
                    p { strong { "unargmax" } " report" }
                    p { bdi translate="no" { (name) } }
                }
                main { (body) }
                footer {
                    p {
                        "Made by unargmax. The question is that of Grivas, Bogoychev and Lopez, "
                        i { "Low-Rank Softmax Can Have Unargmaxable Classes in Theory but Rarely in Practice" }
                        " (ACL 2022, arXiv 2203.06462)."
                    }
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
    .into_string()
}
