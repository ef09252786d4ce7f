//! The engine on a GPU behind [`Backend`].
//!
//! A GPU that fails once (an illegal address, a card that fell off the bus) answers nothing in this process any more. The process
//! then ends without failing its jobs: whoever started it starts another, and asks again.

use std::{
    collections::HashMap,
    ops::ControlFlow,
    sync::{atomic::AtomicBool, Arc},
};

use anyhow::Context;
use codec::DecodeAll;
use lantern_engine::{
    gpu::{DeviceError, GpuBatch, GpuEngine, GpuError, GpuModel},
    AdmitError, BatchEvent, BatchOptions, ExecuteError, ExecuteOptions, Overloaded, SlotId,
};
use lantern_exact::{
    commit::{tensors, TensorKind},
    JobParams, ModelKind, ModelSpec,
};
use lantern_worker_protocol::{Execute, FailureKind, Hash, Memory};

use crate::{
    backend::{Backend, Batch, Catalog, Event, Failure, Gauge, Refusal, RunId},
    engine::{bad, decode, finished, Serving},
    models::{Bounds, Models},
};

/// Bytes that are left free on a card for each model's buffers.
const RESERVE: usize = 1 << 30;

/// Models on a GPU.
pub struct GpuBackend {
    engine: GpuEngine,
    models: Arc<HashMap<Hash, GpuModel>>,
    bounds: Bounds,
    options: BatchOptions,
}

impl GpuBackend {
    /// Copies `models` to the device of `engine`. Their bound of cache memory is the device's; without one it is what the device
    /// has left.
    ///
    /// # Errors
    /// When the device has no room for them, or the machine none to load them.
    pub fn new(engine: GpuEngine, serving: Serving, models: &Models) -> anyhow::Result<Self> {
        let infos = models.catalog().models;
        let specs = infos.iter().map(|info| ModelSpec::decode_all(&mut info.spec.as_ref()));
        let specs = specs.collect::<Result<Vec<_>, _>>().context("a specification")?;
        let cache = match models.bounds().cache_memory {
            usize::MAX => room_for_caches(engine.free_bytes()?, &specs),
            bytes => bytes,
        };
        let sharing = specs
            .iter()
            .filter(|spec| spec.kind() == ModelKind::Generation)
            .count()
            .max(1);
        let mut uploaded = HashMap::new();
        for info in &infos {
            let model = engine
                .upload(&*models.get(&info.id)?, cache / sharing)
                .with_context(|| format!("model {}", info.name))?;
            tracing::info!(
                model = info.name,
                weights_mib = model.weight_bytes() >> 20,
                cache_positions = model.cache_positions(),
                "on the device"
            );
            if model.cache_positions() < info.max_positions as usize {
                tracing::warn!(
                    model = info.name,
                    max_positions = model.cache_positions(),
                    max_context = info.max_context,
                    "longer jobs are refused: --cache-memory or the card allows no more"
                );
            }
            uploaded.insert(info.id, model);
        }
        tracing::info!(device = engine.name(), "engine");
        Ok(Self {
            engine,
            models: Arc::new(uploaded),
            bounds: *models.bounds(),
            options: BatchOptions {
                slots: serving.max_batch,
                ..BatchOptions::default()
            },
        })
    }

    /// Lowers in `catalog` what caches on the device cannot hold.
    pub(crate) fn limit(&self, catalog: &mut Catalog) {
        for info in &mut catalog.models {
            if let Some(model) = self.models.get(&info.id) {
                info.max_positions = info.max_positions.min(most_positions(model, &self.bounds));
            }
        }
    }
}

/// Most positions of a job for `model`.
fn most_positions(model: &GpuModel, bounds: &Bounds) -> u32 {
    let cached = u32::try_from(model.cache_positions()).unwrap_or(u32::MAX);
    model.spec().max_context.min(bounds.max_positions).min(cached)
}

/// What `free` bytes leave for caches beside the weights of `models` and the buffers.
fn room_for_caches(free: usize, models: &[ModelSpec]) -> usize {
    let needed: usize = models.iter().map(|spec| weight_bytes(spec) + RESERVE).sum();
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
    fn batch(&self, model: &Hash) -> Result<Box<dyn Batch + '_>, Refusal> {
        let failed = |kind, message| Refusal::Failed(Failure::new(kind, message));
        let Some(model) = self.models.get(model) else {
            let message = format!("this worker does not serve model {model}");
            return Err(failed(FailureKind::UnknownModel, message));
        };
        let max_positions = most_positions(model, &self.bounds);
        if model.spec().kind() == ModelKind::Embedding {
            return Ok(Box::new(Embeddings {
                engine: &self.engine,
                model,
                max_positions,
                next: None,
            }));
        }
        let batch = GpuBatch::new(model, self.options);
        let batch = batch.map_err(|error| failed(FailureKind::Internal, error.to_string()))?;
        Ok(Box::new(Generations {
            batch,
            model,
            max_positions,
            runs: Vec::new(),
        }))
    }

    fn gauge(&self) -> Gauge {
        let models = Arc::clone(&self.models);
        Box::new(move || {
            let sum = |of: &dyn Fn(&GpuModel) -> usize| models.values().map(of).sum::<usize>() as u64;
            Memory {
                cache_limit: sum(&GpuModel::cache_limit),
                cache_used: sum(&GpuModel::cache_used),
                cache_kept: 0,
                reused_positions: 0,
                models_loaded: u32::try_from(models.len()).unwrap_or(u32::MAX),
                model_bytes: sum(&GpuModel::weight_bytes),
            }
        })
    }
}

/// Generations of one model.
struct Generations<'a> {
    batch: GpuBatch<'a>,
    model: &'a GpuModel,
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
