//! Audits of the exported output layers of trained models, against known answers.

use std::path::PathBuf;

use unargmax::audit::{Audit, Counts, Options, audit};
use unargmax::certificate::{self, Certificate};
use unargmax::certify::Verdict;
use unargmax::checkpoint;
use unargmax::locate::{Choice, locate};
use unargmax::verify::verify;

/// The path of a fetched file.
fn fetched(model: &str, file: &str) -> PathBuf {
    let models = std::env::var_os("UNARGMAX_MODELS").unwrap_or_else(|| "models".into());
    // Relative to the repository, where the command below writes.
    let models = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(models);
    let path = models.join(model).join(file);
    assert!(
        path.is_file(),
        "{} is missing; fetch it by: python3 analyses/fetch_heads.py {model} --out {}",
        path.display(),
        models.display()
    );
    path
}

fn audited(model: &str, file: &str, domain: &str) -> Audit {
    let path = fetched(model, file);
    let opened = checkpoint::open(&path).unwrap();
    let located = locate(opened.as_ref(), &path, &Choice::default()).unwrap();
    let domain = located.parse_domain(domain).unwrap();
    let head = located.head;
    let audit = audit(&head, &domain, Options::default()).unwrap();
    // Written, read and checked again by the code that made none of it.
    let certificate = certificate::from_audits(&head, &[(&domain, &audit)]).to_bytes().unwrap();
    assert!(certificate.len() < 20_000_000, "{} bytes", certificate.len());
    let checked = verify(&head, &Certificate::from_bytes(&certificate).unwrap(), None);
    assert!(checked.is_accepted(), "{checked:?}");
    audit
}

/// How many different groups of equals the tied tokens form.
fn groups(audit: &Audit) -> usize {
    let firsts = audit.verdicts().iter().filter(|(id, verdict)| match verdict {
        Verdict::Tied(tie) => tie.members()[0] == *id,
        _ => false,
    });
    firsts.count()
}

/// 217 candidates with free hidden states, and a linear programme for each, left 202.
#[test]
#[ignore = "needs models fetched by analyses/fetch_heads.py"]
fn pp_ocrv4_loses_202_characters_with_free_hidden_states() {
    assert_eq!(
        audited("pp-ocrv4", "head.safetensors", "free").counts(),
        Counts { argmaxable: 6423, tied: 0, unargmaxable: 202, undecided: 0 }
    );
}

/// The least value of Swish, x / (1 + e^-x), rounded away from 0, bounds the hidden states.
#[test]
#[ignore = "needs models fetched by analyses/fetch_heads.py"]
fn pp_ocrv4_loses_217_characters_behind_its_swish() {
    assert_eq!(
        audited("pp-ocrv4", "head.safetensors", "range:-0.2784645427610738:inf").counts(),
        Counts { argmaxable: 6408, tied: 0, unargmaxable: 217, undecided: 0 }
    );
}

/// The control: with fewer labels than dimensions all can win, if their rows are in general position.
#[test]
#[ignore = "needs models fetched by analyses/fetch_heads.py"]
fn magika_loses_no_label() {
    assert_eq!(
        audited("magika", "head.safetensors", "free").counts(),
        Counts { argmaxable: 214, tied: 0, unargmaxable: 0, undecided: 0 }
    );
}

/// Its duplicate rows were counted by comparing bytes.
#[test]
#[ignore = "needs models fetched by analyses/fetch_heads.py"]
fn smollm2_ties_15_tokens_in_4_groups_and_loses_none() {
    let file = "published/SmolLM2-135M-Instruct.Q4_1.gguf";
    let audit = audited("smollm2", file, "free");
    assert_eq!(
        audit.counts(),
        Counts { argmaxable: 49152 - 15, tied: 15, unargmaxable: 0, undecided: 0 }
    );
    assert_eq!(groups(&audit), 4);
}

/// Its duplicate rows were counted by comparing bytes; that no other token is lost was first found here.
#[test]
#[ignore = "needs models fetched by analyses/fetch_heads.py"]
fn whisper_tiny_en_ties_78_tokens_in_31_groups_and_loses_none() {
    let audit = audited("whisper-tiny-en", "head.safetensors", "free");
    assert_eq!(
        audit.counts(),
        Counts { argmaxable: 51864 - 78, tied: 78, unargmaxable: 0, undecided: 0 }
    );
    assert_eq!(groups(&audit), 31);
}
