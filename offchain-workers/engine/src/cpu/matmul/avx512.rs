//! The AVX-512 VNNI kernel, and the 64-bit SIMD epilogue that it shares with the AMX kernel.

use super::{block_len, finish, Output};
use crate::cpu::matrix::{Activations, Matrix, BLOCK, OUT_PAD};
use lantern_exact::fixed::{Scale, FRAC};
use std::{arch::x86_64::*, ops::Range};

/// Rows taken at once when there are several.
const ROWS: usize = 4;

/// Products of all rows with the outputs of `pairs`.
///
/// # Safety
/// Needs AVX-512 F, BW, DQ, VL and VNNI. The outputs of `pairs` must belong to this task.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub(super) unsafe fn product(x: &Activations, w: &Matrix, pairs: Range<usize>, out: Output<'_, '_>) {
    // SAFETY: the features are there; each instance checks its bounds.
    unsafe {
        if x.wide() {
            walk::<2>(x, w, pairs, out);
        } else {
            walk::<1>(x, w, pairs, out);
        }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn walk<const P: usize>(x: &Activations, w: &Matrix, pairs: Range<usize>, out: Output<'_, '_>) {
    let mut pair = pairs.start;
    while pair < pairs.end {
        // SAFETY: pairs are in bounds of the padded matrix.
        unsafe {
            if x.rows() < ROWS && pair + 2 <= pairs.end {
                // Few rows: more blocks at once, so that broadcasts and latency hide behind the weights' stream.
                (0..x.rows()).for_each(|row| tile::<1, P, 4>(x, row, w, pair * 2, out));
                pair += 2;
                continue;
            }
            let mut row = 0;
            while row + ROWS <= x.rows() {
                tile::<ROWS, P, 2>(x, row, w, pair * 2, out);
                row += ROWS;
            }
            (row..x.rows()).for_each(|row| tile::<1, P, 2>(x, row, w, pair * 2, out));
        }
        pair += 1;
    }
}

/// Bytes between the weights at hand and those asked for.
const PREFETCH: usize = 2048;

/// `T` rows by `B` blocks of outputs, each of `P` planes.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
#[inline]
unsafe fn tile<const T: usize, const P: usize, const B: usize>(
    x: &Activations,
    row: usize,
    w: &Matrix,
    block: usize,
    out: Output<'_, '_>,
) {
    let ins = w.ins_padded();
    let planes = &x.planes()[row * P * ins..(row + T) * P * ins];
    let weights = &w.blocks_from(block)[..B * BLOCK * ins];
    let mut acc = [[[_mm512_setzero_si512(); B]; P]; T];
    let (x_base, w_base) = (planes.as_ptr(), weights.as_ptr());
    for group in 0..ins / 4 {
        // SAFETY: `planes` holds T * P rows of `ins` bytes, `weights` B blocks of 16 * `ins` bytes.
        unsafe {
            let mut w_lanes = [_mm512_setzero_si512(); B];
            for (b, lanes) in w_lanes.iter_mut().enumerate() {
                let weights = w_base.add(b * BLOCK * ins + group * BLOCK * 4);
                *lanes = _mm512_load_si512(weights.cast());
                if T == 1 {
                    // A single row waits for weights: ask for them early. Past the end this is harmless.
                    _mm_prefetch::<_MM_HINT_T0>(weights.wrapping_add(PREFETCH));
                }
            }
            for (t, acc) in acc.iter_mut().enumerate() {
                for (p, acc) in acc.iter_mut().enumerate() {
                    let x4 = x_base.add((t * P + p) * ins + group * 4).cast::<i32>().read_unaligned();
                    let x_lanes = _mm512_set1_epi32(x4);
                    for (acc, w_lanes) in acc.iter_mut().zip(w_lanes) {
                        *acc = _mm512_dpbusd_epi32(*acc, x_lanes, w_lanes);
                    }
                }
            }
        }
    }
    for b in 0..B {
        // SAFETY: the features are there and the block belongs to this task.
        let epilogue = unsafe { BlockEpilogue::new(w, block + b) };
        for (t, acc) in acc.iter().enumerate() {
            let planes = if P == 2 {
                [acc[0][b], acc[1][b]]
            } else {
                [acc[0][b], _mm512_setzero_si512()]
            };
            // SAFETY: as above.
            unsafe { epilogue.finish::<P>(planes, x.scale(row + t), row + t, out) };
        }
    }
}

/// What turns the sums of one block of outputs into Q16: loaded once, used for every row.
///
/// Lanes of 32 bits hold outputs 0 to 15. Multiplication reads the even ones; `*_odd` hold the odd ones in even places.
pub(super) struct BlockEpilogue<'a> {
    w: &'a Matrix,
    first: usize,
    len: usize,
    mant: [__m512i; 2],
    exp: [__m512i; 2],
    /// 128 times the weights' sum: what the offset of the (high) plane adds.
    offset: __m512i,
    bias: __m512i,
}

