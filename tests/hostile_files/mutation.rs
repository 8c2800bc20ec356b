//! Seeded mutations of small valid files: no panic, and no request for memory beyond their size.

use super::build::{valid_gguf, valid_npy, valid_npz, valid_safetensors};
use super::memory::largest_request;
use super::random::Random;
use std::path::Path;

use unargmax::checkpoint;
use unargmax::checkpoint::bytes::Bytes;
use unargmax::checkpoint::fuzz;
use unargmax::locate::{Choice, locate};

/// Mutants a format.
const MUTANTS: u64 = 20_000;

/// The most that a mutant of some 5000 bytes may ask for at once: deflate reaches 1032 times its
/// input, and a member here has some hundred bytes.
const MOST_MEMORY: usize = 1 << 20;

/// The same for a vocabulary, whose map may leave out 65536 ids.
const MOST_TOKENS: usize = 4 << 20;

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
    let mut random = Random::new(seed);
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
    let mut random = Random::new(15);
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
    let tokenizer = br#"{"added_tokens": [{"id": 3, "content": "<s>", "special": true}], "decoder":
        {"type": "ByteLevel"}, "model": {"vocab": {"\u0120a": 0, "b": 1}}}"#;
    check(tokenizer, fuzz::vocabulary, 30, MOST_TOKENS);
    let unigram =
        br#"{"model": {"vocab": [["<unk>", 0.0], ["a", -1.5]]}, "decoder": {"type": "Metaspace"}}"#;
    check(unigram, fuzz::vocabulary, 31, MOST_TOKENS);
    check(b"\"</s>\": 0\n<unk>: 1\n'it''s': 2\n", fuzz::vocabulary, 32, MOST_TOKENS);
    let sentencepiece =
        b"\x0a\x0e\x0a\x05<unk>\x15\0\0\0\0\x18\x02\x0a\x08\x0a\x01a\x15\0\0\0\0\x12\0";
    check(sentencepiece, fuzz::vocabulary, 33, MOST_TOKENS);
    let pickle = b"\x80\x02}q\0(X\x01\0\0\0aq\x01K\0X\x01\0\0\0bq\x02K\x01u.";
    check(pickle, fuzz::vocabulary, 34, MOST_TOKENS);
}

/// The head of whatever these bytes are, which may be none.
fn locate_in(bytes: &[u8]) {
    let Ok(opened) = checkpoint::from_bytes(Bytes::new(bytes.to_vec(), "fuzz")) else { return };
    let _ = locate(opened.as_ref(), Path::new("fuzz"), &Choice::default());
}

#[test]
fn of_a_graph_whose_head_is_looked_for() {
    check(&onnx_head(), locate_in, 40, MOST_MEMORY);
}

/// A small model of `x sigmoid(x) W + b`.
fn onnx_head() -> Vec<u8> {
    let field = |number: u8, bytes: &[u8]| [&[number << 3 | 2, bytes.len() as u8], bytes].concat();
    let node = |op: &str, inputs: &[&str], output: &str| {
        let inputs: Vec<u8> = inputs.iter().flat_map(|i| field(1, i.as_bytes())).collect();
        field(1, &[inputs, field(2, output.as_bytes()), field(4, op.as_bytes())].concat())
    };
    let tensor = |name: &str, dims: &[u8]| {
        let shape: Vec<u8> = dims.iter().flat_map(|&d| [0x08, d]).collect();
        let count: usize = dims.iter().map(|&d| d as usize).product();
        let raw: Vec<u8> = (0..count).flat_map(|i| (i as f32).to_le_bytes()).collect();
        field(5, &[shape, vec![0x10, 1], field(8, name.as_bytes()), field(9, &raw)].concat())
    };
    let graph = [
        node("Sigmoid", &["x"], "s"),
        node("Mul", &["x", "s"], "h"),
        node("MatMul", &["h", "W"], "p"),
        node("Add", &["p", "b"], "y"),
        tensor("W", &[2, 3]),
        tensor("b", &[3]),
        field(12, &field(1, b"y")),
    ];
    let graph = graph.concat();
    // ir_version 8, then the graph, whose length takes two bytes.
    let length = [graph.len() as u8 | 0x80, (graph.len() >> 7) as u8];
    [&[0x08, 8, 0x3a], &length[..], &graph].concat()
}

#[test]
fn the_graph_that_is_mutated_has_a_head_behind_a_swish() {
    let opened = checkpoint::from_bytes(Bytes::new(onnx_head(), "fuzz.onnx")).unwrap();
    let located = locate(opened.as_ref(), Path::new("fuzz.onnx"), &Choice::default()).unwrap();
    assert_eq!((located.head.tokens(), located.head.dim()), (3, 2));
    assert_eq!(located.activation.unwrap().name, "Swish");
}

thread_local! {
    /// A folder whose configuration is mutated.
    static MODEL: tempfile::TempDir = {
        let folder = tempfile::tempdir().unwrap();
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/families/gemma3-nested");
        std::fs::copy(golden.join("model.safetensors"), folder.path().join("model.safetensors")).unwrap();
        folder
    };
}

fn configure(bytes: &[u8]) {
    MODEL.with(|folder| {
        std::fs::write(folder.path().join("config.json"), bytes).unwrap();
        if let Ok(opened) = checkpoint::open(folder.path()) {
            let _ = locate(opened.as_ref(), folder.path(), &Choice::default());
        }
    });
}

#[test]
fn of_a_configuration() {
    let config = br#"{"architectures": ["Gemma3ForConditionalGeneration"], "model_type": "gemma3",
        "text_config": {"model_type": "gemma3_text", "vocab_size": 64, "rms_norm_eps": 1e-6,
        "final_logit_softcapping": 30.0, "tie_word_embeddings": true}, "tie_word_embeddings": true}"#;
    check(config, configure, 41, MOST_MEMORY);
}
