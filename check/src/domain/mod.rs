//! The domain: where a hidden state may lie (a box, the ball behind a final norm, or both).

mod ball;
mod meeting;

use std::fmt;

use num_bigint::BigInt;

use crate::arithmetic::dyadic::Dyadic;
use crate::error::{Error, Result};
pub use ball::Ball;
pub use meeting::Inside;

/// A set of hidden states: a box `lo_k <= h_k <= hi_k`, whose ends may be infinite, and optionally a [`Ball`].
///
/// A token that wins strictly somewhere in a closed box with an interior wins in its interior too,
/// so strict and closed ranges give the same verdicts. (A box and a centred ball may meet in a single point, see
/// [`Domain::only_state`]; with closed ranges that point counts.)
#[derive(Clone, Debug, PartialEq)]
pub struct Domain {
    /// The least value of each coordinate; never NaN or `+inf`.
    lo: Vec<f64>,
    /// The greatest value of each coordinate; never NaN or `-inf`, never below `lo`.
    hi: Vec<f64>,
    ball: Option<Ball>,
}

impl Domain {
    /// The unrestricted domain, all of `R^dim`.
    pub fn free(dim: usize) -> Self {
        Domain { lo: vec![f64::NEG_INFINITY; dim], hi: vec![f64::INFINITY; dim], ball: None }
    }

    /// A box with the same range for every coordinate.
    ///
    /// # Errors
    /// See [`Domain::ranges`].
    pub fn range(dim: usize, lo: f64, hi: f64) -> Result<Self> {
        Domain::ranges(vec![lo; dim], vec![hi; dim])
    }

    /// A box with one range for each coordinate.
    ///
    /// # Errors
    /// The lengths differ, or a range has a NaN, `lo > hi`, or an end at the wrong infinity.
    pub fn ranges(lo: Vec<f64>, hi: Vec<f64>) -> Result<Self> {
        if lo.len() != hi.len() {
            return Err(Error::Invalid(format!(
                "{} lower ends for {} upper ends of the domain",
                lo.len(),
                hi.len()
            )));
        }
        for (k, (&l, &h)) in lo.iter().zip(&hi).enumerate() {
            if l.is_nan() || h.is_nan() || l > h || l == f64::INFINITY || h == f64::NEG_INFINITY {
                return Err(Error::Invalid(format!(
                    "the range of coordinate {k}, {l} to {h}, holds no number"
                )));
            }
        }
        // -0 would only show up in printed certificates.
        let positive_zero = |x: f64| if x == 0.0 { 0.0 } else { x };
        Ok(Domain {
            lo: lo.into_iter().map(positive_zero).collect(),
            hi: hi.into_iter().map(positive_zero).collect(),
            ball: None,
        })
    }

    /// Restricts this domain to a ball, which replaces any previous ball.
    ///
    /// # Errors
    /// The ball has another number of coordinates, a range is a single number, or box and ball do not meet, so that
    /// no hidden state is left. The last is decided exactly. (The ball is open: a box that touches it from outside
    /// does not meet it.)
    pub fn within(self, ball: Ball) -> Result<Self> {
        let domain = self.within_unchecked(ball)?;
        meeting::check(&domain)?;
        Ok(domain)
    }

    /// Restricts this domain to a ball, like [`Domain::within`], without checking that box and ball meet.
    ///
    /// # Errors
    /// The ball has another number of coordinates, or a range is a single number.
    pub fn within_unchecked(self, ball: Ball) -> Result<Self> {
        if ball.dim() != self.dim() {
            return Err(Error::Invalid(format!(
                "the ball has {} coordinates, but the box {}",
                ball.dim(),
                self.dim()
            )));
        }
        if let Some(k) = (0..self.dim()).find(|&k| self.is_fixed(k)) {
            return Err(Error::Invalid(format!(
                "the range of coordinate {k} is the number {}: together with a ball each range needs some width",
                self.lo[k]
            )));
        }
        Ok(Domain { ball: Some(ball), ..self })
    }

    /// The number of coordinates.
    pub fn dim(&self) -> usize {
        self.lo.len()
    }

