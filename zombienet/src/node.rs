//! One node: its process, its RPC and what it knows of the chain.

use std::{process::Command, time::Duration};

use anyhow::{bail, ensure, Context, Result};
use serde_json::{json, Value};
use tokio::sync::Mutex;
use zombienet_sdk::{
    subxt::{
        self,
        backend::rpc::RpcClient,
        blocks::ExtrinsicEvents,
        dynamic::{DecodedValueThunk, Value as Scale},
        ext::subxt_rpcs::{client::RpcParams, Error as RpcError},
        tx::{Payload, Signer},
        OnlineClient, PolkadotConfig,
    },
    NetworkNode,
};

use crate::{until, PATIENCE};

/// Typed access to a node's chain. Our chain has the account, header and extrinsic formats of Polkadot.
pub type Api = OnlineClient<PolkadotConfig>;
/// The events of an extrinsic.
pub type Events = ExtrinsicEvents<PolkadotConfig>;

/// A call is answered within this time, or the node is down.
const CALL_LIMIT: Duration = Duration::from_secs(30);

/// A node of a [`crate::Network`].
pub struct Node {
    inner: NetworkNode,
    /// Opened with the first call, and again after the node was restarted.
    rpc: Mutex<Option<RpcClient>>,
}

impl Node {
    pub(crate) fn new(inner: NetworkNode) -> Self {
        Self {
            inner,
            rpc: Mutex::new(None),
        }
    }

    /// Its name, which is also its folder's.
    pub fn name(&self) -> &str {
        self.inner.name()
    }

    /// Address of its JSON-RPC.
    pub fn url(&self) -> &str {
        self.inner.ws_uri()
    }

    /// Address in the network, with its peer id.
    pub fn multiaddr(&self) -> &str {
        self.inner.multiaddr()
    }

    /// Its peer id.
    pub fn peer_id(&self) -> &str {
        self.multiaddr().rsplit('/').next().unwrap_or_default()
    }

    /// All that it has written.
    pub async fn log(&self) -> Result<String> {
        self.inner.logs().await
    }

    /// Process id, which changes when the node is started again.
    pub fn pid(&self) -> Result<u64> {
        // The handle is not public, but its serialised form has the id.
        let node = serde_json::to_value(&self.inner)?;
        node.pointer("/inner/process_handle")
            .and_then(Value::as_u64)
            .with_context(|| format!("{} has no process", self.name()))
    }

    /// Ends the process as a crash would, and returns when it is gone.
    pub async fn stop(&self) -> Result<()> {
        let killed = Command::new("kill")
            .args(["-KILL", &self.pid()?.to_string()])
            .status()?;
        ensure!(killed.success(), "{} cannot be killed", self.name());
        until(format!("the end of {}", self.name()), PATIENCE, async || {
            match self.rpc("system_name", json!([])).await {
                Ok(_) => bail!("it still answers"),
                Err(_) => Ok(()),
            }
        })
        .await
    }

    /// Starts the process again, with the folder and the arguments that it had, and returns when it answers.
    pub async fn start(&self) -> Result<()> {
        self.inner.restart(None).await?;
        self.answers().await
    }

    /// Waits until it answers.
    pub async fn answers(&self) -> Result<()> {
        until(format!("an answer of {}", self.name()), PATIENCE, async || {
            self.rpc("system_name", json!([])).await.map(|_| ())
        })
        .await
    }

    /// Calls a method of the JSON-RPC; `params` is an array.
    ///
    /// # Errors
    /// The node's own, or that it is down.
    pub async fn rpc(&self, method: &str, params: Value) -> Result<Value> {
        let mut slot = self.rpc.lock().await;
        let call = async {
            let client = match slot.take() {
                Some(client) => client,
                None => RpcClient::from_insecure_url(self.url()).await?,
            };
            let mut list = RpcParams::new();
            for param in params.as_array().into_iter().flatten() {
                list.push(param)?;
            }
            let answer = client.request(method, list).await;
            // The connection outlives a refusal; anything else may have ended it.
            if matches!(&answer, Ok(_) | Err(RpcError::User(_))) {
                *slot = Some(client);
            }
            answer
        };
        tokio::time::timeout(CALL_LIMIT, call)
            .await
            .map_err(anyhow::Error::from)
            .and_then(|answer| Ok(answer?))
            .with_context(|| format!("{method} of {}", self.name()))
    }

