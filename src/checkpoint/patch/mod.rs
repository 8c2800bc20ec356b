//! Replaces the numbers of one tensor in a file; every other byte stays as it is.
//!
//! A reader says where the numbers of a tensor lie ([`Place`]). Only numbers that change are encoded anew, so the others keep
//! their bits. In a zip archive (`.npz`, PyTorch) the checksum of the member changes with it, and where the member is
//! deflated it is compressed anew, so that what follows it moves; see [`zip`].

mod zip;

use std::io::{self, Write};
use std::ops::Range;
use std::path::Path;

use half::{bf16, f16};

use super::bytes::Bytes;
use super::decode::ByteOrder;
use super::{Dtype, TensorInfo, Values, elements};
use crate::error::{Error, Result};

/// Where the numbers of a tensor of floats lie in a file.
#[derive(Clone, Debug)]
pub struct Place {
    /// The name of the tensor, for errors.
    pub(super) name: String,
    /// The whole file.
    pub(super) file: Bytes,
    /// The bytes in the file, or in a member of the zip archive that the file is, from the first number to the last.
    pub(super) range: Range<usize>,
    /// The index of that member; `None` where the numbers lie in the file itself.
    pub(super) member: Option<usize>,
    pub(super) dtype: Dtype,
    pub(super) order: ByteOrder,
    /// The shape, outermost dimension first.
    pub(super) shape: Vec<usize>,
    /// For each dimension the distance of two neighbours, in numbers.
    pub(super) strides: Vec<usize>,
}

/// The strides of a tensor of this shape that is stored row-major.
pub(super) fn row_major(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for k in (1..shape.len()).rev() {
        strides[k - 1] = strides[k] * shape[k].max(1);
    }
    strides
}

/// A file with some of its bytes replaced.
#[derive(Debug)]
pub struct Patched {
    file: Bytes,
    /// What takes the place of which bytes, in the order of the file; ranges do not overlap.
    edits: Vec<(Range<usize>, Vec<u8>)>,
    /// Whether a member of a zip archive was compressed anew.
    recompressed: bool,
}

impl Place {
    /// Makes the place of a tensor that is stored row-major in `range` of `file`.
    ///
    /// # Errors
    /// An element type that is no plain float.
    pub(super) fn of(
        info: &TensorInfo,
        file: &Bytes,
        range: Range<usize>,
        order: ByteOrder,
    ) -> Result<Self> {
        if !matches!(info.dtype, Dtype::F16 | Dtype::Bf16 | Dtype::F32 | Dtype::F64) {
            return Err(Error::malformed(
                file.label(),
                format!(
                    "tensor `{}` is stored as {}, and only plain floats (f16, bf16, f32, f64) are replaced: repair the \
                     model before it is quantised",
                    info.name, info.dtype
                ),
            ));
        }
        Ok(Place {
            name: info.name.clone(),
            file: file.clone(),
            range,
            member: None,
            dtype: info.dtype.clone(),
            order,
            shape: info.shape.clone(),
            strides: row_major(&info.shape),
        })
    }

    /// The same place in a member of the zip archive `file`.
    pub(super) fn in_member(self, member: usize) -> Self {
        Place { member: Some(member), ..self }
    }

    /// The same place, `by` bytes later.
    pub(super) fn shifted(self, by: usize) -> Self {
        let range = self.range.start + by..self.range.end + by;
        Place { range, ..self }
    }

    /// The same place with other strides.
    pub(super) fn with_strides(self, strides: Vec<usize>) -> Self {
        Place { strides, ..self }
    }

    /// Returns the name of the tensor in the file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the file that holds the numbers.
    pub fn file(&self) -> &Path {
        self.file.label()
    }

    /// Returns the element type in which they are stored.
    pub fn dtype(&self) -> &Dtype {
        &self.dtype
    }

    /// Whether two tensors of one file have bytes in common.
    pub fn overlaps(&self, other: &Place) -> bool {
        self.file.label() == other.file.label()
            && self.member == other.member
            && self.range.start < other.range.end
            && other.range.start < self.range.end
    }

