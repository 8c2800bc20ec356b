//! One change at a time in the records, and the reason for which each is refused.

use num_bigint::BigInt;
use unargmax::certificate::{AuditRecord, Certificate, Linear, MultiplierKind, Subject};
use unargmax::domain::Domain;
use unargmax::head::Head;
use unargmax::verify::verify;

use super::fixture::{Fixture, Place, refusals};

type Plant = fn(&mut Fixture);

/// The matrix of the second map.
fn matrix(fixture: &mut Fixture) -> &mut Vec<f32> {
    match &mut fixture.record.maps[1].linear {
        Linear::Matrix(matrix) => matrix,
        other => panic!("the second map has a matrix, not {other:?}"),
    }
}

/// A change: its name, where it is planted, the refusal that must be among the reasons, and how it is made.
pub const TAMPERINGS: &[(&str, Place, &str, Plant)] = &[
    // Points.
    (
        "a witness nudged until it only ties",
        Place::Free,
        "token 3: token 9 scores at least as much",
        |g| {
            g.record.witnesses[0].1[0] = 0.0;
        },
    ),
    ("a witness that loses", Place::Free, "token 3: token 9 scores at least as much", |g| {
        g.record.witnesses[0].1 = vec![-1.0, -4.0];
    }),
    ("a witness at the origin", Place::Free, "token 3: token 0 scores at least as much", |g| {
        g.record.witnesses[0].1 = vec![0.0, 0.0];
    }),
    (
        "a witness just outside its range",
        Place::Box,
        "token 3: its point lies outside the domain",
        |g| {
            g.record.witnesses[0].1[1] = (-8.0f64).next_down();
        },
    ),
    ("a witness that is NaN", Place::Free, "token 3: its point is not finite", |g| {
        g.record.witnesses[0].1[0] = f64::NAN;
    }),
    ("a witness at infinity", Place::Free, "token 3: its point is not finite", |g| {
        g.record.witnesses[0].1[1] = f64::NEG_INFINITY;
    }),
    (
        "a witness of three coordinates",
        Place::Free,
        "audit: a point has 3 coordinates, not 2",
        |g| {
            g.record.witnesses[0].1.push(0.0);
        },
    ),
    ("integers that only tie", Place::Free, "token 9: token 2 scores at least as much", |g| {
        g.record.integers[0].1[1] = 0.into();
    }),
    (
        "integers outside their range",
        Place::Box,
        "token 9: its point lies outside the domain",
        |g| {
            g.record.integers[0].1[0] = (-25).into();
        },
    ),
    (
        "a denominator of zero",
        Place::Free,
        "token 9: the denominator of its point is not positive",
        |g| {
            g.record.integers[0].2 = 0.into();
        },
    ),
    (
        "a negative denominator",
        Place::Free,
        "token 9: the denominator of its point is not positive",
        |g| {
            g.record.integers[0].2 = (-3).into();
        },
    ),
    ("one integer too few", Place::Free, "audit: a point of integers has 1 coordinates", |g| {
        g.record.integers[0].1.pop();
    }),
    ("all integers zero", Place::Free, "token 9: token 0 scores at least as much", |g| {
        g.record.integers[0].1 = vec![BigInt::ZERO; 2];
    }),
    ("a scale below zero", Place::Free, "token 1: token 0 scores at least as much", |g| {
        g.record.maps[0].winners[0].1 = -1.0;
    }),
    ("a map for a dominated token", Place::Free, "token 8: token 1 scores at least as much", |g| {
        g.record.dominated.clear();
        g.record.maps[0].winners.push((8, 1.0));
    }),
    ("a scale that is NaN", Place::Free, "token 1: its point is not finite", |g| {
        g.record.maps[0].winners[0].1 = f64::NAN;
    }),
    ("an infinite scale, clamped", Place::Box, "token 0: its point is not finite", |g| {
        g.record.maps[1].winners[0].1 = f64::INFINITY;
    }),
    ("a centre that is NaN", Place::Free, "audit: a map has a number that is not finite", |g| {
        g.record.maps[0].centre[0] = f64::NAN;
    }),
    ("an infinite matrix", Place::Free, "audit: a map has a number that is not finite", |g| {
        matrix(g)[0] = f32::INFINITY;
    }),
    ("a matrix of another size", Place::Free, "audit: the matrix of a map is not 2 x 2", |g| {
        matrix(g).pop();
    }),
    (
        "a centre of one coordinate",
        Place::Free,
        "audit: the centre of a map has 1 coordinates",
        |g| {
            g.record.maps[0].centre.pop();
        },
    ),
    ("a map that settles one more", Place::Free, "token 3: it has 2 verdicts, not one", |g| {
        g.record.maps[0].winners.push((3, 1.0));
    }),
    (
        "a map in place of the witness it needs",
        Place::Free,
        "token 3: token 9 scores at least as much",
        |g| {
            g.record.witnesses.clear();
            g.record.maps[0].winners.push((3, 1.0));
        },
    ),
    (
        "a map for a token that loses",
        Place::Free,
        "token 6: token 1 scores at least as much",
        |g| {
            g.record.exact.clear();
            g.record.maps[0].winners.push((6, 1.0));
        },
    ),
    ("a map for a token beyond the head", Place::Free, "token 11: there is no such token", |g| {
        g.record.maps[0].winners.push((11, 1.0));
    }),
    ("ids of a map swapped", Place::Free, "token 2: token 3 scores at least as much", |g| {
        g.record.maps[0].winners[1].0 = 9;
        g.record.integers[0].0 = 2;
    }),
    // Ties.
    (
        "a tied token passed as argmaxable",
        Place::Free,
        "token 0: token 7 has its row and bias",
        |g| {
            g.record.ties.clear();
            g.record.maps[1].winners.push((7, 0.5));
        },
    ),
    (
        "a tie of rows that differ in one bit",
        Place::Free,
        "token 0: its tie of 2 is not the group",
        |g| {
            g.rows[7][1] = f64::from(f32::from_bits(1));
        },
    ),
    (
        "a tie of biases that differ in one bit",
        Place::Free,
        "token 7: its tie of 2 is not the group",
        |g| {
            g.bias[7] = -5e-324;
        },
    ),
    (
        "an incomplete group",
        Place::Free,
        "token 0: its tie of 2 is not the group of equal rows and biases, of 3",
        |g| {
            g.rows.push([4.0, -0.0]);
            g.bias.push(0.0);
        },
    ),
    ("a group of one", Place::Free, "token 0: its tie of 1 is not the group", |g| {
        g.record.ties = vec![vec![0]];
        g.record.dominated.push((7, 0));
    }),
    ("a group with a stranger", Place::Free, "token 1: its tie of 3 is not the group", |g| {
        g.record.maps[0].winners.remove(0);
        g.record.ties[0].insert(1, 1);
    }),
    ("a group out of order", Place::Free, "token 0: its tie of 2 is not the group", |g| {
        g.record.ties[0].reverse();
        g.record.maps[1].winners[0].0 = 7;
    }),
    ("a group beyond the head", Place::Free, "token 0: its tie of 3 is not the group", |g| {
        g.record.ties[0].push(400);
    }),
    ("a group of nobody", Place::Free, "audit: a tie has no member in the scope", |g| {
        g.record.ties.push(vec![]);
    }),
    (
        "a group of strangers to the head",
        Place::Free,
        "audit: a tie has no member in the scope",
        |g| {
            g.record.ties.push(vec![50, 60]);
        },
    ),
    ("a group twice", Place::Free, "token 7: it has 2 verdicts, not one", |g| {
        g.record.ties.push(vec![0, 7]);
    }),
    ("a tie without a point", Place::Free, "token 7: its tie has no point", |g| {
        g.record.maps.pop();
    }),
    ("a tie with two points", Place::Free, "token 0: it has several points", |g| {
        g.record.witnesses.push((0, vec![1.0, 0.0]));
    }),
    ("a tie whose point loses", Place::Free, "token 7: token 1 scores at least as much", |g| {
        g.record.maps.pop();
        g.record.witnesses.push((0, vec![0.0, 1.0]));
    }),
    // Enclosed weights.
    ("a negative frozen weight", Place::Free, "token 5: a frozen weight is negative", |g| {
        g.record.enclosed[1].frozen[0].1 = -0.25;
    }),
    (
        "a frozen weight that is NaN",
        Place::Free,
        "token 5: a frozen weight is negative or not finite",
        |g| {
            g.record.enclosed[1].frozen[0].1 = f64::NAN;
        },
    ),
    (
        "an infinite frozen weight",
        Place::Free,
        "token 5: a frozen weight is negative or not finite",
        |g| {
            g.record.enclosed[1].frozen[0].1 = f64::INFINITY;
        },
    ),
    (
        "frozen weights above one",
        Place::Free,
        "token 5: a weight is not proved to be positive",
        |g| {
            g.record.enclosed[1].frozen[0].1 = 1.5;
        },
    ),
    ("huge frozen weights", Place::Free, "token 5: a weight is not proved to be positive", |g| {
        g.record.enclosed[1].frozen = vec![(0, f64::MAX); 3];
    }),
    (
        "the frozen weight left out",
        Place::Free,
        "token 5: a weight is not proved to be positive",
        |g| {
            g.record.enclosed[1].frozen.clear();
        },
    ),
    (
        "a basic weight left out",
        Place::Free,
        "token 4: 2 weights for 2 equations and their sum",
        |g| {
            g.record.enclosed[0].basic.pop();
        },
    ),
    (
        "an equation left out, and a weight",
        Place::Free,
        "token 4: its rivals do not combine to its row in coordinate 1",
        |g| {
            g.record.enclosed[0].basic.pop();
            g.record.enclosed[0].equations.pop();
        },
    ),
    ("no weights at all", Place::Free, "token 4: 0 weights for 0 equations and their sum", |g| {
        g.record.enclosed[0].basic.clear();
        g.record.enclosed[0].equations.clear();
    }),
    (
        "a rival twice",
        Place::Free,
        "token 4: its equations are not proved to have one solution",
        |g| {
            g.record.enclosed[0].basic[2] = g.record.enclosed[0].basic[1];
        },
    ),
    ("an equation twice", Place::Free, "token 4: the equation of coordinate 0 occurs twice", |g| {
        g.record.enclosed[0].equations = vec![0, 0];
    }),
    ("an equation of no coordinate", Place::Free, "token 4: there is no coordinate 2", |g| {
        g.record.enclosed[0].equations[1] = 2;
    }),
    (
        "more equations than coordinates",
        Place::Free,
        "token 4: the equation of coordinate 0 occurs twice",
        |g| {
            g.record.enclosed[0].equations = vec![0; 100_000];
            g.record.enclosed[0].basic = vec![(0, 0.5); 100_001];
        },
    ),
    ("a basic rival of equal row", Place::Free, "token 4: its rival 4 has its own row", |g| {
        g.record.enclosed[0].basic[0].0 = 4;
    }),
    ("a frozen rival of equal row", Place::Free, "token 5: its rival 5 has its own row", |g| {
        g.record.enclosed[1].frozen[0].0 = 5;
    }),
    ("a rival beyond the head", Place::Free, "token 4: its rival 11 does not exist", |g| {
        g.record.enclosed[0].basic[0].0 = 11;
    }),
    ("supports swapped", Place::Free, "token 5: a weight is not proved to be positive", |g| {
        g.record.enclosed[0].token = 5;
        g.record.enclosed[1].token = 4;
    }),
    (
        "a token outside its hull by one unit of float32",
        Place::Free,
        "token 4: a weight is not proved to be positive",
        |g| {
            g.rows[4] = [1.0, f64::from(3.0f32.next_up())];
        },
    ),
    (
        "a token outside its hull by one unit of float64",
        Place::Free,
        "token 4: a weight is not proved to be positive",
        |g| {
            g.wide = true;
            g.rows[4] = [1.0, 3.0f64.next_up()];
        },
    ),
    (
        "a bias just above what the rivals reach",
        Place::Free,
        "token 4: its rivals are not proved to reach its bias",
        |g| {
            g.bias[4] = 5e-324;
        },
    ),
    (
        "a winner in a box said to lose",
        Place::Box,
        "token 3: its rivals are not proved to reach its bias",
        |g| {
            let mut record = g.record.enclosed[0].clone();
            (record.token, record.equations) = (3, vec![]);
            record.basic = vec![(9, 1.0)];
            g.record.witnesses.clear();
            g.record.enclosed.push(record);
        },
    ),
    // Exact weights.
    (
        "an exact weight off by one unit",
        Place::Free,
        "token 6: its rivals do not combine to its row in coordinate 0",
        |g| {
            g.record.exact[0].1[0].1 = (BigInt::from(1) << 200) + 1;
            g.record.exact[0].1[1].1 = BigInt::from(1) << 200;
        },
    ),
    (
        "an exact combination off by one unit in a box",
        Place::Box,
        "token 6: its rivals combine to less than its bias",
        |g| {
            g.record.exact[0].1[0].1 = (BigInt::from(1) << 200) + 1;
            g.record.exact[0].1[1].1 = BigInt::from(1) << 200;
        },
    ),
    ("a negative exact weight", Place::Free, "token 6: a weight is negative", |g| {
        g.record.exact[0].1.push((2, (-1).into()));
    }),
    ("a missing exact rival", Place::Free, "token 6: its rivals do not combine to its row", |g| {
        g.record.exact[0].1.pop();
    }),
    ("no exact rival", Place::Free, "token 6: all its weights are zero", |g| {
        g.record.exact[0].1.clear();
    }),
    ("exact weights all zero", Place::Free, "token 6: all its weights are zero", |g| {
        g.record.exact[0].1.iter_mut().for_each(|w| w.1 = BigInt::ZERO);
    }),
    ("all weight on the token itself", Place::Free, "token 6: its rival 6 has its own row", |g| {
        g.record.exact[0].1 = vec![(6, 1.into())];
    }),
    ("all weight on a tied token", Place::Free, "token 7: its rival 0 has its own row", |g| {
        g.record.ties.clear();
        g.record.exact.push((0, vec![(7, 1.into())]));
        g.record.exact.push((7, vec![(0, 1.into())]));
    }),
    (
        "an exact rival beyond the head",
        Place::Free,
        "token 6: its rival 4000000000 does not exist",
        |g| {
            g.record.exact[0].1[0].0 = 4_000_000_000;
        },
    ),
    (
        "an exact bias not reached",
        Place::Free,
        "token 6: its rivals combine to less than its bias",
        |g| {
            g.bias[6] = 5e-324;
        },
    ),
    ("a winner said to lose", Place::Free, "token 9: its rivals do not combine to its row", |g| {
        g.record.integers.clear();
        g.record.exact.push((9, vec![(2, 1.into()), (3, 1.into())]));
    }),
    // Equal rows.
    (
        "dominated with equal bias",
        Place::Free,
        "token 7: its bias is not below that of token 0",
        |g| {
            g.record.ties.clear();
            g.record.dominated.push((7, 0));
        },
    ),
    ("dominated by itself", Place::Free, "token 8: its bias is not below that of token 8", |g| {
        g.record.dominated[0].1 = 8;
    }),
    (
        "dominated by the smaller bias",
        Place::Free,
        "token 1: its bias is not below that of token 8",
        |g| {
            g.record.maps[0].winners.remove(0);
            g.record.dominated.push((1, 8));
        },
    ),
    ("dominated by another row", Place::Free, "token 8: its row is not that of token 0", |g| {
        g.record.dominated[0].1 = 0;
    }),
    ("dominated by nobody", Place::Free, "token 8: there is no token 99 to dominate it", |g| {
        g.record.dominated[0].1 = 99;
    }),
    // Undecided tokens.
    (
        "an undecided bound too small",
        Place::Free,
        "token 10: its multipliers do not bound the margin by 0.26",
        |g| {
            g.record.undecided[0].upper = 0.26;
        },
    ),
    (
        "an undecided bound that is NaN",
        Place::Free,
        "token 10: its multipliers do not bound the margin by NaN",
        |g| {
            g.record.undecided[0].upper = f64::NAN;
        },
    ),
    (
        "an undecided bound below zero",
        Place::Box,
        "token 10: its multipliers do not bound the margin",
        |g| {
            g.record.undecided[0].upper = f64::NEG_INFINITY;
        },
    ),
    (
        "a bound from nothing",
        Place::Free,
        "token 10: its multipliers do not bound the margin",
        |g| {
            g.record.undecided[0].multipliers.clear();
        },
    ),
    (
        "a bound without rivals",
        Place::Free,
        "token 10: its multipliers do not bound the margin",
        |g| {
            g.record.undecided[0].multipliers.retain(|m| m.0 == MultiplierKind::Scale);
        },
    ),
    ("a negative multiplier", Place::Free, "token 10: a multiplier is negative", |g| {
        g.record.undecided[0].multipliers[3].2 = -0.01;
    }),
    (
        "a multiplier that is NaN",
        Place::Free,
        "token 10: a multiplier is negative or not finite",
        |g| {
            g.record.undecided[0].multipliers[0].2 = f64::NAN;
        },
    ),
    (
        "a missing multiplier",
        Place::Free,
        "token 10: its multipliers do not bound the margin",
        |g| {
            g.record.undecided[0].multipliers.remove(0);
        },
    ),
    (
        "a margin bounded by the token's own row",
        Place::Free,
        "token 10: its rival 10 is not a rival",
        |g| {
            g.record.undecided[0].multipliers = vec![(MultiplierKind::Token, 10, 1.0)];
            g.record.undecided[0].upper = 1e-9;
        },
    ),
    ("a multiplier beyond the head", Place::Free, "token 10: its rival 11 does not exist", |g| {
        g.record.undecided[0].multipliers[0].1 = 11;
    }),
    (
        "a multiplier of an end that does not exist",
        Place::Free,
        "token 10: the domain has no such end in coordinate 0",
        |g| {
            g.record.undecided[0].multipliers.push((MultiplierKind::Lower, 0, 1e-9));
        },
    ),
    (
        "a multiplier of no coordinate",
        Place::Box,
        "token 10: the domain has no such end in coordinate 2",
        |g| {
            g.record.undecided[0].multipliers.push((MultiplierKind::Upper, 2, 0.0));
        },
    ),
    // Coverage.
    ("a token missing", Place::Free, "token 3: it has no verdict", |g| g.record.witnesses.clear()),
    ("a member of a tie missing", Place::Free, "token 7: it has no verdict", |g| {
        g.record.ties.clear()
    }),
    ("a token twice in one kind", Place::Free, "token 3: it has 2 verdicts, not one", |g| {
        let twice = g.record.witnesses[0].clone();
        g.record.witnesses.push(twice);
    }),
    ("a token of two kinds", Place::Free, "token 6: it has 2 verdicts, not one", |g| {
        let mut undecided = g.record.undecided[0].clone();
        (undecided.token, undecided.upper) = (6, f64::INFINITY);
        undecided.multipliers.clear();
        g.record.undecided.push(undecided);
    }),
    ("a token that wins and loses", Place::Free, "token 4: it has 2 verdicts, not one", |g| {
        g.record.witnesses.push((4, vec![1.0, 1.0]));
    }),
    ("a loser beyond the head", Place::Free, "token 11: there is no such token", |g| {
        g.record.dominated.push((11, 1));
    }),
    ("an unsorted scope", Place::Free, "audit: the scope is not a rising list", |g| {
        g.record.scope = Some((0..11).rev().collect());
    }),
    ("a scope with a token twice", Place::Free, "audit: the scope is not a rising list", |g| {
        g.record.scope = Some((0..11).chain([10]).collect());
    }),
    ("a scope beyond the head", Place::Free, "audit: the scope is not a rising list", |g| {
        g.record.scope = Some((0..12).collect());
    }),
    ("a scope of nobody", Place::Free, "audit: its scope is empty", |g| {
        g.record.scope = Some(vec![])
    }),
    (
        "a verdict outside the scope",
        Place::Free,
        "token 10: it has a verdict, but is not in the scope",
        |g| {
            g.record.scope = Some((0..10).collect());
        },
    ),
    // The question.
    ("points of another domain", Place::Free, "token 3: its point lies outside the domain", |g| {
        g.record.domain = Domain::range(2, 0.0, f64::INFINITY).unwrap();
    }),
    ("a bound of another domain", Place::Box, "token 10: the domain has no such end", |g| {
        g.record.domain = Domain::free(2);
    }),
    (
        "a domain of another dimension",
        Place::Free,
        "audit: the domain has 3 coordinates, not 2",
        |g| {
            g.record.domain = Domain::free(3);
        },
    ),
    (
        "a domain where rows become equal",
        Place::Free,
        "token 0: its tie of 2 is not the group",
        |g| {
            let line = Domain::ranges(vec![0.0, -8.0], vec![0.0, 8.0]);
            g.record.domain = line.unwrap();
        },
    ),
];

