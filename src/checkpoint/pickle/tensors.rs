//! Lists the arrays and tensors in a pickle, with the names that its maps and lists give them.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::allow::width;
use super::value::{Array, Built, Id, Value, View};
use crate::checkpoint::decode::{ByteOrder, floats, zeros};
use crate::checkpoint::npy::{self, Header};
use crate::checkpoint::{Dtype, TensorInfo, Values, elements};

/// The deepest nesting of maps and lists that is accepted.
const DEEPEST: usize = 64;

/// The longest tensor name that is accepted, in bytes.
const LONGEST_NAME: usize = 4096;

/// Lists all tensors of a pickle; `alone` is the name of a tensor that is the whole pickle.
///
/// A map or list that occurs several times is listed where it occurs first.
pub(super) fn list(
    built: &Built,
    bytes: &[u8],
    alone: &str,
) -> Result<Vec<(TensorInfo, Id)>, String> {
    let mut walk = Walk {
        built,
        bytes,
        seen: HashSet::new(),
        found: Vec::new(),
        // Each tensor takes some hundred bytes of a pickle that torch or numpy wrote, so the list needs far less than
        // this.
        budget: 16 * bytes.len() + (1 << 20),
    };
    walk.visit(built.root, String::new(), 0)?;
    for (info, _) in &mut walk.found {
        if info.name.is_empty() {
            alone.clone_into(&mut info.name);
        }
    }
    Ok(walk.found)
}

/// A key of a map, which becomes part of a name.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Key<'a> {
    Int(i64),
    Text(&'a str),
}

/// A walk over the data of a pickle that lists its tensors.
struct Walk<'a> {
    built: &'a Built,
    bytes: &'a [u8],
    seen: HashSet<Id>,
    found: Vec<(TensorInfo, Id)>,
    /// The bytes that names and shapes may still take.
    budget: usize,
}

