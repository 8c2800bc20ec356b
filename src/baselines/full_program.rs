//! The linear program of Grivas, Bogoychev and Lopez (ACL 2022) as their program states it: with all rivals at once.
//!
//! [`crate::prove::polyhedron::paper_radius`] solves the same program by adding rivals when they are violated, which
//! is far faster; this module shows what "one linear program for each token" costs. It builds `V d` coefficients for
//! every token, and the time to solve the program has no useful bound: call it where it can be stopped from outside.

use crate::domain::Domain;
use crate::head::Head;
use crate::prove::polyhedron::linear_program::ball;

/// The radius of `token` by one program with a row for every rival: a float64 optimum without proof; NaN if the
/// solver gave up. Equal rows count as in [`radius`](crate::prove::polyhedron::paper_radius::radius): one with a
/// larger bias leaves no ball (`-inf`), others are skipped, and without rivals nothing bounds the radius (`inf`).
///
/// The paper's domain is `-100 <= h_k <= 100`; any domain that is bounded on all sides is accepted.
///
/// # Panics
/// The head has no such token, or the domain has another number of coordinates.
pub fn radius(head: &Head, domain: &Domain, token: u32) -> f64 {
    assert_eq!(head.dim(), domain.dim(), "a domain for this head");
    let t = token as usize;
    let (mut rows, mut offsets): (Vec<f64>, Vec<f64>) = (Vec::new(), Vec::new());
    for j in (0..head.tokens()).filter(|&j| j != t) {
        let difference: Vec<f64> = head.row(t).zip(head.row(j)).map(|(x, y)| x - y).collect();
        let length = difference.iter().map(|x| x * x).sum::<f64>().sqrt();
        if length > 0.0 {
            rows.extend(difference.iter().map(|x| x / length));
            offsets.push((head.bias(t) - head.bias(j)) / length);
        } else if head.bias(j) > head.bias(t) {
            return f64::NEG_INFINITY;
        }
    }
    if rows.is_empty() {
        return f64::INFINITY;
    }
    let ends = (0..head.dim()).map(|k| (domain.lo(k), domain.hi(k)));
    ball(&rows, &offsets, ends).map_or(f64::NAN, |(_, radius)| radius)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Problem;
    use crate::prove::polyhedron::paper_radius::radius as by_rounds;

    #[test]
    fn it_agrees_with_the_program_whose_rivals_come_in_rounds() {
        // Scattered in a cube, with a bias: some win and some do not.
        let (tokens, dim) = (100, 4);
        let number = |i: usize| ((i * 2654435761) % 1000) as f64 / 250.0 - 2.0;
        let rows: Vec<f64> = (0..tokens * dim).map(number).collect();
        let bias: Vec<f64> = (0..tokens).map(|t| number(t + 7) / 4.0).collect();
        let head = Head::new(rows, Some(bias), tokens, dim).unwrap();
        let domain = Domain::range(dim, -100.0, 100.0).unwrap();
        let problem = Problem::new(&head, &domain).unwrap();
        let (mut wins, mut losses) = (0, 0);
        for token in (0..tokens as u32).step_by(3) {
            let (full, rounds) = (radius(&head, &domain, token), by_rounds(&problem, token));
            assert!(
                (full - rounds).abs() < 1e-7 * (1.0 + rounds.abs()),
                "{token}: {full} {rounds}"
            );
            if full > 1e-6 { wins += 1 } else { losses += 1 }
        }
        assert!(wins > 2 && losses > 2, "{wins} wins and {losses} losses test both sides");
    }

    #[test]
    fn equal_rows_count_by_their_bias() {
        let rows = vec![1.0, 0.0, 1.0, 0.0];
        let head = Head::new(rows, Some(vec![0.0, 1.0]), 2, 2).unwrap();
        let domain = Domain::range(2, -1.0, 1.0).unwrap();
        assert_eq!(radius(&head, &domain, 0), f64::NEG_INFINITY);
        assert_eq!(radius(&head, &domain, 1), f64::INFINITY);
    }
}
