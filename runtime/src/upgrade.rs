//! Upgrades from runtimes of the past (`zombienet/runtimes`), with jobs in flight: their blocks and jobs are made by the old
//! runtime itself, in WebAssembly, and continued by this one.

#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, clippy::indexing_slicing)]
// A test that meets something unexpected is to end there.

use crate::{
    testing::{Chain, Market, REQUESTERS},
    AccountId, JobEscrow, MultiBlockMigrations, RuntimeEvent, System,
};
use frame_support::{migrations::MultiStepMigrator, traits::GetStorageVersion};
use lantern_primitives::{
    info::{JobFilter, JobInfo},
    job::JobState,
};
use sp_runtime::ExtrinsicInclusionMode;

/// The runtime of spec version 1.
const VERSION_1: &[u8] = include_bytes!("../../zombienet/runtimes/lantern-1-fast.compact.compressed.wasm");

/// A chain of version 1 with jobs of every state: 0 to 3 settled, 4 cancelled, 5 to 10 committed, 11 to 16 claimed, the last
/// six open.
fn in_flight() -> Market {
    let mut market = Market::open(Chain::of_past(VERSION_1), (3, 4));
    market.submit(11);
    let cancel = market.signed(0, pallet_job_escrow::Call::cancel_job { job: 4 });
    market.block(vec![cancel]);
    let claims = market.claims((0..11).filter(|id| *id != 4));
    market.block(claims);
    let results = market.results(0..4);
    market.block(results);
    let after_window = market.chain.number() + 6;
    market.chain.run_to(after_window);
    assert_eq!(
        market.all(|state| matches!(state, JobState::Settled { .. })),
        [0, 1, 2, 3]
    );
    market.submit(12);
    let mut calls = market.claims(11..17);
    calls.extend(market.results(5..11));
    market.block(calls);
    market
}

fn version() -> u16 {
    let version = JobEscrow::on_chain_storage_version();
    (0..=9).find(|number| version == *number).unwrap()
}

#[test]
fn jobs_in_flight_live_through_the_upgrade() {
    let mut market = in_flight();
    let before = market.chain.jobs(JobFilter::All);
    assert_eq!(before.len(), 23);
    let issuance = market.issuance();
    assert_eq!(market.chain.state.execute_with(version), 1);

    // WHEN the next block is made by this runtime: the migration runs, and no transaction goes into it
    market.chain.upgrade();
    assert_eq!(market.chain.block(vec![]), ExtrinsicInclusionMode::OnlyInherents);

    // THEN it is over in one block, for so few jobs, and no record has changed
    let events = market.chain.state.execute_with(System::events);
    let seen = |wanted: RuntimeEvent| events.iter().any(|record| record.event == wanted);
    assert!(seen(pallet_migrations::Event::UpgradeCompleted.into()));
    assert!(!market.chain.state.execute_with(MultiBlockMigrations::ongoing));
    assert_eq!(market.chain.state.execute_with(version), 2);
    assert_eq!(market.chain.jobs(JobFilter::All), before);
    assert_eq!(market.issuance(), issuance);
    market.chain.state.execute_with(|| JobEscrow::do_try_state().unwrap());
    for who in REQUESTERS {
        let account = who.to_account_id();
        let mine: Vec<JobInfo> = before
            .iter()
            .filter(|info| info.job.requester == account)
            .cloned()
            .collect();
        assert_eq!(market.chain.jobs(JobFilter::RequestedBy(account)), mine);
    }

    // Results and claims go on, in the order in which providers have them.
    let mut calls = market.results(11..14);
    calls.extend(market.claims(17..20));
    market.block(calls);
    let results = market.results(17..20);
    market.block(results);
    // Three claims are left to miss their deadline, three jobs are never claimed.
    let end = market.chain.number() + 60;
    market.chain.run_to(end);
    assert_eq!(
        market.all(|state| matches!(state, JobState::Settled { .. })),
        [0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 17, 18, 19]
    );
    let is_late = |state: &JobState<AccountId, u128, u32>| matches!(state, JobState::Expired { provider: Some(_), .. });
    assert_eq!(market.all(is_late), [14, 15, 16]);
    let is_unwanted =
        |state: &JobState<AccountId, u128, u32>| matches!(state, JobState::Expired { provider: None, .. });
    assert_eq!(market.all(is_unwanted), [20, 21, 22]);
    assert_eq!(market.all(|state| matches!(state, JobState::Cancelled { .. })), [4]);
    market.chain.state.execute_with(|| {
        JobEscrow::do_try_state().unwrap();
        assert_eq!(JobEscrow::stats().totals.escrowed, 0);
    });
    // Transactions signed for the new version go on as well.
    market.submit(2);
}

#[test]
fn a_result_due_while_the_migration_runs_is_paid() {
    let mut market = in_flight();
    let deadline = market
        .chain
        .jobs(JobFilter::All)
        .iter()
        .find_map(|info| match info.job.state {
            JobState::Claimed { deadline, .. } => Some(deadline),
            _ => None,
        })
        .unwrap();
    // GIVEN that the block of the deadline is the one that lets no transaction in
    market.chain.run_to(deadline - 1);
    market.chain.upgrade();
    assert_eq!(market.chain.block(vec![]), ExtrinsicInclusionMode::OnlyInherents);
    assert_eq!(market.chain.number(), deadline);
    // WHEN the results come some blocks later
    market.chain.run_to(deadline + 3);
    let results = market.results(11..17);
    market.block(results);
    // THEN they are paid
    let end = market.chain.number() + 20;
    market.chain.run_to(end);
    let settled = market.all(|state| matches!(state, JobState::Settled { .. }));
    assert!((11..17).all(|id| settled.contains(&id)), "{settled:?}");
}

/// What `try-runtime on-runtime-upgrade` does: every check before and after, the state of every pallet, the whole twice.
#[test]
fn every_check_of_every_pallet_holds_after_the_upgrade() {
    use crate::{AllPalletsWithSystem, Executive};
    use frame_support::traits::{TryState, TryStateSelect, UpgradeCheckSelect};

    let mut market = in_flight();
    market.chain.state.execute_with(|| {
        assert_eq!(version(), 1);
        for _ in 0..2 {
            Executive::try_runtime_upgrade(UpgradeCheckSelect::All).unwrap();
            // The steps' own checks run within.
            for steps in 0.. {
                if !MultiBlockMigrations::ongoing() {
                    break;
                }
                assert!(steps < 10, "the migration does not end");
                MultiBlockMigrations::step();
            }
            AllPalletsWithSystem::try_state(System::block_number(), TryStateSelect::All).unwrap();
            assert_eq!(version(), 2);
        }
    });
}
