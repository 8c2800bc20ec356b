//! One change at a time in the records of an audit in a ball and of the free one beside it, and the reason for which each is
//! refused.

use num_bigint::BigInt;
use unargmax::certificate::{BallLossRecord, Certificate, EnclosedRecord, MultiplierKind};
use unargmax::domain::{Ball, Domain, Inside};
use unargmax::verify::verify;

use super::ball_fixture::{BallFixture, Kind};
use super::fixture::refusals;

type Plant = fn(&mut BallFixture);

fn huge() -> BigInt {
    BigInt::from(1) << 200u32
}

/// Adds a token between 1 and 6: free hidden states never let it win, those of the ball do not tell the three apart.
fn add_between(g: &mut BallFixture, kind: Kind) {
    let (row, bias) = kind.row(([0.0, 4.0, -4.0], 0.5, 0.0));
    g.rows.push(row);
    g.bias.push(bias);
    g.free.exact.push((13, vec![(1, 1.into()), (6, 1.into())]));
}

fn outweighed(token: u32, rivals: Vec<(u32, BigInt)>) -> BallLossRecord {
    BallLossRecord { token, rivals, ends: vec![] }
}

const NO_PROOF_OF_LOSS: &str =
    "token 4: the other audit has no accepted proof of its own for its loss";
const NOT_OUTWEIGHED: &str = "token 10: its rivals do not outweigh it everywhere in the ball";
const NOT_CUT: &str = "token 12: its rivals do not outweigh it everywhere in the ball";

