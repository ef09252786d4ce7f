//! Glue between the pallets. Each trait is implemented by one pallet and used by others through the runtime.

use frame_support::dispatch::DispatchResult;
use sp_runtime::{DispatchError, Permill};

use crate::{crypto::WorkerId, job::ResultCommitment, ComputeUnits, JobId, ModelId, ModelSpec};

/// Providers and their stake; implemented by provider-staking.
///
/// Stake is *bonded*; the part bound by work in flight is *locked*, the part on its way out is *unbonding*; what remains
/// is *free*.
pub trait ProviderLedger<AccountId, Balance> {
    /// Slashed funds: a `fungible` credit that must be resolved or dropped (burned) by the caller.
    type Credit;

    /// The provider that a worker key belongs to; `None` when it is unknown or revoked.
    fn provider_of(worker: &WorkerId) -> Option<AccountId>;
    /// Whether `provider` is registered and may claim work.
    fn is_active(provider: &AccountId) -> bool;
    /// Bonded stake.
    fn bonded(provider: &AccountId) -> Balance;
    /// Stake that may be locked.
    fn free_stake(provider: &AccountId) -> Balance;
    /// Locks `amount` of free stake. Fails, without change, when less is free or the provider is not active.
    fn lock(provider: &AccountId, amount: Balance) -> DispatchResult;
    /// Returns `amount` of locked stake to the free part.
    fn unlock(provider: &AccountId, amount: Balance) -> DispatchResult;
    /// Takes `amount` out of the *locked* stake and hands it to the caller. Fails, without change, when less is locked.
    fn slash_locked(provider: &AccountId, amount: Balance) -> Result<Self::Credit, DispatchError>;

    /// Makes `provider` an active provider with `worker` and at least `stake` free.
    #[cfg(feature = "runtime-benchmarks")]
    fn benchmark_provider(provider: &AccountId, worker: &WorkerId, stake: Balance);
}

/// What a job needs to know of a model.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ModelTerms<AccountId> {
    /// Shape and arithmetic.
    pub spec: ModelSpec,
    /// Receives the royalty.
    pub owner: AccountId,
    /// Part of the fee for the owner.
    pub royalty: Permill,
    /// Whether new jobs may name it.
    pub active: bool,
}

/// Models and posted prices; implemented by model-registry.
pub trait ModelCatalog<AccountId, Balance> {
    /// A registered model.
    fn model(id: &ModelId) -> Option<ModelTerms<AccountId>>;
    /// Price per compute unit that `provider` posted for `model`.
    fn price(provider: &AccountId, model: &ModelId) -> Option<Balance>;

    /// Registers a model of the largest bounded specification for benchmarks and returns its id.
    #[cfg(feature = "runtime-benchmarks")]
    fn benchmark_model(owner: &AccountId) -> ModelId;
    /// Posts a price.
    #[cfg(feature = "runtime-benchmarks")]
    fn benchmark_price(provider: &AccountId, model: &ModelId, price: Balance);
}

/// Whether commitments stand; implemented by result-verification.
pub trait Verification<AccountId, BlockNumber> {
    /// Blocks between commitment and settlement for a job submitted now.
    fn window() -> BlockNumber;
    /// A result was committed.
    fn on_committed(job: JobId, provider: &AccountId, commitment: &ResultCommitment, window_ends: BlockNumber);
    /// Whether `job` may settle at the end of its window; `false` while a challenge is open.
    fn may_settle(job: JobId) -> bool;
    /// `job` settled; forget it.
    fn on_settled(job: JobId);
}

/// Emission for verified work; implemented by reward-emission.
pub trait RewardSink<AccountId, Balance> {
    /// `provider` did `units` of verified work, whose protocol fee burned `burned`.
    fn note_verified(provider: &AccountId, units: ComputeUnits, burned: Balance);
}
