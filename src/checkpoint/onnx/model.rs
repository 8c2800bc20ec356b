//! Parses the messages of a model: the tensors that it stores, and its graph.
//!
//! Field numbers: <https://github.com/onnx/onnx/blob/main/onnx/onnx.proto>.

use std::ops::Range;

use super::graph::{Attribute, Graph, Node};
use super::tensor::Stored;
use super::wire::{Field, Message, pair};

/// The least number of bytes of a node or tensor with a name.
const LEAST: usize = 8;

/// A parsed model.
#[derive(Debug, Default)]
pub(super) struct Model {
    pub graph: Graph,
    /// The initialisers, and the tensors of `Constant` nodes under the names of their outputs.
    pub stored: Vec<Stored>,
    /// Numbers in attributes of `Constant` nodes: name, numbers, whether it is a scalar.
    pub numbers: Vec<(String, Vec<f32>, bool)>,
    /// Domain and name of each function that the model defines.
    functions: Vec<(String, String)>,
}

/// The names of ONNX's own domain.
const OWN: [&str; 2] = ["", "ai.onnx"];

/// ONNX Runtime's domain, and its operators that are known here. Operators of the same names in other domains may do
/// anything.
const RUNTIME: &str = "com.microsoft";
const CONTRIBUTED: [&str; 19] = [
    "FusedMatMul",
    "FusedGemm",
    "FusedConv",
    "MatMulIntegerToFloat",
    "DynamicQuantizeMatMul",
    "QGemm",
    "MatMulNBits",
    "MatMulBnb4",
    "Gelu",
    "FastGelu",
    "QuickGelu",
    "LayerNormalization",
    "SimplifiedLayerNormalization",
    "RMSNormalization",
    "SkipLayerNormalization",
    "SkipSimplifiedLayerNormalization",
    "QuantizeLinear",
    "DequantizeLinear",
    "DynamicQuantizeLinear",
];

/// Whether `bytes` are a model: only fields of one from the first byte to the last, with a graph.
pub(super) fn recognise(bytes: &[u8]) -> bool {
    let mut fields = Message::new(bytes, 0..bytes.len());
    let mut graph = false;
    loop {
        match fields.next() {
            Ok(None) => return graph,
            Ok(Some((7, Field::Bytes(_)))) => graph = true,
            Ok(Some((1 | 5, Field::Varint(_)))) => {}
            Ok(Some((2 | 3 | 4 | 6 | 8 | 14 | 20 | 25 | 26, Field::Bytes(_)))) => {}
            _ => return false,
        }
    }
}

impl Model {
    /// Parses a whole model, without the numbers of its tensors.
    pub fn parse(bytes: &[u8]) -> Result<Model, String> {
        let mut model = Model::default();
        let mut graph = None;
        let mut fields = Message::new(bytes, 0..bytes.len());
        while let Some((number, field)) = fields.next()? {
            match number {
                2 => model.graph.producer = field.text(bytes)?,
                7 if graph.is_some() => return Err("the model has two graphs".into()),
                7 => graph = Some(field.range()?),
                14 => model.graph.metadata.push(pair(bytes, field.range()?)?),
                25 => model.functions.push(function(bytes, field.range()?)?),
                _ => {}
            }
        }
        let graph = graph.ok_or("the model has no graph; is it an ONNX file?")?;
        model.graph(bytes, graph)?;
        for tensor in &model.stored {
            if let Some(numbers) = tensor.few_integers(bytes)? {
                model.graph.integers.push((tensor.name.clone(), numbers));
            }
        }
        Ok(model)
    }

    /// Parses the main graph.
    fn graph(&mut self, bytes: &[u8], graph: Range<usize>) -> Result<(), String> {
        let most = graph.len() / LEAST + 1;
        let mut fields = Message::new(bytes, graph);
        while let Some((number, field)) = fields.next()? {
            match number {
                1 => self.node(bytes, field.range()?)?,
                5 => self.stored.push(Stored::parse(bytes, field.range()?)?),
                11..=13 => {
                    let (name, rank) = value(bytes, field.range()?)?;
                    match number {
                        11 => self.graph.inputs.push(name.clone()),
                        12 => self.graph.outputs.push(name.clone()),
                        _ => {}
                    }
                    self.graph.ranks.extend(rank.map(|rank| (name, rank)));
                }
                _ => {}
            }
            if self.stored.len() + self.graph.nodes.len() > most {
                return Err(format!(
                    "its graph has more than {most} nodes and tensors, most of them empty"
                ));
            }
        }
        Ok(())
    }

