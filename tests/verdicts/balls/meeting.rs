//! Boxes and balls that barely meet, or barely do not: against a slow twin over the rationals.

use crate::evidence::BigRational;
use num_bigint::BigInt;
use num_traits::{Signed, Zero};
use unargmax::audit::{Audit, Options, audit};
use unargmax::certificate::{self, Certificate};
use unargmax::domain::{Ball, Domain, Inside};
use unargmax::head::Head;
use unargmax::verify::verify;

use super::instances::Instances;
use crate::evidence::{self, equals, rational};

fn whole(n: i64) -> BigRational {
    BigRational::from(BigInt::from(n))
}

/// The ends of `y = Pz`; `None` where the box leaves no room for the shift of a coordinate without gain.
fn ends(domain: &Domain) -> Option<Vec<[Option<BigRational>; 2]>> {
    let ball = domain.ball()?;
    let end = |k: usize, end: f64| {
        let at = |end: f64| (rational(end) - rational(ball.shift()[k])) / rational(ball.gain()[k]);
        end.is_finite().then(|| at(end))
    };
    (0..domain.dim())
        .map(|k| {
            let (lo, hi, c) = (domain.lo(k), domain.hi(k), ball.shift()[k]);
            match ball.gain()[k] {
                0.0 => (lo <= c && c <= hi).then_some([None, None]),
                g if g > 0.0 => Some([end(k, lo), end(k, hi)]),
                _ => Some([end(k, hi), end(k, lo)]),
            }
        })
        .collect()
}

/// The shortest `y`, by its definition: on every face of the box, with the other coordinates equal.
fn shortest(ends: &[[Option<BigRational>; 2]], centred: bool) -> Option<BigRational> {
    let mut best: Option<BigRational> = None;
    for pattern in 0..3usize.pow(ends.len() as u32) {
        let side = |k: usize| pattern / 3usize.pow(k as u32) % 3;
        let fixed: Option<Vec<Option<BigRational>>> = (0..ends.len())
            .map(|k| if side(k) == 2 { Some(None) } else { ends[k][side(k)].clone().map(Some) })
            .collect();
        let Some(fixed) = fixed else { continue };
        let sum: BigRational = fixed.iter().flatten().sum();
        let moving = fixed.iter().filter(|y| y.is_none()).count();
        let level = match (centred, moving) {
            (true, 0) if !sum.is_zero() => continue,
            (true, 1..) => -sum / whole(moving as i64),
            _ => BigRational::zero(),
        };
        let y: Vec<BigRational> =
            fixed.into_iter().map(|y| y.unwrap_or_else(|| level.clone())).collect();
        let inside = y.iter().zip(ends).all(|(y, [l, u])| {
            l.as_ref().is_none_or(|l| l <= y) && u.as_ref().is_none_or(|u| y <= u)
        });
        let square = y.iter().map(|y| y * y).sum::<BigRational>();
        if inside && best.as_ref().is_none_or(|best| square < *best) {
            best = Some(square);
        }
    }
    best
}

/// Whether each coordinate of the `y` of sum 0 between the ends has one value alone.
fn is_one_point(ends: &[[Option<BigRational>; 2]]) -> bool {
    let sum = |side: usize, but: usize| {
        let others = ends.iter().enumerate().filter(|(k, _)| *k != but);
        others.map(|(_, end)| end[side].clone()).sum::<Option<BigRational>>()
    };
    let max = |a: Option<BigRational>, b: Option<BigRational>| a.max(b);
    (0..ends.len()).all(|k| {
        // What its own ends and those of all others leave.
        let low = max(ends[k][0].clone(), sum(1, k).map(|s| -s));
        let others = sum(0, k).map(|s| -s);
        let high = match (ends[k][1].clone(), others) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        low.is_some() && low == high
    })
}

