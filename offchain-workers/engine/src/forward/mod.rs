//! The forward pass: many rows at once, layer by layer, the same bits as the reference.

mod bert;
mod leaves;
mod llama;
mod sequence;

pub(crate) use bert::{embed, BertState};
pub(crate) use llama::{forward, logits, Workspace};
pub(crate) use sequence::{cache_shape, Sequence};

use crate::cpu::{
    attention::{attend, NewRows, PagedCache, Queries},
    matmul::{layout_for, matmul},
    matrix::{Activations, Matrix},
    memory::{reserve, Aligned, SharedMut},
    pool::Pool,
    rows, Kernel,
};
use lantern_exact::{fixed::Scale, merkle, ops, trace::LeafContent, Hash, ModelSpec, Width};
use leaves::LeafRow;
use std::{
    ops::Range,
    sync::atomic::{AtomicBool, Ordering},
};

/// What a forward pass runs on.
pub(crate) struct Machine<'a> {
    pub pool: &'a Pool,
    pub kernel: Kernel,
    /// Set from another thread to stop at the next layer.
    pub cancel: &'a AtomicBool,
    /// Whether leaves are hashed; only timing ([`crate::Engine::time_trace`]) does without, and throws the results away.
    pub trace: bool,
}

/// The pass was broken off from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cancelled")]
pub struct Cancelled;

impl Machine<'_> {
    fn check(&self) -> Result<(), Cancelled> {
        if self.cancel.load(Ordering::Relaxed) {
            Err(Cancelled)
        } else {
            Ok(())
        }
    }

    /// Runs `task` for every row.
    fn each_row(&self, rows: usize, task: &(dyn Fn(usize) + Sync)) {
        self.pool.run(rows, task);
    }

    /// Makes `rows` activation rows of `ins` values by `quantise(row, out)`.
    fn quantise_rows(
        &self,
        to: &mut Activations,
        rows: usize,
        ins: usize,
        width: Width,
        quantise: &(dyn Fn(usize, &mut [i16]) -> Scale + Sync),
    ) {
        to.shape(rows, ins, width == Width::Wide, layout_for(self.kernel, rows));
        let writer = to.writer();
        self.each_row(rows, &|row| {
            // SAFETY: one task per row.
            unsafe { writer.set_row(row, |out| quantise(row, out)) };
        });
    }

    /// `to = x * w^T + bias` in Q16.
    fn product(&self, x: &Activations, w: &Matrix, to: &mut Aligned<i32>) {
        let len = x.rows() * w.outs();
        reserve(to, len);
        matmul(self.pool, self.kernel, x, w, &mut to[..len]);
    }
}

/// Buffers of a pass, kept from one to the next so that a token allocates nothing.
#[derive(Default)]
pub(crate) struct Buffers {
    /// Residual rows, `rows x hidden`.
    pub residual: Aligned<i32>,
    /// Activations of width `hidden`, of the concatenated heads, and of the inner width.
    hidden: Activations,
    heads: Activations,
    inner: Activations,
    /// Outputs of products.
    projected: Aligned<i32>,
    mixed: Aligned<i32>,
    wide: Aligned<i32>,
    delta: Aligned<i32>,
    /// Quantised heads of the rows at hand.
    queries: Vec<i16>,
    query_scales: Vec<Scale>,
    keys: Vec<i16>,
    key_scales: Vec<Scale>,
    values: Vec<i8>,
    value_scales: Vec<Scale>,
    /// Layer leaves, `rows x layers`.
    leaves: Vec<Hash>,
    /// Leaves of the next pass whose contents are kept beside their digests; none but for proofs.
    pub wanted: Vec<WantedLeaf>,
    /// Their contents, by [`WantedLeaf::index`].
    pub kept: Vec<(usize, LeafContent)>,
}

/// A leaf whose content a pass is to keep.
pub(crate) struct WantedLeaf {
    /// Row of the pass.
    pub row: usize,
    /// Layer.
    pub layer: usize,
    /// Names it to whoever asked.
    pub index: usize,
}

