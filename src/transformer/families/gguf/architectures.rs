//! The architectures of GGUF files that run, and what sets each apart, after `src/models/*.cpp` of llama.cpp and
//! `convert_hf_to_gguf.py`, which changes some numbers: it adds 1 to Gemma's gains, orders fused maps by kind, and
//! interleaves the rows of queries and keys where neighbouring coordinates are rotated together.

use crate::error::Result;
use crate::transformer::configuration::{
    Activation, Biases, Configuration, LayerKinds, Placement, QueryKeyNorm, Scores,
};
use crate::transformer::names::{AttentionNames, EmbeddingNames, Gate, Names, Order, StackNames};
use crate::transformer::positions::{Pairing, Position, Rotary};

use super::experts;
use super::keys::Keys;

/// One architecture.
pub(super) struct Architecture {
    /// `general.architecture`.
    pub name: &'static str,
    /// The `model_type` of the models that are converted to it; its row in the table of families has the name and the kind of
    /// the norms.
    pub model_type: &'static str,
    /// Reads what differs from a configuration that all share.
    pub configuration: fn(&Keys, Configuration) -> Result<Configuration>,
    /// The further keys that it reads, without the prefix of the architecture.
    pub read: &'static [&'static str],
    /// Changes the names that all share.
    pub names: fn(&Configuration, Names) -> Names,
}

/// All known architectures.
pub(super) const ARCHITECTURES: &[Architecture] = &[
    Architecture {
        name: "llama",
        model_type: "llama",
        // With experts it is Mixtral.
        configuration: |keys, c| {
            let inner = c.inner;
            let c = experts::optional(keys, c, inner)?;
            gated(keys, c, Pairing::Neighbours)
        },
        read: experts::READ,
        names: experts::names,
    },
    Architecture {
        name: "qwen2moe",
        model_type: "qwen2_moe",
        configuration: |keys, c| gated(keys, experts::qwen2(keys, c)?, Pairing::Halves),
        read: experts::READ_QWEN_2,
        names: experts::names,
    },
    Architecture {
        name: "qwen3moe",
        model_type: "qwen3_moe",
        configuration: |keys, c| {
            let c = Configuration { query_key_norm: QueryKeyNorm::Head, ..c };
            gated(keys, experts::qwen3(keys, c)?, Pairing::Halves)
        },
        read: experts::READ_QWEN_3,
        names: |c, names| experts::names(c, with_query_key_norms(c, names)),
    },
    Architecture {
        name: "qwen2",
        model_type: "qwen2",
        configuration: |keys, c| gated(keys, c, Pairing::Halves),
        read: &[],
        names: |_, names| names,
    },
    Architecture {
        name: "qwen3",
        model_type: "qwen3",
        configuration: |keys, c| {
            let c = Configuration { query_key_norm: QueryKeyNorm::Head, ..c };
            gated(keys, c, Pairing::Halves)
        },
        read: &[],
        names: with_query_key_norms,
    },
    Architecture {
        name: "smollm3",
        model_type: "smollm3",
        configuration: |keys, c| {
            // llama.cpp leaves out every fourth layer, whatever the file says.
            let unrotated = (1..=c.layers).map(|layer| layer % 4 == 0).collect();
            let layer_kinds = LayerKinds { unrotated, ..LayerKinds::default() };
            gated(keys, Configuration { layer_kinds, ..c }, Pairing::Neighbours)
        },
        read: &[],
        names: |_, names| names,
    },
    Architecture {
        name: "gemma",
        model_type: "gemma",
        configuration: |keys, c| gated(keys, gemma(c), Pairing::Halves),
        read: &[],
        names: |_, names| names,
    },
    Architecture {
        name: "gemma2",
        model_type: "gemma2",
        configuration: gemma2,
        read: &["attn_logit_softcapping", "final_logit_softcapping"],
        names: with_second_norms,
    },
    Architecture {
        name: "gemma3",
        model_type: "gemma3_text",
        configuration: gemma3,
        read: &["final_logit_softcapping", "rope.freq_base_swa"],
        names: with_second_norms,
    },
    Architecture {
        name: "phi2",
        model_type: "phi",
        configuration: |keys, c| {
            let c = Configuration { placement: Placement::ParallelOne, ..c };
            ungated(keys, c, Activation::GeluTanh)
        },
        read: &[],
        names: without_gate,
    },
    Architecture {
        name: "phi3",
        model_type: "phi3",
        configuration: phi3,
        read: &["rope.scaling.attn_factor", "rope.scaling.original_context_length"],
        names: phi3_names,
    },
    Architecture {
        name: "gptneox",
        model_type: "gpt_neox",
        configuration: |keys, c| {
            let parallel = keys.truth("use_parallel_residual", true)?;
            let placement = if parallel { Placement::ParallelTwo } else { Placement::Before };
            ungated(keys, Configuration { placement, ..c }, Activation::Gelu)
        },
        read: &["use_parallel_residual"],
        names: |c, names| fused(without_gate(c, names)),
    },
    Architecture {
        name: "starcoder2",
        model_type: "starcoder2",
        configuration: |keys, c| ungated(keys, c, Activation::GeluTanh),
        read: &[],
        names: without_gate,
    },
    Architecture {
        name: "stablelm",
        model_type: "stablelm",
        configuration: |keys, c| {
            let parallel = keys.truth("use_parallel_residual", false)?;
            let placement = if parallel { Placement::ParallelOne } else { Placement::Before };
            let query_key_norm = match keys.has("blk.0.attn_q_norm.weight") {
                true => QueryKeyNorm::EachHead,
                false => QueryKeyNorm::None,
            };
            gated(keys, Configuration { placement, query_key_norm, ..c }, Pairing::Halves)
        },
        read: &["use_parallel_residual"],
        names: with_query_key_norms,
    },
    Architecture {
        name: "olmo2",
        model_type: "olmo2",
        configuration: |keys, c| {
            let (placement, query_key_norm) = (Placement::AfterMaps, QueryKeyNorm::Whole);
            gated(keys, Configuration { placement, query_key_norm, ..c }, Pairing::Halves)
        },
        read: &[],
        names: |c, names| {
            let mut names = with_query_key_norms(c, names);
            names.stack.attention_norm = "post_attention_norm";
            names.stack.feed_forward_norm = "post_ffw_norm";
            names
        },
    },
    Architecture {
        name: "granite",
        model_type: "granite",
        configuration: granite,
        read: &["attention.scale", "embedding_scale", "residual_scale", "logit_scale"],
        names: |_, names| names,
    },
    Architecture {
        name: "command-r",
        model_type: "cohere",
        configuration: |keys, c| gated(keys, cohere(keys, c)?, Pairing::Neighbours),
        read: &["logit_scale"],
        names: |_, names| names,
    },
    Architecture {
        name: "gpt2",
        model_type: "gpt2",
        configuration: |keys, c| {
            keys.refuse_window(c.context)?;
            Ok(Configuration { gated: false, activation: Activation::GeluTanh, ..c })
        },
        read: &[],
        names: |c, names| {
            let mut names = fused(without_gate(c, names));
            names.embedding =
                EmbeddingNames { positions: Some("position_embd.weight"), ..names.embedding };
            names
        },
    },
    Architecture {
        name: "bloom",
        model_type: "bloom",
        configuration: |keys, c| {
            keys.refuse_window(c.context)?;
            let (position, activation) = (Position::Slopes, Activation::GeluTanh);
            Ok(Configuration { gated: false, position, activation, context: None, ..c })
        },
        read: &[],
        names: |c, names| {
            let mut names = fused(without_gate(c, names));
            names.embedding = EmbeddingNames { norm: Some("token_embd_norm"), ..names.embedding };
            names
        },
    },
];

