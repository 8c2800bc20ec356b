//! Label sets of tiny heads, all of them: against elimination in exact rationals, and against the number of cells of an
//! arrangement of planes in general position.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use unargmax::certificate::Certificate;
use unargmax::domain::{Ball, Domain};
use unargmax::head::Head;
use unargmax::labels::{Feasibility, LabelSets, certificate, decide};
use unargmax::verify::{Claim, verify};

use crate::brute_force::{Inequality, feasible, range_ends};
use crate::evidence::rational;

/// All sets of so many labels.
fn all_sets(labels: usize) -> Vec<Vec<u32>> {
    (0u32..1 << labels)
        .map(|mask| (0..labels as u32).filter(|i| mask >> i & 1 == 1).collect())
        .collect()
}

/// Whether a set is feasible, by its definition: the logits have the signs that it demands.
fn is_feasible(head: &Head, domain: &Domain, set: &[u32]) -> bool {
    let dim = head.dim();
    let signed = |i: usize| {
        let sign = if set.contains(&(i as u32)) { 1.0 } else { -1.0 };
        let row = (0..dim).map(|k| rational(sign) * rational(head.weight(i, k)));
        let row = row.chain([rational(sign) * rational(head.bias(i))]).collect();
        Inequality::new(row, true)
    };
    let mut system: Vec<Inequality> = (0..head.tokens()).map(signed).collect();
    system.extend(range_ends(domain));
    feasible(system, dim)
}

/// The certificate of verdicts, read back from its bytes, is accepted with the counts of the verdicts.
fn accepted(head: &Head, sets: &LabelSets) {
    let bytes = certificate(head, sets).unwrap().to_bytes().unwrap();
    let read = Certificate::from_bytes(&bytes).unwrap();
    let verification = verify(head, &read, None);
    assert!(verification.is_accepted(), "{verification:?}");
    let count = |audit: usize, claim| {
        verification.audits[audit].accepted.get(&claim).copied().unwrap_or_default()
    };
    assert_eq!(count(0, Claim::Argmaxable), sets.count(Feasibility::Feasible));
    assert_eq!(count(0, Claim::Unargmaxable), sets.count(Feasibility::Infeasible));
    if let Some(free) = sets.free_count(Feasibility::Feasible) {
        assert_eq!(count(1, Claim::Argmaxable), free);
    }
}

/// Decides all sets of a head and compares each with elimination.
fn check(head: &Head, domain: &Domain) {
    let sets = decide(head, domain, all_sets(head.tokens()), 1).unwrap();
    for (i, set) in sets.sets().iter().enumerate() {
        let expected = match is_feasible(head, domain, set) {
            true => Feasibility::Feasible,
            false => Feasibility::Infeasible,
        };
        assert_eq!(sets.feasibility(i), expected, "{set:?} of {head:?} over {domain}");
        let free = is_feasible(head, &Domain::free(head.dim()), set);
        let said = sets.free_feasibility(i).unwrap_or(sets.feasibility(i));
        assert_eq!(said == Feasibility::Feasible, free, "{set:?} of {head:?}");
    }
    accepted(head, &sets);
}

/// Small numbers with many zeros and repetitions, so that rows are equal, opposite or zero.
fn number() -> impl Strategy<Value = f64> {
    prop_oneof![Just(0.0), Just(1.0), Just(-1.0), (-3i8..4).prop_map(f64::from)]
}

/// A head of up to five labels in two or three dimensions, with or without a bias.
fn head() -> impl Strategy<Value = Head> {
    (1usize..6, 2usize..4).prop_flat_map(|(labels, dim)| {
        let rows = prop::collection::vec(number(), labels * dim);
        let bias = prop::option::of(prop::collection::vec(number(), labels));
        (rows, bias).prop_map(move |(rows, bias)| Head::new(rows, bias, labels, dim).unwrap())
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 60, rng_seed: RngSeed::Fixed(20), failure_persistence: None, ..Default::default()
    })]

    #[test]
    fn every_set_of_tiny_heads_is_decided_as_by_elimination(head in head()) {
        check(&head, &Domain::free(head.dim()));
    }

    #[test]
    fn every_set_of_tiny_heads_in_ranges_is_decided_as_by_elimination(
        head in head(), low in -2i8..1, width in 1i8..4,
    ) {
        let (lo, hi) = (f64::from(low), f64::from(low + width));
        check(&head, &Domain::range(head.dim(), lo, hi).unwrap());
        check(&head, &Domain::range(head.dim(), lo, f64::INFINITY).unwrap());
    }
}

