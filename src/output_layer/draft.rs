//! The rows that the draft head of speculative decoding has: the tensor `d2t` of an EAGLE-3 checkpoint (Li et al.,
//! 2025). Draft token `i` stands for token `i + d2t[i]` of the target model. `t2d`, a mask over the target's tokens,
//! says the same in another way.

use std::path::Path;

use crate::checkpoint::{self, Checkpoint};
use crate::error::{Error, Result};

/// The tensor of offsets, one for each draft token.
const OFFSETS: &str = "d2t";
/// The mask of the target's tokens that the draft has.
const MASK: &str = "t2d";

/// Reads from a checkpoint which tokens of the target model the draft tokens stand for, ids rising.
///
/// # Errors
/// As [`targets`], and a checkpoint that cannot be opened.
pub fn targets_of(path: &Path) -> Result<Vec<u32>> {
    targets(checkpoint::open(path)?.as_ref(), path)
}

/// Reads which tokens of the target model the draft tokens of a checkpoint stand for, ids rising. `d2t` holds offsets,
/// as EAGLE-3 defines it, unless the mask `t2d` says that it holds the ids themselves.
///
/// # Errors
/// There is no tensor `d2t`, it holds no integers, its ids do not rise or are no ids, or it contradicts the mask.
pub fn targets(checkpoint: &dyn Checkpoint, path: &Path) -> Result<Vec<u32>> {
    let has = |name: &str| checkpoint.tensors().iter().any(|tensor| tensor.name == name);
    let fail = |problem: String| Err(Error::malformed(path, format!("`{OFFSETS}`: {problem}")));
    if !has(OFFSETS) {
        return fail("there is no such tensor, which the draft heads of EAGLE-3 have".to_owned());
    }
    let stored = checkpoint.integers(OFFSETS)?;
    let summed: Option<Vec<i64>> =
        stored.iter().zip(0..).map(|(&offset, i)| i64::checked_add(offset, i)).collect();
    let readings = [summed.as_deref(), Some(&stored)].map(|ids| ids.and_then(rising));
    let [by_offset, by_id] = readings;
    if !has(MASK) {
        return match by_offset {
            Some(ids) => Ok(ids),
            None => fail(
                "i + d2t[i] is no rising list of ids; without a mask `t2d` it must hold offsets"
                    .to_owned(),
            ),
        };
    }
    let mask = checkpoint.integers(MASK)?;
    let kept: Vec<u32> = (0u32..).zip(&mask).filter(|(_, m)| **m != 0).map(|(t, _)| t).collect();
    match [by_offset, by_id].into_iter().flatten().find(|ids| *ids == kept) {
        Some(ids) => Ok(ids),
        None => fail(format!(
            "neither its offsets nor its numbers give the {} tokens that the mask `{MASK}` keeps",
            kept.len()
        )),
    }
}

/// The numbers as ids, if they are ids and rise.
fn rising(numbers: &[i64]) -> Option<Vec<u32>> {
    let ids: Vec<u32> = numbers.iter().map(|&n| u32::try_from(n).ok()).collect::<Option<_>>()?;
    (!ids.is_empty() && ids.windows(2).all(|w| w[0] < w[1])).then_some(ids)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::bytes::Bytes;
    use crate::checkpoint::from_bytes;
    use safetensors::tensor::{Dtype, TensorView, serialize};

    /// What is read from a file with these tensors.
    fn read(d2t: &[i64], t2d: Option<&[u8]>) -> Result<Vec<u32>> {
        let numbers: Vec<u8> = d2t.iter().flat_map(|n| n.to_le_bytes()).collect();
        let mut views =
            vec![("d2t", TensorView::new(Dtype::I64, vec![d2t.len()], &numbers).unwrap())];
        views.extend(t2d.map(|m| ("t2d", TensorView::new(Dtype::BOOL, vec![m.len()], m).unwrap())));
        let bytes = serialize(views, None).unwrap();
        let path = Path::new("draft.safetensors");
        targets(from_bytes(Bytes::new(bytes, path))?.as_ref(), path)
    }

    #[test]
    fn d2t_holds_offsets_unless_the_mask_says_that_it_holds_ids() {
        assert_eq!(read(&[0, 1, 1, 4], None).unwrap(), [0, 2, 3, 7]);
        assert_eq!(read(&[0, 1, 1], Some(&[1, 0, 1, 1, 0])).unwrap(), [0, 2, 3]);
        assert_eq!(read(&[0, 2, 3], Some(&[1, 0, 1, 1, 0])).unwrap(), [0, 2, 3]);
        assert!(
            read(&[0, 1, 1], Some(&[1, 1, 1, 1, 0])).unwrap_err().to_string().contains("4 tokens")
        );
        assert!(read(&[5, 1], None).unwrap_err().to_string().contains("no rising list"));
        assert!(read(&[-1, 1], None).unwrap_err().to_string().contains("no rising list"));
        assert!(read(&[i64::MAX, i64::MAX], None).is_err());
    }
}
