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
        // Shortest run: 18_437_000 ps.
        Weight::from_parts(19_946_322, 4_706)
            .saturating_add(Weight::from_parts(86_932, 0).saturating_mul(p.into()))
            .saturating_add(T::DbWeight::get().reads(2))
    }
    // `a` from 0 to 31.
    // `p` from 1 to 31.
    fn proxy_announced(a: u32, p: u32) -> Weight {
        // Shortest run: 48_702_000 ps.
        Weight::from_parts(48_653_836, 5_698)
            .saturating_add(Weight::from_parts(343_919, 0).saturating_mul(a.into()))
            .saturating_add(Weight::from_parts(101_322, 0).saturating_mul(p.into()))
            .saturating_add(T::DbWeight::get().reads(4))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    // `a` from 0 to 31.
    // `p` from 1 to 31.
    fn remove_announcement(a: u32, p: u32) -> Weight {
        // Shortest run: 31_516_000 ps.
        Weight::from_parts(32_124_667, 5_698)
            .saturating_add(Weight::from_parts(297_180, 0).saturating_mul(a.into()))
            .saturating_add(Weight::from_parts(29_369, 0).saturating_mul(p.into()))
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    // `a` from 0 to 31.
    // `p` from 1 to 31.
    fn reject_announcement(a: u32, p: u32) -> Weight {
        // Shortest run: 31_247_000 ps.
        Weight::from_parts(32_127_195, 5_698)
            .saturating_add(Weight::from_parts(304_467, 0).saturating_mul(a.into()))
            .saturating_add(Weight::from_parts(24_072, 0).saturating_mul(p.into()))
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    // `a` from 0 to 31.
    // `p` from 1 to 31.
    fn announce(a: u32, p: u32) -> Weight {
        // Shortest run: 41_662_000 ps.
        Weight::from_parts(41_263_394, 5_698)
            .saturating_add(Weight::from_parts(289_119, 0).saturating_mul(a.into()))
            .saturating_add(Weight::from_parts(74_231, 0).saturating_mul(p.into()))
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    // `p` from 1 to 31.
    fn add_proxy(p: u32) -> Weight {
        // Shortest run: 29_674_000 ps.
        Weight::from_parts(30_967_380, 4_706)
            .saturating_add(Weight::from_parts(99_797, 0).saturating_mul(p.into()))
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    // `p` from 1 to 31.
    fn remove_proxy(p: u32) -> Weight {
        // Shortest run: 29_674_000 ps.
        Weight::from_parts(30_847_823, 4_706)
            .saturating_add(Weight::from_parts(93_962, 0).saturating_mul(p.into()))
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    // `p` from 1 to 31.
    fn remove_proxies(p: u32) -> Weight {
        // Shortest run: 29_905_000 ps.
        Weight::from_parts(28_856_198, 4_706)
            .saturating_add(Weight::from_parts(2_492_794, 0).saturating_mul(p.into()))
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    // `p` from 1 to 31.
    fn create_pure(p: u32) -> Weight {
        // Shortest run: 34_071_000 ps.
        Weight::from_parts(35_579_693, 4_706)
            .saturating_add(Weight::from_parts(69_241, 0).saturating_mul(p.into()))
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    // `p` from 0 to 30.
    fn kill_pure(p: u32) -> Weight {
        // Shortest run: 31_687_000 ps.
        Weight::from_parts(33_485_288, 4_706)
            .saturating_add(Weight::from_parts(82_316, 0).saturating_mul(p.into()))
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn poke_deposit() -> Weight {
        // Shortest run: 54_461_000 ps.
        Weight::from_parts(57_536_000, 5_698)
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(3))
    }
}
