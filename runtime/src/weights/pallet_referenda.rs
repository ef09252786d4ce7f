//! Weights of `pallet_referenda`: written by `scripts/weights`, not by hand.
//!
//! frame-benchmarking-cli 64.0.0, 2026-11-21, steps 20, repeat 10, wasm Compiled, CPU AMD EPYC.

use core::marker::PhantomData;
use frame_support::{traits::Get, weights::Weight};

/// Measured weights on the runtime's database.
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> pallet_referenda::WeightInfo for WeightInfo<T> {
    fn submit() -> Weight {
        // Shortest run: 39_199_000 ps.
        Weight::from_parts(41_792_000, 13_928)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(3))
    }
    fn place_decision_deposit_preparing() -> Weight {
        // Shortest run: 53_540_000 ps.
        Weight::from_parts(56_825_000, 26_866)
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(4))
    }
    fn place_decision_deposit_queued() -> Weight {
        // Shortest run: 76_103_000 ps.
        Weight::from_parts(81_421_000, 13_928)
            .saturating_add(T::DbWeight::get().reads(4))
            .saturating_add(T::DbWeight::get().writes(4))
    }
    fn place_decision_deposit_not_queued() -> Weight {
        // Shortest run: 74_220_000 ps.
        Weight::from_parts(77_715_000, 13_928)
            .saturating_add(T::DbWeight::get().reads(4))
            .saturating_add(T::DbWeight::get().writes(4))
    }
    fn place_decision_deposit_passing() -> Weight {
        // Shortest run: 65_237_000 ps.
        Weight::from_parts(69_543_000, 26_866)
            .saturating_add(T::DbWeight::get().reads(4))
            .saturating_add(T::DbWeight::get().writes(5))
    }
    fn place_decision_deposit_failing() -> Weight {
        // Shortest run: 61_422_000 ps.
        Weight::from_parts(65_256_000, 26_866)
            .saturating_add(T::DbWeight::get().reads(4))
            .saturating_add(T::DbWeight::get().writes(5))
    }
    fn refund_decision_deposit() -> Weight {
        // Shortest run: 31_146_000 ps.
        Weight::from_parts(33_280_000, 3_831)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn refund_submission_deposit() -> Weight {
        // Shortest run: 30_805_000 ps.
        Weight::from_parts(32_749_000, 3_831)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn cancel() -> Weight {
        // Shortest run: 31_236_000 ps.
        Weight::from_parts(33_490_000, 13_928)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(3))
    }
    fn kill() -> Weight {
        // Shortest run: 100_569_000 ps.
        Weight::from_parts(105_486_000, 13_928)
            .saturating_add(T::DbWeight::get().reads(4))
            .saturating_add(T::DbWeight::get().writes(4))
    }
    fn one_fewer_deciding_queue_empty() -> Weight {
        // Shortest run: 12_799_000 ps.
        Weight::from_parts(14_291_000, 5_477)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn one_fewer_deciding_failing() -> Weight {
        // Shortest run: 52_288_000 ps.
        Weight::from_parts(57_225_000, 13_928)
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(3))
    }
    fn one_fewer_deciding_passing() -> Weight {
        // Shortest run: 54_701_000 ps.
        Weight::from_parts(61_691_000, 13_928)
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(3))
    }
    fn nudge_referendum_requeued_insertion() -> Weight {
        // Shortest run: 30_165_000 ps.
        Weight::from_parts(35_062_000, 5_477)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn nudge_referendum_requeued_slide() -> Weight {
        // Shortest run: 29_664_000 ps.
        Weight::from_parts(37_936_000, 5_477)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn nudge_referendum_queued() -> Weight {
        // Shortest run: 35_182_000 ps.
        Weight::from_parts(39_348_000, 5_477)
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn nudge_referendum_not_queued() -> Weight {
        // Shortest run: 33_009_000 ps.
        Weight::from_parts(36_134_000, 5_477)
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn nudge_referendum_no_deposit() -> Weight {
        // Shortest run: 23_846_000 ps.
        Weight::from_parts(26_259_000, 13_928)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn nudge_referendum_preparing() -> Weight {
        // Shortest run: 25_418_000 ps.
        Weight::from_parts(28_081_000, 13_928)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn nudge_referendum_timed_out() -> Weight {
        // Shortest run: 15_192_000 ps.
        Weight::from_parts(17_095_000, 3_831)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn nudge_referendum_begin_deciding_failing() -> Weight {
        // Shortest run: 33_189_000 ps.
        Weight::from_parts(36_925_000, 13_928)
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(3))
    }
    fn nudge_referendum_begin_deciding_passing() -> Weight {
        // Shortest run: 35_543_000 ps.
        Weight::from_parts(38_827_000, 13_928)
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(3))
    }
    fn nudge_referendum_begin_confirming() -> Weight {
        // Shortest run: 28_683_000 ps.
        Weight::from_parts(31_467_000, 13_928)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn nudge_referendum_end_confirming() -> Weight {
        // Shortest run: 28_823_000 ps.
        Weight::from_parts(31_366_000, 13_928)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn nudge_referendum_continue_not_confirming() -> Weight {
        // Shortest run: 27_711_000 ps.
        Weight::from_parts(30_085_000, 13_928)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn nudge_referendum_continue_confirming() -> Weight {
        // Shortest run: 27_191_000 ps.
        Weight::from_parts(29_404_000, 13_928)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn nudge_referendum_approved() -> Weight {
        // Shortest run: 41_672_000 ps.
        Weight::from_parts(45_317_000, 26_866)
            .saturating_add(T::DbWeight::get().reads(4))
            .saturating_add(T::DbWeight::get().writes(4))
    }
    fn nudge_referendum_rejected() -> Weight {
        // Shortest run: 28_823_000 ps.
        Weight::from_parts(32_248_000, 13_928)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn set_some_metadata() -> Weight {
        // Shortest run: 21_502_000 ps.
        Weight::from_parts(24_356_000, 3_831)
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn clear_metadata() -> Weight {
        // Shortest run: 17_215_000 ps.
        Weight::from_parts(19_659_000, 3_831)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(1))
    }
}
