//! What is read from files that other programs wrote, against what those programs read and computed.
//!
//! - `families`: the head of every family, against the Python package `transformers`;
//! - `onnx`: tensors and graphs, against the package `onnx` and ONNX Runtime;
//! - `gguf_blocks`, `ctranslate2`, `pickles`: tensors, against the packages that wrote them;
//! - `tokenizers`, `text`: text to ids and back, against the packages that define it;
//! - `patched`: one tensor of a file is replaced;
//! - `contradictions`: what a checkpoint and its configuration say against each other is an error.

mod contradictions;
mod ctranslate2;
mod families;
mod gguf_blocks;
mod onnx;
mod patched;
mod pickles;
mod text;
mod tokenizers;