    /// Replaces the numbers that differ between `before`, what the reader decoded, and `after`, which must be representable
    /// in the element type; both are row-major.
    ///
    /// # Errors
    /// A number that the element type does not have, and a member of an archive that cannot be replaced.
    pub fn patched(&self, before: &Values, after: &Values) -> Result<Patched> {
        let refuse = |problem: String| {
            Error::malformed(
                self.file.label(),
                format!("tensor `{}` cannot be replaced: {problem}", self.name),
            )
        };
        let count = elements(&self.shape).unwrap_or(0);
        if before.len() != count || after.len() != count {
            return Err(Error::Internal(format!(
                "{} and {} numbers for the shape {:?}",
                before.len(),
                after.len(),
                self.shape
            )));
        }
        match self.member {
            None => {
                let mut bytes = self.file[self.range.clone()].to_vec();
                self.write(before, after, &mut bytes).map_err(refuse)?;
                let edits = vec![(self.range.clone(), bytes)];
                Ok(Patched { file: self.file.clone(), edits, recompressed: false })
            }
            Some(member) => {
                let change = |content: &mut [u8]| {
                    let bytes =
                        content.get_mut(self.range.clone()).ok_or("its member is cut short")?;
                    self.write(before, after, bytes)
                };
                let (edits, recompressed) =
                    zip::replaced(&self.file, member, change).map_err(refuse)?;
                Ok(Patched { file: self.file.clone(), edits, recompressed })
            }
        }
    }

    /// Writes the numbers that differ into the stored bytes.
    fn write(&self, before: &Values, after: &Values, bytes: &mut [u8]) -> Result<(), String> {
        let at = |values: &Values, i: usize| match values {
            Values::F32(x) => f64::from(x[i]),
            Values::F64(x) => x[i],
        };
        let mut index = vec![0usize; self.shape.len()];
        for i in 0..before.len() {
            let (old, new) = (at(before, i), at(after, i));
            if old.to_bits() != new.to_bits() {
                let place: usize = index.iter().zip(&self.strides).map(|(i, s)| i * s).sum();
                let encoded = encoded(&self.dtype, self.order, new)?;
                let from = place * encoded.len();
                let stored = bytes
                    .get_mut(from..from + encoded.len())
                    .ok_or("its numbers end beyond its bytes")?;
                stored.copy_from_slice(&encoded);
            }
            for (k, d) in index.iter_mut().zip(&self.shape).rev() {
                *k += 1;
                if *k < *d {
                    break;
                }
                *k = 0;
            }
        }
        Ok(())
    }
}

/// Encodes one number, which must be one of the element type.
fn encoded(dtype: &Dtype, order: ByteOrder, x: f64) -> Result<Vec<u8>, String> {
    let (mut bytes, back) = match dtype {
        Dtype::F16 => {
            let y = f16::from_f64(x);
            (y.to_le_bytes().to_vec(), y.to_f64())
        }
        Dtype::Bf16 => {
            let y = bf16::from_f64(x);
            (y.to_le_bytes().to_vec(), y.to_f64())
        }
        Dtype::F32 => ((x as f32).to_le_bytes().to_vec(), f64::from(x as f32)),
        Dtype::F64 => (x.to_le_bytes().to_vec(), x),
        other => return Err(format!("its element type {other} holds no plain floats")),
    };
    if back != x {
        return Err(format!("{x:?} is no number of its element type {dtype}"));
    }
    if order == ByteOrder::Big {
        bytes.reverse();
    }
    Ok(bytes)
}

impl Patched {
    /// Whether a deflated member of a zip archive was compressed anew, so that its length and what follows it changed.
    pub fn is_recompressed(&self) -> bool {
        self.recompressed
    }

    /// Writes the whole file.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let mut at = 0;
        for (range, bytes) in &self.edits {
            out.write_all(&self.file[at..range.start])?;
            out.write_all(bytes)?;
            at = range.end;
        }
        out.write_all(&self.file[at..])
    }
}
