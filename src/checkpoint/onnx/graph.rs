//! The operations of an ONNX model, as far as finding what stands before a head needs them.

/// The main graph of a model, in its stored order, which the format requires to be one of execution.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Graph {
    /// The operations, each after those whose outputs it takes.
    pub nodes: Vec<Node>,
    /// The names of the graph's inputs; older files list the initialisers among them.
    pub inputs: Vec<String>,
    /// The names of the graph's outputs.
    pub outputs: Vec<String>,
    /// The key-value pairs of the model (`metadata_props`), in their order.
    pub metadata: Vec<(String, String)>,
    /// How many axes values have, where the file says so.
    pub ranks: Vec<(String, usize)>,
    /// Stored whole numbers, as far as they are few: shapes, axes, places.
    pub integers: Vec<(String, Vec<i64>)>,
    /// The program that wrote the file; empty where it does not say.
    pub producer: String,
}

/// One operation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Node {
    /// Its name, often empty.
    pub name: String,
    /// What it does: `Gemm`, `MatMul`, `Softmax`; with its domain in front (`my.domain::Softmax`) where that is none whose
    /// operations are known, or where the model defines the function itself.
    pub op: String,
    /// Whose operation it is; empty for ONNX's own.
    pub domain: String,
    /// The values it takes, by name; an empty one is an optional input that is left out.
    pub inputs: Vec<String>,
    /// The values it makes, by name.
    pub outputs: Vec<String>,
    /// Its attributes, in their order.
    pub attributes: Vec<(String, Attribute)>,
}

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum Attribute {
    /// A number.
    Float(f32),
    /// A whole number.
    Int(i64),
    /// Bytes, usually UTF-8.
    Text(Vec<u8>),
    /// Several numbers.
    Floats(Vec<f32>),
    /// Several whole numbers.
    Ints(Vec<i64>),
    /// A tensor, a graph, a type or a list of these or of strings; not kept (the tensor of a
    /// `Constant` is among the checkpoint's tensors, under the name of its output).
    Other,
}

impl Graph {
    /// The operation that makes the value `name`, if one does.
    pub fn producer_of(&self, name: &str) -> Option<&Node> {
        self.nodes.iter().find(|node| !name.is_empty() && node.outputs.iter().any(|o| o == name))
    }

    /// The operations that take the value `name`.
    pub fn users_of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Node> {
        self.nodes.iter().filter(move |node| node.inputs.iter().any(|i| i == name))
    }

    /// How many axes the value `name` has, where the file says so.
    pub fn rank_of(&self, name: &str) -> Option<usize> {
        self.ranks.iter().find(|(value, _)| value == name).map(|(_, rank)| *rank)
    }

    /// The whole numbers of the constant `name`, where they are few.
    pub fn integers_of(&self, name: &str) -> Option<&[i64]> {
        self.integers.iter().find(|(value, _)| value == name).map(|(_, numbers)| numbers.as_slice())
    }

    /// The value of a key of the metadata.
    pub fn metadata(&self, key: &str) -> Option<&str> {
        self.metadata.iter().find(|(k, _)| k == key).map(|(_, value)| value.as_str())
    }
}

impl Node {
    /// Whether nothing is known of what it does: it is of a domain of its own, or a function of the model.
    pub fn is_foreign(&self) -> bool {
        self.op.contains("::")
    }

    /// An attribute by its name.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// An attribute that is a whole number.
    pub fn int(&self, name: &str) -> Option<i64> {
        match self.attribute(name) {
            Some(Attribute::Int(value)) => Some(*value),
            _ => None,
        }
    }

    /// An attribute that is a number.
    pub fn float(&self, name: &str) -> Option<f32> {
        match self.attribute(name) {
            Some(Attribute::Float(value)) => Some(*value),
            _ => None,
        }
    }

    /// An attribute that is several whole numbers.
    pub fn ints(&self, name: &str) -> Option<&[i64]> {
        match self.attribute(name) {
            Some(Attribute::Ints(values)) => Some(values),
            _ => None,
        }
    }
}
