//! What follows a layer that the user chose: what `W h + b` expresses, and what it leaves out.

use super::super::stored::Stored;
use super::after::{After, follow};
use super::flow::{Flow, named};
use super::linear::{Linear, OPAQUE, linear};
use crate::checkpoint::onnx::Node;

/// What follows a chosen layer.
pub(super) struct Near {
    /// The operations that are part of the head, on each known way to an output; without such a way, a constant that is
    /// added right after the layer, or nothing. There is at least one.
    pub ways: Vec<After>,
    /// A constant, one number a token, that is added after an operation that is not part of the head.
    pub added_later: Option<AddedLater>,
    /// Each operation that is not part of the head, as a sentence, and the outputs before which it stands.
    left_out: Vec<(String, Vec<String>)>,
    /// Whether a way leads to an output.
    reaches_output: bool,
}

/// A constant, one number a token, that a graph adds to a layer after other operations.
pub(super) struct AddedLater {
    constant: String,
    after: String,
}

impl Near {
    /// Follows a layer to the outputs of the graph.
    pub fn of(flow: &Flow, head: &Linear) -> Near {
        let made = head.node.outputs.first().map_or("", String::as_str);
        let (mut ways, mut left_out) = (Vec::new(), Vec::<(String, Vec<String>)>::new());
        for output in flow.graph.outputs.iter().filter(|output| flow.leads_to(made, output)) {
            match follow(flow, head, output) {
                Ok(after) => ways.push(after),
                Err(problem) => match left_out.iter_mut().find(|known| known.0 == problem) {
                    Some((_, outputs)) => outputs.push(output.clone()),
                    None => left_out.push((problem, vec![output.clone()])),
                },
            }
        }
        let reaches_output = !ways.is_empty();
        if !reaches_output {
            let sums = flow.graph.users_of(made).filter(|node| node.op == "Add");
            let mut sums = sums.filter_map(|node| node.outputs.first());
            let near = sums.find_map(|sum| follow(flow, head, sum).ok());
            let near = near.or_else(|| follow(flow, head, made).ok());
            ways.push(near.unwrap_or(After { scale: 1.0, ..After::default() }));
        }
        let has_bias = ways.iter().any(|way| !way.offsets.is_empty());
        let added_later = match has_bias || reaches_output {
            true => None,
            false => added_later(flow, head, made),
        };
        Near { ways, added_later, left_out, reaches_output }
    }

    /// Sentences about what is not part of the head, for people.
    pub fn notes(&self) -> impl Iterator<Item = String> {
        let end = match self.reaches_output {
            true => "",
            false => ", which `W h + b` cannot express: it is left out, as --weight asks",
        };
        self.left_out.iter().map(move |(problem, outputs)| {
            let noun = if outputs.len() == 1 { "output" } else { "outputs" };
            format!("before the {noun} `{}` {problem}{end}", outputs.join("`, `"))
        })
    }
}

impl AddedLater {
    /// The question whether the constant is the bias.
    pub fn question(&self, stored: &Stored, weight: &str) -> String {
        format!(
            "the graph adds {} to the product with `{weight}`, but after {}, which `W h + b` cannot express: choose by --bias {} \
             or --bias none",
            stored.described(&self.constant),
            self.after,
            self.constant
        )
    }
}

/// Finds a constant, one number a token, that is added to a layer after operations that have no other input than the
/// layer and constants.
fn added_later(flow: &Flow, head: &Linear, made: &str) -> Option<AddedLater> {
    let tokens = head.tokens(flow)?;
    let mut open: Vec<(&str, Option<&Node>)> = vec![(made, None)];
    let mut seen = 0;
    while let Some((value, after)) = open.pop() {
        for node in flow.graph.users_of(value) {
            let alone =
                |input: &String| input.is_empty() || input == value || flow.is_constant(input);
            let another = OPAQUE.contains(&node.op.as_str()) || linear(flow, node).is_some();
            seen += 1;
            if another || seen > MOST_FOLLOWED || !node.inputs.iter().all(alone) {
                continue;
            }
            if let (Some(after), "Add" | "Sub" | "Sum") = (after, node.op.as_str()) {
                let names = node.inputs.iter().filter(|input| *input != value);
                let constant = names.filter_map(|name| flow.constant(name)).find(|name| {
                    let info = flow.stored.get(name);
                    info.is_some_and(|info| info.shape.iter().product::<usize>() == tokens)
                });
                if let Some(constant) = constant {
                    return Some(AddedLater { constant, after: named(after) });
                }
            }
            let outputs = node.outputs.iter().filter(|output| !output.is_empty());
            open.extend(outputs.map(|output| (output.as_str(), after.or(Some(node)))));
        }
    }
    None
}

/// The most operations that are looked at for a constant that is added later.
const MOST_FOLLOWED: usize = 1000;
