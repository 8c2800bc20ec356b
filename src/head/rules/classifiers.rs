//! Classifiers on top of language models.

use super::{CLASSIFIER, Rule};

pub(super) const RULES: &[Rule] = &[
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
];