#[test]
fn every_false_record_is_refused_for_its_own_reason() {
    for (name, place, expected, plant) in TAMPERINGS {
        let mut fixture = Fixture::new(*place);
        plant(&mut fixture);
        let verification = fixture.verify();
        let reasons = refusals(&verification);
        assert!(!verification.is_accepted(), "{name} was accepted");
        assert!(
            reasons.iter().any(|r| r.starts_with(expected)),
            "{name}: {expected:?} is not among {reasons:?}"
        );
        // Read back from a file the certificate says the same (which has no place for this change).
        if *name == "a domain of another dimension" {
            continue;
        }
        if let Ok(bytes) = fixture.certificate().to_bytes()
            && let Ok(read) = Certificate::from_bytes(&bytes)
        {
            assert_eq!(refusals(&verify(&fixture.head(), &read, None)), reasons, "{name}");
        }
    }
}

#[test]
fn an_exact_gap_of_one_subnormal_unit_is_still_a_win() {
    let mut fixture = Fixture::new(Place::Free);
    fixture.record.witnesses[0].1[0] = 5e-324;
    assert!(fixture.verify().is_accepted(), "{:?}", refusals(&fixture.verify()));
}

#[test]
fn a_certificate_of_another_head_is_refused() {
    let fixture = Fixture::new(Place::Free);
    let certificate = fixture.certificate();
    let mut other = fixture.clone();
    other.rows[10][0] = f64::from(1.0f32.next_up());
    let (mut wide, mut longer) = (fixture.clone(), fixture.clone());
    wide.wide = true;
    longer.rows.push([0.0, 0.0]);
    longer.bias.push(0.0);
    let rows: Vec<f32> = fixture.rows.iter().flatten().map(|&x| x as f32).collect();
    let unbiased = Head::new(rows, None, 11, 2).unwrap();
    for head in [other.head(), wide.head(), unbiased] {
        let refused = refusals(&verify(&head, &certificate, None));
        assert!(refused[0].starts_with("certificate: it is for another head"), "{refused:?}");
    }
    let refused = refusals(&verify(&longer.head(), &certificate, None));
    assert_eq!(refused, ["certificate: it is for a head of 11 x 2, this one is 12 x 2"]);
    let nothing = Certificate { audits: vec![], ..certificate };
    assert!(!verify(&fixture.head(), &nothing, None).is_accepted());
}

