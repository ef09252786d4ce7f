//! Pages kept for texts that begin alike.
//!
//! What a cache and a trace hold of a position follows from the tokens up to it and the model, bit for bit. So a full page can
//! serve every text with the same tokens up to the page's end. It is found by a hash over the model and those tokens.

use crate::{
    cache_memory::CacheShare,
    cpu::attention::{Page, PAGE},
};
use lantern_exact::{blake2_256, Hash, ModelId};
use std::{cmp::Reverse, collections::HashMap, sync::Arc};

/// A full page, and what belongs to it.
#[derive(Clone, Debug)]
pub(crate) struct KeptPage {
    pub page: Arc<Page>,
    /// Its part of the cache memory.
    pub share: Arc<CacheShare>,
    /// The trace's position roots of its positions.
    pub roots: Arc<[Hash]>,
}

/// Keys of the texts of one model, page by page.
#[derive(Clone, Debug)]
pub(crate) struct PageKeys {
    last: Hash,
}

impl PageKeys {
    /// The key before a text's first page.
    pub(crate) fn new(model: &ModelId) -> Self {
        Self {
            last: blake2_256(&[b"lantern/prefix", model]),
        }
    }

    /// The key of the next page, which holds `tokens`, [`PAGE`] of them.
    pub(crate) fn next(&mut self, tokens: &[u32]) -> Hash {
        let mut bytes = [0; 4 * PAGE];
        for (bytes, token) in bytes.chunks_exact_mut(4).zip(tokens) {
            bytes.copy_from_slice(&token.to_le_bytes());
        }
        self.last = blake2_256(&[&self.last, &bytes]);
        self.last
    }
}

#[derive(Debug)]
struct Entry {
    kept: KeptPage,
    used_at: u64,
    depth: usize,
}

/// Kept pages by key.
#[derive(Debug, Default)]
pub(crate) struct Prefixes {
    entries: HashMap<Hash, Entry>,
    clock: u64,
}

impl Prefixes {
    /// The pages of `keys`, up to the first that is missing.
    pub(crate) fn find(&mut self, keys: &[Hash]) -> Vec<KeptPage> {
        self.clock += 1;
        let now = self.clock;
        let find = |key| {
            let entry: &mut Entry = self.entries.get_mut(key)?;
            entry.used_at = now;
            Some(entry.kept.clone())
        };
        keys.iter().map_while(find).collect()
    }

    /// Keeps `page`, unless one with the same key is there, which is returned.
    pub(crate) fn keep(&mut self, key: Hash, depth: usize, page: KeptPage) -> Option<KeptPage> {
        self.clock += 1;
        let used_at = self.clock;
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.used_at = used_at;
            return Some(entry.kept.clone());
        }
        let kept = page;
        self.entries.insert(key, Entry { kept, used_at, depth });
        None
    }

    /// Gives up pages that no running text has, until `bytes` are free or none is left: those unused for longest, and of a
    /// text the later ones first, without which the earlier ones still serve.
    pub(crate) fn give_up(&mut self, bytes: usize) {
        let idle = |entry: &Entry| Arc::strong_count(&entry.kept.share) == 1;
        let mut oldest: Vec<_> = self
            .entries
            .iter()
            .filter(|(_, entry)| idle(entry))
            .map(|(key, entry)| (entry.used_at, Reverse(entry.depth), *key))
            .collect();
        oldest.sort_unstable();
        let mut freed = 0;
        for (_, _, key) in oldest {
            if freed >= bytes {
                return;
            }
            if let Some(entry) = self.entries.remove(&key) {
                freed += entry.kept.share.bytes();
            }
        }
    }

    /// Bytes of all pages.
    pub(crate) fn bytes(&self) -> usize {
        self.entries.values().map(|entry| entry.kept.share.bytes()).sum()
    }
}
