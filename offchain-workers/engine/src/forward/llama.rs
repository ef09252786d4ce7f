//! The Llama family.

use super::{embed_row, Buffers, Cancelled, Machine};
use crate::{
    cpu::{
        attention::{attend, LayerCache, Queries},
        memory::{Aligned, SharedMut},
        rows,
    },
    model::weights::{Llama, LlamaLayer},
};
use lantern_exact::{model::Vector, ops, trace::TraceBuilder, ModelSpec};

/// What a generation carries from one call to the next.
pub(crate) struct LlamaState {
    caches: Vec<LayerCache>,
    /// Positions computed so far.
    pub len: usize,
    pub trace: TraceBuilder,
    pub buffers: Buffers,
    cos: Vec<i32>,
    sin: Vec<i32>,
    logits: Aligned<i32>,
}

impl LlamaState {
    /// The state before the first position.
    pub(crate) fn new(spec: &ModelSpec) -> Self {
        let cache = |_| LayerCache::new(spec.kv_heads as usize, spec.head_dim as usize);
        Self {
            caches: (0..spec.layers).map(cache).collect(),
            len: 0,
            trace: TraceBuilder::new(spec.layers),
            buffers: Buffers::default(),
            cos: Vec::new(),
            sin: Vec::new(),
            logits: Aligned::default(),
        }
    }
}

/// Computes the next `tokens.len()` positions. Their residual rows after the last layer are in `state.buffers.residual`.
pub(crate) fn forward(
    machine: &Machine<'_>,
    spec: &ModelSpec,
    model: &Llama,
    state: &mut LlamaState,
    tokens: &[u32],
) -> Result<(), Cancelled> {
    let (rows, hidden, half) = (tokens.len(), spec.hidden as usize, spec.head_dim as usize / 2);
    state.buffers.shape(spec, rows);
    state.cos.resize(rows * half, 0);
    state.sin.resize(rows * half, 0);
    let residual = SharedMut::new(&mut state.buffers.residual[..rows * hidden]);
    let (cos, sin) = (SharedMut::new(&mut state.cos[..]), SharedMut::new(&mut state.sin[..]));
    let first = state.len;
    machine.each_row(rows, &|row| {
        // SAFETY: one task per row.
        let (x, cos, sin) = unsafe {
            (
                residual.range(row * hidden, hidden),
                cos.range(row * half, half),
                sin.range(row * half, half),
            )
        };
        embed_row(&model.embed, tokens[row] as usize, x);
        ops::rope_angles(&model.frequencies, (first + row) as u32, cos, sin);
    });
    for (index, layer) in model.layers.iter().enumerate() {
        machine.check()?;
        attention(machine, spec, layer, state, index, rows);
        feed_forward(machine, spec, layer, &mut state.buffers, rows);
        state.buffers.end_layer(machine, spec, rows, index, &|_| {});
    }
    state.buffers.extend_trace(spec, rows, &mut state.trace);
    state.len += rows;
    Ok(())
}

/// Norm, projections, rotation, attention and output projection; adds to the residual.
fn attention(
    machine: &Machine<'_>,
    spec: &ModelSpec,
    layer: &LlamaLayer,
    state: &mut LlamaState,
    index: usize,
    rows: usize,
) {
    let (hidden, half, query) = (
        spec.hidden as usize,
        spec.head_dim as usize / 2,
        spec.query_width() as usize,
    );
    let (kernel, qmax) = (machine.kernel, ops::activation_max(spec.activation));
    let b = &mut state.buffers;
    let residual = &b.residual;
    machine.quantise_rows(&mut b.hidden, rows, hidden, spec.activation, &|row, out| {
        let x = &residual[row * hidden..(row + 1) * hidden];
        rows::rmsnorm_quantise(kernel, x, &layer.attention_norm, spec.norm_eps, qmax, out)
    });
    machine.product(&b.hidden, &layer.qkv, &mut b.projected);
    let (cos, sin) = (&state.cos, &state.sin);
    b.quantise_heads(machine, spec, rows, &|row, is_key, head| {
        let norm: &Option<Vector> = if is_key { &layer.k_norm } else { &layer.q_norm };
        if let Some(norm) = norm {
            ops::rmsnorm(head, &norm.values, norm.frac, spec.norm_eps);
        }
        let part = row * half..(row + 1) * half;
        rows::rope_row(kernel, head, &cos[part.clone()], &sin[part]);
    });
    let cache = &mut state.caches[index];
    b.append(machine, rows, cache);
    let queries = Queries {
        data: &b.queries,
        scales: &b.query_scales,
        heads: spec.heads as usize,
    };
    let first = state.len;
    attend(
        machine.pool,
        kernel,
        cache,
        &queries,
        rows,
        &|row| first + row + 1,
        &mut b.mixed,
    );
    let mixed = &b.mixed;
    machine.quantise_rows(&mut b.heads, rows, query, spec.activation, &|row, out| {
        rows::quantise_row(kernel, &mixed[row * query..(row + 1) * query], qmax, out)
    });
    machine.product(&b.heads, &layer.o, &mut b.delta);
}

/// Adds the attention's output, then norm and gated feed-forward block; leaves the block's output in `delta`.
fn feed_forward(machine: &Machine<'_>, spec: &ModelSpec, layer: &LlamaLayer, b: &mut Buffers, rows: usize) {
    let (hidden, inner) = (spec.hidden as usize, spec.intermediate as usize);
    let (kernel, qmax) = (machine.kernel, ops::activation_max(spec.activation));
    let residual = SharedMut::new(&mut b.residual[..rows * hidden]);
    let delta = &b.delta;
    machine.quantise_rows(&mut b.hidden, rows, hidden, spec.activation, &|row, out| {
        // SAFETY: one task per row.
        let x = unsafe { residual.range(row * hidden, hidden) };
        rows::add_row(kernel, x, &delta[row * hidden..(row + 1) * hidden]);
        rows::rmsnorm_quantise(kernel, x, &layer.mlp_norm, spec.norm_eps, qmax, out)
    });
    machine.product(&b.hidden, &layer.gate_up, &mut b.wide);
    let wide = SharedMut::new(&mut b.wide[..rows * 2 * inner]);
    machine.quantise_rows(&mut b.inner, rows, inner, spec.activation, &|row, out| {
        // SAFETY: one task per row.
        let (gate, up) = unsafe { wide.range(row * 2 * inner, 2 * inner) }.split_at_mut(inner);
        rows::silu_gate_quantise(kernel, gate, up, qmax, out)
    });
    machine.product(&b.inner, &layer.down, &mut b.delta);
}

/// Logits (Q16, `rows x vocab`) of rows `first..first + rows` of the last call.
pub(crate) fn logits<'a>(
    machine: &Machine<'_>,
    spec: &ModelSpec,
    model: &Llama,
    state: &'a mut LlamaState,
    first: usize,
    rows: usize,
) -> &'a [i32] {
    let (hidden, vocab) = (spec.hidden as usize, spec.vocab as usize);
    let (kernel, qmax) = (machine.kernel, ops::activation_max(spec.activation));
    let b = &mut state.buffers;
    let residual = &b.residual;
    machine.quantise_rows(&mut b.hidden, rows, hidden, spec.activation, &|row, out| {
        let x = &residual[(first + row) * hidden..(first + row + 1) * hidden];
        rows::rmsnorm_quantise(kernel, x, &model.final_norm, spec.norm_eps, qmax, out)
    });
    machine.product(
        &b.hidden,
        model.head.as_ref().unwrap_or(&model.embed),
        &mut state.logits,
    );
    &state.logits[..rows * vocab]
}
