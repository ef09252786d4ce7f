//! A chain, a database, a courier and a worker that do what the test says.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        atomic::{AtomicBool, Ordering},
        Arc, Mutex, MutexGuard,
    },
};

use async_trait::async_trait;
use codec::{Decode, Encode};
use futures::executor::block_on;
use lantern_exact::{spec::encode_tokens, Family, GenerateParams, LlamaSpec, Sampling, StopTokens, Width, ARITHMETIC};
use lantern_primitives::{
    content::{content_key, ContentRef},
    crypto::{WorkerId, WorkerSignature},
    info::ProviderInfo,
    job::{FrozenTerms, JobState, ResultCommitment},
    mailbox::{entry_key, Entry, INDEX_KEY},
    AccountId, BlockNumber, JobId, JobParams, ModelId, ModelSpec, H256,
};
use lantern_worker_protocol::{Execute, FailureKind, Hash, ModelInfo, ModelKind, Outcome, Usage};
use sp_core::offchain::{OffchainStorage, STORAGE_PREFIX};
use sp_keystore::testing::MemoryKeystore;
use sp_runtime::Permill;

use super::super::{
    chain::{BlockRef, Chain, ChainError, ChainJob, ClaimError},
    desk::{Desk, Parts},
    keys::Keys,
    link::{RunId, WorkerClient, WorkerEvent},
    metrics::Metrics,
    store::{Store, LEDGER_KEY},
    streams::Streams,
};

/// Blocks from claim to the latest commitment.
pub const EXECUTION_BLOCKS: BlockNumber = 20;
/// Blocks for which a job waits for a claim.
pub const OPEN_BLOCKS: BlockNumber = 12;
/// Posted price per compute unit.
pub const PRICE: u128 = 1_000_000_000;
/// A seed and no phrase: phrases are made slow to derive from, and the keystore does so for every signature.
const WORKER_SEED: &str = "0x1111111111111111111111111111111111111111111111111111111111111111";
const WEIGHTS_ROOT: [u8; 32] = [4; 32];

pub fn provider() -> AccountId {
    AccountId::new([1; 32])
}

pub fn rival() -> AccountId {
    AccountId::new([2; 32])
}

pub fn spec() -> ModelSpec {
    ModelSpec {
        family: Family::Llama(LlamaSpec {
            tied_embeddings: true,
            qkv_bias: false,
            qk_norm: false,
            rope_base: 10_000,
            rope_scaling: Default::default(),
        }),
        arithmetic: ARITHMETIC,
        activation: Width::Wide,
        keys: Width::Wide,
        hidden: 64,
        intermediate: 128,
        layers: 2,
        heads: 4,
        kv_heads: 2,
        head_dim: 16,
        vocab: 100,
        max_context: 64,
        norm_eps: 1 << 40,
        tokenizer_hash: [0; 32],
    }
}

pub fn model() -> ModelId {
    H256(lantern_exact::model_id(&spec(), &WEIGHTS_ROOT))
}

/// Positions of a job that the worker takes: fewer than the model allows.
pub const MAX_POSITIONS: u32 = 40;

pub fn model_info() -> ModelInfo {
    ModelInfo {
        id: Hash(model().0),
        name: "mock".into(),
        kind: ModelKind::Generation,
        spec: spec().encode().into(),
        weights_root: Hash(WEIGHTS_ROOT),
        vocab: spec().vocab,
        max_context: spec().max_context,
        max_positions: MAX_POSITIONS,
        stop_tokens: vec![],
    }
}

/// What every honest worker answers for this input: as many tokens as allowed, all equal to the last of the prompt.
pub fn outcome(key: u64, input: &[u8]) -> Outcome {
    let last = input.chunks_exact(4).last().expect("a prompt has tokens");
    let token = u32::from_le_bytes(last.try_into().expect("four bytes"));
    Outcome {
        key,
        output: encode_tokens(&[token; 3]).into(),
        usage: Usage {
            prompt_tokens: (input.len() / 4) as u32,
            output_tokens: 3,
        },
        trace_root: Hash([8; 32]),
        millis: 10,
    }
}

