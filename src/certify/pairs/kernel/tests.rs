//! Every kernel of this machine against plain sums of 64-bit integers.

use proptest::prelude::*;

use super::*;

/// A tile of tokens and a block of rows, as plain integers.
#[derive(Clone, Debug)]
struct Case {
    tokens: Vec<Vec<i8>>,
    rows: Vec<Vec<i8>>,
}

impl Case {
    fn new(prefix: usize, mut next: impl FnMut() -> i8) -> Self {
        let mut rows = |count| (0..count).map(|_| (0..prefix).map(|_| next()).collect()).collect();
        Case { tokens: rows(TILE), rows: rows(BLOCK) }
    }

    fn product(&self, token: usize, row: usize) -> i64 {
        let pairs = self.tokens[token].iter().zip(&self.rows[row]);
        pairs.map(|(&q, &r)| i64::from(q) * i64::from(r)).sum()
    }

    fn prefix(&self) -> usize {
        self.rows[0].len()
    }

    /// As [`Kernel::above`] takes them: words, bytes and offsets.
    fn packed(&self) -> (Vec<i32>, Vec<u8>, [i32; TILE]) {
        let (mut words, mut bytes) = (Vec::new(), Vec::new());
        for k in (0..self.prefix()).step_by(4) {
            for token in &self.tokens {
                let four: [i8; 4] = token[k..k + 4].try_into().unwrap();
                words.push(i32::from_le_bytes(four.map(|q| q as u8)));
            }
            for row in &self.rows {
                bytes.extend(row[k..k + 4].iter().map(|&r| (i16::from(r) + 128) as u8));
            }
        }
        let offsets = std::array::from_fn(|i| {
            self.tokens[i].iter().map(|&q| 128 * i32::from(q)).sum::<i32>()
        });
        (words, bytes, offsets)
    }

    fn assert_all_kernels_agree(&self, limits: [i32; TILE]) {
        let expected: [u32; TILE] = std::array::from_fn(|i| {
            let above = |r| u32::from(self.product(i, r) > i64::from(limits[i]));
            (0..BLOCK).fold(0, |mask, r| mask | above(r) << r)
        });
        let (words, bytes, offsets) = self.packed();
        for kernel in Kernel::available() {
            let masks = kernel.above(&words, &bytes, &offsets, &limits);
            assert_eq!(masks, expected, "{} at {}, {limits:?}", kernel.name(), self.prefix());
        }
    }

    /// Limits at, just below and just above one of the products of each token.
    fn limits(&self, shift: usize) -> [i32; TILE] {
        std::array::from_fn(|i| {
            self.product(i, (i * 5 + shift) % BLOCK) as i32 + ((i + shift) % 3) as i32 - 1
        })
    }
}

/// Bytes without pattern, the same on every machine.
fn bytes(seed: u64) -> impl FnMut() -> i8 {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as i8
    }
}

#[test]
fn all_kernels_agree_with_plain_sums() {
    // Around the widths of vectors, and beyond what the AVX2 kernel widens at once.
    for prefix in (0..=80).step_by(4).chain([128, 232, 252, 256, 260, 512, 576, 1024, 1028]) {
        let case = Case::new(prefix, bytes(prefix as u64 + 1));
        (0..3).for_each(|shift| case.assert_all_kernels_agree(case.limits(shift)));
    }
}

#[test]
fn extreme_bytes_are_neither_cut_off_nor_wrapped() {
    for prefix in [4, 64, 576, 1 << 16] {
        for (token, row) in [(-128, -128), (-128, 127), (127, -128), (127, 127), (0, 127)] {
            let case = Case {
                tokens: vec![vec![token; prefix]; TILE],
                rows: vec![vec![row; prefix]; BLOCK],
            };
            (0..3).for_each(|shift| case.assert_all_kernels_agree(case.limits(shift)));
        }
        // Neighbours of both signs, which pairwise sums in 16 bits would get wrong.
        let mut turn = 0;
        let case = Case::new(prefix, || {
            turn += 1;
            [-128, 127, -128, -128, 127, 127, -127, 0, 1, -1][turn * 7 % 10]
        });
        (0..3).for_each(|shift| case.assert_all_kernels_agree(case.limits(shift)));
    }
}

