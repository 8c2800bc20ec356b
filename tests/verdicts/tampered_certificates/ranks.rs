//! Best ranks: an honest record of every kind beside the certificates of the other fixtures, and one lie at a time.

use num_bigint::BigInt;
use unargmax::certificate::{BallLossRecord, Certificate, EnclosedRecord, RankRecords};
use unargmax::head::Head;
use unargmax::verify::verify;

use super::ball_fixture::{BallFixture, KINDS, Kind};
use super::files;
use super::fixture::{Fixture, Place, refusals};

/// Best ranks in the plane or the square: of token 4 by overlapping sets and a point; of 5, the exact one; of 6 without a
/// point.
pub fn in_the_plane(place: Place) -> Fixture {
    let enclosed = |first: u32| EnclosedRecord {
        token: 4,
        basic: vec![(first, 0.5), (1, 0.25), (2, 0.25)],
        frozen: vec![],
        equations: vec![0, 1],
    };
    let exact = |token: u32, weights: [(u32, i32); 2]| {
        ((token, weights.map(|(j, n)| (j, BigInt::from(n))).to_vec()), 1.0)
    };
    let mut fixture = Fixture::new(place);
    fixture.record.ranks = Some(RankRecords {
        ends: vec![(4, 3, 6), (5, 4, 4), (6, 2, 11)],
        points: vec![(4, vec![1.0, 1.0]), (5, vec![-1.0, -0.125])],
        // Token 7 has the row of 0.
        enclosed: vec![(enclosed(0), 0.5), (enclosed(7), 0.5)],
        exact: vec![
            exact(4, [(5, 1), (6, 1)]),
            exact(5, [(0, 1), (2, 1)]),
            exact(5, [(1, 1), (3, 1)]),
            exact(5, [(4, 4), (9, 1)]),
            exact(6, [(0, 1), (1, 1)]),
        ],
        outweighed: vec![],
    });
    fixture
}

/// Best ranks in a ball: of token 3 by weights that combine to its row in all of space, of 10 by weights that hold in the
/// ball alone.
pub fn in_a_ball(kind: Kind) -> BallFixture {
    let outweighed = |rival: u32| {
        let rivals = vec![(rival, BigInt::from(1))];
        (BallLossRecord { token: 10, rivals, ends: vec![] }, 1.0)
    };
    let mut fixture = BallFixture::new(kind);
    fixture.ball.ranks = Some(RankRecords {
        ends: vec![(3, 2, 13), (10, 3, 4)],
        points: vec![(10, kind.point([0.5, -0.5, 0.0]))],
        enclosed: vec![],
        exact: vec![((3, [0, 1, 2].map(|j| (j, BigInt::from(1))).to_vec()), 1.0)],
        outweighed: vec![outweighed(0), outweighed(5)],
    });
    fixture
}

type Plant<F> = fn(&mut F, &mut RankRecords);

