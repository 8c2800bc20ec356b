//! The head of every family, against what the family's own program computed.
//!
//! `tests/data/families` holds tiny models that `analyses/golden_folders.py` made with the Python package
//! `transformers`, each with what hooks on that model recorded: the output embeddings, hidden states that
//! enter them and the logits that come out, and the norm before them. (The Marian and Nematus archives
//! were made by hand from documented names, and prove no more than that those names are understood.)

use std::path::{Path, PathBuf};

use serde_json::Value;

use unargmax::checkpoint::{self, Checkpoint, Values};
use unargmax::locate::{Choice, Located, locate};

/// What a golden folder expects.
struct Expected {
    name: String,
    facts: Value,
    arrays: Box<dyn Checkpoint>,
}

impl Expected {
    fn read(folder: &Path) -> Self {
        let facts = std::fs::read(folder.join("expected.json")).unwrap();
        Expected {
            name: folder.file_name().unwrap().to_str().unwrap().to_owned(),
            facts: serde_json::from_slice(&facts).unwrap(),
            arrays: checkpoint::open(folder.join("expected.safetensors")).unwrap(),
        }
    }

    /// An array, if there is one, row-major, and its width.
    fn array(&self, name: &str) -> Option<(Vec<f64>, usize)> {
        self.arrays.tensors().iter().find(|t| t.name == name)?;
        let tensor = self.arrays.read(name).unwrap();
        let numbers = match tensor.values {
            Values::F32(x) => x.into_iter().map(f64::from).collect(),
            Values::F64(x) => x,
        };
        Some((numbers, *tensor.info.shape.last().unwrap()))
    }

    fn number(&self, name: &str) -> Option<f64> {
        self.facts.get(name)?.as_f64()
    }
}

fn folders() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/families");
    let mut folders: Vec<PathBuf> = std::fs::read_dir(root)
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.is_dir())
        .collect();
    folders.sort();
    assert!(folders.len() >= 130, "{}", folders.len());
    folders
}

fn found(folder: &Path) -> Located {
    let archive = folder.join("model.npz");
    let path = if archive.is_file() { archive } else { folder.to_path_buf() };
    let opened = checkpoint::open(&path).unwrap();
    locate(opened.as_ref(), &path, &Choice::default())
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
}

/// Whether two numbers agree to 1e-6 of the terms that were summed.
fn close(ours: f64, theirs: f64, terms: f64) -> bool {
    (ours - theirs).abs() <= 1e-6 * (1.0 + terms)
}

#[test]
fn rows_bias_and_tying_are_those_of_the_output_embeddings() {
    for folder in folders() {
        let expected = Expected::read(&folder);
        let (name, located) = (&expected.name, found(&folder));
        let head = &located.head;
        let (weight, dim) = expected.array("weight").unwrap();
        assert_eq!((head.tokens(), head.dim()), (weight.len() / dim, dim), "{name}");
        let rows: Vec<f64> = (0..head.tokens()).flat_map(|t| head.row(t)).collect();
        assert_eq!(rows, weight, "{name}");
        match expected.array("bias") {
            Some((bias, _)) => {
                assert!(head.has_bias(), "{name}: the bias was dropped");
                let ours: Vec<f64> = (0..head.tokens()).map(|t| head.bias(t)).collect();
                assert_eq!(ours, bias, "{name}");
            }
            // Some models carry a bias that is zero and that the logits do not show.
            None => assert!((0..head.tokens()).all(|t| head.bias(t) == 0.0), "{name}"),
        }
        if let Some(tied) =
            expected.facts["tied"].as_bool().filter(|_| !name.contains("classifier"))
        {
            assert_eq!(located.tying.is_tied(), Some(tied), "{name}: {}", located.why);
        }
    }
}

#[test]
fn logits_are_those_of_the_model_at_the_same_hidden_states() {
    let mut seen = 0;
    for folder in folders() {
        let expected = Expected::read(&folder);
        let Some((hidden, dim)) = expected.array("hidden") else { continue };
        let (logits, tokens) = expected.array("logits").unwrap();
        let located = found(&folder);
        let head = &located.head;
        for (h, row) in hidden.chunks(dim).zip(logits.chunks(tokens)) {
            for (token, &theirs) in row.iter().enumerate() {
                let mut ours = head.dot(token, h) + head.bias(token);
                let terms: f64 = head.row(token).zip(h).map(|(w, h)| (w * h).abs()).sum();
                ours *= expected.number("scale").unwrap_or(1.0);
                if let Some(cap) = expected.number("softcap") {
                    ours = cap * (ours / cap).tanh();
                }
                assert!(
                    close(ours, theirs, terms + head.bias(token).abs()),
                    "{}: {ours} {theirs}",
                    expected.name
                );
                seen += 1;
            }
        }
        let follows = expected.number("scale").or(expected.number("softcap")).is_some();
        let said = located.notes.iter().any(|n| n.contains("keeps the order of logits"));
        assert_eq!(follows, said, "{}: {:?}", expected.name, located.notes);
    }
    assert!(seen > 10_000, "{seen}");
}

