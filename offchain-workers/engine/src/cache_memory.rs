//! How much memory caches may take.

use crate::forward::Sequence;
use lantern_exact::ModelSpec;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes of cache that a generation of `positions` positions (prompt and output) takes at most.
///
/// Per position, layer and key head: two bytes for each component of the key, one for each of the value, and 20 for scales.
/// Room is made for whole blocks of positions, so short texts take more than their share.
pub fn cache_bytes(spec: &ModelSpec, positions: u32) -> usize {
    Sequence::bytes(spec, positions as usize)
}

/// Bytes of cache that running generations may hold, of one [`crate::Batch`] or of several together.
///
/// A generation takes at once what it may need in the end, so that none that was admitted ever runs out.
#[derive(Debug)]
pub struct CacheMemory {
    limit: usize,
    used: AtomicUsize,
}

impl CacheMemory {
    /// A bound of `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            used: AtomicUsize::new(0),
        }
    }

    /// No bound.
    pub fn unbounded() -> Self {
        Self::new(usize::MAX)
    }

    /// Most bytes.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Bytes taken.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Takes `bytes`, if that many are left.
    pub(crate) fn take(&self, bytes: usize) -> Option<CacheShare<'_>> {
        let more = |used: usize| used.checked_add(bytes).filter(|sum| *sum <= self.limit);
        self.used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more)
            .ok()
            .map(|_| CacheShare { memory: self, bytes })
    }
}

/// Bytes taken of a [`CacheMemory`], given back when dropped.
#[derive(Debug)]
pub(crate) struct CacheShare<'a> {
    memory: &'a CacheMemory,
    bytes: usize,
}

impl Drop for CacheShare<'_> {
    fn drop(&mut self) {
        self.memory.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
