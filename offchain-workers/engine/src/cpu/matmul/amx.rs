//! The AMX kernel for many rows. Tiles hold 16 rows of 64 bytes; one instruction makes 16 x 16 sums over 64 inputs.
//!
//! The compiler has no stable intrinsics for tiles, so the inner loop is one block of assembly that leaves its sums in memory.

use super::{avx512::BlockEpilogue, Output};
use crate::cpu::matrix::{Activations, Matrix, BLOCK, IN_PAD, OUT_PAD, TILE, TILE_ROWS};
use std::{
    arch::{asm, x86_64::*},
    cell::RefCell,
    ops::Range,
};

/// Memory image of the tile configuration: palette 1, eight tiles of 16 rows by 64 bytes.
#[repr(C, align(64))]
struct TileConfig([u8; 64]);

impl TileConfig {
    const FULL: Self = {
        let mut bytes = [0u8; 64];
        bytes[0] = 1;
        let mut tile = 0;
        while tile < 8 {
            bytes[16 + 2 * tile] = 64;
            bytes[48 + tile] = 16;
            tile += 1;
        }
        Self(bytes)
    };
}

/// Sums of two tiles of rows (or planes) and a pair of blocks: `[tile][block][row][output]`.
#[repr(C, align(64))]
#[derive(Clone)]
struct Sums([[[i32; BLOCK * TILE_ROWS]; 2]; 2]);

/// Steps (of 64 inputs) after which the next tile row is taken: the weights of a pair of blocks, 16 KiB, then stay in the
/// first-level cache for all tile rows, and only activations stream from the second level.
const STEPS_PER_BLOCK: usize = 8;

/// With fewer tile rows than this, sums stay in registers from the first input to the last.
const MIN_TILE_ROWS: usize = 3;

thread_local! {
    /// Sums of all tile rows, kept from call to call.
    static SUMS: RefCell<Vec<Sums>> = const { RefCell::new(Vec::new()) };
}

/// What one task works on.
struct Work<'a> {
    x: &'a Activations,
    /// Rows at hand; the first is a multiple of two tiles' rows.
    rows: Range<usize>,
    /// Their tiles of activations.
    bytes: &'a [u8],
    /// Steps of 64 inputs.
    steps: usize,
    /// Bytes of one tile row.
    tile_row_bytes: usize,
    tile_rows: usize,
    /// Tile rows per pair of tiles: wide takes two planes of one, narrow two.
    per_pair: usize,
}

/// Bytes of activations that stay in the second-level cache (2 MiB where there is AMX) beside passing weights.
const ACTIVATION_BYTES: usize = 5 << 18;

/// Groups of rows to take one after the other, so that each group's activations stay in a near cache while all weights
/// pass by.
pub(super) fn row_groups(x: &Activations, w: &Matrix) -> impl Iterator<Item = Range<usize>> {
    let rows = x.rows();
    let fitting = (ACTIVATION_BYTES / (w.ins_padded() * x.plane_count())).max(2 * TILE_ROWS);
    let each = rows.div_ceil(rows.div_ceil(fitting)).next_multiple_of(2 * TILE_ROWS);
    (0..rows)
        .step_by(each)
        .map(move |first| first..(first + each).min(rows))
}

/// Products of `rows` (of one group of [`row_groups`]) with the outputs of `pairs`.
///
/// # Safety
/// Needs AMX with int8, granted by the operating system, and AVX-512 F, BW, DQ, VL. The outputs of `rows` and `pairs` must
/// belong to this task.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub(super) unsafe fn product(
    x: &Activations,
    w: &Matrix,
    rows: Range<usize>,
    pairs: Range<usize>,
    out: Output<'_, '_>,
) {
    // SAFETY: AMX is there; tile registers are used by nobody else on this thread.
    unsafe { asm!("ldtilecfg [{}]", in(reg) TileConfig::FULL.0.as_ptr(), options(nostack, readonly)) };
    let steps = w.ins_padded() / IN_PAD;
    let tile_rows = rows.len().div_ceil(TILE_ROWS);
    let tile_row_bytes = steps * x.plane_count() * TILE;
    let work = Work {
        x,
        bytes: &x.planes()[rows.start / TILE_ROWS * tile_row_bytes..][..tile_rows * tile_row_bytes],
        rows,
        steps,
        tile_row_bytes,
        tile_rows,
        per_pair: if x.wide() { 1 } else { 2 },
    };
    SUMS.with_borrow_mut(|sums| {
        let slots = tile_rows.div_ceil(work.per_pair);
        sums.resize(slots.max(sums.len()), Sums([[[0; BLOCK * TILE_ROWS]; 2]; 2]));
        for pair in pairs {
            let weights = &w.blocks_from(2 * pair)[..OUT_PAD * w.ins_padded()];
            // SAFETY: tiles are configured.
            unsafe { work.sum(weights, &mut sums[..slots]) };
            // SAFETY: the features are there and the pair belongs to this task.
            unsafe { work.finish(w, pair, &sums[..slots], out) };
        }
    });
    // SAFETY: gives the tile state back, so that context switches do not save it.
    unsafe { asm!("tilerelease", options(nostack, nomem)) };
}

