//! Weights of `pallet_job_escrow`: written by `scripts/weights`, not by hand.
//!
//! frame-benchmarking-cli 64.0.0, 2026-11-21, steps 50, repeat 20, wasm Compiled, CPU AMD EPYC.

use core::marker::PhantomData;
use frame_support::{traits::Get, weights::Weight};

/// Measured weights on the runtime's database.
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> pallet_job_escrow::WeightInfo for WeightInfo<T> {
    // `n` from 4 to 32768.
    fn submit_job(n: u32) -> Weight {
        // Shortest run: 130_404_000 ps.
        Weight::from_parts(138_609_580, 3_878)
            .saturating_add(Weight::from_parts(3_425, 0).saturating_mul(n.into()))
            .saturating_add(T::DbWeight::get().reads(5))
            .saturating_add(T::DbWeight::get().writes(6))
    }
    fn cancel_job() -> Weight {
        // Shortest run: 81_211_000 ps.
        Weight::from_parts(87_490_000, 3_994)
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(6))
    }
    fn claim_job() -> Weight {
        // Shortest run: 130_474_000 ps.
        Weight::from_parts(137_324_000, 3_994)
            .saturating_add(T::DbWeight::get().reads(5))
            .saturating_add(T::DbWeight::get().writes(6))
    }
    fn authorize_claim_job() -> Weight {
        // Shortest run: 93_278_000 ps.
        Weight::from_parts(98_036_000, 3_994).saturating_add(T::DbWeight::get().reads(5))
    }
    // `n` from 4 to 32768.
    fn submit_result(n: u32) -> Weight {
        // Shortest run: 127_098_000 ps.
        Weight::from_parts(132_099_950, 3_994)
            .saturating_add(Weight::from_parts(3_826, 0).saturating_mul(n.into()))
            .saturating_add(T::DbWeight::get().reads(4))
            .saturating_add(T::DbWeight::get().writes(5))
    }
    // `n` from 4 to 32768.
    fn authorize_submit_result(n: u32) -> Weight {
        // Shortest run: 82_222_000 ps.
        Weight::from_parts(88_451_651, 3_994)
            .saturating_add(Weight::from_parts(2_971, 0).saturating_mul(n.into()))
            .saturating_add(T::DbWeight::get().reads(3))
    }
    fn poke() -> Weight {
        // Shortest run: 194_979_000 ps.
        Weight::from_parts(204_924_000, 8_799)
            .saturating_add(T::DbWeight::get().reads(10))
            .saturating_add(T::DbWeight::get().writes(10))
    }
    fn sweep_base() -> Weight {
        // Shortest run: 892_000 ps.
        Weight::from_parts(1_041_000, 1_489).saturating_add(T::DbWeight::get().reads(1))
    }
    fn sweep_block() -> Weight {
        // Shortest run: 6_410_000 ps.
        Weight::from_parts(6_930_000, 3_493)
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn sweep_expire_open() -> Weight {
        // Shortest run: 71_947_000 ps.
        Weight::from_parts(75_602_000, 3_994)
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(6))
    }
    fn sweep_expire_claimed() -> Weight {
        // Shortest run: 149_081_000 ps.
        Weight::from_parts(153_748_000, 6_398)
            .saturating_add(T::DbWeight::get().reads(7))
            .saturating_add(T::DbWeight::get().writes(10))
    }
    fn sweep_settle() -> Weight {
        // Shortest run: 180_528_000 ps.
        Weight::from_parts(189_341_000, 8_799)
            .saturating_add(T::DbWeight::get().reads(9))
            .saturating_add(T::DbWeight::get().writes(10))
    }
    fn sweep_defer() -> Weight {
        // Shortest run: 20_360_000 ps.
        Weight::from_parts(22_413_000, 0).saturating_add(T::DbWeight::get().writes(4))
    }
    fn sweep_remove() -> Weight {
        // Shortest run: 14_982_000 ps.
        Weight::from_parts(16_174_000, 3_994)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(3))
    }
    fn index_job() -> Weight {
        // Shortest run: 17_997_000 ps.
        Weight::from_parts(21_572_000, 6_998)
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(2))
    }
}
