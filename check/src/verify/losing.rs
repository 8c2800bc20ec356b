//! Weights on rivals that never let the token be the strict winner.
//!
//! For weights `lambda >= 0` of sum 1 on rivals whose rows differ from the token's, let
//! `r = sum lambda_j w_j - w_t`. For every hidden state `h` of the domain
//!
//! ```text
//! max_j (w_j.h + b_j) - (w_t.h + b_t) >= sum lambda_j (b_j - b_t) + sum_k min over the domain of r_k h_k,
//! ```
//!
//! and when the right side is not negative the token never wins.

use num_bigint::BigInt;
use num_traits::{Signed, Zero};

use super::equals::Equals;
use crate::arithmetic::dyadic::{Dyadic, dot_integers, integers_at_common_exponent};
use crate::arithmetic::enclose::{Interval, SquareSystem};
use crate::arithmetic::linear;
use crate::arithmetic::rounding::{TINY, mul_down, power_of_two_near};
use crate::certificate::EnclosedRecord;
use crate::domain::Domain;
use crate::head::Head;

/// Rivals must exist and differ from the token in their row: equal rows prove nothing here.
fn check_rivals(
    head: &Head,
    equals: &Equals,
    token: u32,
    rivals: impl Iterator<Item = u32>,
) -> Result<(), String> {
    for j in rivals {
        if j as usize >= head.tokens() {
            return Err(format!("its rival {j} does not exist"));
        }
        if equals.same_row(j, token) {
            return Err(format!("its rival {j} has its own row"));
        }
    }
    Ok(())
}

/// Exact weights: positive integers, divided by their sum.
pub fn check_exact(
    head: &Head,
    domain: &Domain,
    equals: &Equals,
    token: u32,
    weights: &[(u32, BigInt)],
) -> Result<(), String> {
    check_rivals(head, equals, token, weights.iter().map(|w| w.0))?;
    if weights.iter().any(|(_, n)| n.is_negative()) {
        return Err("a weight is negative".to_owned());
    }
    let sum: BigInt = weights.iter().map(|w| &w.1).sum();
    if sum.is_zero() {
        return Err("all its weights are zero".to_owned());
    }
    let integers: Vec<BigInt> = weights.iter().map(|w| w.1.clone()).chain([-&sum]).collect();
    let all = || weights.iter().map(|w| w.0 as usize).chain([token as usize]);
    let mut slack = dot_integers(all().map(|j| head.bias(j)), &integers);
    for k in 0..head.dim() {
        let r = dot_integers(all().map(|j| head.weight(j, k)), &integers);
        if r.is_zero() {
            continue;
        }
        let end = if r.is_positive() { domain.lo(k) } else { domain.hi(k) };
        if end.is_infinite() {
            return Err(format!("its rivals do not combine to its row in coordinate {k}"));
        }
        slack = &slack + &(&r * &Dyadic::from_f64(end));
    }
    if slack.is_negative() {
        Err("its rivals combine to less than its bias".to_owned())
    } else {
        Ok(())
    }
}

/// Weights that exist near the given ones: those of `basic` solve the equations exactly.
///
/// Intervals prove it for nearly all records; where they can tell neither way, the system is solved in integers.
pub fn check_enclosed(
    head: &Head,
    domain: &Domain,
    equals: &Equals,
    record: &EnclosedRecord,
) -> Result<(), String> {
    let order = record.basic.len();
    check_rivals(
        head,
        equals,
        record.token,
        record.basic.iter().chain(&record.frozen).map(|x| x.0),
    )?;
    if record.frozen.iter().any(|&(_, w)| !(w >= 0.0 && w.is_finite())) {
        return Err("a frozen weight is negative or not finite".to_owned());
    }
    if order != record.equations.len() + 1 {
        return Err(format!(
            "{order} weights for {} equations and their sum",
            record.equations.len()
        ));
    }
    // Distinct, and so no more than there are coordinates: this bounds the system below.
    let mut solved = vec![false; head.dim()];
    for &k in &record.equations {
        match solved.get_mut(k as usize) {
            None => return Err(format!("there is no coordinate {k} to have an equation")),
            Some(true) => return Err(format!("the equation of coordinate {k} occurs twice")),
            Some(seen) => *seen = true,
        }
    }
    match check_in_intervals(head, domain, record, &solved) {
        Ok(()) => Ok(()),
        Err(Doubt::Refuted(reason)) => Err(reason),
        Err(Doubt::Open(reason)) => {
            let weights = solve_exactly(head, record).ok_or_else(|| reason.clone())?;
            check_exact(head, domain, equals, record.token, &weights).map_err(|_| reason)
        }
    }
}