/// A change: its name, where it is planted, the refusal that must be among the reasons, and how it is made.
pub const TAMPERINGS: &[(&str, Kind, &str, Plant)] = &[
    // Points.
    ("a point on the sphere", Kind::Plain, "token 11: its point lies outside the domain", |g| {
        g.ball.witnesses[0].1 = Kind::Plain.point([-1.0, 1.0, 0.0]);
    }),
    (
        "a point outside the ball by one ulp",
        Kind::Centred,
        "token 11: its point lies outside the domain",
        |g| {
            g.ball.witnesses[0].1 =
                Kind::Centred.point([-(1.0f64.next_up()), 1.0f64.next_down(), 0.0]);
        },
    ),
    ("integers on the sphere", Kind::Plain, "token 2: its point lies outside the domain", |g| {
        g.ball.integers[0].1[0] = (-3).into();
        g.ball.integers[0].1[2] = 3.into();
    }),
    ("a map onto the sphere", Kind::Centred, "token 0: its point lies outside the domain", |g| {
        g.ball.maps[0].winners[0].1 = 0.25;
    }),
    (
        "a point outside the box by one ulp",
        Kind::Crossed,
        "token 11: its point lies outside the domain",
        |g| {
            g.ball.witnesses[0].1 = Kind::Crossed.point([0.875f64.next_up(), -0.5, 0.0]);
        },
    ),
    (
        "integers in the ball but outside the box",
        Kind::Crossed,
        "token 2: its point lies outside the domain",
        |g| {
            g.ball.integers[0].1[1] = (-3).into();
        },
    ),
    (
        "a hidden state for a point",
        Kind::Plain,
        "token 11: its point lies outside the domain",
        |g| {
            g.ball.witnesses[0].1 = vec![-0.5, -0.5, 0.0, 3.0];
        },
    ),
    (
        "a point in a ball that only ties",
        Kind::Plain,
        "token 11: token 0 scores at least as",
        |g| {
            g.ball.witnesses[0].1 = Kind::Plain.point([0.0, 0.0, 0.0]);
        },
    ),
    (
        "a point whose mean alone is new",
        Kind::Centred,
        "token 11: token 0 scores at least as much",
        |g| {
            g.ball.witnesses[0].1 = vec![0.75; 3];
        },
    ),
    ("a map from the row unfolded", Kind::Plain, "token 0: token 1 scores at least as", |g| {
        // The row itself is (2, -4, 0, 0).
        g.ball.maps[0].centre = vec![4.0, -4.0, 0.0, 0.0];
    }),
    ("a point that is NaN in a ball", Kind::Plain, "token 11: its point is not finite", |g| {
        g.ball.witnesses[0].1[0] = f64::NAN;
    }),
    // The ball.
    ("a gain too large by one ulp", Kind::Plain, NOT_OUTWEIGHED, |g| {
        g.set_ball([2.0, 1.0], |gain, _| gain[0] = 2.0f64.next_up());
    }),
    ("a gain of the wrong sign", Kind::Plain, "token 11: token 0 scores at least as much", |g| {
        g.set_ball([2.0, 1.0], |gain, _| gain[0] = -2.0);
    }),
    ("a gain of zero", Kind::Plain, "token 7: its row is not that of token 2", |g| {
        g.set_ball([2.0, 1.0], |gain, _| (gain[0], gain[3]) = (0.0, 1.0));
    }),
    ("a shift too large by one ulp", Kind::Plain, NOT_OUTWEIGHED, |g| {
        g.set_ball([2.0, 1.0], |_, shift| shift[0] = 0.5f64.next_up());
    }),
    (
        "a shift that favours one of a tie",
        Kind::Centred,
        "token 1: its tie of 2 is not the group of equal rows and biases, of 1",
        |g| {
            g.set_ball([2.0, 1.0], |_, shift| shift[2] = f64::from_bits(1));
        },
    ),
    ("a radius too large by one ulp", Kind::Centred, NOT_OUTWEIGHED, |g| {
        g.set_ball([2.0f64.next_up(), 1.0], |_, _| ());
    }),
    ("a radius that only its root rounds", Kind::Plain, NOT_OUTWEIGHED, |g| {
        g.set_ball([2f64.sqrt().next_up(), 2f64.sqrt()], |_, _| ());
    }),
    (
        "a centred ball said not to be",
        Kind::Centred,
        "token 1: its tie of 2 is not the group of equal rows and biases, of 1",
        |g| {
            let ball = Ball::new([2.0, 1.0], Kind::Centred.gain(), Kind::Centred.shift(), false);
            g.ball.domain = Domain::free(3).within(ball.unwrap()).unwrap();
        },
    ),
    (
        "a ball with no box around it",
        Kind::Crossed,
        "token 12: the domain has no such end in coordinate 0",
        |g| {
            g.ball.domain = Kind::Plain.domain(g.ball.domain.ball().unwrap().clone());
            g.ball.inside = None;
        },
    ),
    (
        "a free domain in place of the ball",
        Kind::Plain,
        "token 4: there is no ball in which it could be outweighed",
        |g| g.ball.domain = Domain::free(4),
    ),
    // Whether box and ball meet.
    ("no point shows that box and ball meet", Kind::Crossed, "audit: no point shows that", |g| {
        g.ball.inside = None;
    }),
    ("the point of the domain is NaN", Kind::Crossed, "audit: the point that should show", |g| {
        g.ball.inside = Some(Inside::Float(vec![f64::NAN; 4]));
    }),
    (
        "the point of the domain on the sphere",
        Kind::Crossed,
        "audit: the point that should show that box and ball meet lies outside",
        |g| g.ball.inside = Some(Inside::Float(vec![0.0, 0.0, 1.0, 1.0])),
    ),
    (
        "the point of the domain outside the box by one ulp",
        Kind::Crossed,
        "audit: the point that should show that box and ball meet lies outside",
        |g| g.ball.inside = Some(Inside::Float(vec![0.875f64.next_up(), 0.0, 0.0, 0.0])),
    ),
    (
        "a box and a ball that do not meet",
        Kind::Crossed,
        "audit: the point that should show that box and ball meet lies outside",
        |g| {
            let ball = g.ball.domain.ball().unwrap().clone();
            let far = Domain::ranges(vec![6.0, -8.0, -8.0, -8.0], vec![7.0, 8.0, 8.0, 8.0]);
            g.ball.domain = far.unwrap().within_unchecked(ball).unwrap();
        },
    ),
    // Groups.
    (
        "a tie in the ball of levels that differ in one bit",
        Kind::Plain,
        "token 1: its tie of 2 is not the group of equal rows and biases, of 1",
        |g| g.bias[6] = g.bias[6].next_up(),
    ),
    (
        "a tie in the ball of rows that differ in one bit",
        Kind::Centred,
        "token 1: its tie of 2 is not the group of equal rows and biases, of 1",
        |g| g.rows[6][2] = f64::from((g.rows[6][2] as f32).next_up()),
    ),
    (
        "rows that merge in the ball told apart",
        Kind::Plain,
        "token 6: token 1 has its row and bias: they can only tie",
        |g| {
            g.ball.ties.pop();
            g.ball.witnesses.push((6, Kind::Plain.point([0.0, 0.5, -0.5])));
        },
    ),
    (
        "rows that merge only in the ball merged outside",
        Kind::Centred,
        "token 1: its tie of 2 is not the group of equal rows and biases, of 1",
        |g| {
            g.free.witnesses.retain(|w| w.0 != 6);
            g.free.ties.push(vec![1, 6]);
        },
    ),
    (
        "a member of a group in the ball left out",
        Kind::Centred,
        "token 1: its tie of 2 is not the group of equal rows and biases, of 3",
        |g| {
            add_between(g, Kind::Centred);
            g.ball.ball_losses.push(outweighed(13, vec![(1, 1.into()), (6, 1.into())]));
        },
    ),
    (
        "dominated in the ball with an equal level",
        Kind::Plain,
        "token 7: its bias is not below that of token 2",
        |g| g.bias[7] += 1.0,
    ),
    (
        "dominated in the ball and so outside",
        Kind::Plain,
        "token 7: its row is not that of token 2",
        |g| {
            g.free.witnesses.retain(|w| w.0 != 7);
            g.free.dominated.push((7, 2));
        },
    ),
    // Rivals that outweigh.
    (
        "weights of rivals a little too small",
        Kind::Plain,
        "token 9: its rivals do not outweigh it everywhere in the ball",
        |g| g.ball.ball_losses[1] = outweighed(9, vec![(0, huge()), (1, huge() - 1)]),
    ),
    ("a bias above what outweighs it", Kind::Centred, NOT_OUTWEIGHED, |g| {
        g.bias[10] = g.bias[10].next_up();
    }),
    ("a row beyond what outweighs it", Kind::Plain, NOT_OUTWEIGHED, |g| {
        g.rows[10][0] = f64::from((g.rows[10][0] as f32).next_up());
    }),
    ("a winner said to be outweighed", Kind::Plain, "token 11: its rivals do not outweigh", |g| {
        g.ball.witnesses.remove(0);
        g.ball.ball_losses.push(outweighed(11, vec![(0, 1.into()), (1, 1.into()), (2, 1.into())]));
    }),
    (
        "a winner in the ball cut off by the box of another audit",
        Kind::Plain,
        "token 12: the domain has no such end in coordinate 0",
        |g| {
            g.ball.witnesses.pop();
            let cut = BallFixture::new(Kind::Crossed).ball.ball_losses.pop();
            g.ball.ball_losses.extend(cut);
        },
    ),
    ("nobody outweighs it", Kind::Plain, "token 10: no rival outweighs it", |g| {
        g.ball.ball_losses[2].rivals.clear();
    }),
    ("a weight of zero", Kind::Plain, "token 9: the weight of its rival 1 is not above 0", |g| {
        g.ball.ball_losses[1].rivals[1].1 = BigInt::ZERO;
    }),
    (
        "a weight below zero",
        Kind::Plain,
        "token 4: the weight of its rival 2 is not above 0",
        |g| {
            g.ball.ball_losses[0].rivals.push((2, (-1).into()));
        },
    ),
    ("outweighed by itself", Kind::Plain, "token 10: its rival 10 has its own row", |g| {
        g.ball.ball_losses[2].rivals[0].0 = 10;
    }),
    (
        "outweighed by a token that the ball does not tell apart",
        Kind::Centred,
        "token 6: its rival 1 has its own row",
        |g| {
            g.ball.ties.pop();
            g.ball.ball_losses.push(outweighed(6, vec![(1, 1.into())]));
        },
    ),
    ("outweighed by nobody there is", Kind::Plain, "token 10: its rival 13 does not exist", |g| {
        g.ball.ball_losses[2].rivals[0].0 = 13;
    }),
    ("outweighed beyond the head", Kind::Plain, "token 13: there is no such token", |g| {
        g.ball.ball_losses[2].token = 13;
    }),
    ("an end of the box too far by one ulp", Kind::Crossed, NOT_CUT, |g| {
        let lo = (0..4).map(|k| g.ball.domain.lo(k)).collect();
        let hi = vec![2.375f64.next_up(), 8.0, 8.0, 8.0];
        let ball = g.ball.domain.ball().unwrap().clone();
        g.ball.domain = Domain::ranges(lo, hi).unwrap().within(ball).unwrap();
    }),
    ("an end of the box left out", Kind::Crossed, NOT_CUT, |g| {
        g.ball.ball_losses[3].ends.pop();
    }),
    ("the other end of a range", Kind::Crossed, NOT_CUT, |g| {
        g.ball.ball_losses[3].ends[0].1 = 1.into();
    }),
    (
        "an end of the box with the multiplier 0",
        Kind::Crossed,
        "token 12: the multiplier of an end of coordinate 2 is 0",
        |g| g.ball.ball_losses[3].ends.push((2, BigInt::ZERO)),
    ),
    (
        "an end of no coordinate",
        Kind::Crossed,
        "token 12: the domain has no such end in coordinate 4",
        |g| g.ball.ball_losses[3].ends.push((4, 1.into())),
    ),
    (
        "exact weights under a ball",
        Kind::Plain,
        "token 9: a combination of its row proves nothing that counts under a ball",
        |g| {
            g.ball.ball_losses.remove(1);
            g.ball.exact.push((9, vec![(0, 1.into()), (1, 1.into())]));
        },
    ),
    (
        "enclosed weights under a ball",
        Kind::Centred,
        "token 9: a combination of its row proves nothing that counts under a ball",
        |g| {
            g.ball.ball_losses.remove(1);
            g.ball.enclosed.push(EnclosedRecord {
                token: 9,
                basic: vec![(0, 0.5), (1, 0.5)],
                frozen: vec![],
                equations: vec![0],
            });
        },
    ),
    (
        "outweighed without a ball",
        Kind::Plain,
        "token 9: there is no ball in which it could be outweighed",
        |g| {
            g.free.exact.pop();
            g.free.ball_losses.push(outweighed(9, vec![(0, 1.into()), (1, 1.into())]));
        },
    ),
    // Undecided tokens.
    (
        "a bound of the best gap too small",
        Kind::Plain,
        "token 8: its multipliers do not bound the margin by 0.4823",
        |g| g.ball.undecided[0].upper = 0.4823,
    ),
    (
        "a bound of the best gap that is NaN",
        Kind::Centred,
        "token 8: its multipliers do not bound the margin by NaN",
        |g| g.ball.undecided[0].upper = f64::NAN,
    ),
    (
        "a bound of the best gap without the ends it needs",
        Kind::Crossed,
        "token 8: the domain has no such end in coordinate 1",
        |g| {
            g.ball.domain = Kind::Plain.domain(g.ball.domain.ball().unwrap().clone());
            g.ball.inside = None;
        },
    ),
    ("a scale in a ball", Kind::Plain, "token 8: points of a ball have no scale", |g| {
        g.ball.undecided[0].multipliers.push((MultiplierKind::Scale, 0, 0.0));
    }),
    (
        "a bound of the best gap without rivals",
        Kind::Crossed,
        "token 8: its multipliers do not bound the margin",
        |g| g.ball.undecided[0].multipliers.retain(|m| m.0 != MultiplierKind::Token),
    ),
    (
        "a bound of the best gap over a token of its group",
        Kind::Centred,
        "token 6: its rival 1 is not a rival",
        |g| {
            g.ball.ties.pop();
            let mut record = g.ball.undecided[0].clone();
            (record.token, record.multipliers) = (6, vec![(MultiplierKind::Token, 1, 1.0)]);
            g.ball.undecided.push(record);
        },
    ),
    // What is carried.
    ("a loss carried that is none", Kind::Plain, NO_PROOF_OF_LOSS, |g| {
        g.ball.ball_losses.remove(0);
        g.ball.carried.push(4);
    }),
    (
        "a win carried that is none",
        Kind::Plain,
        "token 4: the other audit has no accepted proof of its own for its win",
        |g| {
            g.free.witnesses.retain(|w| w.0 != 4);
            g.free.carried.insert(2, 4);
        },
    ),
    (
        "a win carried of a token that is undecided there",
        Kind::Plain,
        "token 8: the other audit has no accepted proof of its own for its win",
        |g| {
            g.free.exact.remove(1);
            g.free.carried.insert(2, 8);
        },
    ),
    (
        "a win carried whose group differs",
        Kind::Plain,
        "token 1: its equals are others in the audit that its verdict is carried from",
        |g| {
            g.free.witnesses.remove(0);
            g.free.carried.insert(1, 1);
        },
    ),
    (
        "a loss carried whose group differs",
        Kind::Plain,
        "token 13: its equals are others in the audit that its verdict is carried from",
        |g| {
            add_between(g, Kind::Plain);
            g.ball.carried.push(13);
        },
    ),
    (
        "a loss carried whose group differs in a centred ball",
        Kind::Centred,
        "token 13: its equals are others in the audit that its verdict is carried from",
        |g| {
            add_between(g, Kind::Centred);
            g.ball.carried.push(13);
        },
    ),
    (
        "a loss carried from a smaller domain",
        Kind::Plain,
        "token 3: verdicts are carried only from the free domain and into it",
        |g| {
            let small = Ball::new([1.0, 1.0], Kind::Plain.gain(), Kind::Plain.shift(), false);
            g.free.domain = Domain::free(4).within(small.unwrap()).unwrap();
        },
    ),
    (
        "a loss carried from a box",
        Kind::Plain,
        "token 3: verdicts are carried only from the free domain and into it",
        |g| g.free.domain = Domain::range(4, -100.0, 100.0).unwrap(),
    ),
    (
        "a loss carried from the audit itself",
        Kind::Plain,
        "token 3: verdicts are carried only from the free domain and into it",
        |g| g.ball.carried_from = Some(0),
    ),
    (
        "a win carried from the audit itself",
        Kind::Plain,
        "token 11: verdicts are carried only from the free domain and into it",
        |g| g.free.carried_from = Some(1),
    ),
    (
        "an audit that carries nothing, from itself",
        Kind::Plain,
        "audit: it is said to carry verdicts from itself",
        |g| {
            g.free.carried_from = Some(1);
            g.free.carried.clear();
        },
    ),
    (
        "a loss carried from nowhere",
        Kind::Plain,
        "token 3: there is no audit to carry its verdict from",
        |g| g.ball.carried_from = None,
    ),
    (
        "two audits that lean on each other",
        Kind::Plain,
        "token 3: the other audit has no accepted proof of its own for its loss",
        |g| {
            g.free.exact.remove(0);
            g.free.carried.insert(2, 3);
        },
    ),
    (
        "a loss carried whose proof is refused there",
        Kind::Plain,
        "token 3: the other audit has no accepted proof of its own for its loss",
        |g| g.free.exact[0].1[0].1 = 2.into(),
    ),
    (
        "a win carried whose point is refused there",
        Kind::Centred,
        "token 2: the other audit has no accepted proof of its own for its win",
        |g| g.ball.integers[0].2 = 1.into(),
    ),
    (
        "a tie carried whose point is refused there",
        Kind::Plain,
        "token 5: the other audit has no accepted proof of its own for its win",
        |g| g.ball.maps[0].winners[0].1 = 0.25,
    ),
    (
        "a loss carried of a token with two verdicts there",
        Kind::Plain,
        "token 3: the other audit has no accepted proof of its own for its loss",
        |g| {
            let twice = g.free.exact[0].clone();
            g.free.exact.push(twice);
        },
    ),
    (
        "a loss carried of a token outside the scope there",
        Kind::Plain,
        "token 3: the other audit has no accepted proof of its own for its loss",
        |g| g.free.scope = Some((0..13).filter(|t| *t != 3).collect()),
    ),
    (
        "a second member of a tie carried in place of the first",
        Kind::Plain,
        "token 5: its tie has no point",
        |g| g.free.carried = vec![2, 5, 11, 12],
    ),
    (
        "a tied token carried as argmaxable",
        Kind::Plain,
        "token 0: token 5 has its row and bias: they can only tie",
        |g| g.free.ties.clear(),
    ),
    ("a tie carried that has a point too", Kind::Plain, "token 0: it has several points", |g| {
        g.free.witnesses.push((0, vec![1.0, -2.0, 0.0, 3.0]));
    }),
    ("a token carried and proved", Kind::Plain, "token 9: it has 2 verdicts, not one", |g| {
        g.ball.carried.push(9);
    }),
    ("a token carried beyond the head", Kind::Plain, "token 13: there is no such token", |g| {
        g.ball.carried.push(13);
    }),
    (
        "a token carried twice",
        Kind::Plain,
        "audit: what it carries is not a rising list of ids",
        |g| g.ball.carried = vec![3, 3],
    ),
    (
        "carried ids out of order",
        Kind::Plain,
        "audit: what it carries is not a rising list of ids",
        |g| g.free.carried.reverse(),
    ),
];

