//! Random sequences of calls keep the invariants and every unit of the currency.

use frame_support::traits::{
    fungible::{Balanced, Inspect},
    Imbalance,
};
use lantern_primitives::traits::ProviderLedger;
use proptest::prelude::*;

use crate::mock::*;

#[derive(Clone, Debug)]
enum Action {
    Register {
        bond: Balance,
        seed: u8,
    },
    Metadata,
    BondMore(Balance),
    AddWorker(u8),
    RemoveWorker(u8),
    Unbond(Balance),
    Withdraw,
    Pause,
    Resume,
    Deregister,
    Lock(Balance),
    Unlock(Balance),
    /// Slash, and give the stake to another account or burn it.
    Slash {
        amount: Balance,
        burn: bool,
    },
    /// Let blocks pass.
    Wait(u64),
    /// Change the minimum bond.
    Govern(Balance),
}

/// Amounts around what the accounts have, and now and then absurd ones.
fn amount() -> impl Strategy<Value = Balance> {
    prop_oneof![
        4 => 0..3 * MIN_BOND,
        4 => 0..FUNDS,
        1 => Just(Balance::MAX),
        1 => Just(MIN_BOND),
    ]
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        4 => (amount(), 0..6u8).prop_map(|(bond, seed)| Action::Register { bond, seed }),
        1 => Just(Action::Metadata),
        3 => amount().prop_map(Action::BondMore),
        2 => (0..6u8).prop_map(Action::AddWorker),
        2 => (0..6u8).prop_map(Action::RemoveWorker),
        4 => amount().prop_map(Action::Unbond),
        3 => Just(Action::Withdraw),
        1 => Just(Action::Pause),
        2 => Just(Action::Resume),
        1 => Just(Action::Deregister),
        4 => amount().prop_map(Action::Lock),
        3 => amount().prop_map(Action::Unlock),
        2 => (amount(), any::<bool>()).prop_map(|(amount, burn)| Action::Slash { amount, burn }),
        3 => (1..DELAY).prop_map(Action::Wait),
        1 => (0..5 * MIN_BOND).prop_map(Action::Govern),
    ]
}

/// Does one action; failures are part of the sequence. Returns whether it succeeded and what it burned.
fn apply(who: AccountId, action: &Action) -> (bool, Balance) {
    let origin = signed(who);
    let result = match action.clone() {
        Action::Register { bond, seed } => Staking::register(origin, metadata("p"), bond, workers(who, &[seed])),
        Action::Metadata => Staking::update_metadata(origin, metadata("q")),
        Action::BondMore(amount) => Staking::bond_more(origin, amount),
        Action::AddWorker(seed) => Staking::add_worker(origin, worker(who, seed)),
        Action::RemoveWorker(seed) => Staking::remove_worker(origin, key(seed)),
        Action::Unbond(amount) => Staking::unbond(origin, amount),
        Action::Withdraw => Staking::withdraw_unbonded(origin),
        Action::Pause => Staking::pause(origin),
        Action::Resume => Staking::resume(origin),
        Action::Deregister => Staking::deregister(origin),
        Action::Lock(amount) => Staking::lock(&who, amount),
        Action::Unlock(amount) => Staking::unlock(&who, amount),
        Action::Slash { amount, burn } => return slash(who, amount, burn),
        Action::Wait(blocks) => {
            System::set_block_number(System::block_number() + blocks);
            Ok(())
        },
        Action::Govern(bond) => {
            MinBond::set(&bond);
            Ok(())
        },
    };
    (result.is_ok(), 0)
}

fn slash(who: AccountId, amount: Balance, burn: bool) -> (bool, Balance) {
    match Staking::slash_locked(&who, amount) {
        Ok(credit) if burn => (true, credit.peek()),
        Ok(credit) => (Balances::resolve(&CAROL, credit).is_ok(), 0),
        Err(_) => (false, 0),
    }
}

fn root() -> Vec<u8> {
    sp_io::storage::root(sp_runtime::StateVersion::V1)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn random_sequences_keep_invariants_and_issuance(
        actions in proptest::collection::vec((prop_oneof![Just(ALICE), Just(BOB), Just(CAROL)], action()), 1..80)
    ) {
        new_test_ext().execute_with(|| {
            let mut issuance = Balances::total_issuance();
            for (who, action) in actions {
                let before = root();
                let (succeeded, burned) = apply(who, &action);
                if !succeeded {
                    prop_assert_eq!(before, root(), "a failed {:?} changed the state", action);
                }
                issuance -= burned;
                prop_assert_eq!(Balances::total_issuance(), issuance, "after {:?}", action);
                let owned: Balance = [ALICE, BOB, CAROL].iter().map(Balances::total_balance).sum();
                prop_assert_eq!(owned, issuance, "an account lost or made currency by {:?}", action);
                prop_assert_eq!(Staking::do_try_state(), Ok(()), "after {:?}", action);
            }
            Ok(())
        })?;
    }
}
