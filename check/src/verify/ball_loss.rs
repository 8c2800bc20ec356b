//! Checks proofs that a token loses in a ball: weights of rivals that bound its margin over all of them.
//!
//! For weights `N_j > 0` of rivals and multipliers `e_k` of ends of the box (the lower end of coordinate `k` where
//! `e_k > 0`, the upper one where `e_k < 0`) let
//!
//! ```text
//! v = sum N_j (w_t - w_j) + sum e_k (unit vector k),    F = v.c + sum N_j (b_t - b_j) - sum e_k end_k.
//! ```
//!
//! Where `h = g * Pz + c` lies in the box, `sum N_j gap_j <= z.P(g * v) + F`, which in the closed ball is at most
//! `R |P(g * v)| + F`. So the token is nowhere ahead of all of these rivals by more than that over `sum N_j`; and if the
//! bound is at most 0, some gap is at most 0 everywhere in the ball.

use num_bigint::BigInt;
use num_traits::{Signed, ToPrimitive, Zero};

use super::equals::Equals;
use crate::arithmetic::dyadic::{Dyadic, dot_integers};
use crate::arithmetic::rounding::{TINY, gamma, norm_up};
use crate::certificate::BallLossRecord;
use crate::domain::{Ball, Domain};
use crate::head::Head;

/// Checks that the token of a record never wins in the ball.
pub fn check(
    head: &Head,
    domain: &Domain,
    equals: &Equals,
    record: &BallLossRecord,
) -> Result<(), String> {
    let Some(ball) = domain.ball() else {
        return Err("there is no ball in which it could be outweighed".to_owned());
    };
    for &(j, ref weight) in &record.rivals {
        if j as usize >= head.tokens() {
            return Err(format!("its rival {j} does not exist"));
        }
        if equals.same_row(j, record.token) {
            return Err(format!("its rival {j} has its own row"));
        }
        if !weight.is_positive() {
            return Err(format!("the weight of its rival {j} is not above 0"));
        }
    }
    if record.rivals.is_empty() {
        return Err("no rival outweighs it".to_owned());
    }
    for &(k, ref multiplier) in &record.ends {
        end(head, domain, k, multiplier)?;
    }
    let combination =
        Combination { token: record.token, rivals: &record.rivals, ends: &record.ends };
    if combination.is_at_most(head, domain, ball, 0.0) {
        Ok(())
    } else {
        Err("its rivals do not outweigh it everywhere in the ball".to_owned())
    }
}

/// The end of the box that a multiplier belongs to.
///
/// # Errors
/// There is no such end, or the multiplier is 0.
pub fn end(head: &Head, domain: &Domain, k: u32, multiplier: &BigInt) -> Result<f64, String> {
    if multiplier.is_zero() {
        return Err(format!("the multiplier of an end of coordinate {k} is 0"));
    }
    let at = Some(k as usize).filter(|&k| k < head.dim());
    let end = at.map(|k| if multiplier.is_positive() { domain.lo(k) } else { domain.hi(k) });
    end.filter(|end| end.is_finite())
        .ok_or_else(|| format!("the domain has no such end in coordinate {k}"))
}

/// A token, rivals with positive weights, and coordinates with multipliers of their finite ends.
pub struct Combination<'a> {
    pub token: u32,
    pub rivals: &'a [(u32, BigInt)],
    pub ends: &'a [(u32, BigInt)],
}

