//! The operations of an ONNX model that are needed to find the norm or activation before a head.

/// The main graph of a model, in its stored order, which the format requires to be an order of execution.
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
    /// The rank of values (the number of their axes), where the file states it.
    pub ranks: Vec<(String, usize)>,
    /// Constants that hold a few integers: shapes, axes, indices.
    pub integers: Vec<(String, Vec<i64>)>,
    /// The program that wrote the file; empty where the file does not say.
    pub producer: String,
}

/// One operation of a graph.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Node {
    /// The name of the operation, often empty.
    pub name: String,
    /// The operator: `Gemm`, `MatMul`, `Softmax`. The domain is put before it (`my.domain::Softmax`) where the
    /// operators of the domain are not known, or where the model defines the function itself.
    pub op: String,
    /// The domain of the operator; empty for ONNX's own.
    pub domain: String,
    /// The names of the input values; an empty name is an optional input that is left out.
    pub inputs: Vec<String>,
    /// The names of the output values.
    pub outputs: Vec<String>,
    /// The attributes, in their order.
    pub attributes: Vec<(String, Attribute)>,
}

/// The value of an operation's attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum Attribute {
    /// A number.
    Float(f32),
    /// An integer.
    Int(i64),
    /// Bytes, usually UTF-8.
    Text(Vec<u8>),
    /// Several numbers.
    Floats(Vec<f32>),
    /// Several integers.
    Ints(Vec<i64>),
    /// A tensor, a graph, a type or a list of these or of strings; not kept (the tensor of a `Constant` is among the
    /// checkpoint's tensors, under the name of its output).
    Other,
}

impl Graph {
    /// Returns the operation whose output is the value `name`, if there is one.
    pub fn producer_of(&self, name: &str) -> Option<&Node> {
        self.nodes.iter().find(|node| !name.is_empty() && node.outputs.iter().any(|o| o == name))
    }

    /// Iterates over the operations that take the value `name`.
    pub fn users_of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Node> {
        self.nodes.iter().filter(move |node| node.inputs.iter().any(|i| i == name))
    }

    /// Returns the rank of the value `name`, where the file states it.
    pub fn rank_of(&self, name: &str) -> Option<usize> {
        self.ranks.iter().find(|(value, _)| value == name).map(|(_, rank)| *rank)
    }

    /// Returns the integers of the constant `name`, where they are few.
    pub fn integers_of(&self, name: &str) -> Option<&[i64]> {
        self.integers.iter().find(|(value, _)| value == name).map(|(_, numbers)| numbers.as_slice())
    }

    /// Returns the value of a metadata key.
    pub fn metadata(&self, key: &str) -> Option<&str> {
        self.metadata.iter().find(|(k, _)| k == key).map(|(_, value)| value.as_str())
    }
}

impl Node {
    /// Whether the operator is unknown: it is of an unknown domain, or a function that the model defines.
    pub fn is_foreign(&self) -> bool {
        self.op.contains("::")
    }

    /// Returns an attribute by its name.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// Returns an attribute that is an integer.
    pub fn int(&self, name: &str) -> Option<i64> {
        match self.attribute(name) {
            Some(Attribute::Int(value)) => Some(*value),
            _ => None,
        }
    }

    /// Returns an attribute that is a number.
    pub fn float(&self, name: &str) -> Option<f32> {
        match self.attribute(name) {
            Some(Attribute::Float(value)) => Some(*value),
            _ => None,
        }
    }

    /// Returns an attribute that is a list of integers.
    pub fn ints(&self, name: &str) -> Option<&[i64]> {
        match self.attribute(name) {
            Some(Attribute::Ints(values)) => Some(values),
            _ => None,
        }
    }
}
