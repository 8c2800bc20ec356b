//! Lists the matrices of a checkpoint that could be a head, for errors and for `inspect`.

use super::pairing;
use super::stored::{Stored, described, matrix_shape};
use crate::checkpoint::{Dtype, TensorInfo};

/// Parts of the names of recurrent layers, which are not heads.
const RECURRENT: [&str; 8] = ["_hh", "_ih", "hh_", "ih_", "recurrent", "lstm", "gru", "rnn"];

impl<'a> Stored<'a> {
    /// Lists the matrices that look most like heads, the likeliest first: those with a bias of their own, then
    /// others, last those of recurrent layers; the longest first. Only matrices whose numbers can be read are listed,
    /// if there are any.
    pub fn candidates(&self) -> Vec<&'a TensorInfo> {
        let mut matrices: Vec<&TensorInfo> = self.matrices().collect();
        // A matrix that cannot be a head is listed only if there is no other.
        for unlikely in [
            |t: &TensorInfo| matches!(t.dtype, Dtype::Other(_)),
            |t: &TensorInfo| {
                matrix_shape(&t.shape).is_none_or(|sides| sides.contains(&1) || sides.contains(&0))
            },
        ] {
            if matrices.iter().any(|t| !unlikely(t)) {
                matrices.retain(|t| !unlikely(t));
            }
        }
        matrices.sort_by_cached_key(|t| {
            let recurrent = RECURRENT.iter().any(|part| t.name.contains(part));
            let bias = !recurrent && pairing::named_bias(self, &t.name).is_some();
            (recurrent, !bias, std::cmp::Reverse(t.shape.iter().max().copied()))
        });
        matrices
    }

    /// Returns the end of an error message: the matrices that look most like heads, and the longest one, which may be
    /// an embedding.
    pub fn listed(&self) -> String {
        const SHOWN: usize = 6;
        let matrices = self.candidates();
        let mut shown: Vec<&TensorInfo> = matrices.iter().copied().take(SHOWN).collect();
        let longest = matrices.iter().copied().max_by_key(|t| t.shape.iter().max());
        if let (Some(longest), Some(last)) = (longest, shown.last_mut())
            && matrices
                .iter()
                .take(SHOWN)
                .all(|t| t.shape.iter().max() < longest.shape.iter().max())
        {
            *last = longest;
        }
        if shown.is_empty() {
            return String::new();
        }
        let names: Vec<String> = shown.iter().map(|t| described(&t.name, t)).collect();
        let more = match matrices.len() - shown.len() {
            0 => String::new(),
            rest => format!(" and {rest} more"),
        };
        format!("; the matrices are {}{more}", names.join(", "))
    }
}
