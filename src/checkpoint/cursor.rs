//! A bounds-checked reader of the little-endian fields of a header.

/// A position in the bytes of a file, and the reads from there on.
#[derive(Clone, Debug)]
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// Starts at offset `at` of `bytes`.
    pub fn new(bytes: &'a [u8], at: usize) -> Self {
        Cursor { bytes, at: at.min(bytes.len()) }
    }

    /// Returns the offset in the file.
    pub fn at(&self) -> usize {
        self.at
    }

    /// Returns the number of bytes that follow.
    pub fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// Takes the next `n` bytes; an error where fewer follow.
    pub fn take(&mut self, n: usize) -> Result<&'a [u8], String> {
        if n > self.left() {
            return Err(format!(
                "{n} bytes are wanted at offset {}, but only {} follow; is the file complete?",
                self.at,
                self.left()
            ));
        }
        let taken = &self.bytes[self.at..self.at + n];
        self.at += n;
        Ok(taken)
    }

    /// Takes the next `N` bytes as an array.
    pub fn fixed<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let taken = self.take(N)?;
        taken.first_chunk().copied().ok_or_else(|| "a field is cut short".into())
    }

    pub fn u32(&mut self) -> Result<u32, String> {
        self.fixed().map(u32::from_le_bytes)
    }

    pub fn u64(&mut self) -> Result<u64, String> {
        self.fixed().map(u64::from_le_bytes)
    }

    /// Reads a count of items that take at least `least` bytes each, and refuses one that the file cannot hold.
    pub fn count(&mut self, least: usize, what: &str) -> Result<usize, String> {
        let from = self.at;
        let claimed = self.u64()?;
        match usize::try_from(claimed) {
            Ok(count) if count <= self.left() / least.max(1) => Ok(count),
            _ => Err(format!(
                "{claimed} {what} are claimed at offset {from}, but only {} bytes follow; is the file complete?",
                self.left()
            )),
        }
    }

    /// Reads a length and as many bytes.
    pub fn string(&mut self) -> Result<&'a [u8], String> {
        let length = self.count(1, "bytes of a string")?;
        self.take(length)
    }

    /// Reads a string that must be UTF-8; `what` names it in errors.
    pub fn name(&mut self, what: &str) -> Result<&'a str, String> {
        let from = self.at;
        std::str::from_utf8(self.string()?)
            .map_err(|_| format!("the {what} at offset {from} is not UTF-8"))
    }
}
