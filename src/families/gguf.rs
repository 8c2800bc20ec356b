//! GGUF: the names of the tensors around the output layer, and the architectures of GGUF files (`general.architecture`), as `gguf-py` 0.19 of llama.cpp lists them
//! (`MODEL_ARCH_NAMES` in `gguf/constants.py`), and which of them compute no logits of tokens.

use super::family::NormKind;

/// The output layer, `V x d`.
pub(crate) const OUTPUT: &str = "output.weight";
/// The token embedding, `V x d`, which is the output layer where no other is stored.
pub(crate) const EMBEDDING: &str = "token_embd.weight";
/// The stem of the final norm of a decoder.
pub(crate) const FINAL_NORM: &str = "output_norm";

/// Returns the key of the term added in a norm, without the prefix of the architecture.
pub(crate) fn epsilon(kind: NormKind) -> &'static str {
    match kind {
        NormKind::RmsNorm => "attention.layer_norm_rms_epsilon",
        NormKind::LayerNorm => "attention.layer_norm_epsilon",
    }
}

/// All listed architectures, sorted.
const LISTED: [&str; 126] = [
    "afmoe",
    "apertus",
    "arcee",
    "arctic",
    "arwkv7",
    "baichuan",
    "bailingmoe",
    "bailingmoe2",
    "bert",
    "bitnet",
    "bloom",
    "chameleon",
    "chatglm",
    "clip",
    "codeshell",
    "cogvlm",
    "cohere2",
    "command-r",
    "dbrx",
    "deci",
    "deepseek",
    "deepseek2",
    "deepseek2-ocr",
    "dots1",
    "dream",
    "ernie4_5",
    "ernie4_5-moe",
    "eurobert",
    "exaone",
    "exaone-moe",
    "exaone4",
    "falcon",
    "falcon-h1",
    "gemma",
    "gemma-embedding",
    "gemma2",
    "gemma3",
    "gemma3n",
    "gemma4",
    "glm-dsa",
    "glm4",
    "glm4moe",
    "gpt-oss",
    "gpt2",
    "gptj",
    "gptneox",
    "granite",
    "granitehybrid",
    "granitemoe",
    "grok",
    "grovemoe",
    "hunyuan-dense",
    "hunyuan-moe",
    "hunyuan_vl",
    "internlm2",
    "jais",
    "jais2",
    "jamba",
    "jina-bert-v2",
    "jina-bert-v3",
    "kimi-linear",
    "lfm2",
    "lfm2moe",
    "llada",
    "llada-moe",
    "llama",
    "llama-embed",
    "llama4",
    "maincoder",
    "mamba",
    "mamba2",
    "mimo2",
    "minicpm",
    "minicpm3",
    "minimax-m2",
    "mistral3",
    "mistral4",
    "modern-bert",
    "mpt",
    "nemotron",
    "nemotron_h",
    "nemotron_h_moe",
    "neo-bert",
    "nomic-bert",
    "nomic-bert-moe",
    "olmo",
    "olmo2",
    "olmoe",
    "openelm",
    "orion",
    "paddleocr",
    "pangu-embedded",
    "phi2",
    "phi3",
    "phimoe",
    "plamo",
    "plamo2",
    "plamo3",
    "plm",
    "qwen",
    "qwen2",
    "qwen2moe",
    "qwen2vl",
    "qwen3",
    "qwen35",
    "qwen35moe",
    "qwen3moe",
    "qwen3next",
    "qwen3vl",
    "qwen3vlmoe",
    "refact",
    "rnd1",
    "rwkv6",
    "rwkv6qwen2",
    "rwkv7",
    "seed_oss",
    "smallthinker",
    "smollm3",
    "stablelm",
    "starcoder",
    "starcoder2",
    "step35",
    "t5",
    "t5encoder",
    "wavtokenizer-dec",
    "xverse",
];

/// Architectures whose graphs end in embeddings (no `OUTPUT` in `MODEL_TENSORS`, or a graph without it:
/// `src/models/*.cpp`).
const ENCODERS: [&str; 11] = [
    "bert",
    "eurobert",
    "gemma-embedding",
    "jina-bert-v2",
    "jina-bert-v3",
    "llama-embed",
    "modern-bert",
    "neo-bert",
    "nomic-bert",
    "nomic-bert-moe",
    "t5encoder",
];

/// Architectures that produce images or sound, whatever their tensors are called.
const OF_NO_TEXT: [&str; 2] = ["clip", "wavtokenizer-dec"];

/// Language models that fill masks by diffusion: their attention is not causal, but they have heads.
const DIFFUSION: [&str; 4] = ["dream", "llada", "llada-moe", "rnd1"];

/// Whether llama.cpp lists the architecture.
pub(crate) fn is_listed(architecture: &str) -> bool {
    LISTED.binary_search(&architecture).is_ok()
}

/// Whether the architecture is an encoder; one that is not listed is judged by its name.
pub(crate) fn is_encoder(architecture: &str) -> bool {
    /// Parts of the names of encoders.
    const HINTS: [&str; 4] = ["bert", "embed", "encoder", "rerank"];
    ENCODERS.contains(&architecture)
        || !is_listed(architecture) && HINTS.iter().any(|hint| architecture.contains(hint))
}

/// Whether the architecture produces no text at all.
pub(crate) fn is_of_no_text(architecture: &str) -> bool {
    OF_NO_TEXT.contains(&architecture)
}

/// Whether the architecture is a diffusion language model, whose attention is not causal.
pub(crate) fn is_diffusion(architecture: &str) -> bool {
    DIFFUSION.contains(&architecture)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_and_holds_the_others() {
        assert!(LISTED.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(ENCODERS.iter().chain(&OF_NO_TEXT).chain(&DIFFUSION).all(|name| is_listed(name)));
        assert!(is_encoder("some-bert") && !is_encoder("llama") && !is_encoder("some-decoder"));
    }
}
