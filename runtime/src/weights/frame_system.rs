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
        // Shortest run: 2_834_000 ps.
        Weight::from_parts(2_944_000, 0).saturating_add(Weight::from_parts(738, 0).saturating_mul(b.into()))
    }
    // `b` from 0 to 3932160.
    fn remark_with_event(b: u32) -> Weight {
        // Shortest run: 7_071_000 ps.
        Weight::from_parts(87_698_729, 0).saturating_add(Weight::from_parts(2_690, 0).saturating_mul(b.into()))
    }
    fn set_heap_pages() -> Weight {
        // Shortest run: 5_148_000 ps.
        Weight::from_parts(5_948_000, 0).saturating_add(T::DbWeight::get().writes(1))
    }
    fn set_code() -> Weight {
        // Shortest run: 191_320_318_000 ps.
        Weight::from_parts(309_923_963_000, 67_035)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    // `i` from 0 to 1000.
    fn set_storage(i: u32) -> Weight {
        // Shortest run: 3_024_000 ps.
        Weight::from_parts(2_000_776, 0)
            .saturating_add(Weight::from_parts(1_300_110, 0).saturating_mul(i.into()))
            .saturating_add(T::DbWeight::get().writes(1).saturating_mul(i.into()))
    }
    // `i` from 0 to 1000.
    fn kill_storage(i: u32) -> Weight {
        // Shortest run: 2_814_000 ps.
        Weight::from_parts(2_834_000, 0)
            .saturating_add(Weight::from_parts(940_976, 0).saturating_mul(i.into()))
            .saturating_add(T::DbWeight::get().writes(1).saturating_mul(i.into()))
    }
    // `p` from 0 to 1000.
    fn kill_prefix(p: u32) -> Weight {
        // Shortest run: 5_668_000 ps.
        Weight::from_parts(5_739_000, 76)
            .saturating_add(Weight::from_parts(1_929_853, 0).saturating_mul(p.into()))
            .saturating_add(Weight::from_parts(0, 70).saturating_mul(p.into()))
            .saturating_add(T::DbWeight::get().reads(1).saturating_mul(p.into()))
            .saturating_add(T::DbWeight::get().writes(1).saturating_mul(p.into()))
    }
    fn authorize_upgrade() -> Weight {
        // Shortest run: 20_020_000 ps.
        Weight::from_parts(35_773_000, 0).saturating_add(T::DbWeight::get().writes(1))
    }
    fn apply_authorized_upgrade() -> Weight {
        // Shortest run: 215_583_575_000 ps.
        Weight::from_parts(245_790_803_000, 67_035)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(2))
    }
}
