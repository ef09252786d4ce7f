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
        // Shortest run: 56_353_000 ps.
        Weight::from_parts(64_956_868, 1_489)
            .saturating_add(Weight::from_parts(9_842, 0).saturating_mul(z.into()))
            .saturating_add(T::DbWeight::get().reads(1))
    }
    // `s` from 2 to 100.
    // `z` from 0 to 10000.
    fn as_multi_create(s: u32, z: u32) -> Weight {
        // Shortest run: 78_907_000 ps.
        Weight::from_parts(41_499_943, 6_811)
            .saturating_add(Weight::from_parts(523_175, 0).saturating_mul(s.into()))
            .saturating_add(Weight::from_parts(9_238, 0).saturating_mul(z.into()))
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    // `s` from 3 to 100.
    // `z` from 0 to 10000.
    fn as_multi_approve(s: u32, z: u32) -> Weight {
        // Shortest run: 57_896_000 ps.
        Weight::from_parts(23_771_843, 6_811)
            .saturating_add(Weight::from_parts(445_307, 0).saturating_mul(s.into()))
            .saturating_add(Weight::from_parts(9_185, 0).saturating_mul(z.into()))
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    // `s` from 2 to 100.
    // `z` from 0 to 10000.
    fn as_multi_complete(s: u32, z: u32) -> Weight {
        // Shortest run: 105_657_000 ps.
        Weight::from_parts(31_740_000, 6_811)
            .saturating_add(Weight::from_parts(885_645, 0).saturating_mul(s.into()))
            .saturating_add(Weight::from_parts(11_565, 0).saturating_mul(z.into()))
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    // `s` from 2 to 100.
    fn approve_as_multi_create(s: u32) -> Weight {
        // Shortest run: 38_877_000 ps.
        Weight::from_parts(45_461_641, 6_811)
            .saturating_add(Weight::from_parts(436_359, 0).saturating_mul(s.into()))
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    // `s` from 2 to 100.
    fn approve_as_multi_approve(s: u32) -> Weight {
        // Shortest run: 19_910_000 ps.
        Weight::from_parts(23_372_183, 6_811)
            .saturating_add(Weight::from_parts(421_402, 0).saturating_mul(s.into()))
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    // `s` from 2 to 100.
    fn cancel_as_multi(s: u32) -> Weight {
        // Shortest run: 36_524_000 ps.
        Weight::from_parts(39_395_521, 6_811)
            .saturating_add(Weight::from_parts(466_265, 0).saturating_mul(s.into()))
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    // `s` from 2 to 100.
    fn poke_deposit(s: u32) -> Weight {
        // Shortest run: 34_201_000 ps.
        Weight::from_parts(39_656_614, 6_811)
            .saturating_add(Weight::from_parts(443_330, 0).saturating_mul(s.into()))
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
}
