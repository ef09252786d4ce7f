//! The Llama family.

use alloc::{vec, vec::Vec};

use super::{
    attention::LayerCache,
    tensors::{Matrix, Source, Vector},
    ModelError, Trace,
};
use crate::{fixed::Scale, ops, LlamaSpec, ModelSpec};

/// Weights of one layer. Biases are empty and norms absent where the specification has none.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct LlamaLayer {
    pub attention_norm: Vector,
    pub q: Matrix,
    pub q_bias: Vec<i32>,
    pub k: Matrix,
    pub k_bias: Vec<i32>,
    pub v: Matrix,
    pub v_bias: Vec<i32>,
    pub q_norm: Option<Vector>,
    pub k_norm: Option<Vector>,
    pub o: Matrix,
    pub mlp_norm: Vector,
    pub gate: Matrix,
    pub up: Matrix,
    pub down: Matrix,
}

/// A Llama model.
#[derive(Clone, Debug)]
pub struct LlamaModel {
    /// Specification.
    pub spec: ModelSpec,
    /// Embedding table.
    pub embed: Matrix,
    /// Layers.
    pub layers: Vec<LlamaLayer>,
    /// Norm before the output head.
    pub final_norm: Vector,
    /// Output head; `None` when it is the embedding table.
    pub head: Option<Matrix>,
    /// Rotary frequencies, Q64 turns, `head_dim / 2`.
    pub frequencies: Vec<u64>,
}

/// What a generation carries from one call to the next.
#[derive(Clone, Debug, Default)]
pub struct LlamaState {
    /// One cache per layer.
    pub caches: Vec<LayerCache>,
    /// Positions computed so far.
    pub len: usize,
    /// Trace so far.
    pub trace: Trace,
}

impl LlamaModel {
    pub(super) fn take(spec: ModelSpec, llama: LlamaSpec, source: &mut Source) -> Result<Self, ModelError> {
        let embed = source.matrix()?;
        let mut layers = Vec::new();
        for _ in 0..spec.layers {
            layers.push(LlamaLayer::take(&llama, source)?);
        }
        let final_norm = source.gain()?;
        let head = if llama.tied_embeddings {
            None
        } else {
            Some(source.matrix()?)
        };
        let mut frequencies = vec![0; spec.head_dim as usize / 2];
        ops::rope_frequencies(llama.rope_base, llama.rope_scaling, &mut frequencies);
        Ok(Self {
            spec,
            embed,
            layers,
            final_norm,
            head,
            frequencies,
        })
    }

    /// Computes the next `tokens.len()` positions and returns their residual rows after the last layer.
    ///
    /// Layer by layer over all rows, as a fast prefill does; the result does not depend on how a prompt is cut into calls.
    pub fn forward(&self, state: &mut LlamaState, tokens: &[u32]) -> Vec<Vec<i32>> {
        state.caches.resize_with(self.layers.len(), LayerCache::default);
        let mut rows: Vec<Vec<i32>> = tokens.iter().map(|id| self.embedding(*id)).collect();
        for (layer, cache) in self.layers.iter().zip(&mut state.caches) {
            // Causality: a row's keys are in the cache before it attends, later rows' keys are beyond `visible`.
            let queries: Vec<_> = rows
                .iter()
                .enumerate()
                .map(|(i, x)| self.project(layer, cache, x, state.len + i))
                .collect();
            for (i, (x, q)) in rows.iter_mut().zip(&queries).enumerate() {
                let mixed = cache.attend(&self.spec, q, state.len + i + 1);
                self.finish_layer(layer, x, &mixed);
            }
            let leaves = rows
                .iter()
                .enumerate()
                .map(|(i, x)| cache.leaf(&self.spec, state.len + i, x))
                .collect();
            state.trace.extend_layer(state.len, leaves);
        }
        state.len += tokens.len();
        rows
    }

