//! `logits`, `generate`, `pattern` and `observe`: models run on text.

use serde_json::Value;
use unargmax::checkpoint::{self, Values};

use crate::files::Folder;
use crate::models::{CONTEXT, States, WIDTH, bert, gpt2, gpt2_tokens, rows, stored};
use crate::{done, run, said};

const TEXT: &str = "The river was high";

fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&done(&[arguments, &["--json"]].concat())).unwrap()
}

/// A GPT-2 with rows without pattern.
fn plain(folder: &Folder) -> String {
    gpt2(folder, &rows(gpt2_tokens()), States::Anywhere)
}

/// The first token at each position.
fn first(positions: &Value) -> Vec<u64> {
    let positions = positions["positions"].as_array().unwrap();
    positions.iter().map(|p| p["top"][0]["id"].as_u64().unwrap()).collect()
}

fn ids(positions: &Value) -> String {
    let positions = positions["positions"].as_array().unwrap();
    positions.iter().map(|p| p["id"].to_string()).collect::<Vec<_>>().join(",")
}

#[test]
fn logits_are_of_every_position_and_their_probabilities_sum_to_one() {
    let folder = Folder::new();
    let model = plain(&folder);
    let all = gpt2_tokens().to_string();
    let told = json(&["logits", &model, "--text", TEXT, "--top", &all]);
    for position in told["positions"].as_array().unwrap() {
        let top = position["top"].as_array().unwrap();
        assert_eq!(top.len(), gpt2_tokens());
        let sum: f64 = top.iter().map(|c| c["probability"].as_f64().unwrap()).sum();
        assert!((sum - 1.0).abs() < 1e-9, "{sum}");
        let logits: Vec<f64> = top.iter().map(|c| c["logit"].as_f64().unwrap()).collect();
        assert!(logits.is_sorted_by(|a, b| a >= b));
    }
    // The same as ids, and out of a file.
    let by_ids = json(&["logits", &model, "--ids", &ids(&told), "--top", &all]);
    assert_eq!(by_ids["positions"], told["positions"]);
    let file = folder.write("text.txt", TEXT);
    assert_eq!(json(&["logits", &model, "--file", &file, "--top", &all]), told);
    let shown = done(&["logits", &model, "--text", TEXT, "--top", "2"]);
    assert_eq!(shown.lines().count(), 1 + told["positions"].as_array().unwrap().len(), "{shown}");
}

#[test]
fn a_mask_says_what_a_position_sees() {
    let folder = Folder::new();
    let model = plain(&folder);
    let of = |ids: &str, mask: &str| {
        json(&["logits", &model, "--ids", ids, "--mask", mask])["positions"][0]["top"].clone()
    };
    assert_eq!(of("5,6,7", "causal"), of("5,6,9", "causal"));
    assert_eq!(of("5,6,7", "prefix:1"), of("5,6,9", "prefix:1"));
    for mask in ["bidirectional", "prefix:3", "permutation:2,1,0"] {
        assert_ne!(of("5,6,7", mask), of("5,6,9", mask), "{mask}");
    }
    let own = json(&["logits", &model, "--ids", "5,6,7"])["positions"][0]["top"].clone();
    assert_eq!(own, of("5,6,7", "causal"));
}

