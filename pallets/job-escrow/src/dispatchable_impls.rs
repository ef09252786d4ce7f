//! Logic of the calls.

use frame_support::{
    ensure,
    pallet_prelude::{DispatchError, DispatchResult},
    traits::{fungible::MutateHold, Get},
};
use frame_system::pallet_prelude::BlockNumberFor;
use lantern_exact::spec::{decode_tokens, ModelSpec};
use lantern_primitives::{
    content::{content_key, ContentRef, MAX_INLINE_BYTES},
    crypto::WorkerId,
    fee_for,
    job::{FrozenTerms, Job, JobState, ResultCommitment},
    traits::{ModelCatalog, ProviderLedger, Verification},
    Balance, JobId, ModelId,
};
use sp_runtime::{traits::Saturating, Permill};

use crate::{book::Book, checks::Completion, pallet::*, types::*};

impl<T: Config> Pallet<T> {
    /// Submits a job.
    pub(crate) fn do_submit_job(order: Order<T::AccountId>) -> DispatchResult {
        ensure!(
            order.input.len() <= MAX_INLINE_BYTES as usize,
            Error::<T>::InputTooLarge
        );
        let input = ContentRef::of(&order.input);
        ensure!(input.hash == order.input_hash, Error::<T>::InputHashMismatch);
        let model = T::Models::model(&order.model).ok_or(Error::<T>::UnknownModel)?;
        ensure!(model.active, Error::<T>::InactiveModel);
        let prompt_tokens = Self::check_order(&model.spec, &order)?;
        let price = Self::quoted_price(&order.model, order.only.as_ref())?;
        let quote = fee_for(worst_case_units(&model.spec, prompt_tokens, &order.params), price);
        ensure!(order.max_fee >= quote, Error::<T>::FeeBelowQuote);

        T::Currency::hold(&HoldReason::Escrow.into(), &order.requester, order.max_fee)?;
        let now = frame_system::Pallet::<T>::block_number();
        let deadline = now.saturating_add(T::OpenBlocks::get());
        let job = Job {
            requester: order.requester,
            model: order.model,
            input,
            prompt_tokens,
            params: order.params,
            max_fee: order.max_fee,
            only: order.only,
            submitted_at: now,
            terms: Self::freeze_terms(model.royalty),
            state: JobState::Open { deadline },
        };
        let id = Book::<T>::open(&job)?;
        sp_io::offchain_index::set(&content_key(&input.hash), &order.input);
        Self::deposit_event(Event::JobSubmitted {
            job: id,
            requester: job.requester,
            model: job.model,
            input,
            max_fee: job.max_fee,
            only: job.only,
            deadline,
        });
        Ok(())
    }

    /// Checks input and parameters against the model and returns the number of prompt tokens.
    fn check_order(spec: &ModelSpec, order: &Order<T::AccountId>) -> Result<u32, Error<T>> {
        let tokens = decode_tokens(&order.input, spec.vocab)?;
        let prompt_tokens = u32::try_from(tokens.len()).map_err(|_| Error::<T>::InputTooLarge)?;
        order.params.validate(spec, prompt_tokens)?;
        let output_bytes = spec.output_len(order.params.max_output_tokens());
        ensure!(output_bytes <= MAX_INLINE_BYTES, Error::<T>::OutputTooLarge);
        Ok(prompt_tokens)
    }

    /// The price that a quote is made at: the named provider's, or the lowest.
    fn quoted_price(model: &ModelId, provider: Option<&T::AccountId>) -> Result<Balance, Error<T>> {
        let Some(provider) = provider else {
            return Ok(T::MinPrice::get());
        };
        ensure!(T::Providers::is_active(provider), Error::<T>::ProviderNotActive);
        T::Models::price(provider, model).ok_or(Error::<T>::NoPrice)
    }

