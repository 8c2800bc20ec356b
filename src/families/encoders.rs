//! The output layers of masked language models: a transform with a norm before the head, and a bias per token.

use super::bases::{ANY, DECODER, ENCODER, LAYER_NORM, LAYER_NORM_EPS, MASKED, RMS_NORM};
use super::family::{Family, HeadNorm};

/// The layout of `cls.predictions`, of BERT and the models made from it.
const BERT: Family = Family {
    separate: &["cls.predictions.decoder.weight"],
    tied_to: &["*embeddings.word_embeddings.weight"],
    required: &["cls.predictions.transform.dense.weight", "cls.predictions.bias"],
    biases: &["cls.predictions.decoder.bias", "cls.predictions.bias"],
    norm: Some(BERT_NORM),
    ..ENCODER
};
/// The norm in BERT's transform.
const BERT_NORM: HeadNorm = HeadNorm {
    stems: &["cls.predictions.transform.LayerNorm"],
    epsilon: (LAYER_NORM_EPS, 1e-12),
    ..LAYER_NORM
};
/// The row of BERT with another body and epsilon.
macro_rules! bert_in {
    ($body:literal, $epsilon:expr) => {
        Family {
            bodies: &[$body, ""],
            norm: Some(HeadNorm { epsilon: (LAYER_NORM_EPS, $epsilon), ..BERT_NORM }),
            ..BERT
        }
    };
}

/// Models with the layout of BERT.
pub(super) const LIKE_BERT: &[Family] = &[
    Family {
        name: "BERT",
        source: "transformers models/bert, models/big_bird, models/megatron_bert",
        model_types: &["bert", "big_bird", "megatron-bert"],
        ..bert_in!("bert.", 1e-12)
    },
    Family {
        name: "ERNIE",
        source: "transformers models/ernie",
        model_types: &["ernie"],
        ..bert_in!("ernie.", 1e-12)
    },
    Family {
        name: "FNet",
        source: "transformers models/fnet",
        model_types: &["fnet"],
        ..bert_in!("fnet.", 1e-12)
    },
    Family {
        name: "LayoutLM",
        source: "transformers models/layoutlm",
        model_types: &["layoutlm"],
        ..bert_in!("layoutlm.", 1e-12)
    },
    Family {
        name: "RoCBert",
        source: "transformers models/roc_bert",
        model_types: &["roc_bert"],
        ..bert_in!("roc_bert.", 1e-12)
    },
    Family {
        name: "RoFormer",
        source: "transformers models/roformer",
        model_types: &["roformer"],
        ..bert_in!("roformer.", 1e-12)
    },
    Family {
        name: "TAPAS",
        source: "transformers models/tapas",
        model_types: &["tapas"],
        ..bert_in!("tapas.", 1e-12)
    },
    Family {
        name: "SqueezeBERT",
        source: "transformers models/squeezebert",
        model_types: &["squeezebert"],
        ..bert_in!("transformer.", 1e-12)
    },
    Family {
        name: "YOSO",
        source: "transformers models/yoso",
        model_types: &["yoso"],
        ..bert_in!("yoso.", 1e-12)
    },
    Family {
        name: "MobileBERT",
        source: "transformers models/mobilebert (its head is two tensors: refused)",
        model_types: &["mobilebert"],
        ..bert_in!("mobilebert.", 1e-12)
    },
    Family {
        name: "MRA",
        source: "transformers models/mra",
        model_types: &["mra"],
        ..bert_in!("mra.", 1e-5)
    },
    Family {
        name: "Nystromformer",
        source: "transformers models/nystromformer",
        model_types: &["nystromformer"],
        ..bert_in!("nystromformer.", 1e-5)
    },
    Family {
        name: "DeBERTa",
        source: "transformers models/deberta, models/deberta_v2; lm_predictions (legacy: false) is the head of the published \
                 checkpoints of v2 and v3",
        model_types: &["deberta", "deberta-v2"],
        bodies: &["deberta.", ""],
        // With lm_predictions the embedding is the matrix in use, whatever the flag says.
        separate: &["cls.predictions.decoder.weight", "lm_predictions.lm_head.decoder.weight"],
        required: &[
            "cls.predictions.transform.dense.weight",
            "cls.predictions.bias",
            "lm_predictions.lm_head.dense.weight",
            "lm_predictions.lm_head.bias",
        ],
        biases: &[
            "cls.predictions.decoder.bias",
            "cls.predictions.bias",
            "lm_predictions.lm_head.bias",
        ],
        norm: Some(HeadNorm {
            stems: &["cls.predictions.transform.LayerNorm", "lm_predictions.lm_head.LayerNorm"],
            epsilon: (LAYER_NORM_EPS, 1e-7),
            ..LAYER_NORM
        }),
        ..BERT
    },
    Family {
        name: "Nomic BERT",
        source: "transformers models/nomic_bert",
        model_types: &["nomic_bert"],
        norm: Some(HeadNorm {
            stems: &["cls.predictions.transform.layer_norm", "cls.predictions.transform.LayerNorm"],
            ..BERT_NORM
        }),
        ..bert_in!("nomic_bert.", 1e-12)
    },
    Family {
        name: "RemBERT",
        source: "transformers models/rembert (its head is not tied)",
        model_types: &["rembert"],
        bodies: &["rembert.", ""],
        required: &["cls.predictions.dense.weight"],
        norm: Some(HeadNorm { stems: &["cls.predictions.LayerNorm"], ..BERT_NORM }),
        never_tied: true,
        ..BERT
    },
];

