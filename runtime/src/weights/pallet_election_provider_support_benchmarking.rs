//! Weights of `pallet_election_provider_support_benchmarking`: written by `scripts/weights`, not by hand.
//!
//! frame-benchmarking-cli 64.0.0, 2026-11-21, steps 6, repeat 3, wasm Compiled, CPU AMD EPYC.

use core::marker::PhantomData;
use frame_support::{traits::Get, weights::Weight};

/// Measured weights on the runtime's database.
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> frame_election_provider_support::WeightInfo for WeightInfo<T> {
    // `v` from 1000 to 2000.
    // `t` from 500 to 1000.
    // `d` from 5 to 16.
    fn phragmen(v: u32, _t: u32, d: u32) -> Weight {
        // Shortest run: 31_564_551_000 ps.
        Weight::from_parts(31_564_551_000, 0)
            .saturating_add(Weight::from_parts(48_402_154, 0).saturating_mul(v.into()))
            .saturating_add(Weight::from_parts(8_087_596_526, 0).saturating_mul(d.into()))
    }
    // `v` from 1000 to 2000.
    // `t` from 500 to 1000.
    // `d` from 5 to 16.
    fn phragmms(_v: u32, _t: u32, d: u32) -> Weight {
        // Shortest run: 31_121_864_000 ps.
        Weight::from_parts(280_113_004_933, 0)
            .saturating_add(Weight::from_parts(5_767_048_597, 0).saturating_mul(d.into()))
    }
}
