//! Properties over random histories.

use std::collections::BTreeMap;

use lantern_primitives::Balance;
use proptest::prelude::*;
use sp_runtime::{FixedPointNumber, FixedU128, Permill};

use crate::{mock::*, ClosedRound, CurrentRound, Forfeited, IssuanceCurve, Work};

/// What may happen between two blocks.
#[derive(Clone, Debug)]
enum Step {
    Work {
        provider: AccountId,
        units: u64,
        burned: Balance,
    },
    Claim {
        provider: AccountId,
    },
    Block {
        passed_ms: u64,
    },
    Govern {
        validators: u32,
        providers: u32,
        multiple: u32,
        length: u64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..6u64, 0..1_000_000u64, 0..20 * LUX)
            .prop_map(|(provider, units, burned)| Step::Work { provider, units, burned }),
        2 => (1..6u64).prop_map(|provider| Step::Claim { provider }),
        8 => (0..20_000u64).prop_map(|passed_ms| Step::Block { passed_ms }),
        1 => (0..=1_000_000u32, 0..=1_000_000u32, 0..300u32, 0..12u64)
            .prop_map(|(validators, providers, multiple, length)| Step::Govern { validators, providers, multiple, length }),
    ]
}

/// An independent account of rounds: everything is settled at the close, nothing lazily.
#[derive(Default)]
struct Model {
    running: BTreeMap<AccountId, (u128, Balance)>,
    granted: BTreeMap<AccountId, Balance>,
    burned: BTreeMap<AccountId, Balance>,
}

impl Model {
    fn close(&mut self, budget: Balance, multiple: FixedU128) {
        let units: u128 = self.running.values().map(|(units, _)| units).sum();
        for (provider, (part, burned)) in core::mem::take(&mut self.running) {
            // Budgets are under 10^18 and units under 10^9 here.
            let share = budget * part / units;
            let limit = multiple.saturating_mul_int(burned);
            *self.granted.entry(provider).or_default() += share.min(limit);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn release_does_not_depend_on_how_time_is_cut(cuts in prop::collection::vec(0..=12_000u64, 1..200)) {
        build_and_execute(|| {
            Emission::drip(1, START_MS);
            let mut now = START_MS;
            for (block, cut) in cuts.iter().enumerate() {
                now += cut;
                Emission::drip(block as u64 + 2, now);
            }
            assert_eq!(Emission::released(), Curve::released_by(cuts.iter().sum()));
        });
    }

    #[test]
    fn rewards_agree_with_a_model_that_settles_at_once(steps in prop::collection::vec(step(), 1..300)) {
        build_and_execute(|| {
            next_block_after(BLOCK_MS);
            let mut model = Model::default();
            for step in steps {
                apply(step, &mut model);
            }
            check(&model);
        });
    }

    #[test]
    fn buying_ones_own_service_never_pays(
        fee in 0..1_000_000 * LUX,
        protocol in 0..=1_000_000u32,
        royalty in 0..=1_000_000u32,
        burn in 0..=1_000_000u32,
        audit in 0..=1_000_000u32,
        governed in 0..100u32,
    ) {
        // GIVEN any split of fees whose parts fit, and any governed multiple.
        prop_assume!(protocol + royalty <= 1_000_000 && burn + audit <= 1_000_000);
        BurnShare::set(Permill::from_parts(burn));
        AuditShare::set(Permill::from_parts(audit));
        WashMultiple::set(FixedU128::from_u32(governed));
        // WHEN requester, provider, model owner and auditor are one, and it is alone in a round without limit.
        let kept = Permill::from_parts(protocol).mul_floor(fee);
        let (burned, audited) = (Permill::from_parts(burn).mul_floor(kept), Permill::from_parts(audit).mul_floor(kept));
        let back = fee - kept + audited;
        let round = ClosedRound { multiple: Emission::multiple(), budget: Balance::MAX, units: 1, unsettled: 1, granted: 0 };
        let reward = round.grant_for(&Work { round: 0, units: 1, burned });
        // THEN it has no more than it paid.
        prop_assert!(back + reward <= fee, "{fee} became {back} and {reward}");
    }
}

fn apply(step: Step, model: &mut Model) {
    match step {
        Step::Work {
            provider,
            units,
            burned,
        } => {
            work(provider, units, burned);
            if units > 0 {
                let entry = model.running.entry(provider).or_default();
                *entry = (entry.0 + u128::from(units), entry.1 + burned);
                *model.burned.entry(provider).or_default() += burned;
            }
        },
        Step::Claim { provider } => {
            let claimable = Emission::reward(provider).claimable;
            let (before, issuance) = (Balances::free_balance(provider), Balances::total_issuance());
            // As dispatched: a failed call leaves nothing behind.
            let result =
                frame_support::storage::with_storage_layer(|| Emission::claim(RuntimeOrigin::signed(provider)));
            let paid = if result.is_ok() { claimable } else { 0 };
            assert!(result.is_ok() || claimable < DEPOSIT, "{result:?}");
            assert_eq!(Balances::free_balance(provider), before + paid);
            assert_eq!(Balances::total_issuance(), issuance + paid);
        },
        Step::Block { passed_ms } => {
            let before = CurrentRound::<Test>::get().expect("running");
            next_block_after(passed_ms);
            Emission::do_try_state().expect("invariants hold");
            if CurrentRound::<Test>::get().expect("running").index != before.index {
                let budget = events()
                    .iter()
                    .find_map(|event| match event {
                        crate::Event::RoundClosed { budget, .. } => Some(*budget),
                        _ => None,
                    })
                    .expect("the round closed");
                model.close(budget, before.multiple);
            }
        },
        Step::Govern {
            validators,
            providers,
            multiple,
            length,
        } => {
            Shares::set(crate::Budgets {
                validators: Permill::from_parts(validators),
                providers: Permill::from_parts(providers),
            });
            WashMultiple::set(FixedU128::from_rational(multiple.into(), 100));
            RoundLength::set(length);
        },
    }
}

fn check(model: &Model) {
    for provider in 1..6 {
        let info = Emission::reward(provider);
        let granted = model.granted.get(&provider).copied().unwrap_or_default();
        let burned = model.burned.get(&provider).copied().unwrap_or_default();
        assert_eq!(info.claimable + info.claimed, granted, "provider {provider}");
        assert!(granted <= burned * 3 / 2, "no multiple is over 1.5 with these shares");
        assert_eq!(Balances::free_balance(provider), info.claimed);
    }
    assert!(Emission::issued() + Forfeited::<Test>::get() <= Emission::released());
    assert!(Emission::released() <= Emission::cap());
    assert_eq!(Balances::total_issuance(), Emission::issued());
}