/// A change in the plane: its name, where it is planted, the refusal that must be among the reasons, and how it is made.
pub const TAMPERINGS: &[(&str, Place, &str, Plant<Fixture>)] = &[
    (
        "a rank above what its sets prove",
        Place::Free,
        "token 4: its sets prove a best rank of 3 at least, not 4",
        |_, r| r.ends[0].1 = 4,
    ),
    (
        "a rank below what its point shows",
        Place::Free,
        "token 4: its rank at its point is 6, not 5",
        |_, r| r.ends[0].2 = 5,
    ),
    ("a rank one too good", Place::Box, "token 5: its rank at its point is 4, not 3", |_, r| {
        r.ends[1].2 = 3
    }),
    (
        "an upper end without a point",
        Place::Free,
        "token 6: no point shows that it reaches its best rank",
        |_, r| r.ends[2].2 = 10,
    ),
    (
        "shares of a rival above 1 by one ulp",
        Place::Free,
        "token 4: the shares of the sets with rival 1 exceed 1",
        |_, r| r.enclosed[0].1 = 0.5f64.next_up(),
    ),
    (
        "a set counted twice",
        Place::Free,
        "token 5: the shares of the sets with rival 0 exceed 1",
        |_, r| {
            r.exact.push(r.exact[1].clone());
        },
    ),
    (
        "a share above 1",
        Place::Free,
        "token 6: the share 1.0000000000000002 of a set is not above 0",
        |_, r| r.exact[4].1 = 1.0f64.next_up(),
    ),
    ("a share of 0", Place::Free, "token 6: the share 0 of a set is not above 0", |_, r| {
        r.exact[4].1 = 0.0;
    }),
    ("a negative share", Place::Free, "token 4: the share -0.5 of a set", |_, r| {
        r.enclosed[0].1 = -0.5;
    }),
    ("a share that is no number", Place::Free, "token 4: the share NaN of a set", |_, r| {
        r.enclosed[0].1 = f64::NAN;
    }),
    ("a set that does not block", Place::Free, "token 5: its rivals do not combine", |_, r| {
        r.exact[3].0.1[0].1 = BigInt::from(3)
    }),
    (
        "a set whose rivals stay below in bias",
        Place::Free,
        "token 6: its rivals combine to less than its bias",
        |g, _| g.bias[1] = -0.5,
    ),
    ("a set with a negative weight", Place::Free, "token 5: a weight is negative", |_, r| {
        r.exact[1].0.1[0].1 = BigInt::from(-1);
    }),
    ("a set with the token itself", Place::Free, "token 5: its rival 5 has its own row", |_, r| {
        r.exact[1].0.1 = vec![(5, 1.into())];
    }),
    (
        "a set with a rival of nobody",
        Place::Free,
        "token 5: its rival 11 does not exist",
        |_, r| {
            r.exact[1].0.1[0].0 = 11;
        },
    ),
    (
        "an enclosed set without its equations",
        Place::Free,
        "token 4: 3 weights for 1 equations and their sum",
        |_, r| {
            r.enclosed[1].0.equations.pop();
        },
    ),
    (
        "an enclosed set on the wrong side",
        Place::Free,
        "token 4: a weight is not proved to be positive",
        |_, r| r.enclosed[0].0.basic[0].0 = 9,
    ),
    (
        "a frozen weight that hides a rival",
        Place::Free,
        "token 4: the shares of the sets with rival 5 exceed 1",
        |_, r| r.enclosed[0].0.frozen.push((5, 0.0)),
    ),
    (
        "a rank of a token that is nobody",
        Place::Free,
        "audit: the tokens with best ranks are not a rising list",
        |_, r| r.ends.push((11, 1, 11)),
    ),
    (
        "two ranks of a token",
        Place::Free,
        "audit: the tokens with best ranks are not a rising list",
        |_, r| r.ends[1].0 = 4,
    ),
    (
        "a set of a token without a rank",
        Place::Free,
        "audit: a set or point belongs to token 6",
        |_, r| {
            r.ends.pop();
        },
    ),
    (
        "a point of a token without a rank",
        Place::Free,
        "audit: a set or point belongs to token 0",
        |_, r| r.points.insert(0, (0, vec![1.0, 0.0])),
    ),
    (
        "two points of a token",
        Place::Free,
        "audit: the points of best ranks are not a rising list",
        |_, r| r.points.push((5, vec![0.0, 0.0])),
    ),
    (
        "a rank at a point outside the box",
        Place::Box,
        "token 5: the point of its best rank lies outside the domain",
        |_, r| r.points[1].1 = vec![(-8.0f64).next_down(), -1.0],
    ),
    (
        "a rank at a point at infinity",
        Place::Free,
        "token 5: the point of its best rank is not finite",
        |_, r| r.points[1].1[0] = f64::NEG_INFINITY,
    ),
    (
        "a rank at a point where it ties",
        Place::Free,
        "token 5: its rank at its point is 10, not 4",
        |_, r| r.points[1].1 = vec![0.0, 0.0],
    ),
    (
        "a rank outside the scope",
        Place::Free,
        "audit: token 4 has a best rank and is outside the scope",
        |g, _| {
            g.record.scope = Some((0..11).filter(|t| *t != 4).collect());
            g.record.enclosed.remove(0);
        },
    ),
];

/// The same in a ball.
pub const BALL_TAMPERINGS: &[(&str, Kind, &str, Plant<BallFixture>)] = &[
    (
        "a set that a ball does not outweigh",
        Kind::Plain,
        "token 10: its rivals do not outweigh it everywhere in the ball",
        |_, r| r.outweighed[0].0.rivals[0].0 = 1,
    ),
    (
        "a set that a box does not outweigh",
        Kind::Crossed,
        "token 10: its rivals do not outweigh it everywhere in the ball",
        |_, r| r.outweighed[0].0.rivals[0].0 = 8,
    ),
    (
        "a rank above what sets in a ball prove",
        Kind::Centred,
        "token 10: its sets prove a best rank of 3 at least, not 4",
        |_, r| r.ends[1].1 = 4,
    ),
    (
        "a rank below what a point of a ball shows",
        Kind::Centred,
        "token 10: its rank at its point is 4, not 3",
        |_, r| r.ends[1].2 = 3,
    ),
    (
        "a rank at a point on the sphere",
        Kind::Plain,
        "token 10: the point of its best rank lies outside the domain",
        |_, r| r.points[0].1 = Kind::Plain.point([1.0, -1.0, 0.0]),
    ),
    (
        "a rank at a point of the ball outside the box",
        Kind::Crossed,
        "token 10: the point of its best rank lies outside the domain",
        |_, r| r.points[0].1 = Kind::Crossed.point([0.9375, -0.5, 0.0]),
    ),
    (
        "a set that does not combine to the row behind a norm",
        Kind::Plain,
        "token 3: its rivals do not combine",
        |_, r| r.exact[0].0.1[0].1 = BigInt::from(2),
    ),
    (
        "a set whose rival is an equal behind the norm",
        Kind::Centred,
        "token 3: its rival 3 has its own row",
        |_, r| r.exact[0].0.1.push((3, 1.into())),
    ),
];

