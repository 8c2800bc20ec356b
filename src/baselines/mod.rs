//! Methods of others for the same problem, for comparison; no verdict comes from here.
//!
//! - [`reflection`]: the heuristic of Grivas, Bogoychev and Lopez (*Low-rank softmax can have unargmaxable
//!   classes in theory but rarely in practice*, ACL 2022), which finds hidden states and proves nothing;
//! - [`full_program`]: the linear program that their software then solves, with a row for every rival.

pub mod full_program;
pub mod reflection;
