//! The named arrays of a safetensors file: typed lists, lists of lists, and integers of any size.

use std::collections::HashMap;

use num_bigint::BigInt;
use safetensors::tensor::{Dtype, TensorView};

use super::container;

/// An element type of the format, little-endian in the file.
pub trait Element: Copy {
    /// The name of the type in safetensors.
    const DTYPE: Dtype;
    /// The size of one element in bytes.
    const SIZE: usize;
    /// Appends the element to `out`.
    fn put(self, out: &mut Vec<u8>);
    /// Decodes an element from [`Self::SIZE`] bytes.
    fn take(bytes: &[u8]) -> Self;
}

macro_rules! element {
    ($type:ty, $dtype:ident) => {
        impl Element for $type {
            const DTYPE: Dtype = Dtype::$dtype;
            const SIZE: usize = size_of::<$type>();
            fn put(self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }
            fn take(bytes: &[u8]) -> Self {
                let mut own = [0; size_of::<$type>()];
                own.copy_from_slice(bytes);
                <$type>::from_le_bytes(own)
            }
        }
    };
}
element!(u8, U8);
element!(u32, U32);
element!(u64, U64);
element!(f32, F32);
element!(f64, F64);

/// An array: its element type, shape and bytes.
type Array = (Dtype, Vec<usize>, Vec<u8>);

/// Arrays by name.
#[derive(Clone, Debug, Default)]
pub struct Arrays(HashMap<String, Array>);

// What is compiled for each type of records or elements is kept short here; the rest works on bytes and lengths.
impl Arrays {
    /// Adds an array of the given shape; [`Arrays::to_bytes`] refuses a shape that does not fit the values.
    pub fn put<T: Element>(
        &mut self,
        name: String,
        shape: Vec<usize>,
        values: impl IntoIterator<Item = T>,
    ) {
        let mut bytes = Vec::new();
        for value in values {
            value.put(&mut bytes);
        }
        self.0.insert(name, (T::DTYPE, shape, bytes));
    }

    /// Adds a one-dimensional array.
    pub fn put_list<T: Element>(&mut self, name: String, values: impl IntoIterator<Item = T>) {
        let mut bytes = Vec::new();
        for value in values {
            value.put(&mut bytes);
        }
        self.add_list(name, T::DTYPE, T::SIZE, bytes);
    }

    /// Adds a field of all records as a one-dimensional array.
    pub(super) fn put_field<R, T: Element>(
        &mut self,
        name: String,
        records: &[R],
        field: fn(&R) -> T,
    ) {
        let mut bytes = Vec::new();
        for record in records {
            field(record).put(&mut bytes);
        }
        self.add_list(name, T::DTYPE, T::SIZE, bytes);
    }

    /// Adds a one-dimensional array of elements of `size` bytes each.
    fn add_list(&mut self, name: String, dtype: Dtype, size: usize, bytes: Vec<u8>) {
        self.0.insert(name, (dtype, vec![bytes.len() / size], bytes));
    }

