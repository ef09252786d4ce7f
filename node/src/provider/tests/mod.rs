//! The provider's decisions against a chain, a database and a worker that do what the test says.

mod crashes;
mod mock;

use codec::Encode;
use futures::{executor::block_on, StreamExt};
use lantern_exact::spec::encode_tokens;
use lantern_primitives::job::JobState;
use lantern_worker_protocol::FailureKind;

use super::{chain::Chain, chain::ClaimError, link::WorkerEvent};
use mock::{model, open_job, provider, rival, Command, Rig, EXECUTION_BLOCKS, OPEN_BLOCKS};

#[test]
fn job_goes_from_submission_to_commitment_and_leaves_nothing() {
    let mut rig = Rig::new();
    rig.worker_up();
    let id = rig.submit(&[5, 6]);
    // The claim is recorded and in the pool, and the run has begun before the chain shows the claim.
    assert_eq!(rig.database.ledger().len(), 1);
    let executions = rig.executions();
    assert_eq!(executions.len(), 1);
    let (run, job) = &executions[0];
    assert_eq!(
        (job.key, &job.input.0, job.model.0),
        (id, &encode_tokens(&[5, 6]), model().0)
    );
    assert_eq!(job.params.0, open_job(&[5, 6], 0).0.params.encode());
    rig.finish(*run, job);
    assert_eq!(rig.database.mailbox(), [id], "the result waits for the claim");
    assert_eq!(
        rig.chain.job_now(id),
        JobState::Open {
            deadline: 1 + OPEN_BLOCKS
        }
    );
    rig.next_block();
    assert!(matches!(rig.chain.job_now(id), JobState::Claimed { .. }));
    rig.next_block();
    rig.assert_committed(id, &[5, 6]);
    assert_eq!(rig.database.mailbox(), [id], "kept until the commitment is final");
    rig.finalize(1);
    assert_eq!(rig.database.mailbox(), [id]);
    rig.finalize(0);
    rig.assert_nothing_left();
    assert_eq!(
        (rig.claims("submitted"), rig.claims("won"), rig.claims("committed")),
        (1, 1, 1)
    );
    assert_eq!(rig.chain.state().submissions, 1);
}

#[test]
fn tokens_reach_watchers_and_end_with_the_result() {
    let mut rig = Rig::new();
    rig.worker_up();
    let id = rig.submit(&[5]);
    let watcher = rig.streams.watch(id).expect("the job runs");
    let (run, job) = rig.executions().remove(0);
    let tokens = |run, position, token| WorkerEvent::Tokens {
        run,
        job: id,
        position,
        tokens: vec![token],
        text: token.to_string(),
    };
    block_on(rig.desk.on_worker(tokens(run, 0, 5)));
    block_on(rig.desk.on_worker(tokens(run + 1, 1, 99)));
    block_on(rig.desk.on_worker(tokens(run, 1, 5)));
    rig.finish(run, &job);
    let seen: Vec<u32> = block_on(watcher.collect::<Vec<_>>())
        .into_iter()
        .flat_map(|chunk| chunk.tokens)
        .collect();
    assert_eq!(seen, [5, 5], "tokens of another run are not shown");
    assert!(rig.streams.watch(id + 1).is_none());
}

#[test]
fn job_that_a_rival_wins_is_cancelled_and_forgotten_when_final() {
    let mut rig = Rig::new();
    rig.worker_up();
    let id = rig.submit(&[5]);
    rig.chain.state().claims.clear();
    rig.chain.block(|snapshot| {
        let deadline = snapshot.number + EXECUTION_BLOCKS;
        let claimed_at = snapshot.number;
        let state = JobState::Claimed {
            provider: rival(),
            price: 1,
            bond: 1,
            claimed_at,
            deadline,
        };
        snapshot.jobs.get_mut(&id).expect("exists").state = state;
    });
    rig.see_block();
    let commands = rig.worker.take();
    assert!(matches!(commands.as_slice(), [Command::Execute(_, _), Command::Cancel(cancelled)] if *cancelled == id));
    assert_eq!(rig.claims("lost"), 1);
    rig.finalize(1);
    assert_eq!(
        rig.database.ledger().len(),
        1,
        "a reorganisation could still give it back"
    );
    rig.finalize(0);
    rig.assert_nothing_left();
}

