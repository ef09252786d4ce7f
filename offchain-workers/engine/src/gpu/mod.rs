//! The engine on a GPU: weights, caches and the whole pass on the device, tokens in and out.
//!
//! The host's side is the same whatever the device: it allocates, copies, and starts kernels by name with a record of arguments.
//! Devices are NVIDIA cards (feature `cuda`) and, to check the kernels where there is none, an emulation of theirs on a CPU
//! (feature `emulator`). Results equal those of [`crate::Engine`], and so [`lantern_exact::ReferenceModel`], bit for bit. See
//! `docs/gpu.md`.

mod args;
mod batch;
#[cfg(feature = "cuda")]
mod cuda;
mod device;
#[cfg(feature = "emulator")]
mod emulated;
mod engine;
mod model;
pub mod operators;
mod pass;
mod workspace;

pub use batch::GpuBatch;
pub use device::DeviceError;
pub use engine::{GpuEngine, GpuError};
pub use model::GpuModel;
