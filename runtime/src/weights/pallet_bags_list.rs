//! Weights of `pallet_bags_list`: written by `scripts/weights`, not by hand.
//!
//! frame-benchmarking-cli 64.0.0, 2026-11-21, steps 20, repeat 10, wasm Compiled, CPU AMD EPYC.

use core::marker::PhantomData;
use frame_support::{traits::Get, weights::Weight};

/// Measured weights on the runtime's database.
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> pallet_bags_list::WeightInfo for WeightInfo<T> {
    fn rebag_non_terminal() -> Weight {
        // Shortest run: 76_723_000 ps.
        Weight::from_parts(82_703_000, 11_506)
            .saturating_add(T::DbWeight::get().reads(9))
            .saturating_add(T::DbWeight::get().writes(6))
    }
    fn rebag_terminal() -> Weight {
        // Shortest run: 74_270_000 ps.
        Weight::from_parts(78_907_000, 8_877)
            .saturating_add(T::DbWeight::get().reads(9))
            .saturating_add(T::DbWeight::get().writes(6))
    }
    fn put_in_front_of() -> Weight {
        // Shortest run: 89_963_000 ps.
        Weight::from_parts(94_900_000, 11_506)
            .saturating_add(T::DbWeight::get().reads(11))
            .saturating_add(T::DbWeight::get().writes(6))
    }
    fn on_idle_rebag() -> Weight {
        // Shortest run: 75_212_000 ps.
        Weight::from_parts(80_760_000, 11_506)
            .saturating_add(T::DbWeight::get().reads(10))
            .saturating_add(T::DbWeight::get().writes(7))
    }
}
