//! The AVX2 kernel: 16-bit products, so that wide values need no planes.

use super::{finish, pair_len, Output};
use crate::cpu::matrix::{Activations, Matrix, BLOCK, OUT_PAD};
use std::{arch::x86_64::*, ops::Range};

/// Groups of four inputs after which 32-bit lanes move to 64 bits: each lane takes two products of at most
/// 32,639 * 127 per group, and 256 * 2 * 32,639 * 127 = 2,122,318,336 < 2^31.
const GROUPS_PER_FLUSH: usize = 256;

/// Products of all rows with the outputs of `pairs`.
///
/// # Safety
/// Needs AVX2. The outputs of `pairs` must belong to this task.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn product(x: &Activations, w: &Matrix, pairs: Range<usize>, out: Output<'_, '_>) {
    for pair in pairs {
        let len = pair_len(w, pair);
        for row in 0..x.rows() {
            // SAFETY: see above.
            let target = unsafe { out.part(row, pair * OUT_PAD, len) };
            let blocks = len.div_ceil(BLOCK);
            for block in 0..blocks {
                let first = pair * OUT_PAD + block * BLOCK;
                // SAFETY: AVX2 is there.
                let accs = unsafe { dot16(x.values(row), w.blocks_from(first / BLOCK)) };
                for (index, (target, acc)) in target[block * BLOCK..].iter_mut().zip(accs).enumerate() {
                    *target = finish(acc, x.scale(row), w, first + index);
                }
            }
        }
    }
}

/// Exact dot products of `values` with the 16 outputs of the first block in `weights`.
#[target_feature(enable = "avx2")]
unsafe fn dot16(values: &[i16], weights: &[i8]) -> [i64; BLOCK] {
    let groups = values.len() / 4;
    assert!(weights.len() >= groups * BLOCK * 4, "weights of a block");
    let mut totals = [0i64; BLOCK];
    let mut start = 0;
    while start < groups {
        let end = (start + GROUPS_PER_FLUSH).min(groups);
        // Lane pairs of acc[i] belong to outputs 4 i .. 4 i + 4.
        let mut acc = [_mm256_setzero_si256(); 4];
        for group in start..end {
            // SAFETY: `group < groups`, so 4 values and 64 weights are in bounds by the assertion.
            unsafe {
                let x4 = _mm256_set1_epi64x(values.as_ptr().add(group * 4).cast::<i64>().read_unaligned());
                let base = weights.as_ptr().add(group * BLOCK * 4);
                for (part, acc) in acc.iter_mut().enumerate() {
                    let w16 = _mm256_cvtepi8_epi16(_mm_loadu_si128(base.add(part * 16).cast()));
                    *acc = _mm256_add_epi32(*acc, _mm256_madd_epi16(w16, x4));
                }
            }
        }
        for (part, acc) in acc.iter().enumerate() {
            let mut lanes = [0i32; 8];
            // SAFETY: `lanes` has 32 bytes.
            unsafe { _mm256_storeu_si256(lanes.as_mut_ptr().cast(), *acc) };
            for (output, pair) in lanes.chunks_exact(2).enumerate() {
                totals[part * 4 + output] += i64::from(pair[0]) + i64::from(pair[1]);
            }
        }
        start = end;
    }
    totals
}
