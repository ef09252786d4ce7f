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
        // Shortest run: 82_352_000 ps.
        Weight::from_parts(119_636_114, 3_707)
            .saturating_add(Weight::from_parts(70_035_407, 0).saturating_mul(w.into()))
            .saturating_add(Weight::from_parts(0, 2_555).saturating_mul(w.into()))
            .saturating_add(T::DbWeight::get().reads(5))
            .saturating_add(T::DbWeight::get().reads(1).saturating_mul(w.into()))
            .saturating_add(T::DbWeight::get().writes(6))
            .saturating_add(T::DbWeight::get().writes(1).saturating_mul(w.into()))
    }
    fn update_metadata() -> Weight {
        // Shortest run: 44_927_000 ps.
        Weight::from_parts(49_052_000, 4_284)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn bond_more() -> Weight {
        // Shortest run: 78_507_000 ps.
        Weight::from_parts(81_480_000, 3_707)
            .saturating_add(T::DbWeight::get().reads(4))
            .saturating_add(T::DbWeight::get().writes(4))
    }
    fn add_worker() -> Weight {
        // Shortest run: 111_595_000 ps.
        Weight::from_parts(119_187_000, 4_284)
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn remove_worker() -> Weight {
        // Shortest run: 48_852_000 ps.
        Weight::from_parts(53_459_000, 4_284)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn unbond() -> Weight {
        // Shortest run: 22_013_000 ps.
        Weight::from_parts(24_175_000, 3_707)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn withdraw_unbonded() -> Weight {
        // Shortest run: 73_298_000 ps.
        Weight::from_parts(76_954_000, 3_707)
            .saturating_add(T::DbWeight::get().reads(5))
            .saturating_add(T::DbWeight::get().writes(5))
    }
    fn pause() -> Weight {
        // Shortest run: 16_604_000 ps.
        Weight::from_parts(17_866_000, 3_707)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn resume() -> Weight {
        // Shortest run: 16_625_000 ps.
        Weight::from_parts(17_997_000, 3_707)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn deregister() -> Weight {
        // Shortest run: 127_128_000 ps.
        Weight::from_parts(130_734_000, 4_284)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(18))
    }
}
