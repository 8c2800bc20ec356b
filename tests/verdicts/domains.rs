//! What the program returns beside the verdict's name, faults planted in proposals, and changes to a
//! head that must not change its verdicts.

use std::collections::HashSet;

use crate::evidence;
use num_bigint::BigInt;
use unargmax::audit::{Audit, Options, audit};
use unargmax::certificate;
use unargmax::certify::enclosure::Support;
use unargmax::certify::witness::{Refusal, certify_float, certify_integers};
use unargmax::certify::{self, Loss, Rival, Verdict};
use unargmax::domain::{Ball, Domain};
use unargmax::head::Head;
use unargmax::problem::Problem;
use unargmax::verify::verify;

/// Numbers in (-1, 1) that look like a bell curve, from a fixed seed.
struct Random(u64);

impl Random {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    fn bell(&mut self) -> f64 {
        (0..4).map(|_| self.uniform() - 0.5).sum::<f64>() / 2.0
    }

    fn numbers(&mut self, count: usize) -> Vec<f64> {
        (0..count).map(|_| self.bell()).collect()
    }
}

const TOKENS: usize = 400;
const DIM: usize = 12;

/// Rows and biases of a head in which dozens of tokens lose.
fn random_numbers() -> (Vec<f64>, Vec<f64>) {
    let mut random = Random(1);
    (random.numbers(TOKENS * DIM), random.numbers(TOKENS).into_iter().map(|b| b / 4.0).collect())
}

fn random_head() -> Head {
    let (rows, bias) = random_numbers();
    Head::new(rows, Some(bias), TOKENS, DIM).unwrap()
}

fn decide(head: &Head, domain: &Domain) -> Audit {
    audit(head, domain, Options { threads: 2, ..Options::default() }).unwrap()
}

fn names(audit: &Audit) -> Vec<&'static str> {
    audit.verdicts().iter().map(|v| v.1.name()).collect()
}

/// All that is published of a verdict, floats by their bits.
#[derive(PartialEq)]
struct Published {
    name: &'static str,
    proof: &'static str,
    /// Margin and norm.
    witness: Option<(u64, u64)>,
    blockers: Vec<(Rival, u64)>,
}

fn published(verdict: &Verdict) -> Published {
    let blockers =
        if let Verdict::Unargmaxable(loss) = verdict { loss.blockers() } else { Vec::new() };
    Published {
        name: verdict.name(),
        proof: verdict.proof(),
        witness: verdict.witness().map(|w| (w.margin().to_bits(), w.norm().to_bits())),
        blockers: blockers.iter().map(|b| (b.0, b.1.to_bits())).collect(),
    }
}

#[test]
fn every_verdict_of_a_random_head_has_sound_evidence_in_every_kind_of_domain() {
    let (rows, bias) = random_numbers();
    let narrow: Vec<f32> = rows.iter().map(|&x| x as f32).collect();
    let mixed = Domain::ranges(
        (0..DIM).map(|k| [f64::NEG_INFINITY, 0.0, -0.5, 0.25][k % 4]).collect(),
        (0..DIM).map(|k| [f64::INFINITY, f64::INFINITY, 0.75, 0.25][k % 4]).collect(),
    );
    let domains = [
        Domain::free(DIM),
        Domain::range(DIM, 0.0, f64::INFINITY).unwrap(),
        Domain::range(DIM, -1.0, 1.0).unwrap(),
        mixed.unwrap(),
    ];
    let heads = [
        Head::new(rows.clone(), None, TOKENS, DIM).unwrap(),
        Head::new(rows, Some(bias.clone()), TOKENS, DIM).unwrap(),
        Head::new(narrow, Some(bias), TOKENS, DIM).unwrap(),
    ];
    for head in &heads {
        for domain in &domains {
            let found = decide(head, domain);
            assert_eq!(evidence::check(head, domain, &found), Ok(()), "{domain}");
            let counts = found.counts();
            assert!(
                counts.argmaxable > 0 && counts.unargmaxable > 0,
                "{domain}: {counts:?} tests one side only"
            );
        }
    }
}

#[test]
fn threads_change_nothing_that_is_published() {
    let (head, domain) = (random_head(), Domain::free(DIM));
    let with = |threads| {
        let found = audit(&head, &domain, Options { threads, ..Options::default() }).unwrap();
        found.verdicts().iter().map(|v| published(&v.1)).collect::<Vec<_>>()
    };
    let one = with(1);
    assert!(one == with(2) && one == with(5));
}

