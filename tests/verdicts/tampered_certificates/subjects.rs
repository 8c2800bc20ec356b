//! False certificates of kept rows and of label sets, each with a single lie, and files that lie about their subject.

use num_bigint::BigInt;
use serde_json::{Value, json};
use unargmax::audit::{Among, Options, audit};
use unargmax::certificate::arrays::Arrays;
use unargmax::certificate::{self, Certificate, EnclosedRecord, Subject};
use unargmax::domain::{Ball, Domain};
use unargmax::head::Head;
use unargmax::labels;
use unargmax::verify::{Verification, verify};

use super::fixture::refusals;

/// Nine tokens in the plane. Token 4 lies inside the square of 0, 2, 6 and 8; token 5 lies far outside, and token 1 is
/// tied with token 3.
pub fn head() -> Head {
    let rows: Vec<f32> =
        vec![2., 2., 1., 3., -2., 2., 1., 3., 0.5, 0.25, 9., 1., 2., -2., 0., 0., -2., -2.];
    let bias = vec![0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -1.0, 0.0];
    Head::new(rows, Some(bias), 9, 2).unwrap()
}

/// The ball of radius 3 about the origin.
fn ball() -> Domain {
    Domain::free(2).within(Ball::around_origin(2, 3.0).unwrap()).unwrap()
}

/// The honest certificate of the rows without tokens 5 and 7, in the ball and over all of space.
pub fn kept() -> Certificate {
    let among = Among::new(&head(), &[0, 1, 2, 3, 4, 6, 8]).unwrap();
    let options = Options { threads: 1, also_free: true, ..Options::default() };
    let audit = among.audit(&ball(), options).unwrap();
    let free = Domain::free(2);
    certificate::from_audits(&head(), &[(&ball(), &audit), (&free, audit.free().unwrap())])
}

/// The honest certificate of seven sets of labels, in the ball and over all of space.
pub fn sets() -> Certificate {
    let sets = vec![
        vec![],
        vec![0, 1, 3, 4, 5, 6],
        vec![1],
        vec![2],
        vec![0, 1, 2, 3, 4, 5, 6, 8],
        vec![4, 5, 6],
        vec![0, 1, 2, 3],
    ];
    labels::certificate(&head(), &labels::decide(&head(), &ball(), sets, 1).unwrap()).unwrap()
}

type Plant = fn(&mut Certificate);

/// Lies about kept rows: the name, the refusal that must be among the reasons, and how it is planted.
pub const OF_KEPT: &[(&str, &str, Plant)] = &[
    ("kept: a subset passed off as the whole", "token 5: it has no verdict", |c| {
        c.subject = Subject::Head;
    }),
    ("kept: a removed row comes back unnoticed", "token 5: it has no verdict", |c| {
        c.subject = Subject::Kept(vec![0, 1, 2, 3, 4, 5, 6, 8]);
    }),
    ("kept: a row with a verdict removed", "certificate: it names row 8, which is not kept", |c| {
        c.subject = Subject::Kept(vec![0, 1, 2, 3, 4, 6]);
    }),
    ("kept: another row instead", "certificate: it names row 6, which is not kept", |c| {
        c.subject = Subject::Kept(vec![0, 1, 2, 3, 4, 7, 8]);
    }),
    ("kept: rows that do not rise", "certificate: the kept rows are not a rising list", |c| {
        c.subject = Subject::Kept(vec![0, 1, 3, 2, 4, 6, 8]);
    }),
    ("kept: a row twice", "certificate: the kept rows are not a rising list", |c| {
        c.subject = Subject::Kept(vec![0, 1, 2, 3, 4, 6, 8, 8]);
    }),
    ("kept: a row beyond the head", "certificate: the kept rows name row 9", |c| {
        c.subject = Subject::Kept(vec![0, 1, 2, 3, 4, 6, 8, 9]);
    }),
    ("kept: no row", "certificate: no row is kept", |c| c.subject = Subject::Kept(vec![])),
    ("kept: read as sets of labels", "certificate: ", |c| {
        c.subject = Subject::Sets(vec![vec![0]; 9]);
    }),
    ("kept: a rival that was removed", "certificate: it names row 5, which is not kept", |c| {
        let free = c.audits.iter_mut().find(|a| a.domain.is_free()).unwrap();
        free.enclosed.clear();
        free.exact.retain(|e| e.0 != 4);
        free.exact.push((4, vec![(5, BigInt::from(1)), (8, BigInt::from(3))]));
    }),
    ("kept: a scope with a removed row", "certificate: it names row 7, which is not kept", |c| {
        c.audits[0].scope = Some(vec![0, 1, 2, 3, 4, 6, 7, 8]);
    }),
    ("kept: a tie with half of its members", "token 1: its tie of", |c| {
        c.audits.iter_mut().for_each(|a| a.ties = vec![vec![1, 2]]);
    }),
];

