use frame_support::{
    assert_ok,
    traits::Hooks,
    weights::{Weight, WeightMeter},
};
use lantern_primitives::{fee_for, job::JobState, JobId};

use crate::{mock::*, sweep::DEFERRAL_BLOCKS, Agenda, Event, JobTotals, Jobs, Requested, SweptTo, WeightInfo};

fn state(id: JobId) -> crate::StateOf<Test> {
    Jobs::<Test>::get(id).unwrap().state
}

#[test]
fn an_unclaimed_job_expires_with_a_full_refund() {
    build_and_execute(|| {
        let id = submitted();
        run_to(22);
        assert!(matches!(state(id), JobState::Open { .. }));
        run_to(23);
        assert_eq!(
            state(id),
            JobState::Expired {
                at: 22,
                provider: None,
                compensation: 0
            }
        );
        assert_eq!((free(&ALICE()), held(&ALICE())), (FUNDS, 0));
        System::assert_last_event(
            Event::<Test>::JobExpired {
                job: id,
                provider: None,
                refund: MAX_FEE,
                compensation: 0,
            }
            .into(),
        );
    });
}

#[test]
fn a_missed_deadline_refunds_and_compensates_the_requester() {
    build_and_execute(|| {
        let id = submitted();
        assert_ok!(claim(id, &worker("one")));
        let issuance = Balances::total_issuance();
        run_to(13);
        let bond = 2 * fee_for(units(8), PRICE);
        let compensation = bond / 10;
        assert_eq!(
            state(id),
            JobState::Expired {
                at: 12,
                provider: Some(PROVIDER()),
                compensation
            }
        );
        assert_eq!(free(&ALICE()), FUNDS + compensation);
        assert_eq!(MockProviders::locked(&PROVIDER()), 0);
        assert_eq!(MockProviders::bonded_sum(), 2 * STAKE_EACH - compensation);
        assert_eq!(Balances::total_issuance(), issuance);
        assert!(MockRewards::verified().is_empty());
    });
}

#[test]
fn a_commitment_settles_after_its_window() {
    build_and_execute(|| {
        let id = committed();
        run_to(7);
        assert!(matches!(state(id), JobState::Committed { .. }));
        run_to(8);
        assert!(matches!(state(id), JobState::Settled { settled_at: 7, .. }));
        assert_eq!(MockVerification::window_of(id), None);
    });
}

#[test]
fn a_job_under_verification_waits_and_then_settles() {
    build_and_execute(|| {
        let id = committed();
        MaySettle::set(&false);
        run_to(8);
        let JobState::Committed { window_ends, .. } = state(id) else {
            panic!("the job waits");
        };
        assert_eq!(window_ends, 7 + DEFERRAL_BLOCKS);
        System::assert_last_event(
            Event::<Test>::SettlementDeferred {
                job: id,
                provider: PROVIDER(),
                window_ends,
            }
            .into(),
        );
        check_invariants();
        MaySettle::set(&true);
        run_to(window_ends + 2);
        assert!(matches!(state(id), JobState::Settled { .. }));
    });
}

#[test]
fn finished_jobs_are_forgotten_after_their_retention() {
    build_and_execute(|| {
        let (first, second) = (submitted(), submitted());
        assert_ok!(JobEscrow::cancel_job(RuntimeOrigin::signed(ALICE()), second));
        // Cancelled in block 1: its retention is over at the end of block 51, but it waits for the one before it.
        run_to(52);
        assert!(Jobs::<Test>::contains_key(second));
        // Expired in block 22, removed at the end of block 72.
        run_to(72);
        assert!(Jobs::<Test>::contains_key(first));
        assert_eq!(JobEscrow::oldest_job(), first);
        run_to(73);
        assert!(!Jobs::<Test>::contains_key(first) && !Jobs::<Test>::contains_key(second));
        assert_eq!(JobEscrow::oldest_job(), 2);
        assert_eq!(Agenda::<Test>::iter().count(), 0);
        assert_eq!(JobTotals::<Test>::get(), Default::default());
        assert_eq!(submitted(), 2, "ids are never reused");
    });
}

#[test]
fn a_live_job_keeps_those_after_it() {
    build_and_execute(|| {
        let live = submitted();
        for _ in 0..3 {
            let id = submitted();
            assert_ok!(JobEscrow::cancel_job(RuntimeOrigin::signed(ALICE()), id));
        }
        Retention::set(&1);
        run_to(20);
        assert_eq!((JobEscrow::oldest_job(), Jobs::<Test>::iter().count()), (live, 4));
        // It expires in block 22; a block later its retention is over.
        run_to(25);
        assert_eq!((JobEscrow::oldest_job(), Jobs::<Test>::iter().count()), (4, 0));
    });
}

/// Version 1 had finished jobs in the agenda, and removed them in the order in which they ended.
#[test]
fn what_version_1_left_does_no_harm() {
    build_and_execute(|| {
        let (first, removed, last) = (submitted(), submitted(), submitted());
        for id in [first, removed, last] {
            assert_ok!(JobEscrow::cancel_job(RuntimeOrigin::signed(ALICE()), id));
            Agenda::<Test>::insert(51, id, ());
        }
        Jobs::<Test>::remove(removed);
        Requested::<Test>::remove(ALICE(), removed.to_be_bytes());
        Agenda::<Test>::insert(40, removed, ());
        check_invariants();
        run_to(41);
        assert!(!Agenda::<Test>::contains_key(40, removed));
        assert_eq!(free(&ALICE()), FUNDS);
        run_to(52);
        assert_eq!((Agenda::<Test>::iter().count(), Jobs::<Test>::iter().count()), (0, 0));
        assert_eq!(JobEscrow::oldest_job(), 3);
    });
}

