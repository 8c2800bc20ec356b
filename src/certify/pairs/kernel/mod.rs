//! Kernels for products of 8-bit integers: they multiply a tile of tokens by a block of rows and compare with limits.
//!
//! Integer sums are exact, so every kernel gives the same masks, and files do not depend on the machine. A [`Kernel`]
//! is one implementation that this machine can run. `vectors` holds those that need `unsafe` code, one type for each
//! instruction set; `portable` is plain Rust.
//!
//! The NEON kernel was compiled and tested under an emulator of ARMv8.2; it was never timed.
//!
//! # Costs, and why no crate is used
//! `cargo bench -p unargmax-benches` compares all kernels and two crates on one thread: 64 tokens
//! against 2048 rows. The table shows the best runs on a shared Zen 5, whose two 512-bit units then did 560e9
//! products a second on registers alone. In 10^9 products a second:
//!
//! | coordinates | vnni | avx-vnni | avx2 | portable | rten-gemm 0.27 | gemmkit 0.1 |
//! |---|---|---|---|---|---|---|
//! | 48 | 470 | 224 | 87 | 81 | 143 | 105 |
//! | 128 | 515 | 236 | 98 | 93 | 253 | 133 |
//! | 232 | 530 | 232 | 101 | 97 | 348 | 143 |
//! | 576 | 534 | 233 | 105 | 100 | 398 | 134 |
//!
//! The portable kernel is compiled for AVX-512 there; compiled for AVX2 alone it did 38 to 44.
//!
//! The crates write each product as 32 bits, to be compared with the limits afterwards; a kernel returns one bit for
//! each product from its registers, and only for the blocks and tokens that are still open. Also, rten-gemm 0.27 is
//! not exact on machines with only AVX2: it adds pairs of products in 16 bits with saturation. So the crates are used
//! only for comparison in the benchmark.

use std::sync::LazyLock;

mod portable;
mod vectors;

use crate::error::{Error, Result};

/// The number of rows in a block.
pub const BLOCK: usize = 32;
/// The number of tokens in a tile.
pub const TILE: usize = 8;

/// An implementation of the products that this machine can run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernel(Way);

/// The implementation behind a [`Kernel`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    #[cfg(target_arch = "x86_64")]
    Vnni(vectors::Vnni),
    #[cfg(target_arch = "x86_64")]
    AvxVnni(vectors::AvxVnni),
    #[cfg(target_arch = "x86_64")]
    Avx2(vectors::Avx2),
    #[cfg(target_arch = "aarch64")]
    Neon(vectors::Neon),
    Portable,
}

/// The fastest kernel of this machine, detected once.
static BEST: LazyLock<Kernel> = LazyLock::new(|| Kernel::available()[0]);

impl Kernel {
    /// The names of all kernels, including those of other machines.
    pub const NAMES: [&str; 5] = ["vnni", "avx-vnni", "avx2", "neon", "portable"];

    /// The fastest kernel of this machine.
    pub fn best() -> Self {
        *BEST
    }

    /// All kernels of this machine, the fastest first; the last is the portable one.
    pub fn available() -> Vec<Self> {
        Self::NAMES.iter().filter_map(|name| Self::detect(name)).map(Kernel).collect()
    }

    /// The kernel with this name.
    ///
    /// # Errors
    /// The name is not one of [`Kernel::NAMES`], or this machine lacks the kernel.
    pub fn named(name: &str) -> Result<Self> {
        if let Some(way) = Self::detect(name) {
            return Ok(Kernel(way));
        }
        let names: Vec<&str> = Self::available().iter().map(|k| k.name()).collect();
        let problem = if Self::NAMES.contains(&name) {
            "this machine does not have the kernel"
        } else {
            "there is no kernel"
        };
        Err(Error::Invalid(format!("{problem} {name:?}; it has {}", names.join(", "))))
    }

