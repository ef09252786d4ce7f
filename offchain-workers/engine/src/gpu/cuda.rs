//! NVIDIA cards, through the driver's own interface. Nothing of CUDA is linked: the driver is looked for when a device is opened.

use super::device::{Device, DeviceError, Graph, Kernel, Shape};
use cudarc::driver::{result, sys, DriverError};
use std::{
    cell::Cell,
    ffi::{c_void, CString},
    sync::{Arc, Mutex, PoisonError},
};

/// Machine code for the architectures named in `build.rs`, and PTX for those that come after them.
static CODE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/lantern.fatbin"));

/// Cards older than this have no tensor cores for int8 in the form that kernels use.
const LEAST_CAPABILITY: (i32, i32) = (8, 0);

thread_local! {
    /// Whether this thread records: what it starts goes to the stream for that, and other threads' work is not touched.
    static RECORDS: Cell<bool> = const { Cell::new(false) };
}

fn failed(what: &str) -> impl Fn(DriverError) -> DeviceError + '_ {
    move |error| {
        let text = error
            .error_string()
            .map_or_else(|_| format!("{error:?}"), |text| text.to_string_lossy().into_owned());
        DeviceError::new(format!("CUDA: {what}: {text}"))
    }
}

/// A card's context, the queue of work on it, and a queue that only records.
struct Context {
    device: sys::CUdevice,
    context: sys::CUcontext,
    stream: sys::CUstream,
    recorder: sys::CUstream,
    /// Held by who records.
    recording: Mutex<()>,
}

// SAFETY: the driver's handles may be used from any thread; `enter` makes the context current on each.
unsafe impl Send for Context {}
// SAFETY: as above; the driver locks for itself.
unsafe impl Sync for Context {}

impl Context {
    fn open(ordinal: usize) -> Result<Self, DeviceError> {
        // SAFETY: looks for a library and calls nothing of it.
        if !unsafe { sys::is_culib_present() } {
            let remedy = "install NVIDIA's driver (libcuda.so.1), or leave out --device";
            return Err(DeviceError::new(format!("no CUDA driver: {remedy}")));
        }
        result::init().map_err(failed("no CUDA driver that works"))?;
        let count = result::device::get_count().map_err(failed("counting devices"))?;
        if ordinal >= count as usize {
            let message = format!("no CUDA device {ordinal}: the driver lists {count}, numbered from 0");
            return Err(DeviceError::new(message));
        }
        let device = result::device::get(ordinal as i32).map_err(failed("opening the device"))?;
        // SAFETY: the device exists; its primary context is released when this value is dropped.
        let context = unsafe { result::primary_ctx::retain(device) }.map_err(failed("opening a context"))?;
        let mut opened = Self {
            device,
            context,
            stream: std::ptr::null_mut(),
            recorder: std::ptr::null_mut(),
            recording: Mutex::default(),
        };
        opened.enter()?;
        let capability = opened.capability()?;
        if capability < LEAST_CAPABILITY {
            let (major, minor) = capability;
            let message = format!("this card has compute capability {major}.{minor}, 8.0 (Ampere) is the least");
            return Err(DeviceError::new(message));
        }
        for stream in [&mut opened.stream, &mut opened.recorder] {
            *stream = result::stream::create(result::stream::StreamKind::NonBlocking).map_err(failed("a stream"))?;
        }
        Ok(opened)
    }

    /// Makes the context that of this thread.
    fn enter(&self) -> Result<(), DeviceError> {
        // SAFETY: the context lives as long as `self`.
        unsafe { result::ctx::set_current(self.context) }.map_err(failed("entering the context"))
    }

    fn attribute(&self, attribute: sys::CUdevice_attribute) -> Result<i32, DeviceError> {
        // SAFETY: the device exists.
        unsafe { result::device::get_attribute(self.device, attribute) }.map_err(failed("asking for an attribute"))
    }

    fn capability(&self) -> Result<(i32, i32), DeviceError> {
        use sys::CUdevice_attribute_enum as Attribute;
        Ok((
            self.attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?,
            self.attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?,
        ))
    }

    fn wait(&self) -> Result<(), DeviceError> {
        // SAFETY: the stream lives as long as `self`.
        unsafe { result::stream::synchronize(self.stream) }.map_err(failed("a kernel or copy"))
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // Nothing can be done about errors here; the process lets go of everything when it ends.
        // SAFETY: both are this value's own and not used after it.
        unsafe {
            let entered = self.enter().is_ok();
            for stream in [self.stream, self.recorder] {
                if entered && !stream.is_null() {
                    let _ = result::stream::destroy(stream);
                }
            }
            let _ = result::primary_ctx::release(self.device);
        }
    }
}

/// See the module.
pub(super) struct Cuda {
    context: Arc<Context>,
    /// By `Kernel as usize`.
    functions: Vec<sys::CUfunction>,
}

// SAFETY: function handles belong to the context, which any thread may use.
unsafe impl Send for Cuda {}
// SAFETY: as above.
unsafe impl Sync for Cuda {}

impl Cuda {
    /// Opens card `ordinal`, counted from 0, and loads the kernels.
    pub(super) fn open(ordinal: usize) -> Result<Self, DeviceError> {
        let context = Context::open(ordinal)?;
        // SAFETY: the image is what nvcc wrote, whole.
        let module = unsafe { result::module::load_data(CODE.as_ptr().cast()) }.map_err(failed(
            "loading the kernels (the driver may be older than the toolkit they were built with)",
        ))?;
        let functions = Kernel::ALL
            .iter()
            .map(|&kernel| load(module, kernel))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            context: Arc::new(context),
            functions,
        })
    }
}

