//! Row operators for AVX-512, eight 64-bit lanes at a time.
//!
//! Only the passes over a row are vectors; everything that happens once per row is the definition's own code.

use super::{UNIT_Q16, UNIT_Q32};
use lantern_exact::{
    fixed::{Scale, NORMAL_CDF, NORMAL_CDF_STEP_BITS, SIGMOID, SIGMOID_STEP_BITS},
    ops::{self, Quantiser},
};
use std::arch::x86_64::*;

/// Lanes of a 64-bit vector.
const LANES: usize = 8;

/// Mask of the lanes in bounds when `left` values are left.
fn mask8(left: usize) -> __mmask8 {
    if left >= LANES {
        0xff
    } else {
        (1u8 << left) - 1
    }
}

/// Mask of 32-bit lanes.
fn mask16(left: usize) -> __mmask16 {
    if left >= 16 {
        0xffff
    } else {
        (1u16 << left) - 1
    }
}

/// Values `at..at + 8` of `x` as i64, zero beyond the end.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
#[inline]
fn load8(x: &[i32], at: usize) -> __m512i {
    let left = &x[at..];
    // SAFETY: the mask keeps the load within `left`.
    _mm512_cvtepi32_epi64(unsafe { _mm256_maskz_loadu_epi32(mask8(left.len()), left.as_ptr()) })
}

/// `rsr(x, count + 1)` for a common count.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
#[inline]
fn rsr_by(x: __m512i, count_less_one: __m128i) -> __m512i {
    _mm512_srai_epi64::<1>(_mm512_add_epi64(
        _mm512_sra_epi64(x, count_less_one),
        _mm512_set1_epi64(1),
    ))
}

/// [`Quantiser::apply`] on eight lanes.
struct Quantiser8 {
    right: i32,
    shift: __m128i,
    recip: __m512i,
    k_less_one: __m128i,
}

