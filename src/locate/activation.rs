//! Activations that bound the coordinates of a hidden state, with proved bounds.
//!
//! A bound that is no float64 is rounded outward, so that the range holds every value of the function over the reals.
//! The least values, to 25 digits (found with 50 digits, as the zero of the derivative):
//!
//! | function | where | least value |
//! |---|---|---|
//! | Swish, `x / (1 + e^-x)` | -1.278464542761073795 | -0.2784645427610737951093587, which is `-W(1/e)` |
//! | GELU, `x/2 (1 + erf(x / sqrt 2))` | -0.751791524693564457 | -0.1699712074799036616938685 |
//! | GELU by tanh, `x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))` | -0.752461422071016258 | -0.1700407505712540506390674 |
//! | Mish, `x tanh(ln(1 + e^x))` | -1.192431214515495212 | -0.3088434130172504066287602 |
//!
//! Swish with a factor, `x / (1 + e^-bx)`, is `1/b` of Swish at `bx`; `x/2 (1 + erf(x / c))` is
//! `c / sqrt 2` of GELU at `x sqrt 2 / c`.

use std::fmt;

use crate::domain::Domain;
use crate::error::Result;

/// The largest float64 below the least value of Swish.
const SWISH: f64 = -0.2784645427610738;
/// The largest float64 below the least value of GELU with erf.
const GELU: f64 = -0.16997120747990369;
/// The largest float64 below the least value of GELU with tanh.
const GELU_TANH: f64 = -0.17004075057125406;
/// The largest float64 below the least value of Mish.
const MISH: f64 = -0.30884341301725043;

/// The activation just before the head, and the range of its values.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Activation {
    /// The name of the activation.
    pub name: String,
    /// A lower bound of every coordinate, perhaps `-inf`.
    #[serde(serialize_with = "end")]
    pub lo: f64,
    /// An upper bound of every coordinate, perhaps `inf`.
    #[serde(serialize_with = "end")]
    pub hi: f64,
}

/// Writes an infinite bound as null, because JSON has no infinities.
fn end<S: serde::Serializer>(x: &f64, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    match x.is_finite() {
        true => serializer.serialize_f64(*x),
        false => serializer.serialize_none(),
    }
}

impl Activation {
    /// Makes an activation with the range `lo` to `hi`.
    pub fn new(name: impl Into<String>, lo: f64, hi: f64) -> Self {
        Activation { name: name.into(), lo, hi }
    }

    /// ReLU, `max(0, x)`.
    pub fn relu() -> Self {
        Activation::new("ReLU", 0.0, f64::INFINITY)
    }

    /// The hyperbolic tangent. Its bounds are not attained, which makes no difference to strict winners.
    pub fn tanh() -> Self {
        Activation::new("tanh", -1.0, 1.0)
    }

    /// The sigmoid, `1 / (1 + e^-x)`.
    pub fn sigmoid() -> Self {
        Activation::new("sigmoid", 0.0, 1.0)
    }

    /// Swish with a factor, `x / (1 + e^-bx)` for `b > 0`.
    pub fn swish(b: f64) -> Self {
        let lo = if b == 1.0 { SWISH } else { (SWISH / b).next_down() };
        Activation::new("Swish", lo, f64::INFINITY)
    }

    /// GELU, `x/2 (1 + erf(x / c))` for `c > 0`; `c` is the square root of two, as a file has rounded it.
    pub fn gelu(c: f64) -> Self {
        // Both roundings, of the quotient and of the product, are covered by the steps outward: each is half a unit
        // in the last place, and sqrt 2 is within half a unit of the constant.
        let ratio = c / std::f64::consts::SQRT_2;
        let lo = if ratio == 1.0 { GELU } else { (GELU * ratio).next_down().next_down() };
        Activation::new("GELU", lo, f64::INFINITY)
    }

    /// GELU by a hyperbolic tangent, `x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))`.
    pub fn gelu_tanh() -> Self {
        Activation::new("GELU (tanh)", GELU_TANH, f64::INFINITY)
    }

