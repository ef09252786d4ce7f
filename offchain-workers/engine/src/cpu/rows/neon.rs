//! Row operators for NEON, four elements at a time in 64-bit lanes.
//!
//! Only the passes over a row are vectors; everything that happens once per row is the definition's own code, and so are
//! the tables of SiLU and GELU, because NEON cannot gather.

use super::{UNIT_Q16, UNIT_Q32};
use crate::cpu::neon::{left_by, load, shift_to_i32, store, Wide4, LANES};
use lantern_exact::{
    fixed::Scale,
    ops::{self, Quantiser},
};
use std::arch::aarch64::*;

/// `x` in 64 bits.
#[target_feature(enable = "neon")]
#[inline]
fn widen(x: int32x4_t) -> Wide4 {
    [vmovl_s32(vget_low_s32(x)), vmovl_high_s32(x)]
}

/// `a * b`.
#[target_feature(enable = "neon")]
#[inline]
fn multiply(a: int32x4_t, b: int32x4_t) -> Wide4 {
    [vmull_s32(vget_low_s32(a), vget_low_s32(b)), vmull_high_s32(a, b)]
}

/// Quantises the row of `out.len()` numbers that `z(at)` gives four at a time (zero beyond the end).
#[target_feature(enable = "neon")]
#[inline]
fn quantise(z: impl Fn(usize) -> Wide4, amax: u64, qmax: u32, unit: Scale, out: &mut [i16]) -> Scale {
    let quantiser = Quantiser::new(amax, qmax, unit);
    let shift = vdupq_n_s64(-i64::from(quantiser.shift));
    let k = vdupq_n_s64(-i64::from(quantiser.k));
    // Below 2^31.
    let recip = vdupq_n_s32(quantiser.recip as i32);
    for (part, out) in out.chunks_mut(LANES).enumerate() {
        let [low, high] = z(part * LANES);
        // |n| <= 2^30, so the narrowing loses nothing.
        let n = vmovn_high_s64(vmovn_s64(vrshlq_s64(low, shift)), vrshlq_s64(high, shift));
        let [low, high] = multiply(n, recip);
        // |q| <= qmax < 2^15.
        let q = vmovn_s32(vmovn_high_s64(vmovn_s64(vrshlq_s64(low, k)), vrshlq_s64(high, k)));
        let mut lanes = [0; LANES];
        // SAFETY: `lanes` has four values.
        unsafe { vst1_s16(lanes.as_mut_ptr(), q) };
        out.copy_from_slice(&lanes[..out.len()]);
    }
    quantiser.scale
}

/// Largest magnitude of the `len` numbers, each at most 2^62, that `z(at)` gives.
#[target_feature(enable = "neon")]
#[inline]
fn largest(len: usize, z: impl Fn(usize) -> Wide4) -> u64 {
    let mut amax = [vdupq_n_s64(0); 2];
    for at in (0..len).step_by(LANES) {
        for (amax, z) in amax.iter_mut().zip(z(at)) {
            let magnitude = vabsq_s64(z);
            *amax = vbslq_s64(vcgtq_s64(magnitude, *amax), magnitude, *amax);
        }
    }
    let lanes = amax.map(|amax| vgetq_lane_s64::<0>(amax).max(vgetq_lane_s64::<1>(amax)));
    lanes[0].max(lanes[1]) as u64
}

/// See [`ops::quantise_row`].
#[target_feature(enable = "neon")]
pub(super) fn quantise_row(x: &[i32], qmax: u32, out: &mut [i16]) -> Scale {
    let mut amax = vdupq_n_u32(0);
    for at in (0..x.len()).step_by(LANES) {
        // The magnitude of the smallest i32 is 2^31, which is right when read as unsigned.
        amax = vmaxq_u32(amax, vreinterpretq_u32_s32(vabsq_s32(load(x, at))));
    }
    let amax = u64::from(vmaxvq_u32(amax));
    quantise(|at| widen(load(x, at)), amax, qmax, UNIT_Q16, &mut out[..x.len()])
}

/// [`ops::sum_of_squares`] by halves: each lane sums at most 2^17 / 2 numbers below 2^32.
#[target_feature(enable = "neon")]
#[inline]
fn sum_of_squares(x: &[i32]) -> u128 {
    let low_half = vdupq_n_u64(0xffff_ffff);
    let (mut low, mut high) = (vdupq_n_u64(0), vdupq_n_u64(0));
    for at in (0..x.len()).step_by(LANES) {
        let value = load(x, at);
        for square in multiply(value, value).map(|square| vreinterpretq_u64_s64(square)) {
            low = vaddq_u64(low, vandq_u64(square, low_half));
            high = vsraq_n_u64::<32>(high, square);
        }
    }
    (u128::from(vaddvq_u64(high)) << 32) + u128::from(vaddvq_u64(low))
}