#[test]
fn every_false_record_in_a_ball_is_refused_for_its_own_reason() {
    let mut wrong = Vec::new();
    for (name, kind, expected, plant) in TAMPERINGS {
        let mut fixture = BallFixture::new(*kind);
        plant(&mut fixture);
        let reasons = refusals(&fixture.verify());
        if !reasons.iter().any(|r| r.starts_with(expected)) {
            wrong.push(format!("{name}: {expected:?} is not among {reasons:?}"));
        }
        // Read back from a file the certificate says the same.
        let bytes = fixture.certificate().to_bytes().unwrap();
        if let Ok(read) = Certificate::from_bytes(&bytes) {
            assert_eq!(refusals(&verify(&fixture.head(), &read, None)), reasons, "{name}");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn losing_weights_may_be_large_or_small_or_far_from_sum_one() {
    let mut fixture = BallFixture::new(Kind::Plain);
    let rivals = |by: &BigInt| vec![(0, by.clone()), (1, by.clone())];
    for by in [BigInt::from(1), BigInt::from(3) << 1100u32] {
        fixture.ball.ball_losses[1].rivals = rivals(&by);
        assert!(fixture.verify().is_accepted(), "{by}");
    }
}

#[test]
fn a_box_that_just_touches_what_outweighs_is_enough() {
    let mut fixture = BallFixture::new(Kind::Crossed);
    let lo = (0..4).map(|k| fixture.ball.domain.lo(k)).collect();
    let ball = fixture.ball.domain.ball().unwrap().clone();
    let touching = Domain::ranges(lo, vec![2.375, 8.0, 8.0, 8.0]).unwrap();
    fixture.ball.domain = touching.within(ball).unwrap();
    assert!(fixture.verify().is_accepted(), "{:?}", refusals(&fixture.verify()));
}
