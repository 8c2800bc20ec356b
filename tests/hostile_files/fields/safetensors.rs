//! Fields of a `.safetensors` file: the header's length, and of each tensor its name, type, shape and offsets.

use super::super::build;
use super::super::random::Random;
use super::{
    Contents, Expected, Fields, Listed, another, count, data, decoded, listed_shape, rename,
    reshape,
};

#[derive(Clone, Debug)]
struct Entry {
    name: String,
    dtype: &'static str,
    shape: Vec<i128>,
    from: i128,
    to: i128,
}

#[derive(Clone, Debug)]
pub struct Safetensors {
    entries: Vec<Entry>,
    data: usize,
    /// Added to the length that the first eight bytes claim.
    longer: i64,
}

const TYPES: [&str; 8] = ["F32", "F16", "BF16", "F64", "I8", "U16", "NEW1", "f32"];

/// Bits an element, and its name where it decodes.
fn element(dtype: &str) -> (Option<i128>, &'static str) {
    match dtype {
        "F32" => (Some(32), "f32"),
        "F16" => (Some(16), "f16"),
        "BF16" => (Some(16), "bf16"),
        "F64" => (Some(64), "f64"),
        "I8" => (Some(8), ""),
        "U16" => (Some(16), ""),
        _ => (None, ""),
    }
}

impl Fields for Safetensors {
    const LABEL: &'static str = "w.safetensors";

    fn valid() -> Self {
        let entry = |name: &str, dtype, shape: &[i128], from, to| Entry {
            name: name.to_owned(),
            dtype,
            shape: shape.to_vec(),
            from,
            to,
        };
        let entries = vec![
            entry("weight", "F32", &[2, 3], 0, 24),
            entry("bias", "BF16", &[2], 24, 28),
            entry("scale", "F64", &[1, 2], 28, 44),
            entry("kinds", "I8", &[3], 44, 47),
        ];
        Safetensors { entries, data: 47, longer: 0 }
    }

    fn change(&mut self, random: &mut Random) {
        let names: Vec<String> = self.entries.iter().map(|e| e.name.clone()).collect();
        let at = random.below(self.entries.len());
        let entry = &mut self.entries[at];
        match random.below(9) {
            0 => entry.name = rename(&names, random),
            1 => entry.dtype = TYPES[random.below(TYPES.len())],
            2 | 3 => reshape(&mut entry.shape, 1, random, |d, random| another(*d, random)),
            4 => entry.from = another(entry.from, random),
            5 => entry.to = another(entry.to, random),
            6 => self.data = (another(self.data as i128, random) as usize).min(200),
            7 => self.longer = [-2, -1, 1, 8, i64::MAX][random.below(5)],
            _ => {
                let other = random.below(self.entries.len());
                let (from, to) = (self.entries[other].from, self.entries[other].to);
                (self.entries[at].from, self.entries[at].to) = (from, to);
            }
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let entries: Vec<String> = self
            .entries
            .iter()
            .map(|e| {
                let name = serde_json::to_string(&e.name).unwrap();
                format!(
                    r#"{name}:{{"dtype":"{}","shape":{:?},"data_offsets":[{},{}]}}"#,
                    e.dtype, e.shape, e.from, e.to
                )
            })
            .collect();
        let mut bytes = build::safetensors(&format!("{{{}}}", entries.join(",")), &data(self.data));
        let length = u64::from_le_bytes(bytes[..8].try_into().unwrap());
        bytes[..8].copy_from_slice(&length.wrapping_add_signed(self.longer).to_le_bytes());
        bytes
    }

    fn expected(&self) -> Expected {
        if self.longer != 0 {
            return Expected::Refused("the header does not end where it says");
        }
        let size = |n: i128| (0..=i128::from(u64::MAX)).contains(&n);
        let mut end = 0;
        let mut sorted: Vec<&Entry> = self.entries.iter().collect();
        sorted.sort_by_key(|e| (e.from, e.to));
        for e in sorted {
            if !size(e.from) || !size(e.to) || e.to < e.from || e.from != end {
                return Expected::Refused("the tensors do not lie side by side");
            }
            end = e.to;
        }
        if end != self.data as i128 {
            return Expected::Refused("the tensors do not cover the data");
        }
        let all = data(self.data);
        let mut contents = Contents::new();
        for e in &self.entries {
            let Some(elements) = count(&e.shape) else {
                return Expected::Refused("a shape is no shape");
            };
            let (bits, name) = element(e.dtype);
            if bits.is_some_and(|bits| elements * bits != (e.to - e.from) * 8) {
                return Expected::Refused("a shape does not fit its bytes");
            }
            let bits = decoded(name, &all[e.from as usize..e.to as usize]);
            let listed = Listed { shape: listed_shape(&e.shape), bits };
            if contents.insert(e.name.clone(), listed).is_some() {
                return Expected::Refused("a name occurs twice");
            }
        }
        Expected::Tensors(contents)
    }
}