#[test]
fn the_state_that_is_written_times_the_audited_head_is_the_logits() {
    let folder = Folder::new();
    let head = rows(gpt2_tokens());
    let model = gpt2(&folder, &head, States::Anywhere);
    let file = folder.path("hidden.safetensors");
    let all = gpt2_tokens().to_string();
    let arguments =
        ["logits", &model, "--text", TEXT, "--top", &all, "--hidden", file.to_str().unwrap()];
    let told = json(&arguments);
    let hidden = checkpoint::open(&file).unwrap();
    let names: Vec<&str> = hidden.tensors().iter().map(|t| t.name.as_str()).collect();
    assert_eq!(names, ["hidden.0", "hidden.1", "ids", "state"]);
    let Values::F32(states) = hidden.read("state").unwrap().values else { panic!() };
    for (position, state) in told["positions"].as_array().unwrap().iter().zip(states.chunks(WIDTH))
    {
        for candidate in position["top"].as_array().unwrap() {
            let row = &head[candidate["id"].as_u64().unwrap() as usize * WIDTH..][..WIDTH];
            let dot: f64 = row.iter().zip(state).map(|(w, &h)| w * f64::from(h)).sum();
            let logit = candidate["logit"].as_f64().unwrap();
            assert!((dot - logit).abs() < 1e-4 * logit.abs().max(1.0), "{dot} {logit}");
        }
    }
}

#[test]
fn states_replace_a_file_of_states_and_nothing_else() {
    let folder = Folder::new();
    let head = rows(gpt2_tokens());
    let model = gpt2(&folder, &head, States::Anywhere);
    let write = |file: &std::path::Path| {
        run(&["logits", &model, "--text", TEXT, "--hidden", file.to_str().unwrap()])
    };
    let file = folder.path("states.safetensors");
    assert!(write(&file).status.success() && write(&file).status.success());
    let link = folder.path("link.safetensors");
    std::os::unix::fs::symlink(&file, &link).unwrap();
    let notes = folder.path("notes.safetensors");
    std::fs::write(&notes, "mine").unwrap();
    let tensors = std::path::Path::new(&model).join("model.safetensors");
    for (taken, why) in [
        (&link, "not a regular file"),
        (&folder.path("."), "not a regular file"),
        (&notes, "unargmax did not write it"),
        (&tensors, "unargmax did not write it"),
    ] {
        let before = std::fs::read(taken).ok();
        let output = write(taken);
        let said = said(&output);
        assert!(output.status.code() == Some(2) && said.contains(why), "{said}");
        assert_eq!(std::fs::read(taken).ok(), before);
    }
    assert!(link.is_symlink());
}

#[test]
fn text_goes_on_by_the_first_token_of_the_logits_each_time() {
    let folder = Folder::new();
    let model = plain(&folder);
    let mut row: Vec<String> = vec!["5".into(), "6".into(), "7".into()];
    let told = done(&["generate", &model, "--ids", "5,6,7", "--max-tokens", "6"]);
    for token in told.trim().split(',') {
        let ids = row.join(",");
        let logits = json(&["logits", &model, "--ids", &ids, "--top", "1"]);
        assert_eq!(first(&logits).last().unwrap().to_string(), token, "{ids}: {told}");
        row.push(token.to_owned());
    }
    assert_eq!(row.len(), 9);
}

#[test]
fn the_same_seed_draws_the_same_text() {
    let folder = Folder::new();
    let model = plain(&folder);
    let draw = |seed: &str| {
        done(&["generate", &model, "--prompt", TEXT, "--max-tokens", "8", "--seed", seed])
    };
    assert_eq!(draw("1"), draw("1"));
    assert_ne!(draw("1"), draw("2"));
    assert!(draw("3").starts_with(TEXT), "{}", draw("3"));
    let greedy = done(&["generate", &model, "--prompt", TEXT, "--max-tokens", "8"]);
    let one = done(&[
        "generate",
        &model,
        "--prompt",
        TEXT,
        "--max-tokens",
        "8",
        "--top-k",
        "1",
        "--seed",
        "9",
    ]);
    assert_eq!(greedy, one);
}

