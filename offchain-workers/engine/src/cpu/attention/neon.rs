//! Attention for NEON: sixteen positions' scores at a time; values mixed by `SDOT` with the weights as three byte planes, or
//! by 32-bit products without it.

use super::{groups_of, HeadView, Scratch, KEY_BLOCK, VALUE_GROUP, VALUE_PAD};
use crate::cpu::{
    memory::reserve,
    neon::{left_by, shift_to_i32, store, times, Epilogue, LANES},
};
use lantern_exact::{
    fixed::{bits, Scale, EXP2_COEFFICIENTS, FRAC},
    ops::Softmax,
};
use std::arch::{aarch64::*, asm};

/// Pairs of components whose products may be added in 32 bits, one a lane: 16 * 8,191 * 16,383 = 2,147,090,448 < 2^31.
const PAIRS_PER_SUM: usize = 16;
/// Groups of four positions whose products may be added in 32 bits, one a lane: 16 * 2^20 * 127 = 2,130,706,432 < 2^31.
const GROUPS_PER_SUM: usize = 16;

/// Planes of a weight, which is at most 2^20.
const PLANES: usize = 3;
/// Bits of a plane, so that it is a non-negative signed byte.
const PLANE_BITS: i32 = 7;
/// Groups whose dot products with a plane may be added in 32 bits: 32,768 * 4 * 127 * 127 = 2,114,060,288 < 2^31.
const GROUPS_PER_DOT: usize = 32_768;

/// Exact sums of the sixteen components of a [`VALUE_PAD`], two a vector.
type Totals = [int64x2_t; VALUE_PAD / 2];

/// Outputs (Q16) of the query heads in `queries` over the first `visible` positions of `view`.
///
/// # Safety
/// Needs NEON, and dot products when `DOT` is set.
#[target_feature(enable = "neon")]
pub(super) unsafe fn attend<const DOT: bool>(
    view: &HeadView<'_>,
    queries: &[i16],
    scales: &[Scale],
    visible: usize,
    scratch: &mut Scratch,
    out: &mut [i32],
) {
    let (dim, heads) = (view.dim, scales.len());
    let padded = visible.next_multiple_of(KEY_BLOCK);
    scratch.scores.resize(padded, 0);
    scratch.weights.resize(padded, 0);
    reserve(&mut scratch.bytes, PLANES * padded * 2);
    let mut head = 0;
    while head < heads {
        // Two heads of a group share the loads of values in the dot products, whose sums then fill the registers.
        let count = if DOT { (heads - head).min(2) } else { 1 };
        let mut sums = [Softmax { sum: 1, exp: 0 }; 2];
        for (index, sum) in sums.iter_mut().enumerate().take(count) {
            let query = &queries[(head + index) * dim..][..dim];
            score(view, query, scales[head + index], visible, &mut scratch.scores);
            *sum = softmax(view, &scratch.scores, visible, &mut scratch.weights);
            if DOT {
                let bytes = &mut scratch.bytes[index * PLANES * padded..][..PLANES * padded];
                split_planes(&scratch.weights, bytes);
            }
        }
        let out = &mut out[head * dim..(head + count) * dim];
        match (DOT, count) {
            // SAFETY: dot products are there, and both heads' planes are filled.
            (true, 2) => unsafe { mix_dot::<2>(view, &scratch.bytes, padded, visible, &sums, out) },
            // SAFETY: as above, for one head.
            (true, _) => unsafe { mix_dot::<1>(view, &scratch.bytes, padded, visible, &sums, out) },
            (false, _) => mix(view, &scratch.weights, visible, &sums[0], out),
        }
        head += count;
    }
}

