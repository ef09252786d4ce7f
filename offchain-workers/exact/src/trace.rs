//! The trace: what a provider commits about the way from input to output.
//!
//! For every computed position and every layer one leaf, `H(0x00 || residual || keys || values)`:
//! - the residual row after the layer, `hidden` x i32 LE;
//! - the position's new key row, `kv_heads * head_dim` x i16 LE, then per kv-head its scale;
//! - the position's new value row, `kv_heads * head_dim` x i8, then per kv-head its scale.
//!
//! A scale is `mant` u32 LE, `exp` i32 LE. Layer leaves of a position make its position root; `H(0x00 || position root)` are the
//! leaves over positions; the trace root binds the counts: `H("lantern/trace/1" || positions u32 LE || layers u32 LE || root)`.

use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode};
use scale_info::TypeInfo;

use crate::{
    blake2_256,
    fixed::Scale,
    merkle::{self, LeafHasher, MerkleBuilder},
    Hash, ModelSpec,
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

/// What one leaf commits to: the state of one layer at one position.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LeafContent {
    /// Residual row after the layer, Q16, `hidden`.
    pub residual: Vec<i32>,
    /// The position's key row, `kv_heads * head_dim`.
    pub keys: Vec<i16>,
    /// Its scales, `kv_heads`.
    pub key_scales: Vec<Scale>,
    /// The position's value row, `kv_heads * head_dim`.
    pub values: Vec<i8>,
    /// Its scales, `kv_heads`.
    pub value_scales: Vec<Scale>,
}

impl LeafContent {
    /// The leaf's digest.
    pub fn leaf(&self) -> Hash {
        layer_leaf(
            &self.residual,
            &self.keys,
            &self.key_scales,
            &self.values,
            &self.value_scales,
        )
    }

    /// Bytes of every leaf of a model: [`LeafContent::to_bytes`] without the content.
    pub fn encoded_len(spec: &ModelSpec) -> usize {
        let (heads, width) = (spec.kv_heads as usize, spec.kv_width() as usize);
        4 * spec.hidden as usize + 3 * width + 2 * 8 * heads
    }

    /// The hashed bytes, without the byte that marks leaves.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut put = |bytes: &[u8]| out.extend_from_slice(bytes);
        let put_scales = |put: &mut dyn FnMut(&[u8]), scales: &[Scale]| {
            for scale in scales {
                put(&scale.mant.to_le_bytes());
                put(&scale.exp.to_le_bytes());
            }
        };
        self.residual.iter().for_each(|x| put(&x.to_le_bytes()));
        self.keys.iter().for_each(|x| put(&x.to_le_bytes()));
        put_scales(&mut put, &self.key_scales);
        self.values.iter().for_each(|x| put(&x.to_le_bytes()));
        put_scales(&mut put, &self.value_scales);
        out
    }

    /// The content of a leaf of a model; `None` for any other number of bytes than the model's leaves have.
    ///
    /// Every sequence of so many bytes is a content: numbers that no execution can produce are refused by no one here, they
    /// only have another digest.
    pub fn from_bytes(spec: &ModelSpec, bytes: &[u8]) -> Option<Self> {
        if bytes.len() != Self::encoded_len(spec) {
            return None;
        }
        let (heads, width) = (spec.kv_heads as usize, spec.kv_width() as usize);
        let (residual, rest) = bytes.split_at_checked(4 * spec.hidden as usize)?;
        let (keys, rest) = rest.split_at_checked(2 * width)?;
        let (key_scales, rest) = rest.split_at_checked(8 * heads)?;
        let (values, value_scales) = rest.split_at_checked(width)?;
        let word = |bytes: &[u8]| bytes.try_into().map(i32::from_le_bytes).ok();
        let scales = |bytes: &[u8]| -> Option<Vec<Scale>> {
            let scale = |bytes: &[u8]| {
                let (mant, exp) = bytes.split_at_checked(4)?;
                Some(Scale {
                    mant: word(mant)? as u32,
                    exp: word(exp)?,
                })
            };
            bytes.chunks_exact(8).map(scale).collect()
        };
        Some(Self {
            residual: residual.chunks_exact(4).map(word).collect::<Option<_>>()?,
            keys: keys
                .chunks_exact(2)
                .map(|bytes| bytes.try_into().map(i16::from_le_bytes).ok())
                .collect::<Option<_>>()?,
            key_scales: scales(key_scales)?,
            values: values.iter().map(|byte| *byte as i8).collect(),
            value_scales: scales(value_scales)?,
        })
    }
}

/// The way from one leaf of a trace to its root.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct LayerProof {
    /// Position, from 0.
    pub position: u32,
    /// Layer, from 0.
    pub layer: u32,
    /// Sibling digests among the position's layers, bottom up: at most 8.
    pub over_layers: Vec<Hash>,
    /// Sibling digests among the positions, bottom up: at most 20.
    pub over_positions: Vec<Hash>,
}

impl LayerProof {
    /// Whether `leaf` is this layer of this position in the trace `root` of `positions` positions and `layers` layers.
    ///
    /// Hashes at most `3 + log2(positions) + log2(layers)` times (rounded up), whatever is in the proof.
    pub fn verify(&self, root: &Hash, positions: u32, layers: u32, leaf: &Hash) -> bool {
        merkle::root_of(layers.into(), self.layer.into(), leaf, &self.over_layers)
            .map(|position_root| merkle::leaf(&position_root))
            .and_then(|leaf| merkle::root_of(positions.into(), self.position.into(), &leaf, &self.over_positions))
            .is_some_and(|over_positions| trace_root(positions, layers, &over_positions) == *root)
    }
}
