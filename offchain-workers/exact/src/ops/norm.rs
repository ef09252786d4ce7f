//! RMSNorm and LayerNorm.

use super::Quantiser;
use crate::fixed::{add_sat, sat32, shift_to_i32, Scale};

/// Fractional bits of a normalised element before its gain: `|n| <= sqrt(131,071) < 363`, so Q22 fits an i32.
const NORMALISED_FRAC: i32 = 22;

/// Exact sum of squares of a Q16 row, in Q32: below `2^17 * 2^62 = 2^79`.
///
/// A kernel may sum the low and high 32 bits of the squares in two u64 lanes.
pub fn sum_of_squares(x: &[i32]) -> u128 {
    x.iter()
        .map(|v| v.unsigned_abs() as u64 * v.unsigned_abs() as u64)
        .map(u128::from)
        .sum()
}

/// `1 / sqrt(sum / n + eps)` for a sum of squares in Q32 and `eps` in Q64.
///
/// Relative error below 2^-23. `n` is the row's length, at least 1.
pub const fn inv_rms(sum: u128, n: u32, eps: u64) -> Scale {
    let n = if n == 0 { 1 } else { n };
    // n * (mean square + eps) in Q64: below 2^111 + 2^81.
    let total = (sum << 32) + n as u128 * eps as u128;
    if total == 0 {
        return Scale::ONE;
    }
    let up = total.leading_zeros() & !1;
    Scale::inv_sqrt((total << up) / n as u128, up as i32 + 64)
}

/// RMSNorm fused with quantisation: `z = x * gain`, quantised; the factor 1/rms is common to the row and enters only
/// its scale. `gain` has `frac` fractional bits. Returns the row's scale.
pub fn rmsnorm_quantise(x: &[i32], gain: &[i32], frac: u32, eps: u64, qmax: u32, out: &mut [i16]) -> Scale {
    let inv = inv_rms(sum_of_squares(x), x.len() as u32, eps);
    // |x|, |gain| <= 2^31: products at most 2^62.
    let products = || x.iter().zip(gain).map(|(a, g)| *a as i64 * *g as i64);
    let amax = products().map(i64::unsigned_abs).max().unwrap_or(0);
    let unit = Scale {
        mant: inv.mant,
        exp: inv.exp.saturating_sub(16 + frac as i32),
    };
    let quantiser = Quantiser::new(amax, qmax, unit);
    for (to, z) in out.iter_mut().zip(products()) {
        *to = quantiser.apply(z) as i16;
    }
    quantiser.scale
}

/// One element: normalise to Q22, apply the gain, round to Q16.
const fn scaled(centred: i32, inv: Scale, gain: i32, frac: u32) -> i32 {
    // |centred| <= 2^31, mant < 2^24: below 2^55. Q16 * inv -> Q22 is a left shift by 6.
    let n = shift_to_i32(
        centred as i64 * inv.mant as i64,
        0i32.saturating_sub(inv.exp.saturating_add(NORMALISED_FRAC - 16)),
    );
    // below 2^62
    shift_to_i32(n as i64 * gain as i64, NORMALISED_FRAC + frac as i32 - 16)
}

/// RMSNorm to Q16, in place. Used for the query and key norms of single heads.
pub fn rmsnorm(x: &mut [i32], gain: &[i32], frac: u32, eps: u64) {
    let inv = inv_rms(sum_of_squares(x), x.len() as u32, eps);
    for (v, g) in x.iter_mut().zip(gain) {
        *v = scaled(*v, inv, *g, frac);
    }
}

/// Mean of a Q16 row rounded half up to Q16; 0 for an empty row.
pub fn mean(x: &[i32]) -> i32 {
    if x.is_empty() {
        return 0;
    }
    let n = x.len() as i64;
    // below 2^31 * 2^17
    let sum: i64 = x.iter().map(|v| *v as i64).sum();
    (2 * sum + n).div_euclid(2 * n) as i32
}

/// LayerNorm to Q16, in place: centre (saturating), divide by the root of variance plus `eps`, gain, bias.
pub fn layernorm(x: &mut [i32], gain: &[i32], frac: u32, bias: &[i32], eps: u64) {
    let middle = mean(x) as i64;
    for v in x.iter_mut() {
        *v = sat32(*v as i64 - middle);
    }
    let inv = inv_rms(sum_of_squares(x), x.len() as u32, eps);
    for ((v, g), b) in x.iter_mut().zip(gain).zip(bias) {
        *v = add_sat(scaled(*v, inv, *g, frac), *b);
    }
}
