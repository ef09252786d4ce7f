use frame_support::{assert_noop, assert_ok};
use lantern_primitives::{
    content::{content_key, ContentRef},
    crypto::{WorkerId, WorkerSignature},
    fee_for,
    job::{JobState, ResultCommitment},
    JobId, JobParams, Usage,
};
use sp_runtime::{DispatchError, DispatchResult};

use crate::{mock::*, Agenda, Assigned, Call, Error, Event, JobTotals, Jobs};

fn claimed() -> JobId {
    let id = submitted();
    assert_ok!(claim(id, &worker("one")));
    id
}

#[test]
fn a_result_is_committed_and_its_window_opens() {
    build_and_execute(|| {
        let id = claimed();
        System::set_block_number(6);
        let commitment = commitment(&output(), 8);
        assert_ok!(commit(id, &worker("one"), commitment, output()));
        let fee = fee_for(units(8), PRICE);
        assert_eq!(
            Jobs::<Test>::get(id).unwrap().state,
            JobState::Committed {
                provider: PROVIDER(),
                fee,
                bond: 2 * fee,
                claimed_at: 1,
                committed_at: 6,
                window_ends: 11,
                commitment,
                units: units(8),
            }
        );
        assert_eq!(MockVerification::window_of(id), Some(11));
        assert!(Assigned::<Test>::contains_key(PROVIDER(), id));
        assert!(Agenda::<Test>::contains_key(12, id));
        assert!(!Agenda::<Test>::contains_key(12 - 1, id));
        assert_eq!(JobTotals::<Test>::get().in_flight, 1);
        System::assert_last_event(
            Event::<Test>::ResultCommitted {
                job: id,
                provider: PROVIDER(),
                commitment,
                fee,
                units: units(8),
                window_ends: 11,
            }
            .into(),
        );
    });
}

#[test]
fn the_output_reaches_the_offchain_database() {
    let mut ext = new_test_ext();
    ext.execute_with(|| {
        committed();
    });
    ext.persist_offchain_overlay();
    assert_eq!(
        ext.offchain_db().get(&content_key(&ContentRef::of(&output()).hash)),
        Some(output())
    );
}

#[test]
fn a_shorter_output_costs_less() {
    build_and_execute(|| {
        let id = claimed();
        let short = tokens(&[1, 2, 7]);
        assert_ok!(commit(id, &worker("one"), commitment(&short, 3), short));
        let JobState::Committed { fee, units: done, .. } = Jobs::<Test>::get(id).unwrap().state else {
            panic!("the job is committed");
        };
        assert_eq!((fee, done), (fee_for(units(3), PRICE), units(3)));
        assert!(fee < fee_for(units(8), PRICE));
    });
}

#[test]
fn an_embedding_is_committed() {
    build_and_execute(|| {
        assert_ok!(submit(ALICE(), EMBEDDER, input(), JobParams::Embed, MAX_FEE, None));
        assert_ok!(claim(0, &worker("one")));
        let row = vec![3u8; 64 * 4];
        for (bytes, output_tokens) in [(row.clone(), 1), (row[4..].to_vec(), 0), (vec![], 0)] {
            assert_noop!(
                commit(0, &worker("one"), commitment(&bytes, output_tokens), bytes),
                Error::<Test>::ImpossibleUsage
            );
        }
        assert_ok!(commit(0, &worker("one"), commitment(&row, 0), row));
    });
}

#[test]
fn any_worker_key_of_the_provider_will_do() {
    build_and_execute(|| {
        let id = claimed();
        let spare = worker("spare");
        MockProviders::register(&PROVIDER(), STAKE_EACH, core::slice::from_ref(&spare));
        crate::mock::MockProviders::revoke(&worker("one"));
        // Registration anew forgot the lock, so lock again what the claim locked.
        let bond = 2 * fee_for(units(8), PRICE);
        assert_ok!(<MockProviders as lantern_primitives::traits::ProviderLedger<_, _>>::lock(&PROVIDER(), bond));
        assert_ok!(commit(id, &spare, commitment(&output(), 8), output()));
    });
}

#[test]
fn a_result_for_anothers_job_is_refused() {
    build_and_execute(|| {
        let id = claimed();
        assert_noop!(
            commit(id, &worker("two"), commitment(&output(), 8), output()),
            Error::<Test>::NotAssigned
        );
        let open = submitted();
        assert_noop!(
            commit(open, &worker("one"), commitment(&output(), 8), output()),
            Error::<Test>::JobNotClaimed
        );
        assert_noop!(
            commit(99, &worker("one"), commitment(&output(), 8), output()),
            Error::<Test>::UnknownJob
        );
    });
}

#[test]
fn a_result_is_committed_once() {
    build_and_execute(|| {
        let id = committed();
        let again = || commit(id, &worker("one"), commitment(&output(), 8), output());
        assert_noop!(again(), Error::<Test>::AlreadyCommitted);
        run_to(8);
        assert!(matches!(Jobs::<Test>::get(id).unwrap().state, JobState::Settled { .. }));
        assert_noop!(again(), Error::<Test>::AlreadyCommitted);
    });
}

#[test]
fn a_late_result_is_refused() {
    build_and_execute(|| {
        let id = claimed();
        let late = || commit(id, &worker("one"), commitment(&output(), 8), output());
        System::set_block_number(12);
        assert_noop!(late(), Error::<Test>::DeadlinePassed);
        // The same after the sweep has expired the job.
        JobEscrow::sweep(12, &mut frame_support::weights::WeightMeter::new());
        assert!(matches!(Jobs::<Test>::get(id).unwrap().state, JobState::Expired { .. }));
        assert_noop!(late(), Error::<Test>::DeadlinePassed);
    });
}

