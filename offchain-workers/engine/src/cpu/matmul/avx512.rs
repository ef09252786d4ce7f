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
                *lanes = _mm512_load_si512(w_base.add(b * BLOCK * ins + group * BLOCK * 4).cast());
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
    for (t, acc) in acc.iter().enumerate() {
        for b in 0..B {
            let planes = if P == 2 { [acc[0][b], acc[1][b]] } else { [acc[0][b], _mm512_setzero_si512()] };
            // SAFETY: the features are there and the block belongs to this task.
            unsafe { finish_block::<P>(planes, x.scale(row + t), w, block + b, row + t, out) };
        }
    }
}

/// Turns the planes' sums of one row and block into Q16 outputs.
///
/// # Safety
/// Needs AVX-512 F, DQ and VL. The block's outputs must belong to this task.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
#[inline]
pub(super) unsafe fn finish_block<const P: usize>(
    sums: [__m512i; 2],
    scale: Scale,
    w: &Matrix,
    block: usize,
    row: usize,
    out: Output<'_, '_>,
) {
    let len = block_len(w, block);
    if len == 0 {
        return;
    }
    let first = block * BLOCK;
    // SAFETY: promised by the caller.
    let target = unsafe { out.part(row, first, len) };
    // epilogue(): shift = base - exponent of the weight row.
    let base = -(25 + FRAC + scale.exp);
    let mut halves = [_mm256_setzero_si256(); 2];
    for (half, narrow) in halves.iter_mut().enumerate() {
        let at = first + half * 8;
        // SAFETY: vectors of a block's padded outputs are in bounds.
        let (mant, exp, row_sums, bias) = unsafe {
            (
                _mm512_cvtepu32_epi64(_mm256_loadu_si256(w.mant[at..at + 8].as_ptr().cast())),
                _mm512_cvtepi32_epi64(_mm256_loadu_si256(w.exp[at..at + 8].as_ptr().cast())),
                _mm512_cvtepi32_epi64(_mm256_loadu_si256(w.row_sums[at..at + 8].as_ptr().cast())),
                _mm512_cvtepi32_epi64(_mm256_loadu_si256(w.bias[at..at + 8].as_ptr().cast())),
            )
        };
        let widen = |sum: __m512i| {
            _mm512_cvtepi32_epi64(if half == 0 {
                _mm512_castsi512_si256(sum)
            } else {
                _mm512_extracti64x4_epi64::<1>(sum)
            })
        };
        // The offset of 128 in the (high) plane adds 128 times the weights' sum.
        let centred = _mm512_sub_epi64(widen(sums[0]), _mm512_slli_epi64::<7>(row_sums));
        let acc = if P == 2 {
            _mm512_add_epi64(_mm512_slli_epi64::<8>(centred), widen(sums[1]))
        } else {
            centred
        };
        if base - w.exp_max() < 1 {
            // Some row needs a left shift: rare, so one at a time.
            let mut accs = [0i64; 8];
            // SAFETY: 64 bytes.
            unsafe { _mm512_storeu_si512(accs.as_mut_ptr().cast(), acc) };
            for (lane, acc) in accs.into_iter().enumerate().take(len.saturating_sub(half * 8)) {
                target[half * 8 + lane] = finish(acc, scale, w, at + lane);
            }
            continue;
        }
        let product = _mm512_mul_epu32(mant, _mm512_set1_epi64(i64::from(scale.mant)));
        let m = _mm512_srli_epi64::<25>(_mm512_add_epi64(product, _mm512_set1_epi64(1 << 24)));
        let shift = _mm512_sub_epi64(_mm512_set1_epi64(i64::from(base - 1)), exp);
        // rsr(): shift by all but one bit, add one, shift the last bit. Counts beyond 63 leave the sign, then zero.
        let shifted = _mm512_srav_epi64(_mm512_mullo_epi64(acc, m), shift);
        let rounded = _mm512_srai_epi64::<1>(_mm512_add_epi64(shifted, _mm512_set1_epi64(1)));
        let clamped = _mm512_cvtepi32_epi64(_mm512_cvtsepi64_epi32(rounded));
        *narrow = _mm512_cvtsepi64_epi32(_mm512_add_epi64(clamped, bias));
    }
    if base - w.exp_max() >= 1 {
        let all = _mm512_inserti64x4::<1>(_mm512_castsi256_si512(halves[0]), halves[1]);
        let mask = if len == BLOCK { u16::MAX } else { (1u16 << len) - 1 };
        // SAFETY: `target` has `len` values and the mask selects as many.
        unsafe { _mm512_mask_storeu_epi32(target.as_mut_ptr(), mask, all) };
    }
}

const _: () = assert!(OUT_PAD == 2 * BLOCK && BLOCK == 16);
