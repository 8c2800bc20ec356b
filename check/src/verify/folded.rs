//! Orders rows exactly, as far as hidden states of a domain can tell them apart.

use std::cmp::Ordering;

use crate::arithmetic::dyadic::{Dyadic, dot_floats};
use crate::arithmetic::rounding::{TINY, UNIT};
use crate::domain::Domain;
use crate::head::Head;

/// What makes rows different over a domain, and what counts as part of the bias.
pub enum RowOrder<'a> {
    /// The coordinates `seen` are compared as they are; those in `held` always have the given value and count as
    /// bias.
    Coordinates { seen: Vec<usize>, held: Vec<(usize, f64)> },
    /// The norm subtracts the mean: differences of coordinates after this gain are compared, and the score of the
    /// shift counts as bias.
    Differences { gain: &'a [f64], shift: &'a [f64] },
}

impl<'a> RowOrder<'a> {
    /// The order of rows over a domain.
    pub fn new(domain: &'a Domain) -> Self {
        let held = |k: usize| match domain.ball() {
            Some(ball) => (ball.gain()[k] == 0.0).then(|| ball.shift()[k]),
            None => domain.is_fixed(k).then(|| domain.lo(k)),
        };
        match domain.ball() {
            Some(ball) if ball.is_centred() => {
                RowOrder::Differences { gain: ball.gain(), shift: ball.shift() }
            }
            // A gain of 0 leaves only the shift, and any other gain keeps different coordinates different.
            _ => RowOrder::Coordinates {
                seen: (0..domain.dim()).filter(|&k| held(k).is_none()).collect(),
                held: (0..domain.dim()).filter_map(|k| Some((k, held(k)?))).collect(),
            },
        }
    }

    /// Orders tokens by row; tokens with equal rows compare equal.
    pub fn by_row(&self, head: &Head, a: u32, b: u32) -> Ordering {
        let weight = |t: u32, k: usize| head.weight(t as usize, k);
        let order = match self {
            RowOrder::Coordinates { seen, .. } => seen
                .iter()
                .map(|&k| by_number(weight(a, k), weight(b, k)))
                .find(|order| order.is_ne()),
            RowOrder::Differences { gain, .. } => (1..gain.len())
                .map(|k| {
                    let at = |t: u32| [weight(t, k), weight(t, 0)];
                    by_difference([gain[k], gain[0]], at(a), at(b))
                })
                .find(|order| order.is_ne()),
        };
        order.unwrap_or(Ordering::Equal)
    }

    /// The constant part of a token's score, up to a term common to all tokens of equal rows.
    pub fn level(&self, head: &Head, token: u32) -> Dyadic {
        let t = token as usize;
        let fixed = match self {
            RowOrder::Coordinates { held, .. } => {
                dot_floats(held.iter().map(|h| head.weight(t, h.0)), held.iter().map(|h| h.1))
            }
            RowOrder::Differences { shift, .. } => dot_floats(head.row(t), shift.iter().copied()),
        };
        &Dyadic::from_f64(head.bias(t)) + &fixed
    }
}

/// Orders two numbers that are not NaN, with -0 equal to 0.
fn by_number(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or(Ordering::Equal)
}

/// Orders `g_k a_k - g_0 a_0` and `g_k b_k - g_0 b_0`, exactly.
fn by_difference(gain: [f64; 2], a: [f64; 2], b: [f64; 2]) -> Ordering {
    if a == b {
        return Ordering::Equal;
    }
    // Three roundings of numbers of at most `size`, plus underflow; a fourth for the bound itself.
    let near = |w: [f64; 2]| (gain[0] * w[0], gain[1] * w[1]);
    let ((x, y), (z, w)) = (near(a), near(b));
    let difference = (x - y) - (z - w);
    let size = x.abs() + y.abs() + z.abs() + w.abs();
    if difference.abs() > 8.0 * UNIT * size + 8.0 * TINY && difference.is_finite() {
        return by_number(difference, 0.0);
    }
    let exact = |w: [f64; 2]| dot_floats(gain.into_iter(), [w[0], -w[1]].into_iter());
    exact(a).cmp(&exact(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_ordered_beyond_the_last_bit_of_a_float() {
        let gain = [3.0, 1.0 / 3.0];
        let near = [1.0f64.next_up(), 1.0];
        assert_eq!(by_difference(gain, [1.0, 1.0], near), Ordering::Less);
        assert_eq!(by_difference(gain, near, [1.0, 1.0]), Ordering::Greater);
        // 3 x 2 - 2 x 3 and 3 x 4 - 2 x 6.
        assert_eq!(by_difference([3.0, 2.0], [2.0, 3.0], [4.0, 6.0]), Ordering::Equal);
        // The products round to the same float, and the exact ones are apart.
        let tenth = [0.1, 1.0];
        let up = [0.1f64.next_up(), 1.0];
        let gain = [f64::from_bits(0x3ca0_0000_0000_0000), 1e10];
        assert_eq!(by_difference(gain, tenth, up), Ordering::Less);
        // Products beyond float64.
        assert_eq!(by_difference([1e300, 1.0], [1e300, 0.0], [1e301, 0.0]), Ordering::Less);
    }
}
