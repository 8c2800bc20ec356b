//! The numbers that a tensor's element type has: a repaired head must consist of them.

use half::{bf16, f16};

use crate::checkpoint::Dtype;

/// An element type of plain floats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// IEEE binary16.
    F16,
    /// bfloat16.
    Bf16,
    /// IEEE binary32.
    F32,
    /// IEEE binary64.
    F64,
}

impl Precision {
    /// Returns the precision of an element type; `None` for quantised and other types.
    pub fn of(dtype: &Dtype) -> Option<Self> {
        Some(match dtype {
            Dtype::F16 => Precision::F16,
            Dtype::Bf16 => Precision::Bf16,
            Dtype::F32 => Precision::F32,
            Dtype::F64 => Precision::F64,
            Dtype::Block(_) | Dtype::Other(_) => return None,
        })
    }

    /// The number of this type that is nearest to `x`.
    pub fn nearest(self, x: f64) -> f64 {
        match self {
            Precision::F16 => f16::from_f64(x).to_f64(),
            Precision::Bf16 => bf16::from_f64(x).to_f64(),
            Precision::F32 => f64::from(x as f32),
            Precision::F64 => x,
        }
    }

    /// The least number of this type that is not below `x`; infinite where there is none.
    pub fn at_least(self, x: f64) -> f64 {
        let near = self.nearest(x);
        if near >= x { near } else { self.next_up(near) }
    }

    /// The next larger number of this type; `x` is one of them.
    pub fn next_up(self, x: f64) -> f64 {
        match self {
            Precision::F32 => f64::from((x as f32).next_up()),
            Precision::F64 => x.next_up(),
            Precision::F16 => f16::from_bits(next_bits(f16::from_f64(x).to_bits())).to_f64(),
            Precision::Bf16 => bf16::from_bits(next_bits(bf16::from_f64(x).to_bits())).to_f64(),
        }
    }
}

/// The bits of the next larger number of a type of 16 bits with a sign in front.
fn next_bits(bits: u16) -> u16 {
    match bits {
        // Minus zero, like zero, is followed by the least positive number.
        0x8000 => 1,
        _ if bits & 0x8000 != 0 => bits - 1,
        _ => bits + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Precision; 4] = [Precision::F16, Precision::Bf16, Precision::F32, Precision::F64];

    #[test]
    fn the_next_number_up_is_larger_and_has_none_in_between() {
        for precision in ALL {
            for x in [-3.25, -1.0, -0.0, 0.0, 0.3, 1.0, 1000.5].map(|x| precision.nearest(x)) {
                let up = precision.next_up(x);
                assert!(up > x, "{precision:?} {x}");
                let middle = precision.nearest(0.5 * (x + up));
                assert!(middle == x || middle == up, "{precision:?} {x} {middle}");
            }
        }
    }

    #[test]
    fn rounding_up_never_rounds_down() {
        for precision in ALL {
            for x in [-0.1, 0.1, 1.0 / 3.0, 7.7, -1e-3] {
                assert!(precision.at_least(x) >= x);
                assert_eq!(precision.nearest(precision.at_least(x)), precision.at_least(x));
            }
        }
    }
}
