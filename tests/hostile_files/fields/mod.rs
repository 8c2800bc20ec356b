//! Small valid files with one to three fields changed, each held against a slow and obvious reading of the same fields.
//!
//! Every format has a model of its fields: plain data that is written to bytes by a few lines. A change picks a field and
//! gives it another value (a neighbour, a limit, the value of another field), so that mutants stay well-formed where it
//! matters and reach the checks behind the parser. From the same model `expected` derives, without the reader, what a
//! correct reader does. So three faults are seen: a file that is accepted although it is broken or with other numbers than
//! it holds, a sound file that is refused, and a panic or a large allocation.

mod ctranslate2;
mod gguf;
mod head;
mod npy;
mod npz;
mod onnx;
mod pickle;
mod run;
mod safetensors;
mod shards;
mod vocabulary;

use std::collections::BTreeMap;

use half::{bf16, f16};
use unargmax::checkpoint::bytes::Bytes;
use unargmax::checkpoint::{self, Checkpoint, Values};

use super::random::Random;

/// What a correct reader does with a file.
#[derive(Clone, Debug, PartialEq)]
pub enum Expected {
    /// It lists exactly these tensors.
    Tensors(Contents),
    /// It refuses the file, when it is opened or when a tensor is read, for this reason.
    Refused(&'static str),
    /// The format leaves it open.
    Either,
}

/// Tensors by name.
pub type Contents = BTreeMap<String, Listed>;

/// A tensor that is listed.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    pub shape: Vec<usize>,
    /// The bits of its numbers widened to float64; `None` where its type cannot be decoded.
    pub bits: Option<Vec<u64>>,
}

/// What became of one file.
#[derive(Debug, PartialEq)]
pub enum Outcome {
    Accepted,
    Refused,
    WronglyAccepted(String),
    WronglyRefused(String),
}

/// A format whose fields can be changed one by one.
pub trait Fields: Clone + std::fmt::Debug {
    /// The name of the file, for errors and for formats that go by it.
    const LABEL: &'static str;
    /// The most that any mutant may ask for at once, in bytes.
    const MOST_MEMORY: usize = 1 << 20;
    /// How many mutants of the other formats take the time of one of this.
    const SLOWER: u64 = 1;

    /// A small valid file.
    fn valid() -> Self;

    /// Gives one field another value.
    fn change(&mut self, random: &mut Random);

    /// The file.
    fn bytes(&self) -> Vec<u8>;

    /// What a correct reader does with it.
    fn expected(&self) -> Expected;

    /// Reads the file and compares.
    fn judge(&self) -> Outcome {
        compare(self.expected(), read(&self.bytes(), Self::LABEL))
    }
}

/// What the program reads in a file: the first error ends it, but for tensors that are listed without being decodable.
pub fn read(bytes: &[u8], label: &str) -> Result<Contents, String> {
    let opened =
        checkpoint::from_bytes(Bytes::new(bytes.to_vec(), label)).map_err(|e| e.to_string())?;
    Ok(contents(&*opened))
}

/// The tensors of an opened checkpoint; those that cannot be read have no numbers.
pub fn contents(opened: &dyn Checkpoint) -> Contents {
    let list = opened.tensors().iter().map(|info| {
        let values = opened.read(&info.name).ok().map(|tensor| tensor.values);
        let bits = values.map(|values| match values {
            Values::F32(numbers) => numbers.iter().map(|&x| f64::from(x).to_bits()).collect(),
            Values::F64(numbers) => numbers.iter().map(|x| x.to_bits()).collect(),
        });
        (info.name.clone(), Listed { shape: info.shape.clone(), bits })
    });
    list.collect()
}

/// Holds what was read against what a correct reader reads. A tensor that is refused alone counts as a refusal.
pub fn compare(expected: Expected, found: Result<Contents, String>) -> Outcome {
    match (expected, found) {
        (Expected::Either, Ok(_)) => Outcome::Accepted,
        (Expected::Either | Expected::Refused(_), Err(_)) => Outcome::Refused,
        (Expected::Tensors(_), Err(error)) => Outcome::WronglyRefused(error),
        (Expected::Refused(why), Ok(found)) => match found.values().any(|t| t.bits.is_none()) {
            true => Outcome::Refused,
            false => Outcome::WronglyAccepted(format!("{why}, and yet: {found:?}")),
        },
        (Expected::Tensors(wanted), Ok(found)) if wanted == found => Outcome::Accepted,
        (Expected::Tensors(wanted), Ok(found)) => {
            let refused = wanted.iter().find(|(name, tensor)| {
                tensor.bits.is_some() && found.get(*name).is_some_and(|t| t.bits.is_none())
            });
            match refused {
                Some((name, _)) => Outcome::WronglyRefused(format!("tensor `{name}`")),
                None => Outcome::WronglyAccepted(format!("{found:?} instead of {wanted:?}")),
            }
        }
    }
}