    /// The name, one of [`Kernel::NAMES`].
    pub fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Way::Vnni(_) => "vnni",
            #[cfg(target_arch = "x86_64")]
            Way::AvxVnni(_) => "avx-vnni",
            #[cfg(target_arch = "x86_64")]
            Way::Avx2(_) => "avx2",
            #[cfg(target_arch = "aarch64")]
            Way::Neon(_) => "neon",
            Way::Portable => "portable",
        }
    }

    /// The implementation with this name, if this machine can run it.
    fn detect(name: &str) -> Option<Way> {
        match name {
            #[cfg(target_arch = "x86_64")]
            "vnni" => vectors::Vnni::detect().map(Way::Vnni),
            #[cfg(target_arch = "x86_64")]
            "avx-vnni" => vectors::AvxVnni::detect().map(Way::AvxVnni),
            #[cfg(target_arch = "x86_64")]
            "avx2" => vectors::Avx2::detect().map(Way::Avx2),
            #[cfg(target_arch = "aarch64")]
            "neon" => vectors::Neon::detect().map(Way::Neon),
            "portable" => Some(Way::Portable),
            _ => None,
        }
    }

    /// For each token of a tile, a bit mask of the rows of a block whose integer product is above the token's limit.
    ///
    /// `tokens` holds `prefix / 4 x TILE` words of four signed bytes, `rows` `prefix / 4 x BLOCK x 4` bytes, each of
    /// them an integer plus 128; `offsets` is 128 times the sum of each token's integers.
    ///
    /// # Panics
    /// The slices have other lengths, or the prefix is longer than `2^16`, so that sums could leave 32 bits.
    #[inline]
    pub fn above(
        self,
        tokens: &[i32],
        rows: &[u8],
        offsets: &[i32; TILE],
        limits: &[i32; TILE],
    ) -> [u32; TILE] {
        assert!(tokens.len().is_multiple_of(TILE), "whole tiles");
        assert_eq!(rows.len(), tokens.len() / TILE * BLOCK * 4, "as many rows as words");
        assert!(rows.len() <= BLOCK << 16, "sums within 32 bits");
        // Saturating: a limit that no sum can exceed stays one, and so does one that all sums exceed.
        #[cfg(target_arch = "aarch64")]
        let signed = limits;
        let limits: [i32; TILE] = std::array::from_fn(|i| limits[i].saturating_add(offsets[i]));
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Way::Vnni(way) => way.above(tokens, rows, &limits),
            #[cfg(target_arch = "x86_64")]
            Way::AvxVnni(way) => way.above(tokens, rows, &limits),
            #[cfg(target_arch = "x86_64")]
            Way::Avx2(way) => way.above(tokens, rows, &limits),
            #[cfg(target_arch = "aarch64")]
            // The NEON instruction takes signed bytes, so its sums have no offset.
            Way::Neon(way) => way.above(tokens, rows, signed),
            Way::Portable => portable::above(tokens, rows, &limits),
        }
    }

    /// The scalar product of two rows of integers over the shorter length, for fewer than `2^17` entries.
    #[inline]
    pub fn dot(self, a: &[i8], b: &[i8]) -> i32 {
        let entries = a.len().min(b.len());
        let (a, b) = (&a[..entries], &b[..entries]);
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Way::Vnni(way) => way.dot(a, b),
            #[cfg(target_arch = "x86_64")]
            Way::AvxVnni(way) => way.dot(a, b),
            #[cfg(target_arch = "x86_64")]
            Way::Avx2(way) => way.dot(a, b),
            #[cfg(target_arch = "aarch64")]
            Way::Neon(way) => way.dot(a, b),
            Way::Portable => portable::dot(a, b),
        }
    }
}

/// [`Kernel::dot`] with the fastest kernel of this machine.
#[inline]
pub fn dot(a: &[i8], b: &[i8]) -> i32 {
    Kernel::best().dot(a, b)
}

#[cfg(test)]
mod tests;
