//! Lists tensors by the names of the model itself, without what training wrappers and containers put before them.
//!
//! `torch.compile`, data parallelism, FSDP, `peft` and trainers keep the model as an attribute and save its tensors
//! under longer names, often several of these nested. Every later stage expects the names of the model itself, so a
//! checkpoint with longer names is listed here without the wrappers. The stored names remain valid: `read` accepts
//! both.
//!
//! Only these are removed, because they are certain to be no part of the model:
//! - components that only wrappers use (`_orig_mod`, `_fsdp_wrapped_module`), anywhere in a name;
//! - leading components of a model that is one attribute of several (`net.` next to `criterion.weight`,
//!   `pretrained_model.` next to `v_head.`), if well-known names follow them, and follow no others;
//! - leading components that all tensors share, if a well-known name of a model follows them and none comes before them
//!   (`model.` in front of `model.embed_tokens.weight`), or if the component is `module`, which no model has;
//! - tensors of the optimiser and other training state saved with a model, which are not listed but mentioned in a remark.

use std::collections::BTreeMap;
use std::path::Path;

use super::bytes::Bytes;
use super::patch::Place;
use super::vocabulary::Vocabulary;
use super::{Checkpoint, Tensor, TensorInfo, gguf, onnx};
use crate::error::{Error, Result};

/// Name components that only wrappers use: `torch.compile`, FSDP, activation checkpointing, DeepSpeed, Lightning's
/// strategies.
const WRAPPERS: [&str; 5] = [
    "_orig_mod",
    "_fsdp_wrapped_module",
    "_checkpoint_wrapped_module",
    "_forward_module",
    "_original_module",
];

/// The component that data parallelism puts before every name, or before none.
const PARALLEL: &str = "module";

/// First name components of the training state that a trainer saves with the model.
const TRAINING: [&str; 22] = [
    "optimizer",
    "optimizers",
    "optimizer_state",
    "optimizer_states",
    "optimizer_state_dict",
    "optim",
    "opt_state",
    "lr_scheduler",
    "lr_schedulers",
    "lr_scheduler_state_dict",
    "scheduler",
    "scheduler_state_dict",
    "callbacks",
    "loops",
    "grad_scaler",
    "scaler",
    "scaler_state_dict",
    "rng_state",
    "rng_states",
    "hyper_parameters",
    "train_iterator",
    "last_optimizer_state",
];

/// First name components under which trainers save the tensors of the model.
const CONTAINERS: [&str; 9] = [
    "state_dict",
    "model_state_dict",
    "model_state",
    "model",
    "module",
    "net",
    "network",
    "weights",
    "params",
];

/// First name components under which trainers save a running mean of the model.
const AVERAGES: [&str; 8] = [
    "ema",
    "ema_state_dict",
    "ema_model",
    "model_ema",
    "state_dict_ema",
    "ema_network",
    "averaged_model",
    "avg_model_state",
];

/// How tensor names of models begin: a name that begins so has no wrapper in front of it.
const MODELS: [&str; 35] = [
    "lm_head.",
    "embed_out.",
    "model.embed_tokens.",
    "model.layers.",
    "model.norm.",
    "model.decoder.",
    "model.encoder.",
    "model.shared.",
    "model.language_model.",
    "language_model.model.",
    "transformer.wte.",
    "transformer.h.",
    "transformer.ln_f.",
    "transformer.word_embedding",
    "transformer.layer.",
    "gpt_neox.",
    "bert.embeddings.",
    "bert.encoder.",
    "cls.predictions.",
    "deberta.embeddings.",
    "deberta.encoder.",
    "lm_predictions.lm_head.",
    "roberta.embeddings.",
    "albert.embeddings.",
    "electra.embeddings.",
    "distilbert.embeddings.",
    "generator_lm_head.",
    "generator_predictions.",
    "vocab_projector.",
    "vocab_transform.",
    "predictions.",
    "lm_loss.",
    "decoder.block.",
    "encoder.block.",
    "backbone.embeddings.",
];

/// The deepest nesting of wrappers; no trainer writes a deeper one.
const DEEPEST: usize = 8;

/// A checkpoint whose tensors are listed under the names of the model itself.
struct Unwrapped {
    inner: Box<dyn Checkpoint>,
    /// The tensors under their new names, sorted by name.
    tensors: Vec<TensorInfo>,
    /// For each of `tensors` its stored name.
    stored: Vec<String>,
    /// The aliases of the inner checkpoint, and each stored name that is longer than the listed one.
    aliases: Vec<(String, String)>,
    remarks: Vec<String>,
}

