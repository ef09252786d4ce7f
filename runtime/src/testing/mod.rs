//! What tests of the whole runtime share.

#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, clippy::indexing_slicing)]
// A test that meets something unexpected is to end there.

mod chain;
mod market;

pub use chain::Chain;
pub use market::{Market, REQUESTERS};
