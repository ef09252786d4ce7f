//! Attention over cached keys and values.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod scalar;

mod cache;

#[cfg(target_arch = "x86_64")]
use cache::blocks_of;
use cache::{groups_of, HeadView, VALUE_PAD};
pub use cache::{CacheShape, NewRows, Page, PagedCache, PAGE};
pub(crate) use cache::{KEY_BLOCK, VALUE_GROUP};

use super::{memory::Aligned, pool::Pool, Kernel};
use crate::cpu::memory::SharedMut;
use lantern_exact::fixed::Scale;
use std::cell::RefCell;

/// Quantised queries of some rows: `rows x heads x dim`, scales (from `ops::quantise_queries`) `rows x heads`.
pub struct Queries<'a> {
    /// Values.
    pub data: &'a [i16],
    /// Scales.
    pub scales: &'a [Scale],
    /// Query heads.
    pub heads: usize,
}

/// Attention outputs (Q16, `rows x heads x dim`) of `rows` query rows over layer `layer` of `cache`; row `r` sees the first
/// `visible(r)` positions.
#[allow(clippy::too_many_arguments)]
pub fn attend(
    pool: &Pool,
    kernel: Kernel,
    cache: &PagedCache,
    layer: usize,
    queries: &Queries<'_>,
    rows: usize,
    visible: &(dyn Fn(usize) -> usize + Sync),
    out: &mut [i32],
) {
    let (dim, heads) = (cache.shape().dim, queries.heads);
    let group = heads / cache.shape().kv_heads;
    let shared = SharedMut::new(&mut out[..rows * heads * dim]);
    pool.run(rows * cache.shape().kv_heads, &|task| {
        // Rows of one head follow each other, so that its keys stay in a near cache.
        let (kv_head, row) = (task / rows, task % rows);
        let first = row * heads + kv_head * group;
        // SAFETY: each task has the outputs of its own row and group of heads.
        let out = unsafe { shared.range(first * dim, group * dim) };
        let data = &queries.data[first * dim..(first + group) * dim];
        let scales = &queries.scales[first..first + group];
        let view = cache.head(layer, kv_head);
        SCRATCH.with_borrow_mut(|scratch| match kernel {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: these kernels exist only on machines that have the instructions.
            Kernel::Avx512 | Kernel::Amx => unsafe {
                avx512::attend(&view, data, scales, visible(row), scratch, out);
            },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Kernel::Avx2 => unsafe {
                avx2::attend(&view, data, scales, visible(row), scratch, out);
            },
            #[cfg(target_arch = "aarch64")]
            // SAFETY: as above.
            Kernel::Neon => unsafe { neon::attend::<false>(&view, data, scales, visible(row), scratch, out) },
            #[cfg(target_arch = "aarch64")]
            // SAFETY: as above.
            Kernel::NeonDot => unsafe { neon::attend::<true>(&view, data, scales, visible(row), scratch, out) },
            _ => scalar::attend(&view, data, scales, visible(row), scratch, out),
        });
    });
}

/// Buffers of one thread, kept from call to call.
#[derive(Default)]
pub(crate) struct Scratch {
    scores: Vec<i32>,
    weights: Vec<u32>,
    scales: Vec<Scale>,
    bytes: Aligned<u8>,
    sums: Vec<i64>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

#[cfg(test)]
mod tests;
