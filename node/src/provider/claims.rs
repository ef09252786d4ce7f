//! Which open jobs to claim.

use std::collections::HashMap;

use lantern_primitives::{fee_for, job::JobState, Balance, BlockNumber, ComputeUnits, JobId};
use sp_core::offchain::OffchainStorage;

use super::{
    chain::{BlockRef, Chain, ChainError, ChainJob, ClaimError},
    desk::{Claim, Desk, Run, Served},
    link::WorkerClient,
    store::ContentError,
    LOG_TARGET,
};

/// Blocks before a job that could not be claimed is looked at again.
const RETRY_BLOCKS: BlockNumber = 2;
/// Part of the time for a job that its execution may take by estimate, everything before it included.
const TIME_SHARE: f64 = 0.7;

/// Why an open job is not claimed now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Skip {
    /// This node is still catching up with the network, so that the job may be claimed or over long since.
    Syncing,
    /// No registered provider has one of this node's worker keys.
    NoProvider,
    /// The provider takes no work.
    Inactive,
    /// The worker is not connected.
    NoWorker,
    /// The worker has not loaded the model.
    ModelNotLoaded,
    /// The requester named another provider.
    NotForUs,
    /// The provider posted no price.
    NoPrice,
    /// At the posted price the job may cost more than its escrow.
    FeeTooLow,
    /// The provider has less free stake than the bond.
    NoStake,
    /// As many jobs as this node takes are in hand.
    NoCapacity,
    /// It would not be finished in time.
    TooSlow,
    /// It has more positions than the worker takes.
    TooLong,
    /// This node does not have the input, so far.
    InputMissing,
    /// What this node has under the input's hash is something else.
    InputCorrupt,
    /// Input or parameters do not fit the model, so that no result is possible.
    BadInput,
    /// Its deadline has passed.
    TooLate,
    /// It is open no more.
    NotOpen,
    /// The pool did not take the claim.
    Refused,
    /// It was claimed, and cannot be executed here.
    GivenUp,
}

impl Skip {
    /// Stable name, for metrics.
    fn name(self) -> &'static str {
        match self {
            Self::Syncing => "syncing",
            Self::NoProvider => "no_provider",
            Self::Inactive => "inactive",
            Self::NoWorker => "no_worker",
            Self::ModelNotLoaded => "model_not_loaded",
            Self::NotForUs => "not_for_us",
            Self::NoPrice => "no_price",
            Self::FeeTooLow => "fee_too_low",
            Self::NoStake => "no_stake",
            Self::NoCapacity => "no_capacity",
            Self::TooSlow => "too_slow",
            Self::TooLong => "too_long",
            Self::InputMissing => "input_missing",
            Self::InputCorrupt => "input_corrupt",
            Self::BadInput => "bad_input",
            Self::TooLate => "too_late",
            Self::NotOpen => "not_open",
            Self::Refused => "refused",
            Self::GivenUp => "given_up",
        }
    }

    /// Blocks until another look is worth while; `None`: not before the next listing of all open jobs, or never.
    fn retry(self) -> Option<BlockNumber> {
        match self {
            Self::Syncing | Self::NoCapacity | Self::InputMissing | Self::NoStake => Some(1),
            Self::Refused | Self::TooSlow => Some(RETRY_BLOCKS),
            _ => None,
        }
    }
}

impl<C: Chain, S: OffchainStorage, W: WorkerClient> Desk<C, S, W> {
    /// Claims what can be claimed, the oldest job first.
    pub(super) async fn claim_candidates(&mut self, best: BlockRef) -> Result<(), ChainError> {
        let due: Vec<JobId> = self
            .candidates
            .iter()
            .filter(|(_, from)| **from <= best.number)
            .map(|(id, _)| *id)
            .collect();
        let mut skipped = HashMap::<&'static str, u64>::new();
        for id in due {
            // Not worth reading: there may be thousands.
            if !self.work.contains_key(&id) && self.in_hand() >= self.capacity {
                *skipped.entry(Skip::NoCapacity.name()).or_default() += 1;
                continue;
            }
            let Some(job) = self.chain.job(best.hash, id)? else {
                self.candidates.remove(&id);
                continue;
            };
            let claimed = match self.assess(best, id, &job) {
                Ok(bond) => self.submit(best, id, &job, bond).await,
                Err(skip) => Err(skip),
            };
            let Err(skip) = claimed else { continue };
            log::debug!(target: LOG_TARGET, "job {id}: not claimed at block {}: {skip:?}", best.number);
            *skipped.entry(skip.name()).or_default() += 1;
            match skip.retry() {
                Some(blocks) => {
                    self.candidates.insert(id, best.number.saturating_add(blocks));
                },
                None => {
                    self.candidates.remove(&id);
                },
            }
        }
        for (reason, count) in skipped {
            self.metrics.skipped.with_label_values(&[reason]).inc_by(count);
        }
        Ok(())
    }

    /// Whether an open job may be claimed now or soon; counts the skip otherwise.
    pub(super) fn is_candidate(&self, best: BlockRef, id: JobId, job: &ChainJob) -> bool {
        match self.assess(best, id, job) {
            Ok(_) => true,
            Err(skip) if skip.retry().is_some() => true,
            Err(skip) => {
                self.metrics.skipped.with_label_values(&[skip.name()]).inc();
                false
            },
        }
    }

    /// Compute units of a job in the worst case, when its model is loaded.
    pub(super) fn worst_case_units(&self, job: &ChainJob) -> Option<ComputeUnits> {
        let spec = self.models.get(&job.model)?.spec;
        Some(spec.compute_units(job.prompt_tokens, job.params.max_output_tokens()))
    }

