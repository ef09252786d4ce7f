//! Attention for AVX2: eight positions a vector, scores and mixes of up to four heads at once.

use super::{blocks_of, HeadView, Scratch, KEY_BLOCK, VALUE_GROUP};
use crate::cpu::memory::reserve;
use lantern_exact::{
    fixed::{bits, rsr, shift_to_i32, Scale, EXP2_COEFFICIENTS, FRAC},
    ops::{self, Softmax},
};
use std::arch::x86_64::*;

/// 32-bit lanes of a vector.
const LANES: usize = 8;
/// Pairs of components whose products may be added in 32 bits: 16 * 8,191 * 16,383 = 2,147,090,448 < 2^31.
const PAIRS_PER_SUM: usize = 8;
/// Bytes of a weight: the low 16 bits, signed, and the rest, at most 2^20 / 2^16 = 16.
const WEIGHT_BYTES: usize = 3;
/// Blocks of sixteen positions whose products with the low parts may be added in 32 bits: a lane takes eight of each block,
/// and 64 * 8 * 32,768 * 127 = 2,130,706,432 < 2^31. Those of one block with the high parts fit 16 bits: 8 * 16 * 127 =
/// 16,256 < 2^15.
const BLOCKS_PER_SUM: usize = 64;

/// Outputs (Q16) of the query heads in `queries` over the first `visible` positions of `view`.
///
/// # Safety
/// Needs AVX2.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn attend(
    view: &HeadView<'_>,
    queries: &[i16],
    scales: &[Scale],
    visible: usize,
    scratch: &mut Scratch,
    out: &mut [i32],
) {
    let (dim, heads) = (view.dim, scales.len());
    let mut head = 0;
    while head < heads {
        // Heads of a group share the loads of keys and values; four at once fill the registers.
        let count = match heads - head {
            4.. => 4,
            2.. => 2,
            _ => 1,
        };
        let (queries, scales) = (&queries[head * dim..(head + count) * dim], &scales[head..head + count]);
        let out = &mut out[head * dim..(head + count) * dim];
        match count {
            4 => attend_group::<4>(view, queries, scales, visible, scratch, out),
            2 => attend_group::<2>(view, queries, scales, visible, scratch, out),
            _ => attend_group::<1>(view, queries, scales, visible, scratch, out),
        }
        head += count;
    }
}

/// [`attend`] for `G` heads.
#[target_feature(enable = "avx2")]
fn attend_group<const G: usize>(
    view: &HeadView<'_>,
    queries: &[i16],
    scales: &[Scale],
    visible: usize,
    scratch: &mut Scratch,
    out: &mut [i32],
) {
    let padded = visible.next_multiple_of(KEY_BLOCK);
    scratch.scores.resize(G * padded, 0);
    reserve(&mut scratch.bytes, G * WEIGHT_BYTES * padded);
    score::<G>(view, queries, scales, visible, &mut scratch.scores);
    let mut totals = [Softmax { sum: 1, exp: 0 }; G];
    let bytes = scratch.bytes.chunks_exact_mut(WEIGHT_BYTES * padded);
    for ((total, scores), bytes) in totals.iter_mut().zip(scratch.scores.chunks_exact(padded)).zip(bytes) {
        *total = softmax(view, scores, visible, bytes);
    }
    scratch.sums.resize(G * view.dim_padded, 0);
    mix::<G>(view, &scratch.bytes, padded, &mut scratch.sums);
    let sums = scratch.sums.chunks_exact(view.dim_padded);
    for ((total, sums), out) in totals.iter().zip(sums).zip(out.chunks_exact_mut(view.dim)) {
        finish(sums, total, out);
    }
}

