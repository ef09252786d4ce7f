//! What the host needs of a device.

use bytemuck::Pod;
use std::sync::Arc;

/// A device failed, or there is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DeviceError(pub String);

impl DeviceError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

/// Declares the kernels, with the names that `kernels/` gives them.
macro_rules! kernels {
    ($($variant:ident = $name:literal,)*) => {
        /// A kernel of `kernels/`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Kernel { $($variant,)* }

        impl Kernel {
            pub(crate) const ALL: &'static [Kernel] = &[$(Kernel::$variant,)*];

            /// Name of its entry point.
            pub(crate) const fn name(self) -> &'static str {
                match self { $(Kernel::$variant => $name,)* }
            }
        }
    };
}

kernels! {
    Embed = "lantern_embed",
    RmsQuantise = "lantern_rms_quantise",
    LayerNorm = "lantern_layernorm",
    Quantise = "lantern_quantise",
    Add = "lantern_add",
    Angles = "lantern_angles",
    Heads = "lantern_heads",
    Scores = "lantern_scores",
    Mix = "lantern_mix",
    FinishAttention = "lantern_finish_attention",
    Argmax = "lantern_argmax",
    Pool = "lantern_pool",
    PackLeaves = "lantern_pack_leaves",
    HashLeaves = "lantern_hash_leaves",
    Probe = "lantern_probe",
    Rows1Wide = "lantern_rows_1_wide",
    Rows1Narrow = "lantern_rows_1_narrow",
    Rows2Wide = "lantern_rows_2_wide",
    Rows2Narrow = "lantern_rows_2_narrow",
    Rows4Wide = "lantern_rows_4_wide",
    Rows4Narrow = "lantern_rows_4_narrow",
    Rows8Wide = "lantern_rows_8_wide",
    Rows8Narrow = "lantern_rows_8_narrow",
    Tiles16Wide = "lantern_tiles_16_wide",
    Tiles16Narrow = "lantern_tiles_16_narrow",
    Tiles64Wide = "lantern_tiles_64_wide",
    Tiles64Narrow = "lantern_tiles_64_narrow",
}

impl Kernel {
    /// Whether it needs integer matrix units, which only NVIDIA's devices are asked for.
    #[cfg(feature = "cuda")]
    pub(crate) const fn has_tiles(self) -> bool {
        matches!(
            self,
            Self::Tiles16Wide | Self::Tiles16Narrow | Self::Tiles64Wide | Self::Tiles64Narrow
        )
    }
}

/// How a kernel is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Blocks.
    pub grid: [u32; 3],
    /// Threads of a block, whole warps of 32.
    pub threads: u32,
    /// Bytes of memory of a block.
    pub shared: u32,
}

/// Work that was recorded once and is started as a whole.
pub(crate) trait Graph: Send {
    /// Starts it. What it reads and writes is at the addresses of the recording.
    fn replay(&self) -> Result<(), DeviceError>;
}

/// A device: one queue of work, done in order.
pub(crate) trait Device: Send + Sync {
    /// Name shown to people.
    fn name(&self) -> String;

    /// Whether kernels with [tiles](Kernel::has_tiles) exist.
    fn has_tiles(&self) -> bool;

    /// Free bytes of its memory.
    fn free_bytes(&self) -> Result<usize, DeviceError>;

    /// Address of `bytes` bytes, aligned to 16 at least.
    fn allocate(&self, bytes: usize) -> Result<u64, DeviceError>;

    /// Gives back what was allocated; nothing that was started still uses it once this returns.
    fn release(&self, address: u64);

    /// Copies to the device, in the order of the queue.
    ///
    /// # Safety
    /// The range must lie within one allocation.
    unsafe fn write(&self, to: u64, bytes: &[u8]) -> Result<(), DeviceError>;

    /// Copies from the device; waits for all that was started.
    ///
    /// # Safety
    /// As for [`Device::write`].
    unsafe fn read(&self, from: u64, bytes: &mut [u8]) -> Result<(), DeviceError>;

    /// Starts `kernel`.
    ///
    /// # Safety
    /// `args` must be the kernel's record, and whatever its addresses and numbers make the kernel touch must be allocated.
    unsafe fn launch(&self, kernel: Kernel, shape: Shape, args: &[u8]) -> Result<(), DeviceError>;

    /// Records what `work` starts on this thread, without doing it. `work` neither copies nor allocates.
    fn record(&self, work: &mut dyn FnMut() -> Result<(), DeviceError>) -> Result<Box<dyn Graph>, DeviceError>;
}

/// Memory of a device, given back when dropped.
pub(crate) struct Memory {
    device: Arc<dyn Device>,
    address: u64,
    bytes: usize,
}

impl Memory {
    /// Room for `len` values of `T`, contents undefined.
    pub(crate) fn room<T: Pod>(device: &Arc<dyn Device>, len: usize) -> Result<Self, DeviceError> {
        let bytes = len
            .checked_mul(size_of::<T>())
            .ok_or_else(|| DeviceError::new("a buffer exceeds the address space"))?;
        Ok(Self {
            address: device.allocate(bytes.max(1))?,
            device: Arc::clone(device),
            bytes,
        })
    }

    /// A copy of `values`.
    pub(crate) fn of<T: Pod>(device: &Arc<dyn Device>, values: &[T]) -> Result<Self, DeviceError> {
        let memory = Self::room::<T>(device, values.len())?;
        memory.write(0, values)?;
        Ok(memory)
    }

    /// Where it lies.
    pub(crate) fn address(&self) -> u64 {
        self.address
    }

    /// Size in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Address of value `index` of `T`.
    pub(crate) fn at<T: Pod>(&self, index: usize) -> u64 {
        self.address + (index * size_of::<T>()) as u64
    }

    /// Writes `values` from value `index` on.
    pub(crate) fn write<T: Pod>(&self, index: usize, values: &[T]) -> Result<(), DeviceError> {
        let (first, len) = (index * size_of::<T>(), size_of_val(values));
        self.check(first, len)?;
        // SAFETY: the range is within this allocation.
        unsafe {
            self.device
                .write(self.address + first as u64, bytemuck::cast_slice(values))
        }
    }

    /// Reads values from value `index` on; waits for what was started.
    pub(crate) fn read<T: Pod>(&self, index: usize, values: &mut [T]) -> Result<(), DeviceError> {
        let (first, len) = (index * size_of::<T>(), size_of_val(values));
        self.check(first, len)?;
        // SAFETY: the range is within this allocation.
        unsafe {
            self.device
                .read(self.address + first as u64, bytemuck::cast_slice_mut(values))
        }
    }

    fn check(&self, first: usize, len: usize) -> Result<(), DeviceError> {
        match first.checked_add(len).is_some_and(|end| end <= self.bytes) {
            true => Ok(()),
            false => Err(DeviceError::new("a copy beyond its buffer")),
        }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.device.release(self.address);
    }
}
