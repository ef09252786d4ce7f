use frame_support::{assert_noop, assert_ok, traits::fungible::Mutate};
use lantern_exact::spec::{GenerateParams, Sampling, StopTokens};
use lantern_primitives::{
    content::{content_key, ContentRef},
    fee_for,
    job::JobState,
    JobParams, H256,
};
use sp_runtime::{Permill, TokenError};

use crate::{mock::*, Agenda, Error, Event, JobTotals, Jobs, OpenJobs};

fn generate() -> JobParams {
    JobParams::Generate(params())
}

#[test]
fn a_job_is_opened_and_its_fee_escrowed() {
    build_and_execute(|| {
        System::set_block_number(3);
        assert_ok!(submit(ALICE(), GENERATOR, input(), generate(), MAX_FEE, None));

        let job = Jobs::<Test>::get(0).unwrap();
        assert_eq!(job.requester, ALICE());
        assert_eq!(job.input, ContentRef::of(&input()));
        assert_eq!((job.prompt_tokens, job.max_fee, job.submitted_at), (4, MAX_FEE, 3));
        assert_eq!(job.state, JobState::Open { deadline: 23 });
        assert_eq!(held(&ALICE()), MAX_FEE);
        assert_eq!(free(&ALICE()), FUNDS - MAX_FEE);
        assert!(OpenJobs::<Test>::contains_key(0));
        assert!(Agenda::<Test>::contains_key(24, 0));
        assert_eq!(
            (JobTotals::<Test>::get().open, JobTotals::<Test>::get().escrowed),
            (1, MAX_FEE)
        );
        System::assert_last_event(
            Event::<Test>::JobSubmitted {
                job: 0,
                requester: ALICE(),
                model: GENERATOR,
                input: ContentRef::of(&input()),
                max_fee: MAX_FEE,
                only: None,
                deadline: 23,
            }
            .into(),
        );
        assert_eq!(JobEscrow::next_job_id(), 1);
        assert_ok!(submit(BOB(), GENERATOR, input(), generate(), MAX_FEE, Some(PROVIDER())));
        assert_eq!(Jobs::<Test>::get(1).unwrap().only, Some(PROVIDER()));
    });
}

#[test]
fn the_input_reaches_the_offchain_database() {
    let mut ext = new_test_ext();
    ext.execute_with(|| {
        submitted();
    });
    ext.persist_offchain_overlay();
    let key = content_key(&ContentRef::of(&input()).hash);
    assert_eq!(ext.offchain_db().get(&key), Some(input()));
}

#[test]
fn a_refused_input_does_not_reach_the_offchain_database() {
    let mut ext = new_test_ext();
    ext.execute_with(|| {
        assert!(submit(ALICE(), GENERATOR, input(), generate(), 1, None).is_err());
    });
    ext.persist_offchain_overlay();
    assert_eq!(
        ext.offchain_db().get(&content_key(&ContentRef::of(&input()).hash)),
        None
    );
}

#[test]
fn terms_are_frozen_at_submission() {
    build_and_execute(|| {
        let id = submitted();
        let before = Jobs::<Test>::get(id).unwrap().terms;
        assert_eq!(before.royalty, Permill::from_percent(5));
        assert_eq!(
            (before.execution_blocks, before.challenge_window, before.bond_percent),
            (10, 5, 200)
        );
        ExecutionBlocks::set(&99);
        Window::set(&99);
        BondPercent::set(&99);
        MissPenalty::set(&Permill::from_percent(99));
        ProtocolFee::set(&Permill::from_percent(99));
        BurnShare::set(&Permill::from_percent(99));
        AuditShare::set(&Permill::from_percent(99));
        assert_eq!(Jobs::<Test>::get(id).unwrap().terms, before);
        let next = submitted();
        assert_eq!(Jobs::<Test>::get(next).unwrap().terms.execution_blocks, 99);
    });
}

#[test]
fn an_embedding_job_is_accepted() {
    build_and_execute(|| {
        assert_ok!(submit(ALICE(), EMBEDDER, input(), JobParams::Embed, MAX_FEE, None));
    });
}

#[test]
fn input_over_32_kib_is_refused() {
    build_and_execute(|| {
        let rich = 1_000_000 * FUNDS;
        Balances::set_balance(&ALICE(), rich);
        let most = vec![0u8; 32 * 1024];
        assert_ok!(submit(ALICE(), GENERATOR, most, generate(), rich / 4, None));
        let more = vec![0u8; 32 * 1024 + 4];
        assert_noop!(
            submit(ALICE(), GENERATOR, more, generate(), rich / 4, None),
            Error::<Test>::InputTooLarge
        );
    });
}

#[test]
fn an_input_with_another_hash_is_refused() {
    build_and_execute(|| {
        assert_noop!(
            JobEscrow::submit_job(
                RuntimeOrigin::signed(ALICE()),
                GENERATOR,
                input(),
                H256::zero(),
                generate(),
                MAX_FEE,
                None
            ),
            Error::<Test>::InputHashMismatch
        );
    });
}

#[test]
fn unknown_and_retired_models_are_refused() {
    build_and_execute(|| {
        assert_noop!(
            submit(ALICE(), H256::repeat_byte(77), input(), generate(), MAX_FEE, None),
            Error::<Test>::UnknownModel
        );
        assert_noop!(
            submit(ALICE(), RETIRED, input(), generate(), MAX_FEE, None),
            Error::<Test>::InactiveModel
        );
    });
}

