//! The AVX2 kernel: 16-bit products, so that wide values need no planes and cost no more than narrow ones.

use super::{finish, Output};
use crate::cpu::matrix::{Activations, Matrix, BLOCK, OUT_PAD};
use lantern_exact::fixed::{Scale, FRAC};
use std::{arch::x86_64::*, ops::Range};

/// Rows taken at once when there are several: with two vectors of outputs their sums fill twelve of sixteen registers.
const ROWS: usize = 6;
/// Outputs of one vector.
const PART: usize = 4;
/// Groups of four inputs after which 32-bit lanes move to 64 bits: each lane takes two products of at most
/// 32,639 * 127 per group, and 256 * 2 * 32,639 * 127 = 2,122,318,336 < 2^31. Narrow values are at most 127, so that
/// `MAX_INPUTS` of them fit: 16,384 * 2 * 127 * 127 < 2^31.
const GROUPS_PER_FLUSH: usize = 256;
/// Bytes between the weights at hand and those asked for.
const PREFETCH: usize = 2048;

/// Products of all rows with the outputs of `pairs`.
///
/// # Safety
/// Needs AVX2. The outputs of `pairs` must belong to this task.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn product(x: &Activations, w: &Matrix, pairs: Range<usize>, out: Output<'_, '_>) {
    for pair in pairs {
        let first = pair * OUT_PAD;
        let mut row = 0;
        // SAFETY (all tiles): rows are in bounds, outputs in bounds of the padded matrix.
        while row + ROWS <= x.rows() {
            unsafe { tiles::<ROWS, 2>(x, row, w, first, out) };
            row += ROWS;
        }
        unsafe {
            match x.rows() - row {
                0 => {},
                // A single row waits for weights: one stream, whole lines.
                1 => tiles::<1, 4>(x, row, w, first, out),
                2 => tiles::<2, 2>(x, row, w, first, out),
                3 => tiles::<3, 2>(x, row, w, first, out),
                4 => tiles::<4, 2>(x, row, w, first, out),
                _ => tiles::<5, 2>(x, row, w, first, out),
            }
        }
    }
}

/// `R` rows by the outputs of a pair of blocks, `P` vectors of outputs at a time. The rows stay in a near cache meanwhile.
///
/// # Safety
/// Needs AVX2; `row + R` rows and a pair of blocks from `first` must be there, its outputs this task's.
#[target_feature(enable = "avx2")]
unsafe fn tiles<const R: usize, const P: usize>(
    x: &Activations,
    row: usize,
    w: &Matrix,
    first: usize,
    out: Output<'_, '_>,
) {
    for first in (first..first + OUT_PAD).step_by(P * PART) {
        // SAFETY: passed on.
        unsafe { tile::<R, P>(x, row, w, first, out) };
    }
}

/// `R` rows by `P` vectors of four outputs from `first`.
///
/// # Safety
/// As for [`tiles`].
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn tile<const R: usize, const P: usize>(
    x: &Activations,
    row: usize,
    w: &Matrix,
    first: usize,
    out: Output<'_, '_>,
) {
    let groups = w.ins_padded() / 4;
    let flush = if x.wide() { GROUPS_PER_FLUSH } else { groups };
    let weights = &w.blocks_from(first / BLOCK)[(first % BLOCK) * 4..BLOCK * w.ins_padded()];
    let mut values = [std::ptr::null::<i16>(); R];
    for (r, values) in values.iter_mut().enumerate() {
        *values = x.values(row + r)[..groups * 4].as_ptr();
    }
    let mut totals = [[_mm256_setzero_si256(); P]; R];
    let mut start = 0;
    while start < groups {
        let end = (start + flush).min(groups);
        // Lanes 2 i and 2 i + 1 belong to output i of a vector.
        let mut acc = [[_mm256_setzero_si256(); P]; R];
        for group in start..end {
            // SAFETY: `group < groups`: four values of each row and 16 P bytes of the block's group are in bounds.
            unsafe {
                let base = weights.as_ptr().add(group * BLOCK * 4);
                // The first rows of a block wait for its weights: ask for them early. Past the end this is harmless.
                _mm_prefetch::<_MM_HINT_T0>(base.wrapping_add(PREFETCH));
                let mut w16 = [_mm256_setzero_si256(); P];
                for (p, w16) in w16.iter_mut().enumerate() {
                    *w16 = _mm256_cvtepi8_epi16(_mm_loadu_si128(base.add(p * 16).cast()));
                }
                for (acc, values) in acc.iter_mut().zip(values) {
                    let x4 = _mm256_set1_epi64x(values.add(group * 4).cast::<i64>().read_unaligned());
                    for (acc, w16) in acc.iter_mut().zip(w16) {
                        *acc = _mm256_add_epi32(*acc, _mm256_madd_epi16(w16, x4));
                    }
                }
            }
        }
        for (totals, acc) in totals.iter_mut().zip(acc) {
            for (total, acc) in totals.iter_mut().zip(acc) {
                let one = _mm256_set1_epi64x(1);
                let even = _mm256_mul_epi32(acc, one);
                let odd = _mm256_mul_epi32(_mm256_srli_epi64::<32>(acc), one);
                *total = _mm256_add_epi64(*total, _mm256_add_epi64(even, odd));
            }
        }
        start = end;
    }
    for p in 0..P {
        let epilogue = Epilogue::new(w, first + p * PART);
        for (r, totals) in totals.iter().enumerate() {
            // SAFETY: the outputs are this task's.
            unsafe { epilogue.finish(totals[p], x.scale(row + r), row + r, out) };
        }
    }
}

