//! What must hold of the pallet's state in every block.

use alloc::collections::BTreeMap;
use frame_support::{ensure, traits::fungible::InspectHold};
use lantern_primitives::ModelId;
use sp_runtime::{traits::Saturating, TryRuntimeError};

use crate::{pallet::*, BalanceOf, ModelOf, MAX_PRICES};

/// Deposits and number of records by account.
type Totals<T> = BTreeMap<<T as frame_system::Config>::AccountId, (BalanceOf<T>, u32)>;

impl<T: Config> Pallet<T> {
    /// Checks every invariant that the crate's documentation names.
    pub fn do_try_state() -> Result<(), TryRuntimeError> {
        let mut owners = Totals::<T>::new();
        let mut count = 0u32;
        for (id, record) in Models::<T>::iter() {
            Self::check_model(id, &record)?;
            Self::add(&mut owners, record.owner, record.deposit);
            count = count.saturating_add(1);
        }
        ensure!(count == Models::<T>::count(), "the model counter is off");
        Self::check_holds(&owners, HoldReason::Deposit)?;

        let mut providers = Totals::<T>::new();
        for (provider, model, posted) in Prices::<T>::iter() {
            ensure!(Models::<T>::contains_key(model), "a price is for an unknown model");
            Self::add(&mut providers, provider, posted.deposit);
        }
        Self::check_holds(&providers, HoldReason::Price)?;
        Self::check_counts(&providers)
    }

    fn add(totals: &mut Totals<T>, who: T::AccountId, deposit: BalanceOf<T>) {
        let entry = totals.entry(who).or_default();
        entry.0.saturating_accrue(deposit);
        entry.1.saturating_accrue(1);
    }

    /// The record is what its id says.
    fn check_model(id: ModelId, record: &ModelOf<T>) -> Result<(), TryRuntimeError> {
        let expected = ModelId::from(lantern_exact::model_id(&record.spec, &record.weights_root));
        ensure!(id == expected, "a model is stored under another's id");
        ensure!(record.spec.validate().is_ok(), "a model's specification is invalid");
        for (position, parent) in record.parents.iter().enumerate() {
            ensure!(Models::<T>::contains_key(parent), "a parent is unknown");
            ensure!(
                !record.parents.iter().take(position).any(|earlier| earlier == parent),
                "a parent is named twice"
            );
        }
        Ok(())
    }

    /// What is held from every account equals its deposits.
    fn check_holds(totals: &Totals<T>, reason: HoldReason) -> Result<(), TryRuntimeError> {
        let reason = reason.into();
        for (account, (deposits, _)) in totals {
            ensure!(
                T::Currency::balance_on_hold(&reason, account) == *deposits,
                "held deposits differ from the records"
            );
        }
        Ok(())
    }

    /// The counters count, and name nobody without prices.
    fn check_counts(totals: &Totals<T>) -> Result<(), TryRuntimeError> {
        for (provider, (_, count)) in totals {
            ensure!(*count <= MAX_PRICES, "a provider has too many prices");
            ensure!(
                *count == PriceCounts::<T>::get(provider),
                "a provider's price counter is off"
            );
        }
        ensure!(
            PriceCounts::<T>::iter_keys().count() == totals.len(),
            "a price counter has no prices"
        );
        Ok(())
    }
}
