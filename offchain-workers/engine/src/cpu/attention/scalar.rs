//! Attention by the definition's own operators, reading the kernels' memory order.

use super::{groups_of, HeadView, Scratch, KEY_BLOCK, VALUE_GROUP};
use lantern_exact::{fixed::Scale, ops};

/// Outputs (Q16) of the query heads in `queries` over the first `visible` positions of `view`.
pub(super) fn attend(
    view: &HeadView<'_>,
    queries: &[i16],
    scales: &[Scale],
    visible: usize,
    scratch: &mut Scratch,
    out: &mut [i32],
) {
    let dim = view.dim;
    scratch.scales.clear();
    scratch.scales.extend((0..visible).map(|t| Scale {
        mant: view.value_mant(t)[0],
        exp: view.value_exp(t)[0],
    }));
    scratch.weights.resize(visible, 0);
    scratch.sums.resize(dim, 0);
    for ((query, scale), out) in queries.chunks_exact(dim).zip(scales).zip(out.chunks_exact_mut(dim)) {
        scratch.scores.clear();
        scratch.scores.extend((0..visible).map(|t| {
            let key = Scale {
                mant: view.key_mant(t)[0],
                exp: view.key_exp(t)[0],
            };
            ops::score(dot(view, query, t), *scale, key)
        }));
        let softmax = ops::softmax(&scratch.scores, &scratch.scales, &mut scratch.weights[..visible]);
        scratch.sums.fill(0);
        let groups = view
            .values(0..visible.next_multiple_of(VALUE_GROUP))
            .flat_map(groups_of);
        for ((_, group), weights) in groups.zip(scratch.weights[..visible].chunks(VALUE_GROUP)) {
            for (sum, values) in scratch.sums.iter_mut().zip(group.chunks_exact(VALUE_GROUP)) {
                for (&weight, &value) in weights.iter().zip(values) {
                    *sum += i64::from(weight) * i64::from(value);
                }
            }
        }
        for (out, &sum) in out.iter_mut().zip(&scratch.sums) {
            *out = ops::finish_mix(sum, &softmax);
        }
    }
}

/// Exact dot product of `query` with the key at position `t`.
fn dot(view: &HeadView<'_>, query: &[i16], t: usize) -> i64 {
    let block = &view.keys(t / KEY_BLOCK * KEY_BLOCK)[t % KEY_BLOCK * 2..];
    let pairs = query.chunks_exact(2).enumerate().map(|(pair, q)| {
        let key = &block[pair * KEY_BLOCK * 2..][..2];
        i64::from(q[0]) * i64::from(key[0]) + i64::from(q[1]) * i64::from(key[1])
    });
    pairs.sum()
}
