//! The generator of everything that is drawn by a seed: SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).

/// The step between two states.
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// A generator of 64-bit numbers, the same for one seed on every machine.
#[derive(Clone, Debug)]
pub struct SplitMix(u64);

impl SplitMix {
    /// The generator of a seed.
    pub fn new(seed: u64) -> Self {
        SplitMix(seed)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mixed(self.0)
    }

    /// A number below `end`: the high half of a product, uniform to within `2^-32` for ends of 32 bits.
    pub fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.number()) * end as u128) >> 64) as usize
    }
}

/// Number `index` (from 0) of the generator with seed 0, without those before it.
pub(crate) fn number_at(index: u64) -> u64 {
    mixed(index.wrapping_add(1).wrapping_mul(STEP))
}

/// The number of a state.
fn mixed(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first numbers of seed 0, as other programs print them.
    #[test]
    fn the_numbers_are_those_of_the_published_generator() {
        let mut generator = SplitMix::new(0);
        let first = [0xE220_A839_7B1D_CDAF, 0x6E78_9E6A_A1B9_65F4, 0x06C4_5D18_8009_454F];
        for (at, expected) in (0..).zip(first) {
            assert_eq!((generator.number(), number_at(at)), (expected, expected));
        }
    }
}
