//! Both engines must give every token the same verdict: they share the proofs, but no solver.

use std::path::Path;

use proptest::prelude::*;
use unargmax::audit::{Audit, Engine, Options, audit};
use unargmax::checkpoint;
use unargmax::domain::Domain;
use unargmax::head::Head;
use unargmax::locate::bundled;
use unargmax::locate::{Choice, locate};

const LINEAR: Engine = Engine::LinearProgram { radius: false };

fn audited(head: &Head, domain: &Domain, engine: Engine) -> Audit {
    audit(head, domain, Options { engine, threads: 2, ..Options::default() }).unwrap()
}

fn names(audit: &Audit) -> Vec<&'static str> {
    audit.verdicts().iter().map(|(_, verdict)| verdict.name()).collect()
}

fn assert_agreement(head: &Head, domain: &Domain, unargmaxable: usize) {
    let (one, other) =
        (audited(head, domain, Engine::LeastDistance), audited(head, domain, LINEAR));
    assert_eq!(names(&one), names(&other));
    assert_eq!((other.counts().undecided, other.counts().unargmaxable), (0, unargmaxable));
}

#[test]
fn the_bundled_head_over_all_hidden_states() {
    let head = bundled::read().unwrap().0.head;
    assert_agreement(&head, &Domain::free(head.dim()), 225);
}

#[test]
fn the_bundled_head_behind_its_relu() {
    let head = bundled::read().unwrap().0.head;
    assert_agreement(&head, &bundled::domain(head.dim()).unwrap(), 229);
}

#[test]
fn rxnmapper_over_all_hidden_states() {
    let path = Path::new("tests/data/rxnmapper/head.safetensors");
    let checkpoint = checkpoint::open(path).unwrap();
    let head = locate(checkpoint.as_ref(), path, &Choice::default()).unwrap().head;
    assert_agreement(&head, &Domain::free(head.dim()), 0);
}

#[test]
fn the_proofs_do_not_depend_on_the_number_of_threads() {
    let head = bundled::read().unwrap().0.head;
    let tokens: Vec<u32> = (0..head.tokens() as u32).step_by(7).collect();
    let proofs = |threads| {
        let options =
            Options { tokens: Some(&tokens), engine: LINEAR, threads, ..Options::default() };
        format!("{:?}", audit(&head, &Domain::free(head.dim()), options).unwrap().verdicts())
    };
    assert_eq!(proofs(1), proofs(3));
}

/// Small integers: ties, repeated rows, tokens on faces and exact zeros are common.
fn heads() -> impl Strategy<Value = Head> {
    (2usize..14, 1usize..5, 1i32..5, any::<bool>()).prop_flat_map(|(tokens, dim, size, biased)| {
        let numbers = |count| proptest::collection::vec(-size..=size, count);
        (numbers(tokens * dim), numbers(tokens)).prop_map(move |(rows, bias)| {
            let floats = |x: Vec<i32>| x.into_iter().map(f64::from).collect::<Vec<_>>();
            Head::new(floats(rows), biased.then(|| floats(bias)), tokens, dim).unwrap()
        })
    })
}

const RANGES: [&str; 8] = [
    "free",
    "range:0:inf",
    "range:-inf:1",
    "range:-1:1",
    "range:-0.278464542761074:inf",
    "range:1:2",
    "range:2:2",
    "range:-100:100",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn small_heads(head in heads(), range in proptest::sample::select(&RANGES[..])) {
        let domain = Domain::parse(range, head.dim(), |name| panic!("no {name} stands before it")).unwrap();
        let (one, other) =
            (audited(&head, &domain, Engine::LeastDistance), audited(&head, &domain, LINEAR));
        prop_assert_eq!(names(&one), names(&other));
        prop_assert_eq!(other.counts().undecided, 0);
    }

    #[test]
    fn small_heads_with_some_ranges_fixed_or_empty_of_ends(
        head in heads(),
        ends in proptest::collection::vec((-2i32..=1, 0i32..=2, 0u8..4), 4),
    ) {
        let ends = &ends[..head.dim()];
        let lo = ends.iter().map(|&(lo, _, kind)| {
            if kind == 1 || kind == 3 { f64::NEG_INFINITY } else { f64::from(lo) }
        });
        let hi = ends.iter().map(|&(lo, wide, kind)| {
            if kind >= 2 { f64::INFINITY } else { f64::from(lo + wide) }
        });
        let domain = Domain::ranges(lo.collect(), hi.collect()).unwrap();
        let (one, other) =
            (audited(&head, &domain, Engine::LeastDistance), audited(&head, &domain, LINEAR));
        prop_assert_eq!(names(&one), names(&other));
        prop_assert_eq!(other.counts().undecided, 0);
    }

    #[test]
    fn the_radius_of_a_small_head_is_clearly_positive_or_not_at_all(head in heads()) {
        // On a grid the least gap is not tiny, so the published threshold cannot err.
        let domain = Domain::range(head.dim(), -100.0, 100.0).unwrap();
        let audit = audited(&head, &domain, Engine::LinearProgram { radius: true });
        for (&(_, radius), (_, verdict)) in audit.radii().unwrap().iter().zip(audit.verdicts()) {
            match verdict.name() {
                "unargmaxable" => prop_assert!(radius < 1e-8),
                _ => prop_assert!(radius > 1e-3),
            }
        }
    }
}

#[test]
fn the_radius_is_that_of_the_largest_ball() {
    // The winner's cell is x >= 1 (against token 1), y >= 0 (against token 2), inside |x|, |y| <= 5, which
    // bounds the centre and not the ball: the centre goes to (5, 4) or above and the ball has radius 4.
    let rows = vec![1.0, 1.0, 0.0, 1.0, 1.0, 0.0];
    let head = Head::new(rows, Some(vec![0.0, 1.0, 0.0]), 3, 2).unwrap();
    let domain = Domain::range(2, -5.0, 5.0).unwrap();
    let audit = audited(&head, &domain, Engine::LinearProgram { radius: true });
    let (id, radius) = audit.radii().unwrap()[0];
    assert!(id == 0 && (radius - 4.0).abs() < 1e-9, "{radius}");
}

#[test]
fn radii_of_an_unbounded_domain_are_refused() {
    let head = bundled::read().unwrap().0.head;
    let options = Options { engine: Engine::LinearProgram { radius: true }, ..Options::default() };
    let refusal = audit(&head, &bundled::domain(head.dim()).unwrap(), options).unwrap_err();
    assert!(refusal.to_string().contains("range:-100:100, not range:0:inf"), "{refusal}");
}