/// What turns the sums of four outputs into Q16.
struct Epilogue<'a> {
    w: &'a Matrix,
    first: usize,
    len: usize,
    mant: __m256i,
    exp: __m256i,
    bias: __m128i,
}

impl<'a> Epilogue<'a> {
    /// For the outputs `first..first + 4` of the padded matrix.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn new(w: &'a Matrix, first: usize) -> Self {
        let part = first..first + PART;
        // SAFETY: each slice has four values of 32 bits.
        let (mant, exp, bias) = unsafe {
            (
                _mm_loadu_si128(w.mant[part.clone()].as_ptr().cast()),
                _mm_loadu_si128(w.exp[part.clone()].as_ptr().cast()),
                _mm_loadu_si128(w.bias[part].as_ptr().cast()),
            )
        };
        Self {
            w,
            first,
            len: w.outs().saturating_sub(first).min(PART),
            mant: _mm256_cvtepu32_epi64(mant),
            exp: _mm256_cvtepi32_epi64(exp),
            bias,
        }
    }

    /// Writes the outputs of `row`, whose sums are `sums` and whose scale is `scale`.
    ///
    /// # Safety
    /// Needs AVX2. The outputs must belong to this task.
    #[target_feature(enable = "avx2")]
    #[inline]
    unsafe fn finish(&self, sums: __m256i, scale: Scale, row: usize, out: Output<'_, '_>) {
        if self.len == 0 {
            return;
        }
        // SAFETY: promised by the caller.
        let target = unsafe { out.part(row, self.first, self.len) };
        // epilogue(): shift = base - exponent of the weight row.
        let base = -(25 + FRAC + scale.exp);
        if base - self.w.exp_max() < 1 {
            self.finish_one_by_one(sums, scale, target);
            return;
        }
        let set = |value: i64| _mm256_set1_epi64x(value);
        let rounding = set(1 << 24);
        let m = _mm256_add_epi64(_mm256_mul_epu32(self.mant, set(i64::from(scale.mant))), rounding);
        let m = _mm256_srli_epi64::<25>(m);
        // sum * m by halves: |sum| <= 32,639 * 127 * 65,536 < 2^38 and m < 2^23, so the product is below 2^61.
        let low = _mm256_mul_epu32(sums, m);
        let high = _mm256_mul_epi32(_mm256_srli_epi64::<32>(sums), m);
        let scaled = _mm256_add_epi64(low, _mm256_slli_epi64::<32>(high));
        // rsr(scaled, shift) = floor((scaled + 2^(shift - 1)) / 2^shift). There is no arithmetic shift of 64 bits: 2^62, which
        // every shift up to 62 divides, makes the sum positive before and is taken out after. Larger shifts leave zero.
        let shift = _mm256_sub_epi64(set(i64::from(base)), self.exp);
        let offset = set(1 << 62);
        let half = _mm256_sllv_epi64(set(1), _mm256_sub_epi64(shift, set(1)));
        let shifted = _mm256_srlv_epi64(_mm256_add_epi64(_mm256_add_epi64(scaled, offset), half), shift);
        let rounded = _mm256_sub_epi64(shifted, _mm256_srlv_epi64(offset, shift));
        let rounded = _mm256_andnot_si256(_mm256_cmpgt_epi64(shift, set(62)), rounded);
        let (least, most) = (set(i64::from(i32::MIN)), set(i64::from(i32::MAX)));
        let clamped = _mm256_blendv_epi8(rounded, most, _mm256_cmpgt_epi64(rounded, most));
        let clamped = _mm256_blendv_epi8(clamped, least, _mm256_cmpgt_epi64(least, clamped));
        let low_halves = _mm256_permutevar8x32_epi32(clamped, _mm256_setr_epi32(0, 2, 4, 6, 0, 2, 4, 6));
        let value = _mm256_castsi256_si128(low_halves);
        let sum = _mm_add_epi32(value, self.bias);
        // Overflow: the sum's sign differs from both signs.
        let overflow = _mm_and_si128(_mm_xor_si128(value, sum), _mm_xor_si128(self.bias, sum));
        let bound = _mm_xor_si128(_mm_srai_epi32::<31>(value), _mm_set1_epi32(i32::MAX));
        let sum = _mm_blendv_epi8(sum, bound, _mm_srai_epi32::<31>(overflow));
        let mut lanes = [0i32; PART];
        // SAFETY: 16 bytes.
        unsafe { _mm_storeu_si128(lanes.as_mut_ptr().cast(), sum) };
        target.copy_from_slice(&lanes[..self.len]);
    }

    /// For rows of weights so large that a shift goes left: rare.
    #[target_feature(enable = "avx2")]
    fn finish_one_by_one(&self, sums: __m256i, scale: Scale, target: &mut [i32]) {
        let mut lanes = [0i64; PART];
        // SAFETY: 32 bytes.
        unsafe { _mm256_storeu_si256(lanes.as_mut_ptr().cast(), sums) };
        for (lane, target) in target.iter_mut().enumerate() {
            *target = finish(lanes[lane], scale, self.w, self.first + lane);
        }
    }
}

const _: () = assert!(OUT_PAD == 8 * PART && BLOCK == 4 * PART);