/// Scores (Q16) of the first `visible` positions, head after head; the rest of each last block is `i32::MIN`.
#[target_feature(enable = "avx2")]
fn score<const G: usize>(view: &HeadView<'_>, queries: &[i16], scales: &[Scale], visible: usize, scores: &mut [i32]) {
    let pairs = view.dim / 2;
    let padded = scores.len() / G;
    assert_eq!(queries.len(), G * view.dim, "components of the queries");
    for first in (0..padded).step_by(KEY_BLOCK) {
        let keys = view.keys(first);
        let mut dots = [[[_mm256_setzero_si256(); 2]; 2]; G];
        for start in (0..pairs).step_by(PAIRS_PER_SUM) {
            let mut sums = [[_mm256_setzero_si256(); 2]; G];
            for pair in start..(start + PAIRS_PER_SUM).min(pairs) {
                // SAFETY: `pair < pairs`: two vectors of keys and two components of each query are in bounds.
                unsafe {
                    let keys = keys.as_ptr().add(pair * KEY_BLOCK * 2).cast::<__m256i>();
                    let keys = [_mm256_loadu_si256(keys), _mm256_loadu_si256(keys.add(1))];
                    for (head, sums) in sums.iter_mut().enumerate() {
                        let query = queries.as_ptr().add(head * view.dim + pair * 2);
                        let query = _mm256_set1_epi32(query.cast::<i32>().read_unaligned());
                        sums[0] = _mm256_add_epi32(sums[0], _mm256_madd_epi16(query, keys[0]));
                        sums[1] = _mm256_add_epi32(sums[1], _mm256_madd_epi16(query, keys[1]));
                    }
                }
            }
            for (dots, sums) in dots.iter_mut().zip(&sums) {
                for ([high, low], &sum) in dots.iter_mut().zip(sums) {
                    *high = _mm256_add_epi32(*high, _mm256_srai_epi32::<16>(sum));
                    *low = _mm256_add_epi32(*low, low_halves(sum));
                }
            }
        }
        for (head, (dots, scores)) in dots.iter().zip(scores.chunks_exact_mut(padded)).enumerate() {
            for (half, dots) in dots.iter().enumerate() {
                let at = first + half * LANES;
                let out = &mut scores[at..at + LANES];
                if !score_lanes(view, dots, scales[head], at, visible, out) {
                    score_each(view, dots, scales[head], at, out);
                }
            }
        }
    }
    for scores in scores.chunks_exact_mut(padded) {
        scores[visible..].fill(i32::MIN);
    }
}

/// [`ops::score`] of the dot products `high * 2^16 + low` with the eight keys from `at` on: `rsr(dot * m, s)`, clamped.
/// False, and nothing written, if a visible one has a left shift or needs the clamp, which is rare.
///
/// A head of 256 components has 16 sums, of which `high` takes at most 2^15 each and `low` less than 2^16: `|high| <= 2^19`
/// and `0 <= low < 2^20`.
#[target_feature(enable = "avx2")]
#[inline]
fn score_lanes(
    view: &HeadView<'_>,
    [high, low]: &[__m256i; 2],
    query: Scale,
    at: usize,
    visible: usize,
    out: &mut [i32],
) -> bool {
    let (mant, exp) = (load(view.key_mant(at)), load(view.key_exp(at)));
    // epilogue(): s - 1; large for positions that are not visible, whose scores do not matter.
    let shift = _mm256_sub_epi32(_mm256_set1_epi32(-(26 + FRAC + query.exp)), exp);
    let shift = _mm256_blendv_epi8(_mm256_set1_epi32(63), shift, lanes_before(visible, at));
    let query_mant = _mm256_set1_epi64x(i64::from(query.mant));
    // AVX2 shifts 64 bits right only without sign. |dot * m| < 2^58, so adding 2^62 makes the product positive; what the
    // shift leaves of that, 2^(62 - (s-1)), is taken off. From s = 64 on nothing is left of either, and the score is zero.
    let offset = _mm256_set1_epi64x(1 << 62);
    // 2^32 + 1 + floor(dot * m / 2^(s-1)), which is in [0, 2^33) if and only if the score needs no clamp.
    let shifted = |high, low, mant, shift| {
        let product = _mm256_mul_epu32(mant, query_mant);
        let m = _mm256_srli_epi64::<25>(_mm256_add_epi64(product, _mm256_set1_epi64x(1 << 24)));
        let high = _mm256_slli_epi64::<16>(_mm256_mul_epi32(high, m));
        let product = _mm256_add_epi64(high, _mm256_mul_epu32(low, m));
        let excess = _mm256_sub_epi64(_mm256_srlv_epi64(offset, shift), _mm256_set1_epi64x((1 << 32) + 1));
        _mm256_sub_epi64(_mm256_srlv_epi64(_mm256_add_epi64(product, offset), shift), excess)
    };
    let even = shifted(*high, *low, mant, even_lanes(shift));
    let odd = shifted(odd_lanes(*high), odd_lanes(*low), odd_lanes(mant), odd_lanes(shift));
    let clamped = _mm256_testz_si256(_mm256_or_si256(even, odd), _mm256_set1_epi64x(-1 << 33)) == 0;
    if clamped || _mm256_movemask_ps(_mm256_castsi256_ps(shift)) != 0 {
        return false;
    }
    // Half of it is the score and 2^31.
    let halves = interleave(_mm256_srli_epi64::<1>(even), _mm256_slli_epi64::<31>(odd));
    store(out, _mm256_xor_si256(halves, _mm256_set1_epi32(i32::MIN)));
    true
}

