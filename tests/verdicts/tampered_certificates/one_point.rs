//! Changes about a domain that is one point, or that has a point which no float is.

use num_bigint::BigInt;
use unargmax::certificate::{AuditRecord, Certificate, Subject};
use unargmax::domain::{Ball, Domain, Inside};
use unargmax::head::Head;
use unargmax::verify::verify;

use super::fixture::refusals;

/// Five tokens at `h = 0` alone, where their biases decide.
#[derive(Clone, Debug)]
pub struct OnePointFixture {
    pub bias: Vec<f64>,
    pub record: AuditRecord,
}

/// What a LayerNorm leaves of the ranges.
fn above(low: f64) -> Domain {
    let ball = Ball::after_norm(vec![3.0, 1.0], vec![0.0, 0.0], true).unwrap();
    let ranges = Domain::ranges(vec![low, 0.0], vec![f64::INFINITY; 2]).unwrap();
    ranges.within(ball).unwrap()
}

impl OnePointFixture {
    pub fn new() -> Self {
        let mut record = AuditRecord::empty(above(0.0));
        assert_eq!(record.inside, Some(Inside::Only));
        record.ties = vec![vec![0, 1]];
        record.only_wins = vec![0];
        record.only_losses = vec![(2, 0), (4, 2)];
        record.dominated = vec![(3, 2)];
        OnePointFixture { bias: vec![2.0, 2.0, 1.0, 0.0, -1.0], record }
    }

    pub fn head(&self) -> Head {
        // Token 1 is token 0 and a multiple of ones after the gain.
        let rows = vec![1.0, 0.0, 2.0, 3.0, 0.0, 3.0, 0.0, 3.0, 5.0, 5.0];
        Head::new(rows, Some(self.bias.clone()), 5, 2).unwrap()
    }

    pub fn certificate(&self) -> Certificate {
        let head = self.head();
        let audits = vec![self.record.clone()];
        Certificate { head: head.sha256(), tokens: 5, dim: 2, subject: Subject::Head, audits }
    }
}

type Plant = fn(&mut OnePointFixture);

/// A change: its name, the refusal that must be among the reasons, and how it is made.
pub const TAMPERINGS: &[(&str, &str, Plant)] = &[
    (
        "a win of a token that loses at the only point",
        "token 2: token 0 scores at least as much",
        |g| {
            g.record.only_wins.push(2);
            g.record.only_losses.remove(0);
        },
    ),
    ("a win shared at the only point", "token 0: token 2 scores at least as much", |g| {
        g.bias[2] = 2.0;
    }),
    ("a loss to a rival that scores less", "token 4: its rival 2 scores less", |g| {
        g.bias[4] = 1.0f64.next_up();
    }),
    ("a loss to itself", "token 2: its rival 2 has its own row and bias", |g| {
        g.record.only_losses[0].1 = 2;
    }),
    ("a loss to an equal", "token 1: its rival 0 has its own row and bias", |g| {
        (g.record.ties, g.record.only_wins) = (vec![], vec![]);
        g.record.only_losses.extend([(0, 1), (1, 0)]);
    }),
    ("a loss to nobody", "token 2: its rival 9 does not exist", |g| {
        g.record.only_losses[0].1 = 9;
    }),
    ("a winner beyond the head", "token 7: there is no such token", |g| g.record.only_wins.push(7)),
    ("a winner at the only point twice", "token 0: it has several points", |g| {
        g.record.only_wins.push(0)
    }),
    ("a loser at the only point twice", "token 2: it has 2 verdicts, not one", |g| {
        g.record.only_losses.push((2, 1));
    }),
    ("more than one point", "audit: box and ball do not meet in one point alone", |g| {
        g.record.domain = above(-1.0);
    }),
    ("no point at all", "audit: box and ball do not meet in one point alone", |g| {
        let ball = g.record.domain.ball().unwrap().clone();
        let ranges = Domain::ranges(vec![1.0, 0.0], vec![f64::INFINITY; 2]).unwrap();
        g.record.domain = ranges.within_unchecked(ball).unwrap();
    }),
    ("an only point on the sphere", "audit: box and ball do not meet in one point alone", |g| {
        let ball = g.record.domain.ball().unwrap().clone();
        let ranges = Domain::ranges(vec![3.0, -1.0], vec![f64::INFINITY; 2]).unwrap();
        g.record.domain = ranges.within_unchecked(ball).unwrap();
    }),
    ("an integer point outside the box", "audit: the point that should show", |g| {
        empty(g, [1, 1], 3);
    }),
    ("an integer point over nothing", "audit: the point that should show", |g| {
        empty(g, [0, 0], 0);
    }),
    ("an integer point over less than nothing", "audit: the point that should show", |g| {
        empty(g, [1, -1], -3);
    }),
];

/// Another domain with a point of integers.
fn empty(g: &mut OnePointFixture, numerators: [i64; 2], denominator: i64) {
    let numerators = numerators.map(BigInt::from).to_vec();
    g.record = AuditRecord::empty(above(-1.0));
    g.record.domain = Domain::ranges(vec![-1.0, 0.5], vec![0.0, 9.0])
        .unwrap()
        .within_unchecked(g.record.domain.ball().unwrap().clone())
        .unwrap();
    g.record.inside = Some(Inside::Integers(numerators, denominator.into()));
    g.record.exact = vec![(0, vec![(2, 1.into())])];
}

#[test]
fn the_honest_certificate_of_one_point_is_accepted_and_every_false_one_refused() {
    let honest = OnePointFixture::new();
    let verification = verify(&honest.head(), &honest.certificate(), None);
    assert!(verification.is_accepted(), "{:?}", refusals(&verification));
    for (name, expected, plant) in TAMPERINGS {
        let mut fixture = OnePointFixture::new();
        plant(&mut fixture);
        let verification = verify(&fixture.head(), &fixture.certificate(), None);
        let reasons = refusals(&verification);
        assert!(!verification.is_accepted(), "{name} was accepted");
        assert!(reasons.iter().any(|r| r.starts_with(expected)), "{name}: {reasons:?}");
        let bytes = fixture.certificate().to_bytes().unwrap();
        let read = Certificate::from_bytes(&bytes).unwrap();
        assert_eq!(refusals(&verify(&fixture.head(), &read, None)), reasons, "{name}");
    }
}

#[test]
fn records_of_an_only_point_are_for_domains_that_are_one() {
    let mut fixture = OnePointFixture::new();
    fixture.record.domain = above(-1.0);
    fixture.record.inside = Some(Inside::Float(vec![0.0, 0.0]));
    let reasons = refusals(&verify(&fixture.head(), &fixture.certificate(), None));
    assert!(reasons[0].starts_with("audit: it has verdicts at an only point"), "{reasons:?}");
}

#[test]
fn versions_are_as_late_as_what_they_say() {
    let version = |fixture: &OnePointFixture| {
        let bytes = fixture.certificate().to_bytes().unwrap();
        [2, 3].map(|v| {
            let text = format!("\\\"version\\\":{v}");
            bytes.windows(text.len()).any(|w| w == text.as_bytes())
        })
    };
    let mut fixture = OnePointFixture::new();
    assert_eq!(version(&fixture), [false, true]);
    empty(&mut fixture, [0, 0], 1);
    assert_eq!(version(&fixture), [false, true]);
    fixture.record.inside = Some(Inside::Float(vec![0.0, 0.0]));
    assert_eq!(version(&fixture), [true, false]);
}
