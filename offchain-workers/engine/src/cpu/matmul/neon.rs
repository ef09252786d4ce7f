//! The NEON kernel for processors without dot products: 16-bit products, so that wide values need no planes.

use super::{block_len, Output};
use crate::cpu::{
    matrix::{Activations, Matrix, BLOCK},
    neon::{store, Epilogue, LANES},
};
use lantern_exact::fixed::Scale;
use std::{arch::aarch64::*, ops::Range};

/// Groups of four inputs after which 32-bit lanes move to 64 bits: each lane takes one product of at most 32,639 * 127 per
/// group, and 512 * 32,639 * 127 = 2,122,318,336 < 2^31.
const GROUPS_PER_FLUSH: usize = 512;

/// Quarters of a block: vectors of outputs.
const QUARTERS: usize = BLOCK / LANES;

/// Products of all rows with the outputs of `pairs`.
///
/// # Safety
/// Needs NEON. The outputs of `pairs` must belong to this task.
#[target_feature(enable = "neon")]
pub(super) unsafe fn product(x: &Activations, w: &Matrix, pairs: Range<usize>, out: Output<'_, '_>) {
    for block in pairs.start * 2..pairs.end * 2 {
        if block_len(w, block) == 0 {
            break;
        }
        let mut row = 0;
        // SAFETY: passed on; blocks and rows are in bounds.
        unsafe {
            while row + 2 <= x.rows() {
                // Two rows share the weights' widening, half a block at a time: sixteen sums fill the registers.
                tile::<2, 2>(x, row, w, block, 0, out);
                tile::<2, 2>(x, row, w, block, 2, out);
                row += 2;
            }
            if row < x.rows() {
                tile::<1, QUARTERS>(x, row, w, block, 0, out);
            }
        }
    }
}

/// `T` rows by `Q` quarters of a block of outputs, from quarter `first` on.
///
/// # Safety
/// As for [`product`]; `first + Q` is at most [`QUARTERS`].
#[target_feature(enable = "neon")]
#[inline]
unsafe fn tile<const T: usize, const Q: usize>(
    x: &Activations,
    row: usize,
    w: &Matrix,
    block: usize,
    first: usize,
    out: Output<'_, '_>,
) {
    let ins = w.ins_padded();
    let weights = &w.blocks_from(block)[..BLOCK * ins];
    let values: [&[i16]; T] = std::array::from_fn(|t| &x.values(row + t)[..ins]);
    let groups = ins / 4;
    // Totals hold two outputs each.
    let mut totals = [[[vdupq_n_s64(0); 2]; Q]; T];
    for start in (0..groups).step_by(GROUPS_PER_FLUSH) {
        // One vector an output, its lanes the inputs of a group.
        let mut acc = [[[vdupq_n_s32(0); LANES]; Q]; T];
        for group in start..(start + GROUPS_PER_FLUSH).min(groups) {
            // SAFETY: `group < groups`: 4 values of each row and 64 weights of the block are in bounds.
            unsafe {
                // Twice the four inputs of each row.
                let x4: [int16x8_t; T] = std::array::from_fn(|t| {
                    let x4 = vld1_s16(values[t].as_ptr().add(group * 4));
                    vcombine_s16(x4, x4)
                });
                for q in 0..Q {
                    let w4 = vld1q_s8(weights.as_ptr().add((group * QUARTERS + first + q) * 16));
                    let (low, high) = (vmovl_s8(vget_low_s8(w4)), vmovl_high_s8(w4));
                    for (acc, x4) in acc.iter_mut().zip(x4) {
                        let acc = &mut acc[q];
                        acc[0] = vmlal_s16(acc[0], vget_low_s16(low), vget_low_s16(x4));
                        acc[1] = vmlal_high_s16(acc[1], low, x4);
                        acc[2] = vmlal_s16(acc[2], vget_low_s16(high), vget_low_s16(x4));
                        acc[3] = vmlal_high_s16(acc[3], high, x4);
                    }
                }
            }
        }
        for (totals, acc) in totals.iter_mut().zip(acc) {
            for (totals, [a, b, c, d]) in totals.iter_mut().zip(acc) {
                totals[0] = vaddq_s64(totals[0], vpaddq_s64(vpaddlq_s32(a), vpaddlq_s32(b)));
                totals[1] = vaddq_s64(totals[1], vpaddq_s64(vpaddlq_s32(c), vpaddlq_s32(d)));
            }
        }
    }
    for (t, totals) in totals.iter().enumerate() {
        for (q, sums) in totals.iter().enumerate() {
            let epilogue = QuarterEpilogue::new(w, block, first + q, x.scale(row + t));
            // Below 2^39: 32,639 * 127 * MAX_INPUTS.
            let values = epilogue.scales.finish_wide(*sums);
            // SAFETY: the block's outputs belong to this task.
            unsafe { epilogue.write(values, row + t, out) };
        }
    }
}

/// What turns the sums of four outputs into Q16.
pub(super) struct QuarterEpilogue {
    pub(super) scales: Epilogue,
    bias: int32x4_t,
    at: usize,
    len: usize,
}

impl QuarterEpilogue {
    /// For quarter `quarter` of block `block`, and a row of activations with scale `row`.
    #[target_feature(enable = "neon")]
    #[inline]
    pub(super) fn new(w: &Matrix, block: usize, quarter: usize, row: Scale) -> Self {
        let at = block * BLOCK + quarter * LANES;
        let part = at..at + LANES;
        // SAFETY: four of the block's padded outputs.
        let (mant, exp, bias) = unsafe {
            (
                vld1q_u32(w.mant[part.clone()].as_ptr()),
                vld1q_s32(w.exp[part.clone()].as_ptr()),
                vld1q_s32(w.bias[part].as_ptr()),
            )
        };
        Self {
            scales: Epilogue::new(row, mant, exp),
            bias,
            at,
            len: block_len(w, block).saturating_sub(quarter * LANES).min(LANES),
        }
    }

    /// Adds the bias, saturating, and writes the outputs of `row`.
    ///
    /// # Safety
    /// The outputs must belong to this task.
    #[target_feature(enable = "neon")]
    #[inline]
    pub(super) unsafe fn write(&self, values: int32x4_t, row: usize, out: Output<'_, '_>) {
        if self.len == 0 {
            return;
        }
        // SAFETY: promised by the caller.
        let target = unsafe { out.part(row, self.at, self.len) };
        store(vqaddq_s32(values, self.bias), target);
    }
}
