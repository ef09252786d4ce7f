//! The book of jobs: the only code that writes jobs, indices, agenda and totals, so that they cannot disagree.

use core::marker::PhantomData;

use frame_support::{defensive, ensure};
use lantern_primitives::{job::JobState, JobId};
use sp_runtime::traits::Saturating;

use crate::{pallet::*, types::*};

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
        Self::list(id, &listed(&job.state));
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
        JobTotals::<T>::mutate(|totals| count::<T>(totals, &job, &next));
        if let Some(block) = due::<T>(&job.state) {
            Agenda::<T>::remove(block, id);
        }
        // A job that is committed stays where it was as a claimed one.
        let (from, to) = (listed(&job.state), listed(&next));
        if from != to {
            match from {
                Listed::Open => OpenJobs::<T>::remove(id),
                Listed::With(provider) => Assigned::<T>::remove(provider, id),
                Listed::Nowhere => {},
            }
            Self::list(id, &to);
        }
        job.state = next;
        Self::enter(id, &job);
    }

    /// Forgets a finished job of `requester`. The caller moves [`OldestJob`].
    pub fn remove(id: JobId, requester: &T::AccountId) {
        Jobs::<T>::remove(id);
        Requested::<T>::remove(requester, order(id));
    }

    /// Writes the job and its agenda entry.
    fn enter(id: JobId, job: &JobOf<T>) {
        if let Some(block) = due::<T>(&job.state) {
            Agenda::<T>::insert(block, id, ());
        }
        Jobs::<T>::insert(id, job);
    }

    /// Enters a job into an index.
    fn list(id: JobId, index: &Listed<T::AccountId>) {
        match index {
            Listed::Open => OpenJobs::<T>::insert(id, ()),
            Listed::With(provider) => Assigned::<T>::insert(provider, id, ()),
            Listed::Nowhere => {},
        }
    }
}

/// The index that lists a job.
#[derive(PartialEq)]
enum Listed<'a, AccountId> {
    /// [`OpenJobs`].
    Open,
    /// [`Assigned`], under its provider.
    With(&'a AccountId),
    /// None: it is finished.
    Nowhere,
}

/// The index that lists a job in this state.
fn listed<AccountId, Balance, BlockNumber>(state: &JobState<AccountId, Balance, BlockNumber>) -> Listed<'_, AccountId> {
    match state {
        JobState::Open { .. } => Listed::Open,
        JobState::Claimed { provider, .. } | JobState::Committed { provider, .. } => Listed::With(provider),
        JobState::Settled { .. } | JobState::Cancelled { .. } | JobState::Expired { .. } => Listed::Nowhere,
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
