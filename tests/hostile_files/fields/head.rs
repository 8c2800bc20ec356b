//! Fields of a decoder's folder that say which matrix is the head: names, shapes, bias, tying, type, size.

use std::cell::RefCell;
use std::fs;
use std::path::Path;

use super::super::build;
use super::super::random::Random;
use super::{Expected, Fields, Outcome, data};
use unargmax::checkpoint;
use unargmax::locate::{Choice, locate};

#[derive(Clone, Debug)]
struct Tensor {
    name: String,
    shape: Vec<usize>,
    /// Tensors of one seed and size hold the same numbers.
    seed: u8,
}

#[derive(Clone, Debug)]
pub struct Model {
    tensors: Vec<Tensor>,
    model_type: Option<&'static str>,
    architecture: Option<&'static str>,
    tie: Option<bool>,
    vocab_size: Option<usize>,
}

const HEAD: &str = "lm_head.weight";
const EMBEDDING: &str = "model.embed_tokens.weight";
const NORM: &str = "model.norm.weight";
const BIAS: &str = "lm_head.bias";
const NAMES: [&str; 8] = [
    HEAD,
    EMBEDDING,
    NORM,
    BIAS,
    "model.layers.0.mlp.down_proj.weight",
    "weight",
    "score.weight",
    "output.weight",
];

thread_local! {
    static FOLDER: RefCell<tempfile::TempDir> = RefCell::new(tempfile::tempdir().unwrap());
}

impl Tensor {
    /// Whether it has rows and columns; a convolution of width 1 is stored with more axes.
    fn is_matrix(&self) -> bool {
        (2..=4).contains(&self.shape.len()) && self.shape[2..].iter().all(|&n| n == 1)
    }
}

impl Model {
    fn get(&self, name: &str) -> Option<&Tensor> {
        self.tensors.iter().find(|t| t.name == name)
    }

    fn matrix(&self, name: &str) -> Option<&Tensor> {
        self.get(name).filter(|t| t.is_matrix())
    }

    fn config(&self) -> String {
        let mut config = serde_json::json!({"hidden_size": 4, "rms_norm_eps": 1e-6});
        if let Some(kind) = self.model_type {
            config["model_type"] = kind.into();
        }
        if let Some(architecture) = self.architecture {
            config["architectures"] = serde_json::json!([architecture]);
        }
        if let Some(tie) = self.tie {
            config["tie_word_embeddings"] = tie.into();
        }
        if let Some(tokens) = self.vocab_size {
            config["vocab_size"] = tokens.into();
        }
        config.to_string()
    }

    fn is_of_another_family(&self) -> bool {
        matches!(self.model_type, Some("gpt2" | "bert"))
    }

    /// The weights that the model's own code could use as its head; none where it has no head or contradicts itself.
    fn heads(&self) -> Vec<&str> {
        let (head, embedding) = (self.matrix(HEAD), self.matrix(EMBEDDING));
        let makes_tokens = self.architecture.is_none_or(|a| a.ends_with("ForCausalLM"));
        let equal = |a: &Tensor, b: &Tensor| a.shape[..2] == b.shape[..2] && a.seed == b.seed;
        match (head, embedding) {
            (Some(head), Some(embedding)) if equal(head, embedding) => vec![HEAD, EMBEDDING],
            // Other families have their embedding under another name.
            (Some(_), Some(_)) if self.tie == Some(true) && !self.is_of_another_family() => {
                Vec::new()
            }
            (Some(_), _) => vec![HEAD],
            (None, Some(_))
                if makes_tokens && self.get(HEAD).is_none() && self.tie != Some(false) =>
            {
                vec![EMBEDDING]
            }
            _ => Vec::new(),
        }
    }

    /// Whether everything agrees, so that the head must be found.
    fn is_sound(&self) -> bool {
        let head = self.matrix(HEAD).filter(|t| t.shape == [t.shape[0], 4]);
        let (Some(head), Some(norm)) = (head, self.get(NORM)) else { return false };
        let tokens = head.shape[0];
        self.model_type == Some("llama")
            && self.architecture == Some("LlamaForCausalLM")
            && self.tie == Some(false)
            && self.vocab_size == Some(tokens)
            && norm.shape == [4]
            && self.matrix(EMBEDDING).is_some_and(|t| t.shape == head.shape && t.seed != head.seed)
            && self.tensors.iter().all(|t| [HEAD, EMBEDDING, NORM, NAMES[4]].contains(&&*t.name))
            && tokens > 0
    }