    /// Mish, `x tanh(ln(1 + e^x))`.
    pub fn mish() -> Self {
        Activation::new("Mish", MISH, f64::INFINITY)
    }

    /// Hard Swish, `x max(0, min(1, a x + b))` for `a, b > 0`: the least value is `-b^2 / 4a`, at `-b / 2a`.
    pub fn hard_swish(a: f64, b: f64) -> Self {
        let lo = if (a, b) == (1.0 / 6.0, 0.5) {
            -0.375
        } else {
            (-(b * b) / (4.0 * a)).next_down().next_down()
        };
        Activation::new("hard Swish", lo, f64::INFINITY)
    }

    /// Returns the activation of a name in a configuration (`hidden_act`); `None` where it bounds nothing or is not
    /// known.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "relu" => Activation::relu(),
            "relu6" => Activation::new("ReLU6", 0.0, 6.0),
            "tanh" => Activation::tanh(),
            "sigmoid" => Activation::sigmoid(),
            "silu" | "swish" => Activation::swish(1.0),
            "gelu" => Activation::gelu(std::f64::consts::SQRT_2),
            "gelu_new" | "gelu_pytorch_tanh" | "gelu_fast" => Activation::gelu_tanh(),
            "quick_gelu" => Activation::swish(1.702),
            "mish" => Activation::mish(),
            _ => return None,
        })
    }

    /// Returns the box of hidden states of `dim` coordinates after this activation.
    ///
    /// # Errors
    /// A range that holds no number.
    pub fn domain(&self, dim: usize) -> Result<Domain> {
        Ok(Domain::range(dim, self.lo, self.hi)?)
    }
}

impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every constant is below the function's values near its minimum, and no larger by more than rounding.
    #[test]
    fn least_values_bound_their_functions_and_no_looser_than_rounding() {
        let swish = |x: f64| x / (1.0 + (-x).exp());
        let gelu_tanh = |x: f64| {
            let c = (2.0 / std::f64::consts::PI).sqrt();
            x / 2.0 * (1.0 + (c * (x + 0.044715 * x * x * x)).tanh())
        };
        let mish = |x: f64| x * x.exp().ln_1p().tanh();
        for (f, least) in [
            (&swish as &dyn Fn(f64) -> f64, Activation::swish(1.0).lo),
            (&gelu_tanh, Activation::gelu_tanh().lo),
            (&mish, Activation::mish().lo),
            (&|x: f64| x / (1.0 + (-1.702 * x).exp()), Activation::named("quick_gelu").unwrap().lo),
            (
                &|x: f64| x * (x / 6.0 + 0.5).clamp(0.0, 1.0),
                Activation::hard_swish(1.0 / 6.0, 0.5).lo,
            ),
        ] {
            let found = (0..400_000).map(|i| f(-2.0 + 5e-6 * f64::from(i))).fold(0.0, f64::min);
            assert!(least <= found + 1e-16 && found - least < 1e-9, "{least} {found}");
        }
    }

    /// erf by its series, which converges fast near the minimum.
    #[test]
    fn the_least_value_of_gelu_is_that_of_its_formula() {
        let erf = |x: f64| {
            let (mut term, mut sum) = (x, x);
            for n in 1..60 {
                term *= -x * x / f64::from(n);
                sum += term / f64::from(2 * n + 1);
            }
            sum * 2.0 / std::f64::consts::PI.sqrt()
        };
        for c in [std::f64::consts::SQRT_2, 1.4142135381698608] {
            let f = |x: f64| x / 2.0 * (1.0 + erf(x / c));
            let found = (0..40_000).map(|i| f(-0.85 + 5e-6 * f64::from(i))).fold(0.0, f64::min);
            let least = Activation::gelu(c).lo;
            assert!(least <= found + 1e-16 && found - least < 1e-10, "{least} {found}");
        }
    }
}
