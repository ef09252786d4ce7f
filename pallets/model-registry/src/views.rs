//! Reads for the runtime APIs.

use alloc::vec::Vec;
use lantern_primitives::ModelId;

use crate::{pallet::*, BalanceOf, ModelOf};

/// Most models that one read returns.
pub const MAX_PAGE: u32 = 256;

impl<T: Config> Pallet<T> {
    /// A registered model's whole record.
    pub fn model_record(id: ModelId) -> Option<ModelOf<T>> {
        Models::<T>::get(id)
    }

    /// At most `limit` (and never over [`MAX_PAGE`]) models after `after`, in the order of storage, which is that of ids.
    pub fn models_after(after: Option<ModelId>, limit: u32) -> Vec<(ModelId, ModelOf<T>)> {
        let records = match after {
            Some(id) => Models::<T>::iter_from(Models::<T>::hashed_key_for(id)),
            None => Models::<T>::iter(),
        };
        records.take(limit.min(MAX_PAGE) as usize).collect()
    }

    /// Models registered.
    pub fn model_count() -> u32 {
        Models::<T>::count()
    }

    /// Prices per whole compute unit that `provider` has posted, in the order of model ids.
    pub fn prices_of(provider: &T::AccountId) -> Vec<(ModelId, BalanceOf<T>)> {
        Prices::<T>::iter_prefix(provider)
            .map(|(model, posted)| (model, posted.price))
            .collect()
    }
}
