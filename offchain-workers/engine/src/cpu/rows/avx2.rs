//! Row operators for AVX2, eight numbers at a time.
//!
//! A vector of products is two vectors: products of the even lanes and of the odd ones, which is what a multiplication of
//! 32-bit lanes gives without moving any. AVX2 has no 64-bit arithmetic shift, maximum or narrowing; what stands in for
//! them gives the same bits within the bounds stated beside it. Only the passes over a row are vectors; everything that
//! happens once per row is the definition's own code, and so is a row outside those bounds.

mod lanes;

use super::{UNIT_Q16, UNIT_Q32};
use lanes::*;
use lantern_exact::{
    fixed::{Scale, NORMAL_CDF, NORMAL_CDF_STEP_BITS, SIGMOID, SIGMOID_STEP_BITS},
    ops::{self, Quantiser},
};
use std::arch::x86_64::*;

/// The second half of [`Quantiser::apply`]: makes `out` the quantised values of the row whose shifted numbers `n(at)`
/// gives in the low halves of even and odd lanes.
#[target_feature(enable = "avx2")]
#[inline]
fn multiply(quantiser: &Quantiser, out: &mut [i16], n: impl Fn(usize) -> (__m256i, __m256i)) {
    let recip = _mm256_set1_epi64x(quantiser.recip);
    let round = _mm256_set1_epi64x(1 << (quantiser.k - 1));
    // Quantised values have 16 bits, so k is at least 45 and the sum's high half has all that is left after the shift.
    let count = _mm_cvtsi32_si128(quantiser.k as i32 - 32);
    for at in (0..out.len()).step_by(LANES) {
        let (even, odd) = n(at);
        // |n| <= 2^30 and recip < 2^31: both fit the signed low halves that the multiplication reads, and the sum is
        // below 2^62.
        let even = _mm256_add_epi64(_mm256_mul_epi32(even, recip), round);
        let odd = _mm256_add_epi64(_mm256_mul_epi32(odd, recip), round);
        let q = _mm256_sra_epi32(high_halves(even, odd), count);
        let q = _mm_packs_epi32(_mm256_castsi256_si128(q), _mm256_extracti128_si256::<1>(q));
        let left = &mut out[at..];
        if let Some(block) = left.first_chunk_mut::<LANES>() {
            // SAFETY: the block has 16 bytes.
            unsafe { _mm_storeu_si128(block.as_mut_ptr().cast(), q) };
        } else {
            let mut block = [0; LANES];
            // SAFETY: `block` has 16 bytes.
            unsafe { _mm_storeu_si128(block.as_mut_ptr().cast(), q) };
            left.copy_from_slice(&block[..left.len()]);
        }
    }
}

/// Quantises a Q16 row with largest magnitude `amax`.
#[target_feature(enable = "avx2")]
#[inline]
fn quantise(x: &[i32], amax: u64, qmax: u32, out: &mut [i16]) -> Scale {
    let quantiser = Quantiser::new(amax, qmax, UNIT_Q16);
    if quantiser.shift > 0 {
        // A number of 2^14 and more in a row: rare.
        return ops::quantise_row(x, qmax, out);
    }
    let count = _mm_cvtsi32_si128(-quantiser.shift);
    multiply(&quantiser, out, |at| {
        let n = _mm256_sll_epi32(load(x, at), count);
        (n, odd(n))
    });
    quantiser.scale
}

/// Quantises the products of `a` and `b` with a quantiser whose shift is at most 32.
#[target_feature(enable = "avx2")]
#[inline]
fn quantise_products(a: &[i32], b: &[i32], quantiser: &Quantiser, out: &mut [i16]) {
    let z = |at| products(load(a, at), load(b, at));
    let count = _mm_cvtsi32_si128(quantiser.shift.abs());
    if quantiser.shift < 0 {
        multiply(quantiser, out, |at| {
            let (even, odd) = z(at);
            (_mm256_sll_epi64(even, count), _mm256_sll_epi64(odd, count))
        });
    } else {
        // |z| <= 2^62, so the sum cannot overflow; a logical shift by 32 bits at most leaves the low half of an
        // arithmetic one.
        let round = _mm256_set1_epi64x((1 << quantiser.shift) >> 1);
        let shift = |z| _mm256_srl_epi64(_mm256_add_epi64(z, round), count);
        multiply(quantiser, out, |at| {
            let (even, odd) = z(at);
            (shift(even), shift(odd))
        });
    }
}

