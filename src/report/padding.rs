//! Whether rows without a token can win, which makes decoders fail: the runtime has no text for them.

use std::io::{self, Write};

use super::tally::Counts;

/// What became of the rows without a token among those that were audited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Padding {
    /// How many there are.
    pub rows: usize,
    /// Strict winners somewhere.
    pub argmaxable: usize,
    /// Winners up to exact equals.
    pub tied: usize,
    /// Never strict winners.
    pub unargmaxable: usize,
    /// Not proved either way.
    pub undecided: usize,
}

impl Padding {
    /// How many reach the maximum somewhere, alone or together with equals.
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

/// Says for a terminal whether padding can win; nothing where no row is padding.
///
/// # Errors
/// Those of the writer.
pub fn write(out: &mut impl Write, padding: Padding) -> io::Result<()> {
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
    writeln!(
        out,
        "\nPadding: {rows} no token, {can}{open}. A decoder that picks such a row has no text for it."
    )
}
