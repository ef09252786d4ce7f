#![allow(clippy::unwrap_used)]

use lantern_primitives::{content::ContentRef, job::ResultCommitment, traits::Verification, Usage, H256};

use crate::{mock::*, pallet::*};

fn commitment() -> ResultCommitment {
    ResultCommitment {
        output: ContentRef::of(&[1, 2, 3, 4]),
        usage: Usage {
            prompt_tokens: 2,
            output_tokens: 1,
        },
        trace_root: H256::repeat_byte(7),
    }
}

#[test]
fn a_result_may_settle_only_after_its_window() {
    build_and_execute(|| {
        assert_eq!(ResultVerification::window(), 10);
        ResultVerification::on_committed(5, &42, &commitment(), 11);
        let pending = Pending::<Test>::get(5).unwrap();
        assert_eq!(
            (pending.provider, pending.committed_at, pending.window_ends),
            (42, 1, 11)
        );
        assert_eq!(pending.commitment, commitment());
        System::assert_last_event(
            Event::<Test>::WindowOpened {
                job: 5,
                provider: 42,
                window_ends: 11,
            }
            .into(),
        );

        assert!(!ResultVerification::may_settle(5));
        System::set_block_number(11);
        assert!(!ResultVerification::may_settle(5));
        System::set_block_number(12);
        assert!(ResultVerification::may_settle(5));
    });
}

#[test]
fn a_settled_result_is_forgotten() {
    build_and_execute(|| {
        ResultVerification::on_committed(5, &42, &commitment(), 11);
        ResultVerification::on_committed(6, &42, &commitment(), 12);
        assert_eq!(Pending::<Test>::count(), 2);
        ResultVerification::on_settled(5);
        System::assert_last_event(Event::<Test>::WindowClosed { job: 5 }.into());
        assert!(Pending::<Test>::get(5).is_none());
        assert!(Pending::<Test>::get(6).is_some());

        let events = System::events().len();
        ResultVerification::on_settled(5);
        assert_eq!(System::events().len(), events);
    });
}

#[test]
fn a_new_window_reaches_only_new_jobs() {
    build_and_execute(|| {
        ResultVerification::on_committed(5, &42, &commitment(), 11);
        Window::set(&100);
        assert_eq!(ResultVerification::window(), 100);
        assert_eq!(Pending::<Test>::get(5).unwrap().window_ends, 11);
    });
}

#[test]
fn an_unknown_job_is_not_held_back() {
    build_and_execute(|| assert!(ResultVerification::may_settle(9)));
}

#[test]
fn try_state_sees_a_window_that_ends_before_it_began() {
    build_and_execute(|| {
        System::set_block_number(20);
        ResultVerification::on_committed(5, &42, &commitment(), 19);
        assert!(ResultVerification::do_try_state().is_err());
        ResultVerification::on_settled(5);
    });
}
