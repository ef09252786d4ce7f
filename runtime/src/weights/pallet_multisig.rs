//! Weights of `pallet_multisig`: written by `scripts/weights`, not by hand.
//!
//! frame-benchmarking-cli 64.0.0, 2026-11-21, steps 20, repeat 10, wasm Compiled, CPU AMD EPYC.

use core::marker::PhantomData;
use frame_support::{traits::Get, weights::Weight};

/// Measured weights on the runtime's database.
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> pallet_multisig::WeightInfo for WeightInfo<T> {
    // `z` from 0 to 10000.
    fn as_multi_threshold_1(z: u32) -> Weight {
        // Shortest run: 51_286_000 ps.
        Weight::from_parts(55_737_637, 1_489)
            .saturating_add(Weight::from_parts(8_969, 0).saturating_mul(z.into()))
            .saturating_add(T::DbWeight::get().reads(1))
    }
    // `s` from 2 to 100.
    // `z` from 0 to 10000.
    fn as_multi_create(s: u32, z: u32) -> Weight {
        // Shortest run: 76_523_000 ps.
        Weight::from_parts(39_308_026, 6_811)
            .saturating_add(Weight::from_parts(389_282, 0).saturating_mul(s.into()))
            .saturating_add(Weight::from_parts(9_347, 0).saturating_mul(z.into()))
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    // `s` from 3 to 100.
    // `z` from 0 to 10000.
    fn as_multi_approve(s: u32, z: u32) -> Weight {
        // Shortest run: 58_377_000 ps.
        Weight::from_parts(25_149_483, 6_811)
            .saturating_add(Weight::from_parts(348_169, 0).saturating_mul(s.into()))
            .saturating_add(Weight::from_parts(9_120, 0).saturating_mul(z.into()))
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    // `s` from 2 to 100.
    // `z` from 0 to 10000.
    fn as_multi_complete(s: u32, z: u32) -> Weight {
        // Shortest run: 91_195_000 ps.
        Weight::from_parts(41_389_053, 6_811)
            .saturating_add(Weight::from_parts(525_009, 0).saturating_mul(s.into()))
            .saturating_add(Weight::from_parts(10_063, 0).saturating_mul(z.into()))
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    // `s` from 2 to 100.
    fn approve_as_multi_create(s: u32) -> Weight {
        // Shortest run: 37_665_000 ps.
        Weight::from_parts(39_902_179, 6_811)
            .saturating_add(Weight::from_parts(373_686, 0).saturating_mul(s.into()))
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    // `s` from 2 to 100.
    fn approve_as_multi_approve(s: u32) -> Weight {
        // Shortest run: 19_840_000 ps.
        Weight::from_parts(22_304_602, 6_811)
            .saturating_add(Weight::from_parts(366_420, 0).saturating_mul(s.into()))
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    // `s` from 2 to 100.
    fn cancel_as_multi(s: u32) -> Weight {
        // Shortest run: 36_825_000 ps.
        Weight::from_parts(39_479_693, 6_811)
            .saturating_add(Weight::from_parts(353_081, 0).saturating_mul(s.into()))
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    // `s` from 2 to 100.
    fn poke_deposit(s: u32) -> Weight {
        // Shortest run: 34_321_000 ps.
        Weight::from_parts(36_420_772, 6_811)
            .saturating_add(Weight::from_parts(356_324, 0).saturating_mul(s.into()))
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
}
