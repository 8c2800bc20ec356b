//! Mixtures of experts in GGUF files: Mixtral, whose architecture is `llama`, and those of Qwen 2 and Qwen 3. One tensor
//! holds the matrices of all experts of a layer.
//!
//! Reference: `src/models/llama.cpp`, `qwen2moe.cpp` and `qwen3moe.cpp` of llama.cpp, which decides whether probabilities
//! are normalised by the architecture alone.

use super::keys::Keys;
use crate::error::Result;
use crate::transformer::configuration::{Configuration, ExpertSizes};
use crate::transformer::names::{ExpertNames, Names, StackNames};

/// The keys that `llama` reads.
pub(super) const READ: &[&str] = &["expert_count", "expert_used_count"];

/// The keys that `qwen2moe` reads.
pub(super) const READ_QWEN_2: &[&str] = &[
    "expert_count",
    "expert_used_count",
    "expert_feed_forward_length",
    "expert_shared_feed_forward_length",
];

/// The keys that `qwen3moe` reads.
pub(super) const READ_QWEN_3: &[&str] =
    &["expert_count", "expert_used_count", "expert_feed_forward_length"];

/// Adds experts of inner width `inner` in all layers, whose probabilities are normalised, if there are experts.
pub(super) fn optional(keys: &Keys, c: Configuration, inner: usize) -> Result<Configuration> {
    let count = keys.size("expert_count")?.unwrap_or(0);
    let chosen = keys.size("expert_used_count")?.unwrap_or(0);
    if count == 0 && chosen == 0 {
        return Ok(c);
    }
    if count == 0 || chosen == 0 {
        let [of, used] = ["expert_count", "expert_used_count"].map(|name| keys.key(name));
        return Err(keys.refuse(format!(
            "metadata `{used}` says that {chosen} experts are chosen of the {count} of `{of}`"
        )));
    }
    let layers = vec![true; c.layers];
    let experts = ExpertSizes {
        count,
        chosen,
        inner,
        shared: None,
        normalised: true,
        layers,
        packed: false,
        clamped: None,
    };
    Ok(Configuration { experts: Some(experts), ..c })
}

/// Adds the experts of Qwen 3.
pub(super) fn qwen3(keys: &Keys, c: Configuration) -> Result<Configuration> {
    if keys.needed_size("expert_count")? == 0 {
        let key = keys.key("expert_count");
        return Err(
            keys.refuse(format!("metadata `{key}` is 0, but this architecture has experts"))
        );
    }
    let inner = match keys.size("expert_feed_forward_length")?.filter(|inner| *inner > 0) {
        Some(inner) => inner,
        None => c.inner / keys.needed_size("expert_used_count")?.max(1),
    };
    optional(keys, c, inner)
}

/// Adds the experts of Qwen 2, and the layer that sees every token.
pub(super) fn qwen2(keys: &Keys, c: Configuration) -> Result<Configuration> {
    let shared = keys.size("expert_shared_feed_forward_length")?.filter(|inner| *inner > 0);
    let shared = Some(shared.unwrap_or(c.inner));
    let mut c = qwen3(keys, c)?;
    c.experts = c.experts.map(|sizes| ExpertSizes { shared, normalised: false, ..sizes });
    Ok(c)
}

/// Adds the names of the experts, if there are some.
pub(super) fn names(c: &Configuration, names: Names) -> Names {
    let experts = c.experts.as_ref().map(|_| ExpertNames {
        router: "ffn_gate_inp",
        expert: "",
        maps: ["ffn_gate_exps", "ffn_up_exps", "ffn_down_exps"],
        shared_maps: ["ffn_gate_shexp", "ffn_up_shexp", "ffn_down_shexp"],
        interleaved: false,
        shared: ["", "ffn_gate_inp_shexp"],
    });
    Names { stack: StackNames { experts, ..names.stack }, ..names }
}
