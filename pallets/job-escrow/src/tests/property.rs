//! Random sequences of calls keep the invariants and every unit of money.

use frame_support::{storage::with_storage_layer, traits::Hooks, weights::Weight};
use lantern_primitives::{job::JobState, Balance, JobId, JobParams};
use proptest::prelude::*;
use sp_runtime::Permill;

use crate::{mock::*, Jobs, NextJobId};

/// One step of a sequence. Jobs are named by how many were submitted after them, so that most steps hit one that exists.
#[derive(Clone, Debug)]
enum Step {
    Submit {
        by_bob: bool,
        embed: bool,
        max_fee: Balance,
        only: u8,
    },
    Cancel {
        back: u64,
        by_bob: bool,
    },
    Claim {
        back: u64,
        rival: bool,
    },
    Commit {
        back: u64,
        rival: bool,
        output_tokens: usize,
        honest: bool,
    },
    Poke {
        back: u64,
    },
    Blocks {
        count: u32,
        weight: u64,
    },
    Govern {
        percent: u32,
        blocks: u32,
    },
    Verify(bool),
    Pause {
        rival: bool,
        active: bool,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let back = 0u64..4;
    prop_oneof![
        6 => (any::<bool>(), any::<bool>(), 0u128..40_000, 0u8..4)
            .prop_map(|(by_bob, embed, max_fee, only)| Step::Submit { by_bob, embed, max_fee, only }),
        1 => (back.clone(), any::<bool>()).prop_map(|(back, by_bob)| Step::Cancel { back, by_bob }),
        6 => (back.clone(), prop::bool::weighted(0.2)).prop_map(|(back, rival)| Step::Claim { back, rival }),
        8 => (back.clone(), prop::bool::weighted(0.2), 0usize..10, prop::bool::weighted(0.9))
            .prop_map(|(back, rival, output_tokens, honest)| Step::Commit { back, rival, output_tokens, honest }),
        2 => back.prop_map(|back| Step::Poke { back }),
        5 => (1u32..5, prop_oneof![Just(0u64), 0u64..9_000_000_000, Just(u64::MAX)])
            .prop_map(|(count, weight)| Step::Blocks { count, weight }),
        1 => (0u32..=100, 0u32..30).prop_map(|(percent, blocks)| Step::Govern { percent, blocks }),
        1 => any::<bool>().prop_map(Step::Verify),
        1 => (any::<bool>(), prop::bool::weighted(0.8)).prop_map(|(rival, active)| Step::Pause { rival, active }),
    ]
}

fn recent(back: u64) -> JobId {
    NextJobId::<Test>::get().saturating_sub(1 + back)
}

fn key(rival: bool) -> lantern_primitives::crypto::WorkerId {
    worker(if rival { "two" } else { "one" })
}

fn result(job: JobId, rival: bool, output_tokens: usize, honest: bool) -> Result<(), sp_runtime::DispatchError> {
    let is_embedding = Jobs::<Test>::get(job).is_some_and(|job| job.params == JobParams::Embed);
    let bytes = if is_embedding {
        vec![1; 64 * 4]
    } else {
        // Ends with the stop token unless it has full length.
        let mut ids = vec![1u32; output_tokens];
        if output_tokens < 8 {
            if let Some(last) = ids.last_mut() {
                *last = 7;
            }
        }
        tokens(&ids)
    };
    let used = if is_embedding { 0 } else { output_tokens as u32 };
    let mut commitment = commitment(&bytes, used);
    if !honest {
        commitment.usage.prompt_tokens += 1;
    }
    commit(job, &key(rival), commitment, bytes)
}

fn apply(step: Step) {
    let signed = |by_bob| RuntimeOrigin::signed(if by_bob { BOB() } else { ALICE() });
    // As a block does it: a call that fails leaves nothing behind.
    let _ = with_storage_layer(|| match step {
        Step::Submit {
            by_bob,
            embed,
            max_fee,
            only,
        } => {
            let requester = if by_bob { BOB() } else { ALICE() };
            let (model, params) = if embed {
                (EMBEDDER, JobParams::Embed)
            } else {
                (GENERATOR, JobParams::Generate(params()))
            };
            let only = [None, None, Some(PROVIDER()), Some(RIVAL())][usize::from(only)].clone();
            submit(requester, model, input(), params, max_fee, only)
        },
        Step::Cancel { back, by_bob } => JobEscrow::cancel_job(signed(by_bob), recent(back)),
        Step::Claim { back, rival } => claim(recent(back), &key(rival)),
        Step::Commit {
            back,
            rival,
            output_tokens,
            honest,
        } => result(recent(back), rival, output_tokens, honest),
        Step::Poke { back } => JobEscrow::poke(signed(true), recent(back))
            .map(|_| ())
            .map_err(|error| error.error),
        Step::Blocks { count, weight } => {
            for _ in 0..count {
                let now = System::block_number();
                JobEscrow::on_idle(now, Weight::from_parts(weight, u64::MAX));
                System::set_block_number(now + 1);
            }
            Ok(())
        },
        Step::Govern { percent, blocks } => {
            ProtocolFee::set(&Permill::from_percent(percent));
            BurnShare::set(&Permill::from_percent(percent));
            MissPenalty::set(&Permill::from_percent(100 - percent));
            BondPercent::set(&(3 * percent));
            Retention::set(&blocks);
            Window::set(&blocks);
            ExecutionBlocks::set(&blocks);
            OpenBlocks::set(&blocks);
            Ok(())
        },
        Step::Verify(may_settle) => {
            MaySettle::set(&may_settle);
            Ok(())
        },
        Step::Pause { rival, active } => {
            MockProviders::set_active(&if rival { RIVAL() } else { PROVIDER() }, active);
            Ok(())
        },
    });
}

/// What the sum of the burned parts must be, kept over the removal of jobs: read from events.
fn burned_in_events() -> Balance {
    System::events()
        .into_iter()
        .filter_map(|record| match record.event {
            RuntimeEvent::JobEscrow(crate::Event::JobSettled { split, .. }) => Some(split.burned),
            _ => None,
        })
        .sum()
}

/// How often each end was reached, so that a run in which nothing happens cannot pass for a test.
#[derive(Default, Debug)]
struct Reached {
    settled: usize,
    missed: usize,
    expired: usize,
    cancelled: usize,
}

fn reached() -> Reached {
    let mut reached = Reached::default();
    for record in System::events() {
        match record.event {
            RuntimeEvent::JobEscrow(crate::Event::JobSettled { .. }) => reached.settled += 1,
            RuntimeEvent::JobEscrow(crate::Event::JobExpired { provider: Some(_), .. }) => reached.missed += 1,
            RuntimeEvent::JobEscrow(crate::Event::JobExpired { provider: None, .. }) => reached.expired += 1,
            RuntimeEvent::JobEscrow(crate::Event::JobCancelled { .. }) => reached.cancelled += 1,
            _ => {},
        }
    }
    reached
}

fn run_sequence(steps: Vec<Step>) -> Reached {
    let mut ext = new_test_ext();
    ext.execute_with(|| {
        let issuance = Balances::total_issuance();
        for step in steps {
            apply(step);
            check_invariants();
            assert_eq!(Balances::total_issuance(), issuance - burned_in_events());
            // The stake that the mock's ledger counts is the stake that is there.
            assert_eq!(
                free(&stake_account()) - (FUNDS - 2 * STAKE_EACH),
                MockProviders::bonded_sum()
            );
        }
        // No state survives its deadline: with verification done, everything ends.
        MaySettle::set(&true);
        run_to(System::block_number() + 200);
        check_invariants();
        assert_eq!((held(&ALICE()), held(&BOB())), (0, 0));
        assert_eq!(
            (MockProviders::locked(&PROVIDER()), MockProviders::locked(&RIVAL())),
            (0, 0)
        );
        assert!(Jobs::<Test>::iter_values().all(|job| !matches!(
            job.state,
            JobState::Open { .. } | JobState::Claimed { .. } | JobState::Committed { .. }
        )));
        reached()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_calls_keep_every_invariant(steps in prop::collection::vec(step(), 1..120)) {
        run_sequence(steps);
    }
}

#[test]
fn random_sequences_reach_every_end() {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};
    let mut runner = TestRunner::deterministic();
    let mut total = Reached::default();
    for _ in 0..8 {
        let steps = prop::collection::vec(step(), 150)
            .new_tree(&mut runner)
            .unwrap()
            .current();
        let reached = run_sequence(steps);
        total.settled += reached.settled;
        total.missed += reached.missed;
        total.expired += reached.expired;
        total.cancelled += reached.cancelled;
    }
    assert!(
        total.settled > 20 && total.missed > 10 && total.expired > 20 && total.cancelled > 3,
        "the sequences are too tame: {total:?}"
    );
}
