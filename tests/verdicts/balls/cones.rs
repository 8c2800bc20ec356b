//! A second engine: the best margin in the ball as a second-order cone program, solved by Clarabel, an interior-point
//! method that shares nothing with the search.

use clarabel::algebra::CscMatrix;
use clarabel::solver::SupportedConeT::{NonnegativeConeT, SecondOrderConeT};
use clarabel::solver::{DefaultSettings, DefaultSolver, IPSolver, SolverStatus};
use unargmax::domain::Domain;
use unargmax::head::Head;

use super::audited;
use super::instances::{Instances, Numbers, places};
use crate::evidence::equals;

/// `P (g * v)`.
fn folded(domain: &Domain, mut v: Vec<f64>) -> Vec<f64> {
    let ball = domain.ball().unwrap();
    v.iter_mut().zip(ball.gain()).for_each(|(x, g)| *x *= g);
    if ball.is_centred() {
        let mean = v.iter().sum::<f64>() / v.len() as f64;
        v.iter_mut().for_each(|x| *x -= mean);
    }
    v
}

/// Maximises `m` subject to `a_j.z + c_j >= m` for all rivals outside the token's group, `h` in the box and `|z| <= R`;
/// infinite without rivals.
fn best_margin(head: &Head, domain: &Domain, token: usize) -> f64 {
    let (ball, dim) = (domain.ball().unwrap(), head.dim());
    let group = equals(head, domain, token);
    // Rows `r` and bounds `f` of `r.z + f - s m >= 0`.
    let (mut lines, mut bounds): (Vec<Vec<f64>>, Vec<f64>) = (Vec::new(), Vec::new());
    for j in (0..head.tokens()).filter(|j| !group.contains(&(*j as u32))) {
        let gap: Vec<f64> = head.row(token).zip(head.row(j)).map(|(a, b)| a - b).collect();
        let level: f64 = gap.iter().zip(ball.shift()).map(|(x, c)| x * c).sum();
        bounds.push(level + head.bias(token) - head.bias(j));
        lines.push([folded(domain, gap), vec![-1.0]].concat());
    }
    if lines.is_empty() {
        return f64::INFINITY;
    }
    for k in 0..dim {
        for (end, sign) in [(domain.lo(k), 1.0), (domain.hi(k), -1.0)] {
            if end.is_finite() {
                let mut unit = vec![0.0; dim];
                unit[k] = sign;
                lines.push([folded(domain, unit), vec![0.0]].concat());
                bounds.push(sign * (ball.shift()[k] - end));
            }
        }
    }
    let halfspaces = lines.len();
    lines.push(vec![0.0; dim + 1]);
    bounds.push((ball.radius()[0] * ball.radius()[1]).sqrt());
    for k in 0..dim {
        lines.push((0..=dim).map(|i| f64::from(u8::from(i == k))).collect());
        bounds.push(0.0);
    }
    // Clarabel asks for `A x + s = b` with `s` in the cones.
    let (mut rows, mut columns, mut values) = (Vec::new(), Vec::new(), Vec::new());
    for (i, line) in lines.iter().enumerate() {
        for (k, &x) in line.iter().enumerate().filter(|x| *x.1 != 0.0) {
            rows.push(i);
            columns.push(k);
            values.push(-x);
        }
    }
    let matrix = CscMatrix::new_from_triplets(lines.len(), dim + 1, rows, columns, values);
    let no_squares = CscMatrix::zeros((dim + 1, dim + 1));
    let mut objective = vec![0.0; dim + 1];
    objective[dim] = -1.0;
    let cones = [NonnegativeConeT(halfspaces), SecondOrderConeT(dim + 1)];
    let settings = DefaultSettings { verbose: false, ..DefaultSettings::default() };
    let mut solver =
        DefaultSolver::new(&no_squares, &objective, &matrix, &bounds, &cones, settings).unwrap();
    solver.solve();
    let status = solver.solution.status;
    assert!(matches!(status, SolverStatus::Solved | SolverStatus::AlmostSolved), "{status:?}");
    solver.solution.x[dim]
}

/// More than the optimum can be off; entries are of size 1.
const ACCURACY: f64 = 1e-5;

#[test]
fn the_best_margin_of_a_hand_made_corner() {
    // x > 3 and y > 4, with |h| = 5 at (3, 4).
    let head = Head::new(vec![0.0, 0.0, -1.0, 0.0, 0.0, -1.0], Some(vec![0.0, 3.0, 4.0]), 3, 2);
    let domain = Domain::free(2).within(unargmax::domain::Ball::around_origin(2, 5.0).unwrap());
    let (head, domain) = (head.unwrap(), domain.unwrap());
    assert!(best_margin(&head, &domain, 0).abs() < ACCURACY);
    // (-1, 0) leads 0 by 3 - x and (0, -1) by y - x - 1, at most 5 sqrt(2) - 1, where the other is 3 + 5 / sqrt(2).
    assert!((best_margin(&head, &domain, 1) - (5.0 * 2f64.sqrt() - 1.0)).abs() < ACCURACY);
}

#[test]
fn verdicts_agree_with_second_order_cone_programs() {
    let mut instances = Instances::new(1);
    let (mut wins, mut losses, mut close) = ([0; 8], [0; 8], [0; 8]);
    for (kind, place) in places().enumerate() {
        for numbers in [Numbers::Wide, Numbers::Narrow, Numbers::Coarse] {
            for n in 0..40 {
                let head = instances.head(numbers, place);
                let ball = instances.ball(head.dim(), numbers, place);
                let domain = instances.domain(ball, numbers, place);
                for (token, verdict) in audited(&head, &domain).verdicts() {
                    let best = best_margin(&head, &domain, *token as usize);
                    let about = format!("{place:?} {numbers:?} {n}: token {token}, {best:e}");
                    let lost = verdict.name() == "unargmaxable";
                    if best > ACCURACY {
                        assert!(!lost && verdict.name() != "undecided", "{about}");
                        wins[kind] += 1;
                    } else if best < -ACCURACY {
                        assert!(lost, "{about}: {}", verdict.name());
                        losses[kind] += 1;
                    } else {
                        // Cones have no best margin below 0. Without exact coincidences none is close to it from above.
                        let exact = numbers == Numbers::Coarse || place.levels;
                        assert!(lost || exact, "{about}: {}", verdict.name());
                        losses[kind] += usize::from(!exact);
                        close[kind] += usize::from(place.levels);
                    }
                    if let Some(witness) = verdict.witness() {
                        assert!(witness.margin() <= best + ACCURACY, "{about}");
                    }
                }
            }
        }
        assert!(wins[kind] > 100 && losses[kind] > 100, "{place:?}: {wins:?} {losses:?}");
    }
    assert!(close.iter().sum::<usize>() < 100, "{wins:?} {losses:?} {close:?}");
}