pub fn commitment(input: &[u8]) -> ResultCommitment {
    let outcome = outcome(0, input);
    ResultCommitment {
        output: ContentRef::of(&outcome.output.0),
        usage: lantern_primitives::Usage {
            prompt_tokens: outcome.usage.prompt_tokens,
            output_tokens: outcome.usage.output_tokens,
        },
        trace_root: H256(outcome.trace_root.0),
    }
}

/// A job whose prompt is these tokens.
pub fn open_job(tokens: &[u32], now: BlockNumber) -> (ChainJob, Vec<u8>) {
    let input = encode_tokens(tokens);
    let job = ChainJob {
        requester: AccountId::new([3; 32]),
        model: model(),
        input: ContentRef::of(&input),
        prompt_tokens: tokens.len() as u32,
        params: JobParams::Generate(GenerateParams {
            max_new_tokens: 3,
            sampling: Sampling::Greedy,
            stop: StopTokens::default(),
        }),
        max_fee: u128::MAX,
        only: None,
        submitted_at: now,
        terms: FrozenTerms {
            execution_blocks: EXECUTION_BLOCKS,
            challenge_window: 5,
            bond_percent: 200,
            miss_penalty: Permill::from_percent(50),
            royalty: Permill::zero(),
            protocol_fee: Permill::zero(),
            burn_share: Permill::zero(),
            audit_share: Permill::zero(),
        },
        state: JobState::Open {
            deadline: now + OPEN_BLOCKS,
        },
    };
    (job, input)
}

/// A database that outlives the provider, and can stop taking writes, as when the process is killed at that moment.
#[derive(Clone, Default)]
pub struct Database {
    rows: Arc<Mutex<HashMap<Vec<u8>, Vec<u8>>>>,
    writes: Arc<Mutex<(usize, Option<usize>)>>,
    dead: Arc<AtomicBool>,
}

impl Database {
    /// The process dies when it has written `writes` times more.
    pub fn die_after(&self, writes: Option<usize>) {
        *self.writes.lock().expect("lock") = (0, writes);
        self.dead.store(writes == Some(0), Ordering::SeqCst);
    }
    pub fn is_dead(&self) -> bool {
        self.dead.load(Ordering::SeqCst)
    }
    pub fn writes(&self) -> usize {
        self.writes.lock().expect("lock").0
    }
    fn may_write(&self) -> bool {
        let mut writes = self.writes.lock().expect("lock");
        if self.is_dead() {
            return false;
        }
        writes.0 += 1;
        if writes.1 == Some(writes.0) {
            self.dead.store(true, Ordering::SeqCst);
        }
        true
    }
    pub fn index_content(&self, bytes: &[u8]) {
        let key = content_key(&ContentRef::of(bytes).hash);
        self.rows
            .lock()
            .expect("lock")
            .insert([STORAGE_PREFIX, &key].concat(), bytes.to_vec());
    }
    pub fn drop_content(&self, bytes: &[u8]) {
        let key = content_key(&ContentRef::of(bytes).hash);
        self.rows.lock().expect("lock").remove(&[STORAGE_PREFIX, &key].concat());
    }
    pub fn read<V: Decode>(&self, key: &[u8]) -> Option<V> {
        let bytes = self.get(STORAGE_PREFIX, key)?;
        Some(V::decode(&mut &bytes[..]).expect("the provider writes what it should"))
    }
    pub fn ledger(&self) -> Vec<(JobId, H256)> {
        self.read(LEDGER_KEY).unwrap_or_default()
    }
    pub fn mailbox(&self) -> Vec<JobId> {
        self.read(INDEX_KEY).unwrap_or_default()
    }
}