impl Work<'_> {
    /// Sums of all tile rows with a pair of blocks.
    ///
    /// # Safety
    /// Tiles must be configured.
    unsafe fn sum(&self, weights: &[i8], sums: &mut [Sums]) {
        assert_eq!(weights.len(), 2 * self.steps * TILE, "weights of a pair");
        let per_block = if self.tile_rows < MIN_TILE_ROWS {
            self.steps
        } else {
            STEPS_PER_BLOCK
        };
        let planes = self.x.plane_count();
        for first_step in (0..self.steps).step_by(per_block) {
            let steps = per_block.min(self.steps - first_step);
            let next = (first_step + steps) * TILE;
            let lines = (self.steps * TILE - next).min(per_block * TILE) / 64;
            let lines_per_slot = lines.div_ceil(sums.len());
            for (slot, sums) in sums.iter_mut().enumerate() {
                // Ask for a share of the weights that come next while these products run.
                for line in slot * lines_per_slot..((slot + 1) * lines_per_slot).min(lines) {
                    let near = &weights[next + line * 64];
                    let far = &weights[self.steps * TILE + next + line * 64];
                    // SAFETY: a prefetch of memory in bounds.
                    unsafe {
                        _mm_prefetch::<_MM_HINT_T1>(near);
                        _mm_prefetch::<_MM_HINT_T1>(far);
                    }
                }
                let tile_row = slot * self.per_pair;
                let first = tile_row * self.tile_row_bytes + first_step * planes * TILE;
                let second = if planes == 2 {
                    first + TILE
                } else {
                    // An odd last tile row is paired with itself; its second sums are not read.
                    (tile_row + 1).min(self.tile_rows - 1) * self.tile_row_bytes + first_step * TILE
                };
                // SAFETY: both tiles advance `steps` times by `planes * TILE` within their tile row, the weights by as
                // many tiles within their blocks.
                unsafe {
                    dot(
                        self.bytes[first..].as_ptr(),
                        self.bytes[second..].as_ptr(),
                        planes * TILE,
                        weights[first_step * TILE..].as_ptr(),
                        weights[(self.steps + first_step) * TILE..].as_ptr(),
                        steps,
                        first_step > 0,
                        sums,
                    );
                }
            }
        }
    }

    /// Turns the sums of a pair of blocks into outputs.
    ///
    /// # Safety
    /// Needs AVX-512 F, BW, DQ and VL; the pair's outputs must belong to this task.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    unsafe fn finish(&self, w: &Matrix, pair: usize, sums: &[Sums], out: Output<'_, '_>) {
        for block in 0..2 {
            // SAFETY: the features are there.
            let epilogue = unsafe { BlockEpilogue::new(w, 2 * pair + block) };
            for row in self.rows.clone() {
                let (tile_row, in_tile) = ((row - self.rows.start) / TILE_ROWS, row % TILE_ROWS);
                let sums = &sums[tile_row / self.per_pair];
                let lanes = |tile: usize| {
                    let values = &sums.0[tile][block][in_tile * BLOCK..][..BLOCK];
                    // SAFETY: 16 values.
                    unsafe { _mm512_load_si512(values.as_ptr().cast()) }
                };
                // SAFETY: the features are there and the pair belongs to this task.
                unsafe {
                    if self.per_pair == 1 {
                        epilogue.finish::<2>([lanes(0), lanes(1)], self.x.scale(row), row, out);
                    } else {
                        let sums = [lanes(tile_row % 2), _mm512_setzero_si512()];
                        epilogue.finish::<1>(sums, self.x.scale(row), row, out);
                    }
                }
            }
        }
    }
}

/// Sums of two tiles of unsigned activations with two blocks of signed weights over `steps` tiles of inputs, added to `sums`
/// or, unless `onward`, in place of them.
///
/// # Safety
/// Tiles must be configured. `first` and `second` advance by `stride` bytes a step, `near` and `far` by a tile; all must be
/// readable for `steps` steps, and `steps` at least 1.
#[allow(clippy::too_many_arguments)]
unsafe fn dot(
    first: *const u8,
    second: *const u8,
    stride: usize,
    near: *const i8,
    far: *const i8,
    steps: usize,
    onward: bool,
    sums: &mut Sums,
) {
    // SAFETY: promised by the caller.
    unsafe {
        asm!(
            "test {onward:e}, {onward:e}",
            "jnz 3f",
            "tilezero tmm0",
            "tilezero tmm1",
            "tilezero tmm2",
            "tilezero tmm3",
            "jmp 2f",
            "3:",
            "tileloadd tmm0, [{out} + {row}*1]",
            "tileloadd tmm1, [{out} + {row}*1 + 1024]",
            "tileloadd tmm2, [{out} + {row}*1 + 2048]",
            "tileloadd tmm3, [{out} + {row}*1 + 3072]",
            "2:",
            "tileloadd tmm6, [{w0} + {row}*1]",
            "tileloadd tmm4, [{a} + {row}*1]",
            "tdpbusd tmm0, tmm4, tmm6",
            "tileloadd tmm7, [{w1} + {row}*1]",
            "tdpbusd tmm1, tmm4, tmm7",
            "tileloadd tmm5, [{b} + {row}*1]",
            "tdpbusd tmm2, tmm5, tmm6",
            "tdpbusd tmm3, tmm5, tmm7",
            "add {a}, {stride}",
            "add {b}, {stride}",
            "add {w0}, 1024",
            "add {w1}, 1024",
            "dec {steps}",
            "jnz 2b",
            "tilestored [{out} + {row}*1], tmm0",
            "tilestored [{out} + {row}*1 + 1024], tmm1",
            "tilestored [{out} + {row}*1 + 2048], tmm2",
            "tilestored [{out} + {row}*1 + 3072], tmm3",
            a = inout(reg) first => _,
            b = inout(reg) second => _,
            w0 = inout(reg) near => _,
            w1 = inout(reg) far => _,
            steps = inout(reg) steps => _,
            onward = in(reg) u32::from(onward),
            stride = in(reg) stride,
            row = in(reg) IN_PAD,
            out = in(reg) sums.0.as_mut_ptr(),
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack),
        );
    }
}
