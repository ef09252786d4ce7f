//! Weights of `pallet_preimage`: written by `scripts/weights`, not by hand.
//!
//! frame-benchmarking-cli 64.0.0, 2026-11-21, steps 20, repeat 10, wasm Compiled, CPU AMD EPYC.

use core::marker::PhantomData;
use frame_support::{traits::Get, weights::Weight};

/// Measured weights on the runtime's database.
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> pallet_preimage::WeightInfo for WeightInfo<T> {
    // `s` from 0 to 4194304.
    fn note_preimage(s: u32) -> Weight {
        // Shortest run: 72_928_000 ps.
        Weight::from_parts(74_540_000, 3_694)
            .saturating_add(Weight::from_parts(3_503, 0).saturating_mul(s.into()))
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(3))
    }
    // `s` from 0 to 4194304.
    fn note_requested_preimage(s: u32) -> Weight {
        // Shortest run: 17_976_000 ps.
        Weight::from_parts(283_112_382, 3_556)
            .saturating_add(Weight::from_parts(3_016, 0).saturating_mul(s.into()))
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    // `s` from 0 to 4194304.
    fn note_no_deposit_preimage(s: u32) -> Weight {
        // Shortest run: 17_396_000 ps.
        Weight::from_parts(17_776_000, 3_556)
            .saturating_add(Weight::from_parts(3_309, 0).saturating_mul(s.into()))
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn unnote_preimage() -> Weight {
        // Shortest run: 119_617_000 ps.
        Weight::from_parts(130_583_000, 3_694)
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(3))
    }
    fn unnote_no_deposit_preimage() -> Weight {
        // Shortest run: 57_455_000 ps.
        Weight::from_parts(67_890_000, 3_556)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn request_preimage() -> Weight {
        // Shortest run: 49_644_000 ps.
        Weight::from_parts(56_814_000, 3_556)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn request_no_deposit_preimage() -> Weight {
        // Shortest run: 32_829_000 ps.
        Weight::from_parts(42_322_000, 3_556)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn request_unnoted_preimage() -> Weight {
        // Shortest run: 24_447_000 ps.
        Weight::from_parts(34_962_000, 3_556)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn request_requested_preimage() -> Weight {
        // Shortest run: 14_271_000 ps.
        Weight::from_parts(17_376_000, 3_556)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn unrequest_preimage() -> Weight {
        // Shortest run: 49_553_000 ps.
        Weight::from_parts(58_457_000, 3_556)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn unrequest_unnoted_preimage() -> Weight {
        // Shortest run: 14_151_000 ps.
        Weight::from_parts(16_885_000, 3_556)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn unrequest_multi_referenced_preimage() -> Weight {
        // Shortest run: 14_461_000 ps.
        Weight::from_parts(16_624_000, 3_556)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    // `n` from 1 to 1024.
    fn ensure_updated(n: u32) -> Weight {
        // Shortest run: 81_160_000 ps.
        Weight::from_parts(7_015_949, 990)
            .saturating_add(Weight::from_parts(126_917_285, 0).saturating_mul(n.into()))
            .saturating_add(Weight::from_parts(0, 2_704).saturating_mul(n.into()))
            .saturating_add(T::DbWeight::get().reads(3).saturating_mul(n.into()))
            .saturating_add(T::DbWeight::get().writes(4).saturating_mul(n.into()))
    }
}
