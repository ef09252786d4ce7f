//! Weights of `pallet_balances`: written by `scripts/weights`, not by hand.
//!
//! frame-benchmarking-cli 64.0.0, 2026-11-21, steps 20, repeat 10, wasm Compiled, CPU AMD EPYC.

use core::marker::PhantomData;
use frame_support::{traits::Get, weights::Weight};

/// Measured weights on the runtime's database.
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> pallet_balances::WeightInfo for WeightInfo<T> {
    fn transfer_allow_death() -> Weight {
        // Shortest run: 70_594_000 ps.
        Weight::from_parts(73_830_000, 3_593)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn transfer_keep_alive() -> Weight {
        // Shortest run: 55_723_000 ps.
        Weight::from_parts(58_106_000, 3_593)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn force_set_balance_creating() -> Weight {
        // Shortest run: 26_559_000 ps.
        Weight::from_parts(28_512_000, 3_593)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn force_set_balance_killing() -> Weight {
        // Shortest run: 26_289_000 ps.
        Weight::from_parts(28_573_000, 3_593)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn force_transfer() -> Weight {
        // Shortest run: 72_638_000 ps.
        Weight::from_parts(75_612_000, 6_196)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn transfer_all() -> Weight {
        // Shortest run: 69_123_000 ps.
        Weight::from_parts(72_047_000, 3_593)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn force_unreserve() -> Weight {
        // Shortest run: 22_233_000 ps.
        Weight::from_parts(23_735_000, 3_593)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    // `u` from 1 to 1000.
    fn upgrade_accounts(u: u32) -> Weight {
        // Shortest run: 22_243_000 ps.
        Weight::from_parts(22_904_000, 990)
            .saturating_add(Weight::from_parts(21_033_994, 0).saturating_mul(u.into()))
            .saturating_add(Weight::from_parts(0, 2_603).saturating_mul(u.into()))
            .saturating_add(T::DbWeight::get().reads(1).saturating_mul(u.into()))
            .saturating_add(T::DbWeight::get().writes(1).saturating_mul(u.into()))
    }
    fn force_adjust_total_issuance() -> Weight {
        // Shortest run: 6_900_000 ps.
        Weight::from_parts(7_811_000, 0)
    }
    fn burn_allow_death() -> Weight {
        // Shortest run: 43_294_000 ps.
        Weight::from_parts(45_146_000, 0)
    }
    fn burn_keep_alive() -> Weight {
        // Shortest run: 27_581_000 ps.
        Weight::from_parts(29_043_000, 0)
    }
}
