//! The output layers of programs with formats of their separate: Marian, Nematus, CTranslate2.

use super::bases::{ANY, LAYER_NORM};
use super::family::{Family, HeadNorm, Quirk};

/// The programs.
pub(super) const RULES: &[Family] = &[
    Family {
        name: "Marian (transformer)",
        source: "marian-dev src/models/transformer.h (output_, layerNorm), src/layers/output.cpp",
        separate: &["decoder_ff_logit_out_W"],
        separate_transposed: true,
        tied_to: &["Wemb", "decoder_Wemb"],
        required: &["decoder_ff_logit_out_b"],
        biases: &["decoder_ff_logit_out_b"],
        needs_bias: true,
        norm: Some(HeadNorm {
            stems: &["decoder_top_ln", "decoder_l{last}_ffn_ffn_ln"],
            // Marian's source writes 1e-6f.
            epsilon: (&[], 1e-6f32 as f64),
            ..LAYER_NORM
        }),
        quirk: Some(Quirk::NormIfLayersEndInOne),
        ..ANY
    },
    Family {
        name: "Marian (recurrent)",
        source: "marian-dev src/models/s2s.h (ff_logit_l1 is followed by tanh)",
        separate: &["decoder_ff_logit_l2_W", "ff_logit_l2_W"],
        separate_transposed: true,
        tied_to: &["Wemb", "decoder_Wemb", "Wemb_dec"],
        required: &["decoder_ff_logit_l2_b", "ff_logit_l2_b"],
        biases: &["decoder_ff_logit_l2_b", "ff_logit_l2_b"],
        needs_bias: true,
        activation: Some("tanh"),
        ..ANY
    },
    Family {
        name: "Nematus",
        source: "nematus nmt.py of the Theano branch (ff_logit after tanh; tie_decoder_embeddings)",
        separate: &["ff_logit_W"],
        separate_transposed: true,
        tied_to: &["Wemb_dec"],
        required: &["ff_logit_b"],
        biases: &["ff_logit_b"],
        needs_bias: true,
        activation: Some("tanh"),
        ..ANY
    },
    Family {
        name: "CTranslate2 decoder",
        source: "CTranslate2 docs and python/ctranslate2/specs/transformer_spec.py (projection, layer_norm)",
        separate: &["decoder/projection/weight"],
        // `embeddings` is the name of a single embedding, `embeddings_0` of the first of several; a tied head is an
        // alias of it.
        tied_to: &["decoder/embeddings/weight", "decoder/embeddings_0/weight"],
        required: &["decoder/projection/weight"],
        biases: &["decoder/projection/bias"],
        norm: Some(HeadNorm { stems: &["decoder/layer_norm"], ..LAYER_NORM }),
        between: &["decoder/project_out/weight"],
        quirk: Some(Quirk::RmsNormWithoutShift),
        ..ANY
    },
];
