//! Fields of an index of shards: which file holds which tensor, and which files are there.

use std::cell::RefCell;
use std::fs;

use super::super::build;
use super::super::random::Random;
use super::{Contents, Expected, Fields, Listed, Outcome, compare, contents, data, decoded};
use unargmax::checkpoint;

/// Tensors of the two files: file, name, numbers.
const STORED: [(usize, &str, usize); 3] =
    [(0, "lm_head.weight", 6), (0, "a", 1), (1, "model.norm.weight", 2)];
const FILES: [&str; 2] = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];

#[derive(Clone, Debug)]
pub struct Shards {
    /// Tensor and file, as the index says.
    map: Vec<(String, String)>,
    /// The file that is not there.
    missing: Option<usize>,
    /// The file whose tensors are those of the other.
    copied: Option<usize>,
}

fn shard(file: usize) -> Vec<u8> {
    let (mut entries, mut end) = (Vec::new(), 0);
    for (_, name, numbers) in STORED.iter().filter(|t| t.0 == file) {
        let to = end + 4 * numbers;
        entries.push(format!(
            r#""{name}":{{"dtype":"F32","shape":[{numbers}],"data_offsets":[{end},{to}]}}"#
        ));
        end = to;
    }
    build::safetensors(&format!("{{{}}}", entries.join(",")), &data(end))
}

thread_local! {
    static FOLDER: RefCell<tempfile::TempDir> = RefCell::new(tempfile::tempdir().unwrap());
}

impl Fields for Shards {
    const LABEL: &'static str = "model.safetensors.index.json";
    const SLOWER: u64 = 20;

    fn valid() -> Self {
        let map = STORED.map(|(file, name, _)| (name.to_owned(), FILES[file].to_owned()));
        Shards { map: map.to_vec(), missing: None, copied: None }
    }

    fn change(&mut self, random: &mut Random) {
        const NAMES: [&str; 6] =
            [FILES[0], FILES[1], "absent.safetensors", "../w.safetensors", "", "config.json"];
        let at = random.below(self.map.len().max(1));
        match random.below(5) {
            0 if !self.map.is_empty() => drop(self.map.remove(at)),
            1 if !self.map.is_empty() => self.map[at].1 = NAMES[random.below(6)].to_owned(),
            2 if !self.map.is_empty() => {
                self.map[at].0 = ["lm_head.weight", "a", "nobody"][random.below(3)].to_owned();
            }
            3 => self.missing = Some(random.below(2)),
            _ => self.copied = Some(random.below(2)),
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let pairs: Vec<String> = self
            .map
            .iter()
            .map(|(tensor, file)| {
                format!("{}:{}", serde_json::json!(tensor), serde_json::json!(file))
            })
            .collect();
        format!(r#"{{"metadata":{{}},"weight_map":{{{}}}}}"#, pairs.join(",")).into_bytes()
    }

    fn expected(&self) -> Expected {
        let held = |file: usize| if self.copied == Some(file) { 1 - file } else { file };
        // A tensor that the index names twice is where it says last, if that is read at all.
        if (1..self.map.len()).any(|at| self.map[..at].iter().any(|(t, _)| *t == self.map[at].0)) {
            return Expected::Either;
        }
        let mut used: Vec<usize> = Vec::new();
        for (tensor, name) in &self.map {
            let Some(file) = FILES.iter().position(|f| f == name) else {
                return Expected::Refused("the index names a file that is none of the model's");
            };
            if self.missing == Some(file) {
                return Expected::Refused("a file is missing");
            }
            if !STORED.iter().any(|(f, t, _)| *f == held(file) && t == tensor) {
                return Expected::Refused("a tensor is not where the index says");
            }
            used.push(file);
        }
        used.sort_unstable();
        used.dedup();
        if used.is_empty() {
            return Expected::Refused("the index names no tensor");
        }
        if used.len() == 2 && self.copied.is_some() {
            return Expected::Refused("a tensor is in two files");
        }
        // A tensor that lies in a file and not in the index: listed or refused, but never lost in silence.
        let all = STORED.iter().filter(|(f, ..)| used.iter().any(|&file| held(file) == *f));
        if all.clone().count() != self.map.len() {
            return Expected::Either;
        }
        let mut wanted = Contents::new();
        for (file, name, numbers) in all {
            let before: usize = STORED
                .iter()
                .take_while(|t| t.1 != *name)
                .filter(|t| t.0 == *file)
                .map(|t| t.2)
                .sum();
            let bytes = &data(4 * (before + numbers))[4 * before..];
            let listed = Listed { shape: vec![*numbers], bits: decoded("f32", bytes) };
            wanted.insert((*name).to_owned(), listed);
        }
        Expected::Tensors(wanted)
    }

    fn judge(&self) -> Outcome {
        FOLDER.with_borrow(|folder| {
            for file in 0..2 {
                let path = folder.path().join(FILES[file]);
                if self.missing == Some(file) {
                    let _ = fs::remove_file(path);
                } else {
                    let held = if self.copied == Some(file) { 1 - file } else { file };
                    fs::write(path, shard(held)).unwrap();
                }
            }
            fs::write(folder.path().join("config.json"), "{}").unwrap();
            let index = folder.path().join(Self::LABEL);
            fs::write(&index, self.bytes()).unwrap();
            let found = checkpoint::open(&index).map_err(|e| e.to_string());
            compare(self.expected(), found.map(|opened| contents(&*opened)))
        })
    }
}
