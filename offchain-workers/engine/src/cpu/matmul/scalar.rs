//! The portable kernel.

use super::{finish, pair_len, Output};
use crate::cpu::matrix::{Activations, Matrix, BLOCK, OUT_PAD};
use std::ops::Range;

/// Products of all rows with the outputs of `pairs`.
pub(super) fn product(x: &Activations, w: &Matrix, pairs: Range<usize>, out: Output<'_, '_>) {
    for pair in pairs {
        let len = pair_len(w, pair);
        for row in 0..x.rows() {
            let values = x.values(row);
            // SAFETY: the outputs of this pair belong to this task.
            let target = unsafe { out.part(row, pair * OUT_PAD, len) };
            for (index, target) in target.iter_mut().enumerate() {
                let output = pair * OUT_PAD + index;
                let block = &w.blocks_from(output / BLOCK)[..BLOCK * w.ins_padded()];
                let lane = (output % BLOCK) * 4;
                let mut acc = 0i64;
                for (group, x4) in block.chunks_exact(BLOCK * 4).zip(values.chunks_exact(4)) {
                    let products = group[lane..lane + 4].iter().zip(x4);
                    // Four products of at most 2^22 each.
                    acc += i64::from(products.map(|(&a, &b)| i32::from(a) * i32::from(b)).sum::<i32>());
                }
                *target = finish(acc, x.scale(row), w, output);
            }
        }
    }
}
