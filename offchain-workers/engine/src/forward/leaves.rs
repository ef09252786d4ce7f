//! Trace leaves of several rows at once.
//!
//! A leaf is the same bytes and digest as [`lantern_exact::trace::layer_leaf`]; hashing rows side by side in SIMD lanes makes
//! a prefill's trace cost less than half.

use blake2b_simd::{
    many::{hash_many, HashManyJob},
    Params,
};
use lantern_exact::{fixed::Scale, Hash};
use std::cell::RefCell;

/// Rows hashed at once: the lanes of AVX2.
pub(super) const ROWS: usize = 4;

/// What one leaf commits to.
pub(super) struct LeafRow<'a> {
    pub residual: &'a [i32],
    pub keys: &'a [i16],
    pub key_scales: &'a [Scale],
    pub values: &'a [i8],
    pub value_scales: &'a [Scale],
}

thread_local! {
    /// Contents of the leaves at hand, kept from call to call.
    static CONTENTS: RefCell<[Vec<u8>; ROWS]> = const { RefCell::new([const { Vec::new() }; ROWS]) };
}

/// Digests of up to [`ROWS`] leaves.
pub(super) fn hash(rows: &[LeafRow<'_>], leaves: &mut [Hash]) {
    CONTENTS.with_borrow_mut(|contents| {
        for (row, content) in rows.iter().zip(contents.iter_mut()) {
            write(row, content);
        }
        let mut params = Params::new();
        params.hash_length(32);
        let mut jobs = contents.each_ref().map(|content| HashManyJob::new(&params, content));
        let count = rows.len().min(ROWS);
        hash_many(jobs[..count].iter_mut());
        for (leaf, job) in leaves.iter_mut().zip(&jobs[..count]) {
            leaf.copy_from_slice(job.to_hash().as_bytes());
        }
    });
}

/// The content of a leaf behind the byte that marks leaves.
fn write(row: &LeafRow<'_>, content: &mut Vec<u8>) {
    content.clear();
    content.push(0);
    extend(content, row.residual, |value| value.to_le_bytes());
    extend(content, row.keys, |value| value.to_le_bytes());
    scales(content, row.key_scales);
    extend(content, row.values, |value| value.to_le_bytes());
    scales(content, row.value_scales);
}

fn extend<T: bytemuck::Pod, const N: usize>(content: &mut Vec<u8>, values: &[T], bytes: impl Fn(T) -> [u8; N]) {
    if cfg!(target_endian = "little") {
        content.extend_from_slice(bytemuck::cast_slice(values));
    } else {
        values
            .iter()
            .for_each(|&value| content.extend_from_slice(&bytes(value)));
    }
}

fn scales(content: &mut Vec<u8>, scales: &[Scale]) {
    for scale in scales {
        content.extend_from_slice(&scale.mant.to_le_bytes());
        content.extend_from_slice(&scale.exp.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lantern_exact::trace::layer_leaf;

    #[test]
    fn leaves_hashed_together_equal_leaves_hashed_alone() {
        for (width, count) in [(1usize, 1usize), (7, 3), (300, 4), (2048, 2)] {
            let rows: Vec<_> = (0..count as i32)
                .map(|row| {
                    let residual: Vec<i32> = (0..width as i32).map(|i| (i * 7919 + row) * 65_537).collect();
                    let keys: Vec<i16> = residual.iter().map(|&value| value as i16).collect();
                    let values: Vec<i8> = residual.iter().map(|&value| value as i8).collect();
                    let scale = Scale {
                        mant: 9_000_000 + row as u32,
                        exp: -row,
                    };
                    (residual, keys, [scale; 2], values)
                })
                .collect();
            let inputs: Vec<LeafRow<'_>> = rows
                .iter()
                .map(|(residual, keys, scales, values)| LeafRow {
                    residual,
                    keys,
                    key_scales: scales,
                    values,
                    value_scales: &scales[..1],
                })
                .collect();
            let mut leaves = vec![[0u8; 32]; count];
            hash(&inputs, &mut leaves);
            for (leaf, (residual, keys, scales, values)) in leaves.iter().zip(&rows) {
                assert_eq!(*leaf, layer_leaf(residual, keys, scales, values, &scales[..1]));
            }
        }
    }
}
