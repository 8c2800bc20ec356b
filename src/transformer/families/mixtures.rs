//! Mixtures of experts: Mixtral (Jiang et al., 2024), which is Mistral with experts, and those of Qwen 2 and Qwen 3.
//!
//! Reference: `models/mixtral/modeling_mixtral.py`, `modeling_qwen2_moe.py` and `modeling_qwen3_moe.py` of transformers.

use serde_json::Value;

use super::rope::Rope;
use super::{Forward, decoder, qwen};
use crate::error::Result;
use crate::families::Family;
use crate::transformer::configuration::{Biases, Configuration, ExpertSizes, QueryKeyNorm};
use crate::transformer::names::{ExpertNames, Names, StackNames};
use crate::transformer::settings::Settings;

/// Keys of the loss of training, and of older versions.
const INERT: &[&str] = &[
    "output_router_logits",
    "router_aux_loss_coef",
    "router_jitter_noise",
    "max_window_layers",
    "original_max_position_embeddings",
];

/// The family Mixtral.
pub(super) const MIXTRAL: Forward = Forward {
    model_types: &["mixtral"],
    configuration: mixtral,
    inert: INERT,
    names: mixtral_names,
};

/// The family of the mixtures of Qwen 2.
pub(super) const QWEN_2: Forward = Forward {
    model_types: &["qwen2_moe"],
    configuration: qwen_2_moe,
    inert: INERT,
    names: qwen_names,
};

/// The family of the mixtures of Qwen 3.
pub(super) const QWEN_3: Forward = Forward {
    model_types: &["qwen3_moe"],
    configuration: qwen_3_moe,
    inert: INERT,
    names: qwen_names,
};

fn mixtral(settings: &Settings, family: &Family) -> Result<Configuration> {
    let plain = decoder::configuration(settings, family)?;
    let window = settings.size("sliding_window")?;
    // The reference's default base differs from Llama's.
    let rope = Rope { base: 1_000_000.0, ..decoder::rope(&plain) };
    Ok(Configuration {
        position: decoder::rotary(settings, rope)?,
        layer_kinds: decoder::window_everywhere(window, plain.layers),
        experts: Some(ExpertSizes {
            count: settings.size("num_local_experts")?.unwrap_or(8),
            chosen: settings.size("num_experts_per_tok")?.unwrap_or(2),
            inner: plain.inner,
            shared: None,
            normalised: true,
            layers: vec![true; plain.layers],
            packed: false,
            clamped: None,
        }),
        ..plain
    })
}

fn qwen_2_moe(settings: &Settings, family: &Family) -> Result<Configuration> {
    let plain = decoder::configuration(settings, family)?;
    let shared = settings.size("shared_expert_intermediate_size")?.unwrap_or(5632);
    let biased = settings.truth("qkv_bias", true)?;
    let experts = experts(settings, plain.layers, [60, 4, 1408], Some(shared))?;
    Ok(Configuration {
        position: decoder::rotary(settings, decoder::rope(&plain))?,
        layer_kinds: qwen::window(settings, plain.layers)?,
        attention_biases: if biased { Biases::QueryKeyValue } else { Biases::None },
        experts: Some(experts),
        ..plain
    })
}

fn qwen_3_moe(settings: &Settings, family: &Family) -> Result<Configuration> {
    let plain = decoder::configuration(settings, family)?;
    let experts = experts(settings, plain.layers, [128, 8, 768], None)?;
    let used = settings.truth("use_sliding_window", false)?;
    let window = settings.size("sliding_window")?.or(Some(4096)).filter(|_| used);
    Ok(Configuration {
        query_key_norm: QueryKeyNorm::Head,
        position: decoder::rotary(settings, decoder::rope(&plain))?,
        layer_kinds: decoder::window_everywhere(window, plain.layers),
        attention_biases: decoder::biases(settings, "attention_bias", false)?,
        experts: Some(experts),
        ..plain
    })
}

/// Reads the experts of Qwen; the reference's defaults are given: their number, how many are chosen, their inner width.
fn experts(
    settings: &Settings,
    layers: usize,
    [count, chosen, inner]: [usize; 3],
    shared: Option<usize>,
) -> Result<ExpertSizes> {
    let step = settings.size("decoder_sparse_step")?.unwrap_or(1).max(1);
    let plain = match settings.get("mlp_only_layers") {
        None => Vec::new(),
        Some(list) => {
            let numbers = list.as_array().and_then(|l| l.iter().map(Value::as_u64).collect());
            let numbers: Option<Vec<u64>> = numbers;
            numbers.ok_or_else(|| {
                settings.refuse(format!("`mlp_only_layers` is {list}, not a list of layers"))
            })?
        }
    };
    let given = (settings.size("num_experts")?, settings.size("num_local_experts")?);
    let count = match given {
        (None, None) => count,
        _ => settings.needed(&["num_experts", "num_local_experts"])?,
    };
    let has = |layer: usize| {
        count > 0 && !plain.contains(&(layer as u64)) && (layer + 1).is_multiple_of(step)
    };
    Ok(ExpertSizes {
        count,
        chosen: settings.size("num_experts_per_tok")?.unwrap_or(chosen),
        inner: settings.size("moe_intermediate_size")?.unwrap_or(inner),
        shared,
        normalised: settings.truth("norm_topk_prob", false)?,
        layers: (0..layers).map(has).collect(),
        clamped: None,
        packed: false,
    })
}

fn mixtral_names(family: &Family, configuration: &Configuration) -> Names {
    let experts = Some(ExpertNames {
        router: "block_sparse_moe.gate",
        expert: "block_sparse_moe.experts.{expert}.",
        maps: ["w1", "w3", "w2"],
        shared_maps: [""; 3],
        interleaved: false,
        shared: [""; 2],
    });
    let stack = StackNames { experts, ..decoder::stack(family) };
    Names { stack, ..decoder::names(family, configuration) }
}

fn qwen_names(family: &Family, configuration: &Configuration) -> Names {
    let experts = Some(ExpertNames {
        router: "mlp.gate",
        expert: "mlp.experts.{expert}.",
        maps: ["gate_proj", "up_proj", "down_proj"],
        shared_maps: ["gate_proj", "up_proj", "down_proj"],
        interleaved: false,
        shared: ["mlp.shared_expert.", "mlp.shared_expert_gate"],
    });
    let query_key_norms = Some(["self_attn.q_norm", "self_attn.k_norm"]);
    let stack = StackNames { experts, query_key_norms, ..decoder::stack(family) };
    Names { stack, ..decoder::names(family, configuration) }
}
