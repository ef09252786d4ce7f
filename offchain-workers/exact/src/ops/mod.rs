//! The operators, one row or one cell at a time.
//!
//! Everything works on slices, allocates nothing (except [`sample`], which orders the vocabulary) and is total: values out of
//! range saturate, they never panic. Slices that belong together must have the same length; where they do not, the
//! shorter one decides. Bounds are stated from [`crate::spec::MAX_INNER`], [`crate::spec::MAX_CONTEXT`] and
//! [`crate::spec::MAX_HEAD_DIM`].

mod attention;
mod elementwise;
mod matmul;
mod norm;
mod pool;
mod quantise;
mod rope;
mod sampling;

pub use attention::{
    dot_head, finish_mix, mix, quantise_keys, quantise_queries, quantise_values, score, score_scale, softmax, Softmax,
};
pub use elementwise::{add_row, embed_row, gelu, gelu_quantise, silu, silu_gate_quantise};
pub use matmul::{cell, dot, linear, split_planes};
pub use norm::{inv_rms, layernorm, mean, rmsnorm, rmsnorm_quantise, sum_of_squares};
pub use pool::{accumulate, l2_normalise, mean_row};
pub use quantise::{
    activation_max, key_max, quantise_row, Quantiser, ACTIVATION_MAX_NARROW, ACTIVATION_MAX_WIDE, KEY_MAX_NARROW,
    KEY_MAX_WIDE, QUERY_MAX, VALUE_MAX, WEIGHT_MAX,
};
pub use rope::{rope_angles, rope_frequencies, rope_row};
pub use sampling::{argmax, noise_block, sample, GUMBEL_MAX, NOISE_PER_BLOCK};
