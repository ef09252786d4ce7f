//! Release per block and funding of the pots.

use sp_runtime::{Permill, Perquintill};

use crate::{mock::*, Budgets, CurrentRound, Emission as State, Event, IssuanceCurve, Issued};

#[test]
fn emission_starts_with_the_second_time_it_sees_and_not_with_the_epoch() {
    build_and_execute(|| {
        run_to(2);
        assert_eq!(
            State::<Test>::get().elapsed_ms,
            0,
            "blocks 1 and 2 see no time and the first time"
        );
        run_to(3);
        assert_eq!(State::<Test>::get().elapsed_ms, BLOCK_MS);
        assert_eq!(Emission::released(), Curve::released_by(BLOCK_MS));
        assert!(Emission::released() > 0);
    });
}

#[test]
fn a_halt_counts_up_to_the_clamp_only() {
    build_and_execute(|| {
        run_to(3);
        let before = State::<Test>::get().elapsed_ms;
        next_block_after(3_600_000);
        next_block_after(BLOCK_MS);
        assert_eq!(State::<Test>::get().elapsed_ms, before + BLOCK_MS + 12_000);
        next_block_after(BLOCK_MS);
        assert_eq!(
            State::<Test>::get().elapsed_ms,
            before + 2 * BLOCK_MS + 12_000,
            "what was lost stays lost"
        );
    });
}

#[test]
fn a_clock_that_stands_or_goes_back_releases_nothing() {
    build_and_execute(|| {
        run_to(5);
        let released = Emission::released();
        let last = State::<Test>::get().last_ms;
        Emission::drip(6, last);
        Emission::drip(7, last - 1_000);
        assert_eq!(Emission::released(), released);
        // The step back is not released again either.
        Emission::drip(8, last);
        assert_eq!(Emission::released(), released);
    });
}

#[test]
fn budgets_divide_every_release_without_loss() {
    build_and_execute(|| {
        run_to(9);
        let state = State::<Test>::get();
        let providers = CurrentRound::<Test>::get().expect("running").budget;
        assert_eq!(state.validators_due + state.treasury_due + providers, state.released);
        assert_eq!(providers, Emission::released() / 2, "half of an even release");
        assert_eq!(Emission::issued(), 0, "nothing is minted before the round closes");
    });
}

#[test]
fn pots_are_minted_when_the_round_closes() {
    build_and_execute(|| {
        run_to(11);
        let (pot, treasury) = (
            Balances::free_balance(Emission::validators_pot()),
            Balances::free_balance(TREASURY),
        );
        assert_eq!(pot + treasury, Emission::issued());
        assert_eq!(pot, Permill::from_percent(30).mul_floor(Emission::released()));
        assert_eq!(Balances::total_issuance(), Issued::<Test>::get());
        assert!(events().contains(&Event::PotsFunded {
            validators: pot,
            treasury
        }));
        assert_eq!(State::<Test>::get().treasury_due, 0);
    });
}

#[test]
fn what_is_under_the_existential_deposit_stays_due() {
    build_and_execute(|| {
        // 1,000 units in all, less than any account may hold.
        Cap::set(1_000);
        // All of it in one period, so that some of it comes out.
        Keep::set(Perquintill::zero());
        run_to(51);
        assert_eq!(Emission::issued(), 0);
        assert!(State::<Test>::get().validators_due > 0);
        assert!(State::<Test>::get().treasury_due > 0);
        assert!(!events().iter().any(|event| matches!(event, Event::PotsFunded { .. })));
    });
}

#[test]
fn budgets_over_the_whole_leave_providers_the_rest() {
    let over = Budgets {
        validators: Permill::from_percent(80),
        providers: Permill::from_percent(80),
    };
    let parts = over.split(1_001);
    assert_eq!((parts.validators, parts.providers, parts.treasury), (800, 201, 0));
    assert_eq!(over.treasury(), Permill::zero());
    build_and_execute(|| {
        Shares::set(over);
        run_to(30);
    });
}
