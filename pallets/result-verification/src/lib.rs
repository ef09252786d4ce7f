//! Whether a committed result stands.
//!
//! Today this is the window alone: a result waits for [`Config::Window`] blocks, during which anybody can recompute it, and
//! then settles. Audits and challenges attach here: the audit draw will read [`Pending`] two blocks after a commitment, a
//! challenge will keep [`Verification::may_settle`] at `false` until the referee has decided. Until then a wrong result is
//! visible to everybody but punished by nobody.

#![cfg_attr(not(feature = "std"), no_std)]

mod impls;
#[cfg(test)]
mod mock;
#[cfg(test)]
mod tests;
mod try_state;
mod types;

pub use pallet::*;
pub use types::*;

// For the documentation of this crate.
#[cfg(doc)]
use lantern_primitives::traits::Verification;

#[frame_support::pallet]
pub mod pallet {
    use super::*;
    use frame_support::pallet_prelude::*;
    use frame_system::pallet_prelude::*;
    use lantern_primitives::JobId;

    const STORAGE_VERSION: StorageVersion = StorageVersion::new(1);

    #[pallet::pallet]
    #[pallet::storage_version(STORAGE_VERSION)]
    pub struct Pallet<T>(_);

    #[pallet::config]
    pub trait Config: frame_system::Config<RuntimeEvent: From<Event<Self>>> {
        /// Blocks from commitment to settlement, for jobs submitted from now on.
        type Window: Get<BlockNumberFor<Self>>;
    }

    /// Committed results that have not settled.
    // Twox64Concat: job ids are sequential, nobody chooses them.
    #[pallet::storage]
    pub type Pending<T: Config> =
        CountedStorageMap<_, Twox64Concat, JobId, PendingResult<T::AccountId, BlockNumberFor<T>>>;

    #[pallet::event]
    #[pallet::generate_deposit(pub(super) fn deposit_event)]
    pub enum Event<T: Config> {
        /// A result is open to verification.
        WindowOpened {
            /// The job.
            job: JobId,
            /// Who committed the result.
            provider: T::AccountId,
            /// Last block of the window.
            window_ends: BlockNumberFor<T>,
        },
        /// A result settled unchallenged.
        WindowClosed {
            /// The job.
            job: JobId,
        },
    }

    #[pallet::hooks]
    impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
        #[cfg(feature = "try-runtime")]
        fn try_state(_now: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
            Self::do_try_state()
        }
    }
}
