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
        // Shortest run: 79_828_000 ps.
        Weight::from_parts(83_673_597, 3_878)
            .saturating_add(Weight::from_parts(4_308_240, 0).saturating_mul(p.into()))
            .saturating_add(Weight::from_parts(0, 2_888).saturating_mul(p.into()))
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().reads(1).saturating_mul(p.into()))
            .saturating_add(T::DbWeight::get().writes(3))
    }
    fn set_royalty() -> Weight {
        // Shortest run: 22_314_000 ps.
        Weight::from_parts(24_666_000, 3_878)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn transfer_ownership() -> Weight {
        // Shortest run: 85_717_000 ps.
        Weight::from_parts(90_253_000, 6_398)
            .saturating_add(T::DbWeight::get().reads(4))
            .saturating_add(T::DbWeight::get().writes(4))
    }
    fn set_active() -> Weight {
        // Shortest run: 19_589_000 ps.
        Weight::from_parts(22_263_000, 3_878)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn post_price() -> Weight {
        // Shortest run: 94_270_000 ps.
        Weight::from_parts(99_668_000, 3_878)
            .saturating_add(T::DbWeight::get().reads(6))
            .saturating_add(T::DbWeight::get().writes(4))
    }
    fn withdraw_price() -> Weight {
        // Shortest run: 72_307_000 ps.
        Weight::from_parts(77_275_000, 3_694)
            .saturating_add(T::DbWeight::get().reads(4))
            .saturating_add(T::DbWeight::get().writes(4))
    }
}
