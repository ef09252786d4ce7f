//! Cache-line aligned memory for weights and activations.

use bytemuck::Pod;
use std::{
    alloc::{alloc_zeroed, dealloc, handle_alloc_error, Layout},
    ops::{Deref, DerefMut},
    ptr::NonNull,
};

/// Alignment of every buffer: one cache line, one AVX-512 register, one row of a tile.
pub const LINE: usize = 64;

/// Size from which large pages are asked for, which saves address translations when weights are streamed.
const LARGE: usize = 4 << 20;

/// A zero-initialised, fixed-size, 64-byte aligned array of plain values.
pub struct Aligned<T: Pod> {
    pointer: NonNull<T>,
    len: usize,
}

// SAFETY: `Aligned` owns its memory like a `Box<[T]>` and `T: Pod` is `Send + Sync`-safe plain data.
unsafe impl<T: Pod + Send> Send for Aligned<T> {}
// SAFETY: as above; shared access only reads.
unsafe impl<T: Pod + Sync> Sync for Aligned<T> {}

impl<T: Pod> Aligned<T> {
    /// `len` zero values. Zero length is allowed. Aborts like `Vec` when memory is exhausted.
    pub fn zeroed(len: usize) -> Self {
        let layout = Self::layout(len);
        if layout.size() == 0 {
            return Self {
                pointer: NonNull::dangling(),
                len: 0,
            };
        }
        let raw = allocate(layout);
        let Some(pointer) = NonNull::new(raw.cast::<T>()) else {
            handle_alloc_error(layout)
        };
        advise_large_pages(raw, layout.size());
        Self { pointer, len }
    }

    /// A copy of `values`.
    pub fn from_slice(values: &[T]) -> Self {
        let mut aligned = Self::zeroed(values.len());
        aligned.copy_from_slice(values);
        aligned
    }

    fn layout(len: usize) -> Layout {
        let bytes = len.saturating_mul(size_of::<T>());
        match Layout::from_size_align(bytes, LINE) {
            Ok(layout) => layout,
            Err(_) => panic!("a buffer of {len} values exceeds the address space"),
        }
    }
}

/// Zeroed memory, null when there is none. Large blocks come from the system, which zeroes a page when it is first touched: by
/// the thread that fills it, and not twice.
fn allocate(layout: Layout) -> *mut u8 {
    #[cfg(target_os = "linux")]
    if layout.size() >= LARGE {
        let (access, flags) = (
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
        );
        // SAFETY: a new anonymous map at an address of the system's choice touches no other memory.
        let raw = unsafe { libc::mmap(std::ptr::null_mut(), layout.size(), access, flags, -1, 0) };
        return if raw == libc::MAP_FAILED {
            std::ptr::null_mut()
        } else {
            raw.cast()
        };
    }
    // SAFETY: the caller has seen to a size that is not zero.
    unsafe { alloc_zeroed(layout) }
}

/// Frees what [`allocate`] gave for the same layout.
fn free(raw: *mut u8, layout: Layout) {
    #[cfg(target_os = "linux")]
    if layout.size() >= LARGE {
        // SAFETY: a block of this size is a map of this length, and its owner lets it go.
        unsafe { libc::munmap(raw.cast(), layout.size()) };
        return;
    }
    // SAFETY: allocated with this very layout.
    unsafe { dealloc(raw, layout) };
}

/// Asks for large pages behind the whole pages inside `[start, start + bytes)`; a wish, so failure is ignored.
fn advise_large_pages(start: *mut u8, bytes: usize) {
    #[cfg(target_os = "linux")]
    if bytes >= LARGE {
        const PAGE: usize = 4096;
        let first = (start as usize).next_multiple_of(PAGE);
        let last = (start as usize + bytes) / PAGE * PAGE;
        // SAFETY: the range lies inside an allocation that we own; the advice does not change its contents.
        unsafe { libc::madvise(first as *mut libc::c_void, last - first, libc::MADV_HUGEPAGE) };
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (start, bytes, LARGE);
}

impl<T: Pod> Drop for Aligned<T> {
    fn drop(&mut self) {
        let layout = Self::layout(self.len);
        if layout.size() != 0 {
            free(self.pointer.as_ptr().cast(), layout);
        }
    }
}

impl<T: Pod> Deref for Aligned<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        // SAFETY: the pointer is valid for `len` initialised values, or dangling with length 0.
        unsafe { std::slice::from_raw_parts(self.pointer.as_ptr(), self.len) }
    }
}

impl<T: Pod> DerefMut for Aligned<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as above, and `&mut self` makes the access exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.pointer.as_ptr(), self.len) }
    }
}

impl<T: Pod> Clone for Aligned<T> {
    fn clone(&self) -> Self {
        Self::from_slice(self)
    }
}

impl<T: Pod> Default for Aligned<T> {
    fn default() -> Self {
        Self::zeroed(0)
    }
}

impl<T: Pod> std::fmt::Debug for Aligned<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Aligned({} values)", self.len)
    }
}

/// Grows `buffer` to at least `len` values; contents are lost when it grows.
pub fn reserve<T: Pod>(buffer: &mut Aligned<T>, len: usize) {
    if buffer.len() < len {
        *buffer = Aligned::zeroed(len);
    }
}

/// A slice that several tasks of one region write to, each its own part.
pub struct SharedMut<'a, T> {
    pointer: *mut T,
    len: usize,
    marker: std::marker::PhantomData<&'a mut [T]>,
}

// SAFETY: access goes through `range`, whose contract forbids overlap between threads.
unsafe impl<T: Send> Send for SharedMut<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for SharedMut<'_, T> {}

impl<'a, T> SharedMut<'a, T> {
    /// Shares `slice` among tasks.
    pub fn new(slice: &'a mut [T]) -> Self {
        Self {
            pointer: slice.as_mut_ptr(),
            len: slice.len(),
            marker: std::marker::PhantomData,
        }
    }

    /// The part `[start, start + len)`.
    ///
    /// # Safety
    /// No two parts that are alive at the same time may overlap.
    ///
    /// # Panics
    /// When the part is out of bounds.
    #[allow(clippy::mut_from_ref)]
    pub unsafe fn range(&self, start: usize, len: usize) -> &mut [T] {
        assert!(
            start <= self.len && len <= self.len - start,
            "part of a shared slice out of bounds"
        );
        // SAFETY: in bounds by the assertion, exclusive by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.pointer.add(start), len) }
    }
}
