//! The output layers of decoders with the names of Llama: `embed_tokens`, `norm`, `lm_head`. They differ in the norm.
//!
//! A model type is in the table of its own norm, with the default of its configuration class where the file does not
//! state the value. There is no fallback to a table: for a type that is not listed, the norm is not known.

use super::bases::{DECODER, LAYER_NORM, LAYER_NORM_EPS, RMS_NORM, alike};
use super::family::{Factor, Family, HeadNorm};

/// Models with an RMSNorm of epsilon 1e-6, not tied.
pub(super) const BY_ROOT_MEAN_SQUARE: &[Family] = alike!(
    DECODER;
    "Llama" "transformers models/llama, models/llava and others that make a Llama of pictures" ["llama", "llava", "llava_next", "llava_next_video", "vipllava", "video_llava"],
    "Mistral" "transformers models/mistral, models/ministral, models/mistral4" ["mistral", "ministral", "mistral3", "mistral4"],
    "Qwen" "transformers models/qwen2, models/qwen3 and their mixtures" ["qwen2", "qwen2_moe", "qwen3", "qwen3_moe", "qwen3_vl_text", "qwen3_vl", "qwen3_vl_moe_text", "qwen3_vl_moe", "qwen2_5_omni_text", "qwen3_omni_moe_text"],
    "DeepSeek" "transformers models/deepseek_v2, models/deepseek_v3, models/deepseek_v32, models/deepseek_ocr2; remote code of deepseek" ["deepseek", "deepseek_v2", "deepseek_v3", "deepseek_v32", "deepseek_ocr2_text", "deepseek_ocr2", "kimi_k2"],
    "Granite" "transformers models/granite, models/granitemoe and those after it" ["granite", "granitemoe", "granitemoe_swa", "granitemoehybrid", "granitemoeshared"],
    "HyperCLOVA X" "transformers models/hyperclovax" ["hyperclovax"],
    "Seed-OSS" "transformers models/seed_oss" ["seed_oss"],
    "MiniMax-M2" "transformers models/minimax_m2" ["minimax_m2"],
    "dots1" "transformers models/dots1" ["dots1"],
    "Doge" "transformers models/doge" ["doge"],
    "OLMo hybrid, FlexOlmo" "transformers models/olmo_hybrid, models/flex_olmo" ["olmo_hybrid", "flex_olmo"],
    "Aria" "transformers models/aria" ["aria_text", "aria"],
    "A.X" "transformers models/axk1, models/axk2" ["axk1", "axk2"],
    "Beam" "transformers models/beam" ["beam"],
    "Flint" "transformers models/flint" ["flint"],
    "Kolibri" "transformers models/kolibri1" ["kolibri1"],
    "Laguna" "transformers models/laguna" ["laguna"],
    "Mellum" "transformers models/mellum" ["mellum"],
    "Sarvam MLA" "transformers models/sarvam_mla" ["sarvam_mla"],
    "Bailing hybrid" "transformers models/bailing_hybrid" ["bailing_hybrid"],
    "Unlimited OCR" "transformers models/unlimited_ocr" ["unlimited_ocr_text", "unlimited_ocr"],
    "Baichuan" "remote code of Baichuan 1 (BaichuanForCausalLM: a plain linear layer)" ["baichuan"],
    "InternLM" "remote code of InternLM 1" ["internlm"],
    "Yi, Aquila, XVERSE, Skywork" "remote code of each" ["Yi", "aquila", "xverse", "skywork"],
    "PLaMo" "remote code of PLaMo 1" ["plamo"],
);