/// Lies about label sets.
pub const OF_SETS: &[(&str, &str, Plant)] = &[
    ("sets: tokens passed off as sets", "token 7: it has no verdict", |c| {
        c.subject = Subject::Head
    }),
    ("sets: a set more", "token 7: it has no verdict", |c| of_sets(c).push(vec![1, 2])),
    ("sets: a set less", "certificate: it names set 6, but there are 6", |c| {
        of_sets(c).pop();
    }),
    ("sets: a label more in a feasible set", "token 1: token", |c| of_sets(c)[1].push(8)),
    ("sets: a label less in a feasible set", "token 1: token", |c| {
        of_sets(c)[1].remove(0);
    }),
    ("sets: a feasible set under the proof of another", "token 0: ", |c| {
        of_sets(c)[0] = vec![0, 1, 3, 4, 5, 6];
    }),
    ("sets: an infeasible set made feasible", "token 2: ", |c| {
        of_sets(c)[2] = vec![0, 1, 3, 4, 5, 6]
    }),
    ("sets: labels that do not rise", "certificate: the labels of set 5 are not a rising", |c| {
        of_sets(c)[5] = vec![4, 6, 5];
    }),
    ("sets: a label twice", "certificate: the labels of set 5 are not a rising", |c| {
        of_sets(c)[5] = vec![4, 5, 5];
    }),
    ("sets: a label beyond the head", "certificate: the labels of set 3 name row 9", |c| {
        of_sets(c)[3] = vec![9];
    }),
    ("sets: no set", "certificate: ", |c| of_sets(c).clear()),
    (
        "sets: a verdict on a set that is none",
        "certificate: it names set 9, but there are 7",
        |c| {
            c.audits[1].dominated.push((9, 0));
        },
    ),
    ("sets: a set with two verdicts", "token 2: it has 2 verdicts, not one", |c| {
        c.audits[1].witnesses.push((2, vec![1.0, 1.0]));
    }),
    ("sets: a feasible set by a loss to nobody", "token 1: ", |c| {
        claim_loss(c, 1, vec![]);
    }),
    ("sets: a feasible set by weights that do not cancel", "token 1: its rivals do not", |c| {
        claim_loss(c, 1, vec![(0, 1), (8, 3)]);
    }),
    ("sets: a loss to a label beyond the head", "certificate: it names label 9", |c| {
        claim_loss(c, 2, vec![(9, 1)]);
    }),
    ("sets: dominated by a label that is not 0 everywhere", "token 1: its row is not", |c| {
        drop_verdicts(c, 1);
        c.audits.iter_mut().for_each(|a| a.dominated.push((1, 0)));
    }),
    ("sets: dominated by a label that has its sign", "token 0: its bias is not below", |c| {
        drop_verdicts(c, 0);
        c.audits.iter_mut().for_each(|a| a.dominated.push((0, 7)));
    }),
    ("sets: a scope", "certificate: an audit of label sets has no scope", |c| {
        c.audits[0].scope = Some(vec![0]);
    }),
    ("sets: a tie", "certificate: an audit of label sets has no scope", |c| {
        c.audits[0].ties = vec![vec![0, 1]];
    }),
    ("sets: weights that are said to exist and do not", "token 1: ", |c| {
        drop_verdicts(c, 1);
        let free = c.audits.iter_mut().find(|a| a.domain.is_free()).unwrap();
        free.enclosed.push(EnclosedRecord {
            token: 1,
            basic: vec![(0, 0.4), (2, 0.3), (6, 0.3)],
            frozen: vec![],
            equations: vec![0, 1],
        });
    }),
];

