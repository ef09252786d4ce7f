//! The curve: monotonic, capped, and what it says it is.

use lantern_primitives::Balance;
use proptest::prelude::*;
use sp_runtime::Perquintill;

use crate::{mock::*, IssuanceCurve};

const DAY_MS: u64 = 86_400_000;
/// 2^(-1/1461): halves what remains in four years of days.
const FOUR_YEAR_HALVING: Perquintill = Perquintill::from_parts(999_525_679_137_250_414);

fn set(cap: Balance, period: u64, keep: Perquintill) {
    Cap::set(cap);
    Period::set(period);
    Keep::set(keep);
}

/// What remains by one product a period, each rounded down: the plain reading of the definition.
fn remaining_step_by_step(periods: u64) -> Balance {
    let mut part = Perquintill::one();
    for _ in 0..periods {
        part = Perquintill::from_parts(
            (u128::from(part.deconstruct()) * u128::from(Keep::get().deconstruct()) / 1_000_000_000_000_000_000) as u64,
        );
    }
    // Whole and fraction apart, so that no product leaves u128.
    let (whole, rest) = (
        Cap::get() / 1_000_000_000_000_000_000,
        Cap::get() % 1_000_000_000_000_000_000,
    );
    whole * u128::from(part.deconstruct()) + rest * u128::from(part.deconstruct()) / 1_000_000_000_000_000_000
}

#[test]
fn half_is_released_after_one_half_life() {
    set(1_000_000_000 * LUX, DAY_MS, FOUR_YEAR_HALVING);
    let released = Curve::released_by(1461 * DAY_MS);
    let half = Cap::get() / 2;
    // One part in 10^13: the parameter has 18 digits, and 1461 products lose at most one unit of its last digit each.
    assert!(
        released.abs_diff(half) < half / 10_000_000_000_000,
        "{released} is not {half}"
    );
}

#[test]
fn within_a_period_release_is_even() {
    set(1_000, 10, Perquintill::from_percent(50));
    let values: Vec<_> = (0..=20).map(Curve::released_by).collect();
    let first: Vec<Balance> = (0..=10).map(|ms| ms * 50).collect();
    let second: Vec<Balance> = (1..=10).map(|ms| 500 + ms * 25).collect();
    assert_eq!(values, [first, second].concat());
}

#[test]
fn all_is_released_in_the_end_and_never_more() {
    set(1_000_000_000 * LUX, DAY_MS, FOUR_YEAR_HALVING);
    assert!(Curve::released_by(100 * 365 * DAY_MS) < Cap::get());
    assert_eq!(Curve::released_by(u64::MAX), Cap::get());
}

#[test]
fn degenerate_parameters_stay_in_bounds() {
    for keep in [Perquintill::zero(), Perquintill::one()] {
        for period in [0, 1, u64::MAX] {
            set(Balance::MAX, period, keep);
            let values = [0, 1, u64::MAX - 1, u64::MAX].map(Curve::released_by);
            assert!(values.is_sorted(), "{values:?}");
            assert_eq!(Curve::released_by(0), 0);
        }
    }
    set(77, 10, Perquintill::one());
    assert_eq!(
        Curve::released_by(u64::MAX),
        0,
        "a curve that keeps everything releases nothing"
    );
    set(77, 10, Perquintill::zero());
    assert_eq!(
        Curve::released_by(10),
        77,
        "a curve that keeps nothing releases all in one period"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn curve_never_falls_and_never_exceeds_its_cap(
        cap in any::<Balance>(),
        period in 1..10_000_000u64,
        keep in 0..=1_000_000_000_000_000_000u64,
        from in 0..u64::MAX / 2,
        by in prop_oneof![0..3u64, 0..1_000_000u64, 0..u64::MAX / 2],
    ) {
        set(cap, period, Perquintill::from_parts(keep));
        let (earlier, later) = (Curve::released_by(from), Curve::released_by(from + by));
        prop_assert!(earlier <= later);
        prop_assert!(later <= cap);
    }

    #[test]
    fn remaining_never_rises_from_one_period_to_the_next(
        cap in any::<Balance>(),
        keep in prop_oneof![0..=1_000_000_000_000_000_000u64, 999_000_000_000_000_000..=1_000_000_000_000_000_000u64],
        // Exponents around powers of two take the most different ways through the squarings.
        bit in 0..20u32,
        around in 0..8u64,
    ) {
        set(cap, 1, Perquintill::from_parts(keep));
        let periods = ((1u64 << bit) + around).saturating_sub(4);
        prop_assert!(Curve::remaining_after(periods) >= Curve::remaining_after(periods + 1));
    }

    #[test]
    fn squaring_agrees_with_one_product_a_period(
        cap in 0..1_000_000_000 * LUX,
        keep in 900_000_000_000_000_000..=1_000_000_000_000_000_000u64,
        periods in 0..3_000u64,
    ) {
        set(cap, 1, Perquintill::from_parts(keep));
        // Either way a product loses less than 10^-18; squaring doubles what was lost, so `2 * periods` bounds both.
        let bound = (cap / 1_000_000_000_000_000_000 + 1) * 2 * Balance::from(periods) + 2;
        let (squared, stepped) = (Curve::remaining_after(periods), remaining_step_by_step(periods));
        prop_assert!(squared.abs_diff(stepped) <= bound, "{squared} and {stepped}");
    }
}