    /// Returns the operator of a node, with its domain in front unless it is a known operator of a known domain.
    fn qualified(&self, node: &Node) -> String {
        let Node { op, domain, .. } = node;
        let known = OWN.contains(&domain.as_str())
            || domain == RUNTIME && CONTRIBUTED.contains(&op.as_str());
        let defined = self.functions.iter().any(|(d, name)| d == domain && name == op);
        match known && !defined {
            true => op.clone(),
            false => format!("{domain}::{op}"),
        }
    }

    /// Parses a node; a `Constant` also adds its value to the stored tensors or numbers.
    fn node(&mut self, bytes: &[u8], message: Range<usize>) -> Result<(), String> {
        let mut node = Node::default();
        let mut tensors = Vec::new();
        let mut fields = Message::new(bytes, message);
        while let Some((number, field)) = fields.next()? {
            match number {
                1 => node.inputs.push(field.text(bytes)?),
                2 => node.outputs.push(field.text(bytes)?),
                3 => node.name = field.text(bytes)?,
                4 => node.op = field.text(bytes)?,
                5 => {
                    let (name, value, tensor) = attribute(bytes, field.range()?)?;
                    tensors.extend(tensor.filter(|_| name == "value"));
                    node.attributes.push((name, value));
                }
                7 => node.domain = field.text(bytes)?,
                _ => {}
            }
        }
        node.op = self.qualified(&node);
        if node.op == "Constant"
            && let Some(output) = node.outputs.first()
        {
            for tensor in tensors {
                let mut stored = Stored::parse(bytes, tensor)?;
                stored.name.clone_from(output);
                self.stored.push(stored);
            }
            for (name, value) in &node.attributes {
                match (name.as_str(), value) {
                    ("value_float", Attribute::Float(number)) => {
                        self.numbers.push((output.clone(), vec![*number], true));
                    }
                    ("value_int", Attribute::Int(number)) => {
                        self.graph.integers.push((output.clone(), vec![*number]));
                    }
                    ("value_ints", Attribute::Ints(numbers)) => {
                        self.graph.integers.push((output.clone(), numbers.clone()));
                    }
                    ("value_floats", Attribute::Floats(numbers)) => {
                        self.numbers.push((output.clone(), numbers.clone(), false));
                    }
                    _ => {}
                }
            }
        }
        self.graph.nodes.push(node);
        Ok(())
    }
}

/// Parses the domain and name of a function (`FunctionProto`).
fn function(bytes: &[u8], message: Range<usize>) -> Result<(String, String), String> {
    let (mut domain, mut name) = (String::new(), String::new());
    let mut fields = Message::new(bytes, message);
    while let Some((number, field)) = fields.next()? {
        match number {
            1 => name = field.text(bytes)?,
            10 => domain = field.text(bytes)?,
            _ => {}
        }
    }
    Ok((domain, name))
}

