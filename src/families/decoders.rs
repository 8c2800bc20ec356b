//! The output layers of decoders with tensor names of their separate: those like GPT-2's and others, and recurrent ones.

use super::bases::{ANY, DECODER, GENERATES, LAYER_NORM, LAYER_NORM_EPS, LM_HEADS, RMS_NORM};
use super::family::{Family, HeadNorm};

/// The usual key of these decoders' epsilons.
const EPSILON: &[&str] = &["layer_norm_epsilon"];
/// A LayerNorm called `ln_f`, as in GPT-2.
const LN_F: HeadNorm = HeadNorm { stems: &["*ln_f"], epsilon: (EPSILON, 1e-5), ..LAYER_NORM };
/// The layout of GPT-2, on which others are based.
const GPT: Family = Family {
    bodies: &["transformer.", ""],
    tied_to: &["*wte.weight"],
    norm: Some(LN_F),
    ..DECODER
};

/// Decoders with names like those of GPT-2, and others.
pub(super) const LIKE_GPT: &[Family] = &[
    Family {
        name: "GPT-2",
        source: "transformers models/gpt2, models/gpt_bigcode; remote code of jais, btlm, codeshell",
        model_types: &["gpt2", "gpt_bigcode", "jais", "btlm"],
        tied_by_default: true,
        ..GPT
    },
    Family {
        name: "GPT-Neo",
        source: "transformers models/gpt_neo",
        model_types: &["gpt_neo"],
        tied_by_default: true,
        ..GPT
    },
    Family {
        name: "GPT-J, CodeGen",
        source: "transformers models/gptj, models/codegen",
        model_types: &["gptj", "codegen"],
        biases: &["lm_head.bias"],
        needs_bias: true,
        ..GPT
    },
    Family {
        name: "GPT-1",
        source: "transformers models/openai (the last layer's norm comes after its sum)",
        model_types: &["openai-gpt"],
        tied_to: &["*tokens_embed.weight"],
        tied_by_default: true,
        norm: Some(HeadNorm { stems: &["*h.{last}.ln_2"], ..LN_F }),
        ..GPT
    },
    Family {
        name: "CTRL",
        source: "transformers models/ctrl",
        model_types: &["ctrl"],
        tied_to: &["*w.weight"],
        tied_by_default: true,
        biases: &["lm_head.bias"],
        needs_bias: true,
        norm: Some(HeadNorm { stems: &["*layernorm"], epsilon: (EPSILON, 1e-6), ..LAYER_NORM }),
        ..GPT
    },
    Family {
        name: "MPT",
        source: "transformers models/mpt",
        model_types: &["mpt"],
        tied_by_default: true,
        norm: Some(HeadNorm { stems: &["*norm_f"], ..LN_F }),
        ..GPT
    },
    Family {
        name: "DBRX",
        source: "transformers models/dbrx",
        model_types: &["dbrx"],
        norm: Some(HeadNorm { stems: &["*norm_f"], ..LAYER_NORM }),
        ..GPT
    },
    Family {
        name: "Falcon",
        source: "transformers models/falcon; remote code of RefinedWeb",
        model_types: &["falcon", "RefinedWeb", "RefinedWebModel"],
        tied_to: &["*word_embeddings.weight"],
        tied_by_default: true,
        ..GPT
    },
    Family {
        name: "BLOOM",
        source: "transformers models/bloom",
        model_types: &["bloom"],
        tied_to: &["*word_embeddings.weight"],
        tied_by_default: true,
        ..GPT
    },
    Family {
        name: "Qwen 1",
        source: "remote code of Qwen 1",
        model_types: &["qwen"],
        norm: Some(HeadNorm { stems: &["*ln_f"], epsilon: (EPSILON, 1e-6), ..RMS_NORM }),
        ..GPT
    },
    Family {
        name: "EXAONE 3",
        source: "transformers models/exaone, and its remote code",
        model_types: &["exaone"],
        norm: Some(HeadNorm {
            stems: &["*ln_f"],
            epsilon: (&["rms_norm_eps", "layer_norm_epsilon"], 1e-5),
            ..RMS_NORM
        }),
        ..GPT
    },
    Family {
        name: "ChatGLM2, ChatGLM3, GLM-4 (remote code)",
        source: "remote code of chatglm (final_layernorm is an RMSNorm where rmsnorm says so)",
        model_types: &["chatglm"],
        tasks: &["ForConditionalGeneration", "ChatGLMModel", "ForCausalLM"],
        separate: &["transformer.output_layer.weight", "lm_head.weight"],
        tied_to: &["*embedding.word_embeddings.weight", "*word_embeddings.weight"],
        tokens: &["padded_vocab_size"],
        norm: Some(HeadNorm {
            stems: &["*encoder.final_layernorm", "*final_layernorm"],
            rms_flag: Some("rmsnorm"),
            epsilon: (&["layernorm_epsilon"], 1e-5),
            ..LAYER_NORM
        }),
        ..GPT
    },
    Family {
        name: "GPT-NeoX, Pythia",
        source: "transformers models/gpt_neox",
        model_types: &["gpt_neox"],
        bodies: &["gpt_neox.", ""],
        separate: &["embed_out.weight", "lm_head.weight"],
        tied_to: &["*embed_in.weight"],
        norm: Some(HeadNorm {
            stems: &["*final_layer_norm"],
            epsilon: (LAYER_NORM_EPS, 1e-5),
            ..LAYER_NORM
        }),
        ..DECODER
    },
    Family {
        name: "GPT-NeoX Japanese",
        source: "transformers models/gpt_neox_japanese",
        model_types: &["gpt_neox_japanese"],
        bodies: &["gpt_neox_japanese.", ""],
        separate: &["embed_out.weight"],
        tied_to: &["*embed_in.weight"],
        tied_by_default: true,
        norm: Some(HeadNorm {
            stems: &["*final_layer_norm"],
            epsilon: (LAYER_NORM_EPS, 1e-5),
            ..LAYER_NORM
        }),
        ..DECODER
    },
    Family {
        name: "OPT",
        source: "transformers models/opt",
        model_types: &["opt"],
        bodies: &["model.decoder.", "decoder."],
        tied_by_default: true,
        norm: Some(HeadNorm { stems: &["*final_layer_norm"], ..LAYER_NORM }),
        between: &["*project_out.weight"],
        ..DECODER
    },
    Family {
        name: "BioGPT",
        source: "transformers models/biogpt",
        model_types: &["biogpt"],
        bodies: &["biogpt."],
        separate: &["output_projection.weight"],
        tied_to: &["*embed_tokens.weight"],
        known_by: &["biogpt.embed_tokens.weight"],
        tied_by_default: true,
        norm: Some(HeadNorm { stems: &["*layer_norm"], ..LAYER_NORM }),
        ..DECODER
    },
    Family {
        name: "CPM-Ant",
        source: "transformers models/cpmant",
        model_types: &["cpmant"],
        bodies: &["cpmant."],
        tied_to: &["*input_embedding.weight"],
        // The embedding also has rows for prompts; the head is the first rows of it, and stored separately.
        never_tied: true,
        norm: Some(HeadNorm {
            stems: &["*encoder.output_layernorm"],
            epsilon: (&["eps"], 1e-6),
            ..RMS_NORM
        }),
        ..DECODER
    },
    Family {
        name: "OpenELM",
        source: "remote code of openelm",
        model_types: &["openelm"],
        tied_to: &["*token_embeddings.weight"],
        tied_by_default: true,
        norm: Some(HeadNorm { stems: &["*norm"], epsilon: (&[], 1e-6), ..RMS_NORM }),
        ..GPT
    },
    Family {
        name: "LLaDA",
        source: "remote code of LLaDA",
        model_types: &["llada"],
        bodies: &["model.transformer."],
        separate: &["model.transformer.ff_out.weight"],
        tied_to: &["*wte.weight"],
        tokens: &["embedding_size"],
        norm: Some(HeadNorm { stems: &["*ln_f"], epsilon: (&["rms_norm_eps"], 1e-5), ..RMS_NORM }),
        ..DECODER
    },
    Family {
        name: "Dream",
        source: "remote code of Dream",
        model_types: &["Dream"],
        tasks: &["DreamModel", "ForCausalLM"],
        ..DECODER
    },
];