impl OffchainStorage for Database {
    fn set(&mut self, prefix: &[u8], key: &[u8], value: &[u8]) {
        if self.may_write() {
            self.rows
                .lock()
                .expect("lock")
                .insert([prefix, key].concat(), value.to_vec());
        }
    }
    fn remove(&mut self, prefix: &[u8], key: &[u8]) {
        if self.may_write() {
            self.rows.lock().expect("lock").remove(&[prefix, key].concat());
        }
    }
    fn get(&self, prefix: &[u8], key: &[u8]) -> Option<Vec<u8>> {
        self.rows.lock().expect("lock").get(&[prefix, key].concat()).cloned()
    }
    fn compare_and_set(&mut self, _: &[u8], _: &[u8], _: Option<&[u8]>, _: &[u8]) -> bool {
        unreachable!("the provider is the only writer")
    }
}

#[derive(Clone, Default)]
pub struct Snapshot {
    pub number: BlockNumber,
    pub jobs: BTreeMap<JobId, ChainJob>,
    pub next: JobId,
}

pub struct ChainState {
    blocks: HashMap<H256, Snapshot>,
    canonical: Vec<H256>,
    finalized: usize,
    salt: u64,
    pub registered: Option<(WorkerId, ProviderInfo)>,
    pub claims: Vec<JobId>,
    pub results: Vec<(JobId, ResultCommitment)>,
    pub submissions: usize,
    pub refuse: Option<ClaimError>,
    pub fail: bool,
    pub syncing: bool,
}

pub struct MockChain {
    state: Mutex<ChainState>,
    database: Database,
}

impl MockChain {
    fn new(database: Database, worker: WorkerId) -> Self {
        let genesis = H256::zero();
        let info = ProviderInfo {
            account: provider(),
            metadata: vec![],
            bonded: u128::MAX / 4,
            locked: 0,
            unbonding: 0,
            active: true,
            workers: vec![worker.clone()],
            prices: vec![(model(), PRICE)],
            claimable_reward: 0,
        };
        let state = ChainState {
            blocks: [(genesis, Snapshot::default())].into(),
            canonical: vec![genesis],
            finalized: 0,
            salt: 0,
            registered: Some((worker, info)),
            claims: vec![],
            results: vec![],
            submissions: 0,
            refuse: None,
            fail: false,
            syncing: false,
        };
        Self {
            state: Mutex::new(state),
            database,
        }
    }

