//! Heads that are made from the rows of another: those that keep some of its rows, and those that ask for a set of
//! labels.

use super::{Head, Rows};
use crate::error::{Error, Result};

impl Head {
    /// The head of the rows with these ids, in this order: the tokens that compete if all others are removed.
    ///
    /// # Errors
    /// There is no id, the ids do not rise, or the head has no such row.
    pub fn keeping(&self, ids: &[u32]) -> Result<Head> {
        check_ids("the kept rows", ids, self.tokens)?;
        if ids.is_empty() {
            return Err(Error::Invalid("no row is kept".to_owned()));
        }
        let rows: Rows = match &self.rows {
            Rows::F32(numbers) => kept(numbers, ids, self.dim).into(),
            Rows::F64(numbers) => kept(numbers, ids, self.dim).into(),
        };
        let bias = self.bias.as_ref().map(|bias| ids.iter().map(|&t| bias[t as usize]).collect());
        Head::new(rows, bias, ids.len(), self.dim)
    }

    /// The head whose token 0 wins exactly where the logits of the labels in `set` are above 0 and all others below 0.
    ///
    /// Token 0 has a zero row and bias 0. Token `i + 1` has the row `-s w_i` and the bias `-s b_i`, where `s` is 1 for a
    /// label `i` of the set and -1 for any other: its score is below 0 if and only if the logit has the sign `s`
    /// (Grivas, Vergari and Lopez, AAAI 2024, section 3).
    ///
    /// # Errors
    /// The labels do not rise, there is no such label, or the head has as many rows as an id of 32 bits can name.
    pub fn for_label_set(&self, set: &[u32]) -> Result<Head> {
        check_ids("the labels of a set", set, self.tokens)?;
        let rows: Rows = match &self.rows {
            Rows::F32(numbers) => signed(numbers, set, self.dim).into(),
            Rows::F64(numbers) => signed(numbers, set, self.dim).into(),
        };
        let bias = self.bias.as_ref().map(|bias| signed(bias, set, 1));
        Head::new(rows, bias, self.tokens + 1, self.dim)
    }
}

/// Checks that ids rise and belong to a head of `tokens` tokens; `what` is named in errors.
pub(crate) fn check_ids(what: &str, ids: &[u32], tokens: usize) -> Result<()> {
    if ids.windows(2).any(|w| w[0] >= w[1]) {
        return Err(Error::Invalid(format!("{what} are not a rising list of ids")));
    }
    match ids.last() {
        Some(&last) if last as usize >= tokens => {
            Err(Error::Invalid(format!("{what} name row {last}, but the head has {tokens} rows")))
        }
        _ => Ok(()),
    }
}

/// The rows with these ids of row-major numbers of `width` columns.
fn kept<T: Copy>(numbers: &[T], ids: &[u32], width: usize) -> Vec<T> {
    let mut kept = Vec::with_capacity(ids.len() * width);
    ids.iter().for_each(|&t| kept.extend_from_slice(&numbers[t as usize * width..][..width]));
    kept
}

/// A row of zeros, then each row: negated if its id is in `set`.
fn signed<T>(numbers: &[T], set: &[u32], width: usize) -> Vec<T>
where
    T: Copy + Default + std::ops::Neg<Output = T>,
{
    let mut out = vec![T::default(); width];
    out.reserve_exact(numbers.len());
    for (i, row) in numbers.chunks_exact(width).enumerate() {
        match set.binary_search(&(i as u32)) {
            Ok(_) => out.extend(row.iter().map(|&x| -x)),
            Err(_) => out.extend_from_slice(row),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_rows_keep_their_numbers_width_and_bias() {
        let head =
            Head::new(vec![1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0], Some(vec![0.1, 0.2, 0.3]), 3, 2);
        let head = head.unwrap();
        let some = head.keeping(&[0, 2]).unwrap();
        assert_eq!(some.row(1).collect::<Vec<_>>(), [5.0, 6.0]);
        assert_eq!((some.tokens(), some.bias(1)), (2, 0.3));
        let direct = Head::new(vec![1.0f32, 2.0, 5.0, 6.0], Some(vec![0.1, 0.3]), 2, 2).unwrap();
        assert_eq!(some.sha256(), direct.sha256());
        for (ids, says) in
            [(&[][..], "no row"), (&[1, 1], "rising"), (&[2, 0], "rising"), (&[3], "row 3")]
        {
            let said = head.keeping(ids).unwrap_err().to_string();
            assert!(said.contains(says), "{said}");
        }
    }

    #[test]
    fn the_first_token_wins_where_the_logits_have_the_signs_of_the_set() {
        let head = Head::new(vec![1.0f32, 0.0, 0.0, 1.0], Some(vec![0.5, -0.25]), 2, 2).unwrap();
        let asked = head.for_label_set(&[1]).unwrap();
        assert_eq!((asked.tokens(), asked.bias(0)), (3, 0.0));
        assert_eq!(
            asked.row(0).chain(asked.row(1)).chain(asked.row(2)).collect::<Vec<_>>(),
            [0.0, 0.0, 1.0, 0.0, 0.0, -1.0]
        );
        assert_eq!((asked.bias(1), asked.bias(2)), (0.5, 0.25));
        // At (-1, 1) label 0 scores -0.5 and label 1 scores 0.75: exactly the set {1}.
        let at = [-1.0, 1.0];
        assert!((1..3).all(|t| asked.score(t, &at) < asked.score(0, &at)));
        assert!(head.for_label_set(&[2]).is_err() && head.for_label_set(&[1, 0]).is_err());
    }
}
