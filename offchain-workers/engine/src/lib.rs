//! Fast exact inference: loaders, kernels, models, generation.
//!
//! [`LoadedModel::load`] reads a Hugging Face folder (or files in memory) or a GGUF file, quantises it to integers and commits to it;
//! [`Engine::execute`] runs a job on it. Results equal [`lantern_exact::ReferenceModel`] bit for bit, whatever the kernel, the number of
//! threads or the prefill chunk.

#![warn(missing_docs)]

pub mod cpu;
mod engine;
mod forward;
pub mod model;

pub use cpu::Kernel;
pub use engine::{Engine, ExecuteError, ExecuteOptions, Execution, KernelChoice, KernelUnavailable};
pub use model::{LoadError, LoadOptions, LoadedModel, ModelFiles, ModelSource, TokenizeError, Tokenizer};
