//! Reads a file with one NumPy array (`.npy`), which is named by the stem of its file name.
//!
//! Versions 1 to 3, little- and big-endian f2, f4 and f8, C and Fortran order, any rank; the
//! numbers come back row-major. Other element types are listed and refused when read, with the reason.

mod header;

use std::path::Path;

use super::bytes::Bytes;
use super::decode::{floats, zeros};
use super::patch::Place;
use super::{Checkpoint, FileFormat, Tensor, TensorInfo, Values, find};
use crate::error::Result;

pub(crate) use header::{Header, MAGIC};

/// An opened `.npy` file.
#[derive(Debug)]
pub struct Npy {
    bytes: Bytes,
    header: Header,
    /// The only array of the file.
    tensors: [TensorInfo; 1],
}

impl FileFormat for Npy {
    /// Parses the header of `bytes`.
    ///
    /// # Errors
    /// A header that is not valid or does not fit the number of bytes.
    fn parse(bytes: Bytes) -> Result<Self> {
        let header =
            Header::parse(&bytes, bytes.len()).map_err(|problem| bytes.malformed(problem))?;
        let name = bytes.label().file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let tensors =
            [TensorInfo { name, dtype: header.dtype.clone(), shape: header.shape.clone() }];
        Ok(Npy { bytes, header, tensors })
    }
}

impl Checkpoint for Npy {
    fn format(&self) -> &'static str {
        "npy"
    }

    fn tensors(&self) -> &[TensorInfo] {
        &self.tensors
    }

    fn folder(&self) -> Option<&Path> {
        self.bytes.folder()
    }

    fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read(&self, name: &str) -> Result<Tensor> {
        let at = find(&self.tensors, name, self.bytes.label())?;
        let values = decode(&self.header, &self.bytes).map_err(|problem| {
            self.bytes.malformed(format!("array `{name}` cannot be read: {problem}"))
        })?;
        Ok(Tensor { info: self.tensors[at].clone(), values })
    }

    fn place(&self, name: &str) -> Result<Place> {
        let at = find(&self.tensors, name, self.bytes.label())?;
        place(&self.header, &self.tensors[at], &self.bytes, self.bytes.len())
    }
}

/// The place of an array whose file begins with `header` and has `length` bytes; `file` is that file or the archive that it
/// is a member of.
///
/// # Errors
/// Elements that are no floats.
pub(crate) fn place(
    header: &Header,
    info: &TensorInfo,
    file: &Bytes,
    length: usize,
) -> Result<Place> {
    let place = Place::of(info, file, header.start..length, header.order)?;
    Ok(match header.fortran {
        false => place,
        true => {
            let first_fastest = |n: &mut usize, d: &usize| {
                let stride = *n;
                *n *= d.max(&1);
                Some(stride)
            };
            place.with_strides(header.shape.iter().scan(1, first_fastest).collect())
        }
    })
}

/// Decodes the array file `bytes`, row-major.
///
/// # Errors
/// An array that cannot be decoded; the error is a sentence without the name of the array.
pub(crate) fn decode(header: &Header, bytes: &[u8]) -> Result<Values, String> {
    if let Some(refusal) = &header.refusal {
        return Err(refusal.clone());
    }
    let stored = bytes.get(header.start..).ok_or("its data are cut short")?;
    let values = floats(&header.dtype, header.order, stored)?;
    if !header.fortran || header.shape.len() < 2 {
        return Ok(values);
    }
    match values {
        Values::F32(numbers) => to_row_major(&numbers, &header.shape).map(Values::F32),
        Values::F64(numbers) => to_row_major(&numbers, &header.shape).map(Values::F64),
    }
}

