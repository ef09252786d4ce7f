//! The book of jobs: the only code that writes jobs, indices, agenda and totals, so that they cannot disagree.

use core::marker::PhantomData;

use frame_support::{defensive, ensure, traits::Get};
use frame_system::pallet_prelude::BlockNumberFor;
use lantern_primitives::{job::JobState, JobId};
use sp_runtime::traits::{One, Saturating};

use crate::{pallet::*, types::*};

/// How far [`OldestJob`] moves at most when a job is removed. A removal leaves at most one gap, so that two steps each time
/// close every gap sooner or later.
const OLDEST_STEPS: usize = 2;

/// The book of jobs.
pub(crate) struct Book<T>(PhantomData<T>);

impl<T: Config> Book<T> {
    /// Enters a new job, which must be open, and returns its id.
    pub fn open(job: &JobOf<T>) -> Result<JobId, Error<T>> {
        let id = NextJobId::<T>::get();
        let next = id.checked_add(1).ok_or(Error::<T>::TooManyJobs)?;
        ensure!(matches!(job.state, JobState::Open { .. }), Error::<T>::JobNotOpen);
        NextJobId::<T>::put(next);
        Requested::<T>::insert(&job.requester, order(id), ());
        Self::enter(id, job);
        JobTotals::<T>::mutate(|totals| {
            totals.open.saturating_accrue(1);
            totals.escrowed.saturating_accrue(job.max_fee);
        });
        Ok(id)
    }

    /// Moves `job` to its next state. A transition that the life cycle does not have is refused, and logged.
    pub fn advance(id: JobId, mut job: JobOf<T>, next: StateOf<T>) {
        if !may_follow::<T>(&job.state, &next) {
            defensive!("a job made a transition that its life cycle does not have");
            return;
        }
        Self::leave(id, &job);
        JobTotals::<T>::mutate(|totals| count::<T>(totals, &job, &next));
        job.state = next;
        Self::enter(id, &job);
    }

    /// Forgets a finished job of `requester` whose agenda entry is under `block`.
    pub fn remove(id: JobId, requester: &T::AccountId, block: BlockNumberFor<T>) {
        Jobs::<T>::remove(id);
        Requested::<T>::remove(requester, order(id));
        Agenda::<T>::remove(block, id);
        let end = NextJobId::<T>::get();
        OldestJob::<T>::mutate(|oldest| {
            for _ in 0..OLDEST_STEPS {
                if *oldest < end && !Jobs::<T>::contains_key(*oldest) {
                    oldest.saturating_inc();
                }
            }
        });
    }

    /// Writes the job, its index and its agenda entry.
    fn enter(id: JobId, job: &JobOf<T>) {
        match &job.state {
            JobState::Open { .. } => OpenJobs::<T>::insert(id, ()),
            JobState::Claimed { provider, .. } | JobState::Committed { provider, .. } => {
                Assigned::<T>::insert(provider, id, ())
            },
            JobState::Settled { .. } | JobState::Cancelled { .. } | JobState::Expired { .. } => {},
        }
        let block = due::<T>(&job.state).unwrap_or_else(|| {
            // At least one block ahead: this block's agenda may be done already.
            let retention = T::Retention::get().max(One::one());
            frame_system::Pallet::<T>::block_number().saturating_add(retention)
        });
        Agenda::<T>::insert(block, id, ());
        Jobs::<T>::insert(id, job);
    }

    /// Takes the job out of its index and the agenda.
    fn leave(id: JobId, job: &JobOf<T>) {
        match &job.state {
            JobState::Open { .. } => OpenJobs::<T>::remove(id),
            JobState::Claimed { provider, .. } | JobState::Committed { provider, .. } => {
                Assigned::<T>::remove(provider, id)
            },
            JobState::Settled { .. } | JobState::Cancelled { .. } | JobState::Expired { .. } => {},
        }
        if let Some(block) = due::<T>(&job.state) {
            Agenda::<T>::remove(block, id);
        }
    }
}

/// The life cycle: whether a job may go from one state to the other. A commitment may follow itself, with a longer window.
fn may_follow<T: Config>(from: &StateOf<T>, to: &StateOf<T>) -> bool {
    use JobState::{Cancelled, Claimed, Committed, Expired, Open, Settled};
    match (from, to) {
        (Open { .. }, Claimed { .. } | Cancelled { .. }) => true,
        (Open { .. }, Expired { provider, .. }) => provider.is_none(),
        (Claimed { provider, .. }, Expired { provider: late, .. }) => late.as_ref() == Some(provider),
        (Claimed { provider, .. }, Committed { provider: same, .. })
        | (Committed { provider, .. }, Committed { provider: same, .. })
        | (Committed { provider, .. }, Settled { provider: same, .. }) => provider == same,
        _ => false,
    }
}

/// Carries a transition over into the totals.
fn count<T: Config>(totals: &mut Totals, job: &JobOf<T>, next: &StateOf<T>) {
    match job.state {
        JobState::Open { .. } => totals.open.saturating_reduce(1),
        _ => totals.in_flight.saturating_reduce(1),
    }
    match next {
        JobState::Claimed { .. } | JobState::Committed { .. } => totals.in_flight.saturating_accrue(1),
        JobState::Settled { units, .. } => {
            totals.settled.saturating_accrue(1);
            totals.units_settled.saturating_accrue(u128::from(*units));
            totals.escrowed.saturating_reduce(job.max_fee);
        },
        _ => totals.escrowed.saturating_reduce(job.max_fee),
    }
}
