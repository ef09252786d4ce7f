//! What kernels are given: the records of `kernels/shared/args.h`, where each field is explained. Addresses are of the device; 0 is none.

use bytemuck::{Pod, Zeroable};
use lantern_exact::fixed::Scale;

/// Positions of a page of the cache.
pub(crate) const PAGE: usize = 32;
/// Positions that a block of the attention takes at a time, and its threads.
pub(crate) const SPAN: usize = 256;
/// Bytes of a block's memory for sums over it.
pub(crate) const ROW_SHARED: u32 = 256;

/// [`Scale`] in the device's memory.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub(crate) struct RawScale {
    pub mant: u32,
    pub exp: i32,
}

impl From<Scale> for RawScale {
    fn from(scale: Scale) -> Self {
        Self {
            mant: scale.mant,
            exp: scale.exp,
        }
    }
}

/// Declares records that are copied to the device as they are.
macro_rules! records {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $type:ty,)* })*) => {
        $(
            $(#[$doc])*
            #[repr(C)]
            #[derive(Clone, Copy, Debug, Default, Pod, Zeroable)]
            #[allow(missing_docs)]
            pub(crate) struct $name { $(pub $field: $type,)* }
        )*
    };
}

records! {
    Matrix { data: u64, scales: u64, bias: u64, outs: u32, ins_padded: u32, }
    Activations { planes: u64, scales: u64, ins: u32, ins_padded: u32, wide: u32, qmax: u32, }
    Cache {
        keys: u64, values: u64, key_scales: u64, value_scales: u64, pages: u64, slots: u64, places: u64,
        pages_stride: u32, kv_heads: u32, dim: u32, dim_padded: u32, wide: u32, unused: u32,
    }
    EmbedArgs { words: Matrix, positions: Matrix, token_type: Matrix, tokens: u64, places: u64, out: u64, hidden: u32, unused: u32, }
    NormArgs {
        x: u64, delta: u64, sum: u64, pick: u64, gain: u64, bias: u64, eps: u64, out: Activations, n: u32, frac: u32,
    }
    QuantiseArgs { x: u64, table: u64, out: Activations, n: u32, mode: u32, }
    AddArgs { x: u64, delta: u64, out: u64, count: u64, }
    AngleArgs { frequencies: u64, places: u64, out: u64, half: u32, rows: u32, }
    HeadsArgs {
        projected: u64, q_gain: u64, k_gain: u64, angles: u64, queries: u64, query_scales: u64, top: u64, exp_top: u64,
        cache: Cache, eps: u64, score_scale: RawScale, heads: u32, key_max: u32, q_frac: u32, k_frac: u32,
    }
    ScoresArgs {
        queries: u64, query_scales: u64, visible: u64, scores: u64, top: u64, exp_top: u64, cache: Cache,
        heads: u32, stride: u32, first: u32, unused: u32,
    }
    MixArgs {
        visible: u64, scores: u64, top: u64, exp_top: u64, mix: u64, sum: u64, cache: Cache,
        heads: u32, stride: u32, first: u32, span: u32, splits: u32, unused: u32,
    }
    FinishArgs { mix: u64, sum: u64, exp_top: u64, mixed: u64, out: Activations, heads: u32, kv_heads: u32, dim: u32, splits: u32, }
    ProductArgs { weights: Matrix, planes: u64, scales: u64, out: u64, rows: u32, unused: u32, }
    ArgmaxArgs { logits: u64, out: u64, vocab: u32, unused: u32, }
    PoolArgs { x: u64, sums: u64, out: u64, rows: u32, hidden: u32, normalise: u32, unused: u32, }
    LeafArgs {
        residuals: u64, cache: Cache, key_layer: u64, value_layer: u64, scale_layer: u64, packed: u64, leaves: u64,
        hidden: u32, layers: u32, row_room: u32, first: u32, rows: u32, bytes: u32, stride: u32, unused: u32,
    }
    ProbeArgs { a: u64, b: u64, c: u64, table: u64, out: u64, routine: u32, count: u32, }
}