#[test]
fn text_ends_where_the_context_is_full() {
    let folder = Folder::new();
    let model = plain(&folder);
    let output = run(&["generate", &model, "--ids", "5,6,7", "--max-tokens", "999"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let count = String::from_utf8_lossy(&output.stdout).trim().split(',').count();
    // The last token needs no place of its own.
    assert_eq!(count, CONTEXT - 3 + 1, "{}", said(&output));
    assert!(said(&output).contains("context is full"), "{}", said(&output));
}

#[test]
fn an_encoder_takes_the_prompt_and_a_source() {
    let model = stored("t5");
    let told = done(&["generate", &model, "--ids", "5,6,7", "--max-tokens", "3"]);
    assert!(!told.trim().is_empty());
    let logits = json(&["logits", &model, "--source-ids", "5,6,7", "--ids", "0", "--top", "1"]);
    assert_eq!(first(&logits)[0].to_string(), told.trim().split(',').next().unwrap());
}

/// The table of an observation: for each token a map of columns.
fn observed(out: &str) -> Vec<std::collections::HashMap<String, String>> {
    let mut csv = csv::Reader::from_path(format!("{out}/observed.csv")).unwrap();
    csv.deserialize().map(|row| row.unwrap()).collect()
}

pub fn column(out: &str, name: &str) -> Vec<u64> {
    observed(out).iter().map(|row| row[name].parse().unwrap()).collect()
}

#[test]
fn a_corpus_is_counted_as_the_logits_of_its_windows_say() {
    let folder = Folder::new();
    let model = plain(&folder);
    let text = "The river was high after the rain, and the ferry did not run until noon.\n";
    let corpus = folder.write("corpus.txt", text);
    let out = folder.path("out").to_str().unwrap().to_owned();
    let told = json(&["observe", &model, "--file", &corpus, "--out", &out, "--window", "10"]);
    let whole = json(&["logits", &model, "--ids", "1"]);
    assert_eq!(whole["positions"].as_array().unwrap().len(), 1);

    // The ids of the text, ten at a time.
    let long = unargmax::reach::text::Tokenizer::from_json(
        &std::fs::read(folder.path("tokenizer.json")).unwrap(),
        "tokenizer.json",
    );
    let ids = long.unwrap().encode(text, unargmax::reach::text::SpecialTokens::Bare).unwrap();
    let mut counts = vec![0; gpt2_tokens()];
    for window in ids.chunks(10) {
        let list = window.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
        let logits = json(&["logits", &model, "--ids", &list, "--top", "1"]);
        first(&logits).iter().for_each(|&id| counts[id as usize] += 1);
    }
    assert_eq!(column(&out, "argmax"), counts);
    assert_eq!(told["positions"].as_u64().unwrap(), ids.len() as u64);
    assert_eq!(told["windows"].as_u64().unwrap(), ids.len().div_ceil(10) as u64);
    assert_eq!(told["covered"].as_u64().unwrap(), counts.iter().filter(|&&n| n > 0).count() as u64);
    let ranks = column(&out, "best_rank");
    assert!(counts.iter().zip(&ranks).all(|(&n, &rank)| (rank == 1) == (n > 0) && rank > 0));
}

#[test]
fn lines_that_run_together_are_counted_as_each_alone() {
    let folder = Folder::new();
    let model = plain(&folder);
    let lines = ["The river was high.", "Rain", "She counted 12 steps, then 365 more.", "A ferry"];
    let place = |name: &str| folder.path(name).to_str().unwrap().to_owned();
    let observed = |text: &str, out: &str| {
        let corpus = folder.write("corpus.txt", text);
        json(&["observe", &model, "--file", &corpus, "--lines", "--out", &place(out)])
    };
    let told = observed(&lines.join("\n"), "all");
    assert_eq!(told["windows"], 4);
    let mut counts = vec![0; gpt2_tokens()];
    let mut ranks = vec![u64::MAX; gpt2_tokens()];
    for line in lines {
        observed(line, "one");
        let one = (column(&place("one"), "argmax"), column(&place("one"), "best_rank"));
        counts.iter_mut().zip(one.0).for_each(|(all, n)| *all += n);
        ranks.iter_mut().zip(one.1).for_each(|(all, rank)| *all = rank.min(*all));
    }
    assert_eq!(column(&place("all"), "argmax"), counts);
    assert_eq!(column(&place("all"), "best_rank"), ranks);
}

/// A folder with a model, its audit and a corpus.
pub struct Audited {
    pub folder: Folder,
    pub model: String,
    pub audit: String,
    pub corpus: String,
    pub out: String,
}

impl Audited {
    pub fn new(rows: &[f64], states: States) -> Self {
        let folder = Folder::new();
        let model = gpt2(&folder, rows, states);
        let text =
            "She counted 365 steps from the harbour to the lighthouse, then 12 more.\n".repeat(3);
        let corpus = folder.write("corpus.txt", text);
        let place = |name: &str| folder.path(name).to_str().unwrap().to_owned();
        let (audit, out) = (place("audit"), place("out"));
        done(&["audit", &model, "--out", &audit, "--no-report", "--quiet"]);
        Audited { folder, model, audit, corpus, out }
    }

    fn observe(&self) -> std::process::Output {
        run(&[
            "observe",
            &self.model,
            "--file",
            &self.corpus,
            "--out",
            &self.out,
            "--audit",
            &self.audit,
        ])
    }

    /// Makes the audit say that tokens are unargmaxable.
    pub fn slander(&self, tokens: &[usize]) {
        let path = format!("{}/verdicts.csv", self.audit);
        let mut csv = csv::Reader::from_path(&path).unwrap();
        let mut changed = csv::Writer::from_writer(Vec::new());
        changed.write_record(csv.headers().unwrap()).unwrap();
        let mut moved = 0;
        for (id, record) in csv.records().enumerate() {
            let record = record.unwrap();
            let lie = tokens.contains(&id) && &record[5] == "argmaxable";
            moved += u64::from(lie);
            let fields = record.iter().enumerate();
            changed
                .write_record(fields.map(|(i, f)| if lie && i == 5 { "unargmaxable" } else { f }))
                .unwrap();
        }
        std::fs::write(&path, changed.into_inner().unwrap()).unwrap();
        let path = format!("{}/summary.json", self.audit);
        let mut summary: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let counts = &mut summary["audits"][0]["counts"];
        for (name, by) in [("argmaxable", -(moved as i64)), ("unargmaxable", moved as i64)] {
            counts[name] = (counts[name].as_i64().unwrap() + by).into();
        }
        std::fs::write(&path, summary.to_string()).unwrap();
        assert!(moved > 0);
    }
}

#[test]
fn an_honest_audit_is_not_contradicted() {
    let audited = Audited::new(&rows(gpt2_tokens()), States::Anywhere);
    let output = audited.observe();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.contains("0 strict wins contradict"), "{told}");
    let rows = observed(&audited.out);
    let lost: Vec<_> = rows.iter().filter(|r| r["verdict"] == "unargmaxable").collect();
    // So small a head loses some tokens, so that there was something to contradict.
    assert!(!lost.is_empty());
    assert!(lost.iter().all(|r| r["argmax"] == "0"));
    assert!(!audited.folder.path("out/contradictions.safetensors").exists());
}

#[test]
fn an_audit_that_calls_a_winner_unargmaxable_is_contradicted_loudly() {
    let audited = Audited::new(&rows(gpt2_tokens()), States::Anywhere);
    assert_eq!(audited.observe().status.code(), Some(0));
    let counts = column(&audited.out, "argmax");
    let winner = (0..counts.len()).max_by_key(|&id| counts[id]).unwrap();
    audited.slander(&[winner]);
    let output = audited.observe();
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    let loud = said(&output);
    assert!(loud.contains(&format!("CONTRADICTION: token {winner} ")), "{loud}");
    assert!(loud.contains(&format!("{} strict wins", counts[winner])), "{loud}");
    // The hidden state shows it to anybody.
    let kept = checkpoint::open(audited.folder.path("out/contradictions.safetensors")).unwrap();
    let Values::F32(states) = kept.read("state").unwrap().values else { panic!() };
    assert_eq!(states.len(), counts[winner].min(64) as usize * WIDTH);
    let rows = rows(gpt2_tokens());
    let state: Vec<f64> = states[..WIDTH].iter().map(|&x| x.into()).collect();
    let score = |t: usize| -> f64 {
        rows[t * WIDTH..][..WIDTH].iter().zip(&state).map(|(w, h)| w * h).sum()
    };
    assert!((0..gpt2_tokens()).all(|t| t == winner || score(t) < score(winner)));
    assert_eq!(column(&audited.out, "argmax"), counts);
}

#[test]
fn a_win_by_rounding_contradicts_nothing() {
    // Tokens 11 and 12 differ in the last bits, and token 10 lies halfway, which is why it never wins alone. All
    // states are near ones, where these rows score most; float32 does not tell them apart.
    let mut rows = rows(gpt2_tokens());
    let bit = f64::from(f32::EPSILON) * 32.0;
    for (token, shift) in [(10, 0.0), (11, bit), (12, -bit)] {
        for k in 0..WIDTH {
            rows[token * WIDTH + k] = 40.0 + if k % 2 == 0 { shift } else { -shift };
        }
    }
    let audited = Audited::new(&rows, States::NearOnes);
    let output = audited.observe();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let row = &observed(&audited.out)[10];
    assert_eq!(row["verdict"], "unargmaxable");
    assert_ne!(row["argmax"], "0");
    assert_ne!(row["won_by_rounding"], "0");
    assert!(!audited.folder.path("out/contradictions.safetensors").exists());
}

#[test]
fn a_win_by_a_tie_contradicts_nothing() {
    // Tokens 10 and 11 have one row, the best of all.
    let mut rows = rows(gpt2_tokens());
    rows[10 * WIDTH..12 * WIDTH].fill(40.0);
    let audited = Audited::new(&rows, States::NearOnes);
    let output = audited.observe();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let table = observed(&audited.out);
    assert_eq!((&*table[10]["verdict"], &*table[11]["verdict"]), ("tied", "tied"));
    assert_eq!(table[10]["argmax"], table[10]["won_by_tie"]);
    assert_eq!(table[10]["won_by_tie"], table[11]["won_by_tie"]);
    assert_eq!((&*table[11]["argmax"], &*table[11]["best_rank"]), ("0", "1"));
    assert_eq!(table[10]["won_by_rounding"], "0");
}

#[test]
fn an_audit_of_another_head_is_refused() {
    let audited = Audited::new(&rows(gpt2_tokens()), States::Anywhere);
    let mut other = rows(gpt2_tokens());
    other[0] += 1.0;
    gpt2(&audited.folder, &other, States::Anywhere);
    let output = audited.observe();
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("is of another head: its sha256"), "{}", said(&output));
    assert!(!audited.folder.path("out/observed.csv").exists());
}

