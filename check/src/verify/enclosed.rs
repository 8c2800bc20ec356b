//! Checks losing weights that are only given approximately: it proves that exact ones exist near them.

use num_bigint::BigInt;
use num_traits::Signed;

use super::equals::Equals;
use super::losing::{check_exact, check_rivals, exact_slack, share};
use crate::arithmetic::dyadic::{Dyadic, integers_at_common_exponent};
use crate::arithmetic::enclose::SquareSystem;
use crate::arithmetic::interval::Interval;
use crate::arithmetic::linear;
use crate::arithmetic::rounding::{TINY, add_down, mul_down, power_of_two_near};
use crate::certificate::EnclosedRecord;
use crate::domain::Domain;
use crate::head::Head;

/// Checks that the record's token never wins, by weights near the given ones: those in `basic` solve the equations
/// exactly.
///
/// Interval arithmetic proves nearly all records; where it is inconclusive, the system is solved in integers.
pub fn check(
    head: &Head,
    domain: &Domain,
    equals: &Equals,
    record: &EnclosedRecord,
) -> Result<(), String> {
    check_rivals(
        head,
        equals,
        record.token,
        record.basic.iter().chain(&record.frozen).map(|x| x.0),
    )?;
    let solved = solved_coordinates(head, record)?;
    match check_in_intervals(head, domain, record, &solved) {
        Ok(()) => Ok(()),
        Err(Inconclusive::Refuted(reason)) => Err(reason),
        Err(Inconclusive::Open(reason)) => {
            let weights = solve_exactly(head, record).ok_or_else(|| reason.clone())?;
            check_exact(head, domain, equals, record.token, &weights).map_err(|_| reason)
        }
    }
}

/// Checks that there is one basic weight more than equations, that frozen weights are numbers from 0, and that
/// the equations are distinct coordinates; marks those coordinates.
fn solved_coordinates(head: &Head, record: &EnclosedRecord) -> Result<Vec<bool>, String> {
    let order = record.basic.len();
    if record.frozen.iter().any(|&(_, w)| !(w >= 0.0 && w.is_finite())) {
        return Err("a frozen weight is negative or not finite".to_owned());
    }
    if order != record.equations.len() + 1 {
        return Err(format!(
            "{order} weights for {} equations and their sum",
            record.equations.len()
        ));
    }
    // The coordinates are distinct, so there are at most `d`: this bounds the size of the system.
    let mut solved = vec![false; head.dim()];
    for &k in &record.equations {
        match solved.get_mut(k as usize) {
            None => return Err(format!("there is no coordinate {k} to have an equation")),
            Some(true) => return Err(format!("the equation of coordinate {k} occurs twice")),
            Some(seen) => *seen = true,
        }
    }
    Ok(solved)
}

/// The weights of a record whose rivals exist, in intervals, with a lower bound of how far the weighted rivals are ahead
/// of the token everywhere in the domain, in logits; `None` if no such weights are proved to exist.
pub fn enclosed_weights(
    head: &Head,
    domain: &Domain,
    record: &EnclosedRecord,
) -> Option<(Vec<(u32, Interval)>, f64)> {
    let solved = solved_coordinates(head, record).ok()?;
    if let Ok((weights, slack)) = in_intervals(head, domain, record, &solved) {
        let weights = weights.into_iter().map(|(j, w)| (j as u32, w)).collect();
        return Some((weights, add_down(slack.gains.lo, -slack.losses.hi)));
    }
    let weights = solve_exactly(head, record)?;
    let (slack, sum) = exact_slack(head, domain, record.token, &weights).ok()?;
    let shares = weights.iter().map(|(j, n)| (*j, share(n, &sum))).collect();
    Some((shares, slack.quotient_down(&sum)))
}

/// Why interval arithmetic does not prove the claim.
enum Inconclusive {
    /// It shows that the claim is false.
    Refuted(String),
    /// It is inconclusive.
    Open(String),
}

/// The weights of a record exactly: integers that are divided by their sum, basic weights first, then frozen ones.
///
/// # Errors
/// It names a token, a rival or a coordinate that does not exist, or its equations do not have exactly one solution, or that is not positive.
pub fn exact_weights(head: &Head, record: &EnclosedRecord) -> Result<Vec<(u32, BigInt)>, String> {
    let rivals = record.basic.iter().chain(&record.frozen).map(|x| x.0);
    if let Some(j) = rivals.chain([record.token]).find(|&j| j as usize >= head.tokens()) {
        return Err(format!("there is no token {j}"));
    }
    solved_coordinates(head, record)?;
    let none = "its equations have no single solution that is positive";
    solve_exactly(head, record).ok_or_else(|| none.to_owned())
}

