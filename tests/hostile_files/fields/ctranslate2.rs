//! Fields of CTranslate2's `model.bin`: version, counts, and of each variable its name, shape, type, length; aliases.

use super::super::random::Random;
use super::{
    Contents, Expected, Fields, Listed, another_unsigned, count, data, decoded, listed_shape,
    rename, reshape,
};

#[derive(Clone, Debug)]
struct Variable {
    name: String,
    shape: Vec<u32>,
    kind: u8,
    claimed: u32,
    held: usize,
}

#[derive(Clone, Debug)]
pub struct CTranslate2 {
    version: u32,
    count: u32,
    variables: Vec<Variable>,
    aliases: Vec<(String, String)>,
    trailing: usize,
}

/// Types by their numbers: name for `decoded`, bytes.
fn element(kind: u8) -> Option<(&'static str, i128)> {
    Some(match kind {
        0 => ("f32", 4),
        1 => ("int8", 1),
        2 => ("int16", 2),
        3 => ("int32", 4),
        4 => ("f16", 2),
        5 => ("bf16", 2),
        _ => return None,
    })
}

fn text(bytes: &mut Vec<u8>, name: &str) {
    bytes.extend((name.len() as u16 + 1).to_le_bytes());
    bytes.extend(name.as_bytes());
    bytes.push(0);
}

impl CTranslate2 {
    /// The numbers of a weight of int8: each byte times the rounded reciprocal of its row's scale.
    fn dequantised(&self, variable: &Variable) -> Option<Vec<u64>> {
        let scale = self.variables.iter().find(|v| v.name == format!("{}_scale", variable.name));
        let scales = match scale {
            Some(scale) => {
                let (name, width) = element(scale.kind)?;
                (scale.held % width as usize == 0).then_some(())?;
                decoded(name, &data(scale.held))?
            }
            None if variable.kind == 2 => vec![1000f64.to_bits()],
            None => return None,
        };
        let rows = scales.len();
        if rows != 1 && variable.shape[0] as usize != rows {
            return None;
        }
        let stored = data(variable.held);
        let integers: Vec<i16> = match variable.kind {
            1 => stored.iter().map(|&b| i16::from(b as i8)).collect(),
            _ => stored.chunks(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect(),
        };
        let row = (integers.len() / rows.max(1)).max(1);
        let number = |(at, &integer): (usize, &i16)| {
            let scale = f64::from_bits(scales[at / row]) as f32;
            f64::from(f32::from(integer) * (1.0 / scale)).to_bits()
        };
        Some(integers.iter().enumerate().map(number).collect())
    }
}

impl Fields for CTranslate2 {
    const LABEL: &'static str = "model.bin";

    fn valid() -> Self {
        let variable = |name: &str, shape: &[u32], kind, held: usize| Variable {
            name: name.to_owned(),
            shape: shape.to_vec(),
            kind,
            claimed: held as u32,
            held,
        };
        let variables = vec![
            variable("decoder/projection/weight", &[4, 3], 1, 12),
            variable("decoder/projection/weight_scale", &[4], 0, 16),
            variable("decoder/projection/bias", &[4], 4, 8),
            variable("encoder/flag", &[], 1, 1),
        ];
        let alias = ("decoder/embeddings/weight", "decoder/projection/weight");
        let aliases = vec![(alias.0.to_owned(), alias.1.to_owned())];
        CTranslate2 { version: 6, count: 4, variables, aliases, trailing: 0 }
    }

    fn change(&mut self, random: &mut Random) {
        let names: Vec<String> = self.variables.iter().map(|v| v.name.clone()).collect();
        let at = random.below(self.variables.len());
        let variable = &mut self.variables[at];
        match random.below(9) {
            0 => self.version = [0, 1, 4, 5, 6, 7, u32::MAX][random.below(7)],
            1 => self.count = another_unsigned(self.count.into(), 4, random) as u32,
            2 => variable.name = rename(&names, random),
            3 | 4 => reshape(&mut variable.shape, 1, random, |d, random| {
                another_unsigned((*d).into(), 4, random) as u32
            }),
            5 => variable.kind = random.below(8) as u8,
            6 => variable.claimed = another_unsigned(variable.claimed.into(), 4, random) as u32,
            7 => {
                let names = [names, vec!["nobody".to_owned()]].concat();
                let alias = (rename(&names, random), rename(&names, random));
                match random.below(2) {
                    0 => self.aliases.push(alias),
                    _ => self.aliases = vec![alias],
                }
            }
            _ => self.trailing = random.below(3),
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.version.to_le_bytes().to_vec();
        text(&mut bytes, "TransformerSpec");
        bytes.extend(7u32.to_le_bytes());
        bytes.extend(self.count.to_le_bytes());
        for v in &self.variables {
            text(&mut bytes, &v.name);
            bytes.push(v.shape.len() as u8);
            v.shape.iter().for_each(|d| bytes.extend(d.to_le_bytes()));
            bytes.push(v.kind);
            bytes.extend(v.claimed.to_le_bytes());
            bytes.extend(data(v.held));
        }
        bytes.extend((self.aliases.len() as u32).to_le_bytes());
        for (alias, name) in &self.aliases {
            text(&mut bytes, alias);
            text(&mut bytes, name);
        }
        bytes.extend(vec![0; self.trailing]);
        bytes
    }

    fn expected(&self) -> Expected {
        if !(4..=6).contains(&self.version) {
            return match self.version {
                2 | 3 => Expected::Either,
                _ => Expected::Refused("no such version"),
            };
        }
        if self.count != self.variables.len() as u32 || self.trailing > 0 {
            return Expected::Refused("the counts or the end are wrong");
        }
        let mut contents = Contents::new();
        for v in &self.variables {
            let Some((name, width)) = element(v.kind) else {
                return Expected::Refused("no such type");
            };
            let shape: Vec<i128> = v.shape.iter().map(|&d| d.into()).collect();
            if v.claimed as usize != v.held
                || count(&shape).is_none_or(|n| n * width != v.held as i128)
            {
                return Expected::Refused("a shape does not fit its bytes");
            }
            let quantised = v.name.ends_with("weight") && !shape.is_empty();
            let bits = match v.kind {
                1 | 2 if quantised => self.dequantised(v),
                _ => decoded(name, &data(v.held)),
            };
            let listed = Listed { shape: listed_shape(&shape), bits };
            if contents.insert(v.name.clone(), listed).is_some() {
                return Expected::Refused("a name occurs twice");
            }
        }
        let mut aliases: Vec<&str> = Vec::new();
        for (alias, name) in &self.aliases {
            if contents.contains_key(alias) || !contents.contains_key(name) {
                return Expected::Refused("an alias is a variable's name or stands for none");
            }
            if aliases.contains(&alias.as_str()) {
                return Expected::Refused("an alias occurs twice");
            }
            aliases.push(alias);
        }
        Expected::Tensors(contents)
    }
}