/// Models with an RMSNorm of epsilon 1e-5, not tied.
pub(super) const BY_ROOT_MEAN_SQUARE_5: &[Family] = alike!(
    Family { norm: Some(FIVE), ..DECODER };
    "Mixtral" "transformers models/mixtral, models/ministral3" ["mixtral", "ministral3"],
    "OLMo 2, 3, OLMoE" "transformers models/olmo2, models/olmo3, models/olmoe" ["olmo2", "olmo3", "olmoe"],
    "Phi-3" "transformers models/phi3, models/phi4_multimodal" ["phi3", "phi4_multimodal"],
    "gpt-oss" "transformers models/gpt_oss" ["gpt_oss"],
    "Llama 4" "transformers models/llama4" ["llama4_text", "llama4"],
    "Llama 3.2 vision" "transformers models/mllama" ["mllama_text_model", "mllama"],
    "GLM-4 mixtures" "transformers models/glm4_moe, models/glm4_moe_lite, models/glm_moe_dsa" ["glm4_moe", "glm4_moe_lite", "glm_moe_dsa"],
    "GLM-4V" "transformers models/glm4v, models/glm4v_moe, models/glm_ocr, models/glm46v" ["glm4v_text", "glm4v", "glm4v_moe_text", "glm4v_moe", "glm_ocr_text", "glm_ocr"],
    "Qwen2-VL" "transformers models/qwen2_vl, models/qwen2_5_vl" ["qwen2_vl", "qwen2_vl_text", "qwen2_5_vl", "qwen2_5_vl_text"],
    "EXAONE 4" "transformers models/exaone4, models/exaone_moe" ["exaone4", "exaone_moe"],
    "Hunyuan" "transformers models/hunyuan_v1_dense, models/hunyuan_v1_moe, models/hy_v3, models/hy_v4" ["hunyuan_v1_dense", "hunyuan_v1_moe", "hunyuan", "hy_v3", "hy_v4"],
    "MiniMax" "transformers models/minimax" ["minimax"],
    "Apertus" "transformers models/apertus" ["apertus"],
    "Arcee" "transformers models/arcee, models/afmoe" ["arcee", "afmoe"],
    "BitNet" "transformers models/bitnet (the head is not made ternary)" ["bitnet"],
    "Code World Model" "transformers models/cwm" ["cwm"],
    "DiffLlama" "transformers models/diffllama" ["diffllama"],
    "InternLM3" "transformers models/internlm3" ["internlm3"],
    "IQuest Coder" "transformers models/iquestcoder" ["iquestcoder"],
    "Kimi Linear" "transformers models/kimi_linear" ["kimi_linear"],
    "LongCat" "transformers models/longcat_flash" ["longcat_flash"],
    "Solar Open" "transformers models/solar_open" ["solar_open"],
    "MiMo-V2" "transformers models/mimo_v2_flash" ["mimo_v2_flash"],
    "Emu3" "transformers models/emu3" ["emu3_text_model", "emu3"],
    "Evolla" "transformers models/evolla" ["evolla"],
    "dots3" "transformers models/dots3_note" ["dots3_note_text", "dots3_note"],
);

/// Models with an RMSNorm of epsilon 1e-6, tied.
pub(super) const TIED: &[Family] = alike!(
    Family { tied_by_default: true, ..DECODER };
    "SmolLM3" "transformers models/smollm3" ["smollm3"],
    "JetMoE" "transformers models/jetmoe" ["jetmoe"],
    "Lara" "transformers models/lara_mini" ["lara_mini"],
    "Youtu" "transformers models/youtu" ["youtu"],
    "Gemma 3n, 4" "transformers models/gemma3n, models/gemma4, models/gemma4_unified (the gain is what is stored, unlike Gemma 1 to 3)" ["gemma3n_text", "gemma3n", "gemma4_text", "gemma4", "gemma4_unified_text", "gemma4_unified", "gemma4_assistant", "gemma4_unified_assistant"],
);

/// Models with an RMSNorm of epsilon 1e-5, tied.
pub(super) const TIED_5: &[Family] = alike!(
    Family { tied_by_default: true, norm: Some(FIVE), ..DECODER };
    "ERNIE 4.5" "transformers models/ernie4_5, models/ernie4_5_moe, models/ernie4_5_vl_moe, models/paddleocr_vl" ["ernie4_5", "ernie4_5_moe", "ernie4_5_vl_moe_text", "ernie4_5_vl_moe", "paddleocr_vl_text", "paddleocr_vl"],
    "Granite (sliding window)" "transformers models/granite_swa, models/granite_docling" ["granite_swa", "granite_docling_text"],
    "Hunyuan (pictures)" "transformers models/hunyuan_vl" ["hunyuan_vl_text", "hunyuan_vl"],
    "Zaya" "transformers models/zaya" ["zaya"],
);