/// See [`ops::quantise_row`].
#[target_feature(enable = "avx2")]
pub(super) fn quantise_row(x: &[i32], qmax: u32, out: &mut [i16]) -> Scale {
    let out = &mut out[..x.len()];
    let mut top = _mm256_setzero_si256();
    for at in (0..x.len()).step_by(LANES) {
        top = _mm256_max_epu32(top, _mm256_abs_epi32(load(x, at)));
    }
    quantise(x, largest32(top), qmax, out)
}

/// See [`ops::rmsnorm_quantise`].
#[target_feature(enable = "avx2")]
pub(super) fn rmsnorm_quantise(x: &[i32], gain: &[i32], frac: u32, eps: u64, qmax: u32, out: &mut [i16]) -> Scale {
    let (gain, out) = (&gain[..x.len()], &mut out[..x.len()]);
    let (mut squares, mut top) = (Squares::new(), _mm256_setzero_si256());
    for at in (0..x.len()).step_by(LANES) {
        let x = load(x, at);
        squares.add(x);
        top = larger(top, magnitudes(x, load(gain, at)));
    }
    let inv = ops::inv_rms(squares.total(), x.len() as u32, eps);
    let unit = Scale {
        mant: inv.mant,
        exp: inv.exp.saturating_sub(16 + frac as i32),
    };
    let quantiser = Quantiser::new(largest(top), qmax, unit);
    if quantiser.shift > 32 {
        // The smallest i32 times itself.
        return ops::rmsnorm_quantise(x, gain, frac, eps, qmax, out);
    }
    quantise_products(x, gain, &quantiser, out);
    quantiser.scale
}

/// `x * f(x)` in place, where `f` interpolates `table` (Q30, cells of `2^STEP`) at `|x|` and mirrors it for negative `x`.
/// Hands every block of results to `visit`.
#[target_feature(enable = "avx2")]
#[inline]
fn gate_by_table<const STEP: i32>(x: &mut [i32], table: &[u32], mut visit: impl FnMut(usize, __m256i)) {
    let last_cell = table.len() as i32 - 2;
    let end = _mm256_set1_epi32((last_cell + 1) << STEP);
    let last_cell = _mm256_set1_epi32(last_cell);
    let round = _mm256_set1_epi32(1 << (STEP - 1));
    let half = _mm256_set1_epi64x(1 << 29);
    for at in (0..x.len()).step_by(LANES) {
        let value = load(x, at);
        let magnitude = _mm256_abs_epi32(value);
        // From the table's end on, the whole step above the last cell's left entry: exactly the last entry.
        let inside = _mm256_min_epu32(magnitude, end);
        let cell = _mm256_min_epu32(_mm256_srli_epi32::<STEP>(inside), last_cell);
        let fraction = _mm256_sub_epi32(inside, _mm256_slli_epi32::<STEP>(cell));
        // Single loads: gathers are no faster where they are microcode, and far slower with the mitigations of some.
        let mut cells = [0u32; LANES];
        // SAFETY: `cells` has 32 bytes.
        unsafe { _mm256_storeu_si256(cells.as_mut_ptr().cast(), cell) };
        // SAFETY: cells are at most `table.len() - 2` (both tables have 2,049 entries), and two entries are read.
        let entries = |lane: usize| unsafe { table.as_ptr().add(cells[lane] as usize).cast::<i64>().read_unaligned() };
        let even = _mm256_setr_epi64x(entries(0), entries(2), entries(4), entries(6));
        let odds = _mm256_setr_epi64x(entries(1), entries(3), entries(5), entries(7));
        let (left, right) = (low_halves(even, odds), high_halves(even, odds));
        // rise * fraction is below 2^31: a cell of the sigmoid rises by at most 2^21 and has 2^9 steps, one of the
        // normal distribution 2^20.7 and 2^8.
        let rise = _mm256_mullo_epi32(_mm256_sub_epi32(right, left), fraction);
        let y = _mm256_add_epi32(left, _mm256_srli_epi32::<STEP>(_mm256_add_epi32(rise, round)));
        // Negative x: x (2^30 - y) = 2^30 x + |x| y, and rounding after the shift leaves x + rsr(|x| y, 30).
        let even = _mm256_add_epi64(_mm256_mul_epu32(magnitude, y), half);
        let odds = _mm256_add_epi64(_mm256_mul_epu32(odd(magnitude), odd(y)), half);
        // Bits 30 to 61 of each: |x| y <= 2^61.
        let scaled = _mm256_blend_epi32::<ODD>(_mm256_srli_epi64::<30>(even), _mm256_slli_epi64::<2>(odds));
        let gated = _mm256_add_epi32(_mm256_min_epi32(value, _mm256_setzero_si256()), scaled);
        store(x, at, gated);
        visit(at, gated);
    }
}

