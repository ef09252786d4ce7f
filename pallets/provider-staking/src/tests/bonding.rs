use frame_support::{assert_noop, assert_ok};
use lantern_primitives::traits::ProviderLedger;
use sp_runtime::TokenError;

use crate::{mock::*, Error, Event, Providers, MAX_UNBONDING_CHUNKS};

#[test]
fn bonding_more_adds_free_stake() {
    build_and_execute(|| {
        register(ALICE, &[]);
        events();
        assert_ok!(Staking::bond_more(signed(ALICE), 500));
        assert_eq!(held(ALICE), 10 * MIN_BOND + 500);
        assert_eq!(Staking::bonded(&ALICE), 10 * MIN_BOND + 500);
        assert_eq!(Staking::free_stake(&ALICE), 10 * MIN_BOND + 500);
        assert_eq!(Staking::total_bonded(), 10 * MIN_BOND + 500);
        assert_eq!(
            events(),
            [Event::Bonded {
                provider: ALICE,
                amount: 500
            }]
        );
    });
}

#[test]
fn bonding_more_fails_by_cause() {
    build_and_execute(|| {
        assert_noop!(Staking::bond_more(signed(ALICE), 1), Error::<Test>::NotRegistered);
        register(ALICE, &[]);
        assert_noop!(Staking::bond_more(signed(ALICE), 0), Error::<Test>::ZeroAmount);
        assert_noop!(Staking::bond_more(signed(ALICE), FUNDS), TokenError::FundsUnavailable);
        assert_noop!(
            Staking::bond_more(signed(ALICE), Balance::MAX),
            TokenError::FundsUnavailable
        );
        assert_ok!(Staking::deregister(signed(ALICE)));
        assert_noop!(Staking::bond_more(signed(ALICE), 1), Error::<Test>::Leaving);
    });
}

#[test]
fn unbonded_stake_is_held_until_the_delay_has_passed() {
    build_and_execute(|| {
        // GIVEN stake that unbonds from block 1
        register(ALICE, &[]);
        events();
        assert_ok!(Staking::unbond(signed(ALICE), 300));
        assert_eq!(
            events(),
            [Event::UnbondingStarted {
                provider: ALICE,
                amount: 300,
                due: 1 + DELAY
            }]
        );

        // WHEN the delay has not passed THEN it is held, bound for leaving, and cannot be locked
        assert_eq!(held(ALICE), 10 * MIN_BOND);
        assert_eq!(Staking::bonded(&ALICE), 10 * MIN_BOND);
        assert_eq!(Staking::free_stake(&ALICE), 10 * MIN_BOND - 300);
        System::set_block_number(DELAY);
        assert_noop!(
            Staking::withdraw_unbonded(signed(ALICE)),
            Error::<Test>::NothingToWithdraw
        );

        // WHEN it has THEN it is the provider's
        System::set_block_number(1 + DELAY);
        assert_ok!(Staking::withdraw_unbonded(signed(ALICE)));
        assert_eq!(held(ALICE), 10 * MIN_BOND - 300);
        assert_eq!(spendable(ALICE), FUNDS - 10 * MIN_BOND + 300);
        assert_eq!(Staking::total_bonded(), 10 * MIN_BOND - 300);
        assert_eq!(
            events(),
            [Event::Withdrawn {
                provider: ALICE,
                amount: 300
            }]
        );
    });
}

#[test]
fn amounts_of_one_block_leave_as_one_and_only_due_ones_leave() {
    build_and_execute(|| {
        register(ALICE, &[]);
        assert_ok!(Staking::unbond(signed(ALICE), 100));
        assert_ok!(Staking::unbond(signed(ALICE), 50));
        System::set_block_number(3);
        assert_ok!(Staking::unbond(signed(ALICE), 7));

        let chunks: Vec<_> = Providers::<Test>::get(ALICE)
            .map(|record| {
                record
                    .ledger
                    .chunks()
                    .iter()
                    .map(|chunk| (chunk.amount, chunk.due))
                    .collect()
            })
            .unwrap_or_default();
        assert_eq!(chunks, [(150, 1 + DELAY), (7, 3 + DELAY)]);

        System::set_block_number(2 + DELAY);
        assert_ok!(Staking::withdraw_unbonded(signed(ALICE)));
        assert_eq!(held(ALICE), 10 * MIN_BOND - 150);
    });
}

