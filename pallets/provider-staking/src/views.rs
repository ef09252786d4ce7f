//! Reads for the runtime APIs.

use alloc::vec::Vec;
use frame_support::storage::generator::StorageMap as _;
use frame_support::traits::Get;

use crate::{pallet::*, BalanceOf, ProviderView};

/// Most providers that one read returns.
pub const MAX_PAGE: u32 = 256;

impl<T: Config> Pallet<T> {
    /// A registered provider, or a former one whose stake is not withdrawn yet.
    pub fn provider(account: &T::AccountId) -> Option<ProviderView<BalanceOf<T>>> {
        let record = Providers::<T>::get(account)?;
        let profile = Profiles::<T>::get(account).unwrap_or_default();
        Some(ProviderView {
            metadata: profile.metadata.into_inner(),
            bonded: record.ledger.bonded(),
            locked: record.ledger.locked(),
            unbonding: record.ledger.unbonding(),
            active: Self::is_record_active(&record),
            workers: profile.workers.into_inner(),
        })
    }

    /// At most `limit` (and never over [`MAX_PAGE`]) providers after `after`, in the order of storage.
    pub fn providers_after(
        after: Option<T::AccountId>,
        limit: u32,
    ) -> Vec<(T::AccountId, ProviderView<BalanceOf<T>>)> {
        let keys = match after {
            Some(account) => Providers::<T>::iter_keys_from(Providers::<T>::hashed_key_for(account)),
            None => Providers::<T>::iter_keys(),
        };
        keys.take(limit.min(MAX_PAGE) as usize)
            .filter_map(|account| Self::provider(&account).map(|view| (account, view)))
            .collect()
    }

    /// Providers on record, those on their way out included.
    pub fn provider_count() -> u32 {
        Providers::<T>::count()
    }

    /// Stake bonded by all of them.
    pub fn total_bonded() -> BalanceOf<T> {
        TotalBonded::<T>::get()
    }

    /// Least stake of an active provider.
    pub fn min_bond() -> BalanceOf<T> {
        T::MinBond::get()
    }
}
