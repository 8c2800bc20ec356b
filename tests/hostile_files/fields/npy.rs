//! Fields of an `.npy` file: version, length of the header, type, order, shape, and the data.

use super::super::random::Random;
use super::{
    Contents, Expected, Fields, Listed, another, count, data, decoded, listed_shape, reshape,
};

#[derive(Clone, Debug)]
pub struct Npy {
    version: [u8; 2],
    /// Added to the length that the header claims.
    longer: i32,
    descr: &'static str,
    fortran: &'static str,
    pub shape: Vec<i128>,
    pub data: usize,
}

const TYPES: [&str; 10] = ["<f4", ">f4", "<f2", "<f8", "<i4", "|V2", "<f3", "f4", "|f4", "|O"];

/// Bytes an element where they are fixed, its name where it decodes, whether its bytes are turned. `None`: no type.
fn element(descr: &str) -> Option<(Option<i128>, &'static str, bool)> {
    Some(match descr {
        "<f4" => (Some(4), "f32", false),
        ">f4" => (Some(4), "f32", true),
        "<f2" => (Some(2), "f16", false),
        "<f8" => (Some(8), "f64", false),
        "<i4" | "|f4" => (Some(4), "", false),
        "|V2" => (Some(2), "", false),
        "<f3" => (Some(3), "", false),
        "|O" => (None, "", false),
        _ => return None,
    })
}

impl Npy {
    /// What is stored, or why it is refused.
    pub fn listed(&self) -> Result<Listed, &'static str> {
        if !matches!(self.version, [1..=3, 0]) {
            return Err("no such version");
        }
        if self.longer != 0 {
            return Err("the header does not end where it says");
        }
        let fortran = match self.fortran {
            "True" => true,
            "False" => false,
            _ => return Err("the order is neither True nor False"),
        };
        let (width, name, turned) = element(self.descr).ok_or("no type")?;
        let elements = count(&self.shape).ok_or("the shape is no shape")?;
        let shape = listed_shape(&self.shape);
        if width.is_some_and(|width| elements * width != self.data as i128) {
            return Err("the shape does not fit its bytes");
        }
        let Some(width) = width.filter(|_| !name.is_empty()) else {
            return Ok(Listed { shape, bits: None });
        };
        let mut bytes = data(self.data);
        if turned {
            bytes.chunks_mut(width as usize).for_each(<[u8]>::reverse);
        }
        let stored = decoded(name, &bytes).unwrap();
        let bits = if fortran { row_major(&stored, &shape) } else { stored };
        Ok(Listed { shape, bits: Some(bits) })
    }
}

/// Numbers whose first dimension is the contiguous one, with the last one contiguous.
fn row_major(stored: &[u64], shape: &[usize]) -> Vec<u64> {
    (0..stored.len())
        .map(|mut index| {
            let mut place = 0;
            let mut stride: usize = shape.iter().product();
            for &d in shape.iter().rev() {
                stride /= d;
                place += index % d * stride;
                index /= d;
            }
            stored[place]
        })
        .collect()
}

impl Fields for Npy {
    const LABEL: &'static str = "w.npy";

    fn valid() -> Self {
        Npy {
            version: [1, 0],
            longer: 0,
            descr: "<f4",
            fortran: "True",
            shape: vec![3, 4],
            data: 48,
        }
    }

    fn change(&mut self, random: &mut Random) {
        match random.below(8) {
            0 => self.version[random.below(2)] = random.below(5) as u8,
            1 => self.longer = [-1, 1, 40, 60_000][random.below(4)],
            2 | 3 => self.descr = TYPES[random.below(TYPES.len())],
            4 => self.fortran = ["True", "False", "1", "false"][random.below(4)],
            5 | 6 => reshape(&mut self.shape, 1, random, |d, random| another(*d, random)),
            _ => self.data = (another(self.data as i128, random) as usize).min(200),
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let shape: String = self.shape.iter().map(|d| format!("{d}, ")).collect();
        let literal = format!(
            "{{'descr': '{}', 'fortran_order': {}, 'shape': ({shape}), }}\n",
            self.descr, self.fortran
        );
        let length = (literal.len() as i32 + self.longer) as u32;
        let mut bytes = b"\x93NUMPY".to_vec();
        bytes.extend(self.version);
        match self.version[0] {
            0 | 1 => bytes.extend((length as u16).to_le_bytes()),
            _ => bytes.extend(length.to_le_bytes()),
        }
        bytes.extend(literal.as_bytes());
        bytes.extend(data(self.data));
        bytes
    }

    fn expected(&self) -> Expected {
        match self.listed() {
            Ok(listed) => Expected::Tensors(Contents::from([("w".to_owned(), listed)])),
            Err(why) => Expected::Refused(why),
        }
    }
}
