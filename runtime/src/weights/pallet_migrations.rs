//! Weights of `pallet_migrations`: written by `scripts/weights`, not by hand.
//!
//! frame-benchmarking-cli 64.0.0, 2026-11-21, steps 20, repeat 10, wasm Compiled, CPU AMD EPYC.

use core::marker::PhantomData;
use frame_support::{traits::Get, weights::Weight};

/// Measured weights on the runtime's database.
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> pallet_migrations::WeightInfo for WeightInfo<T> {
    fn onboard_new_mbms() -> Weight {
        // Shortest run: 9_093_000 ps.
        Weight::from_parts(9_975_000, 67_035)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn progress_mbms_none() -> Weight {
        // Shortest run: 2_594_000 ps.
        Weight::from_parts(2_984_000, 67_035).saturating_add(T::DbWeight::get().reads(1))
    }
    fn exec_migration_completed() -> Weight {
        // Shortest run: 11_226_000 ps.
        Weight::from_parts(12_479_000, 3_528)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn exec_migration_skipped_historic() -> Weight {
        // Shortest run: 11_527_000 ps.
        Weight::from_parts(12_649_000, 3_731).saturating_add(T::DbWeight::get().reads(2))
    }
    fn exec_migration_advance() -> Weight {
        // Shortest run: 11_577_000 ps.
        Weight::from_parts(12_879_000, 3_731).saturating_add(T::DbWeight::get().reads(2))
    }
    fn exec_migration_complete() -> Weight {
        // Shortest run: 13_920_000 ps.
        Weight::from_parts(15_043_000, 3_731)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn exec_migration_fail() -> Weight {
        // Shortest run: 14_291_000 ps.
        Weight::from_parts(15_443_000, 3_731)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn on_init_loop() -> Weight {
        // Shortest run: 200_000 ps.
        Weight::from_parts(220_000, 0)
    }
    fn force_set_cursor() -> Weight {
        // Shortest run: 3_425_000 ps.
        Weight::from_parts(3_896_000, 0).saturating_add(T::DbWeight::get().writes(1))
    }
    fn force_set_active_cursor() -> Weight {
        // Shortest run: 3_876_000 ps.
        Weight::from_parts(4_527_000, 0).saturating_add(T::DbWeight::get().writes(1))
    }
    fn force_onboard_mbms() -> Weight {
        // Shortest run: 6_399_000 ps.
        Weight::from_parts(7_100_000, 67_035).saturating_add(T::DbWeight::get().reads(2))
    }
    // `n` from 0 to 256.
    fn clear_historic(n: u32) -> Weight {
        // Shortest run: 21_211_000 ps.
        Weight::from_parts(20_890_267, 3_965)
            .saturating_add(Weight::from_parts(1_523_016, 0).saturating_mul(n.into()))
            .saturating_add(Weight::from_parts(0, 2_738).saturating_mul(n.into()))
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().reads(1).saturating_mul(n.into()))
            .saturating_add(T::DbWeight::get().writes(1).saturating_mul(n.into()))
    }
    // `n` from 0 to 2048.
    fn reset_pallet_migration(n: u32) -> Weight {
        // Shortest run: 2_153_000 ps.
        Weight::from_parts(9_757_337, 1_381)
            .saturating_add(Weight::from_parts(1_031_923, 0).saturating_mul(n.into()))
            .saturating_add(Weight::from_parts(0, 1).saturating_mul(n.into()))
            .saturating_add(T::DbWeight::get().reads(1).saturating_mul(n.into()))
            .saturating_add(T::DbWeight::get().writes(1).saturating_mul(n.into()))
    }
}
