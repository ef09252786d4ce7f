//! What the calls do once their origin is known.

use frame_support::{
    ensure,
    pallet_prelude::{DispatchError, DispatchResult},
    traits::{fungible::MutateHold, tokens::Precision, Get},
};
use frame_system::pallet_prelude::BlockNumberFor;
use lantern_primitives::{
    crypto::{worker_payload, WorkerId},
    H256,
};
use sp_runtime::{
    traits::{Saturating, Zero},
    RuntimeAppPublic,
};

use crate::{
    pallet::*, BalanceOf, Ledger, LedgerError, Metadata, Profile, Provider, Status, WorkerProof, WorkerProofs,
};

/// A provider's record in this pallet.
pub(crate) type ProviderOf<T> = Provider<BalanceOf<T>, BlockNumberFor<T>>;

impl<T: Config> From<LedgerError> for Error<T> {
    fn from(error: LedgerError) -> Self {
        match error {
            // An amount over the type is certainly over what is there.
            LedgerError::InsufficientFree | LedgerError::Overflow => Self::InsufficientFreeStake,
            LedgerError::InsufficientLocked => Self::InsufficientLockedStake,
            LedgerError::TooManyChunks => Self::TooManyUnbondingChunks,
        }
    }
}

impl<T: Config> Pallet<T> {
    pub(crate) fn do_register(
        provider: &T::AccountId,
        metadata: Metadata,
        bond: BalanceOf<T>,
        workers: WorkerProofs,
    ) -> DispatchResult {
        Self::create(provider, metadata, bond)?;
        for worker in workers {
            Self::ensure_possession(provider, &worker)?;
            Self::insert_worker(provider, worker.key)?;
        }
        Self::deposit_event(Event::Registered {
            provider: provider.clone(),
            bond,
        });
        Ok(())
    }

    pub(crate) fn do_register_at_genesis(
        provider: &T::AccountId,
        metadata: &[u8],
        bond: BalanceOf<T>,
        workers: &[WorkerId],
    ) -> DispatchResult {
        let metadata = Metadata::try_from(metadata.to_vec()).map_err(|_| DispatchError::Exhausted)?;
        Self::create(provider, metadata, bond)?;
        for worker in workers {
            Self::insert_worker(provider, worker.clone())?;
        }
        Ok(())
    }

    pub(crate) fn do_update_metadata(provider: &T::AccountId, metadata: Metadata) -> DispatchResult {
        Self::ensure_staying(provider)?;
        Profiles::<T>::mutate(provider, |profile| {
            profile.get_or_insert_with(Profile::default).metadata = metadata;
        });
        Self::deposit_event(Event::MetadataUpdated {
            provider: provider.clone(),
        });
        Ok(())
    }

    pub(crate) fn do_bond_more(provider: &T::AccountId, amount: BalanceOf<T>) -> DispatchResult {
        ensure!(!amount.is_zero(), Error::<T>::ZeroAmount);
        Self::try_mutate_staying(provider, |record| {
            T::Currency::hold(&HoldReason::Bond.into(), provider, amount)?;
            record.ledger.bond(amount).map_err(Error::<T>::from)?;
            TotalBonded::<T>::mutate(|total| total.saturating_accrue(amount));
            Ok(())
        })?;
        Self::deposit_event(Event::Bonded {
            provider: provider.clone(),
            amount,
        });
        Ok(())
    }

    pub(crate) fn do_add_worker(provider: &T::AccountId, worker: WorkerProof) -> DispatchResult {
        Self::ensure_staying(provider)?;
        Self::ensure_possession(provider, &worker)?;
        Self::insert_worker(provider, worker.key)
    }

    pub(crate) fn do_remove_worker(provider: &T::AccountId, worker: WorkerId) -> DispatchResult {
        Self::ensure_staying(provider)?;
        Profiles::<T>::try_mutate(provider, |profile| {
            let profile = profile.as_mut().ok_or(Error::<T>::NotRegistered)?;
            let position = profile
                .workers
                .iter()
                .position(|known| *known == worker)
                .ok_or(Error::<T>::UnknownWorkerKey)?;
            profile.workers.remove(position);
            Self::release_worker(provider, worker);
            Ok(())
        })
    }

    pub(crate) fn do_unbond(provider: &T::AccountId, amount: BalanceOf<T>) -> DispatchResult {
        ensure!(!amount.is_zero(), Error::<T>::ZeroAmount);
        Self::try_mutate_staying(provider, |record| {
            Self::start_unbonding(provider, record, amount)?;
            ensure!(record.ledger.staying() >= T::MinBond::get(), Error::<T>::BondTooSmall);
            Ok(())
        })
    }

    pub(crate) fn do_withdraw_unbonded(provider: &T::AccountId) -> DispatchResult {
        let mut record = Providers::<T>::get(provider).ok_or(Error::<T>::NotRegistered)?;
        let amount = record.ledger.withdraw_due(frame_system::Pallet::<T>::block_number());
        ensure!(!amount.is_zero(), Error::<T>::NothingToWithdraw);

        T::Currency::release(&HoldReason::Bond.into(), provider, amount, Precision::Exact)?;
        TotalBonded::<T>::mutate(|total| total.saturating_reduce(amount));
        Self::deposit_event(Event::Withdrawn {
            provider: provider.clone(),
            amount,
        });
        Self::store_or_remove(provider, record);
        Ok(())
    }