/// Numbers that test limits.
const LIMITS: [i128; 14] = [
    0,
    1,
    2,
    255,
    65_535,
    1 << 31,
    (1 << 32) - 1,
    1 << 32,
    1 << 61,
    (1 << 63) - 1,
    1 << 63,
    (1 << 64) - 1,
    1 << 64,
    -1,
];

/// Another value for a number: a neighbour, a multiple, or a limit.
pub fn another(value: i128, random: &mut Random) -> i128 {
    match random.below(8) {
        0 => value + 1,
        1 => value - 1,
        2 => value * 2,
        3 => value / 2,
        4 => value + 4,
        5 => value - 4,
        _ => LIMITS[random.below(LIMITS.len())],
    }
}

/// The same for a field of `width` bytes, which cannot hold more.
pub fn another_unsigned(value: u64, width: usize, random: &mut Random) -> u64 {
    let mask = if width == 8 { u64::MAX } else { (1 << (8 * width)) - 1 };
    another(i128::from(value), random) as u64 & mask
}

/// Changes a shape: one dimension, their order, their number.
pub fn reshape<T: Clone>(
    shape: &mut Vec<T>,
    one: T,
    random: &mut Random,
    dimension: impl Fn(&T, &mut Random) -> T,
) {
    match random.below(5) {
        0 if !shape.is_empty() => drop(shape.remove(random.below(shape.len()))),
        1 => shape.insert(random.below(shape.len() + 1), one),
        2 => shape.reverse(),
        _ if !shape.is_empty() => {
            let at = random.below(shape.len());
            shape[at] = dimension(&shape[at], random);
        }
        _ => {}
    }
}

/// Another name: that of another tensor, nothing, or one that is hard to handle.
pub fn rename(others: &[String], random: &mut Random) -> String {
    const ODD: [&str; 6] = ["", "w.bias", "ä\u{1F600}", "a/b", "..", "weight "];
    match random.below(2) {
        0 if !others.is_empty() => others[random.below(others.len())].clone(),
        _ => ODD[random.below(ODD.len())].to_owned(),
    }
}

/// Bytes that differ from place to place and are finite in every float type.
pub fn data(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 37 % 61) as u8).collect()
}

/// The elements of a shape where all of its dimensions are counts that can be multiplied.
pub fn count(shape: &[i128]) -> Option<i128> {
    if shape.iter().any(|&d| !(0..=i128::from(u64::MAX)).contains(&d)) {
        return None;
    }
    let product = shape.iter().filter(|&&d| d != 0).try_fold(1i128, |n, &d| n.checked_mul(d));
    let product = product.filter(|&n| n <= i128::from(u64::MAX))?;
    Some(if shape.contains(&0) { 0 } else { product })
}

/// The bits of numbers stored in `bytes`, each of which `element` names.
pub fn decoded(element: &str, bytes: &[u8]) -> Option<Vec<u64>> {
    let bits = |numbers: Vec<f64>| Some(numbers.into_iter().map(f64::to_bits).collect());
    match element {
        "f16" => bits(bytes.chunks(2).map(|b| f16::from_le_bytes([b[0], b[1]]).to_f64()).collect()),
        "bf16" => {
            bits(bytes.chunks(2).map(|b| bf16::from_le_bytes([b[0], b[1]]).to_f64()).collect())
        }
        "f32" => bits(
            bytes.chunks(4).map(|b| f64::from(f32::from_le_bytes(b.try_into().unwrap()))).collect(),
        ),
        "f64" => bits(bytes.chunks(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect()),
        _ => None,
    }
}

/// A shape of counts as it is listed.
pub fn listed_shape(shape: &[i128]) -> Vec<usize> {
    shape.iter().map(|&d| d as usize).collect()
}
