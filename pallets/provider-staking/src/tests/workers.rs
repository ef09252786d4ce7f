use frame_support::{assert_noop, assert_ok};
use lantern_primitives::traits::ProviderLedger;
use sp_core::Pair as _;

use crate::{mock::*, Error, Event, WorkerProof, MAX_WORKERS};

#[test]
fn an_added_key_belongs_to_its_provider() {
    build_and_execute(|| {
        register(ALICE, &[1]);
        events();
        assert_ok!(Staking::add_worker(signed(ALICE), worker(ALICE, 2)));
        assert_eq!(Staking::provider_of(&key(2)), Some(ALICE));
        assert_eq!(
            events(),
            [Event::WorkerAdded {
                provider: ALICE,
                worker: key(2)
            }]
        );
    });
}

#[test]
fn adding_fails_for_strangers_and_leavers() {
    build_and_execute(|| {
        assert_noop!(
            Staking::add_worker(signed(ALICE), worker(ALICE, 1)),
            Error::<Test>::NotRegistered
        );
        register(ALICE, &[]);
        assert_ok!(Staking::deregister(signed(ALICE)));
        assert_noop!(
            Staking::add_worker(signed(ALICE), worker(ALICE, 1)),
            Error::<Test>::Leaving
        );
    });
}

#[test]
fn adding_fails_on_a_key_that_anyone_has() {
    build_and_execute(|| {
        register(ALICE, &[1]);
        register(BOB, &[2]);
        for (who, seed) in [(ALICE, 1), (ALICE, 2), (BOB, 1)] {
            assert_noop!(
                Staking::add_worker(signed(who), worker(who, seed)),
                Error::<Test>::WorkerKeyTaken
            );
        }
    });
}

#[test]
fn adding_fails_on_proofs_that_prove_nothing() {
    build_and_execute(|| {
        register(ALICE, &[]);
        let by_another_key = WorkerProof {
            key: key(1),
            signature: worker(ALICE, 2).signature,
        };
        let on_another_chain = WorkerProof {
            key: key(1),
            signature: pair(1).sign(&lantern_primitives::crypto::worker_payload(
                lantern_primitives::H256::repeat_byte(8),
                &ALICE,
            )),
        };
        for proof in [worker(BOB, 1), by_another_key, on_another_chain] {
            assert_noop!(
                Staking::add_worker(signed(ALICE), proof),
                Error::<Test>::InvalidWorkerProof
            );
        }
    });
}

#[test]
fn adding_fails_over_the_bound() {
    build_and_execute(|| {
        let seeds: Vec<u8> = (1..=MAX_WORKERS as u8).collect();
        register(ALICE, &seeds);
        assert_noop!(
            Staking::add_worker(signed(ALICE), worker(ALICE, 100)),
            Error::<Test>::TooManyWorkers
        );
    });
}

#[test]
fn a_removed_key_is_nobodys_and_may_be_registered_again() {
    build_and_execute(|| {
        register(ALICE, &[1, 2]);
        register(BOB, &[]);
        events();
        assert_ok!(Staking::remove_worker(signed(ALICE), key(1)));
        assert_eq!(Staking::provider_of(&key(1)), None);
        assert_eq!(Staking::provider_of(&key(2)), Some(ALICE));
        assert_eq!(
            events(),
            [Event::WorkerRemoved {
                provider: ALICE,
                worker: key(1)
            }]
        );

        assert_ok!(Staking::add_worker(signed(BOB), worker(BOB, 1)));
        assert_eq!(Staking::provider_of(&key(1)), Some(BOB));
    });
}

#[test]
fn removing_fails_on_keys_of_others_and_for_strangers() {
    build_and_execute(|| {
        register(ALICE, &[1]);
        assert_noop!(
            Staking::remove_worker(signed(BOB), key(1)),
            Error::<Test>::NotRegistered
        );
        register(BOB, &[2]);
        for unknown in [key(1), key(3)] {
            assert_noop!(
                Staking::remove_worker(signed(BOB), unknown),
                Error::<Test>::UnknownWorkerKey
            );
        }
        assert_ok!(Staking::deregister(signed(BOB)));
        assert_noop!(Staking::remove_worker(signed(BOB), key(2)), Error::<Test>::Leaving);
    });
}

#[test]
fn keys_change_while_work_is_in_flight() {
    build_and_execute(|| {
        register(ALICE, &[1]);
        assert_ok!(Staking::lock(&ALICE, MIN_BOND));
        assert_ok!(Staking::remove_worker(signed(ALICE), key(1)));
        assert_ok!(Staking::add_worker(signed(ALICE), worker(ALICE, 2)));
        assert_eq!(Staking::provider_of(&key(2)), Some(ALICE));
    });
}
