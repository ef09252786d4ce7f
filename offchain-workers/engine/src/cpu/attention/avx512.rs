//! Attention for AVX-512 with VNNI: sixteen positions' scores at a time, weights mixed as three byte planes.

use super::{groups_of, HeadView, Scratch, KEY_BLOCK, VALUE_GROUP, VALUE_PAD};
use crate::cpu::memory::reserve;
use lantern_exact::{
    fixed::{bits, Scale, EXP2_COEFFICIENTS, FRAC},
    ops::{self, Softmax},
};
use std::arch::x86_64::*;

/// Pairs of components whose products may be added in 32 bits: 16 * 8,191 * 16,383 = 2,147,090,448 < 2^31.
const PAIRS_PER_SUM: usize = 8;
/// Byte planes of a weight, which is at most 2^20.
const PLANES: usize = 3;
/// Groups of four positions whose products may be added in 32 bits: 65,536 * 255 * 127 < 2^31.
const GROUPS_PER_SUM: usize = 65_536 / VALUE_GROUP;

/// Outputs (Q16) of the query heads in `queries` over the first `visible` positions of `view`.
///
/// # Safety
/// Needs AVX-512 F, BW, DQ, VL and VNNI.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub(super) unsafe fn attend(
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
    reserve(&mut scratch.bytes, heads * PLANES * padded);
    let mut head = 0;
    while head < heads {
        // Heads of a group share the loads of values; four at once fill the registers.
        let count = match heads - head {
            4.. => 4,
            2.. => 2,
            _ => 1,
        };
        let mut sums = [Softmax { sum: 1, exp: 0 }; 4];
        for (index, sum) in sums.iter_mut().enumerate().take(count) {
            let query = &queries[(head + index) * dim..][..dim];
            score(view, query, scales[head + index], visible, &mut scratch.scores);
            let bytes = &mut scratch.bytes[index * PLANES * padded..(index + 1) * PLANES * padded];
            *sum = softmax(view, &scratch.scores, visible, bytes);
        }
        let (bytes, out) = (&scratch.bytes[..], &mut out[head * dim..(head + count) * dim]);
        match count {
            4 => mix::<4>(view, bytes, padded, visible, &sums, out),
            2 => mix::<2>(view, bytes, padded, visible, &sums, out),
            _ => mix::<1>(view, bytes, padded, visible, &sums, out),
        }
        head += count;
    }
}

/// Scores (Q16) of the first `visible` positions; the rest of the last block is `i32::MIN`.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
fn score(view: &HeadView<'_>, query: &[i16], scale: Scale, visible: usize, scores: &mut [i32]) {
    let pairs = view.dim / 2;
    // epilogue(): shift = base - exponent of the key.
    let base = -(25 + FRAC + scale.exp);
    for (block, scores) in scores.chunks_exact_mut(KEY_BLOCK).enumerate() {
        let first = block * KEY_BLOCK;
        let keys = view.keys(first);
        let mut sums = [_mm512_setzero_si512(); 2];
        for start in (0..pairs).step_by(PAIRS_PER_SUM) {
            let mut sum = _mm512_setzero_si512();
            for pair in start..(start + PAIRS_PER_SUM).min(pairs) {
                // SAFETY: `pair < pairs`: two query components and one vector of keys are in bounds.
                unsafe {
                    let q = query.as_ptr().add(pair * 2).cast::<i32>().read_unaligned();
                    let k = _mm512_loadu_si512(keys.as_ptr().add(pair * KEY_BLOCK * 2).cast());
                    sum = _mm512_dpwssd_epi32(sum, _mm512_set1_epi32(q), k);
                }
            }
            sums[0] = _mm512_add_epi64(sums[0], _mm512_cvtepi32_epi64(_mm512_castsi512_si256(sum)));
            sums[1] = _mm512_add_epi64(sums[1], _mm512_cvtepi32_epi64(_mm512_extracti64x4_epi64::<1>(sum)));
        }
        let in_bounds = visible.saturating_sub(first).min(KEY_BLOCK);
        for (half, sum) in sums.into_iter().enumerate() {
            let at = first + half * 8;
            // SAFETY: eight scales of a padded block.
            let (mant, exp) = unsafe {
                (
                    _mm512_cvtepu32_epi64(_mm256_loadu_si256(view.key_mant(at)[..8].as_ptr().cast())),
                    _mm512_cvtepi32_epi64(_mm256_loadu_si256(view.key_exp(at)[..8].as_ptr().cast())),
                )
            };
            let shift = _mm512_sub_epi64(_mm512_set1_epi64(i64::from(base)), exp);
            let used = in_bounds.saturating_sub(half * 8).min(8);
            let mask = ((1u16 << used) - 1) as __mmask8;
            let out = &mut scores[half * 8..half * 8 + 8];
            if _mm512_mask_cmplt_epi64_mask(mask, shift, _mm512_set1_epi64(1)) != 0 {
                // A left shift: rare, so one at a time.
                let mut dots = [0i64; 8];
                // SAFETY: 64 bytes.
                unsafe { _mm512_storeu_si512(dots.as_mut_ptr().cast(), sum) };
                for (lane, out) in out.iter_mut().enumerate() {
                    let key = Scale {
                        mant: view.key_mant(at)[lane],
                        exp: view.key_exp(at)[lane],
                    };
                    *out = if lane < used {
                        ops::score(dots[lane], scale, key)
                    } else {
                        i32::MIN
                    };
                }
                continue;
            }
            let product = _mm512_mul_epu32(mant, _mm512_set1_epi64(i64::from(scale.mant)));
            let m = _mm512_srli_epi64::<25>(_mm512_add_epi64(product, _mm512_set1_epi64(1 << 24)));
            let one = _mm512_set1_epi64(1);
            let shifted = _mm512_srav_epi64(_mm512_mullo_epi64(sum, m), _mm512_sub_epi64(shift, one));
            let rounded = _mm512_srai_epi64::<1>(_mm512_add_epi64(shifted, one));
            let narrow = _mm512_cvtsepi64_epi32(rounded);
            let narrow = _mm256_mask_mov_epi32(_mm256_set1_epi32(i32::MIN), mask, narrow);
            // SAFETY: eight values.
            unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), narrow) };
        }
    }
}

