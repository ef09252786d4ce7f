//! Weights of `pallet_safe_mode`: written by `scripts/weights`, not by hand.
//!
//! frame-benchmarking-cli 64.0.0, 2026-11-21, steps 20, repeat 10, wasm Compiled, CPU AMD EPYC.

use core::marker::PhantomData;
use frame_support::{traits::Get, weights::Weight};

/// Measured weights on the runtime's database.
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> pallet_safe_mode::WeightInfo for WeightInfo<T> {
    fn on_initialize_noop() -> Weight {
        // Shortest run: 2_283_000 ps.
        Weight::from_parts(2_704_000, 1_489).saturating_add(T::DbWeight::get().reads(1))
    }
    fn on_initialize_exit() -> Weight {
        // Shortest run: 6_640_000 ps.
        Weight::from_parts(7_461_000, 1_489)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn enter() -> Weight {
        // Shortest run: 0_000 ps.
        Weight::from_parts(0, 0)
    }
    fn force_enter() -> Weight {
        // Shortest run: 8_052_000 ps.
        Weight::from_parts(9_354_000, 1_489)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn extend() -> Weight {
        // Shortest run: 0_000 ps.
        Weight::from_parts(0, 0)
    }
    fn force_extend() -> Weight {
        // Shortest run: 9_103_000 ps.
        Weight::from_parts(10_125_000, 1_489)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn force_exit() -> Weight {
        // Shortest run: 8_953_000 ps.
        Weight::from_parts(9_965_000, 1_489)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn release_deposit() -> Weight {
        // Shortest run: 0_000 ps.
        Weight::from_parts(0, 0)
    }
    fn force_release_deposit() -> Weight {
        // Shortest run: 57_495_000 ps.
        Weight::from_parts(60_169_000, 3_694)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn force_slash_deposit() -> Weight {
        // Shortest run: 42_333_000 ps.
        Weight::from_parts(44_897_000, 3_694)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(2))
    }
}