/// What [`score_lanes`] writes, by the definition.
#[target_feature(enable = "avx2")]
#[cold]
fn score_each(view: &HeadView<'_>, dots: &[__m256i; 2], query: Scale, at: usize, out: &mut [i32]) {
    let mut parts = [[0; LANES]; 2];
    store(&mut parts[0], dots[0]);
    store(&mut parts[1], dots[1]);
    for (lane, out) in out.iter_mut().enumerate() {
        let dot = (i64::from(parts[0][lane]) << 16) + i64::from(parts[1][lane]);
        let (mant, exp) = (view.key_mant(at)[lane], view.key_exp(at)[lane]);
        *out = ops::score(dot, query, Scale { mant, exp });
    }
}

/// Writes the weights of the first `visible` positions, zero beyond, their low 16 bits before their high parts; see
/// [`ops::softmax`].
#[target_feature(enable = "avx2")]
fn softmax(view: &HeadView<'_>, scores: &[i32], visible: usize, bytes: &mut [u8]) -> Softmax {
    let top = scores.iter().copied().max().unwrap_or(i32::MIN);
    let exp = view.exp_top(visible - 1);
    let (lows, highs) = bytes.split_at_mut(2 * scores.len());
    let mut sums = _mm256_setzero_si256();
    for (block, scores) in scores.chunks_exact(KEY_BLOCK).enumerate() {
        let mut weights = |half: usize| {
            let at = block * KEY_BLOCK + half * LANES;
            let below = _mm256_sub_epi32(_mm256_set1_epi32(top), load(&scores[half * LANES..]));
            let e = _mm256_and_si256(exp2_neg(below), lanes_before(visible, at));
            let (even, odd) = (even_lanes(e), odd_lanes(e));
            sums = _mm256_add_epi64(sums, _mm256_add_epi64(even, odd));
            let mant = load(view.value_mant(at));
            // Counts beyond 63 give zero, as the definition does: e * mant < 2^48.
            let shift = _mm256_sub_epi32(_mm256_set1_epi32(exp + 27), load(view.value_exp(at)));
            let even = _mm256_srlv_epi64(_mm256_mul_epu32(even, mant), even_lanes(shift));
            let odd = _mm256_srlv_epi64(_mm256_mul_epu32(odd, odd_lanes(mant)), odd_lanes(shift));
            round_last(interleave(even, _mm256_slli_epi64::<32>(odd)))
        };
        let weights = [weights(0), weights(1)];
        let low = _mm256_packus_epi32(low_halves(weights[0]), low_halves(weights[1]));
        // What is left when the low half is taken as signed.
        let rest = |w| _mm256_srli_epi32::<16>(_mm256_add_epi32(w, _mm256_set1_epi32(1 << 15)));
        let high = _mm256_packus_epi32(rest(weights[0]), rest(weights[1]));
        // Packing leaves the quarters in the order 0, 2, 1, 3.
        let (low, high) = (
            _mm256_permute4x64_epi64::<0xd8>(low),
            _mm256_permute4x64_epi64::<0xd8>(high),
        );
        let high = _mm_packus_epi16(_mm256_castsi256_si128(high), _mm256_extracti128_si256::<1>(high));
        let lows = &mut lows[block * 2 * KEY_BLOCK..][..2 * KEY_BLOCK];
        let highs = &mut highs[block * KEY_BLOCK..][..KEY_BLOCK];
        // SAFETY: 32 bytes and 16 bytes.
        unsafe {
            _mm256_storeu_si256(lows.as_mut_ptr().cast(), low);
            _mm_storeu_si128(highs.as_mut_ptr().cast(), high);
        }
    }
    let mut lanes = [0u64; 4];
    // SAFETY: 32 bytes.
    unsafe { _mm256_storeu_si256(lanes.as_mut_ptr().cast(), sums) };
    Softmax {
        sum: lanes.iter().sum(),
        exp,
    }
}