/// Lists the checkpoint under the names of the model itself; returns it unchanged where no wrapper is found.
///
/// # Errors
/// Two tensors that would have the same name.
pub(super) fn unwrap(inner: Box<dyn Checkpoint>, path: &Path) -> Result<Box<dyn Checkpoint>> {
    // Formats that training code does not write have fixed names, and a graph refers to them.
    if inner.graph().is_some() || inner.metadata().is_some() || inner.model_kind().is_some() {
        return Ok(inner);
    }
    let names: Vec<&str> = inner.tensors().iter().map(|info| info.name.as_str()).collect();
    let Some(Plan { renamed, remarks }) = plan(&names) else { return Ok(inner) };
    let mut by_name: BTreeMap<String, usize> = BTreeMap::new();
    for (at, name) in renamed {
        if let Some(other) = by_name.insert(name.clone(), at) {
            return Err(Error::malformed(
                path,
                format!(
                    "`{}` and `{}` are both `{name}` without the names of wrappers; save one model per file",
                    names[other], names[at]
                ),
            ));
        }
    }
    let mut aliases = inner.aliases().to_vec();
    let (mut tensors, mut stored) = (Vec::new(), Vec::new());
    for (name, at) in by_name {
        let info = &inner.tensors()[at];
        if info.name != name {
            aliases.push((info.name.clone(), name.clone()));
        }
        stored.push(info.name.clone());
        tensors.push(TensorInfo { name, ..info.clone() });
    }
    aliases.sort();
    Ok(Box::new(Unwrapped { inner, tensors, stored, aliases, remarks }))
}

/// The tensors to list, by index, with their names, and remarks for people.
struct Plan {
    renamed: Vec<(usize, String)>,
    remarks: Vec<String>,
}

/// Decides how the tensors are listed; `None` where every name stays as it is.
fn plan(names: &[&str]) -> Option<Plan> {
    let mut remarks = Vec::new();
    let mut kept: Vec<(usize, Vec<&str>)> = names
        .iter()
        .enumerate()
        .map(|(at, name)| (at, name.split('.').filter(|part| !WRAPPERS.contains(part)).collect()))
        .collect();
    let wrapped =
        names.iter().zip(&kept).any(|(name, (_, parts))| name.split('.').count() != parts.len());
    if wrapped {
        remarks
            .push("names are given without the components that training wrappers add".to_owned());
    }
    let aside = training(&mut kept, &mut remarks);
    let beside = only_model(&kept).and_then(|prefix| {
        let (_, other) = kept.iter().find(|(_, parts)| !is_under(parts, &prefix))?;
        Some((prefix, other.join(".")))
    });
    let prefix = match beside {
        Some((prefix, other)) => {
            remarks.push(format!(
                "names are given without `{}.`, the only model in the file; others (`{other}`) stand beside it",
                prefix.join(".")
            ));
            Some(prefix)
        }
        None => shared_prefix(&kept).inspect(|prefix| {
            remarks.push(format!(
                "names are given without `{}.`, which all tensors share",
                prefix.join(".")
            ));
        }),
    };
    let prefix = prefix.unwrap_or_default();
    let name = |parts: &[&str]| match is_under(parts, &prefix) {
        true => parts[prefix.len()..].join("."),
        false => parts.join("."),
    };
    (wrapped || aside || !prefix.is_empty()).then(|| Plan {
        renamed: kept.iter().map(|(at, parts)| (*at, name(parts))).collect(),
        remarks,
    })
}

/// Whether a name begins with these components and has more.
fn is_under(parts: &[&str], prefix: &[String]) -> bool {
    parts.len() > prefix.len() && parts.iter().zip(prefix).all(|(a, b)| a == b)
}

/// Returns the components before the well-known names of a model, if these are the same everywhere, and if no name of
/// the file begins with a well-known name.
fn only_model(kept: &[(usize, Vec<&str>)]) -> Option<Vec<String>> {
    let depth = |parts: &[&str]| {
        (0..parts.len().min(DEEPEST + 1)).find(|&skip| {
            let name = parts[skip..].join(".");
            MODELS.iter().any(|model| name.starts_with(model))
        })
    };
    let mut prefixes: Vec<&[&str]> =
        kept.iter().filter_map(|(_, parts)| Some(&parts[..depth(parts)?])).collect();
    prefixes.sort_unstable();
    prefixes.dedup();
    // A model that is nested in this one is a part of it.
    let first = *prefixes.first().filter(|prefix| !prefix.is_empty())?;
    let within = prefixes.iter().all(|prefix| prefix.starts_with(first));
    within.then(|| first.iter().map(|part| (*part).to_owned()).collect())
}

