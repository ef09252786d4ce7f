//! Relations between parameters.

use frame_support::traits::Hooks;
use sp_runtime::{FixedPointNumber, FixedU128, Permill};

use crate::{mock::*, Budgets};

#[test]
fn defaults_pass_the_integrity_test() {
    build_and_execute(Emission::integrity_test);
}

#[test]
#[should_panic(expected = "costs more than it earns")]
fn integrity_test_refuses_a_multiple_that_pays_for_wash_trading() {
    build_and_execute(|| {
        WashMultiple::set(FixedU128::from_rational(3, 2));
        Emission::integrity_test();
    });
}

#[test]
#[should_panic(expected = "budgets sum to at most the whole")]
fn integrity_test_refuses_budgets_over_the_whole() {
    build_and_execute(|| {
        Shares::set(Budgets {
            validators: Permill::from_percent(60),
            providers: Permill::from_percent(41),
        });
        Emission::integrity_test();
    });
}

#[test]
fn multiple_is_lowered_to_what_leaves_no_profit() {
    build_and_execute(|| {
        assert_eq!(
            Emission::multiple(),
            FixedU128::from_rational(6, 5),
            "a safe multiple is used as it is"
        );
        WashMultiple::set(FixedU128::from_u32(40));
        assert_eq!(
            Emission::multiple(),
            FixedU128::from_rational(3, 2),
            "(1 - 25 %) / 50 %"
        );
        AuditShare::set(Permill::one());
        assert_eq!(
            Emission::multiple(),
            FixedU128::from_u32(0),
            "an auditor may be the provider's own"
        );
        BurnShare::set(Permill::zero());
        assert_eq!(
            Emission::multiple(),
            FixedU128::from_u32(40),
            "a multiple of nothing is nothing"
        );
        assert_eq!(Emission::multiple().saturating_mul_int(0u128), 0);
    });
}
