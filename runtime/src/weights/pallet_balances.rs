//! Weights of `pallet_balances`: written by `scripts/weights`, not by hand.
//!
//! frame-benchmarking-cli 64.0.0, 2026-11-21, steps 20, repeat 10, wasm Compiled, CPU AMD EPYC.

use core::marker::PhantomData;
use frame_support::{traits::Get, weights::Weight};

/// Measured weights on the runtime's database.
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> pallet_balances::WeightInfo for WeightInfo<T> {
    fn transfer_allow_death() -> Weight {
        // Shortest run: 70_354_000 ps.
        Weight::from_parts(73_679_000, 3_593)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn transfer_keep_alive() -> Weight {
        // Shortest run: 55_382_000 ps.
        Weight::from_parts(60_700_000, 3_593)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn force_set_balance_creating() -> Weight {
        // Shortest run: 26_679_000 ps.
        Weight::from_parts(30_825_000, 3_593)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn force_set_balance_killing() -> Weight {
        // Shortest run: 26_939_000 ps.
        Weight::from_parts(31_107_000, 3_593)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn force_transfer() -> Weight {
        // Shortest run: 72_157_000 ps.
        Weight::from_parts(77_926_000, 6_196)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn transfer_all() -> Weight {
        // Shortest run: 69_192_000 ps.
        Weight::from_parts(74_070_000, 3_593)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn force_unreserve() -> Weight {
        // Shortest run: 22_243_000 ps.
        Weight::from_parts(25_257_000, 3_593)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    // `u` from 1 to 1000.
    fn upgrade_accounts(u: u32) -> Weight {
        // Shortest run: 22_073_000 ps.
        Weight::from_parts(22_393_000, 990)
            .saturating_add(Weight::from_parts(47_799_764, 0).saturating_mul(u.into()))
            .saturating_add(Weight::from_parts(0, 2_603).saturating_mul(u.into()))
            .saturating_add(T::DbWeight::get().reads(1).saturating_mul(u.into()))
            .saturating_add(T::DbWeight::get().writes(1).saturating_mul(u.into()))
    }
    fn force_adjust_total_issuance() -> Weight {
        // Shortest run: 7_000_000 ps.
        Weight::from_parts(8_082_000, 0)
    }
    fn burn_allow_death() -> Weight {
        // Shortest run: 42_623_000 ps.
        Weight::from_parts(45_457_000, 0)
    }
    fn burn_keep_alive() -> Weight {
        // Shortest run: 27_351_000 ps.
        Weight::from_parts(29_604_000, 0)
    }
}