/// Whether the verdicts of an audit are these, and a checker accepts its certificate.
fn assert_decides(head: &Head, domain: &Domain, expected: &[&str]) {
    let found = audit(head, domain, Options { threads: 1, also_free: true, ..Options::default() });
    let found = found.unwrap();
    let about = format!("{} x {} over {domain}", head.tokens(), head.dim());
    assert_eq!(names(&found), expected, "{about}");
    let all = Domain::free(head.dim());
    let beside = found.free().map(|free| (&all, free));
    let audits: Vec<_> = [(domain, &found)].into_iter().chain(beside).collect();
    let verification = verify(head, &certificate::from_audits(head, &audits), None);
    assert!(verification.is_accepted(), "{about}: {:?}", verification.audits);
}

#[test]
fn heads_of_any_shape_are_decided() {
    let mut random = Random(5);
    let ball = |dim: usize| Domain::free(dim).within(Ball::around_origin(dim, 1.0).unwrap());
    let norm = |dim: usize| {
        let ball = Ball::after_norm(vec![1.0; dim], vec![0.0; dim], true).unwrap();
        Domain::free(dim).within(ball).unwrap()
    };
    let wins = ["argmaxable"; 3];
    for (tokens, dim) in [(1, 1), (1, 5), (2, 1), (2, 2), (3, 2), (1, 100_000), (2, 65_533)] {
        let rows: Vec<f32> = match (tokens, dim) {
            (3, 2) => vec![1.0, 0.0, 0.0, 1.0, -1.0, -1.0],
            _ => random.numbers(tokens * dim).into_iter().map(|x| x as f32).collect(),
        };
        let head = Head::new(rows, None, tokens, dim).unwrap();
        let above = Domain::range(dim, -1.0, f64::INFINITY).unwrap();
        for domain in [Domain::free(dim), above, ball(dim).unwrap()] {
            assert_decides(&head, &domain, &wins[..tokens]);
        }
    }
    for (tokens, dim) in [(1, 1), (5, 1), (5, 7), (7, 5), (3, 70_000)] {
        let equal = Head::new(vec![0.5f32; tokens * dim], None, tokens, dim).unwrap();
        let zeros = Head::new(vec![0f32; tokens * dim], None, tokens, dim).unwrap();
        let expected = vec![if tokens == 1 { "argmaxable" } else { "tied" }; tokens];
        let domains = [Domain::free(dim), norm(dim), Domain::range(dim, 0.0, 0.0).unwrap()];
        for (head, domain) in
            [&equal, &zeros].into_iter().flat_map(|h| domains.iter().map(move |d| (h, d)))
        {
            assert_decides(head, domain, &expected);
        }
    }
    // On a line the two ends win.
    let line = [3.0, -1.0, 2.0, 0.5, -4.0, 2.0];
    let lost = "unargmaxable";
    let expected = ["argmaxable", lost, lost, lost, "argmaxable", lost];
    let head = Head::new(line.to_vec(), None, 6, 1).unwrap();
    assert_decides(&head, &Domain::free(1), &expected);
}

#[test]
fn a_head_of_few_tokens_and_a_hundred_thousand_coordinates_is_decided_in_the_span_of_its_rows() {
    let dim = 100_000;
    let mut random = Random(6);
    // Multiples of 1/256, so that means of two rows are exact.
    let mut grid = || -> Vec<f32> {
        random.numbers(dim).into_iter().map(|x| ((x * 256.0).round() / 256.0) as f32).collect()
    };
    let (first, second) = (grid(), grid());
    let middle: Vec<f32> = first.iter().zip(&second).map(|(a, b)| 0.5 * (a + b)).collect();
    let mut beside = middle.clone();
    beside[dim / 2] = beside[dim / 2].next_up();
    let ball = Ball::around_origin(dim, 2.0).unwrap();
    let norm = Ball::after_norm(vec![1.0; dim], vec![0.0; dim], true).unwrap();
    let domains = [
        Domain::free(dim),
        Domain::free(dim).within(ball).unwrap(),
        Domain::free(dim).within(norm).unwrap(),
        Domain::range(dim, 0.0, f64::INFINITY).unwrap(),
        Domain::range(dim, -1.0, 1.0).unwrap(),
    ];
    let lost = Head::new([first.clone(), second.clone(), middle].concat(), None, 3, dim).unwrap();
    let won = Head::new([first, second, beside].concat(), None, 3, dim).unwrap();
    for domain in &domains {
        assert_decides(&lost, domain, &["argmaxable", "argmaxable", "unargmaxable"]);
        // By one unit in the last place, which in a box leaves its hundred thousand ends in the way.
        if !domain.has_ranges() {
            assert_decides(&won, domain, &["argmaxable"; 3]);
        }
    }
}