#[test]
fn the_least_and_greatest_limits_let_all_and_none_through() {
    for value in [-128, -1, 0, 127] {
        let case = Case::new(64, || value);
        for limit in [i32::MIN, i32::MIN + 1, i32::MAX - 1, i32::MAX] {
            case.assert_all_kernels_agree([limit; TILE]);
        }
    }
}

#[test]
fn every_token_and_row_has_its_own_bit() {
    for (token, row) in (0..TILE).flat_map(|t| (0..BLOCK).map(move |r| (t, r))) {
        let mut case = Case::new(8, || 0);
        (case.tokens[token][5], case.rows[row][5]) = (1, 1);
        case.assert_all_kernels_agree([0; TILE]);
    }
}

#[test]
#[should_panic(expected = "as many rows as words")]
fn a_short_block_panics() {
    let _ = Kernel::best().above(&[0; TILE * 2], &[0; BLOCK * 4], &[0; TILE], &[0; TILE]);
}

#[test]
#[should_panic(expected = "within 32 bits")]
fn a_prefix_that_could_overflow_panics() {
    let words = vec![0; TILE * ((1 << 14) + 1)];
    let rows = vec![0; BLOCK * ((1 << 16) + 4)];
    let _ = Kernel::best().above(&words, &rows, &[0; TILE], &[0; TILE]);
}

#[test]
fn dot_products_are_exact_at_every_length_and_extreme() {
    for kernel in Kernel::available() {
        for entries in (0..200).chain([576, 1024, (1 << 17) - 1]) {
            let mut next = bytes(entries as u64);
            let (a, b): (Vec<i8>, Vec<i8>) = (0..entries).map(|_| (next(), next())).unzip();
            let expected: i32 = a.iter().zip(&b).map(|(&x, &y)| i32::from(x) * i32::from(y)).sum();
            assert_eq!(kernel.dot(&a, &b), expected, "{} at {entries}", kernel.name());
            for (x, y) in [(-128, -128), (-128, 127), (127, -128), (127, 127)] {
                let product = kernel.dot(&vec![x; entries], &vec![y; entries]);
                let expected = i32::from(x) * i32::from(y) * entries as i32;
                assert_eq!(product, expected, "{} at {entries} of {x} {y}", kernel.name());
            }
        }
        assert_eq!(kernel.dot(&[1; 70], &[1; 50]), 50, "as long as the shorter");
    }
    assert_eq!(dot(&[-128; 1024], &[-128; 1024]), 1 << 24);
}

#[test]
fn kernels_are_found_by_name_or_refused_by_it() {
    let available = Kernel::available();
    assert_eq!(available.last().unwrap().name(), "portable");
    assert_eq!(Kernel::best(), available[0]);
    for name in Kernel::NAMES {
        match Kernel::named(name) {
            Ok(kernel) => assert!(kernel.name() == name && available.contains(&kernel)),
            Err(error) => {
                assert!(available.iter().all(|k| k.name() != name));
                assert!(error.to_string().contains("this machine does not have"), "{error}");
            }
        }
    }
    let error = Kernel::named("VNNI").unwrap_err().to_string();
    assert!(error.contains("there is no kernel \"VNNI\"") && error.contains("portable"), "{error}");
}

proptest! {
    #[test]
    fn all_kernels_agree_on_any_bytes_and_limits(
        (tokens, rows) in (0usize..40).prop_flat_map(|steps| {
            let row = || proptest::collection::vec(any::<i8>(), steps * 4);
            (proptest::collection::vec(row(), TILE), proptest::collection::vec(row(), BLOCK))
        }),
        limits in any::<[i32; TILE]>(),
        shift in 0usize..96,
    ) {
        let case = Case { tokens, rows };
        case.assert_all_kernels_agree(limits);
        case.assert_all_kernels_agree(case.limits(shift));
    }

    #[test]
    fn dot_products_of_any_bytes_are_exact(pairs in proptest::collection::vec(any::<(i8, i8)>(), 0..300)) {
        let (a, b): (Vec<i8>, Vec<i8>) = pairs.into_iter().unzip();
        let expected: i32 = a.iter().zip(&b).map(|(&x, &y)| i32::from(x) * i32::from(y)).sum();
        for kernel in Kernel::available() {
            prop_assert_eq!(kernel.dot(&a, &b), expected, "{}", kernel.name());
        }
    }
}
