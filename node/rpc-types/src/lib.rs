//! JSON of the `depin` namespace: camelCase fields, balances and compute units as decimal strings, hashes as 0x-hex, accounts as SS58.
//!
//! The node answers with it. The command line shows a record that it read from a proof in the same form.

mod params;
mod types;

pub use params::*;
pub use types::*;