    fn judge_located(&self, folder: &Path) -> Outcome {
        let located = checkpoint::open(folder)
            .and_then(|opened| locate(opened.as_ref(), folder, &Choice::default()));
        let located = match located {
            Err(error) if self.is_sound() => return Outcome::WronglyRefused(error.to_string()),
            Err(_) => return Outcome::Refused,
            Ok(located) => located,
        };
        let wrong = |what: &str| {
            Outcome::WronglyAccepted(format!("{what}: `{}` ({})", located.weight, located.why))
        };
        // A file with one matrix alone can be a head that somebody saved.
        let matrices = self.tensors.iter().filter(|t| t.is_matrix()).count();
        // So can a classifier's last layer, which has as many rows as there are labels.
        let plain = matrices == 1 || located.weight == "score.weight";
        if !plain && !self.heads().contains(&located.weight.as_str()) {
            return wrong("not the head");
        }
        let Some(stored) = self.get(&located.weight) else { return wrong("no such tensor") };
        if stored.shape[..2] != [located.head.tokens(), located.head.dim()] {
            return wrong("turned");
        }
        let bias = self.get(BIAS).filter(|b| b.shape == [located.head.tokens()]);
        if located.weight == HEAD && bias.is_some() && located.bias.as_deref() != Some(BIAS) {
            return wrong("its bias is left out");
        }
        if !plain && self.vocab_size.is_some_and(|n| n != located.head.tokens()) {
            return wrong("not as many tokens as the configuration says");
        }
        match &located.final_norm {
            Some(norm) if norm.weight.as_deref() != Some(NORM) => {
                wrong("behind a norm that is none")
            }
            _ => Outcome::Accepted,
        }
    }
}

impl Fields for Model {
    const LABEL: &'static str = "model.safetensors";
    const SLOWER: u64 = 10;

    fn valid() -> Self {
        let tensor = |name: &str, shape: &[usize], seed| Tensor {
            name: name.to_owned(),
            shape: shape.to_vec(),
            seed,
        };
        Model {
            tensors: vec![
                tensor(HEAD, &[6, 4], 1),
                tensor(EMBEDDING, &[6, 4], 2),
                tensor(NORM, &[4], 3),
                tensor(NAMES[4], &[4, 8], 4),
            ],
            model_type: Some("llama"),
            architecture: Some("LlamaForCausalLM"),
            tie: Some(false),
            vocab_size: Some(6),
        }
    }

    fn change(&mut self, random: &mut Random) {
        let at = random.below(self.tensors.len().max(1));
        match random.below(10) {
            0 if self.tensors.len() > 1 => drop(self.tensors.remove(at)),
            1 => {
                let name = NAMES[random.below(NAMES.len())];
                if self.get(name).is_none() {
                    self.tensors[at].name = name.to_owned();
                }
            }
            2 => self.tensors[at].shape[0] = [0, 1, 4, 5, 6, 7][random.below(6)],
            3 => self.tensors[at].shape.reverse(),
            4 => self.tensors[at].shape.push(1),
            5 => self.tensors[at].seed = 1 + random.below(3) as u8,
            6 => {
                let kinds =
                    [None, Some("llama"), Some("gpt2"), Some("bert"), Some("never-heard-of")];
                self.model_type = kinds[random.below(5)];
            }
            7 => {
                let names = [None, Some("LlamaForCausalLM"), Some("LlamaModel")];
                self.architecture = names[random.below(3)];
            }
            8 => self.tie = [None, Some(true), Some(false)][random.below(3)],
            _ => match random.below(3) {
                0 => self.vocab_size = [None, Some(5), Some(6), Some(7)][random.below(4)],
                _ if self.get(BIAS).is_none() => {
                    let length = [6, 6, 4, 7][random.below(4)];
                    self.tensors.push(Tensor { name: BIAS.into(), shape: vec![length], seed: 5 });
                }
                _ => {}
            },
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let (mut entries, mut numbers) = (Vec::new(), Vec::new());
        for t in &self.tensors {
            let from = numbers.len();
            let count: usize = t.shape.iter().product();
            let stored = data(count)
                .into_iter()
                .flat_map(|b| f32::from(b.wrapping_mul(t.seed)).to_le_bytes());
            numbers.extend(stored);
            entries.push(format!(
                r#""{}":{{"dtype":"F32","shape":{:?},"data_offsets":[{from},{}]}}"#,
                t.name,
                t.shape,
                numbers.len()
            ));
        }
        build::safetensors(&format!("{{{}}}", entries.join(",")), &numbers)
    }

    fn expected(&self) -> Expected {
        Expected::Either
    }

    fn judge(&self) -> Outcome {
        FOLDER.with_borrow(|folder| {
            fs::write(folder.path().join(Self::LABEL), self.bytes()).unwrap();
            fs::write(folder.path().join("config.json"), self.config()).unwrap();
            self.judge_located(folder.path())
        })
    }
}
