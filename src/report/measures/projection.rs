//! Projects a losing token and its rivals onto the two directions in which the rivals differ most from it.

use nalgebra::{DMatrix, DVector};
use serde::{Deserialize, Serialize};

use super::six_digits;
use crate::certify::Rival;
use crate::head::Head;

/// The number of rounds of subspace iteration; the axes of a picture need no more digits.
const ROUNDS: usize = 60;
/// The number of other tokens drawn as a background.
const BACKGROUND: usize = 160;

/// The positions of a token, its rivals and other tokens in two dimensions. The token itself is at the origin.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Projection {
    /// The losing token.
    pub token: u32,
    /// Rivals in the order of their weights: id, weight, and the two coordinates, in units of the rows.
    pub rivals: Vec<(u32, f64, f64, f64)>,
    /// The weighted mean of the rivals. Over all vectors it coincides with the token.
    pub mix: (f64, f64),
    /// Tokens that are not among the rivals, spread evenly over the ids.
    pub background: Vec<(f64, f64)>,
}

/// Projects a token, its rivals and some others on the first two principal axes of the rivals' rows
/// about the token's own, each counted by its weight. `kept` are the ids of the rows that competed, if not all did.
pub fn project(
    head: &Head,
    token: u32,
    blockers: &[(Rival, f64)],
    kept: Option<&[u32]>,
) -> Projection {
    let origin = DVector::from_iterator(head.dim(), head.row(token as usize));
    let rivals: Vec<(u32, f64)> = blockers
        .iter()
        .filter_map(|&(rival, weight)| match rival {
            Rival::Token(id) => Some((id, weight)),
            _ => None,
        })
        .collect();
    // Divide by the largest entry, so that no square overflows.
    let size = rivals
        .iter()
        .map(|&(id, _)| id)
        .chain([token])
        .fold(0.0f64, |size, id| head.row(id as usize).fold(size, |size, x| size.max(x.abs())));
    let size = if size > 0.0 { size } else { 1.0 };
    let offset = |id: usize| {
        DVector::from_iterator(
            head.dim(),
            head.row(id).zip(origin.iter()).map(|(x, o)| x / size - o / size),
        )
    };
    let offsets: Vec<DVector<f64>> = rivals.iter().map(|&(id, _)| offset(id as usize)).collect();
    let axes = axes(&offsets, &rivals);
    let place = |offset: &DVector<f64>| {
        let [x, y] = [0, 1].map(|k| six_digits(axes.column(k).dot(offset) * size));
        (x, y)
    };
    let placed: Vec<(u32, f64, f64, f64)> = rivals
        .iter()
        .zip(&offsets)
        .map(|(&(id, weight), offset)| {
            let (x, y) = place(offset);
            (id, six_digits(weight), x, y)
        })
        .collect();
    let mix = offsets
        .iter()
        .zip(&rivals)
        .fold(DVector::zeros(head.dim()), |mix, (offset, rival)| mix + offset * rival.1);
    let competing = kept.map_or_else(
        || (0..head.tokens()).collect::<Vec<_>>(),
        |ids| ids.iter().map(|&id| id as usize).collect(),
    );
    let step = competing.len().div_ceil(BACKGROUND).max(1);
    let background = competing
        .into_iter()
        .step_by(step)
        .filter(|&id| id != token as usize && rivals.iter().all(|r| r.0 as usize != id))
        // A row that exceeds the rivals' by more than the range of float64 cannot be drawn.
        .map(offset)
        .filter(|offset| offset.norm_squared().is_finite())
        .map(|offset| place(&offset))
        .collect();
    Projection { token, rivals: placed, mix: place(&mix), background }
}

