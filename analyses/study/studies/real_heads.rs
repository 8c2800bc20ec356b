//! Heads of published models, for several studies.

use anyhow::{Context, Result};
use unargmax::output_layer::ReadOptions;
use unargmax::{Domain, Head, OutputLayer};

use crate::frame::Setting;

/// A published head and the domain of its hidden states.
pub struct Real {
    pub name: &'static str,
    pub layer: OutputLayer,
}

impl Real {
    pub fn head(&self) -> &Head {
        self.layer.head()
    }

    /// What the norm or activation before the head leaves.
    pub fn domain(&self) -> &Domain {
        self.layer.domain()
    }
}

/// Heads that are in the repository: of Mandarin readings, chemical reactions and Russian morphology. The last two are taken over
/// all hidden states.
pub fn bundled(setting: &Setting) -> Result<Vec<Real>> {
    let options = ReadOptions::default();
    let mut heads = vec![Real { name: "g2pM", layer: OutputLayer::bundled(&options)? }];
    for (name, file) in [
        ("rxnmapper", "tests/data/rxnmapper/head.safetensors"),
        ("slovnet", "tests/data/slovnet-morph/head.safetensors"),
    ] {
        let layer = OutputLayer::open(setting.file(file)).with_context(|| file.to_owned())?;
        heads.push(Real { name, layer });
    }
    Ok(heads)
}

/// PP-OCRv4, behind its Swish.
pub fn ocr(setting: &Setting) -> Result<Real> {
    open(setting, "PP-OCRv4", "pp-ocrv4/published/ch_PP-OCRv4_rec_infer.onnx")
}

/// rxnmapper, behind its LayerNorm.
pub fn rxnmapper(setting: &Setting) -> Result<Real> {
    open(setting, "rxnmapper", "rxnmapper/published")
}

/// SmolLM2-135M-Instruct, behind its RMSNorm.
pub fn smollm2(setting: &Setting) -> Result<Real> {
    open(setting, "SmolLM2-135M", "smollm2/published/SmolLM2-135M-Instruct.Q4_1.gguf")
}

/// whisper-tiny.en, behind its LayerNorm.
pub fn whisper(setting: &Setting) -> Result<Real> {
    open(setting, "whisper-tiny.en", "whisper-tiny-en/published")
}

fn open(setting: &Setting, name: &'static str, file: &str) -> Result<Real> {
    let path = setting.model(file)?;
    Ok(Real { name, layer: OutputLayer::open(&path).with_context(|| file.to_owned())? })
}

/// The rows of a head, row after row.
pub fn rows(head: &Head) -> Vec<f64> {
    (0..head.tokens()).flat_map(|token| head.row(token)).collect()
}

/// The biases of a head, if it has any.
pub fn biases(head: &Head) -> Option<Vec<f64>> {
    head.has_bias().then(|| (0..head.tokens()).map(|token| head.bias(token)).collect())
}
