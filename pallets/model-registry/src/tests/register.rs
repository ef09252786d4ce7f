use frame_support::{assert_noop, assert_ok};
use lantern_exact::{spec as bounds, BertSpec, Family, LlamaSpec, Pooling};
use lantern_primitives::{traits::ModelCatalog, ModelId, ModelSpec};
use sp_runtime::{
    traits::{BadOrigin, Zero},
    Permill, TokenError,
};

use crate::{mock::*, Error, Event, HoldReason, Models, MAX_PARENTS};

fn try_register(spec: ModelSpec) -> sp_runtime::DispatchResult {
    Registry::register(signed(ALICE), name("m"), spec, [1; 32], Permill::zero(), parents(&[]))
}

#[test]
fn a_model_is_stored_under_the_hash_of_what_it_is() {
    build_and_execute(|| {
        let royalty = MAX_ROYALTY;
        assert_ok!(Registry::register(
            signed(ALICE),
            name("tiny"),
            spec(),
            [1; 32],
            royalty,
            parents(&[])
        ));

        let model = ModelId::from(lantern_exact::model_id(&spec(), &[1; 32]));
        let record = Registry::model_record(model).expect("it was registered; qed");
        assert_eq!(record.name, name("tiny"));
        assert_eq!(record.weights_root, [1; 32]);
        let terms = <Registry as ModelCatalog<_, _>>::model(&model).expect("it was registered; qed");
        assert_eq!(
            (terms.spec, terms.owner, terms.royalty, terms.active),
            (spec(), ALICE, royalty, true)
        );
        assert_eq!(held(HoldReason::Deposit, ALICE), MODEL_DEPOSIT);
        assert_eq!(
            events(),
            [Event::Registered {
                model,
                owner: ALICE,
                royalty
            }]
        );
    });
}

#[test]
fn other_weights_or_another_shape_are_another_model() {
    build_and_execute(|| {
        register(ALICE, 1);
        register(ALICE, 2);
        assert_ok!(Registry::register(
            signed(BOB),
            name("wider"),
            ModelSpec {
                intermediate: 256,
                ..spec()
            },
            [1; 32],
            Permill::zero(),
            parents(&[])
        ));
        assert_eq!(Registry::model_count(), 3);
        assert_eq!(held(HoldReason::Deposit, ALICE), 2 * MODEL_DEPOSIT);
    });
}

#[test]
fn a_model_is_registered_once() {
    build_and_execute(|| {
        register(ALICE, 1);
        assert_noop!(
            Registry::register(
                signed(BOB),
                name("mine"),
                spec(),
                [1; 32],
                Permill::zero(),
                parents(&[])
            ),
            Error::<Test>::AlreadyRegistered
        );
    });
}

#[test]
fn lineage_is_kept() {
    build_and_execute(|| {
        let ancestors: Vec<_> = (1..=MAX_PARENTS as u8).map(|seed| register(ALICE, seed)).collect();
        assert_ok!(Registry::register(
            signed(BOB),
            name("merged"),
            spec(),
            [9; 32],
            Permill::zero(),
            parents(&ancestors)
        ));
        assert_eq!(
            Models::<Test>::get(id(9)).map(|record| record.parents.into_inner()),
            Some(ancestors)
        );
    });
}

#[test]
fn lineage_must_be_known_and_distinct() {
    build_and_execute(|| {
        let known = register(ALICE, 1);
        let register_with = |list: &[ModelId]| {
            Registry::register(signed(BOB), name("m"), spec(), [9; 32], Permill::zero(), parents(list))
        };
        assert_noop!(register_with(&[known, id(2)]), Error::<Test>::UnknownParent);
        assert_noop!(register_with(&[known, known]), Error::<Test>::DuplicateParent);
        // It cannot be its own parent, because it is not registered yet.
        assert_noop!(register_with(&[id(9)]), Error::<Test>::UnknownParent);
    });
}

#[test]
fn the_royalty_has_a_cap() {
    build_and_execute(|| {
        let over = Permill::from_parts(MAX_ROYALTY.deconstruct() + 1);
        assert_noop!(
            Registry::register(signed(ALICE), name("m"), spec(), [1; 32], over, parents(&[])),
            Error::<Test>::RoyaltyTooHigh
        );
    });
}

#[test]
fn invalid_specifications_are_refused_by_cause() {
    build_and_execute(|| {
        let bert = Family::Bert(BertSpec {
            pooling: Pooling::Mean,
            normalize: true,
        });
        let unrotated = Family::Llama(LlamaSpec {
            rope_base: 1,
            ..llama()
        });
        let cases = [
            (
                ModelSpec {
                    arithmetic: 0,
                    ..spec()
                },
                Error::<Test>::UnknownArithmetic,
            ),
            (ModelSpec { layers: 0, ..spec() }, Error::<Test>::ZeroDimension),
            (
                ModelSpec {
                    max_context: 0,
                    ..spec()
                },
                Error::<Test>::ZeroDimension,
            ),
            (
                ModelSpec {
                    hidden: bounds::MAX_INNER + 1,
                    ..spec()
                },
                Error::<Test>::DimensionTooLarge,
            ),
            (
                ModelSpec {
                    vocab: u32::MAX,
                    ..spec()
                },
                Error::<Test>::DimensionTooLarge,
            ),
            (ModelSpec { head_dim: 15, ..spec() }, Error::<Test>::OddHeadDim),
            (ModelSpec { kv_heads: 3, ..spec() }, Error::<Test>::HeadsMismatch),
            (ModelSpec { family: bert, ..spec() }, Error::<Test>::HeadsMismatch),
            (ModelSpec { norm_eps: 0, ..spec() }, Error::<Test>::NormEpsTooSmall),
            (
                ModelSpec {
                    family: unrotated,
                    ..spec()
                },
                Error::<Test>::BadRope,
            ),
        ];
        for (spec, error) in cases {
            assert_noop!(try_register(spec), error);
        }
        assert_eq!(Registry::model_count(), 0);
    });
}

#[test]
fn the_deposit_must_be_there() {
    build_and_execute(|| {
        ModelDeposit::set(&FUNDS);
        assert_noop!(try_register(spec()), TokenError::FundsUnavailable);
        ModelDeposit::set(&Zero::zero());
        assert_ok!(try_register(spec()));
        assert_eq!(spendable(ALICE), FUNDS);
    });
}

#[test]
fn every_call_needs_a_signed_origin() {
    build_and_execute(|| {
        let none = RuntimeOrigin::none;
        let root = RuntimeOrigin::root;
        let model = register(ALICE, 1);
        assert_noop!(
            Registry::register(none(), name("m"), spec(), [2; 32], Permill::zero(), parents(&[])),
            BadOrigin
        );
        assert_noop!(Registry::set_royalty(root(), model, Permill::zero()), BadOrigin);
        assert_noop!(Registry::transfer_ownership(root(), model, BOB), BadOrigin);
        assert_noop!(Registry::set_active(none(), model, false), BadOrigin);
        assert_noop!(Registry::post_price(none(), model, MIN_PRICE), BadOrigin);
        assert_noop!(Registry::withdraw_price(root(), model), BadOrigin);
    });
}