/// Models with an RMSNorm whose gain is 1 plus the stored number, not tied.
pub(super) const ONE_PLUS: &[Family] = alike!(
    Family { norm: Some(HeadNorm { one_plus: true, ..RMS_NORM }), ..DECODER };
    "Qwen3-Next, Qwen3.5" "transformers models/qwen3_next, models/qwen3_5, models/qwen3_5_moe (RMSNorm: 1 + weight)" ["qwen3_next", "qwen3_5", "qwen3_5_text", "qwen3_5_moe", "qwen3_5_moe_text"],
    "MiniMax-M3" "transformers models/minimax_m3_vl (RMSNorm: 1 + weight)" ["minimax_m3_vl_text", "minimax_m3_vl"],
    "Step-3.5" "transformers models/step3p7 (RMSNorm: 1 + weight)" ["step3p5", "step3p7"],
);

/// Models with an RMSNorm whose gain is 1 plus the stored number, tied.
pub(super) const GEMMAS: &[Family] = alike!(
    Family {
        tied_by_default: true,
        norm: Some(HeadNorm { one_plus: true, ..RMS_NORM }),
        ..DECODER
    };
    "Gemma" "transformers models/gemma, models/gemma2, models/gemma3, models/vaultgemma (RMSNorm: 1 + weight)" ["gemma", "gemma2", "gemma3", "gemma3_text", "paligemma", "vaultgemma", "shieldgemma2"],
);

/// An RMSNorm of epsilon 1e-5.
const FIVE: HeadNorm = HeadNorm { epsilon: (&["rms_norm_eps"], 1e-5), ..RMS_NORM };
/// An RMSNorm called `final_layernorm`.
const FINAL: HeadNorm = HeadNorm { stems: &["*final_layernorm"], ..RMS_NORM };

