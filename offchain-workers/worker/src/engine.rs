//! The engine behind [`Backend`].

use std::{
    ops::ControlFlow,
    sync::{atomic::AtomicBool, Arc},
};

use codec::DecodeAll;
use lantern_engine::{
    AdmitError, BatchEvent, BatchOptions, CacheMemory, Engine, ExecuteError, ExecuteOptions, Execution, KernelChoice,
    KernelUnavailable, LoadedModel, Overloaded, SlotId,
};
use lantern_exact::{spec::decode_tokens, JobParams, ModelKind, ModelSpec};
use lantern_worker_protocol::{Execute, FailureKind, Hash, Memory, Usage};

use crate::{
    backend::{Backend, Batch, Event, Failure, Finished, Gauge, Refusal, RunId},
    models::{Models, ModelsError, Unavailable},
};

/// How an engine serves.
#[derive(Clone, Copy, Debug)]
pub struct Serving {
    /// Threads that compute.
    pub threads: usize,
    /// Generations of one model that run together.
    pub max_batch: usize,
    /// Whether what earlier texts left in the caches serves those that begin alike.
    pub prefix_reuse: bool,
}

/// The engine with its models.
pub struct EngineBackend {
    engine: Engine,
    models: Arc<Models>,
    memory: CacheMemory,
    options: BatchOptions,
}

impl EngineBackend {
    /// An engine for `models`, within their bounds.
    ///
    /// # Errors
    /// When the machine lacks the instructions that the engine needs.
    pub fn new(serving: Serving, models: Arc<Models>) -> Result<Self, KernelUnavailable> {
        let engine = Engine::new(serving.threads, KernelChoice::Auto)?;
        tracing::info!(threads = engine.threads(), kernel = engine.kernel().name(), "engine");
        for model in models.catalog().models {
            if model.max_positions < model.max_context {
                tracing::warn!(
                    model = model.name,
                    max_positions = model.max_positions,
                    max_context = model.max_context,
                    "longer jobs are refused: --cache-memory or --max-positions allows no more"
                );
            }
        }
        let cache_memory = models.bounds().cache_memory;
        Ok(Self {
            engine,
            models,
            memory: if serving.prefix_reuse {
                CacheMemory::with_prefix_reuse(cache_memory)
            } else {
                CacheMemory::new(cache_memory)
            },
            options: BatchOptions {
                slots: serving.max_batch,
                ..BatchOptions::default()
            },
        })
    }
}

impl Backend for EngineBackend {
    fn batch(&self, id: &Hash) -> Result<Box<dyn Batch + '_>, Refusal> {
        let model = self.models.get(id).map_err(|error| match error {
            Unavailable::Memory => Refusal::Memory,
            Unavailable::Failed(error @ ModelsError::Unknown(_)) => {
                Refusal::Failed(Failure::new(FailureKind::UnknownModel, error.to_string()))
            },
            Unavailable::Failed(error) => Refusal::Failed(Failure::new(FailureKind::Internal, error.to_string())),
        })?;
        let max_positions = self.models.bounds().positions(model.spec());
        if model.spec().kind() == ModelKind::Embedding {
            return Ok(Box::new(Embeddings {
                engine: &self.engine,
                model,
                max_positions,
                next: None,
            }));
        }
        let batch = lantern_engine::Batch::new(&self.engine, Arc::clone(&model), &self.memory, self.options)
            .map_err(|error| Refusal::Failed(Failure::new(FailureKind::Internal, error.to_string())))?;
        Ok(Box::new(Generations {
            batch,
            model,
            max_positions,
            runs: Vec::new(),
        }))
    }

    fn gauge(&self) -> Gauge {
        let (models, memory) = (Arc::clone(&self.models), self.memory.clone());
        Box::new(move || {
            let (caches, weights) = (memory.usage(), models.usage());
            Memory {
                cache_limit: caches.limit as u64,
                cache_used: caches.used as u64,
                cache_kept: caches.kept as u64,
                reused_positions: caches.reused_positions,
                models_loaded: u32::try_from(weights.loaded).unwrap_or(u32::MAX),
                model_bytes: weights.bytes as u64,
            }
        })
    }
}

/// Generations of one model.
struct Generations<'a> {
    batch: lantern_engine::Batch<'a, Arc<LoadedModel>>,
    model: Arc<LoadedModel>,
    max_positions: u32,
    runs: Vec<(SlotId, RunId)>,
}

impl Batch for Generations<'_> {
    fn admit(&mut self, run: RunId, job: &Execute) -> Result<(), Refusal> {
        // Asked before the job is decoded: whoever waits for a slot is asked for again and again.
        if self.batch.is_full() {
            return Err(Refusal::Slots);
        }
        let (input, params) = decode(job, self.model.spec(), self.max_positions)?;
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
    model: Arc<LoadedModel>,
    max_positions: u32,
    next: Option<(RunId, Vec<u32>, JobParams)>,
}

impl Batch for Embeddings<'_> {
    fn admit(&mut self, run: RunId, job: &Execute) -> Result<(), Refusal> {
        if self.next.is_some() {
            return Err(Refusal::Slots);
        }
        let (input, params) = decode(job, self.model.spec(), self.max_positions)?;
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
            .execute(&self.model, input, params, &options, ignore, interrupt)
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
pub(crate) fn decode(job: &Execute, spec: &ModelSpec, max_positions: u32) -> Result<(Vec<u32>, JobParams), Refusal> {
    let params = JobParams::decode_all(&mut job.params.as_ref()).map_err(|error| bad(format!("params: {error}")))?;
    let input = decode_tokens(job.input.as_ref(), spec.vocab).map_err(|error| bad(format!("input: {error}")))?;
    let prompt = u32::try_from(input.len()).unwrap_or(u32::MAX);
    let positions = spec.positions(prompt, params.max_output_tokens());
    // What exceeds the model's own limits is told by the engine.
    if positions > max_positions && positions <= spec.max_context {
        return Err(bad(format!(
            "the job has {positions} positions, this worker takes {max_positions}"
        )));
    }
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
