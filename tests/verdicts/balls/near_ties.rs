//! Tokens that win or lose by about a unit in the last place, gains from one end of the floats to the other, and heads of
//! near-duplicates. Each verdict is checked over the rationals, so where neighbouring floats part, both sides are proved.

use unargmax::audit::{Audit, Options, audit};
use unargmax::domain::{Ball, Domain};
use unargmax::head::Head;

use super::instances::{Instances, Numbers, Place, places};
use crate::evidence;

/// The verdict of one token with this bias; its proof is checked.
fn wins_with(rows: &[f64], bias: &[f64], own: f64, domain: &Domain, token: usize) -> bool {
    let mut bias = bias.to_vec();
    bias[token] = own;
    let head = Head::new(rows.to_vec(), Some(bias.clone()), bias.len(), domain.dim()).unwrap();
    let only = [token as u32];
    let options = Options { tokens: Some(&only), threads: 1, ..Options::default() };
    let found = audit(&head, domain, options).unwrap();
    let checked = evidence::check(&head, domain, &found);
    assert_eq!(checked, Ok(()), "{domain:?} {rows:?} {bias:?} {token}");
    found.verdicts()[0].1.witness().is_some()
}

/// Floats in order as integers.
fn place_of(x: f64) -> i64 {
    let bits = x.to_bits() as i64;
    if bits < 0 { i64::MIN - bits } else { bits }
}

fn at_place(place: i64) -> f64 {
    f64::from_bits(if place < 0 { i64::MIN - place } else { place } as u64)
}

#[test]
fn the_bias_that_a_token_needs_is_found_to_the_last_unit_with_proofs_on_both_sides() {
    let mut instances = Instances::new(7);
    for place in places().map(|p| Place { levels: true, ..p }) {
        for n in 0..6 {
            let numbers = [Numbers::Wide, Numbers::Narrow, Numbers::Coarse][n % 3];
            let head = instances.head(numbers, place);
            let ball = instances.ball(head.dim(), numbers, place);
            let domain = instances.domain(ball, numbers, place);
            let rows: Vec<f64> = (0..head.tokens()).flat_map(|t| head.row(t)).collect();
            let bias: Vec<f64> = (0..head.tokens()).map(|t| head.bias(t)).collect();
            let token = instances.below(head.tokens());
            let wins = |place: i64| wins_with(&rows, &bias, at_place(place), &domain, token);
            let (mut low, mut high) = (place_of(-1e3), place_of(1e3));
            assert!(!wins(low) && wins(high));
            while high - low > 1 {
                let middle = low + (high - low) / 2;
                if wins(middle) { high = middle } else { low = middle }
            }
            for off in 1..4 {
                assert!(!wins(low - off) && wins(high + off), "{place:?} {n}");
            }
        }
    }
}

#[test]
fn the_radius_that_a_token_needs_is_found_to_the_last_unit_with_proofs_on_both_sides() {
    let mut instances = Instances::new(8);
    let mut found = 0;
    for place in places().filter(|p| !p.ranges).map(|p| Place { levels: true, ..p }) {
        for n in 0..20 {
            let numbers = [Numbers::Wide, Numbers::Narrow, Numbers::Coarse][n % 3];
            let head = instances.head(numbers, place);
            let dim = head.dim();
            let ball = instances.ball(dim, numbers, place);
            let token = instances.below(head.tokens()) as u32;
            let wins = |place: i64| {
                let (gain, shift) = (ball.gain().to_vec(), ball.shift().to_vec());
                let ball = Ball::new([at_place(place); 2], gain, shift, ball.is_centred()).unwrap();
                let domain = Domain::free(dim).within(ball).unwrap();
                let options = Options { tokens: Some(&[token]), threads: 1, ..Options::default() };
                let found = audit(&head, &domain, options).unwrap();
                let checked = evidence::check(&head, &domain, &found);
                assert_eq!(checked, Ok(()), "{domain:?} {head:?} {token}");
                found.verdicts()[0].1.witness().is_some()
            };
            let (mut low, mut high) = (place_of(1e-3), place_of(1e3));
            if wins(low) || !wins(high) {
                continue;
            }
            while high - low > 1 {
                let middle = low + (high - low) / 2;
                if wins(middle) { high = middle } else { low = middle }
            }
            for off in 1..4 {
                assert!(!wins(low - off) && wins(high + off), "{place:?} {n}");
            }
            found += 1;
        }
    }
    assert!(found > 20, "{found}");
}

