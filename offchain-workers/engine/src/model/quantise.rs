//! From float parameters to integers, the same on every machine.
//!
//! Each result follows from one float value by operations that IEEE 754 defines to the last bit (a product that is exact,
//! one division, rounding), and scales by integers alone.

use lantern_exact::fixed::Scale;

/// Largest magnitude of a quantised weight.
const WEIGHT_MAX: f64 = 127.0;

/// Quantises one row of finite values to `out`: `round(w * 127 / amax)`, half away from zero, and returns the row's scale,
/// `amax / 127`.
pub(crate) fn row(values: &[f32], out: &mut [i8]) -> Scale {
    let amax = values.iter().fold(0f32, |amax, value| amax.max(value.abs()));
    if amax == 0.0 {
        out.fill(0);
        return Scale::ZERO_ROW;
    }
    let divisor = f64::from(amax);
    for (out, &value) in out.iter_mut().zip(values) {
        // The product has 31 significant bits and is exact; the quotient is rounded once; |quotient| <= 127.
        *out = round_small(f64::from(value) * WEIGHT_MAX / divisor) as i8;
    }
    let (mantissa, exponent) = decompose(amax);
    Scale::ratio(u64::from(mantissa), 127, exponent)
}

/// `value`, of magnitude at most 128, rounded half away from zero like `f64::round`, which is a call into the C library where a
/// processor's oldest instructions are all that may be used, and takes most of the time there.
fn round_small(value: f64) -> i32 {
    // The largest number below one half. Its sum with a fraction of one half or more is rounded to the next whole number or beyond, its
    // sum with a smaller one stays below.
    const BELOW_HALF: f64 = 0.499_999_999_999_999_94;
    // Changes nothing in the promised range, and makes a number of whatever else it might be.
    #[allow(clippy::manual_clamp)] // `clamp` lets what is no number through.
    let value = value.max(-128.0).min(128.0);
    // SAFETY: a number of magnitude below 129.
    unsafe { (value + BELOW_HALF.copysign(value)).to_int_unchecked() }
}

/// `value` in fixed point with `frac` fractional bits, half away from zero; `None` outside `i32`.
pub(crate) fn fixed(value: f32, frac: u32) -> Option<i32> {
    // A power of two: the product is exact in f64.
    let scaled = (f64::from(value) * (1u64 << frac) as f64).round();
    (scaled.abs() <= f64::from(i32::MAX)).then_some(scaled as i32)
}

/// `(m, e)` with `value = m * 2^e` for a positive finite value.
fn decompose(value: f32) -> (u32, i32) {
    let bits = value.to_bits();
    let (exponent, fraction) = ((bits >> 23) & 0xff, bits & 0x7f_ffff);
    if exponent == 0 {
        (fraction, -149)
    } else {
        (fraction | 0x80_0000, exponent as i32 - 150)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn real(scale: Scale) -> f64 {
        f64::from(scale.mant) * f64::from(scale.exp).exp2()
    }

    #[test]
    fn small_rounding_is_rounding_at_and_around_every_half() {
        for whole in -127i32..=127 {
            for fraction in [-0.5f64, 0.0, 0.5] {
                let middle = (f64::from(whole) + fraction).to_bits();
                for bits in middle.saturating_sub(100)..=middle.saturating_add(100) {
                    let value = f64::from_bits(bits);
                    // Around zero the neighbours' bits are those of tiny numbers, or of none.
                    if value.abs() <= 128.0 {
                        assert_eq!(round_small(value), value.round() as i32, "{value:e}");
                    }
                }
            }
        }
    }

    proptest! {
        #[test]
        fn small_rounding_is_rounding(value in -128f64..128.0) {
            prop_assert_eq!(round_small(value), value.round() as i32);
        }

        #[test]
        fn quantised_rows_are_within_half_a_step(values in prop::collection::vec(-1e6f32..1e6, 1..50)) {
            let mut out = vec![0; values.len()];
            let scale = row(&values, &mut out);
            prop_assert!(scale.is_valid());
            let amax = values.iter().fold(0f32, |a, v| a.max(v.abs()));
            prop_assume!(amax > 0.0);
            prop_assert!((real(scale) * 127.0 / f64::from(amax) - 1.0).abs() < 1e-7);
            for (q, v) in out.iter().zip(&values) {
                prop_assert!(*q > -128);
                prop_assert!((f64::from(*q) * real(scale) - f64::from(*v)).abs() <= real(scale) * 0.500_01);
            }
        }
    }

    #[test]
    fn extremes_keep_their_scale() {
        for amax in [f32::MAX, f32::MIN_POSITIVE, f32::from_bits(1), 1.0] {
            let mut out = [0i8; 3];
            let scale = row(&[amax, -amax, 0.0], &mut out);
            assert_eq!(out, [127, -127, 0]);
            assert!(scale.is_valid());
            assert!((real(scale) * 127.0 / f64::from(amax) - 1.0).abs() < 1e-6);
        }
        let mut out = [5i8; 2];
        assert_eq!(row(&[0.0, -0.0], &mut out), Scale::ZERO_ROW);
        assert_eq!(out, [0, 0]);
    }

    #[test]
    fn fixed_point_rounds_half_away_and_refuses_what_does_not_fit() {
        assert_eq!(fixed(0.5 / 65536.0, 16), Some(1));
        assert_eq!(fixed(-0.5 / 65536.0, 16), Some(-1));
        assert_eq!(fixed(32_767.0, 16), Some(32_767 << 16));
        assert_eq!(fixed(32_768.0, 16), None);
        assert_eq!(fixed(f32::MAX, 16), None);
    }
}