    pub(crate) fn do_pause(provider: &T::AccountId) -> DispatchResult {
        Self::try_mutate_staying(provider, |record| {
            ensure!(record.status == Status::Serving, Error::<T>::AlreadyPaused);
            record.status = Status::Paused;
            Ok(())
        })?;
        Self::deposit_event(Event::Paused {
            provider: provider.clone(),
        });
        Ok(())
    }

    pub(crate) fn do_resume(provider: &T::AccountId) -> DispatchResult {
        Self::try_mutate_staying(provider, |record| {
            ensure!(record.status == Status::Paused, Error::<T>::NotPaused);
            record.status = Status::Serving;
            Ok(())
        })?;
        Self::deposit_event(Event::Resumed {
            provider: provider.clone(),
        });
        Ok(())
    }

    pub(crate) fn do_deregister(provider: &T::AccountId) -> DispatchResult {
        let mut record = Self::ensure_staying(provider)?;
        ensure!(record.ledger.locked().is_zero(), Error::<T>::StakeLocked);

        let rest = record.ledger.free();
        if !rest.is_zero() {
            Self::start_unbonding(provider, &mut record, rest)?;
        }
        record.status = Status::Leaving;
        for worker in Profiles::<T>::take(provider).unwrap_or_default().workers {
            Self::release_worker(provider, worker);
        }
        Self::deposit_event(Event::Deregistered {
            provider: provider.clone(),
        });
        Self::store_or_remove(provider, record);
        Ok(())
    }

    /// Holds the bond and writes the records of a new provider, without keys.
    fn create(provider: &T::AccountId, metadata: Metadata, bond: BalanceOf<T>) -> DispatchResult {
        ensure!(!Providers::<T>::contains_key(provider), Error::<T>::AlreadyRegistered);
        ensure!(bond >= T::MinBond::get(), Error::<T>::BondTooSmall);
        T::Currency::hold(&HoldReason::Bond.into(), provider, bond)?;
        Providers::<T>::insert(
            provider,
            Provider {
                status: Status::Serving,
                ledger: Ledger::new(bond),
            },
        );
        Profiles::<T>::insert(
            provider,
            Profile {
                metadata,
                ..Default::default()
            },
        );
        TotalBonded::<T>::mutate(|total| total.saturating_accrue(bond));
        Ok(())
    }

    /// Checks that whoever signed the call holds the worker key.
    fn ensure_possession(provider: &T::AccountId, worker: &WorkerProof) -> DispatchResult {
        let payload = worker_payload(Self::genesis(), provider);
        ensure!(
            worker.key.verify(&payload, &worker.signature),
            Error::<T>::InvalidWorkerProof
        );
        Ok(())
    }

    /// Hash of the first block, which frame-system never prunes.
    pub(crate) fn genesis() -> H256 {
        frame_system::Pallet::<T>::block_hash(BlockNumberFor::<T>::zero())
    }

    /// Gives `worker` to `provider`. Possession is checked by the caller.
    pub(crate) fn insert_worker(provider: &T::AccountId, worker: WorkerId) -> DispatchResult {
        ensure!(!WorkerOwners::<T>::contains_key(&worker), Error::<T>::WorkerKeyTaken);
        Profiles::<T>::try_mutate(provider, |profile| {
            profile
                .get_or_insert_with(Profile::default)
                .workers
                .try_push(worker.clone())
                .map_err(|_| Error::<T>::TooManyWorkers)
        })?;
        WorkerOwners::<T>::insert(&worker, provider);
        Self::deposit_event(Event::WorkerAdded {
            provider: provider.clone(),
            worker,
        });
        Ok(())
    }

    /// Drops `worker` from the index; the caller drops it from the profile.
    fn release_worker(provider: &T::AccountId, worker: WorkerId) {
        WorkerOwners::<T>::remove(&worker);
        Self::deposit_event(Event::WorkerRemoved {
            provider: provider.clone(),
            worker,
        });
    }

    /// Moves `amount` of free stake into an unbonding chunk of `record`.
    fn start_unbonding(provider: &T::AccountId, record: &mut ProviderOf<T>, amount: BalanceOf<T>) -> DispatchResult {
        let due = frame_system::Pallet::<T>::block_number().saturating_add(T::UnbondingDelay::get());
        record.ledger.unbond(amount, due).map_err(Error::<T>::from)?;
        Self::deposit_event(Event::UnbondingStarted {
            provider: provider.clone(),
            amount,
            due,
        });
        Ok(())
    }

    /// The record of a provider that has not deregistered.
    fn ensure_staying(provider: &T::AccountId) -> Result<ProviderOf<T>, DispatchError> {
        let record = Providers::<T>::get(provider).ok_or(Error::<T>::NotRegistered)?;
        ensure!(record.status != Status::Leaving, Error::<T>::Leaving);
        Ok(record)
    }

    /// Changes the record of a provider that has not deregistered.
    fn try_mutate_staying(
        provider: &T::AccountId,
        change: impl FnOnce(&mut ProviderOf<T>) -> DispatchResult,
    ) -> DispatchResult {
        let mut record = Self::ensure_staying(provider)?;
        change(&mut record)?;
        Providers::<T>::insert(provider, record);
        Ok(())
    }

    /// Writes `record` back, or removes the provider when it has left and its last stake is gone.
    fn store_or_remove(provider: &T::AccountId, record: ProviderOf<T>) {
        if record.status == Status::Leaving && record.ledger.bonded().is_zero() {
            Providers::<T>::remove(provider);
            Self::deposit_event(Event::Removed {
                provider: provider.clone(),
            });
        } else {
            Providers::<T>::insert(provider, record);
        }
    }
}
