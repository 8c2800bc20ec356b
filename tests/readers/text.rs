//! Tokenizers that one file does not describe: two texts together, Marian, files of tiktoken, kept pieces, CPM.
//!
//! `analyses/golden_text.py` made the data with the packages that define them.

use serde::Deserialize;
use tempfile::TempDir;
use unargmax::checkpoint::vocabulary::from_side_file;
use unargmax::reach::text::{SpecialTokens, Tokenizer, TokenizerSource};

use crate::tokenizers::{data, folder, open};

fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(data("text").join(name)).unwrap()
}

fn json<T: for<'de> Deserialize<'de>>(name: &str) -> T {
    serde_json::from_slice(&bytes(name)).unwrap()
}

fn stated(folder: &TempDir) -> Result<Tokenizer, String> {
    open(folder.path(), &TokenizerSource::Stated)
}

fn refused(folder: &TempDir, how: &TokenizerSource) -> String {
    open(folder.path(), how).err().unwrap()
}

/// A text, its ids, and what those decode to, where they hold no unknown token.
#[derive(Deserialize)]
struct Row {
    text: String,
    ids: Vec<u32>,
    #[serde(default)]
    decoded: Option<String>,
    /// CPM: the text after it was cut into words.
    #[serde(default)]
    words: String,
}

/// Two texts, the ids of both, and the segment of each.
#[derive(Deserialize)]
struct Pair {
    first: String,
    second: String,
    ids: Vec<u32>,
    segments: Vec<u32>,
}

fn sentence_piece(family: &str, file: &str) -> TempDir {
    let model = std::fs::read(data("sentence-piece").join("unigram.model")).unwrap();
    let config = format!(r#"{{"model_type": "{family}"}}"#);
    folder(&[("config.json", config.as_bytes()), (file, &model)])
}

/// The folder `unigram` with another processor of texts, and these entries of tokenizer_config.json.
fn processed(processor: &str, settings: &str) -> TempDir {
    let whole = std::fs::read_to_string(data("unigram/tokenizer.json")).unwrap();
    let mut whole: serde_json::Value = serde_json::from_str(&whole).unwrap();
    whole["post_processor"] = serde_json::from_str(processor).unwrap();
    let whole = whole.to_string();
    folder(&[("tokenizer.json", whole.as_bytes()), ("tokenizer_config.json", settings.as_bytes())])
}

const BERT: &str = r#"{"type": "BertProcessing", "sep": ["</s>", 1], "cls": ["<pad>", 0]}"#;

#[test]
fn two_texts_are_joined_and_get_their_segments_as_in_transformers() {
    let read = |name: &str| std::fs::read(data("word-piece").join(name)).unwrap();
    let word_piece = folder(&[
        ("vocab.txt", &read("vocab.txt")),
        ("tokenizer_config.json", &read("tokenizer_config.json")),
    ]);
    let roberta = r#"{"type": "RobertaProcessing", "sep": ["</s>", 1], "cls": ["<pad>", 0], "trim_offsets": false,
                      "add_prefix_space": true}"#;
    let end =
        |segment: u32| format!(r#"{{"SpecialToken": {{"id": "</s>", "type_id": {segment}}}}}"#);
    let text = |name: &str, segment: u32| {
        format!(r#"{{"Sequence": {{"id": "{name}", "type_id": {segment}}}}}"#)
    };
    let template = format!(
        r#"{{"type": "TemplateProcessing", "single": [{}, {}], "pair": [{}, {}, {}, {}],
             "special_tokens": {{"</s>": {{"id": "</s>", "ids": [1], "tokens": ["</s>"]}}}}}}"#,
        text("A", 0),
        end(0),
        text("A", 0),
        end(0),
        text("B", 1),
        end(1)
    );
    let golden: std::collections::BTreeMap<String, Vec<Pair>> = json("pairs.json");
    let folders = [
        ("word-piece", word_piece),
        ("bert", processed(BERT, "{}")),
        ("roberta", processed(roberta, "{}")),
        ("template", processed(&template, "{}")),
        ("albert", sentence_piece("albert", "spiece.model")),
        ("xlnet", sentence_piece("xlnet", "spiece.model")),
        ("xlm-roberta", sentence_piece("xlm-roberta", "sentencepiece.bpe.model")),
    ];
    assert_eq!(golden.len(), folders.len());
    for (name, folder) in folders {
        let tokenizer = stated(&folder).unwrap();
        for row in &golden[name] {
            let found = tokenizer.encode_pair(&row.first, &row.second).unwrap();
            assert_eq!(found, (row.ids.clone(), row.segments.clone()), "{name}: {:?}", row.first);
        }
    }
}

