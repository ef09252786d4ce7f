//! Cached keys and values, in pages, in the kernels' order.
//!
//! A page holds the keys and values of [`PAGE`] consecutive positions in every layer. Pages that are full are never written
//! again, so that texts with the same beginning can share them.

use crate::cpu::{
    memory::{Aligned, SharedMut},
    pool::Pool,
};
use lantern_exact::fixed::Scale;
use std::{ops::Range, sync::Arc};

/// Positions of one block of keys: the lanes of a vector of scores.
pub(crate) const KEY_BLOCK: usize = 16;
/// Positions of one group of values: the products that one lane adds up at once.
pub(crate) const VALUE_GROUP: usize = 4;
/// Components of a value are padded to whole vectors.
pub(super) const VALUE_PAD: usize = 16;
/// Positions of a page: whole blocks of keys.
pub const PAGE: usize = 64;

/// Rows from which heads are written by several threads.
const MANY_ROWS: usize = 8;
/// Scales of a position and head: of its key and of its value.
const MANTISSAS: usize = 2;
/// Exponents of a position and head: of its key, of its value, and the largest of a value so far.
const EXPONENTS: usize = 3;

/// What a page holds of each position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheShape {
    /// Layers.
    pub layers: usize,
    /// Key and value heads of a layer.
    pub kv_heads: usize,
    /// Components of a head, an even number.
    pub dim: usize,
}

impl CacheShape {
    fn dim_padded(&self) -> usize {
        self.dim.next_multiple_of(VALUE_PAD)
    }

    /// Heads of all layers.
    fn parts(&self) -> usize {
        self.layers * self.kv_heads
    }

    /// Bytes of one page.
    pub fn page_bytes(&self) -> usize {
        let per_position = 2 * self.dim + self.dim_padded() + 4 * (MANTISSAS + EXPONENTS);
        self.parts() * PAGE * per_position
    }
}

/// Keys and values of [`PAGE`] positions.
///
/// Per layer and kv-head: keys `[position / 16][component / 2][position % 16][component % 2]`, values
/// `[position / 4][component][position % 4]`, and per position both scales and the largest value exponent so far.
#[derive(Clone, Debug)]
pub struct Page {
    keys: Aligned<i16>,
    values: Aligned<i8>,
    mantissas: Aligned<u32>,
    exponents: Aligned<i32>,
}

impl Page {
    fn new(shape: &CacheShape) -> Self {
        let cells = shape.parts() * PAGE;
        Self {
            keys: Aligned::zeroed(cells * shape.dim),
            values: Aligned::zeroed(cells * shape.dim_padded()),
            mantissas: Aligned::zeroed(cells * MANTISSAS),
            exponents: Aligned::zeroed(cells * EXPONENTS),
        }
    }

    /// Bytes of its contents.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.keys)
            + size_of_val(&*self.values)
            + size_of_val(&*self.mantissas)
            + size_of_val(&*self.exponents)
    }

    /// Key (0) or value (1) mantissas of part `part`.
    fn mantissas(&self, part: usize, which: usize) -> &[u32] {
        &self.mantissas[(part * MANTISSAS + which) * PAGE..][..PAGE]
    }

    /// Key (0), value (1) or largest value exponents (2) of part `part`.
    fn exponents(&self, part: usize, which: usize) -> &[i32] {
        &self.exponents[(part * EXPONENTS + which) * PAGE..][..PAGE]
    }
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

/// The pages of one text.
#[derive(Debug)]
pub struct PagedCache {
    shape: CacheShape,
    pages: Vec<Arc<Page>>,
}

impl PagedCache {
    /// The cache of a text that begins with what full `pages` hold.
    pub fn new(shape: CacheShape, pages: Vec<Arc<Page>>) -> Self {
        Self { shape, pages }
    }

    /// What it holds of a position.
    pub fn shape(&self) -> &CacheShape {
        &self.shape
    }

    /// Its pages, in order.
    pub fn pages(&self) -> &[Arc<Page>] {
        &self.pages
    }

    /// Takes another page with the same contents in place of page `index`.
    pub fn replace(&mut self, index: usize, page: Arc<Page>) {
        self.pages[index] = page;
    }

    /// Makes room for `positions`; returns how many pages that took.
    pub fn reserve(&mut self, positions: usize) -> usize {
        let (before, wanted) = (self.pages.len(), positions.div_ceil(PAGE));
        while self.pages.len() < wanted {
            self.pages.push(Arc::new(Page::new(&self.shape)));
        }
        self.pages.len() - before
    }

    /// Writes `rows` positions of one layer, from position `first` on, for which there must be room.
    ///
    /// Positions before `first` must have been written: each tells the next the largest value exponent so far.
    pub fn write(&mut self, pool: &Pool, layer: usize, first: usize, rows: usize, new: &NewRows<'_>) {
        let mut done = 0;
        while done < rows {
            let at = first + done;
            let count = (PAGE - at % PAGE).min(rows - done);
            let (before, rest) = self.pages.split_at_mut(at / PAGE);
            // Nobody else has a page that is not full; if someone had, they would keep theirs.
            let page = Arc::make_mut(&mut rest[0]);
            let part = PartOfPage {
                shape: self.shape,
                layer,
                before: before.last().map(|page| &**page),
                positions: at % PAGE..at % PAGE + count,
            };
            part.write(pool, page, new, done);
            done += count;
        }
    }