    pub fn state(&self) -> MutexGuard<'_, ChainState> {
        self.state.lock().expect("lock")
    }

    pub fn best_snapshot(&self) -> Snapshot {
        let state = self.state();
        state.blocks[state.canonical.last().expect("genesis")].clone()
    }

    pub fn job_now(&self, id: JobId) -> JobState<AccountId, u128, BlockNumber> {
        self.best_snapshot().jobs[&id].state.clone()
    }

    /// Makes the next block: what waits in the pool first, then `change`, then deadlines.
    pub fn block<R>(&self, change: impl FnOnce(&mut Snapshot) -> R) -> R {
        let mut snapshot = self.best_snapshot();
        let mut state = self.state();
        snapshot.number += 1;
        let now = snapshot.number;
        for id in std::mem::take(&mut state.claims) {
            let Some(job) = snapshot.jobs.get_mut(&id) else {
                continue;
            };
            if matches!(job.state, JobState::Open { .. }) {
                let deadline = now + EXECUTION_BLOCKS;
                job.state = JobState::Claimed {
                    provider: provider(),
                    price: PRICE,
                    bond: 1,
                    claimed_at: now,
                    deadline,
                };
            }
        }
        for (id, commitment) in std::mem::take(&mut state.results) {
            let Some(job) = snapshot.jobs.get_mut(&id) else {
                continue;
            };
            if let JobState::Claimed {
                provider, claimed_at, ..
            } = job.state.clone()
            {
                job.state = JobState::Committed {
                    provider,
                    fee: 1,
                    bond: 1,
                    claimed_at,
                    committed_at: now,
                    window_ends: now + 5,
                    commitment,
                    units: 1,
                };
            }
        }
        let result = change(&mut snapshot);
        for job in snapshot.jobs.values_mut() {
            match job.state {
                JobState::Open { deadline } if now > deadline => {
                    job.state = JobState::Expired {
                        at: now,
                        provider: None,
                        compensation: 0,
                    };
                },
                JobState::Claimed {
                    deadline, ref provider, ..
                } if now > deadline => {
                    job.state = JobState::Expired {
                        at: now,
                        provider: Some(provider.clone()),
                        compensation: 1,
                    };
                },
                _ => {},
            }
        }
        state.salt += 1;
        let hash = H256::from_low_u64_be(state.salt);
        state.blocks.insert(hash, snapshot);
        state.canonical.push(hash);
        result
    }

    /// Goes back by `blocks`, never behind finality; the next block starts another fork.
    pub fn revert(&self, blocks: usize) {
        let mut state = self.state();
        let keep = (state.canonical.len() - blocks.min(state.canonical.len() - 1)).max(state.finalized + 1);
        state.canonical.truncate(keep);
    }

    pub fn finalize(&self, lag: usize) {
        let mut state = self.state();
        state.finalized = state.finalized.max((state.canonical.len() - 1).saturating_sub(lag));
    }

    fn read<R>(&self, at: H256, read: impl FnOnce(&Snapshot) -> R) -> Result<R, ChainError> {
        let state = self.state();
        if state.fail {
            return Err(ChainError("the test says so".into()));
        }
        state
            .blocks
            .get(&at)
            .map(read)
            .ok_or(ChainError("unknown block".into()))
    }

    fn list(&self, at: H256, wanted: impl Fn(&ChainJob) -> bool) -> Result<Vec<(JobId, ChainJob)>, ChainError> {
        self.read(at, |snapshot| {
            let jobs = snapshot.jobs.iter().filter(|(_, job)| wanted(job));
            jobs.map(|(id, job)| (*id, job.clone())).collect()
        })
    }
}