#[test]
fn a_pattern_says_what_its_words_are_and_then_scores() {
    let folder = Folder::new();
    let model = bert(&folder);
    let file =
        folder.write("texts.csv", "text,label\nthe rain,and\nthe bus,the\n\"a bus, again\",and\n");
    let arguments = [
        "pattern",
        &model,
        "--pattern",
        "{text} it was [MASK] .",
        "--labels",
        "and,the",
        "--file",
        &file,
    ];
    let told = done(&arguments);
    for (line, begins) in told.lines().zip(["label \"and\": token ", "label \"the\": token "]) {
        assert!(line.starts_with(begins), "{told}");
        assert!(
            line.contains("among all tokens ") && line.contains("among the labels argmaxable"),
            "{told}"
        );
    }
    assert!(told.contains("3 texts: "), "{told}");
    assert!(told.contains("always the most frequent class 2 of 3"), "{told}");

    // The scores are the logits at the gap.
    let scored = json(&arguments);
    let all = 300.to_string();
    let logits = json(&["logits", &model, "--text", "the rain it was [MASK] .", "--top", &all]);
    let gap =
        logits["positions"].as_array().unwrap().iter().find(|p| p["token"] == "[MASK]").unwrap();
    for (place, word) in ["and", "the"].iter().enumerate() {
        let of = gap["top"].as_array().unwrap().iter().find(|c| c["token"] == *word).unwrap();
        let difference =
            scored["texts"][0]["logits"][place].as_f64().unwrap() - of["logit"].as_f64().unwrap();
        assert!(difference.abs() < 1e-5, "{difference}");
    }
}

