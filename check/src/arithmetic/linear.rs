//! Exact solutions of linear systems with integer entries: p-adic lifting (J. D. Dixon,
//! *Numerische Mathematik* 40, 1982) and rational reconstruction, then a check of every equation.
//!
//! In fraction-free elimination entries grow with every step, to the size of determinants. Lifting
//! inverts once modulo a prime and afterwards touches only the given entries.

use num_bigint::{BigInt, BigUint, Sign};
use num_integer::Integer;
use num_traits::{One, Signed, ToPrimitive, Zero};

/// The Mersenne prime `2^61 - 1`.
const PRIME: u64 = (1 << 61) - 1;

/// A solution as integers over one positive denominator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rational {
    /// `x_i = numerators[i] / denominator`.
    pub numerators: Vec<BigInt>,
    /// Above 0.
    pub denominator: BigInt,
}

/// The one solution `x` of `A x = rhs`, for `A` given by rows (`m x k`, `m >= k`).
///
/// Returns `None` when no `x` satisfies all `m` equations, and when the columns are dependent
/// (also when they only look so modulo the prime, which for honest input does not happen). What is
/// returned satisfies every equation exactly: that is checked, not trusted.
pub fn solve(rows: &[Vec<BigInt>], rhs: &[BigInt]) -> Option<Rational> {
    let order = rows.first()?.len();
    debug_assert_eq!(rows.len(), rhs.len());
    if order == 0 {
        return None;
    }
    let chosen = independent_rows(rows, order)?;
    let system: Vec<&[BigInt]> = chosen.iter().map(|&i| rows[i].as_slice()).collect();
    let inverse = inverse_modulo(&system)?;
    let mut residual: Vec<BigInt> = chosen.iter().map(|&i| rhs[i].clone()).collect();
    let small = small_entries(&system);

    // Hadamard: numerators and denominator are determinants, below the product of the row norms.
    let bits = |row: &[BigInt], b: &BigInt| {
        row.iter().chain([b]).map(BigInt::bits).max().unwrap_or(0)
            + (order as u64 + 1).ilog2() as u64
            + 1
    };
    let bound: u64 = system.iter().zip(&residual).map(|(row, b)| bits(row, b)).sum();
    let last = (2 * bound + 2) / 60 + 1;

    let (mut lifted, mut modulus) = (vec![BigInt::zero(); order], BigInt::one());
    let (mut step, mut attempt) = (0u64, 4u64);
    loop {
        let reduced: Vec<u64> = residual.iter().map(modulo).collect();
        let digits: Vec<u64> =
            inverse.chunks_exact(order).map(|row| dot_modulo(row, &reduced)).collect();
        for (x, &digit) in lifted.iter_mut().zip(&digits) {
            *x += &modulus * digit;
        }
        for (i, r) in residual.iter_mut().enumerate() {
            let product = match &small {
                Some(entries) => dot_small(&entries[i * order..(i + 1) * order], &digits),
                None => system[i].iter().zip(&digits).map(|(a, &x)| a * x).sum(),
            };
            *r = (&*r - product) / PRIME;
        }
        modulus *= PRIME;
        step += 1;
        if step == attempt || step >= last {
            attempt *= 2;
            if let Some(x) = reconstruct(&lifted, &modulus).filter(|x| satisfies(rows, rhs, x)) {
                return Some(x);
            }
            if step >= last {
                return None;
            }
        }
    }
}

/// Whether `x` satisfies every equation exactly.
fn satisfies(rows: &[Vec<BigInt>], rhs: &[BigInt], x: &Rational) -> bool {
    rows.iter().zip(rhs).all(|(row, b)| {
        let left: BigInt =
            row.iter().zip(&x.numerators).filter(|(a, _)| !a.is_zero()).map(|(a, n)| a * n).sum();
        left == b * &x.denominator
    })
}