#[async_trait]
impl Chain for MockChain {
    fn best(&self) -> BlockRef {
        let state = self.state();
        BlockRef {
            hash: *state.canonical.last().expect("genesis"),
            number: (state.canonical.len() - 1) as BlockNumber,
        }
    }
    fn finalized(&self) -> BlockRef {
        let state = self.state();
        BlockRef {
            hash: state.canonical[state.finalized],
            number: state.finalized as BlockNumber,
        }
    }
    fn hash_at(&self, number: BlockNumber) -> Option<H256> {
        self.state().canonical.get(number as usize).copied()
    }
    fn is_syncing(&self) -> bool {
        self.state().syncing
    }
    fn next_job_id(&self, at: H256) -> Result<JobId, ChainError> {
        self.read(at, |snapshot| snapshot.next)
    }
    fn job(&self, at: H256, id: JobId) -> Result<Option<ChainJob>, ChainError> {
        self.read(at, |snapshot| snapshot.jobs.get(&id).cloned())
    }
    fn open_jobs(&self, at: H256) -> Result<Vec<(JobId, ChainJob)>, ChainError> {
        self.list(at, |job| matches!(job.state, JobState::Open { .. }))
    }
    fn assigned_jobs(&self, at: H256, account: &AccountId) -> Result<Vec<(JobId, ChainJob)>, ChainError> {
        self.list(at, |job| match &job.state {
            JobState::Claimed { provider, .. } | JobState::Committed { provider, .. } => provider == account,
            _ => false,
        })
    }
    fn provider_of(&self, at: H256, worker: &WorkerId) -> Result<Option<AccountId>, ChainError> {
        self.read(at, |_| ())?;
        Ok(self
            .state()
            .registered
            .as_ref()
            .filter(|(key, _)| key == worker)
            .map(|(_, info)| info.account.clone()))
    }
    fn provider(&self, at: H256, account: &AccountId) -> Result<Option<ProviderInfo>, ChainError> {
        self.read(at, |_| ())?;
        Ok(self
            .state()
            .registered
            .as_ref()
            .map(|(_, info)| info.clone())
            .filter(|info| info.account == *account))
    }
    async fn submit_claim(&self, at: H256, job: JobId, _: WorkerId, _: WorkerSignature) -> Result<(), ClaimError> {
        self.read(at, |_| ()).expect("claims are made at known blocks");
        if self.database.is_dead() {
            return Ok(());
        }
        let mut state = self.state();
        state.submissions += 1;
        if let Some(error) = &state.refuse {
            return Err(error.clone());
        }
        if !state.claims.contains(&job) {
            state.claims.push(job);
        }
        Ok(())
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    Execute(RunId, Execute),
    Cancel(JobId),
}

#[derive(Default)]
pub struct MockWorker {
    commands: Mutex<Vec<Command>>,
}

impl MockWorker {
    pub fn take(&self) -> Vec<Command> {
        std::mem::take(&mut *self.commands.lock().expect("lock"))
    }
}

impl WorkerClient for MockWorker {
    fn execute(&self, run: RunId, job: Execute) {
        self.commands.lock().expect("lock").push(Command::Execute(run, job));
    }
    fn cancel(&self, job: JobId) {
        self.commands.lock().expect("lock").push(Command::Cancel(job));
    }
}

/// A node with its provider.
pub struct Rig {
    pub chain: Arc<MockChain>,
    pub database: Database,
    pub worker: Arc<MockWorker>,
    pub keys: Arc<Keys>,
    pub metrics: Metrics,
    pub streams: Arc<Streams>,
    pub desk: Desk<MockChain, Database, MockWorker>,
    pub capacity: usize,
}

impl Rig {
    pub fn new() -> Self {
        let database = Database::default();
        let keys = Keys::open(Arc::new(MemoryKeystore::new()), H256::zero(), Some(WORKER_SEED)).expect("opens");
        let keys = Arc::new(keys);
        let chain = Arc::new(MockChain::new(database.clone(), keys.all().remove(0)));
        Self::with(chain, database, keys, 4)
    }

    fn with(chain: Arc<MockChain>, database: Database, keys: Arc<Keys>, capacity: usize) -> Self {
        let worker = Arc::new(MockWorker::default());
        let streams = Arc::new(Streams::default());
        let metrics = Metrics::new(None).expect("unregistered metrics always work");
        let desk = Desk::new(Parts {
            chain: Arc::clone(&chain),
            store: Store::new(database.clone()),
            worker: Arc::clone(&worker),
            keys: Arc::clone(&keys),
            metrics: metrics.clone(),
            streams: Arc::clone(&streams),
            capacity,
            block_millis: 2_000,
        });
        Self {
            chain,
            database,
            worker,
            keys,
            metrics,
            streams,
            desk,
            capacity,
        }
    }

    /// The node is killed and starts again; its worker starts empty.
    pub fn restart(&mut self) {
        self.database.die_after(None);
        *self = Self::with(
            Arc::clone(&self.chain),
            self.database.clone(),
            Arc::clone(&self.keys),
            self.capacity,
        );
    }

    pub fn worker_up(&mut self) {
        block_on(self.desk.on_worker(WorkerEvent::Up(vec![model_info()])));
    }

    pub fn worker_down(&mut self) {
        block_on(self.desk.on_worker(WorkerEvent::Down));
        self.worker.take();
    }

    /// A requester submits a job in a new block, which the provider sees.
    pub fn submit(&mut self, tokens: &[u32]) -> JobId {
        self.submit_with(tokens, |_| {})
    }

