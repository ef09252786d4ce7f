//! `claim` and `claim_for`.

use frame_support::{assert_noop, assert_ok};
use sp_runtime::TokenError;

use crate::{mock::*, Accounts, Error, Event};

fn earned(provider: AccountId, burned: u128) {
    run_to(3);
    work(provider, 10, burned);
    finish_round();
}

#[test]
fn claim_mints_exactly_what_was_granted_once() {
    build_and_execute(|| {
        earned(1, LUX);
        let before = Balances::total_issuance();
        assert_ok!(Emission::claim(RuntimeOrigin::signed(1)));
        assert_eq!(Balances::free_balance(1), LUX * 6 / 5);
        assert_eq!(Balances::total_issuance(), before + LUX * 6 / 5);
        assert_eq!(
            events().pop(),
            Some(Event::RewardClaimed {
                provider: 1,
                amount: LUX * 6 / 5
            })
        );
        assert_eq!(Emission::reward(1).claimed, LUX * 6 / 5);
        assert_noop!(Emission::claim(RuntimeOrigin::signed(1)), Error::<Test>::NothingToClaim);
    });
}

#[test]
fn anyone_may_claim_for_a_provider_and_the_provider_is_paid() {
    build_and_execute(|| {
        earned(1, LUX);
        assert_ok!(Emission::claim_for(RuntimeOrigin::signed(7), 1));
        assert_eq!(Balances::free_balance(1), LUX * 6 / 5);
        assert_eq!(Balances::free_balance(7), 0);
    });
}

#[test]
fn claim_of_the_running_round_fails_and_keeps_the_work() {
    build_and_execute(|| {
        run_to(3);
        work(1, 10, LUX);
        assert_noop!(Emission::claim(RuntimeOrigin::signed(1)), Error::<Test>::NothingToClaim);
        finish_round();
        assert_ok!(Emission::claim(RuntimeOrigin::signed(1)));
    });
}

#[test]
fn claim_by_a_stranger_fails_and_leaves_no_record() {
    build_and_execute(|| {
        run_to(3);
        assert_noop!(Emission::claim(RuntimeOrigin::signed(5)), Error::<Test>::NothingToClaim);
        assert_noop!(
            Emission::claim_for(RuntimeOrigin::signed(5), 6),
            Error::<Test>::NothingToClaim
        );
        assert_eq!(Accounts::<Test>::iter().count(), 0);
    });
}

#[test]
fn unsigned_claims_fail() {
    build_and_execute(|| {
        earned(1, LUX);
        assert_noop!(
            Emission::claim(RuntimeOrigin::none()),
            sp_runtime::DispatchError::BadOrigin
        );
        assert_noop!(
            Emission::claim_for(RuntimeOrigin::none(), 1),
            sp_runtime::DispatchError::BadOrigin
        );
    });
}

#[test]
fn claim_under_the_existential_deposit_fails_and_stays_claimable() {
    build_and_execute(|| {
        earned(1, 1_000);
        assert_noop!(Emission::claim(RuntimeOrigin::signed(1)), TokenError::BelowMinimum);
        assert_eq!(Emission::reward(1).claimable, 1_200);
        work(1, 10, LUX);
        finish_round();
        assert_ok!(Emission::claim(RuntimeOrigin::signed(1)));
        assert_eq!(Balances::free_balance(1), LUX * 6 / 5 + 1_200);
    });
}
