//! Weights of `pallet_treasury`: written by `scripts/weights`, not by hand.
//!
//! frame-benchmarking-cli 64.0.0, 2026-11-21, steps 20, repeat 10, wasm Compiled, CPU AMD EPYC.

use core::marker::PhantomData;
use frame_support::{traits::Get, weights::Weight};

/// Measured weights on the runtime's database.
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> pallet_treasury::WeightInfo for WeightInfo<T> {
    fn spend_local() -> Weight {
        // Shortest run: 11_887_000 ps.
        Weight::from_parts(13_209_000, 1_887)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(3))
    }
    fn remove_approval() -> Weight {
        // Shortest run: 6_219_000 ps.
        Weight::from_parts(7_060_000, 1_887)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    // `p` from 0 to 99.
    fn on_initialize_proposals(p: u32) -> Weight {
        // Shortest run: 11_317_000 ps.
        Weight::from_parts(13_822_973, 1_501)
            .saturating_add(Weight::from_parts(36_904, 0).saturating_mul(p.into()))
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn spend() -> Weight {
        // Shortest run: 11_006_000 ps.
        Weight::from_parts(12_278_000, 1_489)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn payout() -> Weight {
        // Shortest run: 64_735_000 ps.
        Weight::from_parts(67_320_000, 3_593)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn check_status() -> Weight {
        // Shortest run: 12_539_000 ps.
        Weight::from_parts(13_830_000, 3_534)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn void_spend() -> Weight {
        // Shortest run: 11_457_000 ps.
        Weight::from_parts(12_609_000, 3_534)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
}
