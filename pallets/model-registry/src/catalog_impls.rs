//! Models and prices as the other pallets see them.

use lantern_primitives::{
    traits::{ModelCatalog, ModelTerms},
    ModelId,
};

use crate::{pallet::*, BalanceOf, Model};

impl<T: Config> ModelCatalog<T::AccountId, BalanceOf<T>> for Pallet<T> {
    fn model(id: &ModelId) -> Option<ModelTerms<T::AccountId>> {
        Models::<T>::get(id).map(Model::into_terms)
    }

    fn price(provider: &T::AccountId, model: &ModelId) -> Option<BalanceOf<T>> {
        Prices::<T>::get(provider, model).map(|posted| posted.price)
    }

    #[cfg(feature = "runtime-benchmarks")]
    fn benchmark_model(owner: &T::AccountId) -> ModelId {
        crate::benchmarking::largest_model::<T>(owner)
    }

    #[cfg(feature = "runtime-benchmarks")]
    fn benchmark_price(provider: &T::AccountId, model: &ModelId, price: BalanceOf<T>) {
        use crate::PostedPrice;
        use sp_runtime::traits::Zero;

        let deposit = Zero::zero();
        if Prices::<T>::mutate(provider, model, |posted| posted.replace(PostedPrice { price, deposit })).is_none() {
            PriceCounts::<T>::mutate(provider, |count| *count = count.saturating_add(1));
        }
    }
}
