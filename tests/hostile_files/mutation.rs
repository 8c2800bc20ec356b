//! Seeded mutations of small valid files: no panic, and no request for memory beyond their size.

use super::build::{valid_gguf, valid_npy, valid_npz, valid_safetensors};
use super::memory::largest_request;
use unargmax::checkpoint::fuzz;

/// Mutants a format.
const MUTANTS: u64 = 20_000;

/// The most that a mutant of some 5000 bytes may ask for at once: deflate reaches 1032 times its
/// input, and a member here has some hundred bytes.
const MOST_MEMORY: usize = 1 << 20;

/// The same for a vocabulary, whose map may leave out 65536 ids.
const MOST_TOKENS: usize = 4 << 20;

/// SplitMix64 (Steele, Lea and Flood 2014): short, and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
}

/// Changes a few places: bits, bytes, whole fields, or pieces that are cut out, doubled or moved.
fn mutate(valid: &[u8], random: &mut Random) -> Vec<u8> {
    const FIELDS: [u64; 8] =
        [0, 1, 0x7f, 0xff, u32::MAX as u64, i64::MAX as u64, u64::MAX, 1 << 61];
    let mut bytes = valid.to_vec();
    for _ in 0..=random.below(4) {
        let (at, length) = (random.below(bytes.len()), random.below(16));
        let end = (at + length).min(bytes.len());
        match random.below(7) {
            0 if !bytes.is_empty() => bytes[at] ^= 1 << random.below(8),
            1 if !bytes.is_empty() => bytes[at] = random.next() as u8,
            2 => {
                let width = [1, 2, 4, 8][random.below(4)];
                let field = FIELDS[random.below(FIELDS.len())].to_le_bytes();
                let end = (at + width).min(bytes.len());
                bytes[at..end].copy_from_slice(&field[..end - at]);
            }
            3 => drop(bytes.drain(at..end)),
            4 => {
                let piece = bytes[at..end].to_vec();
                let to = random.below(bytes.len());
                bytes.splice(to..to, piece);
            }
            5 => {
                let piece = bytes[at..end].to_vec();
                let to = random.below(bytes.len() - piece.len() + 1);
                bytes[to..to + piece.len()].copy_from_slice(&piece);
            }
            6 if random.below(8) == 0 => bytes.truncate(at),
            _ => {}
        }
    }
    bytes
}

fn check(valid: &[u8], body: fn(&[u8]), seed: u64, most: usize) {
    let mut random = Random(seed);
    body(valid);
    for number in 0..MUTANTS {
        let mutant = mutate(valid, &mut random);
        let largest = largest_request(|| body(&mutant));
        assert!(largest <= most, "mutant {number} asked for {largest} bytes at once");
    }
}

#[test]
fn of_safetensors() {
    check(&valid_safetensors(), fuzz::safetensors, 1, MOST_MEMORY);
}

#[test]
fn of_npy() {
    check(&valid_npy(), fuzz::npy, 2, MOST_MEMORY);
}

#[test]
fn of_npz() {
    check(&valid_npz(), fuzz::npz, 3, MOST_MEMORY);
}

#[test]
fn of_gguf() {
    check(&valid_gguf(), fuzz::gguf, 4, MOST_MEMORY);
}

#[test]
fn of_blocks() {
    check(include_bytes!("../data/blocks/blocks.gguf"), fuzz::gguf, 5, MOST_MEMORY);
}

#[test]
fn of_torch_archives() {
    check(include_bytes!("../data/pickles/zip.pt"), fuzz::pickle, 8, MOST_MEMORY);
}

#[test]
fn of_legacy_files_of_torch() {
    check(include_bytes!("../data/pickles/legacy.pt"), fuzz::pickle, 9, MOST_MEMORY);
}

#[test]
fn of_pickled_arrays() {
    check(include_bytes!("../data/pickles/numpy-2.pkl"), fuzz::pickle, 10, MOST_MEMORY);
    check(include_bytes!("../data/pickles/numpy-5.pkl"), fuzz::pickle, 11, MOST_MEMORY);
}

#[test]
fn of_onnx() {
    check(include_bytes!("../data/onnx/tensors.onnx"), fuzz::onnx, 12, MOST_MEMORY);
}

#[test]
fn of_ctranslate2() {
    check(include_bytes!("../data/ctranslate2/int8.bin"), fuzz::ctranslate2, 13, MOST_MEMORY);
    check(include_bytes!("../data/ctranslate2/float16.bin"), fuzz::ctranslate2, 14, MOST_MEMORY);
}

/// Fewer, as each is a file on disk.
#[test]
fn of_an_index_of_shards() {
    let folder = tempfile::tempdir().unwrap();
    let index = super::folder::valid_folder(folder.path());
    let valid = std::fs::read(&index).unwrap();
    let mut random = Random(15);
    for number in 0..MUTANTS / 20 {
        std::fs::write(&index, mutate(&valid, &mut random)).unwrap();
        let largest = largest_request(|| {
            if let Ok(opened) = unargmax::checkpoint::open(folder.path()) {
                super::contents(&*opened);
            }
        });
        assert!(largest <= MOST_MEMORY, "mutant {number} asked for {largest} bytes at once");
    }
}

#[test]
fn of_vocabularies() {
    check(br#"{"[PAD]": 0, "\u0120a": 1, "<0x0A>": 2, "b": 70}"#, fuzz::vocabulary, 6, MOST_TOKENS);
    check("\u{feff}[PAD]\r\nä\r\n\r\n<s>\r\n".as_bytes(), fuzz::vocabulary, 7, MOST_TOKENS);
}