#[test]
fn a_model_that_is_not_told_of_segments_has_one() {
    let inputs = r#"{"model_input_names": ["input_ids", "attention_mask"]}"#;
    let told = stated(&processed(BERT, "{}")).unwrap().encode_pair("the river", "the bus").unwrap();
    let not =
        stated(&processed(BERT, inputs)).unwrap().encode_pair("the river", "the bus").unwrap();
    assert_eq!(not.0, told.0);
    assert!(told.1.contains(&1) && !not.1.contains(&1), "{told:?} {not:?}");
}

#[test]
fn two_texts_are_refused_where_nothing_says_how_they_are_joined() {
    let vocabulary = folder(&[("vocab.txt", b"C\nO\n")]);
    let split = open(vocabulary.path(), &TokenizerSource::Split("[A-Z]".to_owned())).unwrap();
    let gguf = open(&data("smollm.gguf"), &TokenizerSource::Stated).unwrap();
    let llama = stated(&sentence_piece("llama", "tokenizer.model")).unwrap();
    for tokenizer in [split, gguf, llama] {
        let said = tokenizer.encode_pair("C", "O").unwrap_err().to_string();
        assert!(said.contains("how two texts are joined") && said.contains("--segments"), "{said}");
    }
}

/// A folder of Marian, without these files and with these others.
fn marian(name: &str, without: &[&str], with: &[(&str, &[u8])]) -> TempDir {
    let mut files = Vec::new();
    for file in ["source.spm", "target.spm"] {
        files.push((file, bytes(&format!("marian/{file}"))));
    }
    for file in ["config.json", "tokenizer_config.json", "vocab.json", "target_vocab.json"] {
        if data("text").join(name).join(file).exists() {
            files.push((file, bytes(&format!("{name}/{file}"))));
        }
    }
    files.retain(|file| !without.contains(&file.0) && with.iter().all(|other| other.0 != file.0));
    let files: Vec<(&str, &[u8])> = files.iter().map(|(n, c)| (*n, &c[..])).collect();
    folder(&[&files[..], with].concat())
}

#[test]
fn marian_splits_both_languages_as_transformers_does() {
    #[derive(Deserialize)]
    struct Sides {
        source: Vec<Row>,
        target: Vec<Row>,
    }
    for name in ["marian", "marian-separate"] {
        let golden: Sides = json(&format!("{name}/golden.json"));
        let tokenizer = stated(&marian(name, &[], &[])).unwrap();
        let mut decoded = 0;
        for row in &golden.source {
            let ids = tokenizer.encode(&row.text, SpecialTokens::Added).unwrap();
            assert_eq!(ids, row.ids, "{name}: {:?}", row.text);
            let bare = tokenizer.encode(&row.text, SpecialTokens::Bare).unwrap();
            assert_eq!(bare, row.ids[..row.ids.len() - 1]);
        }
        for row in &golden.target {
            let ids = tokenizer.encode_target(&row.text, SpecialTokens::Added).unwrap();
            assert_eq!(ids, row.ids, "{name}: {:?}", row.text);
            let Some(text) = &row.decoded else { continue };
            // transformers also drops blanks at the ends.
            let own = tokenizer.decode(&ids[..ids.len() - 1]).unwrap();
            assert_eq!(own.trim(), text, "{name}");
            decoded += 1;
        }
        assert!(golden.source.len() > 10 && decoded > 4);
        assert_eq!(tokenizer.around().unwrap(), (vec![], vec![0]));
    }
}

#[test]
fn the_rows_of_a_marian_with_two_vocabularies_are_those_of_the_target() {
    let folder = marian("marian-separate", &[], &[]);
    let checkpoint = unargmax::checkpoint::open(folder.path()).unwrap();
    let (read, name) = from_side_file(checkpoint.as_ref()).unwrap().unwrap();
    let target: std::collections::HashMap<String, usize> =
        json("marian-separate/target_vocab.json");
    assert_eq!((name, read.tokens.len()), ("target_vocab.json", target.len()));
    for (piece, id) in target {
        assert_eq!(read.tokens[id].piece, piece);
    }
}