/// Looks a kernel up and lets it have more memory of a block than the 48 KiB that need no asking.
fn load(module: sys::CUmodule, kernel: Kernel) -> Result<sys::CUfunction, DeviceError> {
    let name = CString::new(kernel.name()).map_err(|error| DeviceError::new(error.to_string()))?;
    // SAFETY: the module is loaded, and stays so.
    let function = unsafe { result::module::get_function(module, name) }.map_err(failed(kernel.name()))?;
    if kernel.has_tiles() {
        let attribute = sys::CUfunction_attribute_enum::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
        let bytes = super::pass::TILE_SHARED_MOST as i32;
        // SAFETY: the function is the module's.
        unsafe { result::function::set_function_attribute(function, attribute, bytes) }
            .map_err(failed(kernel.name()))?;
    }
    Ok(function)
}

impl Device for Cuda {
    fn name(&self) -> String {
        let name = result::device::get_name(self.context.device).unwrap_or_else(|_| "CUDA device".into());
        let (major, minor) = self.context.capability().unwrap_or_default();
        format!("{name} (sm_{major}{minor})")
    }

    fn has_tiles(&self) -> bool {
        true
    }

    fn free_bytes(&self) -> Result<usize, DeviceError> {
        self.context.enter()?;
        let (free, _) = result::mem_get_info().map_err(failed("asking for free memory"))?;
        Ok(free)
    }

    fn allocate(&self, bytes: usize) -> Result<u64, DeviceError> {
        self.context.enter()?;
        let what = format!("no room for {} MiB on the device", bytes.div_ceil(1 << 20));
        // SAFETY: the context is entered; `Memory` gives it back.
        unsafe { result::malloc_sync(bytes) }.map_err(failed(&what))
    }

    fn release(&self, address: u64) {
        // Errors of work before surface where its results are read.
        if self.context.enter().is_ok() {
            let _ = self.context.wait();
            // SAFETY: allocated by `allocate`, and the queue is empty.
            let _ = unsafe { result::free_sync(address) };
        }
    }

    unsafe fn write(&self, to: u64, bytes: &[u8]) -> Result<(), DeviceError> {
        self.context.enter()?;
        // SAFETY: the caller promises the range. From memory that is not pinned the call returns when the bytes are taken.
        unsafe { result::memcpy_htod_async(to, bytes, self.context.stream) }.map_err(failed("a copy to the device"))
    }

    unsafe fn read(&self, from: u64, bytes: &mut [u8]) -> Result<(), DeviceError> {
        self.context.enter()?;
        // SAFETY: the caller promises the range; the bytes are not looked at before the wait is over.
        unsafe { result::memcpy_dtoh_async(bytes, from, self.context.stream) }
            .map_err(failed("a copy from the device"))?;
        self.context.wait()
    }

    unsafe fn launch(&self, kernel: Kernel, shape: Shape, args: &[u8]) -> Result<(), DeviceError> {
        self.context.enter()?;
        // The driver copies the record while it launches; addresses in it want their alignment.
        let mut words = [0u64; 32];
        let Some(record) = bytemuck::cast_slice_mut::<u64, u8>(&mut words).get_mut(..args.len()) else {
            return Err(DeviceError::new("a record larger than any kernel's"));
        };
        record.copy_from_slice(args);
        let mut params = [words.as_mut_ptr().cast::<c_void>()];
        let [x, y, z] = shape.grid;
        // SAFETY: the caller promises record and addresses.
        unsafe {
            result::launch_kernel(
                self.functions[kernel as usize],
                (x, y, z),
                (shape.threads, 1, 1),
                shape.shared,
                if RECORDS.get() {
                    self.context.recorder
                } else {
                    self.context.stream
                },
                &mut params,
            )
        }
        .map_err(failed(kernel.name()))
    }

    fn record(&self, work: &mut dyn FnMut() -> Result<(), DeviceError>) -> Result<Box<dyn Graph>, DeviceError> {
        self.context.enter()?;
        let recorder = self.context.recorder;
        let _turn = self.context.recording.lock().unwrap_or_else(PoisonError::into_inner);
        let mode = sys::CUstreamCaptureMode_enum::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
        // SAFETY: the stream is ours and in our hands alone, and its capture ends below whatever `work` says.
        let (outcome, graph) = unsafe {
            result::stream::begin_capture(recorder, mode).map_err(failed("recording"))?;
            RECORDS.set(true);
            let outcome = work();
            RECORDS.set(false);
            (outcome, result::stream::end_capture(recorder))
        };
        outcome?;
        let graph = graph.map_err(failed("recording"))?;
        // SAFETY: the graph was just made; what is instantiated does not need it.
        let made = unsafe {
            let made = result::graph::instantiate(graph, sys::CUgraphInstantiate_flags(0));
            let _ = result::graph::destroy(graph);
            made
        };
        Ok(Box::new(Recorded {
            context: Arc::clone(&self.context),
            graph: made.map_err(failed("recording"))?,
        }))
    }
}

struct Recorded {
    context: Arc<Context>,
    graph: sys::CUgraphExec,
}

// SAFETY: as for `Context`.
unsafe impl Send for Recorded {}

impl Graph for Recorded {
    fn replay(&self) -> Result<(), DeviceError> {
        self.context.enter()?;
        // SAFETY: graph and stream live as long as `self`.
        unsafe { result::graph::launch(self.graph, self.context.stream) }.map_err(failed("starting recorded work"))
    }
}

impl Drop for Recorded {
    fn drop(&mut self) {
        if self.context.enter().is_ok() {
            let _ = self.context.wait();
            // SAFETY: the queue is empty, and nobody has the handle but this value.
            let _ = unsafe { result::graph::exec_destroy(self.graph) };
        }
    }
}
