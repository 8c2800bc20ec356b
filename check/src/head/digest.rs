//! The identity of a head: a hash of its decoded numbers, independent of file and format.

use sha2::{Digest, Sha256};

use super::{Head, Rows};
use crate::parallel;

/// The number of bytes hashed as one leaf.
const LEAF: usize = 1 << 20;

impl Head {
    /// SHA-256 of the decoded rows and bias, in hexadecimal.
    ///
    /// The message is the text `unargmax head 1\n`, then `V` and `d` as little-endian u64, then
    /// one byte for the element width of the rows (4 or 8) and one for the presence of a bias (0 or
    /// 1), then a SHA-256 digest (32 bytes) of each consecutive 2^20-byte piece of the rows
    /// (row-major, little-endian IEEE numbers, -0 kept; the last piece may be shorter), then the
    /// digest of the bias as little-endian float64 when there is one. Hashing pieces lets all cores work.
    pub fn sha256(&self) -> String {
        self.digest.get_or_init(|| self.hash()).clone()
    }

    /// Computes the digest.
    fn hash(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(b"unargmax head 1\n");
        hash.update((self.tokens as u64).to_le_bytes());
        hash.update((self.dim as u64).to_le_bytes());
        let width = match self.rows {
            Rows::F32(_) => 4,
            Rows::F64(_) => 8,
        };
        hash.update([width, u8::from(self.bias.is_some())]);
        let leaves: Vec<_> = match &self.rows {
            Rows::F32(x) => parallel::map_ranges(x.len(), LEAF / 4, &|range| {
                leaf(&x[range], |v| v.to_le_bytes())
            }),
            Rows::F64(x) => parallel::map_ranges(x.len(), LEAF / 8, &|range| {
                leaf(&x[range], |v| v.to_le_bytes())
            }),
        };
        leaves.iter().for_each(|digest| hash.update(digest));
        if let Some(bias) = &self.bias {
            hash.update(leaf(bias, |v| v.to_le_bytes()));
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The digest of one piece of numbers.
fn leaf<T: Copy, const N: usize>(numbers: &[T], bytes: impl Fn(T) -> [u8; N]) -> Vec<u8> {
    let mut buffer = Vec::with_capacity(N * numbers.len());
    numbers.iter().for_each(|&x| buffer.extend_from_slice(&bytes(x)));
    Sha256::digest(buffer).to_vec()
}