    /// One head of one layer.
    pub(super) fn head(&self, layer: usize, head: usize) -> HeadView<'_> {
        HeadView {
            dim: self.shape.dim,
            dim_padded: self.shape.dim_padded(),
            pages: &self.pages,
            part: layer * self.shape.kv_heads + head,
        }
    }
}

/// Where new rows of one layer go within a page.
struct PartOfPage<'a> {
    shape: CacheShape,
    layer: usize,
    /// The page before it.
    before: Option<&'a Page>,
    positions: Range<usize>,
}

impl PartOfPage<'_> {
    /// Writes the rows of `new` from `done` on.
    fn write(&self, pool: &Pool, page: &mut Page, new: &NewRows<'_>, done: usize) {
        let (heads, dim, padded) = (self.shape.kv_heads, self.shape.dim, self.shape.dim_padded());
        let keys = SharedMut::new(&mut page.keys);
        let values = SharedMut::new(&mut page.values);
        let mantissas = SharedMut::new(&mut page.mantissas);
        let exponents = SharedMut::new(&mut page.exponents);
        let write_head = |head: usize| {
            let part = self.layer * heads + head;
            // SAFETY: parts are disjoint in every array, and one task has one part.
            let (keys, values, mantissas, exponents) = unsafe {
                (
                    keys.range(part * PAGE * dim, PAGE * dim),
                    values.range(part * PAGE * padded, PAGE * padded),
                    mantissas.range(part * MANTISSAS * PAGE, MANTISSAS * PAGE),
                    exponents.range(part * EXPONENTS * PAGE, EXPONENTS * PAGE),
                )
            };
            let (key_mant, value_mant) = mantissas.split_at_mut(PAGE);
            let (key_exp, value_exps) = exponents.split_at_mut(PAGE);
            let (value_exp, exp_top) = value_exps.split_at_mut(PAGE);
            for (row, at) in self.positions.clone().enumerate() {
                let from = (done + row) * heads + head;
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
                let top = match at.checked_sub(1) {
                    Some(last) => Some(exp_top[last]),
                    None => self.before.map(|page| page.exponents(part, 2)[PAGE - 1]),
                };
                exp_top[at] = top.map_or(value_exp[at], |top| top.max(value_exp[at]));
            }
        };
        if self.positions.len() < MANY_ROWS {
            (0..heads).for_each(write_head);
        } else {
            pool.run(heads, &write_head);
        }
    }
}

/// One kv-head of one layer of a cache.
pub(super) struct HeadView<'a> {
    /// Components of a head.
    pub dim: usize,
    /// The same as values are stored.
    pub dim_padded: usize,
    pages: &'a [Arc<Page>],
    part: usize,
}

impl<'a> HeadView<'a> {
    /// Keys of the block of positions that begins with `first`.
    #[inline]
    pub fn keys(&self, first: usize) -> &'a [i16] {
        let start = (self.part * PAGE + first % PAGE) * self.dim;
        &self.pages[first / PAGE].keys[start..start + KEY_BLOCK * self.dim]
    }

    /// Values of `positions`, whole groups, as runs within one page: which positions, and their values.
    #[inline]
    pub fn values(&self, positions: Range<usize>) -> impl Iterator<Item = (Range<usize>, &'a [i8])> + '_ {
        let (first, last) = (positions.start / PAGE, positions.end.div_ceil(PAGE));
        (first..last).map(move |page| {
            let run = positions.start.max(page * PAGE)..positions.end.min((page + 1) * PAGE);
            let start = (self.part * PAGE + run.start % PAGE) * self.dim_padded;
            (
                run.clone(),
                &self.pages[page].values[start..start + run.len() * self.dim_padded],
            )
        })
    }

    /// Mantissas of the keys from `at` to the end of its page.
    #[inline]
    pub fn key_mant(&self, at: usize) -> &'a [u32] {
        &self.pages[at / PAGE].mantissas(self.part, 0)[at % PAGE..]
    }

    /// Exponents of the keys from `at` to the end of its page.
    #[inline]
    pub fn key_exp(&self, at: usize) -> &'a [i32] {
        &self.pages[at / PAGE].exponents(self.part, 0)[at % PAGE..]
    }

    /// Mantissas of the values from `at` to the end of its page.
    #[inline]
    pub fn value_mant(&self, at: usize) -> &'a [u32] {
        &self.pages[at / PAGE].mantissas(self.part, 1)[at % PAGE..]
    }

    /// Exponents of the values from `at` to the end of its page.
    #[inline]
    pub fn value_exp(&self, at: usize) -> &'a [i32] {
        &self.pages[at / PAGE].exponents(self.part, 1)[at % PAGE..]
    }

    /// The largest exponent of a value up to and including position `at`.
    #[inline]
    pub fn exp_top(&self, at: usize) -> i32 {
        self.pages[at / PAGE].exponents(self.part, 2)[at % PAGE]
    }
}

/// The groups of a run of positions: the number of each, and its values.
#[inline]
pub(super) fn groups_of((run, values): (Range<usize>, &[i8])) -> impl Iterator<Item = (usize, &[i8])> {
    let bytes = values.len() / run.len() * VALUE_GROUP;
    (run.start / VALUE_GROUP..).zip(values.chunks_exact(bytes))
}

/// The blocks of a run of positions: the first position of each, and its values.
#[inline]
pub(super) fn blocks_of((run, values): (Range<usize>, &[i8])) -> impl Iterator<Item = (usize, &[i8])> {
    let bytes = values.len() / run.len() * KEY_BLOCK;
    run.step_by(KEY_BLOCK).zip(values.chunks_exact(bytes))
}
