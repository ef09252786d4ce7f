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
        // Shortest run: 33_830_000 ps.
        Weight::from_parts(37_525_934, 3_593)
            .saturating_add(Weight::from_parts(589, 0).saturating_mul(d.into()))
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(4))
    }
    fn approve_bounty() -> Weight {
        // Shortest run: 14_121_000 ps.
        Weight::from_parts(15_683_000, 3_642)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn propose_curator() -> Weight {
        // Shortest run: 13_450_000 ps.
        Weight::from_parts(14_882_000, 3_642)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn approve_bounty_with_curator() -> Weight {
        // Shortest run: 16_795_000 ps.
        Weight::from_parts(18_538_000, 3_642)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn unassign_curator() -> Weight {
        // Shortest run: 47_140_000 ps.
        Weight::from_parts(49_794_000, 3_642)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn accept_curator() -> Weight {
        // Shortest run: 35_182_000 ps.
        Weight::from_parts(37_455_000, 3_642)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn award_bounty() -> Weight {
        // Shortest run: 17_967_000 ps.
        Weight::from_parts(19_869_000, 3_642)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn claim_bounty() -> Weight {
        // Shortest run: 158_235_000 ps.
        Weight::from_parts(163_462_000, 8_799)
            .saturating_add(T::DbWeight::get().reads(5))
            .saturating_add(T::DbWeight::get().writes(8))
    }
    fn close_bounty_proposed() -> Weight {
        // Shortest run: 50_245_000 ps.
        Weight::from_parts(52_939_000, 3_642)
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(3))
    }
    fn close_bounty_active() -> Weight {
        // Shortest run: 106_277_000 ps.
        Weight::from_parts(111_586_000, 6_196)
            .saturating_add(T::DbWeight::get().reads(4))
            .saturating_add(T::DbWeight::get().writes(6))
    }
    fn extend_bounty_expiry() -> Weight {
        // Shortest run: 14_252_000 ps.
        Weight::from_parts(16_004_000, 3_642)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    // `b` from 0 to 100.
    fn spend_funds(b: u32) -> Weight {
        // Shortest run: 3_055_000 ps.
        Weight::from_parts(3_275_000, 1_887)
            .saturating_add(Weight::from_parts(47_904_460, 0).saturating_mul(b.into()))
            .saturating_add(Weight::from_parts(0, 5_206).saturating_mul(b.into()))
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().reads(3).saturating_mul(b.into()))
            .saturating_add(T::DbWeight::get().writes(1))
            .saturating_add(T::DbWeight::get().writes(3).saturating_mul(b.into()))
    }
    fn poke_deposit() -> Weight {
        // Shortest run: 42_593_000 ps.
        Weight::from_parts(45_357_000, 19_865)
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn reclaim_bounty_funds() -> Weight {
        // Shortest run: 76_253_000 ps.
        Weight::from_parts(80_158_000, 3_642)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(1))
    }
}
