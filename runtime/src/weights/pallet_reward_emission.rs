//! Weights of `pallet_reward_emission`: written by `scripts/weights`, not by hand.
//!
//! frame-benchmarking-cli 64.0.0, 2026-11-21, steps 50, repeat 20, wasm Compiled, CPU AMD EPYC.

use core::marker::PhantomData;
use frame_support::{traits::Get, weights::Weight};

/// Measured weights on the runtime's database.
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> pallet_reward_emission::WeightInfo for WeightInfo<T> {
    fn drip() -> Weight {
        // Shortest run: 10_636_000 ps.
        Weight::from_parts(11_708_000, 1_549)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn close_round() -> Weight {
        // Shortest run: 68_321_000 ps.
        Weight::from_parts(72_498_000, 3_593)
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(4))
    }
    fn claim() -> Weight {
        // Shortest run: 44_756_000 ps.
        Weight::from_parts(49_554_000, 3_582)
            .saturating_add(T::DbWeight::get().reads(4))
            .saturating_add(T::DbWeight::get().writes(4))
    }
    fn claim_for() -> Weight {
        // Shortest run: 47_861_000 ps.
        Weight::from_parts(51_386_000, 3_593)
            .saturating_add(T::DbWeight::get().reads(5))
            .saturating_add(T::DbWeight::get().writes(5))
    }
}