#[test]
fn planes_in_general_position_leave_as_many_sets_as_cells() {
    let binomial = |n: u64, k: u64| (0..k).fold(1, |b, i| b * (n - i) / (i + 1));
    // Points of a moment curve: any d of these planes meet in one point, and no d + 1 do.
    for (labels, dim) in [(7usize, 2usize), (8, 3), (6, 4)] {
        let rows: Vec<f64> = (0..labels)
            .flat_map(|i| (1..=dim as i32).map(move |k| (i as f64 - 2.5).powi(k)))
            .collect();
        let bias: Vec<f64> = (0..labels).map(|i| ((i * i * 7) % 11) as f64 - 4.75).collect();
        let free = Domain::free(dim);
        let (n, d) = (labels as u64, dim as u64);
        let biased = Head::new(rows.clone(), Some(bias), labels, dim).unwrap();
        let sets = decide(&biased, &free, all_sets(labels), 1).unwrap();
        let cells: u64 = (0..=d).map(|k| binomial(n, k)).sum();
        assert_eq!(sets.count(Feasibility::Feasible) as u64, cells, "{labels} planes in {dim}");
        accepted(&biased, &sets);
        let central = Head::new(rows, None, labels, dim).unwrap();
        let sets = decide(&central, &free, all_sets(labels), 1).unwrap();
        let cells: u64 = 2 * (0..d).map(|k| binomial(n - 1, k)).sum::<u64>();
        assert_eq!(sets.count(Feasibility::Feasible) as u64, cells, "{labels} planes through 0");
    }
}

#[test]
fn in_a_ball_no_more_sets_are_feasible_than_in_all_of_space() {
    // Lines x = 1, y = 1, x + y = 3: their far cells begin outside the ball of radius 1.5.
    let head = Head::new(vec![1.0, 0.0, 0.0, 1.0, 1.0, 1.0], Some(vec![-1.0, -1.0, -3.0]), 3, 2);
    let head = head.unwrap();
    let ball = Domain::free(2).within(Ball::around_origin(2, 1.5).unwrap()).unwrap();
    let sets = decide(&head, &ball, all_sets(3), 1).unwrap();
    let of = |set: &[u32]| {
        let at = sets.sets().iter().position(|s| s == set).unwrap();
        (sets.feasibility(at), sets.free_feasibility(at).unwrap())
    };
    use Feasibility::{Feasible, Infeasible};
    assert_eq!(of(&[]), (Feasible, Feasible));
    assert_eq!(of(&[0]), (Feasible, Feasible));
    assert_eq!(of(&[0, 1]), (Feasible, Feasible));
    assert_eq!(of(&[0, 2]), (Infeasible, Feasible));
    assert_eq!(of(&[0, 1, 2]), (Infeasible, Feasible));
    assert_eq!(of(&[2]), (Infeasible, Infeasible));
    accepted(&head, &sets);
}

#[test]
fn equal_opposite_and_zero_rows_are_decided_exactly() {
    // Label 1 is label 0, label 2 its opposite, label 3 always 0, label 4 always above 0.
    let rows = vec![1.0, 2.0, 1.0, 2.0, -1.0, -2.0, 0.0, 0.0, 0.0, 0.0];
    let bias = vec![0.5, 0.5, -0.5, 0.0, 1e-300];
    let free = Domain::free(2);
    let without = |kept: &[u32]| {
        Head::new(rows.clone(), Some(bias.clone()), 5, 2).unwrap().keeping(kept).unwrap()
    };
    let verdict = |head: &Head, set: &[u32]| {
        let sets = decide(head, &free, vec![set.to_vec()], 1).unwrap();
        accepted(head, &sets);
        (sets.feasibility(0) == Feasibility::Feasible, sets.proof(0).to_owned())
    };
    let pair = without(&[0, 1]);
    assert!(verdict(&pair, &[0, 1]).0 && verdict(&pair, &[]).0);
    assert!(!verdict(&pair, &[0]).0 && !verdict(&pair, &[1]).0);
    let opposite = without(&[0, 2]);
    assert!(verdict(&opposite, &[0]).0 && verdict(&opposite, &[1]).0);
    assert!(!verdict(&opposite, &[0, 1]).0 && !verdict(&opposite, &[]).0);
    // A logit that is 0 everywhere is neither above nor below 0.
    let zero = without(&[0, 3]);
    assert_eq!(verdict(&zero, &[0]), (false, "zero-logit".to_owned()));
    assert_eq!(verdict(&zero, &[0, 1]), (false, "zero-logit".to_owned()));
    let above = without(&[0, 4]);
    assert_eq!(verdict(&above, &[0]), (false, "equal-row".to_owned()));
    assert!(verdict(&above, &[0, 1]).0 && verdict(&above, &[1]).0);
}

#[test]
fn a_set_that_is_no_set_is_an_error() {
    let head = Head::new(vec![1.0, 2.0], None, 2, 1).unwrap();
    for (sets, says) in [
        (vec![], "no set"),
        (vec![vec![2]], "row 2"),
        (vec![vec![1, 0]], "rising"),
        (vec![vec![0, 0]], "rising"),
    ] {
        let said = decide(&head, &Domain::free(1), sets, 1).unwrap_err().to_string();
        assert!(said.contains(says), "{said}");
    }
}
