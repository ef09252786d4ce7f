//! What the runtime APIs answer: the pallets' reads put together into the records of `lantern_primitives::info`.

use alloc::vec::Vec;
use frame_support::traits::fungible::Inspect;
use lantern_primitives::{
    crypto::WorkerId,
    info::{JobFilter, JobInfo, ModelInfo, NetworkStats, ProviderInfo, Quote, QuoteError, RewardInfo},
    traits::{ModelCatalog, ProviderLedger},
    JobId, JobParams, ModelId,
};
use pallet_model_registry::ModelOf;
use pallet_provider_staking::ProviderView;

use crate::{AccountId, Balance, Balances, JobEscrow, ModelRegistry, ProviderStaking, RewardEmission, Runtime};

/// A job that the state still holds.
pub fn job(id: JobId) -> Option<JobInfo> {
    JobEscrow::job(id).map(|job| JobInfo { id, job })
}

/// Jobs from `from` on that pass the filter.
pub fn jobs(filter: JobFilter, from: JobId, limit: u32) -> Vec<JobInfo> {
    JobEscrow::jobs(filter.into(), from, limit)
        .into_iter()
        .map(|(id, job)| JobInfo { id, job })
        .collect()
}

/// The id that the next job will have.
pub fn next_job_id() -> JobId {
    JobEscrow::next_job_id()
}

/// The most that a job would cost.
pub fn quote(
    model: ModelId,
    prompt_tokens: u32,
    params: JobParams,
    provider: Option<AccountId>,
) -> Result<Quote, QuoteError> {
    JobEscrow::quote(model, prompt_tokens, params, provider)
}

fn provider_info(account: AccountId, view: ProviderView<Balance>) -> ProviderInfo {
    ProviderInfo {
        prices: ModelRegistry::prices_of(&account),
        claimable_reward: RewardEmission::reward_info(&account).claimable,
        account,
        metadata: view.metadata,
        bonded: view.bonded,
        locked: view.locked,
        unbonding: view.unbonding,
        active: view.active,
        workers: view.workers,
    }
}

/// A registered provider.
pub fn provider(account: AccountId) -> Option<ProviderInfo> {
    ProviderStaking::provider(&account).map(|view| provider_info(account, view))
}

/// Providers after `after`, in the order of storage.
pub fn providers(after: Option<AccountId>, limit: u32) -> Vec<ProviderInfo> {
    ProviderStaking::providers_after(after, limit)
        .into_iter()
        .map(|(account, view)| provider_info(account, view))
        .collect()
}

/// The provider that a worker key belongs to.
pub fn provider_of(worker: WorkerId) -> Option<AccountId> {
    <ProviderStaking as ProviderLedger<AccountId, Balance>>::provider_of(&worker)
}

fn model_info(id: ModelId, model: ModelOf<Runtime>) -> ModelInfo {
    ModelInfo {
        id,
        name: model.name.into_inner(),
        spec: model.spec,
        weights_root: model.weights_root,
        owner: model.owner,
        royalty: model.royalty,
        parents: model.parents.into_inner(),
        active: model.active,
    }
}

/// A registered model.
pub fn model(id: ModelId) -> Option<ModelInfo> {
    ModelRegistry::model_record(id).map(|model| model_info(id, model))
}

/// Models after `after`, in the order of storage.
pub fn models(after: Option<ModelId>, limit: u32) -> Vec<ModelInfo> {
    ModelRegistry::models_after(after, limit)
        .into_iter()
        .map(|(id, model)| model_info(id, model))
        .collect()
}

/// Price that a provider posted for a model.
pub fn price(provider: AccountId, model: ModelId) -> Option<Balance> {
    <ModelRegistry as ModelCatalog<AccountId, Balance>>::price(&provider, &model)
}

/// Emission account of a provider.
pub fn reward(provider: AccountId) -> RewardInfo {
    RewardEmission::reward_info(&provider)
}

/// Totals of the network.
pub fn network_stats() -> NetworkStats {
    let jobs = JobEscrow::stats();
    NetworkStats {
        providers: ProviderStaking::provider_count(),
        models: ModelRegistry::model_count(),
        jobs_submitted: jobs.submitted,
        jobs_open: jobs.totals.open,
        jobs_in_flight: jobs.totals.in_flight,
        jobs_settled: jobs.totals.settled,
        units_settled: jobs.totals.units_settled,
        escrowed: jobs.totals.escrowed,
        bonded: ProviderStaking::total_bonded(),
        issued: pallet_reward_emission::Issued::<Runtime>::get(),
        total_issuance: <Balances as Inspect<AccountId>>::total_issuance(),
    }
}