#[test]
fn the_final_norm_is_the_models_own() {
    let mut seen = 0;
    for folder in folders() {
        let expected = Expected::read(&folder);
        let (name, located) = (&expected.name, found(&folder));
        match expected.facts.get("norm") {
            Some(Value::Object(facts)) => {
                let norm = located.final_norm.unwrap_or_else(|| panic!("{name}: no norm"));
                assert_eq!(norm.kind.to_string(), facts["kind"], "{name}");
                assert_eq!(norm.epsilon, facts["epsilon"].as_f64(), "{name}");
                assert!((norm.factor - facts["factor"].as_f64().unwrap()).abs() < 1e-15, "{name}");
                let shift = expected.array("shift").map_or_else(Vec::new, |(x, _)| x);
                assert_eq!(norm.shift, shift, "{name}");
                let (gain, dim) = expected.array("gain").unwrap();
                for (ours, theirs) in norm.gain.iter().zip(&gain) {
                    assert!(close(*ours, *theirs, 0.0), "{name}: {ours} {theirs}");
                }
                let (inputs, outputs) =
                    (expected.array("norm_in").unwrap().0, expected.array("hidden").unwrap().0);
                for (x, h) in inputs.chunks(dim).zip(outputs.chunks(dim)) {
                    for (ours, &theirs) in norm.apply(x).unwrap().iter().zip(h) {
                        assert!(close(*ours, theirs, theirs.abs()), "{name}: {ours} {theirs}");
                        seen += 1;
                    }
                }
            }
            Some(stem) => {
                let norm = located.final_norm.unwrap_or_else(|| panic!("{name}: no norm"));
                assert!(
                    norm.weight.as_ref().is_some_and(|w| w.starts_with(stem.as_str().unwrap())),
                    "{name}: {norm}"
                );
                assert_eq!(
                    (norm.kind.to_string().as_str(), norm.gain.len()),
                    ("LayerNorm", located.head.dim()),
                    "{name}"
                );
            }
            None => assert_eq!(located.final_norm, None, "{name}"),
        }
    }
    assert!(seen > 2_000, "{seen}");
}

#[test]
fn an_activation_before_the_head_bounds_its_hidden_states() {
    let mut seen = 0;
    for folder in folders() {
        let expected = Expected::read(&folder);
        let located = found(&folder);
        let Some(name) = expected.facts["activation"].as_str() else {
            assert_eq!(located.activation, None, "{}", expected.name);
            continue;
        };
        assert_eq!(located.activation.as_ref().unwrap().name, name, "{}", expected.name);
        let (domain, reason) = located.domain().unwrap();
        assert!(!domain.is_free() && reason.contains(name), "{domain} {reason}");
        if let Some((hidden, dim)) = expected.array("hidden") {
            assert!(hidden.chunks(dim).all(|h| domain.contains(h)), "{}", expected.name);
        }
        seen += 1;
    }
    assert_eq!(seen, 5);
}

/// Models of `analyses/golden_folders.py` whose rows in use are not the stored ones, and a Baichuan 2 by hand.
#[test]
fn heads_that_are_not_used_as_they_are_stored_are_refused_with_their_tensors() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/families-refused");
    let mut seen = 0;
    for entry in std::fs::read_dir(root).unwrap() {
        let folder = entry.unwrap().path();
        let facts: Value =
            serde_json::from_slice(&std::fs::read(folder.join("expected.json")).unwrap()).unwrap();
        let opened = checkpoint::open(folder.join("model.safetensors")).unwrap();
        let said = locate(opened.as_ref(), &folder, &Choice::default()).unwrap_err().to_string();
        for word in facts["words"].as_array().unwrap() {
            assert!(said.contains(word.as_str().unwrap()), "{word} is missing in: {said}");
        }
        seen += 1;
    }
    assert!(seen >= 4, "{seen}");
}