/// The last step of a rounding shift of u32 below 2^32 - 1.
#[target_feature(enable = "avx2")]
#[inline]
fn round_last(x: __m256i) -> __m256i {
    _mm256_srli_epi32::<1>(_mm256_add_epi32(x, _mm256_set1_epi32(1)))
}

/// [`lantern_exact::fixed::exp2_neg`] on eight lanes of u32.
#[target_feature(enable = "avx2")]
#[inline]
fn exp2_neg(t: __m256i) -> __m256i {
    let [c0, c1, c2, c3, c4] = EXP2_COEFFICIENTS.map(i64::from);
    let whole = _mm256_srli_epi32::<16>(t);
    let g = _mm256_sub_epi32(_mm256_set1_epi32(65_536), low_halves(t));
    // Products of the last step; each p is below 2^31 and g at most 2^16.
    let horner = |g| {
        let mut product = _mm256_mul_epu32(_mm256_set1_epi64x(c4), g);
        for c in [c3, c2, c1] {
            let p = _mm256_add_epi64(_mm256_set1_epi64x(c), _mm256_srli_epi64::<16>(product));
            product = _mm256_mul_epu32(p, g);
        }
        product
    };
    let (even, odd) = (horner(g), horner(odd_lanes(g)));
    let quotients = interleave(_mm256_srli_epi64::<16>(even), _mm256_slli_epi64::<16>(odd));
    let p = _mm256_add_epi32(quotients, _mm256_set1_epi32(c0 as i32));
    // p <= 2^31: counts beyond 31 give zero, as the definition does.
    round_last(_mm256_srlv_epi32(p, _mm256_add_epi32(whole, _mm256_set1_epi32(6))))
}

/// Exact sums of weighted values for `G` heads, `dim_padded` each; `bytes` holds each head's weights.
#[target_feature(enable = "avx2")]
fn mix<const G: usize>(view: &HeadView<'_>, bytes: &[u8], padded: usize, sums: &mut [i64]) {
    let blocks = padded / KEY_BLOCK;
    let bytes = &bytes[..G * WEIGHT_BYTES * padded];
    for start in (0..view.dim).step_by(LANES) {
        let mut totals = [[0i64; LANES]; G];
        for first in (0..blocks).step_by(BLOCKS_PER_SUM) {
            let mut lows = [[_mm256_setzero_si256(); 2]; G];
            let mut highs = [_mm256_setzero_si256(); G];
            let last = (first + BLOCKS_PER_SUM).min(blocks);
            for (block, values) in view.values(first * KEY_BLOCK..last * KEY_BLOCK).flat_map(blocks_of) {
                let mut parts = [_mm256_setzero_si256(); G];
                for group in 0..KEY_BLOCK / VALUE_GROUP {
                    let position = block + group * VALUE_GROUP;
                    // SAFETY: `position + 4 <= padded` and `start + 8 <= dim_padded`: 32 bytes of values, and of each head
                    // 8 bytes of low halves and 4 of high parts.
                    unsafe {
                        let at = (group * view.dim_padded + start) * VALUE_GROUP;
                        let v = values.as_ptr().add(at).cast::<__m128i>();
                        let wide = [
                            _mm256_cvtepi8_epi16(_mm_loadu_si128(v)),
                            _mm256_cvtepi8_epi16(_mm_loadu_si128(v.add(1))),
                        ];
                        for (head, (lows, part)) in lows.iter_mut().zip(&mut parts).enumerate() {
                            let weights = bytes.as_ptr().add(head * WEIGHT_BYTES * padded);
                            let low = weights.add(position * 2).cast::<i64>().read_unaligned();
                            let low = _mm256_set1_epi64x(low);
                            lows[0] = _mm256_add_epi32(lows[0], _mm256_madd_epi16(low, wide[0]));
                            lows[1] = _mm256_add_epi32(lows[1], _mm256_madd_epi16(low, wide[1]));
                            let high = weights.add(2 * padded + position).cast::<i32>().read_unaligned();
                            let products = _mm256_maddubs_epi16(_mm256_set1_epi32(high), _mm256_loadu_si256(v.cast()));
                            *part = _mm256_add_epi16(*part, products);
                        }
                    }
                }
                for (high, part) in highs.iter_mut().zip(parts) {
                    *high = _mm256_add_epi32(*high, _mm256_madd_epi16(part, _mm256_set1_epi16(1)));
                }
            }
            for ((totals, lows), high) in totals.iter_mut().zip(lows).zip(highs) {
                let (mut low, mut high_lanes) = ([[0i32; LANES]; 2], [0i32; LANES]);
                store(&mut low[0], lows[0]);
                store(&mut low[1], lows[1]);
                store(&mut high_lanes, high);
                for ((total, low), high) in totals
                    .iter_mut()
                    .zip(low.as_flattened().chunks_exact(2))
                    .zip(high_lanes)
                {
                    *total += (i64::from(high) << 16) + i64::from(low[0]) + i64::from(low[1]);
                }
            }
        }
        for (out, totals) in sums.chunks_exact_mut(view.dim_padded).zip(totals) {
            out[start..start + LANES].copy_from_slice(&totals);
        }
    }
}