/// What intervals say of weights that they do not prove.
enum Doubt {
    /// They show that the claim is false.
    Refuted(String),
    /// They show nothing.
    Open(String),
}

/// The weights of a record as integers over one denominator, which is their sum: basic ones, then frozen ones. `None` if
/// the equations have not exactly one solution, or not one above 0.
fn solve_exactly(head: &Head, record: &EnclosedRecord) -> Option<Vec<(u32, BigInt)>> {
    let exact = Dyadic::from_f64;
    let equation = |entry: &dyn Fn(u32) -> f64, own: f64| -> (Vec<BigInt>, BigInt) {
        let frozen = record.frozen.iter().map(|&(j, w)| &exact(w) * &exact(entry(j)));
        let right = frozen.fold(exact(own), |right, term| &right - &term);
        let line = record.basic.iter().map(|b| exact(entry(b.0))).chain([right]);
        let (mut line, _) = integers_at_common_exponent(&line.collect::<Vec<_>>());
        let right = line.pop().unwrap_or_default();
        (line, right)
    };
    let weight = |k: u32| move |j: u32| head.weight(j as usize, k as usize);
    let lines = record.equations.iter().map(|&k| equation(&weight(k), weight(k)(record.token)));
    let (rows, rhs): (Vec<Vec<BigInt>>, Vec<BigInt>) =
        lines.chain([equation(&|_| 1.0, 1.0)]).unzip();
    let solution = linear::solve(&rows, &rhs)?;
    if solution.numerators.iter().any(|n| !n.is_positive()) {
        return None;
    }
    // The frozen ones over the same denominator, and all of them times the power of two that makes those integers.
    let over = Dyadic::from_integer(solution.denominator);
    let basic = solution.numerators.into_iter().map(Dyadic::from_integer);
    let frozen = record.frozen.iter().map(|f| &exact(f.1) * &over);
    let (weights, _) = integers_at_common_exponent(&basic.chain(frozen).collect::<Vec<_>>());
    let rivals = record.basic.iter().chain(&record.frozen).map(|x| x.0);
    Some(rivals.zip(weights).collect())
}