#[test]
fn unbonding_fails_by_cause() {
    build_and_execute(|| {
        assert_noop!(Staking::unbond(signed(ALICE), 1), Error::<Test>::NotRegistered);
        register(ALICE, &[]);
        assert_noop!(Staking::unbond(signed(ALICE), 0), Error::<Test>::ZeroAmount);
        assert_noop!(
            Staking::unbond(signed(ALICE), 10 * MIN_BOND + 1),
            Error::<Test>::InsufficientFreeStake
        );
        assert_noop!(
            Staking::unbond(signed(ALICE), Balance::MAX),
            Error::<Test>::InsufficientFreeStake
        );
        assert_noop!(
            Staking::unbond(signed(ALICE), 9 * MIN_BOND + 1),
            Error::<Test>::BondTooSmall
        );
        assert_ok!(Staking::unbond(signed(ALICE), 9 * MIN_BOND));
        assert_ok!(Staking::deregister(signed(ALICE)));
        assert_noop!(Staking::unbond(signed(ALICE), 1), Error::<Test>::Leaving);
    });
}

#[test]
fn stake_in_flight_cannot_be_unbonded() {
    build_and_execute(|| {
        register(ALICE, &[]);
        assert_ok!(Staking::lock(&ALICE, 8 * MIN_BOND));
        assert_noop!(
            Staking::unbond(signed(ALICE), 2 * MIN_BOND + 1),
            Error::<Test>::InsufficientFreeStake
        );
        assert_ok!(Staking::unbond(signed(ALICE), 2 * MIN_BOND));
        assert_eq!(Staking::free_stake(&ALICE), 0);
        assert_noop!(Staking::lock(&ALICE, 1), Error::<Test>::InsufficientFreeStake);
    });
}

#[test]
fn unbonding_fails_when_every_chunk_is_in_use() {
    build_and_execute(|| {
        register(ALICE, &[]);
        for block in 1..=u64::from(MAX_UNBONDING_CHUNKS) {
            System::set_block_number(block);
            assert_ok!(Staking::unbond(signed(ALICE), 1));
        }
        // The newest chunk still takes what is unbonded in its block.
        assert_ok!(Staking::unbond(signed(ALICE), 1));
        System::set_block_number(u64::from(MAX_UNBONDING_CHUNKS) + 1);
        assert_noop!(Staking::unbond(signed(ALICE), 1), Error::<Test>::TooManyUnbondingChunks);
        assert_noop!(
            Staking::deregister(signed(ALICE)),
            Error::<Test>::TooManyUnbondingChunks
        );

        System::set_block_number(1 + DELAY);
        assert_ok!(Staking::withdraw_unbonded(signed(ALICE)));
        assert_ok!(Staking::unbond(signed(ALICE), 1));
    });
}

#[test]
fn a_changed_delay_applies_to_later_unbonding_only() {
    build_and_execute(|| {
        register(ALICE, &[]);
        assert_ok!(Staking::unbond(signed(ALICE), 100));
        System::set_block_number(2);
        UnbondingDelay::set(&1);
        assert_ok!(Staking::unbond(signed(ALICE), 7));

        System::set_block_number(3);
        assert_ok!(Staking::withdraw_unbonded(signed(ALICE)));
        assert_eq!(held(ALICE), 10 * MIN_BOND - 7);
        System::set_block_number(1 + DELAY);
        assert_ok!(Staking::withdraw_unbonded(signed(ALICE)));
        assert_eq!(held(ALICE), 10 * MIN_BOND - 107);
    });
}

#[test]
fn withdrawing_fails_for_strangers_and_with_nothing_due() {
    build_and_execute(|| {
        assert_noop!(Staking::withdraw_unbonded(signed(ALICE)), Error::<Test>::NotRegistered);
        register(ALICE, &[]);
        assert_noop!(
            Staking::withdraw_unbonded(signed(ALICE)),
            Error::<Test>::NothingToWithdraw
        );
    });
}