impl<'a> BlockEpilogue<'a> {
    /// For block `block` of `w`.
    ///
    /// # Safety
    /// Needs AVX-512 F, BW, DQ and VL.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    #[inline]
    pub(super) unsafe fn new(w: &'a Matrix, block: usize) -> Self {
        let first = block * BLOCK;
        let parts = first..first + BLOCK;
        // SAFETY: a block's sixteen padded outputs.
        let (mant, exp, row_sums, bias) = unsafe {
            (
                _mm512_loadu_si512(w.mant[parts.clone()].as_ptr().cast()),
                _mm512_loadu_si512(w.exp[parts.clone()].as_ptr().cast()),
                _mm512_loadu_si512(w.row_sums[parts.clone()].as_ptr().cast()),
                _mm512_loadu_si512(w.bias[parts].as_ptr().cast()),
            )
        };
        let even = |lanes: __m512i| _mm512_srai_epi64::<32>(_mm512_slli_epi64::<32>(lanes));
        let odd = |lanes: __m512i| _mm512_srai_epi64::<32>(lanes);
        Self {
            w,
            first,
            len: block_len(w, block),
            mant: [even(mant), odd(mant)],
            exp: [even(exp), odd(exp)],
            offset: _mm512_slli_epi32::<7>(row_sums),
            bias,
        }
    }

    /// Writes the outputs of `row`, whose planes' sums are `sums` and whose scale is `scale`.
    ///
    /// # Safety
    /// Needs AVX-512 F, BW, DQ and VL. The block's outputs must belong to this task.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    #[inline]
    pub(super) unsafe fn finish<const P: usize>(
        &self,
        sums: [__m512i; 2],
        scale: Scale,
        row: usize,
        out: Output<'_, '_>,
    ) {
        if self.len == 0 {
            return;
        }
        // SAFETY: promised by the caller.
        let target = unsafe { out.part(row, self.first, self.len) };
        // epilogue(): shift = base - exponent of the weight row.
        let base = -(25 + FRAC + scale.exp);
        // Of signed values and weights: below 128 * 127 * MAX_INPUTS < 2^31.
        let high = _mm512_sub_epi32(sums[0], self.offset);
        let low = sums[1];
        if base - self.w.exp_max() < 1 {
            self.finish_one_by_one::<P>([high, low], scale, target);
            return;
        }
        let one = _mm512_set1_epi64(1);
        let row_mant = _mm512_set1_epi64(i64::from(scale.mant));
        let shift_base = _mm512_set1_epi64(i64::from(base - 1));
        let half = |high: __m512i, low: __m512i, mant: __m512i, exp: __m512i| {
            let product = _mm512_add_epi64(_mm512_mul_epu32(mant, row_mant), _mm512_set1_epi64(1 << 24));
            let m = _mm512_srli_epi64::<25>(product);
            // acc * m by planes, exactly: m < 2^23 and each plane's sum fits 32 bits.
            let scaled = if P == 2 {
                _mm512_add_epi64(
                    _mm512_slli_epi64::<8>(_mm512_mul_epi32(high, m)),
                    _mm512_mul_epi32(low, m),
                )
            } else {
                _mm512_mul_epi32(high, m)
            };
            // rsr(): shift by all but one bit, add one, shift the last bit. Counts beyond 63 leave the sign, then zero.
            let shifted = _mm512_srav_epi64(scaled, _mm512_sub_epi64(shift_base, exp));
            let rounded = _mm512_srai_epi64::<1>(_mm512_add_epi64(shifted, one));
            let clamped = _mm512_max_epi64(rounded, _mm512_set1_epi64(i64::from(i32::MIN)));
            _mm512_min_epi64(clamped, _mm512_set1_epi64(i64::from(i32::MAX)))
        };
        let odd = |lanes: __m512i| _mm512_srli_epi64::<32>(lanes);
        let even_out = half(high, low, self.mant[0], self.exp[0]);
        let odd_out = half(odd(high), odd(low), self.mant[1], self.exp[1]);
        let mut all = _mm512_mask_mov_epi32(even_out, 0xaaaa, _mm512_slli_epi64::<32>(odd_out));
        if self.w.has_bias() {
            let sum = _mm512_add_epi32(all, self.bias);
            // Overflow: the sum's sign differs from both signs.
            let overflow = _mm512_and_si512(_mm512_xor_si512(all, sum), _mm512_xor_si512(self.bias, sum));
            let bound = _mm512_xor_si512(_mm512_srai_epi32::<31>(all), _mm512_set1_epi32(i32::MAX));
            all = _mm512_mask_mov_epi32(sum, _mm512_movepi32_mask(overflow), bound);
        }
        let mask = if self.len == BLOCK {
            u16::MAX
        } else {
            (1u16 << self.len) - 1
        };
        // SAFETY: `target` has `len` values and the mask selects as many.
        unsafe { _mm512_mask_storeu_epi32(target.as_mut_ptr(), mask, all) };
    }

    /// For rows of weights so large that a shift goes left: rare.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    fn finish_one_by_one<const P: usize>(&self, [high, low]: [__m512i; 2], scale: Scale, target: &mut [i32]) {
        let (mut highs, mut lows) = ([0i32; BLOCK], [0i32; BLOCK]);
        // SAFETY: 64 bytes each.
        unsafe {
            _mm512_storeu_si512(highs.as_mut_ptr().cast(), high);
            _mm512_storeu_si512(lows.as_mut_ptr().cast(), low);
        }
        for (lane, target) in target.iter_mut().enumerate() {
            let acc = if P == 2 {
                i64::from(highs[lane]) * 256 + i64::from(lows[lane])
            } else {
                i64::from(highs[lane])
            };
            *target = finish(acc, scale, self.w, self.first + lane);
        }
    }
}

const _: () = assert!(OUT_PAD == 2 * BLOCK && BLOCK == 16);
