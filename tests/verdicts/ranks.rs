//! Best ranks against the exact halfspace depth of tiny heads, by enumeration of all cells in integers.

use std::collections::BTreeSet;

use unargmax::audit::{Audit, Options, audit};
use unargmax::certificate::{self, Certificate};
use unargmax::certify::Verdict;
use unargmax::domain::{Ball, Domain};
use unargmax::head::Head;
use unargmax::verify::verify;

/// A tiny head of integers and a domain over which hidden states `(h, s)`, `s > 0`, obey some inequalities.
struct Tiny {
    rows: Vec<Vec<i64>>,
    bias: Vec<i64>,
    domain: Domain,
    /// Inequalities `a.u > 0` of the inside of the domain, for `u = (h, s)` or `h` alone, padded to three numbers.
    inside: Vec<[i64; 3]>,
}

/// The kinds of domain; the last coordinate of `u` is `s` where there is a bias or an end that is not 0.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    /// All of space, three coordinates, no bias.
    Free,
    /// All of the plane, with a bias.
    Biased,
    /// A square, with a bias.
    Box,
    /// A quadrant of the plane, no bias.
    Quadrant,
    /// Behind an RMSNorm: gains of powers of two, no bias.
    Norm,
    /// A ball in a quadrant, no bias.
    Meeting,
}

const KINDS: [Kind; 6] =
    [Kind::Free, Kind::Biased, Kind::Box, Kind::Quadrant, Kind::Norm, Kind::Meeting];

/// A pseudo-random whole number from `-most` to `most`.
fn number(state: &mut u64, most: i64) -> i64 {
    *state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
    (*state >> 33) as i64 % (2 * most + 1) - most
}

impl Tiny {
    fn new(kind: Kind, seed: u64) -> Self {
        let mut state = seed;
        let count = 6 + (number(&mut state, 4) + 4) as usize;
        let dim = if matches!(kind, Kind::Free | Kind::Norm) { 3 } else { 2 };
        let most = 2 + (seed % 4) as i64;
        let mut rows: Vec<Vec<i64>> =
            (0..count).map(|_| (0..dim).map(|_| number(&mut state, most)).collect()).collect();
        // Equal rows are common in published heads.
        if seed.is_multiple_of(3) {
            rows[1] = rows[0].clone();
        }
        let biased = matches!(kind, Kind::Biased | Kind::Box);
        let bias = (0..count).map(|_| if biased { number(&mut state, most) } else { 0 }).collect();
        let free = Domain::free(dim);
        let quadrant = || Domain::range(2, 0.0, f64::INFINITY).unwrap();
        let positive = vec![[1, 0, 0], [0, 1, 0]];
        let (domain, inside) = match kind {
            Kind::Free => (free, vec![]),
            Kind::Biased => (free, vec![[0, 0, 1]]),
            Kind::Box => {
                let sides = [[1, 0, 2], [-1, 0, 2], [0, 1, 2], [0, -1, 2]];
                (Domain::range(2, -2.0, 2.0).unwrap(), [&sides[..], &[[0, 0, 1]]].concat())
            }
            Kind::Quadrant => (quadrant(), positive),
            Kind::Norm => {
                let ball = Ball::after_norm(vec![2.0, 1.0, 0.5], vec![0.0; 3], false).unwrap();
                (free.within(ball).unwrap(), vec![])
            }
            Kind::Meeting => {
                let ball = Ball::around_origin(2, 4.0).unwrap();
                (quadrant().within(ball).unwrap(), positive)
            }
        };
        Tiny { rows, bias, domain, inside }
    }

    fn head(&self) -> Head {
        let rows: Vec<f64> = self.rows.iter().flatten().map(|&x| x as f64).collect();
        let bias = self.bias.iter().any(|b| *b != 0);
        let bias = bias.then(|| self.bias.iter().map(|&b| b as f64).collect());
        Head::new(rows, bias, self.rows.len(), self.rows[0].len()).unwrap()
    }

    /// `(w_t - w_j, b_t - b_j)` for all other tokens, padded to three numbers.
    fn differences(&self, token: usize) -> Vec<[i64; 3]> {
        let lifted = |t: usize| -> [i64; 3] {
            let mut row = self.rows[t].clone();
            row.push(self.bias[t]);
            row.resize(3, 0);
            [row[0], row[1], row[2]]
        };
        let own = lifted(token);
        let others = (0..self.rows.len()).filter(|&j| j != token).map(lifted);
        others.map(|other| [0, 1, 2].map(|k| own[k] - other[k])).collect()
    }

