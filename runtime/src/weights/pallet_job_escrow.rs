//! Weights of `pallet_job_escrow`: written by `scripts/weights`, not by hand.
//!
//! frame-benchmarking-cli 64.0.0, 2026-11-22, steps 50, repeat 20, wasm Compiled, CPU AMD EPYC.

use core::marker::PhantomData;
use frame_support::{traits::Get, weights::Weight};

/// Measured weights on the runtime's database.
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> pallet_job_escrow::WeightInfo for WeightInfo<T> {
    // `n` from 4 to 32768.
    fn submit_job(n: u32) -> Weight {
        // Shortest run: 124_795_000 ps.
        Weight::from_parts(143_733_047, 3_878)
            .saturating_add(Weight::from_parts(4_362, 0).saturating_mul(n.into()))
            .saturating_add(T::DbWeight::get().reads(4))
            .saturating_add(T::DbWeight::get().writes(5))
    }
    fn cancel_job() -> Weight {
        // Shortest run: 75_922_000 ps.
        Weight::from_parts(125_406_000, 3_994)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(4))
    }
    fn claim_job() -> Weight {
        // Shortest run: 152_186_000 ps.
        Weight::from_parts(183_632_000, 3_994)
            .saturating_add(T::DbWeight::get().reads(5))
            .saturating_add(T::DbWeight::get().writes(6))
    }
    // `n` from 4 to 32768.
    fn submit_result(n: u32) -> Weight {
        // Shortest run: 137_945_000 ps.
        Weight::from_parts(191_094_279, 3_994)
            .saturating_add(Weight::from_parts(5_717, 0).saturating_mul(n.into()))
            .saturating_add(T::DbWeight::get().reads(4))
            .saturating_add(T::DbWeight::get().writes(4))
    }
    fn poke() -> Weight {
        // Shortest run: 192_816_000 ps.
        Weight::from_parts(283_110_000, 8_799)
            .saturating_add(T::DbWeight::get().reads(10))
            .saturating_add(T::DbWeight::get().writes(9))
    }
    fn sweep_base() -> Weight {
        // Shortest run: 10_796_000 ps.
        Weight::from_parts(14_020_000, 3_994).saturating_add(T::DbWeight::get().reads(3))
    }
    fn sweep_block() -> Weight {
        // Shortest run: 9_635_000 ps.
        Weight::from_parts(14_591_000, 3_493)
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn sweep_expire_open() -> Weight {
        // Shortest run: 68_561_000 ps.
        Weight::from_parts(80_450_000, 3_994)
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(5))
    }
    fn sweep_expire_claimed() -> Weight {
        // Shortest run: 142_121_000 ps.
        Weight::from_parts(162_661_000, 6_398)
            .saturating_add(T::DbWeight::get().reads(7))
            .saturating_add(T::DbWeight::get().writes(9))
    }
    fn sweep_settle() -> Weight {
        // Shortest run: 173_868_000 ps.
        Weight::from_parts(187_168_000, 8_799)
            .saturating_add(T::DbWeight::get().reads(9))
            .saturating_add(T::DbWeight::get().writes(9))
    }
    fn sweep_defer() -> Weight {
        // Shortest run: 14_732_000 ps.
        Weight::from_parts(25_517_000, 0).saturating_add(T::DbWeight::get().writes(3))
    }
    fn sweep_remove() -> Weight {
        // Shortest run: 13_480_000 ps.
        Weight::from_parts(22_273_000, 3_994)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn index_job() -> Weight {
        // Shortest run: 19_169_000 ps.
        Weight::from_parts(25_488_000, 6_998)
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(2))
    }
}
