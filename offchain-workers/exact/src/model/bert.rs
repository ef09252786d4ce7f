//! BERT encoders.

use alloc::{vec, vec::Vec};

use super::{
    attention::LayerCache,
    generate::{Outcome, StopReason},
    tensors::{Matrix, Norm, Source},
    usage, ModelError, Trace,
};
use crate::{fixed::Scale, ops, spec::encode_embedding, BertSpec, ModelSpec, Pooling};

/// Weights of one layer.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct BertLayer {
    pub q: Matrix,
    pub q_bias: Vec<i32>,
    pub k: Matrix,
    pub k_bias: Vec<i32>,
    pub v: Matrix,
    pub v_bias: Vec<i32>,
    pub o: Matrix,
    pub o_bias: Vec<i32>,
    pub attention_norm: Norm,
    pub up: Matrix,
    pub up_bias: Vec<i32>,
    pub down: Matrix,
    pub down_bias: Vec<i32>,
    pub output_norm: Norm,
}

/// A BERT model.
#[derive(Clone, Debug)]
pub struct BertModel {
    /// Specification.
    pub spec: ModelSpec,
    /// Pooling and normalisation.
    pub bert: BertSpec,
    /// Word embeddings.
    pub embed: Matrix,
    /// Position embeddings, `max_context` rows.
    pub positions: Matrix,
    /// Embedding of token type 0, one row.
    pub token_type: Matrix,
    /// Norm over the sum of the three.
    pub embed_norm: Norm,
    /// Layers.
    pub layers: Vec<BertLayer>,
}

impl BertModel {
    pub(super) fn take(spec: ModelSpec, bert: BertSpec, source: &mut Source) -> Result<Self, ModelError> {
        let embed = source.matrix()?;
        let positions = source.matrix()?;
        let token_type = source.matrix()?;
        let embed_norm = source.layer_norm()?;
        let mut layers = Vec::new();
        for _ in 0..spec.layers {
            layers.push(BertLayer::take(source)?);
        }
        Ok(Self {
            spec,
            bert,
            embed,
            positions,
            token_type,
            embed_norm,
            layers,
        })
    }

    /// Residual rows (Q16) after the last layer, and the trace. `tokens` includes the special tokens.
    pub fn forward(&self, tokens: &[u32]) -> (Vec<Vec<i32>>, Trace) {
        let mut trace = Trace::default();
        let mut rows: Vec<Vec<i32>> = tokens
            .iter()
            .enumerate()
            .map(|(position, id)| self.embedding(*id, position))
            .collect();
        for layer in &self.layers {
            let mut cache = LayerCache::default();
            let queries: Vec<_> = rows.iter().map(|x| self.project(layer, &mut cache, x)).collect();
            for (x, q) in rows.iter_mut().zip(&queries) {
                let mixed = cache.attend(&self.spec, q, tokens.len());
                self.finish_layer(layer, x, &mixed);
            }
            let leaves = rows
                .iter()
                .enumerate()
                .map(|(i, x)| cache.leaf(&self.spec, i, x))
                .collect();
            trace.extend_layer(0, leaves);
        }
        (rows, trace)
    }

    /// The embedding of `tokens`, with [`ModelSpec::embedding_frac`] fractional bits.
    pub fn pool(&self, rows: &[Vec<i32>]) -> Vec<i32> {
        let width = self.spec.hidden as usize;
        let (mut sums, mut out) = (vec![0i64; width], vec![0i32; width]);
        let pooled = match self.bert.pooling {
            Pooling::Mean => rows,
            Pooling::Cls => rows.get(..1).unwrap_or_default(),
        };
        for row in pooled {
            ops::accumulate(&mut sums, row);
        }
        if self.bert.normalize {
            ops::l2_normalise(&sums, &mut out);
        } else {
            ops::mean_row(&sums, pooled.len() as u32, &mut out);
        }
        out
    }

    pub(super) fn embed(&self, tokens: &[u32]) -> Outcome {
        let (rows, trace) = self.forward(tokens);
        Outcome {
            output: encode_embedding(&self.pool(&rows)),
            tokens: Vec::new(),
            usage: usage(tokens.len(), 0),
            trace_root: trace.root(self.spec.layers),
            trace,
            stop: StopReason::Complete,
        }
    }

    fn embedding(&self, id: u32, position: usize) -> Vec<i32> {
        let mut row = vec![0; self.spec.hidden as usize];
        let mut other = row.clone();
        ops::embed_row(self.embed.row(id as usize), self.embed.scales[id as usize], &mut row);
        ops::embed_row(
            self.positions.row(position),
            self.positions.scales[position],
            &mut other,
        );
        ops::add_row(&mut row, &other);
        ops::embed_row(self.token_type.row(0), self.token_type.scales[0], &mut other);
        ops::add_row(&mut row, &other);
        self.norm(&mut row, &self.embed_norm);
        row
    }

    fn norm(&self, x: &mut [i32], norm: &Norm) {
        ops::layernorm(x, &norm.gain.values, norm.gain.frac, &norm.bias, self.spec.norm_eps);
    }

    fn quantised(&self, x: &[i32]) -> (Vec<i16>, Scale) {
        let mut q = vec![0; x.len()];
        let scale = ops::quantise_row(x, ops::activation_max(self.spec.activation), &mut q);
        (q, scale)
    }

    fn project(&self, layer: &BertLayer, cache: &mut LayerCache, x: &[i32]) -> Vec<i32> {
        let (h, scale) = self.quantised(x);
        let queries = layer.q.apply(&h, scale, &layer.q_bias);
        let keys = layer.k.apply(&h, scale, &layer.k_bias);
        let values = layer.v.apply(&h, scale, &layer.v_bias);
        cache.push(&self.spec, &keys, &values);
        queries
    }

    fn finish_layer(&self, layer: &BertLayer, x: &mut [i32], mixed: &[i32]) {
        let (q, scale) = self.quantised(mixed);
        ops::add_row(x, &layer.o.apply(&q, scale, &layer.o_bias));
        self.norm(x, &layer.attention_norm);
        let (q, scale) = self.quantised(x);
        let inner = layer.up.apply(&q, scale, &layer.up_bias);
        let mut q = vec![0; inner.len()];
        let scale = ops::gelu_quantise(&inner, ops::activation_max(self.spec.activation), &mut q);
        ops::add_row(x, &layer.down.apply(&q, scale, &layer.down_bias));
        self.norm(x, &layer.output_norm);
    }
}

impl BertLayer {
    fn take(source: &mut Source) -> Result<Self, ModelError> {
        Ok(Self {
            q: source.matrix()?,
            q_bias: source.bias()?,
            k: source.matrix()?,
            k_bias: source.bias()?,
            v: source.matrix()?,
            v_bias: source.bias()?,
            o: source.matrix()?,
            o_bias: source.bias()?,
            attention_norm: source.layer_norm()?,
            up: source.matrix()?,
            up_bias: source.bias()?,
            down: source.matrix()?,
            down_bias: source.bias()?,
            output_norm: source.layer_norm()?,
        })
    }
}
