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
        // Shortest run: 91_596_000 ps.
        Weight::from_parts(103_073_658, 6_196)
            .saturating_add(Weight::from_parts(642, 0).saturating_mul(d.into()))
            .saturating_add(T::DbWeight::get().reads(5))
            .saturating_add(T::DbWeight::get().writes(6))
    }
    fn propose_curator() -> Weight {
        // Shortest run: 22_083_000 ps.
        Weight::from_parts(25_447_000, 3_642)
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn accept_curator() -> Weight {
        // Shortest run: 41_792_000 ps.
        Weight::from_parts(46_239_000, 3_642)
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn unassign_curator() -> Weight {
        // Shortest run: 54_210_000 ps.
        Weight::from_parts(63_945_000, 3_642)
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn award_child_bounty() -> Weight {
        // Shortest run: 23_074_000 ps.
        Weight::from_parts(27_500_000, 3_642)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn claim_child_bounty() -> Weight {
        // Shortest run: 159_958_000 ps.
        Weight::from_parts(174_398_000, 8_799)
            .saturating_add(T::DbWeight::get().reads(5))
            .saturating_add(T::DbWeight::get().writes(6))
    }
    fn close_child_bounty_added() -> Weight {
        // Shortest run: 97_985_000 ps.
        Weight::from_parts(100_839_000, 6_196)
            .saturating_add(T::DbWeight::get().reads(6))
            .saturating_add(T::DbWeight::get().writes(6))
    }
    fn close_child_bounty_active() -> Weight {
        // Shortest run: 117_394_000 ps.
        Weight::from_parts(121_020_000, 8_799)
            .saturating_add(T::DbWeight::get().reads(7))
            .saturating_add(T::DbWeight::get().writes(7))
    }
}
