//! No lie passes the checker: each is planted alone in a certificate that is otherwise accepted.
//!
//! - `garden`: a head of eleven tokens and a certificate that holds every kind of record;
//! - `records`: lies in what the records say, as data;
//! - `ball_garden`, `ball_records`: the same in a ball, with the free audit beside it;
//! - `only_point`: the same where the domain is one point;
//! - `files`: lies in how the file is laid out;
//! - `changes`: thousands of random changes, and what must never change.

mod ball_garden;
mod ball_records;
mod changes;
mod files;
mod garden;
mod only_point;
mod records;