    pub fn submit_with(&mut self, tokens: &[u32], change: impl FnOnce(&mut ChainJob)) -> JobId {
        let now = self.chain.best().number + 1;
        let (mut job, input) = open_job(tokens, now);
        change(&mut job);
        self.database.index_content(&input);
        let id = self.chain.block(|snapshot| {
            let id = snapshot.next;
            snapshot.jobs.insert(id, job);
            snapshot.next += 1;
            id
        });
        self.see_block();
        id
    }

    /// The provider, then the courier, see the best block.
    pub fn see_block(&mut self) {
        if !self.database.is_dead() {
            block_on(self.desk.on_block());
        }
        self.courier();
    }

    pub fn next_block(&mut self) {
        self.chain.block(|_| ());
        self.see_block();
    }

    pub fn finalize(&mut self, lag: usize) {
        self.chain.finalize(lag);
        if !self.database.is_dead() {
            self.desk.on_finality();
        }
    }

    /// What the runtime's courier does, and what it must never be made to do.
    fn courier(&self) {
        if self.database.is_dead() {
            return;
        }
        let best = self.chain.best_snapshot();
        for id in self.database.mailbox() {
            let entry: Entry = self
                .database
                .read(&entry_key(id))
                .expect("the index names no entry that is not there");
            assert_eq!(entry.job, id);
            assert!(entry.commitment.output.matches(&entry.output));
            let Some(job) = best.jobs.get(&id) else { continue };
            let JobState::Claimed {
                provider: claimer,
                deadline,
                ..
            } = &job.state
            else {
                continue;
            };
            if job.work() != entry.work {
                continue;
            }
            let mut state = self.chain.state();
            let is_ours = state.registered.as_ref().is_some_and(|(key, _)| *key == entry.worker);
            if *claimer == provider()
                && best.number < *deadline
                && is_ours
                && !state.results.iter().any(|(i, _)| *i == id)
            {
                state.results.push((id, entry.commitment));
            }
        }
    }

    /// Executions that the worker was asked for and that were not cancelled since.
    pub fn executions(&self) -> Vec<(RunId, Execute)> {
        let mut live = Vec::new();
        for command in self.worker.take() {
            match command {
                Command::Execute(run, job) => live.push((run, job)),
                Command::Cancel(id) => live.retain(|(_, job): &(RunId, Execute)| job.key != id),
            }
        }
        live
    }

    /// The worker finishes what it was asked for.
    pub fn finish_all(&mut self) -> usize {
        let executions = self.executions();
        for (run, job) in &executions {
            self.finish(*run, job);
        }
        executions.len()
    }

    pub fn finish(&mut self, run: RunId, job: &Execute) {
        if !self.database.is_dead() {
            let outcome = outcome(job.key, &job.input.0);
            block_on(self.desk.on_worker(WorkerEvent::Done { run, outcome }));
        }
    }

    pub fn fail(&mut self, run: RunId, job: JobId, kind: FailureKind) {
        let message = "the test says so".into();
        block_on(self.desk.on_worker(WorkerEvent::Failed {
            run,
            job,
            kind,
            message,
        }));
    }

    pub fn skipped(&self, reason: &str) -> u64 {
        self.metrics.skipped.with_label_values(&[reason]).get()
    }

    pub fn claims(&self, outcome: &str) -> u64 {
        self.metrics.claims.with_label_values(&[outcome]).get()
    }

    pub fn assert_committed(&self, id: JobId, tokens: &[u32]) {
        match self.chain.job_now(id) {
            JobState::Committed {
                provider: by,
                commitment: found,
                ..
            } => {
                assert_eq!(by, provider());
                assert_eq!(
                    found,
                    commitment(&encode_tokens(tokens)),
                    "job {id}: another job's result"
                );
            },
            other => panic!("job {id} is {other:?}"),
        }
    }

    pub fn assert_nothing_left(&self) {
        assert!(self.database.ledger().is_empty(), "{:?}", self.database.ledger());
        assert!(self.database.mailbox().is_empty(), "{:?}", self.database.mailbox());
    }
}
