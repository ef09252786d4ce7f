//! Weights of `frame_system`: written by `scripts/weights`, not by hand.
//!
//! frame-benchmarking-cli 64.0.0, 2026-11-21, steps 20, repeat 10, wasm Compiled, CPU AMD EPYC.

use core::marker::PhantomData;
use frame_support::{traits::Get, weights::Weight};

/// Measured weights on the runtime's database.
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> frame_system::WeightInfo for WeightInfo<T> {
    // `b` from 0 to 3932160.
    fn remark(b: u32) -> Weight {
        // Shortest run: 2_674_000 ps.
        Weight::from_parts(40_648_331, 0).saturating_add(Weight::from_parts(491, 0).saturating_mul(b.into()))
    }
    // `b` from 0 to 3932160.
    fn remark_with_event(b: u32) -> Weight {
        // Shortest run: 6_931_000 ps.
        Weight::from_parts(8_877_012, 0).saturating_add(Weight::from_parts(1_676, 0).saturating_mul(b.into()))
    }
    fn set_heap_pages() -> Weight {
        // Shortest run: 5_218_000 ps.
        Weight::from_parts(5_859_000, 0).saturating_add(T::DbWeight::get().writes(1))
    }
    fn set_code() -> Weight {
        // Shortest run: 135_307_806_000 ps.
        Weight::from_parts(136_687_411_000, 67_035)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    // `i` from 0 to 1000.
    fn set_storage(i: u32) -> Weight {
        // Shortest run: 2_854_000 ps.
        Weight::from_parts(3_065_000, 0)
            .saturating_add(Weight::from_parts(1_125_663, 0).saturating_mul(i.into()))
            .saturating_add(T::DbWeight::get().writes(1).saturating_mul(i.into()))
    }
    // `i` from 0 to 1000.
    fn kill_storage(i: u32) -> Weight {
        // Shortest run: 2_754_000 ps.
        Weight::from_parts(3_014_000, 0)
            .saturating_add(Weight::from_parts(855_453, 0).saturating_mul(i.into()))
            .saturating_add(T::DbWeight::get().writes(1).saturating_mul(i.into()))
    }
    // `p` from 0 to 1000.
    fn kill_prefix(p: u32) -> Weight {
        // Shortest run: 5_478_000 ps.
        Weight::from_parts(5_608_000, 76)
            .saturating_add(Weight::from_parts(1_557_375, 0).saturating_mul(p.into()))
            .saturating_add(Weight::from_parts(0, 70).saturating_mul(p.into()))
            .saturating_add(T::DbWeight::get().reads(1).saturating_mul(p.into()))
            .saturating_add(T::DbWeight::get().writes(1).saturating_mul(p.into()))
    }
    fn authorize_upgrade() -> Weight {
        // Shortest run: 12_127_000 ps.
        Weight::from_parts(15_954_000, 0).saturating_add(T::DbWeight::get().writes(1))
    }
    fn apply_authorized_upgrade() -> Weight {
        // Shortest run: 141_220_001_000 ps.
        Weight::from_parts(144_454_356_000, 67_035)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(2))
    }
}
