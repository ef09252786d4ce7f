//! Weights of `pallet_session`: written by `scripts/weights`, not by hand.
//!
//! frame-benchmarking-cli 64.0.0, 2026-11-21, steps 5, repeat 3, wasm Compiled, CPU AMD EPYC.

use core::marker::PhantomData;
use frame_support::{traits::Get, weights::Weight};

/// Measured weights on the runtime's database.
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> pallet_session::WeightInfo for WeightInfo<T> {
    fn set_keys() -> Weight {
        // Shortest run: 305_442_000 ps.
        Weight::from_parts(329_559_000, 11_264)
            .saturating_add(T::DbWeight::get().reads(5))
            .saturating_add(T::DbWeight::get().writes(5))
    }
    fn purge_keys() -> Weight {
        // Shortest run: 82_682_000 ps.
        Weight::from_parts(90_424_000, 4_294)
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(6))
    }
}