/// Encloses the basic weights, and with them what the combination leaves.
fn check_in_intervals(
    head: &Head,
    domain: &Domain,
    record: &EnclosedRecord,
    solved: &[bool],
) -> Result<(), Doubt> {
    let (t, order) = (record.token as usize, record.basic.len());
    let open = |reason: &str| Doubt::Open(reason.to_owned());
    // The equations, each divided by a power of two; the given weights are not used: they are a hint.
    let mut columns = vec![0.0; order * order];
    let (mut rhs, mut rhs_error) = (Vec::new(), Vec::new());
    for (i, &k) in record.equations.iter().enumerate() {
        let k = k as usize;
        let involved = record.basic.iter().chain(&record.frozen).map(|x| x.0 as usize).chain([t]);
        let largest = involved.map(|j| head.weight(j, k).abs()).fold(0.0, f64::max);
        if largest == 0.0 {
            return Err(Doubt::Refuted(format!("the equation of coordinate {k} is empty")));
        }
        let scale = power_of_two_near(largest);
        let entry = |j: usize| {
            let x = head.weight(j, k) / scale;
            if x * scale == head.weight(j, k) {
                Ok(x)
            } else {
                Err(Doubt::Open(format!("coordinate {k} leaves the range of float64")))
            }
        };
        for (c, &(j, _)) in record.basic.iter().enumerate() {
            columns[c * order + i] = entry(j as usize)?;
        }
        let mut right = Interval::point(entry(t)?);
        for &(j, w) in &record.frozen {
            right = right - Interval::point(w) * entry(j as usize)?;
        }
        rhs.push(right.middle());
        rhs_error.push(right.radius() + TINY);
    }
    columns.chunks_exact_mut(order).for_each(|column| column[order - 1] = 1.0);
    let frozen =
        record.frozen.iter().fold(Interval::point(0.0), |sum, &(_, w)| sum + Interval::point(w));
    let rest = Interval::point(1.0) - frozen;
    rhs.push(rest.middle());
    rhs_error.push(rest.radius() + TINY);
    let system = SquareSystem { order, columns, rhs, rhs_error };
    let not_one = || open("its equations are not proved to have one solution");
    let weights = system.enclose().ok_or_else(not_one)?;
    let not_positive = "a weight is not proved to be positive";
    if weights.iter().any(|w| w.hi <= 0.0) {
        return Err(Doubt::Refuted(not_positive.to_owned()));
    }
    if weights.iter().any(|w| !(w.lo > 0.0)) {
        return Err(open(not_positive));
    }

    let basic = record.basic.iter().zip(weights).map(|(&(j, _), w)| (j as usize, w));
    let frozen = record.frozen.iter().map(|&(j, w)| (j as usize, Interval::point(w)));
    let all: Vec<(usize, Interval)> = basic.chain(frozen).collect();
    let same = |a: usize, b: usize| {
        all.iter().map(|x| x.0).chain([t]).all(|j| head.weight(j, a) == head.weight(j, b))
    };
    let constant = |k: usize| all.iter().all(|&(j, _)| head.weight(j, k) == head.weight(t, k));
    // Gains and losses apart: without a loss nothing needs to be compared, and zero stays zero.
    let (mut gains, mut losses) = (Interval::point(0.0), Interval::point(0.0));
    let mut add = |term: f64| {
        if term >= 0.0 {
            gains = gains + Interval::point(term);
        } else {
            losses = losses + Interval::point(-term);
        }
    };
    for &(j, w) in &all {
        let (rival, own) = (head.bias(j), head.bias(t));
        if rival >= own {
            add((w * (Interval::point(rival) - Interval::point(own))).lo.max(0.0));
        } else {
            add((w * (Interval::point(rival) - Interval::point(own))).lo);
        }
    }
    for k in 0..head.dim() {
        // Zero in exact arithmetic: solved, or the same in all rows, or the same as a solved one.
        if solved[k] || constant(k) || record.equations.iter().any(|&e| same(e as usize, k)) {
            continue;
        }
        let r = all
            .iter()
            .fold(Interval::point(-head.weight(t, k)), |r, &(j, w)| r + w * head.weight(j, k));
        let (lo, hi) = (domain.lo(k), domain.hi(k));
        let reason = || format!("its rivals do not combine to its row in coordinate {k}");
        if r.lo > 0.0 && lo.is_infinite() || r.hi < 0.0 && hi.is_infinite() {
            return Err(Doubt::Refuted(reason()));
        }
        if r.hi > 0.0 && lo.is_infinite()
            || r.lo < 0.0 && hi.is_infinite()
            || r.lo.is_nan()
            || r.hi.is_nan()
        {
            return Err(Doubt::Open(reason()));
        }
        // The least value of r h is concave in r, so one end of the interval has it.
        let least = |r: f64| match r {
            r if r > 0.0 => mul_down(r, lo),
            r if r < 0.0 => mul_down(r, hi),
            _ => 0.0,
        };
        add(least(r.lo).min(least(r.hi)));
    }
    let proved = losses.hi == 0.0 || gains.lo >= losses.hi;
    if proved { Ok(()) } else { Err(open("its rivals are not proved to reach its bias")) }
}
