//! The real chain: runtime APIs and the transaction pool.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use codec::Encode;
use lantern_primitives::{
    api::DepinApi,
    crypto::{WorkerId, WorkerSignature},
    info::{JobFilter, ProviderInfo},
    AccountId, BlockNumber, JobId, H256,
};
use lantern_runtime::{authorized_extension, opaque, RuntimeCall, UncheckedExtrinsic};
use sc_network_sync::SyncingService;
use sc_transaction_pool_api::{error::Error as PoolError, error::IntoPoolError, TransactionPool, TransactionSource};
use sp_api::ProvideRuntimeApi;
use sp_blockchain::HeaderBackend;
use sp_consensus::SyncOracle;
use sp_runtime::transaction_validity::InvalidTransaction;

use super::chain::{BlockRef, Chain, ChainError, ChainJob, ClaimError};
use crate::service::{FullClient, Pool};

/// Jobs asked for at a time.
const PAGE: u32 = 256;
/// Longest wait for the pool to have seen a block.
const POOL_PATIENCE: Duration = Duration::from_secs(1);
/// Most pages of one listing: more open jobs than this cannot be of use to one provider.
const MAX_PAGES: usize = 16;

/// The chain behind this node's client.
pub struct NodeChain {
    client: Arc<FullClient>,
    pool: Arc<Pool>,
    sync: Arc<SyncingService<opaque::Block>>,
}

impl NodeChain {
    /// A view through `client`; claims go to `pool`.
    pub fn new(client: Arc<FullClient>, pool: Arc<Pool>, sync: Arc<SyncingService<opaque::Block>>) -> Self {
        Self { client, pool, sync }
    }

    fn list(&self, at: H256, filter: JobFilter) -> Result<Vec<(JobId, ChainJob)>, ChainError> {
        let mut all = Vec::new();
        let mut from = 0;
        for _ in 0..MAX_PAGES {
            let page = self
                .client
                .runtime_api()
                .jobs(at, filter.clone(), from, PAGE)
                .map_err(failed)?;
            let Some(last) = page.last() else { break };
            from = last.id.saturating_add(1);
            all.extend(page.into_iter().map(|info| (info.id, info.job)));
        }
        Ok(all)
    }
}

fn failed(error: impl std::fmt::Display) -> ChainError {
    ChainError(error.to_string())
}

/// A claim as a transaction that nobody signs as an account: its call carries the worker key's signature.
fn claim_transaction(
    job: JobId,
    worker: WorkerId,
    signature: WorkerSignature,
) -> Result<opaque::UncheckedExtrinsic, ClaimError> {
    let call = RuntimeCall::JobEscrow(pallet_job_escrow::Call::claim_job { job, worker, signature });
    let transaction = UncheckedExtrinsic::new_transaction(call, authorized_extension());
    opaque::UncheckedExtrinsic::try_from_encoded_extrinsic(&transaction.encode())
        .map_err(|error| ClaimError::Pool(format!("the claim cannot be encoded: {error}")))
}

#[async_trait]
impl Chain for NodeChain {
    fn best(&self) -> BlockRef {
        let info = self.client.info();
        BlockRef {
            hash: info.best_hash,
            number: info.best_number,
        }
    }

    fn finalized(&self) -> BlockRef {
        let info = self.client.info();
        BlockRef {
            hash: info.finalized_hash,
            number: info.finalized_number,
        }
    }

    fn hash_at(&self, number: BlockNumber) -> Option<H256> {
        self.client.hash(number).ok().flatten()
    }

    fn is_syncing(&self) -> bool {
        self.sync.is_major_syncing()
    }

    fn next_job_id(&self, at: H256) -> Result<JobId, ChainError> {
        self.client.runtime_api().next_job_id(at).map_err(failed)
    }

    fn job(&self, at: H256, id: JobId) -> Result<Option<ChainJob>, ChainError> {
        let info = self.client.runtime_api().job(at, id).map_err(failed)?;
        Ok(info.map(|info| info.job))
    }

    fn open_jobs(&self, at: H256) -> Result<Vec<(JobId, ChainJob)>, ChainError> {
        self.list(at, JobFilter::Open)
    }

    fn assigned_jobs(&self, at: H256, provider: &AccountId) -> Result<Vec<(JobId, ChainJob)>, ChainError> {
        self.list(at, JobFilter::AssignedTo(provider.clone()))
    }

    fn provider_of(&self, at: H256, worker: &WorkerId) -> Result<Option<AccountId>, ChainError> {
        self.client
            .runtime_api()
            .provider_of(at, worker.clone())
            .map_err(failed)
    }

    fn provider(&self, at: H256, account: &AccountId) -> Result<Option<ProviderInfo>, ChainError> {
        self.client.runtime_api().provider(at, account.clone()).map_err(failed)
    }

    async fn submit_claim(
        &self,
        at: H256,
        job: JobId,
        worker: WorkerId,
        signature: WorkerSignature,
    ) -> Result<(), ClaimError> {
        let transaction = claim_transaction(job, worker, signature)?;
        // The pool learns of a block a little later than this task. Asked too early, it would refuse a claim of a job that
        // was submitted in that block.
        self.pool.ready_at_with_timeout(at, POOL_PATIENCE).await;
        let Err(error) = self.pool.submit_one(at, TransactionSource::Local, transaction).await else {
            return Ok(());
        };
        match error.into_pool_error() {
            // This claim, or an earlier one with another signature, is where it should be.
            Ok(PoolError::AlreadyImported(_) | PoolError::TooLowPriority { .. }) => Ok(()),
            Ok(PoolError::InvalidTransaction(InvalidTransaction::Custom(code))) => {
                Err(ClaimError::Refused(match pallet_job_escrow::Refusal::from_code(code) {
                    Some(refusal) => refusal.to_string(),
                    None => format!("code {code}"),
                }))
            },
            Ok(PoolError::InvalidTransaction(reason)) => Err(ClaimError::Refused(format!("{reason:?}"))),
            Ok(error) => Err(ClaimError::Pool(error.to_string())),
            Err(error) => Err(ClaimError::Pool(error.to_string())),
        }
    }
}
