//! Published models behind their final norms, too large for the repository: `cargo test --release -- --ignored` after the
//! script that fetches them into `models`, or into `UNARGMAX_MODELS`.

use std::path::PathBuf;

use unargmax::audit::{Audit, Counts, Options, audit};
use unargmax::certificate::{self, Certificate};
use unargmax::checkpoint;
use unargmax::domain::Domain;
use unargmax::locate::{Choice, locate};
use unargmax::verify::verify;

/// The audit over what stands before the head, and its name; certificates of it and of the free one are accepted.
fn audited(path: &str) -> (Audit, String) {
    let folder = std::env::var_os("UNARGMAX_MODELS").map_or("models".into(), PathBuf::from);
    let path = folder.join(path);
    let checkpoint = checkpoint::open(&path).unwrap();
    let located = locate(checkpoint.as_ref(), &path, &Choice::default()).unwrap();
    let (domain, _) = located.domain().unwrap();
    let head = located.head;
    let found = audit(&head, &domain, Options { also_free: true, ..Options::default() }).unwrap();
    let free = Domain::free(head.dim());
    let audits = [(&domain, &found), (&free, found.free().unwrap())];
    let bytes = certificate::from_audits(&head, &audits).to_bytes().unwrap();
    let checked = verify(&head, &Certificate::from_bytes(&bytes).unwrap(), None);
    assert!(checked.is_accepted(), "{checked:?}");
    (found, domain.to_string())
}

fn lost(audit: &Audit) -> Vec<u32> {
    let lost = audit.verdicts().iter().filter(|v| v.1.name() == "unargmaxable");
    lost.map(|v| v.0).collect()
}

fn tied(audit: &Audit) -> Vec<u32> {
    let tied = audit.verdicts().iter().filter(|v| v.1.name() == "tied");
    tied.map(|v| v.0).collect()
}

#[test]
#[ignore = "needs whisper-tiny.en, and some minutes"]
fn the_final_norm_of_whisper_tiny_en_takes_two_tokens_that_all_of_space_leaves() {
    let (found, domain) = audited("whisper-tiny-en/published");
    assert_eq!(domain, "layernorm");
    let counts = Counts { argmaxable: 51784, tied: 78, unargmaxable: 2, undecided: 0 };
    assert_eq!((found.counts(), lost(&found)), (counts, vec![14531, 41551]));
    let free = found.free().unwrap();
    assert_eq!((free.counts().unargmaxable, free.counts().undecided), (0, 0));
    assert_eq!(tied(free), tied(&found), "no rows merge");
}

#[test]
#[ignore = "needs rxnmapper's checkpoint"]
fn the_final_norm_of_rxnmapper_leaves_every_token() {
    let (found, domain) = audited("rxnmapper/published");
    let counts = Counts { argmaxable: 591, tied: 0, unargmaxable: 0, undecided: 0 };
    assert_eq!((found.counts(), domain.as_str()), (counts, "layernorm"));
    assert_eq!(found.free().unwrap().counts(), counts);
}

#[test]
#[ignore = "needs SmolLM2's GGUF file, and some minutes"]
fn the_final_norm_of_smollm2_leaves_the_ties() {
    let (found, domain) = audited("smollm2/published/SmolLM2-135M-Instruct.Q4_1.gguf");
    let counts = found.counts();
    assert_eq!((counts.tied, counts.unargmaxable, counts.undecided), (15, 0, 0));
    assert_eq!((counts.argmaxable, domain.as_str()), (49152 - 15, "rmsnorm"));
    assert_eq!(tied(found.free().unwrap()), tied(&found));
}