#[test]
fn reorganisation_takes_claim_and_commitment_back_and_both_are_made_again() {
    let mut rig = Rig::new();
    rig.worker_up();
    let id = rig.submit(&[5]);
    rig.finish_all();
    rig.next_block();
    rig.next_block();
    rig.assert_committed(id, &[5]);
    // Back to the block of the submission.
    rig.chain.revert(2);
    rig.next_block();
    assert_eq!(rig.finish_all(), 0, "the result is still in the mailbox");
    rig.next_block();
    rig.next_block();
    rig.assert_committed(id, &[5]);
    rig.finalize(0);
    rig.assert_nothing_left();
}

#[test]
fn reorganisation_that_makes_the_id_another_job_drops_the_old_result() {
    let mut rig = Rig::new();
    rig.worker_up();
    rig.next_block();
    let id = rig.submit(&[5]);
    rig.finish_all();
    rig.next_block();
    assert!(matches!(rig.chain.job_now(id), JobState::Claimed { .. }));
    rig.chain.revert(2);
    rig.chain.state().results.clear();
    // On the other fork the id is another job, and a claim of ours, made for the old one, is included at once.
    let (mut other, input) = open_job(&[9], 0);
    rig.database.index_content(&input);
    rig.chain.block(|snapshot| {
        let deadline = snapshot.number + EXECUTION_BLOCKS;
        let claimed_at = snapshot.number;
        other.state = JobState::Claimed {
            provider: provider(),
            price: 1,
            bond: 1,
            claimed_at,
            deadline,
        };
        snapshot.jobs.insert(id, other);
        snapshot.next = id + 1;
    });
    rig.see_block();
    assert!(
        rig.chain.state().results.is_empty(),
        "the old result must not be submitted"
    );
    // Its bond is at stake all the same, so it is taken over in time.
    for _ in 0..EXECUTION_BLOCKS {
        rig.next_block();
        rig.finish_all();
    }
    rig.assert_committed(id, &[9]);
}

#[test]
fn fork_without_the_job_keeps_the_record_but_not_the_result() {
    let mut rig = Rig::new();
    rig.worker_up();
    rig.next_block();
    let id = rig.submit(&[5]);
    rig.finish_all();
    rig.chain.revert(1);
    rig.chain.state().claims.clear();
    rig.next_block();
    assert!(rig.database.mailbox().is_empty());
    assert_eq!(rig.database.ledger().len(), 1);
    assert_eq!(rig.submit(&[5]), id, "the same job comes back");
    rig.finish_all();
    rig.next_block();
    rig.next_block();
    rig.assert_committed(id, &[5]);
}

#[test]
fn jobs_that_cannot_be_served_are_skipped_for_a_reason() {
    let mut rig = Rig::new();
    rig.worker_up();
    rig.submit_with(&[5], |job| job.only = Some(rival()));
    assert_eq!(rig.skipped("not_for_us"), 1);
    rig.submit_with(&[5], |job| job.max_fee = 0);
    assert_eq!(rig.skipped("fee_too_low"), 1);
    rig.submit_with(&[5], |job| job.model = Default::default());
    assert_eq!(rig.skipped("model_not_loaded"), 1);
    rig.submit_with(&[5, 100], |_| {});
    assert_eq!(rig.skipped("bad_input"), 1, "a token outside the vocabulary");
    rig.submit_with(&[5], |job| job.prompt_tokens = 2);
    assert_eq!(rig.skipped("bad_input"), 2, "another number of tokens than stated");
    let long = vec![5; mock::MAX_POSITIONS as usize + 1];
    rig.submit_with(&long, |_| {});
    assert_eq!(rig.skipped("too_long"), 1, "the model would allow it");
    rig.chain.state().registered.as_mut().expect("is").1.bonded = 0;
    rig.submit(&[5]);
    assert!(rig.skipped("no_stake") >= 1);
    rig.chain.state().registered.as_mut().expect("is").1.active = false;
    rig.submit(&[6]);
    assert!(rig.skipped("inactive") >= 1);
    rig.chain.state().registered = None;
    rig.submit(&[7]);
    assert!(rig.skipped("no_provider") >= 1);
    assert_eq!(rig.chain.state().submissions, 0);
    assert_eq!(rig.executions(), []);
    rig.assert_nothing_left();
}

