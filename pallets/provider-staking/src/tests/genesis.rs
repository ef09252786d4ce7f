use lantern_primitives::traits::ProviderLedger;

use crate::{mock::*, GenesisConfig};

fn config(bond: Balance) -> GenesisConfig<Test> {
    GenesisConfig {
        providers: vec![(ALICE, "first".into(), bond, vec![key(1), key(2)])],
    }
}

#[test]
fn genesis_providers_are_bonded_and_active() {
    ext_with(config(MIN_BOND)).execute_with(|| {
        assert!(Staking::is_active(&ALICE));
        assert_eq!(held(ALICE), MIN_BOND);
        assert_eq!(Staking::provider_of(&key(2)), Some(ALICE));
        assert_eq!(
            Staking::provider(&ALICE).map(|view| view.metadata),
            Some(b"first".to_vec())
        );
        Staking::do_try_state().expect("the genesis keeps the invariants; qed");
    });
}

#[test]
#[should_panic(expected = "a genesis provider must be valid and funded")]
fn genesis_refuses_a_bond_under_the_minimum() {
    ext_with(config(MIN_BOND - 1));
}
