//! The provider's decisions. The module's documentation has the picture.
//!
//! Everything here runs in one task and waits for nothing but the transaction pool. The chain is asked again at every best
//! block; nothing is remembered that it knows.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use lantern_primitives::{
    content::ContentRef, crypto::WorkerId, info::ProviderInfo, job::JobState, AccountId, Balance, BlockNumber,
    ComputeUnits, JobId, JobParams, ModelId, ModelSpec, H256,
};
use sp_core::offchain::OffchainStorage;

use super::{
    chain::{BlockRef, Chain, ChainError, ChainJob},
    keys::Keys,
    link::{RunId, WorkerClient},
    metrics::Metrics,
    store::Store,
    streams::Streams,
    LOG_TARGET,
};

/// Blocks between two full listings of open and of own jobs, which catch what the steps in between may have missed.
const LISTING_BLOCKS: BlockNumber = 4;
/// Blocks after which a claim that is not on the chain is submitted again.
const CLAIM_BLOCKS: BlockNumber = 4;

/// What a desk is made of.
pub struct Parts<C, S, W> {
    /// The chain.
    pub chain: Arc<C>,
    /// The node's records.
    pub store: Store<S>,
    /// The worker.
    pub worker: Arc<W>,
    /// The worker keys.
    pub keys: Arc<Keys>,
    /// The metrics.
    pub metrics: Metrics,
    /// Tokens for watchers.
    pub streams: Arc<Streams>,
    /// Most jobs in hand.
    pub capacity: usize,
    /// Milliseconds between two blocks.
    pub block_millis: u64,
}

/// A model that the worker serves.
#[derive(Clone, Debug)]
pub(super) struct Served {
    pub spec: ModelSpec,
    /// Most positions of a job that the worker takes.
    pub max_positions: u32,
}

/// As whom this node claims.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    /// The key that signs.
    pub key: WorkerId,
    /// The provider that it belongs to, as the best chain shows it.
    pub info: ProviderInfo,
}

/// Where the claim of a job stands on the best chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// In the pool, or it was; not seen on the chain.
    Submitted {
        /// Best block at the submission; `None` when that was before a restart.
        at: Option<BlockNumber>,
        /// Stake that it will lock.
        bond: Balance,
    },
    /// Ours to execute.
    Won,
    /// Our result is on the chain.
    Committed,
    /// Nothing for us to do, unless a reorganisation gives it back.
    Lost,
}

/// Where the execution of a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Run {
    /// To be started.
    Idle,
    /// The worker has it.
    Running(RunId),
    /// Its result is in the mailbox.
    InMailbox,
    /// It cannot be executed here.
    GivenUp,
}

/// A job that this node has, or may have, claimed.
#[derive(Clone, Debug)]
pub(super) struct Work {
    pub digest: H256,
    pub model: ModelId,
    pub input: ContentRef,
    pub prompt_tokens: u32,
    pub params: JobParams,
    /// Compute units in the worst case.
    pub units: ComputeUnits,
    pub claim: Claim,
    pub run: Run,
    pub attempts: u32,
}

impl Work {
    /// Whether to start a run. A claim from before a restart must be submitted again first: it may not be wanted any more.
    pub(super) fn wants_run(&self) -> bool {
        self.run == Run::Idle && matches!(self.claim, Claim::Submitted { at: Some(_), .. } | Claim::Won)
    }

    /// Whether it counts against the capacity.
    pub(super) fn is_in_hand(&self) -> bool {
        self.wants_run() || matches!(self.run, Run::Running(_))
    }
}

/// The provider's decisions.
pub struct Desk<C, S, W> {
    pub(super) chain: Arc<C>,
    pub(super) store: Store<S>,
    pub(super) worker: Arc<W>,
    pub(super) keys: Arc<Keys>,
    pub(super) metrics: Metrics,
    pub(super) streams: Arc<Streams>,
    pub(super) capacity: usize,
    pub(super) block_millis: u64,

    /// Models that the worker serves; empty while it is gone.
    pub(super) models: HashMap<ModelId, Served>,
    pub(super) identity: Option<Identity>,
    pub(super) work: BTreeMap<JobId, Work>,
    /// Open jobs to look at, with the first block at which to do so.
    pub(super) candidates: BTreeMap<JobId, BlockNumber>,
    pub(super) next_run: RunId,
    /// Micro compute units per millisecond, a moving average over executions.
    pub(super) speed: Option<f64>,

