//! The trace: what a provider commits about the way from input to output.
//!
//! For every computed position and every layer one leaf, `H(0x00 || residual || keys || values)`:
//! - the residual row after the layer, `hidden` x i32 LE;
//! - the position's new key row, `kv_heads * head_dim` x i16 LE, then per kv-head its scale;
//! - the position's new value row, `kv_heads * head_dim` x i8, then per kv-head its scale.
//!
//! A scale is `mant` u32 LE, `exp` i32 LE. Layer leaves of a position make its position root; `H(0x00 || position root)` are the
//! leaves over positions; the trace root binds the counts: `H("lantern/trace/1" || positions u32 LE || layers u32 LE || root)`.

use crate::{
    blake2_256,
    fixed::Scale,
    merkle::{self, LeafHasher, MerkleBuilder},
    Hash,
};

/// Leaf of one layer at one position. Allocates nothing.
pub fn layer_leaf(residual: &[i32], keys: &[i16], key_scales: &[Scale], values: &[i8], value_scales: &[Scale]) -> Hash {
    let mut hasher = LeafHasher::new();
    update_words(&mut hasher, residual.iter().map(|x| x.to_le_bytes()));
    update_words(&mut hasher, keys.iter().map(|x| x.to_le_bytes()));
    update_scales(&mut hasher, key_scales);
    update_words(&mut hasher, values.iter().map(|x| x.to_le_bytes()));
    update_scales(&mut hasher, value_scales);
    hasher.finish()
}

fn update_scales(hasher: &mut LeafHasher, scales: &[Scale]) {
    for scale in scales {
        hasher.update(&scale.mant.to_le_bytes());
        hasher.update(&scale.exp.to_le_bytes());
    }
}

/// Feeds small words through a block-sized buffer, so that hashing and not call overhead dominates.
fn update_words<const N: usize>(hasher: &mut LeafHasher, words: impl Iterator<Item = [u8; N]>) {
    let mut buffer = [0u8; 512];
    let mut at = 0;
    for word in words {
        buffer[at..at + N].copy_from_slice(&word);
        at += N;
        if at == buffer.len() {
            hasher.update(&buffer);
            at = 0;
        }
    }
    hasher.update(&buffer[..at]);
}

/// Root over one position's layer leaves.
pub fn position_root(layer_leaves: &[Hash]) -> Hash {
    merkle::root(layer_leaves)
}

/// Collects position roots, in order, into the trace root.
#[derive(Clone, Debug)]
pub struct TraceBuilder {
    layers: u32,
    positions: MerkleBuilder,
}

impl TraceBuilder {
    /// An empty trace of a model with `layers` layers.
    pub fn new(layers: u32) -> Self {
        Self {
            layers,
            positions: MerkleBuilder::new(),
        }
    }

    /// Appends the next position.
    pub fn push(&mut self, position_root: &Hash) {
        self.positions.push(merkle::leaf(position_root));
    }

    /// Positions so far.
    pub fn positions(&self) -> u32 {
        self.positions.count() as u32
    }

    /// The trace root of the positions so far.
    pub fn root(&self) -> Hash {
        trace_root(self.positions(), self.layers, &self.positions.root())
    }
}

/// Binds the counts to the root over positions.
pub fn trace_root(positions: u32, layers: u32, root: &Hash) -> Hash {
    blake2_256(&[
        b"lantern/trace/1",
        &positions.to_le_bytes(),
        &layers.to_le_bytes(),
        root,
    ])
}

/// Whether `leaf` is layer `layer` of position `position` in the trace with root `trace_root`.
///
/// `over_layers` and `over_positions` are the sibling digests of [`merkle::proof`], `positions_root` the root over positions.
#[allow(clippy::too_many_arguments)]
pub fn verify_layer(
    root: &Hash,
    positions: u32,
    layers: u32,
    position: u32,
    layer: u32,
    leaf: &Hash,
    position_root: &Hash,
    over_layers: &[Hash],
    positions_root: &Hash,
    over_positions: &[Hash],
) -> bool {
    trace_root(positions, layers, positions_root) == *root
        && merkle::verify(position_root, layers as u64, layer as u64, leaf, over_layers)
        && merkle::verify(
            positions_root,
            positions as u64,
            position as u64,
            &merkle::leaf(position_root),
            over_positions,
        )
}
