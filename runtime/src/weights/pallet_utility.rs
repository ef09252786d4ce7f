//! Weights of `pallet_utility`: written by `scripts/weights`, not by hand.
//!
//! frame-benchmarking-cli 64.0.0, 2026-11-21, steps 20, repeat 10, wasm Compiled, CPU AMD EPYC.

use core::marker::PhantomData;
use frame_support::{traits::Get, weights::Weight};

/// Measured weights on the runtime's database.
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> pallet_utility::WeightInfo for WeightInfo<T> {
    // `c` from 0 to 1000.
    fn batch(c: u32) -> Weight {
        // Shortest run: 5_858_000 ps.
        Weight::from_parts(6_019_000, 1_489)
            .saturating_add(Weight::from_parts(21_592_762, 0).saturating_mul(c.into()))
            .saturating_add(T::DbWeight::get().reads(1))
    }
    fn as_derivative() -> Weight {
        // Shortest run: 8_482_000 ps.
        Weight::from_parts(9_654_000, 1_489).saturating_add(T::DbWeight::get().reads(1))
    }
    // `c` from 0 to 1000.
    fn batch_all(c: u32) -> Weight {
        // Shortest run: 6_109_000 ps.
        Weight::from_parts(6_580_000, 1_489)
            .saturating_add(Weight::from_parts(19_477_376, 0).saturating_mul(c.into()))
            .saturating_add(T::DbWeight::get().reads(1))
    }
    fn dispatch_as() -> Weight {
        // Shortest run: 8_482_000 ps.
        Weight::from_parts(9_584_000, 0)
    }
    // `c` from 0 to 1000.
    fn force_batch(c: u32) -> Weight {
        // Shortest run: 6_059_000 ps.
        Weight::from_parts(6_320_000, 1_489)
            .saturating_add(Weight::from_parts(21_524_257, 0).saturating_mul(c.into()))
            .saturating_add(T::DbWeight::get().reads(1))
    }
    fn dispatch_as_fallible() -> Weight {
        // Shortest run: 8_523_000 ps.
        Weight::from_parts(9_534_000, 0)
    }
    fn if_else() -> Weight {
        // Shortest run: 13_931_000 ps.
        Weight::from_parts(15_513_000, 1_489).saturating_add(T::DbWeight::get().reads(1))
    }
}
