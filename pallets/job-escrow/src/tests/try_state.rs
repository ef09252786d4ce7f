//! Each invariant is really checked: breaking it makes `try_state` fail.

use frame_support::traits::{fungible::MutateHold, Hooks};
use lantern_primitives::job::JobState;

use crate::{
    mock::*, Agenda, Assigned, HoldReason, JobTotals, Jobs, NextJobId, OldestJob, OpenJobs, Requested, SweptTo,
};

/// Runs `breakage` over one open job, one in flight and one settled, and expects `message`.
fn breaks(message: &'static str, breakage: impl FnOnce()) {
    new_test_ext().execute_with(|| {
        committed();
        run_to(8);
        committed();
        submitted();
        JobEscrow::do_try_state().unwrap();
        breakage();
        assert_eq!(
            JobEscrow::do_try_state(),
            Err(sp_runtime::TryRuntimeError::Other(message))
        );
    });
}

#[test]
fn every_broken_invariant_is_seen() {
    breaks("the escrow on hold is not the sum of the live jobs", || {
        Balances::hold(&HoldReason::Escrow.into(), &BOB(), 1).unwrap();
    });
    breaks("the sum of escrow is wrong", || {
        JobTotals::<Test>::mutate(|totals| totals.escrowed += 1)
    });
    breaks("the number of open jobs is wrong", || {
        JobTotals::<Test>::mutate(|totals| totals.open += 1)
    });
    breaks("the number of jobs in flight is wrong", || {
        JobTotals::<Test>::mutate(|totals| totals.in_flight += 1)
    });
    breaks("the index of open jobs is wrong", || OpenJobs::<Test>::remove(2));
    breaks("the index of open jobs is wrong", || OpenJobs::<Test>::insert(0, ()));
    breaks("the index of open jobs has too many", || {
        OpenJobs::<Test>::insert(99, ())
    });
    breaks("a job in flight is not in its provider's index", || {
        Assigned::<Test>::remove(PROVIDER(), 1)
    });
    breaks("the provider index has too many", || {
        Assigned::<Test>::insert(RIVAL(), 1, ())
    });
    breaks("a job is not in its requester's index", || {
        Requested::<Test>::remove(ALICE(), 1u64.to_be_bytes())
    });
    breaks("a job is in another requester's index", || {
        Requested::<Test>::insert(BOB(), 1u64.to_be_bytes(), ())
    });
    breaks("the requester index has a job that does not exist", || {
        Requested::<Test>::insert(ALICE(), 99u64.to_be_bytes(), ())
    });
    breaks("a live job is not in the agenda when it is due", || {
        Agenda::<Test>::remove(29, 2)
    });
    breaks("a job is in the agenda twice", || Agenda::<Test>::insert(1_000, 2, ()));
    breaks("the agenda has a job that never was", || {
        Agenda::<Test>::insert(1_000, 99, ())
    });
    breaks("the sweep forgot a job", || SweptTo::<Test>::put(29));
    breaks("a job has an id that was never given", || NextJobId::<Test>::put(2));
    breaks("a job is older than the oldest", || OldestJob::<Test>::put(1));
    breaks("the parts of a fee do not sum to it", || {
        Jobs::<Test>::mutate(0, |job| {
            if let JobState::Settled { split, .. } = &mut job.as_mut().unwrap().state {
                split.provider += 1;
            }
        })
    });
    breaks("fee and refund do not sum to the escrow", || {
        Jobs::<Test>::mutate(0, |job| {
            if let JobState::Settled { refund, .. } = &mut job.as_mut().unwrap().state {
                *refund += 1;
            }
        })
    });
}

#[test]
fn the_sweep_keeps_a_block_open_until_it_is_done() {
    build_and_execute(|| {
        submitted();
        JobEscrow::on_idle(1, frame_support::weights::Weight::MAX);
        assert_eq!(SweptTo::<Test>::get(), 1);
    });
}
