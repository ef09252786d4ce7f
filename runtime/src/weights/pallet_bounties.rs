//! Weights of `pallet_bounties`: written by `scripts/weights`, not by hand.
//!
//! frame-benchmarking-cli 64.0.0, 2026-11-21, steps 20, repeat 10, wasm Compiled, CPU AMD EPYC.

use core::marker::PhantomData;
use frame_support::{traits::Get, weights::Weight};

/// Measured weights on the runtime's database.
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> pallet_bounties::WeightInfo for WeightInfo<T> {
    // `d` from 0 to 16384.
    fn propose_bounty(d: u32) -> Weight {
        // Shortest run: 35_232_000 ps.
        Weight::from_parts(44_259_011, 3_593)
            .saturating_add(Weight::from_parts(647, 0).saturating_mul(d.into()))
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(4))
    }
    fn approve_bounty() -> Weight {
        // Shortest run: 14_572_000 ps.
        Weight::from_parts(20_781_000, 3_642)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn propose_curator() -> Weight {
        // Shortest run: 14_171_000 ps.
        Weight::from_parts(19_659_000, 3_642)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn approve_bounty_with_curator() -> Weight {
        // Shortest run: 17_616_000 ps.
        Weight::from_parts(22_513_000, 3_642)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn unassign_curator() -> Weight {
        // Shortest run: 48_261_000 ps.
        Weight::from_parts(54_871_000, 3_642)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn accept_curator() -> Weight {
        // Shortest run: 35_984_000 ps.
        Weight::from_parts(41_020_000, 3_642)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn award_bounty() -> Weight {
        // Shortest run: 19_048_000 ps.
        Weight::from_parts(24_096_000, 3_642)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn claim_bounty() -> Weight {
        // Shortest run: 158_746_000 ps.
        Weight::from_parts(173_397_000, 8_799)
            .saturating_add(T::DbWeight::get().reads(5))
            .saturating_add(T::DbWeight::get().writes(8))
    }
    fn close_bounty_proposed() -> Weight {
        // Shortest run: 51_286_000 ps.
        Weight::from_parts(56_945_000, 3_642)
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(3))
    }
    fn close_bounty_active() -> Weight {
        // Shortest run: 106_759_000 ps.
        Weight::from_parts(116_944_000, 6_196)
            .saturating_add(T::DbWeight::get().reads(4))
            .saturating_add(T::DbWeight::get().writes(6))
    }
    fn extend_bounty_expiry() -> Weight {
        // Shortest run: 15_042_000 ps.
        Weight::from_parts(17_796_000, 3_642)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    // `b` from 0 to 100.
    fn spend_funds(b: u32) -> Weight {
        // Shortest run: 3_135_000 ps.
        Weight::from_parts(3_345_000, 1_887)
            .saturating_add(Weight::from_parts(143_286_221, 0).saturating_mul(b.into()))
            .saturating_add(Weight::from_parts(0, 5_206).saturating_mul(b.into()))
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().reads(3).saturating_mul(b.into()))
            .saturating_add(T::DbWeight::get().writes(1))
            .saturating_add(T::DbWeight::get().writes(3).saturating_mul(b.into()))
    }
    fn poke_deposit() -> Weight {
        // Shortest run: 43_895_000 ps.
        Weight::from_parts(47_921_000, 19_865)
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn reclaim_bounty_funds() -> Weight {
        // Shortest run: 77_545_000 ps.
        Weight::from_parts(82_342_000, 3_642)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(1))
    }
}
