//! The stake of providers as the other pallets see it.

use frame_support::{
    ensure,
    pallet_prelude::{DispatchError, DispatchResult},
    storage::with_storage_layer,
    traits::{
        fungible::{BalancedHold, Credit},
        Get,
    },
};
use lantern_primitives::{crypto::WorkerId, traits::ProviderLedger};
use sp_runtime::traits::{Saturating, Zero};

use crate::{dispatchable_impls::ProviderOf, pallet::*, BalanceOf, Status};

impl<T: Config> Pallet<T> {
    /// Whether a provider with this record may claim work.
    pub(crate) fn is_record_active(record: &ProviderOf<T>) -> bool {
        record.status == Status::Serving && record.ledger.staying() >= T::MinBond::get()
    }
}

impl<T: Config> ProviderLedger<T::AccountId, BalanceOf<T>> for Pallet<T> {
    type Credit = Credit<T::AccountId, T::Currency>;

    fn provider_of(worker: &WorkerId) -> Option<T::AccountId> {
        WorkerOwners::<T>::get(worker)
    }

    fn is_active(provider: &T::AccountId) -> bool {
        Providers::<T>::get(provider).is_some_and(|record| Self::is_record_active(&record))
    }

    fn bonded(provider: &T::AccountId) -> BalanceOf<T> {
        Providers::<T>::get(provider).map_or_else(Zero::zero, |record| record.ledger.bonded())
    }

    fn free_stake(provider: &T::AccountId) -> BalanceOf<T> {
        Providers::<T>::get(provider).map_or_else(Zero::zero, |record| record.ledger.free())
    }

    fn lock(provider: &T::AccountId, amount: BalanceOf<T>) -> DispatchResult {
        Providers::<T>::try_mutate(provider, |record| {
            let record = record.as_mut().ok_or(Error::<T>::NotRegistered)?;
            ensure!(Self::is_record_active(record), Error::<T>::NotActive);
            record.ledger.lock(amount).map_err(Error::<T>::from)?;
            Ok(())
        })
    }

    fn unlock(provider: &T::AccountId, amount: BalanceOf<T>) -> DispatchResult {
        Providers::<T>::try_mutate(provider, |record| {
            let record = record.as_mut().ok_or(Error::<T>::NotRegistered)?;
            record.ledger.unlock(amount).map_err(Error::<T>::from)?;
            Ok(())
        })
    }

    fn slash_locked(provider: &T::AccountId, amount: BalanceOf<T>) -> Result<Self::Credit, DispatchError> {
        // A layer of its own, because the caller may be a hook that goes on after an error.
        with_storage_layer(|| {
            let mut record = Providers::<T>::get(provider).ok_or(Error::<T>::NotRegistered)?;
            record.ledger.slash(amount).map_err(Error::<T>::from)?;
            let (credit, missing) = T::Currency::slash(&HoldReason::Bond.into(), provider, amount);
            ensure!(missing.is_zero(), Error::<T>::InsufficientLockedStake);
            TotalBonded::<T>::mutate(|total| total.saturating_reduce(amount));
            Providers::<T>::insert(provider, record);
            Self::deposit_event(Event::Slashed {
                provider: provider.clone(),
                amount,
            });
            Ok(credit)
        })
    }

    #[cfg(feature = "runtime-benchmarks")]
    fn benchmark_provider(provider: &T::AccountId, worker: &WorkerId, stake: BalanceOf<T>) {
        use frame_support::traits::fungible::{Inspect, Mutate};

        let bond = stake.max(T::MinBond::get());
        // Twice the bond and some existential deposits, so that the account lives and can pay for more than its stake.
        let funds = bond
            .saturating_mul(2u32.into())
            .saturating_add(T::Currency::minimum_balance().saturating_mul(100u32.into()));
        T::Currency::mint_into(provider, funds).expect("the benchmark's issuance does not overflow; qed");
        Self::do_register_at_genesis(provider, &[], bond, core::slice::from_ref(worker))
            .expect("a benchmark registers each provider and worker key once; qed");
    }
}