/// Writes the weights of the first `visible` positions as byte planes `[plane][position]`, zero beyond; see
/// [`ops::softmax`].
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
fn softmax(view: &HeadView<'_>, scores: &[i32], visible: usize, bytes: &mut [u8]) -> Softmax {
    let padded = scores.len();
    let mut top = _mm512_set1_epi32(i32::MIN);
    for block in scores.chunks_exact(KEY_BLOCK) {
        // SAFETY: sixteen values.
        top = _mm512_max_epi32(top, unsafe { _mm512_loadu_si512(block.as_ptr().cast()) });
    }
    let top = _mm512_set1_epi64(i64::from(_mm512_reduce_max_epi32(top)));
    let exp = view.exp_top(visible - 1);
    let mut sum = _mm512_setzero_si512();
    for at in (0..padded).step_by(8) {
        let mask = ((1u16 << visible.saturating_sub(at).min(8)) - 1) as __mmask8;
        // SAFETY: eight values of padded arrays.
        let (score, mant, value_exp) = unsafe {
            (
                _mm512_cvtepi32_epi64(_mm256_loadu_si256(scores[at..at + 8].as_ptr().cast())),
                _mm512_cvtepu32_epi64(_mm256_loadu_si256(view.value_mant(at)[..8].as_ptr().cast())),
                _mm512_cvtepi32_epi64(_mm256_loadu_si256(view.value_exp(at)[..8].as_ptr().cast())),
            )
        };
        let e = _mm512_maskz_mov_epi64(mask, exp2_neg(_mm512_sub_epi64(top, score)));
        sum = _mm512_add_epi64(sum, e);
        let below = _mm512_sub_epi64(_mm512_set1_epi64(i64::from(exp)), value_exp);
        let below = _mm512_min_epi64(below, _mm512_set1_epi64(64));
        let shift = _mm512_add_epi64(below, _mm512_set1_epi64(27));
        let weight = round_last(_mm512_srlv_epi64(_mm512_mul_epu32(e, mant), shift));
        let planes = [weight, _mm512_srli_epi64::<8>(weight), _mm512_srli_epi64::<16>(weight)];
        for (plane, lanes) in planes.into_iter().enumerate() {
            let out = &mut bytes[plane * padded + at..][..8];
            out.copy_from_slice(&_mm_cvtsi128_si64(_mm512_cvtepi64_epi8(lanes)).to_le_bytes());
        }
    }
    Softmax {
        sum: _mm512_reduce_add_epi64(sum) as u64,
        exp,
    }
}

/// The last step of a rounding shift of non-negative numbers.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
#[inline]
fn round_last(x: __m512i) -> __m512i {
    _mm512_srli_epi64::<1>(_mm512_add_epi64(x, _mm512_set1_epi64(1)))
}

/// [`lantern_exact::fixed::exp2_neg`] on eight lanes of u32 in 64 bits.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
#[inline]
fn exp2_neg(t: __m512i) -> __m512i {
    let [c0, c1, c2, c3, c4] = EXP2_COEFFICIENTS.map(i64::from);
    let whole = _mm512_srli_epi64::<16>(t);
    let g = _mm512_sub_epi64(
        _mm512_set1_epi64(65_536),
        _mm512_and_si512(t, _mm512_set1_epi64(0xffff)),
    );
    let mut p = _mm512_set1_epi64(c4);
    for c in [c3, c2, c1, c0] {
        p = _mm512_add_epi64(_mm512_set1_epi64(c), _mm512_srli_epi64::<16>(_mm512_mul_epu32(p, g)));
    }
    // Counts beyond 63 give zero, as the definition does.
    round_last(_mm512_srlv_epi64(p, _mm512_add_epi64(whole, _mm512_set1_epi64(6))))
}