    /// Adds the offsets that cut the concatenated lists of all records apart: 0, then the end of each list. Returns the
    /// entries of all lists.
    pub(super) fn join<'a, R, T>(
        &mut self,
        name: String,
        records: &'a [R],
        list: fn(&R) -> &[T],
    ) -> Vec<&'a T> {
        let mut entries = Vec::new();
        let mut ends = Vec::new();
        for record in records {
            for entry in list(record) {
                entries.push(entry);
            }
            ends.push(entries.len());
        }
        self.put_offsets(name, &ends);
        entries
    }

    /// Adds offsets: 0, then the end of each list.
    fn put_offsets(&mut self, name: String, ends: &[usize]) {
        let mut bytes = Vec::new();
        0u64.put(&mut bytes);
        for &end in ends {
            (end as u64).put(&mut bytes);
        }
        self.add_list(name, u64::DTYPE, u64::SIZE, bytes);
    }

    /// Adds lists of ids and the offsets that cut them apart.
    pub(super) fn put_id_lists(&mut self, offsets: String, name: String, lists: &[Vec<u32>]) {
        let ids = self.join(offsets, lists, |list| list);
        self.put_field(name, &ids, |&&id| id);
    }

    /// Adds integers of any size as two's complement little-endian byte strings, with their offsets.
    pub(super) fn put_integers(&mut self, name: &str, integers: &[&BigInt]) {
        let mut bytes = Vec::new();
        let mut ends = Vec::new();
        for integer in integers {
            bytes.extend_from_slice(&integer.to_signed_bytes_le());
            ends.push(bytes.len());
        }
        self.put_offsets(format!("{name}.offsets"), &ends);
        self.add_list(format!("{name}.bytes"), u8::DTYPE, u8::SIZE, bytes);
    }

    /// Serialises the arrays as a safetensors file, with `description` in its metadata.
    ///
    /// # Errors
    /// Those of the safetensors crate: an array whose length does not fit its shape.
    pub fn to_bytes(&self, description: String) -> Result<Vec<u8>, String> {
        let mut views = Vec::with_capacity(self.0.len());
        for (name, (dtype, shape, bytes)) in &self.0 {
            let view = TensorView::new(*dtype, shape.clone(), bytes).map_err(|e| e.to_string())?;
            views.push((name, view));
        }
        // One key, because the order of several is not fixed.
        let metadata = HashMap::from([(container::KEY.to_owned(), description)]);
        safetensors::serialize(views, Some(metadata)).map_err(|e| e.to_string())
    }

    /// Parses a safetensors file into its arrays and its description.
    ///
    /// # Errors
    /// The file is not sound safetensors, or its metadata hold anything but a description.
    pub fn from_bytes(bytes: &[u8]) -> Result<(Self, String), String> {
        let (stored, description) = container::read(bytes)?;
        let mut arrays = Arrays::default();
        for (name, dtype, shape, bytes) in stored {
            arrays.0.insert(name, (dtype, shape, bytes.to_vec()));
        }
        Ok((arrays, description))
    }

    /// Removes an array and returns its elements and shape.
    ///
    /// # Errors
    /// There is no such array, or it has another element type.
    pub fn take<T: Element>(&mut self, name: &str) -> Result<(Vec<T>, Vec<usize>), String> {
        let (shape, bytes) = self.take_bytes(name, T::DTYPE)?;
        Ok((decoded(&bytes), shape))
    }

    fn take_bytes(&mut self, name: &str, expected: Dtype) -> Result<(Vec<usize>, Vec<u8>), String> {
        let (dtype, shape, bytes) =
            self.0.remove(name).ok_or_else(|| format!("the array `{name}` is missing"))?;
        if dtype != expected {
            return Err(format!("the array `{name}` has elements {dtype:?}, not {expected:?}"));
        }
        Ok((shape, bytes))
    }

    /// Removes a one-dimensional array and returns its elements.
    ///
    /// # Errors
    /// As [`Arrays::take`], or another number of dimensions.
    pub fn take_list<T: Element>(&mut self, name: &str) -> Result<Vec<T>, String> {
        Ok(decoded(&self.take_list_bytes(name, T::DTYPE)?))
    }

    fn take_list_bytes(&mut self, name: &str, dtype: Dtype) -> Result<Vec<u8>, String> {
        let (shape, bytes) = self.take_bytes(name, dtype)?;
        match shape.len() {
            1 => Ok(bytes),
            _ => Err(format!("the array `{name}` has shape {shape:?}, not one dimension")),
        }
    }

    /// Removes a one-dimensional array of `length` elements and returns them.
    ///
    /// # Errors
    /// As [`Arrays::take_list`], or another length.
    pub fn take_exactly<T: Element>(
        &mut self,
        name: &str,
        length: usize,
    ) -> Result<Vec<T>, String> {
        let bytes = self.take_list_bytes(name, T::DTYPE)?;
        check_length(name, bytes.len() / T::SIZE, length)?;
        Ok(decoded(&bytes))
    }

    /// Removes the offsets of `count` lists and cuts `values` into those lists.
    ///
    /// # Errors
    /// The offsets do not rise from 0 to the number of values.
    pub fn cut<T: Clone>(
        &mut self,
        name: &str,
        count: usize,
        values: &[T],
    ) -> Result<Vec<Vec<T>>, String> {
        let offsets = self.take_offsets(name, count, values.len())?;
        let mut lists = Vec::with_capacity(count);
        for ends in offsets.windows(2) {
            lists.push(values[ends[0] as usize..ends[1] as usize].to_vec());
        }
        Ok(lists)
    }

    /// Removes the `count + 1` offsets that cut `length` entries into `count` lists.
    fn take_offsets(
        &mut self,
        name: &str,
        count: usize,
        length: usize,
    ) -> Result<Vec<u64>, String> {
        let ends = count.checked_add(1).ok_or_else(|| format!("{count} lists are too many"))?;
        let offsets: Vec<u64> = self.take_exactly(name, ends)?;
        if offsets[0] == 0 && offsets.is_sorted() && offsets[count] == length as u64 {
            Ok(offsets)
        } else {
            Err(format!("the offsets `{name}` do not cut {length} entries into {count} lists"))
        }
    }

    /// Removes offsets and cuts `values` into as many lists as they give.
    ///
    /// # Errors
    /// As [`Arrays::cut`].
    pub fn cut_all<T: Clone>(&mut self, name: &str, values: &[T]) -> Result<Vec<Vec<T>>, String> {
        let ends = self.0.get(name).and_then(|array| array.1.first()).copied().unwrap_or(1);
        self.cut(name, ends.saturating_sub(1), values)
    }

    /// Removes `count` integers of any size and returns them.
    ///
    /// # Errors
    /// As [`Arrays::cut`].
    pub fn take_integers(&mut self, name: &str, count: usize) -> Result<Vec<BigInt>, String> {
        let bytes: Vec<u8> = self.take_list(&format!("{name}.bytes"))?;
        let offsets = self.take_offsets(&format!("{name}.offsets"), count, bytes.len())?;
        let mut integers = Vec::with_capacity(count);
        for ends in offsets.windows(2) {
            let string = &bytes[ends[0] as usize..ends[1] as usize];
            integers.push(BigInt::from_signed_bytes_le(string));
        }
        Ok(integers)
    }

    /// Whether there is an array of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The names of the arrays that were not taken, in no order; a reader that knows the whole format expects none.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// The elements in these bytes.
fn decoded<T: Element>(bytes: &[u8]) -> Vec<T> {
    let mut values = Vec::with_capacity(bytes.len() / T::SIZE);
    for bytes in bytes.chunks_exact(T::SIZE) {
        values.push(T::take(bytes));
    }
    values
}

fn check_length(name: &str, length: usize, expected: usize) -> Result<(), String> {
    if length == expected {
        return Ok(());
    }
    Err(format!("the array `{name}` has {length} entries, not {expected}"))
}

/// Pairs of the elements of two lists of the same length.
pub(super) fn paired<A, B>(first: Vec<A>, second: Vec<B>) -> Vec<(A, B)> {
    let mut pairs = Vec::with_capacity(first.len());
    for pair in first.into_iter().zip(second) {
        pairs.push(pair);
    }
    pairs
}