#[test]
fn a_result_at_the_deadline_is_in_time() {
    build_and_execute(|| {
        let id = claimed();
        run_to(11);
        assert_ok!(commit(id, &worker("one"), commitment(&output(), 8), output()));
    });
}

#[test]
fn a_revoked_worker_key_is_refused() {
    build_and_execute(|| {
        let id = claimed();
        MockProviders::revoke(&worker("one"));
        assert_noop!(
            commit(id, &worker("one"), commitment(&output(), 8), output()),
            Error::<Test>::UnknownWorkerKey
        );
    });
}

#[test]
fn impossible_usage_is_refused() {
    build_and_execute(|| {
        let id = claimed();
        let cases: [(Vec<u8>, u32, &str); 9] = [
            (output(), 7, "usage shorter than the output"),
            (output(), 9, "usage longer than the output"),
            (vec![], 0, "no output at all"),
            (tokens(&[1, 2, 3, 4, 5, 6, 8, 9, 1]), 9, "over the limit"),
            (tokens(&[1, 2, 3]), 3, "ends early without a stop token"),
            (tokens(&[1, 7, 3, 4, 5, 6, 8, 9]), 8, "goes on after a stop token"),
            (tokens(&[1, 2, 3, 4, 5, 6, 8, 256]), 8, "a token outside the vocabulary"),
            (output()[..31].to_vec(), 8, "not whole tokens"),
            (output(), u32::MAX, "a length that overflows"),
        ];
        for (bytes, output_tokens, why) in cases {
            let result = frame_support::storage::with_storage_layer(|| {
                commit(id, &worker("one"), commitment(&bytes, output_tokens), bytes)
            });
            assert_eq!(result, Err(Error::<Test>::ImpossibleUsage.into()), "{why}");
        }
        let mut wrong_prompt = commitment(&output(), 8);
        wrong_prompt.usage = Usage {
            prompt_tokens: 5,
            output_tokens: 8,
        };
        assert_noop!(
            commit(id, &worker("one"), wrong_prompt, output()),
            Error::<Test>::ImpossibleUsage
        );
    });
}

fn result_by(
    job: JobId,
    worker: &WorkerId,
    commitment: ResultCommitment,
    output: Vec<u8>,
    signature: WorkerSignature,
) -> Call<Test> {
    Call::submit_result {
        job,
        worker: worker.clone(),
        commitment,
        output,
        signature,
    }
}

fn commit_authorised(job: JobId, worker: &WorkerId, commitment: ResultCommitment, output: Vec<u8>) -> DispatchResult {
    let signature = result_signature(job, worker, &commitment);
    authorise_and_dispatch(result_by(job, worker, commitment, output, signature))
}

#[test]
fn an_output_that_is_not_the_committed_one_is_refused() {
    build_and_execute(|| {
        let id = claimed();
        let other = tokens(&[9, 2, 3, 4, 5, 6, 8, 9]);
        assert_noop!(
            commit_authorised(id, &worker("one"), commitment(&other, 8), output()),
            Error::<Test>::OutputMismatch
        );
        let mut wrong_length = commitment(&output(), 8);
        wrong_length.output.len += 1;
        assert_noop!(
            commit_authorised(id, &worker("one"), wrong_length, output()),
            Error::<Test>::OutputMismatch
        );
        assert_noop!(
            commit_authorised(id, &worker("one"), commitment(&output(), 8), vec![0; 32 * 1024 + 1]),
            Error::<Test>::OutputTooLarge
        );
    });
}

#[test]
fn a_result_needs_the_keys_signature_over_this_commitment() {
    build_and_execute(|| {
        let id = claimed();
        let real = commitment(&output(), 8);
        let mut other = real;
        other.trace_root = sp_core::H256::zero();
        let one = worker("one");
        let cases = [
            result_signature(id, &one, &other),
            result_signature(id + 1, &one, &real),
            result_signature(id, &worker("two"), &real),
            claim_signature(id, &one),
        ];
        for signature in cases {
            assert_noop!(
                authorise_and_dispatch(result_by(id, &one, real, output(), signature)),
                Error::<Test>::BadSignature
            );
        }
    });
}

#[test]
fn a_result_for_the_job_that_had_this_id_on_another_fork_is_refused() {
    build_and_execute(|| {
        let id = claimed();
        let real = commitment(&output(), 8);
        let signature = result_signature(id, &worker("one"), &real);
        let seen = Jobs::<Test>::get(id).unwrap();
        let other_input = ContentRef::of(b"other");
        Jobs::<Test>::mutate(id, |job| job.as_mut().unwrap().input = other_input);
        let submit = |signature| authorise_and_dispatch(result_by(id, &worker("one"), real, output(), signature));
        assert_noop!(submit(signature.clone()), Error::<Test>::BadSignature);
        Jobs::<Test>::insert(id, seen);
        assert_ok!(submit(signature));
    });
}

#[test]
fn a_result_must_be_authorised() {
    build_and_execute(|| {
        let id = claimed();
        let commitment = commitment(&output(), 8);
        let signature = result_signature(id, &worker("one"), &commitment);
        for origin in [
            RuntimeOrigin::signed(PROVIDER()),
            RuntimeOrigin::none(),
            RuntimeOrigin::root(),
        ] {
            assert_noop!(
                JobEscrow::submit_result(origin, id, worker("one"), commitment, output(), signature.clone()),
                DispatchError::BadOrigin
            );
        }
    });
}

#[test]
fn work_in_flight_goes_on_while_the_provider_pauses() {
    build_and_execute(|| {
        let id = claimed();
        MockProviders::set_active(&PROVIDER(), false);
        assert_ok!(commit(id, &worker("one"), commitment(&output(), 8), output()));
    });
}