#[test]
fn reasons_that_pass_do_not_lose_the_job() {
    let mut rig = Rig::new();
    // No worker, then no stake, then no input.
    let id = rig.submit(&[5]);
    rig.chain.state().registered.as_mut().expect("is").1.bonded = 0;
    rig.worker_up();
    rig.database.drop_content(&encode_tokens(&[5]));
    rig.next_block();
    rig.chain.state().registered.as_mut().expect("is").1.bonded = u128::MAX / 4;
    rig.next_block();
    assert!(rig.skipped("input_missing") >= 1);
    assert_eq!(rig.chain.state().submissions, 0);
    rig.database.index_content(&encode_tokens(&[5]));
    rig.next_block();
    assert_eq!(rig.chain.state().submissions, 1);
    rig.finish_all();
    rig.next_block();
    rig.next_block();
    rig.assert_committed(id, &[5]);
}

#[test]
fn nothing_is_claimed_while_the_node_catches_up() {
    let mut rig = Rig::new();
    rig.chain.state().syncing = true;
    rig.worker_up();
    let id = rig.submit(&[5]);
    rig.next_block();
    assert_eq!(rig.chain.state().submissions, 0);
    assert!(rig.skipped("syncing") >= 2);
    rig.chain.state().syncing = false;
    rig.next_block();
    assert_eq!(rig.chain.state().submissions, 1);
    rig.finish_all();
    rig.next_block();
    rig.next_block();
    rig.assert_committed(id, &[5]);
}

#[test]
fn capacity_and_pending_bonds_bound_the_claims() {
    let mut rig = Rig::new();
    rig.capacity = 2;
    rig.restart();
    rig.worker_up();
    for token in 0..4 {
        rig.submit(&[token]);
    }
    assert_eq!(rig.chain.state().submissions, 2);
    assert!(rig.skipped("no_capacity") >= 2);
    rig.finish_all();
    assert_eq!(rig.chain.state().submissions, 4, "finished runs make room at once");

    let mut rig = Rig::new();
    let units = mock::spec().compute_units(1, 3);
    let bond = lantern_primitives::fee_for(units, mock::PRICE) * 2;
    rig.chain.state().registered.as_mut().expect("is").1.bonded = bond + bond / 2;
    rig.worker_up();
    rig.submit(&[1]);
    rig.chain.state().claims.clear();
    rig.submit(&[2]);
    assert_eq!(
        rig.chain.state().submissions,
        1,
        "the stake suffices for one bond, and one is on its way"
    );
}

#[test]
fn refused_claim_runs_nothing_and_is_tried_again() {
    let mut rig = Rig::new();
    rig.worker_up();
    rig.chain.state().refuse = Some(ClaimError::Refused("no".into()));
    let id = rig.submit(&[5]);
    assert_eq!(rig.executions(), []);
    rig.next_block();
    assert_eq!(rig.chain.state().submissions, 1, "not at every block");
    rig.chain.state().refuse = None;
    for _ in 0..3 {
        rig.next_block();
    }
    assert_eq!(rig.chain.state().submissions, 2);
    rig.finish_all();
    rig.next_block();
    rig.next_block();
    rig.assert_committed(id, &[5]);
}

