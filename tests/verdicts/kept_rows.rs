//! Audits among some rows of a head.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use unargmax::audit::{Among, Audit, Options, audit};
use unargmax::certificate::{self, Certificate, Subject, SubjectKind};
use unargmax::certify::{Outcome, Rival, Verdict};
use unargmax::domain::{Ball, Domain};
use unargmax::head::Head;
use unargmax::verify::verify;

/// The audit among the rows with these ids, with largest probabilities and best ranks, whose certificate is accepted and names them.
fn audited(head: &Head, domain: &Domain, ids: &[u32]) -> Audit {
    let among = Among::new(head, ids).unwrap();
    let options = Options {
        threads: 1,
        also_free: true,
        max_probability: Some(ids),
        ranks: Some(ids),
        ..Options::default()
    };
    let audit = among.audit(domain, options).unwrap();
    assert!(audit.max_probabilities().iter().map(|c| c.token()).eq(ids.iter().copied()));
    assert!(audit.best_ranks().iter().map(|rank| rank.token()).eq(ids.iter().copied()));
    let all = Domain::free(head.dim());
    let beside = audit.free().map(|free| (&all, free));
    let audits: Vec<_> = [(domain, &audit)].into_iter().chain(beside).collect();
    let bytes = certificate::from_audits(head, &audits).to_bytes().unwrap();
    let read = Certificate::from_bytes(&bytes).unwrap();
    assert_eq!(read.subject, Subject::Kept(ids.to_vec()));
    let verification = verify(head, &read, None);
    assert!(verification.is_accepted(), "{verification:?}");
    assert_eq!(verification.subject, SubjectKind::KeptRows(ids.len()));
    assert!(verification.audits.iter().all(|audit| audit.complete));
    audit
}

/// The ids of the rows that a mask keeps.
fn kept(mask: &[bool]) -> Vec<u32> {
    (0u32..).zip(mask).filter(|(_, keep)| **keep).map(|(id, _)| id).collect()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 150, rng_seed: RngSeed::Fixed(20), failure_persistence: None, ..Default::default()
    })]

    #[test]
    fn removing_rows_never_loses_a_token(
        rows in prop::collection::vec((-4i8..5).prop_map(f64::from), 3 * 12),
        bias in prop::collection::vec((-2i8..3).prop_map(f64::from), 12),
        mask in prop::collection::vec(any::<bool>(), 12).prop_filter("a row", |m| m.contains(&true)),
        place in 0u8..3,
    ) {
        let head = Head::new(rows, Some(bias), 12, 3).unwrap();
        let ball = Ball::around_origin(3, 1.5).unwrap();
        let domain = match place {
            0 => Domain::free(3),
            1 => Domain::range(3, -1.0, 2.0).unwrap(),
            _ => Domain::free(3).within(ball).unwrap(),
        };
        let ids = kept(&mask);
        let whole = audit(&head, &domain, Options { threads: 1, ..Options::default() }).unwrap();
        let some = audited(&head, &domain, &ids);
        prop_assert_eq!(some.verdicts().iter().map(|v| v.0).collect::<Vec<_>>(), ids.clone());
        for (id, verdict) in some.verdicts() {
            let before = whole.verdict(*id).unwrap().outcome();
            let rank = |outcome| match outcome {
                Outcome::Unargmaxable => 0,
                Outcome::Tied => 1,
                Outcome::Argmaxable => 2,
                Outcome::Undecided => panic!("everything is decided in so few dimensions"),
            };
            prop_assert!(rank(verdict.outcome()) >= rank(before), "token {}", id);
            if let Verdict::Unargmaxable(loss) = verdict {
                let is_kept = |rival: &Rival| !matches!(rival, Rival::Token(j) if !ids.contains(j));
                prop_assert!(loss.blockers().iter().all(|(rival, _)| is_kept(rival)));
            }
        }
    }
}

#[test]
fn tokens_have_their_ids_in_the_whole_head_and_states_where_they_win() {
    // Token 3 is the centre of the square of 0, 2, 4, 6; tokens 1 and 5 are equal and stick out.
    let rows: Vec<f32> = vec![1., 1., 3., 0., -1., 1., 0., 0., 1., -1., 3., 0., -1., -1.];
    let head = Head::new(rows, None, 7, 2).unwrap();
    let free = Domain::free(2);
    let some = audited(&head, &free, &[0, 2, 3, 4, 6]);
    let blockers = some.blockers(3).unwrap();
    assert!(blockers.iter().all(|(rival, _)| matches!(rival, Rival::Token(0 | 2 | 4 | 6))));
    let states = some.hidden_states(&head, &[6]).unwrap();
    let h = states[0].as_ref().unwrap();
    assert!([0, 2, 3, 4].iter().all(|&j| head.dot(6, h) > head.dot(j, h)));
    let tied = audited(&head, &free, &[1, 4, 5]);
    let Some(Verdict::Tied(tie)) = tied.verdict(5) else { panic!("it is tied") };
    assert_eq!(tie.members(), [1, 5]);
    // Without two opposite corners the centre lies on an edge, without three it is free.
    assert!(audited(&head, &free, &[0, 3, 6]).blockers(3).is_some());
    assert!(audited(&head, &free, &[0, 2, 3]).blockers(3).is_none());
}

#[test]
fn measurements_and_scopes_are_of_kept_rows_with_their_ids() {
    let rows = vec![1.0, 0.0, 0.0, 1.0, -1.0, 0.0, 0.2, 0.1, 0.0, -1.0];
    let head = Head::new(rows, Some(vec![0.0, 0.1, 0.0, 0.0, 0.0]), 5, 2).unwrap();
    let ball = Domain::free(2).within(Ball::around_origin(2, 2.0).unwrap()).unwrap();
    let among = Among::new(&head, &[4, 3, 1, 0]).unwrap();
    assert_eq!(among.ids(), [0, 1, 3, 4]);
    let options = Options {
        tokens: Some(&[3, 4]),
        efforts: Some(&[4]),
        margins: Some(&[3]),
        bias_needed: true,
        threads: 1,
        ..Options::default()
    };
    let found = among.audit(&ball, options).unwrap();
    assert_eq!(found.verdicts().iter().map(|v| v.0).collect::<Vec<_>>(), [3, 4]);
    assert_eq!((found.efforts()[0].token(), found.margins()[0].token()), (4, 3));
    assert!(found.bias_needed().iter().all(|gap| [3, 4].contains(&gap.token())));
    let certificate = certificate::from_audits(&head, &[(&ball, &found)]);
    assert_eq!(certificate.audits[0].scope, Some(vec![3, 4]));
    assert!(verify(&head, &certificate, Some(&[4])).is_accepted());
    assert!(!verify(&head, &certificate, Some(&[2])).is_accepted());
    let beyond = Options { tokens: Some(&[2]), threads: 1, ..Options::default() };
    let said = among.audit(&ball, beyond).unwrap_err().to_string();
    assert!(said.contains("token 2 is not among the 4 kept rows"), "{said}");
}
