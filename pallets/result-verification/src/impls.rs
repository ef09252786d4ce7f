//! The seam to job-escrow.

use frame_support::traits::Get;
use frame_system::pallet_prelude::BlockNumberFor;
use lantern_primitives::{job::ResultCommitment, traits::Verification, JobId};

use crate::{pallet::*, types::PendingResult};

impl<T: Config> Verification<T::AccountId, BlockNumberFor<T>> for Pallet<T> {
    fn window() -> BlockNumberFor<T> {
        T::Window::get()
    }

    fn on_committed(
        job: JobId,
        provider: &T::AccountId,
        commitment: &ResultCommitment,
        window_ends: BlockNumberFor<T>,
    ) {
        let pending = PendingResult {
            provider: provider.clone(),
            commitment: *commitment,
            committed_at: frame_system::Pallet::<T>::block_number(),
            window_ends,
        };
        Pending::<T>::insert(job, pending);
        Self::deposit_event(Event::WindowOpened {
            job,
            provider: provider.clone(),
            window_ends,
        });
    }

    fn may_settle(job: JobId) -> bool {
        // A job without an entry was never under verification, so nothing here can hold it back.
        Pending::<T>::get(job).is_none_or(|pending| frame_system::Pallet::<T>::block_number() > pending.window_ends)
    }

    fn on_settled(job: JobId) {
        if Pending::<T>::take(job).is_some() {
            Self::deposit_event(Event::WindowClosed { job });
        }
    }
}
