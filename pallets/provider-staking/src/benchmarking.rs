//! Benchmarks of the calls. Each asserts the state that it leaves.

use alloc::{vec, vec::Vec};
use frame_benchmarking::v2::*;
use frame_support::traits::{
    fungible::{Inspect, InspectHold, Mutate},
    Get,
};
use frame_system::{pallet_prelude::BlockNumberFor, RawOrigin};
use lantern_primitives::{
    crypto::{worker_payload, WorkerId},
    traits::ProviderLedger,
};
use sp_runtime::{
    traits::{One, Saturating},
    RuntimeAppPublic,
};

use crate::{
    pallet::*, BalanceOf, Metadata, Status, WorkerProof, MAX_METADATA_BYTES, MAX_UNBONDING_CHUNKS, MAX_WORKERS,
};

/// A stake of ten minimum bonds and some existential deposits, so that parts of it can move.
fn stake<T: Config>() -> BalanceOf<T> {
    T::MinBond::get()
        .saturating_add(T::Currency::minimum_balance())
        .saturating_mul(10u32.into())
}

/// An account with funds for several stakes.
fn funded<T: Config>() -> T::AccountId {
    let provider: T::AccountId = account("provider", 0, 0);
    T::Currency::mint_into(&provider, stake::<T>().saturating_mul(10u32.into()))
        .expect("the benchmark's issuance does not overflow; qed");
    provider
}

/// A new worker key in the keystore and its proof for `provider`.
fn worker<T: Config>(provider: &T::AccountId) -> WorkerProof {
    let key = WorkerId::generate_pair(None);
    let signature = key
        .sign(&worker_payload(Pallet::<T>::genesis(), provider))
        .expect("the key was just generated in this keystore; qed");
    WorkerProof { key, signature }
}

fn workers<T: Config>(provider: &T::AccountId, count: u32) -> Vec<WorkerProof> {
    (0..count).map(|_| worker::<T>(provider)).collect()
}

fn metadata() -> Metadata {
    vec![b'm'; MAX_METADATA_BYTES as usize]
        .try_into()
        .expect("the length is the bound; qed")
}

/// A registered provider with `count` worker keys.
fn registered<T: Config>(count: u32) -> T::AccountId {
    let provider = funded::<T>();
    let workers = workers::<T>(&provider, count)
        .try_into()
        .expect("benchmarks ask for at most the bound; qed");
    Pallet::<T>::do_register(&provider, metadata(), stake::<T>(), workers).expect("the account is funded and new; qed");
    provider
}

/// Unbonds a little in each of as many blocks as there may be chunks, and goes on to when all are due.
fn unbond_in_every_chunk<T: Config>(provider: &T::AccountId, chunks: u32) {
    for _ in 0..chunks {
        frame_system::Pallet::<T>::set_block_number(
            frame_system::Pallet::<T>::block_number().saturating_add(One::one()),
        );
        Pallet::<T>::do_unbond(provider, T::Currency::minimum_balance()).expect("the stake has room for it; qed");
    }
}

fn pass_delay<T: Config>() {
    let due: BlockNumberFor<T> = frame_system::Pallet::<T>::block_number().saturating_add(T::UnbondingDelay::get());
    frame_system::Pallet::<T>::set_block_number(due);
}

fn held<T: Config>(provider: &T::AccountId) -> BalanceOf<T> {
    T::Currency::balance_on_hold(&HoldReason::Bond.into(), provider)
}

#[benchmarks]
mod benchmarks {
    use super::*;

    #[benchmark]
    fn register(w: Linear<0, { MAX_WORKERS }>) {
        let provider = funded::<T>();
        let workers = workers::<T>(&provider, w)
            .try_into()
            .expect("`w` is at most the bound; qed");

        #[extrinsic_call]
        _(RawOrigin::Signed(provider.clone()), metadata(), stake::<T>(), workers);

        assert_eq!(held::<T>(&provider), stake::<T>());
        assert_eq!(
            Profiles::<T>::get(&provider).map(|profile| profile.workers.len()),
            Some(w as usize)
        );
    }