    /// The least value of coordinate `k`.
    pub fn lo(&self, k: usize) -> f64 {
        self.lo[k]
    }

    /// The greatest value of coordinate `k`.
    pub fn hi(&self, k: usize) -> f64 {
        self.hi[k]
    }

    /// The ball, if hidden states are confined to one.
    pub fn ball(&self) -> Option<&Ball> {
        self.ball.as_ref()
    }

    /// Whether the domain is all of `R^d`.
    pub fn is_free(&self) -> bool {
        self.ball.is_none() && !self.has_ranges()
    }

    /// Whether some end of the box is finite.
    pub fn has_ranges(&self) -> bool {
        self.lo.iter().chain(&self.hi).any(|x| x.is_finite())
    }

    /// Whether all ends of the box are finite.
    pub fn is_bounded(&self) -> bool {
        self.lo.iter().chain(&self.hi).all(|x| x.is_finite())
    }

    /// Whether coordinate `k` can take only one value.
    pub fn is_fixed(&self, k: usize) -> bool {
        self.lo[k] == self.hi[k]
    }

    /// Whether some finite end is not 0. Then the domain is not a cone, and the length of a hidden state matters.
    pub fn has_lengths(&self) -> bool {
        self.lo.iter().chain(&self.hi).any(|&x| x.is_finite() && x != 0.0)
    }

    /// Decides exactly whether the hidden state of a point lies in the closed box and the open ball. A point is `z`
    /// if there is a ball (see [`Ball`]), else the hidden state itself.
    pub fn contains(&self, point: &[f64]) -> bool {
        match &self.ball {
            Some(ball) => meeting::holds(self, ball, point),
            None => {
                point.len() == self.dim()
                    && point.iter().enumerate().all(|(k, &x)| self.lo[k] <= x && x <= self.hi[k])
            }
        }
    }

    /// [`Domain::contains`] for the point `numerators / denominator`, with a positive denominator.
    pub fn contains_exactly(&self, numerators: &[BigInt], denominator: &BigInt) -> bool {
        let in_box = |h: &[BigInt], over: &BigInt| {
            let over = Dyadic::from_integer(over.clone());
            h.len() == self.dim()
                && h.iter().enumerate().all(|(k, n)| {
                    let n = Dyadic::from_integer(n.clone());
                    let at = |end: f64| &Dyadic::from_f64(end) * &over;
                    (self.lo[k] == f64::NEG_INFINITY || at(self.lo[k]) <= n)
                        && (self.hi[k] == f64::INFINITY || n <= at(self.hi[k]))
                })
        };
        match &self.ball {
            None => in_box(numerators, denominator),
            Some(ball) if !ball.holds_exactly(numerators, denominator) => false,
            Some(_) if !self.has_ranges() => numerators.len() == self.dim(),
            Some(ball) => {
                let (h, over) = ball.exact_state(numerators, denominator);
                in_box(&h, &over)
            }
        }
    }

    /// A point in the intersection of box and ball; `None` if there is no ball, or if they do not meet.
    pub fn inside(&self) -> Option<Inside> {
        meeting::inside(self, self.ball.as_ref()?)
    }

    /// The only hidden state of a box and a centred ball that meet in a single point; `None` for all other domains.
    pub fn only_state(&self) -> Option<Vec<f64>> {
        meeting::only_state(self, self.ball.as_ref()?)
    }

    /// Some point of the domain in float64, or a point near it if the domain contains no float64 point.
    pub fn some_point(&self) -> Vec<f64> {
        let in_ball = self.ball.as_ref().and_then(|ball| meeting::point(self, ball));
        in_ball.unwrap_or_else(|| {
            let mut origin = vec![0.0; self.dim()];
            self.clamp(&mut origin);
            origin
        })
    }

    /// Moves `h` to the nearest point of the box.
    pub fn clamp(&self, h: &mut [f64]) {
        for (k, x) in h.iter_mut().enumerate() {
            *x = x.clamp(self.lo[k], self.hi[k]);
        }
    }

