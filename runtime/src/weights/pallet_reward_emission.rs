//! Weights of `pallet_reward_emission`: written by `scripts/weights`, not by hand.
//!
//! frame-benchmarking-cli 64.0.0, 2026-11-21, steps 50, repeat 20, wasm Compiled, CPU AMD EPYC.

use core::marker::PhantomData;
use frame_support::{traits::Get, weights::Weight};

/// Measured weights on the runtime's database.
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> pallet_reward_emission::WeightInfo for WeightInfo<T> {
    fn drip() -> Weight {
        // Shortest run: 13_760_000 ps.
        Weight::from_parts(15_222_000, 6_012)
            .saturating_add(T::DbWeight::get().reads(5))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn close_round() -> Weight {
        // Shortest run: 77_054_000 ps.
        Weight::from_parts(82_812_000, 11_034)
            .saturating_add(T::DbWeight::get().reads(9))
            .saturating_add(T::DbWeight::get().writes(6))
    }
    fn claim() -> Weight {
        // Shortest run: 46_559_000 ps.
        Weight::from_parts(51_927_000, 3_582)
            .saturating_add(T::DbWeight::get().reads(5))
            .saturating_add(T::DbWeight::get().writes(4))
    }
    fn claim_for() -> Weight {
        // Shortest run: 48_382_000 ps.
        Weight::from_parts(54_201_000, 3_593)
            .saturating_add(T::DbWeight::get().reads(6))
            .saturating_add(T::DbWeight::get().writes(5))
    }
}
