//! Searches of inputs that make a token win, against all prompts of a small alphabet, and in every family.

use std::collections::BTreeSet;

use candle_core::{Device, Tensor};
use serde_json::Map;
use unargmax::checkpoint;
use unargmax::locate::{Choice, locate};
use unargmax::progress::Silent;
use unargmax::reach::ladder::climb::{Found, Plan, climb};
use unargmax::reach::ladder::discrete::Search;
use unargmax::reach::ladder::frame::Frame;
use unargmax::reach::ladder::gradient::GradientBudget;
use unargmax::reach::ladder::journal::Journal;
use unargmax::reach::ladder::judge::{Judge, Win};
use unargmax::reach::ladder::prefix::SharedPrefix;
use unargmax::reach::ladder::soft::SoftBudget;
use unargmax::reach::ladder::spelling::Spelling;
use unargmax::reach::observe::Claims;
use unargmax::reach::rules::{Ignored, Rules};
use unargmax::transformer::{Batch, Direction, Options, Position, Transformer};

use super::fixture::{MODELS, open, path};

/// A model with its frame and a judge without claims.
struct Opened {
    model: Transformer,
    frame: Frame,
    judge: Judge,
}

impl Opened {
    fn new(name: &str) -> Self {
        let model = open(name, Options::default());
        let checkpoint = checkpoint::open(path(name)).unwrap();
        let all = Ignored::keys(vec!["all".to_owned()]);
        let rules = Rules::of(checkpoint.as_ref(), model.configuration(), &all).unwrap();
        let frame = Frame::new(&model, None, &rules, "").unwrap();
        let located = locate(checkpoint.as_ref(), &path(name), &Choice::default()).unwrap();
        let tokens = located.head.tokens();
        let judge = Judge::new(Claims {
            domain: located.domain().unwrap().0,
            head: located.head,
            never_alone: vec![false; tokens],
            never_anywhere: vec![false; tokens],
        });
        Opened { model, frame, judge }
    }

    fn climb(&self, alphabet: &[u32], plan: &Plan) -> Found {
        let folder = tempfile::tempdir().unwrap();
        let (mut journal, before) = Journal::open(folder.path(), &Map::new()).unwrap();
        let spelling = Spelling::new(None, "").unwrap();
        let search = Search {
            model: &self.model,
            frame: &self.frame,
            judge: &self.judge,
            spelling: &spelling,
            alphabet,
            prefix: SharedPrefix::default(),
        };
        climb(&search, plan, (&mut journal, before), &Silent).unwrap()
    }
}

fn all_tokens(opened: &Opened) -> Vec<u32> {
    (0..opened.model.configuration().tokens as u32).collect()
}

fn soft(steps: usize) -> SoftBudget {
    SoftBudget { vectors: 2, steps, starts: 1, rate: 0.5, inside_rows: false, seed: 1 }
}

/// The tokens that win strictly behind some prompt of a length, by the logits of the whole model.
fn winners(model: &Transformer, before: &[u32], alphabet: &[u32], length: usize) -> BTreeSet<u32> {
    let mut prompts: Vec<Vec<u32>> = vec![before.to_vec()];
    for _ in 0..length {
        let longer =
            |p: &Vec<u32>| alphabet.iter().map(|&id| [&p[..], &[id]].concat()).collect::<Vec<_>>();
        prompts = prompts.iter().flat_map(longer).collect();
    }
    let mut won = BTreeSet::new();
    for rows in prompts.chunks(1000) {
        let logits = model.forward(&Batch::ids(rows.to_vec())).unwrap().logits;
        let last = logits.dim(1).unwrap() - 1;
        let logits: Vec<Vec<f32>> =
            logits.narrow(1, last, 1).unwrap().squeeze(1).unwrap().to_vec2().unwrap();
        for row in logits {
            let most = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let best: Vec<usize> = (0..row.len()).filter(|&id| row[id] == most).collect();
            if let &[best] = &best[..] {
                won.insert(best as u32);
            }
        }
    }
    won
}

