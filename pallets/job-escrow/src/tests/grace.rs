//! What a stop for a migration does to deadlines.

use frame_support::{assert_noop, assert_ok, migrations::MigrationStatusHandler, traits::Hooks, weights::Weight};
use lantern_primitives::{job::JobState, BlockNumber};

use crate::{mock::*, Error, Event, GraceUntil, Jobs, StoppedAt, SweptTo, GRACE_BLOCKS};

/// Blocks `from` to `to` let no transaction in. As the executive does it, the sweep runs in the last of them again.
fn stop(from: BlockNumber, to: BlockNumber) {
    run_to(from);
    JobEscrow::started();
    System::set_block_number(to);
    JobEscrow::completed();
}

#[test]
fn a_provider_stopped_at_its_deadline_may_commit_after_it() {
    build_and_execute(|| {
        let id = submitted();
        assert_ok!(claim(id, &worker("one")));
        // GIVEN a deadline, block 11, within the stop
        stop(10, 13);
        assert_eq!(StoppedAt::<Test>::get(), None);
        let until = 13 + 4 + GRACE_BLOCKS;
        assert_eq!(GraceUntil::<Test>::get(), until);
        System::assert_last_event(Event::<Test>::GraceGiven { until }.into());
        // WHEN the result comes in the last block of the grace
        run_to(until);
        assert_eq!(SweptTo::<Test>::get(), 9, "nothing is served during a grace");
        assert_noop!(
            JobEscrow::poke(RuntimeOrigin::signed(BOB()), id),
            Error::<Test>::NotOverdue
        );
        assert_ok!(commit(id, &worker("one"), commitment(&output(), 8), output()));
        // THEN it is paid
        run_to(until + 7);
        assert!(matches!(Jobs::<Test>::get(id).unwrap().state, JobState::Settled { .. }));
    });
}

#[test]
fn after_the_grace_a_missed_deadline_counts() {
    build_and_execute(|| {
        let (claimed, open) = (submitted(), submitted());
        assert_ok!(claim(claimed, &worker("one")));
        stop(10, 30);
        let until = 30 + 21 + GRACE_BLOCKS;
        System::set_block_number(until);
        assert_ok!(claim(open, &worker("two")));
        System::set_block_number(until + 1);
        assert_noop!(
            commit(claimed, &worker("one"), commitment(&output(), 8), output()),
            Error::<Test>::DeadlinePassed
        );
        JobEscrow::on_idle(until + 1, Weight::MAX);
        let late = Jobs::<Test>::get(claimed).unwrap().state;
        assert!(matches!(late, JobState::Expired { provider: Some(_), .. }));
        let in_time = Jobs::<Test>::get(open).unwrap().state;
        assert!(matches!(in_time, JobState::Claimed { deadline, .. } if deadline == until + 10));
    });
}

#[test]
fn a_challenge_window_is_not_closed_by_a_stop() {
    build_and_execute(|| {
        let id = committed();
        stop(5, 9);
        let until = 9 + 5 + GRACE_BLOCKS;
        run_to(until + 1);
        assert!(matches!(
            Jobs::<Test>::get(id).unwrap().state,
            JobState::Committed { .. }
        ));
        run_to(until + 2);
        assert!(matches!(Jobs::<Test>::get(id).unwrap().state, JobState::Settled { .. }));
    });
}

#[test]
fn deadlines_later_than_the_grace_stay_as_they_are() {
    build_and_execute(|| {
        let id = submitted();
        stop(2, 2);
        assert!(GraceUntil::<Test>::get() < 21);
        run_to(22);
        assert_noop!(claim(id, &worker("one")), Error::<Test>::DeadlinePassed);
    });
}

#[test]
fn an_end_without_a_beginning_gives_nothing() {
    build_and_execute(|| {
        JobEscrow::completed();
        assert_eq!(GraceUntil::<Test>::get(), 0);
    });
}
