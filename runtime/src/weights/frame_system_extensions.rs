//! Weights of `frame_system_extensions`: written by `scripts/weights`, not by hand.
//!
//! frame-benchmarking-cli 64.0.0, 2026-11-21, steps 20, repeat 10, wasm Compiled, CPU AMD EPYC.

use core::marker::PhantomData;
use frame_support::{traits::Get, weights::Weight};

/// Measured weights on the runtime's database.
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> frame_system::ExtensionsWeightInfo for WeightInfo<T> {
    fn check_genesis() -> Weight {
        // Shortest run: 2_424_000 ps.
        Weight::from_parts(2_764_000, 0)
    }
    fn check_mortality_mortal_transaction() -> Weight {
        // Shortest run: 4_637_000 ps.
        Weight::from_parts(5_117_000, 0)
    }
    fn check_mortality_immortal_transaction() -> Weight {
        // Shortest run: 4_606_000 ps.
        Weight::from_parts(5_178_000, 0)
    }
    fn check_non_zero_sender() -> Weight {
        // Shortest run: 712_000 ps.
        Weight::from_parts(942_000, 0)
    }
    fn check_nonce() -> Weight {
        // Shortest run: 9_404_000 ps.
        Weight::from_parts(10_285_000, 3_593)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn check_spec_version() -> Weight {
        // Shortest run: 561_000 ps.
        Weight::from_parts(671_000, 0)
    }
    fn check_tx_version() -> Weight {
        // Shortest run: 551_000 ps.
        Weight::from_parts(671_000, 0)
    }
    fn check_weight() -> Weight {
        // Shortest run: 4_897_000 ps.
        Weight::from_parts(5_709_000, 0)
    }
    fn weight_reclaim() -> Weight {
        // Shortest run: 2_714_000 ps.
        Weight::from_parts(3_195_000, 0)
    }
}
