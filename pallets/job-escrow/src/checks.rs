//! What a claim or a result must satisfy.
//!
//! What depends on state alone is checked by authorisation, in the pool and at inclusion, and again by the call, which needs what the checks
//! find. Signature and hash are authorisation's alone: they cost most, nothing can come between it and its call, and no other way
//! leads to an authorised origin but root.

use frame_support::ensure;
use frame_system::pallet_prelude::BlockNumberFor;
use lantern_primitives::{
    content::MAX_INLINE_BYTES,
    crypto::{claim_payload, result_payload, WorkerId, WorkerSignature},
    fee_for,
    job::{JobState, ResultCommitment},
    traits::{ModelCatalog, ProviderLedger},
    Balance, ComputeUnits, JobId, H256,
};
use sp_runtime::{traits::Zero, RuntimeAppPublic};

use crate::{pallet::*, refusal::Refusal, types::*};

/// A claim that may go ahead.
pub(crate) struct Claim<T: Config> {
    pub job: JobOf<T>,
    pub provider: T::AccountId,
    pub price: Balance,
    pub bond: Balance,
}

/// A result that may be committed.
pub(crate) struct Completion<T: Config> {
    pub job: JobOf<T>,
    pub provider: T::AccountId,
    pub bond: Balance,
    pub claimed_at: BlockNumberFor<T>,
    pub fee: Balance,
    pub units: ComputeUnits,
}

impl<T: Config> Pallet<T> {
    /// The hash that binds signatures to this chain.
    pub(crate) fn genesis_hash() -> H256 {
        frame_system::Pallet::<T>::block_hash(BlockNumberFor::<T>::zero())
    }

    /// Checks a claim, but for its signature.
    pub(crate) fn check_claim(id: JobId, worker: &WorkerId) -> Result<Claim<T>, Refusal> {
        let job = Jobs::<T>::get(id).ok_or(Refusal::UnknownJob)?;
        let JobState::Open { deadline } = job.state else {
            return Err(Refusal::JobNotOpen);
        };
        let now = frame_system::Pallet::<T>::block_number();
        ensure!(!Self::is_late(deadline, now), Refusal::DeadlinePassed);
        let provider = T::Providers::provider_of(worker).ok_or(Refusal::UnknownWorkerKey)?;
        let is_meant = job.only.as_ref().is_none_or(|only| *only == provider);
        ensure!(is_meant, Refusal::NotForThisProvider);
        ensure!(T::Providers::is_active(&provider), Refusal::ProviderNotActive);

        let price = T::Models::price(&provider, &job.model).ok_or(Refusal::NoPrice)?;
        let model = T::Models::model(&job.model).ok_or(Refusal::UnknownModel)?;
        let worst_fee = fee_for(worst_case_units(&model.spec, job.prompt_tokens, &job.params), price);
        ensure!(worst_fee <= job.max_fee, Refusal::FeeAboveMax);
        let bond = bond_for(worst_fee, job.terms.bond_percent);
        ensure!(
            T::Providers::free_stake(&provider) >= bond,
            Refusal::InsufficientFreeStake
        );
        Ok(Claim {
            job,
            provider,
            price,
            bond,
        })
    }

    /// Checks that the worker key signed a claim of `job`.
    pub(crate) fn check_claim_signature(
        id: JobId,
        job: &JobOf<T>,
        worker: &WorkerId,
        signature: &WorkerSignature,
    ) -> Result<(), Refusal> {
        let payload = claim_payload(Self::genesis_hash(), id, job.work());
        ensure!(worker.verify(&payload, signature), Refusal::BadSignature);
        Ok(())
    }

    /// Checks a result, but for its hash and its signature.
    pub(crate) fn check_result(
        id: JobId,
        worker: &WorkerId,
        commitment: &ResultCommitment,
        output: &[u8],
    ) -> Result<Completion<T>, Refusal> {
        ensure!(output.len() <= MAX_INLINE_BYTES as usize, Refusal::OutputTooLarge);
        let job = Jobs::<T>::get(id).ok_or(Refusal::UnknownJob)?;
        let provider = T::Providers::provider_of(worker).ok_or(Refusal::UnknownWorkerKey)?;
        let (price, bond, claimed_at) = match &job.state {
            JobState::Claimed {
                provider: claimer,
                price,
                bond,
                claimed_at,
                deadline,
            } => {
                ensure!(*claimer == provider, Refusal::NotAssigned);
                let now = frame_system::Pallet::<T>::block_number();
                ensure!(!Self::is_late(*deadline, now), Refusal::DeadlinePassed);
                (*price, *bond, *claimed_at)
            },
            JobState::Committed { .. } | JobState::Settled { .. } => return Err(Refusal::AlreadyCommitted),
            JobState::Expired { provider: Some(_), .. } => return Err(Refusal::DeadlinePassed),
            JobState::Open { .. } | JobState::Cancelled { .. } | JobState::Expired { .. } => {
                return Err(Refusal::JobNotClaimed)
            },
        };

        let model = T::Models::model(&job.model).ok_or(Refusal::UnknownModel)?;
        let usage = commitment.usage;
        let is_plausible = usage.prompt_tokens == job.prompt_tokens
            && is_plausible_output(&model.spec, &job.params, usage.output_tokens, output);
        ensure!(is_plausible, Refusal::ImpossibleUsage);
        let units = model.spec.compute_units(usage.prompt_tokens, usage.output_tokens);
        let fee = fee_for(units, price);
        ensure!(fee <= job.max_fee, Refusal::FeeAboveMax);
        Ok(Completion {
            job,
            provider,
            bond,
            claimed_at,
            fee,
            units,
        })
    }

    /// Checks that the output is the committed one, and that the worker key signed the commitment for `job`.
    pub(crate) fn check_result_signature(
        id: JobId,
        job: &JobOf<T>,
        worker: &WorkerId,
        commitment: &ResultCommitment,
        output: &[u8],
        signature: &WorkerSignature,
    ) -> Result<(), Refusal> {
        ensure!(commitment.output.matches(output), Refusal::OutputMismatch);
        let payload = result_payload(Self::genesis_hash(), id, job.work(), commitment);
        ensure!(worker.verify(&payload, signature), Refusal::BadSignature);
        Ok(())
    }
}
