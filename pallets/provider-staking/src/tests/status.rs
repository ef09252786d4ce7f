use frame_support::{assert_noop, assert_ok};
use lantern_primitives::traits::ProviderLedger;

use crate::{mock::*, Error, Event, Profiles, Providers};

#[test]
fn a_paused_provider_takes_no_work_until_it_resumes() {
    build_and_execute(|| {
        register(ALICE, &[1]);
        events();
        assert_ok!(Staking::pause(signed(ALICE)));
        assert!(!Staking::is_active(&ALICE));
        assert_noop!(Staking::lock(&ALICE, 1), Error::<Test>::NotActive);
        assert_noop!(Staking::pause(signed(ALICE)), Error::<Test>::AlreadyPaused);

        assert_ok!(Staking::resume(signed(ALICE)));
        assert!(Staking::is_active(&ALICE));
        assert_ok!(Staking::lock(&ALICE, 1));
        assert_noop!(Staking::resume(signed(ALICE)), Error::<Test>::NotPaused);
        assert_eq!(
            events(),
            [Event::Paused { provider: ALICE }, Event::Resumed { provider: ALICE }]
        );
    });
}

#[test]
fn pausing_and_resuming_fail_for_strangers_and_leavers() {
    build_and_execute(|| {
        assert_noop!(Staking::pause(signed(ALICE)), Error::<Test>::NotRegistered);
        assert_noop!(Staking::resume(signed(ALICE)), Error::<Test>::NotRegistered);
        register(ALICE, &[]);
        assert_ok!(Staking::deregister(signed(ALICE)));
        assert_noop!(Staking::pause(signed(ALICE)), Error::<Test>::Leaving);
        assert_noop!(Staking::resume(signed(ALICE)), Error::<Test>::Leaving);
    });
}

#[test]
fn a_provider_leaves_without_a_trace() {
    build_and_execute(|| {
        // GIVEN a provider with keys and a part of its stake unbonding
        register(ALICE, &[1, 2]);
        assert_ok!(Staking::unbond(signed(ALICE), 100));
        System::set_block_number(4);
        events();

        // WHEN it deregisters
        assert_ok!(Staking::deregister(signed(ALICE)));

        // THEN its keys are free, it takes no work, and its stake is held until the delay has passed
        assert_eq!(
            events(),
            [
                Event::UnbondingStarted {
                    provider: ALICE,
                    amount: 10 * MIN_BOND - 100,
                    due: 4 + DELAY
                },
                Event::WorkerRemoved {
                    provider: ALICE,
                    worker: key(1)
                },
                Event::WorkerRemoved {
                    provider: ALICE,
                    worker: key(2)
                },
                Event::Deregistered { provider: ALICE },
            ]
        );
        assert_eq!(Staking::provider_of(&key(1)), None);
        assert!(!Staking::is_active(&ALICE));
        assert_noop!(Staking::lock(&ALICE, 1), Error::<Test>::NotActive);
        assert_eq!(held(ALICE), 10 * MIN_BOND);

        // WHEN a part is due THEN the record stays for the rest
        System::set_block_number(1 + DELAY);
        assert_ok!(Staking::withdraw_unbonded(signed(ALICE)));
        assert_eq!(held(ALICE), 10 * MIN_BOND - 100);
        assert!(Providers::<Test>::contains_key(ALICE));
        events();

        // WHEN the rest is due THEN nothing remains
        System::set_block_number(4 + DELAY);
        assert_ok!(Staking::withdraw_unbonded(signed(ALICE)));
        assert_eq!(
            events(),
            [
                Event::Withdrawn {
                    provider: ALICE,
                    amount: 10 * MIN_BOND - 100
                },
                Event::Removed { provider: ALICE },
            ]
        );
        assert_eq!(spendable(ALICE), FUNDS);
        assert_eq!(Staking::provider_count(), 0);
        assert_eq!(Staking::total_bonded(), 0);
        assert_eq!(Profiles::<Test>::iter().count(), 0);
        register(ALICE, &[1]);
    });
}

#[test]
fn a_provider_without_stake_leaves_at_once() {
    build_and_execute(|| {
        register(ALICE, &[1]);
        assert_ok!(Staking::lock(&ALICE, 10 * MIN_BOND));
        assert_ok!(Staking::slash_locked(&ALICE, 10 * MIN_BOND).map(drop));
        events();
        assert_ok!(Staking::deregister(signed(ALICE)));
        assert_eq!(
            events(),
            [
                Event::WorkerRemoved {
                    provider: ALICE,
                    worker: key(1)
                },
                Event::Deregistered { provider: ALICE },
                Event::Removed { provider: ALICE },
            ]
        );
        assert_eq!(Staking::provider(&ALICE), None);
    });
}

#[test]
fn deregistering_fails_by_cause() {
    build_and_execute(|| {
        assert_noop!(Staking::deregister(signed(ALICE)), Error::<Test>::NotRegistered);
        register(ALICE, &[1]);
        assert_ok!(Staking::lock(&ALICE, 1));
        assert_noop!(Staking::deregister(signed(ALICE)), Error::<Test>::StakeLocked);
        assert_ok!(Staking::unlock(&ALICE, 1));
        assert_ok!(Staking::deregister(signed(ALICE)));
        assert_noop!(Staking::deregister(signed(ALICE)), Error::<Test>::Leaving);
    });
}