/// Quantises `a * b`.
#[target_feature(enable = "neon")]
#[inline]
fn quantise_products(a: &[i32], b: &[i32], qmax: u32, unit: Scale, out: &mut [i16]) -> Scale {
    let (b, out) = (&b[..a.len()], &mut out[..a.len()]);
    let products = |at: usize| multiply(load(a, at), load(b, at));
    let amax = largest(a.len(), products);
    quantise(products, amax, qmax, unit, out)
}

/// See [`ops::rmsnorm_quantise`].
#[target_feature(enable = "neon")]
pub(super) fn rmsnorm_quantise(x: &[i32], gain: &[i32], frac: u32, eps: u64, qmax: u32, out: &mut [i16]) -> Scale {
    let inv = ops::inv_rms(sum_of_squares(x), x.len() as u32, eps);
    let unit = Scale {
        mant: inv.mant,
        exp: inv.exp.saturating_sub(16 + frac as i32),
    };
    quantise_products(x, gain, qmax, unit, out)
}

/// See [`ops::silu_gate_quantise`]; leaves `silu(gate)` in `gate`.
#[target_feature(enable = "neon")]
pub(super) fn silu_gate_quantise(gate: &mut [i32], up: &[i32], qmax: u32, out: &mut [i16]) -> Scale {
    gate.iter_mut().for_each(|gate| *gate = ops::silu(*gate));
    quantise_products(gate, up, qmax, UNIT_Q32, out)
}

/// See [`ops::gelu_quantise`]; leaves `gelu(x)` in `x`.
#[target_feature(enable = "neon")]
pub(super) fn gelu_quantise(x: &mut [i32], qmax: u32, out: &mut [i16]) -> Scale {
    x.iter_mut().for_each(|x| *x = ops::gelu(*x));
    quantise_row(x, qmax, out)
}

/// See [`ops::rope_row`].
#[target_feature(enable = "neon")]
pub(super) fn rope_row(head: &mut [i32], cos: &[i32], sin: &[i32]) {
    let half = head.len() / 2;
    let (first, second) = head.split_at_mut(half);
    let (cos, sin) = (&cos[..half], &sin[..half]);
    // Rounds and saturates.
    let narrow = |[low, high]: Wide4| vqrshrn_high_n_s64::<30>(vqrshrn_n_s64::<30>(low), high);
    for at in (0..half).step_by(LANES) {
        let (x, y, c, s) = (load(first, at), load(second, at), load(cos, at), load(sin, at));
        let ([xc0, xc1], [ys0, ys1]) = (multiply(x, c), multiply(y, s));
        let ([yc0, yc1], [xs0, xs1]) = (multiply(y, c), multiply(x, s));
        store(narrow([vsubq_s64(xc0, ys0), vsubq_s64(xc1, ys1)]), &mut first[at..]);
        store(
            narrow([vaddq_s64(yc0, xs0), vaddq_s64(yc1, xs1)]),
            &mut second[at..half],
        );
    }
}

/// See [`ops::layernorm`].
#[target_feature(enable = "neon")]
pub(super) fn layernorm(x: &mut [i32], gain: &[i32], frac: u32, bias: &[i32], eps: u64) {
    /// Fractional bits of a normalised element, as in the definition.
    const NORMALISED_FRAC: i32 = 22;
    let len = x.len();
    let (gain, bias) = (&gain[..len], &bias[..len]);
    let centre = vdupq_n_s32(ops::mean(x));
    for at in (0..len).step_by(LANES) {
        store(vqsubq_s32(load(x, at), centre), &mut x[at..]);
    }
    let inv = ops::inv_rms(sum_of_squares(x), len as u32, eps);
    let mant = vdupq_n_s32(inv.mant as i32);
    let first = [left_by(inv.exp.saturating_add(NORMALISED_FRAC - 16)); 2];
    let second = [left_by(-(NORMALISED_FRAC + frac as i32 - 16)); 2];
    for at in (0..len).step_by(LANES) {
        let n = shift_to_i32(multiply(load(x, at), mant), first);
        let scaled = shift_to_i32(multiply(n, load(gain, at)), second);
        store(vqaddq_s32(scaled, load(bias, at)), &mut x[at..]);
    }
}

/// See [`ops::add_row`].
#[target_feature(enable = "neon")]
pub(super) fn add_row(x: &mut [i32], delta: &[i32]) {
    let delta = &delta[..x.len()];
    for at in (0..x.len()).step_by(LANES) {
        store(vqaddq_s32(load(x, at), load(delta, at)), &mut x[at..]);
    }
}
