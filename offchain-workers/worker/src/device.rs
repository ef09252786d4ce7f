//! Which device computes, and the backend for it.

use std::{path::PathBuf, str::FromStr, sync::Arc};

use lantern_worker_protocol::Hash;

use crate::{
    backend::{Backend, Batch, Catalog, Gauge, Refusal},
    engine::{EngineBackend, Serving},
    models::Models,
};

/// A device that computes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Device {
    /// This machine's processor.
    #[default]
    Cpu,
    /// NVIDIA card of this number, counted from 0.
    Cuda(usize),
    /// The kernels of a GPU on the processor, from a library that `scripts/check-cuda` builds. For tests.
    Emulated(PathBuf),
}

impl FromStr for Device {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, which) = text
            .split_once(':')
            .map_or((text, None), |(kind, which)| (kind, Some(which)));
        match (kind, which) {
            ("cpu", None) => Ok(Self::Cpu),
            ("cuda", None) => Ok(Self::Cuda(0)),
            ("cuda", Some(number)) => match number.parse() {
                Ok(number) => Ok(Self::Cuda(number)),
                Err(_) => Err(format!("'{number}' is no number of a card: cuda:0 is the first")),
            },
            ("emulated", Some(path)) if !path.is_empty() => Ok(Self::Emulated(path.into())),
            ("metal", None) => Err("Metal's kernels have no host side yet, see docs/gpu.md: use cpu".into()),
            _ => Err("use cpu, cuda or cuda:N".into()),
        }
    }
}

/// The engine on the device of choice.
pub enum DeviceBackend {
    /// On the processor.
    Cpu(EngineBackend),
    /// On a GPU.
    #[cfg(feature = "gpu")]
    Gpu(crate::gpu::GpuBackend),
}

impl DeviceBackend {
    /// Opens `device`, and brings `models` onto it where it has memory of its own.
    ///
    /// # Errors
    /// When the device, or room on it, is missing, or this program was built without it. The message says what to do.
    pub fn open(device: &Device, serving: Serving, models: Arc<Models>) -> anyhow::Result<Self> {
        match device {
            Device::Cpu => Ok(Self::Cpu(EngineBackend::new(serving, models)?)),
            #[cfg(feature = "cuda")]
            Device::Cuda(ordinal) => Self::gpu(lantern_engine::gpu::GpuEngine::cuda(*ordinal)?, serving, &models),
            #[cfg(not(feature = "cuda"))]
            Device::Cuda(_) => anyhow::bail!("this worker was built without CUDA: build it with --features cuda"),
            #[cfg(feature = "emulator")]
            Device::Emulated(path) => Self::gpu(lantern_engine::gpu::GpuEngine::emulated(path)?, serving, &models),
            #[cfg(not(feature = "emulator"))]
            Device::Emulated(_) => anyhow::bail!("this worker was built without the emulation: it is for tests"),
        }
    }

    #[cfg(any(feature = "cuda", feature = "emulator"))]
    fn gpu(engine: lantern_engine::gpu::GpuEngine, serving: Serving, models: &Models) -> anyhow::Result<Self> {
        Ok(Self::Gpu(crate::gpu::GpuBackend::new(engine, serving, models)?))
    }

    /// Lowers in `catalog` what the device cannot take, so that nobody asks for it.
    pub fn limit(&self, catalog: &mut Catalog) {
        match self {
            Self::Cpu(_) => _ = catalog,
            #[cfg(feature = "gpu")]
            Self::Gpu(backend) => backend.limit(catalog),
        }
    }
}

impl Backend for DeviceBackend {
    fn batch(&self, model: &Hash) -> Result<Box<dyn Batch + '_>, Refusal> {
        match self {
            Self::Cpu(backend) => backend.batch(model),
            #[cfg(feature = "gpu")]
            Self::Gpu(backend) => backend.batch(model),
        }
    }

    fn gauge(&self) -> Gauge {
        match self {
            Self::Cpu(backend) => backend.gauge(),
            #[cfg(feature = "gpu")]
            Self::Gpu(backend) => backend.gauge(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Device;

    #[test]
    fn devices_are_named_as_the_manual_says() {
        assert_eq!("cpu".parse(), Ok(Device::Cpu));
        assert_eq!("cuda".parse(), Ok(Device::Cuda(0)));
        assert_eq!("cuda:3".parse(), Ok(Device::Cuda(3)));
        for wrong in [
            "",
            "gpu",
            "cuda:",
            "cuda:x",
            "cuda:-1",
            "cpu:0",
            "emulated",
            "emulated:",
        ] {
            assert!(wrong.parse::<Device>().is_err(), "{wrong}");
        }
    }
}
