//! The reference in WebAssembly: no standard library, no operating system, one function.

use crate::{prompt, reference_answer, spec, tensors};
use core::{
    alloc::{GlobalAlloc, Layout},
    arch::wasm32,
    cell::UnsafeCell,
};
use lantern_exact::ReferenceModel;

/// What [`run`] leaves for its caller: the output's hash, then the trace root.
static mut ANSWER: [u8; 64] = [0; 64];

/// Runs prompt `index` of `seed` and returns where its answer lies: 64 bytes, the output's hash and the trace root. 0 when the
/// job is refused.
#[no_mangle]
pub extern "C" fn run(seed: u64, index: u32) -> *const u8 {
    let prompt = prompt(seed, index);
    let model = ReferenceModel::from_tensors(spec(prompt.architecture), tensors(seed, prompt.architecture));
    let Ok(answer) = model.and_then(|model| reference_answer(&model, index, &prompt)) else {
        return core::ptr::null();
    };
    let bytes = (&raw mut ANSWER).cast::<u8>();
    // SAFETY: 64 bytes that nothing else refers to while this function, the only one, runs; there are no threads.
    unsafe {
        bytes.copy_from_nonoverlapping(answer.output_hash.as_ptr(), 32);
        bytes.add(32).copy_from_nonoverlapping(answer.trace_root.as_ptr(), 32);
    }
    bytes
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    wasm32::unreachable()
}

/// Hands out memory from below and takes back only what was handed out last: an instance runs one prompt.
struct Stack {
    /// First free byte and end of the memory that there is; both 0 before the first allocation.
    free: UnsafeCell<(usize, usize)>,
}

// SAFETY: WebAssembly without threads.
unsafe impl Sync for Stack {}

#[global_allocator]
static MEMORY: Stack = Stack {
    free: UnsafeCell::new((0, 0)),
};

/// Bytes of a page of WebAssembly.
const PAGE: usize = 65_536;

// SAFETY: every part handed out lies behind all that are in use, inside memory that grew for this allocator alone.
unsafe impl GlobalAlloc for Stack {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: no other reference lives: there are no threads, and nothing below allocates.
        let (free, end) = unsafe { &mut *self.free.get() };
        if *end == 0 {
            let pages = wasm32::memory_size(0);
            (*free, *end) = (pages * PAGE, pages * PAGE);
        }
        let Some(start) = free.checked_next_multiple_of(layout.align()) else {
            return core::ptr::null_mut();
        };
        let Some(stop) = start.checked_add(layout.size()) else {
            return core::ptr::null_mut();
        };
        if stop > *end {
            let pages = (stop - *end).div_ceil(PAGE);
            if wasm32::memory_grow(0, pages) == usize::MAX {
                return core::ptr::null_mut();
            }
            *end += pages * PAGE;
        }
        *free = stop;
        start as *mut u8
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        // SAFETY: as above.
        let (free, _) = unsafe { &mut *self.free.get() };
        if start as usize + layout.size() == *free {
            *free = start as usize;
        }
    }
}