/// Scores (Q16) of the first `visible` positions; the rest of the last block is `i32::MIN`.
#[target_feature(enable = "neon")]
fn score(view: &HeadView<'_>, query: &[i16], scale: Scale, visible: usize, scores: &mut [i32]) {
    let pairs = view.dim / 2;
    for (block, scores) in scores.chunks_exact_mut(KEY_BLOCK).enumerate() {
        let first = block * KEY_BLOCK;
        let keys = view.keys(first);
        // Two positions a vector.
        let mut dots = [vdupq_n_s64(0); KEY_BLOCK / 2];
        for start in (0..pairs).step_by(PAIRS_PER_SUM) {
            let mut sums = [vdupq_n_s32(0); KEY_BLOCK / 2];
            for pair in start..(start + PAIRS_PER_SUM).min(pairs) {
                // SAFETY: `pair < pairs`: two query components and 32 of keys are in bounds.
                unsafe {
                    let q = query.as_ptr().add(pair * 2).cast::<i32>().read_unaligned();
                    let q = vreinterpretq_s16_s32(vdupq_n_s32(q));
                    for (quarter, sums) in sums.chunks_exact_mut(2).enumerate() {
                        let k = vld1q_s16(keys.as_ptr().add(pair * KEY_BLOCK * 2 + quarter * 8));
                        sums[0] = vmlal_s16(sums[0], vget_low_s16(k), vget_low_s16(q));
                        sums[1] = vmlal_high_s16(sums[1], k, q);
                    }
                }
            }
            for (dots, sums) in dots.iter_mut().zip(sums) {
                *dots = vpadalq_s32(*dots, sums);
            }
        }
        for (quarter, (out, dots)) in scores.chunks_exact_mut(LANES).zip(dots.chunks_exact(2)).enumerate() {
            let at = first + quarter * LANES;
            // SAFETY: four scales of a padded block.
            let (mant, exp) = unsafe {
                (
                    vld1q_u32(view.key_mant(at)[..LANES].as_ptr()),
                    vld1q_s32(view.key_exp(at)[..LANES].as_ptr()),
                )
            };
            store(Epilogue::new(scale, mant, exp).finish_wide([dots[0], dots[1]]), out);
        }
    }
    scores[visible..].fill(i32::MIN);
}

/// Writes the weights of the first `visible` positions, zero beyond; see [`lantern_exact::ops::softmax`].
#[target_feature(enable = "neon")]
fn softmax(view: &HeadView<'_>, scores: &[i32], visible: usize, weights: &mut [u32]) -> Softmax {
    let top = vdupq_n_s32(scores.iter().copied().max().unwrap_or(0));
    let exp = view.exp_top(visible - 1);
    let mut sum = vdupq_n_u64(0);
    for (part, weights) in weights.chunks_exact_mut(LANES).enumerate() {
        let at = part * LANES;
        // SAFETY: four values of padded arrays.
        let (score, mant, value_exp) = unsafe {
            (
                vld1q_s32(scores[at..at + LANES].as_ptr()),
                vld1q_u32(view.value_mant(at)[..LANES].as_ptr()),
                vld1q_s32(view.value_exp(at)[..LANES].as_ptr()),
            )
        };
        let mut e = exp2_neg(vreinterpretq_u32_s32(vsubq_s32(top, score)));
        if at + LANES > visible {
            let lanes: [u32; LANES] = std::array::from_fn(|lane| if at + lane < visible { u32::MAX } else { 0 });
            // SAFETY: four values.
            e = vandq_u32(e, unsafe { vld1q_u32(lanes.as_ptr()) });
        }
        sum = vpadalq_u32(sum, e);
        let below = vqsubq_s32(vdupq_n_s32(exp), value_exp);
        let below = vmaxq_s32(vminq_s32(below, vdupq_n_s32(64)), vdupq_n_s32(0));
        let left = vsubq_s32(vdupq_n_s32(-28), below);
        // e * mant < 2^48; rounded at bit 28 or above at most 2^20.
        let low = vmull_u32(vget_low_u32(e), vget_low_u32(mant));
        let low = vmovn_u64(vrshlq_u64(low, vmovl_s32(vget_low_s32(left))));
        let high = vrshlq_u64(vmull_high_u32(e, mant), vmovl_high_s32(left));
        // SAFETY: four values.
        unsafe { vst1q_u32(weights.as_mut_ptr(), vmovn_high_u64(low, high)) };
    }
    Softmax {
        sum: vaddvq_u64(sum),
        exp,
    }
}

/// [`lantern_exact::fixed::exp2_neg`] on four lanes.
#[target_feature(enable = "neon")]
#[inline]
fn exp2_neg(t: uint32x4_t) -> uint32x4_t {
    let [c0, c1, c2, c3, c4] = EXP2_COEFFICIENTS;
    let g = vsubq_u32(vdupq_n_u32(65_536), vandq_u32(t, vdupq_n_u32(0xffff)));
    let mut p = vdupq_n_u32(c4);
    for c in [c3, c2, c1, c0] {
        // Products are below 2^47, sums at most 2^31.
        let low = vshrn_n_u64::<16>(vmull_u32(vget_low_u32(p), vget_low_u32(g)));
        p = vaddq_u32(vdupq_n_u32(c), vshrn_high_n_u64::<16>(low, vmull_high_u32(p, g)));
    }
    // A count is read from a signed byte; 32 bits are gone long before.
    let right = vaddq_u32(vminq_u32(vshrq_n_u32::<16>(t), vdupq_n_u32(64)), vdupq_n_u32(7));
    vrshlq_u32(p, vnegq_s32(vreinterpretq_s32_u32(right)))
}

