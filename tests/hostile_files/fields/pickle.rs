//! Fields of a state dict that `torch.save` wrote: of each tensor its name, storage, offset, shape and strides, of each
//! storage its type, how many elements it claims and how many bytes it has.

use super::super::build::{CompressionMethod, zip};
use super::super::random::Random;
use super::{
    Contents, Expected, Fields, Listed, another, count, data, decoded, listed_shape, rename,
    reshape,
};

#[derive(Clone, Debug)]
struct Tensor {
    name: String,
    storage: usize,
    offset: i128,
    shape: Vec<i128>,
    strides: Vec<i128>,
}

#[derive(Clone, Debug)]
struct Storage {
    key: String,
    class: &'static str,
    claimed: i128,
    held: usize,
}

#[derive(Clone, Debug)]
pub struct Archive {
    tensors: Vec<Tensor>,
    storages: Vec<Storage>,
    /// The storage whose member is left out.
    missing: Option<usize>,
    byteorder: Option<&'static str>,
}

const CLASSES: [&str; 6] = [
    "FloatStorage",
    "HalfStorage",
    "BFloat16Storage",
    "DoubleStorage",
    "LongStorage",
    "OddStorage",
];

/// Name for `decoded` and bytes an element.
fn element(class: &str) -> Option<(&'static str, i128)> {
    Some(match class {
        "FloatStorage" => ("f32", 4),
        "HalfStorage" => ("f16", 2),
        "BFloat16Storage" => ("bf16", 2),
        "DoubleStorage" => ("f64", 8),
        "LongStorage" => ("int64", 8),
        _ => return None,
    })
}

/// Operations of protocol 2.
struct Program(Vec<u8>);

impl Program {
    fn global(&mut self, module: &str, name: &str) {
        self.0.extend(format!("c{module}\n{name}\n").bytes());
    }

    fn text(&mut self, text: &str) {
        self.0.push(b'X');
        self.0.extend((text.len() as u32).to_le_bytes());
        self.0.extend(text.as_bytes());
    }

    fn int(&mut self, number: i128) {
        push_int(&mut self.0, number);
    }

    fn tuple(&mut self, numbers: &[i128]) {
        self.0.push(b'(');
        numbers.iter().for_each(|&n| self.int(n));
        self.0.push(b't');
    }
}

/// An integer as Python writes it: `BININT` where 32 bits hold it, else `LONG1` with as few bytes as can be.
pub fn push_int(program: &mut Vec<u8>, number: i128) {
    if let Ok(number) = i32::try_from(number) {
        program.push(b'J');
        program.extend(number.to_le_bytes());
        return;
    }
    let bytes = number.to_le_bytes();
    let length = (1..16).find(|&n| number >> (8 * n - 1) == 0 || number >> (8 * n - 1) == -1);
    let length = length.unwrap_or(16);
    program.extend([0x8a, length as u8]);
    program.extend(&bytes[..length]);
}

impl Archive {
    fn pickle(&self) -> Vec<u8> {
        let mut p = Program(vec![0x80, 2, b'}', b'(']);
        for t in &self.tensors {
            let storage = &self.storages[t.storage];
            p.text(&t.name);
            p.global("torch._utils", "_rebuild_tensor_v2");
            p.0.extend(b"((");
            p.text("storage");
            p.global("torch", storage.class);
            p.text(&storage.key);
            p.text("cpu");
            p.int(storage.claimed);
            p.0.extend(b"tQ");
            p.int(t.offset);
            p.tuple(&t.shape);
            p.tuple(&t.strides);
            // requires_grad is False, and there are no hooks.
            p.0.push(0x89);
            p.global("collections", "OrderedDict");
            p.0.extend(b")RtR");
        }
        p.0.extend(b"u.");
        p.0
    }
}

impl Fields for Archive {
    const LABEL: &'static str = "w.pt";
    // A view may repeat the elements of its storage up to a million times.
    const MOST_MEMORY: usize = 8 << 20;

    fn valid() -> Self {
        let tensor = |name: &str, storage, offset, shape: &[i128], strides: &[i128]| Tensor {
            name: name.to_owned(),
            storage,
            offset,
            shape: shape.to_vec(),
            strides: strides.to_vec(),
        };
        let storage = |key: &str, class, claimed: usize, held| Storage {
            key: key.to_owned(),
            class,
            claimed: claimed as i128,
            held,
        };
        Archive {
            tensors: vec![
                tensor("fc.weight", 0, 0, &[3, 2], &[2, 1]),
                tensor("fc.turned", 0, 2, &[2, 3], &[1, 2]),
                tensor("fc.bias", 1, 1, &[3], &[1]),
            ],
            storages: vec![storage("0", "FloatStorage", 8, 32), storage("1", "HalfStorage", 4, 8)],
            missing: None,
            byteorder: Some("little"),
        }
    }

