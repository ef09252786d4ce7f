//! Runs jobs on a loaded model.

use crate::{
    batch::{AdmitError, Batch, BatchEvent, BatchOptions},
    cache_memory::CacheMemory,
    cpu::{pool::Pool, Kernel},
    forward::{self, BertState, Cancelled, Machine, Sequence, Workspace},
    model::{weights::Weights, LoadedModel},
};
use lantern_exact::{
    blake2_256,
    spec::{encode_embedding, encode_tokens},
    Family, GenerateParams, Hash, JobParams, ModelKind, ModelSpec, ParamsError, StopReason, Usage,
};
use std::{ops::ControlFlow, sync::atomic::AtomicBool};

/// Which instructions an engine uses. Results do not depend on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KernelChoice {
    /// The fastest of this machine.
    #[default]
    Auto,
    /// This one; an engine cannot be made where it is not available.
    Only(Kernel),
}

/// The machine lacks the instructions asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this machine has no {} instructions", .0.name())]
pub struct KernelUnavailable(pub Kernel);

/// Choices of one execution. Results do not depend on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExecuteOptions {
    /// Prompt positions computed at once, at least 1: bounds memory, and how soon a cancellation is seen.
    pub prefill_chunk: usize,
}

impl Default for ExecuteOptions {
    fn default() -> Self {
        Self { prefill_chunk: 256 }
    }
}

/// The result of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Execution {
    /// Output bytes: token ids as u32 LE, or an embedding as i32 LE.
    pub output: Vec<u8>,
    /// Output tokens; empty for an embedding.
    pub output_tokens: Vec<u32>,
    /// Tokens used.
    pub usage: Usage,
    /// Root over the trace.
    pub trace_root: Hash,
    /// BLAKE2b-256 of `output`.
    pub output_hash: Hash,
    /// Why the output ended.
    pub stop: StopReason,
}

impl Execution {
    /// The result of a generation whose output is `tokens`.
    pub(crate) fn of_tokens(prompt_tokens: u32, tokens: &[u32], trace_root: Hash, stop: StopReason) -> Self {
        let output = encode_tokens(tokens);
        Self {
            output_hash: blake2_256(&[&output]),
            output,
            output_tokens: tokens.to_vec(),
            usage: Usage {
                prompt_tokens,
                output_tokens: tokens.len() as u32,
            },
            trace_root,
            stop,
        }
    }
}

/// Why nothing may follow `output`; `None` while something must.
pub(crate) fn stop_after(output: &[u32], params: &GenerateParams) -> Option<StopReason> {
    if output.last().is_some_and(|&last| params.stop.contains(last)) {
        Some(StopReason::StopToken)
    } else {
        (output.len() >= params.max_new_tokens as usize).then_some(StopReason::Length)
    }
}

/// Why a job has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExecuteError {
    /// Parameters or input do not fit the model: among them a prompt beyond the context and a token out of vocabulary.
    #[error("invalid job: {0}")]
    Params(#[from] ParamsError),
    /// The job was cancelled from outside.
    #[error("cancelled")]
    Cancelled,
}

impl From<Cancelled> for ExecuteError {
    fn from(_: Cancelled) -> Self {
        Self::Cancelled
    }
}

/// Threads and kernels. Executions of several callers take turns step by step.
pub struct Engine {
    pool: Pool,
    kernel: Kernel,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Engine({} threads, {})", self.pool.threads(), self.kernel.name())
    }
}

impl Engine {
    /// An engine of `threads` threads (0 counts as 1), the caller's own included.
    pub fn new(threads: usize, choice: KernelChoice) -> Result<Self, KernelUnavailable> {
        let kernel = match choice {
            KernelChoice::Auto => Kernel::best(),
            KernelChoice::Only(kernel) if kernel.is_available() => kernel,
            KernelChoice::Only(kernel) => return Err(KernelUnavailable(kernel)),
        };
        Ok(Self {
            pool: Pool::new(threads),
            kernel,
        })
    }

    /// The kernels in use.
    pub fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// Threads in use.
    pub fn threads(&self) -> usize {
        self.pool.threads()
    }

    /// Runs a job to its end; a generation as a [`Batch`] of one.
    ///
    /// `on_token` sees each output token as it is made and may break off; setting `cancel` stops at the next layer. Both
    /// end in [`ExecuteError::Cancelled`].
    pub fn execute(
        &self,
        model: &LoadedModel,
        input: &[u32],
        params: &JobParams,
        options: &ExecuteOptions,
        on_token: &mut dyn FnMut(u32) -> ControlFlow<()>,
        cancel: &AtomicBool,
    ) -> Result<Execution, ExecuteError> {
        match model.spec().kind() {
            ModelKind::Generation => self.generate(model, input, params, options, on_token, cancel),
            ModelKind::Embedding => self.run_embedding(model, input, params, cancel),
        }
    }

