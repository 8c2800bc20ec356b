//! placeholder
pub mod checkpoint;
pub mod error;
