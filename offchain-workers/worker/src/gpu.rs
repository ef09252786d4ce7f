//! The engine on a GPU behind [`Backend`].
//!
//! A GPU that fails once (an illegal address, a card that fell off the bus) answers nothing in this process any more. The process
//! then ends without failing its jobs: whoever started it starts another, and asks again.

use std::{
    collections::HashMap,
    ops::ControlFlow,
    sync::{atomic::AtomicBool, Arc},
};

use lantern_engine::{
    gpu::{DeviceError, GpuBatch, GpuEngine, GpuError, GpuModel},
    AdmitError, BatchEvent, BatchOptions, ExecuteError, ExecuteOptions, LoadedModel, Overloaded, SlotId,
};
use lantern_exact::{
    commit::{tensors, TensorKind},
    JobParams, ModelSpec,
};
use lantern_worker_protocol::{Execute, FailureKind, Hash};

use crate::{
    backend::{Backend, Batch, Event, Failure, Refusal, RunId},
    device::Bounds,
    engine::{bad, decode, finished, generates},
    models::Models,
};

/// Bytes that are left free on a card for each model's buffers.
const RESERVE: usize = 1 << 30;

/// Models on a GPU.
pub struct GpuBackend {
    engine: GpuEngine,
    models: HashMap<Hash, GpuModel>,
    options: BatchOptions,
}

impl GpuBackend {
    /// Copies `models` to the device of `engine`.
    ///
    /// # Errors
    /// When the device has no room for them.
    pub fn new(engine: &GpuEngine, bounds: &Bounds, models: &Models) -> Result<Self, DeviceError> {
        let cache = match bounds.cache_memory {
            Some(bytes) => bytes,
            None => room_for_caches(engine.free_bytes()?, models),
        };
        let sharing = models.iter().filter(|model| generates(model)).count().max(1);
        let upload = |model: &Arc<LoadedModel>| {
            let uploaded = engine.upload(Arc::clone(model), cache / sharing)?;
            tracing::info!(
                model = model.name(),
                weights_mib = uploaded.weight_bytes() >> 20,
                cache_positions = uploaded.cache_positions(),
                "on the device"
            );
            if generates(model) && uploaded.cache_positions() < model.spec().max_context as usize {
                tracing::warn!(
                    model = model.name(),
                    "jobs that use the model's whole context will be refused: they need more cache memory"
                );
            }
            Ok((Hash(model.id()), uploaded))
        };
        let models = models.iter().map(upload).collect::<Result<_, DeviceError>>()?;
        tracing::info!(device = engine.name(), "engine");
        Ok(Self {
            engine: engine.clone(),
            models,
            options: BatchOptions {
                slots: bounds.max_batch,
                ..BatchOptions::default()
            },
        })
    }
}

/// What `free` bytes leave for caches beside the weights of `models` and the buffers.
fn room_for_caches(free: usize, models: &Models) -> usize {
    let needed: usize = models.iter().map(|model| weight_bytes(model.spec()) + RESERVE).sum();
    free.saturating_sub(needed) / 10 * 9
}

/// Bytes of the matrices of a model.
fn weight_bytes(spec: &ModelSpec) -> usize {
    let matrices = tensors(spec)
        .into_iter()
        .filter(|tensor| tensor.kind == TensorKind::Matrix);
    matrices
        .map(|tensor| tensor.rows as usize * (tensor.cols as usize).next_multiple_of(64))
        .sum()
}

/// Ends the process: see the module.
fn give_up(error: &DeviceError) -> ! {
    tracing::error!(%error, "the device failed; this process ends, and another will do better");
    std::process::exit(1);
}

impl Backend for GpuBackend {
    fn batch(&self, model: &Hash) -> Result<Box<dyn Batch + '_>, Failure> {
        let Some(model) = self.models.get(model) else {
            let message = format!("this worker has not loaded model {model}");
            return Err(Failure::new(FailureKind::UnknownModel, message));
        };
        if !generates(model.model()) {
            return Ok(Box::new(Embeddings {
                engine: &self.engine,
                model,
                next: None,
            }));
        }
        let batch = GpuBatch::new(model, self.options)
            .map_err(|error| Failure::new(FailureKind::Internal, error.to_string()))?;
        Ok(Box::new(Generations {
            batch,
            model,
            runs: Vec::new(),
        }))
    }
}

/// Generations of one model.
struct Generations<'a> {
    batch: GpuBatch<'a>,
    model: &'a GpuModel,
    runs: Vec<(SlotId, RunId)>,
}

impl Batch for Generations<'_> {
    fn admit(&mut self, run: RunId, job: &Execute) -> Result<(), Refusal> {
        // Asked before the job is decoded: whoever waits for a slot is asked for again and again.
        if self.batch.is_full() {
            return Err(Refusal::Slots);
        }
        let (input, params) = decode(job, self.model.model())?;
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
        match outcome {
            Ok(()) => {},
            Err(GpuError::Execute(_)) => tracing::debug!("a pass was broken off"),
            Err(GpuError::Device(error)) => give_up(&error),
        }
    }
}

/// Embeddings of one model, one in each step.
struct Embeddings<'a> {
    engine: &'a GpuEngine,
    model: &'a GpuModel,
    next: Option<(RunId, Vec<u32>, JobParams)>,
}

impl Batch for Embeddings<'_> {
    fn admit(&mut self, run: RunId, job: &Execute) -> Result<(), Refusal> {
        if self.next.is_some() {
            return Err(Refusal::Slots);
        }
        let (input, params) = decode(job, self.model.model())?;
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
        let outcome = self
            .engine
            .execute(self.model, input, params, &options, ignore, interrupt);
        let result = match outcome {
            // It is cancelled, or begins again.
            Err(GpuError::Execute(ExecuteError::Cancelled)) => return,
            Err(GpuError::Execute(error)) => Err(Failure::new(FailureKind::BadInput, error.to_string())),
            Err(GpuError::Device(error)) => give_up(&error),
            Ok(execution) => Ok(finished(execution)),
        };
        report(*run, Event::Ended(result));
        self.next = None;
    }

    fn needs_memory(&self) -> bool {
        false
    }
}