#[test]
fn some_tokens_are_checked_alone_but_only_those_in_the_scope() {
    let mut fixture = Fixture::new(Place::Free);
    fixture.record.witnesses[0].1 = vec![0.0, 0.0];
    let (head, certificate) = (fixture.head(), fixture.certificate());
    let checked = verify(&head, &certificate, Some(&[7, 6]));
    assert!(checked.is_accepted() && !checked.audits[0].complete);
    assert!(!verify(&head, &certificate, Some(&[3])).is_accepted());

    fixture.record.scope = Some(vec![0, 7]);
    let (ties, maps) = (fixture.record.ties.clone(), fixture.record.maps[1..].to_vec());
    let scope = fixture.record.scope.clone();
    fixture.record = AuditRecord { scope, ties, maps, ..AuditRecord::empty(Domain::free(2)) };
    let certificate = fixture.certificate();
    let checked = verify(&head, &certificate, None);
    assert!(checked.is_accepted() && !checked.audits[0].complete, "{:?}", refusals(&checked));
    for beyond in [6, 11] {
        let refused = refusals(&verify(&head, &certificate, Some(&[0, beyond])));
        let expected = format!("token {beyond}: it was asked for, but is not in the scope");
        assert_eq!(refused, [expected]);
    }
}

#[test]
fn coordinates_that_the_domain_fixes_make_no_rival() {
    // On the line h = (x, 0) both rows tie, and neither proves that the other loses.
    let head = Head::new(vec![1.0f32, 2.0, 1.0, 2.0, -1.0, 2.0], None, 3, 2).unwrap();
    let line = Domain::ranges(vec![f64::NEG_INFINITY, 0.0], vec![f64::INFINITY, 0.0]).unwrap();
    let shifted = Head::new(vec![1.0f32, 2.0, 1.0, 3.0, -1.0, 2.0], None, 3, 2).unwrap();
    let mut record = AuditRecord::empty(line);
    record.scope = Some(vec![0]);
    record.exact = vec![(0, vec![(1, 1.into())])];
    for head in [head, shifted] {
        let certificate = Certificate {
            head: head.sha256(),
            tokens: 3,
            dim: 2,
            subject: Subject::Head,
            audits: vec![record.clone()],
        };
        let refused = refusals(&verify(&head, &certificate, None));
        assert_eq!(refused, ["token 0: its rival 1 has its own row"]);
    }
}