#[test]
fn enumeration_finds_every_prompt_of_up_to_three_tokens_that_exists_and_nothing_else() {
    let opened = Opened::new("gpt2");
    let alphabet: Vec<u32> = (5..45).collect();
    let begin = checkpoint_beginning(&opened);
    let plan = Plan { tokens: all_tokens(&opened), soft: None, enumerate: 64_000, gradient: None };
    let found = opened.climb(&alphabet, &plan);
    let lengths: Vec<usize> = found.enumerations.iter().map(|e| e.length).collect();
    assert_eq!(lengths, [1, 2, 3]);
    let mut so_far = BTreeSet::new();
    for enumeration in &found.enumerations {
        let truth = winners(&opened.model, &begin, &alphabet, enumeration.length);
        let won = |(token, wins): (usize, &u64)| (*wins > 0).then_some(token as u32);
        let said: BTreeSet<u32> = enumeration.wins.iter().enumerate().filter_map(won).collect();
        assert_eq!(said, truth, "length {}", enumeration.length);
        so_far.extend(truth);
    }
    let reached: BTreeSet<u32> =
        found.discrete.iter().filter(|d| d.is_found()).map(|d| d.token).collect();
    assert_eq!(reached, so_far);
    assert!(so_far.len() > 10 && so_far.len() < 70, "{}", so_far.len());
}

#[test]
fn gradients_find_prompts_that_exist_and_nothing_else() {
    let opened = Opened::new("gpt2");
    let alphabet: Vec<u32> = (5..45).collect();
    let truth = winners(&opened.model, &checkpoint_beginning(&opened), &alphabet, 3);
    let gradient =
        GradientBudget { lengths: vec![3], rounds: 20, candidates: 48, steepest: 20, seed: 1 };
    let plan =
        Plan { tokens: all_tokens(&opened), soft: None, enumerate: 0, gradient: Some(gradient) };
    let found = opened.climb(&alphabet, &plan);
    let reached: Vec<u32> =
        found.discrete.iter().filter(|d| d.is_found()).map(|d| d.token).collect();
    assert!(reached.iter().all(|token| truth.contains(token)));
    assert!(10 * reached.len() >= 8 * truth.len(), "{} of {}", reached.len(), truth.len());
    // Some 970 prompts are tried for a token, of 64,000.
    assert!(found.discrete.iter().all(|d| d.forwards <= 20 * 49 && d.gradients <= 20));
}

/// The tokens that the frame of a model that goes on with a text puts before a prompt.
fn checkpoint_beginning(opened: &Opened) -> Vec<u32> {
    match opened.frame.of_ids(&[vec![7]]).input {
        unargmax::transformer::Input::Ids(rows) => rows[0][..rows[0].len() - 1].to_vec(),
        _ => panic!("these are ids"),
    }
}

/// The models whose prompts need no tokenizer: those that go on with a text or have an encoder.
fn searchable() -> impl Iterator<Item = &'static str> {
    MODELS.iter().copied().filter(|name| {
        let model = open(name, Options::default());
        let configuration = model.configuration();
        (configuration.attention == Direction::Backwards || configuration.has_encoder())
            && !configuration.reads_sound()
            && !matches!(configuration.position, Position::Relative { .. })
    })
}

