//! Weights of `pallet_sudo`: written by `scripts/weights`, not by hand.
//!
//! frame-benchmarking-cli 64.0.0, 2026-11-21, steps 20, repeat 10, wasm Compiled, CPU AMD EPYC.

use core::marker::PhantomData;
use frame_support::{traits::Get, weights::Weight};

/// Measured weights on the runtime's database.
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> pallet_sudo::WeightInfo for WeightInfo<T> {
    fn set_key() -> Weight {
        // Shortest run: 10_385_000 ps.
        Weight::from_parts(11_537_000, 1_517)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn sudo() -> Weight {
        // Shortest run: 11_968_000 ps.
        Weight::from_parts(13_219_000, 1_517).saturating_add(T::DbWeight::get().reads(1))
    }
    fn sudo_as() -> Weight {
        // Shortest run: 11_988_000 ps.
        Weight::from_parts(13_210_000, 1_517).saturating_add(T::DbWeight::get().reads(1))
    }
    fn remove_key() -> Weight {
        // Shortest run: 9_544_000 ps.
        Weight::from_parts(10_576_000, 1_517)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn check_only_sudo_account() -> Weight {
        // Shortest run: 5_237_000 ps.
        Weight::from_parts(5_729_000, 1_517).saturating_add(T::DbWeight::get().reads(1))
    }
}