/// Solves for the weights of a record exactly: integers over their sum as the common denominator, basic weights
/// first, then frozen ones. `None` if the equations do not have exactly one solution, or if it is not positive.
fn solve_exactly(head: &Head, record: &EnclosedRecord) -> Option<Vec<(u32, BigInt)>> {
    let exact = Dyadic::from_f64;
    let equation = |entry: &dyn Fn(u32) -> f64, own: f64| -> (Vec<BigInt>, BigInt) {
        let frozen = record.frozen.iter().map(|&(j, w)| &exact(w) * &exact(entry(j)));
        let right = frozen.fold(exact(own), |right, term| &right - &term);
        let mut line: Vec<Dyadic> = record.basic.iter().map(|b| exact(entry(b.0))).collect();
        line.push(right);
        let (mut line, _) = integers_at_common_exponent(&line);
        let right = line.pop().unwrap_or_default();
        (line, right)
    };
    let weight = |k: u32| move |j: u32| head.weight(j as usize, k as usize);
    let (mut rows, mut rhs) = (Vec::new(), Vec::new());
    let mut add = |(row, right)| {
        rows.push(row);
        rhs.push(right);
    };
    record.equations.iter().for_each(|&k| add(equation(&weight(k), weight(k)(record.token))));
    add(equation(&|_| 1.0, 1.0));
    let solution = linear::solve(&rows, &rhs)?;
    if solution.numerators.iter().any(|n| !n.is_positive()) {
        return None;
    }
    // Bring the frozen weights to the same denominator, then multiply all by the power of two that makes them
    // integers.
    let over = Dyadic::from_integer(solution.denominator);
    let basic = solution.numerators.into_iter().map(Dyadic::from_integer);
    let mut weights: Vec<Dyadic> = basic.collect();
    weights.extend(record.frozen.iter().map(|f| &exact(f.1) * &over));
    let (weights, _) = integers_at_common_exponent(&weights);
    let rivals = record.basic.iter().chain(&record.frozen).map(|x| x.0);
    Some(rivals.zip(weights).collect())
}

/// Proves the claim in intervals: encloses the basic weights, then the slack of the combination.
fn check_in_intervals(
    head: &Head,
    domain: &Domain,
    record: &EnclosedRecord,
    solved: &[bool],
) -> Result<(), Inconclusive> {
    if in_intervals(head, domain, record, solved)?.1.is_not_negative() {
        Ok(())
    } else {
        Err(Inconclusive::open("its rivals are not proved to reach its bias"))
    }
}

/// The weights of the rivals, basic ones first, and the slack of their combination.
type Weighed = (Vec<(usize, Interval)>, Slack);

/// Encloses the weights of a record and the slack of the combination.
fn in_intervals(
    head: &Head,
    domain: &Domain,
    record: &EnclosedRecord,
    solved: &[bool],
) -> Result<Weighed, Inconclusive> {
    let weights = basic_weights(head, record)?;
    let basic = record.basic.iter().zip(weights).map(|(&(j, _), w)| (j as usize, w));
    let frozen = record.frozen.iter().map(|&(j, w)| (j as usize, Interval::point(w)));
    let mut weights: Vec<(usize, Interval)> = basic.collect();
    weights.extend(frozen);
    let slack = slack(head, domain, record, solved, &weights)?;
    Ok((weights, slack))
}

impl Inconclusive {
    fn open(reason: &str) -> Self {
        Inconclusive::Open(reason.to_owned())
    }
}

/// Encloses the basic weights of the unique solution in positive intervals.
fn basic_weights(head: &Head, record: &EnclosedRecord) -> Result<Vec<Interval>, Inconclusive> {
    let not_one = || Inconclusive::open("its equations are not proved to have one solution");
    let weights = equations(head, record)?.enclose().ok_or_else(not_one)?;
    let not_positive = "a weight is not proved to be positive";
    if weights.iter().any(|w| w.hi <= 0.0) {
        return Err(Inconclusive::Refuted(not_positive.to_owned()));
    }
    if weights.iter().any(|w| !(w.lo > 0.0)) {
        return Err(Inconclusive::open(not_positive));
    }
    Ok(weights)
}

