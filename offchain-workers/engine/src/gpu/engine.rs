//! A device, and jobs on it.

use super::{
    batch::GpuBatch,
    device::{Device, DeviceError},
    model::{DeviceWeights, GpuModel},
    pass::Pass,
    workspace::Extent,
};
use crate::{
    batch::{AdmitError, BatchEvent, BatchOptions},
    engine::{check_job_of, ExecuteError, ExecuteOptions, Execution},
    model::LoadedModel,
};
use lantern_exact::{
    blake2_256, merkle, spec::encode_embedding, trace::TraceBuilder, Family, Hash, JobParams, ModelKind, ParamsError,
    Pooling, StopReason, Usage,
};
use std::{ops::ControlFlow, sync::atomic::AtomicBool, sync::Arc};

/// Why a job on a device has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GpuError {
    /// As on a CPU.
    #[error(transparent)]
    Execute(#[from] ExecuteError),
    /// The device failed; the job may be good.
    #[error(transparent)]
    Device(#[from] DeviceError),
}

impl From<ParamsError> for GpuError {
    fn from(error: ParamsError) -> Self {
        Self::Execute(error.into())
    }
}

/// A device with its kernels loaded.
#[derive(Clone)]
pub struct GpuEngine {
    pub(super) device: Arc<dyn Device>,
}

impl std::fmt::Debug for GpuEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "GpuEngine({})", self.device.name())
    }
}

impl GpuEngine {
    /// NVIDIA card `ordinal`, counted from 0.
    ///
    /// Fails, with the cause and what to do, without a driver, without that card, and on cards older than Ampere.
    #[cfg(feature = "cuda")]
    pub fn cuda(ordinal: usize) -> Result<Self, DeviceError> {
        Ok(Self {
            device: Arc::new(super::cuda::Cuda::open(ordinal)?),
        })
    }

    /// The emulation in the library at `path`, which `scripts/check-cuda` builds. For tests: it is slow.
    #[cfg(feature = "emulator")]
    pub fn emulated(path: &std::path::Path) -> Result<Self, DeviceError> {
        Ok(Self {
            device: Arc::new(super::emulated::Emulated::open(path)?),
        })
    }

    /// The device's name.
    pub fn name(&self) -> String {
        self.device.name()
    }

    /// Free bytes of the device's memory.
    pub fn free_bytes(&self) -> Result<usize, DeviceError> {
        self.device.free_bytes()
    }

    /// Copies `model` to the device, with `cache_bytes` for the caches of its generations (at least one page; embeddings take what
    /// their context needs).
    pub fn upload(&self, model: &LoadedModel, cache_bytes: usize) -> Result<GpuModel, DeviceError> {
        GpuModel::upload(&self.device, model, cache_bytes)
    }

    /// Runs a job to its end, as [`crate::Engine::execute`] does. `cancel` is looked at before each pass.
    pub fn execute(
        &self,
        model: &GpuModel,
        input: &[u32],
        params: &JobParams,
        options: &ExecuteOptions,
        on_token: &mut dyn FnMut(u32) -> ControlFlow<()>,
        cancel: &AtomicBool,
    ) -> Result<Execution, GpuError> {
        if model.spec().kind() == ModelKind::Embedding {
            return embed(model, input, params);
        }
        let options = BatchOptions {
            slots: 1,
            prefill_rows: options.prefill_chunk,
        };
        let mut batch = GpuBatch::new(model, options)?;
        batch.admit(input, params).map_err(|error| match error {
            AdmitError::Params(error) => GpuError::from(error),
            other => DeviceError::new(other.to_string()).into(),
        })?;
        let (mut wanted, mut finished) = (ControlFlow::Continue(()), None);
        while finished.is_none() {
            batch.step(cancel, &mut |_, event| match event {
                BatchEvent::Token(token) => wanted = on_token(token),
                BatchEvent::Finished(execution) => finished = Some(execution),
            })?;
            if wanted.is_break() {
                return Err(ExecuteError::Cancelled.into());
            }
        }
        finished.ok_or(ExecuteError::Cancelled.into())
    }
}

/// Appends the positions whose layer leaves are `leaves` to `trace`.
pub(super) fn extend_trace(trace: &mut TraceBuilder, leaves: &[Hash], layers: usize) {
    for position in leaves.chunks_exact(layers) {
        trace.push(&merkle::root(position));
    }
}

fn embed(model: &GpuModel, input: &[u32], params: &JobParams) -> Result<Execution, GpuError> {
    let spec = *model.spec();
    let prompt_tokens = check_job_of(model.spec(), input, params)?;
    let (DeviceWeights::Bert(bert), Family::Bert(family)) = (&model.weights, &spec.family) else {
        return Err(ParamsError::WrongKind.into());
    };
    let rows = input.len();
    let pages = rows.div_ceil(super::args::PAGE);
    let pages = model
        .pages
        .take(pages)
        .ok_or_else(|| DeviceError::new("another embedding of this model runs"))?;
    let outcome = (|| {
        let work = model.workspace(rows, 1)?;
        let positions: Vec<u32> = (0..prompt_tokens).collect();
        work.inputs.write(0, input)?;
        work.inputs.write(work.rows, &positions)?;
        work.inputs.write(2 * work.rows, &vec![0u32; rows])?;
        work.inputs.write(3 * work.rows, &vec![prompt_tokens; rows])?;
        work.pages.write(0, &pages)?;
        let pass = Pass {
            model,
            work: &work,
            extent: Extent::new(rows, rows),
        };
        pass.bert(bert)?;
        let pooled = match family.pooling {
            Pooling::Mean => rows,
            Pooling::Cls => 1,
        };
        pass.pool(pooled, family.normalize)?;
        let mut row = vec![0i32; spec.hidden as usize];
        work.pooled.read(0, &mut row)?;
        let layers = spec.layers as usize;
        let mut leaves: Vec<Hash> = vec![[0; 32]; rows * layers];
        work.leaves.read(0, &mut leaves)?;
        model.keep(work);
        let mut trace = TraceBuilder::new(spec.layers);
        extend_trace(&mut trace, &leaves, layers);
        Ok::<_, DeviceError>((row, trace))
    })();
    model.pages.give(&pages);
    let (row, trace) = outcome?;
    let output = encode_embedding(&row);
    Ok(Execution {
        output_hash: blake2_256(&[&output]),
        output,
        output_tokens: Vec::new(),
        usage: Usage {
            prompt_tokens,
            output_tokens: 0,
        },
        trace_root: trace.root(),
        stop: StopReason::Complete,
    })
}
