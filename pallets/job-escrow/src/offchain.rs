//! The courier: takes finished results out of the node's mailbox, signs them with the worker key in the node's keystore and
//! submits them.
//!
//! It may run many times for one result, concurrently and after any crash: the pool holds one result per job and provider,
//! the chain takes one per job. The native task owns the mailbox and empties it; the courier writes only [`SENT_KEY`], to
//! spare the pool a fresh signature in every block.

use alloc::vec::Vec;
use codec::{Decode, DecodeAll, Encode};
use frame_system::{
    offchain::{CreateAuthorizedTransaction, SubmitTransaction},
    pallet_prelude::BlockNumberFor,
};
use lantern_primitives::{
    crypto::result_payload,
    job::JobState,
    mailbox::{entry_key, Entry, INDEX_KEY},
    traits::ProviderLedger,
    JobId,
};
use sp_core::offchain::StorageKind;
use sp_runtime::{
    traits::{One, Saturating},
    RuntimeAppPublic,
};

use crate::{pallet::*, LOG_TARGET};

/// Key in the persistent offchain database of what the courier sent and when: a SCALE `Vec<(JobId, BlockNumber)>`.
pub(crate) const SENT_KEY: &[u8] = b"lantern/courier/sent";
/// Most results that one run submits.
pub(crate) const MAX_SUBMISSIONS: usize = 16;
/// Most entries of the index that one run looks at.
const MAX_ENTRIES: usize = 256;
/// Blocks after which a result that is still not on the chain is sent again: the node that lost its pool in a crash waits
/// no longer than this.
pub(crate) const RESEND_BLOCKS: u32 = 3;

/// Why an entry of the mailbox is not sent now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Skip {
    /// The payload is missing; the native task is about to remove the entry, or the index is garbage.
    NoEntry,
    /// The payload does not decode, or is another job's.
    Garbage,
    /// The job is not claimed by the provider of the entry's worker key: settled already, expired, or on another fork.
    NotAssigned,
    /// The id stands for another job on this fork than the one that was executed.
    OtherWork,
    /// The job's deadline has passed.
    Late,
    /// The output does not have the committed hash and length.
    OutputMismatch,
    /// The worker key is not in the keystore.
    NoKey,
    /// The pool refused; mostly because it holds the result already.
    Refused,
}

impl<T: Config> Pallet<T> {
    /// One run of the courier.
    pub(crate) fn run_courier(now: BlockNumberFor<T>) {
        let Some(index) = read::<Vec<JobId>>(INDEX_KEY) else {
            return;
        };
        let waiting = index.get(..index.len().min(MAX_ENTRIES)).unwrap_or_default();
        let before = read::<Vec<(JobId, BlockNumberFor<T>)>>(SENT_KEY).unwrap_or_default();
        let mut sent: Vec<_> = before
            .iter()
            .copied()
            .filter(|(job, at)| {
                // A time in the future is another fork's or garbage.
                waiting.contains(job) && *at <= now && now < at.saturating_add(RESEND_BLOCKS.into())
            })
            .collect();
        let mut submissions = 0usize;
        for job in waiting {
            if submissions == MAX_SUBMISSIONS {
                break;
            }
            if sent.iter().any(|(known, _)| known == job) {
                continue;
            }
            match Self::deliver(*job, now) {
                Ok(()) => {
                    submissions = submissions.saturating_add(1);
                    sent.push((*job, now));
                    log::info!(target: LOG_TARGET, "job {job}: result submitted");
                },
                Err(skip) => log::debug!(target: LOG_TARGET, "job {job}: result not submitted: {skip:?}"),
            }
        }
        if sent != before {
            sp_io::offchain::local_storage_set(StorageKind::PERSISTENT, SENT_KEY, &sent.encode());
        }
    }

    /// Signs and submits the result of `job`.
    pub(crate) fn deliver(job: JobId, now: BlockNumberFor<T>) -> Result<(), Skip> {
        let bytes =
            sp_io::offchain::local_storage_get(StorageKind::PERSISTENT, &entry_key(job)).ok_or(Skip::NoEntry)?;
        let entry = Entry::decode_all(&mut &bytes[..]).map_err(|_| Skip::Garbage)?;
        if entry.job != job {
            return Err(Skip::Garbage);
        }
        let on_chain = Jobs::<T>::get(job).ok_or(Skip::NotAssigned)?;
        let JobState::Claimed { provider, deadline, .. } = &on_chain.state else {
            return Err(Skip::NotAssigned);
        };
        if on_chain.work() != entry.work {
            return Err(Skip::OtherWork);
        }
        if T::Providers::provider_of(&entry.worker).as_ref() != Some(provider) {
            return Err(Skip::NotAssigned);
        }
        // The earliest block that can include the result is the next one.
        if Self::is_late(*deadline, now.saturating_add(One::one())) {
            return Err(Skip::Late);
        }
        if !entry.commitment.output.matches(&entry.output) {
            return Err(Skip::OutputMismatch);
        }
        let payload = result_payload(Self::genesis_hash(), job, entry.work, &entry.commitment);
        let signature = entry.worker.sign(&payload).ok_or(Skip::NoKey)?;
        let call = Call::<T>::submit_result {
            job,
            worker: entry.worker,
            commitment: entry.commitment,
            output: entry.output.into_inner(),
            signature,
        };
        let transaction = <T as CreateAuthorizedTransaction<Call<T>>>::create_authorized_transaction(call.into());
        SubmitTransaction::<T, Call<T>>::submit_transaction(transaction).map_err(|()| Skip::Refused)
    }
}

/// Reads and decodes a value of the persistent offchain database. What does not decode counts as missing.
fn read<V: Decode>(key: &[u8]) -> Option<V> {
    let bytes = sp_io::offchain::local_storage_get(StorageKind::PERSISTENT, key)?;
    match V::decode_all(&mut &bytes[..]) {
        Ok(value) => Some(value),
        Err(error) => {
            log::warn!(target: LOG_TARGET, "the offchain database holds garbage: {error}");
            None
        },
    }
}
