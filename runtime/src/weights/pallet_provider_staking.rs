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
        // Shortest run: 79_528_000 ps.
        Weight::from_parts(78_547_420, 3_707)
            .saturating_add(Weight::from_parts(96_119_201, 0).saturating_mul(w.into()))
            .saturating_add(Weight::from_parts(0, 2_555).saturating_mul(w.into()))
            .saturating_add(T::DbWeight::get().reads(5))
            .saturating_add(T::DbWeight::get().reads(1).saturating_mul(w.into()))
            .saturating_add(T::DbWeight::get().writes(6))
            .saturating_add(T::DbWeight::get().writes(1).saturating_mul(w.into()))
    }
    fn update_metadata() -> Weight {
        // Shortest run: 43_224_000 ps.
        Weight::from_parts(49_343_000, 4_284)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn bond_more() -> Weight {
        // Shortest run: 78_416_000 ps.
        Weight::from_parts(85_577_000, 3_707)
            .saturating_add(T::DbWeight::get().reads(4))
            .saturating_add(T::DbWeight::get().writes(4))
    }
    fn add_worker() -> Weight {
        // Shortest run: 125_616_000 ps.
        Weight::from_parts(141_029_000, 4_284)
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn remove_worker() -> Weight {
        // Shortest run: 48_142_000 ps.
        Weight::from_parts(53_109_000, 4_284)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn unbond() -> Weight {
        // Shortest run: 23_755_000 ps.
        Weight::from_parts(26_630_000, 3_707)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn withdraw_unbonded() -> Weight {
        // Shortest run: 76_814_000 ps.
        Weight::from_parts(81_170_000, 3_707)
            .saturating_add(T::DbWeight::get().reads(5))
            .saturating_add(T::DbWeight::get().writes(5))
    }
    fn pause() -> Weight {
        // Shortest run: 16_955_000 ps.
        Weight::from_parts(19_238_000, 3_707)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn resume() -> Weight {
        // Shortest run: 16_965_000 ps.
        Weight::from_parts(19_008_000, 3_707)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn deregister() -> Weight {
        // Shortest run: 126_257_000 ps.
        Weight::from_parts(130_804_000, 4_284)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(18))
    }
}
