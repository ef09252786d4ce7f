//! Weights of `pallet_conviction_voting`: written by `scripts/weights`, not by hand.
//!
//! frame-benchmarking-cli 64.0.0, 2026-11-21, steps 6, repeat 3, wasm Compiled, CPU AMD EPYC.

use core::marker::PhantomData;
use frame_support::{traits::Get, weights::Weight};

/// Measured weights on the runtime's database.
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> pallet_conviction_voting::WeightInfo for WeightInfo<T> {
    fn vote_new() -> Weight {
        // Shortest run: 215_570_000 ps.
        Weight::from_parts(219_826_000, 30_706)
            .saturating_add(T::DbWeight::get().reads(6))
            .saturating_add(T::DbWeight::get().writes(5))
    }
    fn vote_existing() -> Weight {
        // Shortest run: 263_200_000 ps.
        Weight::from_parts(285_974_000, 30_706)
            .saturating_add(T::DbWeight::get().reads(7))
            .saturating_add(T::DbWeight::get().writes(7))
    }
    fn remove_vote() -> Weight {
        // Shortest run: 210_332_000 ps.
        Weight::from_parts(218_203_000, 30_706)
            .saturating_add(T::DbWeight::get().reads(4))
            .saturating_add(T::DbWeight::get().writes(5))
    }
    fn remove_other_vote() -> Weight {
        // Shortest run: 110_203_000 ps.
        Weight::from_parts(114_810_000, 30_706)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    // `r` from 0 to 100.
    fn delegate(r: u32) -> Weight {
        // Shortest run: 116_042_000 ps.
        Weight::from_parts(1_841_361_444, 60_422)
            .saturating_add(Weight::from_parts(272_342_743, 0).saturating_mul(r.into()))
            .saturating_add(Weight::from_parts(0, 2_841).saturating_mul(r.into()))
            .saturating_add(T::DbWeight::get().reads(6))
            .saturating_add(T::DbWeight::get().reads(1).saturating_mul(r.into()))
            .saturating_add(T::DbWeight::get().writes(15))
            .saturating_add(T::DbWeight::get().writes(2).saturating_mul(r.into()))
    }
    // `r` from 0 to 100.
    fn undelegate(r: u32) -> Weight {
        // Shortest run: 75_281_000 ps.
        Weight::from_parts(1_042_798_126, 60_422)
            .saturating_add(Weight::from_parts(203_036_995, 0).saturating_mul(r.into()))
            .saturating_add(Weight::from_parts(0, 2_841).saturating_mul(r.into()))
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().reads(1).saturating_mul(r.into()))
            .saturating_add(T::DbWeight::get().writes(13))
            .saturating_add(T::DbWeight::get().writes(2).saturating_mul(r.into()))
    }
    fn unlock() -> Weight {
        // Shortest run: 154_739_000 ps.
        Weight::from_parts(156_391_000, 30_706)
            .saturating_add(T::DbWeight::get().reads(4))
            .saturating_add(T::DbWeight::get().writes(3))
    }
}
