//! Text to ids and back, against the packages that others split text with.
//!
//! `analyses/tokenizer_golden.py` made the data.

use std::path::{Path, PathBuf};

use safetensors::Dtype;
use safetensors::tensor::{TensorView, serialize_to_file};
use serde::Deserialize;
use tempfile::TempDir;
use unargmax::checkpoint;
use unargmax::reach::corpus::{Corpus, Texts};
use unargmax::reach::text::{SpecialTokens, Tokenizer, TokenizerSource};

/// A text, its ids, and what those decode to.
#[derive(Deserialize)]
struct Golden {
    text: String,
    ids: Vec<u32>,
    decoded: String,
}

pub fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tokenizers").join(name)
}

fn golden(name: &str) -> Vec<Golden> {
    let bytes = std::fs::read(data("golden.json")).unwrap();
    let mut all: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    serde_json::from_value(all[name].take()).unwrap()
}

/// A folder with files of the data, or of this content, beside a checkpoint of one number.
pub fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        std::fs::write(folder.path().join(name), content).unwrap();
    }
    let one = TensorView::new(Dtype::F32, vec![1], &[0, 0, 128, 63]).unwrap();
    let path = folder.path().join("model.safetensors");
    serialize_to_file([("one", one)], None, &path).unwrap();
    if !folder.path().join("config.json").exists() {
        std::fs::write(folder.path().join("config.json"), "{}").unwrap();
    }
    folder
}

/// The files of a folder of the data.
fn stored(name: &str) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = std::fs::read_dir(data(name))
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|e| (e.file_name().into_string().unwrap(), std::fs::read(e.path()).unwrap()))
        .collect();
    files.sort();
    files
}

pub fn open(path: &Path, how: &TokenizerSource) -> Result<Tokenizer, String> {
    let opened = checkpoint::open(path).map_err(|e| e.to_string())?;
    Tokenizer::of(opened.as_ref(), path, how).map_err(|e| e.to_string())
}

/// The tokenizer of a folder of the data.
fn of_folder(name: &str, how: &TokenizerSource) -> Result<Tokenizer, String> {
    let files = stored(name);
    let files: Vec<(&str, &[u8])> = files.iter().map(|(n, c)| (n.as_str(), &c[..])).collect();
    let folder = folder(&files);
    open(folder.path(), how)
}

fn agrees(name: &str, tokenizer: &Tokenizer) {
    let rows = golden(name);
    assert!(rows.len() > 10);
    for row in rows {
        assert_eq!(
            tokenizer.encode(&row.text, SpecialTokens::Added).unwrap(),
            row.ids,
            "{name}: {:?}",
            row.text
        );
        assert_eq!(tokenizer.decode(&row.ids).unwrap(), row.decoded, "{name}: {:?}", row.text);
    }
}

#[test]
fn a_tokenizer_json_splits_as_the_package_tokenizers_does() {
    agrees("byte-level", &of_folder("byte-level", &TokenizerSource::Stated).unwrap());
    agrees("unigram", &of_folder("unigram", &TokenizerSource::Stated).unwrap());
    let file = TokenizerSource::File(data("unigram/tokenizer.json"));
    agrees("unigram", &of_folder("byte-level", &file).unwrap());
}

#[test]
fn merges_beside_a_gpt2_split_as_its_tokenizer_json() {
    // The end token is special only in tokenizer.json: its text is spelled out here.
    let tokenizer = of_folder("merges", &TokenizerSource::Stated).unwrap();
    for row in golden("byte-level").iter().filter(|row| !row.text.contains("<|end|>")) {
        assert_eq!(
            tokenizer.encode(&row.text, SpecialTokens::Added).unwrap(),
            row.ids,
            "{:?}",
            row.text
        );
    }
}

#[test]
fn a_gguf_with_digits_apart_splits_as_the_package_tokenizers_does() {
    agrees("smollm", &open(&data("smollm.gguf"), &TokenizerSource::Stated).unwrap());
}