/// The layout of `lm_head` with a dense layer, a norm, a decoder and a bias, of RoBERTa and the models made from it.
const ROBERTA: Family = Family {
    separate: &["lm_head.decoder.weight"],
    tied_to: &["*embeddings.word_embeddings.weight"],
    required: &["lm_head.dense.weight", "lm_head.layer_norm.weight"],
    biases: &["lm_head.decoder.bias", "lm_head.bias"],
    norm: Some(ROBERTA_NORM),
    ..ENCODER
};
/// The norm in RoBERTa's transform.
const ROBERTA_NORM: HeadNorm = HeadNorm {
    stems: &["lm_head.layer_norm"],
    // The head takes the configuration's epsilon, whose default is BERT's; published configurations state 1e-5.
    epsilon: (LAYER_NORM_EPS, 1e-12),
    ..LAYER_NORM
};
/// The row of RoBERTa with another body and epsilon.
macro_rules! roberta_in {
    ($body:literal, $epsilon:expr) => {
        Family {
            bodies: &[$body, ""],
            norm: Some(HeadNorm { epsilon: (LAYER_NORM_EPS, $epsilon), ..ROBERTA_NORM }),
            ..ROBERTA
        }
    };
}

/// Models with the layout of RoBERTa.
pub(super) const LIKE_ROBERTA: &[Family] = &[
    Family {
        name: "RoBERTa",
        source: "transformers models/roberta, models/xlm_roberta, models/camembert, models/xmod",
        model_types: &["roberta", "xlm-roberta", "camembert", "xmod"],
        ..roberta_in!("roberta.", 1e-12)
    },
    Family {
        name: "RoBERTa (1e-5)",
        source: "transformers models/xlm_roberta_xl, models/jina_embeddings_v3",
        model_types: &["xlm-roberta-xl", "jina_embeddings_v3"],
        ..roberta_in!("roberta.", 1e-5)
    },
    Family {
        name: "RoBERTa-PreLayerNorm",
        source: "transformers models/roberta_prelayernorm",
        model_types: &["roberta-prelayernorm"],
        ..roberta_in!("roberta_prelayernorm.", 1e-12)
    },
    Family {
        name: "data2vec",
        source: "transformers models/data2vec (text)",
        model_types: &["data2vec-text"],
        ..roberta_in!("data2vec_text.", 1e-12)
    },
    Family {
        name: "I-BERT",
        source: "transformers models/ibert",
        model_types: &["ibert"],
        ..roberta_in!("ibert.", 1e-12)
    },
    Family {
        name: "Longformer",
        source: "transformers models/longformer",
        model_types: &["longformer"],
        ..roberta_in!("longformer.", 1e-12)
    },
    Family {
        name: "LUKE",
        source: "transformers models/luke (lm_head.decoder is not tied)",
        model_types: &["luke"],
        never_tied: true,
        ..roberta_in!("luke.", 1e-12)
    },
    Family {
        name: "MPNet",
        source: "transformers models/mpnet",
        model_types: &["mpnet"],
        ..roberta_in!("mpnet.", 1e-12)
    },
    Family {
        name: "ESM-2",
        source: "transformers models/esm (EsmLMHead: the bias stands beside the decoder)",
        model_types: &["esm"],
        ..roberta_in!("esm.", 1e-12)
    },
    Family {
        name: "ESM C",
        source: "transformers models/esmc (its head is not tied)",
        model_types: &["esmc"],
        tied_to: &["*embed_tokens.weight"],
        never_tied: true,
        norm: Some(HeadNorm { epsilon: (&[], 1e-5), ..ROBERTA_NORM }),
        ..roberta_in!("esmc.", 1e-5)
    },
    Family {
        name: "GTE",
        source: "transformers models/gte",
        model_types: &["gte"],
        required: &["lm_head.dense.weight", "lm_head.norm.weight"],
        norm: Some(HeadNorm { stems: &["lm_head.norm", "lm_head.layer_norm"], ..ROBERTA_NORM }),
        ..roberta_in!("gte.", 1e-12)
    },
];

