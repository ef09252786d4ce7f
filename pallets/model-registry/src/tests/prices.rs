use frame_support::{assert_noop, assert_ok};
use lantern_primitives::traits::ModelCatalog;
use sp_runtime::TokenError;

use crate::{mock::*, Error, Event, HoldReason, PriceCounts, MAX_PRICES};

#[test]
fn a_posted_price_is_what_the_catalog_says() {
    build_and_execute(|| {
        let model = register(ALICE, 1);
        events();
        assert_eq!(Registry::price(&PETER, &model), None);
        assert_ok!(Registry::post_price(signed(PETER), model, MIN_PRICE));
        assert_eq!(Registry::price(&PETER, &model), Some(MIN_PRICE));
        assert_eq!(Registry::price(&BOB, &model), None);
        assert_eq!(held(HoldReason::Price, PETER), PRICE_DEPOSIT);
        assert_eq!(
            events(),
            [Event::PricePosted {
                provider: PETER,
                model,
                price: MIN_PRICE
            }]
        );
    });
}

#[test]
fn changing_a_price_takes_no_second_deposit() {
    build_and_execute(|| {
        let model = register(ALICE, 1);
        assert_ok!(Registry::post_price(signed(PETER), model, 10));
        PriceDeposit::set(&(10 * PRICE_DEPOSIT));
        assert_ok!(Registry::post_price(signed(PETER), model, 20));
        assert_eq!(Registry::price(&PETER, &model), Some(20));
        assert_eq!(held(HoldReason::Price, PETER), PRICE_DEPOSIT);
        assert_eq!(PriceCounts::<Test>::get(PETER), 1);
    });
}

#[test]
fn posting_fails_by_cause() {
    build_and_execute(|| {
        let model = register(ALICE, 1);
        assert_noop!(
            Registry::post_price(signed(BOB), model, MIN_PRICE),
            Error::<Test>::NotActiveProvider
        );
        assert_noop!(
            Registry::post_price(signed(PETER), model, MIN_PRICE - 1),
            Error::<Test>::PriceTooLow
        );
        assert_noop!(
            Registry::post_price(signed(PETER), id(2), MIN_PRICE),
            Error::<Test>::UnknownModel
        );
        PriceDeposit::set(&FUNDS);
        assert_noop!(
            Registry::post_price(signed(PETER), model, MIN_PRICE),
            TokenError::FundsUnavailable
        );
        assert_ok!(Registry::set_active(signed(ALICE), model, false));
        assert_noop!(
            Registry::post_price(signed(PETER), model, MIN_PRICE),
            Error::<Test>::InactiveModel
        );
    });
}

#[test]
fn a_provider_has_a_bounded_number_of_prices() {
    build_and_execute(|| {
        for seed in 0..=MAX_PRICES as u8 {
            register(ALICE, seed);
        }
        for seed in 0..MAX_PRICES as u8 {
            assert_ok!(Registry::post_price(signed(PETER), id(seed), MIN_PRICE));
        }
        assert_noop!(
            Registry::post_price(signed(PETER), id(MAX_PRICES as u8), MIN_PRICE),
            Error::<Test>::TooManyPrices
        );
        // Changing one is not one more, and withdrawing one makes room.
        assert_ok!(Registry::post_price(signed(PETER), id(0), MIN_PRICE + 1));
        assert_ok!(Registry::withdraw_price(signed(PETER), id(0)));
        assert_ok!(Registry::post_price(signed(PETER), id(MAX_PRICES as u8), MIN_PRICE));
    });
}

#[test]
fn a_withdrawn_price_returns_the_deposit_it_took() {
    build_and_execute(|| {
        let model = register(ALICE, 1);
        assert_ok!(Registry::post_price(signed(PETER), model, MIN_PRICE));
        PriceDeposit::set(&(10 * PRICE_DEPOSIT));
        events();
        assert_ok!(Registry::withdraw_price(signed(PETER), model));
        assert_eq!(Registry::price(&PETER, &model), None);
        assert_eq!(held(HoldReason::Price, PETER), 0);
        assert_eq!(spendable(PETER), FUNDS);
        assert_eq!(PriceCounts::<Test>::iter().count(), 0);
        assert_eq!(events(), [Event::PriceWithdrawn { provider: PETER, model }]);
        assert_noop!(Registry::withdraw_price(signed(PETER), model), Error::<Test>::NoPrice);
    });
}

#[test]
fn a_former_provider_still_withdraws() {
    build_and_execute(|| {
        let model = register(ALICE, 1);
        assert_ok!(Registry::post_price(signed(PETER), model, MIN_PRICE));
        activate(PETER, false);
        assert_noop!(
            Registry::post_price(signed(PETER), model, MIN_PRICE),
            Error::<Test>::NotActiveProvider
        );
        assert_ok!(Registry::withdraw_price(signed(PETER), model));
    });
}

#[test]
fn withdrawing_fails_without_a_price_of_ones_own() {
    build_and_execute(|| {
        let model = register(ALICE, 1);
        assert_ok!(Registry::post_price(signed(PETER), model, MIN_PRICE));
        assert_noop!(Registry::withdraw_price(signed(BOB), model), Error::<Test>::NoPrice);
    });
}
