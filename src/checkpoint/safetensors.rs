//! Reads `.safetensors` files: eight bytes of header length, a JSON header, then the numbers.
//!
//! The names and widths of element types are those of the `safetensors` crate. Its reader is not used: one type of a
//! later version of the format makes it refuse the whole file, and its errors do not say which tensor is at fault by
//! how much. The header is checked here, with the crate's rules: tensors lie side by side without a gap or an overlap
//! from the first byte after the header to the last of the file.
//!
//! Format: <https://huggingface.co/docs/safetensors/index#format>.

use std::fmt;
use std::ops::Range;
use std::path::Path;

use safetensors::Dtype as Stored;
use serde::Deserialize;
use serde::de::value::{Error as NoName, StrDeserializer};
use serde::de::{Deserializer, IgnoredAny, IntoDeserializer, MapAccess, Visitor};

use super::bytes::Bytes;
use super::decode::{ByteOrder, floats};
use super::patch::Place;
use super::{Checkpoint, Dtype, FileFormat, Tensor, TensorInfo, elements, find};
use crate::error::Result;

/// The number of bytes that hold the length of the header.
const LENGTH: usize = 8;

/// The longest header that the format permits, in bytes.
const LONGEST_HEADER: usize = 100_000_000;

/// An opened `.safetensors` file.
#[derive(Debug)]
pub struct Safetensors {
    bytes: Bytes,
    /// The tensors, sorted by name.
    tensors: Vec<TensorInfo>,
    /// The byte range of each of `tensors`: within the file, and of the length that its shape and type ask for.
    places: Vec<Range<usize>>,
}

/// One entry of the header, as it is stored.
#[derive(Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: (usize, usize),
}

/// The header in its own order, which keeps a name that occurs twice.
struct Header(Vec<(String, Entry)>);

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Header;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map from tensor names to dtype, shape and data_offsets")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
                let mut entries = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    if name == "__metadata__" {
                        map.next_value::<IgnoredAny>()?;
                    } else {
                        entries.push((name, map.next_value()?));
                    }
                }
                Ok(Header(entries))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

impl FileFormat for Safetensors {
    /// Parses the header of `bytes`.
    ///
    /// # Errors
    /// A header that is not valid.
    fn parse(bytes: Bytes) -> Result<Self> {
        let start = header_end(&bytes).map_err(|problem| bytes.malformed(problem))?;
        let Header(entries) = serde_json::from_slice(&bytes[LENGTH..start]).map_err(|error| {
            bytes.malformed(format!("the safetensors header is not valid JSON: {error}"))
        })?;
        let mut listed = entries
            .into_iter()
            .map(|(name, entry)| check_size(name, entry))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|problem| bytes.malformed(problem))?;
        check_cover(&mut listed, bytes.len() - start)
            .map_err(|problem| bytes.malformed(problem))?;

        listed.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
        if let Some([(twice, _), _]) =
            listed.array_windows().find(|[(a, _), (b, _)]| a.name == b.name)
        {
            return Err(
                bytes.malformed(format!("tensor `{}` occurs twice in the header", twice.name))
            );
        }
        let (tensors, places) = listed
            .into_iter()
            .map(|(info, place)| (info, start + place.start..start + place.end))
            .unzip();
        Ok(Safetensors { bytes, tensors, places })
    }
}

impl Checkpoint for Safetensors {
    fn format(&self) -> &'static str {
        "safetensors"
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
        let info = self.tensors[at].clone();
        let values = floats(&info.dtype, ByteOrder::Little, &self.bytes[self.places[at].clone()])
            .map_err(|problem| {
            self.bytes.malformed(format!("tensor `{name}` cannot be read: {problem}"))
        })?;
        Ok(Tensor { info, values })
    }

    fn place(&self, name: &str) -> Result<Place> {
        let at = find(&self.tensors, name, self.bytes.label())?;
        let range = self.places[at].clone();
        Place::of(&self.tensors[at], &self.bytes, range, ByteOrder::Little)
    }

    fn packed(&self, name: &str) -> Result<Option<Bytes>> {
        let at = find(&self.tensors, name, self.bytes.label())?;
        let single = self.tensors[at].dtype == Dtype::Other("U8".to_owned());
        Ok(self.bytes.part(self.places[at].clone()).filter(|_| single))
    }

    fn integers(&self, name: &str) -> Result<Vec<i64>> {
        let at = find(&self.tensors, name, self.bytes.label())?;
        let (info, bytes) = (&self.tensors[at], &self.bytes[self.places[at].clone()]);
        match info.dtype.to_string().as_str() {
            "I64" => Ok(bytes.as_chunks().0.iter().map(|b| i64::from_le_bytes(*b)).collect()),
            "I32" => {
                Ok(bytes.as_chunks().0.iter().map(|b| i32::from_le_bytes(*b).into()).collect())
            }
            "BOOL" | "U8" => Ok(bytes.iter().map(|b| i64::from(*b)).collect()),
            other => Err(self.bytes.malformed(format!(
                "tensor `{name}` has the element type {other}, where integers (I64, I32) are needed"
            ))),
        }
    }
}