/// The certificate in the plane with a lie.
pub fn planted(place: Place, plant: Plant<Fixture>) -> Fixture {
    let mut fixture = in_the_plane(place);
    let mut ranks = fixture.record.ranks.take().unwrap();
    plant(&mut fixture, &mut ranks);
    fixture.record.ranks = Some(ranks);
    fixture
}

/// The certificate in a ball with a lie.
pub fn planted_in_ball(kind: Kind, plant: Plant<BallFixture>) -> BallFixture {
    let mut fixture = in_a_ball(kind);
    let mut ranks = fixture.ball.ranks.take().unwrap();
    plant(&mut fixture, &mut ranks);
    fixture.ball.ranks = Some(ranks);
    fixture
}

/// What is refused, of a certificate and of the same read from its file.
fn reasons(name: &str, head: &Head, certificate: &Certificate) -> Vec<String> {
    let reasons = refusals(&verify(head, certificate, None));
    let bytes = certificate.to_bytes().unwrap();
    if let Ok(read) = Certificate::from_bytes(&bytes) {
        assert_eq!(refusals(&verify(head, &read, None)), reasons, "{name}");
    }
    reasons
}

#[test]
fn honest_best_ranks_are_accepted_and_read_back() {
    for place in [Place::Free, Place::Box] {
        let fixture = in_the_plane(place);
        let checked = fixture.verify();
        assert!(checked.is_accepted(), "{:?}", refusals(&checked));
        assert_eq!(checked.audits[0].ranks, 3);
        let bytes = fixture.certificate().to_bytes().unwrap();
        assert_eq!(Certificate::from_bytes(&bytes).unwrap(), fixture.certificate());
    }
    for kind in KINDS {
        let fixture = in_a_ball(kind);
        let checked = fixture.verify();
        assert!(checked.is_accepted(), "{kind:?}: {:?}", refusals(&checked));
        assert_eq!(checked.audits[0].ranks, 2);
        let bytes = fixture.certificate().to_bytes().unwrap();
        assert_eq!(Certificate::from_bytes(&bytes).unwrap(), fixture.certificate());
    }
}

#[test]
fn every_false_best_rank_is_refused_for_its_own_reason() {
    let mut wrong = Vec::new();
    let mut hold = |name: &str, expected: &str, reasons: Vec<String>| {
        if !reasons.iter().any(|r| r.starts_with(expected)) {
            wrong.push(format!("{name}: {expected:?} is not among {reasons:?}"));
        }
    };
    for (name, place, expected, plant) in TAMPERINGS {
        let fixture = planted(*place, *plant);
        hold(name, expected, reasons(name, &fixture.head(), &fixture.certificate()));
    }
    for (name, kind, expected, plant) in BALL_TAMPERINGS {
        let fixture = planted_in_ball(*kind, *plant);
        hold(name, expected, reasons(name, &fixture.head(), &fixture.certificate()));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_with_changed_arrays_of_best_ranks_are_refused() {
    let bytes = in_the_plane(Place::Free).certificate().to_bytes().unwrap();
    let read = |bytes: Vec<u8>| Certificate::from_bytes(&bytes).unwrap_err();
    let said = read(files::apply(&bytes, |a, _| {
        a.take::<u32>("audit0.ranks.low").unwrap();
    }));
    assert_eq!(said, "the array `audit0.ranks.low` is missing");
    let said = read(files::apply(&bytes, |a, _| {
        a.put_list("audit0.ranks.exact.shares".to_owned(), [1.0f64]);
    }));
    assert_eq!(said, "the array `audit0.ranks.exact.shares` has 1 entries, not 5");
    let said = read(files::apply(&bytes, |_, d| d["audits"][0]["measures"] = ["rank"].into()));
    assert_eq!(said, "the measure \"rank\" is not known to this version");
    let said = read(files::apply(&bytes, |_, d| d["audits"][0]["measures"] = [(); 0].into()));
    assert!(said.contains("audit0.ranks.") && said.contains("not known"), "{said}");
    let twice = read(files::apply(&bytes, |_, d| {
        d["audits"][0]["measures"] = vec!["ranks", "ranks"].into();
    }));
    assert_eq!(twice, "the measure \"ranks\" is named twice");
}
