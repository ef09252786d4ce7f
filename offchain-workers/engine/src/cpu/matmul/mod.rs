//! Matrix products of quantised rows with quantised weights, exact to the last bit on every kernel.
//!
//! Definition (`docs/exact.md`): the dot product of 16-bit (or 8-bit) activations and 8-bit weights as an exact integer,
//! times both scales, rounded half up to Q16, clamped to `i32`, plus the bias, saturating.

#[cfg(target_arch = "x86_64")]
mod amx;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(target_arch = "aarch64")]
mod neon_dot;
mod scalar;

use super::{
    matrix::{Activations, Matrix, Planes, BLOCK, OUT_PAD},
    memory::SharedMut,
    pool::Pool,
    Kernel,
};
use lantern_exact::fixed::{shift_to_i32, Scale, FRAC};
use std::ops::Range;

/// From this many rows on, tiles are worth their padding.
const TILE_MIN_ROWS: usize = 5;

/// Tasks per region to aim at: enough to level two threads out, few enough to cost nothing.
const TASKS: usize = 48;

/// Where a product's outputs go: `rows x outs` Q16, row-major.
#[derive(Clone, Copy)]
pub(crate) struct Output<'a, 'b> {
    data: &'a SharedMut<'b, i32>,
    stride: usize,
}

impl Output<'_, '_> {
    /// Outputs `[out, out + len)` of `row`.
    ///
    /// # Safety
    /// No two tasks may hold the same outputs.
    #[allow(clippy::mut_from_ref)]
    unsafe fn part(&self, row: usize, out: usize, len: usize) -> &mut [i32] {
        // SAFETY: passed on to the caller.
        unsafe { self.data.range(row * self.stride + out, len) }
    }
}

/// The layout in which `kernel` wants `rows` rows of activations.
pub fn layout_for(kernel: Kernel, rows: usize) -> Planes {
    match kernel {
        Kernel::Scalar | Kernel::Avx2 => Planes::Values,
        Kernel::Avx512 => Planes::Rows,
        Kernel::Amx if rows >= TILE_MIN_ROWS => Planes::Tiles,
        Kernel::Amx => Planes::Rows,
        Kernel::Neon => Planes::Values,
        Kernel::NeonDot => Planes::SignedRows,
    }
}

/// `out = x * w^T + bias`: `x` has `rows` rows of `w.ins()`, `out` holds `rows x w.outs()` Q16 numbers.
///
/// # Panics
/// When the shapes or the layout of `x` do not fit.
pub fn matmul(pool: &Pool, kernel: Kernel, x: &Activations, w: &Matrix, out: &mut [i32]) {
    let (rows, outs) = (x.rows(), w.outs());
    assert_eq!(x.values(0).len(), w.ins_padded(), "inputs of a product");
    assert_eq!(x.layout(), layout_for(kernel, rows), "layout of activations");
    assert_eq!(out.len(), rows * outs, "outputs of a product");
    let shared = SharedMut::new(out);
    let output = Output {
        data: &shared,
        stride: outs,
    };
    let pairs = w.pairs();
    let per_task = pairs.div_ceil(TASKS).next_multiple_of(2);
    let each_range = |product: &(dyn Fn(Range<usize>) + Sync)| {
        pool.run(pairs.div_ceil(per_task), &|task| {
            let first = task * per_task;
            product(first..(first + per_task).min(pairs));
        });
    };
    // SAFETY (all arms): tasks have disjoint ranges of outputs; kernels other than the scalar one exist only on machines that
    // have the instructions (`Kernel::is_available` guards every constructor of an engine).
    match x.layout() {
        #[cfg(target_arch = "x86_64")]
        Planes::Values if kernel == Kernel::Avx2 => each_range(&|range| unsafe { avx2::product(x, w, range, output) }),
        #[cfg(target_arch = "x86_64")]
        Planes::Rows => each_range(&|range| unsafe { avx512::product(x, w, range, output) }),
        #[cfg(target_arch = "x86_64")]
        Planes::Tiles => {
            for rows in amx::row_groups(x, w) {
                each_range(&|range| unsafe { amx::product(x, w, rows.clone(), range, output) });
            }
        },
        #[cfg(target_arch = "aarch64")]
        Planes::Values if kernel == Kernel::Neon => each_range(&|range| unsafe { neon::product(x, w, range, output) }),
        #[cfg(target_arch = "aarch64")]
        Planes::SignedRows => each_range(&|range| unsafe { neon_dot::product(x, w, range, output) }),
        _ => each_range(&|range| scalar::product(x, w, range, output)),
    }
}

/// Turns the exact dot product of one output into Q16: for the scalar kernel, and for shifts to the left in the others.
fn finish(acc: i64, scale: Scale, w: &Matrix, out: usize) -> i32 {
    let weight = Scale {
        mant: w.mant[out],
        exp: w.exp[out],
    };
    let (m, s) = lantern_exact::fixed::epilogue(scale, weight, FRAC);
    shift_to_i32(acc * m, s).saturating_add(w.bias[out])
}

/// Outputs of pair `pair` that are not padding.
fn pair_len(w: &Matrix, pair: usize) -> usize {
    w.outs().saturating_sub(pair * OUT_PAD).min(OUT_PAD)
}

/// Outputs of block `block` that are not padding.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn block_len(w: &Matrix, block: usize) -> usize {
    w.outs().saturating_sub(block * BLOCK).min(BLOCK)
}
