//! The AMX kernel for many rows. Tiles hold 16 rows of 64 bytes; one instruction makes 16 x 16 sums over 64 inputs.
//!
//! The compiler has no stable intrinsics for tiles, so the inner loop is one block of assembly that leaves its sums in memory.

use super::{avx512::BlockEpilogue, Output};
use crate::cpu::matrix::{Activations, Matrix, BLOCK, IN_PAD, OUT_PAD, TILE, TILE_ROWS};
use std::{
    arch::{asm, x86_64::*},
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

/// Sums of one step: `[plane or row tile][block][row][output]`.
#[repr(C, align(64))]
struct Sums([[[i32; BLOCK * TILE_ROWS]; 2]; 2]);

/// Products of all rows with the outputs of `pairs`.
///
/// # Safety
/// Needs AMX with int8, granted by the operating system, and AVX-512 F, BW, DQ, VL. The outputs of `pairs` must belong to
/// this task.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub(super) unsafe fn product(x: &Activations, w: &Matrix, pairs: Range<usize>, out: Output<'_, '_>) {
    // SAFETY: AMX is there; tile registers are used by nobody else on this thread.
    unsafe { asm!("ldtilecfg [{}]", in(reg) TileConfig::FULL.0.as_ptr(), options(nostack, readonly)) };
    let steps = w.ins_padded() / IN_PAD;
    let planes = x.plane_count();
    let tile_rows = x.rows().div_ceil(TILE_ROWS);
    let tile_row_bytes = steps * planes * TILE;
    let bytes = &x.planes()[..tile_rows * tile_row_bytes];
    let mut sums = Sums([[[0; BLOCK * TILE_ROWS]; 2]; 2]);
    // Wide: the two tiles are the planes of one tile row. Narrow: two tile rows.
    let per_step = if x.wide() { 1 } else { 2 };
    for pair in pairs {
        let weights = &w.blocks_from(2 * pair)[..OUT_PAD * w.ins_padded()];
        // SAFETY: the features are there.
        let epilogues = [0, 1].map(|block| unsafe { BlockEpilogue::new(w, 2 * pair + block) });
        for tile_row in (0..tile_rows).step_by(per_step) {
            let second = if x.wide() {
                tile_row * tile_row_bytes + TILE
            } else {
                (tile_row + 1).min(tile_rows - 1) * tile_row_bytes
            };
            // SAFETY: both tiles advance `steps` times by `planes * TILE` within their tile row; the weights of a pair are
            // 2 * `steps` tiles; `sums` has four tiles.
            unsafe {
                let first = bytes.as_ptr().add(tile_row * tile_row_bytes);
                let second = bytes.as_ptr().add(second);
                dot(first, second, planes * TILE, weights.as_ptr(), steps, &mut sums);
            }
            for (block, epilogue) in epilogues.iter().enumerate() {
                for part in 0..per_step {
                    let first_row = (tile_row + part) * TILE_ROWS;
                    for row in first_row..(first_row + TILE_ROWS).min(x.rows()) {
                        let lanes = |tile: usize| {
                            let values = &sums.0[tile][block][(row - first_row) * BLOCK..][..BLOCK];
                            // SAFETY: 16 values.
                            unsafe { _mm512_loadu_si512(values.as_ptr().cast()) }
                        };
                        // SAFETY: the features are there and the pair belongs to this task.
                        unsafe {
                            if x.wide() {
                                epilogue.finish::<2>([lanes(0), lanes(1)], x.scale(row), row, out);
                            } else {
                                epilogue.finish::<1>([lanes(part), _mm512_setzero_si512()], x.scale(row), row, out);
                            }
                        }
                    }
                }
            }
        }
    }
    // SAFETY: gives the tile state back, so that context switches do not save it.
    unsafe { asm!("tilerelease", options(nostack, nomem)) };
}

/// Sums of two tiles of unsigned activations with two blocks of signed weights over `steps` tiles of inputs.
///
/// # Safety
/// Tiles must be configured. `first` and `second` advance by `stride` bytes a step, `weights` holds two blocks of `steps`
/// tiles each, all readable.
unsafe fn dot(first: *const u8, second: *const u8, stride: usize, weights: *const i8, steps: usize, sums: &mut Sums) {
    // SAFETY: promised by the caller.
    unsafe {
        asm!(
            "tilezero tmm0",
            "tilezero tmm1",
            "tilezero tmm2",
            "tilezero tmm3",
            "2:",
            "tileloadd tmm4, [{a} + {row}*1]",
            "tileloadd tmm6, [{w0} + {row}*1]",
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
            w0 = inout(reg) weights => _,
            w1 = inout(reg) weights.add(steps * TILE) => _,
            steps = inout(reg) steps => _,
            stride = in(reg) stride,
            row = in(reg) IN_PAD,
            out = in(reg) sums.0.as_mut_ptr(),
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack),
        );
    }
}
