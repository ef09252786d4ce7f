//! Shows BABE's block import the headers as they were signed.
//!
//! BABE's verifier takes the seal off a header, and its block import (sc-consensus-babe 0.60) then takes such headers as evidence that a
//! validator equivocated. The runtime refuses evidence without signatures, so that nobody is ever slashed. [`Sealed`] before that import
//! puts the seal back where it was, and [`Unsealed`] after it takes it off again for those who execute the block.
//! To be removed when the import takes the seal along by itself; the test of an equivocation on a network tells.

use async_trait::async_trait;
use sc_consensus::{BlockCheckParams, BlockImport, BlockImportParams, ImportResult};
use sp_runtime::traits::{Block as BlockT, Header as HeaderT};

/// Names the number of digests that were put back, on their way from one import to the other.
const SEALS: &[u8] = b"lantern-seals";

/// Before BABE's import.
#[derive(Clone)]
pub struct Sealed<I>(pub I);

/// After BABE's import.
#[derive(Clone)]
pub struct Unsealed<I>(pub I);

/// Moves what follows the execution of a block into its header.
fn seal<B: BlockT>(block: &mut BlockImportParams<B>) {
    if block.post_digests.is_empty() {
        return;
    }
    let seals = core::mem::take(&mut block.post_digests);
    block.insert_intermediate(SEALS, seals.len());
    for digest in seals {
        block.header.digest_mut().push(digest);
    }
}

/// Undoes [`seal`].
fn unseal<B: BlockT>(block: &mut BlockImportParams<B>) {
    let Ok(count) = block.remove_intermediate::<usize>(SEALS) else {
        return;
    };
    let logs = &mut block.header.digest_mut().logs;
    block.post_digests = logs.split_off(logs.len().saturating_sub(count));
}

#[async_trait]
impl<B: BlockT, I: BlockImport<B> + Send + Sync> BlockImport<B> for Sealed<I> {
    type Error = I::Error;

    async fn check_block(&self, block: BlockCheckParams<B>) -> Result<ImportResult, Self::Error> {
        self.0.check_block(block).await
    }

    async fn import_block(&self, mut block: BlockImportParams<B>) -> Result<ImportResult, Self::Error> {
        seal(&mut block);
        self.0.import_block(block).await
    }
}

#[async_trait]
impl<B: BlockT, I: BlockImport<B> + Send + Sync> BlockImport<B> for Unsealed<I> {
    type Error = I::Error;

    async fn check_block(&self, block: BlockCheckParams<B>) -> Result<ImportResult, Self::Error> {
        self.0.check_block(block).await
    }

    async fn import_block(&self, mut block: BlockImportParams<B>) -> Result<ImportResult, Self::Error> {
        unseal(&mut block);
        self.0.import_block(block).await
    }
}

#[cfg(test)]
mod tests {
    use lantern_runtime::{opaque::Block, Header};
    use sp_consensus::BlockOrigin;
    use sp_runtime::{Digest, DigestItem};

    use super::*;

    fn block(logs: Vec<DigestItem>, post_digests: Vec<DigestItem>) -> BlockImportParams<Block> {
        let header = Header::new(
            1,
            Default::default(),
            Default::default(),
            Default::default(),
            Digest { logs },
        );
        let mut block = BlockImportParams::new(BlockOrigin::NetworkBroadcast, header);
        block.post_digests = post_digests;
        block
    }

    #[test]
    fn a_seal_is_in_the_header_between_the_two_and_nowhere_else() {
        let signature = DigestItem::Seal(*b"BABE", vec![7; 64]);
        let slot = DigestItem::PreRuntime(*b"BABE", vec![1]);
        let mut block = block(vec![slot.clone()], vec![signature.clone()]);
        let hash = block.post_hash();

        seal(&mut block);
        assert_eq!(block.header.digest().logs, [slot.clone(), signature.clone()]);
        assert!(block.post_digests.is_empty());
        assert_eq!((block.header.hash(), block.post_hash()), (hash, hash));

        unseal(&mut block);
        assert_eq!(block.header.digest().logs, [slot]);
        assert_eq!(block.post_digests, [signature]);
        assert!(block.intermediates.is_empty());
    }

    #[test]
    fn a_header_that_nobody_unsealed_stays_as_it_is() {
        let logs = vec![DigestItem::Seal(*b"BABE", vec![7; 64])];
        let mut block = block(logs.clone(), vec![]);
        seal(&mut block);
        unseal(&mut block);
        assert_eq!(block.header.digest().logs, logs);
        assert!(block.post_digests.is_empty());
    }
}
