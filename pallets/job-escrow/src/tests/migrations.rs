//! The index by requester, made for the jobs of version 1.

use frame_support::{
    migrations::{SteppedMigration, SteppedMigrationError},
    traits::{Get, GetStorageVersion, OnRuntimeUpgrade, StorageVersion},
    weights::{Weight, WeightMeter},
};
use lantern_primitives::{info::JobFilter, JobId};

use crate::{
    migrations::v2::{checks::books, Begin, IndexByRequester, Indexing},
    mock::*,
    Jobs, Requested, WeightInfo,
};

type Step = Result<Option<JobId>, SteppedMigrationError>;

/// Jobs of every state, `count` of them open, as version 1 has left them.
fn version_1(count: usize) {
    for _ in 0..3 {
        committed();
    }
    run_to(9);
    for n in 0..count {
        let requester = if n % 3 == 0 { BOB() } else { ALICE() };
        let params = lantern_primitives::JobParams::Generate(params());
        submit(requester, GENERATOR, input(), params, MAX_FEE, None).unwrap();
    }
    claim(4, &worker("one")).unwrap();
    committed();
    JobEscrow::cancel_job(RuntimeOrigin::signed(BOB()), 6).unwrap();
    let _ = Requested::<Test>::clear(u32::MAX, None);
    StorageVersion::new(1).put::<JobEscrow>();
}

fn begin() {
    Begin::<Test>::on_runtime_upgrade();
    assert_eq!(JobEscrow::on_chain_storage_version(), 2);
}

/// Weight for `jobs` jobs.
fn room(jobs: u64) -> Weight {
    let weights: frame_support::weights::RuntimeDbWeight = <Test as frame_system::Config>::DbWeight::get();
    let base = weights.reads_writes(1, 1);
    base.saturating_add(<() as WeightInfo>::index_job().saturating_mul(jobs))
}

fn step(cursor: Option<JobId>, jobs: u64) -> Step {
    let mut meter = WeightMeter::with_limit(room(jobs));
    let step = IndexByRequester::<Test>::step(cursor, &mut meter);
    assert!(meter.consumed().all_lte(room(jobs)));
    step
}

/// Goes on from `cursor` to the end and returns the number of steps.
fn finish(mut cursor: Option<JobId>, jobs: u64) -> usize {
    for steps in 1.. {
        match step(cursor, jobs).unwrap() {
            None => return steps,
            next => {
                assert_ne!(next, cursor, "a step makes progress");
                cursor = next;
            },
        }
    }
    unreachable!("it ends");
}

fn of(requester: AccountId) -> Vec<JobId> {
    JobEscrow::jobs(JobFilter::RequestedBy(requester).into(), 0, 256)
        .into_iter()
        .map(|(id, _)| id)
        .collect()
}

#[test]
fn many_jobs_are_indexed_in_several_steps_and_nothing_else_changes() {
    build_and_execute(|| {
        version_1(100);
        let total = Jobs::<Test>::iter().count();
        let before = books::<Test>();
        assert_eq!(
            JobEscrow::do_try_state(),
            Err("a job is not in its requester's index".into())
        );
        begin();
        JobEscrow::do_try_state().unwrap();
        // Seven jobs a step; the last step finds the end.
        assert_eq!(finish(None, 7), total.div_ceil(7));
        assert_eq!(books::<Test>(), before);
        assert!(!Indexing::<Test>::exists());
        assert_eq!(Requested::<Test>::iter().count(), total);
        let bob: Vec<JobId> = (0..100).step_by(3).map(|n| n + 3).collect();
        assert_eq!(of(BOB()), bob);
        // THEN jobs go on to their ends
        run_to(200);
        assert_eq!(Requested::<Test>::iter().count(), 0);
        assert_eq!((held(&ALICE()), held(&BOB())), (0, 0));
    });
}

#[test]
fn an_interrupted_migration_goes_on_and_may_begin_anew() {
    build_and_execute(|| {
        version_1(30);
        begin();
        let cursor = step(None, 5).unwrap();
        assert!(cursor.is_some());
        JobEscrow::do_try_state().unwrap();
        // WHEN the chain goes on in between, though it would not: a job comes, and ones that are indexed and not go
        submitted();
        let late = JobEscrow::next_job_id() - 1;
        run_to(200);
        JobEscrow::do_try_state().unwrap();
        assert_eq!(Jobs::<Test>::iter().count(), 0, "{late} and all others are forgotten");
        submitted();
        // THEN it ends both from a job that is gone and from the beginning
        finish(cursor, 5);
        assert_eq!(of(ALICE()), vec![late + 1]);
        Indexing::<Test>::put(true);
        finish(None, 5);
        assert_eq!(of(ALICE()), vec![late + 1]);
    });
}

#[test]
fn it_happens_once() {
    build_and_execute(|| {
        version_1(10);
        begin();
        finish(None, 100);
        let root = sp_io::storage::root(sp_runtime::StateVersion::V1);
        begin();
        assert_eq!(step(None, 100), Ok(None));
        assert_eq!(sp_io::storage::root(sp_runtime::StateVersion::V1), root);
    });
}

#[test]
fn a_new_chain_has_nothing_to_do() {
    build_and_execute(|| {
        StorageVersion::new(2).put::<JobEscrow>();
        submitted();
        begin();
        assert!(!Indexing::<Test>::exists());
        assert_eq!(step(None, 1), Ok(None));
        assert_eq!(of(ALICE()), vec![0]);
    });
}

#[test]
fn too_little_weight_is_said_and_changes_nothing() {
    build_and_execute(|| {
        version_1(6);
        begin();
        let root = sp_io::storage::root(sp_runtime::StateVersion::V1);
        let mut meter = WeightMeter::with_limit(room(1).saturating_sub(Weight::from_parts(1, 0)));
        assert_eq!(
            IndexByRequester::<Test>::step(None, &mut meter),
            Err(SteppedMigrationError::InsufficientWeight { required: room(1) })
        );
        assert_eq!(sp_io::storage::root(sp_runtime::StateVersion::V1), root);
        assert!(finish(None, 1) > 6);
    });
}
