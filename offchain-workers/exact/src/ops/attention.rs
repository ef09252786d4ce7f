//! Attention: quantised heads, scores, softmax and the mix of values.

use super::{key_max, Quantiser, QUERY_MAX, VALUE_MAX};
use crate::{
    fixed::{bits, epilogue, exp2_neg, rsr, shift_to_i32, Scale, FRAC},
    Width,
};

/// `2^-16`: what one unit of a Q16 number is worth.
const UNIT_Q16: Scale = Scale {
    mant: 1 << 23,
    exp: -39,
};
/// `log2 e`, rounded to 24 bits.
const LOG2_E: Scale = Scale::normalise(6_653_256_548_922_161_246, -62);

fn quantiser(head: &[i32], qmax: u32) -> Quantiser {
    let amax = head.iter().map(|v| v.unsigned_abs()).max().unwrap_or(0);
    Quantiser::new(amax as u64, qmax, UNIT_Q16)
}

/// Quantises one query head (Q16). The returned scale has [`score_scale`] multiplied in.
pub fn quantise_queries(head: &[i32], out: &mut [i16]) -> Scale {
    let quantiser = quantiser(head, QUERY_MAX);
    for (to, from) in out.iter_mut().zip(head) {
        *to = quantiser.apply(*from as i64) as i16;
    }
    quantiser.scale.mul(score_scale(head.len() as u32))
}

/// Quantises one key head (Q16) for the cache and returns its scale.
pub fn quantise_keys(head: &[i32], width: Width, out: &mut [i16]) -> Scale {
    let quantiser = quantiser(head, key_max(width));
    for (to, from) in out.iter_mut().zip(head) {
        *to = quantiser.apply(*from as i64) as i16;
    }
    quantiser.scale
}

/// Quantises one value head (Q16) for the cache and returns its scale.
pub fn quantise_values(head: &[i32], out: &mut [i8]) -> Scale {
    let quantiser = quantiser(head, VALUE_MAX);
    for (to, from) in out.iter_mut().zip(head) {
        *to = quantiser.apply(*from as i64) as i8;
    }
    quantiser.scale
}

/// `log2(e) / sqrt(head_dim)`: scores are in units of log2, so that softmax is a power of two.
pub const fn score_scale(head_dim: u32) -> Scale {
    LOG2_E.mul(Scale::inv_sqrt(head_dim as u128, 0))
}

/// Exact dot product of a query and a key: below `2^13 * 2^14 * 2^8 = 2^35`.
pub fn dot_head(query: &[i16], key: &[i16]) -> i64 {
    query.iter().zip(key).map(|(a, b)| *a as i64 * *b as i64).sum()
}

/// Score in Q16 (log2 units) of a dot product; `query` is the scale from [`quantise_queries`].
pub const fn score(dot: i64, query: Scale, key: Scale) -> i32 {
    let (m, s) = epilogue(query, key, FRAC);
    shift_to_i32(dot * m, s)
}

/// What [`softmax`] leaves besides the weights.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Softmax {
    /// Sum of the unnormalised exponentials, Q24: at least 2^24 (the largest score gives exactly that), at most
    /// `2^24 * 2^20 = 2^44`.
    pub sum: u64,
    /// Largest exponent among the visible value scales; weights are aligned to it.
    pub exp: i32,
}

/// Turns scores into integer weights that carry the value scales.
///
/// `e = exp2_neg(max - score)` in Q24; `weight = rsr(e * mant, 28 + exp_max - exp)` with the value scale's `mant` and
/// `exp`. A weight is at most 2^20. All slices have the number of visible positions, at least 1.
pub fn softmax(scores: &[i32], value_scales: &[Scale], weights: &mut [u32]) -> Softmax {
    let top = scores.iter().copied().max().unwrap_or(0);
    let exp = value_scales.iter().map(|s| s.exp).max().unwrap_or(0);
    let mut sum = 0u64;
    for ((to, s), scale) in weights.iter_mut().zip(scores).zip(value_scales) {
        // Both are i32, the difference fits u32.
        let e = exp2_neg((top as i64 - *s as i64) as u32);
        sum += e as u64;
        // e <= 2^24, mant < 2^24: e * mant < 2^48, and rounded at bit 28 at most 2^20.
        let shift = 28 + exp.saturating_sub(scale.exp).clamp(0, 64) as u32;
        *to = rsr(e as i64 * scale.mant as i64, shift) as u32;
    }
    Softmax { sum, exp }
}

/// Adds `weight * value` into `acc`, exactly.
///
/// Weights are at most 2^20 and values at most 127: sixteen products fit an i32, and 2^20 positions stay below 2^47.
pub fn mix(weight: u32, values: &[i8], acc: &mut [i64]) {
    for (to, v) in acc.iter_mut().zip(values) {
        *to += weight as i64 * *v as i64;
    }
}

/// One component of a head's output in Q16: `acc * 2^(28 + exp) / sum`.
///
/// `|acc| <= 127 (sum / 16 + T / 2) < 12 sum` for `T <= 2^20` positions, since `sum >= 2^24`. Shifted right by
/// `bits(sum) - 32` (if positive) it is below 2^36, times a 24-bit mantissa below 2^60.
pub fn finish_mix(acc: i64, softmax: &Softmax) -> i32 {
    let down = bits(softmax.sum).saturating_sub(32);
    let recip = Scale::ratio(1, softmax.sum, 0);
    let exponent = (down as i32 + 28 + FRAC)
        .saturating_add(recip.exp)
        .saturating_add(softmax.exp);
    shift_to_i32(rsr(acc, down) * recip.mant as i64, exponent.saturating_neg())
}
