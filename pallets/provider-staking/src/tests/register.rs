use frame_support::{assert_noop, assert_ok, traits::fungible::InspectHold};
use lantern_primitives::traits::ProviderLedger;
use sp_runtime::{traits::BadOrigin, TokenError};

use crate::{mock::*, Error, Event, Providers, Status};

#[test]
fn registration_holds_the_bond_and_indexes_every_key() {
    build_and_execute(|| {
        assert_ok!(Staking::register(
            signed(ALICE),
            metadata("gpu"),
            MIN_BOND,
            workers(ALICE, &[1, 2])
        ));

        assert_eq!(held(ALICE), MIN_BOND);
        assert_eq!(spendable(ALICE), FUNDS - MIN_BOND);
        assert_eq!(Staking::total_bonded(), MIN_BOND);
        assert_eq!(Staking::provider_of(&key(1)), Some(ALICE));
        assert_eq!(Staking::provider_of(&key(2)), Some(ALICE));
        assert!(Staking::is_active(&ALICE));
        assert_eq!(
            events(),
            [
                Event::WorkerAdded {
                    provider: ALICE,
                    worker: key(1)
                },
                Event::WorkerAdded {
                    provider: ALICE,
                    worker: key(2)
                },
                Event::Registered {
                    provider: ALICE,
                    bond: MIN_BOND
                },
            ]
        );
    });
}

#[test]
fn registration_needs_no_worker_key() {
    build_and_execute(|| {
        register(ALICE, &[]);
        assert!(Staking::is_active(&ALICE));
        assert_eq!(
            Providers::<Test>::get(ALICE).map(|record| record.status),
            Some(Status::Serving)
        );
    });
}

#[test]
fn registration_fails_when_registered_already() {
    build_and_execute(|| {
        register(ALICE, &[1]);
        assert_noop!(
            Staking::register(signed(ALICE), metadata("m"), MIN_BOND, workers(ALICE, &[2])),
            Error::<Test>::AlreadyRegistered
        );
    });
}

#[test]
fn registration_fails_while_former_stake_unbonds() {
    build_and_execute(|| {
        register(ALICE, &[1]);
        assert_ok!(Staking::deregister(signed(ALICE)));
        assert_noop!(
            Staking::register(signed(ALICE), metadata("m"), MIN_BOND, workers(ALICE, &[1])),
            Error::<Test>::AlreadyRegistered
        );
    });
}

#[test]
fn registration_fails_under_the_minimum_bond() {
    build_and_execute(|| {
        assert_noop!(
            Staking::register(signed(ALICE), metadata("m"), MIN_BOND - 1, workers(ALICE, &[1])),
            Error::<Test>::BondTooSmall
        );
    });
}

#[test]
fn registration_fails_without_the_funds() {
    build_and_execute(|| {
        assert_noop!(
            Staking::register(signed(PAUPER), metadata("m"), MIN_BOND, workers(PAUPER, &[1])),
            TokenError::FundsUnavailable
        );
        assert_noop!(
            Staking::register(signed(ALICE), metadata("m"), FUNDS, workers(ALICE, &[1])),
            TokenError::FundsUnavailable
        );
        assert_eq!(Balances::total_balance_on_hold(&ALICE), 0);
    });
}

#[test]
fn registration_fails_on_a_key_of_another_or_named_twice() {
    build_and_execute(|| {
        register(ALICE, &[1]);
        assert_noop!(
            Staking::register(signed(BOB), metadata("m"), MIN_BOND, workers(BOB, &[2, 1])),
            Error::<Test>::WorkerKeyTaken
        );
        assert_noop!(
            Staking::register(signed(BOB), metadata("m"), MIN_BOND, workers(BOB, &[2, 2])),
            Error::<Test>::WorkerKeyTaken
        );
    });
}

#[test]
fn registration_fails_on_a_proof_made_for_another_account() {
    build_and_execute(|| {
        assert_noop!(
            Staking::register(signed(BOB), metadata("m"), MIN_BOND, workers(ALICE, &[1])),
            Error::<Test>::InvalidWorkerProof
        );
    });
}

#[test]
fn every_call_needs_a_signed_origin() {
    build_and_execute(|| {
        let none = RuntimeOrigin::none;
        let root = RuntimeOrigin::root;
        assert_noop!(
            Staking::register(none(), metadata("m"), MIN_BOND, workers(ALICE, &[])),
            BadOrigin
        );
        assert_noop!(Staking::update_metadata(root(), metadata("m")), BadOrigin);
        assert_noop!(Staking::bond_more(root(), 1), BadOrigin);
        assert_noop!(Staking::add_worker(none(), worker(ALICE, 1)), BadOrigin);
        assert_noop!(Staking::remove_worker(none(), key(1)), BadOrigin);
        assert_noop!(Staking::unbond(root(), 1), BadOrigin);
        assert_noop!(Staking::withdraw_unbonded(none()), BadOrigin);
        assert_noop!(Staking::pause(none()), BadOrigin);
        assert_noop!(Staking::resume(none()), BadOrigin);
        assert_noop!(Staking::deregister(root()), BadOrigin);
    });
}

#[test]
fn metadata_is_replaced() {
    build_and_execute(|| {
        register(ALICE, &[]);
        events();
        assert_ok!(Staking::update_metadata(signed(ALICE), metadata("new")));
        assert_eq!(
            Staking::provider(&ALICE).map(|view| view.metadata),
            Some(b"new".to_vec())
        );
        assert_eq!(events(), [Event::MetadataUpdated { provider: ALICE }]);
    });
}

#[test]
fn metadata_fails_for_strangers_and_leavers() {
    build_and_execute(|| {
        assert_noop!(
            Staking::update_metadata(signed(ALICE), metadata("m")),
            Error::<Test>::NotRegistered
        );
        register(ALICE, &[]);
        assert_ok!(Staking::deregister(signed(ALICE)));
        assert_noop!(
            Staking::update_metadata(signed(ALICE), metadata("m")),
            Error::<Test>::Leaving
        );
    });
}