/// Whether `bytes` begin as a safetensors file does: a header length within the file, then `{`.
pub(crate) fn recognise(bytes: &[u8]) -> bool {
    header_end(bytes).is_ok() && bytes.get(LENGTH) == Some(&b'{')
}

/// Returns the offset of the first byte after the header.
fn header_end(bytes: &[u8]) -> Result<usize, String> {
    let Some(length) = bytes.first_chunk::<LENGTH>() else {
        return Err(format!("{} bytes are too few for a safetensors file", bytes.len()));
    };
    let claimed = u64::from_le_bytes(*length);
    let rest = bytes.len() - LENGTH;
    match usize::try_from(claimed) {
        Ok(length) if length <= rest && length <= LONGEST_HEADER => Ok(LENGTH + length),
        Ok(length) if length <= rest => Err(format!(
            "the safetensors header is {length} bytes long; the format permits {LONGEST_HEADER}"
        )),
        _ => Err(format!(
            "the safetensors header claims {claimed} bytes, but only {rest} follow; is the file complete?"
        )),
    }
}

/// Checks that an entry's range has the length of its shape times its width.
fn check_size(name: String, entry: Entry) -> Result<(TensorInfo, Range<usize>), String> {
    let Entry { dtype, shape, data_offsets: (from, to) } = entry;
    let held = to
        .checked_sub(from)
        .ok_or_else(|| format!("tensor `{name}` ends at offset {to}, before its start {from}"))?;
    let stored = Stored::deserialize(
        IntoDeserializer::<NoName>::into_deserializer(dtype.as_str()) as StrDeserializer<_>
    )
    .ok();
    let count = elements(&shape)
        .ok_or_else(|| format!("tensor `{name}`: the shape {shape:?} overflows"))?;
    if let Some(stored) = stored {
        let bits = count
            .checked_mul(stored.bitsize())
            .ok_or_else(|| format!("tensor `{name}`: the shape {shape:?} of {dtype} overflows"))?;
        if bits % 8 != 0 || bits / 8 != held {
            return Err(format!(
                "tensor `{name}`: the shape {shape:?} of {dtype} takes {} bytes, but its offsets {from}..{to} hold {held}",
                bits.div_ceil(8)
            ));
        }
    }
    let dtype = match stored {
        Some(Stored::F16) => Dtype::F16,
        Some(Stored::BF16) => Dtype::Bf16,
        Some(Stored::F32) => Dtype::F32,
        Some(Stored::F64) => Dtype::F64,
        _ => Dtype::Other(dtype),
    };
    Ok((TensorInfo { name, dtype, shape }, from..to))
}

