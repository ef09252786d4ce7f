//! Networks of real nodes: the programs themselves, their keys, their database and their sockets, started by zombienet-sdk as
//! processes of this machine.
//!
//! `LANTERN_BIN` names the folder of `lantern-node` and `lantern-worker`; `scripts/check-zombienet` builds them and sets it. A test
//! opens a [`Network`], waits for what must come with [`until`] or the waits of a [`Node`], and closes the network: no process and no
//! file is left. After a failure the processes are gone as well, but the logs are kept and their folder is printed.
//!
//! # What zombienet-sdk does not do, and this crate does
//!
//! - It writes the session keys of `--validator` nodes into a specification only by the rules of a relay chain. So the node makes
//!   the specification itself (`export-chain-spec --raw`, which zombienet leaves as it is), and nodes named as the well-known accounts
//!   of a preset get those accounts' keys.
//! - It restarts a node, but does not leave one stopped: [`Node::stop`] kills the process by its id.
//! - It cannot cut a network in two without root: [`Network::mesh`] starts nodes that know reserved peers only, and
//!   [`Network::unlink`] and [`Network::link`] take and give those by RPC.

// The derive brings names along that it does not always need.
#[allow(unused_imports)]
pub mod events;
pub mod follow;
pub mod governance;
pub mod market;
mod network;
mod node;

use std::{
    fmt::Display,
    future::Future,
    time::{Duration, Instant},
};

use anyhow::{anyhow, Context, Result};

pub use network::{node_runtime, Network};
pub use node::{Api, Events, Node};
pub use zombienet_sdk::{subxt, subxt_signer};

/// How long to wait for something that takes blocks. Far more than it takes: machines do other things as well.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// Between two looks at a condition.
const PAUSE: Duration = Duration::from_millis(400);

/// Asks again and again until `probe` succeeds, and returns what it found.
///
/// # Errors
/// The probe's last one, when `limit` is over.
pub async fn until<T>(what: impl Display, limit: Duration, mut probe: impl AsyncFnMut() -> Result<T>) -> Result<T> {
    let end = Instant::now() + limit;
    loop {
        let left = end.saturating_duration_since(Instant::now()).max(PAUSE);
        // A node that is stuck does not answer at all.
        let why = match tokio::time::timeout(left, probe()).await {
            Ok(Ok(found)) => return Ok(found),
            Ok(Err(why)) => why,
            Err(_) => anyhow!("no answer"),
        };
        if Instant::now() >= end {
            return Err(why.context(format!("{what}: not within {} s", limit.as_secs())));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Runs one part of a test, and says its name and how long it took.
///
/// # Errors
/// The part's own, with its name.
pub async fn phase<T>(name: &str, part: impl Future<Output = Result<T>>) -> Result<T> {
    let start = Instant::now();
    println!("== {name}");
    let done = part.await.with_context(|| format!("phase '{name}'"))?;
    println!("   {name}: {:.0} s", start.elapsed().as_secs_f32());
    Ok(done)
}
