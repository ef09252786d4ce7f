//! Weights of `pallet_child_bounties`: written by `scripts/weights`, not by hand.
//!
//! frame-benchmarking-cli 64.0.0, 2026-11-21, steps 20, repeat 10, wasm Compiled, CPU AMD EPYC.

use core::marker::PhantomData;
use frame_support::{traits::Get, weights::Weight};

/// Measured weights on the runtime's database.
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> pallet_child_bounties::WeightInfo for WeightInfo<T> {
    // `d` from 0 to 16384.
    fn add_child_bounty(d: u32) -> Weight {
        // Shortest run: 89_763_000 ps.
        Weight::from_parts(103_158_678, 6_196)
            .saturating_add(Weight::from_parts(75, 0).saturating_mul(d.into()))
            .saturating_add(T::DbWeight::get().reads(5))
            .saturating_add(T::DbWeight::get().writes(6))
    }
    fn propose_curator() -> Weight {
        // Shortest run: 19_469_000 ps.
        Weight::from_parts(21_532_000, 3_642)
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn accept_curator() -> Weight {
        // Shortest run: 39_449_000 ps.
        Weight::from_parts(42_513_000, 3_642)
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn unassign_curator() -> Weight {
        // Shortest run: 52_187_000 ps.
        Weight::from_parts(55_402_000, 3_642)
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn award_child_bounty() -> Weight {
        // Shortest run: 21_672_000 ps.
        Weight::from_parts(23_595_000, 3_642)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn claim_child_bounty() -> Weight {
        // Shortest run: 154_439_000 ps.
        Weight::from_parts(159_166_000, 8_799)
            .saturating_add(T::DbWeight::get().reads(5))
            .saturating_add(T::DbWeight::get().writes(6))
    }
    fn close_child_bounty_added() -> Weight {
        // Shortest run: 94_290_000 ps.
        Weight::from_parts(98_115_000, 6_196)
            .saturating_add(T::DbWeight::get().reads(6))
            .saturating_add(T::DbWeight::get().writes(6))
    }
    fn close_child_bounty_active() -> Weight {
        // Shortest run: 115_321_000 ps.
        Weight::from_parts(118_585_000, 8_799)
            .saturating_add(T::DbWeight::get().reads(7))
            .saturating_add(T::DbWeight::get().writes(7))
    }
}