/// Checks that the tensors, sorted by offset, cover the `size` bytes after the header exactly.
fn check_cover(listed: &mut [(TensorInfo, Range<usize>)], size: usize) -> Result<(), String> {
    listed.sort_by_key(|(_, place)| (place.start, place.end));
    let mut end = 0;
    for (info, place) in listed.iter() {
        let (name, from, to) = (&info.name, place.start, place.end);
        if to > size {
            return Err(format!(
                "tensor `{name}` ends at offset {to} of {size} bytes of data; is the file complete?"
            ));
        }
        if from < end {
            return Err(format!(
                "tensor `{name}` at offset {from} overlaps the one before it, which ends at {end}"
            ));
        }
        if from > end {
            return Err(format!(
                "tensor `{name}` starts at offset {from}, but the one before it ends at {end}"
            ));
        }
        end = to;
    }
    if end != size {
        return Err(format!(
            "the tensors end at offset {end}, but {size} bytes of data follow the header"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::Values;
    use ::safetensors::tensor::{TensorView, serialize};

    fn file(header: &str, data: usize) -> Vec<u8> {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        bytes.resize(bytes.len() + data, 0);
        bytes
    }

    fn refusal(header: &str, data: usize) -> String {
        Safetensors::from_bytes(file(header, data), "here").unwrap_err().to_string()
    }

    #[test]
    fn reads_what_the_crate_writes() {
        let numbers = [1.0f32, -2.5, f32::MIN_POSITIVE, 3e38, 0.0, -0.0];
        let single: Vec<u8> = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
        let double: Vec<u8> = numbers.iter().flat_map(|&x| f64::from(x).to_le_bytes()).collect();
        let half: Vec<u8> =
            numbers.iter().flat_map(|&x| half::f16::from_f32(x).to_le_bytes()).collect();
        let views = [
            ("z", TensorView::new(Stored::F32, vec![2, 3], &single).unwrap()),
            ("a", TensorView::new(Stored::F64, vec![6], &double).unwrap()),
            ("m", TensorView::new(Stored::F16, vec![3, 2], &half).unwrap()),
            ("i", TensorView::new(Stored::I8, vec![1, 6], &single[..6]).unwrap()),
            ("e", TensorView::new(Stored::BF16, vec![0, 6], &[]).unwrap()),
        ];
        let bytes = serialize(views, None).unwrap();
        let opened = Safetensors::from_bytes(bytes, "here").unwrap();
        let names: Vec<_> = opened.tensors().iter().map(|info| info.name.as_str()).collect();
        assert_eq!(names, ["a", "e", "i", "m", "z"]);
        assert_eq!(opened.read("z").unwrap().values, Values::F32(numbers.to_vec()));
        assert_eq!(opened.read("a").unwrap().values, Values::F64(numbers.map(f64::from).to_vec()));
        assert_eq!(opened.read("e").unwrap().values, Values::F32(vec![]));
        let Values::F32(half) = opened.read("m").unwrap().values else { panic!() };
        assert_eq!(half[..2], [1.0, -2.5]);
        let refused = opened.read("i").unwrap_err().to_string();
        assert!(refused.contains("`i`") && refused.contains("I8"), "{refused}");
        assert!(opened.read("q").unwrap_err().to_string().contains("no tensor `q`"));
    }

    #[test]
    fn an_unknown_type_is_listed_and_leaves_the_others_readable() {
        let header = r#"{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"c":{"dtype":"C64","shape":[1],"data_offsets":[4,12]}}"#;
        let opened = Safetensors::from_bytes(file(header, 12), "here").unwrap();
        assert_eq!(opened.tensors()[0].dtype, Dtype::Other("C64".into()));
        assert_eq!(opened.read("w").unwrap().values, Values::F32(vec![0.0]));
    }

    #[test]
    fn faults_are_named_with_their_tensor() {
        let one = |rest: &str| format!(r#"{{"w":{{"dtype":"F32",{rest}}}}}"#);
        for (header, data, says) in [
            (one(r#""shape":[2],"data_offsets":[8,0]"#), 8, "before its start 8"),
            (
                one(r#""shape":[3],"data_offsets":[0,8]"#),
                8,
                "takes 12 bytes, but its offsets 0..8 hold 8",
            ),
            (one(r#""shape":[2],"data_offsets":[0,8]"#), 7, "ends at offset 8 of 7"),
            (one(r#""shape":[2],"data_offsets":[0,8]"#), 9, "9 bytes of data follow"),
            (one(r#""shape":[2],"data_offsets":[4,12]"#), 12, "starts at offset 4"),
            (one(r#""shape":[0,4294967296,4294967296],"data_offsets":[0,0]"#), 0, "overflows"),
            (
                one(r#""shape":[288230376151711744],"data_offsets":[0,1152921504606846976]"#),
                0,
                "ends at offset",
            ),
            (one(r#""shape":[-1],"data_offsets":[0,0]"#), 0, "not valid JSON"),
            (one(r#""shape":[1]"#), 4, "data_offsets"),
        ] {
            let said = refusal(&header, data);
            assert!(said.starts_with("here: ") && said.contains(says), "{said}");
        }
    }

    #[test]
    fn a_name_that_occurs_twice_is_refused() {
        let header = r#"{"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"w":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}"#;
        assert!(refusal(header, 2).contains("`w` occurs twice"));
    }
}
