//! The kernels of a GPU against the definition, on whatever device there is: with `LANTERN_GPU_EMULATOR` the emulation in that
//! library, with `LANTERN_GPU_CUDA` the card of that number. Operators one by one, then whole models with their traces.

#![allow(clippy::unwrap_used)] // A test that meets something unexpected is to end there.

#[path = "gpu/models.rs"]
mod models;
#[path = "gpu/operators.rs"]
mod operators;

use lantern_engine::gpu::GpuEngine;

/// The device under test.
fn engine() -> GpuEngine {
    #[cfg(feature = "cuda")]
    if let Ok(ordinal) = std::env::var("LANTERN_GPU_CUDA") {
        return GpuEngine::cuda(ordinal.parse().unwrap()).unwrap();
    }
    #[cfg(feature = "emulator")]
    if let Ok(library) = std::env::var("LANTERN_GPU_EMULATOR") {
        return GpuEngine::emulated(std::path::Path::new(&library)).unwrap();
    }
    panic!("no device named: scripts/check-cuda and scripts/gpu-check do, and build with the feature for it")
}

/// Whether the device is as slow as an emulation.
fn is_slow() -> bool {
    std::env::var("LANTERN_GPU_CUDA").is_err()
}
