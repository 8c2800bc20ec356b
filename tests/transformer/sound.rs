//! Whisper: what its encoder of features reads, and what its decoder begins with.

use candle_core::{DType, Device, Tensor, Var};
use serde_json::{Value, json};
use unargmax::checkpoint;
use unargmax::error::Result;
use unargmax::reach::generate::{End, Generation, Prompt};
use unargmax::reach::rules::{Ignored, Rules};
use unargmax::reach::sampling::{Choice, Sampler};
use unargmax::transformer::{Batch, Input, Options, Transformer};

use super::changed::Changed;
use super::fixture::{Golden, folder, numbers, open, row_of};

const BANDS: usize = 6;
const FRAMES: usize = 18;

fn features() -> Tensor {
    let Some(source) = Golden::of("whisper").batch("causal").source else { panic!() };
    let Input::Features(features) = row_of(&source, 0) else { panic!() };
    features
}

fn heard(features: Tensor) -> Batch {
    Batch::ids(vec![vec![1, 20, 21]]).from_source(Input::Features(features))
}

fn ids(value: &Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect()
}

/// The rules of a changed model, which is opened as well.
fn rules(changed: &Changed, ignored: &[&str]) -> Result<(Transformer, Rules)> {
    let path = changed.path();
    let opened = checkpoint::open(&path).unwrap();
    let model = Transformer::of(opened.as_ref(), &path, Options::default())?;
    let ignored = Ignored::keys(ignored.iter().map(|key| (*key).to_owned()).collect());
    let rules = Rules::of(opened.as_ref(), model.configuration(), &ignored)?;
    Ok((model, rules))
}

/// The whole text of the decoder, the token that ends it included.
fn said(model: &Transformer, rules: Rules, prompt: Vec<u32>, limit: usize) -> Vec<u32> {
    let sampler = Sampler::new(Choice::default(), 0).unwrap();
    let prompt = Prompt { ids: prompt, features: Some(features()), ..Prompt::default() };
    let mut generation = Generation::following(model, rules, prompt, sampler, limit).unwrap();
    while generation.token().unwrap().is_some() {}
    let mut text = generation.text().to_vec();
    if let Some(End::Token(token)) = generation.end() {
        text.push(token);
    }
    text
}

#[test]
fn a_sound_is_written_as_the_reference_writes_it_under_its_rules() {
    let text = std::fs::read_to_string(folder("").join("generation.json")).unwrap();
    let golden: Value = serde_json::from_str(&text).unwrap();
    let cases = golden["spoken"].as_array().unwrap();
    assert!(cases.iter().filter(|case| case["plain"] == false).count() > 20);
    for case in cases {
        let changed = Changed::of("whisper").config(|config| {
            let map = config.as_object_mut().unwrap();
            map.remove("eos_token_id");
            map.extend(case["config"].as_object().unwrap().clone());
        });
        changed.write("generation_config.json", &case["settings"]);
        let (model, rules) = rules(&changed, &[]).unwrap_or_else(|e| panic!("{case}: {e}"));
        let limit = case["limit"].as_u64().unwrap() as usize;
        assert_eq!(said(&model, rules, Vec::new(), limit), ids(&case["text"]), "{case}");
    }
}

#[test]
fn tokens_that_are_given_take_the_place_of_those_of_the_rules() {
    let changed = Changed::of("whisper");
    changed.write(
        "generation_config.json",
        &json!({"forced_decoder_ids": [[1, 41], [2, 51], [3, 69]], "eos_token_id": []}),
    );
    let (model, with) = rules(&changed, &[]).unwrap();
    let text = said(&model, with.clone(), Vec::new(), 5);
    assert_eq!(text[..4], [1, 41, 51, 69]);
    assert_eq!(said(&model, with.clone(), vec![1, 41, 51, 69], 5), text);
    assert_eq!(said(&model, with, vec![1, 42], 2)[..2], [1, 42]);
    let (model, without) = rules(&changed, &["forced_decoder_ids"]).unwrap();
    assert!(without.notes[0].contains("left out as asked: forced_decoder_ids"));
    assert_ne!(said(&model, without, Vec::new(), 5)[..4], text[..4]);
}