#[test]
fn soft_prompts_gain_by_their_gradients_in_every_family_and_their_wins_are_wins() {
    let (mut families, mut wins) = (0, 0);
    for name in searchable() {
        let opened = Opened::new(name);
        let tokens: Vec<u32> = vec![9, 21, 33];
        let plan = |steps| Plan {
            tokens: tokens.clone(),
            soft: Some(soft(steps)),
            enumerate: 0,
            gradient: None,
        };
        let (first, last) = (opened.climb(&[5], &plan(1)), opened.climb(&[5], &plan(40)));
        let mut gained = 0;
        for (first, last) in first.soft.iter().zip(&last.soft) {
            assert!(last.lead >= first.lead || last.win.is_some(), "{name}");
            gained += usize::from(last.lead > first.lead + 1e-3 || last.win.is_some());
            if !last.win.is_some_and(Win::is_strict) {
                continue;
            }
            wins += 1;
            let vectors = Tensor::from_slice(&last.vectors, (1, 2, ()), &Device::Cpu).unwrap();
            let batch = opened.frame.of_vectors(&opened.model, &vectors).unwrap();
            let logits = opened.model.forward(&batch).unwrap().logits;
            let at = logits.dim(1).unwrap() - 1;
            let row: Vec<f32> = logits.get(0).unwrap().get(at).unwrap().to_vec1().unwrap();
            let own = row[last.token as usize];
            assert!((0..row.len()).all(|id| id == last.token as usize || row[id] < own), "{name}");
        }
        assert!(gained > 0, "{name}: no token came nearer");
        families += 1;
    }
    assert!(families > 30 && wins > families, "{families} models, {wins} wins");
}

#[test]
fn vectors_that_are_rows_of_the_vocabulary_are_the_prompt_of_their_tokens() {
    for name in searchable() {
        let opened = Opened::new(name);
        let prompt = vec![vec![11, 12]];
        let vectors = opened.frame.vectors(&opened.model, &prompt).unwrap();
        let by_vectors = opened.frame.of_vectors(&opened.model, &vectors).unwrap();
        let states = |batch: &Batch| -> Vec<f32> {
            let states = opened.frame.states(&opened.model, batch).unwrap();
            states.flatten_all().unwrap().to_vec1().unwrap()
        };
        let (a, b) = (states(&by_vectors), states(&opened.frame.of_ids(&prompt)));
        let apart = a.iter().zip(&b).map(|(x, y)| (x - y).abs()).fold(0.0, f32::max);
        assert!(apart < 1e-5, "{name}: {apart}");
    }
}

#[test]
fn prompts_that_share_their_beginning_have_the_states_of_whole_passes() {
    let mut shared = 0;
    for name in searchable() {
        let opened = Opened::new(name);
        let prefix = SharedPrefix::default();
        // The second batch begins as the first, the third with less, the fourth with nothing of it.
        for batch in [
            [[7, 8, 9], [7, 8, 10]],
            [[7, 8, 12], [7, 8, 7]],
            [[7, 8, 9], [7, 9, 9]],
            [[9, 7, 8], [8, 7, 8]],
        ] {
            let prompts: Vec<Vec<u32>> = batch.iter().map(|prompt| prompt.to_vec()).collect();
            let numbers = |of: Tensor| -> Vec<f32> { of.flatten_all().unwrap().to_vec1().unwrap() };
            let whole = opened.frame.states(&opened.model, &opened.frame.of_ids(&prompts)).unwrap();
            let states = prefix.states(&opened.model, &opened.frame, &prompts).unwrap();
            let (states, whole) = (numbers(states), numbers(whole));
            let apart = states.iter().zip(&whole).map(|(x, y)| (x - y).abs()).fold(0.0, f32::max);
            assert!(states.len() == whole.len() && apart < 2e-5, "{name}: {batch:?}: {apart}");
        }
        shared += usize::from(opened.frame.goes_on(&opened.model));
    }
    assert!(shared > 30, "{shared}");
}

#[test]
fn a_vector_stays_inside_the_rows_where_that_is_asked() {
    let opened = Opened::new("gpt2");
    let budget = SoftBudget { inside_rows: true, rate: 5.0, starts: 2, ..soft(30) };
    let plan =
        Plan { tokens: all_tokens(&opened), soft: Some(budget), enumerate: 0, gradient: None };
    let found = opened.climb(&[5], &plan);
    assert!(found.soft.iter().all(|soft| soft.length <= 1.0 + 1e-5));
    assert!(found.soft.iter().any(|soft| soft.length > 0.99));
}
