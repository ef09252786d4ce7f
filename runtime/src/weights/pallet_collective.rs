//! Weights of `pallet_collective`: written by `scripts/weights`, not by hand.
//!
//! frame-benchmarking-cli 64.0.0, 2026-11-21, steps 20, repeat 10, wasm Compiled, CPU AMD EPYC.

use core::marker::PhantomData;
use frame_support::{traits::Get, weights::Weight};

/// Measured weights on the runtime's database.
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> pallet_collective::WeightInfo for WeightInfo<T> {
    // `m` from 0 to 21.
    // `n` from 0 to 21.
    // `p` from 0 to 20.
    fn set_members(m: u32, _n: u32, p: u32) -> Weight {
        // Shortest run: 10_366_000 ps.
        Weight::from_parts(10_506_000, 4_959)
            .saturating_add(Weight::from_parts(1_068_416, 0).saturating_mul(m.into()))
            .saturating_add(Weight::from_parts(5_231_090, 0).saturating_mul(p.into()))
            .saturating_add(Weight::from_parts(0, 414).saturating_mul(m.into()))
            .saturating_add(Weight::from_parts(0, 2_790).saturating_mul(p.into()))
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().reads(1).saturating_mul(p.into()))
            .saturating_add(T::DbWeight::get().writes(2))
            .saturating_add(T::DbWeight::get().writes(1).saturating_mul(p.into()))
    }
    // `b` from 2 to 1024.
    // `m` from 1 to 21.
    fn execute(b: u32, m: u32) -> Weight {
        // Shortest run: 17_176_000 ps.
        Weight::from_parts(17_589_676, 1_592)
            .saturating_add(Weight::from_parts(1_938, 0).saturating_mul(b.into()))
            .saturating_add(Weight::from_parts(33_968, 0).saturating_mul(m.into()))
            .saturating_add(Weight::from_parts(0, 32).saturating_mul(m.into()))
            .saturating_add(T::DbWeight::get().reads(2))
    }
    // `b` from 2 to 1024.
    // `m` from 1 to 21.
    fn propose_execute(b: u32, m: u32) -> Weight {
        // Shortest run: 20_010_000 ps.
        Weight::from_parts(21_772_960, 3_572)
            .saturating_add(Weight::from_parts(2_503, 0).saturating_mul(b.into()))
            .saturating_add(Weight::from_parts(178, 0).saturating_mul(m.into()))
            .saturating_add(Weight::from_parts(0, 32).saturating_mul(m.into()))
            .saturating_add(T::DbWeight::get().reads(3))
    }
    // `b` from 2 to 1024.
    // `m` from 2 to 21.
    // `p` from 1 to 20.
    fn propose_proposed(b: u32, m: u32, p: u32) -> Weight {
        // Shortest run: 23_565_000 ps.
        Weight::from_parts(29_234_575, 3_508)
            .saturating_add(Weight::from_parts(2_761, 0).saturating_mul(b.into()))
            .saturating_add(Weight::from_parts(476_845, 0).saturating_mul(p.into()))
            .saturating_add(Weight::from_parts(0, 34).saturating_mul(m.into()))
            .saturating_add(Weight::from_parts(0, 53).saturating_mul(p.into()))
            .saturating_add(T::DbWeight::get().reads(4))
            .saturating_add(T::DbWeight::get().writes(4))
    }
    // `m` from 5 to 21.
    fn vote(m: u32) -> Weight {
        // Shortest run: 20_670_000 ps.
        Weight::from_parts(22_936_747, 4_036)
            .saturating_add(Weight::from_parts(41_710, 0).saturating_mul(m.into()))
            .saturating_add(Weight::from_parts(0, 64).saturating_mul(m.into()))
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    // `m` from 4 to 21.
    // `p` from 1 to 20.
    fn close_early_disapproved(m: u32, p: u32) -> Weight {
        // Shortest run: 25_668_000 ps.
        Weight::from_parts(26_633_527, 3_588)
            .saturating_add(Weight::from_parts(47_086, 0).saturating_mul(m.into()))
            .saturating_add(Weight::from_parts(370_712, 0).saturating_mul(p.into()))
            .saturating_add(Weight::from_parts(0, 65).saturating_mul(m.into()))
            .saturating_add(Weight::from_parts(0, 55).saturating_mul(p.into()))
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(3))
    }
    // `b` from 2 to 1024.
    // `m` from 4 to 21.
    // `p` from 1 to 20.
    fn close_early_approved(b: u32, m: u32, p: u32) -> Weight {
        // Shortest run: 40_610_000 ps.
        Weight::from_parts(40_200_052, 3_689)
            .saturating_add(Weight::from_parts(3_525, 0).saturating_mul(b.into()))
            .saturating_add(Weight::from_parts(578_621, 0).saturating_mul(p.into()))
            .saturating_add(Weight::from_parts(0, 1).saturating_mul(b.into()))
            .saturating_add(Weight::from_parts(0, 62).saturating_mul(m.into()))
            .saturating_add(Weight::from_parts(0, 75).saturating_mul(p.into()))
            .saturating_add(T::DbWeight::get().reads(5))
            .saturating_add(T::DbWeight::get().writes(3))
    }
    // `m` from 4 to 21.
    // `p` from 1 to 20.
    fn close_disapproved(m: u32, p: u32) -> Weight {
        // Shortest run: 27_200_000 ps.
        Weight::from_parts(28_544_620, 3_608)
            .saturating_add(Weight::from_parts(55_311, 0).saturating_mul(m.into()))
            .saturating_add(Weight::from_parts(354_080, 0).saturating_mul(p.into()))
            .saturating_add(Weight::from_parts(0, 65).saturating_mul(m.into()))
            .saturating_add(Weight::from_parts(0, 55).saturating_mul(p.into()))
            .saturating_add(T::DbWeight::get().reads(4))
            .saturating_add(T::DbWeight::get().writes(3))
    }
    // `b` from 2 to 1024.
    // `m` from 4 to 21.
    // `p` from 1 to 20.
    fn close_approved(b: u32, m: u32, p: u32) -> Weight {
        // Shortest run: 42_773_000 ps.
        Weight::from_parts(42_585_701, 3_709)
            .saturating_add(Weight::from_parts(3_700, 0).saturating_mul(b.into()))
            .saturating_add(Weight::from_parts(563_350, 0).saturating_mul(p.into()))
            .saturating_add(Weight::from_parts(0, 1).saturating_mul(b.into()))
            .saturating_add(Weight::from_parts(0, 62).saturating_mul(m.into()))
            .saturating_add(Weight::from_parts(0, 75).saturating_mul(p.into()))
            .saturating_add(T::DbWeight::get().reads(6))
            .saturating_add(T::DbWeight::get().writes(3))
    }
    // `p` from 1 to 20.
    fn disapprove_proposal(p: u32) -> Weight {
        // Shortest run: 14_272_000 ps.
        Weight::from_parts(15_506_046, 1_672)
            .saturating_add(Weight::from_parts(297_280, 0).saturating_mul(p.into()))
            .saturating_add(Weight::from_parts(0, 32).saturating_mul(p.into()))
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(3))
    }
    // `d` from 0 to 1.
    // `p` from 1 to 20.
    fn kill(d: u32, p: u32) -> Weight {
        // Shortest run: 21_432_000 ps.
        Weight::from_parts(23_434_295, 4_708)
            .saturating_add(Weight::from_parts(412_033, 0).saturating_mul(p.into()))
            .saturating_add(Weight::from_parts(0, 5).saturating_mul(d.into()))
            .saturating_add(Weight::from_parts(0, 55).saturating_mul(p.into()))
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(3))
    }
    fn release_proposal_cost() -> Weight {
        // Shortest run: 12_168_000 ps.
        Weight::from_parts(13_520_000, 4_139).saturating_add(T::DbWeight::get().reads(2))
    }
}
