//! Invariants of the pallet's storage.

use frame_support::ensure;
use sp_runtime::TryRuntimeError;

use crate::pallet::*;

impl<T: Config> Pallet<T> {
    /// Checks that every pending result was committed in the past and no later than its window ends, and that the counter
    /// of the map counts.
    pub fn do_try_state() -> Result<(), TryRuntimeError> {
        let now = frame_system::Pallet::<T>::block_number();
        let mut entries = 0u32;
        for (_, pending) in Pending::<T>::iter() {
            ensure!(pending.committed_at <= now, "a result was committed in the future");
            ensure!(
                pending.committed_at <= pending.window_ends,
                "a window ends before its result was committed"
            );
            entries = entries.saturating_add(1);
        }
        ensure!(
            entries == Pending::<T>::count(),
            "the counter of pending results is wrong"
        );
        Ok(())
    }
}