    /// Ledger records whose jobs have not been read from the chain since the start.
    unread: Vec<(JobId, H256)>,
    /// Jobs below this id have been looked at.
    cursor: JobId,
    last_best: Option<BlockRef>,
    last_listing: Option<BlockNumber>,
}

impl<C: Chain, S: OffchainStorage, W: WorkerClient> Desk<C, S, W> {
    /// Takes up what the records say is in hand.
    pub fn new(parts: Parts<C, S, W>) -> Self {
        let Parts {
            chain,
            mut store,
            worker,
            keys,
            metrics,
            streams,
            capacity,
            block_millis,
        } = parts;
        let unread = store.ledger();
        // Without its record nobody can say whether a result belongs to the job that has its id now.
        for job in store.mailbox() {
            if !unread.iter().any(|(id, _)| *id == job) {
                log::warn!(target: LOG_TARGET, "job {job}: dropped a result without a record");
                store.withdraw(job);
            }
        }
        if !unread.is_empty() {
            let ids: Vec<JobId> = unread.iter().map(|(id, _)| *id).collect();
            log::info!(target: LOG_TARGET, "taking up jobs {ids:?}");
        }
        Self {
            chain,
            store,
            worker,
            keys,
            metrics,
            streams,
            capacity,
            block_millis,
            models: HashMap::new(),
            identity: None,
            work: BTreeMap::new(),
            candidates: BTreeMap::new(),
            next_run: 0,
            speed: None,
            unread,
            cursor: 0,
            last_best: None,
            last_listing: None,
        }
    }

    /// A block became the best.
    pub async fn on_block(&mut self) {
        let best = self.chain.best();
        if let Err(error) = self.follow(best).await {
            self.metrics.chain_errors.inc();
            log::warn!(target: LOG_TARGET, "block {}: cannot read the chain: {error}", best.number);
        }
        self.show();
    }

    /// A block was finalised.
    pub fn on_finality(&mut self) {
        if let Err(error) = self.clear_final() {
            self.metrics.chain_errors.inc();
            log::warn!(target: LOG_TARGET, "cannot read the finalised chain: {error}");
        }
        self.show();
    }

    fn show(&self) {
        let count = |number: usize| number as u64;
        self.metrics.in_hand.set(count(self.in_hand()));
        self.metrics.candidates.set(count(self.candidates.len()));
        self.metrics.mailbox.set(count(
            self.work.values().filter(|work| work.run == Run::InMailbox).count(),
        ));
    }

    /// Jobs that count against the capacity.
    pub(super) fn in_hand(&self) -> usize {
        self.work.values().filter(|work| work.is_in_hand()).count()
    }

    async fn follow(&mut self, best: BlockRef) -> Result<(), ChainError> {
        self.read_identity(best)?;
        let reorganised = self
            .last_best
            .is_none_or(|last| self.chain.hash_at(last.number) != Some(last.hash));
        self.read_records(best)?;
        for id in self.work.keys().copied().collect::<Vec<_>>() {
            self.review(best, id)?;
        }
        let is_due = self
            .last_listing
            .is_none_or(|at| best.number >= at.saturating_add(LISTING_BLOCKS));
        if reorganised || is_due {
            self.list_all(best)?;
        } else {
            self.list_new(best)?;
        }
        self.last_best = Some(best);
        self.claim_candidates(best).await?;
        self.start_runs();
        Ok(())
    }

    /// Finds out which provider this node works for: the first of its keys that is registered decides.
    fn read_identity(&mut self, best: BlockRef) -> Result<(), ChainError> {
        let mut found = None;
        for key in self.keys.all() {
            let Some(account) = self.chain.provider_of(best.hash, &key)? else {
                continue;
            };
            if let Some(info) = self.chain.provider(best.hash, &account)? {
                found = Some(Identity { key, info });
                break;
            }
        }
        let before = std::mem::replace(&mut self.identity, found);
        let who = |identity: &Identity| (identity.key.clone(), identity.info.account.clone());
        if before.as_ref().map(who) == self.identity.as_ref().map(who) {
            return Ok(());
        }
        // Whose jobs are ours has changed.
        self.last_listing = None;
        match &self.identity {
            Some(identity) => {
                log::info!(target: LOG_TARGET, "serving provider {}", identity.info.account);
                self.store.sign_over(&identity.key);
            },
            None => log::warn!(target: LOG_TARGET, "no registered provider has this node's worker key any more"),
        }
        Ok(())
    }