    /// Governed parameters as they stand now.
    fn freeze_terms(royalty: Permill) -> FrozenTerms<BlockNumberFor<T>> {
        FrozenTerms {
            execution_blocks: T::ExecutionBlocks::get(),
            challenge_window: T::Verification::window(),
            bond_percent: T::BondPercent::get(),
            miss_penalty: T::MissPenalty::get(),
            royalty,
            protocol_fee: T::ProtocolFee::get(),
            burn_share: T::BurnShare::get(),
            audit_share: T::AuditShare::get(),
        }
    }

    /// Cancels an open job.
    pub(crate) fn do_cancel_job(requester: &T::AccountId, id: JobId) -> DispatchResult {
        let job = Jobs::<T>::get(id).ok_or(Error::<T>::UnknownJob)?;
        ensure!(job.requester == *requester, Error::<T>::NotRequester);
        ensure!(matches!(job.state, JobState::Open { .. }), Error::<T>::JobNotOpen);
        let refund = Self::refund(requester, job.max_fee);
        let at = frame_system::Pallet::<T>::block_number();
        Book::<T>::advance(id, job, JobState::Cancelled { at });
        Self::deposit_event(Event::JobCancelled {
            job: id,
            requester: requester.clone(),
            refund,
        });
        Ok(())
    }

    /// Claims an open job for a worker key whose signature was verified.
    pub(crate) fn do_claim_job(id: JobId, worker: &WorkerId) -> DispatchResult {
        let claim = Self::check_claim(id, worker).map_err(Error::<T>::from)?;
        T::Providers::lock(&claim.provider, claim.bond)?;
        let now = frame_system::Pallet::<T>::block_number();
        let deadline = now.saturating_add(claim.job.terms.execution_blocks);
        let state = JobState::Claimed {
            provider: claim.provider.clone(),
            price: claim.price,
            bond: claim.bond,
            claimed_at: now,
            deadline,
        };
        Book::<T>::advance(id, claim.job, state);
        Self::deposit_event(Event::JobClaimed {
            job: id,
            provider: claim.provider,
            price: claim.price,
            bond: claim.bond,
            deadline,
        });
        Ok(())
    }

    /// Commits a result whose hash and signature were verified.
    pub(crate) fn do_submit_result(
        id: JobId,
        worker: &WorkerId,
        commitment: &ResultCommitment,
        output: &[u8],
    ) -> DispatchResult {
        let completion = Self::check_result(id, worker, commitment, output).map_err(Error::<T>::from)?;
        let Completion {
            job,
            provider,
            bond,
            claimed_at,
            fee,
            units,
        } = completion;
        let now = frame_system::Pallet::<T>::block_number();
        let window_ends = now.saturating_add(job.terms.challenge_window);
        let state = JobState::Committed {
            provider: provider.clone(),
            fee,
            bond,
            claimed_at,
            committed_at: now,
            window_ends,
            commitment: *commitment,
            units,
        };
        Book::<T>::advance(id, job, state);
        T::Verification::on_committed(id, &provider, commitment, window_ends);
        sp_io::offchain_index::set(&content_key(&commitment.output.hash), output);
        Self::deposit_event(Event::ResultCommitted {
            job: id,
            provider,
            commitment: *commitment,
            fee,
            units,
            window_ends,
        });
        Ok(())
    }

    /// Settles or expires an overdue job.
    pub(crate) fn do_poke(id: JobId) -> Result<(), DispatchError> {
        let job = Jobs::<T>::get(id).ok_or(Error::<T>::UnknownJob)?;
        let last = last_block::<T>(&job.state).ok_or(Error::<T>::JobFinished)?;
        let now = frame_system::Pallet::<T>::block_number();
        ensure!(Self::is_late(last, now), Error::<T>::NotOverdue);
        match &job.state {
            JobState::Committed { .. } => {
                ensure!(T::Verification::may_settle(id), Error::<T>::UnderVerification);
                Self::settle(id, job);
            },
            JobState::Claimed { .. } => Self::expire_claimed(id, job),
            _ => Self::expire_open(id, job),
        }
        Ok(())
    }
}
