//! Bounds of probabilities: against closed forms, against many hidden states, and false ones that must be refused.

use unargmax::audit::{Audit, Options, audit};
use unargmax::certificate::{self, Certificate};
use unargmax::domain::{Ball, Domain};
use unargmax::head::Head;
use unargmax::verify::verify;

/// A pseudo-random number from -1 to 1.
fn number(state: &mut u64) -> f64 {
    *state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
    (*state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
}

/// Measures the largest probabilities of all tokens.
fn measured(head: &Head, domain: &Domain) -> Audit {
    let all: Vec<u32> = (0..head.tokens() as u32).collect();
    audit(head, domain, Options { max_probability: Some(&all), ..Options::default() }).unwrap()
}

/// The certificate of an audit, after it went through its file.
fn certified(head: &Head, audit: &Audit) -> Certificate {
    let audits = [audit].into_iter().chain(audit.free()).map(|audit| (audit.domain(), audit));
    let certificate = certificate::from_audits(head, &audits.collect::<Vec<_>>());
    Certificate::from_bytes(&certificate.to_bytes().unwrap()).unwrap()
}

/// The softmax probability of a token at a hidden state.
fn softmax(head: &Head, h: &[f64], token: usize) -> f64 {
    let own = head.score(token, h);
    1.0 / (0..head.tokens()).map(|j| (head.score(j, h) - own).exp()).sum::<f64>()
}

/// The interval of a token.
fn ends(audit: &Audit, token: u32) -> (f64, f64) {
    let found = audit.max_probabilities().iter().find(|c| c.token() == token);
    found.expect("the token was measured").ends()
}

/// Random heads with some tokens that lose, and a domain for each.
fn cases() -> Vec<(Head, Domain)> {
    let mut state = 7;
    let mut cases = Vec::new();
    for case in 0..40 {
        let (tokens, dim) = (8 + case % 5, 2 + case % 2);
        let mut rows: Vec<f64> = (0..tokens * dim).map(|_| 2.0 * number(&mut state)).collect();
        // The last token has the mean of the first three as its row: it loses without a bias.
        for k in 0..dim {
            rows[(tokens - 1) * dim + k] = (0..3).map(|j| rows[j * dim + k]).sum::<f64>() / 3.0;
        }
        if case % 4 == 0 {
            let (first, rest) = rows.split_at_mut(dim);
            rest[..dim].copy_from_slice(first);
        }
        let bias = (case % 3 == 0).then(|| (0..tokens).map(|_| 0.2 * number(&mut state)).collect());
        let head = Head::new(rows, bias, tokens, dim).unwrap();
        let gain = (0..dim).map(|_| 1.0 + 0.5 * number(&mut state)).collect();
        let domain = match case % 4 {
            // The last cases have ranges and a ball together.
            _ if case >= 24 => {
                let ball = Ball::after_norm(gain, vec![0.1; dim], case % 2 == 1).unwrap();
                let high = if case % 3 == 0 { f64::INFINITY } else { 0.9 };
                Domain::range(dim, -0.5, high).unwrap().within(ball).unwrap()
            }
            0 => Domain::free(dim),
            1 => Domain::range(dim, -2.0, 3.0).unwrap(),
            2 => Domain::range(dim, 0.0, f64::INFINITY).unwrap(),
            _ => {
                let ball = Ball::after_norm(gain, vec![0.1; dim], case % 8 == 3).unwrap();
                Domain::free(dim).within(ball).unwrap()
            }
        };
        cases.push((head, domain));
    }
    cases
}

/// Many hidden states of a domain.
fn states(domain: &Domain, state: &mut u64) -> Vec<Vec<f64>> {
    let states = (0..4000).filter_map(|i| {
        let scale = 1.5f64.powi(i % 16 - 8);
        let mut h: Vec<f64> = (0..domain.dim()).map(|_| scale * number(state)).collect();
        match domain.ball() {
            Some(ball) => {
                let length = h.iter().map(|x| x * x).sum::<f64>().sqrt();
                let radius = ball.radius_down() * if i % 2 == 0 { 1.0 } else { scale.min(1.0) };
                h.iter_mut().for_each(|x| *x *= radius / length * (1.0 - 1e-9));
                (!domain.has_ranges() || domain.contains(&h)).then(|| ball.hidden_state(&h))
            }
            None => {
                domain.clamp(&mut h);
                Some(h)
            }
        }
    });
    states.collect()
}

#[test]
fn no_hidden_state_exceeds_a_bound_and_every_interval_is_reached() {
    let mut state = 3;
    for (case, (head, domain)) in cases().into_iter().enumerate() {
        let audit = measured(&head, &domain);
        let states = states(&domain, &mut state);
        for token in 0..head.tokens() as u32 {
            let best = states.iter().map(|h| softmax(&head, h, token as usize)).fold(0.0, f64::max);
            let (low, high) = ends(&audit, token);
            let bound = audit.max_probability(token).unwrap_or(1.0);
            assert!(
                best <= high && best <= bound && bound <= high,
                "{case}, {token}: {best} {high}"
            );
            assert!(best <= low * 1.02 + 1e-9, "{case}, {token}: a state has {best}, not {low}");
        }
        let checked = verify(&head, &certified(&head, &audit), None);
        assert!(checked.is_accepted(), "{case}: {checked:?}");
    }
}

#[test]
fn intervals_of_lost_tokens_and_in_balls_are_narrow() {
    for (case, (head, domain)) in cases().into_iter().enumerate() {
        let audit = measured(&head, &domain);
        for (token, verdict) in audit.verdicts() {
            let (low, high) = ends(&audit, *token);
            let closed = domain.ball().is_some() || verdict.name() == "unargmaxable";
            assert!(!closed || high <= low * 1.01, "{case}, {token}: {low} to {high}");
        }
    }
}

#[test]
fn closed_forms_lie_within_the_intervals() {
    // The middle of three tokens on a line has at most a third, at 0.
    let head = Head::new(vec![-1.0, 0.0, 1.0], None, 3, 1).unwrap();
    let audit = measured(&head, &Domain::free(1));
    let (low, high) = ends(&audit, 1);
    assert!(low <= 1.0 / 3.0 && 1.0 / 3.0 <= high && high - low < 1e-6, "{low} {high}");
    // In a ball of radius 2 the right one has 1 / (1 + e^-2 + e^-4).
    let ball = Domain::free(1).within(Ball::around_origin(1, 2.0).unwrap()).unwrap();
    let (low, high) = ends(&measured(&head, &ball), 2);
    let exact = 1.0 / (1.0 + (-2.0f64).exp() + (-4.0f64).exp());
    assert!(low <= exact && exact <= high && high <= low * 1.01, "{low} {exact} {high}");
    // Of two equal tokens neither has more than a half, at any temperature.
    let twins = Head::new(vec![1.0, 1.0, -1.0], None, 3, 1).unwrap();
    let bounds = unargmax::audit(&twins, &Domain::free(1), Options::default()).unwrap();
    let bound = bounds.max_probability(0).unwrap();
    assert!((0.5..0.5 + 1e-12).contains(&bound), "{bound}");
}

/// A lie about a certificate, and what the refusal says.
pub type Lie = (&'static str, fn(&mut Certificate), &'static str);

/// Lies about [`in_the_plane`].
pub const LIES: &[Lie] = &[
    ("a smaller bound", |c| c.audits[0].capped[0].1 *= 0.999, "its proof bounds its probability"),
    ("a bound of a winner", |c| c.audits[0].capped.push((4, 0.9)), "does not bound"),
    ("a bound without a token", |c| c.audits[0].capped.push((99, 0.9)), "without a verdict"),
    ("bounds out of order", |c| c.audits[0].capped.push((0, 0.9)), "not a rising list"),
    ("a smaller upper end", lower, "its weights bound"),
    ("a larger lower end", raise, "at its point"),
    ("ends that cross", |c| c.audits[0].ceilings[3].low = 0.9, "no interval"),
    ("a point elsewhere", |c| c.audits[0].ceilings[3].point[0] += 1.0, "at its point"),
    ("a point of NaN", |c| c.audits[0].ceilings[3].point[0] = f64::NAN, "not finite"),
    ("a point too long", |c| c.audits[0].ceilings[3].point.push(0.0), "coordinates"),
    ("a rival that is itself", |c| c.audits[0].ceilings[3].basic[0].0 = 3, "its weights bound"),
    ("no such rival", |c| c.audits[0].ceilings[3].basic[0].0 = 99, "its weights bound"),
    ("a negative weight", |c| c.audits[0].ceilings[3].frozen.push((4, -0.1)), "its weights bound"),
    ("one rival as two", split, "its weights bound"),
    ("an end without a ball", |c| c.audits[0].ceilings[3].ends.push((0, 1.0)), "its weights bound"),
];

/// Claims that the upper end is reached.
fn raise(certificate: &mut Certificate) {
    let record = &mut certificate.audits[0].ceilings[3];
    record.low = record.high;
}

/// Claims a smaller interval.
fn lower(certificate: &mut Certificate) {
    let record = &mut certificate.audits[0].ceilings[3];
    (record.low, record.high) = (record.low * 0.99, record.high * 0.999);
}

/// Splits the weight of one rival into parts, which apart would have more entropy, and claims that.
fn split(certificate: &mut Certificate) {
    let record = &mut certificate.audits[0].ceilings[3];
    for _ in 0..40 {
        record.frozen.push((0, 0.005));
    }
    record.high *= 0.95;
    record.low = record.low.min(record.high);
}

/// A head in the plane, and its honest certificate with bounds of all tokens.
pub fn in_the_plane() -> (Head, Certificate) {
    // Token 3 lies inside the triangle of the first three, token 4 outside.
    let rows = vec![0.0, 2.0, -2.0, -1.0, 2.0, -1.0, 0.1, 0.2, 3.0, 3.0];
    let head = Head::new(rows, None, 5, 2).unwrap();
    let honest = certified(&head, &measured(&head, &Domain::free(2)));
    (head, honest)
}

/// Lies about [`in_a_ball`].
pub const LIES_IN_A_BALL: &[(&str, fn(&mut Certificate))] = &[
    ("a point outside", |c| c.audits[0].ceilings[2].point[0] = 2.1),
    ("a smaller upper end", |c| c.audits[0].ceilings[2].high *= 0.99),
    ("a basic weight", |c| c.audits[0].ceilings[2].basic.push((0, 0.5))),
    ("a weight of infinity", |c| c.audits[0].ceilings[2].frozen[0].1 = f64::INFINITY),
    ("a smaller upper end from the point", |c| c.audits[0].ceilings[1].high *= 0.99),
    ("weights at another point", |c| {
        let record = &mut c.audits[0].ceilings[1];
        (record.low, record.point) = (0.0, vec![1.0]);
    }),
    ("weights at no point", |c| {
        let record = &mut c.audits[0].ceilings[1];
        (record.low, record.point) = (0.0, Vec::new());
    }),
    ("weights beside those at the point", |c| c.audits[0].ceilings[1].frozen.push((0, 1.0))),
];

/// A head on the line, and its honest certificate with bounds of all tokens in a ball.
pub fn in_a_ball() -> (Head, Certificate) {
    let head = Head::new(vec![-1.0, 0.0, 1.0], None, 3, 1).unwrap();
    let domain = Domain::free(1).within(Ball::around_origin(1, 2.0).unwrap()).unwrap();
    let mut honest = certified(&head, &measured(&head, &domain));
    // Of the middle token the weights are computed at the point, the best of which is 0.
    let record = &mut honest.audits[0].ceilings[1];
    (record.point, record.at_point) = (vec![0.0], true);
    record.frozen.clear();
    (head, honest)
}

/// Lies about [`in_ranges_and_a_ball`].
pub const LIES_IN_BOTH: &[(&str, fn(&mut Certificate))] = &[
    ("a smaller upper end", |c| c.audits[0].ceilings[2].high *= 0.99),
    ("a larger lower end", |c| {
        let record = &mut c.audits[0].ceilings[2];
        record.low = record.high;
    }),
    ("a point outside the ranges", |c| c.audits[0].ceilings[2].point[0] = 1.1),
    ("no multiplier", |c| c.audits[0].ceilings[2].ends.clear()),
    ("a multiplier of the other end", |c| c.audits[0].ceilings[2].ends[0].1 *= -1.0),
    ("a smaller multiplier", |c| c.audits[0].ceilings[2].ends[0].1 *= 0.5),
    ("a multiplier of no end", |c| c.audits[0].ceilings[2].ends[0].0 = 1),
    ("a multiplier of no coordinate", |c| c.audits[0].ceilings[2].ends[0].0 = 7),
    ("a multiplier of NaN", |c| c.audits[0].ceilings[2].ends[0].1 = f64::NAN),
];

/// A head in the plane, and its honest certificate with bounds of all tokens in a ball of which the ranges cut off a part.
pub fn in_ranges_and_a_ball() -> (Head, Certificate) {
    let head = Head::new(vec![-1.0, 0.0, 0.0, 0.5, 1.0, 0.0], None, 3, 2).unwrap();
    let infinite = f64::INFINITY;
    let ranges = Domain::ranges(vec![-infinite, -infinite], vec![1.0, infinite]).unwrap();
    let domain = ranges.within(Ball::around_origin(2, 2.0).unwrap()).unwrap();
    let honest = certified(&head, &measured(&head, &domain));
    (head, honest)
}

#[test]
fn ranges_and_a_ball_bound_a_probability_together() {
    let (head, honest) = in_ranges_and_a_ball();
    let record = &honest.audits[0].ceilings[2];
    // The best state is at the end of the range and on the sphere: (1, -sqrt(3)).
    let other = (-1.0 - 0.5 * 3f64.sqrt()).exp();
    let exact = 1.0 / (1.0 + (-2.0f64).exp() + other);
    assert!(record.low <= exact && exact <= record.high, "{record:?}");
    assert!(record.high <= record.low * 1.01 && !record.ends.is_empty(), "{record:?}");
    assert!(verify(&head, &honest, None).is_accepted());
}

#[test]
fn false_ends_in_ranges_and_a_ball_are_refused() {
    let (head, honest) = in_ranges_and_a_ball();
    for (lie, tell) in LIES_IN_BOTH {
        let mut false_one = honest.clone();
        tell(&mut false_one);
        assert!(!verify(&head, &false_one, None).is_accepted(), "accepted: {lie}");
    }
}

#[test]
fn long_lists_of_weights_are_computed_at_the_point_in_a_ball() {
    let (tokens, dim, mut state) = (2600, 3, 5);
    let rows: Vec<f64> = (0..tokens * dim).map(|_| number(&mut state)).collect();
    let head = Head::new(rows, None, tokens, dim).unwrap();
    let domain = Domain::free(dim).within(Ball::around_origin(dim, 2.0).unwrap()).unwrap();
    let ceilings = [3, 7, 2000];
    let options =
        Options { tokens: Some(&ceilings), max_probability: Some(&ceilings), ..Options::default() };
    let audit = unargmax::audit(&head, &domain, options).unwrap();
    let certificate = certified(&head, &audit);
    for record in &certificate.audits[0].ceilings {
        assert!(record.at_point && record.frozen.is_empty(), "{record:?}");
        let (low, high) = ends(&audit, record.token);
        assert!(high <= low * 1.01, "{low} to {high}");
        let states = states(&domain, &mut state);
        let best =
            states.iter().map(|h| softmax(&head, h, record.token as usize)).fold(0.0, f64::max);
        assert!(best <= high, "{best} {high}");
    }
    assert!(verify(&head, &certificate, None).is_accepted());
}

#[test]
fn weights_at_a_point_without_a_ball_prove_nothing() {
    let (head, mut certificate) = in_the_plane();
    let record = &mut certificate.audits[0].ceilings[3];
    record.basic.clear();
    record.frozen.clear();
    record.equations.clear();
    record.at_point = true;
    let checked = verify(&head, &certificate, None);
    assert!(format!("{checked:?}").contains("its weights bound"), "{checked:?}");
}

#[test]
fn false_bounds_are_refused() {
    let (head, honest) = in_the_plane();
    assert!(verify(&head, &honest, None).is_accepted());
    for (lie, tell, says) in LIES {
        let mut false_one = honest.clone();
        tell(&mut false_one);
        let checked = verify(&head, &false_one, None);
        assert!(!checked.is_accepted(), "accepted: {lie}");
        assert!(format!("{checked:?}").contains(says), "{lie}: {checked:?}");
    }
}

#[test]
fn false_ends_in_a_ball_are_refused() {
    let (head, honest) = in_a_ball();
    let checked = verify(&head, &honest, None);
    assert!(checked.is_accepted(), "{checked:?}");
    for (lie, tell) in LIES_IN_A_BALL {
        let mut false_one = honest.clone();
        tell(&mut false_one);
        assert!(!verify(&head, &false_one, None).is_accepted(), "accepted: {lie}");
    }
}