fn names(audit: &Audit) -> Vec<&'static str> {
    audit.verdicts().iter().map(|v| v.1.name()).collect()
}

#[test]
fn gains_of_any_size_change_nothing_where_rows_make_up_for_them() {
    let mut instances = Instances::new(9);
    for place in places().filter(|p| !p.ranges) {
        for n in 0..30 {
            let numbers = [Numbers::Wide, Numbers::Narrow, Numbers::Coarse][n % 3];
            let head = instances.head(numbers, place);
            let (tokens, dim) = (head.tokens(), head.dim());
            let ball = instances.ball(dim, numbers, place);
            // Powers of two for each coordinate: every product is exact. Those of 1e-30 and 1e30 and beyond.
            let powers: Vec<f64> =
                (0..dim).map(|k| 2f64.powi([-100, 100, 0, -300, 300][(n + k) % 5])).collect();
            let times = |numbers: &[f64]| -> Vec<f64> {
                numbers.iter().zip(&powers).map(|(x, p)| x * p).collect()
            };
            let rows = (0..tokens)
                .flat_map(|t| head.row(t).zip(&powers).map(|(w, p)| w / p).collect::<Vec<_>>());
            let bias = head.has_bias().then(|| (0..tokens).map(|t| head.bias(t)).collect());
            let stretched = Head::new(rows.collect::<Vec<f64>>(), bias, tokens, dim).unwrap();
            let other =
                Ball::new(ball.radius(), times(ball.gain()), times(ball.shift()), place.centred);
            let (plain, other) =
                [ball, other.unwrap()].map(|ball| Domain::free(dim).within(ball).unwrap()).into();
            let found = audit(&stretched, &other, Options::default()).unwrap();
            assert_eq!(evidence::check(&stretched, &other, &found), Ok(()), "{place:?} {n}");
            let expected = audit(&head, &plain, Options::default()).unwrap();
            assert_eq!(names(&found), names(&expected), "{place:?} {n}");
        }
    }
}

#[test]
fn gains_that_differ_by_sixty_powers_of_ten_leave_every_token_decided_where_there_are_no_levels() {
    let mut instances = Instances::new(10);
    let (mut counts, mut open, mut all) = ([0; 2], 0, 0);
    for place in places().filter(|p| !p.ranges) {
        for n in 0..20 {
            let head = instances.head(Numbers::Wide, place);
            let dim = head.dim();
            let gain: Vec<f64> =
                (0..dim).map(|k| instances.normal() * [1e-30, 1.0, 1e30][(n + k) % 3]).collect();
            let shift = match place.levels {
                true => (0..dim).map(|_| instances.normal()).collect(),
                false => vec![0.0; dim],
            };
            let ball = Ball::after_norm(gain, shift, place.centred).unwrap();
            let domain = Domain::free(dim).within(ball).unwrap();
            let options = Options { threads: 1, ..Options::default() };
            let found = audit(&head, &domain, options).unwrap();
            // With levels float64 may see too little of such rows to propose what exact arithmetic could prove.
            let decided = found.verdicts().iter().filter(|v| v.1.name() != "undecided");
            let decided: Vec<u32> = decided.map(|v| v.0).collect();
            assert!(place.levels || decided.len() == head.tokens(), "{place:?} {n}");
            let found =
                audit(&head, &domain, Options { tokens: Some(&decided), ..options }).unwrap();
            assert_eq!(evidence::check(&head, &domain, &found), Ok(()), "{place:?} {n}");
            counts[0] += found.counts().argmaxable;
            counts[1] += found.counts().unargmaxable;
            open += head.tokens() - decided.len();
            all += head.tokens();
        }
    }
    assert!(counts.iter().all(|n| *n > 100) && open < all / 10, "{counts:?} {open} {all}");
}