/// An RMSNorm called `norm_f`, as in Mamba.
const NORM_F: HeadNorm =
    HeadNorm { stems: &["backbone.norm_f"], epsilon: (EPSILON, 1e-5), ..RMS_NORM };
/// The layout of Mamba, on which others are based.
const BACKBONE: Family = Family {
    tasks: GENERATES,
    separate: LM_HEADS,
    tied_to: &["backbone.embeddings.weight", "backbone.embedding.weight"],
    norm: Some(NORM_F),
    ..ANY
};

/// Recurrent models.
pub(super) const RECURRENT: &[Family] = &[
    Family {
        name: "Mamba",
        source: "transformers models/mamba, models/falcon_mamba",
        model_types: &["mamba", "falcon_mamba"],
        tied_by_default: true,
        ..BACKBONE
    },
    Family {
        name: "Mamba 2, Nemotron-H",
        source: "transformers models/mamba2, models/nemotron_h",
        model_types: &["mamba2", "nemotron_h"],
        ..BACKBONE
    },
    Family {
        name: "xLSTM",
        source: "transformers models/xlstm",
        model_types: &["xlstm"],
        norm: Some(HeadNorm {
            stems: &["backbone.out_norm"],
            epsilon: (&["norm_eps"], 1e-6),
            ..RMS_NORM
        }),
        ..BACKBONE
    },
    Family {
        name: "RWKV",
        source: "transformers models/rwkv",
        model_types: &["rwkv"],
        separate: &["head.weight"],
        tied_to: &["rwkv.embeddings.weight"],
        known_by: &["rwkv.embeddings.weight"],
        norm: Some(HeadNorm { stems: &["rwkv.ln_out"], ..LAYER_NORM }),
        ..BACKBONE
    },
    Family {
        name: "Dory",
        source: "transformers models/dory (a scale a token and a norm of length 1)",
        model_types: &["dory"],
        norm: None,
        ..BACKBONE
    },
];
