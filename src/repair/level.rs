//! Biases whose largest change is the least, by raising some and lowering others.
//!
//! Only differences of biases matter. Let the component-wise least raises ([`super::raise`]) be at most `M`. Half of `M` subtracted
//! from every bias gives changes of at most `M / 2`. A token that needs `n` alone needs a change of at least `n / 2`: by the proof
//! of its loss, `d_t - sum a_j d_j >= n` for weights `a` that sum to one.
//!
//! Within that bound the sum of all changes is made small by a linear program: each token shall keep the win at the hidden state
//! where it is known to win, and each kept state its winner. Rows of the program are added as they are violated. Its result is a
//! proposal, which is audited; where it fails, the shifted raises are.

use super::kept::Kept;
use super::precision::Precision;
use super::raise::with_biases;
use crate::audit::Audit;
use crate::certify::Verdict;
use crate::error::Result;
use crate::head::Head;
use crate::order;
use crate::prove::polyhedron::linear_program::{Row, minimise};

/// The most times that rows are added.
const ROUNDS: usize = 60;
/// The most rows that are added for a state in one round.
const AT_ONCE: usize = 4;
/// How many states are scored together.
const BLOCK: usize = 128;
/// The violation of a row that is overlooked, in logits: above the tolerance of the solver.
const OVERLOOKED: f64 = 1e-7;

/// A hidden state at which a token shall stay in front of all others by `lead` logits.
struct Held {
    state: Vec<f64>,
    token: u32,
    lead: f64,
}

/// Biases around `stored` whose largest change is about half of that of `raised`; `audit` is that of the head with raised
/// biases. The second proposal is the raised biases, all lowered by the same amount.
pub(super) fn levelled(
    head: &Head,
    (stored, raised): (&[f64], &[f64]),
    audit: &Audit,
    kept: Option<&Kept>,
    precision: Precision,
) -> Result<[Option<Vec<f64>>; 2]> {
    let largest = stored.iter().zip(raised).map(|(a, b)| b - a).fold(0.0, f64::max);
    let half = 0.5 * largest;
    let shifted: Vec<f64> = raised.iter().map(|b| precision.nearest(b - half)).collect();
    let held = held(head, raised, audit, kept)?;
    let limit = half * (1.0 + 1e-9) + OVERLOOKED;
    let changes = program(head, stored, &held, limit);
    let levelled = changes.map(|changes| {
        let biases = stored.iter().zip(changes);
        // A change that is only the solver's tolerance is none.
        let biased =
            |(b, d): (&f64, f64)| if d.abs() <= OVERLOOKED { *b } else { precision.nearest(b + d) };
        biases.map(biased).collect()
    });
    Ok([levelled, Some(shifted)])
}

/// The states that are held: those where tokens win by the audit, and the kept ones.
fn held(head: &Head, raised: &[f64], audit: &Audit, kept: Option<&Kept>) -> Result<Vec<Held>> {
    let repaired = with_biases(head, raised)?;
    let tokens: Vec<u32> = audit.verdicts().iter().map(|v| v.0).collect();
    let states = audit.hidden_states(&repaired, &tokens)?;
    let mut held = Vec::new();
    for ((token, verdict), state) in audit.verdicts().iter().zip(states) {
        if let (Verdict::Argmaxable(witness), Some(state)) = (verdict, state) {
            held.push(Held { state, token: *token, lead: 0.5 * witness.margin().min(1e-3) });
        }
    }
    for (state, winner) in kept.into_iter().flat_map(Kept::states) {
        held.push(Held { state: state.clone(), token: *winner, lead: 1e-6 });
    }
    Ok(held)
}

/// The changes of least sum within the limit, by the linear program; `None` if it is not solved.
fn program(head: &Head, stored: &[f64], held: &[Held], limit: f64) -> Option<Vec<f64>> {
    let count = stored.len();
    // Each change is the difference of two variables, a raise and a lowering.
    let (costs, ranges) = (vec![1.0; 2 * count], vec![(0.0, limit); 2 * count]);
    let mut rows: Vec<Row> = Vec::new();
    let mut changes = vec![0.0; count];
    for _ in 0..ROUNDS {
        let before = rows.len();
        let biases: Vec<f64> = stored.iter().zip(&changes).map(|(b, d)| b + d).collect();
        for block in held.chunks(BLOCK) {
            let points: Vec<f64> = block.iter().flat_map(|h| h.state.iter().copied()).collect();
            let scores = head.products(&points);
            for (one, scores) in block.iter().zip(scores.chunks_exact(count)) {
                rows.extend(violated(one, scores, stored, &biases));
            }
        }
        if rows.len() == before {
            return Some(changes);
        }
        let x = minimise(&costs, &ranges, &rows)?;
        changes = (0..count).map(|t| x[t] - x[count + t]).collect();
    }
    None
}

/// The rows of a held state that the biases violate most.
fn violated(held: &Held, scores: &[f64], stored: &[f64], biases: &[f64]) -> Vec<Row> {
    let (count, t) = (stored.len(), held.token as usize);
    let own = scores[t] + biases[t];
    let mut worst: Vec<(f64, usize)> = (0..count)
        .filter(|j| *j != t)
        .map(|j| (scores[j] + biases[j] + held.lead - own, j))
        .filter(|(missing, _)| *missing > OVERLOOKED)
        .collect();
    order::highest_first(&mut worst);
    let row = |&(_, j): &(f64, usize)| Row {
        terms: vec![(1.0, t), (-1.0, count + t), (-1.0, j), (1.0, count + j)],
        least: scores[j] + stored[j] - scores[t] - stored[t] + held.lead,
    };
    worst.iter().take(AT_ONCE).map(row).collect()
}
