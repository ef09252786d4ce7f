use frame_support::{
    assert_noop, assert_ok,
    traits::{fungible::Balanced, Imbalance},
};
use lantern_primitives::traits::ProviderLedger;

use crate::{mock::*, Error, Event};

fn locked(who: AccountId) -> Balance {
    Staking::provider(&who).map_or(0, |view| view.locked)
}

#[test]
fn locking_moves_free_stake_and_back() {
    build_and_execute(|| {
        register(ALICE, &[]);
        assert_ok!(Staking::lock(&ALICE, 4 * MIN_BOND));
        assert_eq!(locked(ALICE), 4 * MIN_BOND);
        assert_eq!(Staking::free_stake(&ALICE), 6 * MIN_BOND);
        assert_eq!(Staking::bonded(&ALICE), 10 * MIN_BOND);
        assert_ok!(Staking::unlock(&ALICE, 3 * MIN_BOND));
        assert_eq!(locked(ALICE), MIN_BOND);
        assert_eq!(Staking::free_stake(&ALICE), 9 * MIN_BOND);
    });
}

#[test]
fn locking_fails_by_cause() {
    build_and_execute(|| {
        assert_noop!(Staking::lock(&ALICE, 1), Error::<Test>::NotRegistered);
        register(ALICE, &[]);
        assert_noop!(
            Staking::lock(&ALICE, 10 * MIN_BOND + 1),
            Error::<Test>::InsufficientFreeStake
        );
        assert_noop!(
            Staking::lock(&ALICE, Balance::MAX),
            Error::<Test>::InsufficientFreeStake
        );
        MinBond::set(&(10 * MIN_BOND + 1));
        assert!(!Staking::is_active(&ALICE));
        assert_noop!(Staking::lock(&ALICE, 1), Error::<Test>::NotActive);
    });
}

#[test]
fn unlocking_fails_by_cause() {
    build_and_execute(|| {
        assert_noop!(Staking::unlock(&ALICE, 1), Error::<Test>::NotRegistered);
        register(ALICE, &[]);
        assert_ok!(Staking::lock(&ALICE, 5));
        assert_noop!(Staking::unlock(&ALICE, 6), Error::<Test>::InsufficientLockedStake);
    });
}

#[test]
fn unlocking_works_while_paused() {
    build_and_execute(|| {
        register(ALICE, &[]);
        assert_ok!(Staking::lock(&ALICE, 5));
        assert_ok!(Staking::pause(signed(ALICE)));
        assert_ok!(Staking::unlock(&ALICE, 5));
        assert_eq!(locked(ALICE), 0);
    });
}

#[test]
fn a_slash_hands_locked_stake_to_the_caller() {
    build_and_execute(|| {
        register(ALICE, &[]);
        assert_ok!(Staking::lock(&ALICE, 4 * MIN_BOND));
        let issuance = Balances::total_issuance();
        events();

        let credit = Staking::slash_locked(&ALICE, 3 * MIN_BOND).expect("so much is locked; qed");

        assert_eq!(credit.peek(), 3 * MIN_BOND);
        assert_eq!(held(ALICE), 7 * MIN_BOND);
        assert_eq!(Staking::bonded(&ALICE), 7 * MIN_BOND);
        assert_eq!(locked(ALICE), MIN_BOND);
        assert_eq!(Staking::free_stake(&ALICE), 6 * MIN_BOND);
        assert_eq!(Staking::total_bonded(), 7 * MIN_BOND);
        assert_eq!(
            events(),
            [Event::Slashed {
                provider: ALICE,
                amount: 3 * MIN_BOND
            }]
        );

        // Resolved, it is another's; nothing is made or lost.
        assert!(Balances::resolve(&BOB, credit).is_ok());
        assert_eq!(spendable(BOB), FUNDS + 3 * MIN_BOND);
        assert_eq!(Balances::total_issuance(), issuance);
    });
}

#[test]
fn a_dropped_slash_is_burned() {
    build_and_execute(|| {
        register(ALICE, &[]);
        assert_ok!(Staking::lock(&ALICE, MIN_BOND));
        let issuance = Balances::total_issuance();
        drop(Staking::slash_locked(&ALICE, MIN_BOND).expect("so much is locked; qed"));
        assert_eq!(Balances::total_issuance(), issuance - MIN_BOND);
    });
}

#[test]
fn a_slash_takes_nothing_that_is_free_or_unbonding() {
    build_and_execute(|| {
        assert_noop!(Staking::slash_locked(&ALICE, 1), Error::<Test>::NotRegistered);
        register(ALICE, &[]);
        assert_ok!(Staking::unbond(signed(ALICE), 100));
        assert_noop!(Staking::slash_locked(&ALICE, 1), Error::<Test>::InsufficientLockedStake);
        assert_ok!(Staking::lock(&ALICE, 5));
        assert_noop!(Staking::slash_locked(&ALICE, 6), Error::<Test>::InsufficientLockedStake);
        assert_noop!(
            Staking::slash_locked(&ALICE, Balance::MAX),
            Error::<Test>::InsufficientLockedStake
        );
    });
}

#[test]
fn a_slash_under_the_minimum_ends_activity_until_more_is_bonded() {
    build_and_execute(|| {
        register(ALICE, &[]);
        assert_ok!(Staking::lock(&ALICE, 10 * MIN_BOND));
        assert_ok!(Staking::slash_locked(&ALICE, 9 * MIN_BOND + 1).map(drop));
        assert_ok!(Staking::unlock(&ALICE, MIN_BOND - 1));
        assert!(!Staking::is_active(&ALICE));
        assert_noop!(Staking::unbond(signed(ALICE), 1), Error::<Test>::BondTooSmall);
        assert_ok!(Staking::bond_more(signed(ALICE), 1));
        assert!(Staking::is_active(&ALICE));
    });
}

#[test]
fn unbonding_stake_does_not_count_for_the_minimum() {
    build_and_execute(|| {
        register(ALICE, &[]);
        assert_ok!(Staking::unbond(signed(ALICE), 9 * MIN_BOND));
        assert!(Staking::is_active(&ALICE));
        MinBond::set(&(MIN_BOND + 1));
        assert!(!Staking::is_active(&ALICE));
    });
}

#[test]
fn strangers_have_nothing() {
    build_and_execute(|| {
        assert_eq!(Staking::bonded(&ALICE), 0);
        assert_eq!(Staking::free_stake(&ALICE), 0);
        assert!(!Staking::is_active(&ALICE));
        assert_eq!(Staking::provider_of(&key(1)), None);
    });
}
