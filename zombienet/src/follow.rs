//! The finalised chain, block after block.

use std::time::Duration;

use anyhow::{Context, Result};
use zombienet_sdk::subxt::{
    self,
    backend::{legacy::LegacyRpcMethods, rpc::RpcClient},
    dynamic::Value,
    events::{Events, StaticEvent},
    ext::scale_decode::DecodeAsType,
    utils::{AccountId32, H256},
    OnlineClient, PolkadotConfig,
};

use crate::{
    events::{Account, Stake},
    until, Api, Node, PATIENCE,
};

/// A finalised block.
#[derive(Clone)]
pub struct Block {
    /// Its height.
    pub height: u32,
    /// Its hash.
    pub hash: H256,
    /// The block before it.
    pub parent: H256,
    /// The runtime that executed it.
    pub spec_version: u32,
    /// What it carries besides transactions: the slot and the author first.
    pub digests: Vec<Vec<u8>>,
    api: Api,
}

impl Block {
    /// What happened in it.
    pub async fn events(&self) -> Result<Events<PolkadotConfig>> {
        Ok(self.api.events().at(self.hash).await?)
    }

    /// Events of one kind.
    pub async fn all<E: StaticEvent>(&self) -> Result<Vec<E>> {
        let events = self.events().await?;
        let found = events.find::<E>().collect::<Result<_, _>>();
        found.with_context(|| format!("events {}.{} of block {}", E::PALLET, E::EVENT, self.height))
    }

