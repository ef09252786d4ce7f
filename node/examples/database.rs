//! What a read and a write of the state cost in a node's database on this disk: `scripts/weights database` runs it.
//!
//! It does what `benchmark storage` of the SDK does, which a node would have to contain. A chain is made whose state has so many entries, of
//! the size of a job's. Values are read once each, in random order, without a cache of the trie. Writes are blocks that each change so many
//! values at random places, from the new values to the database's commit: the trie's nodes, its root, the journal, and the pruning of
//! what an older block replaced. A block pays for its whole path through the trie once, so that small blocks cost more per value.
//!
//! The last line printed is JSON: nanoseconds of a read and of a write, and how they were found.

#![allow(clippy::unwrap_used)] // A measurement that meets something unexpected is to end there.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use clap::Parser;
use lantern_runtime::{opaque::Block, Hash, Header};
use rand::{rngs::StdRng, seq::SliceRandom, Rng, RngCore, SeedableRng};
use sc_client_api::{Backend as _, BlockImportOperation, NewBlockState, StateBackend, TrieCacheContext};
use sc_client_db::{Backend, BlocksPruning, DatabaseSettings, DatabaseSource, PruningMode};
use sp_core::storage::{StateVersion, Storage};
use sp_runtime::traits::Header as _;

/// Blocks whose state is kept: few, so that pruning is part of what is measured.
const KEPT: u32 = 16;
/// Bytes of a key: prefixes of pallet and item, a hash of eight bytes and an id, as `Jobs` has them.
const KEY: usize = 48;
/// Bytes of a value: about a committed job's.
const VALUE: usize = 320;

#[derive(Parser)]
#[command(about = "Measures what a read and a write of the state cost in a node's database.")]
struct Arguments {
    /// Entries of the state.
    #[arg(long, default_value_t = 1_000_000)]
    entries: usize,
    /// Values that a block reads, and writes.
    #[arg(long, default_value_t = 1_000)]
    batch: usize,
    /// Blocks.
    #[arg(long, default_value_t = 200)]
    blocks: usize,
    /// Folder on the disk to be measured; a database of some GiB is made in it, and removed.
    #[arg(long, default_value = ".")]
    path: PathBuf,
}

fn open(path: &Path) -> Backend<Block> {
    let settings = DatabaseSettings {
        trie_cache_maximum_size: None,
        state_pruning: Some(PruningMode::blocks_pruning(KEPT)),
        source: DatabaseSource::ParityDb { path: path.into() },
        blocks_pruning: BlocksPruning::Some(KEPT),
        pruning_filters: Vec::new(),
        metrics_registry: None,
    };
    Backend::new(settings, 0).unwrap()
}

/// Commits a block with this state, final at once, and returns its hash.
fn commit(
    backend: &Backend<Block>,
    mut operation: <Backend<Block> as sc_client_api::Backend<Block>>::BlockImportOperation,
    number: u32,
    parent: Hash,
    root: Hash,
) -> Hash {
    let header = Header::new(number, Default::default(), root, parent, Default::default());
    let hash = header.hash();
    operation
        .set_block_data(header, Some(Vec::new()), None, None, NewBlockState::Final, true)
        .unwrap();
    backend.commit_operation(operation).unwrap();
    hash
}

fn value(random: &mut StdRng) -> Vec<u8> {
    let mut value = vec![0; VALUE];
    random.fill_bytes(&mut value);
    value
}

/// A first block whose state has these entries.
fn genesis(backend: &Backend<Block>, keys: &[Vec<u8>], random: &mut StdRng) -> Hash {
    let storage = Storage {
        top: keys.iter().map(|key| (key.clone(), value(random))).collect(),
        children_default: Default::default(),
    };
    let mut operation = backend.begin_operation().unwrap();
    let root = operation.set_genesis_state(storage, true, StateVersion::V1).unwrap();
    commit(backend, operation, 0, Default::default(), root)
}

fn read(backend: &Backend<Block>, head: Hash, keys: &[Vec<u8>]) -> Duration {
    let state = backend.state_at(head, TrieCacheContext::Trusted).unwrap();
    let start = Instant::now();
    for key in keys {
        assert_eq!(state.storage(key).unwrap().map(|value| value.len()), Some(VALUE));
    }
    start.elapsed()
}

fn write(backend: &Backend<Block>, head: Hash, number: u32, changes: &[(&Vec<u8>, Vec<u8>)]) -> (Hash, Duration) {
    let start = Instant::now();
    let mut operation = backend.begin_operation().unwrap();
    backend.begin_state_operation(&mut operation, head).unwrap();
    let state = backend.state_at(head, TrieCacheContext::Trusted).unwrap();
    let delta = changes.iter().map(|(key, value)| (&key[..], Some(&value[..])));
    let (root, nodes) = state.storage_root(delta, StateVersion::V1);
    operation.update_db_storage(nodes).unwrap();
    let hash = commit(backend, operation, number, head, root);
    (hash, start.elapsed())
}

/// Mean of a value in nanoseconds; the slowest blocks count as well, because the database makes up in them for what it put off in others.
fn mean(blocks: &[Duration], batch: usize) -> u128 {
    blocks.iter().sum::<Duration>().as_nanos() / (blocks.len() * batch) as u128
}

fn main() {
    let Arguments {
        entries,
        batch,
        blocks,
        path,
    } = Arguments::parse();
    assert!(
        batch > 0 && blocks > 0 && batch * blocks <= entries,
        "every value is read once: --entries must be at least --batch times --blocks, and none of them zero"
    );
    let folder = tempfile::Builder::new().prefix("lantern-database.").tempdir_in(path).unwrap();
    let mut random = StdRng::seed_from_u64(1);
    // One prefix for all, as entries of one map have, then what is different.
    let prefix: [u8; 32] = random.random();
    let mut keys: Vec<Vec<u8>> = (0..entries)
        .map(|_| {
            let own: [u8; KEY - 32] = random.random();
            [&prefix[..], &own[..]].concat()
        })
        .collect();

    let mut head = genesis(&open(folder.path()), &keys, &mut random);
    // Opened anew: what making the state left in memory is gone, and all of it is in the database's files.
    let backend = open(folder.path());
    keys.shuffle(&mut random);
    eprintln!("a state of {entries} entries is made");

    let reads: Vec<Duration> = keys
        .chunks(batch)
        .take(blocks)
        .map(|keys| read(&backend, head, keys))
        .collect();
    let mut writes = Vec::new();
    for number in 1..=blocks as u32 {
        let changes: Vec<_> = (0..batch)
            .map(|_| (&keys[random.random_range(0..entries)], value(&mut random)))
            .collect();
        let (next, took) = write(&backend, head, number, &changes);
        head = next;
        writes.push(took);
    }
    println!(
        "{}",
        serde_json::json!({
            "read": mean(&reads, batch),
            "write": mean(&writes, batch),
            "entries": entries,
            "batch": batch,
            "blocks": blocks,
        })
    );
}
