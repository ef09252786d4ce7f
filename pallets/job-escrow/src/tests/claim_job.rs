use frame_support::{assert_noop, assert_ok};
use lantern_primitives::{
    content::ContentRef,
    crypto::{WorkerId, WorkerSignature},
    fee_for,
    job::JobState,
    JobId, JobParams,
};
use sp_runtime::DispatchError;

use crate::{mock::*, Assigned, Call, Error, Event, JobTotals, Jobs, OpenJobs};

#[test]
fn a_claim_locks_the_bond_and_assigns_the_job() {
    build_and_execute(|| {
        let id = submitted();
        System::set_block_number(5);
        assert_ok!(claim(id, &worker("one")));
        let bond = 2 * fee_for(units(8), PRICE);
        assert_eq!(MockProviders::locked(&PROVIDER()), bond);
        assert_eq!(
            Jobs::<Test>::get(id).unwrap().state,
            JobState::Claimed {
                provider: PROVIDER(),
                price: PRICE,
                bond,
                claimed_at: 5,
                deadline: 15
            }
        );
        assert!(!OpenJobs::<Test>::contains_key(id));
        assert!(Assigned::<Test>::contains_key(PROVIDER(), id));
        assert_eq!(
            (JobTotals::<Test>::get().open, JobTotals::<Test>::get().in_flight),
            (0, 1)
        );
        System::assert_last_event(
            Event::<Test>::JobClaimed {
                job: id,
                provider: PROVIDER(),
                price: PRICE,
                bond,
                deadline: 15,
            }
            .into(),
        );
    });
}

#[test]
fn a_job_is_claimed_once() {
    build_and_execute(|| {
        let id = submitted();
        assert_ok!(claim(id, &worker("one")));
        assert_noop!(claim(id, &worker("two")), Error::<Test>::JobNotOpen);
        assert_noop!(claim(id, &worker("one")), Error::<Test>::JobNotOpen);
        assert_noop!(claim(id + 1, &worker("one")), Error::<Test>::UnknownJob);
    });
}

#[test]
fn a_claim_after_the_deadline_is_refused() {
    build_and_execute(|| {
        let id = submitted();
        System::set_block_number(22);
        assert_noop!(claim(id, &worker("one")), Error::<Test>::DeadlinePassed);
        System::set_block_number(21);
        assert_ok!(claim(id, &worker("one")));
    });
}

#[test]
fn a_claim_without_free_stake_is_refused() {
    build_and_execute(|| {
        let bond = 2 * fee_for(units(8), PRICE);
        MockProviders::register(&PROVIDER(), 2 * bond - 1, &[]);
        assert_ok!(claim(submitted(), &worker("one")));
        // The rest is one unit short: stake in flight does not count twice.
        let id = submitted();
        assert_noop!(claim(id, &worker("one")), Error::<Test>::InsufficientFreeStake);
        assert_ok!(claim(id, &worker("two")));
    });
}

#[test]
fn only_registered_keys_of_active_providers_claim() {
    build_and_execute(|| {
        let id = submitted();
        assert_noop!(claim(id, &worker("stranger")), Error::<Test>::UnknownWorkerKey);
        MockProviders::set_active(&PROVIDER(), false);
        assert_noop!(claim(id, &worker("one")), Error::<Test>::ProviderNotActive);
        MockProviders::revoke(&worker("two"));
        assert_noop!(claim(id, &worker("two")), Error::<Test>::UnknownWorkerKey);
    });
}

fn claim_by(job: JobId, worker: &WorkerId, signature: WorkerSignature) -> Call<Test> {
    Call::claim_job {
        job,
        worker: worker.clone(),
        signature,
    }
}

#[test]
fn a_claim_needs_the_keys_signature_over_this_job() {
    build_and_execute(|| {
        let (first, second) = (submitted(), submitted());
        let one = worker("one");
        let cases = [claim_signature(first, &one), claim_signature(second, &worker("two"))];
        for signature in cases {
            assert_noop!(
                authorise_and_dispatch(claim_by(second, &one, signature)),
                Error::<Test>::BadSignature
            );
        }
    });
}

