//! Views that runtime APIs return: what RPC and the command line show.

use alloc::vec::Vec;
use codec::{Decode, Encode};
use scale_info::TypeInfo;
use sp_runtime::Permill;

use crate::{crypto::WorkerId, job::Job, AccountId, Balance, BlockNumber, ComputeUnits, JobId, ModelId, ModelSpec};

/// A job with its id.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct JobInfo {
    /// Its id.
    pub id: JobId,
    /// The record.
    pub job: Job<AccountId, Balance, BlockNumber>,
}

/// Which jobs to list.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub enum JobFilter {
    /// Every job that the state still holds.
    All,
    /// Jobs waiting for a claim.
    Open,
    /// Jobs that this provider has claimed and not yet finished.
    AssignedTo(AccountId),
    /// Jobs of this requester.
    RequestedBy(AccountId),
}

/// A registered provider.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct ProviderInfo {
    /// Its account.
    pub account: AccountId,
    /// Free-form description given at registration, UTF-8 by convention.
    pub metadata: Vec<u8>,
    /// Bonded stake.
    pub bonded: Balance,
    /// Part of it locked by work in flight.
    pub locked: Balance,
    /// Part of it that is unbonding.
    pub unbonding: Balance,
    /// Whether it may claim work.
    pub active: bool,
    /// Its worker keys.
    pub workers: Vec<WorkerId>,
    /// Posted prices per compute unit.
    pub prices: Vec<(ModelId, Balance)>,
    /// Emission that `claim` would pay now.
    pub claimable_reward: Balance,
}

/// A registered model.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct ModelInfo {
    /// Its id.
    pub id: ModelId,
    /// Name given at registration, UTF-8 by convention.
    pub name: Vec<u8>,
    /// Shape and arithmetic.
    pub spec: ModelSpec,
    /// Merkle root over its quantised weights.
    pub weights_root: [u8; 32],
    /// Owner.
    pub owner: AccountId,
    /// Part of every fee for the owner.
    pub royalty: Permill,
    /// Models it was derived from.
    pub parents: Vec<ModelId>,
    /// Whether new jobs may name it.
    pub active: bool,
}

/// What a job would cost at most.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct Quote {
    /// Compute units in the worst case, in millionths.
    pub max_units: ComputeUnits,
    /// Price per whole compute unit.
    pub price: Balance,
    /// Fee in the worst case.
    pub max_fee: Balance,
    /// Bond that a claim locks.
    pub bond: Balance,
}

/// Why there is no quote.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub enum QuoteError {
    /// No such model.
    UnknownModel,
    /// The model takes no new jobs.
    InactiveModel,
    /// The provider posted no price for the model.
    NoPrice,
    /// The job's parameters do not fit the model.
    InvalidParams,
}

/// Totals of the network.
#[derive(Clone, PartialEq, Eq, Debug, Default, Encode, Decode, TypeInfo)]
pub struct NetworkStats {
    /// Registered providers.
    pub providers: u32,
    /// Registered models.
    pub models: u32,
    /// Jobs ever submitted.
    pub jobs_submitted: u64,
    /// Jobs waiting for a claim.
    pub jobs_open: u32,
    /// Jobs claimed or committed.
    pub jobs_in_flight: u32,
    /// Jobs ever settled.
    pub jobs_settled: u64,
    /// Compute units ever settled, in millionths.
    pub units_settled: u128,
    /// Fees held in escrow.
    pub escrowed: Balance,
    /// Stake bonded.
    pub bonded: Balance,
    /// Emission issued so far.
    pub issued: Balance,
    /// Total issuance of LUX.
    pub total_issuance: Balance,
}

/// Emission account of a provider.
#[derive(Clone, PartialEq, Eq, Debug, Default, Encode, Decode, TypeInfo)]
pub struct RewardInfo {
    /// What `claim` would pay now.
    pub claimable: Balance,
    /// Micro compute units counted in the running round.
    pub pending_units: u64,
    /// Paid so far.
    pub claimed: Balance,
}
