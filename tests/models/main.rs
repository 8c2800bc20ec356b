//! Trained models as their packages publish them, too large for this repository.
//!
//! Fetch them, then run the tests that are ignored without them:
//!
//! ```text
//! python3 analyses/fetch_heads.py --all --out models
//! cargo test --release -- --ignored
//! ```
//!
//! `UNARGMAX_MODELS` names another folder than `models`.
//!
//! - `heads`: audits of exported heads, against known answers;
//! - `published`: the right head is found in the files as they are published;
//! - `containers`: their tensors, against what Python read;
//! - `balls`, `engines`: behind their final norms, and by both engines;
//! - `reach`: SmolLM2 run on texts by the command.

mod balls;
mod containers;
mod engines;
mod heads;
mod published;
mod reach;
