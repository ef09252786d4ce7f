//! Deadlines after a stop. While a migration over several blocks runs, blocks have no transactions: a provider cannot commit,
//! a challenger cannot challenge. Nobody is to lose anything by that.

use frame_support::migrations::MigrationStatusHandler;
use frame_system::pallet_prelude::BlockNumberFor;
use sp_runtime::traits::{One, Saturating};

use crate::{pallet::*, LOG_TARGET};

/// Blocks that the grace after a stop has on top of the stop's own length: nodes compile the new runtime, and sign again what
/// the pool has dropped.
pub const GRACE_BLOCKS: u32 = 5;

/// What the migrations' pallet tells of a stop.
///
/// A stop that is ended by force tells nothing, and then there is no grace.
impl<T: Config> MigrationStatusHandler for Pallet<T> {
    fn started() {
        StoppedAt::<T>::put(frame_system::Pallet::<T>::block_number());
    }

    fn completed() {
        let now = frame_system::Pallet::<T>::block_number();
        let Some(since) = StoppedAt::<T>::take() else {
            log::warn!(target: LOG_TARGET, "a stop ended that never began");
            return;
        };
        let blocks = now.saturating_sub(since).saturating_add(One::one());
        let until = now.saturating_add(blocks).saturating_add(GRACE_BLOCKS.into());
        GraceUntil::<T>::put(until);
        Self::deposit_event(Event::GraceGiven { until });
    }
}

impl<T: Config> Pallet<T> {
    /// Whether at block `at` it is too late for what could be done until block `last`.
    pub(crate) fn is_late(last: BlockNumberFor<T>, at: BlockNumberFor<T>) -> bool {
        // The grace is read for what would be late without it only, so that it costs nothing otherwise.
        at > last && at > GraceUntil::<T>::get()
    }
}
