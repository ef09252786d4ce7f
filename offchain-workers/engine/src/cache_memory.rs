//! How much memory caches may take, and what is kept in it for texts to come.

use crate::{cpu::attention::PAGE, forward::cache_shape, prefixes::Prefixes};
use lantern_exact::{Hash, ModelSpec};
use std::sync::{
    atomic::{AtomicU64, AtomicUsize, Ordering},
    Arc, Mutex, MutexGuard, PoisonError,
};

pub(crate) use crate::prefixes::KeptPage;

/// Bytes of cache that a generation of `positions` positions (prompt and output) takes at most.
///
/// Per position, layer and key head: two bytes for each component of the key, one for each of the value, and 20 for scales;
/// and 32 bytes for each position's part of the trace. Room is made for whole pages of 64 positions.
pub fn cache_bytes(spec: &ModelSpec, positions: u32) -> usize {
    (positions as usize).div_ceil(PAGE).saturating_mul(page_bytes(spec))
}

/// Most positions of a generation whose cache takes at most `bytes`.
pub fn positions_within(spec: &ModelSpec, bytes: usize) -> u32 {
    let pages = bytes / page_bytes(spec).max(1);
    u32::try_from(pages.saturating_mul(PAGE)).unwrap_or(u32::MAX)
}

/// Bytes of one page with what is kept beside it.
pub(crate) fn page_bytes(spec: &ModelSpec) -> usize {
    cache_shape(spec).page_bytes() + PAGE * size_of::<Hash>()
}

/// How a [`CacheMemory`] is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheUsage {
    /// Most bytes.
    pub limit: usize,
    /// Bytes that running generations and kept pages hold.
    pub used: usize,
    /// Bytes among them that are kept for texts to come, and given up when a generation needs them.
    pub kept: usize,
    /// Positions of prompts that were not computed because their pages were kept, since the start.
    pub reused_positions: u64,
}

/// Bytes of cache that generations may hold, of one [`crate::Batch`] or of several together. Clones share it.
///
/// A generation takes at once what it may need in the end, so that none that was admitted ever runs out.
#[derive(Clone, Debug)]
pub struct CacheMemory {
    shared: Arc<Memory>,
}

#[derive(Debug)]
struct Memory {
    limit: usize,
    used: Arc<AtomicUsize>,
    prefixes: Option<Mutex<Prefixes>>,
    reused_positions: AtomicU64,
}

impl CacheMemory {
    /// A bound of `limit` bytes. Nothing is kept of a generation that has ended.
    pub fn new(limit: usize) -> Self {
        Self::with(limit, None)
    }

    /// A bound of `limit` bytes, of which what no generation needs keeps the pages of earlier ones: a text that begins as an
    /// earlier one of the same model does takes them over instead of computing them again.
    ///
    /// Results do not depend on it, but how soon a result comes tells whether a text with the same beginning was here before.
    pub fn with_prefix_reuse(limit: usize) -> Self {
        Self::with(limit, Some(Mutex::default()))
    }

    /// No bound.
    pub fn unbounded() -> Self {
        Self::new(usize::MAX)
    }

    fn with(limit: usize, prefixes: Option<Mutex<Prefixes>>) -> Self {
        Self {
            shared: Arc::new(Memory {
                limit,
                used: Arc::default(),
                prefixes,
                reused_positions: AtomicU64::new(0),
            }),
        }
    }

    /// Most bytes.
    pub fn limit(&self) -> usize {
        self.shared.limit
    }

    /// Bytes taken.
    pub fn used(&self) -> usize {
        self.shared.used.load(Ordering::Relaxed)
    }

    /// How it is used.
    pub fn usage(&self) -> CacheUsage {
        CacheUsage {
            limit: self.limit(),
            used: self.used(),
            kept: self.prefixes().map_or(0, |prefixes| prefixes.bytes()),
            reused_positions: self.shared.reused_positions.load(Ordering::Relaxed),
        }
    }

    fn prefixes(&self) -> Option<MutexGuard<'_, Prefixes>> {
        let lock = self.shared.prefixes.as_ref()?;
        // Nothing in there can be half changed.
        Some(lock.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes `bytes`, if that many are left or can be freed of kept pages.
    pub(crate) fn take(&self, bytes: usize) -> Option<CacheShare> {
        let used = &self.shared.used;
        let more = |used: usize| used.checked_add(bytes).filter(|sum| *sum <= self.limit());
        let try_take = || used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok();
        let taken = try_take() || {
            let mut prefixes = self.prefixes()?;
            let over = self.used().saturating_add(bytes).saturating_sub(self.limit());
            prefixes.give_up(over);
            try_take()
        };
        taken.then(|| CacheShare {
            used: Arc::clone(used),
            bytes,
        })
    }

    /// Pages that are kept under `keys`, up to the first that is missing.
    pub(crate) fn kept(&self, keys: &[Hash]) -> Vec<KeptPage> {
        self.prefixes()
            .map_or_else(Vec::new, |mut prefixes| prefixes.find(keys))
    }

    /// Counts positions that were not computed.
    pub(crate) fn count_reused(&self, positions: usize) {
        self.shared
            .reused_positions
            .fetch_add(positions as u64, Ordering::Relaxed);
    }

    /// Keeps `page` under `key`, unless there is one already, which is returned. `depth` pages come before it in its text.
    pub(crate) fn keep(&self, key: Hash, depth: usize, page: KeptPage) -> Option<KeptPage> {
        self.prefixes()?.keep(key, depth, page)
    }

    /// Whether pages are kept.
    pub(crate) fn keeps_prefixes(&self) -> bool {
        self.shared.prefixes.is_some()
    }
}

/// Bytes taken of a [`CacheMemory`], given back when dropped.
#[derive(Debug)]
pub(crate) struct CacheShare {
    used: Arc<AtomicUsize>,
    bytes: usize,
}

impl CacheShare {
    /// No bytes of no memory.
    pub(crate) fn uncounted() -> Self {
        Self {
            used: Arc::default(),
            bytes: 0,
        }
    }

    /// Bytes of it.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Parts with `bytes` of it, or all where there are less.
    pub(crate) fn split(&mut self, bytes: usize) -> Self {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        Self {
            used: Arc::clone(&self.used),
            bytes,
        }
    }
}

impl Drop for CacheShare {
    fn drop(&mut self) {
        self.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
