//! How model families store their output layers: one row a family, each with its source.
//!
//! Names of tensors may begin with `*`, which stands for the *body* of the model (`model.`, or `model.language_model.`
//! in a model of pictures and text; the first of `bodies` under which the embedding lies), and may hold `{last}`, the
//! number of the last layer. Norms are named by their stem: `.weight` or `.gamma`, `/gamma`, `_scale` hold the gain,
//! `.bias` or `.beta`, `/beta`, `_bias` the shift.
//!
//! The sources of Hugging Face models are files of transformers 5.24 (`models/bert` is
//! `src/transformers/models/bert`): `configuration_*.py` for the default of tying and for epsilons, `modeling_*.py` for
//! the names (`_tied_weights_keys`) and for what is computed before the head (`forward`).

/// One family.
#[derive(Debug)]
pub(super) struct Rule {
    /// Its name for people.
    pub family: &'static str,
    /// Where all of this is written.
    pub source: &'static str,
    /// `model_type` in config.json; none for formats without one.
    pub model_types: &'static [&'static str],
    /// What `architectures` in config.json end with when the model has this head.
    pub tasks: &'static [&'static str],
    /// What `*` stands for.
    pub bodies: &'static [&'static str],
    /// The weight, when it is stored by itself.
    pub own: &'static [&'static str],
    /// Whether `own` is stored `d x V`.
    pub own_transposed: bool,
    /// The embedding that a tied head is.
    pub tied_to: &'static [&'static str],
    /// Tied or not where the configuration is silent.
    pub tied_by_default: bool,
    /// Tensors of which one is stored whenever the model has this head, tied or not.
    pub marks: &'static [&'static str],
    /// The bias; the first that is stored.
    pub biases: &'static [&'static str],
    /// Whether the family always has one.
    pub needs_bias: bool,
    /// The norm before the head.
    pub norm: Option<NormRule>,
    /// The activation before the head.
    pub activation: Option<&'static str>,
    /// A tensor whose presence means that a linear map stands between norm and head.
    pub between: &'static [&'static str],
}

/// The norm before a head.
#[derive(Debug)]
pub(super) struct NormRule {
    /// `LayerNorm` or `RMSNorm`.
    pub kind: &'static str,
    /// Its tensors; the first that is stored.
    pub stems: &'static [&'static str],
    /// Keys of the configuration that say its epsilon, and its value where none does.
    pub epsilon: (&'static [&'static str], f64),
    /// Whether the gain is 1 plus what is stored.
    pub one_plus: bool,
}

/// A mark of Marian's own files.
pub(super) const MARIAN_OPTIONS: &str = "special:model.yml";

const LAYER_NORM: NormRule =
    NormRule { kind: "LayerNorm", stems: &[], epsilon: (&[], 1e-5), one_plus: false };
const RMS_NORM: NormRule = NormRule {
    kind: "RMSNorm",
    stems: &["*norm"],
    epsilon: (&["rms_norm_eps"], 1e-6),
    one_plus: false,
};
const LAYER_NORM_EPS: &[&str] = &["layer_norm_eps"];

const ANY: Rule = Rule {
    family: "",
    source: "",
    model_types: &[],
    tasks: &[],
    bodies: &[""],
    own: &[],
    own_transposed: false,
    tied_to: &[],
    tied_by_default: false,
    marks: &[],
    biases: &[],
    needs_bias: false,
    norm: None,
    activation: None,
    between: &[],
};

const MASKED: &[&str] =
    &["ForMaskedLM", "ForPreTraining", "LMHeadModel", "ForCausalLM", "WithLMHead"];
const GENERATES: &[&str] = &[
    "ForCausalLM",
    "LMHeadModel",
    "ForConditionalGeneration",
    "WithLMHeadModel",
    "DoubleHeadsModel",
];
/// Where decoders lie: alone, or within a model of pictures or sound, in three orders that transformers has written.
const DECODERS: &[&str] =
    &["model.", "language_model.model.", "model.language_model.", "model.text_model.", ""];
const LM_HEADS: &[&str] =
    &["lm_head.weight", "language_model.lm_head.weight", "model.lm_head.weight"];

const ENCODER: Rule = Rule { tasks: MASKED, tied_by_default: true, needs_bias: true, ..ANY };

