//! Proofs over the rationals, and what must hold between domains and between heads.

use unargmax::audit::{Audit, Options, audit};
use unargmax::certificate::{self, Certificate};
use unargmax::certify::Verdict;
use unargmax::domain::{Ball, Domain};
use unargmax::head::Head;
use unargmax::verify::verify;

use super::audited;
use super::instances::{Instances, Numbers, places};
use crate::evidence;

const ALL: [Numbers; 3] = [Numbers::Wide, Numbers::Narrow, Numbers::Coarse];

/// Calls for instances of every kind.
fn for_each(seed: u64, each: usize, mut then: impl FnMut(String, Head, Domain)) {
    let mut instances = Instances::new(seed);
    for place in places() {
        for numbers in ALL {
            for n in 0..each {
                let head = instances.head(numbers, place);
                let ball = instances.ball(head.dim(), numbers, place);
                let domain = instances.domain(ball, numbers, place);
                then(format!("{place:?} {numbers:?} {n}"), head, domain);
            }
        }
    }
}

fn names(audit: &Audit) -> Vec<&'static str> {
    audit.verdicts().iter().map(|v| v.1.name()).collect()
}

fn wins(verdict: &Verdict) -> bool {
    verdict.witness().is_some()
}

#[test]
fn every_proof_holds_over_the_rationals_and_its_certificate_is_accepted() {
    let mut proofs = std::collections::BTreeMap::<&str, usize>::new();
    for_each(2, 30, |about, head, domain| {
        let found = audited(&head, &domain);
        assert_eq!(evidence::check(&head, &domain, &found), Ok(()), "{about}");
        for (_, verdict) in found.verdicts() {
            *proofs.entry(verdict.proof()).or_default() += 1;
        }
        let free = Domain::free(head.dim());
        let audits = [(&domain, &found), (&free, found.free().unwrap())];
        let bytes = certificate::from_audits(&head, &audits).to_bytes().unwrap();
        let checked = verify(&head, &Certificate::from_bytes(&bytes).unwrap(), None);
        assert!(checked.is_accepted(), "{about}: {checked:?}");
    });
    for proof in ["float", "outweighed", "equal-row"] {
        assert!(proofs.get(proof).is_some_and(|n| *n > 50), "{proof}: {proofs:?}");
    }
}

#[test]
fn a_win_inside_is_a_win_in_all_of_space_and_a_loss_there_is_one_inside_unless_rows_merge() {
    let (mut merged, mut lost_inside_alone, mut lost_in_both) = (0, 0, 0);
    for_each(3, 30, |about, head, domain| {
        let (found, all) = (audited(&head, &domain), Domain::free(head.dim()));
        let free = found.free().unwrap();
        let alone = audit(&head, &all, Options { threads: 1, ..Options::default() }).unwrap();
        assert_eq!(names(free), names(&alone), "{about}: beside and alone");
        for ((token, inside), (_, outside)) in found.verdicts().iter().zip(free.verdicts()) {
            let t = *token as usize;
            let merges = (0..head.tokens()).any(|j| {
                evidence::same_row(&head, &domain, t, j) && !evidence::same_row(&head, &all, t, j)
            });
            if merges {
                merged += 1;
                continue;
            }
            assert!(!wins(inside) || wins(outside), "{about}: token {t}");
            match (wins(inside), wins(outside)) {
                (false, true) => lost_inside_alone += 1,
                (false, false) => lost_in_both += 1,
                _ => {}
            }
        }
    });
    assert!(
        merged > 50 && lost_inside_alone > 100 && lost_in_both > 100,
        "{merged} {lost_inside_alone} {lost_in_both}"
    );
}

#[test]
fn a_larger_ball_keeps_every_win() {
    let mut won = 0;
    for_each(4, 15, |about, head, domain| {
        let ball = domain.ball().unwrap();
        let [r, s] = ball.radius();
        let larger = Ball::new(
            [2.0 * r, s.next_up()],
            ball.gain().to_vec(),
            ball.shift().to_vec(),
            ball.is_centred(),
        );
        let larger = domain.clone().within(larger.unwrap()).unwrap();
        let (found, more) = (audited(&head, &domain), audited(&head, &larger));
        for ((token, inside), (_, outside)) in found.verdicts().iter().zip(more.verdicts()) {
            assert!(!wins(inside) || wins(outside), "{about}: token {token}");
            won += usize::from(!wins(inside) && wins(outside));
        }
    });
    assert!(won > 50, "{won}");
}

#[test]
fn doubling_the_radius_and_every_level_changes_no_verdict() {
    for_each(5, 15, |about, head, domain| {
        let ball = domain.ball().unwrap();
        let [r, s] = ball.radius();
        let twice = |x: &f64| 2.0 * x;
        let shift = ball.shift().iter().map(twice).collect();
        let ball = Ball::new([4.0 * r, s], ball.gain().to_vec(), shift, ball.is_centred()).unwrap();
        let ends = |of: &dyn Fn(usize) -> f64| (0..head.dim()).map(|k| 2.0 * of(k)).collect();
        let boxed = Domain::ranges(ends(&|k| domain.lo(k)), ends(&|k| domain.hi(k))).unwrap();
        let bias = (0..head.tokens()).map(|t| 2.0 * head.bias(t)).collect();
        let rows: Vec<f64> = (0..head.tokens()).flat_map(|t| head.row(t)).collect();
        let doubled = Head::new(rows, Some(bias), head.tokens(), head.dim()).unwrap();
        let doubled = audited(&doubled, &boxed.within(ball).unwrap());
        assert_eq!(names(&audited(&head, &domain)), names(&doubled), "{about}");
    });
}

#[test]
fn a_norm_folded_by_hand_gives_the_same_verdicts() {
    let mut instances = Instances::new(6);
    for place in places().filter(|p| !p.centred && !p.ranges) {
        for n in 0..100 {
            let numbers = Numbers::Coarse;
            let head = instances.head(numbers, place);
            let (tokens, dim) = (head.tokens(), head.dim());
            let ball = instances.ball(dim, numbers, place);
            // Products and sums of few small fractions: exact.
            let rows: Vec<f64> = (0..tokens)
                .flat_map(|t| head.row(t).zip(ball.gain()).map(|(w, g)| w * g).collect::<Vec<_>>())
                .collect();
            let level = |t: usize| {
                head.bias(t) + head.row(t).zip(ball.shift()).map(|(w, c)| w * c).sum::<f64>()
            };
            let levels = (0..tokens).map(level).collect();
            let folded = Head::new(rows, Some(levels), tokens, dim).unwrap();
            let plain = Ball::new(ball.radius(), vec![1.0; dim], vec![0.0; dim], false).unwrap();
            let found = audited(&head, &Domain::free(dim).within(ball).unwrap());
            let other = audited(&folded, &Domain::free(dim).within(plain).unwrap());
            assert_eq!(names(&found), names(&other), "{place:?} {n}");
        }
    }
}
