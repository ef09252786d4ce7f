//! Cached keys and values in the kernels' order, and attention over them.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod scalar;

use super::{memory::Aligned, pool::Pool, Kernel};
use crate::cpu::memory::SharedMut;
use lantern_exact::fixed::Scale;
use std::cell::RefCell;

/// Positions of one block of keys: the lanes of a vector of scores.
pub(crate) const KEY_BLOCK: usize = 16;
/// Positions of one group of values: the products that one lane adds up at once.
pub(crate) const VALUE_GROUP: usize = 4;
/// Components of a value are padded to whole vectors.
const VALUE_PAD: usize = 16;
/// Capacity grows by at least this many positions.
const GROWTH: usize = 256;

/// Bytes that [`LayerCache`] takes for `positions` positions of `kv_heads` heads of `dim` components, once it has grown to them.
pub fn cache_bytes(kv_heads: usize, dim: usize, positions: usize) -> usize {
    // Keys, values, and five 32-bit numbers: two scales and the largest exponent.
    let per_head = 2 * dim + dim.next_multiple_of(VALUE_PAD) + 5 * 4;
    positions.next_multiple_of(GROWTH) * kv_heads * per_head
}

/// Keys and values of one layer.
///
/// Per kv-head: keys `[position / 16][component / 2][position % 16][component % 2]`, values
/// `[position / 4][component][position % 4]`, and per position both scales and the largest value exponent so far.
#[derive(Default)]
pub struct LayerCache {
    kv_heads: usize,
    dim: usize,
    dim_padded: usize,
    capacity: usize,
    most: usize,
    len: usize,
    keys: Aligned<i16>,
    values: Aligned<i8>,
    key_mant: Aligned<u32>,
    key_exp: Aligned<i32>,
    value_mant: Aligned<u32>,
    value_exp: Aligned<i32>,
    exp_top: Aligned<i32>,
}

/// Quantised keys and values of consecutive new positions, row-major: `rows x kv_heads x dim`, scales `rows x kv_heads`.
pub struct NewRows<'a> {
    /// Keys.
    pub keys: &'a [i16],
    /// Scales of keys.
    pub key_scales: &'a [Scale],
    /// Values.
    pub values: &'a [i8],
    /// Scales of values.
    pub value_scales: &'a [Scale],
}

/// One kv-head of a cache.
pub(crate) struct HeadView<'a> {
    pub dim: usize,
    pub dim_padded: usize,
    pub keys: &'a [i16],
    pub values: &'a [i8],
    pub key_mant: &'a [u32],
    pub key_exp: &'a [i32],
    pub value_mant: &'a [u32],
    pub value_exp: &'a [i32],
    pub exp_top: &'a [i32],
}

impl LayerCache {
    /// An empty cache of `kv_heads` heads of `dim` components (even).
    pub fn new(kv_heads: usize, dim: usize) -> Self {
        Self {
            kv_heads,
            dim,
            dim_padded: dim.next_multiple_of(VALUE_PAD),
            most: usize::MAX,
            ..Self::default()
        }
    }

    /// The same for at most `positions` positions: room is not made in advance for more, so [`cache_bytes`] holds.
    pub fn with_most(self, positions: usize) -> Self {
        Self {
            most: positions,
            ..self
        }
    }

    /// Positions held.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no position is held.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Forgets the positions from `len` on.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Appends `rows` positions.
    pub fn append(&mut self, pool: &Pool, rows: usize, new: &NewRows<'_>) {
        self.reserve(self.len + rows);
        let (heads, dim, padded, first, capacity) = (self.kv_heads, self.dim, self.dim_padded, self.len, self.capacity);
        let keys = SharedMut::new(&mut self.keys);
        let values = SharedMut::new(&mut self.values);
        let (key_mant, key_exp) = (SharedMut::new(&mut self.key_mant), SharedMut::new(&mut self.key_exp));
        let (value_mant, value_exp) = (
            SharedMut::new(&mut self.value_mant),
            SharedMut::new(&mut self.value_exp),
        );
        let exp_top = SharedMut::new(&mut self.exp_top);
        let append_head = |head: usize| {
            // SAFETY: heads are disjoint parts of every array, and one task has one head.
            let (keys, values, key_mant, key_exp, value_mant, value_exp, exp_top) = unsafe {
                (
                    keys.range(head * capacity * dim, capacity * dim),
                    values.range(head * capacity * padded, capacity * padded),
                    key_mant.range(head * capacity, capacity),
                    key_exp.range(head * capacity, capacity),
                    value_mant.range(head * capacity, capacity),
                    value_exp.range(head * capacity, capacity),
                    exp_top.range(head * capacity, capacity),
                )
            };
            for row in 0..rows {
                let (at, from) = (first + row, row * heads + head);
                let block = (at / KEY_BLOCK) * KEY_BLOCK * dim + (at % KEY_BLOCK) * 2;
                for (pair, components) in new.keys[from * dim..(from + 1) * dim].chunks_exact(2).enumerate() {
                    keys[block + pair * KEY_BLOCK * 2..][..2].copy_from_slice(components);
                }
                let group = (at / VALUE_GROUP) * VALUE_GROUP * padded + at % VALUE_GROUP;
                for (component, value) in new.values[from * dim..(from + 1) * dim].iter().enumerate() {
                    values[group + component * VALUE_GROUP] = *value;
                }
                (key_mant[at], key_exp[at]) = (new.key_scales[from].mant, new.key_scales[from].exp);
                (value_mant[at], value_exp[at]) = (new.value_scales[from].mant, new.value_scales[from].exp);
                exp_top[at] = if at == 0 {
                    value_exp[at]
                } else {
                    exp_top[at - 1].max(value_exp[at])
                };
            }
        };
        if rows < 8 {
            (0..heads).for_each(append_head);
        } else {
            pool.run(heads, &append_head);
        }
        self.len += rows;
    }

