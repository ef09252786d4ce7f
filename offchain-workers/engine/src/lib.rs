//! Fast exact inference: loaders, kernels, models, generation.
//!
//! [`LoadedModel::load`] reads a Hugging Face folder (or files in memory) or a GGUF file, quantises it to integers and commits to it;
//! [`Engine::execute`] runs a job on it, a [`Batch`] several generations at once; [`Engine::audit`] checks a result in one
//! prefill, and [`Engine::prove_leaves`] proves parts of its trace. Results equal [`lantern_exact::ReferenceModel`] bit for bit,
//! whatever the kernel, the number of threads, the prefill chunk or the other jobs of a batch.

#![warn(missing_docs)]

mod audit;
mod batch;
mod cache_memory;
pub mod cpu;
mod engine;
mod forward;
#[cfg(feature = "gpu")]
pub mod gpu;
pub mod model;
mod prefixes;
mod proofs;
mod timing;

pub use audit::Audit;
pub use batch::{AdmitError, Batch, BatchEvent, BatchOptions, Overloaded, SlotId};
pub use cache_memory::{cache_bytes, positions_within, CacheMemory, CacheUsage};
pub use cpu::Kernel;
pub use engine::{Engine, ExecuteError, ExecuteOptions, Execution, KernelChoice, KernelUnavailable};
pub use forward::Cancelled;
pub use model::{
    CacheReport, CacheUse, ChatError, ChatMessage, ChatTemplate, LoadError, LoadOptions, LoadedModel, ModelCache,
    ModelFiles, ModelSource, TokenizeError, Tokenizer,
};
pub use proofs::{LeafPlace, ProveError, ProvenLeaf, ProvenLeaves};
pub use timing::{PassTimes, TimedPass};
