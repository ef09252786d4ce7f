//! Matrix products.

use crate::fixed::{add_sat, epilogue, shift_to_i32, Scale, FRAC};

/// Exact dot product of a quantised row and a weight row.
///
/// `|q| <= 32,639 < 2^15`, `|w| <= 2^7`, length `< 2^17`: below 2^39. Per int8 plane the bound is `2^14 * 131,071 <
/// 2^31`, so a plane may be summed in i32.
pub fn dot(q: &[i16], w: &[i8]) -> i64 {
    q.iter().zip(w).map(|(a, b)| *a as i64 * *b as i64).sum()
}

/// The Q16 value of a dot product: `clamp(rsr(acc * m, s))` with `(m, s)` from [`epilogue`].
///
/// `|acc| < 2^39` and `m < 2^23`: the product is below 2^62.
pub const fn cell(acc: i64, row: Scale, weight: Scale) -> i32 {
    let (m, s) = epilogue(row, weight, FRAC);
    shift_to_i32(acc * m, s)
}

/// One row of activations times a matrix, plus a bias (empty for none).
///
/// `weights` is row-major, one row of `q.len()` values and one scale per element of `out`. `out` is Q16.
pub fn linear(q: &[i16], row: Scale, weights: &[i8], scales: &[Scale], bias: &[i32], out: &mut [i32]) {
    let width = q.len().max(1);
    for ((to, w), scale) in out.iter_mut().zip(weights.chunks(width)).zip(scales) {
        *to = cell(dot(q, w), row, *scale);
    }
    for (to, b) in out.iter_mut().zip(bias) {
        *to = add_sat(*to, *b);
    }
}

/// The two int8 planes of a wide activation: `q = 256 * high + low`.
pub const fn split_planes(q: i16) -> (i8, i8) {
    // |q| <= 32,639, so high is in [-127, 127] and low in [-128, 127].
    let high = (q as i32 + 128) >> 8;
    (high as i8, (q as i32 - high * 256) as i8)
}
