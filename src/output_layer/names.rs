//! The names of a head's rows, from the file asked for or from the checkpoint, checked against the number of rows.

use std::path::Path;

use crate::checkpoint::Checkpoint;
use crate::checkpoint::vocabulary::{Kind, Vocabulary, from_side_file};
use crate::error::{Error, Result};
use crate::locate::Located;

/// The share of rows without a token above which a vocabulary is taken to be that of another model. Published heads
/// are padded by at most three percent (Qwen2.5 399 of 152064 rows, GPT-2 47 of 50304, T5 128 of 32128, Phi-2 905 of
/// 51200).
const DOUBTFUL: f64 = 0.1;
/// The same share for heads of fewer than 64 rows, which nobody pads: one row of six says nothing.
const DOUBTFUL_OF_FEW: f64 = 0.25;
/// Small vocabularies are padded to a multiple of these numbers of rows: 65 tokens have 128 rows.
const MULTIPLES: [usize; 2] = [64, 128];

/// Pads a vocabulary to the `rows` rows of a head, after a check that it can belong to it; `source` is for errors.
///
/// # Errors
/// More tokens than rows; without `padding_ok`, so few tokens that the vocabulary may be that of another model.
pub fn padded_to_head(
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

/// The names of the rows of a draft head: those of the tokens of the target model that they stand for.
///
/// # Errors
/// The vocabulary of the target has no such token.
pub fn of_draft(target: Vocabulary, ids: &[u32], source: &str) -> Result<Vocabulary> {
    let entries = target.tokens.len();
    let token = |&id: &u32| {
        target.tokens.get(id as usize).cloned().ok_or_else(|| {
            Error::Invalid(format!(
                "{source}: a draft token stands for token {id} of the target model, but this vocabulary has {entries}: is \
                 it that of the target? --vocab FILE names another one, --vocab none goes without"
            ))
        })
    };
    let tokens = ids.iter().map(token).collect::<Result<_>>()?;
    Ok(Vocabulary::of(tokens))
}

/// Whether so many rows are left without a token that the vocabulary is probably that of another model.
fn is_doubtful(entries: usize, padding: usize, rows: usize) -> bool {
    let share = padding as f64 / rows as f64;
    let limit = if rows < MULTIPLES[0] { DOUBTFUL_OF_FEW } else { DOUBTFUL };
    let rounded_up = MULTIPLES.iter().any(|m| entries.next_multiple_of(*m) == rows);
    share > limit && !(rounded_up && 2 * padding < rows)
}

/// Returns the vocabulary that comes with a checkpoint, and where it was found.
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
    Ok(from_side_file(checkpoint)?
        .map(|(read, name)| (read, folder.join(name).display().to_string())))
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
