//! The engine behind [`Backend`].

use std::{
    collections::HashMap,
    ops::ControlFlow,
    sync::{atomic::AtomicBool, Arc},
};

use codec::DecodeAll;
use lantern_engine::{
    cache_bytes, AdmitError, BatchEvent, BatchOptions, CacheMemory, Engine, ExecuteError, ExecuteOptions, Execution,
    KernelChoice, KernelUnavailable, LoadedModel, Overloaded, SlotId,
};
use lantern_exact::{spec::decode_tokens, JobParams, ModelKind};
use lantern_worker_protocol::{Execute, FailureKind, Hash, Usage};

use crate::{
    backend::{Backend, Batch, Event, Failure, Finished, Refusal, RunId},
    models::Models,
};

/// The engine with its models.
pub struct EngineBackend {
    engine: Engine,
    models: HashMap<Hash, Arc<LoadedModel>>,
    memory: CacheMemory,
    options: BatchOptions,
}

impl EngineBackend {
    /// An engine of `threads` threads for `models`, which runs up to `max_batch` generations of one model together, with
    /// `cache_memory` bytes for the caches of all.
    ///
    /// # Errors
    /// When the machine lacks the instructions that the engine needs.
    pub fn new(
        threads: usize,
        max_batch: usize,
        cache_memory: usize,
        models: &Models,
    ) -> Result<Self, KernelUnavailable> {
        let engine = Engine::new(threads, KernelChoice::Auto)?;
        tracing::info!(
            threads = engine.threads(),
            kernel = engine.kernel().name(),
            cache_memory_mib = cache_memory >> 20,
            "engine"
        );
        for model in models.iter().filter(|model| generates(model)) {
            let needed = cache_bytes(model.spec(), model.spec().max_context);
            if needed > cache_memory {
                tracing::warn!(
                    model = model.name(),
                    needed_mib = needed >> 20,
                    cache_memory_mib = cache_memory >> 20,
                    "jobs that use the model's whole context will be refused: they need more cache memory"
                );
            }
        }
        Ok(Self {
            engine,
            models: models
                .iter()
                .map(|model| (Hash(model.id()), Arc::clone(model)))
                .collect(),
            memory: CacheMemory::new(cache_memory),
            options: BatchOptions {
                slots: max_batch,
                ..BatchOptions::default()
            },
        })
    }
}

impl Backend for EngineBackend {
    fn batch(&self, model: &Hash) -> Result<Box<dyn Batch + '_>, Failure> {
        let Some(model) = self.models.get(model) else {
            let message = format!("this worker has not loaded model {model}");
            return Err(Failure::new(FailureKind::UnknownModel, message));
        };
        if !generates(model) {
            return Ok(Box::new(Embeddings {
                engine: &self.engine,
                model,
                next: None,
            }));
        }
        let batch = lantern_engine::Batch::new(&self.engine, model, &self.memory, self.options)
            .map_err(|error| Failure::new(FailureKind::Internal, error.to_string()))?;
        Ok(Box::new(Generations {
            batch,
            model,
            runs: Vec::new(),
        }))
    }
}

pub(crate) fn generates(model: &LoadedModel) -> bool {
    model.spec().kind() == ModelKind::Generation
}

/// Generations of one model.
struct Generations<'a> {
    batch: lantern_engine::Batch<'a>,
    model: &'a LoadedModel,
    runs: Vec<(SlotId, RunId)>,
}

impl Batch for Generations<'_> {
    fn admit(&mut self, run: RunId, job: &Execute) -> Result<(), Refusal> {
        // Asked before the job is decoded: whoever waits for a slot is asked for again and again.
        if self.batch.is_full() {
            return Err(Refusal::Slots);
        }
        let (input, params) = decode(job, self.model)?;
        let slot = self.batch.admit(&input, &params).map_err(|error| match error {
            AdmitError::Overloaded(Overloaded::Slots) => Refusal::Slots,
            AdmitError::Overloaded(Overloaded::Memory) => Refusal::Memory,
            AdmitError::Params(error) => bad(error),
            error @ AdmitError::TooLarge { .. } => bad(error),
        })?;
        self.runs.push((slot, run));
        Ok(())
    }

    fn cancel(&mut self, run: RunId) {
        if let Some(index) = self.runs.iter().position(|(_, known)| *known == run) {
            let (slot, _) = self.runs.swap_remove(index);
            self.batch.cancel(slot);
        }
    }

    fn step(&mut self, interrupt: &AtomicBool, report: &mut dyn FnMut(RunId, Event)) {
        let runs = &mut self.runs;
        let outcome = self.batch.step(interrupt, &mut |slot, event| {
            let Some(index) = runs.iter().position(|(known, _)| *known == slot) else {
                return;
            };
            match event {
                BatchEvent::Token(token) => report(runs[index].1, Event::Token(token)),
                BatchEvent::Finished(execution) => {
                    let (_, run) = runs.swap_remove(index);
                    report(run, Event::Ended(Ok(finished(execution))));
                },
            }
        });
        if outcome.is_err() {
            tracing::debug!("a pass was broken off");
        }
    }
}

/// Embeddings of one model, one in each step: they are short, and whoever generates waits meanwhile.
struct Embeddings<'a> {
    engine: &'a Engine,
    model: &'a LoadedModel,
    next: Option<(RunId, Vec<u32>, JobParams)>,
}

impl Batch for Embeddings<'_> {
    fn admit(&mut self, run: RunId, job: &Execute) -> Result<(), Refusal> {
        if self.next.is_some() {
            return Err(Refusal::Slots);
        }
        let (input, params) = decode(job, self.model)?;
        self.next = Some((run, input, params));
        Ok(())
    }

    fn cancel(&mut self, run: RunId) {
        self.next.take_if(|(known, ..)| *known == run);
    }

    fn step(&mut self, interrupt: &AtomicBool, report: &mut dyn FnMut(RunId, Event)) {
        let Some((run, input, params)) = &self.next else {
            return;
        };
        let ignore = &mut |_| ControlFlow::Continue(());
        let options = ExecuteOptions::default();
        let result = match self
            .engine
            .execute(self.model, input, params, &options, ignore, interrupt)
        {
            // It is cancelled, or begins again.
            Err(ExecuteError::Cancelled) => return,
            Err(ExecuteError::Params(error)) => Err(Failure::new(FailureKind::BadInput, error.to_string())),
            Ok(execution) => Ok(finished(execution)),
        };
        report(*run, Event::Ended(result));
        self.next = None;
    }

    fn needs_memory(&self) -> bool {
        false
    }
}

/// Input and parameters of a job.
pub(crate) fn decode(job: &Execute, model: &LoadedModel) -> Result<(Vec<u32>, JobParams), Refusal> {
    let params = JobParams::decode_all(&mut job.params.as_ref()).map_err(|error| bad(format!("params: {error}")))?;
    let input =
        decode_tokens(job.input.as_ref(), model.spec().vocab).map_err(|error| bad(format!("input: {error}")))?;
    Ok((input, params))
}

pub(crate) fn bad(reason: impl std::fmt::Display) -> Refusal {
    Refusal::Failed(Failure::new(FailureKind::BadInput, reason.to_string()))
}

pub(crate) fn finished(execution: Execution) -> Finished {
    Finished {
        output: execution.output.into(),
        usage: Usage {
            prompt_tokens: execution.usage.prompt_tokens,
            output_tokens: execution.usage.output_tokens,
        },
        trace_root: Hash(execution.trace_root),
    }
}
