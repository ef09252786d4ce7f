//! The kernels on a CPU, from a library that `scripts/check-cuda` builds of the sources that a GPU runs.

use super::device::{Device, DeviceError, Graph, Kernel, Shape};
use libloading::Library;
use std::{
    cell::RefCell,
    collections::HashMap,
    ffi::c_void,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

thread_local! {
    /// What this thread records.
    static RECORDED: RefCell<Option<Vec<Launch>>> = const { RefCell::new(None) };
}

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

/// Pages of memory, the last of which nobody may touch.
struct Mapping {
    start: usize,
    len: usize,
}

impl Mapping {
    /// Room for `bytes` bytes at the returned address, aligned to 16 as vectors want it, with as little as that allows between its
    /// end and the page that nobody may touch: a kernel that goes beyond a buffer ends the process.
    fn new(bytes: usize) -> Result<(Self, u64), DeviceError> {
        const PAGE: usize = 4096;
        let failed = || DeviceError::new(format!("no memory for {bytes} bytes"));
        let usable = bytes.checked_next_multiple_of(PAGE).ok_or_else(failed)?.max(PAGE);
        let len = usable.checked_add(PAGE).ok_or_else(failed)?;
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: a new mapping, wherever there is room for it.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), len, access, flags, -1, 0) };
        if start == libc::MAP_FAILED {
            return Err(failed());
        }
        let mapping = Self {
            start: start as usize,
            len,
        };
        // SAFETY: the pages are this mapping's. As on a device, what is not written holds anything.
        let guarded = unsafe {
            start.cast::<u8>().write_bytes(0x5a, usable);
            libc::mprotect(start.cast::<u8>().add(usable).cast(), PAGE, libc::PROT_NONE)
        };
        match guarded {
            0 => Ok((mapping, (start as usize + (usable - bytes) / 16 * 16) as u64)),
            _ => Err(failed()),
        }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: mapped by `new`, and not used after this.
        unsafe { libc::munmap(self.start as *mut c_void, self.len) };
    }
}

/// See the module.
pub(super) struct Emulated {
    code: Arc<Code>,
    has_tiles: bool,
    /// What is allocated.
    memory: Mutex<HashMap<u64, Mapping>>,
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
        })
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
        let (mapping, address) = Mapping::new(bytes)?;
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.insert(address, mapping);
        Ok(address)
    }

    fn release(&self, address: u64) {
        self.memory
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&address);
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
        let run = RECORDED.with_borrow_mut(|recorded| match recorded {
            Some(list) => {
                list.push(launch);
                None
            },
            None => Some(launch),
        });
        run.map_or(Ok(()), |launch| self.code.run(&launch))
    }

    fn record(&self, work: &mut dyn FnMut() -> Result<(), DeviceError>) -> Result<Box<dyn Graph>, DeviceError> {
        RECORDED.set(Some(Vec::new()));
        let outcome = work();
        let launches = RECORDED.take().unwrap_or_default();
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
