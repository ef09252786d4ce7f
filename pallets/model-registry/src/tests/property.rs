//! Random sequences of calls keep the invariants and every unit of the currency.

use frame_support::traits::fungible::Inspect;
use proptest::prelude::*;
use sp_runtime::Permill;

use crate::mock::*;

#[derive(Clone, Debug)]
enum Action {
    Register {
        seed: u8,
        percent: u32,
        parents: Vec<u8>,
    },
    SetRoyalty {
        seed: u8,
        percent: u32,
    },
    Transfer {
        seed: u8,
        to: AccountId,
    },
    SetActive {
        seed: u8,
        active: bool,
    },
    PostPrice {
        seed: u8,
        price: Balance,
    },
    WithdrawPrice {
        seed: u8,
    },
    /// The account becomes an active provider, or stops to be one.
    Activate(bool),
    /// Change the deposits.
    Govern {
        model: Balance,
        price: Balance,
    },
}

fn account() -> impl Strategy<Value = AccountId> {
    prop_oneof![Just(ALICE), Just(BOB), Just(PETER)]
}

fn action() -> impl Strategy<Value = Action> {
    let seed = 0..6u8;
    prop_oneof![
        5 => (seed.clone(), 0..30u32, proptest::collection::vec(seed.clone(), 0..4))
            .prop_map(|(seed, percent, parents)| Action::Register { seed, percent, parents }),
        2 => (seed.clone(), 0..30u32).prop_map(|(seed, percent)| Action::SetRoyalty { seed, percent }),
        3 => (seed.clone(), prop_oneof![4 => account(), 1 => Just(NOBODY)])
            .prop_map(|(seed, to)| Action::Transfer { seed, to }),
        2 => (seed.clone(), any::<bool>()).prop_map(|(seed, active)| Action::SetActive { seed, active }),
        5 => (seed.clone(), prop_oneof![0..3 * MIN_PRICE, Just(Balance::MAX)])
            .prop_map(|(seed, price)| Action::PostPrice { seed, price }),
        3 => seed.prop_map(|seed| Action::WithdrawPrice { seed }),
        2 => any::<bool>().prop_map(Action::Activate),
        1 => (0..FUNDS / 2, 0..FUNDS / 2).prop_map(|(model, price)| Action::Govern { model, price }),
    ]
}

/// Does one action; failures are part of the sequence. Returns whether it succeeded.
fn apply(who: AccountId, action: &Action) -> bool {
    let origin = signed(who);
    let result = match action.clone() {
        Action::Register {
            seed,
            percent,
            parents: seeds,
        } => {
            let ids: Vec<_> = seeds.into_iter().map(id).collect();
            let royalty = Permill::from_percent(percent);
            Registry::register(origin, name("p"), spec(), [seed; 32], royalty, parents(&ids))
        },
        Action::SetRoyalty { seed, percent } => Registry::set_royalty(origin, id(seed), Permill::from_percent(percent)),
        Action::Transfer { seed, to } => Registry::transfer_ownership(origin, id(seed), to),
        Action::SetActive { seed, active } => Registry::set_active(origin, id(seed), active),
        Action::PostPrice { seed, price } => Registry::post_price(origin, id(seed), price),
        Action::WithdrawPrice { seed } => Registry::withdraw_price(origin, id(seed)),
        Action::Activate(active) => {
            activate(who, active);
            Ok(())
        },
        Action::Govern { model, price } => {
            ModelDeposit::set(&model);
            PriceDeposit::set(&price);
            Ok(())
        },
    };
    result.is_ok()
}

fn root() -> Vec<u8> {
    sp_io::storage::root(sp_runtime::StateVersion::V1)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn random_sequences_keep_invariants_and_issuance(
        actions in proptest::collection::vec((account(), action()), 1..80)
    ) {
        new_test_ext().execute_with(|| {
            let issuance = Balances::total_issuance();
            for (who, action) in actions {
                let before = root();
                if !apply(who, &action) {
                    prop_assert_eq!(before, root(), "a failed {:?} changed the state", action);
                }
                prop_assert_eq!(Balances::total_issuance(), issuance, "after {:?}", action);
                let owned: Balance = [ALICE, BOB, PETER].iter().map(Balances::total_balance).sum();
                prop_assert_eq!(owned, issuance, "an account lost or made currency by {:?}", action);
                prop_assert_eq!(Registry::do_try_state(), Ok(()), "after {:?}", action);
            }
            Ok(())
        })?;
    }
}