/// Tokens of a head with more coordinates than tokens are decided as those of the same rows in as many coordinates as they
/// span, and each proof holds.
#[test]
fn wide_heads_of_low_rank_have_the_verdicts_of_the_rows_in_few_coordinates() {
    let mut random = Random(7);
    let (tokens, rank, dim) = (30, 3, 520);
    let mut whole = |count: usize| -> Vec<f64> {
        random.numbers(count).into_iter().map(|x| (x * 12.0).round()).collect()
    };
    for biased in [false, true] {
        let (few, mix) = (whole(tokens * rank), whole(rank * dim));
        let bias = biased.then(|| whole(tokens).into_iter().map(|b| b * 8.0).collect::<Vec<f64>>());
        let wide: Vec<f64> = (0..tokens * dim)
            .map(|i| (0..rank).map(|r| few[i / dim * rank + r] * mix[r * dim + i % dim]).sum())
            .collect();
        let narrow = Head::new(few, bias.clone(), tokens, rank).unwrap();
        let wide = Head::new(wide, bias, tokens, dim).unwrap();
        let expected = decide(&narrow, &Domain::free(rank));
        let found = decide(&wide, &Domain::free(dim));
        assert_eq!(names(&found), names(&expected));
        assert_eq!(evidence::check(&wide, &Domain::free(dim), &found), Ok(()));
        let counts = found.counts();
        assert!(counts.argmaxable > 3 && counts.unargmaxable > 3, "{counts:?}");
        // In a ball the verdicts are those of proofs of their own.
        let ball = Ball::around_origin(dim, 1.0).unwrap();
        let inside = Domain::free(dim).within(ball).unwrap();
        let found = decide(&wide, &inside);
        assert_eq!(evidence::check(&wide, &inside, &found), Ok(()));
        if !biased {
            assert_eq!(names(&found), names(&expected));
        }
    }
}

#[test]
fn tokens_asked_for_alone_get_the_verdicts_of_the_whole_head() {
    let (head, domain) = (random_head(), Domain::free(DIM));
    let all = decide(&head, &domain);
    let some = [399, 7, 8, 250, 7];
    let found =
        audit(&head, &domain, Options { tokens: Some(&some), ..Options::default() }).unwrap();
    assert_eq!(found.verdicts().iter().map(|v| v.0).collect::<Vec<_>>(), [7, 8, 250, 399]);
    assert!(found.verdicts().iter().all(|(t, v)| v.name() == all.verdict(*t).unwrap().name()));
}

#[test]
fn dropping_rows_never_makes_a_token_unargmaxable_and_dropping_losers_changes_nothing() {
    let (rows, bias) = random_numbers();
    let domain = Domain::range(DIM, -1.0, 1.0).unwrap();
    let all = names(&decide(&random_head(), &domain));
    let keep = |kept: &[usize]| {
        let rows =
            kept.iter().flat_map(|t| rows[t * DIM..(t + 1) * DIM].to_vec()).collect::<Vec<_>>();
        let head = Head::new(rows, Some(kept.iter().map(|&t| bias[t]).collect()), kept.len(), DIM)
            .unwrap();
        names(&decide(&head, &domain))
    };
    let some: Vec<usize> = (0..TOKENS).filter(|t| t % 3 != 1).collect();
    let found = keep(&some);
    assert!(
        some.iter().zip(&found).all(|(&t, name)| all[t] != "argmaxable" || *name == "argmaxable")
    );
    assert!(
        some.iter().zip(&found).any(|(&t, name)| all[t] != *name),
        "nothing was freed: the test shows little"
    );
    let winners: Vec<usize> = (0..TOKENS).filter(|&t| all[t] == "argmaxable").collect();
    assert!(keep(&winners).iter().all(|name| *name == "argmaxable"));
}

