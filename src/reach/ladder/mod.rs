//! The ladder: how far down from a proof to a real text a token can be reached. An audit proves which tokens some hidden
//! state makes the winner; here the model is searched for inputs that do so, first free vectors, then real tokens.
//!
//! A win is judged by exact arithmetic at the hidden state that the model computes for the input alone. A search that
//! finds nothing proves nothing: it reports its budget and how near it came.

pub mod climb;
pub mod discrete;
pub mod enumeration;
pub mod frame;
pub mod gradient;
pub mod journal;
pub mod judge;
pub mod prefix;
pub mod rows;
mod scores;
pub mod soft;
pub mod spelling;