impl Combination<'_> {
    /// Whether `R |P(g * v)| + F <= upper sum N_j`: decided in float64 where that proves it, else exactly.
    pub fn is_at_most(&self, head: &Head, domain: &Domain, ball: &Ball, upper: f64) -> bool {
        self.is_plainly_at_most(head, domain, ball, upper)
            || self.is_exactly_at_most(head, domain, ball, upper)
    }

    /// The end of the box that a multiplier belongs to, which exists.
    fn end(&self, domain: &Domain, k: u32, multiplier: &BigInt) -> f64 {
        let k = k as usize;
        if multiplier.is_positive() { domain.lo(k) } else { domain.hi(k) }
    }

    /// Whether float64 arithmetic with error bounds proves the inequality.
    fn is_plainly_at_most(&self, head: &Head, domain: &Domain, ball: &Ball, upper: f64) -> bool {
        // An integer beyond float64 becomes infinite, and then the final comparison fails.
        let floats = |list: &[(u32, BigInt)]| -> Vec<(u32, f64)> {
            list.iter().map(|(i, n)| (*i, n.to_f64().unwrap_or(f64::NAN))).collect()
        };
        let (rivals, ends) = (floats(self.rivals), floats(self.ends));
        bound_over_limit(head, domain, ball, self.token, &rivals, &ends, upper) <= 0.0
    }

    /// Decides the inequality in exact arithmetic.
    fn is_exactly_at_most(&self, head: &Head, domain: &Domain, ball: &Ball, upper: f64) -> bool {
        let dim = head.dim();
        let sum: BigInt = self.rivals.iter().map(|r| &r.1).sum();
        // `v` is a combination of rows: the token has the sum of the weights, and each rival its negative weight.
        let whole = Dyadic::from_integer(sum.clone());
        let (mut ids, mut weights) = (vec![self.token as usize], vec![sum]);
        for (j, n) in self.rivals {
            ids.push(*j as usize);
            weights.push(-n);
        }
        let rows: Vec<Vec<f64>> = ids.iter().map(|&j| head.row(j).collect()).collect();
        let mut ends = vec![BigInt::ZERO; dim];
        let mut level = dot_integers(ids.iter().map(|&j| head.bias(j)), &weights);
        for (k, n) in self.ends {
            ends[*k as usize] += n;
            let end = Dyadic::from_f64(self.end(domain, *k, n));
            level = &level - &(&end * &Dyadic::from_integer(n.clone()));
        }
        level = &level - &(&Dyadic::from_f64(upper) * &whole);
        let (mut sum, mut squares) = (Dyadic::zero(), Dyadic::zero());
        for (k, end) in ends.into_iter().enumerate() {
            let combined = dot_integers(rows.iter().map(|row| row[k]), &weights);
            let v = &combined + &Dyadic::from_integer(end);
            level = &level + &(&v * &Dyadic::from_f64(ball.shift()[k]));
            let y = &v * &Dyadic::from_f64(ball.gain()[k]);
            squares = &squares + &(&y * &y);
            sum = &sum + &y;
        }
        // `d |Py|^2` is `d sum y^2`, minus the square of the sum if the mean is subtracted.
        let count = Dyadic::from_f64(dim as f64);
        let mut length = &count * &squares;
        if ball.is_centred() {
            length = &length - &(&sum * &sum);
        }
        let reach = &ball.radius_squared() * &length;
        !level.is_positive() && reach <= &count * &(&level * &level)
    }
}