/// Leaves out the training state that a trainer saved, if there is a model as well, and adds a remark; returns
/// whether it did.
fn training(kept: &mut Vec<(usize, Vec<&str>)>, remarks: &mut Vec<String>) -> bool {
    let under = |parts: &[&str], names: &[&str]| parts.len() > 1 && names.contains(&parts[0]);
    let states = kept.iter().any(|(_, parts)| under(parts, &TRAINING));
    let averages = kept.iter().any(|(_, parts)| under(parts, &AVERAGES));
    let model = kept.iter().any(|(_, parts)| under(parts, &CONTAINERS));
    let before = kept.len();
    if states && kept.iter().any(|(_, parts)| !under(parts, &TRAINING) && !under(parts, &AVERAGES))
    {
        kept.retain(|(_, parts)| !under(parts, &TRAINING));
        let count = before - kept.len();
        remarks.push(format!(
            "{count} tensors of the state of training (optimiser and the like) are left aside"
        ));
    }
    if averages && model {
        let name = kept.iter().find(|(_, parts)| under(parts, &AVERAGES)).map_or("", |(_, p)| p[0]);
        remarks.push(format!(
            "the running mean of the model under `{name}.` is left aside; --weight names one of its tensors"
        ));
        kept.retain(|(_, parts)| !under(parts, &AVERAGES));
    }
    kept.len() != before
}

/// Returns the leading components that all names share and that certainly belong to no model.
fn shared_prefix(kept: &[(usize, Vec<&str>)]) -> Option<Vec<String>> {
    let begins = |skip: usize| {
        kept.iter().any(|(_, parts)| {
            let name = parts.get(skip..).unwrap_or_default().join(".");
            MODELS.iter().any(|model| name.starts_with(model))
        })
    };
    let (_, first) = kept.first()?;
    let shared = |depth: usize| {
        let parts = first.get(..depth).filter(|parts| parts.len() < first.len())?;
        let all = kept.iter().all(|(_, other)| other.len() > depth && other.starts_with(parts));
        all.then_some(parts)
    };
    if !begins(0)
        && let Some(parts) = (1..=DEEPEST).map_while(&shared).find(|parts| begins(parts.len()))
    {
        return Some(parts.iter().map(|part| (*part).to_owned()).collect());
    }
    // For names of no known model only components are removed that no model has.
    let outer = |part: &str| part == PARALLEL || CONTAINERS[..3].contains(&part);
    let depth = (1..=DEEPEST)
        .map_while(|depth| shared(depth).filter(|parts| outer(parts[depth - 1])))
        .map(<[&str]>::len)
        .last()?;
    (!begins(0)).then(|| first[..depth].iter().map(|part| (*part).to_owned()).collect())
}

