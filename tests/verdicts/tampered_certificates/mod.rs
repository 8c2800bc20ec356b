//! No tampering passes the checker: each is planted alone in a certificate that is otherwise accepted.
//!
//! - `fixture`: a head of eleven tokens and a certificate that holds every kind of record;
//! - `records`: false statements in the records, as data;
//! - `ball_fixture`, `ball_records`: the same in a ball, with the free audit of the same head;
//! - `one_point`: the same where the domain is one point;
//! - `ranks`: best ranks beside these;
//! - `subjects`: certificates of kept rows and of label sets;
//! - `files`: changes of how the file is laid out;
//! - `changes`: thousands of random changes, and what must never change.

mod ball_fixture;
mod ball_records;
mod changes;
mod files;
mod fixture;
mod one_point;
mod ranks;
mod records;
mod subjects;
