//! A check before a fine-tune: tokens chosen by what they are for, a sentence for each, how far a row must move, and lists that
//! begin with frequent tokens.

use std::fs;

use serde_json::Value;
use unargmax::split_mix::SplitMix;

use crate::files::Folder;
use crate::models::{self, States};
use crate::{done, run, said, utf8};

/// The ids in a table.
fn ids(table: &str) -> Vec<u32> {
    table.lines().skip(1).map(|line| line.split(',').next().unwrap().parse().unwrap()).collect()
}

/// The fields of a column, in the order of ids.
fn column(table: &str, name: &str) -> Vec<String> {
    let mut csv = csv::Reader::from_reader(table.as_bytes());
    let place = csv.headers().unwrap().iter().position(|column| column == name).unwrap();
    csv.records().map(|record| record.unwrap()[place].to_owned()).collect()
}

/// The ids that `--tokens` selects of a tiny GPT-2.
fn selected(model: &str, tokens: &str) -> Vec<u32> {
    let out = Folder::new();
    let out = out.path("out");
    done(&["audit", model, "--tokens", tokens, "--no-report", "--quiet", "--out", utf8(&out)]);
    ids(&fs::read_to_string(out.join("verdicts.csv")).unwrap())
}

#[test]
fn tokens_are_chosen_by_what_was_added_and_by_the_chat_template() {
    let folder = Folder::new();
    let tokens = models::gpt2_tokens();
    let model = models::gpt2(&folder, &models::rows(tokens), States::Anywhere);
    let tokenizer: Value =
        serde_json::from_str(&fs::read_to_string(folder.path("tokenizer.json")).unwrap()).unwrap();
    let mut added: Vec<u32> = tokenizer["added_tokens"]
        .as_array()
        .unwrap()
        .iter()
        .map(|token| token["id"].as_u64().unwrap() as u32)
        .collect();
    added.sort_unstable();
    assert!(!added.is_empty());
    assert_eq!(selected(&model, "added"), added);

    let without = run(&["audit", &model, "--tokens", "template"]);
    assert_eq!(without.status.code(), Some(2));
    assert!(said(&without).contains("it has no chat template"), "{}", said(&without));

    // Letters are tokens of their own here.
    folder.write("chat_template.jinja", "{% for m in messages %}~{{ m.content }}|{% endfor %}");
    folder.write("generation_config.json", r#"{"eos_token_id": [3, 5], "pad_token_id": null}"#);
    let vocabulary = &tokenizer["model"]["vocab"];
    let mut known: Vec<u32> =
        ["~", "|"].map(|piece| vocabulary[piece].as_u64().unwrap() as u32).to_vec();
    known.extend([3, 5]);
    known.sort_unstable();
    known.dedup();
    assert_eq!(selected(&model, "template"), known);
    let both = selected(&model, "7,template");
    assert!(both.contains(&7) && known.iter().all(|id| both.contains(id)));

    folder.write("generation_config.json", r#"{"eos_token_id": "<end>"}"#);
    let wrong = run(&["audit", &model, "--tokens", "template"]);
    let told = said(&wrong);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(told.contains("generation_config.json") && told.contains("`eos_token_id`"), "{told}");
}

#[test]
fn the_words_need_what_they_select_from() {
    let bundled = run(&["audit", "--tokens", "template"]);
    assert!(said(&bundled).contains("it reads the chat template of a checkpoint"));
    let folder = Folder::new();
    let head = folder.npy("h.npy", &[1.0, -1.0], 2, 1);
    let plain = run(&["audit", &head, "--tokens", "added"]);
    assert!(said(&plain).contains("does not say which tokens were added"), "{}", said(&plain));
}

/// A square, a token inside it, one equal to a corner, and one at the centre.
const ROWS: [f64; 14] = [4.0, 4.0, -4.0, 4.0, -4.0, -4.0, 4.0, -4.0, 1.0, 3.0, 4.0, 4.0, 0.0, 0.0];

#[test]
fn each_chosen_token_has_a_sentence_that_says_what_it_takes() {
    let folder = Folder::new();
    let head = folder.npy("h.npy", &ROWS, 7, 2);
    let text = done(&["audit", &head, "--tokens", "1,4,5", "--move-needed"]);
    for says in [
        "One by one:\n",
        "  #1 can be generated: it leads by ",
        "  #4 cannot be generated with this head: it is blocked by ",
        " To win, its row must move by ",
        "  #5 can only tie: 1 with exactly the same row and bias",
    ] {
        assert!(text.contains(says), "{says:?} is missing in\n{text}");
    }
    let all = done(&["audit", &head, "--move-needed"]);
    assert!(!all.contains("One by one"), "{all}");
    let items = done(&["audit", &head, "--tokens", "4", "--kind", "items"]);
    assert!(items.contains("#4 cannot be retrieved first with this head"), "{items}");
}

#[test]
fn rows_that_are_enough_are_in_a_file_and_their_lengths_in_the_table() {
    let folder = Folder::new();
    let head = folder.npy("h.npy", &ROWS, 7, 2);
    let out = folder.path("out");
    done(&["audit", &head, "--move-needed", "--out", utf8(&out)]);
    let table = fs::read_to_string(out.join("verdicts.csv")).unwrap();
    let ends = |name: &str| column(&table, name);
    let (low, high) = (ends("move_needed_low"), ends("move_needed_high"));
    assert!([0, 4, 5, 6].iter().all(|&t| !low[t].is_empty()) && low[1].is_empty());
    // Token 4 is one away from the upper edge, and token 6 four from each.
    for (token, known) in [(4, 1.0), (6, 4.0)] {
        let [low, high]: [f64; 2] = [&low[token], &high[token]].map(|x| x.parse().unwrap());
        assert!(low <= known && known <= high && high < 1.01 * known, "{low} {known} {high}");
    }
    let bytes = fs::read(out.join("moved-rows.safetensors")).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let read = |name: &str| -> Vec<f64> {
        let (parts, _) = file.tensor(name).unwrap().data().as_chunks();
        parts.iter().map(|x| f64::from_le_bytes(*x)).collect()
    };
    let named = file.tensor("ids").unwrap().data().to_vec();
    let named: Vec<u32> = named.as_chunks().0.iter().map(|x| u32::from_le_bytes(*x)).collect();
    assert_eq!(named, [0, 4, 5, 6]);
    let (rows, states) = (read("rows"), read("states"));
    for (i, &token) in named.iter().enumerate() {
        let score = |row: &[f64]| row[0] * states[2 * i] + row[1] * states[2 * i + 1];
        let others = (0..7).filter(|t| *t != token as usize).map(|t| score(&ROWS[2 * t..][..2]));
        let most = others.fold(f64::NEG_INFINITY, f64::max);
        assert!(score(&rows[2 * i..][..2]) > most, "{token}");
    }
    // A run without the option removes the file, as any file of an earlier run.
    done(&["audit", &head, "--out", utf8(&out)]);
    assert!(!out.join("moved-rows.safetensors").exists());
    let page = fs::read_to_string(out.join("summary.md")).unwrap();
    assert!(!page.contains("move needed"), "{page}");
}

#[test]
fn frequent_tokens_come_before_rare_ones() {
    let mut random = SplitMix::new(2);
    let folder = Folder::new();
    let mut rows = vec![9.0, 9.0, -9.0, 9.0, -9.0, -9.0, 9.0, -9.0];
    rows.extend((0..12).map(|_| random.below(80) as f64 / 10.0 - 4.0));
    let head = folder.npy("h.npy", &rows, 10, 2);
    folder.write("seen.csv", "id,token,argmax\n9,a,5\n6,b,50\n");
    let out = folder.path("out");
    let seen = folder.path("seen.csv");
    let text = done(&["audit", &head, "--frequencies", utf8(&seen), "--out", utf8(&out)]);
    let place =
        |text: &str, name: &str| text.find(name).unwrap_or_else(|| panic!("{name}: {text}"));
    assert!(place(&text, "\n  #6: ") < place(&text, "\n  #9: "));
    assert!(place(&text, "\n  #9: ") < place(&text, "\n  #4: "));
    let table = fs::read_to_string(out.join("verdicts.csv")).unwrap();
    assert_eq!(column(&table, "frequency"), ["0", "0", "0", "0", "0", "0", "50", "0", "0", "5"]);
    let markdown = fs::read_to_string(out.join("summary.md")).unwrap();
    assert!(place(&markdown, "(id 6)") < place(&markdown, "(id 9)"));
    folder.write("wrong.csv", "id,times\n9,5\n");
    let wrong = run(&["audit", &head, "--frequencies", utf8(&folder.path("wrong.csv"))]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(said(&wrong).contains("--frequencies") && said(&wrong).contains("wrong.csv"));
}
