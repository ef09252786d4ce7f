use frame_support::{assert_ok, traits::fungible::Mutate};
use lantern_primitives::{
    fee_for,
    job::{FeeSplit, FrozenTerms, JobState},
    JobParams,
};
use proptest::prelude::*;
use sp_runtime::Permill;

use crate::{mock::*, settlement::split_fee, Event, JobTotals, Jobs};

fn terms(royalty: u32, protocol_fee: u32, burn_share: u32, audit_share: u32) -> FrozenTerms<u32> {
    FrozenTerms {
        execution_blocks: 1,
        challenge_window: 1,
        bond_percent: 200,
        miss_penalty: Permill::from_percent(10),
        royalty: Permill::from_parts(royalty),
        protocol_fee: Permill::from_parts(protocol_fee),
        burn_share: Permill::from_parts(burn_share),
        audit_share: Permill::from_parts(audit_share),
    }
}

#[test]
fn everyone_is_paid_to_the_last_unit() {
    build_and_execute(|| {
        let issuance = Balances::total_issuance();
        let id = committed();
        run_to(8);
        let fee = fee_for(units(8), PRICE);
        assert_eq!(fee, 9_590, "the shares below are computed from this fee");
        let split = FeeSplit {
            fee,
            // 85 %, rounded down from 8,151.5.
            provider: 8_151,
            // 5 %, rounded down from 479.5.
            royalty: 479,
            // 30 % and 50 % of the protocol's 959, rounded down from 287.7 and 479.5.
            audit_pool: 287,
            burned: 479,
            // 20 % of 959 and the dust.
            treasury: 194,
        };
        let refund = MAX_FEE - fee;
        let JobState::Settled {
            split: paid,
            refund: returned,
            ..
        } = Jobs::<Test>::get(id).unwrap().state
        else {
            panic!("the job settled");
        };
        assert_eq!((paid, returned), (split, refund));
        assert_eq!(free(&PROVIDER()), FUNDS + split.provider);
        assert_eq!(free(&OWNER()), FUNDS + split.royalty);
        assert_eq!(free(&AuditPoolAccount::get()), FUNDS + split.audit_pool);
        assert_eq!(free(&TreasuryAccount::get()), FUNDS + split.treasury);
        assert_eq!((free(&ALICE()), held(&ALICE())), (FUNDS - fee, 0));
        assert_eq!(Balances::total_issuance(), issuance - split.burned);
        assert_eq!(MockProviders::locked(&PROVIDER()), 0);
        assert_eq!(MockRewards::verified(), vec![(PROVIDER(), units(8), split.burned)]);
        let totals = JobTotals::<Test>::get();
        assert_eq!(
            (totals.settled, totals.units_settled, totals.escrowed),
            (1, u128::from(units(8)), 0)
        );
        System::assert_last_event(
            Event::<Test>::JobSettled {
                job: id,
                provider: PROVIDER(),
                split,
                refund,
            }
            .into(),
        );
    });
}

#[test]
fn settlement_uses_the_terms_of_submission() {
    build_and_execute(|| {
        let id = committed();
        ProtocolFee::set(&Permill::one());
        BurnShare::set(&Permill::one());
        run_to(8);
        let JobState::Settled { split, .. } = Jobs::<Test>::get(id).unwrap().state else {
            panic!("the job settled");
        };
        assert_eq!(split.provider, 8_151);
    });
}

#[test]
fn what_an_account_cannot_receive_goes_to_the_treasury() {
    build_and_execute(|| {
        // GIVEN an owner without an account and a royalty below the existential deposit
        let poor = account(90);
        let model = sp_core::H256::repeat_byte(8);
        MockModels::register(model, &poor);
        MockModels::post(&PROVIDER(), model, PRICE / 10);
        let fee = fee_for(units(8), PRICE / 10);
        assert_ok!(submit(
            ALICE(),
            model,
            input(),
            JobParams::Generate(params()),
            MAX_FEE,
            Some(PROVIDER())
        ));
        assert_ok!(claim(0, &worker("one")));
        assert_ok!(commit(0, &worker("one"), commitment(&output(), 8), output()));
        // WHEN it settles
        run_to(8);
        // THEN it settles all the same, and the record says who really got it
        let JobState::Settled { split, .. } = Jobs::<Test>::get(0).unwrap().state else {
            panic!("the job settled");
        };
        let royalty = fee / 20;
        assert!(royalty > 0 && royalty < EXISTENTIAL_DEPOSIT);
        assert_eq!((free(&poor), split.royalty), (0, 0));
        assert_eq!(
            split.treasury,
            20 + 2 + royalty,
            "its own part, the dust and the royalty"
        );
        assert_eq!(free(&TreasuryAccount::get()), FUNDS + split.treasury);
    });
}

