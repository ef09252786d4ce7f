//! The connection to a node: JSON-RPC, state at any block, and transactions by metadata.

use std::{sync::Arc, time::Duration};

use serde::de::DeserializeOwned;
use sp_core::{sr25519, Pair};
use subxt::{
    backend::LegacyBackend,
    client::OnlineClientAtBlock,
    config::{
        substrate::{AccountId32, MultiSignature, SubstrateExtrinsicParamsBuilder, SubstrateHeader, H256},
        RpcConfigFor, SubstrateConfig,
    },
    extrinsics::ExtrinsicEvents,
    rpcs::{
        client::{RpcParams, RpcSubscription},
        LegacyRpcMethods, RpcClient,
    },
    transactions::{Signer, TransactionStatus},
    OnlineClient,
};

use crate::{call::Call, failure::Failure};

/// How Lantern encodes addresses, hashes and transactions: as every Substrate chain does.
pub type Config = SubstrateConfig;
/// State and metadata at one block.
pub type At = OnlineClientAtBlock<Config>;
/// Events of one transaction.
pub type Events = ExtrinsicEvents<Config>;

/// How long to wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Blocks for which a transaction may wait for inclusion.
const MORTALITY: u64 = 64;

/// A connection to a node.
#[derive(Clone)]
pub struct Chain {
    rpc: RpcClient,
    legacy: LegacyRpcMethods<RpcConfigFor<Config>>,
    client: OnlineClient<Config>,
}

/// A transaction that was included and succeeded.
pub struct Included {
    /// Height of its block.
    pub number: u64,
    /// Hash of its block.
    pub block: H256,
    /// Its hash.
    pub hash: H256,
    /// Its events.
    pub events: Events,
}

/// An account that signs.
pub struct Account {
    pair: sr25519::Pair,
}

impl Account {
    /// The account of a secret: a phrase, a seed or a development path such as `//Alice`.
    pub fn new(suri: &str) -> Result<Self, Failure> {
        // The parser's message never repeats the secret.
        let pair = sr25519::Pair::from_string(suri.trim(), None)
            .map_err(|error| Failure::Usage(format!("the signer's secret is not valid: {error:?}")))?;
        Ok(Self { pair })
    }

    /// Its address.
    pub fn address(&self) -> String {
        self.id().to_string()
    }

    /// Its account id.
    pub fn id(&self) -> AccountId32 {
        AccountId32(self.pair.public().0)
    }
}

impl Signer<Config> for Account {
    fn account_id(&self) -> AccountId32 {
        self.id()
    }

    fn sign(&self, payload: &[u8]) -> MultiSignature {
        MultiSignature::Sr25519(self.pair.sign(payload).0)
    }
}

impl Chain {
    /// Connects to the WebSocket at `url`.
    pub async fn connect(url: &str) -> Result<Self, Failure> {
        let refused = |error: &dyn std::fmt::Display| Failure::Connection(format!("cannot connect to {url}: {error}"));
        let rpc = tokio::time::timeout(CONNECT_TIMEOUT, RpcClient::from_insecure_url(url))
            .await
            .map_err(|_| refused(&"no answer in ten seconds"))?
            .map_err(|error| refused(&error))?;
        // Plain state queries at any block, the best one included, which the newer protocol gives only while it is pinned.
        let backend = Arc::new(LegacyBackend::builder().build(rpc.clone()));
        let client = OnlineClient::from_backend(backend)
            .await
            .map_err(|error| refused(&error))?;
        let legacy = LegacyRpcMethods::new(rpc.clone());
        Ok(Self { rpc, legacy, client })
    }

    /// Hash of the first block.
    pub fn genesis(&self) -> H256 {
        self.client.genesis_hash()
    }

    /// Calls a JSON-RPC method.
    pub async fn request<T: DeserializeOwned>(&self, method: &str, params: RpcParams) -> Result<T, Failure> {
        Ok(self.rpc.request(method, params).await?)
    }

    /// Subscribes by JSON-RPC.
    pub async fn subscribe<T: DeserializeOwned>(
        &self,
        method: &str,
        params: RpcParams,
        unsubscribe: &str,
    ) -> Result<RpcSubscription<T>, Failure> {
        Ok(self.rpc.subscribe(method, params, unsubscribe).await?)
    }

    /// State at the best block.
    pub async fn best(&self) -> Result<At, Failure> {
        let hash = self.legacy.chain_get_block_hash(None).await?;
        self.at(hash.ok_or_else(|| Failure::incompatible("there is no best block"))?)
            .await
    }