#[test]
fn clusters_of_rows_a_unit_of_float16_apart_are_decided() {
    let mut instances = Instances::new(11);
    let (dim, clusters, copies) = (6, 8, 12);
    let mut counts = [0; 2];
    for place in places().filter(|p| !p.ranges) {
        for _ in 0..2 {
            // Numbers between 1/2 and 1, and a unit in the last place of float16 there.
            let unit = 2f64.powi(-11);
            let mut rows: Vec<f32> = Vec::new();
            for _ in 0..clusters {
                let centre: Vec<f64> = (0..dim)
                    .map(|_| (instances.normal().tanh() / 2.0 / unit).round() * unit)
                    .collect();
                for _ in 0..copies {
                    let off = (instances.below(dim), instances.below(dim));
                    rows.extend(centre.iter().enumerate().map(|(k, x)| {
                        let up = f64::from(u8::from(k == off.0)) - f64::from(u8::from(k == off.1));
                        (x + unit * up) as f32
                    }));
                }
            }
            let tokens = clusters * copies;
            let head = Head::new(rows, None, tokens, dim).unwrap();
            let gain =
                (0..dim).map(|_| f64::from((1.0 + instances.normal() / 4.0) as f32)).collect();
            let shift = match place.levels {
                true => (0..dim).map(|_| f64::from((instances.normal() / 4.0) as f32)).collect(),
                false => vec![0.0; dim],
            };
            let ball = Ball::after_norm(gain, shift, place.centred).unwrap();
            let domain = Domain::free(dim).within(ball).unwrap();
            let found = audit(&head, &domain, Options::default()).unwrap();
            assert_eq!(evidence::check(&head, &domain, &found), Ok(()), "{place:?}");
            counts[0] += found.counts().argmaxable + found.counts().tied;
            counts[1] += found.counts().unargmaxable;
        }
    }
    assert!(counts.iter().all(|n| *n > 100), "{counts:?}");
}

#[test]
fn tokens_of_a_crowd_are_decided_as_each_is_by_itself() {
    let mut instances = Instances::new(12);
    let (dim, others, crowd) = (8, 400, 200);
    let mut counts = [0; 2];
    for place in places().filter(|p| !p.ranges && p.levels) {
        // A crowd as a language model's untrained tokens are one: nearly one row, nearer to the others' mean than they are.
        let centre: Vec<f64> = (0..dim).map(|_| instances.normal() / 3.0).collect();
        let mut rows: Vec<f64> = (0..others * dim).map(|_| instances.normal()).collect();
        for _ in 0..crowd {
            rows.extend(centre.iter().map(|x| x + instances.normal() / 16.0));
        }
        let bias = |t: usize| if t < others { 0.0 } else { 3.0 };
        let bias = (0..others + crowd).map(|t| bias(t) + instances.normal() / 16.0).collect();
        let head = Head::new(rows, Some(bias), others + crowd, dim).unwrap();
        let gain = (0..dim).map(|_| 1.0 + instances.normal() / 8.0).collect();
        let ball = Ball::after_norm(gain, vec![0.0; dim], place.centred).unwrap();
        let domain = Domain::free(dim).within(ball).unwrap();
        let together = audit(&head, &domain, Options::default()).unwrap();
        for (token, verdict) in together.verdicts().iter().skip(others).step_by(11) {
            let options = Options { tokens: Some(&[*token]), threads: 1, ..Options::default() };
            let alone = audit(&head, &domain, options).unwrap();
            assert_eq!(verdict.name(), alone.verdicts()[0].1.name(), "{place:?} {token}");
            counts[usize::from(verdict.name() == "unargmaxable")] += 1;
        }
        let some: Vec<u32> = (0..others + crowd).step_by(47).map(|t| t as u32).collect();
        let options = Options { tokens: Some(&some), ..Options::default() };
        let some = audit(&head, &domain, options).unwrap();
        assert_eq!(evidence::check(&head, &domain, &some), Ok(()), "{place:?}");
    }
    assert!(counts.iter().all(|n| *n > 4), "{counts:?}");
}