/// The system of equations of a record: each coordinate's equation divided by a power of two, and the sum of the
/// weights. The basic weights in the record are not used; they are only a hint.
fn equations(head: &Head, record: &EnclosedRecord) -> Result<SquareSystem, Inconclusive> {
    let (t, order) = (record.token as usize, record.basic.len());
    let mut columns = vec![0.0; order * order];
    let (mut rhs, mut rhs_error) = (Vec::new(), Vec::new());
    for (i, &k) in record.equations.iter().enumerate() {
        let k = k as usize;
        let involved = record.basic.iter().chain(&record.frozen).map(|x| x.0 as usize).chain([t]);
        let largest = involved.map(|j| head.weight(j, k).abs()).fold(0.0, f64::max);
        if largest == 0.0 {
            return Err(Inconclusive::Refuted(format!("the equation of coordinate {k} is empty")));
        }
        let scale = power_of_two_near(largest);
        let entry = |j: usize| {
            let x = head.weight(j, k) / scale;
            if x * scale == head.weight(j, k) {
                Ok(x)
            } else {
                Err(Inconclusive::Open(format!("coordinate {k} leaves the range of float64")))
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
    Ok(SquareSystem { order, columns, rhs, rhs_error })
}

/// A sum of terms, with positive and negative terms apart: without a negative term no comparison is needed, and zero
/// stays zero.
struct Slack {
    gains: Interval,
    losses: Interval,
}

impl Slack {
    fn add(&mut self, term: f64) {
        if term >= 0.0 {
            self.gains = self.gains + Interval::point(term);
        } else {
            self.losses = self.losses + Interval::point(-term);
        }
    }

    fn is_not_negative(&self) -> bool {
        self.losses.hi == 0.0 || self.gains.lo >= self.losses.hi
    }
}

/// A lower bound of how far the weighted rivals are ahead of the token everywhere: by their biases, and by the
/// residual of their rows at the worst ends of the domain.
fn slack(
    head: &Head,
    domain: &Domain,
    record: &EnclosedRecord,
    solved: &[bool],
    weights: &[(usize, Interval)],
) -> Result<Slack, Inconclusive> {
    let t = record.token as usize;
    let mut slack = Slack { gains: Interval::point(0.0), losses: Interval::point(0.0) };
    for &(j, w) in weights {
        let (rival, own) = (head.bias(j), head.bias(t));
        let term = (w * (Interval::point(rival) - Interval::point(own))).lo;
        // A positive weight times a difference that is not negative.
        slack.add(if rival >= own { term.max(0.0) } else { term });
    }
    let same = |a: usize, b: usize| {
        weights.iter().map(|x| x.0).chain([t]).all(|j| head.weight(j, a) == head.weight(j, b))
    };
    let constant = |k: usize| weights.iter().all(|&(j, _)| head.weight(j, k) == head.weight(t, k));
    for k in 0..head.dim() {
        // Zero in exact arithmetic: solved, or equal in all rows, or equal to a solved coordinate.
        if solved[k] || constant(k) || record.equations.iter().any(|&e| same(e as usize, k)) {
            continue;
        }
        let r = weights
            .iter()
            .fold(Interval::point(-head.weight(t, k)), |r, &(j, w)| r + w * head.weight(j, k));
        let (lo, hi) = (domain.lo(k), domain.hi(k));
        let reason = || format!("its rivals do not combine to its row in coordinate {k}");
        if r.lo > 0.0 && lo.is_infinite() || r.hi < 0.0 && hi.is_infinite() {
            return Err(Inconclusive::Refuted(reason()));
        }
        if r.hi > 0.0 && lo.is_infinite()
            || r.lo < 0.0 && hi.is_infinite()
            || r.lo.is_nan()
            || r.hi.is_nan()
        {
            return Err(Inconclusive::Open(reason()));
        }
        // The least value of r h is concave in r, so it is attained at one end of the interval of r.
        let least = |r: f64| match r {
            r if r > 0.0 => mul_down(r, lo),
            r if r < 0.0 => mul_down(r, hi),
            _ => 0.0,
        };
        slack.add(least(r.lo).min(least(r.hi)));
    }
    Ok(slack)
}
