//! What must hold of the pallet's state in every block.

use frame_support::{ensure, traits::fungible::InspectHold};
use lantern_primitives::crypto::WorkerId;
use sp_runtime::{
    traits::{Saturating, Zero},
    TryRuntimeError,
};

use crate::{dispatchable_impls::ProviderOf, pallet::*, BalanceOf, Status};

impl<T: Config> Pallet<T> {
    /// Checks every invariant that the crate's documentation names.
    pub fn do_try_state() -> Result<(), TryRuntimeError> {
        let mut count = 0u32;
        let mut workers = 0usize;
        let mut total = BalanceOf::<T>::zero();
        for (account, record) in Providers::<T>::iter() {
            Self::check_stake(&account, &record)?;
            workers = workers.saturating_add(Self::check_profile(&account, &record)?);
            count = count.saturating_add(1);
            total.saturating_accrue(record.ledger.bonded());
        }
        ensure!(count == Providers::<T>::count(), "the provider counter is off");
        ensure!(
            total == TotalBonded::<T>::get(),
            "TotalBonded is not the sum of the ledgers"
        );
        ensure!(
            WorkerOwners::<T>::iter_keys().count() == workers,
            "the worker index has a key that no profile has"
        );
        ensure!(
            Profiles::<T>::iter_keys().all(Providers::<T>::contains_key),
            "a profile has no provider"
        );
        Ok(())
    }

    /// The ledger is sound and equals what the currency holds.
    fn check_stake(account: &T::AccountId, record: &ProviderOf<T>) -> Result<(), TryRuntimeError> {
        ensure!(record.ledger.is_sound(), "a ledger's parts exceed its whole");
        let held = T::Currency::balance_on_hold(&HoldReason::Bond.into(), account);
        ensure!(held == record.ledger.bonded(), "held stake differs from the ledger");
        if record.status == Status::Leaving {
            ensure!(
                record.ledger.staying().is_zero() && !record.ledger.bonded().is_zero(),
                "a leaving provider has stake that does not unbond, or none at all"
            );
        }
        Ok(())
    }

    /// The profile exists exactly until the provider leaves, and its keys are indexed. Returns their number.
    fn check_profile(account: &T::AccountId, record: &ProviderOf<T>) -> Result<usize, TryRuntimeError> {
        let profile = Profiles::<T>::get(account);
        ensure!(
            profile.is_some() != (record.status == Status::Leaving),
            "a leaving provider has a profile or a staying one has none"
        );
        let workers = profile.unwrap_or_default().workers;
        let indexed = |worker: &WorkerId| WorkerOwners::<T>::get(worker).as_ref() == Some(account);
        ensure!(
            workers.iter().all(indexed),
            "a worker key is not indexed to its provider"
        );
        Ok(workers.len())
    }
}