#[test]
fn scaling_by_powers_of_two_and_permuting_change_no_verdict() {
    let (rows, bias) = random_numbers();
    let domain = Domain::free(DIM);
    let expected = names(&decide(&random_head(), &domain));
    for (of_rows, of_bias) in [(1e-3f64, 1.0), (1.0, 1e6), (1e-200, 1e-200), (1e200, 1e-100)] {
        let power = |x: f64| 2f64.powi(x.log2().round() as i32);
        let scaled: Vec<f64> = rows.iter().map(|x| x * power(of_rows)).collect();
        let head =
            Head::new(scaled, Some(bias.iter().map(|b| b * power(of_bias)).collect()), TOKENS, DIM)
                .unwrap();
        assert_eq!(names(&decide(&head, &domain)), expected, "{of_rows} {of_bias}");
    }
    // 7 has no divisor in common with 400, so this visits every token.
    let order: Vec<usize> = (0..TOKENS).map(|i| (i * 7 + 3) % TOKENS).collect();
    let permuted =
        order.iter().flat_map(|t| rows[t * DIM..(t + 1) * DIM].to_vec()).collect::<Vec<_>>();
    let head =
        Head::new(permuted, Some(order.iter().map(|&t| bias[t]).collect()), TOKENS, DIM).unwrap();
    assert_eq!(
        names(&decide(&head, &domain)),
        order.iter().map(|&t| expected[t]).collect::<Vec<_>>()
    );
}

/// The triangle (1, 0), (-1, 1), (-1, -1), a first token, a copy of it, and a row far inside.
fn triangle(first: [f64; 2]) -> Head {
    Head::new(
        [first, [1.0, 0.0], [-1.0, 1.0], [-1.0, -1.0], first, [-0.25, 0.125]].concat(),
        None,
        6,
        2,
    )
    .unwrap()
}

/// A change to a proposed support.
type Change<'a> = &'a dyn Fn(&mut Support);

fn support(basic: &[(u32, f64)]) -> Support {
    Support { basic: basic.to_vec(), frozen: Vec::new(), equations: vec![0, 1] }
}

#[test]
fn a_witness_is_accepted_until_it_ties() {
    let (head, domain) = (triangle([0.0, 0.0]), Domain::free(2));
    let problem = Problem::new(&head, &domain).unwrap();
    // (1, 0) leads (-1, 1) where 2 x > y.
    let witness = certify_float(&problem, 1, vec![1.0, 2.0f64.next_down()]).unwrap();
    assert!(witness.margin() > 0.0 && witness.margin() <= 2.0 - 2.0f64.next_down());
    for y in [2.0, 2.0f64.next_up(), 3.0] {
        let Err(Refusal::Beaten(rivals)) = certify_float(&problem, 1, vec![1.0, y]) else {
            panic!("{y} was accepted")
        };
        assert!(rivals.contains(&2));
    }
    let integers =
        |x: i64, y: i64| certify_integers(&problem, 1, vec![x.into(), y.into()], 7.into());
    assert!(integers(1_000_000_000, 1_999_999_999).is_ok());
    assert!(matches!(integers(1_000_000_000, 2_000_000_000), Err(Refusal::Beaten(_))));
}

#[test]
fn a_witness_outside_the_domain_or_malformed_is_refused() {
    let (head, domain) = (triangle([0.0, 0.0]), Domain::range(2, 0.0, 1.0).unwrap());
    let problem = Problem::new(&head, &domain).unwrap();
    assert!(certify_float(&problem, 1, vec![1.0, 0.0]).is_ok());
    let outside = [
        vec![1.0f64.next_up(), 0.0],
        vec![1.0, -5e-324],
        vec![f64::NAN, 0.0],
        vec![f64::INFINITY, 0.0],
        vec![1.0],
        vec![1.0, 0.0, 0.0],
    ];
    for h in outside {
        assert!(matches!(certify_float(&problem, 1, h.clone()), Err(Refusal::Outside)), "{h:?}");
    }
    let integers = |numerators: &[i64], denominator: i64| {
        certify_integers(
            &problem,
            1,
            numerators.iter().map(|&n| n.into()).collect(),
            denominator.into(),
        )
    };
    assert!(integers(&[3, 0], 3).is_ok());
    for (numerators, denominator) in
        [(&[4, 0][..], 3), (&[3, -1], 3), (&[-3, 0], -3), (&[3, 0], 0), (&[3], 3)]
    {
        assert!(
            matches!(integers(numerators, denominator), Err(Refusal::Outside)),
            "{numerators:?} / {denominator}"
        );
    }
}

