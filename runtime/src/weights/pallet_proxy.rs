//! Weights of `pallet_proxy`: written by `scripts/weights`, not by hand.
//!
//! frame-benchmarking-cli 64.0.0, 2026-11-21, steps 20, repeat 10, wasm Compiled, CPU AMD EPYC.

use core::marker::PhantomData;
use frame_support::{traits::Get, weights::Weight};

/// Measured weights on the runtime's database.
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> pallet_proxy::WeightInfo for WeightInfo<T> {
    // `p` from 1 to 31.
    fn proxy(p: u32) -> Weight {
        // Shortest run: 18_007_000 ps.
        Weight::from_parts(20_101_077, 4_706)
            .saturating_add(Weight::from_parts(195_145, 0).saturating_mul(p.into()))
            .saturating_add(T::DbWeight::get().reads(2))
    }
    // `a` from 0 to 31.
    // `p` from 1 to 31.
    fn proxy_announced(a: u32, p: u32) -> Weight {
        // Shortest run: 49_092_000 ps.
        Weight::from_parts(51_632_905, 5_698)
            .saturating_add(Weight::from_parts(432_537, 0).saturating_mul(a.into()))
            .saturating_add(Weight::from_parts(113_621, 0).saturating_mul(p.into()))
            .saturating_add(T::DbWeight::get().reads(4))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    // `a` from 0 to 31.
    // `p` from 1 to 31.
    fn remove_announcement(a: u32, p: u32) -> Weight {
        // Shortest run: 30_705_000 ps.
        Weight::from_parts(29_463_655, 5_698)
            .saturating_add(Weight::from_parts(464_409, 0).saturating_mul(a.into()))
            .saturating_add(Weight::from_parts(85_428, 0).saturating_mul(p.into()))
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    // `a` from 0 to 31.
    // `p` from 1 to 31.
    fn reject_announcement(a: u32, p: u32) -> Weight {
        // Shortest run: 31_196_000 ps.
        Weight::from_parts(31_304_097, 5_698)
            .saturating_add(Weight::from_parts(375_781, 0).saturating_mul(a.into()))
            .saturating_add(Weight::from_parts(85_283, 0).saturating_mul(p.into()))
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    // `a` from 0 to 31.
    // `p` from 1 to 31.
    fn announce(a: u32, p: u32) -> Weight {
        // Shortest run: 43_094_000 ps.
        Weight::from_parts(44_416_849, 5_698)
            .saturating_add(Weight::from_parts(358_094, 0).saturating_mul(a.into()))
            .saturating_add(Weight::from_parts(82_424, 0).saturating_mul(p.into()))
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    // `p` from 1 to 31.
    fn add_proxy(p: u32) -> Weight {
        // Shortest run: 29_113_000 ps.
        Weight::from_parts(31_587_473, 4_706)
            .saturating_add(Weight::from_parts(148_383, 0).saturating_mul(p.into()))
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    // `p` from 1 to 31.
    fn remove_proxy(p: u32) -> Weight {
        // Shortest run: 29_043_000 ps.
        Weight::from_parts(31_284_706, 4_706)
            .saturating_add(Weight::from_parts(136_406, 0).saturating_mul(p.into()))
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    // `p` from 1 to 31.
    fn remove_proxies(p: u32) -> Weight {
        // Shortest run: 28_963_000 ps.
        Weight::from_parts(29_362_596, 4_706)
            .saturating_add(Weight::from_parts(2_461_892, 0).saturating_mul(p.into()))
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    // `p` from 1 to 31.
    fn create_pure(p: u32) -> Weight {
        // Shortest run: 33_189_000 ps.
        Weight::from_parts(35_860_568, 4_706)
            .saturating_add(Weight::from_parts(109_031, 0).saturating_mul(p.into()))
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    // `p` from 0 to 30.
    fn kill_pure(p: u32) -> Weight {
        // Shortest run: 30_785_000 ps.
        Weight::from_parts(32_875_901, 4_706)
            .saturating_add(Weight::from_parts(266_571, 0).saturating_mul(p.into()))
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn poke_deposit() -> Weight {
        // Shortest run: 55_842_000 ps.
        Weight::from_parts(59_538_000, 5_698)
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(3))
    }
}
