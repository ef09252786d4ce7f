use frame_support::{assert_noop, assert_ok};
use lantern_primitives::traits::ModelCatalog;
use sp_runtime::{Permill, TokenError};

use crate::{mock::*, Error, Event, HoldReason, Models};

#[test]
fn the_owner_sets_the_royalty() {
    build_and_execute(|| {
        let model = register(ALICE, 1);
        events();
        assert_ok!(Registry::set_royalty(signed(ALICE), model, MAX_ROYALTY));
        assert_eq!(
            Models::<Test>::get(model).map(|record| record.royalty),
            Some(MAX_ROYALTY)
        );
        assert_eq!(
            events(),
            [Event::RoyaltySet {
                model,
                royalty: MAX_ROYALTY
            }]
        );
    });
}

#[test]
fn setting_the_royalty_fails_by_cause() {
    build_and_execute(|| {
        assert_noop!(
            Registry::set_royalty(signed(ALICE), id(1), Permill::zero()),
            Error::<Test>::UnknownModel
        );
        let model = register(ALICE, 1);
        assert_noop!(
            Registry::set_royalty(signed(BOB), model, Permill::zero()),
            Error::<Test>::NotOwner
        );
        MaxRoyalty::set(&Permill::from_percent(1));
        assert_noop!(
            Registry::set_royalty(signed(ALICE), model, Permill::from_percent(2)),
            Error::<Test>::RoyaltyTooHigh
        );
    });
}

#[test]
fn ownership_passes_on_with_its_deposit() {
    build_and_execute(|| {
        // GIVEN two models, registered at different deposits
        let model = register(ALICE, 1);
        ModelDeposit::set(&(2 * MODEL_DEPOSIT));
        register(ALICE, 2);
        events();

        // WHEN the first changes hands
        assert_ok!(Registry::transfer_ownership(signed(ALICE), model, BOB));

        // THEN exactly its deposit goes along
        assert_eq!(held(HoldReason::Deposit, ALICE), 2 * MODEL_DEPOSIT);
        assert_eq!(held(HoldReason::Deposit, BOB), MODEL_DEPOSIT);
        assert_eq!(spendable(BOB), FUNDS);
        assert_eq!(
            events(),
            [Event::OwnershipTransferred {
                model,
                from: ALICE,
                to: BOB
            }]
        );
        assert_noop!(
            Registry::set_royalty(signed(ALICE), model, Permill::zero()),
            Error::<Test>::NotOwner
        );
        assert_ok!(Registry::set_royalty(signed(BOB), model, Permill::zero()));
    });
}

#[test]
fn transferring_fails_by_cause() {
    build_and_execute(|| {
        assert_noop!(
            Registry::transfer_ownership(signed(ALICE), id(1), BOB),
            Error::<Test>::UnknownModel
        );
        let model = register(ALICE, 1);
        assert_noop!(
            Registry::transfer_ownership(signed(BOB), model, BOB),
            Error::<Test>::NotOwner
        );
        assert_noop!(
            Registry::transfer_ownership(signed(ALICE), model, ALICE),
            Error::<Test>::AlreadyOwner
        );
        assert_noop!(
            Registry::transfer_ownership(signed(ALICE), model, NOBODY),
            TokenError::CannotCreateHold
        );
    });
}

#[test]
fn a_closed_model_stays_on_record_and_may_be_opened() {
    build_and_execute(|| {
        let model = register(ALICE, 1);
        events();
        let active = || <Registry as ModelCatalog<_, _>>::model(&model).map(|terms| terms.active);
        assert_ok!(Registry::set_active(signed(ALICE), model, false));
        assert_eq!(active(), Some(false));
        assert_ok!(Registry::set_active(signed(ALICE), model, true));
        assert_eq!(active(), Some(true));
        assert_eq!(
            events(),
            [
                Event::ActivitySet { model, active: false },
                Event::ActivitySet { model, active: true },
            ]
        );
    });
}

#[test]
fn closing_fails_for_strangers() {
    build_and_execute(|| {
        assert_noop!(
            Registry::set_active(signed(ALICE), id(1), false),
            Error::<Test>::UnknownModel
        );
        let model = register(ALICE, 1);
        assert_noop!(Registry::set_active(signed(BOB), model, false), Error::<Test>::NotOwner);
    });
}
