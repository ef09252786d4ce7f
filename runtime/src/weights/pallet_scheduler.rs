//! Weights of `pallet_scheduler`: written by `scripts/weights`, not by hand.
//!
//! frame-benchmarking-cli 64.0.0, 2026-11-21, steps 20, repeat 10, wasm Compiled, CPU AMD EPYC.

use core::marker::PhantomData;
use frame_support::{traits::Get, weights::Weight};

/// Measured weights on the runtime's database.
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> pallet_scheduler::WeightInfo for WeightInfo<T> {
    fn service_agendas_base() -> Weight {
        // Shortest run: 6_049_000 ps.
        Weight::from_parts(6_760_000, 1_489)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    // `s` from 0 to 50.
    fn service_agenda_base(s: u32) -> Weight {
        // Shortest run: 4_647_000 ps.
        Weight::from_parts(7_772_219, 13_928)
            .saturating_add(Weight::from_parts(521_235, 0).saturating_mul(s.into()))
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn service_task_base() -> Weight {
        // Shortest run: 3_536_000 ps.
        Weight::from_parts(3_936_000, 0)
    }
    // `s` from 128 to 4194304.
    fn service_task_fetched(s: u32) -> Weight {
        // Shortest run: 21_702_000 ps.
        Weight::from_parts(799_305, 3_604)
            .saturating_add(Weight::from_parts(1_416, 0).saturating_mul(s.into()))
            .saturating_add(Weight::from_parts(0, 1).saturating_mul(s.into()))
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn service_task_named() -> Weight {
        // Shortest run: 5_328_000 ps.
        Weight::from_parts(5_959_000, 0).saturating_add(T::DbWeight::get().writes(1))
    }
    fn service_task_periodic() -> Weight {
        // Shortest run: 3_546_000 ps.
        Weight::from_parts(3_905_000, 0)
    }
    fn execute_dispatch_signed() -> Weight {
        // Shortest run: 5_338_000 ps.
        Weight::from_parts(6_029_000, 1_489).saturating_add(T::DbWeight::get().reads(1))
    }
    fn execute_dispatch_unsigned() -> Weight {
        // Shortest run: 2_914_000 ps.
        Weight::from_parts(3_455_000, 0)
    }
    // `s` from 0 to 49.
    fn schedule(s: u32) -> Weight {
        // Shortest run: 12_569_000 ps.
        Weight::from_parts(15_776_763, 13_928)
            .saturating_add(Weight::from_parts(583_573, 0).saturating_mul(s.into()))
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    // `s` from 1 to 50.
    fn cancel(s: u32) -> Weight {
        // Shortest run: 19_529_000 ps.
        Weight::from_parts(19_567_791, 13_928)
            .saturating_add(Weight::from_parts(888_468, 0).saturating_mul(s.into()))
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(3))
    }
    // `s` from 0 to 49.
    fn schedule_named(s: u32) -> Weight {
        // Shortest run: 16_966_000 ps.
        Weight::from_parts(21_307_073, 13_928)
            .saturating_add(Weight::from_parts(642_827, 0).saturating_mul(s.into()))
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    // `s` from 1 to 50.
    fn cancel_named(s: u32) -> Weight {
        // Shortest run: 21_672_000 ps.
        Weight::from_parts(22_930_475, 13_928)
            .saturating_add(Weight::from_parts(953_812, 0).saturating_mul(s.into()))
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(3))
    }
    // `s` from 1 to 50.
    fn schedule_retry(s: u32) -> Weight {
        // Shortest run: 11_426_000 ps.
        Weight::from_parts(12_019_714, 13_928)
            .saturating_add(Weight::from_parts(48_729, 0).saturating_mul(s.into()))
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn set_retry() -> Weight {
        // Shortest run: 32_418_000 ps.
        Weight::from_parts(35_993_000, 13_928)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn set_retry_named() -> Weight {
        // Shortest run: 39_338_000 ps.
        Weight::from_parts(43_454_000, 13_928)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn cancel_retry() -> Weight {
        // Shortest run: 32_308_000 ps.
        Weight::from_parts(34_841_000, 13_928)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn cancel_retry_named() -> Weight {
        // Shortest run: 39_819_000 ps.
        Weight::from_parts(43_014_000, 13_928)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(1))
    }
}