#[test]
fn claim_that_gets_through_although_it_was_refused_is_executed_at_once() {
    let mut rig = Rig::new();
    rig.worker_up();
    rig.chain.state().refuse = Some(ClaimError::Pool("not here".into()));
    let id = rig.submit(&[5]);
    rig.chain.state().claims.push(id);
    rig.next_block();
    assert_eq!(rig.finish_all(), 1);
    rig.next_block();
    rig.next_block();
    rig.assert_committed(id, &[5]);
}

#[test]
fn claim_that_is_refused_to_the_end_leaves_nothing() {
    let mut rig = Rig::new();
    rig.worker_up();
    rig.chain.state().refuse = Some(ClaimError::Refused("no".into()));
    rig.submit(&[5]);
    for _ in 0..=OPEN_BLOCKS {
        rig.next_block();
    }
    rig.finalize(0);
    assert_eq!(rig.executions(), []);
    rig.assert_nothing_left();
}

#[test]
fn claim_that_the_pool_lost_is_submitted_again() {
    let mut rig = Rig::new();
    rig.worker_up();
    let id = rig.submit(&[5]);
    rig.chain.state().claims.clear();
    for _ in 0..4 {
        rig.next_block();
    }
    assert_eq!(rig.chain.state().submissions, 2);
    assert_eq!(rig.finish_all(), 1, "the run that goes on is not started again");
    rig.next_block();
    rig.next_block();
    rig.assert_committed(id, &[5]);
}

#[test]
fn claim_that_is_never_included_ends_with_the_job() {
    let mut rig = Rig::new();
    rig.worker_up();
    let id = rig.submit(&[5]);
    rig.finish_all();
    for _ in 0..=OPEN_BLOCKS {
        rig.chain.state().claims.clear();
        rig.next_block();
    }
    assert!(matches!(rig.chain.job_now(id), JobState::Expired { .. }));
    rig.finalize(0);
    rig.assert_nothing_left();
}

#[test]
fn worker_that_crashes_redoes_the_work_and_a_poisonous_job_is_given_up() {
    let mut rig = Rig::new();
    rig.worker_up();
    let id = rig.submit(&[5]);
    rig.worker_down();
    rig.next_block();
    assert_eq!(rig.executions(), []);
    rig.worker_up();
    assert_eq!(rig.finish_all(), 1);
    rig.next_block();
    rig.next_block();
    rig.assert_committed(id, &[5]);

    let poison = rig.submit(&[6]);
    let mut attempts = 0;
    while !rig.executions().is_empty() {
        attempts += 1;
        rig.worker_down();
        rig.worker_up();
    }
    assert_eq!(attempts, 8);
    assert_eq!(rig.metrics.given_up.get(), 1);
    let healthy = rig.submit(&[7]);
    assert_eq!(rig.finish_all(), 1, "others are served");
    rig.next_block();
    rig.next_block();
    rig.assert_committed(healthy, &[7]);
    assert!(matches!(rig.chain.job_now(poison), JobState::Claimed { .. }));
}

#[test]
fn failures_are_met_by_kind() {
    let mut rig = Rig::new();
    rig.worker_up();
    for kind in [
        FailureKind::Overloaded,
        FailureKind::UnknownModel,
        FailureKind::Cancelled,
        FailureKind::Internal,
    ] {
        let id = rig.submit(&[5]);
        let (run, _) = rig.executions().remove(0);
        rig.fail(run, id, kind);
        assert_eq!(rig.executions(), [], "{kind:?}: not before the next block");
        rig.next_block();
        assert_eq!(rig.finish_all(), 1, "{kind:?}");
        rig.fail(run, id, FailureKind::Internal);
        rig.next_block();
        rig.next_block();
        rig.assert_committed(id, &[5]);
    }
    let id = rig.submit(&[5]);
    let (run, _) = rig.executions().remove(0);
    rig.fail(run, id, FailureKind::BadInput);
    rig.next_block();
    rig.next_block();
    assert_eq!(rig.executions(), []);
    assert_eq!(rig.metrics.given_up.get(), 1);
}

