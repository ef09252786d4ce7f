//! Weights of `pallet_treasury`: written by `scripts/weights`, not by hand.
//!
//! frame-benchmarking-cli 64.0.0, 2026-11-21, steps 20, repeat 10, wasm Compiled, CPU AMD EPYC.

use core::marker::PhantomData;
use frame_support::{traits::Get, weights::Weight};

/// Measured weights on the runtime's database.
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> pallet_treasury::WeightInfo for WeightInfo<T> {
    fn spend_local() -> Weight {
        // Shortest run: 12_399_000 ps.
        Weight::from_parts(14_602_000, 1_887)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(3))
    }
    fn remove_approval() -> Weight {
        // Shortest run: 6_460_000 ps.
        Weight::from_parts(7_671_000, 1_887)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    // `p` from 0 to 99.
    fn on_initialize_proposals(p: u32) -> Weight {
        // Shortest run: 11_828_000 ps.
        Weight::from_parts(19_481_365, 1_501)
            .saturating_add(Weight::from_parts(179_303, 0).saturating_mul(p.into()))
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn spend() -> Weight {
        // Shortest run: 11_668_000 ps.
        Weight::from_parts(14_021_000, 1_489)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn payout() -> Weight {
        // Shortest run: 65_217_000 ps.
        Weight::from_parts(69_954_000, 3_593)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn check_status() -> Weight {
        // Shortest run: 12_819_000 ps.
        Weight::from_parts(15_153_000, 3_534)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn void_spend() -> Weight {
        // Shortest run: 11_968_000 ps.
        Weight::from_parts(13_750_000, 3_534)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
}
