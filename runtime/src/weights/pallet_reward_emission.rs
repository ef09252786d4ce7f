//! Weights of `pallet_reward_emission`: written by `scripts/weights`, not by hand.
//!
//! frame-benchmarking-cli 64.0.0, 2026-11-21, steps 50, repeat 20, wasm Compiled, CPU AMD EPYC.

use core::marker::PhantomData;
use frame_support::{traits::Get, weights::Weight};

/// Measured weights on the runtime's database.
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> pallet_reward_emission::WeightInfo for WeightInfo<T> {
    fn drip() -> Weight {
        // Shortest run: 10_596_000 ps.
        Weight::from_parts(11_487_000, 1_549)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn close_round() -> Weight {
        // Shortest run: 68_963_000 ps.
        Weight::from_parts(72_097_000, 3_593)
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(4))
    }
    fn claim() -> Weight {
        // Shortest run: 44_596_000 ps.
        Weight::from_parts(47_430_000, 3_582)
            .saturating_add(T::DbWeight::get().reads(4))
            .saturating_add(T::DbWeight::get().writes(4))
    }
    fn claim_for() -> Weight {
        // Shortest run: 46_398_000 ps.
        Weight::from_parts(49_493_000, 3_593)
            .saturating_add(T::DbWeight::get().reads(5))
            .saturating_add(T::DbWeight::get().writes(5))
    }
}
