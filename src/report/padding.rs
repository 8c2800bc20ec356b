//! Reports whether padding rows (rows without a token) can win. If one does, a decoder fails, because the runtime has
//! no text for it.

use std::io::{self, Write};

use super::tally::Counts;
use super::terms::Terms;

/// The verdicts of the audited rows that no token has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Padding {
    /// The number of such rows.
    pub rows: usize,
    /// Rows that can be the strict winner.
    pub argmaxable: usize,
    /// Rows that can win up to ties with exact equals.
    pub tied: usize,
    /// Rows that are never the strict winner.
    pub unargmaxable: usize,
    /// Rows with neither proof.
    pub undecided: usize,
}

impl Padding {
    /// The number of rows that can reach the maximum, alone or together with equals.
    pub fn can_win(&self) -> usize {
        self.argmaxable + self.tied
    }
}

impl From<Counts> for Padding {
    fn from(counts: Counts) -> Self {
        let Counts { argmaxable, tied, unargmaxable, undecided } = counts;
        Padding { rows: counts.sum(), argmaxable, tied, unargmaxable, undecided }
    }
}

/// Writes for a terminal whether padding can win; writes nothing if no row is padding.
///
/// # Errors
/// Those of the writer.
pub fn write(out: &mut impl Write, padding: Padding, terms: &Terms) -> io::Result<()> {
    if padding.rows == 0 {
        return Ok(());
    }
    let Padding { rows, argmaxable, tied, undecided, .. } = padding;
    let rows = if rows == 1 { "1 row has".to_owned() } else { format!("{rows} rows have") };
    let open = match undecided {
        0 => String::new(),
        open => format!("; {open} undecided"),
    };
    let can = match padding.can_win() {
        0 => "none can win".to_owned(),
        _ if tied == 0 => format!("{argmaxable} can win"),
        can => format!("{can} can win ({tied} of them only in a tie)"),
    };
    let token = terms.token;
    let program = if terms.is_of_items() { "search" } else { "decoder" };
    writeln!(
        out,
        "\nPadding: {rows} no {token}, {can}{open}. A {program} that picks such a row has no text for it."
    )
}
