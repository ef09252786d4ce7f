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
        // Shortest run: 148_971_000 ps.
        Weight::from_parts(184_495_314, 23_589)
            .saturating_add(Weight::from_parts(4_116, 0).saturating_mul(n.into()))
            .saturating_add(T::DbWeight::get().reads(16))
            .saturating_add(T::DbWeight::get().writes(7))
    }
    fn cancel_job() -> Weight {
        // Shortest run: 88_010_000 ps.
        Weight::from_parts(118_235_000, 3_994)
            .saturating_add(T::DbWeight::get().reads(5))
            .saturating_add(T::DbWeight::get().writes(7))
    }
    fn claim_job() -> Weight {
        // Shortest run: 152_927_000 ps.
        Weight::from_parts(194_849_000, 3_994)
            .saturating_add(T::DbWeight::get().reads(8))
            .saturating_add(T::DbWeight::get().writes(7))
    }
    fn authorize_claim_job() -> Weight {
        // Shortest run: 107_399_000 ps.
        Weight::from_parts(128_240_000, 3_994).saturating_add(T::DbWeight::get().reads(7))
    }
    // `n` from 4 to 32768.
    fn submit_result(n: u32) -> Weight {
        // Shortest run: 154_109_000 ps.
        Weight::from_parts(219_743_559, 3_994)
            .saturating_add(Weight::from_parts(2_893, 0).saturating_mul(n.into()))
            .saturating_add(T::DbWeight::get().reads(7))
            .saturating_add(T::DbWeight::get().writes(7))
    }
    // `n` from 4 to 32768.
    fn authorize_submit_result(n: u32) -> Weight {
        // Shortest run: 91_025_000 ps.
        Weight::from_parts(115_835_557, 3_994)
            .saturating_add(Weight::from_parts(3_221, 0).saturating_mul(n.into()))
            .saturating_add(T::DbWeight::get().reads(4))
    }
    fn poke() -> Weight {
        // Shortest run: 215_479_000 ps.
        Weight::from_parts(249_730_000, 14_005)
            .saturating_add(T::DbWeight::get().reads(19))
            .saturating_add(T::DbWeight::get().writes(15))
    }
    fn sweep_base() -> Weight {
        // Shortest run: 2_273_000 ps.
        Weight::from_parts(2_614_000, 1_489).saturating_add(T::DbWeight::get().reads(1))
    }
    fn sweep_block() -> Weight {
        // Shortest run: 6_991_000 ps.
        Weight::from_parts(7_732_000, 3_493)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn sweep_expire_open() -> Weight {
        // Shortest run: 79_979_000 ps.
        Weight::from_parts(90_454_000, 3_994)
            .saturating_add(T::DbWeight::get().reads(5))
            .saturating_add(T::DbWeight::get().writes(7))
    }
    fn sweep_expire_claimed() -> Weight {
        // Shortest run: 160_248_000 ps.
        Weight::from_parts(180_918_000, 6_398)
            .saturating_add(T::DbWeight::get().reads(9))
            .saturating_add(T::DbWeight::get().writes(11))
    }
    fn sweep_settle() -> Weight {
        // Shortest run: 204_653_000 ps.
        Weight::from_parts(227_407_000, 14_005)
            .saturating_add(T::DbWeight::get().reads(19))
            .saturating_add(T::DbWeight::get().writes(15))
    }
    fn sweep_defer() -> Weight {
        // Shortest run: 25_217_000 ps.
        Weight::from_parts(31_617_000, 1_533)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(5))
    }
    fn sweep_remove() -> Weight {
        // Shortest run: 16_955_000 ps.
        Weight::from_parts(19_119_000, 3_994)
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(3))
    }
    fn index_job() -> Weight {
        // Not measured yet: the pallet's estimate.
        <() as pallet_job_escrow::WeightInfo>::index_job()
    }
}
