//! The options that chose the tensors of an audit, stored in `summary.json` so that `verify` can choose the same.

use serde::{Deserialize, Serialize};

/// The options that chose the tensors of an audit; `None` for options that were not given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeadOptions {
    /// `--weight`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<String>,
    /// `--bias`, which may be `none`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bias: Option<String>,
    /// `--transpose`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub transpose: bool,
}