    /// Makes room for `positions`.
    fn reserve(&mut self, positions: usize) {
        if positions <= self.capacity {
            return;
        }
        let old = self.capacity;
        let capacity = positions.max((old + old / 2).min(self.most)).next_multiple_of(GROWTH);
        /// Moves each head's part of `per_head` values into a larger array.
        fn grow<T: bytemuck::Pod>(array: &mut Aligned<T>, heads: usize, from: usize, to: usize) {
            let mut larger = Aligned::zeroed(heads * to);
            for head in 0..heads {
                larger[head * to..head * to + from].copy_from_slice(&array[head * from..(head + 1) * from]);
            }
            *array = larger;
        }
        grow(&mut self.keys, self.kv_heads, old * self.dim, capacity * self.dim);
        grow(
            &mut self.values,
            self.kv_heads,
            old * self.dim_padded,
            capacity * self.dim_padded,
        );
        grow(&mut self.key_mant, self.kv_heads, old, capacity);
        grow(&mut self.key_exp, self.kv_heads, old, capacity);
        grow(&mut self.value_mant, self.kv_heads, old, capacity);
        grow(&mut self.value_exp, self.kv_heads, old, capacity);
        grow(&mut self.exp_top, self.kv_heads, old, capacity);
        self.capacity = capacity;
    }

    fn head(&self, head: usize) -> HeadView<'_> {
        let part = |width: usize| head * self.capacity * width..(head + 1) * self.capacity * width;
        HeadView {
            dim: self.dim,
            dim_padded: self.dim_padded,
            keys: &self.keys[part(self.dim)],
            values: &self.values[part(self.dim_padded)],
            key_mant: &self.key_mant[part(1)],
            key_exp: &self.key_exp[part(1)],
            value_mant: &self.value_mant[part(1)],
            value_exp: &self.value_exp[part(1)],
            exp_top: &self.exp_top[part(1)],
        }
    }
}

/// Quantised queries of some rows: `rows x heads x dim`, scales (from `ops::quantise_queries`) `rows x heads`.
pub struct Queries<'a> {
    /// Values.
    pub data: &'a [i16],
    /// Scales.
    pub scales: &'a [Scale],
    /// Query heads.
    pub heads: usize,
}

/// Attention outputs (Q16, `rows x heads x dim`) of `rows` query rows; row `r` sees the first `visible(r)` positions.
pub fn attend(
    pool: &Pool,
    kernel: Kernel,
    cache: &LayerCache,
    queries: &Queries<'_>,
    rows: usize,
    visible: &(dyn Fn(usize) -> usize + Sync),
    out: &mut [i32],
) {
    let (dim, heads) = (cache.dim, queries.heads);
    let group = heads / cache.kv_heads;
    let shared = SharedMut::new(&mut out[..rows * heads * dim]);
    pool.run(rows * cache.kv_heads, &|task| {
        // Rows of one head follow each other, so that its keys stay in a near cache.
        let (kv_head, row) = (task / rows, task % rows);
        let first = row * heads + kv_head * group;
        // SAFETY: each task has the outputs of its own row and group of heads.
        let out = unsafe { shared.range(first * dim, group * dim) };
        let data = &queries.data[first * dim..(first + group) * dim];
        let scales = &queries.scales[first..first + group];
        let view = cache.head(kv_head);
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
