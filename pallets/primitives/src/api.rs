//! Runtime APIs. The node's JSON-RPC is a thin layer over these, so that a runtime upgrade carries its own reads.

use alloc::vec::Vec;

use crate::{
    crypto::WorkerId,
    info::{JobFilter, JobInfo, ModelInfo, NetworkStats, ProviderInfo, Quote, QuoteError, RewardInfo},
    AccountId, Balance, JobId, JobParams, ModelId,
};

sp_api::decl_runtime_apis! {
    /// Reads of the compute market.
    pub trait DepinApi {
        /// A job that the state still holds.
        fn job(id: JobId) -> Option<JobInfo>;
        /// At most `limit` jobs with an id from `from` on, in ascending order of id.
        fn jobs(filter: JobFilter, from: JobId, limit: u32) -> Vec<JobInfo>;
        /// The id that the next submitted job will have.
        fn next_job_id() -> JobId;
        /// The most a job would cost, at the named provider's price or at the given price.
        fn quote(model: ModelId, prompt_tokens: u32, params: JobParams, provider: Option<AccountId>) -> Result<Quote, QuoteError>;
        /// A registered provider.
        fn provider(account: AccountId) -> Option<ProviderInfo>;
        /// At most `limit` providers after `after`, in the order of storage.
        fn providers(after: Option<AccountId>, limit: u32) -> Vec<ProviderInfo>;
        /// The provider that a worker key belongs to.
        fn provider_of(worker: WorkerId) -> Option<AccountId>;
        /// A registered model.
        fn model(id: ModelId) -> Option<ModelInfo>;
        /// At most `limit` models after `after`, in the order of storage.
        fn models(after: Option<ModelId>, limit: u32) -> Vec<ModelInfo>;
        /// Price per compute unit that a provider posted for a model.
        fn price(provider: AccountId, model: ModelId) -> Option<Balance>;
        /// Emission account of a provider.
        fn reward(provider: AccountId) -> RewardInfo;
        /// Totals of the network.
        fn network_stats() -> NetworkStats;
    }
}
