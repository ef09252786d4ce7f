//! Merkle trees: streaming equals recursive definition, proofs verify, tampering does not.
#![allow(clippy::unwrap_used)]

use lantern_exact::{blake2_256, merkle, Hash};
use proptest::prelude::*;

fn leaves(n: usize) -> Vec<Hash> {
    (0..n as u32).map(|i| merkle::leaf(&i.to_le_bytes())).collect()
}

/// The definition, level by level.
fn level_by_level(mut level: Vec<Hash>) -> Hash {
    while level.len() > 1 {
        level = level
            .chunks(2)
            .map(|p| if p.len() == 2 { merkle::node(&p[0], &p[1]) } else { p[0] })
            .collect();
    }
    level.first().copied().unwrap_or_else(merkle::empty_root)
}

#[test]
fn streaming_root_equals_the_definition_for_all_small_counts() {
    for n in 0..130 {
        assert_eq!(merkle::root(&leaves(n)), level_by_level(leaves(n)), "{n}");
    }
    let empty = merkle::Tree::new(Vec::new());
    assert_eq!((empty.root(), empty.proof(0)), (merkle::empty_root(), None));
    assert_eq!(merkle::leaf(b"x"), blake2_256(&[&[0], b"x"]));
    assert_eq!(merkle::leaf_parts(&[b"ab", b"c"]), merkle::leaf(b"abc"));
}

#[test]
fn every_proof_verifies_and_only_at_its_place() {
    for n in 1..40usize {
        let leaves = leaves(n);
        let root = merkle::root(&leaves);
        for i in 0..n {
            let proof = merkle::proof(&leaves, i).unwrap();
            for j in 0..n as u64 + 2 {
                assert_eq!(
                    merkle::verify(&root, n as u64, j, &leaves[i], &proof),
                    j == i as u64,
                    "{n} {i} {j}"
                );
            }
        }
        assert!(merkle::proof(&leaves, n).is_none());
        let tree = merkle::Tree::new(leaves.clone());
        assert_eq!((tree.root(), tree.proof(n)), (root, None));
        assert_eq!(merkle::root_of(n as u64, n as u64, &leaves[0], &[]), None);
    }
}

proptest! {
    #[test]
    fn tampering_is_rejected(n in 2usize..200, at in any::<prop::sample::Index>(), byte in 0usize..32, bit in 0u8..8, which in any::<prop::sample::Index>()) {
        let leaves = leaves(n);
        let root = merkle::root(&leaves);
        let i = at.index(n);
        let proof = merkle::proof(&leaves, i).unwrap();
        prop_assert!(merkle::verify(&root, n as u64, i as u64, &leaves[i], &proof));
        let mut leaf = leaves[i];
        leaf[byte] ^= 1 << bit;
        prop_assert!(!merkle::verify(&root, n as u64, i as u64, &leaf, &proof));
        let mut bad = proof.clone();
        if !bad.is_empty() {
            let which = which.index(bad.len());
            bad[which][byte] ^= 1 << bit;
            prop_assert!(!merkle::verify(&root, n as u64, i as u64, &leaves[i], &bad));
            prop_assert!(!merkle::verify(&root, n as u64, i as u64, &leaves[i], &proof[1..]));
        }
        let mut long = proof.clone();
        long.push([0; 32]);
        prop_assert!(!merkle::verify(&root, n as u64, i as u64, &leaves[i], &long));
        let mut bad_root = root;
        bad_root[byte] ^= 1 << bit;
        prop_assert!(!merkle::verify(&bad_root, n as u64, i as u64, &leaves[i], &proof));
    }
}
