//! Binary Merkle trees over BLAKE2b-256.
//!
//! A leaf is `H(0x00 || data)`, a node `H(0x01 || left || right)`. A level's last node without a partner moves up
//! unchanged, so a tree of one leaf has that leaf as its root. The empty tree's root is `H(0x02)`. A root alone does not
//! commit to the number of leaves: whoever checks a proof must know the count, which is why roots are published with it.

use alloc::vec::Vec;

use crate::{blake2_256, Hash};

/// Digest of a leaf with `data` as content.
pub fn leaf(data: &[u8]) -> Hash {
    leaf_parts(&[data])
}

/// Digest of a leaf whose content is the concatenation of `parts`.
pub fn leaf_parts(parts: &[&[u8]]) -> Hash {
    let mut hasher = LeafHasher::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finish()
}

/// Digest of the node above `left` and `right`.
pub fn node(left: &Hash, right: &Hash) -> Hash {
    blake2_256(&[&[1], left, right])
}

/// Root of the tree without leaves.
pub fn empty_root() -> Hash {
    blake2_256(&[&[2]])
}

/// Streams a leaf's content.
#[derive(Clone)]
pub struct LeafHasher(blake2b_simd::State);

impl LeafHasher {
    /// A leaf with no content yet.
    pub fn new() -> Self {
        let mut state = blake2b_simd::Params::new().hash_length(32).to_state();
        state.update(&[0]);
        Self(state)
    }

    /// Appends content.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The leaf's digest.
    pub fn finish(&self) -> Hash {
        let mut out = [0u8; 32];
        out.copy_from_slice(self.0.finalize().as_bytes());
        out
    }
}

impl Default for LeafHasher {
    fn default() -> Self {
        Self::new()
    }
}

/// Builds a root from leaf digests in order, keeping one digest per level.
#[derive(Clone, Debug, Default)]
pub struct MerkleBuilder {
    /// Complete subtrees, largest first, with their heights.
    stack: Vec<(u32, Hash)>,
    count: u64,
}

impl MerkleBuilder {
    /// An empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a leaf digest.
    pub fn push(&mut self, leaf: Hash) {
        let (mut height, mut digest) = (0, leaf);
        while let Some((_, left)) = self.stack.pop_if(|(h, _)| *h == height) {
            digest = node(&left, &digest);
            height += 1;
        }
        self.stack.push((height, digest));
        self.count += 1;
    }

    /// Number of leaves so far.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The root of the leaves so far.
    pub fn root(&self) -> Hash {
        // Unpaired nodes move up, so the smallest subtree joins its left neighbour first.
        let mut digests = self.stack.iter().rev().map(|(_, digest)| *digest);
        match digests.next() {
            None => empty_root(),
            Some(last) => digests.fold(last, |right, left| node(&left, &right)),
        }
    }
}

/// Root of the tree over `leaves`.
pub fn root(leaves: &[Hash]) -> Hash {
    let mut builder = MerkleBuilder::new();
    for leaf in leaves {
        builder.push(*leaf);
    }
    builder.root()
}

/// Every level of a tree, for proofs of several of its leaves: two digests a leaf.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tree {
    /// The leaves, then each level above up to the root. Never empty, nor is any but the lowest.
    levels: Vec<Vec<Hash>>,
}

impl Tree {
    /// The tree over `leaves`.
    pub fn new(leaves: Vec<Hash>) -> Self {
        let mut levels = alloc::vec![leaves];
        while let Some(level) = levels.last().filter(|level| level.len() > 1) {
            let above = level
                .chunks(2)
                .map(|pair| match pair {
                    [left, right] => node(left, right),
                    _ => pair[0],
                })
                .collect();
            levels.push(above);
        }
        Self { levels }
    }

    /// The root.
    pub fn root(&self) -> Hash {
        let top = self.levels.last().and_then(|level| level.first());
        top.copied().unwrap_or_else(empty_root)
    }

    /// Sibling digests that prove leaf `index`, bottom up. `None` when there is no such leaf.
    pub fn proof(&self, index: usize) -> Option<Vec<Hash>> {
        let leaves = self.levels.first()?.len();
        let siblings = self.levels.iter().enumerate();
        (index < leaves).then(|| {
            siblings
                .filter_map(|(height, level)| level.get((index >> height) ^ 1).copied())
                .collect()
        })
    }
}

/// Sibling digests that prove leaf `index`, bottom up. `None` when there is no such leaf.
pub fn proof(leaves: &[Hash], index: usize) -> Option<Vec<Hash>> {
    Tree::new(leaves.to_vec()).proof(index)
}

/// Root of the tree of `count` leaves in which `siblings` prove `leaf` as number `index`. `None` when there is no such
/// leaf or the siblings are too few or too many.
pub fn root_of(count: u64, index: u64, leaf: &Hash, siblings: &[Hash]) -> Option<Hash> {
    if index >= count {
        return None;
    }
    let (mut digest, mut at, mut width) = (*leaf, index, count);
    let mut rest = siblings.iter();
    while width > 1 {
        // The last node of an odd level has no sibling and moves up unchanged.
        if at ^ 1 < width {
            let sibling = rest.next()?;
            digest = if at % 2 == 0 {
                node(&digest, sibling)
            } else {
                node(sibling, &digest)
            };
        }
        at /= 2;
        width = width.div_ceil(2);
    }
    rest.next().is_none().then_some(digest)
}

/// Whether `siblings` prove that `leaf` is number `index` of the `count` leaves under `root`.
pub fn verify(root: &Hash, count: u64, index: u64, leaf: &Hash, siblings: &[Hash]) -> bool {
    root_of(count, index, leaf, siblings).as_ref() == Some(root)
}
