//! Fields of an `.npz` file: those of its arrays, the names of its members, and the directory of the archive.

use super::super::build::{CompressionMethod, zip};
use super::super::random::Random;
use super::npy::Npy;
use super::{Contents, Expected, Fields, another_unsigned};

#[derive(Clone, Debug)]
pub struct Npz {
    members: Vec<(&'static str, Npy)>,
    deflated: bool,
    /// A field of the directory: the member, the offset of the field in its entry, its width, and what it becomes.
    directory: Option<(usize, usize, usize, u64)>,
}

/// Fields of an entry of the directory that say how to read the member: method, checksum, sizes, offset.
const DIRECTORY: [(usize, usize); 5] = [(10, 2), (16, 4), (20, 4), (24, 4), (42, 4)];
const ENTRY: &[u8] = b"PK\x01\x02";

impl Npz {
    fn archive(&self) -> Vec<u8> {
        let members: Vec<(&str, Vec<u8>)> =
            self.members.iter().map(|(name, array)| (*name, array.bytes())).collect();
        let members: Vec<(&str, &[u8])> =
            members.iter().map(|(name, bytes)| (*name, bytes.as_slice())).collect();
        let method = match self.deflated {
            true => CompressionMethod::Deflated,
            false => CompressionMethod::Stored,
        };
        zip(&members, method)
    }

    /// The place of a field of the directory.
    fn place(bytes: &[u8], member: usize, offset: usize) -> usize {
        let mut entries = (0..bytes.len()).filter(|&at| bytes[at..].starts_with(ENTRY));
        entries.nth(member).unwrap() + offset
    }
}

impl Fields for Npz {
    const LABEL: &'static str = "a.npz";

    fn valid() -> Self {
        let mut bias = Npy::valid();
        (bias.shape, bias.data) = (vec![3], 12);
        Npz {
            members: vec![("w.npy", Npy::valid()), ("b.npy", bias)],
            deflated: true,
            directory: None,
        }
    }

    fn change(&mut self, random: &mut Random) {
        let member = random.below(self.members.len());
        match random.below(6) {
            0 => self.deflated = !self.deflated,
            1 => {
                let name = ["b", "x.npy", "README.npy.txt", "a/b.npy"][random.below(4)];
                if self.members.iter().all(|(other, _)| *other != name) {
                    self.members[member].0 = name;
                }
            }
            2 => {
                let (offset, width) = DIRECTORY[random.below(DIRECTORY.len())];
                let value = random.next();
                self.directory = Some((member, offset, width, value));
            }
            _ => self.members[member].1.change(random),
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.archive();
        if let Some((member, offset, width, seed)) = self.directory {
            let at = Self::place(&bytes, member, offset);
            let mut old = [0; 8];
            old[..width].copy_from_slice(&bytes[at..at + width]);
            let changed = another_unsigned(u64::from_le_bytes(old), width, &mut Random::new(seed));
            bytes[at..at + width].copy_from_slice(&changed.to_le_bytes()[..width]);
        }
        bytes
    }

    fn expected(&self) -> Expected {
        let arrays = self.members.iter().filter(|(name, _)| name.ends_with(".npy"));
        let mut contents = Contents::new();
        for (name, array) in arrays {
            match array.listed() {
                Ok(listed) => {
                    contents.insert(name.trim_end_matches(".npy").to_owned(), listed);
                }
                Err(why) => return Expected::Refused(why),
            }
        }
        if contents.is_empty() {
            return Expected::Refused("no member is an array");
        }
        match self.directory {
            // A member that is no array is not read, so what its entry says need not be seen.
            Some((member, ..)) if !self.members[member].0.ends_with(".npy") => Expected::Either,
            Some(_) if self.bytes() != self.archive() => {
                Expected::Refused("the directory is wrong")
            }
            _ => Expected::Tensors(contents),
        }
    }
}