/// Two orthonormal columns that span most of the weighted offsets; zeros if there is nothing to span.
fn axes(offsets: &[DVector<f64>], rivals: &[(u32, f64)]) -> DMatrix<f64> {
    let dim = offsets.first().map_or(0, DVector::len);
    let scaled: Vec<DVector<f64>> =
        offsets.iter().zip(rivals).map(|(offset, rival)| offset * rival.1.sqrt()).collect();
    if scaled.is_empty() {
        return DMatrix::zeros(dim, 2);
    }
    let spread = DMatrix::from_columns(&scaled);
    let mut axes = DMatrix::zeros(dim, 2);
    // Start with the weighted sums of all offsets, with different signs in the two columns.
    for (j, column) in scaled.iter().enumerate() {
        axes.column_mut(0).axpy(if j % 2 == 0 { 1.0 } else { -1.0 }, column, 1.0);
        axes.column_mut(1).axpy(if j % 3 == 0 { 1.0 } else { -0.5 }, column, 1.0);
    }
    orthonormal(&mut axes);
    for _ in 0..ROUNDS {
        axes = &spread * (spread.transpose() * &axes);
        orthonormal(&mut axes);
    }
    axes
}

/// Gram-Schmidt orthonormalisation; a column that vanishes becomes zero.
fn orthonormal(axes: &mut DMatrix<f64>) {
    for k in 0..axes.ncols() {
        let before = axes.column(k).norm();
        for earlier in 0..k {
            let share = axes.column(earlier).dot(&axes.column(k));
            let other = axes.column(earlier).clone_owned();
            axes.column_mut(k).axpy(-share, &other, 1.0);
        }
        let length = axes.column(k).norm();
        let spans = length > 1e-12 * before && length >= f64::MIN_POSITIVE;
        let scale = if spans { 1.0 / length } else { 0.0 };
        axes.column_mut(k).scale_mut(scale);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_in_the_middle_of_a_square_is_drawn_in_the_middle() {
        // The square lies in coordinates 0 and 2 of four.
        let rows = [[3.0, 1.0, 0.0, 5.0], [-3.0, 1.0, 0.0, 5.0], [0.0, 1.0, 2.0, 5.0]];
        let more = [[0.0, 1.0, -2.0, 5.0], [0.0, 1.0, 0.0, 5.0]];
        let head = Head::new([rows.concat(), more.concat()].concat(), None, 5, 4).unwrap();
        let blockers: Vec<(Rival, f64)> = (0..4).map(|id| (Rival::Token(id), 0.25)).collect();
        let picture = project(&head, 4, &blockers, None);
        assert!(picture.mix.0.abs() < 1e-9 && picture.mix.1.abs() < 1e-9);
        let length = |r: &(u32, f64, f64, f64)| r.2.hypot(r.3);
        for (rival, expected) in picture.rivals.iter().zip([3.0, 3.0, 2.0, 2.0]) {
            assert!((length(rival) - expected).abs() < 1e-4, "{rival:?}");
        }
        assert!(picture.background.is_empty());
    }

    #[test]
    fn rivals_on_a_line_have_a_picture_too() {
        let head = Head::new(vec![1.0, 0.0, 0.5], None, 3, 1).unwrap();
        let picture = project(&head, 2, &[(Rival::Token(0), 0.5), (Rival::Token(1), 0.5)], None);
        assert!(picture.rivals.iter().all(|r| r.2.abs() == 0.5 && r.3 == 0.0), "{picture:?}");
    }

    #[test]
    fn the_largest_and_the_smallest_floats_have_places() {
        for others in
            [[1e300, -1e300, 0.0, 1.0], [5e-324, -5e-324, 0.0, 1e308], [1.0, 2.0, 1.5, -1e308]]
        {
            let head = Head::new(others.to_vec(), None, 4, 1).unwrap();
            let picture =
                project(&head, 2, &[(Rival::Token(0), 0.5), (Rival::Token(1), 0.5)], None);
            let places = picture.rivals.iter().map(|r| (r.2, r.3)).chain([picture.mix]);
            let mut places = places.chain(picture.background.iter().copied());
            assert!(places.all(|(x, y)| x.is_finite() && y.is_finite()), "{picture:?}");
        }
    }
}
