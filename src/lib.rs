//! placeholder
pub mod arithmetic;
pub mod audit;
pub mod certify;
pub mod checkpoint;
pub mod domain;
pub mod error;
pub mod head;
pub mod prove;
pub mod question;
pub mod screen;