/// A gated layer with SiLU, unless another activation was set, and rotary positions in all layers.
fn gated(keys: &Keys, c: Configuration, pairing: Pairing) -> Result<Configuration> {
    keys.refuse_window(c.context)?;
    let activation = match c.activation {
        Activation::GeluTanh => c.activation,
        _ => Activation::Silu,
    };
    Ok(Configuration { position: keys.rotary(c.head_width, pairing)?, activation, ..c })
}

/// A layer without a gate, and rotary positions by halves in all layers.
fn ungated(keys: &Keys, c: Configuration, activation: Activation) -> Result<Configuration> {
    keys.refuse_window(c.context)?;
    let position = keys.rotary(c.head_width, Pairing::Halves)?;
    Ok(Configuration { position, activation, gated: false, ..c })
}

fn gemma(c: Configuration) -> Configuration {
    let embedding_scale = f64::from((c.width as f64).sqrt() as f32);
    Configuration { embedding_scale, activation: Activation::GeluTanh, ..c }
}

/// The number of layers by which llama.cpp recognises the largest model of Gemma 2 and of Gemma 3, whose scores are scaled
/// by the quotient of width and heads.
const LARGEST_GEMMA_2: usize = 46;
const LARGEST_GEMMA_3: usize = 62;

/// The scale of Gemma's scores.
fn gemma_scores(c: &Configuration, largest: usize) -> Scores {
    let width = if c.layers == largest { c.width / c.heads } else { c.head_width };
    Scores::Factor((width as f64).sqrt().recip())
}

