//! Rounds: sharing, the limit of burned fees, rolling over, forgetting.

use sp_runtime::FixedU128;

use crate::{mock::*, Accounts, ClosedRounds, CurrentRound, Event, Forfeited};

fn budget() -> u128 {
    CurrentRound::<Test>::get().expect("running").budget
}

#[test]
fn providers_share_a_round_by_verified_units() {
    build_and_execute(|| {
        run_to(3);
        work(1, 300, 1_000_000 * LUX);
        work(2, 100, 1_000_000 * LUX);
        finish_round();
        let round = ClosedRounds::<Test>::get(0).expect("two providers are unsettled");
        assert_eq!(Emission::reward(1).claimable, round.budget * 3 / 4);
        assert_eq!(Emission::reward(2).claimable, round.budget / 4);
        assert!(events().contains(&Event::RoundClosed {
            round: 0,
            budget: round.budget,
            units: 400,
            providers: 2,
        }));
    });
}

#[test]
fn reward_is_limited_to_the_multiple_of_burned_fees_and_the_rest_is_never_issued() {
    build_and_execute(|| {
        run_to(3);
        work(1, 100, 10 * LUX);
        finish_round();
        let unlimited = ClosedRounds::<Test>::get(0).expect("unsettled").budget;
        assert!(unlimited > 12 * LUX, "the limit binds");
        Emission::claim(RuntimeOrigin::signed(1)).expect("granted");
        assert_eq!(Balances::free_balance(1), 12 * LUX);
        assert_eq!(Forfeited::<Test>::get(), unlimited - 12 * LUX);
        assert!(ClosedRounds::<Test>::get(0).is_none());
    });
}

#[test]
fn units_without_burned_fees_earn_nothing() {
    build_and_execute(|| {
        run_to(3);
        work(1, u64::MAX, 0);
        work(2, 1, LUX);
        finish_round();
        assert_eq!(Emission::reward(1).claimable, 0);
    });
}

#[test]
fn burned_fees_without_units_are_not_noted() {
    build_and_execute(|| {
        run_to(3);
        work(1, 0, LUX);
        assert!(!Accounts::<Test>::contains_key(1));
    });
}

#[test]
fn a_round_without_work_hands_its_budget_on() {
    build_and_execute(|| {
        run_to(11);
        let first = budget();
        assert!(first > 0, "rolled over");
        assert!(ClosedRounds::<Test>::get(0).is_none());
        run_to(12);
        assert!(budget() > first);
        work(1, 1, 1_000_000 * LUX);
        finish_round();
        let closed = ClosedRounds::<Test>::get(1).expect("unsettled");
        // The block that closes a round first releases to it.
        assert_eq!(closed.budget, Emission::released() / 2);
        assert_eq!(budget(), 0, "a round with work hands nothing on");
    });
}

#[test]
fn next_work_settles_the_round_before() {
    build_and_execute(|| {
        run_to(3);
        work(1, 5, LUX);
        finish_round();
        assert_eq!(Accounts::<Test>::get(1).accrued, 0);
        work(1, 7, LUX);
        let account = Accounts::<Test>::get(1);
        assert_eq!(account.accrued, LUX * 6 / 5);
        assert_eq!(account.pending.expect("of this round").round, 1);
        let info = Emission::reward(1);
        assert_eq!((info.claimable, info.pending_units, info.claimed), (LUX * 6 / 5, 7, 0));
        assert!(ClosedRounds::<Test>::get(0).is_none());
    });
}

#[test]
fn work_of_one_round_adds_up() {
    build_and_execute(|| {
        run_to(3);
        work(1, 5, LUX);
        work(1, 6, 2 * LUX);
        let pending = Accounts::<Test>::get(1).pending.expect("of this round");
        assert_eq!((pending.units, pending.burned), (11, 3 * LUX));
        let round = CurrentRound::<Test>::get().expect("running");
        assert_eq!((round.units, round.providers), (11, 1));
    });
}

#[test]
fn parameters_hold_for_the_whole_round() {
    build_and_execute(|| {
        run_to(3);
        work(1, 5, LUX);
        WashMultiple::set(FixedU128::from_u32(0));
        RoundLength::set(5);
        finish_round();
        assert_eq!(
            Emission::reward(1).claimable,
            LUX * 6 / 5,
            "the multiple of when the round opened"
        );
        work(1, 5, LUX);
        assert_eq!(
            CurrentRound::<Test>::get().expect("running").ends,
            16,
            "the new length from the next round on"
        );
        finish_round();
        assert_eq!(
            Emission::reward(1).claimable,
            LUX * 6 / 5,
            "the new multiple grants nothing"
        );
    });
}

#[test]
fn a_round_of_no_blocks_lasts_one() {
    build_and_execute(|| {
        RoundLength::set(0);
        run_to(5);
        assert_eq!(CurrentRound::<Test>::get().expect("running").index, 4);
    });
}

#[test]
fn closed_rounds_are_kept_for_absent_providers_only() {
    build_and_execute(|| {
        run_to(3);
        work(1, 1, LUX);
        for _ in 0..20 {
            work(2, 1, LUX);
            finish_round();
        }
        // Provider 1 waits for the first round, provider 2 for the last.
        assert_eq!(ClosedRounds::<Test>::iter().count(), 2);
    });
}
