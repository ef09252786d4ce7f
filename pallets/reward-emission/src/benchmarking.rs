//! Benchmarks: every path at its most expensive, with the state it must leave.

#![cfg(feature = "runtime-benchmarks")]

use frame_benchmarking::v2::*;
use frame_support::traits::{fungible::Inspect, Get, Time};
use frame_system::RawOrigin;
use lantern_primitives::traits::RewardSink;
use sp_runtime::traits::One;

use crate::{pallet::*, types::*};

/// Enough to create any account.
const AMOUNT: u128 = 1_000_000_000_000_000;

/// Gives `provider` work in a closed round of which it is the last provider, and returns the round.
fn closed_round<T: Config>(provider: &T::AccountId) -> RoundIndex {
    let now = frame_system::Pallet::<T>::block_number();
    Pallet::<T>::note_verified(provider, 1_000, AMOUNT);
    CurrentRound::<T>::mutate(|round| {
        if let Some(round) = round {
            round.budget = AMOUNT;
            round.multiple = sp_runtime::FixedU128::from_u32(1);
        }
    });
    let index = Pallet::<T>::running_round(now).index;
    Pallet::<T>::close_round(now);
    index
}

#[benchmarks]
mod benchmarks {
    use super::*;

    #[benchmark]
    fn drip() {
        let now = frame_system::Pallet::<T>::block_number();
        let start = 1_700_000_000_000;
        Pallet::<T>::drip(now, start);
        let before = Emission::<T>::get();
        let later = start + T::MaxElapsed::get();

        #[block]
        {
            T::Time::now();
            Pallet::<T>::drip(now + One::one(), later);
        }

        assert_eq!(
            Emission::<T>::get().elapsed_ms,
            before.elapsed_ms + T::MaxElapsed::get()
        );
    }

    #[benchmark]
    fn close_round() {
        let now = frame_system::Pallet::<T>::block_number();
        let provider: T::AccountId = account("provider", 0, 0);
        Pallet::<T>::note_verified(&provider, 1_000, AMOUNT);
        let round = Pallet::<T>::running_round(now).index;
        let issued = Issued::<T>::get();
        Emission::<T>::mutate(|state| {
            state.validators_due = AMOUNT;
            state.treasury_due = AMOUNT;
        });

        #[block]
        {
            Pallet::<T>::close_round(now);
        }

        assert!(ClosedRounds::<T>::contains_key(round));
        assert_eq!(Emission::<T>::get().treasury_due, 0);
        assert_eq!(Issued::<T>::get(), issued + 2 * AMOUNT);
    }

    #[benchmark]
    fn claim() {
        let provider: T::AccountId = whitelisted_caller();
        let round = closed_round::<T>(&provider);

        #[extrinsic_call]
        _(RawOrigin::Signed(provider.clone()));

        assert_eq!(T::Currency::balance(&provider), AMOUNT);
        assert!(!ClosedRounds::<T>::contains_key(round));
    }

    #[benchmark]
    fn claim_for() {
        let provider: T::AccountId = account("provider", 0, 0);
        let round = closed_round::<T>(&provider);

        #[extrinsic_call]
        _(RawOrigin::Signed(whitelisted_caller()), provider.clone());

        assert_eq!(T::Currency::balance(&provider), AMOUNT);
        assert!(!ClosedRounds::<T>::contains_key(round));
    }

    impl_benchmark_test_suite!(Pallet, crate::mock::new_test_ext(), crate::mock::Test);
}