const DECODER: Rule = Rule {
    tasks: GENERATES,
    bodies: DECODERS,
    own: LM_HEADS,
    tied_to: &["*embed_tokens.weight"],
    norm: Some(RMS_NORM),
    ..ANY
};

const SEQ2SEQ: Rule = Rule {
    tasks: &["ForConditionalGeneration", "MTModel", "ForCausalLM"],
    bodies: &["model.", ""],
    own: &["lm_head.weight"],
    tied_to: &["*shared.weight", "*decoder.embed_tokens.weight", "*encoder.embed_tokens.weight"],
    tied_by_default: true,
    biases: &["final_logits_bias"],
    ..ANY
};

const CLASSIFIER: Rule = Rule {
    tasks: &["ForSequenceClassification"],
    own: &["classifier.weight"],
    needs_bias: true,
    ..ANY
};

/// Every family that is known.
pub(super) const RULES: &[Rule] = &[
    // Masked language models -----------------------------------------------------------------------------------
    Rule {
        family: "BERT",
        source: "transformers models/bert",
        model_types: &["bert"],
        own: &["cls.predictions.decoder.weight"],
        tied_to: &["bert.embeddings.word_embeddings.weight", "embeddings.word_embeddings.weight"],
        marks: &["cls.predictions.transform.dense.weight", "cls.predictions.bias"],
        biases: &["cls.predictions.decoder.bias", "cls.predictions.bias"],
        norm: Some(NormRule {
            stems: &["cls.predictions.transform.LayerNorm"],
            epsilon: (LAYER_NORM_EPS, 1e-12),
            ..LAYER_NORM
        }),
        ..ENCODER
    },
    Rule {
        family: "RoBERTa",
        source: "transformers models/roberta, models/xlm_roberta, models/camembert",
        model_types: &[
            "roberta",
            "xlm-roberta",
            "camembert",
            "xlm-roberta-xl",
            "roberta-prelayernorm",
        ],
        own: &["lm_head.decoder.weight"],
        tied_to: &[
            "roberta.embeddings.word_embeddings.weight",
            "embeddings.word_embeddings.weight",
        ],
        marks: &["lm_head.dense.weight", "lm_head.layer_norm.weight"],
        biases: &["lm_head.decoder.bias", "lm_head.bias"],
        norm: Some(NormRule {
            stems: &["lm_head.layer_norm"],
            // The head takes the configuration's epsilon, whose default is BERT's; the published ones say 1e-5.
            epsilon: (LAYER_NORM_EPS, 1e-12),
            ..LAYER_NORM
        }),
        ..ENCODER
    },
    Rule {
        family: "ALBERT",
        source: "transformers models/albert",
        model_types: &["albert"],
        own: &["predictions.decoder.weight"],
        tied_to: &["albert.embeddings.word_embeddings.weight", "embeddings.word_embeddings.weight"],
        marks: &["predictions.dense.weight", "predictions.LayerNorm.weight"],
        biases: &["predictions.decoder.bias", "predictions.bias"],
        norm: Some(NormRule {
            stems: &["predictions.LayerNorm"],
            epsilon: (LAYER_NORM_EPS, 1e-12),
            ..LAYER_NORM
        }),
        ..ENCODER
    },
    Rule {
        family: "ELECTRA generator",
        source: "transformers models/electra",
        model_types: &["electra"],
        own: &["generator_lm_head.weight"],
        tied_to: &[
            "electra.embeddings.word_embeddings.weight",
            "embeddings.word_embeddings.weight",
        ],
        tasks: &["ForMaskedLM", "ForCausalLM"],
        marks: &["generator_predictions.dense.weight", "generator_predictions.LayerNorm.weight"],
        biases: &["generator_lm_head.bias"],
        // ElectraGeneratorPredictions passes the configuration's epsilon.
        norm: Some(NormRule {
            stems: &["generator_predictions.LayerNorm"],
            epsilon: (LAYER_NORM_EPS, 1e-12),
            ..LAYER_NORM
        }),
        ..ENCODER
    },
    Rule {
        family: "DistilBERT",
        source: "transformers models/distilbert",
        model_types: &["distilbert"],
        own: &["vocab_projector.weight"],
        tied_to: &[
            "distilbert.embeddings.word_embeddings.weight",
            "embeddings.word_embeddings.weight",
        ],
        marks: &["vocab_transform.weight", "vocab_layer_norm.weight"],
        biases: &["vocab_projector.bias"],
        norm: Some(NormRule { stems: &["vocab_layer_norm"], epsilon: (&[], 1e-12), ..LAYER_NORM }),
        ..ENCODER
    },
    Rule {
        family: "XLNet",
        source: "transformers models/xlnet",
        model_types: &["xlnet"],
        tasks: &["LMHeadModel"],
        own: &["lm_loss.weight"],
        tied_to: &["transformer.word_embedding.weight"],
        marks: &["lm_loss.bias"],
        biases: &["lm_loss.bias"],
        norm: Some(NormRule {
            stems: &["transformer.layer.{last}.ff.layer_norm"],
            epsilon: (LAYER_NORM_EPS, 1e-12),
            ..LAYER_NORM
        }),
        ..ENCODER
    },
    // Decoders ---------------------------------------------------------------------------------------------------
    Rule {
        family: "GPT-2",
        source: "transformers models/gpt2",
        model_types: &["gpt2", "gpt_neo"],
        bodies: &["transformer.", ""],
        tied_to: &["*wte.weight"],
        tied_by_default: true,
        norm: Some(NormRule {
            stems: &["*ln_f"],
            epsilon: (&["layer_norm_epsilon"], 1e-5),
            ..LAYER_NORM
        }),
        ..DECODER
    },
    Rule {
        family: "GPT-J",
        source: "transformers models/gptj",
        model_types: &["gptj"],
        bodies: &["transformer.", ""],
        tied_to: &["*wte.weight"],
        biases: &["lm_head.bias"],
        needs_bias: true,
        norm: Some(NormRule {
            stems: &["*ln_f"],
            epsilon: (&["layer_norm_epsilon"], 1e-5),
            ..LAYER_NORM
        }),
        ..DECODER
    },
    Rule {
        family: "GPT-NeoX, Pythia",
        source: "transformers models/gpt_neox",
        model_types: &["gpt_neox"],
        bodies: &["gpt_neox.", ""],
        own: &["embed_out.weight", "lm_head.weight"],
        tied_to: &["*embed_in.weight"],
        norm: Some(NormRule {
            stems: &["*final_layer_norm"],
            epsilon: (LAYER_NORM_EPS, 1e-5),
            ..LAYER_NORM
        }),
        ..DECODER
    },
    Rule {
        family: "OPT",
        source: "transformers models/opt",
        model_types: &["opt"],
        bodies: &["model.decoder.", "decoder."],
        tied_by_default: true,
        norm: Some(NormRule { stems: &["*final_layer_norm"], ..LAYER_NORM }),
        between: &["*project_out.weight"],
        ..DECODER
    },
    Rule {
        family: "BLOOM",
        source: "transformers models/bloom",
        model_types: &["bloom"],
        bodies: &["transformer.", ""],
        tied_to: &["*word_embeddings.weight"],
        tied_by_default: true,
        norm: Some(NormRule {
            stems: &["*ln_f"],
            epsilon: (&["layer_norm_epsilon"], 1e-5),
            ..LAYER_NORM
        }),
        ..DECODER
    },
    Rule {
        family: "Llama",
        source: "transformers models/llama, models/llava, and those that inherit from them",
        model_types: &[
            "llama",
            "mistral",
            "mixtral",
            "ministral",
            "olmo2",
            "smollm3",
            "llava",
            "llava_next",
            "mistral3",
        ],
        ..DECODER
    },
    Rule {
        family: "Qwen",
        source: "transformers models/qwen2, models/qwen3 and their mixtures",
        model_types: &["qwen2", "qwen2_moe", "qwen3", "qwen3_moe", "qwen2_vl", "qwen2_5_vl"],
        ..DECODER
    },
    Rule {
        family: "Gemma",
        source: "transformers models/gemma, models/gemma2, models/gemma3 (GemmaRMSNorm: 1 + weight)",
        model_types: &["gemma", "gemma2", "gemma3", "gemma3_text", "paligemma"],
        tied_by_default: true,
        norm: Some(NormRule { one_plus: true, ..RMS_NORM }),
        ..DECODER
    },
    Rule {
        family: "Phi",
        source: "transformers models/phi",
        model_types: &["phi"],
        biases: &["lm_head.bias"],
        needs_bias: true,
        norm: Some(NormRule {
            stems: &["*final_layernorm"],
            epsilon: (LAYER_NORM_EPS, 1e-5),
            ..LAYER_NORM
        }),
        ..DECODER
    },
    Rule {
        family: "Phi-3",
        source: "transformers models/phi3",
        model_types: &["phi3"],
        norm: Some(NormRule { epsilon: (&["rms_norm_eps"], 1e-5), ..RMS_NORM }),
        ..DECODER
    },
    Rule {
        family: "Cohere",
        source: "transformers models/cohere",
        model_types: &["cohere", "cohere2"],
        tied_by_default: true,
        norm: Some(NormRule { stems: &["*norm"], epsilon: (LAYER_NORM_EPS, 1e-5), ..LAYER_NORM }),
        ..DECODER
    },
    Rule {
        family: "Granite",
        source: "transformers models/granite",
        model_types: &["granite"],
        ..DECODER
    },
    // Encoder and decoder ------------------------------------------------------------------------------------------
    Rule {
        family: "T5",
        source: "transformers models/t5, models/mt5, models/umt5",
        model_types: &["t5", "mt5", "umt5"],
        bodies: &[""],
        tied_to: &["shared.weight", "decoder.embed_tokens.weight"],
        biases: &[],
        norm: Some(NormRule {
            stems: &["decoder.final_layer_norm"],
            epsilon: (&["layer_norm_epsilon"], 1e-6),
            ..RMS_NORM
        }),
        ..SEQ2SEQ
    },
    Rule {
        family: "BART",
        source: "transformers models/bart (the last layer's norm comes after its sum)",
        model_types: &["bart"],
        norm: Some(NormRule { stems: &["*decoder.layers.{last}.final_layer_norm"], ..LAYER_NORM }),
        ..SEQ2SEQ
    },
    Rule {
        family: "mBART",
        source: "transformers models/mbart, models/pegasus",
        model_types: &["mbart", "pegasus"],
        norm: Some(NormRule { stems: &["*decoder.layer_norm"], ..LAYER_NORM }),
        ..SEQ2SEQ
    },
    Rule {
        family: "Marian, OPUS-MT",
        source: "transformers models/marian (the last layer's norm comes after its sum)",
        model_types: &["marian"],
        tied_to: &["*shared.weight", "*decoder.embed_tokens.weight"],
        norm: Some(NormRule { stems: &["*decoder.layers.{last}.final_layer_norm"], ..LAYER_NORM }),
        ..SEQ2SEQ
    },
    Rule {
        family: "FSMT",
        source: "transformers models/fsmt (output_projection is tied to the decoder's embedding always)",
        model_types: &["fsmt"],
        own: &["model.decoder.output_projection.weight"],
        tied_to: &["*decoder.embed_tokens.weight"],
        biases: &[],
        norm: Some(NormRule { stems: &["*decoder.layers.{last}.final_layer_norm"], ..LAYER_NORM }),
        ..SEQ2SEQ
    },
    Rule {
        family: "M2M-100, NLLB",
        source: "transformers models/m2m_100, models/nllb_moe",
        model_types: &["m2m_100", "nllb-moe"],
        biases: &[],
        norm: Some(NormRule { stems: &["*decoder.layer_norm"], ..LAYER_NORM }),
        ..SEQ2SEQ
    },
    Rule {
        family: "Whisper",
        source: "transformers models/whisper",
        model_types: &["whisper"],
        own: &["proj_out.weight"],
        tied_to: &["*decoder.embed_tokens.weight"],
        biases: &[],
        norm: Some(NormRule { stems: &["*decoder.layer_norm"], ..LAYER_NORM }),
        ..SEQ2SEQ
    },
    // Classifiers on top of them -------------------------------------------------------------------------------------
    Rule {
        family: "BERT classifier",
        source: "transformers models/bert, models/albert (BertPooler: tanh; a dropout keeps the range when it is off)",
        model_types: &["bert", "albert"],
        activation: Some("tanh"),
        ..CLASSIFIER
    },
    Rule {
        family: "RoBERTa classifier",
        source: "transformers models/roberta (RobertaClassificationHead: tanh)",
        model_types: &["roberta", "xlm-roberta", "camembert"],
        own: &["classifier.out_proj.weight"],
        activation: Some("tanh"),
        ..CLASSIFIER
    },
    Rule {
        family: "ELECTRA classifier",
        source: "transformers models/electra (ElectraClassificationHead: GELU)",
        model_types: &["electra"],
        own: &["classifier.out_proj.weight"],
        activation: Some("gelu"),
        ..CLASSIFIER
    },
    Rule {
        family: "DistilBERT classifier",
        source: "transformers models/distilbert (pre_classifier, ReLU)",
        model_types: &["distilbert"],
        activation: Some("relu"),
        ..CLASSIFIER
    },
    Rule {
        family: "BART classifier",
        source: "transformers models/bart, models/mbart (BartClassificationHead: tanh)",
        model_types: &["bart", "mbart"],
        own: &["classification_head.out_proj.weight"],
        activation: Some("tanh"),
        ..CLASSIFIER
    },
    Rule {
        family: "token classifier",
        source: "transformers modeling_layers.py (GenericForTokenClassification) and models/bert",
        model_types: &[
            "bert",
            "roberta",
            "xlm-roberta",
            "camembert",
            "albert",
            "electra",
            "distilbert",
        ],
        tasks: &["ForTokenClassification"],
        ..CLASSIFIER
    },
    Rule {
        family: "decoder with a classifier",
        source: "transformers modeling_layers.py (GenericForSequenceClassification: score, without bias)",
        model_types: &[
            "gpt2", "llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "phi", "phi3", "opt",
            "bloom",
        ],
        own: &["score.weight"],
        needs_bias: false,
        ..CLASSIFIER
    },
    // Formats of their own -------------------------------------------------------------------------------------------
    Rule {
        family: "Marian (transformer)",
        source: "marian-dev src/models/transformer.h (output_, layerNorm), src/layers/output.cpp",
        own: &["decoder_ff_logit_out_W"],
        own_transposed: true,
        tied_to: &["Wemb", "decoder_Wemb"],
        marks: &["decoder_ff_logit_out_b"],
        biases: &["decoder_ff_logit_out_b"],
        needs_bias: true,
        norm: Some(NormRule {
            stems: &["decoder_top_ln", "decoder_l{last}_ffn_ffn_ln"],
            // Written as 1e-6f.
            epsilon: (&[], 1e-6f32 as f64),
            ..LAYER_NORM
        }),
        ..ANY
    },
    Rule {
        family: "Marian (recurrent)",
        source: "marian-dev src/models/s2s.h (ff_logit_l1 is followed by tanh)",
        own: &["decoder_ff_logit_l2_W", "ff_logit_l2_W"],
        own_transposed: true,
        tied_to: &["Wemb", "decoder_Wemb", "Wemb_dec"],
        marks: &["decoder_ff_logit_l2_b", "ff_logit_l2_b"],
        biases: &["decoder_ff_logit_l2_b", "ff_logit_l2_b"],
        needs_bias: true,
        activation: Some("tanh"),
        ..ANY
    },
    Rule {
        family: "Nematus",
        source: "nematus nmt.py of the Theano branch (ff_logit after tanh; tie_decoder_embeddings)",
        own: &["ff_logit_W"],
        own_transposed: true,
        tied_to: &["Wemb_dec"],
        marks: &["ff_logit_b"],
        biases: &["ff_logit_b"],
        needs_bias: true,
        activation: Some("tanh"),
        ..ANY
    },
    Rule {
        family: "CTranslate2 decoder",
        source: "CTranslate2 docs and python/ctranslate2/specs/transformer_spec.py (projection, layer_norm)",
        own: &["decoder/projection/weight"],
        // `embeddings` and `embeddings_0` are the names of one and of several; a tied head is an alias of it.
        tied_to: &["decoder/embeddings/weight", "decoder/embeddings_0/weight"],
        marks: &["decoder/projection/weight"],
        biases: &["decoder/projection/bias"],
        norm: Some(NormRule { stems: &["decoder/layer_norm"], ..LAYER_NORM }),
        between: &["decoder/project_out/weight"],
        ..ANY
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_names_its_source_and_a_weight() {
        for rule in RULES {
            assert!(!rule.source.is_empty() && !rule.own.is_empty(), "{}", rule.family);
            assert!(
                !rule.needs_bias
                    || !rule.biases.is_empty()
                    || rule.tasks.contains(&"ForSequenceClassification")
                    || rule.tasks.contains(&"ForTokenClassification"),
                "{}",
                rule.family
            );
            assert!(!rule.tied_by_default || !rule.tied_to.is_empty(), "{}", rule.family);
        }
    }
}
