use frame_support::{assert_ok, traits::Hooks, weights::Weight};
use lantern_primitives::{fee_for, job::JobState, JobId};

use crate::{mock::*, sweep::DEFERRAL_BLOCKS, Agenda, Event, JobTotals, Jobs, SweptTo, WeightInfo};

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
        // Cancelled in block 1, removed at the end of block 51.
        run_to(51);
        assert!(Jobs::<Test>::contains_key(second));
        run_to(52);
        assert!(!Jobs::<Test>::contains_key(second));
        assert_eq!(JobEscrow::oldest_job(), first);
        // Expired in block 22, removed at the end of block 72.
        run_to(72);
        assert!(Jobs::<Test>::contains_key(first));
        run_to(73);
        assert!(!Jobs::<Test>::contains_key(first));
        assert_eq!(JobEscrow::oldest_job(), 2);
        assert_eq!(Agenda::<Test>::iter().count(), 0);
        assert_eq!(JobTotals::<Test>::get(), Default::default());
        assert_eq!(submitted(), 2, "ids are never reused");
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
