//! placeholder
pub mod arithmetic;
pub mod certify;
pub mod checkpoint;
pub mod domain;
pub mod error;
pub mod head;
pub mod prove;
pub mod question;