#[test]
fn forgetting_stays_within_its_weight() {
    build_and_execute(|| {
        for _ in 0..5 {
            let id = submitted();
            assert_ok!(JobEscrow::cancel_job(RuntimeOrigin::signed(ALICE()), id));
        }
        let mut meter = WeightMeter::with_limit(<() as WeightInfo>::sweep_remove().saturating_mul(2));
        JobEscrow::forget(51, &mut meter);
        assert_eq!(JobEscrow::oldest_job(), 2);
        assert_eq!(meter.remaining(), Weight::zero());
        JobEscrow::forget(51, &mut WeightMeter::new());
        assert_eq!(JobEscrow::oldest_job(), 5);
    });
}

#[test]
fn full_blocks_keep_neither_settlements_nor_forgetting_back() {
    build_and_execute(|| {
        Retention::set(&1);
        let finished: Vec<_> = (0..40).map(|_| submitted()).collect();
        for id in &finished {
            assert_ok!(JobEscrow::cancel_job(RuntimeOrigin::signed(ALICE()), *id));
        }
        let due: Vec<_> = (0..8).map(|_| submitted()).collect();
        // Blocks in which there is room for two of the largest steps and a part for forgetting.
        let room = JobEscrow::largest_step()
            .saturating_mul(4)
            .saturating_add(<() as WeightInfo>::sweep_base())
            .saturating_add(<() as WeightInfo>::sweep_block().saturating_mul(30));
        let live = || {
            due.iter()
                .filter(|id| Jobs::<Test>::get(**id).is_some_and(|job| matches!(job.state, JobState::Open { .. })))
                .count()
        };
        let (mut expired, mut forgotten) = (live(), JobEscrow::oldest_job());
        for block in 22..26 {
            System::set_block_number(block);
            let used = JobEscrow::on_idle(block, room);
            assert!(used.all_lte(room));
            assert!(live() < expired || live() == 0, "block {block}: nothing was served");
            assert!(
                JobEscrow::oldest_job() > forgotten,
                "block {block}: nothing was forgotten"
            );
            (expired, forgotten) = (live(), JobEscrow::oldest_job());
        }
    });
}

#[test]
fn a_retention_of_zero_still_forgets() {
    build_and_execute(|| {
        Retention::set(&0);
        let id = submitted();
        assert_ok!(JobEscrow::cancel_job(RuntimeOrigin::signed(ALICE()), id));
        run_to(4);
        assert!(!Jobs::<Test>::contains_key(id));
    });
}

#[test]
fn nothing_is_forgotten_when_weight_is_short() {
    build_and_execute(|| {
        let jobs: Vec<_> = (0..5).map(|_| submitted()).collect();
        run_to(22);
        // WHEN a block has room for two steps only
        let step = JobEscrow::largest_step();
        let room = <() as WeightInfo>::sweep_base()
            .saturating_add(<() as WeightInfo>::sweep_block().saturating_mul(2))
            .saturating_add(<() as WeightInfo>::sweep_expire_open())
            .saturating_add(step);
        let live = || {
            jobs.iter()
                .filter(|id| matches!(state(**id), JobState::Open { .. }))
                .count()
        };
        for (block, left) in [(22, 3), (23, 1), (24, 0)] {
            System::set_block_number(block);
            let used = JobEscrow::on_idle(block, room);
            assert!(used.all_lte(room), "the sweep must stay within its weight");
            assert_eq!(live(), left);
            check_invariants();
        }
        // THEN all of them are refunded and the sweep has caught up
        assert_eq!(free(&ALICE()), FUNDS);
        assert_eq!(SweptTo::<Test>::get(), 24);
    });
}

#[test]
fn without_weight_nothing_happens() {
    build_and_execute(|| {
        submitted();
        run_to(22);
        let before = sp_io::storage::root(sp_runtime::StateVersion::V1);
        assert_eq!(JobEscrow::on_idle(22, Weight::zero()), Weight::zero());
        assert_eq!(sp_io::storage::root(sp_runtime::StateVersion::V1), before);
    });
}

#[test]
fn blocks_that_were_skipped_are_swept_later() {
    build_and_execute(|| {
        let id = submitted();
        System::set_block_number(500);
        JobEscrow::on_idle(500, Weight::MAX);
        assert!(matches!(state(id), JobState::Expired { at: 500, .. }));
        assert_eq!(SweptTo::<Test>::get(), 500);
    });
}

#[test]
fn an_idle_block_costs_the_same_whatever_waits() {
    build_and_execute(|| {
        run_to(2);
        let empty = JobEscrow::on_idle(2, Weight::MAX);
        System::set_block_number(3);
        for _ in 0..50 {
            submitted();
        }
        assert_eq!(JobEscrow::on_idle(3, Weight::MAX), empty);
    });
}

#[test]
fn a_step_of_the_sweep_fits_into_a_block() {
    build_and_execute(JobEscrow::integrity_test);
}
