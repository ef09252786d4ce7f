//! The Llama family.
//!
//! One pass computes the next positions of several sequences. Their rows lie one after another in the same buffers: all that
//! works row by row, the products with the weights above all, takes them together; only caches, attention and traces are
//! each sequence's own.

use super::{embed_row, sequence::Sequence, Activations, Buffers, Cancelled, Machine};
use crate::{
    cpu::{
        memory::{Aligned, SharedMut},
        rows,
    },
    model::weights::{Llama, LlamaLayer},
};
use lantern_exact::{model::Vector, ops, ModelSpec};
use std::ops::Range;

/// Buffers of a pass, whatever sequences take part in it.
#[derive(Default)]
pub(crate) struct Workspace {
    pub buffers: Buffers,
    /// Token and position of each row.
    inputs: Vec<(u32, u32)>,
    cos: Vec<i32>,
    sin: Vec<i32>,
    /// Rows on their way to the logits. Apart from the pass's own, because their number, and so their layout, differs.
    last: Activations,
    logits: Aligned<i32>,
}

/// Each sequence that takes part in a pass, with its rows in the buffers.
fn parts(sequences: &mut [Sequence]) -> impl Iterator<Item = (&mut Sequence, Range<usize>)> {
    let mut first = 0;
    sequences.iter_mut().filter_map(move |sequence| {
        let rows = first..first + sequence.rows;
        first = rows.end;
        (!rows.is_empty()).then_some((sequence, rows))
    })
}

/// Computes the next `rows` positions of every sequence. Their residual rows stay in `work`, in the order of the sequences.
///
/// When it is broken off, the sequences are as before.
pub(crate) fn forward(
    machine: &Machine<'_>,
    spec: &ModelSpec,
    model: &Llama,
    work: &mut Workspace,
    sequences: &mut [Sequence],
) -> Result<(), Cancelled> {
    embed(machine, spec, model, work, sequences);
    let rows = work.inputs.len();
    for (index, layer) in model.layers.iter().enumerate() {
        machine.check()?;
        attention(machine, spec, layer, work, sequences, index);
        feed_forward(machine, spec, layer, &mut work.buffers, rows);
        work.buffers.end_layer(machine, spec, rows, index, &|_| {});
    }
    for (sequence, rows) in parts(sequences) {
        sequence.len += rows.len();
        if machine.trace {
            work.buffers.each_root(spec, rows, &mut |root| sequence.push_root(root));
        }
    }
    Ok(())
}

/// Fills the residual rows with the tokens' embeddings, and the angles of their positions.
fn embed(machine: &Machine<'_>, spec: &ModelSpec, model: &Llama, work: &mut Workspace, sequences: &mut [Sequence]) {
    let (hidden, half) = (spec.hidden as usize, spec.head_dim as usize / 2);
    work.inputs.clear();
    for (sequence, _) in parts(sequences) {
        sequence.reserve();
        let positions = sequence.len..sequence.len + sequence.rows;
        let tokens = sequence.tokens[positions.clone()].iter().copied();
        work.inputs.extend(tokens.zip(positions.start as u32..));
    }
    let rows = work.inputs.len();
    work.buffers.shape(spec, rows);
    work.cos.resize(rows * half, 0);
    work.sin.resize(rows * half, 0);
    let residual = SharedMut::new(&mut work.buffers.residual[..rows * hidden]);
    let (cos, sin) = (SharedMut::new(&mut work.cos[..]), SharedMut::new(&mut work.sin[..]));
    let inputs = &work.inputs;
    machine.each_row(rows, &|row| {
        // SAFETY: one task per row.
        let (x, cos, sin) = unsafe {
            (
                residual.range(row * hidden, hidden),
                cos.range(row * half, half),
                sin.range(row * half, half),
            )
        };
        let (token, position) = inputs[row];
        embed_row(&model.embed, token as usize, x);
        ops::rope_angles(&model.frequencies, position, cos, sin);
    });
}

/// Norm, projections, rotation, attention and output projection; leaves the block's output in `delta`.
fn attention(
    machine: &Machine<'_>,
    spec: &ModelSpec,
    layer: &LlamaLayer,
    work: &mut Workspace,
    sequences: &mut [Sequence],
    index: usize,
) {
    let (hidden, half, query) = (
        spec.hidden as usize,
        spec.head_dim as usize / 2,
        spec.query_width() as usize,
    );
    let (kernel, qmax) = (machine.kernel, ops::activation_max(spec.activation));
    let rows = work.inputs.len();
    let b = &mut work.buffers;
    let residual = &b.residual;
    machine.quantise_rows(&mut b.hidden, rows, hidden, spec.activation, &|row, out| {
        let x = &residual[row * hidden..(row + 1) * hidden];
        rows::rmsnorm_quantise(kernel, x, &layer.attention_norm, spec.norm_eps, qmax, out)
    });
    machine.product(&b.hidden, &layer.qkv, &mut b.projected);
    let (cos, sin) = (&work.cos, &work.sin);
    b.quantise_heads(machine, spec, rows, &|row, is_key, head| {
        let norm: &Option<Vector> = if is_key { &layer.k_norm } else { &layer.q_norm };
        if let Some(norm) = norm {
            ops::rmsnorm(head, &norm.values, norm.frac, spec.norm_eps);
        }
        let part = row * half..(row + 1) * half;
        rows::rope_row(kernel, head, &cos[part.clone()], &sin[part]);
    });
    for (sequence, rows) in parts(sequences) {
        let (cache, first) = (&mut sequence.cache, sequence.len);
        b.write(machine, spec, rows.clone(), cache, index, first);
        b.attend(machine, spec, rows, cache, index, &|row| first + row + 1);
    }
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

/// Logits (Q16, `rows.len() x vocab`) of these rows of the last pass.
pub(crate) fn logits<'a>(
    machine: &Machine<'_>,
    spec: &ModelSpec,
    model: &Llama,
    work: &'a mut Workspace,
    rows: &[usize],
) -> &'a [i32] {
    let (hidden, vocab) = (spec.hidden as usize, spec.vocab as usize);
    let (kernel, qmax) = (machine.kernel, ops::activation_max(spec.activation));
    let residual = &work.buffers.residual;
    machine.quantise_rows(&mut work.last, rows.len(), hidden, spec.activation, &|index, out| {
        let x = &residual[rows[index] * hidden..(rows[index] + 1) * hidden];
        rows::rmsnorm_quantise(kernel, x, &model.final_norm, spec.norm_eps, qmax, out)
    });
    machine.product(
        &work.last,
        model.head.as_ref().unwrap_or(&model.embed),
        &mut work.logits,
    );
    &work.logits[..rows.len() * vocab]
}