#[test]
fn a_model_that_sees_one_way_scores_the_word_after_the_text() {
    let folder = Folder::new();
    let model = plain(&folder);
    let file = folder.write("texts.txt", "The river\n\nA small dog\n");
    let arguments = [
        "pattern",
        &model,
        "--pattern",
        "{text} [MASK]",
        "--labels",
        "x= the,y= and",
        "--file",
        &file,
    ];
    let scored = json(&arguments);
    assert_eq!(scored["texts"].as_array().unwrap().len(), 2);
    let word = scored["labels"][0]["tokens"][0].as_u64().unwrap();
    let logits = json(&["logits", &model, "--text", "The river", "--top", "999"]);
    let last = logits["positions"].as_array().unwrap().last().unwrap().clone();
    let of =
        last["top"].as_array().unwrap().iter().find(|c| c["id"].as_u64() == Some(word)).unwrap();
    assert_eq!(of["token"], "␠the");
    let difference =
        scored["texts"][0]["logits"][0].as_f64().unwrap() - of["logit"].as_f64().unwrap();
    assert!(difference.abs() < 1e-5, "{difference}");
    assert!(scored["accuracy"].is_null());
}

/// The probability of a token at a position of ids, by `logits`.
fn probability(model: &str, ids: &[u64], position: usize, token: u64) -> f64 {
    let ids: Vec<String> = ids.iter().map(u64::to_string).collect();
    let told = json(&["logits", model, "--ids", &ids.join(","), "--top", "999"]);
    let top = told["positions"][position]["top"].as_array().unwrap();
    top.iter().find(|c| c["id"] == token).unwrap()["probability"].as_f64().unwrap()
}

