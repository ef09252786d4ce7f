//! The kernels on a CPU, from a library that `scripts/check-cuda` builds of the sources that a GPU runs.

use super::device::{Device, DeviceError, Graph, Kernel, Shape};
use libloading::Library;
use std::{
    alloc::{alloc, dealloc, Layout},
    collections::HashMap,
    ffi::c_void,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

type Entry = unsafe extern "C" fn(*const c_void);
type Emulate = unsafe extern "C" fn(Entry, *const c_void, u32, u32, u32, u32, u32);

/// What a launch is made of.
struct Launch {
    kernel: Kernel,
    shape: Shape,
    /// Records hold addresses: eight bytes of alignment.
    args: Vec<u64>,
}

/// Entry points, and the library that they are in.
struct Code {
    emulate: Emulate,
    entries: Vec<Option<Entry>>,
    _library: Library,
}

impl Code {
    fn run(&self, launch: &Launch) -> Result<(), DeviceError> {
        let missing = || DeviceError::new(format!("the emulation lacks {}", launch.kernel.name()));
        let entry = self.entries[launch.kernel as usize].ok_or_else(missing)?;
        let ([x, y, z], shape) = (launch.shape.grid, launch.shape);
        // SAFETY: whoever launched promised that the record is the kernel's and its addresses are good.
        unsafe { (self.emulate)(entry, launch.args.as_ptr().cast(), x, y, z, shape.threads, shape.shared) };
        Ok(())
    }
}

/// See the module.
pub(super) struct Emulated {
    code: Arc<Code>,
    has_tiles: bool,
    /// Sizes of what is allocated.
    memory: Mutex<HashMap<u64, Layout>>,
    /// What is being recorded.
    recording: Mutex<Option<Vec<Launch>>>,
}

impl Emulated {
    /// Loads the library at `path`.
    pub(super) fn open(path: &Path) -> Result<Self, DeviceError> {
        let failed = |error: libloading::Error| DeviceError::new(format!("{}: {error}", path.display()));
        // SAFETY: a library that the caller names is code it trusts; loading ours runs none of it.
        let library = unsafe { Library::new(path) }.map_err(failed)?;
        // SAFETY: the types are those of `kernels/emulate/emulate.cpp` and of its entry points.
        let (emulate, entries): (Emulate, Vec<Option<Entry>>) = unsafe {
            (
                *library.get(b"lantern_emulate\0").map_err(failed)?,
                Kernel::ALL
                    .iter()
                    .map(|kernel| library.get(kernel.name().as_bytes()).ok().map(|entry| *entry))
                    .collect(),
            )
        };
        Ok(Self {
            has_tiles: entries[Kernel::Tiles64Wide as usize].is_some(),
            code: Arc::new(Code {
                emulate,
                entries,
                _library: library,
            }),
            memory: Mutex::default(),
            recording: Mutex::default(),
        })
    }

    fn recording(&self) -> MutexGuard<'_, Option<Vec<Launch>>> {
        self.recording.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Device for Emulated {
    fn name(&self) -> String {
        "emulation of a GPU".into()
    }

    fn has_tiles(&self) -> bool {
        self.has_tiles
    }

    fn free_bytes(&self) -> Result<usize, DeviceError> {
        Ok(1 << 30)
    }

    fn allocate(&self, bytes: usize) -> Result<u64, DeviceError> {
        let layout = Layout::from_size_align(bytes.max(1), 256).map_err(|error| DeviceError::new(error.to_string()))?;
        // SAFETY: the size is not zero.
        let address = unsafe { alloc(layout) };
        if address.is_null() {
            return Err(DeviceError::new(format!("no memory for {bytes} bytes")));
        }
        // As on a device, what is not written holds anything.
        // SAFETY: the memory was allocated with this size.
        unsafe { address.write_bytes(0x5a, layout.size()) };
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.insert(address as u64, layout);
        Ok(address as u64)
    }

    fn release(&self, address: u64) {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(layout) = memory.remove(&address) {
            // SAFETY: allocated with this layout, and removed from the list.
            unsafe { dealloc(address as *mut u8, layout) };
        }
    }

    unsafe fn write(&self, to: u64, bytes: &[u8]) -> Result<(), DeviceError> {
        // SAFETY: the caller promises the range.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), to as *mut u8, bytes.len()) };
        Ok(())
    }

    unsafe fn read(&self, from: u64, bytes: &mut [u8]) -> Result<(), DeviceError> {
        // SAFETY: the caller promises the range.
        unsafe { std::ptr::copy_nonoverlapping(from as *const u8, bytes.as_mut_ptr(), bytes.len()) };
        Ok(())
    }

    unsafe fn launch(&self, kernel: Kernel, shape: Shape, args: &[u8]) -> Result<(), DeviceError> {
        let mut words = vec![0u64; args.len().div_ceil(8)];
        bytemuck::cast_slice_mut(&mut words)[..args.len()].copy_from_slice(args);
        let launch = Launch {
            kernel,
            shape,
            args: words,
        };
        match &mut *self.recording() {
            Some(list) => {
                list.push(launch);
                Ok(())
            },
            None => self.code.run(&launch),
        }
    }

    fn record(&self, work: &mut dyn FnMut() -> Result<(), DeviceError>) -> Result<Box<dyn Graph>, DeviceError> {
        *self.recording() = Some(Vec::new());
        let outcome = work();
        let launches = self.recording().take().unwrap_or_default();
        outcome?;
        Ok(Box::new(Recorded {
            code: Arc::clone(&self.code),
            launches,
        }))
    }
}

struct Recorded {
    code: Arc<Code>,
    launches: Vec<Launch>,
}

impl Graph for Recorded {
    fn replay(&self) -> Result<(), DeviceError> {
        self.launches.iter().try_for_each(|launch| self.code.run(launch))
    }
}