/// A box and a ball of few numbers, so that they often touch.
fn barely(random: &mut Instances) -> (Vec<f64>, Vec<f64>, Ball) {
    let dim = 1 + random.below(4);
    let odd = [1.0, 1.0, 3.0, 5.0][random.below(4)];
    let gain: Vec<f64> = (0..dim)
        .map(|_| match random.below(14) {
            0 => 0.0,
            n => odd * [1.0, 2.0, -1.0, 0.5, -4.0, 1.0][n % 6],
        })
        .collect();
    let shifted = random.below(3) == 0;
    let shift: Vec<f64> =
        (0..dim).map(|_| if shifted { random.below(5) as f64 / 2.0 - 1.0 } else { 0.0 }).collect();
    let centred = random.below(3) > 0;
    // A point h in which they may touch: of sum 0 before the gain, mostly.
    let mut h: Vec<f64> = (0..dim).map(|_| random.below(9) as f64 / 2.0 - 2.0).collect();
    let before = |h: &[f64], k: usize| (h[k] - shift[k]) / gain[k] * odd;
    let last = dim - 1;
    if gain.iter().all(|g| *g != 0.0) && random.below(5) > 0 {
        let rest: f64 = (0..last).map(|k| before(&h, k)).sum();
        h[last] = shift[last] - rest / odd * gain[last];
    }
    let mut corner = random.below(2);
    let (mut lo, mut hi) = (vec![f64::NEG_INFINITY; dim], vec![f64::INFINITY; dim]);
    for k in 0..dim {
        if random.below(8) == 0 {
            corner = random.below(2);
        }
        let room = [0.5, 1.0, 4.0, f64::INFINITY][random.below(4)];
        // A hair off at times.
        let off = |x: f64, n: usize| match n {
            0 => x.next_up(),
            1 => x.next_down(),
            _ => x,
        };
        let end = off(h[k], random.below(24));
        match (random.below(12), (corner == 0) == (gain[k] >= 0.0)) {
            (0, _) => {}
            (_, true) => (lo[k], hi[k]) = (end, end + room),
            (_, false) => (lo[k], hi[k]) = (end - room, end),
        }
    }
    let square: f64 = (0..dim).map(|k| before(&h, k) * before(&h, k)).sum::<f64>() / (odd * odd);
    let radius = match random.below(6) {
        0 => dim as f64,
        1 => square.next_up(),
        2 => square + 1.0,
        3 => [0.25, 1.0, 2.0][random.below(3)],
        _ => square,
    };
    let radius = if (1e-30..1e30).contains(&radius) { radius } else { 1.0 };
    (lo, hi, Ball::new([radius, 1.0], gain, shift, centred).unwrap())
}

/// How often each outcome was met.
#[derive(Debug, Default)]
struct Met {
    nowhere: usize,
    one_point: usize,
    integers: usize,
    wins: usize,
    decided: usize,
    undecided: usize,
}

fn names(audit: &Audit) -> Vec<&'static str> {
    audit.verdicts().iter().map(|v| v.1.name()).collect()
}

/// The verdicts where `h` is the only hidden state.
fn argmax(head: &Head, domain: &Domain, h: &[BigRational]) -> Vec<&'static str> {
    let score = |t: usize| {
        let products = head.row(t).zip(h).map(|(w, h)| rational(w) * h);
        products.sum::<BigRational>() + rational(head.bias(t))
    };
    let scores: Vec<BigRational> = (0..head.tokens()).map(score).collect();
    (0..head.tokens())
        .map(|t| {
            let group = equals(head, domain, t);
            let mut rivals = (0..head.tokens()).filter(|j| !group.contains(&(*j as u32)));
            match (rivals.all(|j| scores[j] < scores[t]), group.len()) {
                (false, _) => "unargmaxable",
                (true, 1) => "argmaxable",
                (true, _) => "tied",
            }
        })
        .collect()
}

/// No best gap and no effort proves a side of a token that is undecided.
fn not_measured_beyond_the_verdict(audit: &Audit) {
    let is_open = |t: u32| audit.verdict(t).unwrap().name() == "undecided";
    for gap in audit.margins().iter().filter(|gap| is_open(gap.token())) {
        let (low, high) = gap.ends();
        assert!(low <= 0.0 && high > 0.0, "token {}: {low} {high}", gap.token());
    }
    for effort in audit.efforts().iter().filter(|effort| is_open(effort.token())) {
        let (low, high) = effort.ends();
        assert!(low < 1.0 && high >= 1.0, "token {}: {low} {high}", effort.token());
    }
}

