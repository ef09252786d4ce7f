//! Reads for the runtime APIs.

use alloc::vec::Vec;
use frame_support::traits::Get;

use crate::{dispatchable_impls::ProviderOf, pallet::*, BalanceOf, ProviderView};

/// Most providers that one read returns.
pub const MAX_PAGE: u32 = 256;

impl<T: Config> Pallet<T> {
    /// A registered provider, or a former one whose stake is not withdrawn yet.
    pub fn provider(account: &T::AccountId) -> Option<ProviderView<BalanceOf<T>>> {
        Providers::<T>::get(account).map(|record| Self::view(account, &record))
    }

    /// At most `limit` (and never over [`MAX_PAGE`]) providers after `after`, in the order of storage.
    pub fn providers_after(after: Option<T::AccountId>, limit: u32) -> Vec<(T::AccountId, ProviderView<BalanceOf<T>>)> {
        let records = match after {
            Some(account) => Providers::<T>::iter_from(Providers::<T>::hashed_key_for(account)),
            None => Providers::<T>::iter(),
        };
        records
            .take(limit.min(MAX_PAGE) as usize)
            .map(|(account, record)| {
                let view = Self::view(&account, &record);
                (account, view)
            })
            .collect()
    }

    fn view(account: &T::AccountId, record: &ProviderOf<T>) -> ProviderView<BalanceOf<T>> {
        let profile = Profiles::<T>::get(account).unwrap_or_default();
        ProviderView {
            metadata: profile.metadata.into_inner(),
            bonded: record.ledger.bonded(),
            locked: record.ledger.locked(),
            unbonding: record.ledger.unbonding(),
            active: Self::is_record_active(record),
            workers: profile.workers.into_inner(),
        }
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