/// Models with another norm, or with other names.
pub(super) const OTHERS: &[Family] = &[
    Family {
        name: "GLM-4",
        source: "transformers models/glm, models/glm4",
        model_types: &["glm", "glm4"],
        norm: Some(HeadNorm { epsilon: (&["rms_norm_eps"], 1.5625e-7), ..RMS_NORM }),
        ..DECODER
    },
    Family {
        name: "Helium, Moshi",
        source: "transformers models/helium, models/moshi",
        model_types: &["helium", "moshi"],
        norm: Some(HeadNorm { epsilon: (&["rms_norm_eps"], 1e-8), ..RMS_NORM }),
        ..DECODER
    },
    Family {
        name: "RecurrentGemma",
        source: "transformers models/recurrent_gemma (RMSNorm: 1 + weight)",
        model_types: &["recurrent_gemma"],
        tied_by_default: true,
        norm: Some(HeadNorm { stems: &["*final_norm"], one_plus: true, ..RMS_NORM }),
        ..DECODER
    },
    Family {
        name: "MiniCPM3",
        source: "transformers models/minicpm3 (hidden states over hidden_size / dim_model_base)",
        model_types: &["minicpm3"],
        tied_by_default: true,
        norm: Some(HeadNorm { factor: Factor::MiniCpm, ..FIVE }),
        ..DECODER
    },
    Family {
        name: "MiniCPM",
        source: "remote code of MiniCPM 1 and 2 (hidden states over hidden_size / dim_model_base)",
        model_types: &["minicpm"],
        tied_by_default: true,
        norm: Some(HeadNorm { factor: Factor::MiniCpm, ..RMS_NORM }),
        ..DECODER
    },
    Family {
        name: "Inkling",
        source: "transformers models/inkling (hidden states over logits_mup_width_multiplier; padded rows cut off)",
        model_types: &["inkling_text", "inkling_mm_model"],
        norm: Some(HeadNorm { factor: Factor::Over("logits_mup_width_multiplier"), ..RMS_NORM }),
        tokens: &["unpadded_vocab_size"],
        cut: true,
        ..DECODER
    },
    Family {
        name: "Inkling 2",
        source: "transformers models/inkling2, models/inkling2_loop",
        model_types: &["inkling2_text", "inkling2", "inkling2_loop_text", "inkling2_loop"],
        bodies: &["model.llm.", "model."],
        separate: &["model.llm.unembed.weight", "lm_head.weight"],
        tied_to: &["*embed.weight"],
        tokens: &["unpadded_vocab_size"],
        ..DECODER
    },
    Family {
        name: "Apertus 1.5",
        source: "transformers models/apertus1p5",
        model_types: &["apertus1p5_text", "apertus1p5"],
        norm: Some(FIVE),
        tokens: &["output_vocab_size"],
        ..DECODER
    },
    Family {
        name: "DeepSeek-V4",
        source: "transformers models/deepseek_v4",
        model_types: &["deepseek_v4"],
        separate: &["lm_head.weight", "head.weight"],
        known_by: &["model.hc_head.hc_fn"],
        ..DECODER
    },
    Family {
        name: "Sarvam",
        source: "transformers models/sarvam_moe",
        model_types: &["sarvam_moe"],
        tied_to: &["*word_embeddings.weight"],
        ..DECODER
    },
    Family {
        name: "Ling",
        source: "remote code of bailing_moe (norm_head would normalise the rows)",
        model_types: &["bailing_moe", "bailing_moe_v2", "bailing_moe_linear"],
        tied_to: &["*word_embeddings.weight"],
        ..DECODER
    },
    Family {
        name: "InternLM2",
        source: "remote code of InternLM2",
        model_types: &["internlm2"],
        separate: &["output.weight", "language_model.output.weight"],
        tied_to: &["*tok_embeddings.weight"],
        known_by: &["model.tok_embeddings.weight", "language_model.model.tok_embeddings.weight"],
        ..DECODER
    },
    Family {
        name: "Jamba",
        source: "transformers models/jamba",
        model_types: &["jamba"],
        norm: Some(FINAL),
        ..DECODER
    },
    Family {
        name: "Bamba, Falcon-H1",
        source: "transformers models/bamba, models/falcon_h1",
        model_types: &["bamba", "falcon_h1"],
        norm: Some(HeadNorm { epsilon: (&["rms_norm_eps"], 1e-5), ..FINAL }),
        ..DECODER
    },
    Family {
        name: "Zamba",
        source: "transformers models/zamba, models/zamba2",
        model_types: &["zamba", "zamba2"],
        tied_by_default: true,
        norm: Some(HeadNorm { epsilon: (&["rms_norm_eps"], 1e-5), ..FINAL }),
        ..DECODER
    },
    Family {
        name: "LFM2",
        source: "transformers models/lfm2, models/lfm2_moe, models/lfm3 (embedding_norm is the last norm)",
        model_types: &["lfm2", "lfm2_moe", "lfm3"],
        tied_by_default: true,
        norm: Some(HeadNorm {
            stems: &["*embedding_norm"],
            epsilon: (&["norm_eps"], 1e-5),
            ..RMS_NORM
        }),
        ..DECODER
    },
    Family {
        name: "nanochat",
        source: "transformers models/nanochat (an RMSNorm without gain)",
        model_types: &["nanochat"],
        norm: Some(HeadNorm { stems: &[], bare: true, ..RMS_NORM }),
        ..DECODER
    },
    Family {
        name: "HRM text",
        source: "transformers models/hrm_text (an RMSNorm without gain)",
        model_types: &["hrm_text"],
        norm: Some(HeadNorm { stems: &[], bare: true, ..RMS_NORM }),
        ..DECODER
    },
    Family {
        name: "OLMo 1",
        source: "transformers models/olmo (a LayerNorm without gain or shift)",
        model_types: &["olmo"],
        norm: Some(HeadNorm { bare: true, ..LAYER_NORM }),
        ..DECODER
    },
    Family {
        name: "Cohere",
        source: "transformers models/cohere, models/cohere2, models/cohere2_moe, models/cohere_compass",
        model_types: &[
            "cohere",
            "cohere2",
            "cohere2_moe",
            "cohere_compass_text",
            "cohere2_vision",
            "aya_vision",
        ],
        tied_by_default: true,
        norm: Some(HeadNorm { stems: &["*norm"], epsilon: (LAYER_NORM_EPS, 1e-5), ..LAYER_NORM }),
        ..DECODER
    },
    Family {
        name: "StableLM",
        source: "transformers models/stablelm",
        model_types: &["stablelm"],
        norm: Some(HeadNorm { stems: &["*norm"], epsilon: (LAYER_NORM_EPS, 1e-5), ..LAYER_NORM }),
        ..DECODER
    },
    Family {
        name: "StableLM (remote code), Jais 2",
        source: "transformers models/jais2; remote code of stablelm_epoch",
        model_types: &["stablelm_epoch", "jais2"],
        norm: Some(HeadNorm {
            stems: &["*norm"],
            epsilon: (&["layer_norm_eps", "norm_eps"], 1e-5),
            ..LAYER_NORM
        }),
        ..DECODER
    },
    Family {
        name: "Orion",
        source: "remote code of Orion (rms_norm_eps is the epsilon of a LayerNorm)",
        model_types: &["orion"],
        norm: Some(HeadNorm {
            stems: &["*norm"],
            epsilon: (&["rms_norm_eps"], 1e-5),
            ..LAYER_NORM
        }),
        ..DECODER
    },
    Family {
        name: "Phi-3.5-MoE",
        source: "transformers models/phimoe (rms_norm_eps is the epsilon of a LayerNorm)",
        model_types: &["phimoe"],
        biases: &["lm_head.bias"],
        norm: Some(HeadNorm {
            stems: &["*norm"],
            epsilon: (&["rms_norm_eps"], 1e-5),
            ..LAYER_NORM
        }),
        ..DECODER
    },
    Family {
        name: "StarCoder2",
        source: "transformers models/starcoder2",
        model_types: &["starcoder2"],
        tied_by_default: true,
        norm: Some(HeadNorm {
            stems: &["*norm"],
            epsilon: (&["norm_epsilon"], 1e-5),
            ..LAYER_NORM
        }),
        ..DECODER
    },
    Family {
        name: "Nemotron",
        source: "transformers models/nemotron (LayerNorm: 1 + weight)",
        model_types: &["nemotron"],
        norm: Some(HeadNorm {
            stems: &["*norm"],
            epsilon: (&["norm_eps"], 1e-5),
            one_plus: true,
            ..LAYER_NORM
        }),
        ..DECODER
    },
    Family {
        name: "Phi",
        source: "transformers models/phi",
        model_types: &["phi"],
        biases: &["lm_head.bias"],
        needs_bias: true,
        norm: Some(HeadNorm {
            stems: &["*final_layernorm"],
            epsilon: (LAYER_NORM_EPS, 1e-5),
            ..LAYER_NORM
        }),
        ..DECODER
    },
    Family {
        name: "Persimmon",
        source: "transformers models/persimmon, models/fuyu",
        model_types: &["persimmon", "fuyu"],
        norm: Some(HeadNorm {
            stems: &["*final_layernorm"],
            epsilon: (LAYER_NORM_EPS, 1e-5),
            ..LAYER_NORM
        }),
        ..DECODER
    },
    Family {
        name: "XGLM",
        source: "transformers models/xglm",
        model_types: &["xglm"],
        tied_by_default: true,
        norm: Some(HeadNorm { stems: &["*layer_norm"], ..LAYER_NORM }),
        ..DECODER
    },
    Family {
        name: "KOSMOS",
        source: "transformers models/kosmos2, models/kosmos2_5",
        model_types: &["kosmos_2_text_model", "kosmos-2", "kosmos_2_5_text_model", "kosmos-2.5"],
        tied_by_default: true,
        norm: Some(HeadNorm {
            stems: &["*layer_norm"],
            epsilon: (LAYER_NORM_EPS, 1e-5),
            ..LAYER_NORM
        }),
        ..DECODER
    },
    Family {
        name: "Grok-1",
        source: "remote code of grok-1 (the gain is called scale)",
        model_types: &["grok-1"],
        norm: Some(FIVE),
        ..DECODER
    },
];

/// Models whose head is known, but not what stands before it, which these tables cannot describe.
pub(super) const NORM_NOT_KNOWN: &[Family] = alike!(
    Family { norm: None, ..DECODER };
    "Qwen4 (experimental)" "transformers models/qwen4_exp (RMSNorm in groups)" ["qwen4_exp", "qwen4_exp_text"],
    "Muse" "transformers models/muse_glimmer, models/muse_spark" ["muse_glimmer", "muse_glimmer_text", "muse_spark", "muse_spark_text"],
    "Mistral Large 4" "transformers models/mistral_large4" ["mistral_large4", "mistral_large4_text"],
    "GLM-5" "transformers models/glm5_next" ["glm5_next", "glm5_next_text"],
);