fn numbers(value: &Value) -> Vec<u64> {
    value.as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).collect()
}

/// Checks the classes of each text: the softmax of the mean log-probabilities of their words, which `twin` computes from a
/// text and the tokens of a word.
fn classes_agree(scored: &Value, twin: impl Fn(&str, &[u64]) -> f64) {
    for text in scored["texts"].as_array().unwrap() {
        let mut means = std::collections::BTreeMap::new();
        for (place, word) in scored["labels"].as_array().unwrap().iter().enumerate() {
            let slow = twin(text["text"].as_str().unwrap(), &numbers(&word["tokens"]));
            let fast = text["log_probabilities"][place].as_f64().unwrap();
            assert!((fast - slow).abs() < 1e-4, "{word}: {fast} {slow}");
            let one = word["tokens"].as_array().unwrap().len() == 1;
            assert_eq!(text["logits"][place].is_null(), !one, "{text}");
            let mean: &mut Vec<f64> = means.entry(word["class"].to_string()).or_default();
            mean.push(slow);
        }
        let mean = |logs: &Vec<f64>| logs.iter().sum::<f64>() / logs.len() as f64;
        let total: f64 = means.values().map(|logs| mean(logs).exp()).sum();
        for (place, class) in scored["classes"].as_array().unwrap().iter().enumerate() {
            let slow = mean(&means[&class.to_string()]).exp() / total;
            let fast = text["probabilities"][place].as_f64().unwrap();
            assert!((fast - slow).abs() < 1e-4, "{class}: {fast} {slow}");
            let best = text["predicted"] == *class;
            assert!(!best || slow * scored["classes"].as_array().unwrap().len() as f64 > 0.999);
        }
    }
}