/// Splits weights into planes of seven bits, `[plane][position]`, the lowest first.
#[target_feature(enable = "neon")]
fn split_planes(weights: &[u32], bytes: &mut [u8]) {
    let padded = weights.len();
    for at in (0..padded).step_by(KEY_BLOCK) {
        // SAFETY: sixteen values; `padded` is a multiple of sixteen.
        let w: [uint32x4_t; 4] =
            std::array::from_fn(|part| unsafe { vld1q_u32(weights[at..at + KEY_BLOCK].as_ptr().add(part * LANES)) });
        for plane in 0..PLANES {
            let down = vdupq_n_s32(-(plane as i32) * PLANE_BITS);
            // Lanes lose their upper bits when they are narrowed, and the bytes their eighth.
            let [a, b, c, d] = w.map(|w| vmovn_u32(vshlq_u32(w, down)));
            let low = vmovn_u16(vcombine_u16(a, b));
            let all = vmovn_high_u16(low, vcombine_u16(c, d));
            let out = &mut bytes[plane * padded + at..][..KEY_BLOCK];
            // SAFETY: sixteen bytes.
            unsafe { vst1q_u8(out.as_mut_ptr(), vandq_u8(all, vdupq_n_u8((1 << PLANE_BITS) - 1))) };
        }
    }
}

/// Mixes values of `G` heads; `bytes` holds each head's planes.
///
/// # Safety
/// Needs NEON with dot products.
#[target_feature(enable = "neon,dotprod")]
unsafe fn mix_dot<const G: usize>(
    view: &HeadView<'_>,
    bytes: &[u8],
    padded: usize,
    visible: usize,
    sums: &[Softmax; 2],
    out: &mut [i32],
) {
    let groups = visible.div_ceil(VALUE_GROUP);
    let bytes = &bytes[..G * PLANES * padded];
    for start in (0..view.dim).step_by(VALUE_PAD) {
        let mut totals = [[vdupq_n_s64(0); VALUE_PAD / 2]; G];
        for first in (0..groups).step_by(GROUPS_PER_DOT) {
            // Four components a vector.
            let mut acc = [[[vdupq_n_s32(0); VALUE_PAD / LANES]; PLANES]; G];
            let last = (first + GROUPS_PER_DOT).min(groups);
            for (group, values) in view.values(first * VALUE_GROUP..last * VALUE_GROUP).flat_map(groups_of) {
                // SAFETY: `group < groups` and `start + 16 <= dim_padded`: 64 bytes of values; a group's four bytes lie
                // within its plane because `groups * 4 <= padded`.
                unsafe {
                    let at = start * VALUE_GROUP;
                    let v: [int8x16_t; 4] = std::array::from_fn(|part| vld1q_s8(values.as_ptr().add(at + part * 16)));
                    for (head, acc) in acc.iter_mut().enumerate() {
                        for (plane, acc) in acc.iter_mut().enumerate() {
                            let at = (head * PLANES + plane) * padded + group * VALUE_GROUP;
                            let w = bytes.as_ptr().add(at).cast::<i32>().read_unaligned();
                            let w = vreinterpretq_s8_s32(vdupq_n_s32(w));
                            for (acc, v) in acc.iter_mut().zip(v) {
                                *acc = dot(*acc, v, w);
                            }
                        }
                    }
                }
            }
            for (totals, acc) in totals.iter_mut().zip(acc) {
                for (part, totals) in totals.chunks_exact_mut(2).enumerate() {
                    let [low, middle, high] = acc.map(|plane| plane[part]);
                    // high * 2^14 + middle * 2^7 + low, in 64 bits.
                    let join = |low: int64x2_t, middle: int64x2_t, high: int64x2_t| {
                        let upper = vaddq_s64(vshlq_n_s64::<PLANE_BITS>(high), middle);
                        vaddq_s64(vshlq_n_s64::<PLANE_BITS>(upper), low)
                    };
                    let halves = [low, middle, high].map(|x| [vmovl_s32(vget_low_s32(x)), vmovl_high_s32(x)]);
                    for (half, total) in totals.iter_mut().enumerate() {
                        *total = vaddq_s64(*total, join(halves[0][half], halves[1][half], halves[2][half]));
                    }
                }
            }
        }
        for (head, totals) in totals.iter().enumerate() {
            let len = (view.dim - start).min(VALUE_PAD);
            finish(totals, &sums[head], &mut out[head * view.dim + start..][..len]);
        }
    }
}

