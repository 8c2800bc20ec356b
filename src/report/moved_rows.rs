//! Writes `moved-rows.safetensors`: for each token whose move was found, the row with which it wins and the hidden state where
//! it does.

use safetensors::Dtype;
use safetensors::tensor::TensorView;

use crate::audit::Audit;
use crate::certify::row_move::RowMove;
use crate::error::{Error, Result};

/// The name of the file.
pub const FILE: &str = "moved-rows.safetensors";
/// What its metadata says, by which the file is known.
pub const MARK: &str = "unargmax moved rows";

/// The file: `ids` (u32 `[n]`), `rows` and `states` (f64 `[n, d]`), ids rising.
///
/// # Errors
/// The file cannot be made.
pub fn bytes(audit: &Audit) -> Result<Vec<u8>> {
    let found: Vec<&RowMove> = audit.moves_needed().iter().filter(|m| m.row().is_some()).collect();
    let dim = audit.domain().dim();
    let ids: Vec<u8> = found.iter().flat_map(|m| m.token().to_le_bytes()).collect();
    let rows: Vec<&[f64]> = found.iter().filter_map(|m| m.row()).collect();
    let states = found.iter().filter_map(|m| m.point()).map(|point| {
        let ball = audit.domain().ball();
        ball.map_or_else(|| point.to_vec(), |ball| ball.hidden_state(point))
    });
    let rows: Vec<u8> = rows.iter().flat_map(|r| r.iter()).flat_map(|x| x.to_le_bytes()).collect();
    let states: Vec<u8> = states.flatten().flat_map(f64::to_le_bytes).collect();
    let failed = |e: safetensors::SafeTensorError| Error::Invalid(format!("{FILE}: {e}"));
    let view = |dtype, shape: &[usize], bytes| TensorView::new(dtype, shape.to_vec(), bytes);
    let views = [
        ("ids", view(Dtype::U32, &[found.len()], &ids).map_err(failed)?),
        ("rows", view(Dtype::F64, &[found.len(), dim], &rows).map_err(failed)?),
        ("states", view(Dtype::F64, &[found.len(), dim], &states).map_err(failed)?),
    ];
    let about = [("format".to_owned(), MARK.to_owned())].into();
    safetensors::serialize(views, Some(about)).map_err(failed)
}
