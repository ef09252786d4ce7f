//! What the calls do once their origin is known.

use codec::DecodeAll;
use frame_support::{
    ensure,
    pallet_prelude::{DispatchError, DispatchResult},
    traits::{
        fungible::MutateHold,
        tokens::{Fortitude, Precision, Restriction},
        Get,
    },
};
use lantern_exact::SpecError;
use lantern_primitives::{traits::ProviderLedger, ModelId, ModelSpec};
use sp_runtime::Permill;

use crate::{pallet::*, BalanceOf, GenesisModel, Model, ModelOf, Name, Parents, PostedPrice, MAX_PRICES};

impl<T: Config> From<SpecError> for Error<T> {
    fn from(error: SpecError) -> Self {
        match error {
            SpecError::UnknownArithmetic => Self::UnknownArithmetic,
            SpecError::ZeroDimension => Self::ZeroDimension,
            SpecError::DimensionTooLarge => Self::DimensionTooLarge,
            SpecError::OddHeadDim => Self::OddHeadDim,
            SpecError::HeadsMismatch => Self::HeadsMismatch,
            SpecError::NormEpsTooSmall => Self::NormEpsTooSmall,
            SpecError::BadRope => Self::BadRope,
        }
    }
}

impl<T: Config> Pallet<T> {
    pub(crate) fn do_register(
        owner: &T::AccountId,
        name: Name,
        spec: ModelSpec,
        weights_root: [u8; 32],
        royalty: Permill,
        parents: Parents,
    ) -> Result<ModelId, DispatchError> {
        spec.validate().map_err(Error::<T>::from)?;
        ensure!(royalty <= T::MaxRoyalty::get(), Error::<T>::RoyaltyTooHigh);
        let model = ModelId::from(lantern_exact::model_id(&spec, &weights_root));
        ensure!(!Models::<T>::contains_key(model), Error::<T>::AlreadyRegistered);
        Self::ensure_lineage(&parents)?;

        let deposit = T::ModelDeposit::get();
        T::Currency::hold(&HoldReason::Deposit.into(), owner, deposit)?;
        let record = Model {
            name,
            spec,
            weights_root,
            owner: owner.clone(),
            royalty,
            parents,
            active: true,
            deposit,
        };
        Models::<T>::insert(model, record);
        Self::deposit_event(Event::Registered {
            model,
            owner: owner.clone(),
            royalty,
        });
        Ok(model)
    }

    pub(crate) fn do_register_at_genesis(model: &GenesisModel<T::AccountId>) -> Result<ModelId, DispatchError> {
        let name = Name::try_from(model.name.as_bytes().to_vec()).map_err(|_| DispatchError::Exhausted)?;
        let spec = ModelSpec::decode_all(&mut model.spec.0.as_slice()).map_err(|_| DispatchError::Corruption)?;
        Self::do_register(
            &model.owner,
            name,
            spec,
            model.weights_root.into(),
            model.royalty,
            Parents::default(),
        )
    }

    pub(crate) fn do_set_royalty(owner: &T::AccountId, model: ModelId, royalty: Permill) -> DispatchResult {
        ensure!(royalty <= T::MaxRoyalty::get(), Error::<T>::RoyaltyTooHigh);
        Self::try_mutate_owned(owner, model, |record| {
            record.royalty = royalty;
            Ok(())
        })?;
        Self::deposit_event(Event::RoyaltySet { model, royalty });
        Ok(())
    }

    pub(crate) fn do_transfer_ownership(owner: &T::AccountId, model: ModelId, to: T::AccountId) -> DispatchResult {
        Self::try_mutate_owned(owner, model, |record| {
            ensure!(to != record.owner, Error::<T>::AlreadyOwner);
            T::Currency::transfer_on_hold(
                &HoldReason::Deposit.into(),
                owner,
                &to,
                record.deposit,
                Precision::Exact,
                Restriction::OnHold,
                Fortitude::Polite,
            )?;
            record.owner = to.clone();
            Ok(())
        })?;
        Self::deposit_event(Event::OwnershipTransferred {
            model,
            from: owner.clone(),
            to,
        });
        Ok(())
    }

    pub(crate) fn do_set_active(owner: &T::AccountId, model: ModelId, active: bool) -> DispatchResult {
        Self::try_mutate_owned(owner, model, |record| {
            record.active = active;
            Ok(())
        })?;
        Self::deposit_event(Event::ActivitySet { model, active });
        Ok(())
    }

    pub(crate) fn do_post_price(provider: &T::AccountId, model: ModelId, price: BalanceOf<T>) -> DispatchResult {
        ensure!(T::Providers::is_active(provider), Error::<T>::NotActiveProvider);
        ensure!(price >= T::MinPrice::get(), Error::<T>::PriceTooLow);
        let record = Models::<T>::get(model).ok_or(Error::<T>::UnknownModel)?;
        ensure!(record.active, Error::<T>::InactiveModel);

        Prices::<T>::try_mutate(provider, model, |posted| match posted {
            Some(posted) => {
                posted.price = price;
                Ok(())
            },
            None => {
                let deposit = Self::open_price(provider)?;
                *posted = Some(PostedPrice { price, deposit });
                Ok::<(), DispatchError>(())
            },
        })?;
        Self::deposit_event(Event::PricePosted {
            provider: provider.clone(),
            model,
            price,
        });
        Ok(())
    }

    pub(crate) fn do_withdraw_price(provider: &T::AccountId, model: ModelId) -> DispatchResult {
        let posted = Prices::<T>::take(provider, model).ok_or(Error::<T>::NoPrice)?;
        T::Currency::release(&HoldReason::Price.into(), provider, posted.deposit, Precision::Exact)?;
        PriceCounts::<T>::mutate_exists(provider, |count| {
            *count = count.and_then(|count| count.checked_sub(1)).filter(|count| *count > 0);
        });
        Self::deposit_event(Event::PriceWithdrawn {
            provider: provider.clone(),
            model,
        });
        Ok(())
    }

    /// Counts one more price of `provider` and holds its deposit, which it returns.
    fn open_price(provider: &T::AccountId) -> Result<BalanceOf<T>, DispatchError> {
        let count = PriceCounts::<T>::get(provider);
        ensure!(count < MAX_PRICES, Error::<T>::TooManyPrices);
        let deposit = T::PriceDeposit::get();
        T::Currency::hold(&HoldReason::Price.into(), provider, deposit)?;
        PriceCounts::<T>::insert(provider, count.saturating_add(1));
        Ok(deposit)
    }

    /// Checks that every parent is registered and named once.
    fn ensure_lineage(parents: &Parents) -> DispatchResult {
        for (position, parent) in parents.iter().enumerate() {
            ensure!(
                !parents.iter().take(position).any(|earlier| earlier == parent),
                Error::<T>::DuplicateParent
            );
            ensure!(Models::<T>::contains_key(parent), Error::<T>::UnknownParent);
        }
        Ok(())
    }

    /// Changes a model that `owner` owns.
    fn try_mutate_owned(
        owner: &T::AccountId,
        model: ModelId,
        change: impl FnOnce(&mut ModelOf<T>) -> DispatchResult,
    ) -> DispatchResult {
        let mut record = Models::<T>::get(model).ok_or(Error::<T>::UnknownModel)?;
        ensure!(record.owner == *owner, Error::<T>::NotOwner);
        change(&mut record)?;
        Models::<T>::insert(model, record);
        Ok(())
    }
}