/// Models with layouts of their own.
pub(super) const OTHERS: &[Family] = &[
    Family {
        name: "ALBERT",
        source: "transformers models/albert",
        model_types: &["albert"],
        bodies: &["albert.", ""],
        separate: &["predictions.decoder.weight"],
        tied_to: &["*embeddings.word_embeddings.weight"],
        required: &["predictions.dense.weight", "predictions.LayerNorm.weight"],
        biases: &["predictions.decoder.bias", "predictions.bias"],
        norm: Some(HeadNorm {
            stems: &["predictions.LayerNorm"],
            epsilon: (LAYER_NORM_EPS, 1e-12),
            ..LAYER_NORM
        }),
        ..ENCODER
    },
    Family {
        name: "ELECTRA generator",
        source: "transformers models/electra, models/convbert",
        model_types: &["electra", "convbert"],
        bodies: &["electra.", "convbert.", ""],
        separate: &["generator_lm_head.weight"],
        tied_to: &["*embeddings.word_embeddings.weight"],
        tasks: &["ForMaskedLM", "ForCausalLM"],
        required: &["generator_predictions.dense.weight", "generator_predictions.LayerNorm.weight"],
        biases: &["generator_lm_head.bias"],
        // ElectraGeneratorPredictions passes the configuration's epsilon.
        norm: Some(HeadNorm {
            stems: &["generator_predictions.LayerNorm"],
            epsilon: (LAYER_NORM_EPS, 1e-12),
            ..LAYER_NORM
        }),
        ..ENCODER
    },
    Family {
        name: "DistilBERT",
        source: "transformers models/distilbert",
        model_types: &["distilbert"],
        bodies: &["distilbert.", ""],
        separate: &["vocab_projector.weight"],
        tied_to: &["*embeddings.word_embeddings.weight"],
        required: &["vocab_transform.weight", "vocab_layer_norm.weight"],
        biases: &["vocab_projector.bias"],
        norm: Some(HeadNorm { stems: &["vocab_layer_norm"], epsilon: (&[], 1e-12), ..LAYER_NORM }),
        ..ENCODER
    },
    Family {
        name: "XLNet",
        source: "transformers models/xlnet",
        model_types: &["xlnet"],
        tasks: &["LMHeadModel"],
        bodies: &["transformer.", ""],
        separate: &["lm_loss.weight"],
        tied_to: &["*word_embedding.weight"],
        required: &["lm_loss.bias"],
        biases: &["lm_loss.bias"],
        norm: Some(HeadNorm {
            stems: &["*layer.{last}.ff.layer_norm"],
            epsilon: (LAYER_NORM_EPS, 1e-12),
            ..LAYER_NORM
        }),
        ..ENCODER
    },
    Family {
        name: "XLM, FlauBERT",
        source: "transformers models/xlm, models/flaubert (the last layer's norm comes after its sum)",
        model_types: &["xlm", "flaubert"],
        tasks: &["WithLMHeadModel", "ForMaskedLM"],
        separate: &["pred_layer.proj.weight"],
        tied_to: &["transformer.embeddings.weight"],
        required: &["pred_layer.proj.bias"],
        biases: &["pred_layer.proj.bias"],
        norm: Some(HeadNorm {
            stems: &["transformer.layer_norm2.{last}"],
            epsilon: (LAYER_NORM_EPS, 1e-12),
            ..LAYER_NORM
        }),
        ..ENCODER
    },
    Family {
        name: "ModernBERT",
        source: "transformers models/modernbert, models/modernbert_decoder",
        model_types: &["modernbert", "modernbert-decoder"],
        bodies: &["model.", ""],
        separate: &["decoder.weight"],
        tied_to: &["*embeddings.tok_embeddings.weight"],
        required: &["head.norm.weight", "head.dense.weight", "lm_head.dense.weight"],
        known_by: &["model.embeddings.tok_embeddings.weight"],
        biases: &["decoder.bias"],
        needs_bias: false,
        norm: Some(HeadNorm {
            stems: &["head.norm", "lm_head.norm"],
            epsilon: (&["norm_eps"], 1e-5),
            ..LAYER_NORM
        }),
        ..ENCODER
    },
    Family {
        name: "ModernVBERT",
        source: "transformers models/modernvbert",
        model_types: &["modernvbert"],
        separate: &["lm_head.weight"],
        tied_to: &["model.text_model.embeddings.tok_embeddings.weight"],
        required: &["projection_head.norm.weight"],
        known_by: &["projection_head.norm.weight"],
        biases: &["lm_head.bias"],
        needs_bias: false,
        tied_by_default: false,
        norm: Some(HeadNorm {
            stems: &["projection_head.norm"],
            epsilon: (&["norm_eps"], 1e-5),
            ..LAYER_NORM
        }),
        ..ENCODER
    },
    Family {
        name: "EuroBERT",
        source: "transformers models/eurobert (a decoder's names and an encoder's attention)",
        model_types: &["eurobert"],
        tasks: MASKED,
        norm: Some(HeadNorm { epsilon: (&["rms_norm_eps"], 1e-5), ..RMS_NORM }),
        ..DECODER
    },
    Family {
        name: "NeoMME",
        source: "transformers models/neomme (a linear map stands before the head)",
        model_types: &["neomme"],
        tasks: MASKED,
        separate: &["lm_head.weight"],
        tied_to: &["model.embed_tokens.word_embeddings.weight"],
        known_by: &["model.embed_tokens.embedding_projection.weight"],
        tied_by_default: true,
        between: &[
            "unembedding_projection.weight",
            "model.embed_tokens.embedding_projection.weight",
        ],
        ..ANY
    },
    Family {
        name: "UltraBERT",
        source: "transformers models/ultrabert (two layers, the last of them tanh-GELU, before the head)",
        model_types: &["ultrabert"],
        tasks: MASKED,
        separate: &["cls.weight", "head.decoder.weight"],
        tied_to: &["ultrabert.embed_tokens.weight", "model.embed_tokens.weight"],
        known_by: &["head.linear2.weight"],
        activation: Some("gelu_pytorch_tanh"),
        ..ANY
    },
    Family {
        name: "Funnel transformer",
        source: "transformers models/funnel (the last layer's norm comes after its sum)",
        model_types: &["funnel"],
        separate: &["lm_head.weight"],
        tied_to: &["funnel.embeddings.word_embeddings.weight"],
        required: &["lm_head.bias"],
        known_by: &["funnel.embeddings.word_embeddings.weight"],
        biases: &["lm_head.bias"],
        norm: Some(HeadNorm {
            stems: &["funnel.decoder.layers.{last}.ffn.layer_norm"],
            epsilon: (LAYER_NORM_EPS, 1e-9),
            ..LAYER_NORM
        }),
        ..ENCODER
    },
    Family {
        name: "BERT generation",
        source: "transformers models/bert_generation (no transform; the last layer's norm comes after its sum)",
        model_types: &["bert-generation"],
        tasks: &["GenerationDecoder"],
        separate: &["lm_head.decoder.weight"],
        tied_to: &["bert.embeddings.word_embeddings.weight"],
        required: &["lm_head.bias"],
        known_by: &["bert.embeddings.word_embeddings.weight"],
        biases: &["lm_head.decoder.bias", "lm_head.bias"],
        norm: Some(HeadNorm {
            stems: &["bert.encoder.layer.{last}.output.LayerNorm"],
            epsilon: (LAYER_NORM_EPS, 1e-12),
            ..LAYER_NORM
        }),
        ..ENCODER
    },
    Family {
        name: "GIT",
        source: "transformers models/git (the last layer's norm comes after its sum)",
        model_types: &["git"],
        separate: &["output.weight"],
        tied_to: &["git.embeddings.word_embeddings.weight"],
        known_by: &["git.embeddings.word_embeddings.weight"],
        biases: &["output.bias"],
        tied_by_default: false,
        norm: Some(HeadNorm {
            stems: &["git.encoder.layer.{last}.output.LayerNorm"],
            epsilon: (LAYER_NORM_EPS, 1e-12),
            ..LAYER_NORM
        }),
        ..ENCODER
    },
];