    /// Logits (Q16) from a residual row after the last layer.
    pub fn logits(&self, residual: &[i32]) -> Vec<i32> {
        let (q, scale) = self.normed(residual, &self.final_norm);
        self.head.as_ref().unwrap_or(&self.embed).apply(&q, scale, &[])
    }

    fn embedding(&self, id: u32) -> Vec<i32> {
        let mut row = vec![0; self.spec.hidden as usize];
        ops::embed_row(self.embed.row(id as usize), self.embed.scales[id as usize], &mut row);
        row
    }

    fn normed(&self, x: &[i32], norm: &Vector) -> (Vec<i16>, Scale) {
        let mut q = vec![0; x.len()];
        let qmax = ops::activation_max(self.spec.activation);
        let scale = ops::rmsnorm_quantise(x, &norm.values, norm.frac, self.spec.norm_eps, qmax, &mut q);
        (q, scale)
    }

    /// Appends one position's keys and values to the cache and returns its rotated queries.
    fn project(&self, layer: &LlamaLayer, cache: &mut LayerCache, x: &[i32], position: usize) -> Vec<i32> {
        let (h, scale) = self.normed(x, &layer.attention_norm);
        let mut queries = layer.q.apply(&h, scale, &layer.q_bias);
        let mut keys = layer.k.apply(&h, scale, &layer.k_bias);
        let values = layer.v.apply(&h, scale, &layer.v_bias);
        let dim = self.spec.head_dim as usize;
        let (mut cos, mut sin) = (vec![0; dim / 2], vec![0; dim / 2]);
        ops::rope_angles(&self.frequencies, position as u32, &mut cos, &mut sin);
        for (rows, norm) in [(&mut queries, &layer.q_norm), (&mut keys, &layer.k_norm)] {
            for head in rows.chunks_mut(dim) {
                if let Some(norm) = norm {
                    ops::rmsnorm(head, &norm.values, norm.frac, self.spec.norm_eps);
                }
                ops::rope_row(head, &cos, &sin);
            }
        }
        cache.push(&self.spec, &keys, &values);
        queries
    }

    /// Output projection and feed-forward block of one row.
    fn finish_layer(&self, layer: &LlamaLayer, x: &mut [i32], mixed: &[i32]) {
        let qmax = ops::activation_max(self.spec.activation);
        let mut q = vec![0; mixed.len()];
        let scale = ops::quantise_row(mixed, qmax, &mut q);
        ops::add_row(x, &layer.o.apply(&q, scale, &[]));
        let (h, scale) = self.normed(x, &layer.mlp_norm);
        let gate = layer.gate.apply(&h, scale, &[]);
        let up = layer.up.apply(&h, scale, &[]);
        let mut q = vec![0; gate.len()];
        let scale = ops::silu_gate_quantise(&gate, &up, qmax, &mut q);
        ops::add_row(x, &layer.down.apply(&q, scale, &[]));
    }
}

impl LlamaLayer {
    fn take(llama: &LlamaSpec, source: &mut Source) -> Result<Self, ModelError> {
        fn projection(source: &mut Source, biased: bool) -> Result<(Matrix, Vec<i32>), ModelError> {
            let matrix = source.matrix()?;
            Ok((matrix, if biased { source.bias()? } else { Vec::new() }))
        }
        let attention_norm = source.gain()?;
        let (q, q_bias) = projection(source, llama.qkv_bias)?;
        let (k, k_bias) = projection(source, llama.qkv_bias)?;
        let (v, v_bias) = projection(source, llama.qkv_bias)?;
        let q_norm = if llama.qk_norm { Some(source.gain()?) } else { None };
        let k_norm = if llama.qk_norm { Some(source.gain()?) } else { None };
        Ok(Self {
            attention_norm,
            q,
            q_bias,
            k,
            k_bias,
            v,
            v_bias,
            q_norm,
            k_norm,
            o: source.matrix()?,
            mlp_norm: source.gain()?,
            gate: source.matrix()?,
            up: source.matrix()?,
            down: source.matrix()?,
        })
    }
}
