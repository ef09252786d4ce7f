//! What the NEON kernels share: scales and rounding shifts on four lanes, and loads and stores of row ends.
//!
//! NEON's own shifts are the definition's: `SRSHL` rounds half up without overflow like `rsr`, and `SQRSHL` followed by
//! `SQXTN` also saturates like `shift_to_i32`, to the left as well, so no shift needs a path of its own.

use lantern_exact::fixed::{Scale, FRAC};
use std::arch::aarch64::*;

/// Values of a 32-bit vector.
pub(super) const LANES: usize = 4;

/// Four 64-bit numbers.
pub(super) type Wide4 = [int64x2_t; 2];

/// [`lantern_exact::fixed::epilogue`] of one row's scale with four others.
pub(super) struct Epilogue {
    m: int32x4_t,
    left: int32x4_t,
}

impl Epilogue {
    /// For the scale `row` and the four scales whose parts are in `mant` and `exp`.
    #[target_feature(enable = "neon")]
    #[inline]
    pub(super) fn new(row: Scale, mant: uint32x4_t, exp: int32x4_t) -> Self {
        let row_mant = vdupq_n_u32(row.mant);
        // A product is below 2^48, and rounded at bit 25 below 2^23.
        let low = vrshrn_n_u64::<25>(vmull_u32(vget_low_u32(mant), vget_low_u32(row_mant)));
        let m = vrshrn_high_n_u64::<25>(low, vmull_high_u32(mant, row_mant));
        let exp = vqaddq_s32(vdupq_n_s32(row.exp), exp);
        let exp = vqaddq_s32(exp, vdupq_n_s32(25 + FRAC));
        Self {
            m: vreinterpretq_s32_u32(m),
            left: vmaxq_s32(vminq_s32(exp, vdupq_n_s32(MAX_SHIFT)), vdupq_n_s32(-MAX_SHIFT)),
        }
    }

    /// The Q16 numbers of four exact sums, given as `high * 2^BITS + low`; a sum is below 2^39.
    #[target_feature(enable = "neon")]
    #[inline]
    pub(super) fn finish<const BITS: i32>(&self, high: int32x4_t, low: int32x4_t) -> int32x4_t {
        // sum * m, exactly: m < 2^23, so below 2^62 as in the definition.
        let (m, left) = (self.m, self.left);
        let scaled_low = vshlq_n_s64::<BITS>(vmull_s32(vget_low_s32(high), vget_low_s32(m)));
        let scaled_low = vmlal_s32(scaled_low, vget_low_s32(low), vget_low_s32(m));
        let scaled_high = vmlal_high_s32(vshlq_n_s64::<BITS>(vmull_high_s32(high, m)), low, m);
        shift_to_i32(
            [scaled_low, scaled_high],
            [vmovl_s32(vget_low_s32(left)), vmovl_high_s32(left)],
        )
    }

    /// The Q16 numbers of four exact sums, each below 2^39.
    #[target_feature(enable = "neon")]
    #[inline]
    pub(super) fn finish_wide(&self, sums: Wide4) -> int32x4_t {
        let [(high0, low0), (high1, low1)] = sums.map(|sum| halves(sum));
        self.finish::<HALF>(vcombine_s32(high0, high1), vcombine_s32(low0, low1))
    }
}

/// Shift counts beyond this act like it: the instructions read a count from a signed byte, and 64 bits are gone by then.
const MAX_SHIFT: i32 = 127;

/// Bits of the lower part of a 64-bit factor, which NEON can only multiply in pieces.
const HALF: i32 = 16;

/// `x = high * 2^16 + low` for `|x| < 2^47`.
#[target_feature(enable = "neon")]
#[inline]
fn halves(x: int64x2_t) -> (int32x2_t, int32x2_t) {
    let low = vandq_s64(x, vdupq_n_s64((1 << HALF) - 1));
    (vshrn_n_s64::<HALF>(x), vmovn_s64(low))
}

/// `x * m` for `|x| < 2^47`; the product must fit 64 bits.
#[target_feature(enable = "neon")]
#[inline]
pub(super) fn times(x: int64x2_t, m: int32x2_t) -> int64x2_t {
    let (high, low) = halves(x);
    vmlal_s32(vshlq_n_s64::<HALF>(vmull_s32(high, m)), low, m)
}

