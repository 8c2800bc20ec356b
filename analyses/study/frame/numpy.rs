//! Numbers as `numpy.random.RandomState(seed)` draws them: the legacy generator that published code uses.
//!
//! The Mersenne Twister is a crate's; the ways from its words to numbers are numpy's, whose legacy streams are frozen.

use rand_mt::Mt;

/// numpy's legacy generator.
pub struct RandomState {
    words: Mt,
    /// The second of a pair of normal numbers.
    kept: Option<f64>,
}

impl RandomState {
    /// `numpy.random.RandomState(seed)`, or `numpy.random.seed(seed)`.
    pub fn new(seed: u32) -> Self {
        RandomState { words: Mt::new(seed), kept: None }
    }

    /// A number from 0 to below 1, of 53 bits.
    pub fn fraction(&mut self) -> f64 {
        let (high, low) = (self.words.next_u32() >> 5, self.words.next_u32() >> 6);
        (f64::from(high) * 67_108_864.0 + f64::from(low)) / 9_007_199_254_740_992.0
    }

    /// `uniform(low, high)`.
    pub fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.fraction()
    }

    /// `normal(0, 1)`, by the polar method.
    pub fn normal(&mut self) -> f64 {
        if let Some(kept) = self.kept.take() {
            return kept;
        }
        loop {
            let (x, y) = (2.0 * self.fraction() - 1.0, 2.0 * self.fraction() - 1.0);
            let square = x * x + y * y;
            if square < 1.0 && square != 0.0 {
                let factor = (-2.0 * square.ln() / square).sqrt();
                self.kept = Some(factor * x);
                return factor * y;
            }
        }
    }

    /// So many numbers of `uniform(low, high)`.
    pub fn uniforms(&mut self, count: usize, low: f64, high: f64) -> Vec<f64> {
        (0..count).map(|_| self.uniform(low, high)).collect()
    }

    /// So many numbers of `normal(0, 1)`.
    pub fn normals(&mut self, count: usize) -> Vec<f64> {
        (0..count).map(|_| self.normal()).collect()
    }

    /// `randint`-like: a number up to and with `last`, by masks and rejection, as shuffles use it.
    fn up_to(&mut self, last: u32) -> u32 {
        let mask = u32::MAX.checked_shr(last.leading_zeros()).unwrap_or(0);
        loop {
            let value = self.words.next_u32() & mask;
            if value <= last {
                return value;
            }
        }
    }

    /// `permutation(count)`.
    pub fn permutation(&mut self, count: usize) -> Vec<u32> {
        let mut order: Vec<u32> = (0..count as u32).collect();
        for i in (1..count).rev() {
            let other = self.up_to(i as u32) as usize;
            order.swap(i, other);
        }
        order
    }

    /// `choice(count, size, replace=False)`.
    pub fn choice(&mut self, count: usize, size: usize) -> Vec<u32> {
        let mut order = self.permutation(count);
        order.truncate(size);
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Printed by numpy: `r = numpy.random.RandomState(13)` and the call named, each from a new generator.
    #[test]
    fn the_numbers_are_numpys() {
        let uniform = [0.5554048211476403, -0.5249175599301754, 0.648557065322737];
        assert_eq!(RandomState::new(13).uniforms(3, -1.0, 1.0), uniform);
        let normal =
            [-0.712390662050588, 0.753766378659703, -0.044503078338053455, 0.45181233874578974];
        assert_eq!(RandomState::new(13).normals(4), normal);
        assert_eq!(RandomState::new(12).choice(1000, 5), [518, 871, 797, 274, 325]);
        assert_eq!(RandomState::new(12).permutation(8), [4, 6, 0, 2, 1, 5, 7, 3]);
    }
}
