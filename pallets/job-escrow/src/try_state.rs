//! Invariants of the pallet's storage.

use alloc::collections::{BTreeMap, BTreeSet};

use frame_support::{ensure, traits::fungible::InspectHold};
use lantern_primitives::{job::JobState, Balance, JobId};
use sp_runtime::TryRuntimeError;

use crate::{migrations::v2::Indexing, pallet::*, types::*};

impl<T: Config> Pallet<T> {
    /// Checks escrow, indices, agenda and totals against the jobs.
    pub fn do_try_state() -> Result<(), TryRuntimeError> {
        let mut totals = Totals::default();
        let mut escrow = BTreeMap::<T::AccountId, Balance>::new();
        let (mut jobs, mut live) = (0usize, BTreeSet::<JobId>::new());
        for (id, job) in Jobs::<T>::iter() {
            ensure!(id < NextJobId::<T>::get(), "a job has an id that was never given");
            ensure!(id >= OldestJob::<T>::get(), "a job is older than the oldest");
            jobs = jobs.saturating_add(1);
            Self::check_job(id, &job)?;
            match job.state {
                JobState::Open { .. } => totals.open = totals.open.saturating_add(1),
                JobState::Claimed { .. } | JobState::Committed { .. } => {
                    totals.in_flight = totals.in_flight.saturating_add(1)
                },
                _ => continue,
            }
            live.insert(id);
            let sum = escrow.entry(job.requester).or_default();
            *sum = sum.checked_add(job.max_fee).ok_or("escrow overflows")?;
            totals.escrowed = totals.escrowed.checked_add(job.max_fee).ok_or("escrow overflows")?;
        }
        Self::check_totals(&totals)?;
        Self::check_escrow(&escrow)?;
        Self::check_requested(jobs)?;
        Self::check_agenda(&live)
    }

    /// A job is in the index of its state and under its due block, a split sums up.
    fn check_job(id: JobId, job: &JobOf<T>) -> Result<(), TryRuntimeError> {
        let is_open = matches!(job.state, JobState::Open { .. });
        ensure!(
            OpenJobs::<T>::contains_key(id) == is_open,
            "the index of open jobs is wrong"
        );
        if let JobState::Claimed { provider, .. } | JobState::Committed { provider, .. } = &job.state {
            ensure!(
                Assigned::<T>::contains_key(provider, id),
                "a job in flight is not in its provider's index"
            );
        }
        if let Some(block) = due::<T>(&job.state) {
            ensure!(
                Agenda::<T>::contains_key(block, id),
                "a live job is not in the agenda when it is due"
            );
        }
        match &job.state {
            JobState::Committed { fee, .. } => ensure!(*fee <= job.max_fee, "a fee exceeds its escrow"),
            JobState::Settled { split, refund, .. } => {
                let parts = [
                    split.provider,
                    split.royalty,
                    split.audit_pool,
                    split.burned,
                    split.treasury,
                ];
                let sum = parts.iter().try_fold(0u128, |sum, part| sum.checked_add(*part));
                ensure!(sum == Some(split.fee), "the parts of a fee do not sum to it");
                ensure!(
                    split.fee.checked_add(*refund) == Some(job.max_fee),
                    "fee and refund do not sum to the escrow"
                );
            },
            _ => {},
        }
        Ok(())
    }

    fn check_totals(counted: &Totals) -> Result<(), TryRuntimeError> {
        let totals = JobTotals::<T>::get();
        ensure!(totals.open == counted.open, "the number of open jobs is wrong");
        ensure!(
            totals.in_flight == counted.in_flight,
            "the number of jobs in flight is wrong"
        );
        ensure!(totals.escrowed == counted.escrowed, "the sum of escrow is wrong");
        // Together with the membership that `check_job` checks, equal numbers mean equal sets.
        ensure!(
            OpenJobs::<T>::iter_keys().count() == counted.open as usize,
            "the index of open jobs has too many"
        );
        ensure!(
            Assigned::<T>::iter_keys().count() == counted.in_flight as usize,
            "the provider index has too many"
        );
        Ok(())
    }

    /// The currency holds exactly the escrow of every account that ever had a job in state, and of no other.
    fn check_escrow(escrow: &BTreeMap<T::AccountId, Balance>) -> Result<(), TryRuntimeError> {
        let reason: <T::Currency as InspectHold<T::AccountId>>::Reason = HoldReason::Escrow.into();
        for account in frame_system::Account::<T>::iter_keys() {
            let held = T::Currency::balance_on_hold(&reason, &account);
            let expected = escrow.get(&account).copied().unwrap_or_default();
            ensure!(held == expected, "the escrow on hold is not the sum of the live jobs");
        }
        ensure!(
            escrow.keys().all(frame_system::Account::<T>::contains_key),
            "a requester with escrow has no account"
        );
        Ok(())
    }

    /// The index by requester has every job, unless a migration is still filling it, and nothing else.
    fn check_requested(jobs: usize) -> Result<(), TryRuntimeError> {
        let mut count = 0usize;
        for (requester, id) in Requested::<T>::iter_keys() {
            let job = Jobs::<T>::get(JobId::from_be_bytes(id));
            let job = job.ok_or("the requester index has a job that does not exist")?;
            ensure!(job.requester == requester, "a job is in another requester's index");
            count = count.saturating_add(1);
        }
        ensure!(
            count == jobs || Indexing::<T>::get(),
            "a job is not in its requester's index"
        );
        Ok(())
    }

    /// No live job has more entries than the one that [`Self::check_job`] finds, and none is under a block that the sweep has passed.
    /// Version 1 left entries of finished jobs.
    fn check_agenda(live: &BTreeSet<JobId>) -> Result<(), TryRuntimeError> {
        let swept = SweptTo::<T>::get();
        let mut seen = BTreeSet::new();
        for (block, id) in Agenda::<T>::iter_keys() {
            ensure!(block > swept, "the sweep forgot a job");
            ensure!(id < NextJobId::<T>::get(), "the agenda has a job that never was");
            ensure!(!live.contains(&id) || seen.insert(id), "a job is in the agenda twice");
        }
        Ok(())
    }
}