impl Buffers {
    /// Makes room for quantised heads and leaves of `rows` rows.
    fn shape(&mut self, spec: &ModelSpec, rows: usize) {
        let (heads, kv_heads, dim) = (spec.heads as usize, spec.kv_heads as usize, spec.head_dim as usize);
        reserve(&mut self.residual, rows * spec.hidden as usize);
        reserve(&mut self.mixed, rows * heads * dim);
        self.queries.resize(rows * heads * dim, 0);
        self.query_scales.resize(rows * heads, Scale::ZERO_ROW);
        self.keys.resize(rows * kv_heads * dim, 0);
        self.key_scales.resize(rows * kv_heads, Scale::ZERO_ROW);
        self.values.resize(rows * kv_heads * dim, 0);
        self.value_scales.resize(rows * kv_heads, Scale::ZERO_ROW);
        self.leaves.resize(rows * spec.layers as usize, [0; 32]);
    }

    /// Quantises the heads of `projected` (`rows x (query + 2 kv)`), after `turn(row, is_key, head)` normed and rotated
    /// queries and keys in place.
    fn quantise_heads(
        &mut self,
        machine: &Machine<'_>,
        spec: &ModelSpec,
        rows: usize,
        turn: &(dyn Fn(usize, bool, &mut [i32]) + Sync),
    ) {
        let (heads, kv_heads, dim) = (spec.heads as usize, spec.kv_heads as usize, spec.head_dim as usize);
        let (query, kv) = (heads * dim, kv_heads * dim);
        let kernel = machine.kernel;
        let projected = SharedMut::new(&mut self.projected[..rows * (query + 2 * kv)]);
        let queries = SharedMut::new(&mut self.queries[..]);
        let query_scales = SharedMut::new(&mut self.query_scales[..]);
        let keys = SharedMut::new(&mut self.keys[..]);
        let key_scales = SharedMut::new(&mut self.key_scales[..]);
        let values = SharedMut::new(&mut self.values[..]);
        let value_scales = SharedMut::new(&mut self.value_scales[..]);
        let score_scale = ops::score_scale(dim as u32);
        machine.each_row(rows, &|row| {
            // SAFETY (whole closure): every array is split by rows, and one task has one row.
            let projected = unsafe { projected.range(row * (query + 2 * kv), query + 2 * kv) };
            let (q, kv_part) = projected.split_at_mut(query);
            let (k, v) = kv_part.split_at_mut(kv);
            let (out, scales) = unsafe {
                (
                    queries.range(row * query, query),
                    query_scales.range(row * heads, heads),
                )
            };
            for ((head, out), scale) in q.chunks_mut(dim).zip(out.chunks_mut(dim)).zip(scales) {
                turn(row, false, head);
                *scale = rows::quantise_row(kernel, head, ops::QUERY_MAX, out).mul(score_scale);
            }
            let (out, scales) = unsafe { (keys.range(row * kv, kv), key_scales.range(row * kv_heads, kv_heads)) };
            for ((head, out), scale) in k.chunks_mut(dim).zip(out.chunks_mut(dim)).zip(scales) {
                turn(row, true, head);
                *scale = rows::quantise_row(kernel, head, ops::key_max(spec.keys), out);
            }
            let (out, scales) = unsafe { (values.range(row * kv, kv), value_scales.range(row * kv_heads, kv_heads)) };
            for ((head, out), scale) in v.chunks_mut(dim).zip(out.chunks_mut(dim)).zip(scales) {
                // Components of a head number at most MAX_HEAD_DIM.
                let mut wide = [0i16; lantern_exact::spec::MAX_HEAD_DIM as usize];
                *scale = rows::quantise_row(kernel, head, ops::VALUE_MAX, &mut wide[..dim]);
                out.iter_mut().zip(&wide).for_each(|(out, &value)| *out = value as i8);
            }
        });
    }

    /// Writes the quantised keys and values of `rows` to layer `layer` of `cache`, from position `first` on.
    fn write(
        &self,
        machine: &Machine<'_>,
        spec: &ModelSpec,
        rows: Range<usize>,
        cache: &mut PagedCache,
        layer: usize,
        first: usize,
    ) {
        let (heads, width) = (spec.kv_heads as usize, spec.kv_width() as usize);
        let part = |width: usize| rows.start * width..rows.end * width;
        let new = NewRows {
            keys: &self.keys[part(width)],
            key_scales: &self.key_scales[part(heads)],
            values: &self.values[part(width)],
            value_scales: &self.value_scales[part(heads)],
        };
        cache.write(machine.pool, layer, first, rows.len(), &new);
    }