#[test]
fn rules_of_sound_that_cannot_be_followed_are_refused_by_name() {
    let languages = json!({"<|en|>": 40, "<|de|>": 41});
    for (settings, says) in [
        (json!({"return_timestamps": true}), "`return_timestamps` is true"),
        (json!({"logprob_threshold": -1.0}), "`logprob_threshold`"),
        (json!({"no_speech_threshold": 0.6}), "`no_speech_threshold`"),
        (json!({"language": "german", "lang_to_id": languages}), "by its code"),
        (json!({"language": "en"}), "none of those of `lang_to_id`"),
        (json!({"task": "sing", "task_to_id": {"translate": 50}}), "`task` is `sing`"),
        (json!({"task": "translate"}), "`task` is `translate`"),
        (json!({"lang_to_id": {"<|en|>": 70}}), "`lang_to_id` names token 70"),
        (json!({"lang_to_id": {}}), "not a table"),
        (json!({"no_timestamps_token_id": 700}), "`no_timestamps_token_id` names token 700"),
        (json!({"forced_decoder_ids": [[1, 70]]}), "names token 70"),
        (json!({"forced_decoder_ids": [[1, 7], [3, 8]]}), "1, 2, 3"),
        (json!({"forced_decoder_ids": [[1]]}), "not a list of positions"),
        (json!({"forced_decoder_ids": 5}), "not a list of positions"),
    ] {
        let changed = Changed::of("whisper");
        changed.write("generation_config.json", &settings);
        let told = rules(&changed, &[]).map(|_| ()).unwrap_err().to_string();
        assert!(told.contains(says) && !told.contains('\n'), "{settings}: {told}");
        assert!(told.contains("generation_config.json: "), "{told}");
    }
    // Keys of Whisper say nothing of a model of text.
    let changed = Changed::of("gpt2");
    changed.write("generation_config.json", &json!({"lang_to_id": languages}));
    assert!(rules(&changed, &[]).map(|_| ()).unwrap_err().to_string().contains("`lang_to_id`"));
}

#[test]
fn the_gradient_of_a_feature_is_its_finite_difference() {
    let model = open("whisper", Options { dtype: DType::F64, ..Options::default() });
    let loss = |features: &Tensor| {
        let logits = model.forward(&heard(features.clone())).unwrap().logits;
        logits.sqr().unwrap().sum_all().unwrap()
    };
    let given = Var::from_tensor(&features().to_dtype(DType::F64).unwrap()).unwrap();
    let gradients = loss(given.as_tensor()).backward().unwrap();
    let gradient = numbers(gradients.get(given.as_tensor()).expect("a gradient"));
    let size = gradient.iter().fold(0.0f64, |m, x| m.max(x.abs()));
    assert!(size > 1e-3, "no gradient arrives");
    let point = numbers(given.as_tensor());
    for coordinate in (0..point.len()).step_by(5) {
        let moved = |by: f64| {
            let mut point = point.clone();
            point[coordinate] += by;
            let features = Tensor::from_vec(point, (1, BANDS, FRAMES), &Device::Cpu).unwrap();
            loss(&features).to_scalar::<f64>().unwrap()
        };
        let slope = (moved(1e-5) - moved(-1e-5)) / 2e-5;
        let apart = (slope - gradient[coordinate]).abs();
        let bound = 1e-2 * slope.abs().max(1e-3 * size);
        assert!(apart <= bound, "{coordinate}: {slope}, {}", gradient[coordinate]);
    }
}

#[test]
fn inputs_that_do_not_fit_an_encoder_of_sound_are_refused() {
    let whisper = open("whisper", Options::default());
    let said = |batch: &Batch| whisper.forward(batch).unwrap_err().to_string();
    let zeros = |shape: &[usize]| Tensor::zeros(shape, DType::F32, &Device::Cpu).unwrap();
    for (shape, says) in [
        (&[1, BANDS, FRAMES - 2][..], "16 frames, but the model takes 18"),
        (&[1, BANDS, FRAMES + 1], "19 frames, but the model takes 18"),
        (&[1, BANDS + 1, FRAMES], "rows x 6 frequency bands x 18 frames"),
        (&[BANDS, FRAMES], "rows x 6 frequency bands x 18 frames"),
        (&[0, BANDS, FRAMES], "shape [0, 6, 18]"),
        (&[2, BANDS, FRAMES], "2 sources for 1 rows"),
    ] {
        let error = said(&heard(zeros(shape)));
        assert!(error.contains(says), "{shape:?}: {error}");
    }
    let tokens = Batch::ids(vec![vec![1]]).from_source(Input::Ids(vec![vec![5]]));
    assert!(said(&tokens).contains("log-mel features"), "{}", said(&tokens));
    assert!(said(&Batch::ids(vec![vec![1]])).contains("needs its input"));
    let itself = Batch { input: Input::Features(zeros(&[1, BANDS, FRAMES])), ..heard(features()) };
    assert!(said(&itself).contains("this reads tokens"), "{}", said(&itself));
    let t5 = open("t5", Options::default());
    let error = t5.forward(&heard(features())).unwrap_err().to_string();
    assert!(error.contains("this reads tokens"), "{error}");
}

#[test]
fn an_encoder_of_sound_needs_its_convolutions_and_positions() {
    for (key, value, says) in [
        ("num_mel_bins", json!(7), "model.encoder.conv1.weight"),
        ("num_mel_bins", json!(0), "0 frequency bands"),
        ("max_source_positions", json!(10), "model.encoder.embed_positions.weight"),
        ("max_target_positions", json!(17), "model.decoder.embed_positions.weight"),
        ("num_mel_bins", Value::Null, "`num_mel_bins` is missing"),
    ] {
        let changed = Changed::of("whisper").config(|config| config[key] = value.clone());
        let error = super::changed::refusal(&changed.path());
        assert!(error.contains(says), "{key} {value}: {error}");
    }
}