#[test]
fn a_marian_that_lacks_something_is_refused_by_name() {
    let says = |folder: TempDir, part: &str| {
        let said = refused(&folder, &TokenizerSource::Stated);
        assert!(said.contains(part), "{said}");
    };
    says(marian("marian", &["target.spm"], &[]), "target.spm is not beside it");
    says(marian("marian", &["vocab.json"], &[]), "vocab.json is not beside it");
    says(marian("marian-separate", &["target_vocab.json"], &[]), "target_vocab.json");
    says(marian("marian", &[], &[("vocab.json", br#"{"</s>": 0}"#)]), "needs `<unk>`");
    says(marian("marian", &[], &[("vocab.json", b"[]")]), "map from piece to id");
    let pairs = std::fs::read(data("sentence-piece/pairs.model")).unwrap();
    says(marian("marian", &[], &[("source.spm", &pairs)]), "of unigrams");
    let tokenizer = stated(&marian("marian", &[], &[])).unwrap();
    let said = tokenizer.encode(">>eng<< The river", SpecialTokens::Added).unwrap_err().to_string();
    assert!(said.contains("`>>eng<<`") && said.contains(">>deu<< >>fra<<"), "{said}");
}

/// A folder with a file of tiktoken under a name that the family knows.
fn ranked(family: &str, file: &[u8]) -> TempDir {
    let name = match family {
        "llama" => "tokenizer.model",
        "whisper" => "multilingual.tiktoken",
        _ => "qwen.tiktoken",
    };
    let config = format!(r#"{{"model_type": "{family}"}}"#);
    folder(&[("config.json", config.as_bytes()), (name, file)])
}

#[test]
fn a_file_of_tiktoken_splits_as_that_package_does() {
    let golden: std::collections::BTreeMap<String, Vec<Row>> = json("tiktoken.json");
    assert_eq!(golden.len(), 3);
    for (family, rows) in golden {
        let folder = ranked(&family, &bytes("qwen.tiktoken"));
        let by_name = TokenizerSource::File(data("text/qwen.tiktoken"));
        for how in [TokenizerSource::Stated, by_name] {
            let tokenizer = open(folder.path(), &how).unwrap();
            for row in &rows {
                let ids = tokenizer.encode(&row.text, SpecialTokens::Added).unwrap();
                assert_eq!(ids, row.ids, "{family}: {:?}", row.text);
                assert_eq!(tokenizer.decode(&ids).unwrap(), *row.decoded.as_ref().unwrap());
            }
        }
        assert!(rows.len() > 50);
    }
}

#[test]
fn a_long_run_of_one_letter_is_merged_in_good_time() {
    let tokenizer = stated(&ranked("qwen2", &bytes("qwen.tiktoken"))).unwrap();
    let text = "a".repeat(1 << 18);
    let ids = tokenizer.encode(&text, SpecialTokens::Bare).unwrap();
    assert_eq!(tokenizer.decode(&ids).unwrap(), text);
}

#[test]
fn a_file_of_tiktoken_that_does_not_say_enough_is_refused() {
    let whole = String::from_utf8(bytes("qwen.tiktoken")).unwrap();
    let file = TokenizerSource::File(data("text/qwen.tiktoken"));
    let said = refused(&ranked("gpt_neox", whole.as_bytes()), &file);
    assert!(said.contains("`gpt_neox`") && said.contains("qwen, qwen2, llama"), "{said}");
    let changed = |change: &dyn Fn(&mut Vec<String>)| {
        let mut lines: Vec<String> = whole.lines().map(str::to_owned).collect();
        change(&mut lines);
        refused(&ranked("qwen", lines.join("\n").as_bytes()), &TokenizerSource::Stated)
    };
    let said = changed(&|lines| drop(lines.remove(7)));
    assert!(said.contains("rank 7 is missing"), "{said}");
    let said = changed(&|lines| lines[300] = "?? 300".to_owned());
    assert!(said.contains("line 301"), "{said}");
    let said =
        changed(&|lines| lines[300] = format!("{} 300", lines[299].split(' ').next().unwrap()));
    assert!(said.contains("ranks 299 and 300 are the same bytes"), "{said}");
    let said = changed(&|lines| lines[5] = "YWFhYWFhYQ== 5".to_owned());
    assert!(said.contains("no token for the byte"), "{said}");
}

#[test]
fn kept_pieces_split_as_a_model_that_was_cut_down_to_them() {
    let folder = sentence_piece("mt5", "spiece.model");
    let tokenizer = open(folder.path(), &TokenizerSource::Kept(data("text/kept.txt"))).unwrap();
    let rows: Vec<Row> = json("kept.json");
    assert!(rows.len() > 10);
    let whole = stated(&folder).unwrap();
    let mut other = 0;
    for row in rows {
        let ids = tokenizer.encode(&row.text, SpecialTokens::Added).unwrap();
        assert_eq!(ids, row.ids, "{:?}", row.text);
        assert_eq!(
            tokenizer.decode(&ids[..ids.len() - 1]).unwrap(),
            *row.decoded.as_ref().unwrap()
        );
        let len = whole.encode(&row.text, SpecialTokens::Added).unwrap().len();
        other += usize::from(len != ids.len());
    }
    // Some texts were split in another way by the pieces that are gone.
    assert!(other > 3, "{other}");
}

#[test]
fn kept_pieces_that_leave_text_without_tokens_are_refused() {
    let says = |family: &str, file: &str, kept: &str, part: &str| {
        let folder = sentence_piece(family, file);
        let listed = folder.path().join("kept.json");
        std::fs::write(&listed, kept).unwrap();
        let said = refused(&folder, &TokenizerSource::Kept(listed));
        assert!(said.contains(part), "{said}");
    };
    says("mt5", "spiece.model", "[1, 2, 5]", "unknown piece, 0, is not among those");
    says("mt5", "spiece.model", "[0, 99999]", "piece 99999 is kept, but there are");
    says("mt5", "spiece.model", "[0, 1, 5]", "needs `</s>`");
    says("mt5", "spiece.model", "[0, 5, 5]", "piece 5 is kept twice");
    says("gpt2", "spiece.model", "[0, 5]", "none that is read here is beside it");
    let pairs = std::fs::read(data("sentence-piece/pairs.model")).unwrap();
    let folder = folder(&[
        ("config.json", br#"{"model_type": "llama"}"#),
        ("tokenizer.model", &pairs),
        ("kept", b"0 1 2 3 4 5"),
    ]);
    let said = refused(&folder, &TokenizerSource::Kept(folder.path().join("kept")));
    assert!(said.contains("3 of the 256 bytes"), "{said}");
}

#[test]
fn words_of_cpm_have_its_ids_and_a_text_that_is_not_cut_is_refused() {
    let files: Vec<(&str, Vec<u8>)> = ["spiece.model", "config.json", "tokenizer_config.json"]
        .iter()
        .map(|name| (*name, bytes(&format!("cpm/{name}"))))
        .collect();
    let files: Vec<(&str, &[u8])> = files.iter().map(|(n, c)| (*n, &c[..])).collect();
    let cpm = folder(&files);
    let tokenizer = open(cpm.path(), &TokenizerSource::Words).unwrap();
    let rows: Vec<Row> = json("cpm/golden.json");
    assert!(rows.len() > 10);
    for row in &rows {
        let ids = tokenizer.encode(&row.words, SpecialTokens::Added).unwrap();
        assert_eq!(ids, row.ids, "{:?}", row.words);
        let known = !ids.contains(&0);
        let text = tokenizer.decode(&ids[..ids.len() - 2]).unwrap();
        assert!(!known || text == *row.decoded.as_ref().unwrap(), "{text:?} {:?}", row.decoded);
    }
    let uncut = stated(&cpm).unwrap();
    let said = uncut.encode("今天天气", SpecialTokens::Added).unwrap_err().to_string();
    assert!(said.contains("jieba") && said.contains("--words"), "{said}");
    assert_eq!(uncut.decode(&rows[0].ids).unwrap(), tokenizer.decode(&rows[0].ids).unwrap());
    // A tokenizer.json does not cut texts either.
    let json = std::fs::read(data("unigram/tokenizer.json")).unwrap();
    let fast: &[u8] = br#"{"tokenizer_class": "CpmTokenizerFast"}"#;
    let spm = bytes("cpm/spiece.model");
    let both = folder(&[
        ("spiece.model", &spm),
        ("tokenizer.json", &json),
        ("tokenizer_config.json", fast),
    ]);
    let said = stated(&both).unwrap().encode("今天天气", SpecialTokens::Added).unwrap_err();
    assert!(said.to_string().contains("jieba"), "{said}");
    let said = refused(&sentence_piece("t5", "spiece.model"), &TokenizerSource::Words);
    assert!(said.contains("only CPM's is"), "{said}");
}