    /// The exact best rank: each open cell of the planes has an extreme ray where two planes meet, and near that ray it has
    /// a point beside a ray of the arrangement around it.
    fn best_rank(&self, token: usize) -> usize {
        let differences = self.differences(token);
        let axes = [[1, 0, 0], [0, 1, 0], [0, 0, 1]];
        let planes: Vec<[i64; 3]> =
            differences.iter().chain(&self.inside).chain(&axes).copied().collect();
        let mut best = usize::MAX;
        for i in 0..planes.len() {
            for j in i + 1..planes.len() {
                let meet = cross(planes[i], planes[j]);
                if meet == [0; 3] {
                    continue;
                }
                for ray in [meet, meet.map(|x| -x)] {
                    for plane in planes.iter().filter(|plane| dot(**plane, ray) == 0) {
                        let along = cross(ray, *plane);
                        for (a, b) in [(1, 1), (1, -1), (-1, 1), (-1, -1)] {
                            let u = [0, 1, 2].map(|k| {
                                (i128::from(ray[k]) << 60)
                                    + ((a * i128::from(along[k])) << 30)
                                    + b * i128::from(plane[k])
                            });
                            let is_positive = |row: &[i64; 3]| {
                                (0..3).map(|k| i128::from(row[k]) * u[k]).sum::<i128>() > 0
                            };
                            if self.inside.iter().all(is_positive) {
                                let ahead =
                                    differences.iter().filter(|row| !is_positive(row)).count();
                                best = best.min(ahead + 1);
                            }
                        }
                    }
                }
            }
        }
        best
    }
}

fn dot(a: [i64; 3], b: [i64; 3]) -> i64 {
    (0..3).map(|k| a[k] * b[k]).sum()
}

fn cross(a: [i64; 3], b: [i64; 3]) -> [i64; 3] {
    let minor = |i: usize, j: usize| a[i] * b[j] - a[j] * b[i];
    [minor(1, 2), minor(2, 0), minor(0, 1)]
}

fn ranked(head: &Head, domain: &Domain, threads: usize) -> Audit {
    let all: Vec<u32> = (0..head.tokens() as u32).collect();
    audit(head, domain, Options { ranks: Some(&all), threads, ..Options::default() }).unwrap()
}

fn certificate(head: &Head, audit: &Audit) -> Certificate {
    let audits = std::iter::once(audit).chain(audit.free());
    let audits: Vec<(&Domain, &Audit)> = audits.map(|a| (a.domain(), a)).collect();
    let certificate = certificate::from_audits(head, &audits);
    Certificate::from_bytes(&certificate.to_bytes().unwrap()).unwrap()
}

#[test]
fn the_exact_halfspace_depth_lies_in_every_interval_and_no_other_claim_is_accepted() {
    let (mut lost, mut exact) = (0, 0);
    for seed in 0..200 {
        let kind = KINDS[seed as usize % KINDS.len()];
        let tiny = Tiny::new(kind, seed);
        let head = tiny.head();
        let audit = ranked(&head, &tiny.domain, 1);
        let mut certificate = certificate(&head, &audit);
        let checked = verify(&head, &certificate, None);
        assert!(checked.is_accepted(), "{kind:?} {seed}: {checked:?}");
        assert_eq!(audit.best_ranks().len(), head.tokens());
        for rank in audit.best_ranks() {
            let (low, high) = rank.ends();
            let best = tiny.best_rank(rank.token() as usize) as u32;
            let place = format!("{kind:?} {seed}, token {}", rank.token());
            assert!(low <= best && best <= high, "{place}: {best} in {low}..{high}");
            let wins = audit.verdict(rank.token()).unwrap().witness().is_some();
            assert!(!wins || low == best && high == best, "{place}");
            lost += usize::from(!wins);
            exact += usize::from(!wins && low == high);
        }
        let Some(ranks) = certificate.audits[0].ranks.clone() else { continue };
        for (i, &(token, low, high)) in ranks.ends.iter().enumerate() {
            let best = tiny.best_rank(token as usize) as u32;
            for ends in [(best + 1, high.max(best + 1)), (low.min(best - 1), best - 1)] {
                let mut false_ranks = ranks.clone();
                false_ranks.ends[i] = (token, ends.0, ends.1);
                certificate.audits[0].ranks = Some(false_ranks);
                let refused = verify(&head, &certificate, Some(&[token]));
                assert!(!refused.is_accepted(), "{kind:?} {seed}, token {token}: {ends:?}");
            }
        }
    }
    assert!(lost > 300, "{lost} lost tokens take part");
    assert!(exact * 10 > lost * 8, "of {lost} lost tokens only {exact} ranks are exact");
}

#[test]
fn a_token_that_ties_has_its_equals_before_it_and_lower_ones_behind() {
    // 0 and 1 are equal, 2 lies below them, 3 is the opposite.
    let rows = vec![1.0, 1.0, 1.0, -1.0];
    let head = Head::new(rows, Some(vec![0.0, 0.0, -1.0, 0.0]), 4, 1).unwrap();
    let audit = ranked(&head, &Domain::free(1), 1);
    let ends: Vec<(u32, u32)> = audit.best_ranks().iter().map(|r| r.ends()).collect();
    assert_eq!(ends, [(2, 2), (2, 2), (3, 3), (1, 1)]);
    let certificate = certificate(&head, &audit);
    assert_eq!(certificate.audits[0].ranks.as_ref().unwrap().ends, [(2, 3, 3)]);
    assert!(verify(&head, &certificate, None).is_accepted());
}