#[test]
fn a_gguf_of_sentence_piece_splits_as_that_package_does() {
    let tokenizer = open(&data("llama.gguf"), &TokenizerSource::Stated).unwrap();
    for row in golden("llama") {
        let ids = tokenizer.encode(&row.text, SpecialTokens::Added).unwrap();
        assert_eq!(ids, row.ids, "{:?}", row.text);
        let text = tokenizer.decode(&row.ids[1..]).unwrap();
        assert_eq!(text, row.decoded, "{:?}", row.text);
    }
}

#[test]
fn word_pieces_split_as_transformers_does() {
    let tokenizer = of_folder("word-piece", &TokenizerSource::Stated).unwrap();
    agrees("word-piece", &tokenizer);
    assert_eq!(tokenizer.mask(), Some((4, "[MASK]".to_owned())));
    agrees(
        "word-piece-cased",
        &of_folder("word-piece", &TokenizerSource::WordPiece { lowercase: false }).unwrap(),
    );
}

#[test]
fn word_pieces_in_a_gguf_split_as_those_beside_a_checkpoint() {
    let tokenizer = open(&data("bert.gguf"), &TokenizerSource::Stated).unwrap();
    agrees("word-piece", &tokenizer);
    assert_eq!(tokenizer.mask(), Some((4, "[MASK]".to_owned())));
}

#[test]
fn nothing_is_added_around_a_bare_text() {
    let tokenizer = of_folder("word-piece", &TokenizerSource::Stated).unwrap();
    let ids = tokenizer.encode("the river", SpecialTokens::Added).unwrap();
    assert_eq!((ids[0], ids[ids.len() - 1]), (2, 3));
    assert_eq!(tokenizer.encode("the river", SpecialTokens::Bare).unwrap(), ids[1..ids.len() - 1]);
    assert!(tokenizer.encode("", SpecialTokens::Bare).unwrap().is_empty());
}

#[test]
fn text_that_grows_by_ids_is_the_text_of_all_ids() {
    for (name, tokenizer) in [
        ("smollm", open(&data("smollm.gguf"), &TokenizerSource::Stated).unwrap()),
        ("llama", open(&data("llama.gguf"), &TokenizerSource::Stated).unwrap()),
        ("unigram", of_folder("unigram", &TokenizerSource::Stated).unwrap()),
        ("word-piece", of_folder("word-piece", &TokenizerSource::Stated).unwrap()),
    ] {
        for row in golden(name) {
            let mut stream = tokenizer.stream();
            let mut text: String = row.ids.iter().map(|&id| stream.push(id).unwrap()).collect();
            text += &stream.finish().unwrap();
            assert_eq!(text, tokenizer.decode(&row.ids).unwrap(), "{name}: {:?}", row.text);
        }
    }
}

#[test]
fn a_character_of_several_tokens_is_shown_once_it_is_whole() {
    let tokenizer = open(&data("smollm.gguf"), &TokenizerSource::Stated).unwrap();
    let ids = tokenizer.encode("🙂", SpecialTokens::Bare).unwrap();
    assert_eq!(ids.len(), 4);
    let mut stream = tokenizer.stream();
    let shown: Vec<String> = ids.iter().map(|&id| stream.push(id).unwrap()).collect();
    assert_eq!(shown, ["", "", "", "🙂"]);
}

#[test]
fn an_id_without_a_token_is_shown_as_its_number() {
    let tokenizer = open(&data("smollm.gguf"), &TokenizerSource::Stated).unwrap();
    let mut ids = tokenizer.encode("rain", SpecialTokens::Bare).unwrap();
    ids.insert(0, 99_999);
    assert_eq!(tokenizer.decode(&ids).unwrap(), "#99999rain");
}