#[test]
fn an_enclosure_with_a_wrong_support_is_refused() {
    let (head, domain) = (triangle([0.0, 0.0]), Domain::free(2));
    let problem = Problem::new(&head, &domain).unwrap();
    let sound = support(&[(1, 0.5), (2, 0.25), (3, 0.25)]);
    assert!(matches!(
        certify::enclosed(&problem, 0, sound.clone()),
        Some(Verdict::Unargmaxable(Loss::Enclosed(_)))
    ));
    let with = |change: Change| {
        let mut changed = sound.clone();
        change(&mut changed);
        certify::enclosed(&problem, 0, changed).is_some()
    };
    let refused: [(&str, Change); 9] = [
        ("a rival is missing", &|s| s.basic.truncate(2)),
        ("a rival and its equation are missing", &|s| {
            s.basic.pop();
            s.equations.pop();
        }),
        ("a rival is there twice", &|s| s.basic[2].0 = 2),
        ("a copy of the token carries weight", &|s| s.basic[0].0 = 4),
        ("a copy of the token carries fixed weight", &|s| s.frozen.push((4, 0.125))),
        ("the token carries its own weight", &|s| s.basic[0].0 = 0),
        ("a rival does not exist", &|s| s.basic[0].0 = 6),
        ("the token is not between these rivals", &|s| s.basic[0].0 = 5),
        ("a fixed weight is negative", &|s| s.frozen.push((5, -0.125))),
    ];
    for (fault, change) in refused {
        assert!(!with(change), "{fault}");
    }
    assert!(!with(&|s| s.frozen.push((5, 1.5))), "fixed weights of more than one in all");
    assert!(!with(&|s| s.equations[1] = 0), "an equation twice");
    assert!(with(&|s| s.frozen.push((5, 0.125))), "a small fixed weight inside does no harm");
}

#[test]
fn an_enclosure_of_a_token_just_outside_is_refused_however_near() {
    // The edge from (-1, 1) to (-1, -1) is x = -1. One unit inside is beyond float64, and either
    // answer of the enclosure is sound.
    let one = 1.0f64;
    let nearby = [-1.0 + 1e-9, -one.next_down(), -1.0, -one.next_up(), -1.0 - 1e-9, -1.0 - 1e-3];
    for x in nearby {
        let (head, domain) = (triangle([x, 0.0]), Domain::free(2));
        let problem = Problem::new(&head, &domain).unwrap();
        let weights = support(&[(1, (x + 1.0) / 2.0), (2, 0.5), (3, 0.5)]);
        let accepted = certify::enclosed(&problem, 0, weights).is_some();
        assert!(!accepted || x > -1.0, "{x:e} was accepted");
        assert!(accepted || x != nearby[0], "{x:e} was refused");
        let lost = decide(&head, &domain).verdict(0).unwrap().name() == "unargmaxable";
        assert_eq!(lost, x >= -1.0, "{x:e}");
    }
}

#[test]
fn an_enclosure_under_a_bias_or_a_range_that_does_not_hold_is_refused() {
    let rows = vec![0.0, 1.0, -1.0];
    let enclosed = |bias: [f64; 3], domain: &Domain, support: Support| {
        let head = Head::new(rows.clone(), Some(bias.to_vec()), 3, 1).unwrap();
        let problem = Problem::new(&head, domain).unwrap();
        certify::enclosed(&problem, 0, support).is_some()
    };
    let both =
        || Support { basic: vec![(1, 0.5), (2, 0.5)], frozen: Vec::new(), equations: vec![0] };
    let free = Domain::free(1);
    assert!(enclosed([0.0, 0.0, 0.0], &free, both()));
    assert!(enclosed([0.0, 1.0, -0.9], &free, both()));
    assert!(!enclosed([5e-324, 0.0, 0.0], &free, both()));
    assert!(!enclosed([0.1, 1.0, -1.0], &free, both()));
    let one = || Support { basic: vec![(1, 1.0)], frozen: Vec::new(), equations: Vec::new() };
    assert!(enclosed([0.0; 3], &Domain::range(1, 0.0, 1.0).unwrap(), one()));
    assert!(enclosed([0.0; 3], &Domain::range(1, 0.0, f64::INFINITY).unwrap(), one()));
    assert!(!enclosed([0.0; 3], &Domain::range(1, -5e-324, f64::INFINITY).unwrap(), one()));
    assert!(!enclosed([0.0; 3], &Domain::range(1, f64::NEG_INFINITY, 0.0).unwrap(), one()));
    assert!(!enclosed([0.0; 3], &free, one()));
}

