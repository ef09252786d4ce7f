//! Reads for runtime APIs.

use alloc::vec::Vec;

use frame_support::traits::Get;
use lantern_primitives::{
    fee_for,
    info::{Quote, QuoteError},
    job::JobState,
    traits::ModelCatalog,
    JobId, JobParams, ModelId,
};

use crate::{pallet::*, types::*};

/// Most jobs that one listing returns.
pub const MAX_LISTED: u32 = 256;
/// Most ids or index entries that one listing looks at.
pub const MAX_SCANNED: u32 = 4_096;

/// Which jobs to list. The runtime API's `JobFilter` for any account type.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Filter<AccountId> {
    /// Every job that the state still holds.
    All,
    /// Jobs waiting for a claim.
    Open,
    /// Jobs that this provider has claimed and not yet finished.
    AssignedTo(AccountId),
    /// Jobs of this requester.
    RequestedBy(AccountId),
}

impl From<lantern_primitives::info::JobFilter> for Filter<lantern_primitives::AccountId> {
    fn from(filter: lantern_primitives::info::JobFilter) -> Self {
        use lantern_primitives::info::JobFilter;
        match filter {
            JobFilter::All => Self::All,
            JobFilter::Open => Self::Open,
            JobFilter::AssignedTo(provider) => Self::AssignedTo(provider),
            JobFilter::RequestedBy(requester) => Self::RequestedBy(requester),
        }
    }
}

impl<AccountId: PartialEq> Filter<AccountId> {
    fn takes<Balance, BlockNumber>(&self, job: &lantern_primitives::job::Job<AccountId, Balance, BlockNumber>) -> bool {
        match self {
            Self::All => true,
            Self::Open => matches!(job.state, JobState::Open { .. }),
            Self::AssignedTo(wanted) => matches!(
                &job.state,
                JobState::Claimed { provider, .. } | JobState::Committed { provider, .. } if provider == wanted
            ),
            Self::RequestedBy(wanted) => job.requester == *wanted,
        }
    }
}

impl<T: Config> Pallet<T> {
    /// A job that the state still holds.
    pub fn job(id: JobId) -> Option<JobOf<T>> {
        Jobs::<T>::get(id)
    }

    /// At most `limit` (and at most [`MAX_LISTED`]) jobs with an id from `from` on, in ascending order of id.
    ///
    /// One call looks at [`MAX_SCANNED`] ids, counted from `from` or from the oldest job in state, whichever is later. Fewer
    /// jobs than `limit` therefore do not mean that there are no more: a reader goes on after the last id it got, or, when
    /// it got none, after `max(from, oldest_job()) + MAX_SCANNED`, until it passes [`Pallet::next_job_id`]. Listings of open
    /// or assigned jobs come from their index and are complete up to [`MAX_SCANNED`] of them; those of a requester are always
    /// complete.
    pub fn jobs(filter: Filter<T::AccountId>, from: JobId, limit: u32) -> Vec<(JobId, JobOf<T>)> {
        let limit = limit.min(MAX_LISTED) as usize;
        Self::candidates(&filter, from, limit)
            .into_iter()
            .filter_map(|id| Jobs::<T>::get(id).map(|job| (id, job)))
            .filter(|(_, job)| filter.takes(job))
            .take(limit)
            .collect()
    }

    /// Ids to look at for `filter`, ascending.
    fn candidates(filter: &Filter<T::AccountId>, from: JobId, limit: usize) -> Vec<JobId> {
        let most = MAX_SCANNED as usize;
        let indexed: Option<Vec<JobId>> = match filter {
            Filter::Open => Some(OpenJobs::<T>::iter_keys().take(most.saturating_add(1)).collect()),
            Filter::AssignedTo(provider) => Some(
                Assigned::<T>::iter_key_prefix(provider)
                    .take(most.saturating_add(1))
                    .collect(),
            ),
            // In order already.
            Filter::RequestedBy(requester) => return Self::requested(requester, from, limit),
            Filter::All => None,
        };
        match indexed {
            Some(mut ids) if ids.len() <= most => {
                ids.retain(|id| *id >= from);
                ids.sort_unstable();
                ids
            },
            // No index, or too many entries to sort: by id.
            _ => (from.max(Self::oldest_job())..NextJobId::<T>::get())
                .take(most)
                .collect(),
        }
    }

    /// At most `limit` jobs of `requester` from `from` on, ascending.
    fn requested(requester: &T::AccountId, from: JobId, limit: usize) -> Vec<JobId> {
        let ids = match from.checked_sub(1) {
            Some(before) => {
                let before = Requested::<T>::hashed_key_for(requester, order(before));
                Requested::<T>::iter_key_prefix_from(requester, before)
            },
            None => Requested::<T>::iter_key_prefix(requester),
        };
        ids.take(limit).map(JobId::from_be_bytes).collect()
    }

    /// The id that the next submitted job will have.
    pub fn next_job_id() -> JobId {
        NextJobId::<T>::get()
    }

    /// No job with a lower id is in state.
    pub fn oldest_job() -> JobId {
        OldestJob::<T>::get()
    }

    /// The most that a job would cost, at the named provider's price or at the lowest price.
    pub fn quote(
        model: ModelId,
        prompt_tokens: u32,
        params: JobParams,
        provider: Option<T::AccountId>,
    ) -> Result<Quote, QuoteError> {
        let terms = T::Models::model(&model).ok_or(QuoteError::UnknownModel)?;
        if !terms.active {
            return Err(QuoteError::InactiveModel);
        }
        params
            .validate(&terms.spec, prompt_tokens)
            .map_err(|_| QuoteError::InvalidParams)?;
        let price = match &provider {
            Some(provider) => T::Models::price(provider, &model).ok_or(QuoteError::NoPrice)?,
            None => T::MinPrice::get(),
        };
        let max_units = worst_case_units(&terms.spec, prompt_tokens, &params);
        let max_fee = fee_for(max_units, price);
        Ok(Quote {
            max_units,
            price,
            max_fee,
            bond: bond_for(max_fee, T::BondPercent::get()),
        })
    }

    /// Totals over all jobs.
    pub fn stats() -> Stats {
        Stats {
            submitted: NextJobId::<T>::get(),
            totals: JobTotals::<T>::get(),
        }
    }
}
