use codec::Encode;
use lantern_primitives::traits::ModelCatalog;
use sp_runtime::Permill;

use crate::{mock::*, GenesisConfig, GenesisModel, HoldReason};

fn model(spec: Vec<u8>) -> GenesisModel<AccountId> {
    GenesisModel {
        owner: ALICE,
        name: "tiny".into(),
        spec: spec.into(),
        weights_root: [1; 32].into(),
        royalty: Permill::from_percent(5),
    }
}

#[test]
fn genesis_models_and_prices_are_there() {
    let config = GenesisConfig {
        models: vec![model(spec().encode())],
        prices: vec![(PETER, id(1), MIN_PRICE)],
    };
    ext_with(config).execute_with(|| {
        let record = Registry::model_record(id(1)).expect("it is in the genesis; qed");
        assert_eq!((record.owner, record.spec), (ALICE, spec()));
        assert_eq!(held(HoldReason::Deposit, ALICE), MODEL_DEPOSIT);
        assert_eq!(Registry::price(&PETER, &id(1)), Some(MIN_PRICE));
        Registry::do_try_state().expect("the genesis keeps the invariants; qed");
    });
}

#[test]
#[should_panic(expected = "a genesis model must be valid")]
fn genesis_refuses_a_specification_with_trailing_bytes() {
    let mut bytes = spec().encode();
    bytes.push(0);
    ext_with(GenesisConfig {
        models: vec![model(bytes)],
        prices: vec![],
    });
}

#[test]
#[should_panic(expected = "a genesis price needs an active provider")]
fn genesis_refuses_a_price_of_a_stranger() {
    ext_with(GenesisConfig {
        models: vec![model(spec().encode())],
        prices: vec![(BOB, id(1), MIN_PRICE)],
    });
}
