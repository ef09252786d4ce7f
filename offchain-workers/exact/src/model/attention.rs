//! Cached keys and values of one layer, and attention over them.

use alloc::{vec, vec::Vec};

use crate::{fixed::Scale, ops, trace, Hash, ModelSpec};

/// Quantised keys and values of one layer, one row per position.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LayerCache {
    /// `kv_heads * head_dim` keys per position.
    pub keys: Vec<i16>,
    /// `kv_heads` scales per position.
    pub key_scales: Vec<Scale>,
    /// `kv_heads * head_dim` values per position.
    pub values: Vec<i8>,
    /// `kv_heads` scales per position.
    pub value_scales: Vec<Scale>,
}

impl LayerCache {
    /// Quantises and appends the next position's keys (after rotation) and values, both Q16.
    pub fn push(&mut self, spec: &ModelSpec, keys: &[i32], values: &[i32]) {
        let dim = spec.head_dim as usize;
        let (mut key, mut value) = (vec![0i16; dim], vec![0i8; dim]);
        for (k, v) in keys.chunks(dim).zip(values.chunks(dim)) {
            self.key_scales.push(ops::quantise_keys(k, spec.keys, &mut key));
            self.keys.extend_from_slice(&key);
            self.value_scales.push(ops::quantise_values(v, &mut value));
            self.values.extend_from_slice(&value);
        }
    }

    /// Attention output (Q16) of one query row over the first `visible` positions.
    pub fn attend(&self, spec: &ModelSpec, queries: &[i32], visible: usize) -> Vec<i32> {
        let dim = spec.head_dim as usize;
        let group = (spec.heads / spec.kv_heads) as usize;
        let mut out = Vec::with_capacity(queries.len());
        for (head, query) in queries.chunks(dim).enumerate() {
            out.extend(self.attend_head(spec, query, head / group, visible));
        }
        out
    }

    fn attend_head(&self, spec: &ModelSpec, query: &[i32], kv_head: usize, visible: usize) -> Vec<i32> {
        let (dim, kv_heads) = (spec.head_dim as usize, spec.kv_heads as usize);
        let row = |position: usize| (position * kv_heads + kv_head) * dim;
        let scale_at = |position: usize| position * kv_heads + kv_head;
        let mut q = vec![0i16; dim];
        let query_scale = ops::quantise_queries(query, &mut q);
        let scores: Vec<i32> = (0..visible)
            .map(|t| {
                let dot = ops::dot_head(&q, &self.keys[row(t)..row(t) + dim]);
                ops::score(dot, query_scale, self.key_scales[scale_at(t)])
            })
            .collect();
        let value_scales: Vec<Scale> = (0..visible).map(|t| self.value_scales[scale_at(t)]).collect();
        let mut weights = vec![0u32; visible];
        let softmax = ops::softmax(&scores, &value_scales, &mut weights);
        let mut acc = vec![0i64; dim];
        for (t, weight) in weights.iter().enumerate() {
            ops::mix(*weight, &self.values[row(t)..row(t) + dim], &mut acc);
        }
        acc.iter().map(|a| ops::finish_mix(*a, &softmax)).collect()
    }

    /// Trace leaf of `position` with the layer's `residual` row.
    pub fn leaf(&self, spec: &ModelSpec, position: usize, residual: &[i32]) -> Hash {
        let (width, heads) = (spec.kv_width() as usize, spec.kv_heads as usize);
        trace::layer_leaf(
            residual,
            &self.keys[position * width..(position + 1) * width],
            &self.key_scales[position * heads..(position + 1) * heads],
            &self.values[position * width..(position + 1) * width],
            &self.value_scales[position * heads..(position + 1) * heads],
        )
    }
}
