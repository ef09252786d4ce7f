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
        // Shortest run: 9_994_000 ps.
        Weight::from_parts(10_205_000, 4_960)
            .saturating_add(Weight::from_parts(1_724_530, 0).saturating_mul(m.into()))
            .saturating_add(Weight::from_parts(5_626_702, 0).saturating_mul(p.into()))
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
        // Shortest run: 16_805_000 ps.
        Weight::from_parts(17_954_878, 1_593)
            .saturating_add(Weight::from_parts(1_596, 0).saturating_mul(b.into()))
            .saturating_add(Weight::from_parts(33_789, 0).saturating_mul(m.into()))
            .saturating_add(Weight::from_parts(0, 32).saturating_mul(m.into()))
            .saturating_add(T::DbWeight::get().reads(2))
    }
    // `b` from 2 to 1024.
    // `m` from 1 to 21.
    fn propose_execute(b: u32, m: u32) -> Weight {
        // Shortest run: 19_649_000 ps.
        Weight::from_parts(20_419_461, 3_573)
            .saturating_add(Weight::from_parts(2_102, 0).saturating_mul(b.into()))
            .saturating_add(Weight::from_parts(43_381, 0).saturating_mul(m.into()))
            .saturating_add(Weight::from_parts(0, 32).saturating_mul(m.into()))
            .saturating_add(T::DbWeight::get().reads(3))
    }
    // `b` from 2 to 1024.
    // `m` from 2 to 21.
    // `p` from 1 to 20.
    fn propose_proposed(b: u32, m: u32, p: u32) -> Weight {
        // Shortest run: 24_466_000 ps.
        Weight::from_parts(27_915_448, 3_515)
            .saturating_add(Weight::from_parts(1_869, 0).saturating_mul(b.into()))
            .saturating_add(Weight::from_parts(7_843, 0).saturating_mul(m.into()))
            .saturating_add(Weight::from_parts(416_646, 0).saturating_mul(p.into()))
            .saturating_add(Weight::from_parts(0, 34).saturating_mul(m.into()))
            .saturating_add(Weight::from_parts(0, 53).saturating_mul(p.into()))
            .saturating_add(T::DbWeight::get().reads(4))
            .saturating_add(T::DbWeight::get().writes(4))
    }
    // `m` from 5 to 21.
    fn vote(m: u32) -> Weight {
        // Shortest run: 21_081_000 ps.
        Weight::from_parts(23_080_403, 4_037)
            .saturating_add(Weight::from_parts(106_473, 0).saturating_mul(m.into()))
            .saturating_add(Weight::from_parts(0, 64).saturating_mul(m.into()))
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    // `m` from 4 to 21.
    // `p` from 1 to 20.
    fn close_early_disapproved(m: u32, p: u32) -> Weight {
        // Shortest run: 23_885_000 ps.
        Weight::from_parts(23_087_749, 3_587)
            .saturating_add(Weight::from_parts(187_746, 0).saturating_mul(m.into()))
            .saturating_add(Weight::from_parts(564_483, 0).saturating_mul(p.into()))
            .saturating_add(Weight::from_parts(0, 65).saturating_mul(m.into()))
            .saturating_add(Weight::from_parts(0, 55).saturating_mul(p.into()))
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(3))
    }
    // `b` from 2 to 1024.
    // `m` from 4 to 21.
    // `p` from 1 to 20.
    fn close_early_approved(b: u32, m: u32, p: u32) -> Weight {
        // Shortest run: 40_540_000 ps.
        Weight::from_parts(25_179_237, 3_680)
            .saturating_add(Weight::from_parts(10_320, 0).saturating_mul(b.into()))
            .saturating_add(Weight::from_parts(376_946, 0).saturating_mul(m.into()))
            .saturating_add(Weight::from_parts(1_162_336, 0).saturating_mul(p.into()))
            .saturating_add(Weight::from_parts(0, 1).saturating_mul(b.into()))
            .saturating_add(Weight::from_parts(0, 62).saturating_mul(m.into()))
            .saturating_add(Weight::from_parts(0, 75).saturating_mul(p.into()))
            .saturating_add(T::DbWeight::get().reads(5))
            .saturating_add(T::DbWeight::get().writes(3))
    }
    // `m` from 4 to 21.
    // `p` from 1 to 20.
    fn close_disapproved(m: u32, p: u32) -> Weight {
        // Shortest run: 27_060_000 ps.
        Weight::from_parts(33_148_794, 3_607)
            .saturating_add(Weight::from_parts(102_612, 0).saturating_mul(m.into()))
            .saturating_add(Weight::from_parts(303_059, 0).saturating_mul(p.into()))
            .saturating_add(Weight::from_parts(0, 65).saturating_mul(m.into()))
            .saturating_add(Weight::from_parts(0, 55).saturating_mul(p.into()))
            .saturating_add(T::DbWeight::get().reads(4))
            .saturating_add(T::DbWeight::get().writes(3))
    }
    // `b` from 2 to 1024.
    // `m` from 4 to 21.
    // `p` from 1 to 20.
    fn close_approved(b: u32, m: u32, p: u32) -> Weight {
        // Shortest run: 43_955_000 ps.
        Weight::from_parts(40_822_310, 3_700)
            .saturating_add(Weight::from_parts(7_052, 0).saturating_mul(b.into()))
            .saturating_add(Weight::from_parts(9_431, 0).saturating_mul(m.into()))
            .saturating_add(Weight::from_parts(851_601, 0).saturating_mul(p.into()))
            .saturating_add(Weight::from_parts(0, 1).saturating_mul(b.into()))
            .saturating_add(Weight::from_parts(0, 62).saturating_mul(m.into()))
            .saturating_add(Weight::from_parts(0, 75).saturating_mul(p.into()))
            .saturating_add(T::DbWeight::get().reads(6))
            .saturating_add(T::DbWeight::get().writes(3))
    }
    // `p` from 1 to 20.
    fn disapprove_proposal(p: u32) -> Weight {
        // Shortest run: 13_961_000 ps.
        Weight::from_parts(15_612_727, 1_673)
            .saturating_add(Weight::from_parts(413_650, 0).saturating_mul(p.into()))
            .saturating_add(Weight::from_parts(0, 32).saturating_mul(p.into()))
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(3))
    }
    // `d` from 0 to 1.
    // `p` from 1 to 20.
    fn kill(d: u32, p: u32) -> Weight {
        // Shortest run: 21_622_000 ps.
        Weight::from_parts(24_013_089, 4_709)
            .saturating_add(Weight::from_parts(329_762, 0).saturating_mul(d.into()))
            .saturating_add(Weight::from_parts(569_717, 0).saturating_mul(p.into()))
            .saturating_add(Weight::from_parts(0, 5).saturating_mul(d.into()))
            .saturating_add(Weight::from_parts(0, 55).saturating_mul(p.into()))
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(3))
    }
    fn release_proposal_cost() -> Weight {
        // Shortest run: 12_648_000 ps.
        Weight::from_parts(15_212_000, 4_140).saturating_add(T::DbWeight::get().reads(2))
    }
}