    /// Parses `free`, `range:LO:HI` (`inf`, `-inf` allowed), `ball:R`, or a ball with a range as
    /// `ball:R+range:LO:HI`, for hidden states of `dim` coordinates. `layernorm` and `rmsnorm` stand for the ball of
    /// the final norm, which `norm` returns for that name.
    ///
    /// # Errors
    /// The text has another form (the message lists the forms), `norm` fails, or [`Domain::within`] does.
    pub fn parse(text: &str, dim: usize, norm: impl Fn(&str) -> Result<Ball>) -> Result<Self> {
        let (mut domain, mut ball) = (None, None);
        let number = |s: &str| s.trim().parse::<f64>().ok().filter(|x| !x.is_nan());
        for part in text.split('+') {
            let ends = part.strip_prefix("range:").and_then(|rest| rest.split_once(':'));
            let ends = ends.and_then(|(lo, hi)| Some((number(lo)?, number(hi)?)));
            let radius = part.strip_prefix("ball:").and_then(number);
            match (part, ends, radius) {
                ("free", ..) if text == "free" => domain = Some(Domain::free(dim)),
                ("layernorm" | "rmsnorm", ..) if ball.is_none() => ball = Some(norm(part)?),
                (_, Some((lo, hi)), _) if domain.is_none() => {
                    domain = Some(Domain::range(dim, lo, hi)?);
                }
                (.., Some(radius)) if ball.is_none() => {
                    ball = Some(Ball::around_origin(dim, radius)?);
                }
                _ => {
                    return Err(Error::Invalid(format!(
                        "the domain {text:?} is none of `free`, `range:LO:HI` (such as range:0:inf), `ball:R`, \
                         `layernorm`, `rmsnorm`, or a ball or norm with a range (ball:R+range:LO:HI)"
                    )));
                }
            }
        }
        let domain = domain.unwrap_or_else(|| Domain::free(dim));
        match ball {
            Some(ball) => domain.within(ball),
            None => Ok(domain),
        }
    }
}

impl fmt::Display for Domain {
    /// Writes `free`, `range:LO:HI`, `ball:R`, the kind of norm, or the number of coordinates with ranges.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_free() {
            return f.write_str("free");
        }
        if let Some(ball) = &self.ball {
            let plain =
                ball.gain().iter().all(|g| *g == 1.0) && ball.shift().iter().all(|c| *c == 0.0);
            match ball.radius() {
                [r, same] if plain && !ball.is_centred() && r == same => write!(f, "ball:{r}")?,
                _ if ball.is_centred() => f.write_str("layernorm")?,
                _ => f.write_str("rmsnorm")?,
            }
            if !self.has_ranges() {
                return Ok(());
            }
            f.write_str("+")?;
        }
        let uniform = (1..self.dim()).all(|k| self.lo[k] == self.lo[0] && self.hi[k] == self.hi[0]);
        if uniform {
            write!(f, "range:{}:{}", self.lo[0], self.hi[0])
        } else {
            write!(f, "ranges of {} coordinates", self.dim())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A norm of three coordinates.
    fn norm(name: &str) -> Result<Ball> {
        Ball::after_norm(vec![1.0, 2.0, 0.5], vec![0.0; 3], name == "layernorm")
    }

    #[test]
    fn domains_read_back_as_they_print() {
        for text in [
            "free",
            "range:0:inf",
            "range:-1:1",
            "range:-0.2784645427610738:inf",
            "ball:2.5",
            "ball:2.5+range:-1:1",
            "layernorm",
            "rmsnorm+range:-1:inf",
        ] {
            assert_eq!(Domain::parse(text, 3, norm).unwrap().to_string(), text);
        }
    }

    #[test]
    fn an_empty_or_unknown_domain_is_an_error() {
        for text in [
            "range:1:0",
            "range:nan:1",
            "range:0",
            "range:inf:inf",
            "box",
            "",
            "ball:0",
            "ball:inf",
            "ball:x",
            "ball:1+ball:2",
            "free+ball:1",
            "layernorm+rmsnorm",
            "ball:1+range:2:3",
        ] {
            assert!(Domain::parse(text, 3, norm).is_err(), "{text}");
        }
    }

    #[test]
    fn a_range_without_ends_is_free() {
        assert!(Domain::parse("range:-inf:inf", 3, norm).unwrap().is_free());
    }
}