#[test]
fn a_vocabulary_that_does_not_say_how_it_splits_is_refused() {
    let folder = folder(&[("vocab.txt", b"[UNK]\n[CLS]\n[SEP]\nC\nO\n")]);
    let said = open(folder.path(), &TokenizerSource::Stated).err().unwrap();
    for part in ["vocab.txt", "--ids", "--split-regex", "--wordpiece", "--tokenizer"] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn a_pattern_splits_where_nothing_else_does() {
    let folder = folder(&[("vocab.txt", "[UNK]\n[CLS]\n[SEP]\nC\nCl\nO\n=\n(\n)\n".as_bytes())]);
    let how = TokenizerSource::Split(r"Cl|[A-Z]|[=()]".to_owned());
    let tokenizer = open(folder.path(), &how).unwrap();
    let ids = tokenizer.encode("[CLS]CC(=O)Cl[SEP]", SpecialTokens::Added).unwrap();
    assert_eq!(ids, [1, 3, 3, 7, 6, 5, 8, 4, 2]);
    assert_eq!(tokenizer.decode(&ids).unwrap(), "[CLS]CC(=O)Cl[SEP]");
    for (text, says) in [("C[SEP]CNO", "`N` at byte 7"), ("CC C", "` ` at byte 2")] {
        let said = tokenizer.encode(text, SpecialTokens::Added).unwrap_err().to_string();
        assert!(said.contains(says) && said.contains("--ids"), "{said}");
    }
    assert!(tokenizer.encode("", SpecialTokens::Added).unwrap().is_empty());
    let said = open(folder.path(), &TokenizerSource::Split("(".to_owned())).err().unwrap();
    assert!(said.contains("not a regular expression"), "{said}");
}

#[test]
fn what_is_not_read_here_is_refused_by_name() {
    let spm = folder(&[("spiece.model", b"x")]);
    let said = open(spm.path(), &TokenizerSource::Stated).err().unwrap();
    assert!(said.contains("spiece.model") && said.contains("--tokenizer"), "{said}");

    let none = folder(&[]);
    let said = open(none.path(), &TokenizerSource::Stated).err().unwrap();
    assert!(said.contains("no tokenizer beside it") && said.contains("--ids"), "{said}");

    let other = folder(&[
        ("vocab.json", b"{}"),
        ("merges.txt", b"a b\n"),
        ("config.json", br#"{"model_type": "clip"}"#),
    ]);
    let said = open(other.path(), &TokenizerSource::Stated).err().unwrap();
    assert!(said.contains("`clip`"), "{said}");

    let class = folder(&[
        ("vocab.txt", b"a\n"),
        ("tokenizer_config.json", br#"{"tokenizer_class": "XTokenizer"}"#),
    ]);
    let said = open(class.path(), &TokenizerSource::Stated).err().unwrap();
    assert!(said.contains("`XTokenizer`") && said.contains("--wordpiece"), "{said}");

    let bare = folder(&[("vocab.txt", b"a\n")]);
    let said = open(bare.path(), &TokenizerSource::WordPiece { lowercase: true }).err().unwrap();
    assert!(said.contains("`[UNK]`"), "{said}");
}

#[test]
fn a_damaged_tokenizer_is_an_error_that_names_its_file() {
    for damaged in [
        &b"{"[..],
        b"{}",
        b"[]",
        br#"{"version": "2.0"}"#,
        br#"{"version": "1.0", "model": {"type": "BPE", "vocab": {"a": 0}, "merges": ["a b"]}}"#,
        br#"{"version": "1.0", "model": {"type": "Unigram", "vocab": [], "unk_id": 7}}"#,
        br#"{"version": "1.0", "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Precompiled", "precompiled_charsmap": "!"}]},
            "model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}}"#,
    ] {
        let beside = folder(&[("tokenizer.json", damaged)]);
        let said = open(beside.path(), &TokenizerSource::Stated).err().unwrap();
        assert!(said.contains("tokenizer.json: not a tokenizer"), "{said}");
    }
}

#[test]
fn a_gguf_whose_tokenizer_is_not_known_is_refused_by_name() {
    let whole = std::fs::read(data("smollm.gguf")).unwrap();
    let changed = |from: &[u8], to: &[u8]| {
        let at = whole.windows(from.len()).position(|w| w == from).unwrap();
        let mut bytes = whole.clone();
        bytes[at..at + to.len()].copy_from_slice(to);
        let file = tempfile::Builder::new().suffix(".gguf").tempfile().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        open(file.path(), &TokenizerSource::Stated).err().unwrap()
    };
    let said = changed(b"gpt2", b"rwkv");
    assert!(said.contains("`rwkv`") && said.contains("--tokenizer"), "{said}");
    let said = changed(b"smollm", b"falcon");
    assert!(said.contains("`falcon`") && said.contains("smollm"), "{said}");
    let said = changed(b"tokenizer.ggml.merges", b"tokenizer.ggml.nerges");
    assert!(said.contains("tokenizer.ggml.merges is missing"), "{said}");
}

#[test]
fn a_tokenizer_with_any_byte_changed_is_read_or_refused() {
    for name in ["byte-level", "unigram"] {
        let whole = std::fs::read(data(name).join("tokenizer.json")).unwrap();
        let mut state = 7u64;
        let mut next = |below: usize| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 33) as usize % below
        };
        let mut refused = 0;
        for _ in 0..1500 {
            let mut bytes = whole.clone();
            for _ in 0..=next(3) {
                let at = next(bytes.len());
                bytes[at] = b" 0179-{}[]\",:xE\xff\0"[next(17)];
            }
            match Tokenizer::from_json(&bytes, "tokenizer.json") {
                Ok(tokenizer) => {
                    for text in ["The river 12, doesn't  漢🙂", ""] {
                        if let Ok(ids) = tokenizer.encode(text, SpecialTokens::Added) {
                            let _ = tokenizer.decode(&ids);
                        }
                    }
                }
                Err(_) => refused += 1,
            }
        }
        assert!(refused > 300, "{name}: {refused}");
    }
}

/// The windows of a text, and how many bytes were read.
fn windows(
    bytes: &[u8],
    tokenizer: &Tokenizer,
    texts: Texts,
    window: usize,
) -> Result<Vec<Vec<u32>>, String> {
    let mut corpus = Corpus::new(bytes, Path::new("text"), tokenizer, texts, window)
        .map_err(|e| e.to_string())?;
    let mut windows = Vec::new();
    let mut given = 0;
    while let Some(ids) = corpus.window().map_err(|e| e.to_string())? {
        windows.push(ids);
        assert!(corpus.bytes_given() >= given && corpus.bytes_given() <= corpus.place().bytes);
        given = corpus.bytes_given();
    }
    assert_eq!(corpus.bytes_given(), bytes.len() as u64);
    Ok(windows)
}

#[test]
fn a_long_text_has_the_same_tokens_in_windows_as_at_once() {
    let tokenizer = open(&data("smollm.gguf"), &TokenizerSource::Stated).unwrap();
    let line =
        "The river was high: 12 boats,\n\n  and \u{6f22}\u{5b57} \u{1f642} in 2026.\nShe counted\n";
    // Stretches end at the line ends that are followed by a letter.
    let text = line.repeat(3000);
    assert!(text.len() > 3 * (1 << 16));
    let windows = windows(text.as_bytes(), &tokenizer, Texts::Whole, 100).unwrap();
    assert!(windows.iter().rev().skip(1).all(|w| w.len() == 100));
    assert_eq!(windows.concat(), tokenizer.encode(&text, SpecialTokens::Bare).unwrap());
}

#[test]
fn bytes_are_given_with_their_windows_and_not_when_they_are_read() {
    let tokenizer = open(&data("smollm.gguf"), &TokenizerSource::Stated).unwrap();
    let text = "The river was high and the ferry did not run.\n".repeat(5000);
    let corpus = || {
        let path = Path::new("text");
        Corpus::new(text.as_bytes(), path, &tokenizer, Texts::Whole, 100).unwrap()
    };
    let mut one = corpus();
    let mut bytes = 0;
    for _ in 0..20 {
        let window = one.window().unwrap().unwrap();
        bytes += tokenizer.decode(&window).unwrap().len() as u64;
        let apart = one.bytes_given().abs_diff(bytes);
        assert!(apart * 20 < bytes, "{bytes} bytes given, {} told", one.bytes_given());
    }
    assert!(one.place().bytes >= 1 << 16 && bytes < 1 << 14);
    // The same windows have the same place.
    let mut two = corpus();
    (0..20).for_each(|_| drop(two.window().unwrap()));
    assert_eq!(one.place(), two.place());
    two.window().unwrap();
    assert_ne!(one.place().tokens, two.place().tokens);
}

#[test]
fn groups_hold_the_windows_in_order_and_go_on_alike_from_the_end_of_any_of_them() {
    let tokenizer = open(&data("smollm.gguf"), &TokenizerSource::Stated).unwrap();
    let words = ["river", " high", " ferry", " noon", " rain"];
    let line = |n: usize| (0..1 + n * n % 23).map(|i| words[(n + i) % 5]).collect::<String>();
    let text = (0..80).map(line).collect::<Vec<_>>().join("\n");
    let corpus =
        || Corpus::new(text.as_bytes(), Path::new("text"), &tokenizer, Texts::Lines, 15).unwrap();
    let alone = windows(text.as_bytes(), &tokenizer, Texts::Lines, 15).unwrap();
    let mut grouped = corpus();
    let mut groups: Vec<Vec<Vec<u32>>> = Vec::new();
    loop {
        let group = grouped.group(64).unwrap();
        if group.is_empty() {
            break;
        }
        let longest = group.iter().map(Vec::len).max().unwrap();
        assert!(group.len() * longest <= 64);
        groups.push(group);
        // The place is that of a reader of single windows, and a new reader goes on from it alike.
        let so_far: usize = groups.iter().map(Vec::len).sum();
        let mut single = corpus();
        (0..so_far).for_each(|_| drop(single.window().unwrap()));
        assert_eq!(single.place(), grouped.place());
        assert_eq!(single.bytes_given(), grouped.bytes_given());
    }
    assert!(groups.iter().any(|group| group.len() > 3));
    assert_eq!(groups.concat(), alone);
    // A group that is too large for its bound is one window.
    assert_eq!(corpus().group(0).unwrap(), alone[..1]);
}

#[test]
fn an_error_in_a_group_comes_after_the_windows_before_it() {
    let tokenizer = open(&data("smollm.gguf"), &TokenizerSource::Stated).unwrap();
    let text = b"one\ntwo\n\xff\nthree\n";
    let path = Path::new("text");
    let mut corpus = Corpus::new(&text[..], path, &tokenizer, Texts::Lines, 15).unwrap();
    assert_eq!(corpus.group(64).unwrap().len(), 2);
    assert_eq!((corpus.place().windows, corpus.place().bytes), (2, 8));
    assert!(corpus.group(64).unwrap_err().to_string().contains("not UTF-8 at byte 8"));
}

#[test]
fn a_line_without_end_is_cut_between_characters() {
    let tokenizer = open(&data("smollm.gguf"), &TokenizerSource::Stated).unwrap();
    let text = format!("a{}", "\u{6f22}\u{1f642}".repeat(1 << 18));
    assert!(text.len() > 1 << 20);
    let windows = windows(text.as_bytes(), &tokenizer, Texts::Whole, 5000).unwrap();
    assert_eq!(tokenizer.decode(&windows.concat()).unwrap(), text);
}

#[test]
fn each_line_is_a_text_of_its_own_where_asked_for() {
    let tokenizer = of_folder("word-piece", &TokenizerSource::Stated).unwrap();
    let windows =
        windows(b"the rain\r\n\nthe bus, the bus\nrain", &tokenizer, Texts::Lines, 5).unwrap();
    let shown: Vec<String> = windows.iter().map(|w| tokenizer.decode(w).unwrap()).collect();
    assert!(windows.iter().all(|w| w.len() <= 5 && w[0] == 2 && w[w.len() - 1] == 3), "{shown:?}");
    let text = |ids: &[u32]| ids[1..ids.len() - 1].to_vec();
    let bare = |text: &str| tokenizer.encode(text, SpecialTokens::Bare).unwrap();
    assert!(bare("the bus, the bus").len() > 3);
    let all: Vec<u32> = windows.iter().flat_map(|w| text(w)).collect();
    assert_eq!(all, [bare("the rain"), bare("the bus, the bus"), bare("rain")].concat());
    // No window holds tokens of two lines.
    assert!(
        !windows.iter().any(|w| text(w).ends_with(&bare("rain"))
            && w.len() == 5
            && text(w)[0] != bare("the")[0])
    );
}

#[test]
fn a_corpus_that_is_no_text_is_named_by_its_byte() {
    let tokenizer = open(&data("smollm.gguf"), &TokenizerSource::Stated).unwrap();
    for (bytes, at) in [(&b"ab\xffc"[..], 2), (b"line\nab\xe6\xbc", 7)] {
        let said = windows(bytes, &tokenizer, Texts::Whole, 9).unwrap_err();
        assert!(said.contains(&format!("text: it is not UTF-8 at byte {at};")), "{said}");
    }
    assert!(windows(b"", &tokenizer, Texts::Whole, 9).unwrap().is_empty());
    let pieces = of_folder("word-piece", &TokenizerSource::Stated).unwrap();
    assert!(windows(b"a", &pieces, Texts::Whole, 2).unwrap_err().contains("2 stand around"));
}

#[test]
#[ignore = "needs SmolLM2's GGUF file"]
fn smollm2_splits_as_transformers_does() {
    // From `AutoTokenizer.from_pretrained(folder, gguf_file=...)` of transformers 5.24.
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("models/smollm2/published/SmolLM2-135M-Instruct.Q4_1.gguf");
    let tokenizer = open(&path, &TokenizerSource::Stated).unwrap();
    agrees("smollm2", &tokenizer);
}

/// The families that have a SentencePiece model, with what their tokenizer_config.json says.
const SENTENCE_PIECE: [(&str, &str, &str, &str); 6] = [
    ("t5", "unigram.model", "spiece.model", r#"{"extra_ids": 4}"#),
    ("mt5", "unigram.model", "spiece.model", "{}"),
    ("llama", "pairs.model", "tokenizer.model", r#"{"add_eos_token": true}"#),
    ("albert", "unigram.model", "spiece.model", r#"{"do_lower_case": true}"#),
    ("xlnet", "unigram.model", "spiece.model", r#"{"keep_accents": true}"#),
    ("xlm-roberta", "unigram.model", "sentencepiece.bpe.model", "{}"),
];

/// A folder of this family with a SentencePiece model.
fn sentence_piece((family, model, file, settings): (&str, &str, &str, &str)) -> TempDir {
    let model = std::fs::read(data("sentence-piece").join(model)).unwrap();
    let config = format!(r#"{{"model_type": "{family}"}}"#);
    folder(&[
        ("config.json", config.as_bytes()),
        (file, &model),
        ("tokenizer_config.json", settings.as_bytes()),
    ])
}

#[test]
fn sentence_piece_models_split_as_the_package_does_in_every_family() {
    let bytes = std::fs::read(data("sentence-piece").join("golden.json")).unwrap();
    let mut all: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    for family in SENTENCE_PIECE {
        let folder = sentence_piece(family);
        let tokenizer = open(folder.path(), &TokenizerSource::Stated).unwrap();
        let rows: Vec<Golden> = serde_json::from_value(all[family.0].take()).unwrap();
        assert!(rows.len() > 10);
        for row in rows {
            let ids = tokenizer.encode(&row.text, SpecialTokens::Added).unwrap();
            assert_eq!(ids, row.ids, "{}: {:?}", family.0, row.text);
            let ids = tokenizer.encode(&row.text, SpecialTokens::Bare).unwrap();
            assert_eq!(
                tokenizer.decode(&ids).unwrap(),
                row.decoded,
                "{}: {:?}",
                family.0,
                row.text
            );
        }
    }
}

#[test]
fn sentence_piece_models_of_other_families_and_kinds_are_refused() {
    let refused = |family: &str, model: &[u8], file: &str| {
        let config = format!(r#"{{"model_type": "{family}"}}"#);
        let folder = folder(&[("config.json", config.as_bytes()), (file, model)]);
        match open(folder.path(), &TokenizerSource::Stated) {
            Ok(_) => panic!("{family} {file}"),
            Err(said) => said,
        }
    };
    let model = std::fs::read(data("sentence-piece").join("unigram.model")).unwrap();
    let said = refused("mbart", &model, "sentencepiece.bpe.model");
    assert!(said.contains("t5, mt5, llama") && said.contains("--tokenizer"), "{said}");
    let words = std::fs::read(data("sentence-piece").join("words.model")).unwrap();
    assert!(refused("t5", &words, "spiece.model").contains("of type 3"));
    let said = refused("albert", &words, "spiece.model");
    assert!(said.contains("`[CLS]`") || said.contains("of type 3"), "{said}");
    assert!(refused("t5", &model[..model.len() / 2], "spiece.model").contains("SentencePiece"));
}