    /// Turns ledger records of an earlier start into work in hand.
    fn read_records(&mut self, best: BlockRef) -> Result<(), ChainError> {
        if self.unread.is_empty() {
            return Ok(());
        }
        let next = self.chain.next_job_id(best.hash)?;
        for (id, recorded) in self.unread.clone() {
            match self.chain.job(best.hash, id)? {
                Some(job) if job.work() == recorded => {
                    self.take_up(id, &job, Claim::Submitted { at: None, bond: 0 });
                },
                // The last blocks were lost with the crash, or are on another fork. The job comes back with them; until
                // then its result must not meet another job of this id.
                None if id >= next => {
                    self.store.withdraw(id);
                    continue;
                },
                // `list_all` finds what the id stands for now, if that is of interest.
                _ => {
                    log::info!(target: LOG_TARGET, "job {id}: the chain has it no more; its records are dropped");
                    self.store.forget(id);
                },
            }
            self.unread.retain(|(other, _)| *other != id);
        }
        Ok(())
    }

    /// Puts a job among the work in hand; its ledger record exists already.
    pub(super) fn take_up(&mut self, id: JobId, job: &ChainJob, claim: Claim) {
        let run = if self.store.mailbox().contains(&id) {
            Run::InMailbox
        } else {
            Run::Idle
        };
        let work = Work {
            digest: job.work(),
            model: job.model,
            input: job.input,
            prompt_tokens: job.prompt_tokens,
            params: job.params,
            units: self.worst_case_units(job).unwrap_or(0),
            claim,
            run,
            attempts: 0,
        };
        self.candidates.remove(&id);
        self.work.insert(id, work);
    }

    /// Compares one job in hand with the best chain.
    fn review(&mut self, best: BlockRef, id: JobId) -> Result<(), ChainError> {
        let job = self.chain.job(best.hash, id)?;
        let Some(work) = self.work.get(&id) else { return Ok(()) };
        if job.as_ref().is_some_and(|job| job.work() != work.digest) {
            log::warn!(target: LOG_TARGET, "job {id}: a reorganisation made it another job; dropped");
            self.drop_work(id);
            return Ok(());
        }
        let before = work.claim;
        let now = self.claim_on_chain(best, job.as_ref(), before);
        if before != now {
            self.note_change(id, before, now);
        }
        if let Some(work) = self.work.get_mut(&id) {
            work.claim = now;
            if job.is_none() && work.run == Run::InMailbox {
                // Not on this fork, where another job may receive the id. The worker still knows the result.
                work.run = Run::Idle;
                self.store.withdraw(id);
            }
            if matches!((now, work.run), (Claim::Lost | Claim::Committed, Run::Running(_))) {
                work.run = Run::Idle;
                self.worker.cancel(id);
            }
        }
        if matches!(now, Claim::Submitted { at, .. } if at.is_none_or(|at| best.number >= at.saturating_add(CLAIM_BLOCKS)))
        {
            self.candidates.entry(id).or_insert(best.number);
        }
        Ok(())
    }

    fn claim_on_chain(&self, best: BlockRef, job: Option<&ChainJob>, before: Claim) -> Claim {
        let ours = self.identity.as_ref().map(|identity| &identity.info.account);
        match job.map(|job| &job.state) {
            Some(JobState::Open { deadline }) if best.number <= *deadline => match before {
                Claim::Submitted { .. } => before,
                // A reorganisation took the claim back; its transaction may return by itself, or be submitted again.
                Claim::Won | Claim::Committed | Claim::Lost => Claim::Submitted { at: None, bond: 0 },
            },
            Some(JobState::Claimed { provider, .. }) if Some(provider) == ours => Claim::Won,
            Some(JobState::Committed { provider, .. } | JobState::Settled { provider, .. })
                if Some(provider) == ours =>
            {
                Claim::Committed
            },
            _ => Claim::Lost,
        }
    }

