//! Executions: starting them, and what comes of them.

use codec::{DecodeAll, Encode};
use lantern_exact::spec::ModelKind;
use lantern_primitives::{
    content::{ContentRef, InlineContent},
    job::ResultCommitment,
    mailbox::Entry,
    JobId, ModelId, ModelSpec, Usage, H256,
};
use lantern_worker_protocol::{Bytes, Execute, FailureKind, Hash, ModelInfo, Outcome};
use sp_core::offchain::OffchainStorage;

use super::{
    chain::Chain,
    desk::{Claim, Desk, Run, Served, Work},
    link::{RunId, WorkerClient, WorkerEvent},
    store::ContentError,
    LOG_TARGET,
};

/// Executions of one job that may fail through faults of the worker before it is given up. A job that crashes every worker
/// must not keep the others from being served.
const MAX_ATTEMPTS: u32 = 8;
/// Weight of the last execution in the moving average of the speed.
const SPEED_WEIGHT: f64 = 0.3;

impl<C: Chain, S: OffchainStorage, W: WorkerClient> Desk<C, S, W> {
    /// The worker reported something.
    pub async fn on_worker(&mut self, event: WorkerEvent) {
        match event {
            WorkerEvent::Up(models) => {
                self.models = models.iter().filter_map(readable).collect();
                self.relist();
                self.on_block().await;
            },
            WorkerEvent::Down => {
                self.models.clear();
                let running = self.work.iter().filter(|(_, work)| matches!(work.run, Run::Running(_)));
                for id in running.map(|(id, _)| *id).collect::<Vec<_>>() {
                    log::warn!(target: LOG_TARGET, "job {id}: the worker is gone; it runs again when there is one");
                    self.retry_run(id);
                }
            },
            WorkerEvent::Tokens {
                run,
                job,
                position,
                tokens,
                text,
            } => {
                if self.is_running(job, run) {
                    self.streams.push(job, position, &tokens, &text);
                }
            },
            WorkerEvent::Done { run, outcome } => {
                if self.is_running(outcome.key, run) {
                    self.on_done(outcome);
                    // There is room for another.
                    self.on_block().await;
                }
            },
            WorkerEvent::Failed {
                run,
                job,
                kind,
                message,
            } => {
                if self.is_running(job, run) {
                    self.on_failed(job, kind, &message);
                }
            },
        }
    }

    fn is_running(&self, job: JobId, run: RunId) -> bool {
        self.work.get(&job).is_some_and(|work| work.run == Run::Running(run))
    }

    /// Hands to the worker what it should have and has not.
    pub(super) fn start_runs(&mut self) {
        if self.identity.is_none() {
            // Nobody to commit a result for.
            return;
        }
        let idle: Vec<JobId> = self
            .work
            .iter()
            .filter(|(_, work)| work.wants_run() && self.models.contains_key(&work.model))
            .map(|(id, _)| *id)
            .collect();
        for id in idle {
            let Some(work) = self.work.get(&id) else { continue };
            let input = match self.store.content(&work.input) {
                Ok(input) => input,
                Err(error) => {
                    // Only after a restart: nothing is claimed without its input.
                    let outcome = match error {
                        ContentError::Missing => "input_missing",
                        ContentError::Corrupt => "input_corrupt",
                    };
                    self.metrics.executions.with_label_values(&[outcome]).inc();
                    log::error!(target: LOG_TARGET, "job {id}: cannot run, its input is not here: {error:?}");
                    continue;
                },
            };
            let request = Execute {
                key: id,
                model: Hash(work.model.0),
                input: Bytes(input),
                params: Bytes(work.params.encode()),
            };
            let run = self.next_run;
            self.next_run = self.next_run.wrapping_add(1);
            if let Some(work) = self.work.get_mut(&id) {
                work.run = Run::Running(run);
            }
            self.metrics.executions.with_label_values(&["started"]).inc();
            self.streams.open(id);
            self.worker.execute(run, request);
        }
    }

