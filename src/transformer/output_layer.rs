//! Finds the names of the model's output layer, which are those that an audit finds by default.

use std::path::Path;

use crate::checkpoint::Checkpoint;
use crate::error::{Error, Result};
use crate::locate::{self, Choice, Names};

/// Returns the names that [`locate::names`] finds.
///
/// # Errors
/// As [`locate::names`], without the advice to choose by an option: running a model has no such option.
pub(super) fn names(checkpoint: &dyn Checkpoint, path: &Path) -> Result<Names> {
    locate::names(checkpoint, path, &Choice::default()).map_err(|error| match error {
        Error::Head { path, problem } => Error::Head { path, problem: without_advice(&problem) },
        other => other,
    })
}

/// Cuts an error message before the first clause that names an option of the audit.
fn without_advice(problem: &str) -> String {
    let Some(option) = problem.find(" --") else { return problem.to_owned() };
    let clauses = [": ", "; ", "? ", ", or ", ", but "];
    let end = clauses.iter().filter_map(|mark| problem[..option + 1].rfind(mark)).max();
    let kept = &problem[..end.unwrap_or(option)];
    format!("{kept}: a model runs only with an output layer that is found without doubt")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_to_choose_is_left_out() {
        let end = ": a model runs only with an output layer that is found without doubt";
        for (said, kept) in [
            (
                "there are two heads, `a: b` and `c`: choose by --weight (and --bias)",
                "there are two heads, `a: b` and `c`",
            ),
            (
                "which tensor is the head? Name it by --weight (and --bias); there are `x`",
                "which tensor is the head",
            ),
            (
                "it has a bias, but `b` is not there: name it by --bias, or say --bias none",
                "it has a bias, but `b` is not there",
            ),
            ("--weight", "--weight"),
        ] {
            let expected = if said == kept { said.to_owned() } else { format!("{kept}{end}") };
            assert_eq!(without_advice(said), expected);
        }
    }
}