fn check(random: &mut Instances, met: &mut Met) {
    let (lo, hi, ball) = barely(random);
    let (dim, centred) = (lo.len(), ball.is_centred());
    let Ok(boxed) = Domain::ranges(lo, hi) else { return };
    let Ok(domain) = boxed.clone().within_unchecked(ball.clone()) else { return };
    let squared = rational(ball.radius()[0]) * rational(ball.radius()[1]);
    let ends = ends(&domain);
    let square = ends.as_ref().and_then(|ends| shortest(ends, centred));
    let meets = square.is_some_and(|square| square < squared);
    assert_eq!(boxed.within(ball.clone()).is_ok(), meets, "{domain:?}");
    if !meets {
        met.nowhere += 1;
        return;
    }
    let one_point = centred && dim > 1 && is_one_point(&ends.unwrap());
    assert_eq!(domain.only_state().is_some(), one_point, "{domain:?}");
    match domain.inside() {
        Some(Inside::Float(z)) => assert!(domain.contains(&z), "{domain:?}"),
        Some(Inside::Integers(n, over)) => {
            assert!(over.is_positive() && domain.contains_exactly(&n, &over), "{domain:?}");
            met.integers += 1;
        }
        inside => assert!(inside == Some(Inside::Only) && one_point, "{domain:?}"),
    }

    let tokens = 2 + random.below(5);
    let number = |random: &mut Instances| random.below(5) as f64 / 2.0 - 1.0;
    let rows: Vec<f64> = (0..tokens * dim).map(|_| number(random)).collect();
    let bias = (random.below(2) == 0).then(|| (0..tokens).map(|_| number(random)).collect());
    let head = Head::new(rows, bias, tokens, dim).unwrap();
    let all: Vec<u32> = (0..tokens as u32).collect();
    let options = Options {
        threads: 1,
        also_free: true,
        margins: Some(&all),
        efforts: Some(&all),
        ..Options::default()
    };
    let found = audit(&head, &domain, options).unwrap();
    not_measured_beyond_the_verdict(&found);
    assert_eq!(evidence::check_decided(&head, &domain, &found), Ok(()), "{head:?} {domain:?}");
    if one_point {
        let h: Vec<BigRational> = domain.only_state().unwrap().into_iter().map(rational).collect();
        assert_eq!(names(&found), argmax(&head, &domain, &h), "{head:?} {domain:?}");
        met.one_point += 1;
        met.wins += found.counts().argmaxable + found.counts().tied;
    }
    met.undecided += found.counts().undecided;
    met.decided += tokens - found.counts().undecided;
    let all = Domain::free(dim);
    let audits: Vec<_> =
        [(&domain, &found)].into_iter().chain(found.free().map(|free| (&all, free))).collect();
    let certificate = certificate::from_audits(&head, &audits);
    let read = Certificate::from_bytes(&certificate.to_bytes().unwrap()).unwrap();
    assert_eq!(read, certificate);
    let verification = verify(&head, &read, None);
    assert!(verification.is_accepted(), "{:?} {head:?} {domain:?}", verification.audits);
}

/// `UNARGMAX_CASES` asks for another number of them.
#[test]
fn whether_box_and_ball_meet_and_who_wins_there_is_decided_as_over_the_rationals() {
    let asked = std::env::var("UNARGMAX_CASES").ok().and_then(|n| n.parse().ok());
    let (mut random, mut met) = (Instances::new(21), Met::default());
    for _ in 0..asked.unwrap_or(4000) {
        check(&mut random, &mut met);
    }
    let Met { nowhere, one_point, integers, wins, decided, undecided } = met;
    assert!(nowhere > 500 && one_point > 200 && integers > 0 && wins > 50, "{met:?}");
    assert!(undecided * 100 < decided, "{met:?}");
    println!("{met:?}");
}

#[test]
fn the_twin_knows_the_shortest_point_of_a_corner() {
    let ends = [[Some(whole(1)), None], [Some(whole(-3)), Some(whole(2))]];
    assert_eq!(shortest(&ends, false), Some(whole(1)));
    assert_eq!(shortest(&ends, true), Some(whole(2)));
    assert!(!is_one_point(&ends));
    assert!(is_one_point(&[[Some(whole(1)), None], [Some(whole(-1)), None]]));
}
