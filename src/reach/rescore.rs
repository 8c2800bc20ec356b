//! Decides whether a token wins at a hidden state, in exact arithmetic on the decoded rows.
//!
//! A model computes in float32, where a token may seem to win because of a rounding error, or by the order in which
//! equal scores are compared. Here scores are computed in float64 with proved error bounds, and exactly where the
//! bounds do not decide.

use crate::arithmetic::dyadic::{Dyadic, as_integers, dot_floats, dot_integers};
use crate::arithmetic::rounding::{UNIT, add_down, add_up, dot_error, mul_up, norm_up};
use crate::domain::{Ball, Domain};
use crate::head::Head;

/// The result of comparing a token's score with all others at a hidden state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It scores more than every other token.
    Wins,
    /// It shares the largest score with these tokens.
    Ties(Vec<u32>),
    /// This other token scores more.
    Loses(u32),
}

/// How far outside the ball of its norm a computed state may lie because of rounding, as a share of the radius. Such
/// a state is moved inside.
const ROUNDED_OUT: f64 = 1e-3;
/// How far inside the ball such a state is moved, as a share of the radius.
const INSIDE: f64 = 1.0 / 1073741824.0;

/// Compares the score of `token` with all others at a hidden state of the domain; `None` where the state is not one.
///
/// A state that a norm computed is rounded, and so not exactly a state of the ball behind it; the nearest one is taken.
pub fn standing_in(head: &Head, domain: &Domain, state: &[f64], token: u32) -> Option<Standing> {
    let Some(ball) = domain.ball() else {
        return domain.contains(state).then(|| standing(head, state, token));
    };
    let z = nearest_in_ball(ball, state)?;
    domain.contains(&z).then(|| standing_behind(head, ball, &z, token))
}

/// Returns the point of the ball whose hidden state is nearest to `state`; `None` where the state is too far outside.
fn nearest_in_ball(ball: &Ball, state: &[f64]) -> Option<Vec<f64>> {
    let coordinates = state.iter().zip(ball.gain().iter().zip(ball.shift()));
    let mut z: Vec<f64> =
        coordinates.map(|(h, (g, c))| if *g == 0.0 { 0.0 } else { (h - c) / g }).collect();
    if ball.is_centred() {
        let mean = z.iter().sum::<f64>() / z.len() as f64;
        z.iter_mut().for_each(|x| *x -= mean);
    }
    let share = norm_up(z.iter().copied()) / ball.radius_down();
    if !(share <= 1.0 + ROUNDED_OUT) {
        return None;
    }
    if share > 1.0 - INSIDE {
        z.iter_mut().for_each(|x| *x *= (1.0 - INSIDE) / share);
    }
    Some(z)
}

/// Compares the score of `token` with all others at a hidden state of `d` finite coordinates.
pub fn standing(head: &Head, state: &[f64], token: u32) -> Standing {
    let exact = |j: usize| {
        let dot = dot_floats(head.row(j), state.iter().copied());
        &dot + &Dyadic::from_f64(head.bias(j))
    };
    compared(head, state, 0.0, token, exact)
}

/// Compares the score of `token` at the hidden state that the norm behind a ball makes of `z`.
pub fn standing_behind(head: &Head, ball: &Ball, z: &[f64], token: u32) -> Standing {
    let state = ball.hidden_state(z);
    // The radius covers a few units in the last place of each term; only what it leaves open is scored exactly.
    let terms = z.iter().zip(ball.gain()).map(|(z, g)| z * g);
    let size = norm_up(terms) + norm_up(ball.shift().iter().copied());
    let radius = mul_up((z.len() + 64) as f64 * UNIT, size);
    let (numerators, denominator) = as_integers(z);
    let (numerators, denominator) = ball.exact_state(&numerators, &denominator);
    let over = Dyadic::from_integer(denominator);
    let exact = |j: usize| {
        let dot = dot_integers(head.row(j), &numerators);
        &dot + &(&Dyadic::from_f64(head.bias(j)) * &over)
    };
    compared(head, &state, radius, token, exact)
}

