//! placeholder
#![allow(missing_docs)]
pub mod caption;
pub mod encode;
pub mod index;
pub mod node;
pub mod reason;
pub mod sample;
pub mod segment;
