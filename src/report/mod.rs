//! What people and programs read after an audit: a table, a summary, files written whole.

pub mod cost;
pub mod files;
pub mod inspection;
pub mod padding;
pub mod summary;
pub mod table;
pub mod text;