    #[benchmark]
    fn update_metadata() {
        let provider = registered::<T>(MAX_WORKERS);
        let changed: Metadata = vec![b'n'; MAX_METADATA_BYTES as usize]
            .try_into()
            .expect("the length is the bound; qed");

        #[extrinsic_call]
        _(RawOrigin::Signed(provider.clone()), changed.clone());

        assert_eq!(
            Profiles::<T>::get(&provider).map(|profile| profile.metadata),
            Some(changed)
        );
    }

    #[benchmark]
    fn bond_more() {
        let provider = registered::<T>(0);

        #[extrinsic_call]
        _(RawOrigin::Signed(provider.clone()), stake::<T>());

        assert_eq!(held::<T>(&provider), stake::<T>().saturating_mul(2u32.into()));
    }

    #[benchmark]
    fn add_worker() {
        let provider = registered::<T>(MAX_WORKERS - 1);
        let worker = worker::<T>(&provider);
        let key = worker.key.clone();

        #[extrinsic_call]
        _(RawOrigin::Signed(provider.clone()), worker);

        assert_eq!(WorkerOwners::<T>::get(key), Some(provider));
    }

    #[benchmark]
    fn remove_worker() {
        let provider = registered::<T>(MAX_WORKERS);
        let key = Profiles::<T>::get(&provider)
            .and_then(|profile| profile.workers.first().cloned())
            .expect("the provider has keys; qed");

        #[extrinsic_call]
        _(RawOrigin::Signed(provider), key.clone());

        assert!(WorkerOwners::<T>::get(key).is_none());
    }

    #[benchmark]
    fn unbond() {
        let provider = registered::<T>(0);
        unbond_in_every_chunk::<T>(&provider, MAX_UNBONDING_CHUNKS - 1);
        frame_system::Pallet::<T>::set_block_number(
            frame_system::Pallet::<T>::block_number().saturating_add(One::one()),
        );

        #[extrinsic_call]
        _(RawOrigin::Signed(provider.clone()), T::Currency::minimum_balance());

        let chunks = Providers::<T>::get(&provider).map(|record| record.ledger.chunks().len());
        assert_eq!(chunks, Some(MAX_UNBONDING_CHUNKS as usize));
    }

    #[benchmark]
    fn withdraw_unbonded() {
        let provider = registered::<T>(0);
        unbond_in_every_chunk::<T>(&provider, MAX_UNBONDING_CHUNKS - 1);
        frame_system::Pallet::<T>::set_block_number(
            frame_system::Pallet::<T>::block_number().saturating_add(One::one()),
        );
        Pallet::<T>::do_deregister(&provider).expect("nothing is locked; qed");
        pass_delay::<T>();

        #[extrinsic_call]
        _(RawOrigin::Signed(provider.clone()));

        assert!(!Providers::<T>::contains_key(&provider));
        assert_eq!(held::<T>(&provider), 0u32.into());
    }

    #[benchmark]
    fn pause() {
        let provider = registered::<T>(0);

        #[extrinsic_call]
        _(RawOrigin::Signed(provider.clone()));

        assert!(!Pallet::<T>::is_active(&provider));
    }

    #[benchmark]
    fn resume() {
        let provider = registered::<T>(0);
        Pallet::<T>::do_pause(&provider).expect("it serves; qed");

        #[extrinsic_call]
        _(RawOrigin::Signed(provider.clone()));

        assert!(Pallet::<T>::is_active(&provider));
    }

    #[benchmark]
    fn deregister() {
        let provider = registered::<T>(MAX_WORKERS);
        unbond_in_every_chunk::<T>(&provider, MAX_UNBONDING_CHUNKS - 1);
        frame_system::Pallet::<T>::set_block_number(
            frame_system::Pallet::<T>::block_number().saturating_add(One::one()),
        );

        #[extrinsic_call]
        _(RawOrigin::Signed(provider.clone()));

        assert_eq!(
            Providers::<T>::get(&provider).map(|record| record.status),
            Some(Status::Leaving)
        );
        assert!(!Profiles::<T>::contains_key(&provider));
    }

    impl_benchmark_test_suite!(Pallet, crate::mock::new_test_ext(), crate::mock::Test);
}
