//! Checkpoints with a second head, and models of a known family without one.

use crate::error::{Error, Result};
use crate::families::{Family, families};
use crate::locate::configuration::{Configuration, Tie};
use crate::locate::found::Found;
use crate::locate::stored::Stored;

/// Refuses a checkpoint that stores another output layer of a language model, with other numbers than the chosen one.
pub(super) fn no_second_head(stored: &Stored, chosen: &Found) -> Result<()> {
    let likely = families().filter(|r| {
        r.is_of_tokens()
            && (r.known_by.is_empty() || r.known_by.iter().any(|name| stored.has(name)))
    });
    for name in likely.flat_map(|r| r.separate) {
        if *name != chosen.weight
            && stored.matrix(name).is_some()
            && !stored.equal(name, &chosen.weight)?
        {
            return Err(Error::head(
                stored.path,
                format!(
                    "there are two heads, {} and {}: choose by --weight (and --bias)",
                    stored.described(&chosen.weight),
                    stored.described(name)
                ),
            ));
        }
    }
    Ok(())
}

/// Returns the error for a known family without a head.
pub(super) fn without_head(stored: &Stored, config: &Configuration, known: &[&Family]) -> Error {
    let architectures = config.architectures().join(", ");
    let family = known.first().map_or("the model", |family| family.name);
    let said = match architectures.is_empty() {
        true => String::new(),
        false => format!(" (architectures: {architectures})"),
    };
    // The same names at a deeper level belong to several models, or to one in an attribute that is not known.
    let names = || stored.checkpoint.tensors().iter().map(|t| t.name.as_str());
    let own: Vec<String> =
        known.iter().flat_map(|family| family.separate).map(|n| format!(".{n}")).collect();
    let ends = |ends: &[String]| -> Vec<&str> {
        names().filter(|name| ends.iter().any(|end| name.ends_with(end.as_str()))).collect()
    };
    let mut inner = ends(&own);
    let has_task = |family: &&&Family| {
        config.architectures().iter().any(|name| family.tasks.iter().any(|t| name.ends_with(t)))
    };
    if inner.is_empty() && config.tie() != Tie::Said(false) {
        let tied = known.iter().filter(has_task).flat_map(|family| family.tied_to);
        inner = ends(&tied.map(|n| format!(".{}", n.replace('*', ""))).collect::<Vec<_>>());
    }
    if !inner.is_empty() {
        let shown: Vec<String> = inner.iter().take(6).map(|name| stored.described(name)).collect();
        let more = if inner.len() > shown.len() { ", ..." } else { "" };
        return Error::head(
            stored.path,
            format!(
                "{family} without an output layer under its own name{said}, but {}{more} may be one: choose by --weight (and \
                 --bias)",
                shown.join(", ")
            ),
        );
    }
    Error::head(
        stored.path,
        format!(
            "{family} without an output layer{said}: no logits of tokens are made, so there is nothing to audit. Name the \
             checkpoint of the model with its head, or, if the matrix of a head is among these tensors, choose it by \
             --weight (and --bias){}",
            stored.listed()
        ),
    )
}