/// The sets of a certificate.
fn of_sets(certificate: &mut Certificate) -> &mut Vec<Vec<u32>> {
    match &mut certificate.subject {
        Subject::Sets(sets) => sets,
        other => panic!("it is about sets, not {other:?}"),
    }
}

/// Removes all records of a set.
fn drop_verdicts(certificate: &mut Certificate, set: u32) {
    for audit in &mut certificate.audits {
        audit.witnesses.retain(|w| w.0 != set);
        audit.integers.retain(|w| w.0 != set);
        audit.carried.retain(|&s| s != set);
        audit.exact.retain(|e| e.0 != set);
        audit.enclosed.retain(|e| e.token != set);
        audit.ball_losses.retain(|b| b.token != set);
        audit.dominated.retain(|d| d.0 != set);
    }
}

/// Claims that a set is infeasible over all of space by these weights, and so in the ball.
fn claim_loss(certificate: &mut Certificate, set: u32, weights: Vec<(u32, i32)>) {
    drop_verdicts(certificate, set);
    let weights = weights.into_iter().map(|(j, n)| (j, BigInt::from(n))).collect();
    for audit in &mut certificate.audits {
        match audit.domain.is_free() {
            true => audit.exact.push((set, std::mem::take(&mut Vec::clone(&weights)))),
            false => {
                audit.carried.push(set);
                audit.carried.sort_unstable();
                audit.carried_from = Some(1);
            }
        }
    }
}

/// Changes of the file: the name, the certificate, the error, and how it is made.
type Change = fn(&mut Arrays, &mut Value);
type Made = fn() -> Certificate;
pub const FILES: &[(&str, Made, &str, Change)] = &[
    ("a subject of version 4", kept, "`subject` is a string", |_, d| d["version"] = json!(4)),
    ("no subject", kept, "the array `kept` is not known", |_, d| {
        d.as_object_mut().unwrap().remove("subject");
    }),
    ("a subject that is null", kept, "`subject` is a string", |_, d| d["subject"] = json!(null)),
    ("an unknown subject", kept, "the subject \"some rows\" is not known", |_, d| {
        d["subject"] = json!("some rows");
    }),
    ("kept rows beside the whole head", kept, "the array `kept` is not known", |_, d| {
        d["subject"] = json!("head");
    }),
    ("kept rows without their list", kept, "the array `kept` is missing", |a, _| {
        a.take::<u32>("kept").unwrap();
    }),
    ("kept rows as u64", kept, "has elements U64, not U32", |a, _| {
        let ids: Vec<u32> = a.take_list("kept").unwrap();
        a.put_list("kept".to_owned(), ids.into_iter().map(u64::from));
    }),
    ("sets without their offsets", sets, "`sets.offsets` is missing", |a, _| {
        a.take::<u64>("sets.offsets").unwrap();
    }),
    ("sets with offsets that fall", sets, "the offsets `sets.offsets` do not cut", |a, _| {
        let (mut offsets, shape) = a.take::<u64>("sets.offsets").unwrap();
        offsets.swap(2, 3);
        a.put("sets.offsets".to_owned(), shape, offsets);
    }),
    ("sets without any offset", sets, "`sets.offsets`", |a, _| {
        a.take::<u64>("sets.offsets").unwrap();
        a.put_list::<u64>("sets.offsets".to_owned(), []);
    }),
];