/// [`ops::finish_mix`] of each sum.
fn finish(sums: &[i64], softmax: &Softmax, out: &mut [i32]) {
    let down = bits(softmax.sum).saturating_sub(32);
    let recip = Scale::ratio(1, softmax.sum, 0);
    let exponent = (down as i32 + 28 + FRAC)
        .saturating_add(recip.exp)
        .saturating_add(softmax.exp);
    let shift = exponent.saturating_neg();
    for (out, &sum) in out.iter_mut().zip(sums) {
        *out = shift_to_i32(rsr(sum, down) * i64::from(recip.mant), shift);
    }
}

/// Eight values from the start of a slice of at least as many.
#[target_feature(enable = "avx2")]
#[inline]
fn load<T: bytemuck::Pod>(values: &[T]) -> __m256i {
    let values = &values[..LANES];
    const { assert!(size_of::<T>() * LANES == size_of::<__m256i>()) };
    // SAFETY: eight values, a vector by the assertion.
    unsafe { _mm256_loadu_si256(values.as_ptr().cast()) }
}

/// Writes eight values.
#[target_feature(enable = "avx2")]
#[inline]
fn store(out: &mut [i32], lanes: __m256i) {
    let out = &mut out[..LANES];
    // SAFETY: eight values of 32 bits.
    unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), lanes) };
}

/// All ones in the lanes whose position, counted from `at`, is before `end`.
#[target_feature(enable = "avx2")]
#[inline]
fn lanes_before(end: usize, at: usize) -> __m256i {
    let count = end.saturating_sub(at).min(LANES) as i32;
    _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7))
}

/// Lanes 0, 2, 4 and 6, each widened with zeros.
#[target_feature(enable = "avx2")]
#[inline]
fn even_lanes(x: __m256i) -> __m256i {
    _mm256_blend_epi32::<0b1010_1010>(x, _mm256_setzero_si256())
}

/// Lanes 1, 3, 5 and 7, each widened with zeros.
#[target_feature(enable = "avx2")]
#[inline]
fn odd_lanes(x: __m256i) -> __m256i {
    _mm256_srli_epi64::<32>(x)
}

/// The low halves of the 64-bit lanes of `even` and the high halves of those of `odd`.
#[target_feature(enable = "avx2")]
#[inline]
fn interleave(even: __m256i, odd: __m256i) -> __m256i {
    _mm256_blend_epi32::<0b1010_1010>(even, odd)
}

/// The low 16 bits of each 32-bit lane.
#[target_feature(enable = "avx2")]
#[inline]
fn low_halves(x: __m256i) -> __m256i {
    _mm256_blend_epi16::<0b1010_1010>(x, _mm256_setzero_si256())
}