/// Windows in all layers but every `period`th.
fn windows(keys: &Keys, layers: usize, period: usize) -> Result<LayerKinds> {
    let window = keys.needed_size("attention.sliding_window")?;
    Ok(LayerKinds {
        reach: Some(window.max(1) - 1),
        local: (1..=layers).map(|layer| !layer.is_multiple_of(period)).collect(),
        ..LayerKinds::default()
    })
}

fn gemma2(keys: &Keys, c: Configuration) -> Result<Configuration> {
    let c = gemma(c);
    Ok(Configuration {
        placement: Placement::AroundMaps,
        position: keys.rotary(c.head_width, Pairing::Halves)?,
        layer_kinds: windows(keys, c.layers, 2)?,
        scores: gemma_scores(&c, LARGEST_GEMMA_2),
        score_cap: Some(keys.number("attn_logit_softcapping")?.unwrap_or(50.0)),
        logit_cap: Some(keys.number("final_logit_softcapping")?.unwrap_or(30.0)),
        ..c
    })
}

fn gemma3(keys: &Keys, c: Configuration) -> Result<Configuration> {
    let c = gemma(c);
    let base = keys.number("rope.freq_base_swa")?.unwrap_or(10_000.0);
    let rotary = keys.rotation(c.head_width, Pairing::Halves, 1_000_000.0)?;
    let local = Rotary::plain(2 * rotary.frequencies.len(), base, Pairing::Halves);
    Ok(Configuration {
        placement: Placement::AroundMaps,
        query_key_norm: QueryKeyNorm::Head,
        position: Position::Rotary { rotary, local: Some(local) },
        layer_kinds: windows(keys, c.layers, 6)?,
        scores: gemma_scores(&c, LARGEST_GEMMA_3),
        logit_cap: keys.number("final_logit_softcapping")?,
        ..c
    })
}

fn phi3(keys: &Keys, c: Configuration) -> Result<Configuration> {
    keys.refuse_window(c.context)?;
    let factor = keys.number("rope.scaling.attn_factor")?.unwrap_or(1.0) as f32;
    let mut c = gated(keys, c, Pairing::Halves)?;
    if let Position::Rotary { rotary, .. } = &mut c.position {
        rotary.factor = factor;
        // The tensors of factors come in pairs; which of the two divides is decided by the length of the text.
        if keys.has("rope_factors_long.weight") || keys.has("rope_factors_short.weight") {
            let beyond = keys.needed_size("rope.scaling.original_context_length")?;
            rotary.long = Some((beyond, rotary.frequencies.clone()));
        }
    }
    Ok(c)
}

fn granite(keys: &Keys, c: Configuration) -> Result<Configuration> {
    let scores = keys.number("attention.scale")?.map_or(c.scores, Scores::Factor);
    let c = Configuration {
        scores,
        embedding_scale: keys.number("embedding_scale")?.unwrap_or(1.0),
        residual_scale: keys.number("residual_scale")?.unwrap_or(1.0),
        logit_scale: 1.0 / keys.number("logit_scale")?.unwrap_or(1.0),
        ..c
    };
    gated(keys, c, Pairing::Neighbours)
}

fn cohere(keys: &Keys, c: Configuration) -> Result<Configuration> {
    Ok(Configuration {
        shifts: Biases::None,
        placement: Placement::ParallelOne,
        logit_scale: keys.number("logit_scale")?.unwrap_or(1.0),
        ..c
    })
}

fn with_query_key_norms(_: &Configuration, names: Names) -> Names {
    let query_key_norms = Some(["attn_q_norm", "attn_k_norm"]);
    Names { stack: StackNames { query_key_norms, ..names.stack }, ..names }
}

fn with_second_norms(c: &Configuration, names: Names) -> Names {
    let names = match c.query_key_norm {
        QueryKeyNorm::None => names,
        _ => with_query_key_norms(c, names),
    };
    let second_norms = Some(["post_attention_norm", "post_ffw_norm"]);
    Names { stack: StackNames { second_norms, ..names.stack }, ..names }
}

fn without_gate(_: &Configuration, names: Names) -> Names {
    Names { stack: StackNames { gate: Gate::None, ..names.stack }, ..names }
}

fn fused(names: Names) -> Names {
    let attention = AttentionNames::Fused(Order::ByKind, ["attn_qkv", "attn_output"]);
    Names { stack: StackNames { attention, ..names.stack }, ..names }
}

fn phi3_names(_: &Configuration, names: Names) -> Names {
    let names = fused(names);
    Names { stack: StackNames { gate: Gate::BeforeInner, ..names.stack }, ..names }
}