    /// A client with the runtime's metadata of now.
    pub async fn api(&self) -> Result<Api> {
        Api::from_insecure_url(self.url())
            .await
            .with_context(|| format!("a client of {}", self.name()))
    }

    async fn height(&self, hash: Value) -> Result<u32> {
        let header = self.rpc("chain_getHeader", json!([hash])).await?;
        let number = header
            .pointer("/number")
            .and_then(Value::as_str)
            .context("a header without a number")?;
        Ok(u32::from_str_radix(number.trim_start_matches("0x"), 16)?)
    }

    /// Height of its best block.
    pub async fn best(&self) -> Result<u32> {
        self.height(Value::Null).await
    }

    /// Height of its last finalised block.
    pub async fn finalised(&self) -> Result<u32> {
        let hash = self.rpc("chain_getFinalizedHead", json!([])).await?;
        self.height(hash).await
    }

    /// Hash of its block at this height, on its best chain.
    pub async fn hash(&self, height: u32) -> Result<String> {
        let hash = self.rpc("chain_getBlockHash", json!([height])).await?;
        let hash = hash
            .as_str()
            .with_context(|| format!("{} has no block {height}", self.name()))?;
        Ok(hash.to_owned())
    }

    /// Waits until it has finalised this height.
    pub async fn finalises(&self, height: u32) -> Result<()> {
        until(format!("{} finalises {height}", self.name()), PATIENCE, async || {
            let finalised = self.finalised().await?;
            ensure!(finalised >= height, "it is at {finalised}");
            Ok(())
        })
        .await
    }

    /// Waits until its best block has this height.
    pub async fn reaches(&self, height: u32) -> Result<()> {
        until(format!("{} reaches {height}", self.name()), PATIENCE, async || {
            let best = self.best().await?;
            ensure!(best >= height, "it is at {best}");
            Ok(())
        })
        .await
    }

    /// How many peers it has.
    pub async fn peers(&self) -> Result<u64> {
        let health = self.rpc("system_health", json!([])).await?;
        health
            .pointer("/peers")
            .and_then(Value::as_u64)
            .context("health without peers")
    }

    /// Waits until it has so many peers.
    pub async fn has_peers(&self, count: u64) -> Result<()> {
        until(format!("{count} peers of {}", self.name()), PATIENCE, async || {
            let peers = self.peers().await?;
            ensure!(peers == count, "it has {peers}");
            Ok(())
        })
        .await
    }

    /// A value of the finalised state, by pallet and name as the metadata spells them.
    pub async fn storage(&self, pallet: &str, item: &str, keys: Vec<Scale>) -> Result<Option<DecodedValueThunk>> {
        let address = subxt::dynamic::storage(pallet, item, keys);
        let state = self.api().await?.storage().at_latest().await?;
        Ok(state.fetch(&address).await?)
    }

    /// Index of the session of its finalised block.
    pub async fn session(&self) -> Result<u32> {
        let index = self.storage("Session", "CurrentIndex", vec![]).await?;
        Ok(index.map_or(Ok(0), |index| index.as_type())?)
    }

    /// Signs and submits a call, and waits until it is in a finalised block.
    ///
    /// # Errors
    /// That it was refused or failed, with the pallet's own error.
    pub async fn submit(&self, call: &impl Payload, signer: &impl Signer<PolkadotConfig>) -> Result<Events> {
        let api = self.api().await?;
        let progress = api.tx().sign_and_submit_then_watch_default(call, signer).await?;
        let done = tokio::time::timeout(PATIENCE, progress.wait_for_finalized_success()).await;
        Ok(done.with_context(|| format!("a call through {} is not finalised", self.name()))??)
    }
}
