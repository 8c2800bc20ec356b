//! Lost tokens whose rows are almost equal: they are moved together, because each of them is in the way of the others.

use crate::head::Head;
use crate::measure::least_change::length;

/// Rows closer than this share of the shorter one's length belong together. It only groups proposals.
const NEAR: f64 = 1e-3;
/// Rows closer than this share of the shorter one's length are left to changes of rows. The share is chosen, not derived: biases
/// may still tell such rows apart at long hidden states.
const CLOSE: f64 = 1e-6;

/// Groups tokens by nearness of their rows; each group and the list of groups rise by id.
pub(super) fn clusters(head: &Head, tokens: &[u32]) -> Vec<Vec<u32>> {
    within(head, tokens, NEAR)
}

/// Two tokens whose rows differ by less than biases can make up for, and how many tokens have such a neighbour.
pub(in crate::repair) fn close_pair(head: &Head, tokens: &[u32]) -> Option<(u32, u32, usize)> {
    let close: Vec<Vec<u32>> = within(head, tokens, CLOSE);
    let close = || close.iter().filter(|group| group.len() > 1);
    let first = close().next()?;
    Some((first[0], first[1], close().map(Vec::len).sum()))
}

/// Groups tokens whose rows are closer than a share of the shorter one's length.
fn within(head: &Head, tokens: &[u32], share: f64) -> Vec<Vec<u32>> {
    let rows: Vec<Vec<f64>> = tokens.iter().map(|&t| head.row(t as usize).collect()).collect();
    let norms: Vec<f64> = rows.iter().map(|row| length(row)).collect();
    let mut group: Vec<usize> = (0..tokens.len()).collect();
    for i in 0..tokens.len() {
        for j in 0..i {
            let limit = share * norms[i].min(norms[j]);
            // Lengths differ by no more than rows do.
            if (norms[i] - norms[j]).abs() <= limit && distance(&rows[i], &rows[j]) <= limit {
                let (a, b) = (root(&group, i), root(&group, j));
                group[a.max(b)] = a.min(b);
            }
        }
    }
    let mut groups: Vec<Vec<u32>> = vec![Vec::new(); tokens.len()];
    for (i, &token) in tokens.iter().enumerate() {
        groups[root(&group, i)].push(token);
    }
    groups.retain(|group| !group.is_empty());
    groups
}

/// The first member of the group that `i` is in.
fn root(group: &[usize], mut i: usize) -> usize {
    while group[i] != i {
        i = group[i];
    }
    i
}

/// The Euclidean distance.
pub(super) fn distance(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(x, y)| (x - y) * (x - y)).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_rows_are_one_group_through_a_third() {
        let rows = vec![1.0, 0.0, 1.0007, 0.0, 0.0, 1.0, 1.0014, 0.0];
        let head = Head::new(rows, None, 4, 2).unwrap();
        assert_eq!(clusters(&head, &[0, 1, 2, 3]), [vec![0, 1, 3], vec![2]]);
        assert_eq!(clusters(&head, &[0, 2, 3]), [vec![0], vec![2], vec![3]]);
    }
}
