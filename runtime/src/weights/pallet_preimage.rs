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
        // Shortest run: 70_985_000 ps.
        Weight::from_parts(4_987_546, 3_694)
            .saturating_add(Weight::from_parts(2_041, 0).saturating_mul(s.into()))
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(3))
    }
    // `s` from 0 to 4194304.
    fn note_requested_preimage(s: u32) -> Weight {
        // Shortest run: 18_747_000 ps.
        Weight::from_parts(19_068_000, 3_556)
            .saturating_add(Weight::from_parts(1_996, 0).saturating_mul(s.into()))
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    // `s` from 0 to 4194304.
    fn note_no_deposit_preimage(s: u32) -> Weight {
        // Shortest run: 18_016_000 ps.
        Weight::from_parts(18_367_000, 3_556)
            .saturating_add(Weight::from_parts(2_046, 0).saturating_mul(s.into()))
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn unnote_preimage() -> Weight {
        // Shortest run: 104_935_000 ps.
        Weight::from_parts(116_192_000, 3_694)
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(3))
    }
    fn unnote_no_deposit_preimage() -> Weight {
        // Shortest run: 51_967_000 ps.
        Weight::from_parts(59_989_000, 3_556)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn request_preimage() -> Weight {
        // Shortest run: 43_785_000 ps.
        Weight::from_parts(54_461_000, 3_556)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn request_no_deposit_preimage() -> Weight {
        // Shortest run: 27_150_000 ps.
        Weight::from_parts(38_737_000, 3_556)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn request_unnoted_preimage() -> Weight {
        // Shortest run: 20_621_000 ps.
        Weight::from_parts(31_707_000, 3_556)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn request_requested_preimage() -> Weight {
        // Shortest run: 12_849_000 ps.
        Weight::from_parts(16_014_000, 3_556)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn unrequest_preimage() -> Weight {
        // Shortest run: 49_854_000 ps.
        Weight::from_parts(54_611_000, 3_556)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn unrequest_unnoted_preimage() -> Weight {
        // Shortest run: 12_268_000 ps.
        Weight::from_parts(15_253_000, 3_556)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn unrequest_multi_referenced_preimage() -> Weight {
        // Shortest run: 12_779_000 ps.
        Weight::from_parts(15_252_000, 3_556)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    // `n` from 1 to 1024.
    fn ensure_updated(n: u32) -> Weight {
        // Shortest run: 80_559_000 ps.
        Weight::from_parts(82_753_000, 990)
            .saturating_add(Weight::from_parts(84_718_857, 0).saturating_mul(n.into()))
            .saturating_add(Weight::from_parts(0, 2_704).saturating_mul(n.into()))
            .saturating_add(T::DbWeight::get().reads(3).saturating_mul(n.into()))
            .saturating_add(T::DbWeight::get().writes(4).saturating_mul(n.into()))
    }
}
