//! BERT encoders.

use super::{embed_row, Buffers, Cancelled, Machine};
use crate::{
    cpu::{
        attention::{CacheShape, PagedCache},
        memory::SharedMut,
        rows,
    },
    model::weights::{Bert, BertLayer},
};
use lantern_exact::{model::Norm, ops, trace::TraceBuilder, BertSpec, ModelSpec, Pooling};

/// Buffers and trace of one embedding.
pub(crate) struct BertState {
    pub trace: TraceBuilder,
    pub buffers: Buffers,
}

impl BertState {
    /// The state before a text.
    pub(crate) fn new(spec: &ModelSpec) -> Self {
        Self {
            trace: TraceBuilder::new(spec.layers),
            buffers: Buffers::default(),
        }
    }
}

/// The embedding of `tokens`, with [`ModelSpec::embedding_frac`] fractional bits.
pub(crate) fn embed(
    machine: &Machine<'_>,
    spec: &ModelSpec,
    bert: &BertSpec,
    model: &Bert,
    state: &mut BertState,
    tokens: &[u32],
) -> Result<Vec<i32>, Cancelled> {
    let (rows, hidden) = (tokens.len(), spec.hidden as usize);
    let b = &mut state.buffers;
    b.shape(spec, rows);
    let residual = SharedMut::new(&mut b.residual[..rows * hidden]);
    machine.each_row(rows, &|row| {
        // SAFETY: one task per row.
        let x = unsafe { residual.range(row * hidden, hidden) };
        let mut other = vec![0; hidden];
        embed_row(&model.embed, tokens[row] as usize, x);
        embed_row(&model.positions, row, &mut other);
        ops::add_row(x, &other);
        embed_row(&model.token_type, 0, &mut other);
        ops::add_row(x, &other);
        norm(machine, spec, x, &model.embed_norm);
    });
    // Nobody reads a layer's keys and values after it, so one layer's room serves all.
    let shape = CacheShape {
        layers: 1,
        kv_heads: spec.kv_heads as usize,
        dim: spec.head_dim as usize,
    };
    let mut cache = PagedCache::new(shape, Vec::new());
    cache.reserve(rows);
    for (index, layer) in model.layers.iter().enumerate() {
        machine.check()?;
        run_layer(machine, spec, layer, b, &mut cache, rows);
        b.end_layer(machine, spec, rows, index, &|x| {
            norm(machine, spec, x, &layer.output_norm)
        });
    }
    b.each_root(spec, 0..rows, &mut |root| state.trace.push(root));
    Ok(pool(bert, &b.residual[..rows * hidden], hidden))
}

fn norm(machine: &Machine<'_>, spec: &ModelSpec, x: &mut [i32], norm: &Norm) {
    rows::layernorm(machine.kernel, x, &norm.gain, &norm.bias, spec.norm_eps);
}

/// All of a layer but its last addition and norm; leaves the feed-forward block's output in `delta`.
fn run_layer(
    machine: &Machine<'_>,
    spec: &ModelSpec,
    layer: &BertLayer,
    b: &mut Buffers,
    cache: &mut PagedCache,
    rows: usize,
) {
    let (hidden, inner) = (spec.hidden as usize, spec.intermediate as usize);
    let (kernel, qmax) = (machine.kernel, ops::activation_max(spec.activation));
    let residual = &b.residual;
    machine.quantise_rows(&mut b.hidden, rows, hidden, spec.activation, &|row, out| {
        rows::quantise_row(kernel, &residual[row * hidden..(row + 1) * hidden], qmax, out)
    });
    machine.product(&b.hidden, &layer.qkv, &mut b.projected);
    b.quantise_heads(machine, spec, rows, &|_, _, _| {});
    b.write(machine, spec, 0..rows, cache, 0, 0);
    b.attend(machine, spec, 0..rows, cache, 0, &|_| rows);
    let mixed = &b.mixed;
    machine.quantise_rows(&mut b.heads, rows, hidden, spec.activation, &|row, out| {
        rows::quantise_row(kernel, &mixed[row * hidden..(row + 1) * hidden], qmax, out)
    });
    machine.product(&b.heads, &layer.o, &mut b.delta);
    let residual = SharedMut::new(&mut b.residual[..rows * hidden]);
    let delta = &b.delta;
    machine.quantise_rows(&mut b.hidden, rows, hidden, spec.activation, &|row, out| {
        // SAFETY: one task per row.
        let x = unsafe { residual.range(row * hidden, hidden) };
        rows::add_row(kernel, x, &delta[row * hidden..(row + 1) * hidden]);
        norm(machine, spec, x, &layer.attention_norm);
        rows::quantise_row(kernel, x, qmax, out)
    });
    machine.product(&b.hidden, &layer.up, &mut b.wide);
    let wide = SharedMut::new(&mut b.wide[..rows * inner]);
    machine.quantise_rows(&mut b.inner, rows, inner, spec.activation, &|row, out| {
        // SAFETY: one task per row.
        rows::gelu_quantise(kernel, unsafe { wide.range(row * inner, inner) }, qmax, out)
    });
    machine.product(&b.inner, &layer.down, &mut b.delta);
}

/// From token rows to one row.
fn pool(bert: &BertSpec, rows: &[i32], hidden: usize) -> Vec<i32> {
    let (mut sums, mut out) = (vec![0i64; hidden], vec![0i32; hidden]);
    let pooled = match bert.pooling {
        Pooling::Mean => rows,
        Pooling::Cls => &rows[..hidden],
    };
    for row in pooled.chunks_exact(hidden) {
        ops::accumulate(&mut sums, row);
    }
    if bert.normalize {
        ops::l2_normalise(&sums, &mut out);
    } else {
        ops::mean_row(&sums, (pooled.len() / hidden) as u32, &mut out);
    }
    out
}