    /// State at the block of the best chain with this height.
    pub async fn at_number(&self, number: u32) -> Result<At, Failure> {
        let hash = self.legacy.chain_get_block_hash(Some(u64::from(number).into())).await?;
        self.at(hash.ok_or_else(|| Failure::Usage(format!("the chain has no block {number}")))?)
            .await
    }

    /// State at a block.
    pub async fn at(&self, hash: H256) -> Result<At, Failure> {
        self.client.at_block(hash).await.map_err(Failure::incompatible)
    }

    /// Heights of best blocks as they come.
    pub async fn heads(&self) -> Result<RpcSubscription<SubstrateHeader<H256>>, Failure> {
        Ok(self.legacy.chain_subscribe_new_heads().await?)
    }

    /// Heights of finalised blocks as they come, beginning with the present one.
    pub async fn finalised_heads(&self) -> Result<RpcSubscription<SubstrateHeader<H256>>, Failure> {
        Ok(self.legacy.chain_subscribe_finalized_heads().await?)
    }

    /// The block from which a transaction lives, whose hash it signs. A reorganisation that drops this block makes the transaction
    /// invalid, so it is the last finalised one, or where finality lags, one so old that half of the life is left.
    async fn birth(&self) -> Result<At, Failure> {
        let finalised = self.at(self.legacy.chain_get_finalized_head().await?).await?;
        let best = self.best().await?.block_number();
        let oldest = best.saturating_sub(MORTALITY / 2);
        if finalised.block_number() >= oldest {
            return Ok(finalised);
        }
        let oldest = u32::try_from(oldest).map_err(Failure::incompatible)?;
        self.at_number(oldest).await
    }

    /// Signs `call`, submits it, and waits until a best block includes it.
    ///
    /// # Errors
    /// When the pool or the block refuses it, with the pallet's error by name.
    pub async fn submit(&self, account: &Account, call: &Call) -> Result<Included, Failure> {
        let birth = self.birth().await?;
        // The pool's count, so that one command may follow another before the next block.
        let nonce = self.legacy.system_account_next_index(&account.id()).await?;
        let params = SubstrateExtrinsicParamsBuilder::<Config>::new()
            .nonce(nonce)
            .mortal(MORTALITY)
            .build();
        let mut progress = birth
            .transactions()
            .sign_and_submit_then_watch(call, account, params)
            .await?;
        let refused = |name: &str, cause: String| Failure::OnChain {
            name: name.into(),
            cause,
            remedy: "submit it again".into(),
        };
        while let Some(status) = progress.next().await {
            let block = match status? {
                TransactionStatus::InBestBlock(block) | TransactionStatus::InFinalizedBlock(block) => block,
                TransactionStatus::Error { message } => return Err(refused("TransactionError", message)),
                TransactionStatus::Invalid { message } => return Err(refused("TransactionInvalid", message)),
                TransactionStatus::Dropped { message } => return Err(refused("TransactionDropped", message)),
                _ => continue,
            };
            let events = block.wait_for_success().await?;
            return Ok(Included {
                number: self.at(block.block_hash()).await?.block_number(),
                block: block.block_hash(),
                hash: block.extrinsic_hash(),
                events,
            });
        }
        Err(Failure::Connection(
            "the node stopped reporting on the transaction".into(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn development_accounts_have_their_well_known_addresses() {
        let alice = Account::new("//Alice").unwrap();
        assert_eq!(alice.address(), "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY");
        let signature = alice.sign(b"payload");
        let MultiSignature::Sr25519(bytes) = signature else {
            panic!("sr25519")
        };
        assert!(sr25519::Pair::verify(
            &bytes.into(),
            b"payload",
            &sr25519::Public::from(alice.id().0)
        ));
    }

    #[test]
    fn a_bad_secret_is_a_usage_error_that_does_not_repeat_it() {
        let failure = Account::new("my secret words").err().unwrap();
        assert_eq!(failure.exit_code(), 2);
        assert!(!failure.to_string().contains("secret words"));
    }

    #[tokio::test]
    async fn an_unreachable_node_is_a_connection_failure() {
        let failure = Chain::connect("ws://127.0.0.1:1").await.err().unwrap();
        assert_eq!(failure.exit_code(), 3);
        assert!(failure.remedy().is_some());
    }
}
