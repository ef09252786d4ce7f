//! Upgrades from runtimes of the past (`zombienet/runtimes`), with jobs in flight: their blocks and jobs are made by the old
//! runtime itself, in WebAssembly, and continued by this one.

#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, clippy::indexing_slicing)]
// A test that meets something unexpected is to end there.

mod chain;

use crate::{
    authorized_extension, currency::LUX, AccountId, JobEscrow, MultiBlockMigrations, Runtime, RuntimeCall,
    RuntimeEvent, System, UncheckedExtrinsic,
};
use chain::Chain;
use frame_support::{migrations::MultiStepMigrator, traits::GetStorageVersion};
use lantern_exact::spec::{
    encode_tokens, Family, GenerateParams, LlamaSpec, ModelSpec, RopeScaling, Sampling, StopTokens, Width,
};
use lantern_primitives::{
    content::ContentRef,
    crypto::{claim_payload, result_payload, worker_payload, WorkerPair},
    info::{JobFilter, JobInfo},
    job::{JobState, ResultCommitment},
    JobId, JobParams, ModelId, Usage, H256,
};
use sp_core::Pair;
use sp_keyring::Sr25519Keyring::{self, Alice, Bob, Charlie, Dave};
use sp_runtime::ExtrinsicInclusionMode;

/// The runtime of spec version 1.
const VERSION_1: &[u8] = include_bytes!("../../../zombienet/runtimes/lantern-1-fast.compact.compressed.wasm");

const REQUESTERS: [Sr25519Keyring; 2] = [Alice, Dave];
const NEW_TOKENS: u32 = 4;

fn spec() -> ModelSpec {
    ModelSpec {
        family: Family::Llama(LlamaSpec {
            tied_embeddings: true,
            qkv_bias: false,
            qk_norm: false,
            rope_base: 10_000,
            rope_scaling: RopeScaling::None,
        }),
        arithmetic: 1,
        activation: Width::Wide,
        keys: Width::Wide,
        hidden: 64,
        intermediate: 128,
        layers: 2,
        heads: 4,
        kv_heads: 2,
        head_dim: 16,
        vocab: 256,
        max_context: 128,
        norm_eps: 184_467_440_737_095,
        tokenizer_hash: [0; 32],
    }
}

/// The market: Charlie owns the model, Bob serves it.
struct Market {
    chain: Chain,
    worker: WorkerPair,
    model: ModelId,
    nonces: [u32; 2],
}

impl Market {
    /// A chain of version 1 with a provider and a model.
    fn open() -> Self {
        let mut chain = Chain::of_past(VERSION_1);
        let worker = WorkerPair::from_string("//Bob//worker", None).unwrap();
        let proof = pallet_provider_staking::WorkerProof {
            key: worker.public(),
            signature: worker.sign(&worker_payload(chain.genesis(), &Bob.to_account_id())),
        };
        let register = pallet_provider_staking::Call::register {
            metadata: Default::default(),
            bond: 1_000 * LUX,
            workers: vec![proof].try_into().unwrap(),
        };
        let model = pallet_model_registry::Call::register {
            name: b"upgraded".to_vec().try_into().unwrap(),
            spec: spec(),
            weights_root: [1; 32],
            royalty: Default::default(),
            parents: Default::default(),
        };
        let calls = vec![chain.signed(Bob, 0, register), chain.signed(Charlie, 0, model)];
        chain.block(calls);
        let mut models = chain
            .state
            .execute_with(|| pallet_model_registry::Models::<Runtime>::iter_keys().collect::<Vec<_>>());
        let model = models.pop().unwrap();
        let price = pallet_model_registry::Call::post_price { model, price: LUX };
        let calls = vec![chain.signed(Bob, 1, price)];
        chain.block(calls);
        Self {
            chain,
            worker,
            model,
            nonces: [0; 2],
        }
    }

    fn input(&self) -> Vec<u8> {
        encode_tokens(&[1, 2, 3])
    }

    fn signed(&mut self, who: usize, call: impl Into<RuntimeCall>) -> UncheckedExtrinsic {
        let call = self.chain.signed(REQUESTERS[who], self.nonces[who], call);
        self.nonces[who] += 1;
        call
    }

    /// Submits `count` jobs, by turns.
    fn submit(&mut self, count: usize) {
        let input = self.input();
        let calls = (0..count).map(|n| {
            let call = pallet_job_escrow::Call::submit_job {
                model: self.model,
                input_hash: ContentRef::of(&input).hash,
                input: input.clone(),
                params: JobParams::Generate(GenerateParams {
                    max_new_tokens: NEW_TOKENS,
                    sampling: Sampling::Greedy,
                    stop: StopTokens::default(),
                }),
                max_fee: LUX + n as u128,
                provider: None,
            };
            self.signed(n % 2, call)
        });
        let calls = calls.collect();
        self.chain.block(calls);
    }

    fn work(&mut self, job: JobId) -> H256 {
        let info: Option<JobInfo> = self.chain.ask("DepinApi_job", &job);
        info.unwrap().job.work()
    }

    fn claims(&mut self, jobs: impl IntoIterator<Item = JobId>) -> Vec<UncheckedExtrinsic> {
        let claim = |job| {
            let payload = claim_payload(self.chain.genesis(), job, self.work(job));
            let call = pallet_job_escrow::Call::claim_job {
                job,
                worker: self.worker.public(),
                signature: self.worker.sign(&payload),
            };
            UncheckedExtrinsic::new_transaction(call.into(), authorized_extension())
        };
        jobs.into_iter().map(claim).collect()
    }

    fn results(&mut self, jobs: impl IntoIterator<Item = JobId>) -> Vec<UncheckedExtrinsic> {
        let output = encode_tokens(&[9; NEW_TOKENS as usize]);
        let commitment = ResultCommitment {
            output: ContentRef::of(&output),
            usage: Usage {
                prompt_tokens: 3,
                output_tokens: NEW_TOKENS,
            },
            trace_root: H256::repeat_byte(5),
        };
        let result = |job| {
            let payload = result_payload(self.chain.genesis(), job, self.work(job), &commitment);
            let call = pallet_job_escrow::Call::submit_result {
                job,
                worker: self.worker.public(),
                commitment,
                output: output.clone(),
                signature: self.worker.sign(&payload),
            };
            UncheckedExtrinsic::new_transaction(call.into(), authorized_extension())
        };
        jobs.into_iter().map(result).collect()
    }

    fn block(&mut self, calls: Vec<UncheckedExtrinsic>) {
        let mode = self.chain.block(calls);
        assert_eq!(mode, ExtrinsicInclusionMode::AllExtrinsics);
    }

    /// Ids of jobs in the state that `is` says.
    fn all(&mut self, is: impl Fn(&JobState<AccountId, u128, u32>) -> bool) -> Vec<JobId> {
        let jobs = self.chain.jobs(JobFilter::All);
        jobs.iter()
            .filter(|info| is(&info.job.state))
            .map(|info| info.id)
            .collect()
    }

    fn issuance(&mut self) -> u128 {
        self.chain.state.execute_with(crate::Balances::total_issuance)
    }
}

/// A chain of version 1 with jobs of every state: 0 to 3 settled, 4 cancelled, 5 to 10 committed, 11 to 16 claimed, the last
/// six open.
fn in_flight() -> Market {
    let mut market = Market::open();
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
#[cfg(feature = "try-runtime")]
#[test]
fn every_check_of_every_pallet_holds_after_the_upgrade() {
    use crate::{AllPalletsWithSystem, Executive};
    use frame_support::traits::{TryState, TryStateSelect};
    use frame_try_runtime::UpgradeCheckSelect;

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
