//! Ids, records, glue traits and runtime API declarations of Lantern.
//!
//! Pallets depend on this crate and on `lantern-exact`, never on each other; the runtime connects them through the
//! traits of [`traits`]. The node and the command line read the same records through [`api`].

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

pub mod api;
pub mod content;
pub mod crypto;
pub mod info;
pub mod job;
pub mod mailbox;
pub mod traits;

pub use lantern_exact::spec::{JobParams, ModelSpec, Usage};
pub use sp_core::H256;

/// Account of a requester, provider, model owner or validator.
pub type AccountId = sp_runtime::AccountId32;
/// Amount of LUX in its smallest unit (10^-12 LUX).
pub type Balance = u128;
/// Height of a block.
pub type BlockNumber = u32;
/// Sequential number of a job, never reused.
pub type JobId = u64;
/// Hash of a model's specification and weights root.
pub type ModelId = H256;
/// Compute units in millionths: one is a thousand multiply-accumulates, a whole compute unit is 10^9.
pub type ComputeUnits = u64;

/// Micro compute units in one whole compute unit; posted prices are per whole compute unit.
pub const MICRO_PER_COMPUTE_UNIT: u128 = 1_000_000;

/// Fee for `units` at `price` per whole compute unit, rounded up, saturating at the largest balance.
///
/// Rounded up so that no work is free; a saturated fee is over every `max_fee` and so is refused.
pub fn fee_for(units: ComputeUnits, price: Balance) -> Balance {
    match price.checked_mul(u128::from(units)) {
        Some(product) => product.div_ceil(MICRO_PER_COMPUTE_UNIT),
        None => Balance::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fee_rounds_up_and_never_wraps() {
        assert_eq!(fee_for(0, 10), 0);
        assert_eq!(fee_for(1, 1), 1);
        assert_eq!(fee_for(1_000_000, 7), 7);
        assert_eq!(fee_for(1_000_001, 7), 8);
        assert_eq!(fee_for(u64::MAX, u128::MAX), u128::MAX);
    }
}
