//! What the provider needs of the chain, behind a trait, so that its decisions are tested without a node.

use async_trait::async_trait;
use lantern_primitives::{
    crypto::{WorkerId, WorkerSignature},
    info::ProviderInfo,
    job::Job,
    AccountId, Balance, BlockNumber, JobId, H256,
};

/// A job as the chain holds it.
pub type ChainJob = Job<AccountId, Balance, BlockNumber>;

/// A block by hash and height.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockRef {
    /// Hash.
    pub hash: H256,
    /// Height.
    pub number: BlockNumber,
}

/// The runtime could not be asked.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct ChainError(pub String);

/// Why the pool did not take a claim.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClaimError {
    /// The runtime refuses it, and says why.
    #[error("the runtime refuses it: {0}")]
    Refused(String),
    /// The pool does not take it now.
    #[error("the pool does not take it: {0}")]
    Pool(String),
}

/// The chain, as far as the provider sees it.
#[async_trait]
pub trait Chain: Send + Sync + 'static {
    /// The best block.
    fn best(&self) -> BlockRef;
    /// The last finalised block.
    fn finalized(&self) -> BlockRef;
    /// Hash of the best chain's block of this height.
    fn hash_at(&self, number: BlockNumber) -> Option<H256>;

    /// Whether this node is still far behind the network: what it takes for the best block is old.
    fn is_syncing(&self) -> bool;

    /// The id that the next submitted job will have.
    fn next_job_id(&self, at: H256) -> Result<JobId, ChainError>;
    /// A job that the state still holds.
    fn job(&self, at: H256, id: JobId) -> Result<Option<ChainJob>, ChainError>;
    /// All jobs that wait for a claim, as far as the runtime lists them.
    fn open_jobs(&self, at: H256) -> Result<Vec<(JobId, ChainJob)>, ChainError>;
    /// All jobs that `provider` has claimed and not yet finished.
    fn assigned_jobs(&self, at: H256, provider: &AccountId) -> Result<Vec<(JobId, ChainJob)>, ChainError>;
    /// The provider that a worker key belongs to.
    fn provider_of(&self, at: H256, worker: &WorkerId) -> Result<Option<AccountId>, ChainError>;
    /// A registered provider.
    fn provider(&self, at: H256, account: &AccountId) -> Result<Option<ProviderInfo>, ChainError>;

    /// Hands a claim to the transaction pool.
    async fn submit_claim(
        &self,
        at: H256,
        job: JobId,
        worker: WorkerId,
        signature: WorkerSignature,
    ) -> Result<(), ClaimError>;
}
