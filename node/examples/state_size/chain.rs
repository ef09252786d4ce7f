//! A chain without a network: the node's database, executor and runtime, blocks without transactions, and what they cost.

use std::{error::Error, path::Path, sync::Arc, time::Instant};

use codec::{Decode, Encode};
use frame_support::{
    dispatch::{DispatchClass, PerDispatchClass},
    storage::storage_prefix,
    weights::Weight,
};
use futures::executor::block_on;
use lantern_primitives::api::DepinApi;
use lantern_runtime::{apis::RuntimeApi, opaque::Block, time::SLOT_MILLIS, Hash, Header, Runtime};
use sc_block_builder::BlockBuilderBuilder;
use sc_client_api::{Backend as _, Finalizer, StateBackend, StorageProvider, TrieCacheContext};
use sc_client_db::{Backend, BlocksPruning, DatabaseSettings, DatabaseSource, PruningMode};
use sc_consensus::{BlockImport, BlockImportParams, ForkChoiceStrategy, ImportResult, StateAction};
use sc_service::{client::new_with_backend, GenesisBlockBuilder, TFullClient};
use sp_api::{ProvideRuntimeApi, StorageChanges};
use sp_blockchain::HeaderBackend;
use sp_consensus::BlockOrigin;
use sp_consensus_babe::digests::{CompatibleDigestItem, PreDigest, SecondaryPlainPreDigest};
use sp_core::{
    storage::{StateVersion, Storage, StorageKey},
    testing::TaskExecutor,
};
use sp_inherents::InherentData;
use sp_runtime::{
    traits::{BlakeTwo256, Block as _, Hash as _, Header as _},
    Digest, DigestItem,
};

use crate::market::{self, Entry};

type Executor = sc_executor::WasmExecutor<(
    sp_io::SubstrateHostFunctions,
    sp_statement_store::runtime_api::HostFunctions,
)>;
type FullClient = TFullClient<Block, RuntimeApi, Executor>;

/// The node's defaults.
const TRIE_CACHE: usize = 1024 * 1024 * 1024;
const STATES_KEPT: u32 = 256;
const CANONICALIZATION_DELAY: u64 = 4096;
/// Slot of the first block; any will do.
const FIRST_SLOT: u64 = 900_000_000;

/// What one block cost.
#[derive(Clone, Copy)]
pub struct Cost {
    /// Seconds until it was imported.
    pub wall: f64,
    /// Processor seconds of the thread that imported it.
    pub processor: f64,
    /// Picoseconds of weight that the block counted for hooks and inherents.
    pub weight: u64,
}

/// What some work took.
#[derive(Clone, Copy)]
pub struct Timed {
    /// Seconds until it was done.
    pub wall: f64,
    /// Processor seconds of all threads of this process meanwhile.
    pub all_threads: f64,
}

/// A chain.
pub struct Chain {
    backend: Arc<Backend<Block>>,
    client: FullClient,
}

impl Chain {
    /// Opens a database, or makes one where there is none yet: `genesis` counts only then.
    pub fn open(folder: &Path, genesis: Storage) -> Result<Self, Box<dyn Error>> {
        Self::open_with(folder, genesis, Some(TRIE_CACHE))
    }

    /// The same with a cache for the state of this many bytes, or none.
    pub fn open_with(folder: &Path, genesis: Storage, trie_cache: Option<usize>) -> Result<Self, Box<dyn Error>> {
        let settings = DatabaseSettings {
            trie_cache_maximum_size: trie_cache,
            state_pruning: Some(PruningMode::blocks_pruning(STATES_KEPT)),
            source: DatabaseSource::ParityDb { path: folder.into() },
            blocks_pruning: BlocksPruning::KeepFinalized,
            pruning_filters: Vec::new(),
            metrics_registry: None,
        };
        let backend = Arc::new(Backend::new(settings, CANONICALIZATION_DELAY)?);
        let executor = Executor::builder().build();
        let genesis = GenesisBlockBuilder::new_with_storage(genesis, true, backend.clone(), executor.clone())?;
        let spawner = Box::new(TaskExecutor::new());
        let client = new_with_backend(
            backend.clone(),
            executor,
            genesis,
            spawner,
            None,
            None,
            Default::default(),
        )?;
        Ok(Self { backend, client })
    }

    /// Closes the database. The client's own tasks let go of it a moment after the client.
    pub fn close(self) {
        let Self { backend, client } = self;
        drop(client);
        while Arc::strong_count(&backend) > 1 {
            std::thread::yield_now();
        }
    }

