//! The provider: the native side of the offchain workers.
//!
//! It watches the best chain, claims the jobs that this node's worker can serve at the posted price, has them executed
//! and leaves the results in the mailbox, from where the runtime's courier signs and submits them.
//!
//! # One job
//!
//! Two things move independently: where the *claim* stands, which only the chain decides, and where the *run* stands,
//! which only this node decides.
//!
//! ```text
//! claim:  (candidate) --submit--> Submitted --best chain--> Won --best chain--> Committed --finalised--> (forgotten)
//!              ^                      |  ^                   |                      |
//!              '-- refused, retried --'  '----- reorg -------+---- somebody else's, cancelled, expired: Lost
//! run:    Idle --execute--> Running --Done--> InMailbox
//!           ^------------------'  failed, cancelled, worker gone; after MAX_ATTEMPTS or bad input: GivenUp
//! ```
//!
//! A run starts as soon as the claim is in the pool, and its result goes into the mailbox as soon as it is there: the
//! courier sends nothing before the chain shows the claim as ours, so that this saves a block and risks only work.
//!
//! # What survives
//!
//! Three records in the node's offchain database, of which this task is the only writer:
//!
//! 1. the *ledger* ([`store::LEDGER_KEY`]): every job that this node has, or may have, claimed, with a digest of its model,
//!    input and parameters. Written *before* the claim is submitted.
//! 2. the mailbox entry, written when a result is there,
//! 3. and *after* it the mailbox index, which is what the courier reads.
//!
//! They are removed in the reverse order, and only when the *finalised* chain shows that the job needs nothing more: until
//! then a reorganisation can take the commitment, or the loss of the claim, back.
//!
//! So a crash, of node, worker or both, between any two steps leaves one of these:
//!
//! | crash                                   | found at the next start                         | what happens              |
//! |-----------------------------------------|-------------------------------------------------|---------------------------|
//! | before the ledger record                | job open                                        | a candidate like any      |
//! | after it, before the claim is included  | ledger record; job open                         | claimed again             |
//! | after the claim, before the result      | ledger record; job ours; no entry in the index  | executed again, same bytes|
//! | after the payload, before the index     | the same                                        | the same                  |
//! | after the index, before the commitment  | entry in the index; job ours                    | the courier submits       |
//! | after the commitment                    | entry; job committed                            | removed once finalised    |
//! | during removal                          | ledger record without entry; job final          | removed                   |
//! | the database lost its last writes       | no record; job ours                             | taken over, see below     |
//!
//! Nothing is submitted twice because the chain takes one result per job, the pool holds one per job and provider, and an
//! exact job executed again gives the same bytes. Nothing is forgotten because every job that the chain shows as ours is
//! listed from time to time; one that is not in the ledger is another machine's of the same provider, or was lost with the
//! database's last writes. This node takes it over when half of the time for it has passed.
//!
//! Ids are reused by forks: after a reorganisation job 7 can be another job. That is what the digest is for: a record whose
//! digest does not match the chain's job is dropped at once, with its mailbox entry. What is on its way when the reorganisation
//! comes is refused by the runtime: the worker key's signature covers the digest.

mod chain;
mod claims;
mod desk;
mod error;
mod handle;
mod keys;
mod link;
mod metrics;
mod node_chain;
mod params;
mod process;
mod runs;
mod store;
mod streams;
#[cfg(test)]
mod tests;

use std::{path::PathBuf, sync::Arc};

use futures::{FutureExt, StreamExt};
use lantern_primitives::H256;
use lantern_runtime::opaque::Block;
use sc_client_api::{Backend, BlockchainEvents};
use sc_network_sync::SyncingService;
use sc_service::SpawnTaskHandle;
use sp_keystore::KeystorePtr;
use substrate_prometheus_endpoint::Registry;
use tokio::sync::mpsc;

pub use error::Error;
pub use handle::ProviderHandle;
pub use params::ProviderParams;
pub use process::find_program;

use crate::service::{FullBackend, FullClient, Pool};

/// Target of this module's log lines.
const LOG_TARGET: &str = "lantern::provider";

/// What the provider takes from the node.
pub struct ProviderDeps {
    /// The client.
    pub client: Arc<FullClient>,
    /// The database, for the offchain part of it.
    pub backend: Arc<FullBackend>,
    /// Takes the claims.
    pub pool: Arc<Pool>,
    /// Tells whether the node is catching up.
    pub sync: Arc<SyncingService<Block>>,
    /// Holds the worker keys.
    pub keystore: KeystorePtr,
    /// Runs the tasks.
    pub spawner: SpawnTaskHandle,
    /// The provider's own folder.
    pub data_path: PathBuf,
    /// Binds signatures to this chain.
    pub genesis_hash: H256,
    /// Shows the metrics.
    pub prometheus: Option<Registry>,
}

/// Starts the worker, its supervisor and the provider task.
///
/// # Errors
/// When there is no worker to start, no worker key can be made, or the node keeps no offchain database.
pub fn spawn(params: ProviderParams, deps: ProviderDeps) -> Result<ProviderHandle, Error> {
    let ProviderDeps {
        client,
        backend,
        pool,
        sync,
        keystore,
        spawner,
        data_path,
        genesis_hash,
        prometheus,
    } = deps;
    let metrics = metrics::Metrics::new(prometheus.as_ref())?;
    let keys = Arc::new(keys::Keys::open(
        keystore,
        genesis_hash,
        params.worker_key_suri.as_deref(),
    )?);
    let store = store::Store::new(backend.offchain_storage().ok_or(Error::NoOffchainStorage)?);
    let source = process::Source::from_params(&params, &data_path)?;
    let streams = Arc::new(streams::Streams::default());

    let (events, mut worker_events) = mpsc::unbounded_channel();
    let (link, link_task) = link::new(source, events, metrics.clone());
    spawner.spawn("provider-worker", Some("provider"), link_task);

    let mut desk = desk::Desk::new(desk::Parts {
        chain: Arc::new(node_chain::NodeChain::new(client.clone(), pool, sync)),
        store,
        worker: Arc::new(link.clone()),
        keys: Arc::clone(&keys),
        metrics,
        streams: Arc::clone(&streams),
        capacity: params.provider_capacity.max(1) as usize,
        block_millis: lantern_runtime::time::SLOT_MILLIS,
    });
    let mut imports = client.import_notification_stream().fuse();
    let mut finality = client.finality_notification_stream().fuse();
    let task = async move {
        desk.on_block().await;
        loop {
            tokio::select! {
                notification = imports.next() => match notification {
                    Some(block) if block.is_new_best => desk.on_block().await,
                    Some(_) => {},
                    None => break,
                },
                notification = finality.next() => match notification {
                    Some(_) => desk.on_finality(),
                    None => break,
                },
                event = worker_events.recv() => match event {
                    Some(event) => desk.on_worker(event).await,
                    None => break,
                },
            }
        }
        log::info!(target: LOG_TARGET, "the node is stopping; no more jobs are served");
    };
    spawner.spawn_blocking("provider", Some("provider"), task.boxed());

    for key in keys.all() {
        log::info!(target: LOG_TARGET, "worker key {}", hex::encode(AsRef::<[u8]>::as_ref(&key)));
    }
    Ok(ProviderHandle::new(link, keys, streams))
}