    fn change(&mut self, random: &mut Random) {
        let names: Vec<String> = self.tensors.iter().map(|t| t.name.clone()).collect();
        let (at, stored) = (random.below(self.tensors.len()), random.below(self.storages.len()));
        let (tensor, storage) = (&mut self.tensors[at], &mut self.storages[stored]);
        match random.below(11) {
            0 => tensor.name = rename(&names, random),
            1 => tensor.storage = stored,
            2 | 3 => tensor.offset = another(tensor.offset, random),
            4 => reshape(&mut tensor.shape, 1, random, |d, random| another(*d, random)),
            5 => reshape(&mut tensor.strides, 1, random, |d, random| another(*d, random)),
            6 => storage.class = CLASSES[random.below(CLASSES.len())],
            7 => storage.claimed = another(storage.claimed, random),
            8 => storage.held = (another(storage.held as i128, random) as usize).min(200),
            9 => self.missing = Some(stored),
            _ => self.byteorder = [None, Some("big"), Some("odd")][random.below(3)],
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut members = vec![("archive/data.pkl".to_owned(), self.pickle())];
        if let Some(order) = self.byteorder {
            members.push(("archive/byteorder".to_owned(), order.as_bytes().to_vec()));
        }
        for (at, storage) in self.storages.iter().enumerate() {
            if self.missing != Some(at) {
                members.push((format!("archive/data/{}", storage.key), data(storage.held)));
            }
        }
        let members: Vec<(&str, &[u8])> =
            members.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
        zip(&members, CompressionMethod::Stored)
    }

    fn expected(&self) -> Expected {
        let turned = match self.byteorder {
            None | Some("little") => false,
            Some("big") => true,
            Some(_) => return Expected::Refused("no such order of bytes"),
        };
        let mut contents = Contents::new();
        let mut names: Vec<&str> = Vec::new();
        // As in Python, a key that comes twice has the value that comes last.
        for t in self.tensors.iter().rev() {
            let storage = &self.storages[t.storage];
            let Some((name, width)) = element(storage.class) else {
                return Expected::Refused("no such storage");
            };
            if names.contains(&t.name.as_str()) {
                // What is hidden need not be looked at.
                return Expected::Either;
            }
            names.push(&t.name);
            let size = |n: i128| (0..1 << 62).contains(&n);
            // No step is made along a dimension of size one, so its stride means nothing: torch writes any that fits 64 bits
            // with a sign.
            let steps = |(&stride, &size_of): (&i128, &i128)| size_of == 1 || size(stride);
            if !size(t.offset)
                || !size(storage.claimed)
                || t.shape.len() != t.strides.len()
                || !t.strides.iter().all(|&s| (0..=i128::from(i64::MAX)).contains(&s))
                || !t.strides.iter().zip(&t.shape).all(steps)
            {
                return Expected::Refused("a size is none");
            }
            let Some(elements) = count(&t.shape) else { return Expected::Refused("no shape") };
            if self.missing == Some(t.storage) {
                return Expected::Refused("a storage is missing");
            }
            if storage.claimed * width > storage.held as i128 {
                return Expected::Refused("a storage is shorter than it claims");
            }
            let shape = listed_shape(&t.shape);
            let places = if elements == 0 {
                if t.offset > storage.claimed {
                    return Expected::Refused("an empty view begins after its storage");
                }
                Vec::new()
            } else {
                let span = t
                    .shape
                    .iter()
                    .zip(&t.strides)
                    .try_fold(1i128, |span, (d, s)| span.checked_add((d - 1).checked_mul(*s)?));
                if span.is_none_or(|span| t.offset + span > storage.claimed) {
                    return Expected::Refused("a view ends after its storage");
                }
                if elements > 10_000 {
                    // A view that repeats elements without end.
                    return Expected::Either;
                }
                places(&shape, &t.strides, t.offset)
            };
            let mut bytes = data(storage.held / width as usize * width as usize);
            if turned {
                bytes.chunks_mut(width as usize).for_each(<[u8]>::reverse);
            }
            let bits = decoded(name, &bytes)
                .map(|stored| places.iter().map(|&place| stored[place]).collect());
            if contents.insert(t.name.clone(), Listed { shape, bits }).is_some() {
                return Expected::Either;
            }
        }
        // A tensor without a name has that of the file.
        if let Some(alone) = contents.remove("") {
            contents.insert("w".to_owned(), alone);
        }
        Expected::Tensors(contents)
    }
}

/// Where the elements of a view lie in its storage, in row-major order.
fn places(shape: &[usize], strides: &[i128], offset: i128) -> Vec<usize> {
    let mut places = vec![offset as usize];
    for (&d, &stride) in shape.iter().zip(strides) {
        places = places
            .iter()
            .flat_map(|&place| (0..d).map(move |i| place + i * stride as usize))
            .collect();
    }
    places
}