    /// Attention of `rows` over layer `layer` of `cache`; the `r`-th of them sees the first `visible(r)` positions.
    fn attend(
        &mut self,
        machine: &Machine<'_>,
        spec: &ModelSpec,
        rows: Range<usize>,
        cache: &PagedCache,
        layer: usize,
        visible: &(dyn Fn(usize) -> usize + Sync),
    ) {
        let (heads, width) = (spec.heads as usize, spec.query_width() as usize);
        let part = |width: usize| rows.start * width..rows.end * width;
        let queries = Queries {
            data: &self.queries[part(width)],
            scales: &self.query_scales[part(heads)],
            heads,
        };
        let out = &mut self.mixed[part(width)];
        let kernel = machine.kernel;
        attend(machine.pool, kernel, cache, layer, &queries, rows.len(), visible, out);
    }

    /// Ends a layer: adds `delta` to the residual rows, lets `finish(row)` work on each, and takes their trace leaves.
    fn end_layer(
        &mut self,
        machine: &Machine<'_>,
        spec: &ModelSpec,
        rows: usize,
        layer: usize,
        finish: &(dyn Fn(&mut [i32]) + Sync),
    ) {
        let (hidden, layers) = (spec.hidden as usize, spec.layers as usize);
        let (heads, width) = (spec.kv_heads as usize, spec.kv_width() as usize);
        let residual = SharedMut::new(&mut self.residual[..rows * hidden]);
        let shared_leaves = SharedMut::new(&mut self.leaves[..]);
        let kernel = machine.kernel;
        // Few rows: rather one thread each than several in one thread's lanes.
        let together = if rows < 2 * leaves::ROWS { 1 } else { leaves::ROWS };
        machine.pool.run(rows.div_ceil(together), &|task| {
            let group = task * together..((task + 1) * together).min(rows);
            let leaf_row = |row: usize| {
                // SAFETY: each row belongs to one task.
                let x = unsafe { residual.range(row * hidden, hidden) };
                rows::add_row(kernel, x, &self.delta[row * hidden..(row + 1) * hidden]);
                finish(x);
                LeafRow {
                    residual: x,
                    keys: &self.keys[row * width..(row + 1) * width],
                    key_scales: &self.key_scales[row * heads..(row + 1) * heads],
                    values: &self.values[row * width..(row + 1) * width],
                    value_scales: &self.value_scales[row * heads..(row + 1) * heads],
                }
            };
            let mut digests = [[0u8; 32]; leaves::ROWS];
            if !machine.trace {
                group.clone().for_each(|row| _ = leaf_row(row));
            } else if group.len() == leaves::ROWS {
                let rows: [_; leaves::ROWS] = std::array::from_fn(|index| leaf_row(group.start + index));
                leaves::hash(&rows, &mut digests);
            } else {
                for (digest, row) in digests.iter_mut().zip(group.clone()) {
                    leaves::hash(&[leaf_row(row)], std::slice::from_mut(digest));
                }
            }
            for (digest, row) in digests.iter().zip(group) {
                // SAFETY: each row belongs to one task.
                unsafe { shared_leaves.range(row * layers + layer, 1)[0] = *digest };
            }
        });
        for wanted in self.wanted.iter().filter(|wanted| wanted.layer == layer) {
            let part = |width: usize| wanted.row * width..(wanted.row + 1) * width;
            let content = LeafContent {
                residual: self.residual[part(hidden)].to_vec(),
                keys: self.keys[part(width)].to_vec(),
                key_scales: self.key_scales[part(heads)].to_vec(),
                values: self.values[part(width)].to_vec(),
                value_scales: self.value_scales[part(heads)].to_vec(),
            };
            self.kept.push((wanted.index, content));
        }
    }

    /// Layer leaves of one row of the last pass.
    pub(crate) fn layer_leaves(&self, spec: &ModelSpec, row: usize) -> &[Hash] {
        let layers = spec.layers as usize;
        &self.leaves[row * layers..(row + 1) * layers]
    }

    /// Calls `each` with the trace's position roots of `rows`.
    fn each_root(&self, spec: &ModelSpec, rows: Range<usize>, each: &mut dyn FnMut(&Hash)) {
        for row in rows {
            each(&merkle::root(self.layer_leaves(spec, row)));
        }
    }
}

/// Writes row `id` of an embedding table to `out` in Q16.
fn embed_row(table: &Matrix, id: usize, out: &mut [i32]) {
    // Rows are at most MAX_INPUTS long; a piece at a time keeps the buffer on the stack.
    table.with_row(id, |at, weights, scale| {
        ops::embed_row(weights, scale, &mut out[at..at + weights.len()])
    });
}
