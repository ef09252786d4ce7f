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
        // Shortest run: 135_151_000 ps.
        Weight::from_parts(172_639_302, 3_878)
            .saturating_add(Weight::from_parts(3_764, 0).saturating_mul(n.into()))
            .saturating_add(T::DbWeight::get().reads(5))
            .saturating_add(T::DbWeight::get().writes(5))
    }
    fn cancel_job() -> Weight {
        // Shortest run: 88_772_000 ps.
        Weight::from_parts(117_564_000, 3_994)
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(6))
    }
    fn claim_job() -> Weight {
        // Shortest run: 147_258_000 ps.
        Weight::from_parts(198_044_000, 3_994)
            .saturating_add(T::DbWeight::get().reads(5))
            .saturating_add(T::DbWeight::get().writes(6))
    }
    fn authorize_claim_job() -> Weight {
        // Shortest run: 106_538_000 ps.
        Weight::from_parts(134_349_000, 3_994).saturating_add(T::DbWeight::get().reads(5))
    }
    // `n` from 4 to 32768.
    fn submit_result(n: u32) -> Weight {
        // Shortest run: 153_968_000 ps.
        Weight::from_parts(187_973_802, 3_994)
            .saturating_add(Weight::from_parts(4_011, 0).saturating_mul(n.into()))
            .saturating_add(T::DbWeight::get().reads(4))
            .saturating_add(T::DbWeight::get().writes(5))
    }
    // `n` from 4 to 32768.
    fn authorize_submit_result(n: u32) -> Weight {
        // Shortest run: 89_843_000 ps.
        Weight::from_parts(119_299_357, 3_994)
            .saturating_add(Weight::from_parts(2_858, 0).saturating_mul(n.into()))
            .saturating_add(T::DbWeight::get().reads(3))
    }
    fn poke() -> Weight {
        // Shortest run: 206_907_000 ps.
        Weight::from_parts(236_861_000, 8_799)
            .saturating_add(T::DbWeight::get().reads(9))
            .saturating_add(T::DbWeight::get().writes(10))
    }
    fn sweep_base() -> Weight {
        // Shortest run: 931_000 ps.
        Weight::from_parts(1_122_000, 1_489).saturating_add(T::DbWeight::get().reads(1))
    }
    fn sweep_block() -> Weight {
        // Shortest run: 5_868_000 ps.
        Weight::from_parts(6_459_000, 3_493)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn sweep_expire_open() -> Weight {
        // Shortest run: 74_220_000 ps.
        Weight::from_parts(89_492_000, 3_994)
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(6))
    }
    fn sweep_expire_claimed() -> Weight {
        // Shortest run: 164_114_000 ps.
        Weight::from_parts(180_678_000, 6_398)
            .saturating_add(T::DbWeight::get().reads(7))
            .saturating_add(T::DbWeight::get().writes(10))
    }
    fn sweep_settle() -> Weight {
        // Shortest run: 206_416_000 ps.
        Weight::from_parts(216_120_000, 8_799)
            .saturating_add(T::DbWeight::get().reads(9))
            .saturating_add(T::DbWeight::get().writes(10))
    }
    fn sweep_defer() -> Weight {
        // Shortest run: 26_589_000 ps.
        Weight::from_parts(28_302_000, 0).saturating_add(T::DbWeight::get().writes(4))
    }
    fn sweep_remove() -> Weight {
        // Shortest run: 13_640_000 ps.
        Weight::from_parts(15_803_000, 3_994)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn index_job() -> Weight {
        // Not measured yet: the pallet's estimate.
        <() as pallet_job_escrow::WeightInfo>::index_job()
    }
}