impl Checkpoint for Unwrapped {
    fn format(&self) -> &'static str {
        self.inner.format()
    }

    fn tensors(&self) -> &[TensorInfo] {
        &self.tensors
    }

    fn read(&self, name: &str) -> Result<Tensor> {
        let listed = |name: &str| self.tensors.binary_search_by(|t| t.name.as_str().cmp(name)).ok();
        let at = listed(name).or_else(|| {
            let alias =
                self.aliases.binary_search_by(|(alias, _)| alias.as_str().cmp(name)).ok()?;
            listed(&self.aliases[alias].1)
        });
        // A tensor that is not listed (a running mean) can be read by its stored name.
        let Some(at) = at else { return self.inner.read(name) };
        let tensor = self.inner.read(&self.stored[at])?;
        Ok(Tensor { info: self.tensors[at].clone(), ..tensor })
    }

    fn place(&self, name: &str) -> Result<Place> {
        let at = self.tensors.iter().position(|tensor| tensor.name == name);
        self.inner.place(at.map_or(name, |at| self.stored[at].as_str()))
    }

    fn integers(&self, name: &str) -> Result<Vec<i64>> {
        let at = self.tensors.iter().position(|tensor| tensor.name == name);
        self.inner.integers(at.map_or(name, |at| self.stored[at].as_str()))
    }

    fn folder(&self) -> Option<&Path> {
        self.inner.folder()
    }

    fn size(&self) -> u64 {
        self.inner.size()
    }

    fn side_file(&self, name: &str) -> Result<Option<Bytes>> {
        self.inner.side_file(name)
    }

    fn aliases(&self) -> &[(String, String)] {
        &self.aliases
    }

    fn model_kind(&self) -> Option<&str> {
        self.inner.model_kind()
    }

    fn graph(&self) -> Option<&onnx::Graph> {
        self.inner.graph()
    }

    fn metadata(&self) -> Option<&gguf::Metadata> {
        self.inner.metadata()
    }

    fn blocks(&self, name: &str) -> Result<Option<gguf::Blocks>> {
        self.inner.blocks(name)
    }

    fn packed(&self, name: &str) -> Result<Option<Bytes>> {
        let listed = self.tensors.binary_search_by(|info| info.name.as_str().cmp(name));
        self.inner.packed(listed.map_or(name, |at| &self.stored[at]))
    }

    fn vocabulary(&self) -> Result<Option<Vocabulary>> {
        self.inner.vocabulary()
    }

    fn remarks(&self) -> &[String] {
        &self.remarks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names that are listed, sorted.
    fn unwrapped(names: &[&str]) -> Vec<String> {
        let mut names = match plan(names) {
            Some(plan) => plan.renamed.into_iter().map(|(_, name)| name).collect(),
            None => names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>(),
        };
        names.sort();
        names
    }

    #[test]
    fn wrappers_are_taken_away_in_any_order_and_place() {
        for prefix in [
            "_orig_mod.",
            "module.",
            "module._orig_mod.",
            "_orig_mod.module.",
            "_forward_module._orig_mod.module.",
            "base_model.model.",
            "model.",
            "net.",
            "state_dict.model._orig_mod.",
            "model_state_dict.",
        ] {
            let names = ["lm_head.weight", "model.embed_tokens.weight", "model.norm.weight"];
            let wrapped = names.map(|name| format!("{prefix}{name}"));
            let wrapped: Vec<&str> = wrapped.iter().map(String::as_str).collect();
            assert_eq!(unwrapped(&wrapped), names, "{prefix}");
        }
        assert_eq!(
            unwrapped(&[
                "_fsdp_wrapped_module.model.layers.0._fsdp_wrapped_module.mlp.up_proj.weight",
                "_fsdp_wrapped_module.lm_head.weight",
            ]),
            ["lm_head.weight", "model.layers.0.mlp.up_proj.weight"]
        );
    }

    #[test]
    fn names_of_models_stay_as_they_are() {
        for names in [
            &["model.embed_tokens.weight", "model.norm.weight"][..],
            &["model.language_model.embed_tokens.weight", "model.vision_tower.x.weight"],
            &["language_model.model.norm.weight", "language_model.lm_head.weight"],
            &["model.decoder.embed_tokens.weight", "model.encoder.layers.0.fc1.weight"],
            &["bert.embeddings.word_embeddings.weight", "cls.predictions.bias"],
            &["transformer.wte.weight", "transformer.ln_f.weight"],
            &["fc.weight", "fc.bias"],
            &["model.fc.weight", "model.fc.bias"],
        ] {
            assert_eq!(unwrapped(names), {
                let mut names = names.to_vec();
                names.sort_unstable();
                names
            });
        }
    }

    #[test]
    fn states_of_training_are_left_aside() {
        assert_eq!(
            unwrapped(&[
                "model._orig_mod.lm_head.weight",
                "model._orig_mod.transformer.wte.weight",
                "optimizer.state.0.exp_avg",
                "ema.lm_head.weight",
            ]),
            ["lm_head.weight", "transformer.wte.weight"]
        );
        // An optimiser alone is listed: there is nothing else.
        assert_eq!(unwrapped(&["optimizer.state.0.exp_avg"]), ["optimizer.state.0.exp_avg"]);
    }

    #[test]
    fn a_whole_model_in_an_attribute_of_any_name_is_found() {
        assert_eq!(
            unwrapped(&["student.gpt.transformer.wte.weight", "student.gpt.lm_head.weight"]),
            ["lm_head.weight", "transformer.wte.weight"]
        );
        for (prefix, others) in [
            ("net.", &["criterion.weight"][..]),
            ("pretrained_model.", &["v_head.summary.weight", "v_head.summary.bias"]),
            ("state_dict.net.", &["state_dict.loss.weight"]),
            ("state_dict.net.", &["state_dict.loss.weight", "epoch"]),
            ("a.b.", &["a.metric.count"]),
        ] {
            let own = ["lm_head.weight", "model.embed_tokens.weight", "model.encoder.x.weight"];
            let names: Vec<String> = own
                .iter()
                .map(|name| format!("{prefix}{name}"))
                .chain(others.iter().map(|name| (*name).to_owned()))
                .collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let mut expected = [&own[..], others].concat();
            expected.sort_unstable();
            assert_eq!(unwrapped(&names), expected);
        }
        // Two models are not one.
        let two = ["student.lm_head.weight", "teacher.lm_head.weight"];
        assert_eq!(unwrapped(&two), two);
    }
}