/// Adds to each lane of `sum` the dot product of four bytes of `a` and `b`. The intrinsic `vdotq_s32` is not stable yet.
#[target_feature(enable = "neon,dotprod")]
#[inline]
fn dot(mut sum: int32x4_t, a: int8x16_t, b: int8x16_t) -> int32x4_t {
    // SAFETY: the instruction reads and writes these registers only.
    unsafe {
        asm!(
            "sdot {sum:v}.4s, {a:v}.16b, {b:v}.16b",
            sum = inout(vreg) sum,
            a = in(vreg) a,
            b = in(vreg) b,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    sum
}

/// Mixes values of one head.
#[target_feature(enable = "neon")]
fn mix(view: &HeadView<'_>, weights: &[u32], visible: usize, sum: &Softmax, out: &mut [i32]) {
    let groups = visible.div_ceil(VALUE_GROUP);
    let weights = &weights[..groups * VALUE_GROUP];
    for start in (0..view.dim).step_by(VALUE_PAD) {
        let mut totals = [vdupq_n_s64(0); VALUE_PAD / 2];
        for first in (0..groups).step_by(GROUPS_PER_SUM) {
            // One vector a component, its lanes the positions of a group.
            let mut acc = [vdupq_n_s32(0); VALUE_PAD];
            let last = (first + GROUPS_PER_SUM).min(groups);
            for (group, values) in view.values(first * VALUE_GROUP..last * VALUE_GROUP).flat_map(groups_of) {
                // SAFETY: `group < groups` and `start + 16 <= dim_padded`: four weights and 64 bytes of values.
                unsafe {
                    let w = vreinterpretq_s32_u32(vld1q_u32(weights.as_ptr().add(group * VALUE_GROUP)));
                    let at = start * VALUE_GROUP;
                    for (part, acc) in acc.chunks_exact_mut(4).enumerate() {
                        let v = vld1q_s8(values.as_ptr().add(at + part * 16));
                        let (low, high) = (vmovl_s8(vget_low_s8(v)), vmovl_high_s8(v));
                        acc[0] = vmlaq_s32(acc[0], w, vmovl_s16(vget_low_s16(low)));
                        acc[1] = vmlaq_s32(acc[1], w, vmovl_high_s16(low));
                        acc[2] = vmlaq_s32(acc[2], w, vmovl_s16(vget_low_s16(high)));
                        acc[3] = vmlaq_s32(acc[3], w, vmovl_high_s16(high));
                    }
                }
            }
            for (total, pair) in totals.iter_mut().zip(acc.chunks_exact(2)) {
                *total = vaddq_s64(*total, vpaddq_s64(vpaddlq_s32(pair[0]), vpaddlq_s32(pair[1])));
            }
        }
        let len = (view.dim - start).min(VALUE_PAD);
        finish(&totals, sum, &mut out[start..][..len]);
    }
}

/// [`lantern_exact::ops::finish_mix`] on the components of one [`VALUE_PAD`].
#[target_feature(enable = "neon")]
fn finish(totals: &Totals, softmax: &Softmax, out: &mut [i32]) {
    let down = bits(softmax.sum).saturating_sub(32);
    let recip = Scale::ratio(1, softmax.sum, 0);
    let exponent = (down as i32 + 28 + FRAC)
        .saturating_add(recip.exp)
        .saturating_add(softmax.exp);
    let (down, left) = (vdupq_n_s64(-i64::from(down)), [left_by(exponent); 2]);
    let mant = vdup_n_s32(recip.mant as i32);
    for (out, totals) in out.chunks_mut(LANES).zip(totals.chunks_exact(2)) {
        // Below 2^36 when shifted down, and 2^60 times the mantissa.
        let scaled = |total: int64x2_t| times(vrshlq_s64(total, down), mant);
        store(shift_to_i32([scaled(totals[0]), scaled(totals[1])], left), out);
    }
}
