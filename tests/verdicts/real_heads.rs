//! The output layers of trained models that lie in this repository, through the library.
//!
//! For each the answer was known before: one linear programme a token, by HiGHS in 64 bits (see the
//! README.md beside the data).

use unargmax::audit::{Counts, Options, audit};
use unargmax::checkpoint;
use unargmax::locate::{Choice, locate};

/// Audits the head in `folder` over a domain, written as the command takes it.
fn counts(folder: &str, domain: &str) -> Counts {
    let path = format!("{}/{folder}/head.safetensors", env!("CARGO_MANIFEST_DIR"));
    let opened = checkpoint::open(&path).unwrap();
    let located = locate(opened.as_ref(), path.as_ref(), &Choice::default()).unwrap();
    let domain = located.parse_domain(domain).unwrap();
    audit(&located.head, &domain, Options::default()).unwrap().counts()
}

/// Counts of a head without ties.
fn split(argmaxable: usize, unargmaxable: usize) -> Counts {
    Counts { argmaxable, tied: 0, unargmaxable, undecided: 0 }
}

#[test]
fn g2pm_loses_225_tokens_and_4_more_behind_its_relu() {
    assert_eq!(counts("assets/g2pm", "free"), split(651, 225));
    assert_eq!(counts("assets/g2pm", "range:0:inf"), split(647, 229));
}

#[test]
fn rxnmapper_loses_no_token() {
    assert_eq!(counts("tests/data/rxnmapper", "free"), split(591, 0));
}

#[test]
fn slovnet_morphology_loses_no_label() {
    assert_eq!(counts("tests/data/slovnet-morph", "free"), split(753, 0));
}