    fn on_done(&mut self, outcome: Outcome) {
        let id = outcome.key;
        let Some(work) = self.work.get(&id) else { return };
        let Some(served) = self.models.get(&work.model) else {
            return;
        };
        let output = match checked_output(work, &served.spec, &outcome) {
            Ok(output) => output,
            Err(reason) => {
                log::error!(target: LOG_TARGET, "job {id}: the worker's result is impossible: {reason}");
                return self.give_up(id, "impossible_result");
            },
        };
        let Some(identity) = &self.identity else {
            // The registration may come back with a reorganisation; the worker keeps the result.
            log::warn!(target: LOG_TARGET, "job {id}: there is a result, but no provider to commit it for");
            self.set_run(id, Run::Idle);
            return;
        };
        let usage = Usage {
            prompt_tokens: outcome.usage.prompt_tokens,
            output_tokens: outcome.usage.output_tokens,
        };
        let commitment = ResultCommitment {
            output: ContentRef::of(&output),
            usage,
            trace_root: H256(outcome.trace_root.0),
        };
        let units = served.spec.compute_units(usage.prompt_tokens, usage.output_tokens);
        self.store.post(&Entry {
            job: id,
            work: work.digest,
            worker: identity.key.clone(),
            commitment,
            output,
        });
        self.set_run(id, Run::InMailbox);
        self.streams.finish(id);
        let millis = outcome.millis.max(1);
        self.metrics.executions.with_label_values(&["done"]).inc();
        self.metrics.execution_seconds.observe(millis as f64 / 1000.0);
        let measured = units as f64 / millis as f64;
        self.speed = Some(match self.speed {
            Some(speed) => speed + SPEED_WEIGHT * (measured - speed),
            None => measured,
        });
        log::info!(
            target: LOG_TARGET,
            "job {id}: result {:?} in the mailbox after {millis} ms, {} output tokens",
            commitment.output.hash,
            usage.output_tokens,
        );
    }

    fn on_failed(&mut self, id: JobId, kind: FailureKind, message: &str) {
        self.metrics.executions.with_label_values(&[kind.name()]).inc();
        log::warn!(target: LOG_TARGET, "job {id}: execution failed ({}): {message}", kind.name());
        match kind {
            FailureKind::BadInput => return self.give_up(id, "bad_input"),
            FailureKind::Internal => return self.retry_run(id),
            // Room comes, a worker with the model comes, or whoever cancelled it has done so for a reason; the next block
            // shows whether it is still ours.
            FailureKind::Overloaded | FailureKind::UnknownModel | FailureKind::Cancelled => {},
        }
        self.set_run(id, Run::Idle);
    }

    /// Lets a run that a fault of the worker ended start again, unless it has had its chances.
    fn retry_run(&mut self, id: JobId) {
        let Some(work) = self.work.get_mut(&id) else { return };
        work.run = Run::Idle;
        work.attempts = work.attempts.saturating_add(1);
        if work.attempts >= MAX_ATTEMPTS {
            self.give_up(id, "too_many_attempts");
        }
    }

    fn give_up(&mut self, id: JobId, reason: &str) {
        self.metrics.given_up.inc();
        let is_won = self.work.get(&id).is_some_and(|work| work.claim == Claim::Won);
        log::error!(
            target: LOG_TARGET,
            "job {id}: given up ({reason}){}",
            if is_won { "; its bond will be penalised at its deadline" } else { "" },
        );
        self.set_run(id, Run::GivenUp);
        self.streams.drop_job(id);
    }

    fn set_run(&mut self, id: JobId, run: Run) {
        if let Some(work) = self.work.get_mut(&id) {
            work.run = run;
        }
    }
}

/// A worker's model, when this node can read its specification and the id is the hash that it must be.
fn readable(model: &ModelInfo) -> Option<(ModelId, Served)> {
    let spec = ModelSpec::decode_all(&mut model.spec.as_ref())
        .inspect_err(|error| log::error!(target: LOG_TARGET, "model {}: unreadable specification: {error}", model.id))
        .ok()?;
    if lantern_exact::model_id(&spec, &model.weights_root.0) != model.id.0 {
        log::error!(target: LOG_TARGET, "model {}: its specification and weights root have another id", model.id);
        return None;
    }
    let max_positions = model.max_positions;
    Some((H256(model.id.0), Served { spec, max_positions }))
}

/// The output, when it is one that the chain accepts for this job.
fn checked_output(work: &Work, spec: &ModelSpec, outcome: &Outcome) -> Result<InlineContent, String> {
    let usage = outcome.usage;
    if usage.prompt_tokens != work.prompt_tokens {
        return Err(format!(
            "{} prompt tokens of {}",
            usage.prompt_tokens, work.prompt_tokens
        ));
    }
    let length = outcome.output.0.len();
    let expected = match spec.kind() {
        ModelKind::Generation if usage.output_tokens == 0 => return Err("no output tokens".into()),
        ModelKind::Generation if usage.output_tokens > work.params.max_output_tokens() => {
            return Err(format!(
                "{} output tokens of {}",
                usage.output_tokens,
                work.params.max_output_tokens()
            ))
        },
        ModelKind::Embedding if usage.output_tokens != 0 => return Err("output tokens of an embedding".into()),
        ModelKind::Generation | ModelKind::Embedding => spec.output_len(usage.output_tokens),
    };
    if u32::try_from(length).ok() != Some(expected) {
        return Err(format!("{length} bytes instead of {expected}"));
    }
    InlineContent::try_from(outcome.output.0.clone())
        .map_err(|_| format!("{length} bytes do not fit into a transaction"))
}
