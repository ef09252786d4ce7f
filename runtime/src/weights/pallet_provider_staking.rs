//! Weights of `pallet_provider_staking`: written by `scripts/weights`, not by hand.
//!
//! frame-benchmarking-cli 64.0.0, 2026-11-21, steps 50, repeat 20, wasm Compiled, CPU AMD EPYC.

use core::marker::PhantomData;
use frame_support::{traits::Get, weights::Weight};

/// Measured weights on the runtime's database.
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> pallet_provider_staking::WeightInfo for WeightInfo<T> {
    // `w` from 0 to 16.
    fn register(w: u32) -> Weight {
        // Shortest run: 80_169_000 ps.
        Weight::from_parts(43_684_559, 3_707)
            .saturating_add(Weight::from_parts(95_487_821, 0).saturating_mul(w.into()))
            .saturating_add(Weight::from_parts(0, 2_555).saturating_mul(w.into()))
            .saturating_add(T::DbWeight::get().reads(7))
            .saturating_add(T::DbWeight::get().reads(1).saturating_mul(w.into()))
            .saturating_add(T::DbWeight::get().writes(6))
            .saturating_add(T::DbWeight::get().writes(1).saturating_mul(w.into()))
    }
    fn update_metadata() -> Weight {
        // Shortest run: 50_034_000 ps.
        Weight::from_parts(52_628_000, 4_284)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn bond_more() -> Weight {
        // Shortest run: 80_169_000 ps.
        Weight::from_parts(86_959_000, 3_707)
            .saturating_add(T::DbWeight::get().reads(4))
            .saturating_add(T::DbWeight::get().writes(4))
    }
    fn add_worker() -> Weight {
        // Shortest run: 128_671_000 ps.
        Weight::from_parts(138_966_000, 4_284)
            .saturating_add(T::DbWeight::get().reads(4))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn remove_worker() -> Weight {
        // Shortest run: 50_575_000 ps.
        Weight::from_parts(53_629_000, 4_284)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn unbond() -> Weight {
        // Shortest run: 24_386_000 ps.
        Weight::from_parts(28_983_000, 6_012)
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn withdraw_unbonded() -> Weight {
        // Shortest run: 75_442_000 ps.
        Weight::from_parts(83_694_000, 3_707)
            .saturating_add(T::DbWeight::get().reads(5))
            .saturating_add(T::DbWeight::get().writes(5))
    }
    fn pause() -> Weight {
        // Shortest run: 16_535_000 ps.
        Weight::from_parts(19_328_000, 3_707)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn resume() -> Weight {
        // Shortest run: 16_425_000 ps.
        Weight::from_parts(19_529_000, 3_707)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn deregister() -> Weight {
        // Shortest run: 129_312_000 ps.
        Weight::from_parts(144_424_000, 4_284)
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(18))
    }
}
