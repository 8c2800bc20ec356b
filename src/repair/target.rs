//! The stored tensor that a repair changes, and the file that holds it.

use std::path::{Path, PathBuf};

use crate::checkpoint::patch::{Patched, Place};
use crate::checkpoint::{self, Checkpoint, Values};
use crate::error::{Error, Result};
use crate::head::Head;
use crate::locate::{Located, Tying};

use super::precision::Precision;

/// Which numbers of a head are changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The biases, one for each token.
    Biases,
    /// The rows.
    Rows,
}

/// A tensor of a checkpoint that holds the biases or the rows of a head.
pub struct Target {
    part: Part,
    place: Place,
    precision: Precision,
    before: Values,
    /// Whether rows are stored as columns.
    transposed: bool,
    /// What else the tensor is, if that is known: the embedding.
    shared: Option<String>,
}

impl Target {
    /// Finds the tensor in the checkpoint at `path`, from which `located` was read.
    ///
    /// # Errors
    /// A tensor that is not stored as plain floats, one that does not hold the numbers of the head as they are, and a
    /// format that is not patched.
    pub fn of(path: &Path, located: &Located, part: Part) -> Result<Self> {
        let checkpoint = checkpoint::open(path)?;
        let name = match part {
            Part::Rows => &located.weight,
            Part::Biases => located.bias.as_ref().ok_or_else(|| {
                Error::head(path, "the head has no bias to change; --rows changes its rows")
            })?,
        };
        let place = checkpoint.place(name)?;
        let precision = Precision::of(place.dtype()).ok_or_else(|| {
            Error::head(path, format!("tensor `{name}` is not stored as plain floats"))
        })?;
        let before = checkpoint.read(name)?.values;
        let shared = shared(checkpoint.as_ref(), located, name, &place);
        let transposed = located.transposed && part == Part::Rows;
        let target = Target { part, place, precision, before, transposed, shared };
        if !target.holds(&located.head) {
            return Err(Error::head(
                path,
                format!(
                    "the head is made of `{name}` and other numbers (factors, several biases, an adapter), so no single tensor \
                     repairs it; save the output layer as the model computes it"
                ),
            ));
        }
        Ok(target)
    }

    /// The element type of the tensor.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// The name of the element type.
    pub fn dtype(&self) -> String {
        self.place.dtype().to_string()
    }

    /// The name of the tensor in its file.
    pub fn name(&self) -> &str {
        self.place.name()
    }

    /// The file that holds the tensor: the checkpoint itself, or one of its files.
    pub fn file(&self) -> &Path {
        self.place.file()
    }

    /// What else the tensor is used for, if that is known; a change of rows changes it too.
    pub fn shared(&self) -> Option<&str> {
        self.shared.as_deref()
    }

    /// The index in the tensor of a token's number `k`.
    fn index(&self, head: &Head, token: usize, k: usize) -> usize {
        match (self.part, self.transposed) {
            (Part::Biases, _) => token,
            (Part::Rows, false) => token * head.dim() + k,
            (Part::Rows, true) => k * self.stored_tokens(head) + token,
        }
    }

    /// How many tokens the tensor has; the head may use only the first of them.
    fn stored_tokens(&self, head: &Head) -> usize {
        match self.part {
            Part::Biases => self.before.len(),
            Part::Rows => self.before.len() / head.dim(),
        }
    }

    /// The numbers of a head that the tensor holds, each with its index in the tensor.
    fn numbers<'a>(&'a self, head: &'a Head) -> impl Iterator<Item = (usize, f64)> + 'a {
        let width = if self.part == Part::Biases { 1 } else { head.dim() };
        (0..head.tokens()).flat_map(move |t| {
            (0..width).map(move |k| {
                let number = match self.part {
                    Part::Biases => head.bias(t),
                    Part::Rows => head.weight(t, k),
                };
                (self.index(head, t, k), number)
            })
        })
    }

    /// Whether the stored numbers are those of the head.
    fn holds(&self, head: &Head) -> bool {
        let tokens = self.stored_tokens(head);
        let complete = match self.part {
            Part::Biases => tokens >= head.tokens(),
            Part::Rows => tokens >= head.tokens() && tokens * head.dim() == self.before.len(),
        };
        complete && self.numbers(head).all(|(at, x)| value(&self.before, at) == x)
    }

    /// The file with the numbers of a changed head in this tensor.
    ///
    /// # Errors
    /// Errors of [`Place::patched`].
    pub fn patched(&self, head: &Head) -> Result<Patched> {
        let mut after = self.before.clone();
        for (at, x) in self.numbers(head) {
            match &mut after {
                Values::F32(numbers) => numbers[at] = x as f32,
                Values::F64(numbers) => numbers[at] = x,
            }
        }
        self.place.patched(&self.before, &after)
    }

    /// Reads the written file again, and refuses it unless this tensor holds the numbers of the head and all others have the
    /// names, types and shapes that they had. Their bytes are copied by the patch, and not compared here.
    ///
    /// # Errors
    /// A file that cannot be read, or that holds other numbers.
    pub fn check(&self, written: &Path, head: &Head) -> Result<()> {
        let [old, new] = [self.file(), written].map(checkpoint::open);
        let (old, new) = (old?, new?);
        let differs = |what: &str| {
            Err(Error::Internal(format!("the repaired file {} {what}", written.display())))
        };
        let (listed, rewritten) = (old.tensors(), new.tensors());
        let same = listed.len() == rewritten.len()
            && listed.iter().zip(rewritten).all(|(a, b)| {
                // The name of an .npy array is that of its file.
                a.dtype == b.dtype && a.shape == b.shape && (a.name == b.name || listed.len() == 1)
            });
        if !same {
            return differs("lists other tensors");
        }
        let name = match rewritten {
            [only] => only.name.as_str(),
            _ => self.name(),
        };
        let values = new.read(name)?.values;
        let holds = self.numbers(head).all(|(at, x)| value(&values, at) == x);
        if values.len() != self.before.len() || !holds {
            return differs("holds other numbers than those that were audited");
        }
        Ok(())
    }
}

/// The number at an index.
fn value(values: &Values, at: usize) -> f64 {
    match values {
        Values::F32(x) => f64::from(x[at]),
        Values::F64(x) => x[at],
    }
}

/// What else the tensor is used for: another tensor on the same bytes, the embedding by the family's rule, or another node of
/// a graph.
fn shared(
    checkpoint: &dyn Checkpoint,
    located: &Located,
    name: &str,
    place: &Place,
) -> Option<String> {
    if name == located.weight
        && let Tying::Tied(embedding) = &located.tying
    {
        return Some(format!("the embedding (`{embedding}`)"));
    }
    if let Some(graph) = checkpoint.graph() {
        let uses = graph.nodes.iter().flat_map(|node| &node.inputs).filter(|input| *input == name);
        if uses.count() > 1 {
            return Some("an input of several nodes of the graph".to_owned());
        }
    }
    let other = checkpoint.tensors().iter().filter(|info| info.name != name).find(|info| {
        checkpoint
            .place(&info.name)
            .is_ok_and(|other| other.name() != place.name() && place.overlaps(&other))
    });
    other.map(|info| format!("the tensor `{}`, on the same bytes", info.name))
}

/// The path of the file that a repair of this checkpoint replaces, in full, where it can be told.
pub fn canonical(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_path_buf())
}