/// An upper bound of `R |P(g * v)| + F - upper sum N_j` in float64, for rivals and multipliers of ends that exist; each of
/// these numbers may have been rounded once.
pub fn bound_over_limit(
    head: &Head,
    domain: &Domain,
    ball: &Ball,
    token: u32,
    rivals: &[(u32, f64)],
    ends: &[(u32, f64)],
    upper: f64,
) -> f64 {
    let (dim, t) = (head.dim(), token as usize);
    let (mut own, mut other) = (vec![0.0; dim], vec![0.0; dim]);
    let (mut v, mut size) = (vec![0.0f64; dim], vec![0.0f64; dim]);
    let (mut level, mut level_size, mut sum) = (0.0, 0.0, 0.0);
    head.copy_row(t, &mut own);
    for &(j, weight) in rivals {
        let j = j as usize;
        head.copy_row(j, &mut other);
        for k in 0..dim {
            v[k] += weight * (own[k] - other[k]);
            size[k] += weight * (own[k].abs() + other[k].abs());
        }
        level += weight * (head.bias(t) - head.bias(j));
        level_size += weight * (head.bias(t).abs() + head.bias(j).abs());
        sum += weight;
    }
    for &(k, multiplier) in ends {
        let k = k as usize;
        let end = if multiplier > 0.0 { domain.lo(k) } else { domain.hi(k) };
        v[k] += multiplier;
        size[k] += multiplier.abs();
        level -= multiplier * end;
        level_size += (multiplier * end).abs();
    }
    level -= upper * sum;
    level_size += upper.abs() * sum;
    // Errors: each term has one rounding for the integer, the difference and the product each, and each sum one
    // for each term; twice as many for the sums of sizes themselves.
    let count = rivals.len() + ends.len() + 8;
    let (unit, floor) = (gamma(2 * count), count as f64 * TINY);
    let (along, across) = (gamma(2 * (dim + 8)), (dim + 8) as f64 * TINY);
    let (mut level_error, mut turned, mut turned_size) = (unit * level_size + floor, 0.0, 0.0);
    for k in 0..dim {
        let (g, c) = (ball.gain()[k], ball.shift()[k]);
        let error = unit * size[k] + floor;
        turned += v[k] * c;
        turned_size += (v[k] * c).abs();
        level_error += c.abs() * error;
        v[k] *= g;
        size[k] = g.abs() * error + TINY;
    }
    level_error += along * turned_size + across;
    let whole = norm_up(v.iter().copied());
    if ball.is_centred() {
        let mean = v.iter().sum::<f64>() / dim as f64;
        v.iter_mut().for_each(|y| *y -= mean);
    }
    // The mean has an error of `gamma_d |y| / sqrt(d)` in each of d coordinates; subtracting it makes no error
    // longer.
    let length = norm_up(v.into_iter()) + norm_up(size.into_iter()) + along * whole + across;
    let pull = ball.radius_up() * length;
    let spare = 1e-12 * (level.abs() + turned.abs() + level_error + pull);
    level + turned + level_error + pull + spare
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether floats and integers bound the gaps of token 0 by `upper`.
    fn bounded(head: &Head, domain: &Domain, weights: [i64; 2], end: i64, upper: f64) -> [bool; 2] {
        let rivals = [(1, weights[0].into()), (2, weights[1].into())];
        let ends: Vec<(u32, BigInt)> = if end == 0 { vec![] } else { vec![(0, end.into())] };
        let combination = Combination { token: 0, rivals: &rivals, ends: &ends };
        let ball = domain.ball().unwrap();
        [
            combination.is_plainly_at_most(head, domain, ball, upper),
            combination.is_exactly_at_most(head, domain, ball, upper),
        ]
    }

    #[test]
    fn floats_prove_what_is_plain_and_nothing_that_integers_do_not() {
        // The differences are (3, 0) and (1, -2), biases -5 and -3; doubled and shifted.
        let rows = vec![2.0, 1.0, -1.0, 1.0, 1.0, 3.0];
        let head = Head::new(rows, Some(vec![0.0, 5.0, 3.0]), 3, 2).unwrap();
        let ball = Ball::new([2.0, 0.5], vec![2.0, 2.0], vec![0.25, 0.0], false).unwrap();
        let domain = Domain::range(2, -9.0, 4.0).unwrap().within(ball).unwrap();
        // With both weights 1: |(8, -4)| and a level of 4 / 4 - 8.
        let best = 80f64.sqrt() - 7.0;
        let sharp = |upper: f64| bounded(&head, &domain, [1, 1], 0, upper / 2.0);
        assert_eq!(sharp(best + 1e-9), [true, true]);
        assert_eq!(sharp(best - 1e-9), [false, false]);
        // The upper end of the first coordinate takes 2 from 8 and adds 4 - 1/4.
        let best = 52f64.sqrt() - 7.0 + 3.75;
        let sharp = |upper: f64| bounded(&head, &domain, [1, 1], -1, upper / 2.0);
        assert_eq!(sharp(best + 1e-9), [true, true]);
        assert_eq!(sharp(best - 1e-9), [false, false]);
    }

    #[test]
    fn only_integers_prove_an_equation() {
        // A difference of (1, 1), which a centring norm takes away, with a level of 0.
        let head = Head::new(vec![1.5, 1.5, 0.5, 0.5, 0.5, 0.5], None, 3, 2).unwrap();
        for (centred, expected) in [(true, [false, true]), (false, [false, false])] {
            let ball = Ball::after_norm(vec![3.0; 2], vec![0.0; 2], centred).unwrap();
            let domain = Domain::free(2).within(ball).unwrap();
            assert_eq!(bounded(&head, &domain, [1, 2], 0, 0.0), expected);
        }
    }
}