    fn generate(
        &self,
        model: &LoadedModel,
        input: &[u32],
        params: &JobParams,
        options: &ExecuteOptions,
        on_token: &mut dyn FnMut(u32) -> ControlFlow<()>,
        cancel: &AtomicBool,
    ) -> Result<Execution, ExecuteError> {
        let memory = CacheMemory::unbounded();
        let options = BatchOptions {
            slots: 1,
            prefill_rows: options.prefill_chunk,
        };
        let mut batch = Batch::new(self, model, &memory, options)?;
        batch.admit(input, params).map_err(|error| match error {
            AdmitError::Params(error) => error,
            // The context, which a job must fit, is far from an address space.
            AdmitError::Overloaded(_) | AdmitError::TooLarge { .. } => ParamsError::ContextExceeded,
        })?;
        let (mut wanted, mut finished) = (ControlFlow::Continue(()), None);
        while finished.is_none() {
            batch.step(cancel, &mut |_, event| match event {
                BatchEvent::Token(token) => wanted = on_token(token),
                BatchEvent::Finished(execution) => finished = Some(execution),
            })?;
            if wanted.is_break() {
                return Err(ExecuteError::Cancelled);
            }
        }
        finished.ok_or(ExecuteError::Cancelled)
    }

    fn run_embedding(
        &self,
        model: &LoadedModel,
        input: &[u32],
        params: &JobParams,
        cancel: &AtomicBool,
    ) -> Result<Execution, ExecuteError> {
        let spec = model.spec();
        let prompt_tokens = check_job(model, input, params)?;
        let (Weights::Bert(bert), Family::Bert(bert_spec)) = (&model.weights, &spec.family) else {
            return Err(ParamsError::WrongKind.into());
        };
        let mut state = BertState::new(spec);
        let row = forward::embed(&self.machine(cancel), spec, bert_spec, bert, &mut state, input)?;
        let output = encode_embedding(&row);
        Ok(Execution {
            output_hash: blake2_256(&[&output]),
            output,
            output_tokens: Vec::new(),
            usage: Usage {
                prompt_tokens,
                output_tokens: 0,
            },
            trace_root: state.trace.root(),
            stop: StopReason::Complete,
        })
    }

    /// Calls `each(position, logits)` with the logits (Q16, one per token id) after every position of `tokens`.
    pub fn logits(
        &self,
        model: &LoadedModel,
        tokens: &[u32],
        each: &mut dyn FnMut(usize, &[i32]),
    ) -> Result<(), ExecuteError> {
        /// Positions whose logits are held at once.
        const ROWS: usize = 64;
        let spec = model.spec();
        check_tokens(model, tokens)?;
        if tokens.len() > spec.max_context as usize {
            return Err(ParamsError::ContextExceeded.into());
        }
        let Weights::Llama(llama) = &model.weights else {
            return Err(ParamsError::WrongKind.into());
        };
        let cancel = AtomicBool::new(false);
        let machine = self.machine(&cancel);
        let mut work = Workspace::default();
        let mut sequence = Sequence::alone(spec, tokens, tokens.len());
        while sequence.pending() > 0 {
            let first = sequence.len;
            sequence.rows = sequence.pending().min(ROWS);
            let rows: Vec<usize> = (0..sequence.rows).collect();
            forward::forward(&machine, spec, llama, &mut work, std::slice::from_mut(&mut sequence))?;
            let logits = forward::logits(&machine, spec, llama, &mut work, &rows);
            for (row, logits) in logits.chunks_exact(spec.vocab as usize).enumerate() {
                each(first + row, logits);
            }
        }
        Ok(())
    }

    /// The embedding of `tokens`, with `ModelSpec::embedding_frac` fractional bits.
    pub fn embed(&self, model: &LoadedModel, tokens: &[u32]) -> Result<Vec<i32>, ExecuteError> {
        let ignore = &mut |_| ControlFlow::Continue(());
        let options = ExecuteOptions::default();
        let execution = self.execute(
            model,
            tokens,
            &JobParams::Embed,
            &options,
            ignore,
            &AtomicBool::new(false),
        )?;
        let words = execution.output.chunks_exact(4);
        Ok(words
            .map(|bytes| i32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
            .collect())
    }

    pub(crate) fn machine<'a>(&'a self, cancel: &'a AtomicBool) -> Machine<'a> {
        Machine {
            pool: &self.pool,
            kernel: self.kernel,
            cancel,
            trace: true,
        }
    }
}

/// Checks a job against its model; the number of its prompt tokens.
pub(crate) fn check_job(model: &LoadedModel, input: &[u32], params: &JobParams) -> Result<u32, ParamsError> {
    check_job_of(model.spec(), input, params)
}

/// As [`check_job`], by the model's specification.
pub(crate) fn check_job_of(spec: &ModelSpec, input: &[u32], params: &JobParams) -> Result<u32, ParamsError> {
    let prompt_tokens = u32::try_from(input.len()).map_err(|_| ParamsError::ContextExceeded)?;
    params.validate(spec, prompt_tokens)?;
    match input.iter().any(|&token| token >= spec.vocab) {
        true => Err(ParamsError::UnknownToken),
        false => Ok(prompt_tokens),
    }
}

pub(crate) fn check_tokens(model: &LoadedModel, tokens: &[u32]) -> Result<(), ParamsError> {
    match tokens.iter().any(|&token| token >= model.spec().vocab) {
        true => Err(ParamsError::UnknownToken),
        false => Ok(()),
    }
}
