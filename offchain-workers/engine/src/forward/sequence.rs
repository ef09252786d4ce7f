//! A text of the Llama family and what has been computed of it.

use crate::{
    cache_memory::{page_bytes, CacheMemory, CacheShare, KeptPage},
    cpu::attention::{CacheShape, PagedCache, PAGE},
    prefixes::PageKeys,
};
use lantern_exact::{trace::TraceBuilder, Hash, ModelId, ModelSpec};
use std::sync::Arc;

/// What caches hold of a position of a model.
pub(crate) fn cache_shape(spec: &ModelSpec) -> CacheShape {
    CacheShape {
        layers: spec.layers as usize,
        kv_heads: spec.kv_heads as usize,
        dim: spec.head_dim as usize,
    }
}

/// A text and what has been computed of it.
pub(crate) struct Sequence {
    /// The prompt, then the output so far.
    pub tokens: Vec<u32>,
    /// Positions computed, the first of `tokens`.
    pub len: usize,
    /// Positions after them that the next pass computes; none is allowed.
    pub rows: usize,
    /// Over the positions computed.
    pub trace: TraceBuilder,
    pub(super) cache: PagedCache,
    /// What each page takes of the cache memory, and what those to come will.
    shares: Vec<Arc<CacheShare>>,
    room: CacheShare,
    page_bytes: usize,
    /// Keys up to the last page that was offered to others, and position roots since.
    keys: PageKeys,
    roots: Vec<Hash>,
}

impl Sequence {
    /// A text of model `id` that will have at most `positions` positions computed; `None` when `memory` has no room for it.
    ///
    /// What `memory` kept of texts with the same beginning is computed already, but for the last position of the prompt,
    /// from which the first token is sampled.
    pub(crate) fn admit(
        spec: &ModelSpec,
        id: &ModelId,
        prompt: &[u32],
        positions: usize,
        memory: &CacheMemory,
    ) -> Option<Self> {
        let keys = PageKeys::new(id);
        let kept = if memory.keeps_prefixes() {
            let whole = prompt[..prompt.len().saturating_sub(1)].chunks_exact(PAGE);
            let mut ahead = keys.clone();
            memory.kept(&whole.map(|tokens| ahead.next(tokens)).collect::<Vec<_>>())
        } else {
            Vec::new()
        };
        let pages = positions.div_ceil(PAGE).saturating_sub(kept.len());
        let room = memory.take(pages.saturating_mul(page_bytes(spec)))?;
        memory.count_reused(kept.len() * PAGE);
        Some(Self::new(spec, keys, prompt, positions, kept, room))
    }

    /// A text that shares nothing, whose memory nobody counts.
    pub(crate) fn alone(spec: &ModelSpec, prompt: &[u32], positions: usize) -> Self {
        let (keys, room) = (PageKeys::new(&[0; 32]), CacheShare::uncounted());
        Self::new(spec, keys, prompt, positions, Vec::new(), room)
    }

    fn new(
        spec: &ModelSpec,
        mut keys: PageKeys,
        prompt: &[u32],
        positions: usize,
        kept: Vec<KeptPage>,
        room: CacheShare,
    ) -> Self {
        let mut tokens = Vec::with_capacity(positions.max(prompt.len()) + 1);
        tokens.extend_from_slice(prompt);
        let mut trace = TraceBuilder::new(spec.layers);
        for (page, tokens) in kept.iter().zip(tokens.chunks_exact(PAGE)) {
            page.roots.iter().for_each(|root| trace.push(root));
            keys.next(tokens);
        }
        Self {
            tokens,
            len: kept.len() * PAGE,
            rows: 0,
            trace,
            cache: PagedCache::new(
                cache_shape(spec),
                kept.iter().map(|kept| Arc::clone(&kept.page)).collect(),
            ),
            shares: kept.into_iter().map(|kept| kept.share).collect(),
            room,
            page_bytes: page_bytes(spec),
            keys,
            roots: Vec::new(),
        }
    }

    /// Forgets what was computed from position `len` on, but for the trace.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Tokens that wait to be computed.
    pub(crate) fn pending(&self) -> usize {
        self.tokens.len() - self.len
    }

    /// Makes room for the rows of the next pass.
    pub(super) fn reserve(&mut self) {
        for _ in 0..self.cache.reserve(self.len + self.rows) {
            self.shares.push(Arc::new(self.room.split(self.page_bytes)));
        }
    }

    /// Appends a position to the trace.
    pub(super) fn push_root(&mut self, root: &Hash) {
        self.trace.push(root);
        self.roots.push(*root);
    }

    /// Offers the pages that became full to texts to come.
    pub(crate) fn share(&mut self, memory: &CacheMemory) {
        if !memory.keeps_prefixes() {
            self.roots.clear();
            return;
        }
        while self.roots.len() >= PAGE {
            // Roots are there since the last page that was offered.
            let index = (self.len - self.roots.len()) / PAGE;
            let key = self.keys.next(&self.tokens[index * PAGE..(index + 1) * PAGE]);
            let page = KeptPage {
                page: Arc::clone(&self.cache.pages()[index]),
                share: Arc::clone(&self.shares[index]),
                roots: self.roots.drain(..PAGE).collect(),
            };
            // Another text was here first: its page is the same, and one of the two is enough.
            if let Some(other) = memory.keep(key, index, page) {
                self.cache.replace(index, other.page);
                self.shares[index] = other.share;
            }
        }
    }
}