impl Walk<'_> {
    /// Lists the tensors in the value `id`, whose own name is `name`.
    fn visit(&mut self, id: Id, name: String, depth: usize) -> Result<(), String> {
        if depth > DEEPEST {
            return Err(format!("the maps and lists of the pickle lie more than {DEEPEST} deep"));
        }
        let built = self.built;
        match &built.values[id] {
            Value::Tensor(view) => {
                let layout = Layout::of(built, view)
                    .map_err(|problem| format!("tensor `{name}`: {problem}"))?;
                self.found(name, layout.dtype(), layout.shape, id)
            }
            &Value::Absent { kind, shape, .. } => {
                let shape = built
                    .sizes(shape, "shape")
                    .map_err(|problem| format!("tensor `{name}`: {problem}"))?;
                if elements(&shape).is_none() {
                    return Err(format!("tensor `{name}`: its shape {shape:?} overflows"));
                }
                self.found(name, Dtype::Other(kind.into()), shape, id)
            }
            Value::Array(array) => {
                let header = array
                    .as_ref()
                    .ok_or_else(|| "it has no state".to_owned())
                    .and_then(|array| header(built, self.bytes, array))
                    .map_err(|problem| format!("array `{name}`: {problem}"))?;
                self.found(name, header.dtype, header.shape, id)
            }
            Value::Dict(_) | Value::Pairs(_) if self.seen.insert(id) => {
                if let Value::Pairs(list) = built.values[id] {
                    let pairs = built.elements(list).map_or(0, <[Id]>::len);
                    if built.entries(id).map_or(0, Iterator::count) != pairs {
                        return Err("a map is made of something that is not pairs".into());
                    }
                }
                // A key that occurs twice has its last value.
                let mut children: Vec<(Key, Id)> = Vec::new();
                let mut places: HashMap<Key, usize> = HashMap::new();
                for (key, value) in built.entries(id).into_iter().flatten() {
                    let key = match &built.values[key] {
                        Value::Int(number) => Key::Int(*number),
                        _ => match built.text(self.bytes, key) {
                            Some(text) => Key::Text(text),
                            None => continue,
                        },
                    };
                    match places.entry(key) {
                        Entry::Occupied(place) => children[*place.get()].1 = value,
                        Entry::Vacant(place) => {
                            place.insert(children.len());
                            children.push((key, value));
                        }
                    }
                }
                for (key, value) in children {
                    match key {
                        Key::Int(number) => self.child(value, &name, &number.to_string(), depth)?,
                        Key::Text(text) => self.child(value, &name, text, depth)?,
                    }
                }
                Ok(())
            }
            Value::Tuple(parts) | Value::List(parts) if self.seen.insert(id) => {
                for (index, &part) in parts.iter().enumerate() {
                    self.child(part, &name, &index.to_string(), depth)?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Visits a value that may hold a tensor, with `part` appended to the name.
    fn child(&mut self, id: Id, name: &str, part: &str, depth: usize) -> Result<(), String> {
        if !matches!(
            self.built.values[id],
            Value::Tensor(_)
                | Value::Absent { .. }
                | Value::Array(_)
                | Value::Dict(_)
                | Value::Pairs(_)
                | Value::Tuple(_)
                | Value::List(_)
        ) {
            return Ok(());
        }
        if name.len() + part.len() >= LONGEST_NAME {
            return Err(format!("the name of a tensor is longer than {LONGEST_NAME} bytes"));
        }
        let name = if name.is_empty() { part.to_owned() } else { format!("{name}.{part}") };
        self.visit(id, name, depth + 1)
    }

    /// Adds a tensor to the list, within the budget.
    fn found(
        &mut self,
        name: String,
        dtype: Dtype,
        shape: Vec<usize>,
        id: Id,
    ) -> Result<(), String> {
        self.budget = self
            .budget
            .checked_sub(name.len() + 8 * shape.len() + size_of::<TensorInfo>())
            .ok_or("the names of its tensors take far more room than the pickle")?;
        self.found.push((TensorInfo { name, dtype, shape }, id));
        Ok(())
    }
}

/// Returns the header that a numpy array would have in a file of its own.
fn header(built: &Built, bytes: &[u8], array: &Array) -> Result<Header, String> {
    let Value::Dtype { code, order, fields } = built.values[array.dtype] else {
        return Err("its element type is none of numpy's".into());
    };
    let code = built.text(bytes, code).ok_or("its element type has no name")?;
    let shape = built.sizes(array.shape, "shape")?;
    if elements(&shape).is_none() {
        return Err(format!("its shape {shape:?} overflows"));
    }
    let mark = order.map_or('|', char::from);
    let descr = match code.starts_with(['<', '>', '|']) {
        true => code.to_owned(),
        false => format!("{mark}{code}"),
    };
    let mut header = Header::of_array(descr.as_bytes(), array.fortran, shape)
        .ok_or_else(|| format!("the element type '{descr}' is not known"))?;
    if fields {
        header.dtype = Dtype::Other("structured".into());
        header.refusal = Some("its elements are records of several fields".into());
    }
    Ok(header)
}

/// Decodes a numpy array.
pub(super) fn array(built: &Built, bytes: &[u8], array: &Array) -> Result<Values, String> {
    let header = header(built, bytes, array)?;
    let decode = |data: &[u8]| {
        // Types without a fixed size are refused by name in `npy::decode`.
        let fits = header.size.is_none_or(|size| {
            elements(&header.shape).and_then(|count| count.checked_mul(size)) == Some(data.len())
        });
        match fits {
            true => npy::decode(&header, data),
            false => Err(format!(
                "its shape {:?} of {} does not fit its {} bytes",
                header.shape,
                header.dtype,
                data.len()
            )),
        }
    };
    match &built.values[array.data] {
        Value::Bytes(range) => decode(&bytes[range.clone()]),
        &Value::Latin1(text) => {
            let text = built
                .text(bytes, text)
                .ok_or("its bytes are made of something that is not text")?;
            let data: Vec<u8> = text
                .chars()
                .map(|character| u8::try_from(character).ok())
                .collect::<Option<_>>()
                .ok_or("its text holds a character that is not a byte")?;
            decode(&data)
        }
        Value::List(_) if header.refusal.is_some() => npy::decode(&header, &[]),
        _ => Err("its data are not bytes".into()),
    }
}

/// Returns the header of an array of numpy and the range of its bytes in the pickle.
pub(super) fn array_place(
    built: &Built,
    bytes: &[u8],
    array: &Array,
) -> Result<(Header, Range<usize>), String> {
    let header = header(built, bytes, array)?;
    match &built.values[array.data] {
        Value::Bytes(range) => Ok((header, range.clone())),
        _ => Err("its bytes are written as text (an old protocol of pickle); save it again".into()),
    }
}

/// How a tensor of torch lies in its storage, checked against the length of the storage.
#[derive(Debug)]
pub(super) struct Layout<'a> {
    /// The key of the storage, a text of the pickle.
    pub key: Id,
    stored: &'static str,
    /// The number of elements of the storage, of type `stored`.
    pub stored_count: usize,
    /// The first element of the tensor, counted from that of the storage.
    offset: usize,
    pub shape: Vec<usize>,
    strides: Vec<usize>,
    /// The number of elements from the first of the tensor to the last, in the storage.
    span: usize,
    view: &'a View,
}

impl<'a> Layout<'a> {
    /// Computes and checks the layout of a tensor.
    pub fn of(built: &Built, view: &'a View) -> Result<Layout<'a>, String> {
        let Value::Storage(storage) = &built.values[view.storage] else {
            return Err("it has no storage".into());
        };
        let offset = built.size(view.offset).ok_or("its offset is not a valid size")?;
        let shape = built.sizes(view.shape, "shape")?;
        let strides = built.sizes(view.strides, "strides")?;
        if shape.len() != strides.len() {
            return Err(format!(
                "its shape {shape:?} does not have as many parts as its strides {strides:?}"
            ));
        }
        let (from, held) = storage.part.unwrap_or((0, storage.count));
        let overflow = || format!("its shape {shape:?} with strides {strides:?} overflows");
        let span = match elements(&shape).ok_or_else(overflow)? {
            0 => 0,
            _ => shape
                .iter()
                .zip(&strides)
                .try_fold(1usize, |span, (d, s)| span.checked_add((d - 1).checked_mul(*s)?))
                .ok_or_else(overflow)?,
        };
        // Storages without a type are counted in bytes.
        let unit = width(view.dtype.unwrap_or(storage.dtype)) / width(storage.dtype);
        let end = offset
            .checked_add(span)
            .and_then(|end| end.checked_mul(unit.max(1)))
            .ok_or_else(overflow)?;
        // An empty tensor may begin at the end of its storage, but not beyond.
        if end > held || from.checked_add(held).is_none_or(|end| end > storage.count) {
            return Err(format!(
                "its shape {shape:?} with strides {strides:?} from element {offset} ends beyond its storage of {held}"
            ));
        }
        Ok(Layout {
            key: storage.key,
            stored: storage.dtype,
            stored_count: storage.count,
            offset: offset + if view.dtype.is_none() { from } else { 0 },
            shape,
            strides,
            span,
            view,
        })
    }

    /// Returns torch's name of the element type.
    fn element(&self) -> &'static str {
        self.view.dtype.unwrap_or(self.stored)
    }

    /// Returns the element type under which the tensor is listed.
    pub fn dtype(&self) -> Dtype {
        match self.element() {
            "float16" => Dtype::F16,
            "bfloat16" => Dtype::Bf16,
            "float32" => Dtype::F32,
            "float64" => Dtype::F64,
            other => Dtype::Other(other.into()),
        }
    }

    /// Returns the number of bytes that the storage must have.
    pub fn bytes(&self) -> Option<usize> {
        self.stored_count.checked_mul(width(self.stored))
    }

    /// Decodes the tensor, row-major, from the bytes of its storage.
    pub fn read(&self, storage: &[u8], order: ByteOrder) -> Result<Values, String> {
        /// The largest number of elements of a view that repeats elements and so has more of them than its storage.
        const MOST_REPEATED: usize = 1 << 20;
        if let Some(why) = self.view.refusal {
            return Err(why.into());
        }
        let count = elements(&self.shape).ok_or("its shape overflows")?;
        if count > self.stored_count.max(MOST_REPEATED) {
            return Err(format!(
                "its shape {:?} repeats the {} elements of its storage; save it after .contiguous()",
                self.shape, self.stored_count
            ));
        }
        let width = width(self.element());
        let bytes = match self.span {
            0 => &[][..],
            span => self
                .offset
                .checked_mul(width)
                .zip(span.checked_mul(width))
                .and_then(|(from, length)| storage.get(from..from.checked_add(length)?))
                .ok_or("its storage is cut short")?,
        };
        let values = floats(&self.dtype(), order, bytes)?;
        if self.is_contiguous() {
            return Ok(values);
        }
        match values {
            Values::F32(numbers) => gather(&numbers, &self.shape, &self.strides).map(Values::F32),
            Values::F64(numbers) => gather(&numbers, &self.shape, &self.strides).map(Values::F64),
        }
    }

    /// Returns the range of the tensor's bytes in its storage.
    ///
    /// # Errors
    /// A view that is not decoded, or one that repeats elements.
    pub fn range(&self) -> Result<Range<usize>, String> {
        if let Some(why) = self.view.refusal {
            return Err(why.into());
        }
        let repeats = self.shape.iter().zip(&self.strides).any(|(d, s)| *d > 1 && *s == 0);
        if repeats {
            return Err("it repeats the elements of its storage".into());
        }
        let width = width(self.element());
        let range = self.offset.checked_mul(width).zip(self.span.checked_mul(width));
        let range = range.and_then(|(from, length)| Some(from..from.checked_add(length)?));
        range.ok_or_else(|| "its shape overflows".into())
    }

    /// Returns the distance of neighbours along each dimension, in elements.
    pub fn strides(&self) -> &[usize] {
        &self.strides
    }

    /// Whether the elements are in row-major order without gaps.
    fn is_contiguous(&self) -> bool {
        let mut expected = 1;
        self.shape.iter().zip(&self.strides).rev().all(|(&d, &s)| {
            let fits = d <= 1 || s == expected;
            expected *= d.max(1);
            fits
        })
    }
}

/// Returns the numbers of a view in row-major order; `numbers` begin with its first element.
fn gather<T: Copy + Default>(
    numbers: &[T],
    shape: &[usize],
    strides: &[usize],
) -> Result<Vec<T>, String> {
    let mut ordered = zeros(elements(shape).unwrap_or(0))?;
    let (Some((&width, outer)), Some(&stride)) = (shape.split_last(), strides.last()) else {
        return Ok(ordered);
    };
    if ordered.is_empty() {
        return Ok(ordered);
    }
    let mut index = vec![0; outer.len()];
    for row in ordered.chunks_exact_mut(width) {
        let first: usize = index.iter().zip(strides).map(|(i, s)| i * s).sum();
        for (k, number) in row.iter_mut().enumerate() {
            *number = numbers[first + k * stride];
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
