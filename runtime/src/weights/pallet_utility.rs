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
        // Shortest run: 5_979_000 ps.
        Weight::from_parts(13_575_840, 1_489)
            .saturating_add(Weight::from_parts(5_030_867, 0).saturating_mul(c.into()))
            .saturating_add(T::DbWeight::get().reads(1))
    }
    fn as_derivative() -> Weight {
        // Shortest run: 8_743_000 ps.
        Weight::from_parts(9_775_000, 1_489).saturating_add(T::DbWeight::get().reads(1))
    }
    // `c` from 0 to 1000.
    fn batch_all(c: u32) -> Weight {
        // Shortest run: 5_999_000 ps.
        Weight::from_parts(23_522_629, 1_489)
            .saturating_add(Weight::from_parts(5_443_403, 0).saturating_mul(c.into()))
            .saturating_add(T::DbWeight::get().reads(1))
    }
    fn dispatch_as() -> Weight {
        // Shortest run: 8_552_000 ps.
        Weight::from_parts(9_314_000, 0)
    }
    // `c` from 0 to 1000.
    fn force_batch(c: u32) -> Weight {
        // Shortest run: 5_899_000 ps.
        Weight::from_parts(3_843_493, 1_489)
            .saturating_add(Weight::from_parts(4_997_855, 0).saturating_mul(c.into()))
            .saturating_add(T::DbWeight::get().reads(1))
    }
    fn dispatch_as_fallible() -> Weight {
        // Shortest run: 8_443_000 ps.
        Weight::from_parts(9_183_000, 0)
    }
    fn if_else() -> Weight {
        // Shortest run: 14_291_000 ps.
        Weight::from_parts(15_563_000, 1_489).saturating_add(T::DbWeight::get().reads(1))
    }
}
