//! The kernel for `SDOT`: four outputs by four inputs of weights an instruction, the inputs broadcast from a lane.
//!
//! A wide value is two signed planes, so nothing is to be taken out again. One plane's sum is at most
//! 128 * 127 * [`MAX_INPUTS`](crate::cpu::matrix::MAX_INPUTS) = 1,065,353,216 < 2^31.

use super::{block_len, neon::QuarterEpilogue, Output};
use crate::cpu::{
    matrix::{Activations, Matrix, BLOCK},
    neon::LANES,
};
use std::{
    arch::{aarch64::*, asm},
    ops::Range,
};

/// Quarters of a block: vectors of outputs.
const QUARTERS: usize = BLOCK / LANES;
/// Inputs of one vector of activations: four groups of four.
const STEP: usize = 16;

/// Sums of `T` rows, `P` planes and `B` blocks.
type Sums<const T: usize, const P: usize, const B: usize> = [[[[int32x4_t; QUARTERS]; B]; P]; T];

/// Products of all rows with the outputs of `pairs`.
///
/// # Safety
/// Needs NEON with dot products. The outputs of `pairs` must belong to this task, the planes must be signed rows.
#[target_feature(enable = "neon,dotprod")]
pub(super) unsafe fn product(x: &Activations, w: &Matrix, pairs: Range<usize>, out: Output<'_, '_>) {
    // SAFETY: passed on to the caller. Tiles have four planes, so that sixteen sums stay in registers.
    unsafe {
        if x.wide() {
            product_planes::<2, 2>(x, w, pairs, out);
        } else {
            product_planes::<4, 1>(x, w, pairs, out);
        }
    }
}

/// [`product`] for rows of `P` planes, `T` rows at a time.
#[target_feature(enable = "neon,dotprod")]
unsafe fn product_planes<const T: usize, const P: usize>(
    x: &Activations,
    w: &Matrix,
    pairs: Range<usize>,
    out: Output<'_, '_>,
) {
    for pair in pairs {
        let block = pair * 2;
        let mut row = 0;
        // SAFETY: passed on; both blocks of a pair and the rows are in bounds.
        unsafe {
            while row + T <= x.rows() {
                tile::<T, P, 1>(x, row, w, block, out);
                tile::<T, P, 1>(x, row, w, block + 1, out);
                row += T;
            }
            // A row by itself waits for weights, so it takes two streams of them.
            (row..x.rows()).for_each(|row| tile::<1, P, 2>(x, row, w, block, out));
        }
    }
}

/// `T` rows of `P` planes by `B` blocks of outputs.
///
/// # Safety
/// As for [`product`].
#[target_feature(enable = "neon,dotprod")]
#[inline]
unsafe fn tile<const T: usize, const P: usize, const B: usize>(
    x: &Activations,
    row: usize,
    w: &Matrix,
    block: usize,
    out: Output<'_, '_>,
) {
    if block_len(w, block) == 0 {
        return;
    }
    let ins = w.ins_padded();
    let planes = &x.planes()[row * P * ins..(row + T) * P * ins];
    let weights = &w.blocks_from(block)[..B * BLOCK * ins];
    let sums: Sums<T, P, B> = dots(planes, weights, ins);
    for b in 0..B {
        for q in 0..QUARTERS {
            for (t, sums) in sums.iter().enumerate() {
                let epilogue = QuarterEpilogue::new(w, block + b, q, x.scale(row + t));
                let values = if P == 2 {
                    epilogue.scales.finish::<8>(sums[0][b][q], sums[1][b][q])
                } else {
                    epilogue.scales.finish::<0>(sums[0][b][q], vdupq_n_s32(0))
                };
                // SAFETY: the block's outputs belong to this task.
                unsafe { epilogue.write(values, row + t, out) };
            }
        }
    }
}

/// Dot products of `T * P` rows of `planes` and `B` blocks of `weights`, `ins` bytes a row.
///
/// A function of its own, so that nothing else indexes the sums and they stay in registers.
#[target_feature(enable = "neon,dotprod")]
#[inline(never)]
fn dots<const T: usize, const P: usize, const B: usize>(planes: &[u8], weights: &[i8], ins: usize) -> Sums<T, P, B> {
    assert!(planes.len() >= T * P * ins && weights.len() >= B * BLOCK * ins && ins.is_multiple_of(STEP));
    let mut sums: Sums<T, P, B> = [[[[vdupq_n_s32(0); QUARTERS]; B]; P]; T];
    for at in (0..ins).step_by(STEP) {
        // SAFETY: in bounds by the assertion.
        unsafe {
            let x16 = std::array::from_fn(|t| {
                std::array::from_fn(|p| vld1q_s8(planes.as_ptr().add((t * P + p) * ins + at).cast()))
            });
            let weights = weights.as_ptr().add(at * BLOCK);
            step::<0, T, P, B>(&mut sums, &x16, weights, ins);
            step::<1, T, P, B>(&mut sums, &x16, weights, ins);
            step::<2, T, P, B>(&mut sums, &x16, weights, ins);
            step::<3, T, P, B>(&mut sums, &x16, weights, ins);
        }
    }
    sums
}

/// Adds the products of group `LANE` of four inputs.
///
/// # Safety
/// From `weights` on, `B` blocks `ins * BLOCK` bytes apart must each hold four groups.
#[target_feature(enable = "neon,dotprod")]
#[inline]
unsafe fn step<const LANE: usize, const T: usize, const P: usize, const B: usize>(
    sums: &mut Sums<T, P, B>,
    x16: &[[int8x16_t; P]; T],
    weights: *const i8,
    ins: usize,
) {
    for b in 0..B {
        for q in 0..QUARTERS {
            // SAFETY: promised by the caller.
            let w16 = unsafe { vld1q_s8(weights.add(b * BLOCK * ins + (LANE * QUARTERS + q) * 16)) };
            for (sums, x16) in sums.iter_mut().zip(x16) {
                for (sums, &x16) in sums.iter_mut().zip(x16) {
                    sums[b][q] = dot_lane::<LANE>(sums[b][q], w16, x16);
                }
            }
        }
    }
}

/// Adds to each lane of `sum` the dot product of four bytes of `w` with the four bytes in lane `LANE` of `x`. The intrinsic
/// `vdotq_laneq_s32` is not stable yet.
#[target_feature(enable = "neon,dotprod")]
#[inline]
fn dot_lane<const LANE: usize>(mut sum: int32x4_t, w: int8x16_t, x: int8x16_t) -> int32x4_t {
    // SAFETY: the instruction reads and writes these registers only.
    unsafe {
        asm!(
            "sdot {sum:v}.4s, {w:v}.16b, {x:v}.4b[{lane}]",
            sum = inout(vreg) sum,
            w = in(vreg) w,
            x = in(vreg) x,
            lane = const LANE,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    sum
}