/// The count that makes [`shift_to_i32`] multiply by `2^exponent`.
#[target_feature(enable = "neon")]
#[inline]
pub(super) fn left_by(exponent: i32) -> int64x2_t {
    vdupq_n_s64(i64::from(exponent.clamp(-MAX_SHIFT, MAX_SHIFT)))
}

/// [`lantern_exact::fixed::shift_to_i32`] of four numbers, to the left by `left` (negative: to the right).
#[target_feature(enable = "neon")]
#[inline]
pub(super) fn shift_to_i32(x: Wide4, left: Wide4) -> int32x4_t {
    let low = vqmovn_s64(vqrshlq_s64(x[0], left[0]));
    vqmovn_high_s64(low, vqrshlq_s64(x[1], left[1]))
}

/// Values `at..at + 4` of `x`, zero beyond the end.
#[target_feature(enable = "neon")]
#[inline]
pub(super) fn load(x: &[i32], at: usize) -> int32x4_t {
    let left = &x[at..];
    if left.len() >= LANES {
        // SAFETY: four values are in bounds.
        return unsafe { vld1q_s32(left.as_ptr()) };
    }
    let mut lanes = [0; LANES];
    lanes[..left.len()].copy_from_slice(left);
    // SAFETY: `lanes` has four values.
    unsafe { vld1q_s32(lanes.as_ptr()) }
}

/// Writes the lanes of `values` to the start of `target`: four, or as many as it has.
#[target_feature(enable = "neon")]
#[inline]
pub(super) fn store(values: int32x4_t, target: &mut [i32]) {
    if target.len() >= LANES {
        // SAFETY: four values are in bounds.
        unsafe { vst1q_s32(target.as_mut_ptr(), values) };
        return;
    }
    let mut lanes = [0; LANES];
    // SAFETY: `lanes` has four values.
    unsafe { vst1q_s32(lanes.as_mut_ptr(), values) };
    target.copy_from_slice(&lanes[..target.len()]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use lantern_exact::fixed::{self, MANT_MAX, MANT_MIN};

    fn lanes(values: int32x4_t) -> [i32; LANES] {
        let mut out = [0; LANES];
        // SAFETY: NEON is part of every target that these tests are built for.
        unsafe { store(values, &mut out) };
        out
    }

    #[test]
    fn shifts_equal_their_definition_for_every_count_and_extreme() {
        let magnitudes = (0..62).flat_map(|bit| [-1, 0, 1].map(|near| (1i64 << bit) + near));
        let numbers: Vec<i64> = magnitudes.flat_map(|x| [x, -x]).collect();
        for exponent in (-600..=600).chain([i32::MIN, i32::MAX]) {
            for &x in &numbers {
                // SAFETY: as above.
                let out = unsafe { shift_to_i32([vdupq_n_s64(x); 2], [left_by(exponent); 2]) };
                assert_eq!(
                    lanes(out),
                    [fixed::shift_to_i32(x, exponent.saturating_neg()); LANES],
                    "{x} {exponent}"
                );
            }
        }
    }

    #[test]
    fn epilogues_equal_their_definition_for_every_scale_and_extreme() {
        let sums = [
            0,
            1,
            -1,
            65_535,
            65_536,
            -65_537,
            (1 << 39) - 1,
            1 - (1 << 39),
            0x55_5555_5555,
        ];
        for mant in [MANT_MIN, MANT_MIN + 1, 0xaa_aaab, MANT_MAX] {
            let row = Scale { mant, exp: -31 };
            for exp in (-512..=512).chain([i32::MIN, i32::MAX]) {
                let others = [MANT_MIN, MANT_MAX, mant, 0xd5_5555].map(|mant| Scale { mant, exp });
                for sum in sums {
                    let want = others.map(|other| {
                        let (m, s) = fixed::epilogue(row, other, FRAC);
                        fixed::shift_to_i32(sum * m, s)
                    });
                    // SAFETY: as above, and `mants` has four values.
                    let out = unsafe {
                        let mants = others.map(|other| other.mant);
                        let epilogue = Epilogue::new(row, vld1q_u32(mants.as_ptr()), vdupq_n_s32(exp));
                        epilogue.finish_wide([vdupq_n_s64(sum); 2])
                    };
                    assert_eq!(lanes(out), want, "{sum} {mant} {exp}");
                }
            }
        }
    }
}