#[test]
fn the_rank_at_an_only_point_is_exact() {
    let ball = Ball::after_norm(vec![3.0, 1.0], vec![0.0, 0.0], true).unwrap();
    let domain = Domain::range(2, 0.0, f64::INFINITY).unwrap().within(ball).unwrap();
    let rows = vec![1.0, 0.0, 2.0, 3.0, 0.0, 3.0, 0.0, 3.0, 5.0, 5.0];
    let head = Head::new(rows, Some(vec![2.0, 2.0, 1.0, 0.0, 1.0]), 5, 2).unwrap();
    let audit = ranked(&head, &domain, 1);
    let ends: Vec<(u32, u32)> = audit.best_ranks().iter().map(|r| r.ends()).collect();
    assert_eq!(ends, [(2, 2), (2, 2), (4, 4), (5, 5), (4, 4)]);
    let mut certificate = certificate(&head, &audit);
    assert!(verify(&head, &certificate, None).is_accepted());
    for false_end in [(2, 3, 3), (2, 5, 5)] {
        certificate.audits[0].ranks.as_mut().unwrap().ends[0] = false_end;
        let refused = verify(&head, &certificate, None);
        assert_eq!(refused.audits[0].refused[0].reason, "its rank at the only point is 4");
    }
}

#[test]
fn overlapping_sets_prove_more_than_disjoint_ones() {
    // The centre of a regular pentagon has a depth of two; any two of its blocking triangles share a rival.
    let corners = [(8.0, 0.0), (2.0, 8.0), (-7.0, 5.0), (-7.0, -5.0), (2.0, -8.0), (0.0, 0.0)];
    let rows: Vec<f64> = corners.iter().flat_map(|c| [c.0, c.1]).collect();
    let head = Head::new(rows, None, 6, 2).unwrap();
    let audit = ranked(&head, &Domain::free(2), 1);
    let rank = &audit.best_ranks()[5];
    assert_eq!(rank.ends(), (3, 3));
    let shares: BTreeSet<u64> = rank.sets().iter().map(|s| s.1).collect();
    assert!(rank.sets().len() > 2 && shares.iter().all(|&s| s < 1 << 32), "{shares:?}");
}

#[test]
fn sets_of_rivals_hold_at_points_of_a_wide_ball_with_bias_and_shift() {
    let (tokens, dim) = (60, 4);
    let mut state = 7;
    let mut numbers = |count: usize, most: i64| -> Vec<f64> {
        (0..count).map(|_| number(&mut state, most) as f64 / 16.0).collect()
    };
    let rows = numbers(tokens * dim, 40);
    let bias = numbers(tokens, 40);
    let head = Head::new(rows, Some(bias), tokens, dim).unwrap();
    let ball = Ball::after_norm(vec![1.0, 0.5, 2.0, 1.5], vec![0.1, 0.0, -0.2, 0.0], true).unwrap();
    for domain in [
        Domain::free(dim).within(ball.clone()).unwrap(),
        Domain::range(dim, -1.0, f64::INFINITY).unwrap().within(ball.clone()).unwrap(),
    ] {
        let audit = ranked(&head, &domain, 1);
        let lost: Vec<u32> = audit
            .verdicts()
            .iter()
            .filter(|v| matches!(v.1, Verdict::Unargmaxable(_)))
            .map(|v| v.0)
            .collect();
        assert!(lost.len() > 5);
        assert!(verify(&head, &certificate(&head, &audit), None).is_accepted());
        // No point of the domain has a lower rank than the lower ends.
        let mut found = vec![tokens as u32; tokens];
        for _ in 0..4000 {
            let z: Vec<f64> = (0..dim).map(|_| number(&mut state, 1000) as f64 / 510.0).collect();
            if !domain.contains(&z) {
                continue;
            }
            let h = ball.hidden_state(&z);
            let scores: Vec<f64> = (0..tokens).map(|t| head.score(t, &h)).collect();
            for &t in &lost {
                let own = scores[t as usize];
                let rank = scores.iter().filter(|s| **s >= own).count() as u32;
                found[t as usize] = found[t as usize].min(rank);
            }
        }
        for &t in &lost {
            let (low, high) = audit.best_ranks()[t as usize].ends();
            assert!(2 <= low && low <= high && low <= found[t as usize], "{t}: {low}..{high}");
            assert!(high <= found[t as usize] + 2, "{t}: {high}, found {}", found[t as usize]);
        }
    }
}

#[test]
fn threads_make_no_difference() {
    let tiny = Tiny::new(Kind::Free, 12);
    let head = tiny.head();
    let bytes =
        |threads| certificate(&head, &ranked(&head, &tiny.domain, threads)).to_bytes().unwrap();
    assert_eq!(bytes(1), bytes(3));
}

#[test]
fn only_audited_tokens_have_best_ranks() {
    let head = Head::new(vec![1.0, 0.0, -1.0], None, 3, 1).unwrap();
    let options = Options { tokens: Some(&[0, 1]), ranks: Some(&[2]), ..Options::default() };
    let said = audit(&head, &Domain::free(1), options).unwrap_err().to_string();
    assert!(
        said.contains("best ranks can be measured of tokens that are audited, and 2"),
        "{said}"
    );
}
