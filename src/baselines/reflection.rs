//! The heuristic of Grivas, Bogoychev and Lopez (ACL 2022): reflect the hidden state until the token wins.
//!
//! Starting from `h = w_t`, the method finds the winner `j` of `W h + b` and mirrors `h` in the hyperplane where `t`
//! and `j` score the same, so that `t` beats `j` by as much as it lost:
//!
//! ```text
//! h <- h - 2 ((w_t - w_j).h + b_t - b_j) / |w_t - w_j|^2 (w_t - w_j)
//! ```
//!
//! Each step costs a product of the whole head (`V x d`) with one vector. The method need not converge, and a token
//! that it does not find may still be argmaxable: it proves neither side.
//!
//! As in their software, scores are floating-point numbers, the first of several equal maxima is the winner, and a
//! token is given up after [`STEPS`] steps. Scores are float64 sums of the stored rows; one vector against all rows
//! is limited by memory, not by arithmetic, so float32 sums would be no faster. Their software divides by zero where
//! `w_j = w_t`; here the search ends there, see [`Outcome::Equal`].

use crate::head::Head;

/// The number of steps after which the 2022 software gives up.
pub const STEPS: usize = 2500;

/// How a search ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The token is the first of the float64 maxima at this hidden state (`d` coordinates).
    Found(Vec<f64>),
    /// The token did not win within the allowed steps, or the hidden state left the range of float64.
    NotFound,
    /// This rival won and has the token's row: no hyperplane lies between the two, so reflection cannot help.
    Equal(u32),
}

/// The result of the search for one token.
#[derive(Clone, Debug, PartialEq)]
pub struct Search {
    /// How the search ended.
    pub outcome: Outcome,
    /// The number of products of the whole head with one vector: 1 if the token wins at `w_t` itself.
    pub products: usize,
}

/// Searches a hidden state where `token` wins, by at most `steps` reflections ([`STEPS`] in the 2022 software).
///
/// # Panics
/// The head has no such token.
pub fn reflect(head: &Head, token: u32, steps: usize) -> Search {
    let t = token as usize;
    let mut h: Vec<f64> = head.row(t).collect();
    for step in 0..=steps {
        let ended = |outcome| Search { outcome, products: step + 1 };
        let winner = winner(head, &h);
        if winner == t {
            return ended(Outcome::Found(h));
        }
        let difference: Vec<f64> = head.row(t).zip(head.row(winner)).map(|(x, y)| x - y).collect();
        let length: f64 = difference.iter().map(|x| x * x).sum();
        if difference.iter().all(|x| *x == 0.0) {
            return ended(Outcome::Equal(winner as u32));
        }
        let gap: f64 = difference.iter().zip(&h).map(|(x, h)| x * h).sum();
        let factor = 2.0 * (gap + head.bias(t) - head.bias(winner)) / length;
        h.iter_mut().zip(&difference).for_each(|(h, x)| *h -= factor * x);
        if !h.iter().all(|x| x.is_finite()) {
            return ended(Outcome::NotFound);
        }
    }
    Search { outcome: Outcome::NotFound, products: steps + 1 }
}

/// The first token with the largest score.
fn winner(head: &Head, h: &[f64]) -> usize {
    let (mut winner, mut largest) = (0, f64::NEG_INFINITY);
    for j in 0..head.tokens() {
        let score = head.score(j, h);
        if score > largest {
            (winner, largest) = (j, score);
        }
    }
    winner
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(rows: &[[f64; 2]], bias: Option<Vec<f64>>) -> Head {
        Head::new(rows.concat(), bias, rows.len(), 2).unwrap()
    }

    fn search(head: &Head, token: u32) -> Search {
        reflect(head, token, STEPS)
    }

    #[test]
    fn a_token_that_wins_at_its_own_row_takes_one_product() {
        let head = head(&[[1.0, 0.0], [0.0, 1.0]], None);
        assert_eq!(
            search(&head, 1),
            Search { outcome: Outcome::Found(vec![0.0, 1.0]), products: 1 }
        );
    }

    #[test]
    fn one_reflection_beats_the_winner_by_as_much_as_the_token_lost() {
        // At (1, 0) token 1 scores 2 against 1; the mirror of that point is (-1, 0).
        let head = head(&[[1.0, 0.0], [2.0, 0.0]], None);
        assert_eq!(
            search(&head, 0),
            Search { outcome: Outcome::Found(vec![-1.0, 0.0]), products: 2 }
        );
    }

    #[test]
    fn the_bias_moves_the_hyperplane() {
        // h + 0 against 2 h - 4: equal at 4, so that 5 (1 x 5 < 6) goes to 3 (3 > 2).
        let rows = [[5.0, 0.0], [10.0, 0.0]];
        let head = head(&rows, Some(vec![0.0, -20.0]));
        let Search { outcome: Outcome::Found(h), products: 2 } = search(&head, 0) else {
            panic!("one reflection is enough")
        };
        assert_eq!(h, [3.0, 0.0]);
    }

    #[test]
    fn a_token_inside_its_rivals_is_never_found_and_takes_all_steps() {
        let rows = [[2.0, 0.0], [0.0, 2.0], [-2.0, 0.0], [0.0, -2.0], [0.5, 0.25]];
        let found = reflect(&head(&rows, None), 4, 100);
        assert_eq!(found, Search { outcome: Outcome::NotFound, products: 101 });
    }

    #[test]
    fn an_equal_row_before_the_token_ends_the_search_and_one_after_it_does_not() {
        let head = head(&[[0.0, 1.0], [3.0, 0.0], [3.0, 0.0]], None);
        assert_eq!(search(&head, 2).outcome, Outcome::Equal(1));
        assert!(matches!(search(&head, 1).outcome, Outcome::Found(_)));
    }

    #[test]
    fn numbers_that_overflow_end_the_search() {
        let head = head(&[[1e-200, 0.0], [2e-200, 0.0]], Some(vec![0.0, 1e200]));
        assert_eq!(search(&head, 0), Search { outcome: Outcome::NotFound, products: 1 });
    }
}
