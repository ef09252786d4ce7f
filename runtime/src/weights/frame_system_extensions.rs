//! Weights of `frame_system_extensions`: written by `scripts/weights`, not by hand.
//!
//! frame-benchmarking-cli 64.0.0, 2026-11-21, steps 20, repeat 10, wasm Compiled, CPU AMD EPYC.

use core::marker::PhantomData;
use frame_support::{traits::Get, weights::Weight};

/// Measured weights on the runtime's database.
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> frame_system::ExtensionsWeightInfo for WeightInfo<T> {
    fn check_genesis() -> Weight {
        // Shortest run: 2_414_000 ps.
        Weight::from_parts(2_845_000, 0)
    }
    fn check_mortality_mortal_transaction() -> Weight {
        // Shortest run: 4_777_000 ps.
        Weight::from_parts(5_318_000, 0)
    }
    fn check_mortality_immortal_transaction() -> Weight {
        // Shortest run: 4_787_000 ps.
        Weight::from_parts(5_378_000, 0)
    }
    fn check_non_zero_sender() -> Weight {
        // Shortest run: 711_000 ps.
        Weight::from_parts(842_000, 0)
    }
    fn check_nonce() -> Weight {
        // Shortest run: 9_834_000 ps.
        Weight::from_parts(10_776_000, 3_593)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn check_spec_version() -> Weight {
        // Shortest run: 550_000 ps.
        Weight::from_parts(681_000, 0)
    }
    fn check_tx_version() -> Weight {
        // Shortest run: 550_000 ps.
        Weight::from_parts(641_000, 0)
    }
    fn check_weight() -> Weight {
        // Shortest run: 5_037_000 ps.
        Weight::from_parts(5_679_000, 0)
    }
    fn weight_reclaim() -> Weight {
        // Shortest run: 2_704_000 ps.
        Weight::from_parts(3_144_000, 0)
    }
}