#[test]
fn words_of_several_tokens_fill_the_most_probable_mask_first() {
    let folder = Folder::new();
    let model = bert(&folder);
    let file = folder.write("texts.txt", "the rain\nthe bus\na bus, again\n");
    let pattern = ["pattern", &model, "--pattern", "{text} it was [MASK] .", "--file", &file];
    let labels = ["--labels", "x=and|raining|the,y=busses|again"];
    let arguments = [&pattern[..], &labels].concat();
    let scored = json(&arguments);
    let lengths: Vec<usize> = scored["labels"]
        .as_array()
        .unwrap()
        .iter()
        .map(|w| w["tokens"].as_array().unwrap().len())
        .collect();
    assert!(lengths.iter().any(|&n| n > 2) && lengths.contains(&1), "{lengths:?}");
    assert!(scored["labels"][0]["among_labels"].is_null());
    let mut not_left_to_right = 0;
    let order = std::cell::RefCell::new(&mut not_left_to_right);
    classes_agree(&scored, |text, word| {
        let text = format!("{text} it was [MASK] .");
        let told = json(&["logits", &model, "--text", &text, "--top", "1"]);
        let mut ids: Vec<u64> = ids(&told).split(',').map(|id| id.parse().unwrap()).collect();
        let gap = ids.iter().position(|&id| id == 4).unwrap();
        ids.splice(gap..=gap, word.iter().map(|_| 4));
        let mut left: Vec<usize> = (0..word.len()).collect();
        let mut log = 0.0;
        while !left.is_empty() {
            let of: Vec<f64> =
                left.iter().map(|&i| probability(&model, &ids, gap + i, word[i])).collect();
            let best = (0..of.len()).fold(0, |best, i| if of[i] > of[best] { i } else { best });
            log += of[best].ln();
            **order.borrow_mut() += usize::from(best > 0);
            let i = left.remove(best);
            ids[gap + i] = word[i];
        }
        log
    });
    assert!(not_left_to_right > 0);
    let told = done(&arguments);
    assert!(told.starts_with("label \"and\" of x: token "), "{told}");
    assert!(told.contains(" tokens (") && !told.contains("among the labels"), "{told}");
}

#[test]
fn words_of_several_tokens_are_read_from_left_to_right_where_a_model_sees_one_way() {
    let folder = Folder::new();
    let model = plain(&folder);
    let file = folder.write("texts.txt", "The river\nA small dog\n");
    let scored = json(&[
        "pattern",
        &model,
        "--pattern",
        "{text} [MASK]",
        "--labels",
        "x=the|xylophone,y=and",
        "--file",
        &file,
    ]);
    classes_agree(&scored, |text, word| {
        let told = json(&["logits", &model, "--text", text, "--top", "1"]);
        let mut ids: Vec<u64> = ids(&told).split(',').map(|id| id.parse().unwrap()).collect();
        let mut log = 0.0;
        for &token in word {
            log += probability(&model, &ids, ids.len() - 1, token).ln();
            ids.push(token);
        }
        log
    });
}

#[test]
fn words_of_the_same_tokens_and_several_words_without_a_class_are_refused() {
    let folder = Folder::new();
    let model = bert(&folder);
    let file = folder.write("texts.txt", "the rain\n");
    let said = |labels: &str| {
        let pattern = ["pattern", &model, "--pattern", "{text} [MASK]", "--file", &file];
        let output = run(&[&pattern[..], &["--labels", labels]].concat());
        assert_eq!(output.status.code(), Some(2));
        said(&output)
    };
    assert!(said("x=the,y=THE").contains("`the` and `THE` are the same tokens"));
    assert!(said("the|a,and").contains("NAME=the|a"));
}

#[test]
fn the_manual_has_the_commands() {
    let manual = done(&["man"]);
    for command in ["logits", "generate", "pattern", "observe"] {
        assert!(manual.contains(&format!("unargmax\\-{command}")), "{command}");
    }
}
