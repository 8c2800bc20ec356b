//! ONNX models: `.onnx`, a protobuf message.

mod graph;

pub use graph::{Attribute, Graph, Node};
