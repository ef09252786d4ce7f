//! Kill -9 at every point.

use std::collections::HashMap;

use lantern_exact::spec::encode_tokens;
use lantern_primitives::{content::ContentRef, job::JobState, H256};

use super::mock::{commitment, open_job, Rig, EXECUTION_BLOCKS, OPEN_BLOCKS};
use crate::provider::chain::Chain;

/// One life of a provider up to a finalised commitment, as far as it lives.
fn life(rig: &mut Rig) {
    rig.worker_up();
    for _ in 0..5 {
        rig.finish_all();
        rig.next_block();
        rig.finalize(0);
    }
}

#[test]
fn killed_before_any_write_the_job_commits_once_and_nothing_is_left() {
    let mut whole = Rig::new();
    whole.submit(&[5]);
    whole.database.die_after(None);
    life(&mut whole);
    whole.assert_committed(0, &[5]);
    let writes = whole.database.writes();
    assert!(writes >= 6, "record, payload, index, and their removal: {writes}");

    for survived in 0..=writes {
        let mut rig = Rig::new();
        let id = rig.submit(&[5]);
        rig.database.die_after(Some(survived));
        life(&mut rig);
        rig.restart();
        life(&mut rig);
        rig.assert_committed(id, &[5]);
        rig.assert_nothing_left();
        // And once more, for good measure.
        rig.restart();
        life(&mut rig);
        rig.assert_committed(id, &[5]);
        rig.assert_nothing_left();
    }
}

#[test]
fn killed_while_offline_past_the_deadline_the_job_expires_and_nothing_is_left() {
    let mut rig = Rig::new();
    rig.worker_up();
    let id = rig.submit(&[5]);
    rig.next_block();
    assert!(matches!(rig.chain.job_now(id), JobState::Claimed { .. }));
    for _ in 0..=EXECUTION_BLOCKS {
        rig.chain.block(|_| ());
    }
    rig.restart();
    life(&mut rig);
    assert!(matches!(
        rig.chain.job_now(id),
        JobState::Expired { provider: Some(_), .. }
    ));
    assert_eq!(rig.executions(), [], "nothing is executed for a job that is over");
    rig.assert_nothing_left();
}

#[test]
fn database_that_lost_everything_finds_its_job_on_the_chain() {
    let mut rig = Rig::new();
    rig.worker_up();
    let id = rig.submit(&[5]);
    rig.next_block();
    wipe_records(&mut rig);
    rig.restart();
    rig.worker_up();
    for _ in 0..EXECUTION_BLOCKS {
        rig.next_block();
        rig.finish_all();
    }
    assert_eq!(rig.chain.state().submissions, 1);
    rig.assert_committed(id, &[5]);
}

/// Removes all records, but not the content that every node of the chain has.
fn wipe_records(rig: &mut Rig) {
    use sp_core::offchain::{OffchainStorage, STORAGE_PREFIX};
    rig.database.remove(STORAGE_PREFIX, crate::provider::store::LEDGER_KEY);
    rig.database
        .remove(STORAGE_PREFIX, lantern_primitives::mailbox::INDEX_KEY);
}