#[test]
fn what_nobody_can_receive_is_burned() {
    build_and_execute(|| {
        let id = committed();
        Balances::burn_from(
            &TreasuryAccount::get(),
            FUNDS,
            frame_support::traits::tokens::Preservation::Expendable,
            frame_support::traits::tokens::Precision::Exact,
            frame_support::traits::tokens::Fortitude::Force,
        )
        .unwrap();
        // The treasury's 194 would bring its account to life, so give more to auditors: 50 would not.
        let issuance = Balances::total_issuance();
        let mut job = Jobs::<Test>::get(id).unwrap();
        job.terms.audit_share = Permill::from_percent(45);
        Jobs::<Test>::insert(id, job);
        run_to(8);
        let JobState::Settled { split, .. } = Jobs::<Test>::get(id).unwrap().state else {
            panic!("the job settled");
        };
        assert_eq!((split.treasury, split.burned), (0, 479 + 50));
        assert_eq!(Balances::total_issuance(), issuance - split.burned);
        // Emission counts the planned burn only.
        assert_eq!(MockRewards::verified()[0].2, 479);
    });
}

#[test]
fn several_jobs_of_one_requester_do_not_touch_each_others_escrow() {
    build_and_execute(|| {
        let paid = committed();
        let waiting = submitted();
        let missed = submitted();
        assert_ok!(claim(missed, &worker("two")));
        assert_eq!(held(&ALICE()), 3 * MAX_FEE);
        run_to(8);
        assert!(matches!(
            Jobs::<Test>::get(paid).unwrap().state,
            JobState::Settled { .. }
        ));
        assert_eq!(held(&ALICE()), 2 * MAX_FEE);
        run_to(13);
        assert!(matches!(
            Jobs::<Test>::get(missed).unwrap().state,
            JobState::Expired { .. }
        ));
        assert_eq!(held(&ALICE()), MAX_FEE);
        assert_ok!(JobEscrow::cancel_job(RuntimeOrigin::signed(ALICE()), waiting));
        assert_eq!(held(&ALICE()), 0);
    });
}

#[test]
fn a_requester_that_keeps_nothing_else_is_refunded_whole() {
    build_and_execute(|| {
        let poor = account(91);
        Balances::set_balance(&poor, MAX_FEE + EXISTENTIAL_DEPOSIT);
        assert_ok!(submit(
            poor.clone(),
            GENERATOR,
            input(),
            JobParams::Generate(params()),
            MAX_FEE,
            None
        ));
        assert_eq!(free(&poor), EXISTENTIAL_DEPOSIT);
        run_to(23);
        assert_eq!(free(&poor), MAX_FEE + EXISTENTIAL_DEPOSIT);
    });
}

#[test]
fn dust_goes_to_the_treasury() {
    let split = split_fee(7, &terms(333_333, 333_333, 500_000, 300_000));
    assert_eq!((split.royalty, split.provider), (2, 2));
    assert_eq!((split.burned, split.audit_pool, split.treasury), (1, 0, 2));
}

proptest! {
    #[test]
    fn the_parts_of_a_fee_always_sum_to_it(
        fee in any::<u128>(), royalty in 0u32..=1_000_000, protocol in 0u32..=1_000_000,
        burn in 0u32..=1_000_000, audit in 0u32..=1_000_000,
    ) {
        let split = split_fee(fee, &terms(royalty, protocol, burn, audit));
        let sum = [split.provider, split.royalty, split.audit_pool, split.burned, split.treasury]
            .iter()
            .try_fold(0u128, |sum, part| sum.checked_add(*part));
        prop_assert_eq!(sum, Some(fee));
        prop_assert_eq!(split.royalty, Permill::from_parts(royalty).mul_floor(fee));
        // The dust of five roundings is less than five units: nobody is cheated of a share.
        let protocol_rate = protocol.min(1_000_000 - royalty);
        let provider_rate = Permill::from_parts(1_000_000 - royalty - protocol_rate);
        prop_assert_eq!(split.provider, provider_rate.mul_floor(fee));
    }
}