/// What a reorganisation does: the id now stands for another job than the one that the provider saw.
#[test]
fn a_signature_for_the_job_that_had_this_id_on_another_fork_is_refused() {
    build_and_execute(|| {
        let id = submitted();
        let signature = claim_signature(id, &worker("one"));
        let seen = Jobs::<Test>::get(id).unwrap();
        let other_input = ContentRef::of(b"other");
        Jobs::<Test>::mutate(id, |job| job.as_mut().unwrap().input = other_input);
        assert_noop!(
            authorise_and_dispatch(claim_by(id, &worker("one"), signature.clone())),
            Error::<Test>::BadSignature
        );
        Jobs::<Test>::insert(id, seen);
        assert_ok!(authorise_and_dispatch(claim_by(id, &worker("one"), signature)));
    });
}

#[test]
fn a_signature_for_another_chain_is_refused() {
    build_and_execute(|| {
        let id = submitted();
        let signature = claim_signature(id, &worker("one"));
        frame_system::BlockHash::<Test>::insert(0, sp_core::H256::repeat_byte(1));
        assert_noop!(
            authorise_and_dispatch(claim_by(id, &worker("one"), signature)),
            Error::<Test>::BadSignature
        );
    });
}

#[test]
fn a_job_for_a_named_provider_is_not_for_others() {
    build_and_execute(|| {
        assert_ok!(submit(
            ALICE(),
            GENERATOR,
            input(),
            JobParams::Generate(params()),
            MAX_FEE,
            Some(RIVAL())
        ));
        assert_noop!(claim(0, &worker("one")), Error::<Test>::NotForThisProvider);
        assert_ok!(claim(0, &worker("two")));
    });
}

#[test]
fn a_claim_needs_a_price_within_the_escrow() {
    build_and_execute(|| {
        let cheap = fee_for(units(8), PRICE) - 1;
        assert_ok!(submit(
            ALICE(),
            GENERATOR,
            input(),
            JobParams::Generate(params()),
            cheap,
            None
        ));
        assert_noop!(claim(0, &worker("one")), Error::<Test>::FeeAboveMax);
        // A price at which the product overflows is over every escrow.
        MockModels::post(&PROVIDER(), GENERATOR, u128::MAX);
        assert_noop!(claim(0, &worker("one")), Error::<Test>::FeeAboveMax);
        MockModels::post(&PROVIDER(), GENERATOR, PRICE - PRICE / 100);
        assert_ok!(claim(0, &worker("one")));

        MockModels::register(sp_core::H256::repeat_byte(8), &OWNER());
        let unpriced = sp_core::H256::repeat_byte(8);
        assert_ok!(submit(
            ALICE(),
            unpriced,
            input(),
            JobParams::Generate(params()),
            MAX_FEE,
            None
        ));
        assert_noop!(claim(1, &worker("one")), Error::<Test>::NoPrice);
    });
}

#[test]
fn the_price_is_the_one_at_the_claim() {
    build_and_execute(|| {
        let id = submitted();
        assert_ok!(claim(id, &worker("one")));
        MockModels::post(&PROVIDER(), GENERATOR, PRICE / 4);
        assert_ok!(commit(id, &worker("one"), commitment(&output(), 8), output()));
        let JobState::Committed { fee, .. } = Jobs::<Test>::get(id).unwrap().state else {
            panic!("the job is committed");
        };
        assert_eq!(fee, fee_for(units(8), PRICE));
    });
}

#[test]
fn a_claim_must_be_authorised() {
    build_and_execute(|| {
        let id = submitted();
        for origin in [
            RuntimeOrigin::signed(PROVIDER()),
            RuntimeOrigin::none(),
            RuntimeOrigin::root(),
        ] {
            assert_noop!(
                JobEscrow::claim_job(origin, id, worker("one"), claim_signature(id, &worker("one"))),
                DispatchError::BadOrigin
            );
        }
    });
}