/// Mixes values of `G` heads; `bytes` holds each head's planes.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
fn mix<const G: usize>(
    view: &HeadView<'_>,
    bytes: &[u8],
    padded: usize,
    visible: usize,
    sums: &[Softmax; 4],
    out: &mut [i32],
) {
    let groups = visible.div_ceil(VALUE_GROUP);
    let bytes = &bytes[..G * PLANES * padded];
    for start in (0..view.dim).step_by(VALUE_PAD) {
        let mut totals = [[_mm512_setzero_si512(); 2]; G];
        for first in (0..groups).step_by(GROUPS_PER_SUM) {
            let mut acc = [[_mm512_setzero_si512(); PLANES]; G];
            let last = (first + GROUPS_PER_SUM).min(groups);
            for (group, values) in view.values(first * VALUE_GROUP..last * VALUE_GROUP).flat_map(groups_of) {
                // SAFETY: `group < groups` and `start + 16 <= dim_padded`: 64 bytes of values; a group's four bytes lie
                // within its plane because `groups * 4 <= padded`.
                unsafe {
                    let v = _mm512_loadu_si512(values.as_ptr().add(start * VALUE_GROUP).cast());
                    for (head, acc) in acc.iter_mut().enumerate() {
                        for (plane, acc) in acc.iter_mut().enumerate() {
                            let weights = bytes
                                .as_ptr()
                                .add((head * PLANES + plane) * padded + group * VALUE_GROUP);
                            let w = _mm512_set1_epi32(weights.cast::<i32>().read_unaligned());
                            *acc = _mm512_dpbusd_epi32(*acc, w, v);
                        }
                    }
                }
            }
            for (totals, acc) in totals.iter_mut().zip(acc) {
                for (half, total) in totals.iter_mut().enumerate() {
                    let widen = |sum: __m512i| {
                        _mm512_cvtepi32_epi64(if half == 0 {
                            _mm512_castsi512_si256(sum)
                        } else {
                            _mm512_extracti64x4_epi64::<1>(sum)
                        })
                    };
                    let high = _mm512_slli_epi64::<16>(widen(acc[2]));
                    let middle = _mm512_slli_epi64::<8>(widen(acc[1]));
                    *total = _mm512_add_epi64(*total, _mm512_add_epi64(_mm512_add_epi64(high, middle), widen(acc[0])));
                }
            }
        }
        for (head, totals) in totals.iter().enumerate() {
            let len = (view.dim - start).min(VALUE_PAD);
            finish(totals, &sums[head], &mut out[head * view.dim + start..][..len]);
        }
    }
}

/// [`ops::finish_mix`] on the components of one vector.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn finish(totals: &[__m512i; 2], softmax: &Softmax, out: &mut [i32]) {
    let down = bits(softmax.sum).saturating_sub(32);
    let recip = Scale::ratio(1, softmax.sum, 0);
    let exponent = (down as i32 + 28 + FRAC)
        .saturating_add(recip.exp)
        .saturating_add(softmax.exp);
    let shift = exponent.saturating_neg();
    for (half, total) in totals.iter().enumerate() {
        let Some(out) = out.get_mut(half * 8..).filter(|out| !out.is_empty()) else {
            return;
        };
        let mask = ((1u16 << out.len().min(8)) - 1) as __mmask8;
        if shift < 1 {
            let mut lanes = [0i64; 8];
            // SAFETY: 64 bytes.
            unsafe { _mm512_storeu_si512(lanes.as_mut_ptr().cast(), *total) };
            for (out, lane) in out.iter_mut().zip(lanes) {
                *out = ops::finish_mix(lane, softmax);
            }
            continue;
        }
        let one = _mm512_set1_epi64(1);
        let scaled_down = if down == 0 {
            *total
        } else {
            let shifted = _mm512_sra_epi64(*total, _mm_cvtsi64_si128(i64::from(down) - 1));
            _mm512_srai_epi64::<1>(_mm512_add_epi64(shifted, one))
        };
        let product = _mm512_mullo_epi64(scaled_down, _mm512_set1_epi64(i64::from(recip.mant)));
        // Counts of 64 and more leave the sign and round to zero, as the definition does.
        let shifted = _mm512_sra_epi64(product, _mm_cvtsi64_si128(i64::from(shift) - 1));
        let narrow = _mm512_cvtsepi64_epi32(_mm512_srai_epi64::<1>(_mm512_add_epi64(shifted, one)));
        // SAFETY: the mask keeps the store within `out`.
        unsafe { _mm256_mask_storeu_epi32(out.as_mut_ptr(), mask, narrow) };
    }
}
