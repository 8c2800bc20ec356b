//! The names of a head's rows: those asked for or those that come with the checkpoint, held against its number of rows.

use std::path::Path;

use crate::checkpoint::Checkpoint;
use crate::checkpoint::vocabulary::{Kind, Vocabulary, beside};
use crate::error::{Error, Result};
use crate::locate::Located;

/// Above this share of rows without a token a vocabulary is more likely that of another model. Published heads are padded
/// by at most three percent (Qwen2.5 399 of 152064 rows, GPT-2 47 of 50304, T5 128 of 32128, Phi-2 905 of 51200).
const DOUBTFUL: f64 = 0.1;
/// The same for heads that are shorter than any that is padded: one row of six says nothing.
const DOUBTFUL_OF_FEW: f64 = 0.25;
/// Small vocabularies are rounded up to a multiple of these: 65 tokens have 128 rows.
const MULTIPLES: [usize; 2] = [64, 128];

/// Holds a vocabulary against a head with so many rows, and gives those beyond it to padding; `source` is for errors.
///
/// # Errors
/// More tokens than rows; with `padding_ok` false, so few that it is doubtful whether they are of this model.
pub fn fitted(
    vocabulary: Vocabulary,
    rows: usize,
    source: &str,
    padding_ok: bool,
) -> Result<Vocabulary> {
    let entries = vocabulary.tokens.len();
    if entries > rows {
        return Err(Error::Invalid(format!(
            "{source}: the vocabulary has {entries} tokens, but the head only {rows} rows: is it the vocabulary of another \
             model, or is the weight stored d x V (--transpose)? --vocab FILE names another one, --vocab none goes \
             without"
        )));
    }
    let vocabulary = vocabulary.padded(rows);
    let padding = vocabulary.count(Kind::Padding);
    if !padding_ok && is_doubtful(entries, padding, rows) {
        return Err(Error::Invalid(format!(
            "{source}: the vocabulary leaves {padding} of the head's {rows} rows without a token: is it that of another \
             model? --vocab FILE names another one, --vocab none goes without, --padding-ok takes these rows for padding"
        )));
    }
    Ok(vocabulary)
}

fn is_doubtful(entries: usize, padding: usize, rows: usize) -> bool {
    let share = padding as f64 / rows as f64;
    let limit = if rows < MULTIPLES[0] { DOUBTFUL_OF_FEW } else { DOUBTFUL };
    let rounded_up = MULTIPLES.iter().any(|m| entries.next_multiple_of(*m) == rows);
    share > limit && !(rounded_up && 2 * padding < rows)
}

/// The vocabulary that comes with a checkpoint, and where it lies.
pub fn own(checkpoint: &dyn Checkpoint, located: &Located) -> Result<Option<(Vocabulary, String)>> {
    if let Some(labels) = &located.labels {
        return Ok(Some((Vocabulary::from_pieces(labels), "id2label of config.json".to_owned())));
    }
    if let Some(read) = checkpoint.vocabulary()? {
        return Ok(Some((read, format!("the metadata of the {} file", checkpoint.format()))));
    }
    let rows = located.head.tokens();
    if let Some(read) = checkpoint.graph().and_then(|graph| Vocabulary::from_onnx(graph, rows)) {
        return Ok(Some((read, "the metadata of the ONNX file (`character`)".to_owned())));
    }
    let folder = checkpoint.folder().map(Path::to_path_buf).unwrap_or_default();
    Ok(beside(checkpoint)?.map(|(read, name)| (read, folder.join(name).display().to_string())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_of_real_heads_is_believed_and_a_vocabulary_of_another_model_is_not() {
        for (entries, rows) in [
            (151_665, 152_064),
            (50_257, 50_304),
            (50_295, 51_200),
            (32_000, 32_128),
            (100_015, 102_400),
            (6625, 6625),
            (65, 128),
            (100, 128),
            (130, 192),
            (5, 6),
            (4, 5),
        ] {
            assert!(!is_doubtful(entries, rows - entries, rows), "{entries} of {rows}");
        }
        for (entries, rows) in [
            (876, 6625),
            (32_000, 50_257),
            (6, 24),
            (20, 64),
            (2, 5),
            (1, 128),
            (0, 5),
            (37_000, 50_304),
            (100_277, 128_256),
        ] {
            assert!(is_doubtful(entries, rows - entries, rows), "{entries} of {rows}");
        }
        // Holes count as rows beyond the end do.
        assert!(is_doubtful(6625, 4000, 6625));
    }
}
