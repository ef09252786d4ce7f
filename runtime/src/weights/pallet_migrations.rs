//! Weights of `pallet_migrations`: written by `scripts/weights`, not by hand.
//!
//! frame-benchmarking-cli 64.0.0, 2026-11-21, steps 20, repeat 10, wasm Compiled, CPU AMD EPYC.

use core::marker::PhantomData;
use frame_support::{traits::Get, weights::Weight};

/// Measured weights on the runtime's database.
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> pallet_migrations::WeightInfo for WeightInfo<T> {
    fn onboard_new_mbms() -> Weight {
        // Shortest run: 8_072_000 ps.
        Weight::from_parts(9_124_000, 67_035)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn progress_mbms_none() -> Weight {
        // Shortest run: 2_493_000 ps.
        Weight::from_parts(3_004_000, 67_035).saturating_add(T::DbWeight::get().reads(1))
    }
    fn exec_migration_completed() -> Weight {
        // Shortest run: 5_909_000 ps.
        Weight::from_parts(6_790_000, 3_528)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn exec_migration_skipped_historic() -> Weight {
        // Shortest run: 11_407_000 ps.
        Weight::from_parts(12_518_000, 3_731).saturating_add(T::DbWeight::get().reads(2))
    }
    fn exec_migration_advance() -> Weight {
        // Shortest run: 11_337_000 ps.
        Weight::from_parts(12_629_000, 3_731).saturating_add(T::DbWeight::get().reads(2))
    }
    fn exec_migration_complete() -> Weight {
        // Shortest run: 13_590_000 ps.
        Weight::from_parts(15_433_000, 3_731)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn exec_migration_fail() -> Weight {
        // Shortest run: 14_021_000 ps.
        Weight::from_parts(15_553_000, 3_731)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn on_init_loop() -> Weight {
        // Shortest run: 190_000 ps.
        Weight::from_parts(230_000, 0)
    }
    fn force_set_cursor() -> Weight {
        // Shortest run: 3_265_000 ps.
        Weight::from_parts(3_846_000, 0).saturating_add(T::DbWeight::get().writes(1))
    }
    fn force_set_active_cursor() -> Weight {
        // Shortest run: 3_676_000 ps.
        Weight::from_parts(4_436_000, 0).saturating_add(T::DbWeight::get().writes(1))
    }
    fn force_onboard_mbms() -> Weight {
        // Shortest run: 6_370_000 ps.
        Weight::from_parts(7_221_000, 67_035).saturating_add(T::DbWeight::get().reads(2))
    }
    // `n` from 0 to 256.
    fn clear_historic(n: u32) -> Weight {
        // Shortest run: 30_215_000 ps.
        Weight::from_parts(26_075_652, 3_965)
            .saturating_add(Weight::from_parts(1_813_762, 0).saturating_mul(n.into()))
            .saturating_add(Weight::from_parts(0, 2_738).saturating_mul(n.into()))
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().reads(1).saturating_mul(n.into()))
            .saturating_add(T::DbWeight::get().writes(1).saturating_mul(n.into()))
    }
    // `n` from 0 to 2048.
    fn reset_pallet_migration(n: u32) -> Weight {
        // Shortest run: 2_293_000 ps.
        Weight::from_parts(2_334_000, 1_381)
            .saturating_add(Weight::from_parts(1_514_162, 0).saturating_mul(n.into()))
            .saturating_add(Weight::from_parts(0, 1).saturating_mul(n.into()))
            .saturating_add(T::DbWeight::get().reads(1).saturating_mul(n.into()))
            .saturating_add(T::DbWeight::get().writes(1).saturating_mul(n.into()))
    }
}