/// Compares scores in float64, valid for all states within `radius` of this one, and the scores left open by `exact`.
fn compared(
    head: &Head,
    state: &[f64],
    radius: f64,
    token: u32,
    exact: impl Fn(usize) -> Dyadic,
) -> Standing {
    let (tokens, dim) = (head.tokens(), head.dim());
    let mut scores = vec![0.0; tokens];
    head.product(state, 0..tokens, &mut scores, tokens);
    let length = norm_up(state.iter().copied());
    // One more rounding, that of adding the bias.
    let error = |j: usize, score: f64| {
        let rounding = add_up(dot_error(dim, head.norm_up(j), length), mul_up(UNIT, score.abs()));
        add_up(rounding, mul_up(head.norm_up(j), radius))
    };
    let own = scores[token as usize] + head.bias(token as usize);
    let floor = add_down(own, -error(token as usize, own));
    // A NaN makes the comparison false, so that the token is scored exactly.
    let open = |j: &usize| {
        let score = scores[*j] + head.bias(*j);
        !(add_up(score, error(*j, score)) < floor)
    };
    let own = exact(token as usize);
    let mut equals = Vec::new();
    for j in (0..tokens).filter(|&j| j != token as usize).filter(open) {
        let lead = &exact(j) - &own;
        if lead.is_positive() {
            return Standing::Loses(j as u32);
        }
        if lead.is_zero() {
            equals.push(j as u32);
        }
    }
    if equals.is_empty() { Standing::Wins } else { Standing::Ties(equals) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::Rows;

    fn head(rows: impl Into<Rows>, bias: Option<Vec<f64>>, tokens: usize) -> Head {
        let rows = rows.into();
        let dim = rows.len() / tokens;
        Head::new(rows, bias, tokens, dim).unwrap()
    }

    #[test]
    fn a_lead_below_float64_is_seen() {
        // 1 + 2^-60 against 1: the sum rounds to 1 in float64.
        let tiny = 2f64.powi(-60);
        let head = head(vec![1.0, tiny, 1.0, 0.0], None, 2);
        assert_eq!(standing(&head, &[1.0, 1.0], 0), Standing::Wins);
        assert_eq!(standing(&head, &[1.0, 1.0], 1), Standing::Loses(0));
        assert_eq!(standing(&head, &[1.0, -1.0], 1), Standing::Wins);
        assert_eq!(standing(&head, &[1.0, 0.0], 0), Standing::Ties(vec![1]));
    }

    #[test]
    fn a_state_behind_a_norm_is_scored_exactly() {
        // Behind a LayerNorm of gain 1 the third of each coordinate is no float: 1/3 (2, -1, -1) from z = (1, 0, 0).
        let ball = Ball::after_norm(vec![1.0; 3], vec![0.0; 3], true).unwrap();
        let head = head(vec![3.0, 0.0, 0.0, 0.0, -6.0, 0.0, 0.0, -6.0, -1e-30], None, 3);
        assert_eq!(standing_behind(&head, &ball, &[1.0, 0.0, 0.0], 0), Standing::Loses(2));
        assert_eq!(standing_behind(&head, &ball, &[1.0, 0.0, 0.0], 2), Standing::Wins);
        assert_eq!(standing_behind(&head, &ball, &[0.0; 3], 1), Standing::Ties(vec![0, 2]));
    }

    #[test]
    fn a_bias_counts_to_its_last_bit() {
        let head = head(vec![1f32, 1.0, 0.5], Some(vec![0.0, 5e-324, 0.0]), 3);
        assert_eq!(standing(&head, &[1.0], 0), Standing::Loses(1));
        assert_eq!(standing(&head, &[1.0], 1), Standing::Wins);
        assert_eq!(standing(&head, &[1.0], 2), Standing::Loses(0));
    }

    #[test]
    fn scores_that_overflow_are_compared_all_the_same() {
        let head = head(vec![1e308, 1e308, 1e308, 2e307], None, 2);
        assert_eq!(standing(&head, &[10.0, 10.0], 0), Standing::Wins);
        assert_eq!(standing(&head, &[10.0, 10.0], 1), Standing::Loses(0));
    }

    #[test]
    fn bounds_and_exact_numbers_agree_on_a_head_of_near_equals() {
        // Rows that differ in the last bits of float32, and a state that makes their order hard to see.
        let number = |i: usize| 1.0 + (i * 2654435761 % 97) as f32 * 2f32.powi(-23);
        let rows: Vec<f32> = (0..40 * 6).map(number).collect();
        let head = head(rows, None, 40);
        let state: Vec<f64> = (0..6)
            .map(|k| f64::from(number(k + 500)) * if k % 2 == 0 { 1.0 } else { -1.0 })
            .collect();
        let exact = |j: usize| dot_floats(head.row(j), state.iter().copied());
        let best = (0..40).map(exact).max().unwrap();
        for j in 0..40 {
            let leaders: Vec<u32> = (0..40u32).filter(|&i| exact(i as usize) == best).collect();
            match standing(&head, &state, j as u32) {
                Standing::Wins => assert_eq!(leaders, [j as u32]),
                Standing::Ties(with) => {
                    assert!(leaders.contains(&(j as u32)) && with.len() + 1 == leaders.len())
                }
                Standing::Loses(to) => assert!(exact(to as usize) > exact(j)),
            }
        }
    }
}