/// Parses an attribute; the range is that of the tensor, if the value is one.
fn attribute(
    bytes: &[u8],
    message: Range<usize>,
) -> Result<(String, Attribute, Option<Range<usize>>), String> {
    let mut name = String::new();
    let (mut float, mut int, mut text, mut tensor) = (None, None, None, None);
    let (mut floats, mut ints, mut kind) = (Vec::new(), Vec::new(), 0);
    let mut fields = Message::new(bytes, message);
    while let Some((number, field)) = fields.next()? {
        match (number, field) {
            (1, field) => name = field.text(bytes)?,
            (2, Field::Fixed32(bits)) => float = Some(f32::from_bits(bits)),
            (3, field) => int = Some(field.int()?),
            (4, field) => text = Some(bytes[field.range()?].to_vec()),
            (5, field) => tensor = Some(field.range()?),
            (7, Field::Fixed32(bits)) => floats.push(f32::from_bits(bits)),
            (7, Field::Bytes(range)) => {
                let (packed, _) = bytes[range].as_chunks::<4>();
                floats.extend(packed.iter().map(|&number| f32::from_le_bytes(number)));
            }
            (8, field) => field.integers(bytes, &mut ints)?,
            (20, field) => kind = field.int()?,
            _ => {}
        }
    }
    // Files of the first versions of the format do not state the type of an attribute.
    let value = match (kind, float, int, text) {
        (1, float, ..) => Attribute::Float(float.unwrap_or(0.0)),
        (2, _, int, _) => Attribute::Int(int.unwrap_or(0)),
        (3, _, _, text) => Attribute::Text(text.unwrap_or_default()),
        (6, ..) => Attribute::Floats(floats),
        (7, ..) => Attribute::Ints(ints),
        (0, Some(float), None, None) => Attribute::Float(float),
        (0, None, Some(int), None) => Attribute::Int(int),
        (0, None, None, Some(text)) => Attribute::Text(text),
        (0, None, None, None) if !floats.is_empty() => Attribute::Floats(floats),
        (0, None, None, None) if !ints.is_empty() => Attribute::Ints(ints),
        _ => Attribute::Other,
    };
    Ok((name, value, tensor))
}

/// Parses the name of a value of a graph (`ValueInfoProto`) and its rank, if its type states it.
fn value(bytes: &[u8], message: Range<usize>) -> Result<(String, Option<usize>), String> {
    let (mut name, mut kind) = (String::new(), None);
    let mut fields = Message::new(bytes, message);
    while let Some((number, field)) = fields.next()? {
        match number {
            1 => name = field.text(bytes)?,
            2 => kind = Some(field.range()?),
            _ => {}
        }
    }
    // TypeProto.tensor_type = 1, Tensor.shape = 2, TensorShapeProto.dim = 1.
    let within = |message: Range<usize>, wanted: u64| -> Result<Vec<Range<usize>>, String> {
        let mut found = Vec::new();
        let mut fields = Message::new(bytes, message);
        while let Some((number, field)) = fields.next()? {
            if number == wanted {
                found.push(field.range()?);
            }
        }
        Ok(found)
    };
    let Some(tensor) =
        kind.map(|kind| within(kind, 1)).transpose()?.and_then(|t| t.into_iter().next())
    else {
        return Ok((name, None));
    };
    match within(tensor, 2)?.into_iter().next() {
        Some(shape) => Ok((name, Some(within(shape, 1)?.len()))),
        None => Ok((name, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(number: u8, content: &[u8]) -> Vec<u8> {
        let varint = |n: usize| match n {
            ..128 => vec![n as u8],
            _ => vec![n as u8 | 128, (n >> 7) as u8],
        };
        let key = usize::from(number) << 3 | 2;
        [&varint(key), &varint(content.len())[..], content].concat()
    }

    fn node(op: &str, domain: &str) -> Vec<u8> {
        field(1, &[field(4, op.as_bytes()), field(7, domain.as_bytes())].concat())
    }

    #[test]
    fn operations_of_other_domains_and_functions_of_the_model_are_named_with_their_domain() {
        let nodes = [
            node("Add", ""),
            node("Add", "ai.onnx"),
            node("Add", "my"),
            node("Constant", "my"),
            node("SkipLayerNormalization", "com.microsoft"),
            node("BiasSoftmax", "com.microsoft"),
            node("FastGelu", "com.microsoft"),
            node("Softmax", ""),
        ];
        let function = |domain: &str, name: &str| {
            field(25, &[field(1, name.as_bytes()), field(10, domain.as_bytes())].concat())
        };
        let model = [
            field(7, &nodes.concat()),
            function("com.microsoft", "FastGelu"),
            function("", "Softmax"),
        ];
        let model = Model::parse(&model.concat()).unwrap();
        let ops: Vec<&str> = model.graph.nodes.iter().map(|node| node.op.as_str()).collect();
        let expected = [
            "Add",
            "Add",
            "my::Add",
            "my::Constant",
            "SkipLayerNormalization",
            "com.microsoft::BiasSoftmax",
            "com.microsoft::FastGelu",
            "::Softmax",
        ];
        assert_eq!(ops, expected);
        assert_eq!(model.graph.nodes.iter().filter(|node| node.is_foreign()).count(), 5);
    }
}