/// The bytes of a certificate after a change of its file.
pub fn planted(made: Made, change: Change) -> Vec<u8> {
    changed(&made().to_bytes().unwrap(), change)
}

/// The bytes of a file after a change.
fn changed(bytes: &[u8], change: Change) -> Vec<u8> {
    let (mut arrays, description) = Arrays::from_bytes(bytes).unwrap();
    let mut description: Value = serde_json::from_str(&description).unwrap();
    change(&mut arrays, &mut description);
    arrays.to_bytes(description.to_string()).unwrap()
}

/// What `verify` says of a certificate, which its file says as well.
fn verified(certificate: &Certificate) -> Verification {
    let verification = verify(&head(), certificate, None);
    let bytes = certificate.to_bytes().unwrap();
    if let Ok(read) = Certificate::from_bytes(&bytes) {
        assert_eq!(refusals(&verify(&head(), &read, None)), refusals(&verification));
    }
    verification
}

/// Version 5 had no subject before there were others than the head.
#[test]
fn a_certificate_of_version_5_without_a_subject_is_about_the_head() {
    let domain = Domain::free(2);
    let audit = audit(&head(), &domain, Options::default()).unwrap();
    let made = || certificate::from_audits(&head(), &[(&domain, &audit)]);
    let bytes = made().to_bytes().unwrap();
    let (_, description) = Arrays::from_bytes(&bytes).unwrap();
    let description: Value = serde_json::from_str(&description).unwrap();
    assert_eq!((&description["version"], description.get("subject")), (&json!(5), None));
    // It may say that it is about the head.
    let said = changed(&bytes, |_, d| d["subject"] = json!("head"));
    for bytes in [bytes, said] {
        let read = Certificate::from_bytes(&bytes).unwrap();
        assert_eq!(read.subject, Subject::Head);
        assert!(verify(&head(), &read, None).is_accepted());
    }
}

#[test]
fn the_honest_certificates_of_kept_rows_and_of_sets_are_accepted() {
    for certificate in [kept(), sets()] {
        let verification = verified(&certificate);
        assert!(verification.is_accepted(), "{:?}", refusals(&verification));
        assert!(verification.audits.iter().all(|audit| audit.complete));
        let bytes = certificate.to_bytes().unwrap();
        assert_eq!(Certificate::from_bytes(&bytes).unwrap(), certificate);
    }
    // Both verdicts occur, in both audits.
    for audit in verified(&sets()).audits {
        assert_eq!(audit.accepted.len(), 2, "{audit:?}");
    }
}

#[test]
fn every_lie_about_kept_rows_and_sets_is_refused_for_its_reason() {
    let all = OF_KEPT.iter().map(|lie| (lie, kept as Made));
    for ((name, expected, plant), made) in all.chain(OF_SETS.iter().map(|lie| (lie, sets as Made)))
    {
        let mut certificate = made();
        plant(&mut certificate);
        let verification = verified(&certificate);
        let reasons = refusals(&verification);
        assert!(!verification.is_accepted(), "{name} was accepted");
        assert!(reasons.iter().any(|r| r.starts_with(expected)), "{name}: {reasons:?}");
    }
}

#[test]
fn files_that_lie_about_their_subject_are_not_read() {
    for (name, made, expected, change) in FILES {
        let said = Certificate::from_bytes(&planted(*made, *change)).unwrap_err();
        assert!(said.contains(expected), "{name}: {said}");
    }
}

#[test]
fn some_sets_are_checked_alone() {
    let mut certificate = sets();
    of_sets(&mut certificate)[1].push(8);
    let only = |sets: &[u32]| verify(&head(), &certificate, Some(sets));
    assert!(only(&[0, 2]).is_accepted() && !only(&[0, 2]).audits[0].complete);
    assert!(!only(&[1]).is_accepted());
    assert_eq!(refusals(&only(&[0, 7]))[0], "token 7: there is no such set");
}
