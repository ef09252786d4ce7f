//! Weights of `pallet_model_registry`: written by `scripts/weights`, not by hand.
//!
//! frame-benchmarking-cli 64.0.0, 2026-11-21, steps 50, repeat 20, wasm Compiled, CPU AMD EPYC.

use core::marker::PhantomData;
use frame_support::{traits::Get, weights::Weight};

/// Measured weights on the runtime's database.
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> pallet_model_registry::WeightInfo for WeightInfo<T> {
    // `p` from 0 to 4.
    fn register(p: u32) -> Weight {
        // Shortest run: 81_661_000 ps.
        Weight::from_parts(90_350_500, 6_012)
            .saturating_add(Weight::from_parts(7_983_458, 0).saturating_mul(p.into()))
            .saturating_add(Weight::from_parts(0, 2_888).saturating_mul(p.into()))
            .saturating_add(T::DbWeight::get().reads(5))
            .saturating_add(T::DbWeight::get().reads(1).saturating_mul(p.into()))
            .saturating_add(T::DbWeight::get().writes(3))
    }
    fn set_royalty() -> Weight {
        // Shortest run: 24_196_000 ps.
        Weight::from_parts(31_857_000, 3_878)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn transfer_ownership() -> Weight {
        // Shortest run: 88_381_000 ps.
        Weight::from_parts(104_945_000, 6_398)
            .saturating_add(T::DbWeight::get().reads(4))
            .saturating_add(T::DbWeight::get().writes(4))
    }
    fn set_active() -> Weight {
        // Shortest run: 20_410_000 ps.
        Weight::from_parts(26_159_000, 3_878)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn post_price() -> Weight {
        // Shortest run: 101_591_000 ps.
        Weight::from_parts(114_861_000, 6_012)
            .saturating_add(T::DbWeight::get().reads(8))
            .saturating_add(T::DbWeight::get().writes(4))
    }
    fn withdraw_price() -> Weight {
        // Shortest run: 76_193_000 ps.
        Weight::from_parts(94_400_000, 3_694)
            .saturating_add(T::DbWeight::get().reads(4))
            .saturating_add(T::DbWeight::get().writes(4))
    }
}