/// Reorders `numbers`, whose first dimension is contiguous, so that the last one is.
fn to_row_major<T: Copy + Default>(numbers: &[T], shape: &[usize]) -> Result<Vec<T>, String> {
    let mut ordered = zeros(numbers.len())?;
    let Some((&width, outer)) = shape.split_last() else {
        return Ok(ordered);
    };
    if numbers.is_empty() {
        return Ok(ordered);
    }
    // In the stored order the last dimension has the largest stride: the product of all others.
    let stride = numbers.len() / width;
    let mut index = vec![0; outer.len()];
    for row in ordered.chunks_exact_mut(width) {
        let first = index.iter().zip(outer).rev().fold(0, |at, (&i, &d)| at * d + i);
        for (number, stored) in row.iter_mut().zip(numbers[first..].iter().step_by(stride)) {
            *number = *stored;
        }
        for (i, &d) in index.iter_mut().zip(outer).rev() {
            *i += 1;
            if *i < d {
                break;
            }
            *i = 0;
        }
    }
    Ok(ordered)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::Dtype;

    fn file(version: u8, literal: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend([version, 0]);
        if version == 1 {
            bytes.extend((literal.len() as u16).to_le_bytes());
        } else {
            bytes.extend((literal.len() as u32).to_le_bytes());
        }
        bytes.extend(literal.as_bytes());
        bytes.extend(data);
        bytes
    }

    fn header(descr: &str, fortran: &str, shape: &str) -> String {
        format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}  \n")
    }

    fn values(bytes: Vec<u8>) -> Values {
        Npy::from_bytes(bytes, "folder/w.npy").unwrap().read("w").unwrap().values
    }

    fn refusal(bytes: Vec<u8>) -> String {
        Npy::from_bytes(bytes, "w.npy").unwrap_err().to_string()
    }

    #[test]
    fn all_versions_orders_and_widths_agree() {
        let numbers = [1.0f64, 2.0, 3.0, 4.0, 5.0, 6.5];
        let single = Values::F32(numbers.map(|x| x as f32).to_vec());
        for version in 1..=3 {
            let little: Vec<u8> = numbers.iter().flat_map(|&x| (x as f32).to_le_bytes()).collect();
            assert_eq!(values(file(version, &header("<f4", "False", "(2, 3)"), &little)), single);
            let big: Vec<u8> = numbers.iter().flat_map(|&x| (x as f32).to_be_bytes()).collect();
            assert_eq!(values(file(version, &header(">f4", "False", "(6,)"), &big)), single);
            let half: Vec<u8> =
                numbers.iter().flat_map(|&x| half::f16::from_f64(x).to_be_bytes()).collect();
            assert_eq!(values(file(version, &header(">f2", "False", "(3, 2)"), &half)), single);
            let double: Vec<u8> = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
            assert_eq!(
                values(file(version, &header("<f8", "False", "(1, 6)"), &double)),
                Values::F64(numbers.to_vec())
            );
        }
    }

    #[test]
    fn fortran_order_comes_back_row_major() {
        let stored: Vec<u8> =
            [1f32, 4.0, 2.0, 5.0, 3.0, 6.0].iter().flat_map(|x| x.to_le_bytes()).collect();
        let expected = Values::F32(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!(values(file(1, &header("<f4", "True", "(2, 3)"), &stored)), expected);
    }

    #[test]
    fn fortran_order_of_rank_three() {
        let (a, b, c) = (2, 3, 4);
        let numbers: Vec<f32> = (0..a * b * c).map(|i| i as f32).collect();
        let mut stored = vec![0f32; a * b * c];
        for (at, &number) in numbers.iter().enumerate() {
            let (i, j, k) = (at / (b * c), at / c % b, at % c);
            stored[i + a * (j + b * k)] = number;
        }
        assert_eq!(to_row_major(&stored, &[a, b, c]).unwrap(), numbers);
        assert!(to_row_major::<f32>(&[], &[3, 0, 2]).unwrap().is_empty());
    }

    #[test]
    fn a_scalar_and_an_empty_array() {
        assert_eq!(
            values(file(1, &header("<f4", "False", "()"), &7f32.to_le_bytes())),
            Values::F32(vec![7.0])
        );
        assert_eq!(values(file(1, &header("<f4", "True", "(0, 5)"), &[])), Values::F32(vec![]));
    }

    #[test]
    fn what_is_no_number_is_listed_and_refused_with_the_reason() {
        for (descr, dtype, says) in [
            ("'|O'", "|O", "pickle"),
            ("'<i8'", "<i8", "float32"),
            ("'<U1'", "<U1", "text"),
            ("'|V8'", "|V8", "raw bytes"),
            ("[('a', '<f4'), ('b]', '<f4', (1,))]", "structured", "several fields"),
            ("'<M8[ns]'", "<M8[ns]", "times"),
            ("'<c8'", "<c8", "float32"),
        ] {
            let literal = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': (1,)}}\n");
            let size = if descr == "'<U1'" { 4 } else { 8 };
            let opened = Npy::from_bytes(file(1, &literal, &vec![0; size]), "w.npy").unwrap();
            assert_eq!(opened.tensors()[0].dtype, Dtype::Other(dtype.into()));
            let said = opened.read("w").unwrap_err().to_string();
            assert!(said.contains("`w`") && said.contains(says), "{said}");
        }
    }

    #[test]
    fn a_header_that_numpy_would_not_write_is_refused() {
        let good = header("<f4", "False", "(1,)");
        for (literal, says) in [
            (good.replace("'descr'", "'describe'"), "unknown"),
            (good.replace("'shape': (1,)", "'descr': '<f4'"), "occurs twice"),
            (good.replace("(1,)", "(1)"), "not a tuple"),
            (good.replace("(1,)", "(-1,)"), "dimension is missing"),
            (good.replace("(1,)", "(99999999999999999999,)"), "overflows"),
            (good.replace("(1,)", "(4294967296, 4294967296)"), "overflows"),
            (good.replace("(1,)", "(2,)"), "takes 8 bytes, but 4 follow"),
            (good.replace("False", "0"), "True or False"),
            (good.replace("'<f4'", "'f4'"), "not an element type"),
            (good.replace("'<f4'", "'<q4'"), "not an element type"),
            (good.replace("'<f4'", "[('a', '<f4'"), "no end"),
            (good.replace("'<f4'", "'<f4"), "header is not sound"),
            (format!("{good}x\n"), "closing brace"),
            ("{}\n".into(), "must all be there"),
            (good.trim_end().to_owned(), "does not end in a newline"),
        ] {
            let said = refusal(file(1, &literal, &[0; 4]));
            assert!(said.starts_with("w.npy: ") && said.contains(says), "{literal}: {said}");
        }
        assert!(refusal(file(4, &good, &[0; 4])).contains("version is 4.0"));
    }
}