/// See [`ops::silu_gate_quantise`]; leaves `silu(gate)` in `gate`.
#[target_feature(enable = "avx2")]
pub(super) fn silu_gate_quantise(gate: &mut [i32], up: &[i32], qmax: u32, out: &mut [i16]) -> Scale {
    let (up, out) = (&up[..gate.len()], &mut out[..gate.len()]);
    let mut top = _mm256_setzero_si256();
    gate_by_table::<{ SIGMOID_STEP_BITS as i32 }>(gate, &SIGMOID, |at, gated| {
        top = larger(top, magnitudes(gated, load(up, at)));
    });
    // The smallest gate is nearly closed: |silu| < 2^31, products are below 2^62 and the shift is at most 32.
    let quantiser = Quantiser::new(largest(top), qmax, UNIT_Q32);
    quantise_products(gate, up, &quantiser, out);
    quantiser.scale
}

/// See [`ops::gelu_quantise`]; leaves `gelu(x)` in `x`.
#[target_feature(enable = "avx2")]
pub(super) fn gelu_quantise(x: &mut [i32], qmax: u32, out: &mut [i16]) -> Scale {
    let out = &mut out[..x.len()];
    let mut top = _mm256_setzero_si256();
    gate_by_table::<{ NORMAL_CDF_STEP_BITS as i32 }>(x, &NORMAL_CDF, |_, gated| {
        top = _mm256_max_epu32(top, _mm256_abs_epi32(gated));
    });
    quantise(x, largest32(top), qmax, out)
}

/// See [`ops::rope_row`].
#[target_feature(enable = "avx2")]
pub(super) fn rope_row(head: &mut [i32], cos: &[i32], sin: &[i32]) {
    let half = head.len() / 2;
    let (first, second) = head.split_at_mut(half);
    let (second, cos, sin) = (&mut second[..half], &cos[..half], &sin[..half]);
    // Sums of two products are at most 2^62.
    let shift = ShiftToI32::new(30);
    for at in (0..half).step_by(LANES) {
        let (x, y, c, s) = (load(first, at), load(second, at), load(cos, at), load(sin, at));
        let ((xc, xc_odd), (ys, ys_odd)) = (products(x, c), products(y, s));
        let ((yc, yc_odd), (xs, xs_odd)) = (products(y, c), products(x, s));
        let a = shift.apply(_mm256_sub_epi64(xc, ys), _mm256_sub_epi64(xc_odd, ys_odd));
        let b = shift.apply(_mm256_add_epi64(yc, xs), _mm256_add_epi64(yc_odd, xs_odd));
        store(first, at, a);
        store(second, at, b);
    }
}