#[test]
fn impossible_results_never_reach_the_mailbox() {
    let changes: [fn(&mut lantern_worker_protocol::Outcome); 5] = [
        |outcome| outcome.usage.prompt_tokens += 1,
        |outcome| outcome.usage.output_tokens = 4,
        |outcome| outcome.usage.output_tokens = 0,
        |outcome| outcome.output.0.truncate(11),
        |outcome| outcome.output.0.clear(),
    ];
    for change in changes {
        let mut rig = Rig::new();
        rig.worker_up();
        rig.submit(&[5]);
        let (run, job) = rig.executions().remove(0);
        let mut outcome = mock::outcome(job.key, &job.input.0);
        change(&mut outcome);
        block_on(rig.desk.on_worker(WorkerEvent::Done { run, outcome }));
        assert!(rig.database.mailbox().is_empty());
        assert_eq!(rig.metrics.given_up.get(), 1);
    }
}

#[test]
fn models_with_a_false_id_are_not_served() {
    let mut rig = Rig::new();
    let mut liar = mock::model_info();
    liar.weights_root.0[0] ^= 1;
    let mut garbled = mock::model_info();
    garbled.spec.0.push(0);
    block_on(rig.desk.on_worker(WorkerEvent::Up(vec![liar, garbled])));
    rig.submit(&[5]);
    assert_eq!(rig.chain.state().submissions, 0);
}

#[test]
fn another_machines_job_is_left_alone_for_half_of_its_time() {
    let mut rig = Rig::new();
    rig.worker_up();
    let (mut job, input) = open_job(&[5], 0);
    rig.database.index_content(&input);
    let id = rig.chain.block(|snapshot| {
        let claimed_at = snapshot.number;
        let deadline = claimed_at + EXECUTION_BLOCKS;
        job.state = JobState::Claimed {
            provider: provider(),
            price: 1,
            bond: 1,
            claimed_at,
            deadline,
        };
        snapshot.jobs.insert(0, job);
        snapshot.next = 1;
        0
    });
    rig.see_block();
    for _ in 0..EXECUTION_BLOCKS / 2 - 1 {
        rig.next_block();
        assert_eq!(rig.executions(), [], "at block {}", rig.chain.best().number);
    }
    for _ in 0..8 {
        rig.next_block();
        rig.finish_all();
    }
    rig.assert_committed(id, &[5]);
}

#[test]
fn rotated_worker_key_signs_what_waits() {
    let mut rig = Rig::new();
    rig.worker_up();
    let id = rig.submit(&[5]);
    rig.finish_all();
    // The node receives another key, and the account registers it in place of the first.
    let keys = super::keys::Keys::open(rig.keys.keystore(), Default::default(), Some("//Other")).expect("opens");
    let other = keys.all().remove(0);
    rig.chain.state().registered.as_mut().expect("is").0 = other.clone();
    rig.next_block();
    rig.next_block();
    rig.assert_committed(id, &[5]);
}

#[test]
fn chain_that_cannot_be_read_is_asked_again() {
    let mut rig = Rig::new();
    rig.worker_up();
    rig.chain.state().fail = true;
    let id = rig.submit(&[5]);
    assert_eq!(rig.metrics.chain_errors.get(), 1);
    rig.chain.state().fail = false;
    rig.next_block();
    rig.finish_all();
    rig.next_block();
    rig.next_block();
    rig.assert_committed(id, &[5]);
}

#[test]
fn slow_worker_does_not_claim_what_it_would_miss() {
    let mut rig = Rig::new();
    rig.worker_up();
    let id = rig.submit(&[5]);
    let (run, job) = rig.executions().remove(0);
    let mut outcome = mock::outcome(job.key, &job.input.0);
    // As long as the whole time for a job.
    outcome.millis = u64::from(EXECUTION_BLOCKS) * 2_000;
    block_on(rig.desk.on_worker(WorkerEvent::Done { run, outcome }));
    rig.submit(&[6]);
    assert!(rig.skipped("too_slow") >= 1);
    assert_eq!(rig.chain.state().submissions, 1);
    rig.next_block();
    rig.assert_committed(id, &[5]);
}