impl Quantiser8 {
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    #[inline]
    fn new(quantiser: &Quantiser) -> Self {
        let shift = if quantiser.shift > 0 {
            quantiser.shift - 1
        } else {
            -quantiser.shift
        };
        Self {
            right: quantiser.shift,
            shift: _mm_cvtsi64_si128(i64::from(shift)),
            recip: _mm512_set1_epi64(quantiser.recip),
            k_less_one: _mm_cvtsi64_si128(i64::from(quantiser.k) - 1),
        }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    #[inline]
    fn apply(&self, z: __m512i) -> __m512i {
        let n = if self.right > 0 {
            rsr_by(z, self.shift)
        } else {
            _mm512_sll_epi64(z, self.shift)
        };
        // |n| <= 2^30 and recip < 2^31: both fit the signed low halves that the multiplication reads.
        rsr_by(_mm512_mul_epi32(n, self.recip), self.k_less_one)
    }
}

/// Quantises the row of `len` numbers that `z(at)` gives eight at a time (zero beyond the end).
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
#[inline]
fn quantise(len: usize, z: impl Fn(usize) -> __m512i, amax: u64, qmax: u32, unit: Scale, out: &mut [i16]) -> Scale {
    let quantiser = Quantiser::new(amax, qmax, unit);
    let lanes = Quantiser8::new(&quantiser);
    for at in (0..len).step_by(LANES) {
        let q = lanes.apply(z(at));
        let out = &mut out[at..];
        // SAFETY: the mask keeps the store within `out`.
        unsafe { _mm512_mask_cvtepi64_storeu_epi16(out.as_mut_ptr().cast(), mask8(out.len()), q) };
    }
    quantiser.scale
}

/// Largest magnitude of the numbers that `z(at)` gives.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
#[inline]
fn largest(len: usize, z: impl Fn(usize) -> __m512i) -> u64 {
    let mut amax = _mm512_setzero_si512();
    for at in (0..len).step_by(LANES) {
        amax = _mm512_max_epu64(amax, _mm512_abs_epi64(z(at)));
    }
    _mm512_reduce_max_epu64(amax)
}

/// See [`ops::quantise_row`].
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
pub(super) fn quantise_row(x: &[i32], qmax: u32, out: &mut [i16]) -> Scale {
    let out = &mut out[..x.len()];
    let amax = largest(x.len(), |at| load8(x, at));
    quantise(x.len(), |at| load8(x, at), amax, qmax, UNIT_Q16, out)
}

/// [`ops::sum_of_squares`] by halves: each lane sums at most 2^17 / 8 numbers below 2^32.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
#[inline]
fn sum_of_squares(x: &[i32]) -> u128 {
    let low_half = _mm512_set1_epi64(0xffff_ffff);
    let (mut low, mut high) = (_mm512_setzero_si512(), _mm512_setzero_si512());
    for at in (0..x.len()).step_by(LANES) {
        let value = load8(x, at);
        let square = _mm512_mul_epi32(value, value);
        low = _mm512_add_epi64(low, _mm512_and_si512(square, low_half));
        high = _mm512_add_epi64(high, _mm512_srli_epi64::<32>(square));
    }
    let sum = |lanes: __m512i| _mm512_reduce_add_epi64(lanes) as u64;
    (u128::from(sum(high)) << 32) + u128::from(sum(low))
}

/// See [`ops::rmsnorm_quantise`].
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
pub(super) fn rmsnorm_quantise(x: &[i32], gain: &[i32], frac: u32, eps: u64, qmax: u32, out: &mut [i16]) -> Scale {
    let (gain, out) = (&gain[..x.len()], &mut out[..x.len()]);
    let inv = ops::inv_rms(sum_of_squares(x), x.len() as u32, eps);
    let products = |at: usize| _mm512_mul_epi32(load8(x, at), load8(gain, at));
    let amax = largest(x.len(), products);
    let unit = Scale {
        mant: inv.mant,
        exp: inv.exp.saturating_sub(16 + frac as i32),
    };
    quantise(x.len(), products, amax, qmax, unit, out)
}

/// `x * f(x)` in place, where `f` interpolates `table` (Q30, cells of `2^STEP`) at `|x|` and mirrors it for negative `x`.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
#[inline]
fn gate_by_table<const STEP: u32>(x: &mut [i32], table: &[u32]) {
    let last = _mm512_set1_epi32(table.len() as i32 - 1);
    let (zero, one) = (_mm512_setzero_si512(), _mm512_set1_epi32(1));
    let round = _mm512_set1_epi32(1 << (STEP - 1));
    let fraction = _mm512_set1_epi32((1 << STEP) - 1);
    for at in (0..x.len()).step_by(16) {
        let x = &mut x[at..];
        let mask = mask16(x.len());
        // SAFETY: the mask keeps the load within `x`.
        let value = unsafe { _mm512_maskz_loadu_epi32(mask, x.as_ptr()) };
        // The magnitude of the smallest i32 is 2^31, which is right when read as unsigned.
        let magnitude = _mm512_abs_epi32(value);
        let cell = _mm512_min_epu32(_mm512_srl_epi32(magnitude, _mm_cvtsi32_si128(STEP as i32)), last);
        let next = _mm512_min_epu32(_mm512_add_epi32(cell, one), last);
        // SAFETY: both indices are at most `table.len() - 1`.
        let (left, right) = unsafe {
            (
                _mm512_i32gather_epi32::<4>(cell, table.as_ptr().cast()),
                _mm512_i32gather_epi32::<4>(next, table.as_ptr().cast()),
            )
        };
        // Past the end both are the last entry and the rise is zero. Elsewhere rise * fraction is below 2^31: a cell of
        // the sigmoid rises by at most 2^21 and has 2^9 steps, one of the normal distribution 2^20.7 and 2^8.
        let rise = _mm512_mullo_epi32(_mm512_sub_epi32(right, left), _mm512_and_si512(magnitude, fraction));
        let rise = _mm512_srl_epi32(_mm512_add_epi32(rise, round), _mm_cvtsi32_si128(STEP as i32));
        let y = _mm512_add_epi32(left, rise);
        let negative = _mm512_cmplt_epi32_mask(value, zero);
        let y = _mm512_mask_sub_epi32(y, negative, _mm512_set1_epi32(1 << 30), y);
        let half = |value: __m512i, y: __m512i| {
            let product = _mm512_mul_epi32(value, y);
            rsr_by(product, _mm_cvtsi64_si128(29))
        };
        let even = half(value, y);
        let odd = half(_mm512_srli_epi64::<32>(value), _mm512_srli_epi64::<32>(y));
        // Results are no larger than x: the low halves are the values.
        let merged = _mm512_mask_mov_epi32(even, 0xaaaa, _mm512_slli_epi64::<32>(odd));
        // SAFETY: the mask keeps the store within `x`.
        unsafe { _mm512_mask_storeu_epi32(x.as_mut_ptr(), mask, merged) };
    }
}

/// See [`ops::silu_gate_quantise`]; leaves `silu(gate)` in `gate`.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
pub(super) fn silu_gate_quantise(gate: &mut [i32], up: &[i32], qmax: u32, out: &mut [i16]) -> Scale {
    let (up, out) = (&up[..gate.len()], &mut out[..gate.len()]);
    gate_by_table::<SIGMOID_STEP_BITS>(gate, &SIGMOID);
    let gate = &*gate;
    let products = |at: usize| _mm512_mul_epi32(load8(gate, at), load8(up, at));
    let amax = largest(gate.len(), products);
    quantise(gate.len(), products, amax, qmax, UNIT_Q32, out)
}

/// See [`ops::gelu_quantise`]; leaves `gelu(x)` in `x`.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
pub(super) fn gelu_quantise(x: &mut [i32], qmax: u32, out: &mut [i16]) -> Scale {
    gate_by_table::<NORMAL_CDF_STEP_BITS>(x, &NORMAL_CDF);
    quantise_row(x, qmax, out)
}

/// See [`ops::rope_row`].
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
pub(super) fn rope_row(head: &mut [i32], cos: &[i32], sin: &[i32]) {
    let half = head.len() / 2;
    let (first, second) = head.split_at_mut(half);
    let (cos, sin) = (&cos[..half], &sin[..half]);
    let count = _mm_cvtsi64_si128(29);
    for at in (0..half).step_by(LANES) {
        let (x, y, c, s) = (load8(first, at), load8(second, at), load8(cos, at), load8(sin, at));
        let a = _mm512_sub_epi64(_mm512_mul_epi32(x, c), _mm512_mul_epi32(y, s));
        let b = _mm512_add_epi64(_mm512_mul_epi32(y, c), _mm512_mul_epi32(x, s));
        for (target, value) in [(&mut *first, a), (&mut *second, b)] {
            let target = &mut target[at..half];
            let value = _mm512_cvtsepi64_epi32(rsr_by(value, count));
            // SAFETY: the mask keeps the store within `target`.
            unsafe { _mm256_mask_storeu_epi32(target.as_mut_ptr(), mask8(target.len()), value) };
        }
    }
}

/// See [`ops::layernorm`].
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
pub(super) fn layernorm(x: &mut [i32], gain: &[i32], frac: u32, bias: &[i32], eps: u64) {
    /// Fractional bits of a normalised element, as in the definition.
    const NORMALISED_FRAC: i32 = 22;
    let len = x.len();
    let middle = i64::from(ops::mean(x));
    let centre = _mm512_set1_epi64(middle);
    for at in (0..len).step_by(LANES) {
        let centred = _mm512_cvtsepi64_epi32(_mm512_sub_epi64(load8(x, at), centre));
        let x = &mut x[at..];
        // SAFETY: the mask keeps the store within `x`.
        unsafe { _mm256_mask_storeu_epi32(x.as_mut_ptr(), mask8(x.len()), centred) };
    }
    let inv = ops::inv_rms(sum_of_squares(x), len as u32, eps);
    let first = -inv.exp.saturating_add(NORMALISED_FRAC - 16);
    let second = NORMALISED_FRAC + frac as i32 - 16;
    if !(1..=63).contains(&first) || !(1..=63).contains(&second) {
        // A row whose magnitude is far from one: the definition handles every shift.
        finish_layernorm(x, gain, frac, bias, inv);
        return;
    }
    let mant = _mm512_set1_epi64(i64::from(inv.mant));
    let (first, second) = (
        _mm_cvtsi64_si128(i64::from(first) - 1),
        _mm_cvtsi64_si128(i64::from(second) - 1),
    );
    let saturate = |value: __m512i| _mm512_cvtepi32_epi64(_mm512_cvtsepi64_epi32(value));
    let (gain, bias) = (&gain[..len], &bias[..len]);
    for at in (0..len).step_by(LANES) {
        let n = saturate(rsr_by(_mm512_mul_epi32(load8(x, at), mant), first));
        let scaled = saturate(rsr_by(_mm512_mul_epi32(n, load8(gain, at)), second));
        let out = _mm512_cvtsepi64_epi32(_mm512_add_epi64(scaled, load8(bias, at)));
        let x = &mut x[at..];
        // SAFETY: the mask keeps the store within `x`.
        unsafe { _mm256_mask_storeu_epi32(x.as_mut_ptr(), mask8(x.len()), out) };
    }
}

/// The last step of LayerNorm for shifts that the vector path does not take.
fn finish_layernorm(x: &mut [i32], gain: &[i32], frac: u32, bias: &[i32], inv: Scale) {
    use lantern_exact::fixed::{add_sat, shift_to_i32};
    for ((x, gain), bias) in x.iter_mut().zip(gain).zip(bias) {
        let first = 0i32.saturating_sub(inv.exp.saturating_add(6));
        let n = shift_to_i32(i64::from(*x) * i64::from(inv.mant), first);
        *x = add_sat(shift_to_i32(i64::from(n) * i64::from(*gain), 6 + frac as i32), *bias);
    }
}

/// See [`ops::add_row`].
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
pub(super) fn add_row(x: &mut [i32], delta: &[i32]) {
    let delta = &delta[..x.len()];
    let largest = _mm512_set1_epi32(i32::MAX);
    for at in (0..x.len()).step_by(16) {
        let (x, delta) = (&mut x[at..], &delta[at..]);
        let mask = mask16(x.len());
        // SAFETY: the mask keeps loads and store within the slices, which have one length.
        unsafe {
            let a = _mm512_maskz_loadu_epi32(mask, x.as_ptr());
            let b = _mm512_maskz_loadu_epi32(mask, delta.as_ptr());
            let sum = _mm512_add_epi32(a, b);
            // Overflow: the sum's sign differs from both signs.
            let overflow = _mm512_and_si512(_mm512_xor_si512(a, sum), _mm512_xor_si512(b, sum));
            let bound = _mm512_xor_si512(_mm512_srai_epi32::<31>(a), largest);
            let sum = _mm512_mask_mov_epi32(sum, _mm512_movepi32_mask(overflow), bound);
            _mm512_mask_storeu_epi32(x.as_mut_ptr(), mask, sum);
        }
    }
}