    /// Whether to claim `job`; the bond that the claim locks.
    fn assess(&self, best: BlockRef, id: JobId, job: &ChainJob) -> Result<Balance, Skip> {
        let JobState::Open { deadline } = &job.state else {
            return Err(Skip::NotOpen);
        };
        if self.work.get(&id).is_some_and(|work| work.run == Run::GivenUp) {
            return Err(Skip::GivenUp);
        }
        // The earliest block that can include the claim is the next one.
        if best.number >= *deadline {
            return Err(Skip::TooLate);
        }
        if self.chain.is_syncing() {
            return Err(Skip::Syncing);
        }
        let provider = &self.identity.as_ref().ok_or(Skip::NoProvider)?.info;
        if job.only.as_ref().is_some_and(|only| *only != provider.account) {
            return Err(Skip::NotForUs);
        }
        if !provider.active {
            return Err(Skip::Inactive);
        }
        if self.models.is_empty() {
            return Err(Skip::NoWorker);
        }
        let units = self.worst_case_units(job).ok_or(Skip::ModelNotLoaded)?;
        let price = provider
            .prices
            .iter()
            .find(|(model, _)| *model == job.model)
            .ok_or(Skip::NoPrice)?
            .1;
        let fee = fee_for(units, price);
        if fee > job.max_fee {
            return Err(Skip::FeeTooLow);
        }
        let bond = fee.saturating_mul(job.terms.bond_percent.into()).div_ceil(100);
        if self.free_stake(id) < bond {
            return Err(Skip::NoStake);
        }
        // A claim that is submitted again has its place already.
        let has_place = self.work.contains_key(&id);
        if !has_place && self.in_hand() >= self.capacity {
            return Err(Skip::NoCapacity);
        }
        if !has_place && self.is_too_slow(units, job.terms.execution_blocks) {
            return Err(Skip::TooSlow);
        }
        self.check_input(job)?;
        Ok(bond)
    }

    /// Free stake, less what claims on their way to the chain are going to lock.
    fn free_stake(&self, except: JobId) -> Balance {
        let Some(identity) = &self.identity else { return 0 };
        let pending = self
            .work
            .iter()
            .filter(|(id, _)| **id != except)
            .map(|(_, work)| match work.claim {
                Claim::Submitted { bond, .. } => bond,
                _ => 0,
            });
        let info = &identity.info;
        let spoken_for = pending.fold(info.locked.saturating_add(info.unbonding), Balance::saturating_add);
        info.bonded.saturating_sub(spoken_for)
    }

    /// Whether `units` more would, by the speed seen so far, not be done in time. Without experience nothing is too slow.
    fn is_too_slow(&self, units: ComputeUnits, execution_blocks: BlockNumber) -> bool {
        let Some(speed) = self.speed else { return false };
        let before: u128 = self
            .work
            .values()
            .filter(|work| work.is_in_hand())
            .map(|work| u128::from(work.units))
            .sum();
        let needed = (before.saturating_add(units.into())) as f64 / speed;
        needed > execution_blocks as f64 * self.block_millis as f64 * TIME_SHARE
    }

    /// Refuses jobs that nobody can execute: whoever claims one loses part of the bond.
    fn check_input(&self, job: &ChainJob) -> Result<(), Skip> {
        let Served { spec, max_positions } = self.models.get(&job.model).ok_or(Skip::ModelNotLoaded)?;
        if spec.positions(job.prompt_tokens, job.params.max_output_tokens()) > *max_positions {
            return Err(Skip::TooLong);
        }
        let input = self.store.content(&job.input).map_err(|error| match error {
            ContentError::Missing => Skip::InputMissing,
            ContentError::Corrupt => Skip::InputCorrupt,
        })?;
        let tokens = lantern_exact::spec::decode_tokens(&input, spec.vocab).map_err(|_| Skip::BadInput)?;
        let counted = u32::try_from(tokens.len()).is_ok_and(|count| count == job.prompt_tokens);
        if !counted || job.params.validate(spec, job.prompt_tokens).is_err() {
            return Err(Skip::BadInput);
        }
        Ok(())
    }

    /// Records the claim, then hands it to the pool.
    async fn submit(&mut self, best: BlockRef, id: JobId, job: &ChainJob, bond: Balance) -> Result<(), Skip> {
        let identity = self.identity.clone().ok_or(Skip::NoProvider)?;
        let is_new = !self.work.contains_key(&id);
        let signature = self.keys.sign_claim(&identity.key, id, job.work()).map_err(|error| {
            log::error!(target: LOG_TARGET, "job {id}: cannot sign the claim: {error}");
            Skip::Refused
        })?;
        if is_new {
            self.store.note(id, job.work());
        }
        match self.chain.submit_claim(best.hash, id, identity.key, signature).await {
            Ok(()) => {
                log::info!(target: LOG_TARGET, "job {id}: claim submitted at block {}, bond {bond}", best.number);
                self.metrics.claims.with_label_values(&["submitted"]).inc();
                let claim = Claim::Submitted {
                    at: Some(best.number),
                    bond,
                };
                match self.work.get_mut(&id) {
                    Some(work) => work.claim = claim,
                    None => self.take_up(id, job, claim),
                }
                self.candidates.remove(&id);
                Ok(())
            },
            Err(error) => {
                let outcome = match error {
                    ClaimError::Refused(_) => "refused",
                    ClaimError::Pool(_) => "not_pooled",
                };
                log::info!(target: LOG_TARGET, "job {id}: claim not submitted: {error}");
                self.metrics.claims.with_label_values(&[outcome]).inc();
                // A pool that follows several forks may refuse for one and keep the claim for another: the record stays
                // until the job is over, so that a claim that gets through after all is known as ours.
                if is_new {
                    self.take_up(id, job, Claim::Submitted { at: None, bond: 0 });
                }
                Err(Skip::Refused)
            },
        }
    }
}
