//! Weights of `pallet_referenda`: written by `scripts/weights`, not by hand.
//!
//! frame-benchmarking-cli 64.0.0, 2026-11-21, steps 20, repeat 10, wasm Compiled, CPU AMD EPYC.

use core::marker::PhantomData;
use frame_support::{traits::Get, weights::Weight};

/// Measured weights on the runtime's database.
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> pallet_referenda::WeightInfo for WeightInfo<T> {
    fn submit() -> Weight {
        // Shortest run: 39_549_000 ps.
        Weight::from_parts(42_393_000, 13_928)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(3))
    }
    fn place_decision_deposit_preparing() -> Weight {
        // Shortest run: 53_279_000 ps.
        Weight::from_parts(56_174_000, 26_866)
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(4))
    }
    fn place_decision_deposit_queued() -> Weight {
        // Shortest run: 74_811_000 ps.
        Weight::from_parts(80_370_000, 13_928)
            .saturating_add(T::DbWeight::get().reads(4))
            .saturating_add(T::DbWeight::get().writes(4))
    }
    fn place_decision_deposit_not_queued() -> Weight {
        // Shortest run: 73_589_000 ps.
        Weight::from_parts(77_224_000, 13_928)
            .saturating_add(T::DbWeight::get().reads(4))
            .saturating_add(T::DbWeight::get().writes(4))
    }
    fn place_decision_deposit_passing() -> Weight {
        // Shortest run: 63_945_000 ps.
        Weight::from_parts(67_029_000, 26_866)
            .saturating_add(T::DbWeight::get().reads(4))
            .saturating_add(T::DbWeight::get().writes(5))
    }
    fn place_decision_deposit_failing() -> Weight {
        // Shortest run: 61_371_000 ps.
        Weight::from_parts(64_575_000, 26_866)
            .saturating_add(T::DbWeight::get().reads(4))
            .saturating_add(T::DbWeight::get().writes(5))
    }
    fn refund_decision_deposit() -> Weight {
        // Shortest run: 30_996_000 ps.
        Weight::from_parts(32_848_000, 3_831)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn refund_submission_deposit() -> Weight {
        // Shortest run: 30_425_000 ps.
        Weight::from_parts(32_448_000, 3_831)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn cancel() -> Weight {
        // Shortest run: 29_314_000 ps.
        Weight::from_parts(31_647_000, 13_928)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(3))
    }
    fn kill() -> Weight {
        // Shortest run: 97_535_000 ps.
        Weight::from_parts(101_360_000, 13_928)
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(3))
    }
    fn one_fewer_deciding_queue_empty() -> Weight {
        // Shortest run: 11_517_000 ps.
        Weight::from_parts(12_759_000, 5_477)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn one_fewer_deciding_failing() -> Weight {
        // Shortest run: 51_145_000 ps.
        Weight::from_parts(63_003_000, 13_928)
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(3))
    }
    fn one_fewer_deciding_passing() -> Weight {
        // Shortest run: 50_365_000 ps.
        Weight::from_parts(60_760_000, 13_928)
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(3))
    }
    fn nudge_referendum_requeued_insertion() -> Weight {
        // Shortest run: 27_911_000 ps.
        Weight::from_parts(30_715_000, 5_477)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn nudge_referendum_requeued_slide() -> Weight {
        // Shortest run: 28_953_000 ps.
        Weight::from_parts(33_029_000, 5_477)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn nudge_referendum_queued() -> Weight {
        // Shortest run: 31_897_000 ps.
        Weight::from_parts(35_302_000, 5_477)
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn nudge_referendum_not_queued() -> Weight {
        // Shortest run: 30_966_000 ps.
        Weight::from_parts(34_070_000, 5_477)
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn nudge_referendum_no_deposit() -> Weight {
        // Shortest run: 23_525_000 ps.
        Weight::from_parts(25_187_000, 13_928)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn nudge_referendum_preparing() -> Weight {
        // Shortest run: 23_666_000 ps.
        Weight::from_parts(25_578_000, 13_928)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn nudge_referendum_timed_out() -> Weight {
        // Shortest run: 14_912_000 ps.
        Weight::from_parts(16_395_000, 3_831)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn nudge_referendum_begin_deciding_failing() -> Weight {
        // Shortest run: 31_206_000 ps.
        Weight::from_parts(33_560_000, 13_928)
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(3))
    }
    fn nudge_referendum_begin_deciding_passing() -> Weight {
        // Shortest run: 33_329_000 ps.
        Weight::from_parts(35_683_000, 13_928)
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(3))
    }
    fn nudge_referendum_begin_confirming() -> Weight {
        // Shortest run: 27_651_000 ps.
        Weight::from_parts(29_594_000, 13_928)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn nudge_referendum_end_confirming() -> Weight {
        // Shortest run: 27_671_000 ps.
        Weight::from_parts(29_724_000, 13_928)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn nudge_referendum_continue_not_confirming() -> Weight {
        // Shortest run: 26_359_000 ps.
        Weight::from_parts(28_472_000, 13_928)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn nudge_referendum_continue_confirming() -> Weight {
        // Shortest run: 25_878_000 ps.
        Weight::from_parts(28_002_000, 13_928)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn nudge_referendum_approved() -> Weight {
        // Shortest run: 40_841_000 ps.
        Weight::from_parts(43_505_000, 26_866)
            .saturating_add(T::DbWeight::get().reads(4))
            .saturating_add(T::DbWeight::get().writes(4))
    }
    fn nudge_referendum_rejected() -> Weight {
        // Shortest run: 27_861_000 ps.
        Weight::from_parts(29_854_000, 13_928)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn set_some_metadata() -> Weight {
        // Shortest run: 21_532_000 ps.
        Weight::from_parts(23_204_000, 3_831)
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn clear_metadata() -> Weight {
        // Shortest run: 17_116_000 ps.
        Weight::from_parts(18_558_000, 3_831)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(1))
    }
}
