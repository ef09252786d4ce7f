//! Benchmarks of the calls. Each asserts the state that it leaves.

use alloc::vec;
use frame_benchmarking::v2::*;
use frame_support::traits::{
    fungible::{Inspect, InspectHold, Mutate},
    Get,
};
use frame_system::RawOrigin;
use lantern_exact::{spec, Family, LlamaSpec, RopeScaling, Width, ARITHMETIC};
use lantern_primitives::{
    crypto::WorkerId,
    traits::{ModelCatalog, ProviderLedger},
    ModelId, ModelSpec,
};
use sp_runtime::{traits::Saturating, Permill};

use crate::{pallet::*, BalanceOf, Name, Parents, MAX_NAME_BYTES, MAX_PARENTS};

/// The specification with the longest encoding and every dimension at its bound.
fn largest_spec() -> ModelSpec {
    ModelSpec {
        family: Family::Llama(LlamaSpec {
            tied_embeddings: true,
            qkv_bias: true,
            qk_norm: true,
            rope_base: u32::MAX,
            rope_scaling: RopeScaling::Llama3 {
                factor: 8 * spec::Q16_ONE,
                low_freq_factor: spec::Q16_ONE,
                high_freq_factor: 4 * spec::Q16_ONE,
                original_context: 8192,
            },
        }),
        arithmetic: ARITHMETIC,
        activation: Width::Wide,
        keys: Width::Wide,
        hidden: spec::MAX_INNER,
        intermediate: spec::MAX_INNER,
        layers: spec::MAX_LAYERS,
        heads: spec::MAX_HEADS,
        kv_heads: spec::MAX_HEADS,
        // The largest even one at which all heads together stay within MAX_INNER.
        head_dim: 254,
        vocab: spec::MAX_VOCAB,
        max_context: spec::MAX_CONTEXT,
        norm_eps: u64::MAX,
        tokenizer_hash: [9; 32],
    }
}

/// Gives `who` funds for the deposit of a model and of a price, a few times over.
fn fund<T: Config>(who: &T::AccountId) {
    let deposits = T::ModelDeposit::get().saturating_add(T::PriceDeposit::get());
    let funds = deposits
        .saturating_add(T::Currency::minimum_balance())
        .saturating_mul(10u32.into());
    T::Currency::mint_into(who, funds).expect("the benchmark's issuance does not overflow; qed");
}

/// Registers the largest model with `weights_root` of repeated `seed`, funding `owner` first.
fn register_model<T: Config>(owner: &T::AccountId, seed: u8, parents: Parents) -> ModelId {
    fund::<T>(owner);
    Pallet::<T>::do_register(owner, name(), largest_spec(), [seed; 32], Permill::zero(), parents)
        .expect("the model is valid and new, the owner funded; qed")
}

/// The largest model for other pallets' benchmarks; registered once, however often it is asked for.
pub(crate) fn largest_model<T: Config>(owner: &T::AccountId) -> ModelId {
    let id = ModelId::from(lantern_exact::model_id(&largest_spec(), &[0; 32]));
    if Models::<T>::contains_key(id) {
        return id;
    }
    register_model::<T>(owner, 0, parents::<T>(owner, MAX_PARENTS))
}

/// `count` registered models.
fn parents<T: Config>(owner: &T::AccountId, count: u32) -> Parents {
    let parents: alloc::vec::Vec<_> = (0..count)
        .map(|seed| register_model::<T>(owner, 100 + seed as u8, Parents::default()))
        .collect();
    parents.try_into().expect("benchmarks ask for at most the bound; qed")
}

fn name() -> Name {
    vec![b'n'; MAX_NAME_BYTES as usize]
        .try_into()
        .expect("the length is the bound; qed")
}

/// A funded, active provider.
fn provider<T: Config>() -> T::AccountId {
    let provider: T::AccountId = account("provider", 0, 0);
    T::Providers::benchmark_provider(&provider, &worker(), 0u32.into());
    fund::<T>(&provider);
    provider
}

/// A worker key. Nothing here signs with it.
fn worker() -> WorkerId {
    sp_core::sr25519::Public::from_raw([5; 32]).into()
}

fn price<T: Config>() -> BalanceOf<T> {
    T::MinPrice::get().saturating_add(7u32.into())
}

#[benchmarks]
mod benchmarks {
    use super::*;

    #[benchmark]
    fn register(p: Linear<0, { MAX_PARENTS }>) {
        let owner: T::AccountId = whitelisted_caller();
        let parents = parents::<T>(&owner, p);
        fund::<T>(&owner);

        #[extrinsic_call]
        _(
            RawOrigin::Signed(owner.clone()),
            name(),
            largest_spec(),
            [1; 32],
            T::MaxRoyalty::get(),
            parents,
        );

        let id = ModelId::from(lantern_exact::model_id(&largest_spec(), &[1; 32]));
        let record = Models::<T>::get(id).expect("it was registered; qed");
        assert_eq!((record.owner, record.parents.len()), (owner, p as usize));
    }

    #[benchmark]
    fn set_royalty() {
        let owner: T::AccountId = whitelisted_caller();
        let model = largest_model::<T>(&owner);

        #[extrinsic_call]
        _(RawOrigin::Signed(owner), model, T::MaxRoyalty::get());

        assert_eq!(
            Models::<T>::get(model).map(|record| record.royalty),
            Some(T::MaxRoyalty::get())
        );
    }

    #[benchmark]
    fn transfer_ownership() {
        let owner: T::AccountId = whitelisted_caller();
        let model = largest_model::<T>(&owner);
        let to: T::AccountId = account("to", 0, 0);
        fund::<T>(&to);

        #[extrinsic_call]
        _(RawOrigin::Signed(owner), model, to.clone());

        assert_eq!(
            T::Currency::balance_on_hold(&HoldReason::Deposit.into(), &to),
            T::ModelDeposit::get()
        );
        assert_eq!(Models::<T>::get(model).map(|record| record.owner), Some(to));
    }

    #[benchmark]
    fn set_active() {
        let owner: T::AccountId = whitelisted_caller();
        let model = largest_model::<T>(&owner);

        #[extrinsic_call]
        _(RawOrigin::Signed(owner), model, false);

        assert_eq!(Models::<T>::get(model).map(|record| record.active), Some(false));
    }

    #[benchmark]
    fn post_price() {
        let model = largest_model::<T>(&whitelisted_caller());
        let provider = provider::<T>();

        #[extrinsic_call]
        _(RawOrigin::Signed(provider.clone()), model, price::<T>());

        assert_eq!(Pallet::<T>::price(&provider, &model), Some(price::<T>()));
    }

    #[benchmark]
    fn withdraw_price() {
        let model = largest_model::<T>(&whitelisted_caller());
        let provider = provider::<T>();
        Pallet::<T>::do_post_price(&provider, model, price::<T>()).expect("an active provider may; qed");

        #[extrinsic_call]
        _(RawOrigin::Signed(provider.clone()), model);

        assert_eq!(Pallet::<T>::price(&provider, &model), None);
        assert_eq!(PriceCounts::<T>::get(&provider), 0);
    }

    impl_benchmark_test_suite!(Pallet, crate::mock::new_test_ext(), crate::mock::Test);
}
