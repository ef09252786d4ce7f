//! Weights of `pallet_scheduler`: written by `scripts/weights`, not by hand.
//!
//! frame-benchmarking-cli 64.0.0, 2026-11-21, steps 20, repeat 10, wasm Compiled, CPU AMD EPYC.

use core::marker::PhantomData;
use frame_support::{traits::Get, weights::Weight};

/// Measured weights on the runtime's database.
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> pallet_scheduler::WeightInfo for WeightInfo<T> {
    fn service_agendas_base() -> Weight {
        // Shortest run: 6_099_000 ps.
        Weight::from_parts(6_800_000, 1_489)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    // `s` from 0 to 50.
    fn service_agenda_base(s: u32) -> Weight {
        // Shortest run: 4_717_000 ps.
        Weight::from_parts(7_911_935, 13_928)
            .saturating_add(Weight::from_parts(618_596, 0).saturating_mul(s.into()))
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn service_task_base() -> Weight {
        // Shortest run: 3_565_000 ps.
        Weight::from_parts(4_146_000, 0)
    }
    // `s` from 128 to 4194304.
    fn service_task_fetched(s: u32) -> Weight {
        // Shortest run: 22_233_000 ps.
        Weight::from_parts(24_376_000, 3_604)
            .saturating_add(Weight::from_parts(3_835, 0).saturating_mul(s.into()))
            .saturating_add(Weight::from_parts(0, 1).saturating_mul(s.into()))
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn service_task_named() -> Weight {
        // Shortest run: 5_337_000 ps.
        Weight::from_parts(6_039_000, 0).saturating_add(T::DbWeight::get().writes(1))
    }
    fn service_task_periodic() -> Weight {
        // Shortest run: 3_555_000 ps.
        Weight::from_parts(4_086_000, 0)
    }
    fn execute_dispatch_signed() -> Weight {
        // Shortest run: 5_158_000 ps.
        Weight::from_parts(6_039_000, 1_489).saturating_add(T::DbWeight::get().reads(1))
    }
    fn execute_dispatch_unsigned() -> Weight {
        // Shortest run: 2_864_000 ps.
        Weight::from_parts(3_375_000, 0)
    }
    // `s` from 0 to 49.
    fn schedule(s: u32) -> Weight {
        // Shortest run: 12_689_000 ps.
        Weight::from_parts(17_190_881, 13_928)
            .saturating_add(Weight::from_parts(922_426, 0).saturating_mul(s.into()))
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    // `s` from 1 to 50.
    fn cancel(s: u32) -> Weight {
        // Shortest run: 20_040_000 ps.
        Weight::from_parts(18_807_356, 13_928)
            .saturating_add(Weight::from_parts(1_290_876, 0).saturating_mul(s.into()))
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(3))
    }
    // `s` from 0 to 49.
    fn schedule_named(s: u32) -> Weight {
        // Shortest run: 16_724_000 ps.
        Weight::from_parts(19_746_236, 13_928)
            .saturating_add(Weight::from_parts(955_111, 0).saturating_mul(s.into()))
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    // `s` from 1 to 50.
    fn cancel_named(s: u32) -> Weight {
        // Shortest run: 22_293_000 ps.
        Weight::from_parts(22_360_329, 13_928)
            .saturating_add(Weight::from_parts(1_150_548, 0).saturating_mul(s.into()))
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(3))
    }
    // `s` from 1 to 50.
    fn schedule_retry(s: u32) -> Weight {
        // Shortest run: 11_738_000 ps.
        Weight::from_parts(12_136_662, 13_928)
            .saturating_add(Weight::from_parts(100_848, 0).saturating_mul(s.into()))
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn set_retry() -> Weight {
        // Shortest run: 35_243_000 ps.
        Weight::from_parts(46_769_000, 13_928)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn set_retry_named() -> Weight {
        // Shortest run: 42_323_000 ps.
        Weight::from_parts(54_060_000, 13_928)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn cancel_retry() -> Weight {
        // Shortest run: 33_931_000 ps.
        Weight::from_parts(42_683_000, 13_928)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn cancel_retry_named() -> Weight {
        // Shortest run: 41_391_000 ps.
        Weight::from_parts(52_798_000, 13_928)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(1))
    }
}