#[test]
fn exact_weights_that_are_off_by_one_unit_negative_or_misplaced_are_refused() {
    let (head, domain) = (triangle([0.0, 0.0]), Domain::free(2));
    let problem = Problem::new(&head, &domain).unwrap();
    let unit = BigInt::from(10).pow(40);
    let certified =
        |weights: &[(u32, BigInt)]| certify::lost_exactly(&problem, 0, weights.to_vec()).is_some();
    let sound = [(1, &unit * 2), (2, unit.clone()), (3, unit.clone())];
    assert!(certified(&sound));
    for at in 0..3 {
        for step in [1, -1] {
            let mut off = sound.clone();
            off[at].1 += step;
            assert!(!certified(&off), "{at} {step}");
        }
    }
    assert!(!certified(&sound.clone().map(|(j, n)| (j, -n))), "all weights negative");
    assert!(!certified(&[]), "no weights");
    assert!(!certified(&[(1, BigInt::ZERO)]), "weights of zero");
    assert!(!certified(&[(4, 1.into())]), "a copy of the token");
    assert!(!certified(&[(0, 1.into())]), "the token itself");
    assert!(!certified(&[(6, 1.into())]), "no such token");
    let opposite = [(1, &unit * 2), (2, unit.clone()), (3, unit.clone()), (5, -&unit)];
    assert!(!certified(&opposite), "one negative weight");
    assert!(
        !certified(&[(1, &unit * 2), (2, unit.clone()), (3, unit.clone()), (4, unit)]),
        "a share on a copy"
    );
}

#[test]
fn exact_weights_under_a_bias_or_a_range_that_does_not_hold_are_refused() {
    let certified = |bias: f64, lo: f64, hi: f64| {
        let head = Head::new(vec![0.0, 1.0, 2.0], Some(vec![bias, 0.0, 0.0]), 3, 1).unwrap();
        let domain = Domain::range(1, lo, hi).unwrap();
        certify::lost_exactly(&Problem::new(&head, &domain).unwrap(), 0, vec![(1, 1.into())])
            .is_some()
    };
    assert!(certified(0.0, 0.0, f64::INFINITY) && certified(0.5, 0.5, 1.0));
    assert!(!certified(5e-324, 0.0, f64::INFINITY) && !certified(0.5, 0.5f64.next_down(), 1.0));
    assert!(!certified(0.0, f64::NEG_INFINITY, f64::INFINITY) && !certified(0.0, -5e-324, 0.0));
}

#[test]
fn blockers_fall_in_weight_and_name_each_rival_once() {
    let found = decide(&random_head(), &Domain::free(DIM));
    for (token, verdict) in found.verdicts() {
        if let Verdict::Unargmaxable(loss) = verdict {
            let blockers = loss.blockers();
            assert!(blockers.is_sorted_by(|a, b| a.1 >= b.1), "token {token}");
            let rivals: HashSet<_> = blockers.iter().map(|b| b.0).collect();
            assert_eq!(rivals.len(), blockers.len(), "token {token}");
        }
    }
}

#[test]
fn tokens_of_a_wide_head_win_where_a_ball_and_ranges_meet() {
    for (tokens, dim) in [(2, 3000), (3, 4096)] {
        let number = |i: usize| ((i * 2_654_435_761) % 1009) as f64 / 252.0 - 2.0;
        let rows: Vec<f64> = (0..tokens * dim).map(number).collect();
        let head = Head::new(rows, None, tokens, dim).unwrap();
        let ball = Ball::around_origin(dim, 1.0).unwrap();
        let domain = Domain::range(dim, 0.0, f64::INFINITY).unwrap().within(ball).unwrap();
        let found = audit(&head, &domain, Options { threads: 1, ..Options::default() }).unwrap();
        assert_eq!(found.counts().argmaxable, tokens, "{dim}");
        let proofs = certificate::from_audits(&head, &[(&domain, &found)]);
        assert!(verify(&head, &proofs, None).is_accepted());
    }
}
