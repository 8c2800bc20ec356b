//! The named arrays of a safetensors file: typed lists, lists of lists, and integers of any size.

use std::collections::{BTreeMap, HashMap};

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
pub struct Arrays(BTreeMap<String, Array>);

impl Arrays {
    /// Adds an array of the given shape; [`Arrays::to_bytes`] refuses a shape that does not fit the values.
    pub fn put<T: Element>(
        &mut self,
        name: String,
        shape: Vec<usize>,
        values: impl IntoIterator<Item = T>,
    ) {
        let mut bytes = Vec::new();
        values.into_iter().for_each(|x| x.put(&mut bytes));
        self.0.insert(name, (T::DTYPE, shape, bytes));
    }

    /// Adds a one-dimensional array.
    pub fn put_list<T: Element>(&mut self, name: String, values: impl IntoIterator<Item = T>) {
        let values: Vec<T> = values.into_iter().collect();
        self.put(name, vec![values.len()], values);
    }

    /// Adds the offsets that cut concatenated lists apart: 0, then the end of each list.
    pub fn put_offsets(&mut self, name: String, lengths: impl IntoIterator<Item = usize>) {
        let mut end = 0u64;
        let ends = lengths.into_iter().map(|length| {
            end += length as u64;
            end
        });
        let offsets: Vec<u64> = std::iter::once(0).chain(ends).collect();
        self.put_list(name, offsets);
    }

    /// Adds integers of any size as two's complement little-endian byte strings, with their offsets.
    pub fn put_integers<'a>(&mut self, name: &str, integers: impl IntoIterator<Item = &'a BigInt>) {
        let strings: Vec<Vec<u8>> = integers.into_iter().map(BigInt::to_signed_bytes_le).collect();
        self.put_offsets(format!("{name}.offsets"), strings.iter().map(Vec::len));
        self.put_list(format!("{name}.bytes"), strings.into_iter().flatten());
    }

    /// Serialises the arrays as a safetensors file, with `description` in its metadata.
    ///
    /// # Errors
    /// Those of the safetensors crate: an array whose length does not fit its shape.
    pub fn to_bytes(&self, description: String) -> Result<Vec<u8>, String> {
        let views = self
            .0
            .iter()
            .map(|(name, (dtype, shape, bytes))| {
                TensorView::new(*dtype, shape.clone(), bytes)
                    .map(|view| (name, view))
                    .map_err(|e| e.to_string())
            })
            .collect::<Result<Vec<_>, _>>()?;
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
        let arrays = stored
            .into_iter()
            .map(|(name, dtype, shape, bytes)| (name, (dtype, shape, bytes.to_vec())));
        Ok((Arrays(arrays.collect()), description))
    }

    /// Removes an array and returns its elements and shape.
    ///
    /// # Errors
    /// There is no such array, or it has another element type.
    pub fn take<T: Element>(&mut self, name: &str) -> Result<(Vec<T>, Vec<usize>), String> {
        let (dtype, shape, bytes) =
            self.0.remove(name).ok_or_else(|| format!("the array `{name}` is missing"))?;
        if dtype != T::DTYPE {
            return Err(format!("the array `{name}` has elements {dtype:?}, not {:?}", T::DTYPE));
        }
        Ok((bytes.chunks_exact(T::SIZE).map(T::take).collect(), shape))
    }

    /// Removes a one-dimensional array and returns its elements.
    ///
    /// # Errors
    /// As [`Arrays::take`], or another number of dimensions.
    pub fn take_list<T: Element>(&mut self, name: &str) -> Result<Vec<T>, String> {
        let (values, shape) = self.take(name)?;
        if shape.len() == 1 {
            Ok(values)
        } else {
            Err(format!("the array `{name}` has shape {shape:?}, not one dimension"))
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
        let values: Vec<T> = self.take_list(name)?;
        if values.len() == length {
            Ok(values)
        } else {
            Err(format!("the array `{name}` has {} entries, not {length}", values.len()))
        }
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
        let ends = count.checked_add(1).ok_or_else(|| format!("{count} lists are too many"))?;
        let offsets: Vec<u64> = self.take_exactly(name, ends)?;
        let sound = offsets[0] == 0
            && offsets.windows(2).all(|w| w[0] <= w[1])
            && offsets[count] == values.len() as u64;
        if !sound {
            return Err(format!(
                "the offsets `{name}` do not cut {} entries into {count} lists",
                values.len()
            ));
        }
        Ok(offsets.windows(2).map(|w| values[w[0] as usize..w[1] as usize].to_vec()).collect())
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
        let strings = self.cut(&format!("{name}.offsets"), count, &bytes)?;
        Ok(strings.iter().map(|s| BigInt::from_signed_bytes_le(s)).collect())
    }

    /// The names of the arrays that were not taken; a reader that knows the whole format expects none.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}