    /// Every key of the best block's state.
    pub fn keys(&self) -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
        let best = self.client.info().best_hash;
        Ok(self.client.storage_keys(best, None, None)?.map(|key| key.0).collect())
    }

    /// Reads entries of the best block's state and returns the seconds that each took, and the processor time of all.
    pub fn read<'a>(&self, keys: impl Iterator<Item = &'a [u8]>) -> Result<(Vec<f64>, f64), Box<dyn Error>> {
        let state = self
            .backend
            .state_at(self.client.info().best_hash, TrieCacheContext::Untrusted)?;
        let processor = seconds(libc::CLOCK_PROCESS_CPUTIME_ID)?;
        let mut walls = Vec::new();
        for key in keys {
            let began = Instant::now();
            std::hint::black_box(state.storage(key)?);
            walls.push(began.elapsed().as_secs_f64());
        }
        Ok((walls, seconds(libc::CLOCK_PROCESS_CPUTIME_ID)? - processor))
    }

    /// Changes every byte of these entries in a block of their own, and returns what root and import took; the finality of the
    /// block, which deletes what it replaced, is in the processor time.
    pub fn change(&self, keys: Vec<&[u8]>) -> Result<Timed, Box<dyn Error>> {
        let state = self
            .backend
            .state_at(self.client.info().best_hash, TrieCacheContext::Untrusted)?;
        let mut entries = Vec::new();
        for key in keys {
            let value = state.storage(key)?.unwrap_or_default();
            entries.push((key.to_vec(), value.iter().map(|byte| !byte).collect()));
        }
        drop(state);
        let processor = seconds(libc::CLOCK_PROCESS_CPUTIME_ID)?;
        let (hash, wall) = self.import_entries(&entries)?;
        self.client.finalize_block(hash, None, true)?;
        Ok(Timed {
            wall,
            all_threads: seconds(libc::CLOCK_PROCESS_CPUTIME_ID)? - processor,
        })
    }

    /// Adds a block that has no transactions and writes these entries, without executing it.
    pub fn write(&self, mut entries: Vec<Entry>) -> Result<(), Box<dyn Error>> {
        // The runtime goes on from the block that its state names.
        let number = self.client.info().best_number + 1;
        entries.push((storage_prefix(b"System", b"Number").to_vec(), number.encode()));
        let (hash, _) = self.import_entries(&entries)?;
        Ok(self.client.finalize_block(hash, None, true)?)
    }

    /// Imports a block that writes these entries, and returns its hash and the seconds that it took.
    fn import_entries(&self, entries: &[Entry]) -> Result<(Hash, f64), Box<dyn Error>> {
        let info = self.client.info();
        let number = info.best_number + 1;
        let began = Instant::now();
        let state = self.backend.state_at(info.best_hash, TrieCacheContext::Untrusted)?;
        let delta = entries
            .iter()
            .map(|(key, value)| (key.as_slice(), Some(value.as_slice())));
        let (root, transaction) = state.storage_root(delta, StateVersion::V1);
        let no_transactions = BlakeTwo256::ordered_trie_root(Vec::new(), StateVersion::V1);
        let header = Header::new(number, no_transactions, root, info.best_hash, Digest::default());
        let hash = header.hash();
        let mut params = BlockImportParams::new(BlockOrigin::Own, header);
        params.body = Some(Vec::new());
        params.fork_choice = Some(ForkChoiceStrategy::LongestChain);
        params.state_action =
            StateAction::ApplyChanges(sc_consensus::StorageChanges::Changes(StorageChanges::<Block> {
                main_storage_changes: Vec::new(),
                child_storage_changes: Vec::new(),
                offchain_storage_changes: Vec::new(),
                transaction,
                transaction_storage_root: root,
                transaction_index_changes: Vec::new(),
            }));
        let result = block_on((&self.client).import_block(params))?;
        if !matches!(result, ImportResult::Imported(_)) {
            return Err(format!("entries were not written: {result:?}").into());
        }
        Ok((hash, began.elapsed().as_secs_f64()))
    }

    /// Asks the runtime for entries of the market, so that nothing is measured that the pallets cannot read.
    pub fn expect_market(&self, size: market::Size) -> Result<(), Box<dyn Error>> {
        let api = self.client.runtime_api();
        let best = self.client.info().best_hash;
        let stats = api.network_stats(best)?;
        let last = size.providers.saturating_sub(1);
        let provider = api
            .provider(best, market::provider(last))?
            .ok_or("a provider is missing")?;
        let job = api.job(best, size.jobs.saturating_sub(1))?.ok_or("a job is missing")?;
        let model = api.model(best, job.job.model)?.ok_or("a job's model is missing")?;
        eprintln!("the runtime reads {stats:?}\n  {provider:?}\n  {job:?}\n  {model:?}");
        Ok(())
    }

    /// Makes blocks without transactions, one per slot, as BABE's secondary author would.
    pub fn author(&self, blocks: u32) -> Result<Vec<Block>, Box<dyn Error>> {
        (0..blocks)
            .map(|number| self.author_one(FIRST_SLOT + u64::from(number)))
            .collect()
    }

    fn author_one(&self, slot: u64) -> Result<Block, Box<dyn Error>> {
        let digest = DigestItem::babe_pre_digest(PreDigest::SecondaryPlain(SecondaryPlainPreDigest {
            authority_index: 0,
            slot: slot.into(),
        }));
        let mut builder = BlockBuilderBuilder::new(&self.client)
            .on_parent_block(self.client.info().best_hash)
            .fetch_parent_block_number(&self.client)?
            .with_inherent_digests(Digest { logs: vec![digest] })
            .build()?;
        let mut inherents = InherentData::new();
        inherents.put_data(
            sp_timestamp::INHERENT_IDENTIFIER,
            &sp_timestamp::Timestamp::new(slot * SLOT_MILLIS),
        )?;
        inherents.put_data(
            sp_consensus_babe::inherents::INHERENT_IDENTIFIER,
            &sp_consensus_babe::Slot::from(slot),
        )?;
        for inherent in builder.create_inherents(inherents)? {
            builder.push(inherent)?;
        }
        let block = builder.build()?.block;
        self.import(block.clone())?;
        Ok(block)
    }

    /// Imports a block as the node's client does once consensus has checked its seal, finalises its parent, as GRANDPA does a
    /// moment later, and returns what the import cost.
    pub fn import(&self, block: Block) -> Result<Cost, Box<dyn Error>> {
        let (header, body) = block.deconstruct();
        let (hash, parent) = (header.hash(), header.parent_hash);
        let mut params = BlockImportParams::new(BlockOrigin::NetworkBroadcast, header);
        params.body = Some(body);
        params.fork_choice = Some(ForkChoiceStrategy::LongestChain);
        let (began, processor) = (Instant::now(), seconds(libc::CLOCK_THREAD_CPUTIME_ID)?);
        let result = block_on((&self.client).import_block(params))?;
        let (wall, processor) = (
            began.elapsed().as_secs_f64(),
            seconds(libc::CLOCK_THREAD_CPUTIME_ID)? - processor,
        );
        if !matches!(result, ImportResult::Imported(_)) {
            return Err(format!("a block was not imported: {result:?}").into());
        }
        self.client.finalize_block(parent, None, true)?;
        let weight = self.mandatory_weight(hash)?;
        Ok(Cost {
            wall,
            processor,
            weight,
        })
    }

    /// What hooks and inherents of a block counted, `on_idle` included.
    fn mandatory_weight(&self, block: Hash) -> Result<u64, Box<dyn Error>> {
        let key = StorageKey(frame_system::BlockWeight::<Runtime>::hashed_key().to_vec());
        let bytes = self.client.storage(block, &key)?.ok_or("a block has no weight")?.0;
        let weight = PerDispatchClass::<Weight>::decode(&mut bytes.as_slice())?;
        Ok(weight.get(DispatchClass::Mandatory).ref_time())
    }
}

/// A clock of processor time: this thread's, or all threads' of this process.
fn seconds(clock: libc::clockid_t) -> Result<f64, std::io::Error> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid timespec that the call fills in.
    if unsafe { libc::clock_gettime(clock, &mut time) } != 0 {
        return Err(std::io::Error::last_os_error());
    }
    Ok(time.tv_sec as f64 + time.tv_nsec as f64 / 1e9)
}

/// Most resident memory of this process so far, in bytes.
pub fn peak_memory() -> Result<u64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib: u64 = line.unwrap_or_default().trim_end_matches("kB").trim().parse()?;
    Ok(kib * 1024)
}

/// Bytes of the files in a folder.
pub fn folder_size(folder: &Path) -> std::io::Result<u64> {
    std::fs::read_dir(folder)?
        .map(|entry| Ok(entry?.metadata()?.len()))
        .sum()
}

/// Copies the files of a folder.
pub fn copy_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        std::fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(())
}