#[test]
fn garbage_in_the_records_counts_as_empty() {
    use sp_core::offchain::{OffchainStorage, STORAGE_PREFIX};
    let mut rig = Rig::new();
    rig.database.set(
        STORAGE_PREFIX,
        crate::provider::store::LEDGER_KEY,
        b"\xff\xff\xff\xff garbage",
    );
    rig.restart();
    rig.worker_up();
    let id = rig.submit(&[5]);
    rig.finish_all();
    rig.next_block();
    rig.next_block();
    rig.assert_committed(id, &[5]);
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

/// Blocks, jobs, forks that reuse ids, crashes of worker and node between any two writes, in random order.
#[test]
fn random_lives_commit_right_results_only_and_leave_nothing() {
    let inputs = all_inputs();
    let mut committed = 0;
    for seed in 0..300 {
        let mut random = Random(seed);
        let mut rig = Rig::new();
        rig.worker_up();
        // What is running, and may be finished later or never.
        let mut running = Vec::new();
        for _ in 0..60 {
            match random.below(12) {
                0..=2 => {
                    let tokens: Vec<u32> = (0..=random.below(2)).map(|_| random.below(100) as u32).collect();
                    rig.submit(&tokens);
                },
                3..=5 => rig.next_block(),
                6 | 7 => {
                    running.extend(rig.executions());
                    if !running.is_empty() {
                        let (run, job) = running.swap_remove(random.below(running.len() as u64) as usize);
                        rig.finish(run, &job);
                    }
                },
                8 => {
                    rig.chain.revert(1 + random.below(3) as usize);
                    // Some transactions come back into the pool, some do not.
                    if random.below(2) == 0 {
                        rig.chain.state().claims.clear();
                    }
                    rig.chain.state().results.clear();
                    rig.next_block();
                },
                9 => rig.finalize(random.below(3) as usize),
                10 => {
                    rig.worker_down();
                    running.clear();
                    rig.worker_up();
                },
                _ => {
                    rig.database.die_after(Some(random.below(6) as usize));
                    rig.next_block();
                    running.extend(rig.executions());
                    for (run, job) in running.drain(..) {
                        rig.finish(run, &job);
                    }
                    rig.finalize(0);
                    rig.restart();
                    rig.see_block();
                    rig.worker_up();
                },
            }
        }
        // Peace: everything ends.
        running.extend(rig.executions());
        for (run, job) in running.drain(..) {
            rig.finish(run, &job);
        }
        for _ in 0..=OPEN_BLOCKS + EXECUTION_BLOCKS {
            rig.next_block();
            rig.finish_all();
        }
        rig.finalize(0);
        for (id, job) in rig.chain.best_snapshot().jobs {
            match &job.state {
                JobState::Committed { commitment: found, .. } => {
                    let input = &inputs[&job.input.hash];
                    assert_eq!(
                        *found,
                        commitment(input),
                        "seed {seed}: job {id} has another job's result"
                    );
                    committed += 1;
                },
                JobState::Expired { .. } => {},
                other => panic!("seed {seed}: job {id} ended as {other:?}"),
            }
        }
        // What is left is about jobs that a reorganisation took away for good; it goes when their ids are given again.
        let next = rig.chain.best_snapshot().next;
        assert!(
            rig.database.ledger().iter().all(|(id, _)| *id >= next),
            "seed {seed}: {:?}",
            rig.database.ledger()
        );
        assert!(rig.database.mailbox().is_empty(), "seed {seed}");
    }
    assert!(committed > 1_000, "most jobs commit: {committed}");
}

/// Every prompt that the random test submits, by hash.
fn all_inputs() -> HashMap<H256, Vec<u8>> {
    let one = (0..100).map(|a| encode_tokens(&[a]));
    let two = (0..100).flat_map(|a| (0..100).map(move |b| encode_tokens(&[a, b])));
    one.chain(two)
        .map(|input| (ContentRef::of(&input).hash, input))
        .collect()
}

#[test]
fn job_on_lost_blocks_waits_for_them() {
    let mut rig = Rig::new();
    rig.worker_up();
    rig.next_block();
    let id = rig.submit(&[5]);
    rig.finish_all();
    rig.next_block();
    // The crash takes the last two blocks with it.
    rig.chain.revert(2);
    rig.chain.state().results.clear();
    rig.restart();
    rig.worker_up();
    rig.see_block();
    assert_eq!(rig.database.ledger().len(), 1, "the record waits");
    assert!(rig.database.mailbox().is_empty(), "the result does not");
    // They come back from the network, claim included.
    let (mut job, _) = open_job(&[5], rig.chain.best().number + 1);
    rig.chain.block(|snapshot| {
        let claimed_at = snapshot.number;
        let deadline = claimed_at + EXECUTION_BLOCKS;
        job.state = JobState::Claimed {
            provider: super::mock::provider(),
            price: 1,
            bond: 1,
            claimed_at,
            deadline,
        };
        snapshot.jobs.insert(id, job);
        snapshot.next = id + 1;
    });
    rig.see_block();
    assert_eq!(rig.finish_all(), 1);
    rig.next_block();
    rig.next_block();
    rig.assert_committed(id, &[5]);
}
