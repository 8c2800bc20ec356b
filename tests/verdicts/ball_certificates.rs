//! Certificates of real audits in balls: the checker accepts them, and what they say is true where truth is known.

use unargmax::audit::{Audit, Options, audit};
use unargmax::certificate::{self, Certificate};
use unargmax::domain::{Ball, Domain};
use unargmax::head::Head;
use unargmax::verify::verify;

fn audited(head: &Head, domain: &Domain) -> (Audit, Certificate) {
    let options = Options { threads: 1, also_free: true, ..Options::default() };
    let inside = audit(head, domain, options).unwrap();
    let all = Domain::free(head.dim());
    let mut audits = vec![(domain, &inside)];
    audits.extend(inside.free().map(|free| (&all, free)));
    let certificate = certificate::from_audits(head, &audits);
    (inside, certificate)
}

fn names(audit: &Audit) -> Vec<&'static str> {
    audit.verdicts().iter().map(|v| v.1.name()).collect()
}

/// Tokens 0, 1 and 2 differ only where the gain is 0, and token 0 is half-way between the others: free hidden states never
/// let it win. In the ball they tie, and win in a cone of width `2^-20` or `2^-50`.
#[test]
fn a_token_that_ties_in_the_ball_is_not_lost_because_it_loses_outside() {
    for width in [2f64.powi(-20), 2f64.powi(-50)] {
        let rows = vec![
            0.0,
            0.0,
            0.5, //
            0.0,
            0.0,
            0.0, //
            0.0,
            0.0,
            1.0, //
            -1.0,
            1.0,
            0.25, //
            1.0,
            -1.0 - width,
            0.75,
        ];
        let head = Head::new(rows, None, 5, 3).unwrap();
        let ball = Ball::new([2.0, 1.0], vec![1.0, 1.0, 0.0], vec![0.0; 3], false).unwrap();
        let (inside, certificate) = audited(&head, &Domain::free(3).within(ball).unwrap());
        assert_eq!(names(&inside)[..3], ["tied"; 3], "{width}");
        assert_eq!(names(inside.free().unwrap())[0], "unargmaxable");
        let verification = verify(&head, &certificate, None);
        assert!(verification.is_accepted(), "{:?}", verification.audits);
    }
}

/// In the plane `z` is at least so long where token 0 wins: token 1 is level with it there.
#[test]
fn a_token_that_needs_more_than_the_radius_is_lost_and_one_that_needs_less_is_not() {
    // Tokens 0 and 1 are apart by 5 in the direction (3, 4), and by a bias of 10: level at length 2.
    let head =
        Head::new(vec![3.0, 4.0, 0.0, 0.0, -9.0, -9.0], Some(vec![-10.0, 0.0, 0.0]), 3, 2).unwrap();
    for (radius, expected) in [
        (1.0, &["unargmaxable"][..]),
        (2.0, &["unargmaxable"]),
        // The best gap is a unit in the last place: no engine need find where.
        (2.0f64.next_up(), &["argmaxable", "undecided"]),
        (2.000001, &["argmaxable"]),
        (4.0, &["argmaxable"]),
    ] {
        let ball = Ball::around_origin(2, radius).unwrap();
        let (inside, certificate) = audited(&head, &Domain::free(2).within(ball).unwrap());
        assert!(expected.contains(&names(&inside)[0]), "{radius}: {}", names(&inside)[0]);
        assert_eq!(names(inside.free().unwrap())[0], "argmaxable");
        assert!(verify(&head, &certificate, None).is_accepted(), "{radius}");
    }
}

#[test]
fn a_certificate_of_a_ball_is_refused_for_another_radius() {
    let head = Head::new(vec![3.0, 4.0, 0.0, 0.0], Some(vec![-10.0, 0.0]), 2, 2).unwrap();
    let domain =
        |radius: f64| Domain::free(2).within(Ball::around_origin(2, radius).unwrap()).unwrap();
    for (audited_at, claimed_at) in [(2.0, 2.5), (2.5, 2.0)] {
        let (_, mut certificate) = audited(&head, &domain(audited_at));
        assert!(verify(&head, &certificate, None).is_accepted());
        certificate.audits[0].domain = domain(claimed_at);
        assert!(!verify(&head, &certificate, None).is_accepted(), "{claimed_at}");
    }
}