    /// Whether something of this name happened in it.
    pub async fn has(&self, pallet: &str, event: &str) -> Result<bool> {
        for found in self.events().await?.iter() {
            let found = found?;
            if (found.pallet_name(), found.variant_name()) == (pallet, event) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The version of a pallet's storage that the block left.
    pub async fn storage_version(&self, pallet: &str) -> Result<u16> {
        Ok(self.api.storage().at(self.hash).storage_version(pallet).await?)
    }

    /// A value of the state that the block left.
    pub async fn storage<T: DecodeAsType>(&self, pallet: &str, item: &str, keys: Vec<Value>) -> Result<Option<T>> {
        self.look(self.hash, pallet, item, keys).await
    }

    /// A value of the state that the block found.
    pub async fn before<T: DecodeAsType>(&self, pallet: &str, item: &str, keys: Vec<Value>) -> Result<Option<T>> {
        self.look(self.parent, pallet, item, keys).await
    }

    async fn look<T: DecodeAsType>(&self, at: H256, pallet: &str, item: &str, keys: Vec<Value>) -> Result<Option<T>> {
        let address = subxt::dynamic::storage(pallet, item, keys);
        let found = self.api.storage().at(at).fetch(&address).await;
        let found = found.with_context(|| format!("{pallet}.{item} at block {}", self.height))?;
        found
            .map(|found| found.as_type::<T>())
            .transpose()
            .with_context(|| format!("{pallet}.{item} has another form"))
    }

    /// What an account has free and held before and after the block.
    pub async fn funds(&self, account: &AccountId32) -> Result<[crate::events::Funds; 2]> {
        let key = || vec![Value::from_bytes(account.0)];
        let before: Option<Account> = self.before("System", "Account", key()).await?;
        let after: Option<Account> = self.storage("System", "Account", key()).await?;
        let none = || format!("there is no account {account}");
        Ok([before.with_context(none)?.data, after.with_context(none)?.data])
    }

    /// What an account has at stake before and after the block.
    pub async fn stake(&self, account: &AccountId32) -> Result<[Stake; 2]> {
        let key = || vec![Value::from_bytes(account.0)];
        let before: Option<Stake> = self.before("Staking", "Ledger", key()).await?;
        let after: Option<Stake> = self.storage("Staking", "Ledger", key()).await?;
        let none = || format!("{account} has nothing at stake");
        Ok([before.with_context(none)?, after.with_context(none)?])
    }

    /// The issuance before and after the block.
    pub async fn issuance(&self) -> Result<[u128; 2]> {
        let before = self.before("Balances", "TotalIssuance", vec![]).await?;
        let after = self.storage("Balances", "TotalIssuance", vec![]).await?;
        Ok([before.context("no issuance")?, after.context("no issuance")?])
    }
}

/// Goes along the finalised chain of a node.
pub struct Follow {
    node: String,
    rpc: RpcClient,
    legacy: LegacyRpcMethods<PolkadotConfig>,
    next: u32,
    /// The last runtime that executed a block.
    runtime: Option<(u32, Api)>,
}

impl Follow {
    /// From the block of this height on.
    pub async fn from(node: &Node, height: u32) -> Result<Self> {
        let rpc = RpcClient::from_insecure_url(node.url()).await?;
        Ok(Self {
            node: node.name().to_owned(),
            legacy: LegacyRpcMethods::new(rpc.clone()),
            rpc,
            next: height.max(1),
            runtime: None,
        })
    }

    /// From the block after the last finalised one on.
    pub async fn from_now(node: &Node) -> Result<Self> {
        Self::from(node, node.finalised().await?.saturating_add(1)).await
    }

    /// The next block, as soon as it is finalised.
    pub async fn next(&mut self) -> Result<Block> {
        let height = self.next;
        let what = format!("{} finalises {height}", self.node);
        until(what, PATIENCE, async || {
            let head = self.legacy.chain_get_finalized_head().await?;
            let head = self.legacy.chain_get_header(Some(head)).await?.context("no header")?;
            anyhow::ensure!(head.number >= height, "it is at {}", head.number);
            Ok(())
        })
        .await?;
        let hash = self.legacy.chain_get_block_hash(Some(height.into())).await?;
        let hash = hash.context("a finalised block without a hash")?;
        let header = self.legacy.chain_get_header(Some(hash)).await?.context("no header")?;
        let parent = header.parent_hash;
        let (spec_version, api) = self.runtime_at(parent).await?;
        self.next = self.next.saturating_add(1);
        Ok(Block {
            height,
            hash,
            parent,
            spec_version,
            digests: header
                .digest
                .logs
                .iter()
                .map(subxt::ext::codec::Encode::encode)
                .collect(),
            api,
        })
    }

    /// A client for what the block after this one does: that is executed by the runtime which this one left.
    async fn runtime_at(&mut self, parent: H256) -> Result<(u32, Api)> {
        let version = self.legacy.state_get_runtime_version(Some(parent)).await?;
        if let Some((spec_version, api)) = &self.runtime {
            if *spec_version == version.spec_version {
                return Ok((*spec_version, api.clone()));
            }
        }
        let metadata = self.legacy.state_get_metadata(Some(parent)).await?;
        let metadata = subxt::Metadata::try_from(metadata.to_frame_metadata()?)?;
        let genesis = self.legacy.genesis_hash().await?;
        let runtime = subxt::client::RuntimeVersion {
            spec_version: version.spec_version,
            transaction_version: version.transaction_version,
        };
        let api = OnlineClient::from_rpc_client_with(genesis, runtime, metadata, self.rpc.clone())?;
        self.runtime = Some((version.spec_version, api.clone()));
        Ok((version.spec_version, api))
    }

    /// The first block from here on in which `look` finds something, and that.
    ///
    /// # Errors
    /// When it does not come within `limit`.
    pub async fn find<T>(
        &mut self,
        what: &str,
        limit: Duration,
        mut look: impl AsyncFnMut(&Block) -> Result<Option<T>>,
    ) -> Result<(Block, T)> {
        let from = self.next;
        let search = async {
            loop {
                let block = self.next().await?;
                if let Some(found) = look(&block).await? {
                    return Ok((block, found));
                }
            }
        };
        tokio::time::timeout(limit, search)
            .await
            .with_context(|| format!("{what}: not within {} s, from block {from} on", limit.as_secs()))?
    }

    /// The first event from here on for which `wanted` holds, and its block.
    pub async fn event<E: StaticEvent>(&mut self, limit: Duration, wanted: impl Fn(&E) -> bool) -> Result<(Block, E)> {
        let what = format!("{}.{}", E::PALLET, E::EVENT);
        self.find(&what, limit, async |block| {
            Ok(block.all::<E>().await?.into_iter().find(|event| wanted(event)))
        })
        .await
    }
}
