//! Feeless transactions: validity in the pool and at inclusion.

use alloc::{vec, vec::Vec};
use codec::Encode;
use frame_support::pallet_prelude::{TransactionSource, TransactionValidityWithRefund, ValidTransaction, Weight};
use lantern_primitives::{
    crypto::{WorkerId, WorkerSignature},
    job::ResultCommitment,
    JobId,
};
use sp_runtime::transaction_validity::TransactionPriority;

use crate::pallet::*;

/// Blocks for which a feeless transaction stays in the pool.
pub const AUTHORIZED_LONGEVITY: u64 = 64;
/// Priority of a claim: above ordinary transactions, which can wait.
pub const CLAIM_PRIORITY: TransactionPriority = 1 << 40;
/// Priority of a result: above claims, because a provider whose result waits too long loses stake. Neither can be used to
/// crowd others out for free: a claim locks stake and a job has one result.
pub const RESULT_PRIORITY: TransactionPriority = 1 << 48;

impl<T: Config> Pallet<T> {
    /// Authorises `claim_job`.
    pub(crate) fn authorize_claim(
        _source: TransactionSource,
        job: &JobId,
        worker: &WorkerId,
        signature: &WorkerSignature,
    ) -> TransactionValidityWithRefund {
        let claim = Self::check_claim(*job, worker)?;
        Self::check_claim_signature(*job, &claim.job, worker, signature)?;
        Ok((
            validity(CLAIM_PRIORITY, (b"claim", job, claim.provider).encode()),
            Weight::zero(),
        ))
    }

    /// Authorises `submit_result`.
    // The macro hands over references to the call's fields as they are.
    #[allow(clippy::ptr_arg)]
    pub(crate) fn authorize_result(
        _source: TransactionSource,
        job: &JobId,
        worker: &WorkerId,
        commitment: &ResultCommitment,
        output: &Vec<u8>,
        signature: &WorkerSignature,
    ) -> TransactionValidityWithRefund {
        let completion = Self::check_result(*job, worker, commitment, output)?;
        Self::check_result_signature(*job, &completion.job, worker, commitment, output, signature)?;
        Ok((
            validity(RESULT_PRIORITY, (b"result", job, completion.provider).encode()),
            Weight::zero(),
        ))
    }
}

/// One tag per job and provider, so that the pool holds at most one such transaction.
fn validity(priority: TransactionPriority, tag: Vec<u8>) -> ValidTransaction {
    ValidTransaction {
        priority,
        requires: vec![],
        provides: vec![tag],
        longevity: AUTHORIZED_LONGEVITY,
        propagate: true,
    }
}