#[test]
fn inputs_that_are_not_tokens_of_the_model_are_refused() {
    build_and_execute(|| {
        let cases = [
            (vec![], Error::<Test>::EmptyInput),
            (vec![1, 0, 0], Error::<Test>::MisalignedInput),
            (tokens(&[1, 256]), Error::<Test>::UnknownInputToken),
            (vec![0xff; 8], Error::<Test>::UnknownInputToken),
        ];
        for (input, error) in cases {
            assert_noop!(submit(ALICE(), GENERATOR, input, generate(), MAX_FEE, None), error);
        }
    });
}

#[test]
fn bad_parameters_are_refused_each_by_name() {
    build_and_execute(|| {
        let seeded = |temperature, top_k, top_p| GenerateParams {
            sampling: Sampling::Seeded {
                temperature,
                top_k,
                top_p,
                seed: [0; 32],
            },
            ..params()
        };
        let limit = |max_new_tokens| GenerateParams {
            max_new_tokens,
            ..params()
        };
        let one = 1 << 16;
        let cases = [
            (limit(0), Error::<Test>::ZeroTokens),
            (limit(u32::MAX), Error::<Test>::ContextExceeded),
            (limit(16_384), Error::<Test>::ContextExceeded),
            (limit(8_193), Error::<Test>::OutputTooLarge),
            (seeded(0, 0, one), Error::<Test>::BadTemperature),
            (seeded(one, 257, one), Error::<Test>::BadTopK),
            (seeded(one, 0, 0), Error::<Test>::BadTopP),
            (seeded(one, 0, one + 1), Error::<Test>::BadTopP),
            (
                GenerateParams {
                    stop: StopTokens::new(&[256]).unwrap(),
                    ..params()
                },
                Error::<Test>::UnknownStopToken,
            ),
        ];
        for (params, error) in cases {
            assert_noop!(
                submit(
                    ALICE(),
                    GENERATOR,
                    input(),
                    JobParams::Generate(params),
                    FUNDS / 2,
                    None
                ),
                error
            );
        }
        assert_noop!(
            submit(ALICE(), GENERATOR, input(), JobParams::Embed, MAX_FEE, None),
            Error::<Test>::WrongJobKind
        );
        assert_noop!(
            submit(ALICE(), EMBEDDER, input(), generate(), MAX_FEE, None),
            Error::<Test>::WrongJobKind
        );
    });
}

#[test]
fn a_fee_under_the_quote_is_refused() {
    build_and_execute(|| {
        let lowest = fee_for(units(8), PRICE / 2);
        let posted = fee_for(units(8), PRICE);
        assert!(lowest > 1_000, "the quote must mean something");
        assert_noop!(
            submit(ALICE(), GENERATOR, input(), generate(), lowest - 1, None),
            Error::<Test>::FeeBelowQuote
        );
        assert_ok!(submit(ALICE(), GENERATOR, input(), generate(), lowest, None));
        assert_noop!(
            submit(ALICE(), GENERATOR, input(), generate(), posted - 1, Some(PROVIDER())),
            Error::<Test>::FeeBelowQuote
        );
        assert_ok!(submit(
            ALICE(),
            GENERATOR,
            input(),
            generate(),
            posted,
            Some(PROVIDER())
        ));
    });
}

#[test]
fn a_named_provider_must_be_able_to_serve() {
    build_and_execute(|| {
        assert_noop!(
            submit(ALICE(), GENERATOR, input(), generate(), MAX_FEE, Some(BOB())),
            Error::<Test>::ProviderNotActive
        );
        MockProviders::register(&BOB(), 1, &[]);
        assert_noop!(
            submit(ALICE(), GENERATOR, input(), generate(), MAX_FEE, Some(BOB())),
            Error::<Test>::NoPrice
        );
        MockProviders::set_active(&PROVIDER(), false);
        assert_noop!(
            submit(ALICE(), GENERATOR, input(), generate(), MAX_FEE, Some(PROVIDER())),
            Error::<Test>::ProviderNotActive
        );
    });
}

#[test]
fn escrow_that_the_requester_does_not_have_is_refused() {
    build_and_execute(|| {
        assert_noop!(
            submit(ALICE(), GENERATOR, input(), generate(), FUNDS, None),
            TokenError::FundsUnavailable
        );
        assert_noop!(
            submit(ALICE(), GENERATOR, input(), generate(), u128::MAX, None),
            TokenError::FundsUnavailable
        );
        assert_noop!(
            submit(account(99), GENERATOR, input(), generate(), MAX_FEE, None),
            TokenError::FundsUnavailable
        );
    });
}

#[test]
fn only_accounts_submit() {
    build_and_execute(|| {
        let hash = ContentRef::of(&input()).hash;
        for origin in [RuntimeOrigin::none(), RuntimeOrigin::root(), authorized()] {
            assert_noop!(
                JobEscrow::submit_job(origin, GENERATOR, input(), hash, generate(), MAX_FEE, None),
                sp_runtime::DispatchError::BadOrigin
            );
        }
    });
}
