use frame_support::{assert_noop, assert_ok};
use lantern_primitives::job::JobState;

use crate::{mock::*, Agenda, Error, Event, JobTotals, Jobs, OpenJobs};

#[test]
fn an_open_job_is_cancelled_with_a_full_refund() {
    build_and_execute(|| {
        let id = submitted();
        System::set_block_number(4);
        assert_ok!(JobEscrow::cancel_job(RuntimeOrigin::signed(ALICE()), id));
        assert_eq!((free(&ALICE()), held(&ALICE())), (FUNDS, 0));
        assert_eq!(Jobs::<Test>::get(id).unwrap().state, JobState::Cancelled { at: 4 });
        assert!(!OpenJobs::<Test>::contains_key(id));
        assert_eq!(Agenda::<Test>::iter_keys().count(), 0);
        assert_eq!(JobTotals::<Test>::get(), Default::default());
        System::assert_last_event(
            Event::<Test>::JobCancelled {
                job: id,
                requester: ALICE(),
                refund: MAX_FEE,
            }
            .into(),
        );
    });
}

#[test]
fn only_the_requester_cancels() {
    build_and_execute(|| {
        let id = submitted();
        assert_noop!(
            JobEscrow::cancel_job(RuntimeOrigin::signed(BOB()), id),
            Error::<Test>::NotRequester
        );
        assert_noop!(
            JobEscrow::cancel_job(RuntimeOrigin::signed(ALICE()), 7),
            Error::<Test>::UnknownJob
        );
    });
}

#[test]
fn a_job_that_is_not_open_is_not_cancelled() {
    build_and_execute(|| {
        let cancel = |id| JobEscrow::cancel_job(RuntimeOrigin::signed(ALICE()), id);
        let claimed = submitted();
        assert_ok!(claim(claimed, &worker("one")));
        assert_noop!(cancel(claimed), Error::<Test>::JobNotOpen);
        let done = committed();
        assert_noop!(cancel(done), Error::<Test>::JobNotOpen);
        let cancelled = submitted();
        assert_ok!(cancel(cancelled));
        assert_noop!(cancel(cancelled), Error::<Test>::JobNotOpen);
    });
}