/// The mean as [`ops::mean`] has it.
#[target_feature(enable = "avx2")]
#[inline]
fn mean(x: &[i32]) -> i32 {
    let one = _mm256_set1_epi32(1);
    let mut sum = _mm256_setzero_si256();
    for at in (0..x.len()).step_by(LANES) {
        let (even, odd) = products(load(x, at), one);
        sum = _mm256_add_epi64(sum, _mm256_add_epi64(even, odd));
    }
    let mut middle = [0];
    let sum = lanes64(sum).into_iter().fold(0, |sum, lane| sum + lane as i64);
    ops::mean_row(&[sum], x.len() as u32, &mut middle);
    middle[0]
}

/// See [`ops::layernorm`].
#[target_feature(enable = "avx2")]
pub(super) fn layernorm(x: &mut [i32], gain: &[i32], frac: u32, bias: &[i32], eps: u64) {
    /// Fractional bits of a normalised element, as in the definition.
    const NORMALISED_FRAC: i32 = 22;
    let len = x.len();
    let (gain, bias) = (&gain[..len], &bias[..len]);
    let mean = mean(x);
    // Of numbers clamped to these the difference cannot overflow, and clamping gives what saturating would.
    let lowest = _mm256_set1_epi32(i32::MIN + mean.max(0));
    let highest = _mm256_set1_epi32(i32::MAX + mean.min(0));
    let middle = _mm256_set1_epi32(mean);
    let centred = |x| _mm256_sub_epi32(_mm256_min_epi32(_mm256_max_epi32(x, lowest), highest), middle);
    let mut squares = Squares::new();
    for at in (0..len).step_by(LANES) {
        squares.add(centred(load(x, at)));
    }
    // Zeros beyond the end were centred too.
    let beyond = (len.next_multiple_of(LANES) - len) as u128 * ops::sum_of_squares(&[0i32.saturating_sub(mean)]);
    let inv = ops::inv_rms(squares.total() - beyond, len as u32, eps);
    let first = 0i32.saturating_sub(inv.exp.saturating_add(NORMALISED_FRAC - 16));
    let second = NORMALISED_FRAC + frac as i32 - 16;
    if !(1..=32).contains(&first) || !(1..=63).contains(&second) || len >= 1 << 17 {
        // A row whose magnitude is far from one, or one longer than any model has.
        return ops::layernorm(x, gain, frac, bias, eps);
    }
    let mant = _mm256_set1_epi64x(i64::from(inv.mant));
    let round = _mm256_set1_epi64x(1 << (first - 1));
    let count = _mm_cvtsi32_si128(first);
    // |x| <= sqrt(len) rms: normalised at most 363 in Q22, below 2^31. So nothing saturates, and a logical shift by
    // 32 bits at most leaves the low half of an arithmetic one.
    let normalise = |product| _mm256_srl_epi64(_mm256_add_epi64(product, round), count);
    // Products with the gain are at most 2^62 and half a unit is at most 2^62; 363 in Q22 keeps their sum below 2^63.
    let scale = ShiftToI32::new(second);
    for at in (0..len).step_by(LANES) {
        let (value, gain) = (centred(load(x, at)), load(gain, at));
        let even = _mm256_mul_epi32(normalise(_mm256_mul_epi32(value, mant)), gain);
        let odds = _mm256_mul_epi32(normalise(_mm256_mul_epi32(odd(value), mant)), odd(gain));
        store(x, at, add_saturating(scale.apply(even, odds), load(bias, at)));
    }
}

/// See [`ops::add_row`].
#[target_feature(enable = "avx2")]
pub(super) fn add_row(x: &mut [i32], delta: &[i32]) {
    let delta = &delta[..x.len()];
    for at in (0..x.len()).step_by(LANES) {
        let sum = add_saturating(load(x, at), load(delta, at));
        store(x, at, sum);
    }
}
