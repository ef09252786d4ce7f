use frame_support::{assert_noop, assert_ok, pallet_prelude::Pays};
use lantern_primitives::{fee_for, job::JobState, JobId};

use crate::{mock::*, Error, Jobs};

fn poke(id: JobId) -> frame_support::pallet_prelude::DispatchResultWithPostInfo {
    JobEscrow::poke(RuntimeOrigin::signed(BOB()), id)
}

#[test]
fn anyone_expires_an_overdue_open_job_for_free() {
    build_and_execute(|| {
        let id = submitted();
        System::set_block_number(21);
        assert_noop!(poke(id), Error::<Test>::NotOverdue);
        System::set_block_number(22);
        let info = poke(id).unwrap();
        assert_eq!(info.pays_fee, Pays::No);
        assert!(matches!(
            Jobs::<Test>::get(id).unwrap().state,
            JobState::Expired { provider: None, .. }
        ));
        assert_eq!(free(&ALICE()), FUNDS);
    });
}

#[test]
fn anyone_expires_an_overdue_claim() {
    build_and_execute(|| {
        let id = submitted();
        assert_ok!(claim(id, &worker("one")));
        System::set_block_number(11);
        assert_noop!(poke(id), Error::<Test>::NotOverdue);
        System::set_block_number(12);
        assert_ok!(poke(id));
        let penalty = fee_for(units(8), PRICE) * 2 / 10;
        assert_eq!(free(&ALICE()), FUNDS + penalty);
    });
}

#[test]
fn anyone_settles_after_the_window() {
    build_and_execute(|| {
        let id = committed();
        System::set_block_number(6);
        assert_noop!(poke(id), Error::<Test>::NotOverdue);
        System::set_block_number(7);
        MaySettle::set(&false);
        assert_noop!(poke(id), Error::<Test>::UnderVerification);
        MaySettle::set(&true);
        assert_ok!(poke(id));
        assert!(matches!(Jobs::<Test>::get(id).unwrap().state, JobState::Settled { .. }));
        assert_noop!(poke(id), Error::<Test>::JobFinished);
    });
}

#[test]
fn unknown_and_finished_jobs_are_not_poked() {
    build_and_execute(|| {
        assert_noop!(poke(3), Error::<Test>::UnknownJob);
        let id = submitted();
        assert_ok!(JobEscrow::cancel_job(RuntimeOrigin::signed(ALICE()), id));
        System::set_block_number(1_000);
        assert_noop!(poke(id), Error::<Test>::JobFinished);
        assert_noop!(
            JobEscrow::poke(RuntimeOrigin::none(), id),
            sp_runtime::DispatchError::BadOrigin
        );
        // The check of the invariants at the end wants the sweep's promise kept.
        run_to(1_001);
    });
}