/// Reconstructs rational numbers with one common denominator from their residues (Wang 1981).
fn reconstruct(values: &[BigInt], modulus: &BigInt) -> Option<Rational> {
    let bound = (modulus >> 1u32).sqrt();
    let half = modulus >> 1u32;
    let symmetric = |x: BigInt| {
        let x = x.mod_floor(modulus);
        if x > half { x - modulus } else { x }
    };
    let mut denominator = BigInt::one();
    for value in values {
        let scaled = symmetric(value * &denominator);
        if scaled.abs() <= bound {
            continue;
        }
        let (mut r0, mut r1) = (modulus.clone(), scaled.mod_floor(modulus));
        let (mut t0, mut t1) = (BigInt::zero(), BigInt::one());
        while r1 > bound {
            let (quotient, rest) = r0.div_rem(&r1);
            (r0, r1) = (r1, rest);
            let t = t0 - quotient * &t1;
            (t0, t1) = (t1, t);
        }
        denominator *= t1.abs();
        if t1.is_zero() || denominator > bound {
            return None;
        }
    }
    let numerators = values.iter().map(|value| symmetric(value * &denominator)).collect();
    Some(Rational { numerators, denominator })
}

/// The entries in row-major order as machine integers, if all are below `2^53`.
fn small_entries(system: &[&[BigInt]]) -> Option<Vec<i64>> {
    system
        .iter()
        .flat_map(|row| row.iter())
        .map(|x| x.to_i64().filter(|x| x.unsigned_abs() < 1 << 53))
        .collect()
}

/// `sum a_j x_j` for `|a_j| < 2^53` and `x_j < 2^61`: 128 products stay below `2^121`.
fn dot_small(a: &[i64], x: &[u64]) -> BigInt {
    a.chunks(128)
        .zip(x.chunks(128))
        .map(|(a, x)| a.iter().zip(x).map(|(&a, &x)| i128::from(a) * i128::from(x)).sum::<i128>())
        .map(BigInt::from)
        .sum()
}

/// `x` modulo the prime.
fn modulo(x: &BigInt) -> u64 {
    x.mod_floor(&BigInt::from_biguint(Sign::Plus, BigUint::from(PRIME))).to_u64().unwrap_or(0)
}

/// `a b` modulo the prime.
fn multiply(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    let sum = (product & u128::from(PRIME)) as u64 + (product >> 61) as u64;
    if sum >= PRIME { sum - PRIME } else { sum }
}

/// `a - b` modulo the prime.
fn subtract(a: u64, b: u64) -> u64 {
    if a >= b { a - b } else { a + PRIME - b }
}

/// `a . x` modulo the prime.
fn dot_modulo(a: &[u64], x: &[u64]) -> u64 {
    let mut sum = 0u128;
    for (&a, &x) in a.iter().zip(x) {
        sum += u128::from(multiply(a, x));
    }
    (sum % u128::from(PRIME)) as u64
}

/// The inverse of `a` modulo the prime, by Fermat's little theorem.
fn invert(a: u64) -> u64 {
    let (mut result, mut base, mut exponent) = (1, a, PRIME - 2);
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = multiply(result, base);
        }
        base = multiply(base, base);
        exponent >>= 1;
    }
    result
}

/// The indices of the first `order` rows that are linearly independent modulo the prime.
fn independent_rows(rows: &[Vec<BigInt>], order: usize) -> Option<Vec<usize>> {
    let mut basis: Vec<(usize, Vec<u64>)> = Vec::with_capacity(order);
    let mut chosen = Vec::with_capacity(order);
    for (i, row) in rows.iter().enumerate() {
        let mut reduced: Vec<u64> = row.iter().map(modulo).collect();
        for (pivot, other) in &basis {
            let factor = reduced[*pivot];
            if factor != 0 {
                for (x, &y) in reduced.iter_mut().zip(other).skip(*pivot) {
                    *x = subtract(*x, multiply(factor, y));
                }
            }
        }
        if let Some(pivot) = reduced.iter().position(|&x| x != 0) {
            let scale = invert(reduced[pivot]);
            reduced.iter_mut().for_each(|x| *x = multiply(*x, scale));
            // Rows are reduced in the order of insertion, so a later pivot may lie to the left of an
            // earlier one: clear it there, or `skip` above would miss coordinates.
            for (_, other) in &mut basis {
                let factor = other[pivot];
                if factor != 0 {
                    for (x, &y) in other.iter_mut().zip(&reduced) {
                        *x = subtract(*x, multiply(factor, y));
                    }
                }
            }
            basis.push((pivot, reduced));
            chosen.push(i);
            if chosen.len() == order {
                return Some(chosen);
            }
        }
    }
    None
}