    fn note_change(&self, id: JobId, before: Claim, now: Claim) {
        let outcome = match (before, now) {
            (_, Claim::Won) => "won",
            (Claim::Submitted { .. }, Claim::Lost) => "lost",
            (_, Claim::Submitted { .. }) => "reverted",
            (Claim::Won, Claim::Lost) => "expired",
            (_, Claim::Committed) => "committed",
            (_, Claim::Lost) => "reverted",
        };
        self.metrics.claims.with_label_values(&[outcome]).inc();
        log::info!(target: LOG_TARGET, "job {id}: claim {outcome}");
    }

    /// Forgets a job, wherever it stands.
    pub(super) fn drop_work(&mut self, id: JobId) {
        if let Some(Work {
            run: Run::Running(_), ..
        }) = self.work.remove(&id)
        {
            self.worker.cancel(id);
            self.streams.drop_job(id);
        }
        self.store.forget(id);
    }

    /// Looks at every open job and every job of this provider.
    fn list_all(&mut self, best: BlockRef) -> Result<(), ChainError> {
        let open = self.chain.open_jobs(best.hash)?;
        // Waiting times of jobs that are still there stay.
        let listed: BTreeSet<JobId> = open.iter().map(|(id, _)| *id).collect();
        self.candidates.retain(|id, _| listed.contains(id));
        for (id, job) in open {
            if !self.work.contains_key(&id) && self.is_candidate(best, id, &job) {
                self.candidates.entry(id).or_insert(best.number);
            }
        }
        self.cursor = self.chain.next_job_id(best.hash)?;
        if let Some(account) = self.identity.as_ref().map(|identity| identity.info.account.clone()) {
            for (id, job) in self.chain.assigned_jobs(best.hash, &account)? {
                self.consider_takeover(best, id, &job);
            }
        }
        self.last_listing = Some(best.number);
        Ok(())
    }

    /// Takes over a job of this provider that nobody seems to work on.
    fn consider_takeover(&mut self, best: BlockRef, id: JobId, job: &ChainJob) {
        let JobState::Claimed {
            claimed_at, deadline, ..
        } = &job.state
        else {
            return;
        };
        if self.work.contains_key(&id) {
            return;
        }
        let half = claimed_at.saturating_add(deadline.saturating_sub(*claimed_at) / 2);
        if best.number < half || best.number >= *deadline || !self.models.contains_key(&job.model) {
            return;
        }
        log::info!(target: LOG_TARGET, "job {id}: taken over, it has no result after half of its time");
        self.store.note(id, job.work());
        self.take_up(id, job, Claim::Won);
    }

    /// Looks at the jobs that were submitted since the last time.
    fn list_new(&mut self, best: BlockRef) -> Result<(), ChainError> {
        let next = self.chain.next_job_id(best.hash)?;
        for id in self.cursor..next {
            if !self.work.contains_key(&id) {
                self.candidates.entry(id).or_insert(best.number);
            }
        }
        self.cursor = self.cursor.max(next);
        Ok(())
    }

    /// Forgets what the finalised chain shows to need nothing more.
    fn clear_final(&mut self) -> Result<(), ChainError> {
        let finalized = self.chain.finalized();
        let next = self.chain.next_job_id(finalized.hash)?;
        for (id, recorded) in self
            .work
            .iter()
            .map(|(id, work)| (*id, work.digest))
            .collect::<Vec<_>>()
        {
            if id >= next {
                continue;
            }
            let is_over = match self.chain.job(finalized.hash, id)? {
                Some(job) if job.work() == recorded => match &job.state {
                    JobState::Open { .. } => false,
                    JobState::Claimed { provider, .. } => !self.is_ours(provider),
                    JobState::Committed { .. }
                    | JobState::Settled { .. }
                    | JobState::Cancelled { .. }
                    | JobState::Expired { .. } => true,
                },
                // Another job, or removed from the state after its end.
                _ => true,
            };
            if is_over {
                log::debug!(target: LOG_TARGET, "job {id}: over, at finalised block {}", finalized.number);
                self.drop_work(id);
            }
        }
        Ok(())
    }

    /// Looks at every job again at the next block.
    pub(super) fn relist(&mut self) {
        self.last_listing = None;
    }

    fn is_ours(&self, provider: &AccountId) -> bool {
        self.identity
            .as_ref()
            .is_some_and(|identity| identity.info.account == *provider)
    }
}
