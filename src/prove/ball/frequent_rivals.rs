//! The rivals that most often beat hard tokens; points are compared with them before all others.
//!
//! A point that one of them beats needs no pass over all rows, and most points that a search proposes are beaten by
//! one. The comparison is approximate: it only proposes.

use std::collections::HashSet;

use multiversion::multiversion;

use crate::arithmetic::narrow::{self, Panels};
use crate::order;
use crate::parallel;
use crate::problem::Problem;

/// The most rivals kept: their rows fit the caches, and hardly more of them beat several tokens.
const KEPT: usize = 2048;

/// The rows of the frequent rivals, in float32 around a centre.
#[derive(Debug)]
pub struct FrequentRivals<'a> {
    problem: &'a Problem<'a>,
    centre: Vec<f64>,
    known: HashSet<u32>,
    parts: Vec<Part>,
}

/// The rivals of one call of [`FrequentRivals::add`].
#[derive(Debug)]
struct Part {
    ids: Vec<u32>,
    rows: Panels,
    biases: Vec<f64>,
}

impl<'a> FrequentRivals<'a> {
    /// Chooses the rivals that occur most often in these lists.
    pub fn new<'l>(problem: &'a Problem, lists: impl Iterator<Item = &'l [u32]>) -> Self {
        let mut often = vec![0usize; problem.head().tokens()];
        lists.flatten().for_each(|&j| often[j as usize] += 1);
        let told = often.into_iter().zip(0..).filter(|t| t.0 > 0);
        let mut told: Vec<(f64, u32)> = told.map(|(count, j)| (count as f64, j)).collect();
        order::keep_highest(&mut told, KEPT);
        let head = problem.head();
        let mut centre = vec![0.0; head.dim()];
        for &(_, j) in &told {
            let row = head.row(j as usize);
            centre.iter_mut().zip(row).for_each(|(c, w)| *c += w / told.len() as f64);
        }
        let mut frequent =
            FrequentRivals { problem, centre, known: HashSet::new(), parts: Vec::new() };
        frequent.add(told.into_iter().map(|t| t.1));
        frequent
    }

    /// Adds more rivals.
    pub fn add(&mut self, rivals: impl Iterator<Item = u32>) {
        let head = self.problem.head();
        let ids: Vec<u32> = rivals.filter(|&j| self.known.insert(j)).collect();
        if ids.is_empty() {
            return;
        }
        let rows = Panels::new(&around(self.problem, &self.centre, &ids), head.dim());
        let biases = ids.iter().map(|&j| head.bias(j as usize)).collect();
        self.parts.push(Part { ids, rows, biases });
    }

    /// For each token and point (`d`), the frequent rivals that are not seen to score less there, with the
    /// approximate amount by which each is ahead.
    pub fn ahead(&self, tried: &[(u32, &[f64])]) -> Vec<Vec<(f64, u32)>> {
        let head = self.problem.head();
        let mut points: Vec<f32> = Vec::with_capacity(tried.len() * head.dim());
        for (_, z) in tried {
            points.extend(z.iter().map(|&x| x as f32));
        }
        let own = |&(token, z): &(u32, &[f64])| {
            let row = head.row(token as usize).zip(&self.centre).map(|(w, c)| w - c);
            row.zip(z).map(|(w, x)| w * x).sum::<f64>() + head.bias(token as usize)
        };
        let own: Vec<f64> = tried.iter().map(own).collect();
        let mut ahead: Vec<Vec<(f64, u32)>> = vec![Vec::new(); tried.len()];
        for Part { ids, rows, biases } in &self.parts {
            let mut products = vec![0f32; tried.len() * ids.len()];
            narrow::product(&points, rows, &mut products);
            for (n, products) in products.chunks_exact(ids.len()).enumerate() {
                let (own, ahead) = (own[n], &mut ahead[n]);
                leading(products, biases, own, |i, lead| {
                    if ids[i] != tried[n].0 {
                        ahead.push((lead, ids[i]));
                    }
                });
            }
        }
        ahead
    }
}

/// Calls `tell` with the index of each score that is not less than `own`, and the difference. Hardly any is, so
/// several scores are tested together.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn leading(products: &[f32], biases: &[f64], own: f64, mut tell: impl FnMut(usize, f64)) {
    const TOGETHER: usize = 16;
    let parts = products.chunks(TOGETHER).zip(biases.chunks(TOGETHER));
    for (part, (products, biases)) in parts.enumerate() {
        let mut leads = [f64::NEG_INFINITY; TOGETHER];
        for ((lead, &product), bias) in leads.iter_mut().zip(products).zip(biases) {
            *lead = f64::from(product) + bias - own;
        }
        // NaN does not mean that the rival scores less.
        if leads.iter().fold(true, |behind, lead| behind & (*lead < 0.0)) {
            continue;
        }
        for (i, &lead) in leads.iter().enumerate().filter(|(_, lead)| !(**lead < 0.0)) {
            tell(part * TOGETHER + i, lead);
        }
    }
}

/// The rows minus a centre, rounded to float32.
fn around(problem: &Problem, centre: &[f64], ids: &[u32]) -> Vec<f32> {
    let mut rows = vec![0f32; ids.len() * centre.len()];
    parallel::fill(&mut rows, centre.len(), &|i, out| {
        let row = problem.head().row(ids[i] as usize).zip(centre);
        out.iter_mut().zip(row).for_each(|(out, (w, c))| *out = (w - c) as f32);
    });
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Domain;
    use crate::head::Head;

    #[test]
    fn those_ahead_are_the_suspects_with_a_score_at_least_that_of_the_token() {
        let (tokens, dim) = (90, 7);
        let number = |i: usize| ((i * 2654435761) % 1000) as f64 / 500.0 - 1.0;
        let rows: Vec<f64> = (0..tokens * dim).map(number).collect();
        let bias = Some((0..tokens).map(|t| number(t + 7) / 4.0).collect());
        let head = Head::new(rows, bias, tokens, dim).unwrap();
        let domain = Domain::free(dim);
        let problem = Problem::new(&head, &domain).unwrap();
        let lists: [&[u32]; 3] = [&[3, 8, 9], &[3, 40], &[77]];
        let mut frequent = FrequentRivals::new(&problem, lists.into_iter());
        frequent.add([40, 50, 51, 3].into_iter().chain(10..35));
        let points: Vec<Vec<f64>> =
            (0..5).map(|n| (0..dim).map(|k| number(n * dim + k + 31)).collect()).collect();
        let tried: Vec<(u32, &[f64])> =
            points.iter().zip([3, 8, 60, 61, 62]).map(|(z, t)| (t, z.as_slice())).collect();
        let mut some = 0;
        for (&(token, z), ahead) in tried.iter().zip(frequent.ahead(&tried)) {
            let score = |t: u32| head.score(t as usize, z);
            let mut found: Vec<u32> = ahead.iter().map(|a| a.1).collect();
            found.sort_unstable();
            let all = [3, 8, 9].into_iter().chain(10..35).chain([40, 50, 51, 77]);
            let expected: Vec<u32> =
                all.filter(|&j| j != token && score(j) >= score(token)).collect();
            assert_eq!(found, expected);
            assert!(ahead.iter().all(|(lead, j)| (lead - score(*j) + score(token)).abs() < 1e-5));
            some += found.len();
        }
        assert!(some > 20, "some are ahead");
    }
}