/// The inverse modulo the prime, row-major, by Gauss-Jordan elimination.
fn inverse_modulo(system: &[&[BigInt]]) -> Option<Vec<u64>> {
    let order = system.len();
    let width = 2 * order;
    let mut table = vec![0u64; order * width];
    for (i, row) in system.iter().enumerate() {
        for (j, x) in row.iter().enumerate() {
            table[i * width + j] = modulo(x);
        }
        table[i * width + order + i] = 1;
    }
    for column in 0..order {
        let pivot = (column..order).find(|&i| table[i * width + column] != 0)?;
        if pivot != column {
            for j in 0..width {
                table.swap(pivot * width + j, column * width + j);
            }
        }
        let scale = invert(table[column * width + column]);
        let scaled: Vec<u64> = table[column * width..(column + 1) * width]
            .iter()
            .map(|&x| multiply(x, scale))
            .collect();
        table[column * width..(column + 1) * width].copy_from_slice(&scaled);
        for i in (0..order).filter(|&i| i != column) {
            let factor = table[i * width + column];
            if factor != 0 {
                for (x, &y) in
                    table[i * width + column..(i + 1) * width].iter_mut().zip(&scaled[column..])
                {
                    *x = subtract(*x, multiply(factor, y));
                }
            }
        }
    }
    let mut inverse = Vec::with_capacity(order * order);
    table.chunks_exact(width).for_each(|row| inverse.extend_from_slice(&row[order..]));
    Some(inverse)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn integers(rows: &[&[i64]]) -> Vec<Vec<BigInt>> {
        rows.iter().map(|row| row.iter().map(|&x| BigInt::from(x)).collect()).collect()
    }

    #[test]
    fn a_small_system_has_its_known_solution() {
        // 2x + y = 1, x - 3y = 2, and their sum as a third equation: x = 5/7, y = -3/7.
        let x =
            solve(&integers(&[&[2, 1], &[1, -3], &[3, -2]]), &integers(&[&[1, 2, 3]])[0]).unwrap();
        let (five, minus_three) =
            (BigInt::from(5) * &x.denominator, BigInt::from(-3) * &x.denominator);
        assert_eq!((&x.numerators[0] * 7, &x.numerators[1] * 7), (five, minus_three));
    }

    #[test]
    fn contradictory_and_dependent_systems_have_none() {
        assert_eq!(
            solve(&integers(&[&[1, 0], &[0, 1], &[1, 1]]), &integers(&[&[1, 1, 3]])[0]),
            None
        );
        assert_eq!(solve(&integers(&[&[1, 2], &[2, 4]]), &integers(&[&[1, 2]])[0]), None);
    }

    #[test]
    fn a_random_system_of_order_60_is_solved_exactly() {
        let mut state = 7u64;
        let mut next = || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            BigInt::from((state >> 24) as i64 - (1 << 39))
        };
        let rows: Vec<Vec<BigInt>> = (0..60).map(|_| (0..60).map(|_| next()).collect()).collect();
        let rhs: Vec<BigInt> = (0..60).map(|_| next()).collect();
        let x = solve(&rows, &rhs).unwrap();
        assert!(satisfies(&rows, &rhs, &x) && x.denominator.bits() > 1000);
    }

    #[test]
    fn entries_of_a_thousand_bits_are_solved_exactly() {
        let large = BigInt::one() << 1000u32;
        let rows = vec![vec![large.clone(), BigInt::from(3)], vec![BigInt::from(5), &large + 1]];
        let rhs = vec![BigInt::from(1), large];
        assert!(solve(&rows, &rhs).is_some());
    }
}
